"""A visit brings the browser's body along only where a page needs it."""

from __future__ import annotations

import pytest

from gateway.identity import Scope
from gateway.pipeline.visit import (
    FormNotSentPage,
    OwnPage,
    Purpose,
    RefusalPage,
    SignInPage,
    Trouble,
    TroublePage,
    Visit,
    WorkerPage,
)
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, RuleId
from gateway.session.session import NoTicket
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
