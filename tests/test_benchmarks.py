"""The harness of the measurements: that it measures what it says, and writes what others read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import load, plot, small

ROOT = Path(__file__).resolve().parent.parent


def rounds(*rates: float) -> tuple[load.Round, ...]:
    return tuple(load.Round(rate=rate, cpu=1e6 / rate, busy=1.0, p50=100, p99=200) for rate in rates)


def test_a_result_is_the_median_of_its_rounds() -> None:
    """One slow round of the machine does not make a slow server."""
    result = small.Result("nginx", "plain proxy", rounds(10, 1000, 900))

    assert result.rate == 900
    assert result.spread == pytest.approx(1.1)


def test_the_table_puts_ratios_beside_the_numbers() -> None:
    """Numbers differ from machine to machine; ratios are what is read."""
    results = [small.Result("sekisho", "", rounds(20_000)), small.Result("nginx", "", rounds(40_000))]

    first, second = small.table(results).splitlines()[1:]

    assert first.startswith("nginx")
    assert "0.50 ×" in first
    assert second.startswith("sekisho")


def test_the_plot_is_a_picture_with_every_number() -> None:
    """It is well-formed, and nothing in a name can break it."""
    picture = ET.fromstring(plot.bars("a <title> & more", {"one": 10, "two & three": 12345}))  # noqa: S314 - our own

    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert words == ["a <title> & more", "two & three", "12,345", "one", "10"]


@pytest.mark.long
@pytest.mark.timeout(180)
def test_the_quick_run_writes_plain_numbers(tmp_path: Path) -> None:
    """`BENCH_JSON` gets requests a second of the three, as numbers, from servers that really forwarded."""
    out = tmp_path / "bench.json"

    subprocess.run(
        [sys.executable, "-m", "benchmarks", "quick", "--rounds", "1", "--seconds", "1"],
        cwd=ROOT,
        env={**os.environ, "BENCH_JSON": str(out)},
        check=True,
        timeout=170,
    )

    numbers = json.loads(out.read_text())
    assert numbers.keys() == {"sekisho", "nginx", "aiohttp"}
    assert all(isinstance(number, float) and number > 100 for number in numbers.values())
