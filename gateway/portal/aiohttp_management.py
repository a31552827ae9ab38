"""The management listener: metrics and health, for those who operate the gateway, never for the public.

It is bound to an address of its own and serves no page. Health says one word to whoever asks;
which check failed is in the answer's body, with no address or secret in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import structlog
from aiohttp import hdrs, web

from gateway.errors import GatewayError
from gateway.observe.events import Event

CHECK_SECONDS = 2.0
"""Seconds a check of readiness may take; probes usually wait no longer."""

Check = Callable[[], Awaitable[None]]
"""Returns when all is well, raises when it is not."""

_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"

_log = structlog.get_logger()


def make_management(
    *, metrics: Callable[[], Awaitable[bytes]], alive: Mapping[str, Check], ready: Mapping[str, Check]
) -> web.Application:
    """Return the application.

    `metrics` returns Prometheus's text format. `alive` are the checks of `/livez`: a process that fails one
    should be replaced. `ready` are those of `/readyz`: one that fails should get no new requests.
    """

    async def serve_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await metrics(), headers={hdrs.CONTENT_TYPE: _EXPOSITION})

    async def livez(_request: web.Request) -> web.Response:
        return await _health(alive)

    async def readyz(_request: web.Request) -> web.Response:
        return await _health(ready)

    app = web.Application(client_max_size=64 * 1024, middlewares=[_plain_headers])
    app.router.add_get("/metrics", serve_metrics)
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    return app


@web.middleware
async def _plain_headers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as refused:
        response = web.Response(status=refused.status, text=f"{refused.reason}\n")
        if hdrs.ALLOW in refused.headers:
            response.headers[hdrs.ALLOW] = refused.headers[hdrs.ALLOW]
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


async def _health(checks: Mapping[str, Check]) -> web.Response:
    """Run all checks at once and say which failed."""
    results = await asyncio.gather(*(_passes(name, check) for name, check in checks.items()))
    failed = sorted(name for name, passed in zip(checks, results, strict=True) if not passed)
    status = HTTPStatus.SERVICE_UNAVAILABLE if failed else HTTPStatus.OK
    return web.json_response({"status": "fail" if failed else "ok", "failed": failed}, status=status)


async def _passes(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        _log.warning(Event.NOT_READY, name=name, error="timeout")
        return False
    except GatewayError as error:
        _log.warning(Event.NOT_READY, name=name, error=error.code)
        return False
    # A check that breaks in a way nobody thought of is not a yes.
    except Exception as error:  # noqa: BLE001
        _log.warning(Event.NOT_READY, name=name, error=type(error).__name__)
        return False
    return True
