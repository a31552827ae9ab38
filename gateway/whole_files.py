"""Files that several commands change: one at a time, and whole at every moment."""

from __future__ import annotations

import fcntl
import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def give_to_account(descriptor: int, folder: Path) -> None:
    """Give what root has made in a folder to the account of the folder: the gateway must be able to use it.

    An operator types commands as root. The gateway's folder of state belongs to its account; its folder of settings is
    root's, and the group that enters it is the account's own (`root:sekisho`, 0750). Elsewhere in a folder of root the
    file stays root's.
    """
    if os.geteuid() == 0:
        os.fchown(descriptor, *_account_of(folder.stat()))


def _account_of(folder: os.stat_result) -> tuple[int, int]:
    """Return the user and the group for whom a folder is."""
    owner, group = folder.st_uid, folder.st_gid
    if owner == 0 and group != 0 and folder.st_mode & stat.S_IXGRP:
        # A group that several users have for their own, such as `users`, is nobody's account.
        own = {user.pw_uid for user in pwd.getpwall() if user.pw_gid == group}
        if len(own) == 1:
            return own.pop(), group
    return owner, group


def make_folder(folder: Path, mode: int) -> None:
    """Make a folder with those above it that are missing; each belongs to the account of the folder above.

    Raises:
        OSError: it cannot be made.

    """
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    with suppress(FileExistsError):
        folder.mkdir(mode)
        made = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            give_to_account(made, folder.parent)
        finally:
            os.close(made)


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
            if create and not os.fstat(descriptor).st_size:
                give_to_account(descriptor, file.parent)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def replace_whole(file: Path, content: bytes, mode: int = 0) -> None:
    """Put a content in the place of a file, whole or not at all, also where the disk is full.

    The file keeps its owner, as far as this process may give files away, and its rights; it has those of `mode` at
    least, and nothing for others where `mode` has nothing for them. A link stays a link: the file to which it leads is
    replaced. Without a `mode` the file must be there. With one it may be new, and belongs to the account of the folder.

    Raises:
        OSError: it cannot be written; the file is as it was.

    """
    file = file.resolve()
    before = file.stat() if file.exists() or not mode else None
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            if before is None:
                give_to_account(descriptor, file.parent)
            else:
                _give_back(descriptor, before)
            os.fchmod(descriptor, _rights(mode, before))
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink()
        raise


def _rights(mode: int, before: os.stat_result | None) -> int:
    """Return the rights of a new content: a secret's group stays, since the gateway may read it by its group."""
    had = 0 if before is None else stat.S_IMODE(before.st_mode)
    return mode | (had if mode & stat.S_IRWXO or not mode else had & ~stat.S_IRWXO)


def _give_back(descriptor: int, before: os.stat_result) -> None:
    """Give a draft to the owner of the file in whose place it goes, or at least to its group."""
    for user in (before.st_uid, -1):
        with suppress(PermissionError):
            os.fchown(descriptor, user, before.st_gid)
            return
