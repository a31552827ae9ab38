"""A real nginx with the configuration we hand out."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import free_port, program
from tests.upstream.certificates import certify

CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "sekisho.conf"
NAME = "yoyaku.city.example.lg.jp"


@dataclass(frozen=True)
class Front:
    """A running nginx."""

    port: int
    plain_port: int
    chain: Path

    def connect(self, name: str = NAME) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.chain))
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 5), server_hostname=name)

    def ask(self, request: bytes, name: str = NAME) -> bytes:
        with self.connect(name) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@contextlib.contextmanager
def nginx_before(tmp_path: Path, upstream_port: int, name: str = NAME, other: int | None = None) -> Iterator[Front]:
    """Run nginx in front of a port of this machine, and of another node if there is one, until the end of the block."""
    port, plain_port = free_port(), free_port()
    chain, private = certify(tmp_path, name)
    shipped = CONFIG.read_text()
    for written, here in (
        ("listen [::]:443 ssl default_server;", ""),
        ("listen [::]:443 ssl http2;", ""),
        ("listen [::]:80;", ""),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("listen 80;", f"listen 127.0.0.1:{plain_port};"),
        ("/etc/ssl/sekisho/fullchain.pem", str(chain)),
        ("/etc/ssl/sekisho/privkey.pem", str(private)),
        ("server 127.0.0.1:8080 ", f"server 127.0.0.1:{upstream_port} "),
    ):
        assert written in shipped, f"the configuration no longer says `{written}`"
        shipped = shipped.replace(written, here)
    shipped = shipped.replace(NAME, name)
    if other is not None:
        assert "    # server 10.0.0.12:8080 " in shipped, "the configuration has no second node any more"
        shipped = shipped.replace("# server 10.0.0.12:8080 ", f"server 127.0.0.1:{other} ")
    temporary = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"daemon off; master_process off; pid {tmp_path}/nginx.pid; error_log stderr;"
        f"events {{}} http {{ {temporary}\n{shipped}\n}}"
    )
    nginx = program("nginx")
    checked = subprocess.run([nginx, "-t", "-c", whole], capture_output=True, text=True, check=False, timeout=20)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr
    process = subprocess.Popen([nginx, "-c", whole], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                pytest.fail(f"nginx ended with {process.wait(0.05)}")
        yield Front(port, plain_port, chain)
    finally:
        process.terminate()
        process.wait(10)
