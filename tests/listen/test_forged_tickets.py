from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest

from gateway.instant import Instant
from gateway.pipeline.outcome import Answer, NeedSession, Step
from gateway.pipeline.problem import problem
from gateway.request.inbound import Inbound
from gateway.request.rates import LookupLimits, Rate
from gateway.route.table import RouteTable
from gateway.session.seal import Secrets, ticket_seals
from gateway.session.session import Found, Gone, Limited, SessionState, Unread
from gateway.session.ticket import new_ticket
from tests.builders import session
from tests.listen.byte_path import SIGNED_IN, TICKET, Door, get

SEALS = ticket_seals(Secrets.single(bytes(range(32))), "sealed")


def need_session(door: Door, *, signed_in: bool = True) -> None:
    """Have the step ask for the session as the pipeline does, and refuse whom it cannot read where one is needed."""
    forward = door.forward

    def step(inbound: Inbound, known: SessionState, now: Instant, table: RouteTable) -> Step:
        if isinstance(known, Unread):
            return NeedSession(known.ticket)
        if isinstance(known, Limited) and signed_in:
            refused: Answer = problem(
                HTTPStatus.TOO_MANY_REQUESTS, known.reason, inbound.request_id, retry_after=known.retry_after
            )
            return refused
        return forward(inbound, known, now, table)

    door.step = step
    door.sessions.peeked = Unread(TICKET)


def limited_to(door: Door, **rates: Any) -> None:
    """Let so few tickets that stand for nothing be looked up."""
    few = {"forged": Rate(2, 100), "ended": Rate(2, 100)}
    door.listener.reload(replace(door.make_gate(), lookups=LookupLimits(**(few | rates))))


def cookie(value: str) -> bytes:
    return b"Cookie: __Host-sekisho=" + value.encode()


async def test_a_flood_of_forged_tickets_asks_the_store_no_more(door: Door) -> None:
    """Each costs a look-up. A client that brings too many must wait, and is neither signed out nor let in."""
    need_session(door)
    door.sessions.loaded = Gone()
    await door.open()
    limited_to(door)
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


async def test_a_page_for_everyone_goes_on_when_the_limit_is_met(door: Door) -> None:
    """The rule needs no identity: the application is told nothing, and nobody is refused."""
    need_session(door, signed_in=False)
    door.sessions.loaded = Gone()
    await door.open()
    limited_to(door)
    client = await door.client()

    statuses = []
    for _ in range(4):
        await client.send(get(b"/", SIGNED_IN.rstrip()))
        statuses.append((await client.answer()).status)

    assert statuses == [200] * 4
    assert door.sessions.loads == 2
    assert isinstance(door.seen[-1][1], Limited)
    assert (door.observed.lines[3].verdict, door.observed.lines[3].reason) == ("permit", "forged_tickets")


async def test_who_has_a_session_is_not_counted(door: Door) -> None:
    """However often it has to be read anew."""
    need_session(door)
    door.sessions.loaded = Found(session())
    await door.open()
    limited_to(door)
    client = await door.client()

    statuses = []
    for _ in range(5):
        await client.send(get(b"/", SIGNED_IN.rstrip()))
        statuses.append((await client.answer()).status)

    assert statuses == [200] * 5


@pytest.mark.parametrize("seal", ["A" * 16, "-" * 16])
async def test_a_forged_seal_costs_nothing(door: Door, seal: str) -> None:
    """A ticket that we did not issue is no ticket: no look-up, nothing counted, and nobody waits for it."""
    need_session(door)
    door.seals = SEALS
    await door.open()
    limited_to(door)
    client = await door.client()

    for number in range(20):
        await client.send(get(b"/", cookie(f"{new_ticket(bytes([number]) * 32)}.{seal}")))
        assert (await client.answer()).status == 200

    assert door.sessions.loads == 0
    assert door.observed.limits == []
    assert all(line.reason == "" for line in door.observed.lines)


async def test_those_who_forge_use_up_nothing_of_those_who_were_here(door: Door) -> None:
    """A plain ticket can be made up by anybody; one with our seal was issued, and has a limit of its own."""
    need_session(door)
    door.seals = SEALS
    door.sessions.loaded = Gone()
    await door.open()
    limited_to(door)
    client = await door.client()

    statuses = []
    for value in [TICKET] * 3 + [SEALS.cookie(TICKET)] * 3:
        await client.send(get(b"/", cookie(value)))
        statuses.append((await client.answer()).status)

    assert statuses == [200, 200, 429] * 2
    assert door.observed.limits == ["forged_tickets", "ended_tickets"]
