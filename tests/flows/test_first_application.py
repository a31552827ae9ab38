"""The page about the first application, walked: its own commands, and a browser for its last step."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import free_port, program
from tests.flows.chromium import fresh, hold, launched

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first-application.md"
PATIENCE = 120.0

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def commands(ports: dict[str, int]) -> list[str]:
    """Return the page's commands in their order, on ports that are free."""
    lines = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found = "".join(lines).splitlines()
    for shown, port in ports.items():
        found = [line.replace(shown, str(port)) for line in found]
    return found


@contextmanager
def running(command: str, folder: Path, answers: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command as a terminal of its own would, until the block ends; wait until its address answers."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    log = folder / f"{shlex.split(command)[0]}-{free_port()}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(shlex.split(command), cwd=folder, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            until = time.monotonic() + PATIENCE
            while not _answers(answers):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
            yield process
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def test_a_reader_gets_from_nothing_to_a_sign_in(tmp_path: Path) -> None:
    """Every command of the page works as it stands, and card 1 sees the application's form; card 10 is refused."""
    program("chromium")
    application, gateway, emulator, management = (free_port() for _ in range(4))
    home = f"http://localhost:{gateway}"
    mkdir, one, two, serve, init, words, test, provider, run = commands({"8901": application})
    prepared = [mkdir, one, two, f"{init} --url {home}", words, test]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in prepared:
        done = subprocess.run(
            ["sh", "-ec", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    settings = tmp_path / "my-city" / "gateway.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("localhost:9000", f"localhost:{emulator}").replace("9464", str(management)))
    # The page's emulator takes its defaults, which belong to the ports that this test must not take.
    keys = subprocess.run(
        ["sekisho", "keys", "jwks", "my-city/client-keys.jwks"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    (tmp_path / "public.json").write_text(keys.stdout)
    own = f"--port {emulator} --redirect-uri {home}/.sekisho/callback --jwks public.json"

    discovery = f"http://localhost:{emulator}/api/realms/main/.well-known/openid-configuration"
    with (
        running(serve, tmp_path, f"http://127.0.0.1:{application}/"),
        running(f"{provider} {own}", tmp_path, discovery),
        running(run, tmp_path, f"{home}/.sekisho/health"),
        launched() as chromium,
    ):
        page = fresh(chromium).new_page()
        page.goto(f"{home}/")
        assert "The bookings" in page.content()

        page.goto(f"{home}/reserve/")
        assert "スポーツ課" in page.content()
        hold(page, 1)
        page.get_by_text("A form for a booking").wait_for()

        page = fresh(chromium).new_page()
        page.goto(f"{home}/reserve/")
        hold(page, 10)
        page.get_by_text("18歳以上の方が予約できます。").wait_for()
