"""The provider dies under load and comes back: nobody signed in notices, and nobody restarts anything."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from gateway.login.jwcrypto_keys import load_keys
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.login.stand_in import StandIn

POLICY = """\
policy: members
rules:
  - name: everything
    allow: signed_in
    disclose: [subject]
"""
NAVIGATION = {
    "Accept": "text/html",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "none",
}
RECOVERY = 30.0
"""Seconds within which sign-ins must work again."""


@dataclass
class Place:
    """A gateway, its provider, and browsers before it."""

    gateway: GatewayProcess
    provider: StandIn
    http: aiohttp.ClientSession
    seen: Counter[int] = field(default_factory=Counter)

    async def get(self, path: str, cookies: dict[str, str]) -> tuple[int, str, str]:
        """Navigate there; return status, `Location` and the page, and keep what cookies are set."""
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        headers = {**NAVIGATION, "Host": f"{HOST}:{self.gateway.port}", **({"Cookie": cookie} if cookie else {})}
        url = f"http://127.0.0.1:{self.gateway.port}{path}"
        async with self.http.get(url, headers=headers, allow_redirects=False) as answer:
            cookies |= {name: morsel.value for name, morsel in answer.cookies.items()}
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def begin(self, cookies: dict[str, str]) -> tuple[int, str]:
        status, location, page = await self.get("/", cookies)
        return status, location if status == 303 else page

    async def sign_in(self) -> dict[str, str]:
        """Sign in with a browser of one's own; return its cookies."""
        cookies: dict[str, str] = {}
        status, location = await self.begin(cookies)
        assert status == 303, location
        query = self.provider.authorize(location).decode()
        status, back, page = await self.get(f"/.sekisho/callback?{query}", cookies)
        assert (status, back) == (303, "/"), page
        return cookies

    async def use(self, cookies: dict[str, str], until: asyncio.Event) -> None:
        """Use the application without a pause."""
        while not until.is_set():
            status, _, _ = await self.get("/", dict(cookies))
            self.seen[status] += 1


@pytest.fixture
async def place(tmp_path: Path, redis_url: str) -> AsyncIterator[Place]:
    """All of it running, on real sockets and a real Redis."""
    with application() as upstream:
        gateway = GatewayProcess(tmp_path, upstream, redis_url, policy=POLICY)
        provider = StandIn(CLIENT, lambda: load_keys(tmp_path / "keys.jwks").public_jwks())
        await provider.start()
        settings = gateway.settings.read_text().replace("http://localhost:1/api/realms/main", provider.issuer)
        gateway.settings.write_text(settings)
        await asyncio.to_thread(gateway.start)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            yield Place(gateway, provider, http)
        await asyncio.to_thread(gateway.stop)
        await provider.stop()


def _lasting(cookies: dict[str, str]) -> set[str]:
    return {name for name, value in cookies.items() if value}


async def outage(place: Place, seconds: float) -> None:
    """Kill the provider under load for so long, and hold everybody to what they should see."""
    signed_in = await place.sign_in()
    under_way: dict[str, str] = {}
    _, location = await place.begin(under_way)
    query = place.provider.authorize(location).decode()
    over = asyncio.Event()
    load = [asyncio.create_task(place.use(signed_in, over)) for _ in range(4)]

    await place.provider.stop()
    died = time.monotonic()
    status, _, page = await place.get(f"/.sekisho/callback?{query}", under_way)
    assert status == 503, page
    tried = 0
    while tried < 3 or time.monotonic() - died < seconds:
        status, page = await place.begin({})
        assert status == 503, page
        assert "<html" in page
        tried += 1
        await asyncio.sleep(min(seconds / 20, 5))
    await place.provider.start()
    back = time.monotonic()
    while (await place.begin({}))[0] != 303:
        assert time.monotonic() - back < RECOVERY
        await asyncio.sleep(0.2)
    again = await place.sign_in()

    over.set()
    await asyncio.gather(*load)
    assert set(place.seen) == {200}, place.seen
    assert place.seen[200] > 50
    assert urlsplit(location).path.endswith("/auth")
    # Beside them each sign-in had a cookie of its own, by its own name.
    assert _lasting(again) == _lasting(signed_in)


async def test_nobody_signed_in_notices_a_provider_that_is_away(place: Place) -> None:
    """A few seconds of it: sign-ins get a page, and work again by themselves."""
    await outage(place, 1.0)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_five_minutes_without_a_provider(place: Place) -> None:
    """The same, for as long as a provider's restart may take."""
    await outage(place, 300.0)
