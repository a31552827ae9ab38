"""The door over raw sockets: heads, limits, refusals, and how a connection lives and ends."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.listen.httptools_connection import ClientConnection
from gateway.wire.methods import REGISTERED
from tests.listen.byte_path import HOST, Door, Peer, app_settings, get

# --- heads that are served ----------------------------------------------------------------------


async def test_a_request_reaches_the_application_and_its_answer_the_client(door: Door) -> None:
    """The plainest thing a gateway does."""
    await door.open()

    answer = await door.ask(get(b"/rooms?day=1", b"Accept: text/html"))

    request = door.application.requests[0]
    assert request.line == b"GET /rooms?day=1 HTTP/1.1"
    assert request.all(b"Accept") == [b"text/html"]
    assert request.all(b"Host") == [b"app.gw.test"]
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer[b"Date"] is not None


async def test_a_connection_is_kept_on_both_sides(door: Door) -> None:
    """The second request uses the client's connection and the application's."""
    await door.open()
    client = await door.client()

    for _ in range(3):
        await client.send(get())
        answer = await client.answer()
        assert answer.body == b"hello"
        assert answer[b"Connection"] is None

    assert door.application.connections == 1


async def test_pipelined_requests_are_answered_in_order(door: Door) -> None:
    """Requests that come together are served one after the other."""
    await door.open()
    client = await door.client()

    await client.send(b"".join(get(b"/%d" % number) for number in range(20)))

    for _ in range(20):
        assert (await client.answer()).status == 200
    assert [request.target for request in door.application.requests] == [b"/%d" % number for number in range(20)]


async def test_a_head_may_come_byte_by_byte(door: Door) -> None:
    """However TCP cuts it, a head is the same head."""
    await door.open()
    client = await door.client()

    for byte in b"\r\n" + get(b"/slow", b"X-A: " + b"a" * 20):
        client.writer.write(bytes((byte,)))
        await asyncio.sleep(0)
    answer = await client.answer()

    assert answer.status == 200
    assert door.application.requests[0].all(b"X-A") == [b"a" * 20]


class Nowhere(asyncio.Transport):
    """A transport on which nothing is sent."""

    def is_closing(self) -> bool:
        return True


@pytest.mark.parametrize("size", [1, 2, 3, 50])
@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\nX: a\r\n"])
async def test_an_unfinished_head_is_looked_at_once(door: Door, start: bytes, size: int) -> None:
    """Each piece costs what its own bytes cost: a client that sends a head byte by byte does not slow others."""
    await door.open()
    connection = ClientConnection(door.listener, "http")
    connection.connection_made(Nowhere({"peername": ("127.0.0.1", 1)}))
    line = b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" if start.endswith(b"\n") else b"a" * 50
    came = start + line * (7_000 // len(line))

    for begin in range(0, len(came), size):
        connection.data_received(came[begin : begin + size])

    assert not door.observed.lines
    pieces = len(came) // size + 1
    assert connection._buffer.looked_at <= 3 * len(came) + 6 * pieces
    connection.connection_lost(None)


async def test_white_space_around_a_value_is_no_part_of_it(door: Door) -> None:
    """RFC 9110 section 5.5: what policy compares and the application receives has none."""
    await door.open()

    await door.ask(get(b"/", b"X-A: \t a b \t "))

    inbound, _ = door.seen[0]
    assert (b"X-A", b"a b") in inbound.headers
    assert door.application.requests[0].all(b"X-A") == [b"a b"]


async def test_one_empty_line_before_a_request_is_ignored(door: Door) -> None:
    """RFC 9112 section 2.2: old clients send one behind a form."""
    await door.open()

    answer = await door.ask(b"\r\n" + get())

    assert answer.status == 200


async def test_an_absolute_target_becomes_its_origin_form(door: Door) -> None:
    """RFC 9112 section 3.2.2; the client's authority is compared, never connected to."""
    await door.open()

    answer = await door.ask(b"GET http://app.gw.test/a?b HTTP/1.1\r\n" + HOST + b"\r\n")

    assert answer.status == 200
    assert door.application.requests[0].target == b"/a?b"


async def test_options_about_the_server_is_answered_by_the_gateway(door: Door) -> None:
    """`*` names no application's resource."""
    await door.open()

    answer = await door.ask(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n")

    assert answer.status == 204
    assert b"GET" in (answer[b"Allow"] or b"")
    assert not door.application.requests


async def test_max_forwards_counts_us(door: Door) -> None:
    """RFC 9110 section 7.6.2: at 0 we are the last; else the next one gets one less."""
    await door.open()

    last = await door.ask(b"OPTIONS / HTTP/1.1\r\nMax-Forwards: 0\r\n" + HOST + b"\r\n")
    await door.ask(b"OPTIONS / HTTP/1.1\r\nMax-Forwards: 5\r\n" + HOST + b"\r\n")

    assert last.status == 204
    assert [request.all(b"Max-Forwards") for request in door.application.requests] == [[b"4"]]


async def test_an_http_1_0_client_is_served_and_closed(door: Door) -> None:
    """Without `keep-alive` its connection ends with the answer."""
    await door.open()
    client = await door.client()

    await client.send(b"GET / HTTP/1.0\r\n" + HOST + b"\r\n")
    answer = await client.answer()

    assert answer.body == b"hello"
    assert answer[b"Connection"] == b"close"
    assert await client.ended()


async def test_an_http_1_0_client_can_keep_its_connection(door: Door) -> None:
    """It asks for it, and is told."""
    await door.open()
    client = await door.client()

    for _ in range(2):
        await client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST + b"\r\n")
        answer = await client.answer()
        assert answer[b"Connection"] == b"keep-alive"


async def test_connection_close_is_honoured(door: Door) -> None:
    """The client says it, the answer repeats it, the connection ends."""
    await door.open()
    client = await door.client()

    await client.send(get(b"/", b"Connection: x, Close"))
    answer = await client.answer()

    assert answer[b"Connection"] == b"close"
    assert await client.ended()


async def test_a_client_that_has_only_stopped_talking_gets_its_answer(door: Door) -> None:
    """Half-closed is not gone at once: it is looked at again a moment later."""
    await door.open()
    client = await door.client()

    await client.send(get())
    client.writer.write_eof()
    answer = await client.answer()

    assert answer.body == b"hello"
    assert await client.ended()


# --- heads that are refused ---------------------------------------------------------------------

SECOND = b"GET /admin/secret HTTP/1.1\r\nHost: app.gw.test\r\n\r\n"
POST = b"POST /app/echo HTTP/1.1\r\n" + HOST

REFUSED = {
    "both lengths": (400, POST + b"Content-Length: 54\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND),
    "xchunked": (400, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SECOND),
    "tab before chunked": (400, POST + b"Content-Length: 5\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + SECOND),
    "two codings": (
        400,
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SECOND,
    ),
    "chunked twice": (
        400,
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND,
    ),
    "chunked, identity": (400, POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SECOND),
    "gzip, chunked": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + SECOND),
    "two equal lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + SECOND),
    "listed lengths": (400, POST + b"Content-Length: 5, 6\r\n\r\nhello" + SECOND),
    "signed length": (400, POST + b"Content-Length: +5\r\n\r\nhello" + SECOND),
    "length overflow": (400, POST + b"Content-Length: 99999999999999999999\r\n\r\nhello" + SECOND),
    "length of 18 digits more": (400, POST + b"Content-Length: 18446744073709551615\r\n\r\nhello" + SECOND),
    "chunked in 1.0": (400, b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND),
    "NUL": (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n"),
    "two spaces": (400, b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "version twice": (400, b"GET / HTTP/1.1 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "non-ASCII name": (400, b"GET / HTTP/1.1\r\n" + HOST + "X-é: 1\r\n\r\n".encode()),
    "non-ASCII target": (400, "GET /é HTTP/1.1\r\n".encode() + HOST + b"\r\n"),
    "space before colon": (400, b"GET / HTTP/1.1\r\n" + HOST + b"X : 1\r\n\r\n"),
    "folded line": (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: 1\r\n 2\r\n\r\n"),
    "folded first line": (400, b"GET / HTTP/1.1\r\n X: 1\r\n" + HOST + b"\r\n"),
    "bare LF": (400, b"GET / HTTP/1.1\n" + HOST + b"\n"),
    "bare LF in the middle": (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: 1\nY: 2\r\n\r\n"),
    "bare CR": (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: 1\rY: 2\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "no host in 1.0": (400, b"GET / HTTP/1.0\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\n" + HOST + b"Host: evil.example\r\n\r\n"),
    "two equal hosts": (400, b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    "listed hosts": (400, b"GET / HTTP/1.1\r\nHost: app.gw.test, evil.example\r\n\r\n"),
    "empty host": (400, b"GET / HTTP/1.1\r\nHost: \r\n\r\n"),
    "host with user": (400, b"GET / HTTP/1.1\r\nHost: a@app.gw.test\r\n\r\n"),
    "port too big": (400, b"GET / HTTP/1.1\r\nHost: app.gw.test:99999\r\n\r\n"),
    "other authority": (400, b"GET http://evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "other scheme": (400, b"GET ftp://app.gw.test/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "fragment": (400, b"GET /admin/secret#/public/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    "backslash": (400, b"GET /public\\..\\admin HTTP/1.1\r\n" + HOST + b"\r\n"),
    "star for GET": (400, b"GET * HTTP/1.1\r\n" + HOST + b"\r\n"),
    "two blank lines": (400, b"\r\n\r\n" + get()),
    "space first": (400, b" " + get()),
    "TLS on a plain port": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "HTTP/0.9": (400, b"GET /\r\n\r\n"),
    "HTTP/2.0": (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    "HTTP/1.2": (505, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "ICE": (400, b"SOURCE / ICE/1.0\r\n" + HOST + b"\r\n"),
    "RTSP": (400, b"DESCRIBE / RTSP/1.0\r\n" + HOST + b"\r\n"),
    "foreign method": (405, b"PROPFIND / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "unknown method": (501, b"FROB / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "TRACE": (405, b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n"),
    "CONNECT": (405, b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"),
    "unknown expectation": (417, POST + b"Expect: 200-maybe\r\nContent-Length: 5\r\n\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_head_that_two_servers_could_read_differently_is_refused(door: Door, name: str) -> None:
    """Refused means: an answer, a closed connection, and nothing at the application; also of what came behind it."""
    status, request = REFUSED[name]
    await door.open()
    client = await door.client()

    await client.send(request)
    answer = await client.answer()

    assert answer.status == status
    assert answer[b"Connection"] == b"close"
    assert await client.ended()
    assert not door.application.requests
    lines = door.observed.lines
    ((status_told, path, verdict),) = [(line.status, line.path, line.verdict) for line in lines]
    assert (status_told, verdict) == (status, "error")
    assert not path or path.encode() in request


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (b"FROB /a HTTP/1.1", b""),
        (b"get /a HTTP/1.1", b""),
        (b"PROPFIND /a HTTP/1.1", b""),
        (b"GET /a//b HTTP/1.1", b""),
        (b"GET /a HTTP/1.1", b"X : 1\r\n"),
        (b"GET /a HTTP/1.1", b"Content-Length: 5, 6\r\n"),
        (b"GET /a HTTP/1.2", b""),
    ],
)
async def test_a_refused_head_names_its_app(door: Door, line: bytes, fields: bytes) -> None:
    """Whether llhttp refuses it or the reader does, and where a field comes before `Host` or behind it."""
    await door.open()
    for head in (fields + b"Host: App.gw.test.\r\n", b"Host: app.gw.test\r\n" + fields):
        client = await door.client()
        await client.send(line + b"\r\n" + head + b"\r\n")
        assert (await client.answer()).status >= 400

    told = [(each.app, each.host, each.method) for each in door.observed.lines]
    assert told == [(door.app.name, "app.gw.test", line.partition(b" ")[0].decode())] * 2


async def test_every_method_that_an_app_asks_for_comes_through(door: Door) -> None:
    """The listener passes on methods that llhttp has never heard of, with a body and without, one after the other."""
    door.app = app_settings(methods=tuple(REGISTERED.values()))
    await door.open()
    client = await door.client()

    for method in REGISTERED:
        for body in (b"", b"Content-Length: 2\r\n"):
            await client.send(method + b" /files/a HTTP/1.1\r\n" + HOST + body + b"\r\n" + (b"hi" if body else b""))
            assert (await client.answer()).status == 200
            assert door.application.requests[-1].line == method + b" /files/a HTTP/1.1"
            assert door.application.requests[-1].body == (b"hi" if body else b"")


@pytest.mark.parametrize(
    "line", [b"UPDATE /a\tb HTTP/1.1", b"UPDATE /a b HTTP/1.1", b"UPDATE / HTTP/2.0", b"UPDATE * HTTP/1.1"]
)
async def test_a_method_that_the_parser_does_not_know_excuses_nothing(door: Door, line: bytes) -> None:
    """The rest of its head is judged as any other's."""
    door.app = app_settings(methods=tuple(REGISTERED.values()))
    await door.open()

    answer = await door.ask(line + b"\r\n" + HOST + b"\r\n")
    folded = await door.ask(b"UPDATE / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n")

    assert (answer.status, folded.status) == (505 if b"2.0" in line else 400, 400)
    assert not door.application.requests


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET  / HTTP/1.1", 400),
        (b"GET / HTTP/1.1 HTTP/1.1", 400),
        (b"GET /\t HTTP/1.1", 400),
        (b"GET /\x00 HTTP/1.1", 400),
        (b"GET /\r HTTP/1.1", 400),
        (b"GET /\n HTTP/1.1", 400),
        (b"GET /\xe3 HTTP/1.1", 400),
        (b"GET /a#b HTTP/1.1", 400),
        (b"GET /?a#b HTTP/1.1", 400),
        (b"GET /?a\x7f HTTP/1.1", 400),
        (b"GET * HTTP/1.1", 400),
        (b"GET app.gw.test:80 HTTP/1.1", 400),
        (b"GET http://evil.example/ HTTP/1.1", 400),
        (b"GET http://app.gw.test@evil.example/ HTTP/1.1", 400),
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/1.2", 505),
        (b"GET / ICE/1.0", 400),
        (b"GET / http/1.1", 400),
        (b"get / HTTP/1.1", 501),
        (b"PROPFIND / HTTP/1.1", 405),
        (b"CONNECT app.gw.test:80 HTTP/1.1", 405),
    ],
)
async def test_a_known_header_section_does_not_vouch_for_a_request_line(door: Door, line: bytes, status: int) -> None:
    """The same fields as in the last request are not parsed again; the line before them is judged all the same."""
    await door.open()
    client = await door.client()
    await client.send(get())
    await client.answer()
    _, _, section = get().partition(b"\r\n")

    await client.send(line + b"\r\n" + section)
    answer = await client.answer()

    assert answer.status == status
    assert await client.ended()
    assert len(door.application.requests) == 1


async def test_a_known_header_section_is_read_like_a_new_one(door: Door) -> None:
    """The second request has its own target and the same fields."""
    await door.open()
    client = await door.client()

    for path in (b"/a", b"/b", b"/c"):
        await client.send(get(path, b"X-A: 1 "))
        await client.answer()

    assert [request.target for request in door.application.requests] == [b"/a", b"/b", b"/c"]
    assert [request.all(b"X-A") for request in door.application.requests] == [[b"1"]] * 3


async def test_a_lower_case_method_is_not_a_method(door: Door) -> None:
    """Methods are case-sensitive (RFC 9110 section 9.1)."""
    await door.open()

    answer = await door.ask(b"get / HTTP/1.1\r\n" + HOST + b"\r\n")

    assert answer.status in (400, 501)
    assert not door.application.requests


async def test_the_answer_says_what_may_be_used_instead(door: Door) -> None:
    """405 has `Allow` (RFC 9110 section 15.5.6)."""
    await door.open()

    answer = await door.ask(b"TRACE / HTTP/1.1\r\n" + HOST + b"X-Secret: 1\r\n\r\n")

    assert b"OPTIONS" in (answer[b"Allow"] or b"")
    assert b"Secret" not in answer.body


async def test_a_refused_client_can_read_its_answer_while_it_sends(door: Door) -> None:
    """Closing at once would reset it: we half-close and read what still comes."""
    await door.open()
    client = await door.client()

    await client.send(b"BAD\r\n\r\n" + b"x" * 200_000)
    await client.send(b"x" * 200_000)
    answer = await client.answer()

    assert answer.status == 400
    assert await client.ended()


async def test_lingering_has_an_end(door: Door) -> None:
    """The gateway cuts off a client that sends more than a mebibyte."""
    await door.open()
    client = await door.client()

    await client.send(b"BAD\r\n\r\n")

    async def send_for_ever() -> None:
        while True:
            await client.send(b"x" * 65536)

    with pytest.raises(ConnectionError):
        await send_for_ever()


# --- limits and clocks ----------------------------------------------------------------------------


async def test_a_long_request_line_is_414(door: Door) -> None:
    """Counted as fed: no end of the line is waited for."""
    await door.open(request_line=1000)
    client = await door.client()

    await client.send(b"GET /" + b"a" * 1000)
    answer = await client.answer()

    assert answer.status == 414
    assert door.observed.limits == ["request_line"]


async def test_a_long_header_section_is_431(door: Door) -> None:
    """Counted as fed: no end of the value is waited for."""
    await door.open(headers=2000)
    client = await door.client()

    await client.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 2000)
    answer = await client.answer()

    assert answer.status == 431
    assert door.observed.limits == ["headers"]


async def test_many_headers_are_431(door: Door) -> None:
    """However short each is."""
    await door.open(header_count=11)

    exact = await door.ask(get(b"/", *[b"X: 1"] * 9))
    over = await door.ask(get(b"/", *[b"X: 1"] * 10))

    assert (exact.status, over.status) == (200, 431)
    assert door.observed.limits == ["header_count"]


async def test_a_megabyte_of_one_value_costs_nothing_worth_naming(door: Door) -> None:
    """It is refused after the limit, not joined piece by piece."""
    await door.open()
    client = await door.client()

    began = time.process_time()
    await client.send(b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 900_000)
    answer = await client.answer()

    assert answer.status == 431
    assert time.process_time() - began < 1


async def test_a_head_that_trickles_is_408(door: Door) -> None:
    """Slowloris: each byte in time, the head never."""
    await door.open(head_time=0.2)
    client = await door.client()

    await client.send(b"GET / HTTP/1.1\r\n")

    async def trickle() -> None:
        while True:
            client.writer.write(b"X: 1\r\n")
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    answer = await client.answer()
    trickling.cancel()

    assert answer.status == 408
    assert door.observed.limits == ["head_time"]


async def test_a_client_that_says_nothing_is_closed_without_a_word(door: Door) -> None:
    """There is no request to answer."""
    await door.open(head_time=0.1)
    client = await door.client()

    assert await client.ended()
    assert not door.observed.lines


async def test_an_idle_connection_is_closed(door: Door) -> None:
    """Between two requests it may say nothing for so long."""
    await door.open(idle=0.2)
    client = await door.client()
    await client.send(get())
    await client.answer()

    assert await client.ended()
    assert door.observed.limits == ["idle"]


async def test_connections_of_one_address_are_limited(door: Door) -> None:
    """One too many is told so; the others are served on."""
    await door.open(connections_per_address=2)
    first, _ = await door.client(), await door.client()
    await first.send(get())
    await first.answer()

    third = await door.client()
    answer = await third.answer()
    await first.send(get())

    assert answer.status == 429
    assert answer[b"Retry-After"] is not None
    assert (await first.answer()).status == 200
    assert door.observed.limits == ["connections_per_address"]


async def test_all_connections_are_limited(door: Door) -> None:
    """The worker's own limit answers 503."""
    await door.open(connections=1)
    first = await door.client()
    await first.send(get())
    await first.answer()

    answer = await (await door.client()).answer()

    assert answer.status == 503
    assert door.observed.limits == ["connections"]


async def test_a_place_is_free_again_when_a_connection_ends(door: Door) -> None:
    """Every connection that was counted as open is counted as closed."""
    await door.open(connections_per_address=1)
    first = await door.client()
    await first.send(get())
    await first.answer()
    await first.close()
    async with asyncio.timeout(5):
        while door.observed.open:
            await asyncio.sleep(0)

    answer = await door.ask(get())

    assert answer.status == 200


# --- draining -------------------------------------------------------------------------------------


async def test_draining_lets_what_is_going_on_end(door: Door) -> None:
    """The answer comes whole and says that the connection ends; idle connections end at once."""
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await door.application.request(peer)
            await go_on.wait()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    door.application.script = script
    await door.open()
    idle = await door.client()
    busy = await door.client()
    await busy.send(get())
    await door.application.has_heard(1)

    draining = asyncio.create_task(door.listener.drain(5))
    idle_ended = await idle.ended()
    go_on.set()
    answer = await busy.answer()

    assert idle_ended
    assert (answer.body, answer[b"Connection"]) == (b"hello", b"close")
    assert await draining == 0


async def test_draining_cuts_what_does_not_end(door: Door) -> None:
    """After the time-out what is left is closed, counted, and no client is blamed for it."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await asyncio.Event().wait()

    door.application.script = script
    await door.open()
    client = await door.client()
    await client.send(get())
    await door.application.has_heard(1)

    cut = await door.listener.drain(0.05)

    assert cut == 1
    assert await client.ended()
    assert [(line.status, line.reason) for line in door.observed.lines] == [(503, "gateway_stopped")]


async def test_a_reload_serves_what_comes_next(door: Door) -> None:
    """The same connection, the next request, the new limits."""
    await door.open()
    client = await door.client()
    await client.send(get())
    await client.answer()

    door.limits = type(door.limits)(header_count=1)
    door.listener.reload(door.make_gate())
    await client.send(get(b"/", b"X: 1"))

    assert (await client.answer()).status == 431
