from __future__ import annotations

import pytest

from gateway.identity import Scope
from gateway.instant import Instant
from gateway.pipeline.outcome import AskPortal, Step
from gateway.pipeline.visit import FormNotSentPage, Visit
from gateway.policy.verdict import Challenge, ChallengeReason, RuleId
from gateway.request.inbound import Inbound
from gateway.route.table import RouteTable
from gateway.session.session import SessionState
from tests.listen.byte_path import HOST, Door

CHALLENGE = Challenge(RuleId("booking", "reserve"), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}), keep_form=True)


@pytest.mark.parametrize("keep", [True, False])
async def test_a_forms_body_comes_along_only_where_it_is_kept(door: Door, keep: bool) -> None:
    """To the portal's root, and never as the browser's own request; else nothing of it leaves us."""

    def step(inbound: Inbound, known: SessionState, now: Instant, table: RouteTable) -> Step:
        return AskPortal(Visit(door.route, inbound, known, FormNotSentPage(CHALLENGE, keep)))

    door.step = step
    door.portal_application.script = door.portal_application.say(b"HTTP/1.1 401 X\r\nContent-Length: 2\r\n\r\nno")
    await door.open()
    client = await door.client()

    await client.send(b"POST /reserve/42 HTTP/1.1\r\n" + HOST + b"Content-Length: 7\r\n\r\nroom=42")
    answer = await client.answer()

    assert answer.status == 401
    (asked,) = door.portal_application.requests
    assert asked.line == (b"POST / HTTP/1.1" if keep else b"GET / HTTP/1.1")
    assert asked.body == (b"room=42" if keep else b"")
    assert asked.all(b"Cookie") == []
