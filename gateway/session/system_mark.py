"""The file of a node's mark: one for all workers, of which one at a time counts up."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.bounded_files import read_file
from gateway.session.mark import Mark, read_mark

FILE_MODE = 0o600
LONGEST = 200
"""Bytes of the file."""


class MarkFile:
    """The file. Blocks: call it in a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = path.with_name(f".{path.name}.lock")

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Yield whether the file is ours for the block; another worker may have it.

        Raises:
            OSError: its folder cannot be written.

        """
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)

    def read(self) -> Mark | None:
        """Return the mark; `None` if there is none yet.

        Raises:
            OSError: it cannot be read.

        """
        try:
            return read_mark(read_file(self._path, LONGEST).decode("ascii", "replace"))
        except FileNotFoundError:
            return None

    def write(self, mark: Mark) -> None:
        """Keep a mark, whole or not at all.

        Raises:
            OSError: it cannot be written.

        """
        beside = self._path.with_name(f".{self._path.name}.new")
        with suppress(FileNotFoundError):
            beside.unlink()
        made = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(made, "w", encoding="ascii") as file:
            file.write(mark.line())
        beside.replace(self._path)
