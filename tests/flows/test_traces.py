"""A trace goes on from a proxy through the gateway to the application, and its spans reach a real collector."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.identity import Birthdate, Identity, Scope
from tests.builders import CLIENT
from tests.conftest import free_port
from tests.flows.gateway_process import HOST, OPEN_POLICY, PATIENCE, GatewayProcess
from tests.flows.in_process import ADULTS, gateway_in_process

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"traceparent: 00-{TRACE}-{CALLER}-01\r\ntracestate: rojo=1\r\n"


class Collector:
    """Takes spans over OTLP/HTTP, and decodes them as a collector does."""

    def __init__(self) -> None:
        self.raw = b""
        self.spans: list[Any] = []
        self.tokens: list[str | None] = []
        self.came = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += body
        self.tokens.append(request.headers.get("X-Token"))
        told = ExportTraceServiceRequest.FromString(body)
        async with self.came:
            self.spans += [span for each in told.resource_spans for scope in each.scope_spans for span in scope.spans]
            self.came.notify_all()
        return web.Response(content_type="application/x-protobuf")

    async def wait_for(self, wanted: Callable[[list[Any]], bool]) -> list[Any]:
        async with asyncio.timeout(PATIENCE), self.came:
            await self.came.wait_for(lambda: wanted(self.spans))
        return self.spans


@asynccontextmanager
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    """Serve a collector, and yield it with its URL."""
    taken = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", taken.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield taken, f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    finally:
        await runner.cleanup()


async def ask(gateway: GatewayProcess, path: str, fields: str = "") -> bytes:
    """Send one GET, and return the whole answer: the application repeats the head that it got."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}:{gateway.port}\r\n{fields}Connection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def access_lines(gateway: GatewayProcess, wanted: int) -> list[dict[str, Any]]:
    """Return the access lines, once there are so many."""
    file = gateway.folder / "access.log"
    async with asyncio.timeout(PATIENCE):
        while True:
            lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
            if len(lines) >= wanted:
                return lines
            await asyncio.sleep(0.05)


def traced_by(answer: bytes) -> list[str]:
    """Return the `traceparent` fields that the application got."""
    lines = answer.decode().split("\r\n")
    return [line.partition(": ")[2] for line in lines if line.lower().startswith("traceparent:")]


async def test_a_trace_goes_on_through_us(tmp_path: Path, redis_url: str) -> None:
    """The caller's span, ours and the application's are one chain, and no span holds anything of the person."""
    (tmp_path / "otlp").write_text("X-Token: collectors-own\n")
    async with collector() as (taken, endpoint):

        def change(text: str) -> str:
            text = text.replace("client_id:", "contracted: [birthdate]\n  client_id:")
            traces = f"traces: {{endpoint: '{endpoint}', ratio: 0, headers: {{file: otlp}}}}\n"
            return f"{text}trusted_proxies: [127.0.0.1]\n{traces}"

        async with gateway_in_process(tmp_path, redis_url, ADULTS, change) as gateway:
            asked = frozenset({Scope.OPENID, Scope.BIRTHDATE})
            identity = Identity(CLIENT, "canary-subject", 1e9, asked, birthdate=Birthdate(1990, 4, 7))
            cookie = await gateway.sign_in(identity)
            fields = f"Accept: application/json\r\nCookie: {cookie}\r\n"
            sampled = await ask(gateway, "/reserve/canary-path?q=canary-query", fields + SAMPLED)
            unsampled = await ask(gateway, "/x", fields + SAMPLED.replace("-01\r", "-00\r"))
            untraced = await ask(gateway, "/x", fields)
            navigating = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
            page = await ask(gateway, "/.sekisho/me", f"{navigating}Cookie: {cookie}\r\n{SAMPLED}")
            spans = await taken.wait_for(lambda spans: sum(span.name == "GET" for span in spans) >= 3)
            lines = await access_lines(gateway, 4)

    (told,) = traced_by(sampled)
    assert told.startswith(f"00-{TRACE}-")
    assert told.endswith("-01")
    assert CALLER not in told
    assert b"\r\ntracestate: rojo=1\r\n" in sampled
    assert traced_by(unsampled) == [f"00-{TRACE}-{CALLER}-00"]
    assert traced_by(untraced) == []
    assert page.startswith(b"HTTP/1.1 200 ")
    assert [line["trace_id"] for line in lines] == [TRACE, TRACE, "", TRACE]

    by_id = {span.span_id.hex(): span for span in spans}
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    assert {span.parent_span_id.hex() for span in spans} - by_id.keys() == {CALLER}
    asking = by_id[told.split("-")[2]]
    around = by_id[asking.parent_span_id.hex()]
    assert (asking.name, asking.kind) == ("GET", asking.SPAN_KIND_CLIENT)
    assert (around.name, around.kind) == ("GET", around.SPAN_KIND_SERVER)
    assert around.start_time_unix_nano <= asking.start_time_unix_nano <= asking.end_time_unix_nano
    assert {"GET", "request head", "policy decision", "session look-up", "redis", "portal", "page"} <= {
        span.name for span in spans
    }
    assert set(taken.tokens) == {"collectors-own"}
    ticket = cookie.partition("=")[2].encode()
    for canary in (b"canary", b"1990", ticket, ticket[:16]):
        assert canary not in taken.raw


async def test_traces_begin_here_by_the_ratio(tmp_path: Path, redis_url: str) -> None:
    """Without a caller's trace, the ratio decides; no client begins one by its own word."""
    async with collector() as (taken, endpoint):

        def change(text: str) -> str:
            return f"{text}traces: {{endpoint: '{endpoint}', ratio: 1}}\n"

        async with gateway_in_process(tmp_path, redis_url, OPEN_POLICY, change) as gateway:
            answer = await ask(gateway, "/x", SAMPLED)
            spans = await taken.wait_for(lambda spans: sum(span.name == "GET" for span in spans) >= 2)

    (told,) = traced_by(answer)
    assert TRACE not in told
    assert b"rojo" not in answer
    assert {span.trace_id.hex() for span in spans} == {told.split("-")[1]}
    assert sum(not span.parent_span_id for span in spans) == 1


async def test_no_client_begins_a_trace_and_none_is_needed_to_pass_one_on(tmp_path: Path, redis_url: str) -> None:
    """Without `traces`, a trusted proxy's trace goes on as it came, and a client's is removed in every spelling."""
    for folder, trusted in (("a", ""), ("b", "trusted_proxies: [127.0.0.1]\n")):
        (tmp_path / folder).mkdir()

        def change(text: str, trusted: str = trusted) -> str:
            return text + trusted

        async with gateway_in_process(tmp_path / folder, redis_url, OPEN_POLICY, change) as gateway:
            plain = await ask(gateway, "/x", SAMPLED)
            odd = await ask(
                gateway, "/x", SAMPLED.replace("traceparent", "TRACEPARENT").replace("tracestate", "TraceState")
            )
            faulty = await ask(gateway, "/x", SAMPLED.replace("-01\r", "-1\r"))
            twice = await ask(gateway, "/x", SAMPLED + SAMPLED)
            lines = await access_lines(gateway, 4)

        passed = [f"00-{TRACE}-{CALLER}-01"] if trusted else []
        assert traced_by(plain) == traced_by(odd) == passed
        assert traced_by(faulty) == traced_by(twice) == []
        assert (b"rojo" in plain) is bool(trusted)
        assert b"rojo" not in faulty
        assert [line["trace_id"] for line in lines] == [TRACE * bool(trusted), TRACE * bool(trusted), "", ""]


async def test_a_collector_that_is_away_costs_spans_alone(tmp_path: Path, redis_url: str) -> None:
    """Requests go on, and the end waits for nobody; lost spans are counted."""

    def change(text: str) -> str:
        return f"{text}traces: {{endpoint: 'http://127.0.0.1:{free_port()}/v1/traces', ratio: 1}}\n"

    began = asyncio.get_running_loop().time()
    async with gateway_in_process(tmp_path, redis_url, OPEN_POLICY, change) as gateway:
        for _ in range(20):
            assert (await ask(gateway, "/x")).startswith(b"HTTP/1.1 200 ")
    assert asyncio.get_running_loop().time() - began < PATIENCE
