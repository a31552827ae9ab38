"""A file that commands write and workers read: written whole or not at all, by one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from gateway.whole_files import give_to_account, make_folder, replace_whole

FILE_MODE = 0o644
"""Every user of the machine may read such a file; only the folder's owner changes it."""

FOLDER_MODE = 0o755


SECRET_MODE = 0o600
"""Only its owner may read such a file."""


def change_file(path: Path, change: Callable[[], bytes], mode: int = FILE_MODE) -> None:
    """Replace a file by the result of `change`, or make it; no change of two processes is lost.

    `change` reads the current content itself, and no other process writes while it runs. The lock belongs to the
    account of the folder, as a new file does, so that the gateway's user changes the file after root did.

    Raises:
        OSError: it cannot be written; then it stays as it is.

    """
    # A link stays a link: the file it leads to is written, and locked.
    path = path.resolve()
    make_folder(path.parent, FOLDER_MODE)
    # A link in the place of the lock would have root give away the file to which it leads.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(path.with_name(f".{path.name}.lock"), flags, 0o600)
    try:
        give_to_account(lock, path.parent)
        fcntl.flock(lock, fcntl.LOCK_EX)
        replace_whole(path, change(), mode)
    finally:
        os.close(lock)
