"""The switches' file: read whole, written whole or not at all, by one hand at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.bounded_files import read_file
from gateway.policy.switches import LONGEST_FILE, Switch, SwitchesError, read_switches, write_switches

FILE_MODE = 0o644
"""Anybody on the machine may see what is on; the folder's owner alone turns it."""


def load_switches(path: Path) -> dict[str, Switch]:
    """Return the switches of a file; a file that is not there has none.

    Raises:
        SwitchesError: it cannot be read, or does not hold switches.

    """
    try:
        return read_switches(read_file(path, LONGEST_FILE))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SwitchesError(f"`{path}` cannot be read: {error.strerror}") from error


def change_switches(path: Path, change: Callable[[dict[str, Switch]], dict[str, Switch]]) -> dict[str, Switch]:
    """Change the file under a lock, so that two operators at once both have their way; return what it says now.

    Raises:
        SwitchesError: what it holds or what is wanted cannot be meant; then it stays as it is.
        OSError: it cannot be written; then it stays as it is.

    """
    # A link stays a link: the file it leads to is written, and locked.
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        changed = change(load_switches(path))
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with beside.open("wb") as file:
                os.fchmod(file.fileno(), FILE_MODE)
                file.write(write_switches(changed))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()
        return changed
    finally:
        os.close(lock)
