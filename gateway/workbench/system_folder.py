"""The one folder in which the workbench reads and writes, by descriptors: no name and no link leads out of it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.plain_text import printable
from gateway.policy.system_whole_file import FILE_MODE
from gateway.workbench.draft import LONGEST_TEXT
from gateway.workbench.file_names import (
    MOST_PARTS,
    NEW,
    as_written,
    digest_of,
    is_meant_as_policy,
    is_policy_name,
    text_of,
)

MOST_FILES = 500
"""Files that are listed."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class FileChangedError(Exception):
    """The file is another than the author has opened."""


class NotThereError(Exception):
    """The folder has no such file, or no such name is allowed."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The files of a folder by their names."""

    names: tuple[str, ...]
    others: tuple[str, ...] = ()
    """Those that look like policies and are not opened: a link, or a name that none may have."""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file as it was read."""

    text: str
    digest: str
    data: bytes
    other_charset: bool
    """Whether it is not in UTF-8, which a save makes of it."""


class PolicyFolder:
    """The policy files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> Listed:
        """Return the policy files, those of folders within it too.

        Raises:
            OSError: the folder cannot be read.

        """
        found: list[str] = []
        others: list[str] = []
        root = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _gather(root, "", found, others)
        finally:
            os.close(root)
        return Listed(tuple(sorted(found)), tuple(sorted(others)))

    def is_file(self, name: str, path: Path) -> bool:
        """Say whether a file of the folder is also the one at a path, which may go through links."""
        try:
            with self._within(name) as (parent, last):
                return os.path.samestat(os.stat(last, dir_fd=parent, follow_symlinks=False), path.stat())
        except (NotThereError, OSError):
            return False

    def read(self, name: str) -> OpenedFile:
        """Return a file.

        Raises:
            NotThereError: there is none of that name.
            OSError: it cannot be read, or is too long (`EFBIG`).
            UnicodeError: it is no text.

        """
        with self._within(name) as (parent, last):
            data = _content(parent, last)
        if data is None:
            raise NotThereError
        text, other_charset = text_of(data)
        return OpenedFile(text, digest_of(data), data, other_charset)

    def save(self, name: str, text: str, opened: str) -> str:
        """Write a file whole or not at all, and return its new digest. `opened` is the digest of the file as opened.

        Raises:
            FileChangedError: somebody has changed, made or removed it meanwhile.
            NotThereError: no such name is allowed, or its folder is not there.
            OSError: it cannot be written, or is too long (`EFBIG`).

        """
        with self._within(name) as (parent, last):
            # Two authors who save at once come one after the other; the second finds the first one's file.
            fcntl.flock(parent, fcntl.LOCK_EX)
            before = _content(parent, last)
            if opened != (NEW if before is None else digest_of(before)):
                raise FileChangedError
            data = as_written(text, before)
            if len(data) > LONGEST_TEXT:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
            _replace(parent, last, data, new=before is None)
        return digest_of(data)

    @contextmanager
    def _within(self, name: str) -> Iterator[tuple[int, str]]:
        """Yield the open folder in which a file lies, and the file's last name."""
        if not is_policy_name(name):
            raise NotThereError
        *folders, last = name.split("/")
        place = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for folder in folders:
                try:
                    inner = os.open(folder, _FOLDER, dir_fd=place)
                except (FileNotFoundError, NotADirectoryError):
                    raise NotThereError from None
                except OSError as error:
                    # A link in the place of a folder.
                    raise NotThereError from error
                os.close(place)
                place = inner
            yield place, last
        finally:
            os.close(place)


def _gather(folder: int, prefix: str, found: list[str], others: list[str]) -> None:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            name = prefix + entry.name
            if len(found) + len(others) >= MOST_FILES:
                return
            if entry.is_file(follow_symlinks=False) and is_policy_name(name):
                found.append(name)
            elif not entry.is_dir(follow_symlinks=False) and is_meant_as_policy(entry.name):
                # Bytes that are no UTF-8 are half signs in a name, which no page can hold.
                others.append(printable(name))
            elif entry.is_dir(follow_symlinks=False) and name.count("/") + 1 < MOST_PARTS and entry.name[0] != ".":
                with suppress(OSError):
                    inner = os.open(entry.name, _FOLDER, dir_fd=folder)
                    try:
                        _gather(inner, f"{name}/", found, others)
                    finally:
                        os.close(inner)


def _content(folder: int, name: str) -> bytes | None:
    """Return a file's bytes; `None` if there is none."""
    try:
        # Non-blocking: a pipe of that name would wait for its other end.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotThereError from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise NotThereError
        with open(file, "rb", closefd=False) as reader:
            data = reader.read(LONGEST_TEXT + 1)
    finally:
        os.close(file)
    if len(data) > LONGEST_TEXT:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
    return data


def _replace(folder: int, name: str, data: bytes, *, new: bool) -> None:
    before = None if new else os.stat(name, dir_fd=folder, follow_symlinks=False)
    # A rename asks the folder alone, so that root and the owner of the folder would replace it.
    if before is not None and not before.st_mode & _WRITABLE:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    # The folder is locked. A name made of the file's would be longer than a file system takes.
    beside = f".sekisho-{os.getpid()}"
    with suppress(FileNotFoundError):
        os.unlink(beside, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(beside, flags, FILE_MODE, dir_fd=folder)
    try:
        with open(file, "wb", closefd=True) as writer:  # noqa: PTH123 - a descriptor, not a path
            if before is not None:
                os.fchmod(writer.fileno(), stat.S_IMODE(before.st_mode))
                with suppress(PermissionError):
                    os.fchown(writer.fileno(), before.st_uid, before.st_gid)
            writer.write(data)
            writer.flush()
            os.fsync(writer.fileno())
        if new:
            # A link never replaces a file that another program has made meanwhile.
            try:
                os.link(beside, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:
                raise FileChangedError from None
        else:
            os.replace(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=folder)
