"""The files of the audit trail: opened, appended to, closed, removed when they are old. It blocks: call it in a thread.

Each writer holds a lock on the file that it writes. A file without an end and without a lock belongs to a writer that
crashed; the next one to open a file records how far such a file reaches.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.audit.chain import LONGEST_LINE, BadLineError, Head, Place, place_of, read_line
from gateway.audit.checkpoint import Verifier
from gateway.audit.entry import Action, Entry, moment
from gateway.audit.segment import (
    Beside,
    Removed,
    Terms,
    Writing,
    Written,
    checkpoint,
    entered,
    opened,
    removed_line,
    signed_end,
)
from gateway.audit.verification import opening_of, read_segment
from gateway.instant import Instant
from gateway.whole_files import give_to_account, make_folder

FILE_MODE = 0o640
FOLDER_MODE = 0o750

COMMAND = "command"
"""The writer that all commands of a machine share. Its file has no end until the next one begins."""

_AT_ONCE = 50
"""Lines that are verified at once beside requests that are served: some milliseconds."""

_TAIL = 64 * 1024
"""Bytes at the end of a file in which its last lines are looked for at first."""


class Copies(Protocol):
    """Other places that get what was written. Nothing here blocks, and nothing raises."""

    def lines(self, text: bytes) -> None:
        """Take whole lines."""

    def signature(self, signed: str) -> None:
        """Take a checkpoint."""


class CutError(Exception):
    """Somebody else has changed, moved or removed the file that is being written."""


class Tail(NamedTuple):
    """The end of a file."""

    head: Head
    """The last whole line."""
    ended: bool
    """Whether that line is the writer's end of the file."""
    torn: bool
    """Whether half a line stands behind it."""
    size: int
    signed: Head
    """The last signature, if that is the last whole line; otherwise the beginning of the chain."""


def segments_in(folder: Path) -> list[Path]:
    """Return the files of the trail, in the order of their names.

    No writer makes a link, a pipe or a folder. A reader of a pipe would wait for ever.
    """
    with os.scandir(folder) as found:
        return sorted(
            folder / each.name
            for each in found
            if place_of(each.name) is not None and each.is_file(follow_symlinks=False)
        )


def by_writer(segments: Iterable[Path]) -> dict[str, list[Path]]:
    """Return the files of each writer, in the order in which they come."""
    found: dict[str, list[Path]] = {}
    for path in segments:
        found.setdefault(path.name.partition(".")[0], []).append(path)
    return found


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, each with its end. A line that no writer makes comes in pieces."""
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            yield line


def open_folder(folder: Path) -> None:
    """Make the folder of the trail, for the gateway's account also where a command of root comes first.

    Raises:
        OSError: it cannot be made or read.

    """
    make_folder(folder, FOLDER_MODE)
    os.scandir(folder).close()


def tail_of(path: Path) -> Tail | None:
    """Return the end of a file, or `None` where it has no line that agrees with itself at its end.

    Raises:
        OSError: it cannot be read.

    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        reach = _TAIL
        while True:
            file.seek(max(0, size - reach))
            lines = file.read(reach).splitlines(keepends=True)
            # Of the first line of a piece the beginning may be missing.
            whole = [line for line in (lines if reach >= size else lines[1:]) if line.endswith(b"\n")]
            if whole or reach >= size:
                break
            reach *= 16
    if not whole:
        return None
    try:
        last = read_line(whole[-1])
    except BadLineError:
        return None
    action = last.fields.get("action")
    signed = last.head if action in (Action.CHECKPOINT, Action.SEGMENT_CLOSED) else Head()
    return Tail(last.head, action == Action.SEGMENT_CLOSED, not lines[-1].endswith(b"\n"), size, signed)


def opened_at(path: Path) -> Instant:
    """Return when a file was begun, as its first line says; 0 where that cannot be read.

    Raises:
        OSError: the file cannot be read.

    """
    try:
        return moment(read_line(next(lines_of(path), b"")).fields["time"])
    except (BadLineError, KeyError, TypeError, ValueError):
        return 0.0


def _is_written(path: Path) -> bool:
    """Say whether a writer holds the file now."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def beside(folder: Path, verifier: Verifier) -> list[Beside]:
    """Return the files that no file names yet, and those whose end no file has recorded.

    A signature must stand behind an opening that names others: a verifier of the trail believes no other one.

    Raises:
        OSError: the folder cannot be read.

    """
    openings: dict[Path, str] = {}
    named: set[str] = set()
    ends: set[str] = set()
    for path in segments_in(folder):
        with suppress(FileNotFoundError, PermissionError):
            lines = lines_of(path)
            first = opening_of(next(lines, b""), next(lines, b""), verifier)
            if first is not None:
                openings[path] = first[0]
                named |= {each.file for each in first[1]}
                ends |= {each.file for each in first[1] if each.ended}
    found = []
    for path, opening in openings.items():
        with suppress(FileNotFoundError, PermissionError):
            is_commands = path.name.startswith(f"{COMMAND}.")
            if path.name in ends:
                continue
            end = None if not is_commands and _is_written(path) else tail_of(path)
            new_end = end is not None and not end.ended
            if path.name in named and not new_end:
                continue
            if end is None:
                found.append(Beside(path.name, opening))
            else:
                gone = not is_commands or end.ended
                found.append(Beside(path.name, opening, end.head.sequence, end.head.hash, gone, end.torn))
    return found


class SegmentFile:
    """One file, open for writing."""

    def __init__(self, path: Path, descriptor: int, state: Writing) -> None:
        """Take a locked descriptor and the state of what is in the file."""
        self._path = path
        self._descriptor = descriptor
        self.state = state

    @classmethod
    def begin(
        cls,
        folder: Path,
        place: Place,
        before: Head,
        now: Instant,
        terms: Terms,
        verifier: Verifier,
        *,
        torn: bool = False,
    ) -> tuple[SegmentFile, Written]:
        """Begin a file that is not there yet.

        Raises:
            OSError: it cannot be written.

        """
        written = opened(place, before, now, terms, beside(folder, verifier), torn=torn)
        path = folder / place.file
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            give_to_account(descriptor, folder)
            _write_whole(descriptor, written.text)
            os.fdatasync(descriptor)
            _sync_folder(folder)
        except OSError:
            os.close(descriptor)
            # The name is needed again, and nothing was recorded in this file.
            with suppress(OSError):
                path.unlink()
            raise
        return cls(path, descriptor, written.state), written

    def append(self, written: Written, *, sync: bool) -> None:
        """Add lines.

        Raises:
            CutError: the file is not as this writer left it.
            OSError: they could not be written; the file is as before, unless that cannot be had either.

        """
        self.check()
        try:
            _write_whole(self._descriptor, written.text)
            if sync:
                os.fdatasync(self._descriptor)
        except OSError:
            # Half a line would look like a crash.
            os.ftruncate(self._descriptor, self.state.size)
            raise
        self.state = written.state

    def check(self) -> None:
        """Look whether the file is as this writer left it.

        Raises:
            CutError: it is not.

        """
        ours = os.fstat(self._descriptor)
        try:
            named = self._path.stat()
        except FileNotFoundError:
            raise CutError from None
        if ours.st_size != self.state.size or (named.st_dev, named.st_ino) != (ours.st_dev, ours.st_ino):
            raise CutError

    def close(self) -> None:
        """Let go of the file and its lock."""
        os.close(self._descriptor)


class TrailFiles:
    """The files of one writer, one after the other."""

    def __init__(self, folder: Path, writer: str, terms: Terms, verifier: Verifier, copies: Copies) -> None:
        """Take what the settings say; nothing is opened before the first entry."""
        self._folder = folder
        self._writer = writer
        self._terms = terms
        self._verifier = verifier
        self._copies = copies
        self._file: SegmentFile | None = None
        self._next = Place(writer, 1)
        self._before = Head()
        self._torn = False
        self.cut = 0
        """How often somebody else had changed a file of this writer."""
        self.begun = 0
        """How many files this writer has begun."""

    def open(self, now: Instant) -> None:
        """Begin the first file, or the next one.

        Raises:
            OSError: it cannot be written.

        """
        open_folder(self._folder)
        self._file, written = SegmentFile.begin(
            self._folder, self._next, self._before, now, self._terms, self._verifier, torn=self._torn
        )
        self._next = Place(self._writer, self._next.segment + 1)
        self._torn = False
        self.begun += 1
        self._tell(written)

    def resume(self, path: Path, place: Place, tail: Tail, now: Instant) -> None:
        """Go on in a file of an earlier process, or behind it where that cannot be.

        Raises:
            OSError: it cannot be opened.

        """
        self._next, self._before = Place(place.writer, place.segment + 1), tail.head
        self._torn = tail.torn
        if tail.ended or tail.torn:
            return
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        # Another writer that looks whether the file is in use holds it for a moment.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Each process signs what it has written before it ends. If it could not, the interval is over for sure.
        state = Writing(
            place, opened_at(path), tail.head, tail.signed, now if tail.signed == tail.head else 0.0, tail.size
        )
        self._file = SegmentFile(path, descriptor, state)

    def write(self, entries: Iterable[Entry], now: Instant, *, sync: bool) -> None:
        """Add entries.

        Raises:
            OSError: they could not be written.

        """
        entries = tuple(entries)
        file = self._fit(now)
        written = entered(file.state, entries, self._terms)
        try:
            file.append(written, sync=sync)
        except CutError:
            file = self._after_cut(now)
            written = entered(file.state, entries, self._terms)
            self._append(file, written, sync=sync)
        except OSError:
            self._look_after(file)
            raise
        self._tell(written)

    def sign(self, now: Instant) -> None:
        """Sign what is there; if nothing is new, only others are told how far the trail reaches.

        Raises:
            OSError: the signature could not be written.

        """
        file = self._file
        if file is None:
            self.open(now)
            return
        try:
            file.check()
        except CutError:
            self._after_cut(now)
            return
        if file.state.has_unsigned:
            written = checkpoint(file.state, now, self._terms)
            self._append(file, written, sync=True)
            self._tell(written)
        else:
            self._copies.signature(signed_end(file.state, now, self._terms)[1])

    def end(self, now: Instant) -> None:
        """End the file, so that the next entry begins another.

        Raises:
            OSError: the end could not be written.

        """
        file = self._file
        if file is None:
            return
        try:
            written = checkpoint(file.state, now, self._terms, ends=True)
            self._append(file, written, sync=True)
            self._before = file.state.head
            self._tell(written)
        finally:
            self._file = None
            file.close()

    def let_go(self) -> None:
        """Close the file without an end: another process goes on in it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _fit(self, now: Instant) -> SegmentFile:
        if self._file is not None and self._file.state.is_full(self._terms, now):
            self.end(now)
        if self._file is None:
            self.open(now)
        if self._file is None:
            raise RuntimeError("a file that was opened is not there")
        return self._file

    def _append(self, file: SegmentFile, written: Written, *, sync: bool) -> None:
        try:
            file.append(written, sync=sync)
        except CutError:
            self._after_cut(written.state.signed_at)
        except OSError:
            self._look_after(file)
            raise

    def _look_after(self, file: SegmentFile) -> None:
        """After a failed write: leave a file that could not be brought back to its last whole line."""
        try:
            file.check()
        except (CutError, OSError):
            self._before, self._torn = file.state.head, True
            self._file = None
            file.close()

    def _after_cut(self, now: Instant) -> SegmentFile:
        """Go on in another file, which says where the old one ended before somebody changed it."""
        file = self._file
        if file is not None:
            self.cut += 1
            self._before = file.state.head
            self._file = None
            file.close()
        self.open(now)
        return self._fit(now)

    def _tell(self, written: Written) -> None:
        self._copies.lines(written.text)
        for signed in written.signatures:
            self._copies.signature(signed)

    @property
    def removes(self) -> bool:
        """Whether old files are removed at all."""
        return self._terms.keep is not None

    def removable(self, now: Instant, pause: Callable[[], object]) -> list[Removed]:
        """Return whole, verified files that are too old: each writer's oldest, without a gap.

        It reads whole files, so it runs in another thread than the writer's, and calls `pause` now and then.

        Raises:
            OSError: the folder or a file cannot be read.

        """
        keep = self._terms.keep
        if keep is None:
            return []
        found = []
        for writer, paths in by_writer(segments_in(self._folder)).items():
            # The commands count on from their last file.
            for path in paths[:-1] if writer == COMMAND else paths:
                old = _as_removed(path, now - keep, self._verifier, pause)
                if old is None:
                    break
                found.append(old)
        return found

    def remove(self, old: Iterable[Removed], now: Instant) -> None:
        """Record that files are removed, sign that, and remove them.

        Raises:
            OSError: that could not be done; a file that is still there is found again.

        """
        old = tuple(old)
        file = self._fit(now)
        recorded = removed_line(file.state, old, now, self._terms)
        signed = checkpoint(recorded.state, now, self._terms)
        written = replace(signed, text=recorded.text + signed.text)
        try:
            file.append(written, sync=True)
        except CutError:
            # Nothing is recorded, so nothing is removed.
            self._after_cut(now)
            return
        self._tell(written)
        for each in old:
            (self._folder / each.file).unlink(missing_ok=True)


def _as_removed(path: Path, before: Instant, verifier: Verifier, pause: Callable[[], object]) -> Removed | None:
    """Return a file as the record of its removal names it; `None` if it is not old, not whole, or in use."""
    place = place_of(path.name)
    if place is None or path.stat().st_mtime >= before or _is_written(path):
        return None
    read = read_segment(place, _gently(lines_of(path), pause), verifier)
    if read.fault is not None or not read.opening or read.last_time >= before:
        return None
    return Removed(path.name, read.opening, read.first.sequence + 1, read.head.sequence, read.head.hash)


def _gently(lines: Iterable[bytes], pause: Callable[[], object]) -> Iterator[bytes]:
    """Yield lines, and give the interpreter away now and then: requests are served beside this."""
    for number, line in enumerate(lines, 1):
        if number % _AT_ONCE == 0:
            pause()
        yield line


def _write_whole(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
