"""Calls to the provider: what leaves, what is read as the answer, and what a kept connection must never carry over."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from gateway.login.httptools_calls import MOST_CONNECTIONS, Caller, CallError

LONGEST = 1_000
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Provider:
    """Answers as it is told: one script for each connection, in turn; the last one for all that follow."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: ")]
        whole = head + (await reader.readexactly(int(lines[0][16:])) if lines else b"")
        self.requests.append(whole)
        return whole

    def answering(self, *answers: bytes, ends: bool = False) -> Script:
        """Give these answers, one for each request, the last one again and again; `ends` closes behind the first."""

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for number in range(1_000):
                await self.request(reader)
                writer.write(answers[min(number, len(answers) - 1)])
                await writer.drain()
                if ends:
                    return

        return script

    def url(self, path: str = "/token") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    it = Provider()
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    yield it
    server.close()


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    made = Caller(ssl.create_default_context(), longest=LONGEST, idle=30.0)
    yield made
    made.close()


async def test_a_request_leaves_whole(provider: Provider, caller: Caller) -> None:
    """The method follows from the body, which is counted; a target keeps its query."""
    provider.scripts = [provider.answering(OK)]

    answered = await caller.call(provider.url("/userinfo?a=1"), {"Authorization": "Bearer t"})
    await caller.call(provider.url(), {"Content-Type": "text/plain"}, b"a=b")

    host = f"Host: 127.0.0.1:{provider.port}".encode()
    assert provider.requests == [
        b"GET /userinfo?a=1 HTTP/1.1\r\n%b\r\nAuthorization: Bearer t\r\n\r\n" % host,
        b"POST /token HTTP/1.1\r\n%b\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\na=b" % host,
    ]
    assert (answered.status, answered.body, answered.field(b"content-type")) == (200, b"{}", "application/json")
    assert provider.connections == 1


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK, b"{}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_an_answer_is_read_however_it_comes(
    provider: Provider, caller: Caller, answer: bytes, body: bytes, piece: int
) -> None:
    """Counted, in chunks, until the connection ends, behind an interim one; byte by byte or at once."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await provider.request(reader)
        for at in range(0, len(answer), piece):
            writer.write(answer[at : at + piece])
            await writer.drain()

    provider.scripts = [trickle]

    assert (await caller.call(provider.url(), {})).body == body


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not_http"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "not_http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", "not_http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "hung_up"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "not_http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1_001, "too_long"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_001, "too_long"),
        (b"", "hung_up"),
    ],
)
async def test_what_is_no_answer_is_none(provider: Provider, caller: Caller, answer: bytes, word: str) -> None:
    """A call has a whole answer or a word of ours, which quotes nothing."""
    provider.scripts = [provider.answering(answer, ends=True)]

    with pytest.raises(CallError) as caught:
        await caller.call(provider.url(), {}, b"code=c")

    assert str(caught.value) == word


@pytest.mark.parametrize("status", [302, 500, 503])
async def test_an_answer_that_leads_nowhere_is_not_read(provider: Provider, caller: Caller, status: int) -> None:
    """Its body may have no end; and nothing else is read on its connection."""
    endless = b"HTTP/1.1 %d X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 999999999\r\n\r\n" % status
    provider.scripts = [provider.answering(endless + b"x" * 100), provider.answering(OK)]

    answered = await caller.call(provider.url(), {})

    assert (answered.status, answered.body) == (status, b"")
    assert (await caller.call(provider.url(), {})).body == b"{}"
    assert provider.connections == 2


@pytest.mark.parametrize("excess", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother", b"\r\n", b"x"])
@pytest.mark.parametrize("later", [False, True])
async def test_bytes_behind_an_answer_are_nobodys(
    provider: Provider, caller: Caller, excess: bytes, later: bool
) -> None:
    """With the answer or behind it: the next call, another person's, has a connection of its own."""
    closed = asyncio.Event()

    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await provider.request(reader)
        writer.write(OK if later else OK + excess)
        await writer.drain()
        if later:
            await first.wait()
            writer.write(excess)
        assert await reader.read() == b""
        closed.set()

    first = asyncio.Event()
    provider.scripts = [chatty, provider.answering(OK.replace(b"{}", b"[]"))]

    one = await caller.call(provider.url(), {})
    first.set()
    async with asyncio.timeout(10):
        await closed.wait()
    other = await caller.call(provider.url(), {})

    assert (one.body, other.body) == (b"{}", b"[]")
    assert provider.connections == 2


async def test_a_code_is_sent_once_and_a_question_again(provider: Provider, caller: Caller) -> None:
    """The provider ends a connection that waits, just as the next call takes it."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await provider.request(reader)
        writer.write(OK)
        # The next request is read, and answered with the end of the connection.
        await provider.request(reader)

    provider.scripts = [once]
    await caller.call(provider.url(), {})
    with pytest.raises(CallError, match="hung_up"):
        await caller.call(provider.url(), {}, b"code=c")
    codes = [request for request in provider.requests if request.startswith(b"POST")]
    await caller.call(provider.url(), {})

    assert len(codes) == 1
    assert (await caller.call(provider.url(), {})).body == b"{}"


async def test_a_call_that_is_given_up_leaves_no_answer_to_the_next(provider: Provider, caller: Caller) -> None:
    """Its answer comes late, for another person's call to take."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await provider.request(reader)
        asked.set()
        await release.wait()
        writer.write(OK)

    provider.scripts = [late, provider.answering(OK.replace(b"{}", b"[]"))]
    call = asyncio.create_task(caller.call(provider.url(), {}))
    await asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    release.set()

    assert (await caller.call(provider.url(), {})).body == b"[]"


async def test_a_value_begins_no_other_field(provider: Provider, caller: Caller) -> None:
    """It is refused before anything is sent."""
    provider.scripts = [provider.answering(OK)]

    for value in ("Bearer a\r\nX-Evil: 1", "a\nb", "a\0b", "\x7f"):
        with pytest.raises(CallError, match="unsendable"):
            await caller.call(provider.url(), {"Authorization": value})
    assert provider.requests == []


async def test_a_connection_waits_its_time_and_no_longer(provider: Provider) -> None:
    """The provider sees its end soon after the last answer."""
    ended = asyncio.Event()

    async def watched(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await provider.request(reader)
        writer.write(OK)
        assert await reader.read() == b""
        ended.set()

    provider.scripts = [watched]
    caller = Caller(ssl.create_default_context(), longest=LONGEST, idle=0.05)
    await caller.call(provider.url(), {})

    async with asyncio.timeout(10):
        await ended.wait()


async def test_connections_are_bounded(provider: Provider, caller: Caller) -> None:
    """However many sign in at the same time; all of them are answered."""
    provider.scripts = [provider.answering(OK)]

    answers = await asyncio.gather(*(caller.call(provider.url(), {}) for _ in range(4 * MOST_CONNECTIONS)))

    assert {answered.body for answered in answers} == {b"{}"}
    assert provider.connections <= MOST_CONNECTIONS
