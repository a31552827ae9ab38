from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from gateway.errors import StoreUnavailableError
from gateway.portal import aiohttp_management
from gateway.portal.aiohttp_management import make_management


async def well() -> None:
    return


async def store_is_away() -> None:
    raise StoreUnavailableError


async def breaks() -> None:
    raise ZeroDivisionError("redis://:secret@redis")


async def metrics() -> bytes:
    return b"sekisho_build_info 1.0\n"


async def test_health_is_one_word(aiohttp_client: AiohttpClient) -> None:
    """All is well: 200."""
    client = await aiohttp_client(make_management(metrics=metrics, alive={}, ready={"store": well}))

    live, ready = await client.get("/livez"), await client.get("/readyz")

    assert (live.status, ready.status) == (200, 200)
    assert await ready.json() == {"status": "ok", "failed": []}
    assert ready.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("check", [store_is_away, breaks])
async def test_what_fails_is_named_and_nothing_else_told(
    aiohttp_client: AiohttpClient, check: Callable[[], Awaitable[None]]
) -> None:
    """A check that fails, in whatever way, is a 503 that names it; its words stay inside."""
    client = await aiohttp_client(make_management(metrics=metrics, alive={}, ready={"store": check, "policy": well}))

    ready = await client.get("/readyz")

    assert ready.status == 503
    assert await ready.json() == {"status": "fail", "failed": ["store"]}
    assert "secret" not in await ready.text()


async def test_a_check_that_hangs_has_failed(aiohttp_client: AiohttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe waits no longer than its own patience."""
    monkeypatch.setattr(aiohttp_management, "CHECK_SECONDS", 0.01)
    never = asyncio.Event()

    async def hangs() -> None:
        await never.wait()

    client = await aiohttp_client(make_management(metrics=metrics, alive={}, ready={"provider": hangs}))

    ready = await client.get("/readyz")

    assert ready.status == 503


async def test_metrics_are_prometheus_text(aiohttp_client: AiohttpClient) -> None:
    """A scraper reads the content type."""
    client = await aiohttp_client(make_management(metrics=metrics, alive={}, ready={}))

    answer = await client.get("/metrics")

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert await answer.read() == b"sekisho_build_info 1.0\n"


async def test_there_is_nothing_else(aiohttp_client: AiohttpClient) -> None:
    """No page, no listing, no debug surface."""
    client = await aiohttp_client(make_management(metrics=metrics, alive={}, ready={}))

    assert (await client.get("/")).status == 404
    assert (await client.post("/metrics")).status == 405
