"""The dashboard and the alerts we hand out, held to what `/metrics` has."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gateway.settings.settings import Settings
from tests.conftest import program
from tools import reference

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "grafana" / "sekisho.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
OBJECTIVES = ALERTS.with_name("slo.yml")
METRICS = [metric for declared in reference.METRICS.values() for metric in declared]
SCRAPE = ROOT / "deploy" / "prometheus" / "prometheus.yml"


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


def dashboard_queries() -> Iterator[tuple[str, str]]:
    """Yield every query of the dashboard with its panel's title."""
    board = json.loads(DASHBOARD.read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


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
    strange = labels - known - {"le", "job", "instance"}

    assert recorded <= {name for name, _ in recorded_queries()}, f"{title}: nothing records it"
    assert asked or recorded or "up{" in query
    assert not unknown, f"{title}: no such metric"
    assert not strange, f"{title}: no such label"


def test_panels_do_not_overlap() -> None:
    """Each panel has a place of its own and an id of its own."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(taken) == len(set(taken))
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert max(x for x, _ in taken) < 24


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
