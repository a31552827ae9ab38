from __future__ import annotations

from dataclasses import replace

from gateway.instant import Instant
from gateway.pipeline.outcome import NeedSession, Step
from gateway.request.inbound import Inbound
from gateway.request.rates import Rate
from gateway.route.table import RouteTable
from gateway.session.session import Found, Gone, SessionState, Unread
from tests.builders import session
from tests.listen.byte_path import SIGNED_IN, TICKET, Door, get


def need_session(door: Door) -> None:
    """Have the step ask for the session as the pipeline does."""
    forward = door.forward

    def step(inbound: Inbound, known: SessionState, now: Instant, table: RouteTable) -> Step:
        return NeedSession(known.ticket) if isinstance(known, Unread) else forward(inbound, known, now, table)

    door.step = step
    door.sessions.peeked = Unread(TICKET)


async def test_a_flood_of_forged_tickets_asks_the_store_no_more(door: Door) -> None:
    """Each costs a look-up; whoever brings too many must wait, and is neither signed out nor let in."""
    need_session(door)
    door.sessions.loaded = Gone()
    await door.open()
    door.listener.reload(replace(door.make_gate(), forged=Rate(2, 100)))
    client = await door.client()

    answers = []
    for _ in range(4):
        await client.send(get(b"/", SIGNED_IN.rstrip()))
        answers.append(await client.answer())

    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert answers[2][b"Retry-After"] is not None
    assert answers[2].all(b"Set-Cookie") == []
    assert door.sessions.loads == 2
    assert door.observed.limits == ["forged_tickets", "forged_tickets"]
    assert door.observed.lines[2].reason == "forged_tickets"


async def test_who_has_a_session_is_not_counted(door: Door) -> None:
    """However often it has to be read anew."""
    need_session(door)
    door.sessions.loaded = Found(session())
    await door.open()
    door.listener.reload(replace(door.make_gate(), forged=Rate(2, 100)))
    client = await door.client()

    statuses = []
    for _ in range(5):
        await client.send(get(b"/", SIGNED_IN.rstrip()))
        statuses.append((await client.answer()).status)

    assert statuses == [200] * 5
