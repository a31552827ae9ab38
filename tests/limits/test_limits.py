"""The counted thing, its period, and the effect of an answer on it."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import Identity, Scope
from gateway.limits.limits import (
    AnswerWords,
    EntryState,
    Settlement,
    cancelled_entries,
    entry_name,
    limit_use,
    over,
    period_end,
    period_of,
    settle_answer,
    settle_failure,
    state_of,
)
from gateway.policy.reading.parse_examples import moment_of
from gateway.policy.subject_code import subject_code
from gateway.policy.verdict import GivesBack, Limit, Once, Permit, ReasonKind, RuleId

RULE = RuleId("p", "r")
LIMIT = Limit("entry", Once.DAY, frozenset({303}), "/entered", if_over={"ja": "すでに応募されています。"})
WHO = Identity("client", "subject", 0.0, frozenset(Scope))


def moment(text: str) -> float:
    found = moment_of(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("once", "now", "period", "end"),
    [
        (Once.DAY, "2026-11-23 23:59:59", "2026-11-23", "2026-11-24"),
        (Once.MONTH, "2026-12-31 23:59", "2026-12", "2027-01-01"),
        (Once.MONTH, "2026-02-01", "2026-02", "2026-03-01"),
        (Once.YEAR, "2026-11-23", "2026", "2027-01-01"),
        (Once.FISCAL_YEAR, "2027-03-31 23:59", "FY2026", "2027-04-01"),
        (Once.FISCAL_YEAR, "2027-04-01", "FY2027", "2028-04-01"),
    ],
)
def test_periods_are_those_of_japan(once: Once, now: str, period: str, end: str) -> None:
    """Days end at midnight in Tokyo, fiscal years on 31 March."""
    assert period_of(once, moment(now)) == period
    assert period_end(once, moment(now)) == moment(end)


def test_ever_never_ends() -> None:
    """Once is once."""
    assert (period_of(Once.EVER, 0.0), period_end(Once.EVER, 0.0)) == ("ever", inf)


@given(st.sampled_from(Once), st.floats(0, 4e9))
def test_a_period_lasts_until_its_end(once: Once, now: float) -> None:
    """The same name until the end, another from then on."""
    end = period_end(once, now)

    assert end > now
    if end < inf:
        assert period_of(once, end - 0.001) == period_of(once, now)
        assert period_of(once, end) != period_of(once, now)


@pytest.mark.parametrize(
    ("status", "location", "settlement"),
    [
        (303, "/entered", Settlement.COUNT),
        (303, "/entered?id=42", Settlement.COUNT),
        (303, "https://yoyaku.example/entered#top", Settlement.COUNT),
        (303, "/error", Settlement.GIVE_BACK),
        (303, None, Settlement.GIVE_BACK),
        (303, "http://[", Settlement.GIVE_BACK),
        (200, "/entered", Settlement.GIVE_BACK),
        (500, None, Settlement.GIVE_BACK),
        (502, None, Settlement.LEAVE),
        (504, None, Settlement.LEAVE),
    ],
)
def test_an_answers_head_decides(status: int, location: str | None, settlement: Settlement) -> None:
    """2009's applications answer 200 to failures; what a proxy behind us does not know, nobody does."""
    assert settle_answer(LIMIT, AnswerWords(status, location)) is settlement


def test_without_a_location_the_status_is_enough() -> None:
    """`counted_when: {status: 201}`."""
    assert settle_answer(Limit("l", Once.EVER, frozenset({201})), AnswerWords(201, None)) is Settlement.COUNT


BY_REDIRECT = GivesBack(LIMIT, frozenset({303}), "/cancelled")
BY_HEADER = GivesBack(LIMIT, header="x-cancelled")
BY_BOTH = GivesBack(LIMIT, frozenset({200, 303}), None, "x-cancelled")
NAMED = Limit("entry", Once.DAY, frozenset({303}), header="x-entry")
BY_NAME = GivesBack(NAMED, header="x-cancelled")


@pytest.mark.parametrize(
    ("gives_back", "status", "location", "headers", "said"),
    [
        (BY_REDIRECT, 303, "/cancelled?no=1", (), True),
        (BY_REDIRECT, 303, "/cancel", (), False),
        (BY_REDIRECT, 200, "/cancelled", (), False),
        (BY_REDIRECT, 303, None, ((b"X-Cancelled", b"yes"),), False),
        (BY_HEADER, 200, None, ((b"X-Cancelled", b"yes"),), True),
        (BY_HEADER, 404, None, ((b"x-cancelled", b"42"),), True),
        (BY_HEADER, 502, None, ((b"X-Cancelled", b"yes"),), False),
        (BY_HEADER, 200, None, (), False),
        *((BY_HEADER, 200, None, ((b"X-Cancelled", no),), False) for no in (b"", b" ", b"0", b"No", b"FALSE")),
        (BY_HEADER, 200, None, ((b"X-Cancelled", b"yes"), (b"X-Cancelled", b"no")), False),
        (BY_HEADER, 200, None, ((b"X-Cancelled-By", b"yes"),), False),
        (BY_BOTH, 303, None, ((b"X-Cancelled", b"yes"),), True),
        (BY_BOTH, 404, None, ((b"X-Cancelled", b"yes"),), False),
        (BY_BOTH, 200, None, (), False),
    ],
)
def test_every_part_of_the_answer_must_say_that_an_entry_was_cancelled(
    gives_back: GivesBack, status: int, location: str | None, headers: tuple[tuple[bytes, bytes], ...], *, said: bool
) -> None:
    """An answer of another page, of a proxy, or one that says no, gives nothing back."""
    assert cancelled_entries(gives_back, AnswerWords(status, location, headers)) == (("",) if said else ())


def test_an_entry_with_a_name_is_cancelled_by_its_name_alone() -> None:
    """The store gets a hash of it; an answer that names none cancels none, one that names two cancels two."""
    counted = entry_name(NAMED, AnswerWords(303, "/entered", ((b"X-Entry", b" 4711 "),)))

    def cancelled(*names: bytes) -> tuple[str, ...]:
        return cancelled_entries(BY_NAME, AnswerWords(200, None, tuple((b"X-Cancelled", name) for name in names)))

    assert "4711" not in counted
    assert cancelled(b"4711") == (counted,)
    assert cancelled(b"4711", b"4711") == (counted,)
    assert len(cancelled(b"4711", b"4712")) == 2
    assert cancelled() == cancelled(b"") == ()
    assert len(cancelled(*(b"%d" % number for number in range(500)))) == 16
    assert entry_name(NAMED, AnswerWords(303, "/entered")) == entry_name(LIMIT, AnswerWords(303, "/entered")) == ""


def test_what_was_never_sent_did_nothing() -> None:
    """A refused connection gives the chance back; silence after sending does not."""
    assert settle_failure(sent=False) is Settlement.GIVE_BACK
    assert settle_failure(sent=True) is Settlement.LEAVE


def test_what_is_counted_names_nobody() -> None:
    """The store sees the person's code, never her PPID."""
    use = limit_use(RULE, LIMIT, WHO, moment("2026-11-23"))

    assert (use.policy, use.limit, use.period, use.code) == (
        "p",
        "entry",
        "2026-11-23",
        subject_code("client", "subject"),
    )
    assert "subject" not in (use.code, use.policy, use.limit)
    assert use.forget_at > moment("2026-11-24")


def test_over_is_a_refusal_with_the_limits_own_words() -> None:
    """Named, so that it can be expected in an example and counted."""
    (reason,) = over(Permit(RULE, WHO, limit=LIMIT)).reasons

    assert (reason.kind, reason.name, reason.sentence) == (ReasonKind.LIMIT_REACHED, "entry", LIMIT.if_over)


def test_an_entry_nobody_settled_is_unknown_when_its_lease_ends() -> None:
    """In flight, then unknown, and counted all along."""
    assert state_of(counted=False, lease_ends=10.0, now=9.9) is EntryState.IN_FLIGHT
    assert state_of(counted=False, lease_ends=10.0, now=10.0) is EntryState.UNKNOWN
    assert state_of(counted=True, lease_ends=0.0, now=10.0) is EntryState.COUNTED
