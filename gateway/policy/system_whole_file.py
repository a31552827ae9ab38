"""A file that commands write and workers read: written whole or not at all, by one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.whole_files import give_to_folders_owner

FILE_MODE = 0o644
"""Every user of the machine may read such a file; only the folder's owner changes it."""


SECRET_MODE = 0o600
"""Only its owner may read such a file."""


def change_file(path: Path, change: Callable[[], bytes], mode: int = FILE_MODE) -> None:
    """Replace a file by the result of `change`; no change of two processes is lost.

    `change` reads the current content itself, and no other process writes while it runs. The file keeps its owner, as
    far as this process may give it away: root adds to a file that the gateway's user reads. A new file, and the lock,
    belong to the owner of the folder, so that the gateway's user changes the file after root did.

    Raises:
        OSError: it cannot be written; then it stays as it is.

    """
    # A link stays a link: the file it leads to is written, and locked.
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_to_folders_owner(lock, path.parent)
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = change()
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with beside.open("wb") as file:
                os.fchmod(file.fileno(), mode)
                give_to_folders_owner(file.fileno(), path.parent)
                with suppress(FileNotFoundError, PermissionError):
                    before = path.stat()
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()
    finally:
        os.close(lock)
