"""Entries: what they tell, and what they never tell."""

from __future__ import annotations

import pytest

from gateway.audit.entry import (
    LONGEST,
    MOST_NAMES,
    Action,
    Entry,
    Outcome,
    conditions_of,
    fields_of,
    moment,
    person_by_code,
    plain,
    written,
)


def test_an_entry_tells_who_what_and_why() -> None:
    """Each field that is set stands in the line; the others do not."""
    entry = Entry(
        Action.DECISION,
        1_795_402_800.25,
        Outcome.REFUSED,
        pseudonym="p1",
        rule="booking/reserve",
        reasons=("condition_no:adult",),
        conditions={"resident": "unknown", "adult": "no"},
        count=0,
    )

    assert fields_of(entry) == {
        "action": "decision",
        "outcome": "refused",
        "time": "2026-11-23T03:00:00.250000Z",
        "pseudonym": "p1",
        "rule": "booking/reserve",
        "reasons": ["condition_no:adult"],
        "conditions": {"adult": "no", "resident": "unknown"},
        "count": 0,
    }


def test_no_text_is_obeyed_by_a_terminal_or_grows_without_bound() -> None:
    """An operator's reason may hold anything: it is drawn, in one line, and cut."""
    told = fields_of(
        Entry(
            Action.CONSOLE,
            0.0,
            reason="a\x1b[2Jb\n" + "x" * 999,
            names=tuple(str(number) for number in range(MOST_NAMES + 9)),
        )
    )

    assert str(told["reason"]).startswith("a\\x1b[2Jb\\x0a")
    assert len(str(told["reason"])) < LONGEST + 20
    assert len(told["names"]) == MOST_NAMES  # type: ignore[arg-type]
    assert plain("\ud800") == "\\ud800"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23T03:00:00Z", 1_795_402_800.0),
        ("2026-11-23T12:00:00+09:00", 1_795_402_800.0),
        ("2026-11-23", 1_795_392_000.0),
        (written(1_795_402_800.123456), 1_795_402_800.123456),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str, seconds: float) -> None:
    """RFC 3339 with any offset; without one it is UTC."""
    assert moment(text) == pytest.approx(seconds, abs=1e-6)


def test_a_refusals_reasons_give_the_conditions() -> None:
    """Only conditions have an answer; a limit or an error has none."""
    reasons = ("condition_no:adult", "condition_unknown:resident", "limit_reached:once", "no_rule")

    assert conditions_of(reasons) == {"adult": "no", "resident": "unknown"}


def test_a_person_known_by_her_code_has_a_pseudonym() -> None:
    """The same code gives the same name, and the name does not hold the code."""
    named = person_by_code("23456789ABCDEFGH")

    assert named == person_by_code("23456789ABCDEFGH") != person_by_code("23456789ABCDEFGJ")
    assert "2345" not in named
