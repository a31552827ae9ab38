"""TLS on the listener, over real sockets."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import time
from pathlib import Path

import pytest

from gateway.listen.system_tls import CertificateDatesError, ListenerTls
from gateway.settings.settings import TlsSettings
from tests.listen.byte_path import Door, Peer, get
from tests.upstream.certificates import certify


def trusting(certificate: Path, **changes: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    for name, value in changes.items():
        setattr(context, name, value)
    return context


async def tls_door(door: Door, folder: Path) -> tuple[ListenerTls, Path]:
    certificate, key = certify(folder, "app.gw.test")
    tls = ListenerTls(TlsSettings(certificate, key))
    door.tls = tls.context
    return tls, certificate


async def test_requests_come_over_tls(door: Door, tmp_path: Path) -> None:
    """The scheme is https, the connection kept, HSTS said where it is configured."""
    _, certificate = await tls_door(door, tmp_path)
    door.hsts = b"Strict-Transport-Security: max-age=60\r\n"
    await door.open()
    client = await door.client(tls=trusting(certificate))

    for _ in range(2):
        await client.send(get())
        answer = await client.answer()
        assert (answer.status, answer[b"Strict-Transport-Security"]) == (200, b"max-age=60")

    assert door.seen[0][0].scheme == "https"
    assert door.application.requests[0].all(b"X-Forwarded-Proto") == [b"https"]


async def test_another_certificate_needs_no_restart(door: Door, tmp_path: Path) -> None:
    """New handshakes get the new one, open connections stay; a mistake in the new one changes nothing."""
    tls, certificate = await tls_door(door, tmp_path)
    same = TlsSettings(certificate, tmp_path / "app.gw.test.key")
    (tmp_path / "new").mkdir()
    new, new_key = certify(tmp_path / "new", "app.gw.test")
    old = tmp_path / "old.pem"
    shutil.copy(certificate, old)
    await door.open()
    open_before = await door.client(tls=trusting(old))

    shutil.copy(new, certificate)
    with pytest.raises(ssl.SSLError):
        tls.reload(same, time.time())
    after_mistake = await door.client(tls=trusting(old))
    shutil.copy(new_key, tmp_path / "app.gw.test.key")
    tls.reload(same, time.time())
    after = await door.client(tls=trusting(new))

    for client in (open_before, after_mistake, after):
        await client.send(get())
        assert (await client.answer()).status == 200


async def test_a_certificate_may_lie_elsewhere_from_now_on(door: Door, tmp_path: Path) -> None:
    """Settings that name other files are taken up like files that have changed."""
    tls, _ = await tls_door(door, tmp_path)
    (tmp_path / "new").mkdir()
    certificate, key = certify(tmp_path / "new", "app.gw.test")
    await door.open()

    tls.reload(TlsSettings(certificate, key), time.time())
    client = await door.client(tls=trusting(certificate))
    await client.send(get())

    assert (await client.answer()).status == 200


@pytest.mark.parametrize(("days", "why"), [(2, "expired"), (-2, "not_yet_valid")])
async def test_a_certificate_that_is_not_valid_now_is_not_taken_up(
    door: Door, tmp_path: Path, days: int, why: str
) -> None:
    """Browsers go on getting the one in use, and the operator gets the reason."""
    tls, old = await tls_door(door, tmp_path)
    (tmp_path / "new").mkdir()
    certificate, key = certify(tmp_path / "new", "app.gw.test")
    await door.open()

    with pytest.raises(CertificateDatesError, match=why):
        tls.reload(TlsSettings(certificate, key), time.time() + days * 86_400)
    client = await door.client(tls=trusting(old))
    await client.send(get())

    assert (await client.answer()).status == 200


async def test_tls_1_1_is_refused(door: Door, tmp_path: Path) -> None:
    """RFC 8996."""
    _, certificate = await tls_door(door, tmp_path)
    await door.open()
    context = trusting(certificate)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    def shake_hands() -> None:
        with socket.create_connection(("127.0.0.1", door.port)) as sock:
            context.wrap_socket(sock, server_hostname="app.gw.test").close()

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.to_thread(shake_hands)


async def test_an_answer_that_ends_the_connection_is_not_truncated(door: Door, tmp_path: Path) -> None:
    """A megabyte to the last byte, then `close_notify`: Python's TLS would raise without."""

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        await peer.send(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 2**20)

    door.application.script = script
    _, certificate = await tls_door(door, tmp_path)
    await door.open()
    client = await door.client(tls=trusting(certificate))

    await client.send(b"GET / HTTP/1.0\r\nHost: app.gw.test\r\n\r\n")
    await client.head()
    async with asyncio.timeout(10):
        body = await client.reader.read(-1)

    assert len(body) == 2**20


async def test_a_refused_head_can_be_read(door: Door, tmp_path: Path) -> None:
    """There is no half-close over TLS: we answer and go on reading for a while."""
    _, certificate = await tls_door(door, tmp_path)
    await door.open()
    client = await door.client(tls=trusting(certificate))

    await client.send(b"BAD\r\n\r\n" + b"x" * 100_000)

    assert (await client.answer()).status == 400
