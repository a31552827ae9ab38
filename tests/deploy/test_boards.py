"""The boards over a real Prometheus that scrapes a real gateway, while people browse and sign in."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import free_port, program
from tests.deploy.test_monitoring import ALERTS, OBJECTIVES, alert_queries, recorded_queries
from tests.flows.demo_process import Demo, started
from tests.flows.test_demo import Script
from tests.redis_server import wait_until
from tools.board_panels import BOARDS
from tools.board_pictures import asked, picture, series_of
from tools.boards import file_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

MAY_BE_EMPTY = {
    # A series begins with the first event of its kind.
    "失敗の理由 / Failures by reason",
    "届かなかった項目 / Items that were missing or unreadable",
    "候補ポリシーとの差 / The candidate's differences",
    "取り除いたヘッダー / Header fields removed",
    # The demo has neither TLS nor switches that are on.
    "証明書の残り日数 / Days until a certificate ends",
    "スイッチ / Switches",
    "スイッチ / Switches that are on",
    "再読み込み（24時間） / Reloads, one day",
}
GROWN_UP, CHILD = "1", "6"
"""Cards of the demo: one whose person may book, and one whose person is refused."""
PERSONAL = ("髙橋", "花子", "渋谷", "20040229", "sub-")


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[str]:
    """Run a Prometheus that scrapes one node every second with our rules, and give its URL."""
    port = free_port()
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s", "external_labels": {"sekisho_docs": "docs"}},
        "rule_files": [str(OBJECTIVES), str(ALERTS)],
        "scrape_configs": [{"job_name": "sekisho", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(configuration))
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_ready(url), "Prometheus", 60)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def is_ready(url: str) -> bool:
    """Whether a Prometheus answers."""
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def visit(demo: Demo, card: str) -> None:
    """Browse, sign in, and be refused somewhere."""
    person = Script().open(f"{demo.booking}/")
    person.open(f"{demo.booking}/reserve").press().press(response="normal", card=card)
    person.open(f"{demo.booking}/facilities/42")
    Script().open(f"{demo.wallet}/").press(response="normal", card=card)


def test_every_panel_and_rule_has_data_of_its_shape(tmp_path: Path) -> None:
    """Each query is understood, nearly each has data, and nothing in a picture names a person."""
    with started(free_port()) as demo:
        address = re.search(r"http://(127\.0\.0\.1:\d+)/metrics", demo.said)
        assert address is not None
        with prometheus(address[1], tmp_path) as url:
            visit(demo, GROWN_UP)
            wait_until(lambda: bool(asked(url, "query", {"query": "sekisho_build_info"})), "a first scrape", 30)
            # A rate needs two scrapes after a series has begun to grow.
            ends = time.monotonic() + 12
            while time.monotonic() < ends:
                visit(demo, GROWN_UP)
                visit(demo, CHILD)
            wait_until(
                lambda: bool(asked(url, "query", {"query": "app:sekisho_availability_errors:ratio_rate5m"})),
                "a recorded objective",
                60,
            )
            empty = [
                panel["title"]
                for board in BOARDS
                for panel in json.loads(file_of(board).read_text())["panels"]
                if panel["type"] != "row"
                and not any(series_of(url, target, 2) for target in panel["targets"])
                and panel["title"] not in MAY_BE_EMPTY
            ]
            pictures = [picture(url, board, 2) for board in BOARDS]
            answers = {
                name: asked(url, "query", {"query": expr}) for name, expr in (*alert_queries(), *recorded_queries())
            }

    assert empty == []
    assert not [name for name, _ in recorded_queries() if "5m" in name and not answers[name]]
    assert not [word for word in PERSONAL for drawn in pictures if word in drawn]
    firing = {name for name, _ in alert_queries() if answers[name]}
    assert firing == set(), "nothing is wrong with a gateway that serves people"
