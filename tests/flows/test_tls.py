"""TLS on the listener, with a real gateway: https, the plain port beside it, a certificate that changes."""

import http.client
import signal
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.upstream.certificates import certify

DAY = timedelta(days=1)


class Tls:
    """A gateway with a certificate, and what a browser needs to speak with it."""

    def __init__(self, folder: Path, upstream: int, redis_url: str, workers: int) -> None:
        self.certificate, self.key = certify(folder, HOST)
        self.plain = free_port()
        more = (
            f"tls: {{certificate: {self.certificate.name}, key: {self.key.name}, "
            f"redirect: '127.0.0.1:{self.plain}', hsts: 180d}}\n"
        )
        self.gateway = GatewayProcess(folder, upstream, redis_url, workers, more=more, scheme="https")
        text = self.gateway.settings.read_text().replace("environment: emulator", "environment: other")
        self.gateway.settings.write_text(text)

    def get(self, certificate: Path) -> tuple[int, str | None]:
        """Ask over TLS, trusting one certificate; return status and HSTS."""
        context = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("127.0.0.1", self.gateway.port, context=context, timeout=20)
        try:
            connection.request("GET", "/x", headers={"Host": f"{HOST}:{self.gateway.port}"})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader("Strict-Transport-Security")
        finally:
            connection.close()

    def expiry(self) -> list[str]:
        """Return the end of the listener's certificate, as the metrics tell it."""
        _, text = self.gateway.ask_management("/metrics")
        name = 'sekisho_certificate_expiry_timestamp_seconds{name="",use="listener"}'
        return [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name)]


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def tls(tmp_path: Path, redis_url: str, request: pytest.FixtureRequest) -> Iterator[Tls]:
    """Start it, and end it with the test."""
    with application() as upstream:
        started = Tls(tmp_path, upstream, redis_url, request.param)
        started.gateway.start()
        yield started
        started.gateway.stop()


def test_https_is_served_and_plain_http_is_sent_there(tls: Tls) -> None:
    """With HSTS; the plain port forwards nothing and keeps the path and query."""
    assert tls.get(tls.certificate) == (200, "max-age=15552000")

    connection = http.client.HTTPConnection("127.0.0.1", tls.plain, timeout=20)
    connection.request("GET", "/a?b=c", headers={"Host": f"{HOST}:{tls.gateway.port}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()

    assert answer.status == 308
    assert answer.getheader("Location") == f"https://{HOST}:{tls.gateway.port}/a?b=c"


def test_a_session_is_resumed_at_every_worker(tls: Tls) -> None:
    """A browser comes back to any of them; the certificate is not shown and signed for again."""
    context = ssl.create_default_context(cafile=str(tls.certificate))
    request = f"GET /x HTTP/1.1\r\nHost: {HOST}:{tls.gateway.port}\r\n\r\n".encode()

    def visit(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool | None]:
        with (
            socket.create_connection(("127.0.0.1", tls.gateway.port), 20) as plain,
            context.wrap_socket(plain, server_hostname=HOST, session=session) as connection,
        ):
            connection.sendall(request)
            # The tickets come before the answer (RFC 8446 section 4.6.1).
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            return connection.session, connection.session_reused

    session, reused = visit(None)
    assert not reused

    # One worker of two would take all of them once in a thousand times.
    assert [visit(session)[1] for _ in range(12)] == [True] * 12


def test_a_certificate_changes_at_a_reload(tls: Tls, tmp_path: Path) -> None:
    """Browsers that trust the new one alone get through; a broken one is refused, and the last stays."""
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    certificate, key = certify(fresh, HOST)
    tls.certificate.write_bytes(certificate.read_bytes())
    tls.key.write_bytes(key.read_bytes())
    assert tls.gateway.process is not None

    tls.gateway.process.send_signal(signal.SIGHUP)
    assert tls.gateway.next_notice() == "RELOADING=1"
    assert tls.gateway.next_notice() == "READY=1"
    assert tls.get(certificate)[0] == 200

    tls.certificate.write_text("broken")
    tls.gateway.process.send_signal(signal.SIGHUP)
    tls.gateway.next_notice()
    assert tls.get(certificate)[0] == 200


def test_the_metrics_tell_the_end_of_the_certificate_in_use(tls: Tls, tmp_path: Path) -> None:
    """One that was refused is in the file alone: its date would hide that the one in use ends."""
    ends = tls.expiry()
    expired = tmp_path / "expired"
    expired.mkdir()
    certificate, key = certify(expired, HOST, -60 * DAY, -DAY)
    tls.certificate.write_bytes(certificate.read_bytes())
    tls.key.write_bytes(key.read_bytes())
    assert tls.gateway.process is not None

    tls.gateway.process.send_signal(signal.SIGHUP)
    tls.gateway.wait_for_event("certificate_refused")
    assert tls.gateway.next_notice() == "RELOADING=1"
    assert tls.gateway.next_notice() == "READY=1"

    assert ends
    assert tls.expiry() == ends
    assert not any("certificate_invalid" in str(event) for event in tls.gateway.events())


@pytest.mark.long
def test_a_start_with_a_certificate_that_is_over_serves_and_says_so(tmp_path: Path, redis_url: str) -> None:
    """A browser's warning is better than no page at all, and the log has an error that nobody can miss."""
    with application() as upstream:
        started = Tls(tmp_path, upstream, redis_url, 1)
        certify(tmp_path, HOST, -60 * DAY, -DAY)
        started.gateway.start()
        try:
            started.gateway.wait_for_event("certificate_invalid", "expired")
            with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
                started.get(started.certificate)
        finally:
            started.gateway.stop()
