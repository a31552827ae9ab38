"""A real gateway in processes of its own, as an operator starts it, in front of a small application."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gateway.identity import Identity
from gateway.login.jwcrypto_keys import new_key
from gateway.process.worker import Worker
from gateway.session.redis_sessions import open_sessions
from gateway.session.seal import Secrets
from gateway.session.session import Session
from gateway.session.ticket import new_ticket
from gateway.settings.settings import SessionSettings
from tests.conftest import free_port

HOST = "app.localhost"

PATIENCE = 150
"""Seconds to wait for a word of it, on a machine that is busy with other tests."""

_HAND_OVER = """
import fcntl, os, sys
count = int(os.environ["LISTEN_FDS"])
held = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[1 : 1 + count]]
for place, number in enumerate(held, start=3):
    os.dup2(number, place)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[1 + count], sys.argv[1 + count :])
"""
"""Does systemd's part for a service with sockets: it puts them at 3 and above, and sets `LISTEN_PID`."""

OPEN_POLICY = """\
policy: open
rules:
  - name: everything
    allow: everyone
"""


class _Application(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        # A gateway in front must not pass on a field that would make a browser do this.
        self.send_header("Strict-Transport-Security", "max-age=0")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def application() -> Iterator[int]:
    """Run an application that repeats what it was asked, and yield its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Application)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _children(parent: int, name: str) -> list[int]:
    """Return the process ids of the living children of a process that have a name."""
    found = []
    # By name: a pattern has the library look at each, also at one that has ended since the folder was read.
    for child in Path("/proc").iterdir():
        if not child.name.isdigit():
            continue
        try:
            named, _, rest = (child / "stat").read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, its_parent = rest.split()[:2]
        if (named, its_parent) == (name, str(parent)) and state != "Z":
            found.append(int(child.name))
    return found


class GatewayProcess:
    """`sekisho run` on free ports, with its settings in a folder of the test's."""

    def __init__(
        self,
        folder: Path,
        upstream: int,
        store: str,
        workers: int = 1,
        policy: str = OPEN_POLICY,
        more: str = "",
        scheme: str = "http",
    ) -> None:
        self.folder = folder
        self.store = store
        self.port, self.management = free_port(), free_port()
        self.settings = folder / "gateway.yaml"
        self.worker: Worker | None = None
        """The worker, where it runs in this process."""
        (folder / "policy.yaml").write_text(policy, encoding="utf-8")
        (folder / "secret").write_text(secrets.token_hex(32))
        new_key(folder / "keys.jwks", "ES256")
        self.settings.write_text(
            f"""\
listen: 127.0.0.1:{self.port}
management: 127.0.0.1:{self.management}
workers: {workers}
drain_timeout: 10s
provider:
  environment: emulator
  issuer: http://localhost:1/api/realms/main
  client_id: RP00000001
  keys: {{file: keys.jwks}}
sessions:
  store: {store}
  secret: {{file: secret}}
apps:
  - name: app
    url: {scheme}://{HOST}:{self.port}
    upstream: http://127.0.0.1:{upstream}
    policy: policy.yaml
access_log: access.log
{more}""",
            encoding="utf-8",
        )
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.bind(str(folder / "notify"))
        self._notices.settimeout(1)
        self._log = (folder / "events.log").open("wb")
        self.standard_error: int | None = None
        """The descriptor for events, if they do not go to `events.log`."""
        self.program = ["-m", "gateway"]
        """The arguments for Python."""
        self.environment: dict[str, str] = {}
        """The environment of the process, in addition to the test's own."""
        self.closed = False
        """Whether it is started without standard input, output and error."""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *sockets: socket.socket) -> None:
        """Start it, and return once it says that it is ready, as systemd is told; hand it sockets as systemd does."""
        command = [sys.executable, *self.program, "run", "-c", str(self.settings)]
        environment = {**os.environ, **self.environment, "NOTIFY_SOCKET": str(self.folder / "notify")}
        if self.closed:
            command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]
        if sockets:
            command = [sys.executable, "-c", _HAND_OVER, *(str(each.fileno()) for each in sockets), *command]
            environment["LISTEN_FDS"] = str(len(sockets))
        self.process = subprocess.Popen(
            command,
            env=environment,
            stderr=self._log if self.standard_error is None else self.standard_error,
            pass_fds=[each.fileno() for each in sockets],
        )
        assert self.next_notice() == "READY=1", self.events()

    def next_notice(self) -> str:
        """Return what it tells the service manager next."""
        for _ in range(PATIENCE):
            try:
                return self._notices.recv(1024).decode()
            except TimeoutError:
                assert self.process is not None
                assert self.process.poll() is None, f"it ended: {self.events()}"
        raise AssertionError(f"no word from it: {self.events()}")

    def workers(self) -> list[int]:
        """Return the process ids of its workers, each a child of its forker."""
        return [worker for forker in self.forkers() for worker in _children(forker, "sekisho-worker")]

    def forkers(self) -> list[int]:
        """Return the process ids of the processes from which it forks workers: one, if it has several workers."""
        assert self.process is not None
        return _children(self.process.pid, "sekisho-forker")

    def get(self, path: str = "/", host: str | None = None) -> tuple[int, bytes]:
        """Ask the gateway as a browser would."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        request.add_header("Host", host or f"{HOST}:{self.port}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read()

    async def sign_in(self, identity: Identity, lasts: float = 3600.0) -> str:
        """Keep a session as a sign-in does, for so many seconds, and return the cookie that opens it."""
        secret = Secrets.parse((self.folder / "secret").read_text())
        settings = SessionSettings(store=self.store)
        sessions = await open_sessions(settings, secret, clock=time.time, random=secrets.token_bytes, background=False)
        try:
            ticket = new_ticket(secrets.token_bytes(32))
            now = time.time()
            pseudonym = secret.pseudonym(identity.client_id, identity.subject)
            assert await sessions.store.create(ticket, Session(identity, now, now + lasts, pseudonym))
        finally:
            await sessions.close()
        return f"sekisho={ticket}"

    def ask_management(self, path: str) -> tuple[int, str]:
        """Ask the management listener."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.management}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def events(self) -> list[dict[str, object]]:
        """Return what it has logged so far, but for access lines.

        A thread writes the log up to 0.1 s late: a test that expects an event calls `wait_for_event`.
        """
        lines = (self.folder / "events.log").read_text().splitlines()
        return [json.loads(line) if line.startswith("{") else {"text": line} for line in lines]

    def wait_for_event(self, name: str, word: str = "") -> None:
        """Return once it has logged an event, with a word somewhere in it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if any(event.get("event") == name and word in str(event) for event in self.events()):
                return
            # A log file tells nobody that it has grown: look again, soon.
            threading.Event().wait(0.05)
        raise AssertionError(f"no `{name}`: {self.events()}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        if self.process is None:
            self._log.close()
            self._notices.close()
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self._log.close()
            self._notices.close()
