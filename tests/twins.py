"""Measures how much of each pure module its own twin covers: `tests/X/test_Y.py` alone, for `gateway/X/Y.py`.

A line that other tests happen to run is not held by anything. The twin runs alone, and coverage.py counts the
statements it reaches and the branches it takes. `[tool.coverage.report]` in `pyproject.toml` holds the floor in percent
for every module: each file named after a concept that has a function or a table, and each file of the composing rooms
that is pure all the same. The last line says how many were measured; a folder as argument measures those below it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.test_architecture import ROOT, Module, twin_of, with_twins

LONGEST = 600
"""Seconds that one twin may take on a slow machine."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The part of its module that one twin reaches."""

    module: str
    percent: float
    missing: str
    failure: str = ""
    reached: int = 0
    """Statements and branches that the twin reaches."""
    whole: int = 0
    """Statements and branches that there are."""


def measure(module: Module, folder: Path) -> Measure:
    """Run one twin alone and return what it reaches of its module."""
    place = str(module.path.relative_to(ROOT))
    twin = twin_of(module)
    if not twin.exists():
        return Measure(place, 0.0, "", f"has no twin `{twin.relative_to(ROOT)}`")
    data = folder / module.name
    report = folder / f"{module.name}.json"
    environment = {**os.environ, "COVERAGE_FILE": str(data)}
    coverage = [sys.executable, "-m", "coverage"]
    ran = subprocess.run(
        [*coverage, "run", f"--include={place}", "-m", "pytest", "-q", "-p", "no:randomly", str(twin)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    if ran.returncode:
        return Measure(place, 0.0, "", f"`{twin.relative_to(ROOT)}` fails:\n{ran.stdout[-3000:]}{ran.stderr[-1000:]}")
    told = subprocess.run(
        [*coverage, "json", "--quiet", "--fail-under=0", "-o", str(report)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        return Measure(place, 0.0, "", f"`{twin.relative_to(ROOT)}` reaches nothing of it: {told.stdout.strip()}")
    found = json.loads(report.read_text())["files"][place]
    lines = [str(line) for line in found["missing_lines"]]
    branches = [f"{start}->{'exit' if end < 0 else end}" for start, end in found["missing_branches"]]
    summary = found["summary"]
    return Measure(
        place,
        summary["percent_covered"],
        ", ".join([*lines, *branches]),
        reached=summary["covered_lines"] + summary["covered_branches"],
        whole=summary["num_statements"] + summary["num_branches"],
    )


def floor() -> float:
    """Return the percentage below which no module may be."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return float(project["tool"]["coverage"]["report"]["fail_under"])


def main(wanted: Sequence[str]) -> int:
    """Measure every twin, or those of the modules whose path holds one of the words, and print a line for each."""
    least, began = floor(), time.monotonic()
    chosen = [m for m in with_twins() if not wanted or any(word in str(m.path.relative_to(ROOT)) for word in wanted)]
    measures = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        for one in pool.map(lambda m: measure(m, Path(folder)), chosen):
            measures.append(one)
            said = one.failure or (f"not reached: {one.missing}" if one.missing else "")
            sys.stdout.write(f"{one.percent:6.1f} %  {one.module}  {said}\n")
            sys.stdout.flush()
    below = sorted(m.module for m in measures if m.failure or m.percent < least)
    sys.stdout.write("".join(f"below the floor: {module}\n" for module in below))
    if not measures:
        sys.stdout.write("no pure module has such a path, so nothing was measured\n")
        return 1
    reached, whole = sum(m.reached for m in measures), sum(m.whole for m in measures)
    sys.stdout.write(
        f"{len(measures)} of {len(with_twins())} pure modules, each by its own twin alone, "
        f"in {time.monotonic() - began:.0f} s: {reached} of {whole} statements and branches, "
        f"{100 * reached / max(whole, 1):.1f} %; {len(below)} below the floor of {least:g} %\n"
    )
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
