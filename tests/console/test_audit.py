from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.search import Query
from gateway.console import aiohttp_audit
from gateway.console.audit import MOST_SHOWN, AuditSearch, audit_page, search_of
from gateway.request.support import support_number
from gateway.strict_json import read_json_object
from tests.console.conftest import FakeNode, House

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
        {"support": f" {support_number('r1').lower()} "},
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
        {"support": support_number("r")},
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


def test_a_number_that_is_none_is_said_to_be() -> None:
    """A search for it would find nothing, and look like an answer."""
    assert search_of({"support": "K7QM-2XH0"}) is None


def test_a_page_shows_entries_in_words() -> None:
    """With conditions and their answers; a gateway without a trail has no form."""
    screen = audit_page(FakeNode().facts(), AuditSearch(), [ENTRY])

    (row,) = screen.values["rows"]  # type: ignore[misc]
    assert (row.who, row.about) == ("a1", "booking p/reserve")  # type: ignore[has-type]
    assert row.why == "adult=no condition_no:adult"  # type: ignore[has-type]
    assert not screen.values["there"]


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "x", None, ["x"], 1])
def test_a_line_of_any_time_is_shown(time: object) -> None:
    """Another program may have written it, and it hides no other line."""
    screen = audit_page(FakeNode().facts(), AuditSearch(), [{**ENTRY, "time": time}, ENTRY])

    first, second = screen.values["rows"]  # type: ignore[misc]
    assert (first.time, second.time.text) == (None, "2026-11-23 12:00")  # type: ignore[has-type]


@pytest.mark.parametrize("action", [None, 1, ["x"], {"x": 1}])
def test_a_line_of_any_action_is_searched(action: object) -> None:
    """A search passes over what it does not look for, and falls over nothing."""
    assert not Query(action="decision").fits({**ENTRY, "action": action})
    assert Query(app="booking").fits({**ENTRY, "action": action})


def _line(number: int, writer: str, segment: int) -> bytes:
    fields = {"time": f"2026-11-23T03:00:00.{number:06d}Z", "action": "decision", "request_id": f"r{number}"}
    return json.dumps({**fields, "writer": writer, "segment": segment}).encode() + b"\n"


class _Counted(dict[str, Any]):
    """Fields of a line, which count how many such there are at once."""

    alive = 0
    most = 0

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        _Counted.alive += 1
        _Counted.most = max(_Counted.most, _Counted.alive)

    def __del__(self) -> None:
        _Counted.alive -= 1


async def test_a_search_keeps_the_newest_alone(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more entries are in memory than the page shows, in however many files and lines they stand."""
    count = 3 * MOST_SHOWN
    for writer, rest in (("worker-1", 0), ("worker-2", 1)):
        lines = [_line(number, writer, 1) for number in range(count) if number % 2 == rest]
        (tmp_path / f"{writer}.000001.jsonl").write_bytes(b"".join(lines))
    house.node.trail = tmp_path
    monkeypatch.setattr(aiohttp_audit, "read_json_object", lambda *given: _Counted(read_json_object(*given)))
    await house.sign_in("mori")
    page = await (await house.press("audit_find")).text()

    shown = [int(number) for number in re.findall(r"\br(\d+)\b", page)]
    assert shown == list(range(count - 1, count - 1 - MOST_SHOWN, -1))
    assert _Counted.most <= MOST_SHOWN + 2
