"""One request and its answer over raw sockets: bodies both ways, framing, time-outs, tunnels, and who answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.listen.services import Accounts
from gateway.pipeline.outcome import Answer, AskPortal, NeedSession, Step
from gateway.pipeline.visit import OwnPage, RefusalPage, Trouble, TroublePage, Visit
from gateway.policy.verdict import Deny, Reason, ReasonKind
from gateway.request.inbound import Inbound
from gateway.request.trust import Trust
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, SessionState, Unread
from gateway.session.ticket import Ticket
from gateway.settings.settings import UpstreamSettings
from gateway.upstream.prefix import PathRewrite
from tests.builders import identity, session
from tests.listen.byte_path import HOST, SIGNED_IN, TICKET, Answered, Door, Peer, app_settings, get, navigate

POST = b"POST /form HTTP/1.1\r\n" + HOST
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: y\r\n\r\n"
)


async def say(door: Door, *answers: bytes, close: bool = False) -> None:
    door.application.script = door.application.say(*answers, close=close)


# --- uploads --------------------------------------------------------------------------------------


async def test_a_counted_body_arrives_as_it_was(door: Door) -> None:
    """Counted stays counted, in however many pieces it comes."""
    await door.open()
    client = await door.client()

    await client.send(POST + b"Content-Length: 10\r\n\r\n01234")
    await client.send(b"56789")
    answer = await client.answer()

    request = door.application.requests[0]
    assert (request.body, request.all(b"Content-Length")) == (b"0123456789", [b"10"])
    assert answer.status == 200


async def test_a_chunked_body_is_chunked_anew(door: Door) -> None:
    """Extensions are dropped; the bytes stay. That is for a server that reads chunks."""
    door.app = app_settings(upstream_options=UpstreamSettings(chunked_uploads="stream"))
    await door.open()

    answer = await door.ask(POST + b"Transfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n001\r\n!\r\n0;x\r\n\r\n")

    request = door.application.requests[0]
    assert (request.body, request.all(b"Transfer-Encoding")) == (b"hello!", [b"chunked"])
    assert not request.all(b"Content-Length")
    assert answer.status == 200


async def test_only_harmless_trailers_are_forwarded(door: Door) -> None:
    """Servers merge trailers into headers, so what may not be said there may not be said here."""
    door.app = app_settings(upstream_options=UpstreamSettings(chunked_uploads="stream"))
    await door.open()

    await door.ask(
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
        b"X-Checksum: 1\r\nHost: evil.example\r\nX-Verified-Subject: root\r\nX_Verified_Subject: root\r\n"
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nCookie: a=b\r\nAuthorization: x\r\n\r\n"
    )

    assert door.application.requests[0].trailers == b"X-Checksum: 1\r\n"


BAD_CHUNKS = {
    "0x5": b"0x5\r\nhello\r\n0\r\n\r\n",
    "5_0": b"5_0\r\nhello\r\n0\r\n\r\n",
    "bare CR": b"5\rhello\r\n0\r\n\r\n",
    "bare LF": b"5\nhello\n0\n\n",
    "signed": b"+5\r\nhello\r\n0\r\n\r\n",
    "space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "longer than said": b"5\r\nhello!\r\n0\r\n\r\n",
    "overflow": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "LF in extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "trailer without colon": b"0\r\nX\r\n\r\n",
    "folded trailer": b"0\r\nX: a\r\n b\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
async def test_a_body_that_is_not_chunked_as_it_must_be_ends_the_connection(door: Door, name: str) -> None:
    """Nothing behind it can be trusted, so nothing behind it is read; the application gets no complete request."""
    await door.open()
    client = await door.client()

    await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + BAD_CHUNKS[name] + get(b"/admin/secret"))
    answer = await client.answer()

    assert answer.status == 400
    assert await client.ended()
    assert not door.application.requests
    assert len(door.observed.lines) == 1


async def test_what_comes_behind_a_body_is_the_next_request(door: Door) -> None:
    """Counted and chunked bodies end where they end, and not where a packet does."""
    await door.open()
    client = await door.client()

    await client.send(
        POST
        + b"Content-Length: 5\r\n\r\nhello"
        + POST
        + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        + get(b"/last")
    )
    statuses = [(await client.answer()).status for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert [request.body for request in door.application.requests] == [b"hello", b"hi", b""]
    assert door.application.requests[2].target == b"/last"


async def test_a_post_without_a_body_says_so(door: Door) -> None:
    """RFC 9110 section 8.6: many old servers wait for a body where no length is given."""
    await door.open()

    await door.ask(POST + b"\r\n")

    assert door.application.requests[0].all(b"Content-Length") == [b"0"]


async def test_a_body_over_the_limit_is_413_before_it_is_read(door: Door) -> None:
    """A counted one at its head."""
    await door.open(body=100)
    client = await door.client()

    await client.send(POST + b"Content-Length: 101\r\n\r\n")
    answer = await client.answer()

    assert answer.status == 413
    assert door.observed.limits == ["body"]
    assert not door.application.connections


async def test_a_chunked_body_over_the_limit_is_413_when_it_is(door: Door) -> None:
    """Its length is known only then."""
    await door.open(body=100)
    client = await door.client()

    await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + b"x" * 101)
    answer = await client.answer()

    assert answer.status == 413
    assert door.observed.limits == ["body"]
    assert await client.ended()


async def test_an_application_that_does_not_read_slows_the_client_down(door: Door) -> None:
    """The gateway's buffer is bounded for an upload of any size."""
    read_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        await read_on.wait()
        await peer.exactly(64 * 2**20)
        await peer.send(OK)

    door.application.script = script
    await door.open()
    client = await door.client()
    client.writer.write(POST + b"Content-Length: %d\r\n\r\n" % (64 * 2**20))
    client.writer.transport.set_write_buffer_limits(high=0)
    sent = 0

    async def upload() -> None:
        nonlocal sent
        while sent < 64 * 2**20:
            client.writer.write(b"x" * 2**18)
            await client.writer.drain()
            sent += 2**18

    uploading = asyncio.create_task(upload())
    done, _ = await asyncio.wait([uploading], timeout=0.5)
    stuck_at = sent
    read_on.set()
    answer = await client.answer()
    await uploading

    assert not done
    assert stuck_at < 32 * 2**20
    assert answer.body == b"ok"


async def test_half_a_body_is_no_request(door: Door) -> None:
    """A client that leaves in the middle takes the application's connection with it."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        begun.set()
        await peer.to_end()
        ended.set()

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(POST + b"Content-Length: 10\r\n\r\n01234")
    await begun.wait()
    await client.close()

    async with asyncio.timeout(5):
        await ended.wait()
    assert [line.status for line in await door.lines(1)] == [499]


async def test_an_upload_that_stands_still_is_ended(door: Door) -> None:
    """408, where no answer has begun."""
    await door.open(stream_idle=0.2)
    client = await door.client()

    await client.send(POST + b"Content-Length: 10\r\n\r\n01234")
    answer = await client.answer()

    assert answer.status == 408
    assert "stream_idle" in door.observed.limits
    assert await client.ended()


async def test_who_expects_100_gets_it_once_the_application_is_there(door: Door) -> None:
    """`Expect` ends with us; the application never sees it."""
    await door.open()
    client = await door.client()

    await client.send(POST + b"Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n")
    interim = await client.answer()
    await client.send(b"hello")
    answer = await client.answer()

    assert (interim.status, answer.status) == (100, 200)
    assert not door.application.requests[0].all(b"Expect")
    assert door.application.requests[0].body == b"hello"


async def test_who_expects_100_and_is_refused_uploads_nothing(door: Door) -> None:
    """The final answer comes instead, and the connection ends: body or request, we could not tell."""
    door.step = lambda *_: Answer(401, (), b"no")
    await door.open()
    client = await door.client()

    await client.send(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    answer = await client.answer()

    assert (answer.status, answer[b"Connection"]) == (401, b"close")
    assert await client.ended()


async def test_an_http_1_0_client_gets_no_100(door: Door) -> None:
    """It would take it for the answer (RFC 9110 section 10.1.1)."""
    await door.open()
    client = await door.client()

    await client.send(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" + HOST + b"\r\nhello")
    answer = await client.answer()

    assert answer.status == 200


async def test_a_request_that_is_refused_is_read_away(door: Door) -> None:
    """A short unwanted body does not cost the connection, and never reaches an application."""
    door.step = lambda *_: Answer(401, (), b"no")
    await door.open()
    client = await door.client()

    await client.send(POST + b"Content-Length: 10\r\n\r\n01234")
    first = await client.answer()
    await client.send(b"56789" + get())
    second = await client.answer()

    assert (first.status, second.status) == (401, 401)
    assert not door.application.connections


async def test_a_long_unwanted_body_ends_the_connection(door: Door) -> None:
    """Reading a gigabyte away to say no twice would be foolish."""
    door.step = lambda *_: Answer(401, (), b"no")
    await door.open()
    client = await door.client()

    await client.send(POST + b"Content-Length: 1000000000\r\n\r\n01234")
    answer = await client.answer()

    assert (answer.status, answer[b"Connection"]) == (401, b"close")
    assert await client.ended()


async def test_an_early_answer_passes_while_the_upload_runs(door: Door) -> None:
    """An application that has heard enough is believed, and the connection ends."""

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")

    door.application.script = script
    await door.open()
    client = await door.client()

    await client.send(POST + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
    answer = await client.answer()

    assert (answer.status, answer.body, answer[b"Connection"]) == (413, b"big", b"close")
    assert await client.ended()


async def test_both_directions_can_run_at_once(door: Door) -> None:
    """An application may answer piece by piece what comes piece by piece."""

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            await peer.send(b"1\r\n" + await peer.exactly(1) + b"\r\n")
        await peer.send(b"0\r\n\r\n")

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(POST + b"Content-Length: 3\r\n\r\n")
    await client.head()

    for letter in (b"a", b"b", b"c"):
        await client.send(letter)
        assert await client.until(b"1\r\n") == b"1\r\n"
        assert await client.exactly(3) == letter + b"\r\n"

    assert await client.until(b"0\r\n\r\n") == b"0\r\n\r\n"


# --- answers --------------------------------------------------------------------------------------


async def test_head_has_a_length_and_no_body(door: Door) -> None:
    """The application's connection is not used again: its parser could not be told of HEAD."""
    await say(door, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    await door.open()
    client = await door.client()

    for _ in range(2):
        await client.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = await client.answer("HEAD")
        assert answer[b"Content-Length"] == b"5"

    assert door.application.connections == 2


async def test_an_application_that_sends_a_body_to_head_poisons_nobody(door: Door) -> None:
    """The connection ends with the extra bytes."""
    await say(door, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    await door.open()
    client = await door.client()

    await client.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n")
    await client.answer("HEAD")
    await client.send(get())
    answer = await client.answer()

    assert (answer.status, answer.body) == (200, b"hello")


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body_have_none(door: Door, status: int) -> None:
    """RFC 9110 section 6.4.1; the next answer on the connection is the next request's."""
    await say(door, b'HTTP/1.1 %d X\r\nETag: "1"\r\n\r\n' % status, OK)
    await door.open()
    client = await door.client()

    await client.send(get() + get())
    first, second = await client.answer(), await client.answer()

    assert (first.status, second.body) == (status, b"ok")
    assert first[b"Transfer-Encoding"] is None
    assert status == 304 or first[b"Content-Length"] is None


async def test_a_304_may_say_the_length_of_what_it_does_not_send(door: Door) -> None:
    """RFC 9110 section 8.6."""
    await say(door, b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n")
    await door.open()
    client = await door.client()

    await client.send(get() + get())

    assert (await client.answer())[b"Content-Length"] == b"5"
    assert (await client.answer())[b"Content-Length"] == b"5"


async def test_an_answer_known_by_its_head_has_its_own_body(door: Door) -> None:
    """The same bytes of a head mean the same; what follows them is read each time."""
    head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\n"
    await say(door, head + b"first", head + b"again", head + b"third")
    await door.open()
    client = await door.client()

    bodies = []
    for _ in range(3):
        await client.send(get())
        answer = await client.answer()
        bodies.append(answer.body)
        assert answer[b"X-A"] == b"1"

    assert bodies == [b"first", b"again", b"third"]
    assert door.application.connections == 1


async def test_a_known_head_does_not_vouch_for_what_follows(door: Door) -> None:
    """Too much behind it ends the connection; too little is waited for; HEAD has none."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    parts = asyncio.Event()

    async def script(peer: Peer) -> None:
        for answer in (b"first", b"again", b"much too much"):
            await door.application.request(peer)
            if answer == b"again":
                await peer.send(head + answer[:2])
                await parts.wait()
                await peer.send(answer[2:])
            else:
                await peer.send(head + answer)
        await peer.to_end()

    door.application.script = script
    await door.open()
    client = await door.client()

    await client.send(get())
    first = await client.answer()
    await client.send(get())
    await client.head()
    parts.set()
    second = await client.exactly(5)
    await client.send(get())
    third = await client.answer()
    await client.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n")
    fourth = await client.answer("HEAD")

    assert (first.body, second, third.body) == (b"first", b"again", b"much ")
    assert (fourth.status, fourth[b"Content-Length"]) == (200, b"5")
    assert door.application.connections == 2


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 2\r\n\r\nok", b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("date", [b"", b"Date: Mon, 23 Nov 2026 00:00:00 GMT\r\n"])
async def test_an_answer_known_by_its_head_is_said_to_each_client_in_its_own_way(
    door: Door, date: bytes, rest: bytes
) -> None:
    """The same bytes from the application, in turn for one who is signed in, a stranger, and clients of old habits."""
    kinds = {
        "signed in": get(b"/", SIGNED_IN.strip()),
        "stranger": get(),
        "closes": get(b"/", b"Connection: close"),
        "old": b"GET / HTTP/1.0\r\n" + HOST + b"\r\n",
        "old, stays": b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST + b"\r\n",
        "over https": get(b"/", b"X-Forwarded-Proto: https", b"X-Forwarded-For: 192.0.2.1"),
    }
    head = b"HTTP/1.1 200 OK\r\n" + date + b"Cache-Control: public\r\n" + rest
    await say(door, *[head] * 3 * len(kinds))
    door.trust = Trust(["127.0.0.1"])
    door.hsts = b"Strict-Transport-Security: max-age=1\r\n"
    await door.open()

    heard: dict[str, set[tuple[object, ...]]] = {}
    for _ in range(3):
        for kind, request in kinds.items():
            answer = await door.ask(request)
            assert len(answer.all(b"Date")) == 1
            assert answer[b"Content-Length"] == b"2"
            said = (answer[b"Cache-Control"], answer[b"Connection"], answer[b"Strict-Transport-Security"], answer.body)
            heard.setdefault(kind, set()).add(said)

    assert heard == {
        "signed in": {(b"private", None, None, b"ok")},
        "stranger": {(b"public", None, None, b"ok")},
        "closes": {(b"public", b"close", None, b"ok")},
        "old": {(b"public", b"close", None, b"ok")},
        "old, stays": {(b"public", b"keep-alive", None, b"ok")},
        "over https": {(b"public", None, b"max-age=1", b"ok")},
    }
    assert len(door.upstreams.endpoints[0].head_cache) == 1


async def test_a_known_head_of_chunks_says_nothing_of_their_number(door: Door) -> None:
    """Bodies of any length come behind the same head, whole or in pieces, and each client gets its own."""
    head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    bodies = [b"one", b"", b"three and more", b"four"]
    goes_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        for number in range(2 * len(bodies)):
            await door.application.request(peer)
            body = bodies[number % len(bodies)]
            chunks = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
            if number < len(bodies):
                await peer.send(head + chunks)
            else:
                await peer.send(head)
                await goes_on.wait()
                goes_on.clear()
                await peer.send(chunks)

    door.application.script = script
    await door.open()
    client = await door.client()

    heard = []
    for number in range(2 * len(bodies)):
        await client.send(get())
        _, fields = await client.head()
        assert fields.count((b"X-A", b"1")) == 1
        goes_on.set()
        body, _, complete = await client.body(fields)
        assert complete
        heard.append(body)
        if number < len(bodies):
            goes_on.clear()

    assert heard == bodies * 2
    assert len(door.upstreams.endpoints[0].head_cache) == 1


async def test_a_small_body_leaves_with_its_head(door: Door) -> None:
    """One read brings both, and one write passes both on; what stands behind is the next request."""
    reads: list[bytes] = []

    async def script(peer: Peer) -> None:
        for _ in range(2):
            reads.append(await peer.until(b"\r\n\r\n"))
            if b"POST" in reads[-1]:
                # It has come: no read of the kernel parts what one write has joined.
                reads.append(await peer.exactly(4))
            await peer.send(OK)

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\nbody" + get(b"/next"))

    assert (await client.answer()).status == 200
    assert (await client.answer()).status == 200
    assert reads[1] == b"body"
    assert [(line.method, line.path, line.bytes_in) for line in door.observed.lines] == [
        ("POST", "/", 4),
        ("GET", "/next", 0),
    ]


async def test_a_head_with_a_cookie_is_not_kept(door: Door) -> None:
    """It is made for one person."""
    await say(door, b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok", OK)
    await door.open()

    await door.ask(get())
    kept_of_cookie = len(door.upstreams.endpoints[0].head_cache)
    await door.ask(get())

    assert (kept_of_cookie, len(door.upstreams.endpoints[0].head_cache)) == (0, 1)


async def test_each_client_gets_its_own_cookie_and_no_other(door: Door) -> None:
    """Heads that differ in their cookie alone are made once: but each cookie is looked at, and goes to one client."""
    head = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nSet-Cookie: %b\r\n%bContent-Length: 2\r\n\r\nok"
    cookies = {
        b"a=hanako": b"a=hanako",
        b"a=taro; Path=/": b"a=taro; Path=/",
        b"sekisho=1": None,
        b"__Host-Sekisho=1; Path=/": None,
        b"a=jiro; Domain=inner.test": b"a=jiro",
        b"a=yuki; Domain=gw.test": b"a=yuki; Domain=gw.test",
        b"a=saburo": b"a=saburo",
    }
    more = (b"", b"X-Set-Cookie: a=saburo\r\n")
    await say(door, *[head % (cookie, extra) for extra in more for cookie in cookies for _ in range(2)])
    door.app = app_settings(internal_origins=("http://inner.test",))
    await door.open()

    for _ in more:
        for wanted in cookies.values():
            for _ in range(2):
                answer = await door.ask(get())
                assert answer.all(b"Set-Cookie") == ([] if wanted is None else [wanted])
                assert (answer[b"X-A"], answer[b"Content-Length"], answer.body) == (b"1", b"2", b"ok")

    assert len(door.upstreams.endpoints[0].head_cache) == 0


async def test_a_remembered_head_gets_no_cookie_of_an_inner_path(door: Door) -> None:
    """An App whose paths are others inside has each cookie's path changed, behind any head that came before."""
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: %b\r\nContent-Length: 2\r\n\r\nok"
    cookies = {b"a=1": b"a=1", b"a=2; Path=/inner/x": b"a=2; Path=/x", b"a=3; Path=/inner": b"a=3; Path=/"}
    await say(door, *[head % cookie for _ in range(2) for cookie in cookies])
    door.rewrite = PathRewrite("", "/inner")
    await door.open()

    for _ in range(2):
        for wanted in cookies.values():
            assert (await door.ask(get())).all(b"Set-Cookie") == [wanted]


async def test_a_chunked_answer_is_chunked_anew(door: Door) -> None:
    """Extensions are dropped; harmless trailers stay."""
    await say(
        door,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
        b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\nContent-Type: a/b\r\n\r\n",
    )
    await door.open()
    client = await door.client()

    for _ in range(2):
        await client.send(get())
        answer = await client.answer()
        assert (answer.body, answer.trailers.split(b"\r\n")[0]) == (b"abcde", b"X-T: 1")
        assert b"Content-Type" not in answer.trailers

    assert door.application.connections == 1


async def test_a_trailer_cannot_set_a_cookie(door: Door) -> None:
    """A trailer must not carry a field that belongs to a head."""
    await say(door, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: a=b\r\nX-T: 1\r\n\r\n")
    await door.open()

    answer = await door.ask(get())

    assert b"a=b" not in answer.trailers


async def test_an_http_1_0_client_gets_no_chunks(door: Door) -> None:
    """Its answer ends where the connection does."""
    await say(door, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await say(door, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    await door.open()
    client = await door.client()

    await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST + b"\r\n")
    answer = await client.answer()

    assert (answer.body, answer[b"Connection"]) == (
        b"abc",
        b"close" if answer[b"Content-Length"] is None else b"keep-alive",
    )


async def test_an_answer_that_ends_by_close_is_whole(door: Door) -> None:
    """An old application has no other way; our client gets chunks and keeps its connection."""
    await say(door, b"HTTP/1.0 200 OK\r\n\r\nabc", close=True)
    await door.open()
    client = await door.client()

    for _ in range(2):
        await client.send(get())
        assert (await client.answer()).body == b"abc"

    assert door.application.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ],
)
async def test_a_truncated_answer_looks_truncated(door: Door, answer: bytes) -> None:
    """The client must not take a part for the whole."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        begin, mark, end = answer.partition(b"abc")
        await peer.send(begin + mark)
        await go_on.wait()
        await peer.send(end)

    door.application.script = script
    await door.open()
    client = await door.client()

    await client.send(get())
    _, fields = await client.head()
    go_on.set()
    got = Answered(200, fields)
    got.body, _, got.complete = await client.body(fields)

    assert (got.body, got.complete) == (b"abc", False)
    assert [line.reason for line in door.observed.lines] == ["upstream_protocol"]


BAD_ANSWERS = {
    "both lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "gzip coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    "gzip, chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
    "status 999": b"HTTP/1.1 999 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status 099": b"HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "101 unasked": b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello",
    "101 bare": b"HTTP/1.1 101 X\r\n\r\nhello",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "header section too long": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "header section without end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
async def test_an_answer_that_is_not_http_is_502(door: Door, name: str) -> None:
    """One answer, with the request's id; the connection it came on is dropped."""
    await say(door, BAD_ANSWERS[name], close=True)
    await door.open()
    client = await door.client()

    await client.send(get())
    answer = await client.answer()

    assert answer.status == 502
    body = json.loads(answer.body)
    assert body["code"] == "upstream_protocol"
    (line,) = door.observed.lines
    assert (line.request_id, line.status, line.reason) == (body["request_id"], 502, "upstream_protocol")


async def test_what_stands_behind_an_answer_is_nobodys(door: Door) -> None:
    """A second answer nobody asked for must not become the next request's."""
    await say(door, OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nPWNED")
    await door.open()
    client = await door.client()

    for _ in range(2):
        await client.send(get())
        assert (await client.answer()).body == b"ok"

    assert door.application.connections == 2


async def test_an_application_that_speaks_unasked_loses_its_connection(door: Door) -> None:
    """Between two requests it has nothing to say."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(OK)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nPWNED")
        await peer.to_end()

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(get())
    first = await client.answer()
    async with asyncio.timeout(5):
        while door.application.tasks:
            await asyncio.sleep(0)

    await client.send(get())
    second = await client.answer()

    assert (first.body, second.body) == (b"ok", b"ok")


async def test_interim_answers_are_passed_on(door: Door) -> None:
    """103 goes to the client, filtered; a 100 the client did not wait for stays with us."""
    await say(
        door,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x\r\nX: 1\r\n\r\n"
        + OK,
    )
    await door.open()
    client = await door.client()

    await client.send(get())
    hints, answer = await client.answer(), await client.answer()

    assert (hints.status, hints[b"Link"], hints[b"X"]) == (103, b"</a.css>", None)
    assert answer.body == b"ok"


async def test_interim_answers_may_come_alone(door: Door) -> None:
    """Long before the final one, and in pieces."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        await door.application.request(peer)

    door.application.script = script
    await door.open()
    client = await door.client()

    await client.send(get())

    assert (await client.answer()).status == 103


async def test_an_http_1_0_client_gets_no_interim_answer(door: Door) -> None:
    """RFC 9110 section 15.2."""
    await say(door, b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + OK)
    await door.open()

    answer = await door.ask(b"GET / HTTP/1.0\r\n" + HOST + b"\r\n")

    assert answer.status == 200


async def test_events_are_passed_on_as_they_are_sent(door: Door) -> None:
    """Nothing is held back to make a fuller packet."""
    heard = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number in range(3):
            await peer.send(b"data: %d\n\n" % number)
            await heard.wait()
            heard.clear()

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(get())
    await client.head()

    for number in range(3):
        assert await client.until(b"\n\n\r\n") == b"9\r\ndata: %d\n\n\r\n" % number
        heard.set()

    assert await client.until(b"0\r\n\r\n") == b"0\r\n\r\n"


async def test_a_client_that_does_not_read_slows_the_application_down(door: Door) -> None:
    """The gateway's buffer is bounded for an answer of any size."""
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await door.application.request(peer)
        peer.writer.transport.set_write_buffer_limits(high=0)
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * 2**20))
        while sent < 64 * 2**20:
            peer.writer.write(b"x" * 2**18)
            await peer.writer.drain()
            sent += 2**18

    door.application.script = script
    await door.open()
    client = await door.client(small_buffer=True)
    client.pause()
    await client.send(get())
    await door.application.has_heard(1)
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.2)
    stuck_at = sent
    client.resume()
    answer = await client.answer()

    assert stuck_at < 32 * 2**20
    assert len(answer.body) == 64 * 2**20


async def test_a_client_that_never_reads_is_let_go(door: Door) -> None:
    """After `stream_idle` both sides are closed."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * 2**20) + b"x" * 2**25)
        await peer.to_end()

    door.application.script = script
    await door.open(stream_idle=0.3)
    client = await door.client(small_buffer=True)
    client.pause()
    await client.send(get())

    (line,) = await door.lines(1)

    assert (line.status, line.reason) == (200, "stream_idle")
    assert door.observed.limits == ["stream_idle"]


# --- time and trouble on the way to the application -----------------------------------------------


async def test_an_application_that_is_not_there_is_502(door: Door) -> None:
    """Unreachable, with the request id."""
    await door.application.stop()
    await door.open()

    answer = await door.ask(get())

    assert (answer.status, json.loads(answer.body)["code"]) == (502, "upstream_unreachable")


async def test_an_application_that_does_not_answer_is_504(door: Door) -> None:
    """After `answer` seconds from the complete request."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.to_end()

    door.application.script = script
    await door.open(answer=0.1)

    answer = await door.ask(get())

    assert (answer.status, json.loads(answer.body)["code"]) == (504, "upstream_timeout")


async def test_an_answer_that_stands_still_is_cut(door: Door) -> None:
    """After `stream_idle`, visibly incomplete."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        await peer.to_end()

    door.application.script = script
    await door.open(stream_idle=0.1)

    answer = await door.ask(get())

    assert (answer.body, answer.complete) == (b"abc", False)


async def test_a_kept_connection_that_died_is_replaced(door: Door) -> None:
    """GET is sent again, once, as the application has not said a byte."""
    die = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(OK)
        if door.application.connections == 1:
            await door.application.request(peer)
            die.set()
            return
        await door.application.request(peer)
        await peer.send(OK)

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(get())
    await client.answer()

    await client.send(get())
    answer = await client.answer()

    assert answer.body == b"ok"
    assert die.is_set()
    assert door.application.connections == 2


async def test_what_may_not_be_sent_twice_is_not(door: Door) -> None:
    """A POST whose connection died is 502: the application may have acted on it."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(OK)
        await door.application.request(peer)

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(get())
    await client.answer()

    await client.send(POST + b"Content-Length: 2\r\n\r\nhi")
    answer = await client.answer()

    assert answer.status == 502
    assert len(door.application.requests) == 2


async def test_a_new_connection_that_dies_is_not_tried_again(door: Door) -> None:
    """Only a kept one can have died of age."""
    await say(door, b"", close=True)
    await door.open()

    answer = await door.ask(get())

    assert answer.status == 502
    assert door.application.connections == 1


async def test_an_answer_that_has_begun_is_not_asked_for_again(door: Door) -> None:
    """A byte is enough."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(OK)
        await door.application.request(peer)
        await peer.send(b"HTTP/1.1 2")

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(get())
    await client.answer()

    await client.send(get())
    answer = await client.answer()

    assert answer.status == 502
    assert len(door.application.requests) == 2


async def test_a_client_that_leaves_takes_its_answer_with_it(door: Door) -> None:
    """The application's connection is closed, so that the answer cannot become somebody else's."""
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        request = await door.application.request(peer)
        if request.target == b"/slow":
            await peer.to_end()
            gone.set()
        await peer.send(OK)

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(get(b"/slow"))
    await door.application.has_heard(1)
    client.reset()
    async with asyncio.timeout(5):
        await gone.wait()

    answer = await door.ask(get(b"/fast"))

    assert answer.body == b"ok"
    assert sorted(line.status for line in await door.lines(2)) == [200, 499]


# --- who answers ----------------------------------------------------------------------------------


async def test_an_answer_of_the_pipeline_is_given_at_once(door: Door) -> None:
    """With its headers, a length, a date, and the connection kept."""
    door.step = lambda *_: Answer(401, ((b"X-A", b"1"),), b"no", verdict="challenge", reason="sign_in")
    await door.open()
    client = await door.client()

    for _ in range(2):
        await client.send(get())
        answer = await client.answer()
        assert (answer.status, answer[b"X-A"], answer.body) == (401, b"1", b"no")
        assert answer[b"Date"] is not None
    assert [(line.verdict, line.reason) for line in door.observed.lines] == [("challenge", "sign_in")] * 2


async def test_an_answer_to_head_has_no_body(door: Door) -> None:
    """Its length is that of the body it does not send."""
    door.step = lambda *_: Answer(401, (), b"no")
    await door.open()
    client = await door.client()

    for _ in range(2):
        await client.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.answer("HEAD"))[b"Content-Length"] == b"2"


def needs_session(door: Door) -> Callable[..., Step]:
    def step(inbound: Inbound, known: SessionState, now: float, table: Any) -> Step:
        if isinstance(known, Unread):
            return NeedSession(known.ticket)
        return door.forward(inbound, known, now, table)

    return step


async def test_a_session_not_in_memory_is_loaded(door: Door) -> None:
    """The body waits meanwhile, and the pipeline is asked again with what was found."""
    door.step = needs_session(door)
    door.sessions.peeked = Unread(TICKET)
    door.sessions.services.clear()
    await door.open()
    client = await door.client()

    await client.send(POST + SIGNED_IN + b"Content-Length: 5\r\n\r\nhel")
    async with asyncio.timeout(5):
        while not door.sessions.loads:
            await asyncio.sleep(0)
    untouched = door.application.connections
    door.sessions.services.set()
    await client.send(b"lo")
    answer = await client.answer()

    assert answer.status == 200
    assert untouched == 0
    assert door.application.requests[0].body == b"hello"
    assert isinstance(door.seen[0][1], Found)


async def test_a_body_that_came_before_the_session_reaches_a_kept_connection(door: Door) -> None:
    """Whole, though the connection was at hand and the last of the body was there first."""
    door.step = needs_session(door)
    await door.open()
    client = await door.client()
    await client.send(get().replace(b"\r\n\r\n", b"\r\n" + SIGNED_IN + b"\r\n"))
    await client.answer()
    door.sessions.peeked = Unread(TICKET)

    await client.send(POST + SIGNED_IN + b"Content-Length: 5\r\n\r\nhello")
    answer = await client.answer()

    assert answer.status == 200
    assert [request.body for request in door.application.requests] == [b"", b"hello"]
    assert door.application.connections == 1


async def test_a_body_that_came_before_the_session_is_no_request_to_the_portal(door: Door) -> None:
    """The portal must not read a form's content as a request behind the page's bodiless GET."""
    refuse = portal(door, RefusalPage(NO))
    door.step = lambda inbound, known, now, table: (
        NeedSession(known.ticket) if isinstance(known, Unread) else refuse(inbound, known, now, table)
    )
    door.portal_application.script = door.portal_application.say(b"HTTP/1.1 403 X\r\nContent-Length: 2\r\n\r\nno")
    door.sessions.peeked = Unread(TICKET)
    smuggled = b"GET /.sekisho/logout HTTP/1.1\r\n" + HOST + b"\r\n"
    await door.open()
    client = await door.client()

    for _ in range(2):
        await client.send(POST + SIGNED_IN + b"Content-Length: %d\r\n\r\n" % len(smuggled) + smuggled)
        assert (await client.answer()).status == 403

    assert [request.target for request in door.portal_application.requests] == [b"/", b"/"]


async def test_a_client_that_leaves_while_its_session_is_loaded_is_forgotten(door: Door) -> None:
    """Nothing is forwarded for nobody."""
    door.step = needs_session(door)
    door.sessions.peeked = Unread(TICKET)
    door.sessions.services.clear()
    await door.open()
    client = await door.client()
    await client.send(get().replace(b"\r\n\r\n", b"\r\n" + SIGNED_IN + b"\r\n"))
    async with asyncio.timeout(5):
        while not door.sessions.loads:
            await asyncio.sleep(0)

    client.reset()
    lines = await door.lines(1)
    door.sessions.services.set()
    await asyncio.sleep(0)

    assert [line.status for line in lines] == [499]
    assert not door.application.connections


async def test_a_mistake_of_ours_is_500_and_nobody_passes(door: Door) -> None:
    """No traceback reaches the client."""

    def step(*_: Any) -> Step:
        raise RuntimeError("secret words")

    door.step = step
    await door.open()

    answer = await door.ask(get())

    assert answer.status == 500
    assert b"secret" not in answer.body
    assert not door.application.connections


async def test_a_store_that_raises_is_no_pass(door: Door) -> None:
    """A store that raises where it should have returned a value lets nobody pass."""
    door.step = needs_session(door)
    door.sessions.peeked = Unread(TICKET)

    async def load(*_: Any) -> Any:
        raise StoreUnavailableError

    door.sessions.load = load  # type: ignore[method-assign,assignment]
    await door.open()

    answer = await door.ask(get().replace(b"\r\n\r\n", b"\r\n" + SIGNED_IN + b"\r\n"))

    assert answer.status == 500
    assert not door.application.connections


def portal(door: Door, purpose: Any) -> Callable[..., Step]:
    def step(inbound: Inbound, known: SessionState, now: float, table: Any) -> Step:
        return AskPortal(Visit(door.route, inbound, known, purpose))

    return step


NO = Deny(None, (Reason(ReasonKind.NO_RULE),))


async def test_a_page_is_asked_of_the_portal_without_the_upload(door: Door) -> None:
    """The gateway asks the portal by a bodiless GET for the page of a refusal, for every client's request."""
    door.step = portal(door, RefusalPage(NO))
    door.portal_application.script = door.portal_application.say(b"HTTP/1.1 403 X\r\nContent-Length: 2\r\n\r\nno")
    await door.open()
    client = await door.client()

    await client.send(POST + b"Content-Length: 5\r\n\r\nhello" + get())
    first, second = await client.answer(), await client.answer()

    assert (first.status, second.status, first.body) == (403, 403, b"no")
    request = door.portal_application.requests[0]
    assert request.line.startswith(b"GET / ")
    assert not request.all(b"Content-Length")
    assert request.all(b"Sekisho-Visit")
    assert [line.verdict for line in door.observed.lines] == ["deny", "deny"]


async def test_who_is_refused_is_named_by_pseudonym(door: Door) -> None:
    """On a page as in an answer of our own: the audit is made of the access line."""
    door.step = lambda inbound, *_: AskPortal(
        Visit(door.route, inbound, Found(session(identity(client_id=door.route.client_id))), RefusalPage(NO))
    )
    await door.open()

    await door.ask(get())

    (line,) = door.observed.lines
    assert (line.verdict, line.app, line.session) == ("deny", door.route.app.name, "p-hanako")


async def test_our_own_page_gets_the_body(door: Door) -> None:
    """A button on the portal's page is a POST with a form."""
    door.step = portal(door, OwnPage())
    await door.open()

    answer = await door.ask(POST + b"Content-Length: 5\r\n\r\nhello")

    assert answer.status == 200
    assert door.portal_application.requests[0].body == b"hello"
    assert door.observed.lines[0].verdict == "portal"


async def test_head_of_a_refusal_has_no_body(door: Door) -> None:
    """The portal is asked with GET; the client asked with HEAD."""
    door.step = portal(door, RefusalPage(NO))
    await door.open()
    client = await door.client()

    for _ in range(2):
        await client.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.answer("HEAD")).status == 200


async def test_a_person_sees_a_page_when_the_application_is_down(door: Door) -> None:
    """The portal makes it; a script gets problem+json."""
    await door.application.stop()
    door.portal_application.script = door.portal_application.say(b"HTTP/1.1 502 X\r\nContent-Length: 4\r\n\r\npage")
    await door.open()

    answer = await door.ask(navigate())

    assert (answer.status, answer.body) == (502, b"page")
    (token,) = door.portal_application.requests[0].all(b"Sekisho-Visit")
    visit = door.visits.take(token.decode())
    assert visit is not None
    assert visit.purpose == TroublePage(Trouble.UPSTREAM_UNREACHABLE, 502)


async def test_the_page_of_last_resort_loads_nothing(door: Door) -> None:
    """If the portal does not answer either, the page is whole in itself, with the request id and no secret."""
    door.step = portal(door, OwnPage())
    await door.open()
    await door.portal_application.stop()

    answer = await door.ask(navigate())

    assert answer.status == 502
    assert (answer[b"Content-Type"] or b"").startswith(b"text/html")
    assert door.observed.lines[0].request_id.encode() in answer.body
    assert "ください".encode() in answer.body
    assert len(door.visits) == 0


# --- tunnels --------------------------------------------------------------------------------------


def websocket(*fields: bytes) -> bytes:
    return b"GET /ws HTTP/1.1\r\n" + HOST + UPGRADE + b"".join(fields) + b"\r\n"


async def echo(door: Door, peer: Peer) -> None:
    await door.application.request(peer)
    await peer.send(SWITCHED)
    while data := await peer.reader.read(65536):
        await peer.send(data)


async def test_a_websocket_is_a_tunnel_both_ways(door: Door) -> None:
    """Bytes are bytes, until one side has said its last."""
    door.application.script = lambda peer: echo(door, peer)
    await door.open()
    client = await door.client()

    await client.send(websocket())
    answer = await client.answer()
    await client.send(b"\x81\x05hello")
    back = await client.exactly(7)
    client.writer.write_eof()

    assert (answer.status, answer[b"Upgrade"], answer[b"Sec-WebSocket-Accept"]) == (101, b"websocket", b"y")
    assert back == b"\x81\x05hello"
    assert await client.ended()
    request = door.application.requests[0]
    assert (request.all(b"Upgrade"), request.all(b"Connection")) == ([b"websocket"], [b"Upgrade"])
    (line,) = await door.lines(1)
    assert (line.status, line.bytes_in, line.bytes_out) == (101, 7, 7)


async def test_bytes_that_come_with_the_101_are_not_lost(door: Door) -> None:
    """An application may speak first."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(SWITCHED + b"\x81\x02hi")
        await peer.to_end()

    door.application.script = script
    await door.open()
    client = await door.client()

    await client.send(websocket())
    await client.answer()

    assert await client.exactly(4) == b"\x81\x02hi"


async def test_a_client_that_does_not_wait_for_the_101_is_cut_off(door: Door) -> None:
    """The client's bytes may be a request disguised as frames; they reach no server."""
    door.application.script = lambda peer: echo(door, peer)
    await door.open()
    client = await door.client()

    await client.send(websocket() + get(b"/admin/secret"))

    assert await client.ended()
    assert [line.reason for line in await door.lines(1)] == ["tunnel_too_early"]


async def test_an_event_stream_may_be_silent_as_long_as_a_tunnel(door: Door) -> None:
    """Events come when they come."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await go_on.wait()
        await peer.send(b"data: 2\n\n")

    door.application.script = script
    await door.open(stream_idle=0.05, tunnel_idle=60.0)
    client = await door.client()
    await client.send(get())
    await client.until(b"data: 1\n\n\r\n")
    # The other kind of answer is cut in this time, as another test shows.
    await asyncio.sleep(0.3)

    go_on.set()

    assert await client.until(b"data: 2\n\n\r\n")


async def test_a_refused_upgrade_leaves_no_tunnel(door: Door) -> None:
    """The bytes behind the answer are neither tunnelled nor served: the connection ends."""
    await say(door, b"HTTP/1.1 404 X\r\nContent-Length: 2\r\n\r\nno")
    await door.open()
    client = await door.client()

    await client.send(websocket() + get(b"/admin/secret"))
    answer = await client.answer()

    assert (answer.status, answer[b"Connection"]) == (404, b"close")
    assert await client.ended()
    assert [request.target for request in door.application.requests] == [b"/ws"]


async def test_an_upgrade_with_a_body_is_no_upgrade(door: Door) -> None:
    """The header is dropped, and the body is a body, not tunnel bytes; what follows is a request."""
    await door.open()
    client = await door.client()

    await client.send(POST + UPGRADE + b"Content-Length: 5\r\n\r\nhello" + get(b"/next"))
    first, second = await client.answer(), await client.answer()

    assert (first.status, second.status) == (200, 200)
    request = door.application.requests[0]
    assert (request.body, request.all(b"Upgrade")) == (b"hello", [])
    assert door.application.requests[1].target == b"/next"


async def test_a_chunked_upgrade_is_no_upgrade(door: Door) -> None:
    """Neither is this one."""
    await door.open()
    client = await door.client()

    await client.send(POST + UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get(b"/next"))
    first, second = await client.answer(), await client.answer()

    assert (first.status, second.status) == (200, 200)
    assert door.application.requests[0].body == b"hello"


async def test_an_upgrade_to_anything_else_is_dropped(door: Door) -> None:
    """h2c among them; what follows is parsed and decided on like anything."""
    await door.open()
    client = await door.client()

    await client.send(
        b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + get(b"/next")
    )
    first, second = await client.answer(), await client.answer()

    assert (first.status, second.status) == (200, 200)
    assert not door.application.requests[0].all(b"Upgrade")
    assert not door.application.requests[0].all(b"HTTP2-Settings")
    assert [inbound.target.path for inbound, _ in door.seen] == ["/", "/next"]


async def test_a_silent_tunnel_is_closed(door: Door) -> None:
    """After `tunnel_idle` without a byte either way."""
    door.application.script = lambda peer: echo(door, peer)
    await door.open(tunnel_idle=0.2)
    client = await door.client()
    await client.send(websocket())
    await client.answer()

    assert await client.ended()
    assert door.observed.limits == ["tunnel_idle"]


async def test_an_application_that_speaks_keeps_a_tunnel_open(door: Door) -> None:
    """Silence is counted over both directions."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(SWITCHED)
        for _ in range(10):
            await asyncio.sleep(0.05)
            await peer.send(b"x")

    door.application.script = script
    await door.open(tunnel_idle=0.3)
    client = await door.client()
    await client.send(websocket())
    await client.answer()

    assert await client.exactly(10) == b"x" * 10


async def open_streams(door: Door, accounts: Accounts | None = None) -> tuple[Peer, Peer]:
    """Open a WebSocket and an event stream of the same session."""

    async def script(peer: Peer) -> None:
        request = await door.application.request(peer)
        if request.target == b"/ws":
            await peer.send(SWITCHED)
        else:
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await peer.to_end()

    door.application.script = script
    await door.open()
    door.listener.reload(replace(door.listener.services, accounts=accounts))
    tunnel, events = await door.client(), await door.client()
    await tunnel.send(websocket(SIGNED_IN))
    await tunnel.answer()
    await events.send(b"GET /sse HTTP/1.1\r\n" + HOST + SIGNED_IN + b"\r\n")
    await events.head()
    await events.until(b"\n\n\r\n")
    return tunnel, events


async def test_the_end_of_a_session_ends_its_streams(door: Door) -> None:
    """The session's end cuts WebSocket and event stream, both sides of both, and the access line says why."""
    tunnel, events = await open_streams(door)
    assert [watched.ticket for watched in door.sessions.watched] == [TICKET, TICKET]

    for watched in tuple(door.sessions.watched):
        watched.on_end()

    assert await tunnel.ended()
    assert await events.ended()
    async with asyncio.timeout(5):
        while door.application.tasks:
            await asyncio.sleep(0)
    assert [line.reason for line in door.observed.lines] == ["session_over", "session_over"]
    assert door.sessions.watched == []


class Linked:
    """A person's link to an account, and the streams that were opened for it."""

    def __init__(self) -> None:
        self.streams: dict[int, Callable[[], None]] = {}

    async def load(self, route: Route, found: Found, ticket: Ticket) -> None:
        raise AssertionError("no rule looks at accounts")

    def watch(self, route: Route, found: Found, on_end: Callable[[], None]) -> Linked._Stream:
        assert (route.name, found.session) == ("booking", session())
        stream = Linked._Stream(self)
        self.streams[id(stream)] = on_end
        return stream

    class _Stream:
        def __init__(self, owner: Linked) -> None:
            self.owner = owner

        def cancel(self) -> None:
            del self.owner.streams[id(self)]


async def test_the_end_of_a_link_ends_its_streams(door: Door) -> None:
    """It cuts both sides of both, the access line says why, and neither the session nor the link is watched then."""
    linked = Linked()
    tunnel, events = await open_streams(door, linked)
    assert len(linked.streams) == len(door.sessions.watched) == 2

    for on_end in tuple(linked.streams.values()):
        on_end()

    assert await tunnel.ended()
    assert await events.ended()
    async with asyncio.timeout(5):
        while door.application.tasks:
            await asyncio.sleep(0)
    assert [line.reason for line in door.observed.lines] == ["account_over", "account_over"]
    assert (door.sessions.watched, linked.streams) == ([], {})


async def test_a_stream_that_has_ended_is_forgotten(door: Door) -> None:
    """A stream that its client has left is watched no more: a later end of the session has nothing to cut."""
    tunnel, events = await open_streams(door)

    tunnel.reset()
    events.reset()
    await door.lines(2)

    assert door.sessions.watched == []


async def test_what_could_not_be_said_is_told_of(door: Door) -> None:
    """Of the request whose headers were made; not of one whose headers were kept."""

    def losses(inbound: Inbound, known: SessionState, now: Instant, table: RouteTable) -> Step:
        step = door.forward(inbound, known, now, table)
        return msgspec.structs.replace(step, losses=(2, 1)) if len(door.seen) == 1 else step

    door.step = losses
    await door.open()

    await door.ask(get(b"/"))
    await door.ask(get(b"/"))

    assert door.losses == [("booking", 2, 1)]


# --- service workers ------------------------------------------------------------------------------


WIDE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/javascript\r\nService-Worker-Allowed: /\r\nContent-Length: 6\r\n\r\n'mine'"
)
SCRIPT = b"GET /public/sw.js HTTP/1.1\r\n" + HOST + b"Service-Worker: script\r\n"


async def test_a_worker_gets_no_scope_over_our_pages(door: Door) -> None:
    """The script is passed on without the field that allows it, also where the same head was remembered."""
    await door.open()
    await say(door, WIDE, WIDE)

    page = await door.ask(get(b"/public/sw.js"))
    script = await door.ask(SCRIPT + b"\r\n")

    for answer in (page, script):
        assert (answer.status, answer.body) == (200, b"'mine'")
        assert answer.all(b"Service-Worker-Allowed") == []


@pytest.mark.parametrize("whole", [True, False])
async def test_a_worker_over_our_pages_gets_a_next_version_that_goes(door: Door, *, whole: bool) -> None:
    """However much of the application's script is there; the next request is answered as ever."""
    await door.open()
    await say(door, WIDE if whole else WIDE[:-3], OK)

    answer = await door.ask(SCRIPT + b'If-None-Match: "v1"\r\n\r\n')
    # For a connection that is made anew; one that is used again goes on where it was.
    await say(door, OK)
    after = await door.ask(get(b"/x"))

    assert answer.status == 200
    assert b"unregister()" in answer.body
    assert answer[b"Service-Worker-Allowed"] == b"/"
    assert (after.status, after.body) == (200, b"ok")
    line = door.observed.lines[0]
    assert (line.verdict, line.reason, line.app) == ("deny", "service_worker_scope", "booking")
