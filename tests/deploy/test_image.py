"""The container image: built from this tree, looked through, and run as an operator runs it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from gateway.demo.emulator import REALM
from gateway.login.jwcrypto_keys import load_keys, new_key
from tests.builders import CLIENT
from tests.conftest import free_port, program
from tests.deploy import images
from tests.redis_server import wait_until

ROOT = images.ROOT
CONTAINERFILE = (ROOT / "deploy/container/Containerfile").read_text()
HEALTHY = ROOT / "deploy/container/healthy.py"
USER = 10_001
LARGEST = 200_000_000
"""Bytes of the image that docs/containers.md promises not to exceed."""
HOST = "yoyaku.localhost"
NAVIGATION = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
NO_TOOLS = re.compile(
    r"(?:^|/)s?bin/(?:pip[\d.]*|gcc|cc|make|apt(?:-get)?|dpkg|perl|su|sudo|mount|passwd)$|/ensurepip/|/site-packages/pip/"
)
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[A-Za-z0-9+/=\r\n]{64}")


def test_the_last_stage_is_made_of_one_root_and_of_no_base() -> None:
    """No layer holds a removed file, no user is root, and the check of health needs no shell."""
    last = CONTAINERFILE.rpartition("\nFROM ")[2]

    assert last.startswith("scratch\nCOPY --from=system / /\n")
    assert "RUN" not in last
    assert f"USER {USER}:{USER}\n" in last
    assert "ARG BASE=debian:bookworm-slim\n" in CONTAINERFILE
    assert re.findall(r"^HEALTHCHECK .*\\\n +CMD \[(.*)\]$", last, re.MULTILINE)


class _Application(BaseHTTPRequestHandler):
    """Names whom it is told of; its slow page waits for a word of the test."""

    protocol_version = "HTTP/1.1"
    slow = threading.Event()
    asked = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/public/slow":
            self.asked.set()
            self.slow.wait(60)
        body = self.headers.get("X-Verified-Subject", "nobody").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def answering(status: int) -> Iterator[int]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/.sekisho/health" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Answer) as port:
        yield port


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def healthy(port: int) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SEKISHO_HEALTH": f"http://127.0.0.1:{port}/.sekisho/health"}
    command = [sys.executable, "-I", "-S", str(HEALTHY)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)


def test_the_check_of_health_says_yes_to_200_alone() -> None:
    """Another status, and a port where nobody listens, are no health; the reason is said."""
    with answering(200) as good, answering(503) as bad:
        assert healthy(good).returncode == 0
        refused = healthy(bad)
    nobody = healthy(free_port())

    assert (refused.returncode, nobody.returncode) == (1, 1)
    assert "status 503" in refused.stderr
    assert "refused" in nobody.stderr


def test_the_check_of_health_waits_no_longer_than_the_image_lets_it() -> None:
    """A gateway that accepts and says nothing is not healthy, and the check itself ends in time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = healthy(silent.getsockname()[1])

    assert done.returncode == 1
    assert "timed out" in done.stderr
    assert "--timeout=5s" in CONTAINERFILE


@pytest.fixture(scope="module")
def image() -> str:
    return images.image()


@pytest.mark.long
@pytest.mark.timeout(3_000)
def test_nothing_is_in_the_image_that_the_gateway_does_not_need(image: str, tmp_path: Path) -> None:
    """No setuid file, no tool that builds or installs, no secret, no file that others may write; 200 MB at most."""
    facts: dict[str, Any] = json.loads(images.podman("image", "inspect", image).stdout)[0]
    container = images.podman("create", image).stdout.strip()
    archive = tmp_path / "root.tar"
    try:
        images.podman("export", "--output", str(archive), container, seconds=600)
    finally:
        images.podman("rm", container)
    setuid, writable, tools, keys, python = [], [], [], [], []
    with tarfile.open(archive) as root:
        for member in root:
            if member.mode & (stat.S_ISUID | stat.S_ISGID) and member.isfile():
                setuid.append(member.name)
            if member.isfile() and member.mode & stat.S_IWOTH:
                writable.append(member.name)
            if NO_TOOLS.search(member.name):
                tools.append(member.name)
            if member.isfile() and member.size < 4_000_000:
                read = root.extractfile(member)
                assert read is not None
                if KEY.search(read.read()):
                    keys.append(member.name)
            if member.name.startswith("opt/sekisho/lib"):
                python.append(member.name)

    assert (setuid, writable, tools, keys) == ([], [], [], [])
    assert not [name for name in python if name.endswith((".git", "/tests/conftest.py"))]
    assert any(name.endswith("gateway/__pycache__/cli.cpython-311.pyc") for name in python)
    assert facts["Config"]["User"] == f"{USER}:{USER}"
    assert facts["Healthcheck"]["Test"][0] == "CMD"
    assert not [each for each in facts["Config"]["Env"] if re.search(r"(?i)secret|passw|token|proxy|pip", each)]
    assert facts["Size"] < LARGEST, f"{facts['Size'] / 1e6:.0f} MB"


def ask(port: int, path: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Any:
    """Ask a port of this machine as the browser of a host, and follow nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers or {})
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
        return answer
    finally:
        connection.close()


def signed_in(port: int) -> str:
    """Sign in at the emulator with its first card, and return the gateway's cookie."""
    headers = {"Host": f"{HOST}:{port}", **NAVIGATION}
    begun = ask(port, "/", headers)
    assert begun.status == 303, begun.text
    location = begun.headers["Location"]
    cookies = [each.partition(";")[0] for each in begun.headers.get_all("Set-Cookie")]
    with urllib.request.urlopen(location, timeout=30) as page:
        found = re.search(r'action="([^"]+)"', page.read().decode())
    assert found is not None

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """Follow nothing."""

    try:
        urllib.request.build_opener(Stay).open(urljoin(location, found[1]), b"response=normal&card=1", timeout=30)
        pytest.fail("the emulator did not send the browser back")
    except urllib.error.HTTPError as back:
        callback = back.headers["Location"].partition(f":{port}")[2]
        back.close()
    ended = ask(port, callback, {**headers, "Cookie": "; ".join(cookies)})
    assert ended.status == 303, ended.text
    set_here: list[str] = ended.headers.get_all("Set-Cookie")
    return next(each.partition(";")[0] for each in set_here if each.startswith("sekisho="))


@contextlib.contextmanager
def emulator(keys: Path, redirect: str) -> Iterator[str]:
    """Run the emulator for a client, and yield its issuer."""
    port = free_port()
    command = [sys.executable, "-m", "tests.flows.crowd", str(port), str(keys), redirect]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    try:
        wait_until(listens, "the emulator's start", 120)
        yield f"http://127.0.0.1:{port}{REALM}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.long
@pytest.mark.timeout(3_000)
def test_the_image_runs_read_only_signs_in_and_drains(image: str, redis_url: str) -> None:
    """With no right of root and no writable root, a sign-in works, health turns, and SIGTERM loses nothing."""
    port, management = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(serving(_Application))
        # Outside pytest's own folder, into which no other user can look.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sekisho-image-")))
        new_key(folder / "keys.jwks", "ES256")
        (folder / "public.jwks").write_bytes(load_keys(folder / "keys.jwks").public_jwks())
        redirect = f"http://{HOST}:{port}/.sekisho/callback"
        issuer = stack.enter_context(emulator(folder / "public.jwks", redirect))
        (folder / "secret").write_text(secrets.token_hex(32))
        (folder / "policy.yaml").write_text(
            "policy: image\nrules:\n"
            "  - {name: open, match: {path: /public/**}, allow: everyone}\n"
            "  - {name: rest, allow: signed_in, disclose: [subject]}\n"
        )
        (folder / "gateway.yaml").write_text(
            f"listen: 127.0.0.1:{port}\nmanagement: 127.0.0.1:{management}\nworkers: 2\ndrain_timeout: 20s\n"
            f"provider: {{environment: emulator, issuer: '{issuer}', client_id: {CLIENT}, keys: {{file: keys.jwks}}}}\n"
            f"sessions: {{store: '{redis_url}', secret: {{file: secret}}}}\n"
            f"switches: /var/lib/sekisho/switches.json\n"
            f"apps:\n  - {{name: app, url: 'http://{HOST}:{port}', upstream: 'http://127.0.0.1:{upstream}', "
            "policy: policy.yaml}\n"
        )
        for path in (folder, *folder.iterdir()):
            os.chown(path, USER, USER)
        name = f"sekisho-test-{secrets.token_hex(4)}"
        hardened = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")
        environment = f"SEKISHO_HEALTH=http://127.0.0.1:{port}/.sekisho/health"
        mounted = ("--volume", f"{folder}:/etc/sekisho:ro", "--env", environment)
        checked = images.podman("run", "--rm", *images.RUN, *hardened, *mounted, image, "check")
        assert "gateway.yaml: good" in checked.stdout
        images.podman("run", "--detach", "--name", name, *images.RUN, *hardened, *mounted, image)
        stack.callback(images.podman, "rm", "--force", "--volumes", name, check=False)

        facts: dict[str, Any] = json.loads(images.podman("image", "inspect", image).stdout)[0]
        kind, *command = facts["Healthcheck"]["Test"]
        assert kind == "CMD"

        def health() -> bool:
            # The image's own check, without the engine's clock: entering a container takes seconds on a busy machine.
            return images.podman("exec", name, *command, check=False).returncode == 0

        wait_until(health, "a healthy container", 120)
        inside = images.podman("top", name, "user", "comm").stdout.splitlines()[1:]
        assert {line.split()[0] for line in inside} <= {"sekisho", str(USER)}, inside
        assert sum("sekisho-worker" in line for line in inside) == 2, inside
        touched = images.podman("exec", name, "touch", "/opt/sekisho/x", check=False)
        assert "Read-only file system" in touched.stderr

        cookie = signed_in(port)
        page = ask(port, "/", {"Host": f"{HOST}:{port}", "Cookie": cookie})
        assert (page.status, page.text != "nobody") == (200, True)
        images.podman("exec", name, "sekisho", "switch", "on", "maintenance-app", "--for", "1h", "--reason", "test")
        wait_until(lambda: ask(port, "/public/", {"Host": f"{HOST}:{port}"}).status == 503, "the switch", 30)
        images.podman("exec", name, "sekisho", "switch", "off", "maintenance-app")
        wait_until(lambda: ask(port, "/public/", {"Host": f"{HOST}:{port}"}).status == 200, "the switch's end", 30)

        workers = [int(line) for line in _processes(name)]
        for number in workers:
            os.kill(number, signal.SIGSTOP)
        assert not health()
        for number in workers:
            os.kill(number, signal.SIGCONT)
        wait_until(health, "health after it went on", 60)

        found: list[Any] = []
        slow = threading.Thread(
            target=lambda: found.append(ask(port, "/public/slow", {"Host": f"{HOST}:{port}"})), daemon=True
        )
        slow.start()
        assert _Application.asked.wait(30)
        images.podman("kill", "--signal", "TERM", name)
        wait_until(lambda: not health(), "a port that is closed", 60)
        _Application.slow.set()
        slow.join(30)
        ended = images.podman("wait", name).stdout.strip()

        assert [answer.status for answer in found] == [200]
        assert ended == "0", images.podman("logs", name).stderr[-2000:]
        log = images.podman("logs", name)
        assert '"event":"stopped"' in log.stdout + log.stderr


def _processes(name: str) -> list[str]:
    """Return the ids, on this machine, of the container's workers."""
    listed = images.podman("top", name, "hpid", "comm").stdout.splitlines()[1:]
    return [line.split()[0] for line in listed if "sekisho-worker" in line]


def test_make_image_asks_for_its_tool() -> None:
    """`make image` names the tools that it needs, and tags what it builds."""
    said = subprocess.run(
        [program("make"), "--dry-run", "image"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout

    assert "tools/need buildah=buildah" in said
    # An image of the OCI format has no check of health.
    assert "--format docker --file deploy/container/Containerfile" in said
    assert "--build-arg BASE=debian:bookworm-slim" in said
