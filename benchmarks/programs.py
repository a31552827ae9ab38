"""Programs of a measurement: started pinned to a core, waited for, measured, stopped.

Everything listens on loopback. CPU time and memory are the kernel's own figures for the
program and all its children (`/proc`), so a server with workers is counted whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http
import http.client
import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.certificates import trusting

PEER_CORE = 0
"""The core of the server that is measured, alone."""
LOAD_CORE = 1
"""The core of everything else: load, upstream, Redis, provider."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_START_SECONDS = 120.0
_STOP_SECONDS = 10.0


def core_seconds(core: int) -> float:
    """Return the seconds a core has worked since the machine started, for whomever."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _waiting, interrupts, soft = map(int, ticks[:7])
            return (user + nice + system + interrupts + soft) / _TICKS
    raise BenchmarkError(f"/proc/stat tells of no core {core}")


class BenchmarkError(RuntimeError):
    """The measurement cannot go on; its words say what to do."""


def find(name: str) -> str:
    """Return a program's path."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise BenchmarkError(f"`{name}` is not installed; `make bench` installs what it needs")
    return path


def free_port() -> int:
    """Return a loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclasses.dataclass(slots=True)
class Program:
    """A running program."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def pids(self) -> list[int]:
        """Return the program and all its children."""
        found = [self.process.pid]
        for pid in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used, user and system, children with it."""
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                # The name, in parentheses, may hold spaces; utime and stime are fields 14 and 15 of the whole.
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def resident_bytes(self) -> int:
        """Return the memory it keeps resident, children with it (shared pages counted once each)."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        return total

    def tail(self) -> str:
        """Return the end of what it said."""
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """End it and wait until it is gone, and end what it leaves behind."""
        try:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_SECONDS)
        finally:
            # The group is killed also if this process is interrupted once more while it waits.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(_STOP_SECONDS)


def start(
    name: str,
    command: Sequence[str],
    *,
    core: int,
    folder: Path,
    ready: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Program:
    """Start a program on a core, in a session of its own, and wait until its port takes connections.

    `ready` is that port; `None` does not wait. The kernel ends the program if the measurement is killed.
    """
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [find("setpriv"), "--pdeathsig", "TERM", find("taskset"), "-c", str(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    program = Program(name, process, log)
    try:
        if ready is not None:
            _await_port(program, ready)
    except BaseException:
        program.stop()
        raise
    return program


def _await_port(program: Program, port: int) -> None:
    """Try the port until it answers; between tries, wait for the program's end and not for the clock alone."""
    ended = os.pidfd_open(program.process.pid)
    try:
        for _ in range(int(_START_SECONDS / 0.05)):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            if select.select([ended], [], [], 0.05)[0]:
                break
    finally:
        os.close(ended)
    raise BenchmarkError(f"`{program.name}` did not come up on port {port}:\n{program.tail()}")


def await_answer(program: Program, port: int) -> None:
    """Ask until the server answers 200: some listen before they know where to forward."""
    ended = os.pidfd_open(program.process.pid)
    try:
        for _ in range(int(_START_SECONDS / 0.05)):
            with contextlib.suppress(OSError, http.client.HTTPException):
                if get(port, "/", {})[0] == http.HTTPStatus.OK:
                    return
            if select.select([ended], [], [], 0.05)[0]:
                break
    finally:
        os.close(ended)
    raise BenchmarkError(f"`{program.name}` does not forward:\n{program.tail()}")


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    core: int,
    folder: Path,
    ready: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Run a program for the length of a block."""
    program = start(name, command, core=core, folder=folder, ready=ready, environment=environment)
    try:
        yield program
    finally:
        program.stop()


def get(port: int, path: str, headers: Mapping[str, str], *, tls: bool = False) -> tuple[int, bytes]:
    """Make one request and return status and body."""
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trusting())
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    )
    try:
        connection.request("GET", path, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
