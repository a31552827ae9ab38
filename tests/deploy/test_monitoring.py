"""The dashboard and the alerts we hand out, held to what `/metrics` has."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gateway.settings.settings import Settings
from tests.conftest import not_run, program
from tools import reference
from tools.board_panels import BOARDS, Board
from tools.boards import file_of, written

ROOT = Path(__file__).resolve().parents[2]
BOARD_FILES = [file_of(board) for board in BOARDS]
PROVISIONING = ROOT / "grafana" / "provisioning"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
OBJECTIVES = ALERTS.with_name("slo.yml")
METRICS = [metric for declared in reference.METRICS.values() for metric in declared]
SCRAPE = ROOT / "deploy" / "prometheus" / "prometheus.yml"


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


def dashboard_queries() -> Iterator[tuple[str, str]]:
    """Yield every query of the boards with its panel's title."""
    for file in BOARD_FILES:
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield panel["title"], target["expr"]
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield variable["name"], variable["query"]["query"]
        for annotation in board["annotations"]["list"]:
            yield annotation["name"], annotation["expr"]


def alert_queries() -> Iterator[tuple[str, str]]:
    for group in read_yaml(ALERTS)["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def recorded_queries() -> Iterator[tuple[str, str]]:
    for group in read_yaml(OBJECTIVES)["groups"]:
        for rule in group["rules"]:
            yield rule["record"], rule["expr"]


QUERIES = [*dashboard_queries(), *alert_queries(), *recorded_queries()]


@pytest.mark.parametrize(("title", "query"), QUERIES, ids=[title for title, _ in QUERIES])
def test_a_query_asks_for_what_there_is(title: str, query: str) -> None:
    """Each metric of a query exists, and so does each label it picks or groups by."""
    samples = {sample: metric for metric in METRICS for sample in reference.samples(metric)}
    recorded = set(re.findall(r"\bapp:\w+:\w+", query))
    asked = set(re.findall(r"(?<!:)\bsekisho_\w+", query))
    labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query))
    labels |= {word for group in re.findall(r"\bby \(([^)]*)\)", query) for word in re.split(r",\s*", group)}
    labels |= set(re.findall(r"label_values\(\w+, (\w+)\)", query))

    unknown = asked - samples.keys()
    known = {label for name in asked & samples.keys() for label in samples[name].labels}
    strange = labels - known - {"le", "job", "instance"} - ({"app"} if recorded else set())

    assert recorded <= {name for name, _ in recorded_queries()}, f"{title}: nothing records it"
    assert asked or recorded or "up{" in query
    assert not unknown, f"{title}: no such metric"
    assert not strange, f"{title}: no such label"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_board_is_made_from_its_panels(board: Board) -> None:
    """The panels stand in `tools/board_panels.py`; `make docs` writes the boards."""
    assert file_of(board).read_text(encoding="utf-8") == written(board)


@pytest.fixture(scope="module", name="grafana_types")
def grafana_types_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the program that reads boards by the newest types which Grafana publishes."""
    go = shutil.which("go", path=f"{os.environ.get('PATH', '')}:/usr/local/go/bin")
    if go is None:
        not_run("the boards are not read by Grafana's own types: that needs Go")
    built = tmp_path_factory.mktemp("boards") / "boards"
    source = Path(__file__).with_name("boards_in_go")
    done = subprocess.run(
        [go, "build", "-mod=readonly", "-o", built, "."], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_grafanas_own_types_know_every_field(grafana_types: Path, tmp_path: Path) -> None:
    """They are generated from its schemas, for later versions than the library that writes the boards."""
    done = subprocess.run([grafana_types, *BOARD_FILES], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [f"{file}: good" for file in BOARD_FILES]

    board = json.loads(BOARD_FILES[0].read_text())
    panel = next(panel for panel in board["panels"] if panel["type"] == "timeseries")
    wrong = {
        "a field of a board": {**board, "style": "dark"},
        "a field of a panel": {**board, "panels": [{**panel, "colour": "red"}]},
        "an option of a panel": {**board, "panels": [{**panel, "options": {**panel["options"], "legends": 1}}]},
        "a field of a query": {**board, "panels": [{**panel, "targets": [{**panel["targets"][0], "expression": "1"}]}]},
        "a kind of value": {**board, "refresh": 30},
    }
    for name, content in wrong.items():
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(content))
        done = subprocess.run([grafana_types, file], capture_output=True, text=True, check=False)
        assert done.returncode == 1, f"{name}: {done.stdout}"


def test_no_other_board_is_there() -> None:
    """An old one would ask for metrics that are gone."""
    assert set((ROOT / "grafana").glob("*.json")) == set(BOARD_FILES)


@pytest.mark.parametrize("file", BOARD_FILES, ids=lambda file: file.stem)
def test_panels_do_not_overlap(file: Path) -> None:
    """Each panel has a place of its own and an id of its own."""
    panels = json.loads(file.read_text())["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len(set(taken))
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert max(x for x, _ in taken) < 24


@pytest.mark.parametrize("file", BOARD_FILES, ids=lambda file: file.stem)
def test_each_panel_is_read_in_two_languages_and_says_what_to_do(file: Path) -> None:
    """An operator who sees red reads the next step on the panel itself, in Japanese first."""
    for panel in json.loads(file.read_text())["panels"]:
        assert " / " in panel["title"]
        if panel["type"] != "row":
            first, _, second = panel["description"].partition("\n\n")
            assert re.fullmatch(r"赤のとき：.+。", first), panel["title"]
            assert re.fullmatch(r"If red: .+\.", second), panel["title"]
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]


def test_grafana_is_provisioned_with_the_boards() -> None:
    """The files to copy name a folder for the boards, and a Prometheus."""
    (provider,) = read_yaml(PROVISIONING / "dashboards" / "sekisho.yml")["providers"]
    (source,) = read_yaml(PROVISIONING / "datasources" / "sekisho.yml")["datasources"]

    assert provider["options"]["path"].startswith("/")
    assert source["type"] == "prometheus"


def test_prometheus_looks_where_we_are() -> None:
    """The target is the management listener's default address."""
    (job,) = read_yaml(SCRAPE)["scrape_configs"]

    assert job["job_name"] == "sekisho"
    assert job["static_configs"][0]["targets"] == [Settings.__dataclass_fields__["management"].default]
    assert read_yaml(SCRAPE)["rule_files"] == ["slo.yml", ALERTS.name]
    assert read_yaml(SCRAPE)["global"]["external_labels"].keys() == {"sekisho_docs"}


def test_each_alert_says_what_to_do_and_how_urgent_it_is() -> None:
    """An operator on call reads a sentence, not an expression."""
    for group in read_yaml(ALERTS)["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"]["summary"]
            assert rule["labels"]["severity"] == "ticket" or rule["annotations"]["description"]


@pytest.mark.long
def test_prometheus_reads_them() -> None:
    """Prometheus's and Alertmanager's own tools accept rules and configuration."""
    promtool = program("promtool")
    subprocess.run([promtool, "check", "rules", ALERTS, OBJECTIVES], check=True, capture_output=True, timeout=20)
    routes = ALERTS.with_name("alertmanager.yml")
    subprocess.run([program("amtool"), "check-config", routes], check=True, capture_output=True, timeout=20)
    subprocess.run([promtool, "check", "config", SCRAPE], check=True, capture_output=True, timeout=20)
