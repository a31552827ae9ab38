"""A sign-in, from the page that was asked for to the application's answer: its work, counted without a clock.

The twin of `test_hot_request`, for nine o'clock: round trips to Redis, calls to the provider, tasks, and our own calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop
from redis import Redis

from benchmarks.browser import Browser
from gateway.demo.emulator import REALM, Emulator, EmulatorClient, EmulatorSettings, start_emulator
from gateway.login.jwcrypto_keys import load_keys
from tests.builders import CLIENT
from tests.conftest import free_port
from tests.flows.calls import calls_of_ours, tasks_made
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.flows.in_process import ADULTS, BODY, QuickApplication, gateway_in_process

PEOPLE = 20

CALLS = 1_650
"""Calls of the gateway's own functions that a sign-in may make, with its four requests and the heartbeats beside it."""

ROUND_TRIPS = 6
"""To Redis: open the login, find it, use it, keep the session, settle the login, read the session at the first page."""

COMMANDS = 60
"""Commands of these, and those that the scripts run; five are for the ledger's first entry, beside the requests."""

TASKS = 8
"""Tasks of our own: each of three pages, the work of the callback, two for the store at the first page, few beside."""

_LIBRARY = ("BaseSelectorEventLoop.", "RequestHandler.", "ClientRequest.")
"""Tasks of the library's for its connections, the emulator's among them."""


@dataclass(frozen=True)
class Place:
    """The gateway's door and the provider behind it, in this process."""

    url: str
    emulator: Emulator
    gateway: GatewayProcess

    async def sign_in(self, times: int) -> None:
        """Have new people sign in, one after the other, each with a browser of her own."""
        for _ in range(times):
            await asyncio.to_thread(self._walk)

    def _walk(self) -> None:
        with contextlib.closing(Browser()) as browser:
            cookies = browser.walk(self.url, BODY, {"response": "normal", "card": "1"})
        assert any("sekisho" in name for name in cookies)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


@asynccontextmanager
async def place(folder: Path, redis_url: str, apps: int, more: str = "") -> AsyncIterator[Place]:
    """Run gateway and provider, with more settings; a few people have signed in before."""
    issuer_port = free_port()
    issuer = f"http://localhost:{issuer_port}{REALM}"

    def change(text: str) -> str:
        text = text.replace("http://localhost:1/api/realms/main", issuer)
        text = text.replace("client_id:", "contracted: [birthdate]\n  client_id:")
        text = text.replace("access_log: access.log", "access_log: off")
        _, _, first = text.partition("apps:\n")
        first, _, _ = first.partition("access_log:")
        others = [
            first.replace("name: app", f"name: app-{number}").replace(HOST, f"app-{number}.localhost")
            for number in range(apps - 1)
        ]
        return text.replace("apps:\n", "apps:\n" + "".join(others)) + more

    emulator = Emulator(EmulatorSettings(issuer, ()))
    provider = await start_emulator(emulator.application(), issuer_port)
    try:
        async with gateway_in_process(folder, redis_url, ADULTS, change, application_of=QuickApplication) as files:
            origin = f"http://{HOST}:{files.port}"
            keys = json.loads(load_keys(folder / "keys.jwks").public_jwks())
            emulator.register(EmulatorClient(CLIENT, (f"{origin}/.sekisho/callback",), keys))
            here = Place(f"{origin}/reserve", emulator, files)
            await here.sign_in(3)
            yield here
    finally:
        await provider.cleanup()


@pytest.fixture(params=[1, 40], ids=["one-app", "forty-apps"])
async def rush(tmp_path: Path, redis_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A gateway of one App, and one of many: a sign-in does the same at both."""
    async with place(tmp_path, redis_url, request.param) as here:
        yield here


async def test_a_sign_in_makes_no_more_calls_than_it_needs(rush: Place) -> None:
    """Counted, of our own functions alone, the emulator's left out; and the round trips to Redis among them."""
    seen = []
    # On a busy machine the work of a minute or of a second falls among the sign-ins, so one count of three has to hold.
    for _ in range(3):
        began = time.monotonic()
        with calls_of_ours() as calls:
            await rush.sign_in(PEOPLE)
        seconds = time.monotonic() - began

        assert calls.total / PEOPLE > 100, calls.table(PEOPLE)
        # Heartbeats come beside, and a write of all new ledgers every two seconds: a few in each second.
        trips = ROUND_TRIPS * PEOPLE + 5 + 4 * seconds
        if calls.total / PEOPLE <= CALLS and calls.by_name["_ready"] <= trips:
            return
        seen.append(f"{seconds:.1f} s, {calls.by_name['_ready']} round trips of {trips:.0f}: {calls.table(PEOPLE)}")
    pytest.fail("\n".join(seen))


async def test_a_sign_in_asks_the_provider_twice(rush: Place) -> None:
    """For the tokens and for UserInfo; metadata and keys are kept."""
    before = {name: rush.emulator.count(name) for name in ("discovery", "certs", "token", "userinfo")}
    await rush.sign_in(PEOPLE)

    asked = {name: rush.emulator.count(name) - count for name, count in before.items()}
    assert asked == {"discovery": 0, "certs": 0, "token": PEOPLE, "userinfo": PEOPLE}


async def test_a_sign_in_sends_redis_no_more_than_it_needs(rush: Place, redis_url: str) -> None:
    """As Redis counts them, with those of scripts and of the look at its statistics."""
    with Redis.from_url(redis_url) as redis:
        before = redis.info("stats")["total_commands_processed"]
        await rush.sign_in(PEOPLE)
        after = redis.info("stats")["total_commands_processed"]

    assert (after - before) / PEOPLE <= COMMANDS


async def test_a_sign_in_makes_few_tasks(rush: Place) -> None:
    """Each wait of the byte path is one, and a connection inside is kept."""
    with tasks_made() as made:
        await rush.sign_in(PEOPLE)

    ours = Counter(name for name in made if not name.startswith(_LIBRARY))
    assert ours.total() / PEOPLE <= TASKS, ours
