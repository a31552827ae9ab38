"""The audit trail of the command line: all commands of a machine share one chain, one at a time."""

from __future__ import annotations

import fcntl
import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gateway.audit.chain import Head, Place, place_of
from gateway.audit.checkpoint import Verifier
from gateway.audit.entry import Entry
from gateway.audit.segment import Terms
from gateway.audit.system_segments import (
    COMMAND,
    Copies,
    Tail,
    TrailFiles,
    open_folder,
    segments_in,
    tail_of,
)
from gateway.instant import Instant
from gateway.whole_files import give_to_account

_LOCK = ".command.lock"


class Keyboard(NamedTuple):
    """The person at the keyboard, as far as the machine knows."""

    user: str
    sudo_user: str


def at_keyboard(environment: Mapping[str, str]) -> Keyboard:
    """Return the user of this process, and the one whom sudo names. `LOGNAME` counts for nothing: anybody sets it."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return Keyboard(user, environment.get("SUDO_USER", ""))


class CommandTrail:
    """Records the actions of one command."""

    def __init__(
        self, folder: Path, terms: Terms, verifier: Verifier, copies: Copies, clock: Callable[[], Instant]
    ) -> None:
        self._folder = folder
        self._terms = terms
        self._verifier = verifier
        self._copies = copies
        self._clock = clock

    def check(self) -> None:
        """Find out whether an entry could be written now.

        Raises:
            OSError: it could not.

        """
        with self._files() as files:
            files.sign(self._clock())

    def record(self, entry: Entry) -> None:
        """Write an entry and a signature to the disk.

        Raises:
            OSError: they could not be written.

        """
        with self._files() as files:
            files.write((entry,), self._clock(), sync=False)
            files.sign(self._clock())

    @contextmanager
    def _files(self) -> Iterator[TrailFiles]:
        open_folder(self._folder)
        lock = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o660)
        try:
            give_to_account(lock, self._folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
            files = TrailFiles(self._folder, COMMAND, self._terms, self._verifier, self._copies)
            last = self._last()
            if last is not None:
                files.resume(*last, self._clock())
            try:
                yield files
            finally:
                files.let_go()
        finally:
            os.close(lock)

    def _last(self) -> tuple[Path, Place, Tail] | None:
        """Return the commands' last file with its end."""
        for path in reversed(segments_in(self._folder)):
            place = place_of(path.name)
            if place is None or place.writer != COMMAND:
                continue
            # A file whose last line was changed cannot be gone on with. The next one says so by its beginning.
            return path, place, tail_of(path) or Tail(Head(), ended=True, torn=False, size=0, signed=Head())
        return None
