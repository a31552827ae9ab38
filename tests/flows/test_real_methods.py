"""WebDAV, and uploads in chunks, with real servers: each does through the gateway what it does directly."""

from __future__ import annotations

import os
import pwd
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tests.conftest import free_port, program
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.redis_server import wait_until
from tests.upstream.certificates import certify

pytestmark = pytest.mark.long

POLICY = """\
policy: dav
rules:
  - {name: guarded, match: {path: /dav/guarded/**}, allow: nobody}
  - {name: files, match: {path: /dav/**}, allow: everyone}
"""
LOCK = (
    b'<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>'
    b"<D:locktype><D:write/></D:locktype></D:lockinfo>"
)
METHODS = "methods: [PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK, UNLOCK]"

APACHE = """\
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/httpd.pid
ErrorLog {folder}/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dav_module /usr/lib/apache2/modules/mod_dav.so
LoadModule dav_fs_module /usr/lib/apache2/modules/mod_dav_fs.so
User {user}
Group {group}
Mutex posixsem
ServerRoot {folder}
DefaultRuntimeDir {folder}
DocumentRoot {folder}/root
DavLockDB {folder}/locks/db
<Directory {folder}/root>
  Dav On
  Require all granted
</Directory>
"""
NGINX = """\
daemon off;
{user}pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  access_log off;
  server {{
    listen 127.0.0.1:{port};
    server_name {host};
    root {folder}/root;
    location / {{ dav_methods PUT DELETE MKCOL COPY MOVE; }}
  }}
}}
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: list[str], port: int, environment: dict[str, str] | None = None) -> Iterator[int]:
    """Run a server until the block ends."""
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})})
    try:
        wait_until(lambda: listens(port), command[0])
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def dav_server(name: str, folder: Path) -> Iterator[int]:
    """Run a server that keeps files, with an open and a guarded folder."""
    (folder / "root" / "dav" / "guarded").mkdir(parents=True)
    (folder / "locks").mkdir()
    (folder / "root" / "dav" / "guarded" / "secret.txt").write_text("secret")
    port = free_port()
    if name == "nginx":
        user = f"user {pwd.getpwuid(0).pw_name};\n" if os.getuid() == 0 else ""
        (folder / "conf").write_text(NGINX.format(user=user, folder=folder, port=port, host=HOST))
        command = [program("nginx"), "-e", str(folder / "error.log"), "-c", str(folder / "conf")]
    else:
        # Its children are of another user if root starts it.
        for each in (folder, *folder.rglob("*")):
            each.chmod(0o777)
        root = os.getuid() == 0
        user, group = ("www-data", "www-data") if root else (pwd.getpwuid(os.getuid()).pw_name, f"#{os.getgid()}")
        (folder / "conf").write_text(APACHE.format(user=user, group=group, folder=folder, port=port))
        command = [program("apache2"), "-d", str(folder), "-f", str(folder / "conf"), "-DFOREGROUND"]
    with running(command, port):
        yield port


def ask(
    port: int, method: str, path: str, body: bytes | None = None, **fields: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        headers = {"Host": f"{HOST}:{port}", **{name.replace("_", "-"): value for name, value in fields.items()}}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["apache2", "nginx"])
def test_a_folder_is_used_as_if_nothing_stood_between(name: str, tmp_path: Path) -> None:
    """Files are made, copied and moved within it; what is guarded is neither read nor written on the way."""
    home = tmp_path / "gateway"
    home.mkdir()
    # Not below `tmp_path`, which only its owner may enter.
    with TemporaryDirectory(prefix="dav-") as folder, dav_server(name, Path(folder)) as port:
        gateway = GatewayProcess(home, port, "memory", policy=POLICY)
        gateway.settings.write_text(
            gateway.settings.read_text().replace(
                "    policy: policy.yaml\n", f"    policy: policy.yaml\n    {METHODS}\n"
            )
        )
        gateway.start()
        try:
            origin = f"http://{HOST}:{gateway.port}"
            files = Path(folder) / "root" / "dav"

            assert ask(gateway.port, "MKCOL", "/dav/a/")[0] == 201
            assert ask(gateway.port, "PUT", "/dav/a/one.txt", b"one")[0] == 201
            copied = ask(gateway.port, "COPY", "/dav/a/one.txt", Destination=f"{origin}/dav/a/two.txt")
            assert copied[0] in (201, 204)
            assert copied[2].get("location", origin).startswith(origin)
            moved = ask(gateway.port, "MOVE", "/dav/a/two.txt", Destination=f"{origin}/dav/a/%e4%b8%89.txt")
            assert moved[0] in (201, 204)
            assert (files / "a" / "三.txt").read_text() == "one"

            guarded = ("/dav/guarded/x.txt", "/dav/a/%2e%2e/guarded/x.txt", "/dav/a/../guarded/x.txt")
            for destination in (*guarded, *(f"{origin}{path}" for path in guarded)):
                assert ask(gateway.port, "COPY", "/dav/a/one.txt", Destination=destination)[0] in (400, 403)
            stolen = ask(gateway.port, "COPY", "/dav/guarded/secret.txt", Destination=f"{origin}/dav/a/mine.txt")
            assert stolen[0] == 403
            assert sorted(path.name for path in (files / "guarded").iterdir()) == ["secret.txt"]
            assert not (files / "a" / "mine.txt").exists()

            if name == "apache2":
                listed = ask(gateway.port, "PROPFIND", "/dav/a/", Depth="1")
                assert listed[0] == 207
                assert b"/dav/a/one.txt" in listed[1]
                locked = ask(gateway.port, "LOCK", "/dav/a/one.txt", LOCK, Content_Type="text/xml")
                assert locked[0] == 200
                token = locked[2]["lock-token"]
                assert ask(gateway.port, "PUT", "/dav/a/one.txt", b"two")[0] == 423
                tagged = f"<{origin}/dav/a/one.txt> ({token})"
                assert ask(gateway.port, "PUT", "/dav/a/one.txt", b"two", If=tagged)[0] == 204
                assert ask(gateway.port, "UNLOCK", "/dav/a/one.txt", Lock_Token=token)[0] == 204
                assert (files / "a" / "one.txt").read_text() == "two"
        finally:
            gateway.stop()


BELOW = """\
policy: dav
rules:
  - {name: guarded, match: {path: /web/dav/guarded/**}, allow: nobody}
  - {name: files, match: {path: /web/**}, allow: everyone}
"""


@dataclass(frozen=True)
class Folder:
    """A WebDAV server's folder below a prefix of a gateway with TLS, as its client sees it."""

    gateway: GatewayProcess
    trusted: Path
    files: Path
    public: str
    """The path of the folder, as the client writes it."""

    @property
    def origin(self) -> str:
        return f"https://{HOST}:{self.gateway.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **fields: str) -> tuple[int, dict[str, str]]:
        """Ask for a path below the folder."""
        context = ssl.create_default_context(cafile=str(self.trusted))
        connection = HTTPSConnection("127.0.0.1", self.gateway.port, context=context, timeout=30)
        try:
            headers = {"Host": self.origin.removeprefix("https://")}
            headers |= {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request(method, self.public + path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def url(self, path: str) -> str:
        return f"{self.origin}{self.public}{path}"


@pytest.fixture(params=[("", "/web/dav"), ("/dav", "/web")], ids=["prefix", "prefix and path"])
def below(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Folder]:
    """mod_dav, which knows of plain HTTP and of its own path alone, behind TLS and `strip_prefix`."""
    inner, public = request.param
    home = tmp_path / "gateway"
    home.mkdir()
    certificate, key = certify(home, HOST)
    with TemporaryDirectory(prefix="dav-") as folder, dav_server("apache2", Path(folder)) as port:
        more = f"tls: {{certificate: {certificate.name}, key: {key.name}}}\n"
        policy = BELOW.replace("/web/dav/", f"{public}/")
        gateway = GatewayProcess(home, port, "memory", policy=policy, more=more, scheme="https")
        text = gateway.settings.read_text().replace("environment: emulator", "environment: other")
        text = text.replace(f"{HOST}:{gateway.port}\n", f"{HOST}:{gateway.port}/web\n")
        text = text.replace(f"upstream: http://127.0.0.1:{port}", f"upstream: http://127.0.0.1:{port}{inner}")
        options = f"    policy: policy.yaml\n    {METHODS}\n    upstream_options: {{strip_prefix: true}}\n"
        gateway.settings.write_text(text.replace("    policy: policy.yaml\n", options))
        gateway.start()
        try:
            yield Folder(gateway, certificate, Path(folder) / "root" / "dav", public)
        finally:
            gateway.stop()


def test_a_folder_behind_tls_and_a_prefix_is_named_by_public_urls_alone(below: Folder) -> None:
    """`Destination` and `If` reach the server in its own URLs, and `Location` the client in public ones."""
    made = below.ask("MKCOL", "/a/")
    put = below.ask("PUT", "/a/one.txt", b"one")
    copied = below.ask("COPY", "/a/one.txt", Destination=below.url("/a/%e4%ba%8c.txt"))
    spelled = below.url("/a/three.txt").replace("/web", "/%77eb")
    respelled = below.ask("COPY", "/a/one.txt", Destination=spelled)
    moved = below.ask("MOVE", "/a/three.txt", Destination=below.url("/a/four%2Bplus.txt"))
    slashless = below.ask("GET", "/a")

    assert [status for status, _ in (made, put, copied, respelled, moved)] == [201] * 5
    assert sorted(path.name for path in (below.files / "a").iterdir()) == ["four+plus.txt", "one.txt", "二.txt"]
    assert made[1]["location"] == below.url("/a/")
    assert copied[1]["location"] == below.url("/a/%e4%ba%8c.txt")
    assert moved[1]["location"] == below.url("/a/four%2Bplus.txt")
    assert slashless[1].get("location", below.url("/a/")) == below.url("/a/")


def test_a_lock_behind_tls_and_a_prefix_is_opened_by_public_urls(below: Folder) -> None:
    """A tagged list of `If` may name one resource or two, by a URL or by a path."""
    assert below.ask("PUT", "/one.txt", b"one")[0] == 201
    assert below.ask("PUT", "/two.txt", b"two")[0] == 201
    status, fields = below.ask("LOCK", "/one.txt", LOCK, Content_Type="text/xml")
    token = fields["lock-token"]
    assert status == 200

    assert below.ask("PUT", "/one.txt", b"x")[0] == 423
    for tagged in (
        f"<{below.url('/one.txt')}> ({token})",
        f"<{below.public}/one.txt> ({token})",
        f"<{below.url('/one.txt')}> ({token}) <{below.url('/two.txt')}> (Not <DAV:no-lock>)",
    ):
        assert below.ask("PUT", "/one.txt", b"new", If=tagged)[0] == 204, tagged
    assert below.ask("MOVE", "/one.txt", Destination=below.url("/moved.txt"))[0] == 423
    tagged = f"<{below.url('/one.txt')}> ({token})"
    assert below.ask("MOVE", "/one.txt", Destination=below.url("/moved.txt"), If=tagged)[0] == 201
    assert (below.files / "moved.txt").read_text() == "new"


def test_nothing_guarded_below_a_prefix_is_written(below: Folder) -> None:
    """By its public path, by the server's own, or by a URL of another origin."""
    assert below.ask("PUT", "/one.txt", b"one")[0] == 201
    for destination in (
        below.url("/guarded/x.txt"),
        below.url("/a/../guarded/x.txt"),
        below.url("//guarded/x.txt"),
        f"{below.origin}/dav/guarded/x.txt",
        f"http://127.0.0.1{below.public}/x.txt",
        "/dav/guarded/x.txt",
    ):
        assert below.ask("COPY", "/one.txt", Destination=destination)[0] in (400, 403), destination

    assert [path.name for path in (below.files / "guarded").iterdir()] == ["secret.txt"]


PHP = "<?php $body = file_get_contents('php://input'); echo strlen($body) . ':' . $body;"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def counting_server(name: str, folder: Path) -> Iterator[int]:
    """Run a server that answers with the length of the body that its application has read."""
    if name == "php":
        (folder / "router.php").write_text(PHP)
        port = free_port()
        with running([program("php"), "-S", f"127.0.0.1:{port}", str(folder / "router.php")], port):
            yield port
        return

    def application(environ: dict[str, object], start_response: object) -> list[bytes]:
        body = environ["wsgi.input"].read(int(str(environ.get("CONTENT_LENGTH") or 0)))  # type: ignore[attr-defined]
        start_response("200 OK", [("Content-Type", "text/plain")])  # type: ignore[operator]
        return [b"%d:%b" % (len(body), body)]

    with make_server("127.0.0.1", 0, application, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", ["wsgiref", "php"])
def test_an_upload_in_chunks_is_read_whole(name: str, tmp_path: Path) -> None:
    """Five bytes arrive as five, and as many as are counted arrive as well."""
    with counting_server(name, tmp_path) as port:
        home = tmp_path / "gateway"
        home.mkdir()
        gateway = GatewayProcess(home, port, "memory")
        gateway.start()
        try:
            for size in (5, 1024 * 1024):
                with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as client:
                    client.sendall(
                        f"POST /up HTTP/1.1\r\nHost: {HOST}:{gateway.port}\r\nConnection: close\r\n".encode()
                        + b"Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                    )
                    for at in range(0, size, 65_536):
                        piece = b"x" * min(65_536, size - at)
                        client.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
                    client.sendall(b"0\r\n\r\n")
                    answer = b""
                    while data := client.recv(65_536):
                        answer += data
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert re.search(rb"\b%d:x" % size, answer)
        finally:
            gateway.stop()
