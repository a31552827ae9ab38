"""A connection has one owner: random orders of events, and the moments in which a reference outlives its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any, cast

import pytest
import structlog

from gateway.errors import GatewayError
from gateway.limits.limits import LimitStore, LimitUse
from gateway.pipeline.outcome import Answer, Forward, NeedReservation, Step
from gateway.request.inbound import Inbound
from gateway.route.table import RouteTable
from gateway.session.session import SessionState
from gateway.settings.settings import HealthSettings, TrafficSettings, UpstreamSettings
from gateway.upstream.asyncio_endpoint import Endpoint
from gateway.upstream.asyncio_health import check
from gateway.upstream.asyncio_upstreams import Upstreams
from gateway.upstream.httptools_connection import UpstreamConnection
from gateway.upstream.upstream import AnswerHead, Exchanger, Headers
from gateway.wire.deadlines import Deadlines
from tests.builders import NOON
from tests.listen.byte_path import HOST, PATIENCE, Door, Peer, get

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

ANSWERS: dict[str, Callable[[bytes], tuple[list[bytes], bool]]] = {
    "whole": lambda tag: ([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(tag), tag)], False),
    "in two pieces": lambda tag: (
        [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(tag) * 2, tag), tag],
        False,
    ),
    "chunked": lambda tag: (
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", _chunk(tag) + b"0\r\n\r\n"],
        False,
    ),
    "with trailers": lambda tag: (
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\nX-T: t\r\n\r\n" % _chunk(tag)],
        False,
    ),
    "to the end": lambda tag: ([b"HTTP/1.1 200 OK\r\n\r\n", tag], True),
    "without a body": lambda tag: ([b"HTTP/1.1 204 X\r\nX-Of: %b\r\n\r\n" % tag], False),
    "and close": lambda tag: (
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(tag), tag)],
        True,
    ),
}
"""A server's bytes for a request, in their pieces, and whether it closes the connection then."""


LAST = b"!"
"""The last byte of a request's body."""


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Wire:
    """A transport whose other end is played by the machine below: a server that keeps HTTP."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.protocol: UpstreamConnection
        self.closing = False
        self.lost = False
        self.reading = True
        self.full = False
        self.written = b""
        self.unread: list[bytes | None] = []
        """The server's bytes that the gateway has not read while it paused; `None` for the end."""
        self.answering: list[bytes] = []
        self.hangs_up = False
        self.answered = 0
        self.body_over = True

    # --- as asyncio's transports ------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes) -> None:
        assert not self.closing
        if data.startswith(b"GET "):
            assert self.body_over, "a request within the last one's body"
            self.body_over = b"X-Body" not in data
        elif data == LAST:
            self.body_over = True
        self.written += data

    def get_extra_info(self, name: str) -> None:
        """It has no socket."""

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True
        self.loop.call_soon(self.deliver)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Say no more."""

    def abort(self) -> None:
        if not self.closing:
            self.closing = True
            self.loop.call_soon(self._gone)

    close = abort

    def _gone(self) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connection_lost(None)

    # --- as the server ----------------------------------------------------------------------------

    @property
    def asked(self) -> list[bytes]:
        """The numbers of the requests that have come whole or in part."""
        return [head.partition(b"X-Of: ")[2].partition(b"\r\n")[0] for head in self.written.split(b"GET ")[1:]]

    def say(self, data: bytes | None) -> None:
        self.unread.append(data)
        self.deliver()

    def deliver(self) -> None:
        while self.unread and self.reading and not self.closing:
            data = self.unread.pop(0)
            if data is not None:
                self.protocol.data_received(data)
            elif not self.protocol.eof_received():
                self.abort()

    def state(self) -> tuple[object, ...]:
        """Everything that somebody whose lease is over must not change."""
        protocol = self.protocol
        at = (protocol.holder, protocol.state, protocol.deadline)
        return (self.closing, self.reading, self.written, self.protocol.holder, *at)


class Asker:
    """One request: takes a connection, sends, hears, and keeps every reference it was ever given."""

    def __init__(self, number: int, *, uploading: bool) -> None:
        self.tag = b"<%d>" % number
        self.uploading = uploading
        self.over = False
        self.given_up = False
        self.ends = 0
        self.heard = b""
        self.had: list[UpstreamConnection] = []
        self.has: UpstreamConnection | None = None
        self.paused = False

    def upstream_ready(self, connection: Exchanger) -> None:
        assert self.has is None, "two connections for one request"
        mine = cast("UpstreamConnection", connection)
        assert mine.holder is self
        self.had.append(mine)
        if self.over:
            connection.abandon(self)
            return
        self.has = mine
        head = b"GET / HTTP/1.1\r\nX-Of: %b\r\n%b\r\n" % (self.tag, b"X-Body: yes\r\n" if self.uploading else b"")
        connection.send(self, head, is_head=False, uploading=self.uploading)

    def finish_upload(self) -> None:
        if self.has is not None and self.uploading:
            self.uploading = False
            self.has.send_body(self, LAST)
            if self.has is not None:
                self.has.upload_done(self)

    def _end(self) -> None:
        assert not self.given_up, "told something after it had left"
        self.ends += 1
        self.over = True
        self.has = None

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        # A client that left while it waited for a connection may get the error that there is none.
        if not self.given_up:
            self._end()

    def interim_answer(self, status: int, headers: Headers) -> None:
        raise AssertionError(status)

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        assert not self.over
        self.heard += body + b"".join(value for name, value in head.headers if name == b"X-Of")
        if complete:
            self._end()

    def answer_goes_on(self, body: bytes) -> None:
        assert not self.over
        self.heard += body

    def answer_ends(self, trailers: Headers) -> None:
        self._end()

    def upgraded(self, headers: Headers, rest: bytes) -> None:
        raise AssertionError(headers)

    def tunnel_data(self, data: bytes) -> None:
        raise AssertionError(data)

    def tunnel_ends(self) -> None:
        raise AssertionError

    def pause_upload(self) -> None:
        assert not self.over, "told to pause after its end"
        self.paused = True

    def resume_upload(self) -> None:
        assert not self.over, "told to go on after its end"
        assert self.paused, "told to go on, though it was never told to pause"
        self.paused = False


ACTS: dict[str, Callable[[UpstreamConnection, Asker], None]] = {
    "abandon": lambda connection, asker: connection.abandon(asker),
    "pause": lambda connection, asker: connection.pause(asker),
    "resume": lambda connection, asker: connection.resume(asker),
    "send_body": lambda connection, asker: connection.send_body(asker, b"+"),
    "upload_done": lambda connection, asker: connection.upload_done(asker),
    "end_tunnel": lambda connection, asker: connection.end_tunnel(asker),
    "hand_over": lambda connection, asker: connection.hand_over(asker),
    "pass_on": lambda connection, asker: connection.pass_on(asker, Asker(-1, uploading=False)),
}
"""Every call that a holder of a reference can make, except `send`, which raises."""


class World:
    """One App's way to its upstreams, many requests, and a world in which things happen in any order."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.loop = asyncio.new_event_loop()
        self.clock = 1_000.0
        self.deadlines = Deadlines(self.clock, 0.25)
        self.askers: list[Asker] = []
        self.wires: list[Wire] = []
        self.refusing = False
        limits = TrafficSettings()
        options = UpstreamSettings(
            concurrency=self.random.choice([None, 1, 3]), queue=5, failures=1_000, balance="least_requests"
        )
        names = self.random.choice([("one",), ("one", "two")])
        endpoints = [Endpoint(name, self.connect, limits, self.deadlines, options) for name in names]
        self.way = Upstreams("app", endpoints, limits, options)
        self.happened: list[str] = []
        self.numbers = count()

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> tuple[Any, asyncio.BaseProtocol]:
        if self.refusing:
            raise ConnectionRefusedError
        wire = Wire(self.loop)
        wire.protocol = cast("UpstreamConnection", factory())
        wire.protocol.connection_made(cast("asyncio.BaseTransport", wire))
        self.wires.append(wire)
        for _ in range(self.random.choice([0, 1, 3])):
            await asyncio.sleep(0)
        return wire, wire.protocol

    # --- what happens -----------------------------------------------------------------------------

    def a_request_comes(self) -> None:
        asker = Asker(next(self.numbers), uploading=self.random.random() < 0.3)
        self.askers.append(asker)
        connection = self.way.take(asker, repeatable=self.random.random() < 0.7)
        if connection is not None:
            asker.upstream_ready(connection)

    def time_passes(self) -> None:
        until = self.clock + self.random.choice([0.3, 0.3, 0.3, 1.0, 3.0, 70.0, 130.0])
        while self.clock < until:
            self.clock += 0.75
            self.deadlines.turn(self.clock)

    def an_answer_is_passed_on(self) -> None:
        """As that of a request whose client has left, and which runs on."""
        holders = [asker for asker in self.askers if asker.has and not asker.uploading and not asker.heard]
        if holders:
            asker = self.random.choice(holders)
            heir = Asker(int(asker.tag[1:-1]), uploading=False)
            self.askers.append(heir)
            connection, asker.has = asker.has, None
            assert connection is not None
            asker.over = asker.given_up = True
            heir.had.append(connection)
            heir.has, heir.paused = connection, asker.paused
            connection.pass_on(asker, heir)

    def somebody_leaves(self) -> None:
        staying = [asker for asker in self.askers if not asker.over]
        if staying:
            asker = self.random.choice(staying)
            asker.over = asker.given_up = True
            connection, asker.has = asker.has, None
            if connection is None:
                self.way.leave(asker)
            else:
                connection.abandon(asker)
                assert connection.holder is None

    def an_old_reference_is_used(self) -> None:
        """Nothing happens: neither to the connection nor to the request that has it now."""
        pairs = [(asker, had) for asker in self.askers for had in asker.had if had.holder is not asker]
        of_others = [pair for pair in pairs if pair[1].holder is not None]
        if not pairs:
            return
        asker, connection = self.random.choice(of_others or pairs)
        (wire,) = (wire for wire in self.wires if wire.protocol is connection)
        before = wire.state()
        for name, act in ACTS.items():
            act(connection, asker)
            assert wire.state() == before, name
        with pytest.raises(RuntimeError):
            connection.send(asker, b"GET /stale HTTP/1.1\r\n\r\n", is_head=False, uploading=False)
        assert wire.state() == before

    def a_holder_does_something(self) -> None:
        holders = [asker for asker in self.askers if asker.has]
        if holders:
            asker = self.random.choice(holders)
            name = self.random.choice(["pause", "resume", *(["send_body", "upload_done"] if asker.uploading else [])])
            if name == "upload_done":
                asker.finish_upload()
                return
            ACTS[name](cast("UpstreamConnection", asker.has), asker)

    def waiting(self) -> list[Wire]:
        """Return the connections whose server owes an answer, or a part of one."""
        return [wire for wire in self.wires if not wire.closing and (wire.answering or len(wire.asked) > wire.answered)]

    def a_server_says_something(self) -> None:
        if waiting := self.waiting():
            self.speak(self.random.choice(waiting), self.random.choice(sorted(ANSWERS)))

    def a_server_answers_well(self) -> None:
        if waiting := self.waiting():
            self.speak(self.random.choice(waiting), "whole")

    def speak(self, wire: Wire, kind: str) -> None:
        if not wire.answering:
            wire.answering, wire.hangs_up = ANSWERS[kind](wire.asked[wire.answered])
        piece = wire.answering.pop(0)
        if not wire.answering:
            wire.answered += 1
        wire.say(piece)
        if not wire.answering and wire.hangs_up:
            wire.say(None)

    def a_server_stops_or_goes_on_reading(self) -> None:
        senders = {id(asker.has) for asker in self.askers if asker.has}
        used = [wire for wire in self.wires if not wire.closing and (wire.full or id(wire.protocol) in senders)]
        if used:
            wire = self.random.choice(used)
            wire.full = not wire.full
            if wire.full:
                wire.protocol.pause_writing()
            else:
                wire.protocol.resume_writing()

    def a_connection_ends(self) -> None:
        if there := [wire for wire in self.wires if not wire.closing]:
            wire = self.random.choice(there)
            if self.random.random() < 0.5:
                wire.abort()
            else:
                wire.say(None)

    def a_server_speaks_unasked(self) -> None:
        """The fault can be seen: every earlier request is answered, and the gateway reads the bytes at once."""
        quiet = [
            wire
            for wire in self.wires
            if len(wire.asked) == wire.answered and not wire.answering and wire.reading and not wire.unread
        ]
        if quiet and not (wire := self.random.choice(quiet)).closing:
            wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n<thief!>")

    def the_servers_go_away_or_come_back(self) -> None:
        self.refusing = not self.refusing and self.random.random() < 0.3

    async def some_of_it(self, steps: int) -> None:
        """Let things happen, now and then with a turn of the loop between them."""
        what = {
            self.a_request_comes: 10,
            self.a_server_answers_well: 8,
            self.a_server_says_something: 8,
            self.an_old_reference_is_used: 8,
            self.a_holder_does_something: 6,
            self.a_server_stops_or_goes_on_reading: 3,
            self.somebody_leaves: 2,
            self.an_answer_is_passed_on: 1,
            self.time_passes: 2,
            self.a_connection_ends: 1,
            # Such a server is put apart, and none of its connections serves one request after the other.
            self.a_server_speaks_unasked: self.random.choice([0, 0, 1]),
            self.the_servers_go_away_or_come_back: 1,
        }
        acts, weights = list(what), list(what.values())
        for _ in range(steps):
            (act,) = self.random.choices(acts, weights)
            self.happened.append(act.__name__)
            act()
            self.look()
            for _ in range(self.random.choice([0, 0, 1, 3])):
                await asyncio.sleep(0)
            self.look()

    # --- what holds -------------------------------------------------------------------------------

    def look(self) -> None:
        """Each hears its own answer alone, once; a connection has one holder, and a holder one connection."""
        for asker in self.askers:
            assert asker.heard in (b"", asker.tag, asker.tag * 2), (asker.tag, asker.heard)
            assert asker.ends <= 1
            assert asker.has is None or asker.has.holder is asker
        holders = [wire.protocol.holder for wire in self.wires if wire.protocol.holder is not None]
        assert len(holders) == len(set(holders))
        for endpoint in self.way.endpoints:
            assert endpoint.active >= 0

    async def all_ends(self) -> None:
        """Every client that has not left gets an answer in the end, and nothing that is over is counted."""
        self.refusing = False
        for _ in range(40):
            for _ in range(4):
                await asyncio.sleep(0)
            for asker in self.askers:
                if asker.has is not None:
                    asker.finish_upload()
                    asker.has.resume(asker)
            for _ in range(4):
                await asyncio.sleep(0)
            for wire in self.waiting():
                self.speak(wire, "whole")
            self.look()
        assert [asker.tag for asker in self.askers if not asker.over] == []
        assert self.way.active == 0
        assert {endpoint.active for endpoint in self.way.endpoints} == {0}
        assert not [waiting for waiting in self.way.queue if not waiting.receiver.over]
        self.way.close()
        await asyncio.sleep(0)


def live_through(seed: int, steps: int) -> World:
    """Let things happen in one order of them, and return what became of it."""
    world = World(seed)
    try:
        world.loop.run_until_complete(world.some_of_it(steps))
        world.loop.run_until_complete(world.all_ends())
    except BaseException as error:
        error.add_note(f"seed {seed}: {', '.join(world.happened)}")
        raise
    finally:
        world.loop.close()
    return world


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    with structlog.testing.capture_logs():
        yield


def test_a_lease_that_was_given_back_can_do_nothing() -> None:
    """In any order of events each request hears its own answer, or that there is none; nothing is counted twice."""
    worlds = [live_through(seed, steps=120) for seed in range(150)]

    # The orders are worth something: connections serve one after the other, and most requests are answered.
    asked = sum(len(wire.asked) for world in worlds for wire in world.wires)
    assert asked > 1.2 * sum(len(world.wires) for world in worlds)
    assert sum(bool(asker.heard) for world in worlds for asker in world.askers) > asked / 2


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_a_lease_that_was_given_back_can_do_nothing_at_length(part: int) -> None:
    """The same, in many more and longer orders."""
    for seed in range(1_000 + part * 100, 1_100 + part * 100):
        live_through(seed, steps=400)


# --- moments in which a reference outlives its lease, over real sockets -------------------------------

USE = LimitUse(policy="p", limit="once", period="2026-11-23", code="c", times=1, forget_at=NOON)
REFUSED = {
    "whole": b"HTTP/1.1 400 X\r\nContent-Length: 2\r\n\r\nno",
    "with trailers": b"HTTP/1.1 400 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\nX-T: t\r\n\r\n",
}


class SlowStore:
    """A store of limits in which an entry is settled when the test says so."""

    def __init__(self) -> None:
        self.settling = asyncio.Event()
        self.go_on = asyncio.Event()

    async def reserve(self, *_: Any) -> bool:
        return True

    async def renew(self, *_: Any) -> bool:
        return True

    async def settle(self, *_: Any) -> None:
        self.settling.set()
        await self.go_on.wait()


def _leaves(_: Door, client: Peer) -> None:
    client.reset()


def _is_cut_off(door: Door, _: Peer) -> None:
    """The drain's time is over, and this client's connection is the first."""
    connections = sorted(door.listener._connections, key=lambda connection: connection._exchange.inbound.target.path)  # type: ignore[union-attr]
    connections[0].end()


@pytest.mark.parametrize(("ends", "status"), [(_leaves, 499), (_is_cut_off, 503)])
@pytest.mark.parametrize("refused", REFUSED)
async def test_a_client_that_leaves_while_its_entry_is_settled_harms_nobody(
    door: Door, refused: str, ends: Callable[[Door, Peer], None], status: int
) -> None:
    """The connection that answered it serves somebody else by then, who gets the answer."""
    store, answer_now = SlowStore(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(REFUSED[refused])
        await door.application.request(peer)
        await answer_now.wait()
        await peer.send(OK)

    def step(inbound: Inbound, known: SessionState, now: float, table: RouteTable) -> Step:
        forward = door.forward(inbound, known, now, table)
        if inbound.target.path != "/draw":
            return forward
        return NeedReservation(USE, (), cast("Forward", forward), Answer(403), Answer(503))

    door.application.script = script
    door.step = step
    await door.open()
    door.listener.reload(replace(door.listener.services, entries=cast("LimitStore", store)))
    bob, carol = await door.client(), await door.client()

    await bob.send(b"POST /draw HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        await store.settling.wait()
    await carol.send(get(b"/victim"))
    await door.application.has_heard(2)
    ends(door, bob)
    (line,) = await door.lines(1)
    answer_now.set()
    answer = await carol.answer()
    store.go_on.set()

    assert (line.path, line.status) == ("/draw", status)
    assert (answer.status, answer.body) == (200, b"ok")
    assert door.application.connections == 1


async def test_the_connection_of_a_health_check_is_nobody_elses() -> None:
    """Though the upstream keeps it open, against what it was asked: the check closes it a moment later."""
    wires: list[Wire] = []
    loop = asyncio.get_running_loop()

    async def connect(factory: Callable[[], asyncio.Protocol]) -> tuple[Any, asyncio.BaseProtocol]:
        wire = Wire(loop)
        wire.protocol = cast("UpstreamConnection", factory())
        wire.protocol.connection_made(cast("asyncio.BaseTransport", wire))
        wires.append(wire)
        return wire, wire.protocol

    endpoint = Endpoint("one", connect, TrafficSettings(), Deadlines(0.0))
    checking = asyncio.create_task(check(endpoint, HealthSettings(), "app.gw.test"))
    async with asyncio.timeout(PATIENCE):
        while not (wires and wires[0].written):
            await asyncio.sleep(0)

    wires[0].say(OK)
    waiting = len(endpoint.idle)

    assert waiting == 0
    assert await checking
    assert wires[0].closing


@pytest.mark.parametrize("method", [b"POST", b"GET"])
async def test_what_is_pipelined_behind_an_answer_that_ends_by_close_has_a_new_connection(
    door: Door, method: bytes
) -> None:
    """The connection's end was that answer's end; a request sent on it would be lost, and a POST is not sent twice."""

    async def script(peer: Peer) -> None:
        request = await door.application.request(peer)
        await peer.send(OK)
        if request.target == b"/first":
            await door.application.request(peer)
            await peer.send(b"HTTP/1.1 200 OK\r\n\r\nto the end")

    door.application.script = script
    await door.open()
    client = await door.client()

    # The first answer tells the parser that its connection stays, and the second one must not inherit that.
    await client.send(get(b"/first"))
    first = await client.answer()
    await client.send(get(b"/second") + b"%b /third HTTP/1.1\r\n%b\r\n" % (method, HOST))
    second, third = await client.answer(), await client.answer()

    assert [(answer.status, answer.body) for answer in (first, second, third)] == [
        (200, b"ok"),
        (200, b"to the end"),
        (200, b"ok"),
    ]
    assert door.application.connections == 2
    assert len(door.application.requests) == 3
