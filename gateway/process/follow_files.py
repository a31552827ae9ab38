"""Detects changed files by polling: this works on every file system, also if a file is replaced."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

INTERVAL = 1.0
"""Seconds between two looks."""

Signature = tuple[int, int, int] | None

_NEVER_SEEN: Signature = (-1, -1, -1)
"""A signature that no real file has."""


def signature(path: Path) -> Signature:
    """Return the signature of a file: inode, size and time; `None` if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


class FileWatch:
    """Remembers how files looked."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._taken = {path: signature(path) for path in paths}
        self._changing: set[Path] = set()

    def follow(self, paths: Iterable[Path]) -> None:
        """Watch these files from now on. A new file is reported once, since its last change may be recent."""
        self._taken = {path: self._taken.get(path, _NEVER_SEEN) for path in paths}
        self._changing &= self._taken.keys()

    def changed(self) -> frozenset[Path]:
        """Return the files that have changed and then stood still between two looks.

        An editor may write a file in pieces: half of a policy is not a policy.
        """
        settled: set[Path] = set()
        for path, taken in self._taken.items():
            now = signature(path)
            if now != taken:
                self._taken[path] = now
                self._changing.add(path)
            elif path in self._changing:
                self._changing.discard(path)
                settled.add(path)
        return frozenset(settled)
