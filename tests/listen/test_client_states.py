"""A client's connection against a model: bytes, answers and ends in any order, the legal and the impossible.

The model knows no table. It says in plain words what the connection does, from what the client has sent and what it has
been told.
"""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.listen.asyncio_client import UPLOAD_TIME
from gateway.listen.client_states import CLIENT_CONNECTION, IN_REQUEST, SERVING, ClientEvent, ClientState
from gateway.listen.httptools_connection import ClientConnection
from gateway.listen.httptools_listener import Listener
from gateway.pipeline.outcome import Answer, Step
from gateway.request.inbound import Inbound
from gateway.settings.settings import TrafficSettings
from gateway.upstream.upstream import AnswerFraming, AnswerHead
from gateway.wire.deadlines import Deadlines
from gateway.wire.states import IllegalEventError
from tests.listen.byte_path import HOST, Application, Door
from tests.listen.test_stages import Ways

WHOLE = AnswerHead(200, (), AnswerFraming.COUNTED, 2)
LENGTH = 9
HEADS = {
    "page": b"GET /app HTTP/1.1\r\n" + HOST + b"\r\n",
    "last page": b"GET /app HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "own page": b"GET /own HTTP/1.1\r\n" + HOST + b"\r\n",
    "post": b"POST /app HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % LENGTH,
    "refused post": b"POST /own HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % LENGTH,
    "socket": b"GET /app HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "half a head": b"GET /app HTTP/1.1\r\n",
    "no head": b"\x16\x03\x01\r\n",
    "too long": b"POST /app HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % 10**15,
}
EVENTS = (
    *HEADS,
    *("body", "answer", "tunnel opens", "tunnel ends", "client ends", "client leaves", "time passes", "drain", "end"),
    *("client is full", "client reads", "flood"),
)


class Transport(asyncio.Transport):
    """The client's end of the socket: it keeps nothing."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 1)})
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def can_write_eof(self) -> bool:
        return True

    def write(self, data: Any) -> None:
        assert not self.closing

    def write_eof(self) -> None:
        assert not self.closing

    pause_reading = resume_reading = write_eof


class World:
    """A connection among fakes, and the model of it."""

    def __init__(self) -> None:
        door = Door(Application())
        door.limits = TrafficSettings(body=10**6)
        door.application.port = door.portal_application.port = 1
        self.deadlines = door.deadlines = Deadlines(0.0)
        self.app = Ways(free=True)
        fakes: dict[str, Any] = {"step": self.step, "upstreams": {"booking": self.app}}
        self.door = door
        services = dataclasses.replace(door.make_gate(), **fakes)
        self.connection = ClientConnection(Listener(services, self.deadlines), "http")
        self.connection.connection_made(Transport())
        self.phase = "head"
        self.left = 0
        """Bytes that the client still owes of a body."""
        self.waiting = 0
        """Pages that the client has asked for meanwhile."""
        self.begun = False
        """Whether half a head has come."""
        self.last = self.full = self.draining = self.client_has_ended = False

    def step(self, inbound: Inbound, *rest: Any) -> Step:
        if inbound.target.path == "/own":
            return Answer(403, (), b"no")
        return self.door.forward(inbound, *rest)

    # --- the model ----------------------------------------------------------------------------

    def can(self, event: str) -> bool:
        """Whether the event can come from outside now."""
        free = self.phase == "head" and not self.begun and not self.full
        match event:
            case "page":
                # It may also come behind another one.
                return self.phase in ("head", "busy") and not self.begun and not self.left
            case "half a head" | "no head" | "too long" | "post" | "refused post" | "socket" | "last page" | "own page":
                return free and not self.client_has_ended
            case "body":
                return self.left > 0 and self.phase in ("busy", "answered", "reading away")
            case "answer":
                return self.phase == "busy"
            case "tunnel opens":
                return self.phase == "busy" and self.is_socket
            case "tunnel ends":
                return self.phase == "tunnel"
            case "time passes":
                return self.connection.deadline > 0
            case "client reads":
                return self.full
            case "client is full":
                return not self.full
            case "flood":
                return self.phase in ("lingering", "reading away")
            case _:
                return self.phase != "closed"

    def is_answered(self, *, last: bool, unwanted: bool) -> None:
        if last or self.draining or self.client_has_ended:
            self.phase = "reading away" if self.left else "lingering" if self.waiting else "closed"
        elif self.left:
            self.phase = "answered" if unwanted else "reading away"
        else:
            self.next()

    def next(self) -> None:
        self.phase = "head"
        if self.waiting and not self.full:
            self.waiting -= 1
            self.serve()

    def serve(self, *, body: int = 0, last: bool = False, socket: bool = False) -> None:
        self.phase, self.left, self.last, self.is_socket = "busy", body, last, socket

    def comes(self, event: str) -> None:  # noqa: C901, PLR0912 - one case an event
        """Let the event come to the connection, and follow it in the model."""
        connection = self.connection
        exchange: Any = connection._exchange
        if event in HEADS:
            connection.data_received(HEADS[event])
        match event:
            case "page" if self.phase == "busy" or self.full:
                self.waiting += 1
            case "page":
                self.serve()
            case "last page":
                self.serve(last=True)
            case "socket":
                self.serve(last=True, socket=True)
            case "own page":
                self.is_answered(last=False, unwanted=True)
            case "post":
                self.serve(body=LENGTH)
            case "refused post":
                self.left = LENGTH
                self.is_answered(last=False, unwanted=True)
            case "half a head":
                self.begun = True
            case "no head":
                self.phase = "lingering"
            case "too long":
                self.phase, self.left = "reading away", 10**15
            case "body":
                size = min(self.left, 5)
                connection.data_received(b"x" * size)
                self.left -= size
                if self.phase == "answered" and not self.left:
                    self.next()
            case "answer":
                exchange.answer_begins(WHOLE, b"ok", complete=True)
                self.is_answered(last=self.last, unwanted=False)
            case "tunnel opens":
                exchange.upgraded((), b"")
                # Bytes that did not wait for the 101 may be anything.
                self.phase = "closed" if self.waiting else "tunnel"
            case "tunnel ends":
                exchange.tunnel_ends()
                self.phase = "closed" if self.client_has_ended else "tunnel"
                self.app_has_ended = True
            case "client ends":
                self.ends()
            case "client leaves":
                connection.connection_lost(None)
                self.phase = "closed"
            case "time passes":
                self.expires()
            case "drain":
                self.draining = True
                connection.drain()
                if self.phase == "head" and not self.begun and not self.waiting:
                    self.phase = "closed"
            case "end":
                connection.end()
                self.phase = "closed"
            case "client is full":
                self.full = True
                connection.pause_writing()
            case "client reads":
                self.full = False
                connection.resume_writing()
                if self.phase == "head":
                    self.next()
            case "flood":
                # Bytes without end, and time.
                self.deadlines.now += 2 * UPLOAD_TIME
                for _ in range(3):
                    connection.data_received(b"x" * 2**19)
                self.phase = "closed"
            case _:
                raise AssertionError(event)

    app_has_ended = is_socket = False

    def ends(self) -> None:
        stays = self.connection.eof_received()
        if self.phase == "tunnel":
            assert stays or self.app_has_ended
            self.phase = "closed" if self.app_has_ended else "tunnel"
        else:
            assert stays is (self.phase == "busy" and not self.left)
            if not stays:
                self.connection.connection_lost(None)
                self.phase = "closed"
        self.client_has_ended = True

    def expires(self) -> None:
        self.connection.expired()
        if self.phase == "head" and (self.begun or self.waiting) and not self.full:
            self.phase = "lingering"
        elif self.phase == "busy" and self.left:
            self.phase = "reading away"
        elif self.phase != "busy" or self.full:
            # A request that has come whole waits for its application, whose clocks are others.
            self.phase = "closed"

    def agree(self, event: str) -> None:
        state = self.connection.state
        assert state.value.replace("_", " ") == self.phase, (event, state, self.phase)
        assert self.connection.busy is (self.phase in ("busy", "answered", "tunnel"))
        assert (self.connection._exchange is not None) is (self.phase in ("busy", "answered", "tunnel")), event


async def play(events: list[str]) -> set[str]:
    world = World()
    seen = {world.phase}
    for event in events:
        if world.can(event):
            world.comes(event)
            world.agree(event)
            seen.add(world.phase)
    return seen


@given(st.lists(st.sampled_from(EVENTS), max_size=24))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_states_are_those_of_a_model(events: list[str]) -> None:
    """The connection is where the model is after each event of any order, and no event is illegal."""
    asyncio.run(play(events))


@pytest.mark.parametrize(
    ("events", "phase"),
    [
        (["page", "page", "answer"], "busy"),
        (["refused post", "body"], "answered"),
        (["refused post", "body", "body"], "head"),
        (["post", "answer"], "reading away"),
        (["post", "body", "body", "answer"], "head"),
        (["too long", "flood"], "closed"),
        (["socket", "tunnel opens"], "tunnel"),
        (["socket", "page", "tunnel opens"], "closed"),
        (["socket", "tunnel opens", "client ends", "tunnel ends"], "closed"),
        (["last page", "page", "answer"], "lingering"),
        (["client is full", "page", "client reads"], "busy"),
        (["half a head", "time passes"], "lingering"),
    ],
)
def test_each_state_is_reached(events: list[str], phase: str) -> None:
    """The ways that chance alone would seldom find."""

    async def whole() -> None:
        world = World()
        for event in events:
            assert world.can(event), event
            world.comes(event)
            world.agree(event)
        assert world.phase == phase

    asyncio.run(whole())


@pytest.mark.parametrize(
    "events", [[], ["refused post"], ["no head"], ["too long"], ["end"], ["socket", "tunnel opens"]]
)
def test_a_tunnel_is_opened_by_a_request_alone(events: list[str]) -> None:
    """In every other state it is a mistake of ours, and the state stays."""

    async def tried() -> None:
        world = World()
        for event in events:
            world.comes(event)
        before = world.connection.state
        with pytest.raises(IllegalEventError):
            world.connection.tunnelling()
        assert world.connection.state is before

    asyncio.run(tried())


def test_a_closed_connection_stays_closed() -> None:
    """Nothing leads out of it, and it may be closed and lost again."""
    closed = ClientState.CLOSED

    for event in ClientEvent:
        after = CLIENT_CONNECTION.after(event)
        if event in (ClientEvent.CLOSE, ClientEvent.LOSE):
            assert after[closed] is closed
        else:
            with pytest.raises(IllegalEventError):
                after[closed]


def test_every_state_can_end() -> None:
    """The gateway closes in any state, and in any state the client may be gone."""
    for state in ClientState:
        assert CLIENT_CONNECTION.after(ClientEvent.CLOSE)[state] is ClientState.CLOSED
        assert CLIENT_CONNECTION.after(ClientEvent.LOSE)[state] is ClientState.CLOSED
    assert IN_REQUEST < SERVING
