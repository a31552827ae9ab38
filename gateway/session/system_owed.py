"""The file of sign-outs that wait for the store: appended to, and written anew whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.bounded_files import read_file
from gateway.instant import Instant
from gateway.session.owed import LONGEST, MOST, Owed, read_owed, room_for

FILE_MODE = 0o600
"""The names of sessions open nothing, but other users of the machine must not read them."""


class OwedFile:
    """One file for all workers of a machine. Blocks: call it in a thread."""

    def __init__(self, path: Path) -> None:
        # A link stays a link: what it leads to is written.
        self._path = Path(os.path.realpath(path))
        self._lock = self._path.with_name(f".{self._path.name}.lock")

    @property
    def writable(self) -> bool:
        """Whether it could be written now."""
        there = self._path if self._path.exists() else self._path.parent
        return os.access(there, os.W_OK) and os.access(self._path.parent, os.W_OK | os.X_OK)

    def add(self, owed: tuple[Owed, ...], now: Instant, *, sealed: bool) -> bool:
        """Keep them past a crash of the machine; False where there is no room.

        Raises:
            OSError: it cannot be written.

        """
        with self._held():
            waiting = self._read(now)
            more = tuple(each for each in owed if each not in waiting)
            if not room_for(waiting, len(more), sealed=sealed):
                return False
            if more:
                self._write((*waiting, *more))
        return True

    def waiting(self, now: Instant) -> tuple[Owed, ...]:
        """Return the waiting sign-outs; none if there is no file.

        Raises:
            OSError: it cannot be read.

        """
        return self._read(now)

    def remove(self, done: frozenset[Owed], now: Instant) -> None:
        """Remove done sign-outs, and those whose session a clock has ended. Other workers may add some meanwhile.

        Raises:
            OSError: it cannot be written; then it stays as it is.

        """
        with self._held():
            left = tuple(each for each in self._read(now) if each not in done)
            if left:
                self._write(left)
            else:
                with suppress(FileNotFoundError):
                    self._path.unlink()

    def _read(self, now: Instant) -> tuple[Owed, ...]:
        try:
            data = read_file(self._path, MOST * LONGEST)
        except FileNotFoundError:
            return ()
        return read_owed(data.decode("ascii", "replace"), now)

    def _write(self, owed: tuple[Owed, ...]) -> None:
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            # The process creates the file itself, and does not follow a link that another user put there.
            with suppress(FileNotFoundError):
                beside.unlink()
            made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            with os.fdopen(made, "w") as file:
                file.writelines(each.line() for each in owed)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Let no other worker change it meanwhile."""
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
