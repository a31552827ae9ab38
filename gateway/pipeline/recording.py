"""Finds the decisions that must be in the audit trail before they are carried out, where `audit.required` is set.

These are refusals, and permits of a rule that says `audit: true`. Without the setting, nothing here is on a request's
way: the listener records what became of a request once it is over.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from gateway.audit.entry import Entry, decision
from gateway.instant import Instant
from gateway.pipeline.outcome import (
    Answer,
    AskPortal,
    Forward,
    MayGiveBack,
    NeedAccount,
    NeedPress,
    NeedRecord,
    NeedReservation,
    NeedSession,
    Step,
)
from gateway.pipeline.problem import RETRY_AFTER, problem
from gateway.pipeline.step import pseudonym_of
from gateway.pipeline.visit import Trouble, TroublePage, Visit, access_words
from gateway.request.inbound import Inbound
from gateway.request.navigation import Navigation, navigation
from gateway.route.route import Route
from gateway.session.session import NoTicket, SessionState


class Recording:
    """Says of each step whether it waits for the audit trail."""

    def __init__(
        self,
        audited: Callable[[str], bool],
        version: Callable[[str], str],
        answers: Callable[[str, bool], dict[str, str]],
    ) -> None:
        """`audited` says which rules want their permits recorded, `version` returns the version of an App's policy.

        `answers` returns the conditions that said yes for a rule's verdict: a permit, or a refusal.
        """
        self._audited = audited
        self._version = version
        self._answers = answers

    def __call__(self, inbound: Inbound, step: Step, now: Instant) -> Step | NeedRecord:
        """Return the step, or first the entry that it needs."""
        match step:
            case Forward():
                if not step.permit.audit:
                    return step
                rule = step.rule or str(step.permit.rule)
                entry = self._entry(inbound, step.route.app.name, "permit", rule, "", step.pseudonym, now)
                return NeedRecord(step, entry, audit_unavailable(step.route, inbound, NoTicket()))
            case AskPortal(visit):
                verdict, named, reason = access_words(visit)
                if verdict != "deny":
                    return step
                pseudonym = pseudonym_of(visit.route, visit.session)
                entry = self._entry(inbound, visit.route.app.name, verdict, named or "", reason or "", pseudonym, now)
                return NeedRecord(step, entry, audit_unavailable(visit.route, inbound, visit.session))
            case Answer():
                if step.verdict != "deny" and not (step.verdict == "permit" and self._audited(step.rule)):
                    return step
                entry = self._entry(inbound, step.app, step.verdict, step.rule, step.reason, step.pseudonym, now)
                return NeedRecord(step, entry, _problem(inbound))
            case NeedSession() | NeedAccount() | NeedPress() | NeedReservation() | MayGiveBack():
                return step

    def _entry(
        self, inbound: Inbound, app: str, verdict: str, rule: str, reason: str, pseudonym: str, now: Instant
    ) -> Entry:
        reasons = tuple(reason.split(",")) if reason else ()
        return decision(
            now,
            inbound.request_id,
            app=app,
            verdict=verdict,
            rule=rule,
            reasons=reasons,
            pseudonym=pseudonym,
            version=self._version(app),
            answers=self._answers(rule, verdict == "permit"),
        )


def audit_unavailable(route: Route, inbound: Inbound, known: SessionState) -> AskPortal | Answer:
    """Answer 503 because the decision could not be recorded: a person gets a page, and a script a problem."""
    if navigation(inbound) is Navigation.BACKGROUND:
        return _problem(inbound)
    page = TroublePage(Trouble.AUDIT_UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE, RETRY_AFTER)
    return AskPortal(Visit(route, inbound, known, page))


def _problem(inbound: Inbound) -> Answer:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, Trouble.AUDIT_UNAVAILABLE.value, inbound.request_id)
