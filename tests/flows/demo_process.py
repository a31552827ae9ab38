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

from tests.conftest import program

READY_SECONDS = 45.0


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
    def redis_path(self) -> str:
        """The Unix socket of the Redis it started."""
        found = re.search(r"unix://(\S+)", self.said)
        assert found is not None, self.said
        return found[1]

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


@contextmanager
def started(port: int) -> Iterator[Demo]:
    """Start a demo, and end it as Ctrl-C would."""
    # Should the tests be killed outright, the kernel ends it for them.
    guard = [program("setpriv"), "--pdeathsig", "TERM", "--"]
    command = [*guard, sys.executable, "-m", "gateway", "demo", "--port", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
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
