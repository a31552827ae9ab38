from __future__ import annotations

from typing import Any

import pytest

from gateway.console.audit import AuditSearch, audit_page, search_of
from tests.console.conftest import FakeNode

ENTRY: dict[str, Any] = {
    "action": "decision",
    "time": "2026-11-23T03:00:00.000000Z",
    "node": "n1",
    "app": "booking",
    "rule": "p/reserve",
    "pseudonym": "a1",
    "request_id": "r1",
    "conditions": {"adult": "no"},
    "reasons": ["condition_no:adult"],
    "outcome": "refused",
}


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"since": "2026-11-23", "until": "2026-11-23"},
        {"app": "booking", "rule": "p"},
        {"rule": "p/reserve", "pseudonym": "a1"},
        {"action": "decision", "request_id": " r1 "},
    ],
)
def test_an_entry_is_found(form: dict[str, str]) -> None:
    """By each of its names; the days are days in Japan, and both count."""
    search = search_of(form)

    assert search is not None
    assert search.query.fits(ENTRY)


@pytest.mark.parametrize(
    "form",
    [
        {"since": "2026-11-24"},
        {"until": "2026-11-22"},
        {"app": "wallet"},
        {"rule": "p/res"},
        {"pseudonym": "a"},
        {"operator": "ito"},
        {"action": "sign_in"},
        {"request_id": "r"},
    ],
)
def test_another_one_is_not(form: dict[str, str]) -> None:
    """Every part that is given must fit, and none is a beginning."""
    search = search_of(form)

    assert search is not None
    assert not search.query.fits(ENTRY)


@pytest.mark.parametrize("day", ["23/11/2026", "2026-13-01", "9999-12-31", "x"])
def test_a_day_that_is_none_is_said_to_be(day: str) -> None:
    """The search is refused, rather than made without it."""
    assert search_of({"until": day}) is None


def test_a_page_shows_entries_in_words() -> None:
    """With conditions and their answers; a gateway without a trail has no form."""
    screen = audit_page(FakeNode().facts(), AuditSearch(), [ENTRY])

    (row,) = screen.values["rows"]  # type: ignore[misc]
    assert (row.who, row.about) == ("a1", "booking p/reserve")  # type: ignore[has-type]
    assert row.why == "adult=no condition_no:adult"  # type: ignore[has-type]
    assert not screen.values["there"]
