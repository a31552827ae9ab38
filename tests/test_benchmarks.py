"""The harness of the measurements: that it measures what it says, and writes what others read."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import uvloop

from benchmarks import __main__ as command
from benchmarks import cases, cold, goals, load, login, plot, questions, sizes, small, tls
from benchmarks.cases import Row
from benchmarks.ending import at_most
from benchmarks.programs import BenchmarkError
from benchmarks.surroundings import Surroundings

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0


def rounds(*rates: float) -> tuple[load.Round, ...]:
    return tuple(load.Round(rate=rate, cpu=1e6 / rate, busy=1.0, p50=100, p99=200) for rate in rates)


def test_a_result_is_the_median_of_its_rounds() -> None:
    """One slow round of the machine does not make a slow server."""
    result = small.Result("nginx", "plain proxy", rounds(10, 1000, 900))

    assert result.rate == 900
    assert result.spread == pytest.approx(1.1)


def test_each_round_begins_with_another_peer() -> None:
    """The first place may be the dearest: each peer has it in one round of as many as there are."""
    orders = [small.turns("abc", number) for number in range(4)]

    assert orders == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


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


def test_a_handshakes_request_waits_for_no_acknowledgement() -> None:
    """A server may delay it by 40 ms, and a round of twenty-five handshakes a second measures nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server, tls._connected(server.getsockname()[1]) as client:
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_goals_are_held_beside_what_was_seen() -> None:
    """Ratios of one run; where we cost more or less than we may, the table says so."""
    rows = [
        Row("delay", "sekisho", {cases.P99: 3.0}),
        Row("delay", "nginx", {cases.P99: 1.0}),
        Row("idle", "sekisho", {"KiB each": 2.5}),
        Row("websocket", "sekisho", {cases.MESSAGE: 15.0}),
        Row("websocket", "nginx", {cases.MESSAGE: 12.0}),
        Row("workers", cases.ONE_WORKER, {"µs CPU a request": 20.0}),
        Row("workers", "sekisho-2-workers", {"µs CPU a request": 29.0}),
        Row("workers", cases.APART, {"µs CPU a request": 20.8}),
        Row("growth", "small", {"µs CPU a request": 23.0}),
        Row("growth", "large", {"µs CPU a request": 20.0}),
        Row("sizes", "post, 1 Apps", {sizes.CPU: 30.0}),
        Row("sizes", "post, 1000 Apps", {sizes.CPU: 31.5}),
        Row("sizes", "cold, 1 Apps", {sizes.CPU: 70.0}),
    ]

    reached = goals.goals({"sekisho": 40_000, "nginx": 60_000, "envoy-oauth2": 25_000}, rows)

    assert [(round(goal.seen, 2), goal.met) for goal in reached] == [
        (1.6, False),
        (0.67, False),
        (3.0, False),
        (2.5, True),
        (1.25, False),
        (1.04, True),
        (1.15, False),
        (1.05, True),
    ]
    assert goals.table(reached).count("NOT MET") == 5


def test_goals_of_sign_ins_and_questions_are_ratios_of_one_run() -> None:
    """A peer that was not measured leaves its goals out, as oauth2-proxy does where there is no Go."""
    rows = [
        Row("login", "sekisho, 1 Apps", {login.CPU: 6.0}),
        Row("login", "sekisho, 300 Apps", {login.CPU: 6.3}),
        Row("login", "mod_auth_openidc-redis", {login.CPU: 2.0}),
        Row("forward-auth", questions.DECISION, {"requests/s": 20_000, "µs CPU a request": 16.0}),
        Row("forward-auth", questions.PROXIED, {"requests/s": 40_000, "µs CPU a request": 24.0}),
        Row("cold", cold.COLD, {"requests/s": 8_000}),
        Row("cold", cold.WARM, {"requests/s": 40_000}),
    ]

    reached = goals.goals({}, rows)

    assert [(goal.what, round(goal.seen, 2), goal.met) for goal in reached] == [
        ("CPU a sign-in, × mod_auth_openidc-redis", 3.0, False),
        ("CPU a sign-in, 300 Apps × 1", 1.05, True),
        ("CPU a decision, × our proxied request", 0.67, True),
        ("cold sessions a second, × warm", 0.2, False),
    ]


def test_a_case_that_fails_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run prints and notes the measurements before and after the failure, and fails."""

    def broken(*_: object, **__: object) -> list[Row]:
        raise BenchmarkError("the peer did not come up")

    def grown(*_: object, **__: object) -> list[Row]:
        return [Row("growth", "sekisho", {"µs CPU a request": 20.0})]

    monkeypatch.setattr(cases, "workers", broken)
    monkeypatch.setattr(cases, "growth", grown)
    options = argparse.Namespace(case=["workers", "growth"], only=[], longest=PATIENCE, rounds=1, seconds=1)
    numbers: dict[str, object] = {}

    with pytest.raises(BenchmarkError, match="not measured: workers"):
        command.whole(options, Surroundings(tmp_path, 1, 2), numbers)

    assert numbers["cases"] == [{"case": "growth", "peer": "sekisho", "figures": {"µs CPU a request": 20.0}}]
    said = capsys.readouterr()
    assert "growth" in said.out
    assert "workers: the peer did not come up" in said.err


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
    assert all(isinstance(number, float) and number > 0 for number in numbers.values())


_HARNESS = """
import signal, sys
from pathlib import Path
from benchmarks.ending import Stopped, heed_orders
from benchmarks.programs import running

heed_orders()
try:
    with running("sleeper", ["sleep", "1000"], core=0, folder=Path(sys.argv[1])) as program:
        print(program.process.pid, flush=True)
        signal.pause()
except Stopped as order:
    sys.exit(order.code)
"""


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_measurement_that_is_ended_leaves_no_program_behind(tmp_path: Path, order: signal.Signals) -> None:
    """By Ctrl-C, by `timeout`, by a terminal that closes, and by the kernel when memory is short."""
    with subprocess.Popen(
        [sys.executable, "-c", _HARNESS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stdout is not None
        sleeper = os.pidfd_open(int(harness.stdout.readline()))
        try:
            harness.send_signal(order)

            assert select.select([sleeper], [], [], PATIENCE)[0]
            assert harness.wait(PATIENCE) == (-order if order is signal.SIGKILL else 128 + order)
        finally:
            os.close(sleeper)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_case_that_takes_too_long_is_stopped(run: Callable[[Coroutine[object, object, None]], None]) -> None:
    """The stop works inside an event loop, which goes on after an ordinary exception of a signal's handler."""
    with pytest.raises(BenchmarkError, match="--longest"), at_most(0.05):
        run(asyncio.sleep(PATIENCE))

    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
