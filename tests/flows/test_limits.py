"""A lottery in which everybody may enter once, with real workers, a real Redis and an application that may fail."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.identity import Identity, Scope
from gateway.limits.limits import EntryState
from gateway.limits.redis_limits import RedisLimits
from gateway.policy.subject_code import subject_code
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.redis_server import redis_server

LOTTERY = """\
policy: lottery
rules:
  - name: enter
    match: {path: /enter, method: POST}
    allow: signed_in
    limit: {name: draw, once: ever, counted_when: {status: 303, location: /entered},
            if_over: {ja: すでに応募されています。}}
    disclose: [subject]
  - name: cancel
    match: {path: /cancel, method: POST}
    allow: signed_in
    gives_back: {limit: draw, when: {header: X-Entry-Cancelled}}
  - name: the rest
    allow: signed_in
"""
CLIENT = "RP00000001"


@dataclass
class Lottery:
    """The application: it counts who entered, and answers as it is told to."""

    answers: list[int] = field(default_factory=list)
    """Statuses to answer with first; then 303."""
    entered: list[str] = field(default_factory=list)
    silent: asyncio.Event | None = None
    """If given, the application takes a request and sends nothing until it is set."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def enter(self, request: web.Request) -> web.Response:
        """Take an entry."""
        self.asked.set()
        if self.silent is not None:
            await self.silent.wait()
        status = self.answers.pop(0) if self.answers else 303
        if status == 303:
            self.entered.append(request.headers["X-Verified-Subject"])
            return web.Response(status=303, headers={"Location": "/entered?no=1"})
        return web.Response(status=status, text="sorry")

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancel an entry, if the form says so; any page may carry the header."""
        cancelled = (await request.text()) == "yes=1"
        headers = {"x-entry-cancelled": "yes" if cancelled else "no", "X-Seen": "1"}
        return web.Response(text="done", headers=headers)


@pytest.fixture
def redis_of_limits() -> Iterator[str]:
    """A Redis that neither evicts nor forgets."""
    with redis_server("--appendonly", "yes", "--maxmemory-policy", "noeviction") as server:
        yield server.url


@pytest.fixture
async def lottery() -> AsyncIterator[tuple[Lottery, int]]:
    """The application and its port."""
    state = Lottery()
    app = web.Application()
    app.router.add_post("/enter", state.enter)
    app.router.add_post("/cancel", state.cancel)
    app.router.add_post("/elsewhere", state.cancel)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield state, runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
async def gateway(
    tmp_path: Path, lottery: tuple[Lottery, int], redis_url: str, redis_of_limits: str
) -> AsyncIterator[GatewayProcess]:
    """A gateway of four workers."""
    limits = f"limits: {{store: {redis_of_limits}}}\n"
    started = GatewayProcess(tmp_path, lottery[1], redis_url, workers=4, policy=LOTTERY, more=limits)
    await asyncio.to_thread(started.start)
    yield started
    await asyncio.to_thread(started.stop)


async def person(gateway: GatewayProcess, subject: str) -> dict[str, str]:
    """Sign somebody in; return the headers her browser sends."""
    identity = Identity(CLIENT, subject, time.time(), frozenset({Scope.OPENID}))
    return {"Host": f"{HOST}:{gateway.port}", "Cookie": await gateway.sign_in(identity), "Sec-Fetch-Mode": "cors"}


async def enter(gateway: GatewayProcess, headers: dict[str, str]) -> int:
    """Enter over a connection of its own, so that any worker may take it; return the status."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector) as browser,
        browser.post(f"http://127.0.0.1:{gateway.port}/enter", headers=headers, allow_redirects=False) as answer,
    ):
        await answer.read()
        return answer.status


async def test_of_fifty_entries_at_once_one_is_taken(gateway: GatewayProcess, lottery: tuple[Lottery, int]) -> None:
    """Across four workers, and the application sees one."""
    hanako, taro = await person(gateway, "hanako"), await person(gateway, "taro")

    statuses = await asyncio.gather(*(enter(gateway, hanako) for _ in range(50)))

    assert sorted(statuses) == [303] + [403] * 49
    assert lottery[0].entered == ["hanako"]
    assert await enter(gateway, taro) == 303


async def test_a_failed_entry_gives_the_chance_back(gateway: GatewayProcess, lottery: tuple[Lottery, int]) -> None:
    """2009's application says 200 to a mistake in the form, and 500 to its own."""
    lottery[0].answers = [200, 500]
    hanako = await person(gateway, "hanako")

    assert [await enter(gateway, hanako) for _ in range(4)] == [200, 500, 303, 403]


async def test_a_cancelled_entry_is_given_back_on_the_applications_word(
    gateway: GatewayProcess, lottery: tuple[Lottery, int]
) -> None:
    """To its person alone, by the rule that says so alone, and never on a browser's word."""
    hanako, taro = await person(gateway, "hanako"), await person(gateway, "taro")
    assert [await enter(gateway, hanako), await enter(gateway, taro), await enter(gateway, hanako)] == [303, 303, 403]

    async def post(path: str, body: str, headers: dict[str, str]) -> set[str]:
        headers = headers | {"Content-Type": "application/x-www-form-urlencoded", "X-Entry-Cancelled": "yes"}
        async with (
            aiohttp.ClientSession() as browser,
            browser.post(f"http://127.0.0.1:{gateway.port}{path}", data=body, headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return {name.lower() for name in answer.headers}

    for path, body in (("/cancel", "yes=0"), ("/elsewhere", "yes=1")):
        names = await post(path, body, hanako)
        assert "x-seen" in names
        assert "x-entry-cancelled" not in names
        assert await enter(gateway, hanako) == 403

    assert "x-entry-cancelled" not in await post("/cancel", "yes=1", hanako)
    gateway.wait_for_event("limit_cancelled", "given_back")
    assert [await enter(gateway, hanako), await enter(gateway, hanako), await enter(gateway, taro)] == [303, 403, 403]
    assert lottery[0].entered == ["hanako", "taro", "hanako"]


@pytest.mark.long
async def test_what_nobody_can_tell_stays_counted(
    gateway: GatewayProcess, lottery: tuple[Lottery, int], redis_of_limits: str
) -> None:
    """Killed while the application thinks: no second chance, and a person can find it and give it back."""
    state = lottery[0]
    state.silent = asyncio.Event()
    hanako = await person(gateway, "hanako")
    entering = asyncio.create_task(enter(gateway, hanako))
    await state.asked.wait()
    assert gateway.process is not None
    gateway.process.kill()
    with pytest.raises(aiohttp.ClientError):
        await entering
    state.silent.set()
    store = RedisLimits(make_redis(parse_redis_url(redis_of_limits), RedisOptions()), timeout=5.0)

    (found,) = await store.show(subject_code(CLIENT, "hanako"), time.time() + 3600)

    assert found.state is EntryState.UNKNOWN
    assert found.use.limit == "draw"
    assert not await store.reserve(found.use, "another", time.time())
    assert await store.give_back(found)
    assert await store.reserve(found.use, "another", time.time())
    await store.close()


async def test_a_store_of_limits_that_is_away_lets_nobody_enter(
    tmp_path: Path, lottery: tuple[Lottery, int], redis_url: str
) -> None:
    """503, and what needs no limit goes on."""
    with redis_server("--appendonly", "yes", "--maxmemory-policy", "noeviction") as limits:
        more = f"limits: {{store: {limits.url}}}\n"
        gateway = GatewayProcess(tmp_path, lottery[1], redis_url, policy=LOTTERY, more=more)
        await asyncio.to_thread(gateway.start)
    try:
        hanako = await person(gateway, "hanako")

        assert await enter(gateway, hanako) == 503
        assert lottery[0].entered == []
    finally:
        await asyncio.to_thread(gateway.stop)


async def test_a_store_that_may_forget_is_refused_at_the_start(
    tmp_path: Path, lottery: tuple[Lottery, int], redis_url: str
) -> None:
    """A Redis without persistence would give everybody a second chance at its next restart."""
    with redis_server("--save", "", "--appendonly", "no") as forgetful:
        more = f"limits: {{store: {forgetful.url}}}\n"
        gateway = GatewayProcess(tmp_path, lottery[1], redis_url, policy=LOTTERY, more=more)
        with pytest.raises(AssertionError, match="may forget"):
            await asyncio.to_thread(gateway.start)
        assert gateway.stop() == 2
