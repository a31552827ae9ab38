"""The files of `deploy/quadlet`, by which systemd runs one gateway and its Redis in containers."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from gateway.settings.settings import Settings
from tests.conftest import not_run

QUADLET = Path(__file__).resolve().parents[2] / "deploy" / "quadlet"
COMPOSE = QUADLET.parent / "compose" / "compose.yaml"
FILES = sorted(path.name for path in QUADLET.iterdir())


def entries(name: str) -> dict[str, list[str]]:
    """Return the values of each key of a file, as `Section.Key`."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in (QUADLET / name).read_text().splitlines():
        if opened := re.fullmatch(r"\[(\w+)\]", line):
            section = opened[1]
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(f"{section}.{key}", []).append(value)
    return found


def test_each_file_that_a_unit_names_is_there() -> None:
    """A volume or a network without its file would be one of another name."""
    named = {"sekisho.container", "sekisho-redis.container"}
    for name in tuple(named):
        unit = entries(name)
        named |= {value.split(":")[0] for value in unit["Container.Network"] + unit["Container.Volume"]}

    assert {name for name in named if not name.startswith("/")} == set(FILES)
    assert entries("sekisho.container")["Unit.After"] == ["network-online.target sekisho-redis.service"]


def test_the_gateway_has_the_time_that_a_drain_takes() -> None:
    """Podman gives it longer than `drain_timeout`, and systemd gives podman longer still."""
    unit = entries("sekisho.container")
    (stop,) = unit["Container.PodmanArgs"]

    assert stop.startswith("--stop-timeout=")
    drain = {field.name: field.default for field in dataclasses.fields(Settings)}["drain_timeout"]
    assert isinstance(drain, float)
    assert drain < float(stop.partition("=")[2]) < float(unit["Service.TimeoutStopSec"][0])


@pytest.mark.parametrize("name", ["sekisho.container", "sekisho-redis.container"])
def test_no_container_has_more_than_it_needs(name: str) -> None:
    """A read-only root, no capability, and no port that another machine reaches."""
    unit = entries(name)

    assert (unit["Container.ReadOnly"], unit["Container.NoNewPrivileges"]) == (["true"], ["true"])
    assert unit["Container.DropCapability"] == ["all"]
    assert "Container.AddCapability" not in unit
    assert all(port.startswith("127.0.0.1:") for port in unit.get("Container.PublishPort", []))


def test_redis_is_the_one_of_compose() -> None:
    """The same version, which forgets nothing."""
    services = YAML(typ="safe").load(COMPOSE)["services"]
    unit = entries("sekisho-redis.container")

    assert unit["Container.Image"] == [f"docker.io/library/{services['redis-1']['image']}"]
    assert "--appendonly yes" in unit["Container.Exec"][0]
    assert "--maxmemory-policy noeviction" in unit["Container.Exec"][0]


def quadlet() -> str:
    """Return podman's generator of units."""
    places = [os.environ.get("SEKISHO_QUADLET", ""), "/usr/libexec/podman/quadlet", "/usr/lib/podman/quadlet"]
    found = next((place for place in places if place and shutil.which(place)), None)
    return not_run("needs podman 4.6 or later with its quadlet") if found is None else found


@pytest.mark.long
def test_podman_makes_units_of_the_files() -> None:
    """Its own generator takes each key, and writes the services that an operator starts."""
    done = subprocess.run(
        [quadlet(), "-dryrun"],
        env={**os.environ, "QUADLET_UNIT_DIRS": str(QUADLET)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "unsupported" not in done.stderr
    assert "error" not in done.stderr.lower()
    services = dict(re.findall(r"(?ms)^---(\S+)---\n(.*?)(?=^---|\Z)", done.stdout))
    assert set(services) == {
        "sekisho.service",
        "sekisho-redis.service",
        "sekisho-network.service",
        "sekisho-state-volume.service",
        "sekisho-redis-volume.service",
    }
    start = next(line for line in services["sekisho.service"].splitlines() if line.startswith("ExecStart="))
    for option in ("--read-only", "--cap-drop all", "--stop-timeout=45", "--publish 127.0.0.1:8080:8080"):
        assert option in start
    assert start.endswith("localhost/sekisho:latest")
    assert "Requires=sekisho-network.service" in services["sekisho.service"]
