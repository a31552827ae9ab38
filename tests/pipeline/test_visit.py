"""A visit brings the browser's body along only where a page needs it, and says on the access line why it was made."""

from __future__ import annotations

import pytest

from gateway.identity import Scope
from gateway.pipeline.visit import (
    ForeignFormPage,
    FormNotSentPage,
    FormOverPage,
    OwnPage,
    Purpose,
    RefusalPage,
    ReturnedFormPage,
    SignInPage,
    Trouble,
    TroublePage,
    Visit,
    WorkerPage,
    access_words,
)
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Reason, ReasonKind, RuleId
from gateway.session.session import Limited, NoTicket
from tests.builders import inbound, route

CHALLENGE = Challenge(RuleId("p", "r"), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))


@pytest.mark.parametrize(
    ("purpose", "brings"),
    [
        (OwnPage(), True),
        (WorkerPage(), False),
        (SignInPage(CHALLENGE), False),
        (FormNotSentPage(CHALLENGE), False),
        (FormNotSentPage(CHALLENGE, keep=True), True),
        (RefusalPage(Deny(None, ())), False),
        (TroublePage(Trouble.OVERLOADED, 503), False),
    ],
)
def test_a_body_comes_along_where_a_page_needs_it(purpose: Purpose, brings: bool) -> None:
    """A body that no page reads is never sent to the portal: a person's form would stand in its memory."""
    assert Visit(route(), inbound("/", method="POST"), NoTicket(), purpose).brings_body is brings


DENIED = Deny(
    RuleId("p", "r"), (Reason(ReasonKind.CONDITION_NO, "adult"), Reason(ReasonKind.CONDITION_UNKNOWN, "here"))
)


@pytest.mark.parametrize(
    ("purpose", "words"),
    [
        (OwnPage(), ("portal", None, None)),
        (WorkerPage(), ("deny", None, "service_worker")),
        (SignInPage(CHALLENGE), ("challenge", "p/r", "sign_in")),
        (FormNotSentPage(CHALLENGE, keep=True), ("challenge", "p/r", "sign_in")),
        (ForeignFormPage(CHALLENGE, "https://pay.example"), ("challenge", "p/r", "foreign_form")),
        (ReturnedFormPage(CHALLENGE, "https://pay.example"), ("challenge", "p/r", "returned_form")),
        (FormOverPage(), ("deny", None, "form_over")),
        (RefusalPage(DENIED), ("deny", "p/r", "condition_no:adult,condition_unknown:here")),
        (RefusalPage(Deny(None, (Reason(ReasonKind.NO_RULE),))), ("deny", "", "no_rule")),
        (TroublePage(Trouble.UPSTREAM_TIMEOUT, 504), ("error", None, "upstream_timeout")),
    ],
)
def test_the_access_line_says_why_a_page_of_ours_stands_there(
    purpose: Purpose, words: tuple[str, str | None, str | None]
) -> None:
    """The verdict, the rule and the closed words of the reason, and no site, no sentence and no person."""
    assert access_words(Visit(route(), inbound("/"), NoTicket(), purpose)) == words


def test_a_limit_is_named_where_it_kept_the_store_from_being_asked() -> None:
    """Of two limits on tickets, the operator reads which one was met; the page itself is the same."""
    page = TroublePage(Trouble.TOO_MANY_REQUESTS, 429, 30)

    assert access_words(Visit(route(), inbound("/"), Limited(30, "forged_tickets"), page))[2] == "forged_tickets"
    assert access_words(Visit(route(), inbound("/"), NoTicket(), page))[2] == "too_many_requests"
