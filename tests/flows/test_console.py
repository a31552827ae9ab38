"""The console and its API on a real gateway, with workers, replacements and a store."""

from __future__ import annotations

import json
import re
import secrets
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from gateway.identity import Identity, Scope
from gateway.portal.operators import Role, new_token
from tests.flows.gateway_process import GatewayProcess, application

HANAKO = Identity("RP00000001", "hanako", time.time(), frozenset({Scope.OPENID}))


class Console:
    """A browser without scripts before the console of a gateway."""

    def __init__(self, gateway: GatewayProcess, token: str) -> None:
        self.origin = f"http://127.0.0.1:{gateway.management}"
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.token = token

    def get(self, path: str) -> str:
        """Open a page."""
        with self._opener.open(f"{self.origin}/console/{path}", timeout=20) as answer:
            text: str = answer.read().decode()
            return text

    def post(self, path: str, page: str = "", **form: str) -> str:
        """Press the button of a page, and return the page behind it."""
        if page:
            found = re.search(rf'action="/console/{path}".*?name="csrf" value="([0-9a-f]+)"', page, re.DOTALL)
            assert found is not None, page
            form["csrf"] = found[1]
        request = urllib.request.Request(
            f"{self.origin}/console/{path}", urllib.parse.urlencode(form).encode(), {"Origin": self.origin}
        )
        with self._opener.open(request, timeout=20) as answer:
            text: str = answer.read().decode()
            return text

    def sign_in(self) -> str:
        """Sign in by the token."""
        return self.post("sign-in", token=self.token)

    def revoke(self, **asked: object) -> tuple[int, dict[str, object]]:
        """End sessions by the JSON API."""
        request = urllib.request.Request(
            f"{self.origin}/sessions/revoke",
            json.dumps(asked | {"reason": "a test"}).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)


@pytest.fixture
def managed(tmp_path: Path, redis_url: str) -> Iterator[tuple[GatewayProcess, Console]]:
    """A gateway of two workers with an operator who may do everything."""
    token, line = new_token("sato", secrets.token_bytes(32), Role)
    (tmp_path / "operators").write_text(line)
    with application() as upstream:
        gateway = GatewayProcess(tmp_path, upstream, redis_url, workers=2, more="operators: {file: operators}\n")
        try:
            gateway.start()
            yield gateway, Console(gateway, token)
        finally:
            gateway.stop()


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_a_person_is_found_after_a_rotation_of_the_secret(managed: tuple[GatewayProcess, Console]) -> None:
    """The API ends the session of somebody who signed in by the new secret: it never says that nobody was there."""
    gateway, console = managed
    old = (gateway.folder / "secret").read_text()
    (gateway.folder / "secret").write_text(f"{secrets.token_hex(32)}\n{old}\n")
    assert gateway.process is not None
    gateway.process.send_signal(signal.SIGUSR2)
    assert gateway.next_notice() == "STATUS=replaced"
    newest = (gateway.folder / "secret").read_text().splitlines()[0]
    (gateway.folder / "secret").write_text(newest)
    await gateway.sign_in(HANAKO)
    (gateway.folder / "secret").write_text(f"{newest}\n{old}\n")

    answer = console.revoke(client="RP00000001", subject="hanako")

    assert answer == (200, {"ended": 1})


@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_page_shows_both_workers_and_the_requests_of_today(managed: tuple[GatewayProcess, Console]) -> None:
    """By the numbers of the whole node, from its supervisor."""
    gateway, console = managed
    for _ in range(5):
        assert gateway.get()[0] == 200

    home = console.sign_in()
    page = console.get("health")

    assert "稼働状況" in home
    assert "2 のうち 2 が応答しています" in page
    assert re.search(r"要求 5 件、障害による失敗（500番台）0 件", page)
    gateway.wait_for_event("console_signed_in", "sato")
