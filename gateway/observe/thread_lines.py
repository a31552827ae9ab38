"""Writes log lines from a thread of its own, so that a slow disk or a stalled pipe never holds up a request.

A caller puts text into a bounded queue. When there is no room the lines are lost and counted.
The thread only writes. A reader that is gone, a full disk or a device in trouble costs lines, and never raises into the
caller.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from gateway.observe.lines import ROOM, LineKind, Sink

BATCHES: Final = 64
"""Texts written at once: each write gives the interpreter away, and has to get it back."""

PAUSE: Final = 0.1
"""Seconds between two looks at the queue. Waking the writer for each line would cost the loop more than the line."""

FLUSH: Final = 2.0
"""Seconds the writer has at the end for what still waits: a stalled reader would never take it."""

WHOLE: Final = select.PIPE_BUF
"""Bytes that one write puts into a pipe in one piece, even beside other writers (pipe(7))."""

FILE_MODE: Final = 0o640

STANDARD_ERROR: Final = 2

_LINE_END: Final = 0x0A

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""The errors of a full disk. It is no mistake of the settings, and passes."""


class LineWriter:
    """The queue and its thread. `put` may be called from any thread, and returns at once."""

    def __init__(self, destination: Path | int, *, room: Mapping[LineKind, int] = ROOM) -> None:
        """Append to a file by its path, or write to an open descriptor, which stays its owner's.

        Raises:
            OSError: the file cannot be opened for appending, and not because the disk is full.

        """
        self._room = room
        self._texts: deque[tuple[bytes, int, LineKind]] = deque()
        self._putting = threading.RLock()
        """Held while a text is added. A finalizer may log in the middle of it, on the same thread."""
        # The lock guards the counts of lines taken and of lines lost for want of room. The thread alone counts the
        # rest.
        self._taken = dict.fromkeys(LineKind, 0)
        self._done = dict.fromkeys(LineKind, 0)
        self._overflowed = dict.fromkeys(LineKind, 0)
        self._unwritten = dict.fromkeys(LineKind, 0)
        self._path = destination if isinstance(destination, Path) else None
        self._descriptor = -1
        self._most = 0
        """Bytes of one write; 0 where a write of any size is one piece."""
        self._copy: Sink | None = None
        self._feeds: tuple[Callable[[], None], ...] = ()
        self._reopen = threading.Event()
        self._closing = threading.Event()
        self._looked = threading.Event()
        self._broken_line = False
        if isinstance(destination, int):
            self._use(destination)
        else:
            try:
                self._use(_open(destination))
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> dict[LineKind, int]:
        """The number of lost lines of each kind since the start: the buffer was full, or they could not be written."""
        return {kind: self._overflowed[kind] + self._unwritten[kind] for kind in LineKind}

    def put(self, text: bytes, lines: int, kind: LineKind) -> None:
        """Queue whole lines, or count them as lost."""
        with self._putting:
            if self._taken[kind] - self._done[kind] + len(text) > self._room[kind]:
                self._overflowed[kind] += lines
                return
            self._taken[kind] += len(text)
            self._texts.append((text, lines, kind))
        if self._copy is not None and kind is not LineKind.ACCESS:
            self._copy.put(text, lines, kind)

    def lose(self, lines: int, kind: LineKind) -> None:
        """Count lines that could not even be made."""
        with self._putting:
            self._overflowed[kind] += lines

    def is_full(self, kind: LineKind) -> bool:
        """Whether lines of a kind would be lost now, so that making them is in vain."""
        return self._taken[kind] - self._done[kind] >= self._room[kind]

    def feed(self, give: Callable[[], None]) -> None:
        """Have the thread call `give` before each look at the queue, to put what came too slowly to fill a batch."""
        self._feeds = (*self._feeds, give)

    def copy_to(self, sink: Sink) -> None:
        """Give every event to another place as well, from now on."""
        self._copy = sink

    def reopen(self) -> None:
        """Open the file again by its name, after logrotate moved it away (on SIGUSR1)."""
        self._reopen.set()

    def flush(self, patience: float = FLUSH) -> None:
        """Return once what waits has been written or lost, or after `patience` seconds."""
        # The look under way may have passed what was put last; the next one has not.
        for _ in range(2):
            self._looked.clear()
            self._looked.wait(patience / 2)

    def close(self, patience: float = FLUSH) -> None:
        """Write what waits and stop; give up after `patience` seconds, since a full pipe may never take it."""
        self._closing.set()
        self._thread.join(patience)
        if not self._thread.is_alive() and self._path is not None and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _use(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # A file takes a write of any size in one piece. In a pipe or a socket, other workers' lines could come between.
        self._most = 0 if stat.S_ISREG(os.fstat(descriptor).st_mode) else WHOLE

    def _run(self) -> None:
        while not self._closing.wait(PAUSE):
            self._write_all()
        self._write_all()

    def _write_all(self) -> None:
        if self._reopen.is_set() or (self._descriptor < 0 and self._path is not None):
            self._reopen.clear()
            self._open_again()
        for give in self._feeds:
            give()
        while self._texts:
            batch: list[bytes] = []
            kind, lines = self._texts[0][2], 0
            # One kind at a time: a write that breaks off has lost lines of a kind.
            while self._texts and self._texts[0][2] is kind and len(batch) < BATCHES:
                text, count, _ = self._texts.popleft()
                batch.append(text)
                lines += count
            whole = b"".join(batch)
            self._unwritten[kind] += self._write(whole, lines)
            self._done[kind] += len(whole)
        self._looked.set()

    def _open_again(self) -> None:
        if self._path is None:
            return
        try:
            descriptor = _open(self._path)
        except OSError:
            # The old file still takes lines; without it they are counted as lost.
            return
        old = self._descriptor
        self._use(descriptor)
        if old >= 0:
            os.close(old)

    def _write(self, text: bytes, lines: int) -> int:
        """Write lines and return how many of them were lost."""
        if self._descriptor < 0:
            return lines
        # Half a line would otherwise swallow the next one.
        rest = memoryview(b"\n" + text if self._broken_line else text)
        try:
            while rest:
                if written := self._write_some(rest):
                    self._broken_line = rest[written - 1] != _LINE_END
                    rest = rest[written:]
        except OSError:
            return min(lines, bytes(rest).count(b"\n"))
        return 0

    def _write_some(self, rest: memoryview) -> int:
        """Write whole lines, as many as go in one piece, and return how many bytes that was."""
        piece = rest
        if self._most and len(rest) > self._most:
            end = bytes(rest[: self._most]).rfind(b"\n") + 1
            piece = rest[: end or self._most]
        try:
            return os.write(self._descriptor, piece)
        except BlockingIOError:
            # Another owner of the pipe has made it non-blocking, so the thread waits here, where no request is held up.
            ready = select.poll()
            ready.register(self._descriptor, select.POLLOUT)
            ready.poll()
            return 0


def _open(path: Path) -> int:
    # A pipe without a reader is refused instead of waited for.
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, FILE_MODE)
