"""Two nodes, as compose.yaml has them, under traffic, while parts end, fail over, are upgraded, and are put back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import not_run
from tests.deploy import images
from tests.deploy.stand import GATEWAYS, HOST, PATIENCE, REDIS, ROOT, Browsers, Stand, browsers, run, stand
from tests.redis_server import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(3_600)]

PREVIOUS = "ac33354a443b4c4be1dcff789f25bf0986e93385"
"""The commit of version 0.1.0, from which operators upgrade and to which they go back."""
Record = Callable[[str, object], None]


def started(here: Stand) -> None:
    """Start everything in the order of a machine that boots."""
    here.start_stores()
    here.start_provider()
    here.start_application()
    for name in GATEWAYS:
        here.start_gateway(name)
    here.start("nginx", "nginx", "-g", "daemon off;")
    for name in GATEWAYS:
        here.wait_for_gateway(name)


def calm(seconds: float) -> None:
    """Let the browsers browse for a while: the length of a phase is a part of what is measured."""
    threading.Event().wait(seconds)


def previous(folder: Path) -> Path | None:
    """Lay the previous version out with settings and policies of its own; nothing where the history lacks it."""
    if run("git", "-C", str(ROOT), "cat-file", "-e", f"{PREVIOUS}^{{commit}}", check=False).returncode:
        return None
    archive = folder / "previous.tar"
    with archive.open("wb") as file:
        subprocess.run(["git", "-C", str(ROOT), "archive", PREVIOUS, "gateway", "policies"], stdout=file, check=True)
    old = folder / "previous"
    with tarfile.open(archive) as tar:
        tar.extractall(old, filter="data")
    return old


def write_old_settings(here: Stand, old: Path) -> None:
    """Write the settings of the previous version: those of today without what it does not know."""
    text = (here.compose / "gateway.yaml").read_text()
    text = re.sub(r"^(management_hosts|lame_duck):.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^limits:\n(  .*\n)+", "", text, flags=re.MULTILINE)
    # Two workers of that version load the program twice, and a start gives up where that takes too long.
    (old / "gateway.yaml").write_text(text.replace("workers: 2\n", "workers: 1\n"))
    shutil.rmtree(old / "gateway" / "__pycache__", ignore_errors=True)


def serial(here: Stand) -> str:
    """Return the serial number of the certificate that nginx serves."""
    said = run(
        "ip",
        "netns",
        "exec",
        here.namespace("browsers"),
        "sh",
        "-c",
        f"openssl s_client -connect {here.addresses('front')['nginx']}:443 -servername {HOST} </dev/null 2>/dev/null"
        " | openssl x509 -noout -serial",
    )
    return said.stdout.strip()


def roll(here: Stand, old: Path | None) -> None:
    """Replace both gateways, one after the other, by another version."""
    for name in GATEWAYS:
        here.stop_gateway(name)
        here.start_gateway(name, old=old)
        here.wait_for_gateway(name)
        # nginx asks a node that was away only after `fail_timeout`. It must have both before the next one leaves.
        calm(7)


class Phases:
    """The counts and faults of each phase."""

    def __init__(self, crowd: Browsers) -> None:
        self.crowd = crowd
        self.told: dict[str, dict[str, Any]] = {}
        self._present = ""
        self._began = time.monotonic()

    def begin(self, name: str) -> None:
        """Begin a phase, and keep what the one before was."""
        told = self.crowd.phase(name)
        if self._present:
            told["seconds"] = round(time.monotonic() - self._began, 1)
            self.told[self._present] = told
            print(self._present, told["seconds"], told["counts"], told["faults"][:5], flush=True)  # noqa: T201
        self._present, self._began = name, time.monotonic()

    def figures(self) -> dict[str, Any]:
        """Return the counts of each phase, for a report."""
        return {name: {"seconds": told["seconds"], **told["counts"]} for name, told in self.told.items()}

    def faults(self) -> dict[str, list[str]]:
        return {name: told["faults"] for name, told in self.told.items() if told["faults"]}


def test_two_nodes_keep_serving(record_testsuite_property: Record) -> None:
    """No public request fails and no person is signed out while each part ends in turn; the counters stay true."""
    with stand(images.image(), started) as here, browsers(here) as crowd:
        phases = Phases(crowd)
        phases.begin("all is well")
        calm(20)

        phases.begin("a gateway is killed")
        here.stop_gateway("gateway-a", "KILL")
        calm(10)
        here.start_gateway("gateway-a")
        here.wait_for_gateway("gateway-a")

        phases.begin("Redis's primary is killed")
        before = here.primary()
        here.kill(before)
        wait_until(lambda: here.primary() in set(REDIS) - {before}, "another primary", PATIENCE)
        for name in GATEWAYS:
            here.wait_for_gateway(name)
        here.start_redis(before)
        wait_until(
            lambda: here.redis(here.primary(), "ROLE").count("redis-") == 2, "the killed one as a replica", PATIENCE
        )

        phases.begin("a certificate is renewed")
        first = serial(here)
        here.certify(HOST, here.secrets / "public")
        nginx = _nginx(here)
        run("kill", "-HUP", str(nginx))
        wait_until(lambda: serial(here) != first, "the new certificate", PATIENCE)

        old = previous(here.folder)
        if old is None:
            phases.begin("rolled to the same version")
            roll(here, None)
        else:
            write_old_settings(here, old)
            phases.begin("back to the previous version")
            roll(here, old)
            phases.begin("on the previous version")
            calm(10)
            phases.begin("upgraded from the previous version")
            roll(here, None)

        phases.begin("quiet")
        phases.begin("all is well again")
        calm(15)
        phases.begin("quiet at the end")

        figures = phases.figures()
        record_testsuite_property("two nodes", json.dumps(figures))
        faults = phases.faults()
        total = sum(told["counts"].get("public", 0) for told in phases.told.values())
        assert total > 1_000
        for name, told in phases.told.items():
            assert told["counts"].get("public failed", 0) == 0, (name, faults)
            assert told["counts"].get("signed out", 0) == 0, (name, faults)
            assert told["counts"].get("own page failed", 0) == 0, (name, faults)
        for name in ("all is well", "a certificate is renewed", "all is well again"):
            # A machine that stands still for a second is a store that is away, once.
            counts = phases.told[name]["counts"]
            assert counts.get("sign-in failed", 0) <= 0.05 * counts.get("sign-in", 0), (name, faults)
            assert counts.get("own page 503", 0) <= 0.01 * counts.get("own page", 0), (name, faults)
        _counters_are_true(phases)
    if old is None:
        not_run(f"the upgrade, because this clone has no commit {PREVIOUS[:7]}: fetch the whole history")


def _counters_are_true(phases: Phases) -> None:
    """A gateway's count falls only where it began anew, and the last phase counted each request once."""
    falls = dict.fromkeys(GATEWAYS, 0)
    for told in phases.told.values():
        for name in GATEWAYS:
            falls[name] += sum(later < earlier for earlier, later in pairwise(told["scraped"][name]))
    # Each start begins at nothing: after the kill, and at each replacement.
    assert falls["gateway-a"] <= 4
    assert falls["gateway-b"] <= 3
    last = phases.told["all is well again"]
    counted = sum(last["scraped"][name][-1] - last["scraped"][name][0] for name in GATEWAYS)
    assert counted == last["counts"]["asked"]


def _nginx(here: Stand) -> int:
    """Return the process id of nginx's master."""
    return here.processes["nginx"].pid
