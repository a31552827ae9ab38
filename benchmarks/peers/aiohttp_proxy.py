"""The proxy one would write with aiohttp: an application, a `ClientSession`, a session in Redis on each request.

It runs on uvloop, with hiredis, and logs nothing: everything in its favour that costs it no feature.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import AsyncIterator, Iterator

import redis
import redis.asyncio
import uvloop
from aiohttp import ClientSession, TCPConnector, web
from multidict import CIMultiDict

from benchmarks.peer import Running
from benchmarks.programs import PEER_CORE, free_port, running
from benchmarks.surroundings import Surroundings

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"})


class AiohttpProxy:
    """aiohttp in front, aiohttp behind, one Redis GET between them."""

    name = "aiohttp"
    what = "session from Redis on each request"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it for the length of a block."""
        port, ticket = free_port(), secrets.token_urlsafe(32)
        with contextlib.closing(redis.Redis(port=around.redis)) as store:
            store.set(f"session:{ticket}", "subject")
        command = [sys.executable, "-m", "benchmarks.peers.aiohttp_proxy"]
        command += [str(port), str(around.upstream), str(around.redis)]
        environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
        with running(
            self.name, command, core=PEER_CORE, folder=around.folder, ready=port, environment=environment
        ) as program:
            yield Running(program, port, {"Cookie": f"session={ticket}"})


def application(upstream: str, store: redis.asyncio.Redis) -> web.Application:
    """Return the proxy."""
    client = web.AppKey("client", ClientSession)

    async def handle(request: web.Request) -> web.StreamResponse:
        subject = await store.get(f"session:{request.cookies.get('session', '')}")
        if subject is None:
            raise web.HTTPUnauthorized
        headers = CIMultiDict((k, v) for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP)
        headers["X-Verified-Subject"] = str(subject)
        body = request.content if request.body_exists else None
        async with request.app[client].request(
            request.method, upstream + request.raw_path, headers=headers, data=body, allow_redirects=False
        ) as answer:
            kept = CIMultiDict((k, v) for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP)
            response = web.StreamResponse(status=answer.status, headers=kept)
            response.content_length = answer.content_length
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def client_of(app: web.Application) -> AsyncIterator[None]:
        async with ClientSession(connector=TCPConnector(limit=0), auto_decompress=False) as session:
            app[client] = session
            yield

    app = web.Application(client_max_size=0)
    app.cleanup_ctx.append(client_of)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def main() -> None:
    """Serve until terminated: port, port of the upstream, port of Redis."""
    port, upstream, store = (int(argument) for argument in sys.argv[1:])
    uvloop.install()
    web.run_app(
        application(f"http://127.0.0.1:{upstream}", redis.asyncio.Redis(port=store, decode_responses=True)),
        host="127.0.0.1",
        port=port,
        access_log=None,
        print=None,
    )


if __name__ == "__main__":
    main()
