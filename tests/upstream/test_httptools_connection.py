"""A connection's life: random orders of legal and illegal events, beside a model that knows what each may do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.settings.settings import TrafficSettings, UpstreamSettings
from gateway.upstream.asyncio_endpoint import Endpoint
from gateway.upstream.connection_states import (
    UPSTREAM_CONNECTION,
    SendingState,
    UpstreamEvent,
    UpstreamState,
)
from gateway.upstream.httptools_connection import UpstreamConnection
from gateway.upstream.upstream import AnswerHead, Headers
from gateway.wire.deadlines import Deadlines
from gateway.wire.states import IllegalEventError


class Wire(asyncio.Transport):
    """A transport that takes notes."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: object) -> None:
        """Nobody reads it."""

    def abort(self) -> None:
        self.closing = True

    close = abort

    def can_write_eof(self) -> bool:
        return False


class Asker:
    """A receiver that counts what it is told: one head at most, and one end at most."""

    over = False

    def __init__(self) -> None:
        self.heads = self.ends = self.failures = self.tunnels = 0

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        self.failures += 1

    def interim_answer(self, status: int, headers: Headers) -> None:
        """Say nothing."""

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        self.heads += 1
        self.ends += complete

    def answer_goes_on(self, body: bytes) -> None:
        """Say nothing."""

    def answer_ends(self, trailers: Headers) -> None:
        self.ends += 1

    def upgraded(self, headers: Headers, rest: bytes) -> None:
        self.tunnels += 1

    def tunnel_data(self, data: bytes) -> None:
        """Say nothing."""

    def tunnel_ends(self) -> None:
        """Say nothing."""


HEAD = b"HTTP/1.1 200 OK\r\n"
SAID: dict[str, bytes] = {
    "a whole answer": HEAD + b"Content-Length: 2\r\n\r\nok",
    "a last answer": HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
    "a half": HEAD + b"Content-Length: 2\r\n\r\no",
    "one byte": b"k",
    "a switch": b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
}
ACTS = (*SAID, "lease", "send", "send too soon", "abandon", "retire", "hang up", "lose", "expire")


@dataclass
class Model:
    """The life of a connection in the model's own words."""

    state: str = "idle"
    missing: bool = False
    """An answer has begun, and its last byte is missing."""
    unsent: bool = False
    """The head is in the outbox still, so that bytes now answer nobody."""

    def moved(self, act: str) -> str:
        """Return the state that an act leads to; `illegal` where it must raise, and change nothing."""
        state = self.state
        if act in ("retire", "lose"):
            return "closed"
        if act == "lease":
            return {"idle": "leased", "closed": "closed"}.get(state, "illegal")
        if act == "send":
            return "sent" if state == "leased" else "illegal"
        if act == "abandon":
            return "closed" if state in ("leased", "sent", "reading", "tunnelling") else state
        if act == "expire":
            return state if state == "leased" else "closed"
        if act == "hang up":
            return state
        # Bytes come.
        if state in ("idle", "leased", "settling", "closed") or (state == "sent" and self.unsent):
            return "closed"
        if state == "tunnelling":
            return state
        return self.heard(act)

    def heard(self, act: str) -> str:
        if self.missing:
            return "idle" if act == "one byte" else "closed"
        return {
            "a whole answer": "idle",
            "a last answer": "settling",
            "a half": "reading",
            "one byte": "closed",
            "a switch": "tunnelling",
        }[act]


async def nowhere(_factory: object) -> Never:
    raise AssertionError


@dataclass
class World:
    """One connection, its endpoint, and the last request that held it."""

    endpoint: Endpoint
    connection: UpstreamConnection
    asker: Asker

    @property
    def receiver(self) -> Any:
        """The request, as a receiver: it is one as far as a connection uses it here."""
        return self.asker


def world() -> World:
    endpoint = Endpoint("http://a", nowhere, TrafficSettings(), Deadlines(0.0), UpstreamSettings())
    connection = UpstreamConnection(endpoint)
    connection.connection_made(Wire())
    return World(endpoint, connection, Asker())


def act(here: World, name: str) -> None:
    """Do one thing as the program, the application or the clock does it."""
    connection = here.connection
    if name in SAID:
        connection.data_received(SAID[name])
    elif name == "lease":
        fresh: Any = Asker()
        if connection.lease(fresh):
            here.asker = fresh
            here.endpoint.idle.discard(connection)
            here.endpoint.active += 1
    elif name in ("send", "send too soon"):
        connection.send(here.receiver, b"GET / HTTP/1.1\r\n\r\n", is_head=False, uploading=False)
        if name == "send":
            here.endpoint.outbox.send()
    elif name == "abandon":
        connection.abandon(here.receiver)
    elif name == "retire":
        connection.retire()
    elif name == "hang up":
        connection.eof_received()
    elif name == "lose":
        connection.connection_lost(None)
    else:
        connection.deadline = 0.0
        connection.expired()


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    each = asyncio.new_event_loop()
    yield each
    each.close()


def test_the_life_of_a_connection_is_that_of_a_model(loop: asyncio.AbstractEventLoop) -> None:
    """An illegal act raises and changes nothing. A request is told one end, and its place is free again."""

    @given(st.lists(st.sampled_from(ACTS), max_size=25))
    def holds(names: list[str]) -> None:
        async def lives() -> None:
            live(names)

        loop.run_until_complete(lives())

    holds()


def live(names: list[str]) -> None:
    here, model = world(), Model()
    connection = here.connection
    for name in names:
        before = (connection.state, connection.holder, connection.deadline, here.endpoint.active)
        wanted = model.moved("send" if name == "send too soon" else name)
        # A request that is not the holder is refused as such, before its move is looked up.
        stranger = name != "lease" and connection.holder is not here.receiver
        illegal: type[RuntimeError] = RuntimeError if stranger else IllegalEventError
        try:
            act(here, name)
        except illegal:
            assert wanted == "illegal", (name, model)
            assert (connection.state, connection.holder, connection.deadline, here.endpoint.active) == before
            continue
        assert wanted != "illegal", (name, model)
        model.missing = wanted == "reading"
        model.unsent = wanted == "sent" and (name == "send too soon" or (model.unsent and name == "hang up"))
        model.state = wanted

        assert connection.state == wanted, (name, names)
        held = wanted in ("leased", "sent", "reading", "tunnelling")
        assert (connection.holder is here.receiver) == held
        assert here.endpoint.active == int(held)
        assert (connection in [kept for kept, _ in here.endpoint.idle._waiting]) == (
            wanted == "idle" and connection.answered > 0
        )
        asker = here.asker
        assert asker.heads <= 1
        assert asker.ends + asker.failures <= 1
        assert asker.tunnels + asker.ends <= 1
        if wanted == "closed":
            assert connection.deadline == 0.0


@pytest.mark.parametrize("state", UpstreamState)
def test_every_connection_can_end(state: UpstreamState) -> None:
    """In each state it can be closed and it can be lost, so no state keeps a descriptor for ever."""
    for event in (UpstreamEvent.CLOSE, UpstreamEvent.LOSE):
        assert UPSTREAM_CONNECTION.after(event)[state] is UpstreamState.CLOSED


class Leaver(Asker):
    """A receiver that passes the answer on, or abandons it, at the first interim answer."""

    def __init__(self, connection: UpstreamConnection, heir: Asker | None) -> None:
        super().__init__()
        self.connection = connection
        self.heir = heir

    def interim_answer(self, status: int, headers: Headers) -> None:
        mine: Any = self
        heir: Any = self.heir
        if heir is None:
            self.connection.abandon(mine)
        else:
            self.connection.pass_on(mine, heir)


@pytest.mark.parametrize("stays", [True, False], ids=["passed on", "abandoned"])
@pytest.mark.parametrize("answer", ["counted", "with trailers"])
def test_an_answer_that_is_passed_on_is_heard_to_its_end_by_the_heir(answer: str, stays: bool) -> None:
    """The rest may have come in the same read. Of an answer that is abandoned, nobody hears a word more."""
    here = world()
    heir = Asker()
    leaver: Any = Leaver(here.connection, heir if stays else None)
    here.connection.lease(leaver)
    here.connection.send(leaver, b"", is_head=False, uploading=True)
    final = {
        "counted": HEAD + b"Content-Length: 2\r\n\r\nok",
        "with trailers": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-T: t\r\n\r\n",
    }[answer]

    here.connection.data_received(b"HTTP/1.1 103 X\r\n\r\n" + final)

    assert (heir.heads, heir.ends, heir.failures) == ((1, 1, 0) if stays else (0, 0, 0))
    assert (leaver.heads, leaver.ends, leaver.failures) == (0, 0, 0)
    assert here.connection.holder is None


def test_a_stranger_sends_nothing() -> None:
    """A head that vanished would leave its client waiting for ever, so it raises."""
    here = world()
    stranger: Any = Asker()
    here.connection.lease(here.receiver)

    with pytest.raises(RuntimeError, match="does not hold"):
        here.connection.send(stranger, b"", is_head=False, uploading=True)
    assert here.connection.state is UpstreamState.LEASED


class Socket(Wire):
    """A transport over a real socket, whose other end may take no more."""

    def __init__(self, ours: socket.socket) -> None:
        super().__init__()
        self._ours = ours

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._ours if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return 0


SENDING_ACTS = ("a piece", "the application goes deaf", "the client has sent all", "a whole answer")


@given(st.lists(st.sampled_from(SENDING_ACTS), max_size=8))
def test_a_connection_is_kept_only_behind_a_body_that_was_taken_whole(acts: list[str]) -> None:
    """The model knows what the application has taken: the rest would be the next person's request."""
    ours, theirs = socket.socketpair()
    try:
        here = world()
        here.endpoint.reads_bodies = True
        connection = here.connection
        connection._transport = Socket(ours)
        act(here, "lease")
        connection.send(here.receiver, b"POST / HTTP/1.1\r\n\r\n", is_head=False, uploading=True)
        deaf = lost = complete = False
        for each in acts:
            if each == "a piece" and not complete:
                connection.send_body(here.receiver, b"x")
                lost = lost or deaf
            elif each == "the application goes deaf" and not deaf:
                theirs.close()
                deaf = True
            elif each == "the client has sent all" and not complete:
                connection.upload_done(here.receiver)
                complete = True
            elif each == "a whole answer":
                connection.data_received(SAID["a whole answer"])
                assert (connection.state is UpstreamState.IDLE) is (complete and not lost)
                assert here.asker.ends == 1
                return
            wanted = SendingState.CUT if lost else SendingState.WHOLE
            if not complete:
                wanted = SendingState.DEAF if lost else SendingState.COMING
            assert connection._sending is wanted, acts
    finally:
        ours.close()
        theirs.close()
