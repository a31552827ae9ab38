"""Clients that do not read, leave, or arrive while we drain: what has been said reaches them, and nothing grows."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from gateway.listen.httptools_connection import ClientConnection
from gateway.pipeline.outcome import Answer
from gateway.upstream.httptools_connection import UpstreamConnection
from tests.listen.byte_path import Door, get, open_door

HIGH_WATER = 64 * 1024
OURS = Answer(401, ((b"Content-Type", b"text/plain"),), b"s" * 4000)


class Wire:
    """A transport whose client reads when the test says so."""

    def __init__(self, protocol: ClientConnection) -> None:
        self.protocol = protocol
        self.written = b""
        self.unread = 0
        self.reading = True
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        full = self.unread > HIGH_WATER
        self.written += data
        self.unread += len(data)
        if self.unread > HIGH_WATER and not full:
            self.protocol.pause_writing()

    def read_everything(self) -> None:
        """The client reads what there is."""
        full = self.unread > HIGH_WATER
        self.unread = 0
        if full:
            self.protocol.resume_writing()

    def get_extra_info(self, name: str) -> tuple[str, int] | None:
        return ("198.51.100.7", 50_000) if name == "peername" else None

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    @property
    def answers(self) -> int:
        return self.written.count(b"HTTP/1.1 ")


def connected(door: Door) -> tuple[ClientConnection, Wire]:
    """Return a connection of the door's listener, and its transport."""
    connection = ClientConnection(door.listener, "http")
    wire = Wire(connection)
    connection.connection_made(cast("asyncio.BaseTransport", wire))
    return connection, wire


async def turn() -> None:
    """Let the loop end its turn, and the next."""
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.mark.parametrize("size", [60_000, 70_000])
async def test_who_does_not_read_holds_up_nobody_else(size: int) -> None:
    """Her answer came whole, so its connection to the application is another's already: it is not paused for her."""
    async with open_door() as door:
        page = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
        door.application.script = door.application.say(page)
        connection, _ = connected(door)
        asked = 0
        async with asyncio.timeout(5):
            while not connection.congested:
                if asked == len(door.observed.lines):
                    asked += 1
                    connection.data_received(get())
                await asyncio.sleep(0)

        other = await door.ask(get())

        assert (other.status, len(other.body)) == (200, size)
        connection.connection_lost(None)


async def test_pipelined_requests_wait_for_their_client_to_read() -> None:
    """Answers are made as they are read: not those of every request that somebody cares to send."""
    async with open_door() as door:
        door.step = lambda *_: OURS
        connection, wire = connected(door)

        connection.data_received(get() * 500)
        await turn()
        connection.data_received(get() * 100)
        await turn()

        assert (connection.congested, wire.reading) == (True, False)
        assert HIGH_WATER < wire.unread < 4 * HIGH_WATER
        rounds = 0
        while wire.answers < 600:
            wire.read_everything()
            await turn()
            rounds += 1
            assert wire.unread < 4 * HIGH_WATER
            assert rounds < 100
        wire.read_everything()
        assert wire.reading
        connection.connection_lost(None)


async def test_who_never_reads_is_let_go_of() -> None:
    """Between two requests, too: the clock of streams counts, and nothing more is said."""
    async with open_door(stream_idle=0.1) as door:
        door.step = lambda *_: OURS
        connection, wire = connected(door)
        connection.data_received(get() * 500)
        await turn()
        answered = wire.answers

        async with asyncio.timeout(5):
            while not wire.closing:
                await asyncio.sleep(0.01)

        assert wire.answers == answered
        assert "stream_idle" in door.observed.limits
        connection.connection_lost(None)


async def test_an_answer_that_begins_while_its_client_is_full_waits_for_it() -> None:
    """A full client is told of once, and there may have been no application to pause then."""
    async with open_door() as door:
        door.application.script = door.application.say(
            b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n" + b"x" * 70_000
        )
        connection, wire = connected(door)
        connection.data_received(get())
        # Earlier bytes leave only now, and fill the client's buffer.
        wire.unread = HIGH_WATER + 1
        connection.pause_writing()

        async with asyncio.timeout(5):
            while b"HTTP/1.1 200" not in wire.written:
                await asyncio.sleep(0)

        (endpoint,) = door.upstreams.endpoints
        (upstream,) = endpoint.open
        paused = [upstream._reading_paused]
        wire.read_everything()
        paused.append(upstream._reading_paused)
        assert paused == [True, False]
        connection.connection_lost(None)


async def test_an_answer_in_the_outbox_is_sent_before_its_connection_ends() -> None:
    """The client's end is seen in the turn in which it is answered; what we say then has the transport closed."""
    async with open_door() as door:
        door.step = lambda *_: OURS
        connection, wire = connected(door)

        connection.data_received(get())
        stays = connection.eof_received()

        assert not stays
        assert wire.answers == 1
        connection.connection_lost(None)


async def test_a_connection_that_was_made_while_we_drain_is_told_to_end() -> None:
    """Over TLS the handshake may have begun before the drain did."""
    async with open_door() as door:
        door.step = lambda *_: OURS
        connection = ClientConnection(door.listener, "https")
        door.listener.close_idle()
        wire = Wire(connection)

        connection.connection_made(cast("asyncio.BaseTransport", wire))
        connection.data_received(get())

        assert b"Connection: close\r\n" in wire.written
        assert wire.closing
        connection.connection_lost(None)


async def test_what_an_application_says_before_it_was_asked_is_no_answer() -> None:
    """The request waits for the turn to end; bytes that come before are somebody else's, or nobody's."""
    async with open_door() as door:
        await door.ask(get())
        (endpoint,) = door.upstreams.endpoints
        (kept,) = endpoint.open
        assert isinstance(kept, UpstreamConnection)
        connection, wire = connected(door)

        connection.data_received(get())
        kept.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen")

        await door.lines(2)
        await turn()
        assert wire.written.endswith(b"hello")
        assert b"stolen" not in wire.written
        assert [line.status for line in door.observed.lines] == [200, 200]
        connection.connection_lost(None)
