"""The process that analyses drafts: it may read a folder, writes nothing, and ends with the process that started it.

A draft is text from outside, and an analysis may take long. A process of its own keeps neither a request nor the
management listener waiting, and can be ended in the middle.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from gateway.bounded_files import MIB, read_file
from gateway.observe.redact import where_it_failed
from gateway.workbench.analysis import analyse
from gateway.workbench.draft import LONGEST_TEXT, Analysis, Draft
from gateway.workbench.file_names import text_of

LENGTH_BYTES = 4
"""Bytes in front of each message, which say how long it is."""

LONGEST_MESSAGE = 8 * MIB
"""Bytes of a message."""

SECONDS = 10
"""Seconds of an analysis. After them its author is told that it is too slow."""

_MEMORY = 1024 * MIB
_NICE = 10


class Answered(msgspec.Struct, frozen=True):
    """The answer to one draft."""

    analysis: Analysis | None
    """`None`: a mistake of ours."""
    where: str = ""
    """The place of that mistake in our code."""


def be_analyst(line: socket.socket) -> None:
    """Answer each draft that comes over a line, until the other end is gone."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.clear()
    with suppress(OSError):
        os.nice(_NICE)
    _bound(resource.RLIMIT_FSIZE, 0, 0)
    _bound(resource.RLIMIT_AS, _MEMORY, _MEMORY)
    with suppress(ConnectionError), line:
        while (message := _received(line)) is not None:
            answer = msgspec.json.encode(_answer(message))
            line.sendall(len(answer).to_bytes(LENGTH_BYTES) + answer)
    sys.exit(0)


def _answer(message: bytes) -> Answered:
    used = resource.getrusage(resource.RUSAGE_SELF)
    # An analysis ends also where nobody is left to end this process.
    most = int(used.ru_utime + used.ru_stime) + SECONDS + 1
    _bound(resource.RLIMIT_CPU, most, resource.RLIM_INFINITY)
    try:
        return Answered(analyse(msgspec.json.decode(message, type=Draft), saved_text))
    # A mistake of ours, or not enough memory; its words may quote the draft.
    except Exception as error:  # noqa: BLE001
        return Answered(None, f"{type(error).__name__} {where_it_failed(error)}")


def _bound(limit: int, soft: int, hard: int) -> None:
    """Bound this process, as far as its service manager lets it.

    A unit may forbid every change of limits (`SystemCallFilter=~@resources`), and bounds memory by itself. The time of
    an analysis is bounded by the process that waits for it.
    """
    # CPython says `ValueError` where the system says EPERM.
    with suppress(OSError, ValueError):
        resource.setrlimit(limit, (soft, hard))


def saved_text(path: Path) -> str:
    """Return the text of a file of a policy; empty where it cannot be read."""
    try:
        return text_of(read_file(path, LONGEST_TEXT))[0]
    except (OSError, UnicodeError):
        return ""


def _received(line: socket.socket) -> bytes | None:
    head = _bytes_of(line, LENGTH_BYTES)
    return None if head is None else _bytes_of(line, int.from_bytes(head))


def _bytes_of(line: socket.socket, count: int) -> bytes | None:
    """Return so many bytes; `None` where the other end is gone."""
    found = bytearray()
    while len(found) < count:
        more = line.recv(count - len(found))
        if not more:
            return None
        found += more
    return bytes(found)
