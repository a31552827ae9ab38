"""Files that several commands change: one at a time, and whole at every moment."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def give_to_folders_owner(descriptor: int, folder: Path) -> None:
    """Give a file that root has made to the owner of the folder: the account of the gateway must be able to use it.

    The gateway's folder of state belongs to its account, and an operator types commands as root. In a folder of root
    the file stays root's.
    """
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextmanager
def held(file: Path, *, create: bool = False) -> Iterator[int]:
    """Open a file for appending, and hold it against another command: no line is lost while it is replaced.

    Raises:
        OSError: it cannot be opened, or it is a link.

    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
    while True:
        descriptor = os.open(file, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def replace_whole(file: Path, content: bytes) -> None:
    """Put another content in the place of a file, with its owner and mode.

    Raises:
        OSError: it cannot be written; the file is as it was.

    """
    about = file.stat()
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            os.fchown(descriptor, about.st_uid, about.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(about.st_mode))
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink()
        raise
