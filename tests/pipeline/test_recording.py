"""Decisions that wait for the audit trail, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.audit.entry import Action, Entry, Outcome
from gateway.limits.limits import LimitUse
from gateway.pipeline.outcome import (
    Answer,
    AskPortal,
    Forward,
    MayGiveBack,
    NeedPress,
    NeedRecord,
    NeedReservation,
    NeedSession,
)
from gateway.pipeline.recording import Recording, audit_unavailable
from gateway.pipeline.visit import FormOverPage, OwnPage, RefusalPage, SignInPage, Trouble, TroublePage, Visit
from gateway.policy.verdict import (
    Challenge,
    ChallengeReason,
    Deny,
    GivesBack,
    Limit,
    Once,
    Permit,
    Reason,
    ReasonKind,
    RuleId,
)
from gateway.session.session import Found, NoTicket
from gateway.session.ticket import Ticket
from tests.builders import NOON, inbound, route, session

RULE = RuleId("booking", "reserve")
SCRIPT = ("X-Requested-With", "XMLHttpRequest")


def recording() -> Recording:
    return Recording(
        audited="booking/reserve".__eq__,
        version=lambda app: f"version of {app}",
        answers=lambda _rule, permitted: {"adult": "yes"} if permitted else {},
    )


def forward(**changes: Any) -> Forward:
    values: dict[str, Any] = {
        "route": route(),
        "permit": Permit(RULE, None, audit=True),
        "head": b"",
        "signed_in": True,
        "pseudonym": "p-hanako",
    }
    return Forward(**(values | changes))


def entry(**changes: Any) -> Entry:
    values: dict[str, Any] = {
        "action": Action.DECISION,
        "time": NOON,
        "outcome": Outcome.REFUSED,
        "app": "booking",
        "rule": "booking/reserve",
        "policy_version": "version of booking",
        "verdict": "deny",
        "request_id": "0123456789abcdef",
    }
    return Entry(**(values | changes))


def test_a_permit_of_an_audited_rule_waits() -> None:
    """With the rule, its conditions, the person, and a way out if it cannot be recorded."""
    step = forward()

    need = recording()(inbound(), step, NOON)

    assert isinstance(need, NeedRecord)
    assert need.step is step
    assert need.entry == entry(
        outcome=Outcome.DONE, verdict="permit", pseudonym="p-hanako", conditions={"adult": "yes"}
    )


def test_any_other_permit_goes_on() -> None:
    """The same step, not a copy of it."""
    step = forward(permit=Permit(RULE, None))

    assert recording()(inbound(), step, NOON) is step


def test_a_refusal_waits() -> None:
    """As a page and as an answer, with the conditions that said no."""
    deny = Deny(RULE, (Reason(ReasonKind.CONDITION_NO, "adult"), Reason(ReasonKind.CONDITION_UNKNOWN, "resident")))
    page = AskPortal(Visit(route(), inbound(), Found(session()), RefusalPage(deny)))
    answer = Answer(403, verdict="deny", rule="booking/reserve", reason=deny.words, app="booking", pseudonym="p-hanako")
    expected = entry(
        pseudonym="p-hanako",
        reasons=("condition_no:adult", "condition_unknown:resident"),
        conditions={"adult": "no", "resident": "unknown"},
    )

    for step in (page, answer):
        need = recording()(inbound(), step, NOON)
        assert isinstance(need, NeedRecord)
        assert need.entry == expected
        assert need.step is step


def test_a_refusal_without_a_rule_waits_too() -> None:
    """A form that is over has a reason and no rule."""
    need = recording()(inbound(), AskPortal(Visit(route(), inbound(), NoTicket(), FormOverPage())), NOON)

    assert isinstance(need, NeedRecord)
    assert need.entry == entry(rule="", reasons=("form_over",))


def test_the_answer_to_another_proxy_waits() -> None:
    """In forward-auth mode, a permit is an answer."""
    permit = Answer(200, verdict="permit", rule="booking/reserve", app="booking")

    assert isinstance(recording()(inbound(), permit, NOON), NeedRecord)
    other = Answer(200, verdict="permit", rule="booking/other", app="booking")
    assert recording()(inbound(), other, NOON) is other


@pytest.mark.parametrize(
    "step",
    [
        Answer(404),
        Answer(401, verdict="challenge"),
        AskPortal(Visit(route(), inbound(), NoTicket(), OwnPage())),
        AskPortal(
            Visit(route(), inbound(), NoTicket(), SignInPage(Challenge(RULE, ChallengeReason.SIGN_IN, frozenset())))
        ),
        NeedSession(Ticket("t" * 43)),
        NeedPress(route(), ()),
        NeedReservation(LimitUse("p", "l", "day", "c"), (), forward(), Answer(403), Answer(503)),
        MayGiveBack(LimitUse("p", "l", "day", "c"), GivesBack(Limit("l", Once.DAY, frozenset({303}))), forward()),
    ],
)
def test_what_decides_nothing_waits_for_nothing(step: Any) -> None:
    """A challenge has refused nobody; an entry of a limit comes first."""
    assert recording()(inbound(), step, NOON) is step


def test_without_a_record_a_person_reads_a_page_and_a_script_a_problem() -> None:
    """503 with the same word, and nothing of the application."""
    page = audit_unavailable(route(), inbound(), NoTicket())
    script = audit_unavailable(route(), inbound("/", SCRIPT), NoTicket())

    assert isinstance(page, AskPortal)
    assert page.visit.purpose == TroublePage(Trouble.AUDIT_UNAVAILABLE, 503, 5)
    assert isinstance(script, Answer)
    assert (script.status, script.reason) == (503, "audit_unavailable")
