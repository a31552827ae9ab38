"""The portal without a socket: what its application is asked, and what the byte path gets of its answers."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import GatewayError, UpstreamProtocolError, UpstreamTimeoutError
from gateway.portal.aiohttp_inside import PortalInside
from gateway.settings.settings import TrafficSettings
from gateway.upstream.upstream import AnswerFraming, AnswerHead, Headers

LONGEST = 1_000


class Waiting:
    """Receives one answer."""

    over = False

    def __init__(self) -> None:
        self.head: AnswerHead | None = None
        self.body = b""
        self.error: GatewayError | None = None
        self.told = asyncio.Event()

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:
        assert complete
        assert not self.told.is_set()
        self.head, self.body = head, body
        self.told.set()

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:
        assert not unheard
        assert not self.told.is_set()
        self.error = error
        self.told.set()

    async def answered(self) -> tuple[AnswerHead, bytes]:
        async with asyncio.timeout(10):
            await self.told.wait()
        assert self.head is not None, self.error
        return self.head, self.body

    def upstream_ready(self, connection: object) -> None:
        raise AssertionError

    def interim_answer(self, status: int, headers: Headers) -> None:
        raise AssertionError

    def answer_goes_on(self, body: bytes) -> None:
        raise AssertionError

    def answer_ends(self, trailers: Headers) -> None:
        raise AssertionError

    def upgraded(self, headers: Headers, rest: bytes) -> None:
        raise AssertionError

    def tunnel_data(self, data: bytes) -> None:
        raise AssertionError

    def tunnel_ends(self) -> None:
        raise AssertionError

    def pause_upload(self) -> None:
        raise AssertionError

    def resume_upload(self) -> None:
        raise AssertionError


class House:
    """An application that repeats what it was asked."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.done = 0

    async def echo(self, request: web.Request) -> web.Response:
        body = await request.read()
        words = [request.method, request.path_qs, request.headers.get("X-Visit", ""), body.decode("latin-1")]
        return web.Response(text="|".join(words), headers={"X-Said": "はい"})

    async def form(self, request: web.Request) -> web.Response:
        return web.Response(text=str(sorted((await request.post()).items())))

    async def moved(self, _: web.Request) -> web.Response:
        return web.Response(status=303, headers={"Location": "/there"})

    async def nothing(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def slow(self, _: web.Request) -> web.Response:
        await self.go_on.wait()
        self.done += 1
        return web.Response(text="done")

    async def broken(self, _: web.Request) -> web.Response:
        raise RuntimeError("secret words")

    async def streamed(self, _: web.Request) -> web.StreamResponse:
        return web.StreamResponse()


@pytest.fixture
def house() -> House:
    return House()


Opener = Callable[..., PortalInside]


@pytest.fixture
async def inside(house: House) -> AsyncIterator[Opener]:
    app = web.Application(client_max_size=LONGEST)
    app.router.add_route("*", "/echo", house.echo)
    app.router.add_post("/form", house.form)
    for name in ("moved", "nothing", "slow", "broken", "streamed"):
        app.router.add_get(f"/{name}", getattr(house, name))
    runner = web.AppRunner(app, handle_signals=False)
    await runner.setup()
    opened: list[PortalInside] = []

    def opener(answer: float = 10.0) -> PortalInside:
        opened.append(PortalInside(app, replace(TrafficSettings(), answer=answer)))
        return opened[-1]

    yield opener
    house.go_on.set()
    for portal in opened:
        await portal.close()
    await runner.cleanup()


def head(path: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: app.gw.test", *lines, "", ""]).encode()


def ask(portal: PortalInside, whole: bytes, *, is_head: bool = False) -> Waiting:
    waiting = Waiting()
    call = portal.take(waiting, repeatable=False)
    call.send(waiting, whole, is_head=is_head, uploading=False)
    return waiting


async def test_a_page_is_asked_for_and_handed_over_whole(inside: Opener) -> None:
    """Method, target, fields and body arrive as the byte path wrote them; a value may be in any language."""
    whole = head("/echo?a=%2F&b", "X-Visit: v", "Content-Length: 3", method="POST") + b"a=\xff"

    found, body = await ask(inside(), whole).answered()

    assert (found.status, found.framing, found.length) == (200, AnswerFraming.COUNTED, len(body))
    assert body == "POST|/echo?a=%2F&b|v|a=ÿ".encode()
    assert (b"X-Said", "はい".encode()) in found.headers
    assert (b"Content-Type", b"text/plain; charset=utf-8") in found.headers


async def test_answers_without_a_body_have_none(inside: Opener) -> None:
    """A redirect has a length of nothing, and a 204 no length at all."""
    portal = inside()

    moved, body = await ask(portal, head("/moved")).answered()
    assert (moved.status, moved.length, body) == (303, 0, b"")
    assert (b"Location", b"/there") in moved.headers
    nothing, _ = await ask(portal, head("/nothing")).answered()
    assert (nothing.status, nothing.framing, nothing.length) == (204, AnswerFraming.NONE, None)


@pytest.mark.parametrize("path", ["/elsewhere", "/form"])
async def test_what_the_application_does_not_know_is_its_own_answer(inside: Opener, path: str) -> None:
    """The library raises its refusals; the middleware of the portal makes pages of them, and here is none."""
    waiting = ask(inside(), head(path))

    await waiting.told.wait()

    assert isinstance(waiting.error, UpstreamProtocolError)


async def test_a_place_that_is_remembered_serves_its_own_method_and_path_alone(inside: Opener) -> None:
    """Each answer is the one of its own request, and what is not registered is looked up and refused each time."""
    portal = inside()
    for path in ("/echo?a", "/echo?b", "/nothing", "/echo?c"):
        found, body = await ask(portal, head(path)).answered()
        assert (found.status, body) == ((204, b"") if path == "/nothing" else (200, f"GET|{path}||".encode()))
    _, body = await ask(portal, head("/echo", "Content-Length: 1", method="POST") + b"x").answered()
    assert body == b"POST|/echo||x"
    for number in range(50):
        waiting = ask(portal, head(f"/elsewhere/{number}"))
        await waiting.told.wait()
        assert isinstance(waiting.error, UpstreamProtocolError)

    assert sorted(portal._known) == [("GET", "/echo"), ("GET", "/nothing"), ("POST", "/echo")]


@web.middleware
async def _notice(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make the page of the root, as the portal does: there is no handler for it."""
    return web.Response() if request.path == "/" else await handler(request)


async def test_a_portal_that_is_over_leaves_memory_without_the_collector() -> None:
    """A reload has the collector spare all that is there: what a portal knew, the root without a page among it."""
    gc.disable()
    try:
        app = web.Application(client_max_size=LONGEST, middlewares=[_notice])
        app.router.add_post("/form", House().form)
        runner = web.AppRunner(app, handle_signals=False)
        await runner.setup()
        portal = PortalInside(app, TrafficSettings())
        for path, method in (("/", "GET"), ("/form", "POST")):
            found, _ = await ask(portal, head(path, "Content-Length: 0", method=method)).answered()
            assert found.status == 200
        watched = [weakref.ref(known.route) for known in portal._known.values()]
        assert len(watched) == 2
        await portal.close()
        await runner.cleanup()
        del portal, app, runner

        async with asyncio.timeout(20):
            while any(route() is not None for route in watched):
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
async def test_a_body_that_comes_in_pieces_is_gathered(inside: Opener, chunked: bool) -> None:
    """Framed by its length, or in chunks as the listener frames them."""
    framing = "Transfer-Encoding: chunked" if chunked else "Content-Length: 11"
    lines = ("Content-Type: application/x-www-form-urlencoded", framing)
    waiting = Waiting()
    call = inside().take(waiting, repeatable=False)
    pieces = [b"4\r\na=1&\r\n", b"7\r\nb=2&c=3\r\n", b"0\r\n\r\n"] if chunked else [b"a=1&", b"b=2&c=3"]

    call.send(waiting, head("/form", *lines, method="POST"), is_head=False, uploading=True)
    for piece in pieces:
        call.send_body(waiting, piece)
    call.upload_done(waiting)

    _, body = await waiting.answered()
    assert body == b"[('a', '1'), ('b', '2'), ('c', '3')]"


async def test_a_body_that_is_too_long_is_not_gathered(inside: Opener) -> None:
    """The application refuses its beginning, and the rest fills no memory."""
    waiting = Waiting()
    call = inside().take(waiting, repeatable=False)

    call.send(waiting, head("/echo", "Content-Length: 9000000", method="POST"), is_head=False, uploading=True)
    for _ in range(9_000):
        call.send_body(waiting, b"x" * 1_000)
    call.upload_done(waiting)

    await waiting.told.wait()
    assert isinstance(waiting.error, UpstreamProtocolError)


async def test_a_client_that_leaves_is_told_nothing_and_the_work_goes_on(inside: Opener, house: House) -> None:
    """A sign-in whose code is spent must be finished: the same callback may come again."""
    portal = inside()
    waiting = Waiting()
    call = portal.take(waiting, repeatable=False)
    call.send(waiting, head("/slow"), is_head=False, uploading=False)
    await asyncio.sleep(0)

    call.abandon(waiting)
    house.go_on.set()
    await portal.close()

    assert house.done == 1
    assert not waiting.told.is_set()


async def test_an_heir_gets_the_answer(inside: Opener, house: House) -> None:
    """Another object has become the holder, and the old one can do nothing any more."""
    first, heir = Waiting(), Waiting()
    call = inside().take(first, repeatable=False)
    call.send(first, head("/slow"), is_head=False, uploading=False)

    call.pass_on(first, heir)
    call.abandon(first)
    with pytest.raises(RuntimeError):
        call.send(first, head("/slow"), is_head=False, uploading=False)
    house.go_on.set()

    assert (await heir.answered())[1] == b"done"
    assert not first.told.is_set()


async def test_a_page_that_takes_too_long_is_given_up(inside: Opener) -> None:
    """The client waits no longer than for an application."""
    waiting = ask(inside(answer=0.05), head("/slow"))

    await waiting.told.wait()

    assert isinstance(waiting.error, UpstreamTimeoutError)


@pytest.mark.parametrize("path", ["/broken", "/streamed"])
async def test_a_mistake_of_ours_leaves_no_client_waiting(
    inside: Opener, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log names the place, and none of the error's words."""
    waiting = ask(inside(), head(path))

    await waiting.told.wait()

    assert isinstance(waiting.error, UpstreamProtocolError)
    said = capsys.readouterr().out
    assert "portal_failed" in said
    assert "secret words" not in said
