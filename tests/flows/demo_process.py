"""`sekisho demo` as a process, for those who walk through it."""

from __future__ import annotations

import os
import re
import selectors
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import program

READY_SECONDS = 120.0


@dataclass(frozen=True)
class Demo:
    """A demo that is ready."""

    port: int
    said: str
    """Its standard output until it was ready."""
    process: subprocess.Popen[str]

    @property
    def booking(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def wallet(self) -> str:
        return f"http://wallet.localhost:{self.port}"

    @property
    def allowance(self) -> str:
        return f"http://allowance.localhost:{self.port}"

    @property
    def bank(self) -> str:
        return f"http://bank.localhost:{self.port}"

    @property
    def courts(self) -> str:
        return f"http://courts.localhost:{self.port}"

    @property
    def redis_path(self) -> str:
        """The Unix socket of the Redis it started."""
        found = re.search(r"unix://(\S+)", self.said)
        assert found is not None, self.said
        return found[1]

    @property
    def settings(self) -> Path:
        """The settings that it wrote."""
        found = re.search(r"Settings +(\S+)", self.said)
        assert found is not None, self.said
        return Path(found[1])

    def metric(self, name: str, label: str) -> float:
        """Return the sum of a metric's samples with a label, as the management listener tells it."""
        address = re.search(r"http://127\.0\.0\.1:\d+/metrics", self.said)
        assert address is not None, self.said
        with urllib.request.urlopen(address[0], timeout=10) as answer:
            text = answer.read().decode()
        return sum(
            float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name) and label in line
        )


def read_until_ready(process: subprocess.Popen[str]) -> str:
    """Return what a demo says until it is ready."""
    assert process.stdout is not None
    # Read from below the text layer: what its buffer holds, no selector knows of.
    pipe = process.stdout.fileno()
    said = b""
    end = time.monotonic() + READY_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not re.search(rb"^ready: .*\n", said, re.MULTILINE):
            assert selector.select(end - time.monotonic()), f"not ready in time: {said!r}"
            part = os.read(pipe, 65536)
            if not part:
                break
            said += part
    assert b"ready: " in said, said.decode()
    return said.decode()


_AHEAD = """
import os, runpy, time
from pathlib import Path
real, ahead = time.time, Path(os.environ["SECONDS_AHEAD"])
time.time = lambda: real() + float(ahead.read_text())
runpy.run_module("gateway", run_name="__main__", alter_sys=True)
"""
"""Runs the program on a clock that is ahead by as many seconds as a file says."""


@contextmanager
def started(port: int, ahead: Path | None = None) -> Iterator[Demo]:
    """Start a demo, and end it as Ctrl-C would. Its clock is ahead by the seconds in a file, if one is given."""
    # Should the tests be killed outright, the kernel ends it for them.
    guard = [program("setpriv"), "--pdeathsig", "TERM", "--"]
    how = ["-m", "gateway"] if ahead is None else ["-c", _AHEAD]
    environment = os.environ if ahead is None else {**os.environ, "SECONDS_AHEAD": str(ahead)}
    command = [*guard, sys.executable, *how, "demo", "--port", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, env=environment
    )
    try:
        said = read_until_ready(process)
        yield Demo(port, said, process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
