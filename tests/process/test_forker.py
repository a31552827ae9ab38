"""The supervisor's hold of a worker whose parent is the forker."""

import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator

import pytest

from gateway.process import forker
from gateway.process.forker import UNKNOWN, ForkedWorker


@pytest.fixture(params=["pidfd", "no pidfd"])
def sleeper(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[subprocess.Popen[bytes], ForkedWorker, socket.socket]]:
    """Start a process, held as a worker is, with a kernel that has handles of processes and with one that has none."""
    if request.param == "no pidfd":
        monkeypatch.setattr(forker, "_open_process", lambda _: None)
    ours, theirs = socket.socketpair()
    ours.settimeout(0.1)
    with subprocess.Popen(["sleep", "600"]) as process, ours, theirs:
        yield process, ForkedWorker(process.pid, ours), theirs
        process.kill()


@pytest.mark.parametrize("code", [0, 2, -signal.SIGSEGV])
def test_the_exit_code_is_the_forkers_word(
    code: int, sleeper: tuple[subprocess.Popen[bytes], ForkedWorker, socket.socket]
) -> None:
    """The forker is the parent: the kernel tells the code to nobody else."""
    _, worker, forkers_end = sleeper
    forkers_end.send(struct.pack("=q", code))

    worker.join()

    assert worker.exitcode == code


def test_a_worker_is_killed_by_its_handle(
    sleeper: tuple[subprocess.Popen[bytes], ForkedWorker, socket.socket],
) -> None:
    """Once its code is known, its number may be another process's, and nobody kills that."""
    process, worker, forkers_end = sleeper

    worker.kill()

    assert process.wait(20) == -signal.SIGKILL
    forkers_end.send(struct.pack("=q", -signal.SIGKILL))
    worker.join()
    worker.kill()


def test_without_the_forker_no_worker_is_left_over(
    sleeper: tuple[subprocess.Popen[bytes], ForkedWorker, socket.socket],
) -> None:
    """The line of the code ends, and a worker that may live is killed before another takes its place."""
    process, worker, forkers_end = sleeper
    forkers_end.close()

    worker.join()

    assert worker.exitcode == UNKNOWN
    assert process.wait(20) == -signal.SIGKILL


def test_a_stopped_forker_does_not_hold_up_the_supervisor(
    sleeper: tuple[subprocess.Popen[bytes], ForkedWorker, socket.socket],
) -> None:
    """Its line is open and says nothing: the code stays unknown."""
    _, worker, _ = sleeper

    worker.join()

    assert worker.exitcode == UNKNOWN


def test_an_inherited_descriptor_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the standard descriptors and those that are named stay open."""
    closed: list[range] = []
    monkeypatch.setattr(os, "closerange", lambda low, high: closed.append(range(low, high)))

    forker._keep_only(9, 4)

    most = os.sysconf("SC_OPEN_MAX")
    assert closed == [range(3, 4), range(5, 9), range(10, most)]
