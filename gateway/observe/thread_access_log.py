"""Writes access lines from a thread of its own, so that a slow disk or pipe never holds up a request.

The event loop turns lines into text, a few at a time, and puts them into a bounded queue; when it is
full the line is lost and counted. The thread only writes: did it make the text, it would hold the
interpreter for a millisecond, and every request would wait. What a line says is `access_log`'s business.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Final

import msgspec

from gateway.observe.access_log import AccessLine

QUEUE_LINES: Final = 65_536
"""Lines that may wait: about three seconds of a busy worker, some 25 MiB at worst."""

BATCH_LINES: Final = 32
"""Lines made into text at once: some 30 microseconds, which no request feels."""

BATCHES: Final = 64
"""Batches written at once: each write gives the interpreter away, and has to get it back."""

PAUSE: Final = 0.1
"""Seconds between two looks at the queue. Waking the writer for each line would cost the loop more than the line."""

FILE_MODE: Final = 0o640


class AccessLog:
    """The queue and its writer. `put` is for the event loop; the rest may be called from anywhere."""

    def __init__(self, destination: str | None, *, capacity: int = QUEUE_LINES) -> None:
        """Write to `stderr`, a file's path, or nowhere (`off` or None).

        Raises:
            OSError: the file cannot be opened for appending.

        """
        self._capacity = capacity
        self._lines: deque[AccessLine] = deque()
        """Lines that are no text yet."""
        self._texts: deque[tuple[bytes, int]] = deque()
        """Text that is not written yet, and how many lines it is."""
        self._encoding = threading.Lock()
        """Held while lines become text, so that lines keep their order whoever does it."""
        # Each counted by one thread alone, the loop's and the writer's, so neither needs a lock.
        self._taken = 0
        self._written = 0
        self._overflowed = 0
        self._unwritten = 0
        self._path = None if destination in (None, "off", "stderr") else Path(str(destination))
        self._descriptor = -1
        self._reopen = threading.Event()
        self._closing = threading.Event()
        self._broken_line = False
        self._encoder = msgspec.json.Encoder()
        self._thread: threading.Thread | None = None
        if destination in (None, "off"):
            return
        self._descriptor = sys.stderr.fileno() if self._path is None else self._open(self._path)
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """How many lines were lost since the start: the queue was full, or they could not be written."""
        return self._overflowed + self._unwritten

    def put(self, line: AccessLine) -> None:
        """Queue a line, or count it as lost."""
        if self._thread is None:
            return
        if self._taken - self._written >= self._capacity:
            self._overflowed += 1
            return
        self._taken += 1
        self._lines.append(line)
        if len(self._lines) >= BATCH_LINES:
            self._encode()

    def _encode(self) -> None:
        """Turn the lines there are into text."""
        with self._encoding:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                self._texts.append((self._encoder.encode_lines(lines), len(lines)))

    def reopen(self) -> None:
        """Open the file again by its name, after somebody moved it away (logrotate, on SIGHUP)."""
        self._reopen.set()

    def close(self, patience: float = 5.0) -> None:
        """Write what waits and stop; give up after `patience` seconds, since a full pipe may never take it."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(patience)
            if not self._thread.is_alive() and self._path is not None and self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    @staticmethod
    def _open(path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)

    def _run(self) -> None:
        while not self._closing.wait(PAUSE):
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        if self._reopen.is_set():
            self._reopen.clear()
            self._open_again()
        # What came too slowly to fill a batch.
        self._encode()
        while self._texts:
            batches = [self._texts.popleft() for _ in range(min(BATCHES, len(self._texts)))]
            self._write(b"".join(text for text, _ in batches))
            self._written += sum(lines for _, lines in batches)

    def _open_again(self) -> None:
        if self._path is None:
            return
        try:
            descriptor = self._open(self._path)
        except OSError:
            # The old file still takes lines; without it they are counted as lost.
            return
        old, self._descriptor = self._descriptor, descriptor
        os.close(old)

    def _write(self, text: bytes) -> None:
        data = memoryview(text)
        if self._broken_line:
            # What follows half a line would else be swallowed by it.
            data = memoryview(b"\n" + data)
        try:
            while data:
                written = os.write(self._descriptor, data)
                data = data[written:]
                self._broken_line = data.nbytes > 0
        except OSError:
            self._unwritten += bytes(data).count(b"\n")
