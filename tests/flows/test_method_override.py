"""A blog whose `Move to trash` is a POST with `X-HTTP-Method-Override: DELETE`, behind a real gateway."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.identity import Identity, Scope
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess

POLICY = """\
policy: p
rules:
  - name: erase
    match: {path: /posts/**, method: DELETE}
    allow: signed_in
    limit: {name: erasures, once: day, counted_when: {status: 200}, times: 1}
  - name: write
    match: {path: /posts/**, method: POST}
    allow: signed_in
    limit: {name: writings, once: day, counted_when: {status: 200}, times: 2}
  - name: the rest
    allow: signed_in
"""


@pytest.fixture
async def blog() -> AsyncIterator[tuple[list[str], int]]:
    """An application that takes the override for the method, what it has done, and its port."""
    done: list[str] = []

    async def act(request: web.Request) -> web.Response:
        done.append(request.headers.get("X-HTTP-Method-Override", request.method))
        return web.Response(text="done")

    app = web.Application()
    app.router.add_route("*", "/posts/{number}", act)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield done, runner.addresses[0][1]
    await runner.cleanup()


async def post(gateway: GatewayProcess, cookie: str, *, override: str = "") -> tuple[int, str]:
    """Send a form's POST as a script does."""
    headers = {"Host": f"{HOST}:{gateway.port}", "Cookie": cookie, "Sec-Fetch-Mode": "cors"}
    if override:
        headers["X-HTTP-Method-Override"] = override
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(f"http://127.0.0.1:{gateway.port}/posts/12", headers=headers) as answer,
    ):
        return answer.status, await answer.text()


@pytest.mark.parametrize("both", [False, True], ids=["refuse", "both"])
async def test_a_post_in_another_methods_name(
    both: bool, blog: tuple[list[str], int], tmp_path: Path, redis_url: str
) -> None:
    """By default it is refused and nothing is saved; opted in, both limits count, and a refusal takes no entry."""
    done, port = blog
    gateway = GatewayProcess(tmp_path, port, redis_url, policy=POLICY, more="limits: {store: memory}\n")
    if both:
        text = gateway.settings.read_text().replace(
            "policy: policy.yaml\n", "policy: policy.yaml\n    method_override: both\n"
        )
        gateway.settings.write_text(text)
    await asyncio.to_thread(gateway.start)
    try:
        cookie = await gateway.sign_in(Identity(CLIENT, "hanako", time.time(), frozenset({Scope.OPENID})))
        trashed = await post(gateway, cookie, override="DELETE")
        again = await post(gateway, cookie, override="DELETE")
        plain = [(await post(gateway, cookie))[0] for _ in range(3)]
    finally:
        await asyncio.to_thread(gateway.stop)

    if both:
        assert (trashed[0], again[0], plain) == (200, 403, [200, 403, 403])
        assert done == ["DELETE", "POST"]
    else:
        assert (trashed[0], again[0], plain) == (400, 400, [200, 200, 403])
        assert '"method_override"' in trashed[1]
        assert done == ["POST", "POST"]
