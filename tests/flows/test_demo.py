"""`sekisho demo`, as a person in a shell sees it and as a script walks it: without JavaScript and without a browser."""

from __future__ import annotations

import html
import http.client
import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.flows.demo_process import Demo, read_until_ready, started


class _Loopback(http.client.HTTPConnection):
    """Reaches `*.localhost` where the machine's resolver does not know that it is this machine (RFC 6761)."""

    def connect(self) -> None:
        self.sock = socket.create_connection(("127.0.0.1", self.port), self.timeout)


class _LoopbackHandler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_Loopback, request)


@dataclass
class Script:
    """A client that follows redirects, keeps cookies and presses the first form of a page."""

    url: str = ""
    status: int = 0
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(_LoopbackHandler(), cookies)
        self._opener.addheaders = [("Accept", "text/html"), ("Accept-Language", "ja")]

    def navigating(self) -> Script:
        """Say who asks, as the browsers of today do: without it, no account is linked."""
        fetch = {"Mode": "navigate", "Dest": "document", "Site": "same-origin", "User": "?1"}
        self._opener.addheaders += [(f"Sec-Fetch-{name}", value) for name, value in fetch.items()]
        return self

    def open(self, url: str, form: dict[str, str] | None = None) -> Script:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            answer = self._opener.open(url, data, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self.url, self.status, self.text = answer.geturl(), answer.status, answer.read().decode()
            self.headers = dict(answer.headers)
        return self

    def press(self, **inputs: str) -> Script:
        """Send the page's first form, with its hidden inputs."""
        found = re.search(r"<form\b[^>]*>.*?</form>", self.text, re.DOTALL)
        assert found is not None, self.text
        form = found[0]
        assert 'method="post"' in form.partition(">")[0]
        action = re.search(r'action="([^"]*)"', form)
        assert action is not None
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form))
        values = {name: html.unescape(value) for name, value in hidden.items()} | inputs
        return self.open(urllib.parse.urljoin(self.url, html.unescape(action[1])), values)


def test_a_script_ends_on_the_applications_page(demo: Demo) -> None:
    """Follow redirects, press the notice's button, answer `response=normal&card=1`: the resident's fee."""
    script = Script().open(f"{demo.booking}/reserve")
    notice = (script.status, script.url)
    button = re.search(r'<form[^>]*action="(/\.sekisho/[^"]*)"', script.text)

    script.press()
    provider = script.url
    script.press(response="normal", card="1")

    assert notice == (401, f"{demo.booking}/reserve")
    assert button is not None
    assert "/protocol/openid-connect/auth" in provider
    assert (script.status, script.url) == (200, f"{demo.booking}/reserve")
    assert "髙橋　花子 様" in script.text
    assert "区民料金" in script.text


def test_the_wallet_asks_for_no_facts_at_first(demo: Demo) -> None:
    """A rule that needs only who it is goes to the provider at once; there is no notice."""
    script = Script().open(f"{demo.wallet}/")

    assert "/protocol/openid-connect/auth" in script.url
    assert "scope=openid&" in script.url + "&"
    script.press(response="normal", card="4")
    assert script.url == f"{demo.wallet}/"
    assert "まちポイント" in script.text


def test_an_old_login_is_entered_once_and_the_card_is_enough(demo: Demo) -> None:
    """The application of the courts is as its maker left it; its own login page is closed, and its cookie is ours."""
    first = Script().navigating().open(f"{demo.courts}/")
    login, password = re.findall(r"<td>(sakura)</td><td>([^<]*)</td>", first.text)[0]
    script = first.open(f"{demo.courts}/mine.cgi").press(response="normal", card="6")

    assert (script.status, 'name="user"' in script.text) == (403, True)
    script.press(user=login, password=password)
    assert (script.status, script.url) == (200, f"{demo.courts}/mine.cgi")
    assert "さくらテニス会 様" in script.text
    assert script.open(f"{demo.courts}/login.cgi").status == 403

    again = Script().navigating().open(f"{demo.courts}/mine.cgi").press(response="normal", card="6")
    assert "さくらテニス会 様" in again.text


@pytest.mark.parametrize("path", ["/", "/facilities/42", "/static/help.html"])
def test_public_pages_need_nobody(demo: Demo, path: str) -> None:
    """No redirect, no cookie of ours."""
    script = Script().open(demo.booking + path)

    assert (script.status, script.url) == (200, demo.booking + path)
    assert "Set-Cookie" not in script.headers


@pytest.mark.parametrize("name", ["X-Verified-Subject", "x_verified_subject", "X-VERIFIED_SUBJECT"])
def test_nobody_is_believed_who_says_who_she_is(demo: Demo, name: str) -> None:
    """A header of the client's own reaches no application, on public pages either."""
    request = urllib.request.Request(f"{demo.booking}/", headers={name: "somebody", "X-Verified-Name": "x"})

    with urllib.request.urlopen(request, timeout=20) as answer:
        page = answer.read().decode()

    # The application shows a sign-out link to a person whom it takes for signed in.
    assert "ログアウト" not in page


def test_ready_is_said_once_and_true() -> None:
    """Exactly one line `ready: …`; what it names answers; Ctrl-C ends all of it with 0 and leaves nothing behind."""
    port = free_port()

    with started(port) as demo:
        lines = demo.said.splitlines()
        answered = Script().open(f"http://localhost:{port}/").status
        folder = Path(demo.redis_path).parent
        there = folder.is_dir()
        os.killpg(demo.process.pid, signal.SIGINT)
        rest, _ = demo.process.communicate(timeout=20)

    assert [line for line in lines if line.startswith("ready:")] == [f"ready: http://localhost:{port}/"]
    assert lines[-1] == f"ready: http://localhost:{port}/"
    assert (answered, there, folder.exists()) == (200, True, False)
    assert (demo.process.returncode, rest) == (0, "")
    with socket.socket(socket.AF_UNIX) as gone, pytest.raises(FileNotFoundError):
        gone.connect(demo.redis_path)


def test_a_busy_port_is_said_with_what_to_do() -> None:
    """Exit 2: it is for the user to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        command = [sys.executable, "-m", "gateway", "demo", "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 2
    assert str(port) in ended.stderr
    assert "PORT=" in ended.stderr
    assert "ready" not in ended.stdout
    assert "Traceback" not in ended.stderr


def test_without_redis_sessions_are_kept_in_memory() -> None:
    """The demo says so, and works; closing its terminal ends it."""
    port = free_port()
    command = [sys.executable, "-m", "gateway", "demo", "--port", str(port)]
    environment = {**os.environ, "PATH": "/nonexistent"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )
    try:
        said = read_until_ready(process)
        script = Script().open(f"http://localhost:{port}/reserve").press().press(response="normal", card="1")
    finally:
        os.killpg(process.pid, signal.SIGHUP)
        process.communicate(timeout=20)

    assert re.search(r"Sessions +memory", said)
    assert "髙橋　花子 様" in script.text
    assert process.returncode == 0


def test_the_emulator_can_be_had_alone(tmp_path: Path) -> None:
    """`sekisho emulator` prints its issuer, serves its metadata, and ends with 0 at Ctrl-C."""
    port = free_port()
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')
    command = [sys.executable, "-m", "gateway", "emulator", "--port", str(port), "--jwks", str(keys)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        issuer = said.removeprefix("issuer: ").strip()
        metadata = Script().open(f"{issuer}/.well-known/openid-configuration")
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert issuer == f"http://localhost:{port}/api/realms/main"
    assert f'"issuer": "{issuer}"' in metadata.text
    assert (process.returncode, errors) == (0, "")
