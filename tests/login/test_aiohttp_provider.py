"""Calls to the provider: kept, refreshed, limited, and never led elsewhere."""

from __future__ import annotations

import asyncio
import gzip
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from gateway.errors import ProviderRefusedError, ProviderUnavailableError
from gateway.identity import Scope
from gateway.login.aiohttp_provider import CONTACT_SECONDS, REFETCH_PAUSE, RETRY_PAUSE, AiohttpProvider
from gateway.observe.otel_spans import Trace, working_for
from gateway.observe.trace_context import TraceContext
from gateway.settings.settings import ProviderSettings
from tests.builders import CLIENT
from tests.conftest import free_port
from tests.login.conftest import Calls, Clock, House, new_keys
from tests.observe.test_otel_spans import Kept
from tests.redis_server import write_certificates

Make = Callable[..., AiohttpProvider]


@pytest.fixture
async def make(house: House) -> AsyncIterator[Make]:
    """Makes more providers like the house's, with changed settings."""
    made: list[AiohttpProvider] = []

    def make_it(via_credentials: tuple[str, str] | None = None, **changes: Any) -> AiohttpProvider:
        made.append(
            AiohttpProvider(
                replace(house.settings, **changes),
                new_keys(),
                clock=house.clock,
                monotonic=house.clock,
                random=secrets.token_bytes,
                meter=house.calls,
                via_credentials=via_credentials,
            )
        )
        return made[-1]

    yield make_it
    for provider in made:
        await provider.close()


async def test_metadata_and_keys_are_asked_for_once(house: House) -> None:
    """However many sign in at the same time."""
    await asyncio.gather(*(house.provider.metadata() for _ in range(20)))
    await asyncio.gather(*(house.provider.signing_keys() for _ in range(20)))

    assert house.stand_in.calls == ["discovery", "jwks"]


async def test_the_pages_of_discovery_are_known_once_it_has_answered(house: House) -> None:
    """Before that, and where they lie elsewhere, only the issuer's: at once, since a page of ours waits for nobody."""
    before = house.provider.origins
    house.stand_in.login_at = "http://login.localhost:9"

    await house.provider.metadata()

    assert before == (f"http://127.0.0.1:{house.stand_in.port}",)
    assert house.provider.origins == (*before, "http://login.localhost:9")


async def test_a_key_that_was_published_a_moment_ago_is_found(house: House) -> None:
    """Twenty tokens that fit no kept key make one fetch, however lately the keys were fetched: each waits for it."""
    await house.provider.signing_keys()
    house.stand_in.key = ECKey.generate_key("P-256", {"kid": "p2", "use": "sig", "alg": "ES256"}, auto_kid=False)
    began = time.monotonic()

    found = await asyncio.gather(*(house.provider.newer_signing_keys() for _ in range(20)))

    assert all(any(key.kid == "p2" for key in keys) for keys in found)
    assert house.stand_in.calls.count("jwks") == 2
    assert time.monotonic() - began < REFETCH_PAUSE + 2


async def test_keys_that_are_being_fetched_may_be_too_old_already(house: House) -> None:
    """A fetch that began before the token came may have missed its key: one more is made."""
    await house.provider.metadata()
    under_way = asyncio.create_task(house.provider.signing_keys())
    while house.stand_in.calls.count("jwks") < 1:
        await asyncio.sleep(0)
    house.stand_in.key = ECKey.generate_key("P-256", {"kid": "p2", "use": "sig", "alg": "ES256"}, auto_kid=False)

    newer = await house.provider.newer_signing_keys()
    await under_way

    assert any(key.kid == "p2" for key in newer)


async def test_made_up_tokens_make_no_flood(house: House) -> None:
    """A second round waits its time as well: at most one fetch in so many seconds, for all who ask."""
    await house.provider.signing_keys()
    house.clock.ahead = REFETCH_PAUSE
    began = time.monotonic()
    for _ in range(2):
        await asyncio.gather(*(house.provider.newer_signing_keys() for _ in range(20)))

    assert house.stand_in.calls.count("jwks") == 3
    assert time.monotonic() - began > REFETCH_PAUSE / 2


async def test_an_odd_key_is_told_once(house: House) -> None:
    """Sign-ins go on; the operator hears of it, and again only when it has been away."""
    await house.provider.signing_keys()
    first = list(house.calls.passed_over)
    house.clock.ahead = REFETCH_PAUSE
    await house.provider.newer_signing_keys()

    assert first == []
    house.stand_in.odd_keys = [{"kid": "odd\n\u202e", "kty": "EC", "key_ops": None}]
    for _ in range(2):
        house.clock.ahead += REFETCH_PAUSE
        assert await house.provider.newer_signing_keys()
    assert house.calls.passed_over == [("odd", "purpose")]


async def test_documents_live_as_long_as_their_headers_say(house: House) -> None:
    """Then the kept one serves while a new one is fetched behind it."""
    house.stand_in.cache_control = "max-age=120"
    await house.provider.metadata()
    house.clock.ahead = 119
    await house.provider.metadata()
    before = house.stand_in.calls.count("discovery")
    house.clock.ahead = 121

    await house.provider.metadata()
    await house.provider._metadata.fetch()

    assert before == 1
    assert house.stand_in.calls.count("discovery") == 2


@pytest.mark.parametrize("step", [-10 * 86_400.0, 10 * 86_400.0])
async def test_documents_live_by_the_time_that_has_passed(house: House, step: float) -> None:
    """A wall clock that is set makes no withdrawn key good for days, and no provider that has gone present."""
    wall, passed = Clock(), Clock()
    house.stand_in.cache_control = "max-age=120"
    provider = AiohttpProvider(
        house.settings, new_keys(), clock=wall, monotonic=passed, random=secrets.token_bytes, meter=house.calls
    )
    try:
        await provider.signing_keys()
        wall.ahead = step
        await provider.signing_keys()
        await provider.reachable()
        asked_before = house.stand_in.calls.count("jwks")
        passed.ahead = 121
        await provider.signing_keys()
        await provider._signing.fetch()
        asked_after = house.stand_in.calls.count("jwks")
        await house.stand_in.stop()
        passed.ahead += CONTACT_SECONDS + 1
        with pytest.raises(ProviderUnavailableError):
            await provider.reachable()
    finally:
        await provider.close()

    assert (asked_before, asked_after) == (1, 2)


async def test_an_outage_is_not_noticed_while_the_kept_may_serve(house: House) -> None:
    """Stale metadata and keys serve for `stale_for`, and not a second longer."""
    house.stand_in.cache_control = "max-age=60"
    await house.provider.signing_keys()
    await house.stand_in.stop()
    house.clock.ahead = 60 + house.settings.stale_for - 1

    metadata = await house.provider.metadata()
    keys = await house.provider.signing_keys()
    house.clock.ahead += RETRY_PAUSE + 2

    assert metadata.issuer == house.stand_in.issuer
    assert keys
    with pytest.raises(ProviderUnavailableError):
        await house.provider.metadata()


async def test_nobody_is_sent_to_a_provider_that_is_away(house: House) -> None:
    """Kept metadata serve callbacks under way; a new sign-in first makes sure somebody is there, once in a while."""
    await house.provider.reachable()
    await house.provider.reachable()
    lately = list(house.calls.calls)
    house.clock.ahead = CONTACT_SECONDS + 1
    await house.stand_in.stop()

    for _ in range(3):
        with pytest.raises(ProviderUnavailableError):
            await house.provider.reachable()
    kept = await house.provider.metadata()
    await house.stand_in.start()
    house.clock.ahead += RETRY_PAUSE + 1
    found = await house.provider.reachable()

    assert lately == [("discovery", "ok")]
    assert kept == found
    assert house.calls.calls == [("discovery", "ok"), ("discovery", "unavailable"), ("discovery", "ok")]


async def test_recovery_needs_no_restart_and_an_outage_no_storm(house: House) -> None:
    """While it is down it is asked at most every few seconds; once it is back, it is used."""
    await house.stand_in.stop()
    for _ in range(10):
        with pytest.raises(ProviderUnavailableError):
            await house.provider.metadata()
    await house.stand_in.start()
    house.clock.ahead = RETRY_PAUSE + 1

    metadata = await house.provider.metadata()

    assert metadata.issuer == house.stand_in.issuer
    assert house.calls.calls == [("discovery", "unavailable"), ("discovery", "ok")]


async def test_the_background_keeps_both_ready(house: House) -> None:
    """Before the first sign-in; and a provider that is down stops nobody from starting."""
    await house.provider.start()

    keys = await house.provider.signing_keys()
    await house.provider.close()

    assert keys


async def test_another_issuer_is_never_used(house: House) -> None:
    """OpenID Connect Discovery 4.3: exactly the issuer we asked."""
    house.stand_in.spoil.answer = lambda name: (
        web.json_response({"issuer": "https://evil-idp.example"}) if name == "discovery" else None
    )

    with pytest.raises(ProviderUnavailableError, match="another_issuer"):
        await house.provider.metadata()


async def test_a_slow_provider_is_one_that_is_down(make: Make, house: House) -> None:
    """Each call has its time, however the bytes trickle."""
    release = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
        await release.wait()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    provider = make(issuer=f"http://127.0.0.1:{port}", timeout=0.2)

    with pytest.raises(ProviderUnavailableError, match="timeout"):
        await provider.metadata()

    release.set()
    server.close()
    await server.wait_closed()


async def test_an_unknown_certificate_is_not_believed_and_a_given_ca_is(
    make: Make, house: House, tmp_path: Path
) -> None:
    """Verification has no switch; a CA of one's own can be added."""
    ca, certificate, key = write_certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    issuer = f"https://localhost:{(port := free_port())}"

    async def discovery(_: web.Request) -> web.Response:
        endpoints = dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), f"{issuer}/x")
        return web.json_response({"issuer": issuer, **endpoints})

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", discovery)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()

    with pytest.raises(ProviderUnavailableError, match="certificate_or_tls"):
        await make(issuer=issuer).metadata()
    metadata = await make(issuer=issuer, ca=ca).metadata()

    assert metadata.issuer == issuer
    await runner.cleanup()


async def test_calls_go_through_the_proxy_that_is_configured_and_no_other(
    make: Make, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its credentials, which the provider never sees; ambient variables are not looked at."""
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    via = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, via)

    await make().metadata()
    ambient = list(seen)
    for issuer in (house.stand_in.issuer, "https://op.example"):
        with pytest.raises(ProviderUnavailableError):
            await make(issuer=issuer, via=via, via_credentials=("user", "geheim")).metadata()
    server.close()
    await server.wait_closed()

    assert ambient == []
    plain, tunnel = seen
    assert plain.startswith(f"GET {house.stand_in.issuer}/".encode())
    assert tunnel.startswith(b"CONNECT op.example:443 ")
    assert plain.count(b"Proxy-Authorization: Basic ") == tunnel.count(b"Proxy-Authorization: Basic ") == 1


async def test_an_error_quotes_neither_code_nor_token(house: House) -> None:
    """Texts end in logs."""
    house.stand_in.spoil.answer = lambda name: web.Response(status=500) if name == "token" else None

    with pytest.raises(ProviderUnavailableError) as refused:
        await house.provider.redeem(
            code="the-code", verifier="the-verifier", redirect_uri="https://x", asked=frozenset({Scope.OPENID})
        )

    assert "the-code" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_compressed_answer_is_not_unpacked(house: House) -> None:
    """A few bytes on the wire could be any size behind it; we ask for none, and take none."""

    def bomb(name: str) -> web.StreamResponse | None:
        packed = gzip.compress(b" " * 50_000_000)
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=packed, headers=headers) if name == "discovery" else None

    house.stand_in.spoil.answer = bomb

    with pytest.raises(ProviderUnavailableError, match="not_json"):
        await house.provider.metadata()


async def test_a_refused_access_token_is_a_refusal(house: House) -> None:
    """The client makes the error code safe."""
    with pytest.raises(ProviderRefusedError, match="invalid_token"):
        await house.provider.userinfo("made-up")


@pytest.mark.parametrize("issuer", ["http://op.example", "ftp://localhost", "", "op.example"])
def test_an_issuer_that_is_neither_https_nor_here_is_refused(issuer: str) -> None:
    """Before any call."""
    with pytest.raises(ValueError, match="neither https nor on loopback"):
        AiohttpProvider(
            ProviderSettings(issuer=issuer, client_id=CLIENT),
            new_keys(),
            clock=Clock(),
            monotonic=Clock(),
            random=secrets.token_bytes,
            meter=Calls(),
        )


@pytest.mark.parametrize(
    "body",
    [
        b'{"sub": "sub-hanako", "sub": "sub-taro"}',
        b'{"sub": "sub-hanako", "x": NaN}',
        b'{"sub": "sub-hanako", "x": 1e999}',
        b'{"sub": "sub-hanako", "x": ' + b"9" * 5_000 + b"}",
        b'{"sub": "sub-hanako", "x": "\\ud800"}',
        b'{"x":' * 30_000,
        b"[" * 200_000,
        b'["sub-hanako"]',
        '{"sub": "sub-hanako"}'.encode("utf-16"),
        b'{"sub": "\xff"}',
        b"",
    ],
    ids=lambda body: repr(body[:40]),
)
@pytest.mark.parametrize("endpoint", ["userinfo", "discovery", "jwks", "token"])
async def test_an_answer_that_two_readers_read_in_two_ways_is_no_answer(
    endpoint: str, body: bytes, house: House
) -> None:
    """A member twice, a number that is none, half a character, brackets without end: the provider does not answer."""

    def spoiled(name: str) -> web.Response | None:
        return web.Response(body=body, content_type="application/json") if name == endpoint else None

    house.stand_in.spoil.answer = spoiled
    provider, asked = house.provider, frozenset({Scope.OPENID})
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "userinfo": lambda: provider.userinfo("token"),
        "discovery": provider.metadata,
        "jwks": provider.signing_keys,
        "token": lambda: provider.redeem(code="c", verifier="v", redirect_uri="https://x", asked=asked),
    }
    with pytest.raises(ProviderUnavailableError):
        await calls[endpoint]()


@pytest.mark.parametrize("piece", [";", ";a=", ';a="', ";x*0=a"])
async def test_a_long_type_of_an_answer_holds_up_nobody(piece: str, house: House) -> None:
    """9 KB of `;` took a library more than a second, in which nobody was answered."""
    kind = "application/json" + piece * (15_000 // len(piece))
    house.stand_in.spoil.answer = lambda name: (
        web.Response(body=b"{}", headers={"Content-Type": kind}) if name == "userinfo" else None
    )
    await house.provider.metadata()
    began = time.process_time()

    await house.provider.userinfo("token")

    assert time.process_time() - began < 0.5


async def test_the_provider_is_told_of_the_trace(house: House) -> None:
    """Each call is a span, and the provider gets that span as its parent; a call for nobody names no trace."""
    kept = Kept()
    await house.provider.metadata()

    with working_for(Trace(TraceContext("ab" * 16, "cd" * 8, sampled=True), kept)):
        await house.provider.signing_keys()

    (span,) = kept.spans
    assert (span.name, span.attributes) == ("GET", {"http.request.method": "GET", "sekisho.endpoint": "jwks"})
    assert house.stand_in.trace_parents == [span.context.parent]
