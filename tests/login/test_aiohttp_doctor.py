"""The measurements of `doctor`, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.login.aiohttp_doctor import examine_app, examine_client, examine_files, examine_store
from gateway.login.doctor import Finding, Level
from gateway.login.memory_pending import MemoryPendingStore
from gateway.settings.settings import AppSettings, Mode
from tests.conftest import free_port
from tests.login.conftest import House, new_keys

APP = AppSettings("booking", "https://app.gw.test")
OTHER = AppSettings("other", "https://unregistered.gw.test")


async def levels(findings: AsyncIterator[Finding]) -> list[tuple[str, Level]]:
    """Return what was found, in order."""
    return [(finding.check, finding.level) async for finding in findings]


async def test_a_healthy_client(house: House) -> None:
    """Everything passes, and nobody was signed in."""
    found = await levels(examine_client(house.settings, house.provider.keys, [APP], "/.sekisho/"))

    assert found == [
        ("discovery", Level.PASS),
        ("provider_keys", Level.PASS),
        ("acr", Level.PASS),
        ("clock", Level.PASS),
        ("assertion", Level.PASS),
        ("redirect_uri", Level.PASS),
    ]


async def test_a_client_with_another_key_and_an_unregistered_app(house: House) -> None:
    """Each is a failure of its own."""
    found = await levels(examine_client(house.settings, new_keys("c9"), [APP, OTHER], "/.sekisho/"))

    assert found[4:] == [
        ("assertion", Level.FAIL),
        ("redirect_uri", Level.PASS),
        ("redirect_uri", Level.FAIL),
    ]


async def test_a_provider_that_is_down_is_one_finding(house: House) -> None:
    """The rest would only repeat it."""
    await house.stand_in.stop()

    assert await levels(examine_client(house.settings, new_keys(), [APP], "/.sekisho/")) == [("discovery", Level.FAIL)]


async def test_an_application_is_there_or_not() -> None:
    """By a connection, which is all that is made."""

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gone = free_port()
    app = AppSettings(
        "booking", "http://app.localhost", upstream=(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{gone}")
    )

    found = await levels(examine_app(app))
    server.close()
    await server.wait_closed()

    assert found == [("upstream", Level.PASS), ("bypass", Level.PASS), ("upstream", Level.FAIL)]


@pytest.mark.parametrize(
    ("plain", "spoofed", "level"),
    [
        ("200 OK", "403 Forbidden", Level.PASS),
        ("401 Unauthorized", "403 Forbidden", Level.PASS),
        ("200 OK", "200 OK", Level.FAIL),
        ("401 Unauthorized", "401 Unauthorized", Level.FAIL),
        ("403 Forbidden", "403 Forbidden", Level.WARN),
        (None, None, Level.WARN),
    ],
)
async def test_a_proxy_in_front_is_asked_with_a_header_of_ours(
    plain: str | None, spoofed: str | None, level: Level
) -> None:
    """A client's own identity header must be refused through it; that it is not says what to compare."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status = spoofed if b"X-Verified-" in head else plain
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1] if plain else free_port()
    app = AppSettings("booking", f"http://localhost:{port}", mode=Mode.FORWARD_AUTH)

    found = [finding async for finding in examine_app(app)]
    server.close()
    await server.wait_closed()

    assert [(finding.check, finding.level) for finding in found] == [("outer_proxy", level)]
    assert ("deploy/forward-auth" in str(found[0].remedy)) is (level is Level.FAIL or plain is None)


async def test_stores_and_files(house: House, tmp_path: Path) -> None:
    """Whether sessions can be kept, and who may read what."""
    good, open_to_all = tmp_path / "a", tmp_path / "b"
    good.touch(0o600)
    open_to_all.touch()
    open_to_all.chmod(0o644)

    store = await examine_store(MemoryPendingStore(), house.sessions, "memory")
    files = [finding.level for finding in examine_files([good, open_to_all, tmp_path / "c"])]

    assert store.level == Level.PASS
    assert files == [Level.PASS, Level.FAIL, Level.FAIL]
