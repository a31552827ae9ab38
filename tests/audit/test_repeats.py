from __future__ import annotations

import itertools

import pytest

from gateway.audit.entry import Action, Entry, Outcome
from gateway.audit.repeats import AT_ONCE, MINUTE, MOST_KINDS, Repeats


def refusal(rule: str = "booking/shut", *, request_id: str = "", pseudonym: str = "", operator: str = "") -> Entry:
    return Entry(
        Action.DECISION,
        1.0,
        Outcome.REFUSED,
        app="booking",
        rule=rule,
        verdict="deny",
        reasons=("nobody",),
        request_id=request_id,
        pseudonym=pseudonym,
        operator=operator,
    )


def test_a_flood_of_one_kind_is_counted() -> None:
    """The first ones stand alone, and the number of the others follows when the minute is over: none is forgotten."""
    repeats = Repeats(0.0)

    alone = sum(repeats.stands_alone(refusal(request_id=f"r{number}")) for number in range(10_000))
    early, late, after = repeats.take(MINUTE - 1), repeats.take(MINUTE), repeats.take(3 * MINUTE)

    assert alone == AT_ONCE
    assert early == []
    (counted,) = late
    assert (counted.count, counted.app, counted.rule, counted.reasons) == (
        10_000 - AT_ONCE,
        "booking",
        "booking/shut",
        ("nobody",),
    )
    assert (counted.request_id, counted.time, counted.outcome) == ("", MINUTE, Outcome.REFUSED)
    assert after == []
    assert repeats.stands_alone(refusal())


@pytest.mark.parametrize(
    "named",
    [
        refusal(pseudonym="p"),
        refusal(operator="sato"),
        Entry(Action.DECISION, 1.0, verdict="permit"),
        Entry(Action.SESSIONS_REVOKED, 1.0, Outcome.FAILED),
        Entry(Action.RELOADED, 1.0, Outcome.REFUSED),
        Entry(Action.SIGN_IN, 1.0, verdict="signed_in"),
    ],
)
def test_what_a_person_or_an_operator_did_stands_alone(named: Entry) -> None:
    """However often; and so does each permit."""
    repeats = Repeats(0.0)

    assert all(repeats.stands_alone(named) for _ in range(10 * AT_ONCE))
    assert repeats.take(MINUTE) == []


def test_kinds_without_end_are_counted_together() -> None:
    """A stranger who finds ever new kinds fills nothing either, and each refusal is still in a number."""
    repeats = Repeats(0.0)

    alone = sum(
        repeats.stands_alone(refusal(f"booking/{number}"))
        for number in itertools.chain.from_iterable(itertools.repeat(range(MOST_KINDS + 500), AT_ONCE + 10))
    )
    counted = repeats.take(MINUTE)

    assert alone <= AT_ONCE * (MOST_KINDS + 1)
    assert alone + sum(entry.count or 0 for entry in counted) == (MOST_KINDS + 500) * (AT_ONCE + 10)
    assert len(counted) == MOST_KINDS + 1
