"""Verifies the audit trail: finds the first wrong place in each file, and tells a crash from a change.

A file is read line by line, so its length does not matter. Then the files are compared with each other, with the files
that others of them name, and with checkpoints that were kept in another place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from gateway.audit.chain import BEGINNING, LONGEST_LINE, NOTHING, BadLineError, Head, Line, Place, read_line
from gateway.audit.checkpoint import Checkpoint, Unsigned, Verifier
from gateway.audit.entry import Action, moment
from gateway.audit.segment import MOST_UNSIGNED, Beside, Removed
from gateway.instant import Instant


class Wrong(StrEnum):
    """The kinds of what can be wrong with a trail."""

    CHANGED = "changed"
    """A line does not agree with its own hash."""
    OUT_OF_PLACE = "out_of_place"
    """A line does not follow the line before it: one was added, or two were exchanged."""
    MISSING = "missing"
    """Lines are missing before this one."""
    FOREIGN = "foreign"
    """A line, or the file, belongs to another writer or to another file."""
    SIGNATURE = "signature"
    """A signature does not fit the lines that it stands behind, or no known key has made it."""
    UNSIGNED = "unsigned"
    """A signature is missing that the writer had to make."""
    CUT = "cut"
    """The end of the file is missing."""
    AFTER_END = "after_end"
    """Lines stand behind the end that the writer, or another file, has recorded."""
    REWRITTEN = "rewritten"
    """The line is not the one that a checkpoint kept elsewhere, or another file, has recorded."""
    FILE_MISSING = "file_missing"
    """The whole file is missing."""


class Remark(StrEnum):
    """The kinds of what a reader should know although it is no fault."""

    TORN = "torn"
    """Half a line stands at the end, as a crash leaves it."""
    OPEN = "open"
    """The file has no end: its writer still runs, or ended in a crash. Lines after its last signature are unsigned."""
    REMOVED = "removed"
    """The file was removed because of its age, and the removal was recorded."""
    TOO_OLD = "too_old"
    """The file is older than `audit.keep` allows, and so is the record of its removal."""
    LOST = "lost"
    """The writer could not write some entries, and recorded how many."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One place in the trail."""

    file: str
    line: int
    """The number of the line, from 1; 0 for the file as a whole."""
    sequence: int
    """The sequence number that is wrong there, or the first that is missing."""
    what: Wrong | Remark
    count: int = 0
    """Lines or entries that it is about, where that is known."""


@dataclass(slots=True)
class Segment:
    """The findings about one file."""

    place: Place
    lines: int = 0
    first: Head = BEGINNING
    """The end of the chain before its first line."""
    opening: str = ""
    opened: Instant | None = None
    """When it was begun, `keep` and `rotate_every`: as its opening says, once a signature stands behind that."""
    head: Head = BEGINNING
    ended: bool = False
    torn: bool = False
    says_torn: bool = False
    """Whether its opening says that the file before it ends in half a line."""
    keep: float | None = None
    rotate_every: float = 0.0
    marks: dict[int, str] = field(default_factory=dict)
    """The hashes of its signed lines, by sequence number."""
    last_time: Instant = 0.0
    beside: list[Beside] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)
    fault: Finding | None = None
    remarks: list[Finding] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.place.file


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification."""

    files: int
    lines: int
    faults: tuple[Finding, ...]
    remarks: tuple[Finding, ...]


class _WrongError(Exception):
    def __init__(self, what: Wrong, sequence: int, count: int = 0) -> None:
        super().__init__(what.value)
        self.what = what
        self.sequence = sequence
        self.count = count


class _Reader:
    """Reads the lines of one file, and stops at the first wrong one."""

    def __init__(self, place: Place, verifier: Verifier, wanted: Mapping[int, str]) -> None:
        self.found = Segment(place)
        self._verifier = verifier
        self._wanted = wanted
        """Hashes that others have recorded, by sequence number."""
        self._interval = 0.0
        self._signed_at = 0.0
        self._unsigned = 0
        self._beside: list[Beside] = []
        self._removed: list[Removed] = []
        """Records that no signature covers yet: anybody can write one, so they count for nothing until then."""
        self._opened: Instant = 0.0
        self._keep: float | None = None
        self._rotate_every = 0.0
        """The words of the opening, which count for nothing until then either."""

    def take(self, text: bytes) -> None:
        """Take the next line."""
        found = self.found
        expected = found.head.sequence + 1
        try:
            line = read_line(text)
        except BadLineError:
            raise _WrongError(Wrong.CHANGED, expected) from None
        self._is_ours(line, expected)
        if found.lines == 0:
            self._open(line)
        else:
            self._follows(line, expected)
        self._look_into(line)
        if self._wanted.get(line.head.sequence, line.head.hash) != line.head.hash:
            raise _WrongError(Wrong.REWRITTEN, line.head.sequence)
        found.head = line.head
        found.lines += 1

    def _is_ours(self, line: Line, expected: int) -> None:
        fields, place = line.fields, self.found.place
        if fields.get("writer") != place.writer or fields.get("segment") != place.segment:
            raise _WrongError(Wrong.FOREIGN, expected)

    def _open(self, line: Line) -> None:
        found, fields = self.found, line.fields
        if fields.get("action") != Action.SEGMENT_OPENED:
            # A later line stands first, so the beginning of the file is gone.
            raise _WrongError(Wrong.MISSING, 1 if found.place.segment == 1 else line.head.sequence - 1)
        if found.place.segment == 1 and line.previous != NOTHING:
            raise _WrongError(Wrong.FOREIGN, 1)
        try:
            self._opened = self._signed_at = moment(fields["time"])
            self._rotate_every, self._interval = float(fields["rotate_every"]), float(fields["interval"])
            self._keep = float(fields["keep"]) if "keep" in fields else None
            self._beside += msgspec.convert(fields["beside"], list[Beside])
        except (KeyError, OverflowError, TypeError, ValueError):
            raise _WrongError(Wrong.CHANGED, line.head.sequence) from None
        found.first = Head(line.head.sequence - 1, line.previous)
        found.opening = line.head.hash
        found.says_torn = bool(fields.get("torn", False))

    def _follows(self, line: Line, expected: int) -> None:
        found = self.found
        if found.ended:
            raise _WrongError(Wrong.AFTER_END, expected)
        if line.head.sequence > expected:
            raise _WrongError(Wrong.MISSING, expected, line.head.sequence - expected)
        if line.head.sequence < expected or line.previous != found.head.hash:
            raise _WrongError(Wrong.OUT_OF_PLACE, expected)

    def _look_into(self, line: Line) -> None:
        fields, found = line.fields, self.found
        action = fields.get("action")
        if not isinstance(action, str):
            raise _WrongError(Wrong.CHANGED, line.head.sequence)
        if action in (Action.CHECKPOINT, Action.SEGMENT_CLOSED):
            self._check_signature(line, ends=action == Action.SEGMENT_CLOSED)
            return
        self._unsigned += 1
        if found.lines == 1:
            # A writer signs its opening in the same write.
            raise _WrongError(Wrong.UNSIGNED, line.head.sequence)
        try:
            found.last_time = moment(fields["time"])
            late = abs(found.last_time - self._signed_at)
        except (KeyError, OverflowError, TypeError, ValueError):
            raise _WrongError(Wrong.CHANGED, line.head.sequence) from None
        # One more than the writer allows itself: the seconds of the opening are whole.
        if self._unsigned > MOST_UNSIGNED + 1 or late > self._interval + 1:
            raise _WrongError(Wrong.UNSIGNED, line.head.sequence)
        if action == Action.SEGMENTS_REMOVED:
            self._removed += _records(line)
        if action == Action.ENTRIES_LOST:
            lost = fields.get("count", 0)
            if not isinstance(lost, int):
                raise _WrongError(Wrong.CHANGED, line.head.sequence)
            found.remarks.append(Finding(found.file, found.lines + 1, line.head.sequence, Remark.LOST, lost))

    def _check_signature(self, line: Line, *, ends: bool) -> None:
        found, fields = self.found, line.fields
        sequence, previous = line.head.sequence - 1, line.previous
        try:
            said = self._verifier.read(str(fields.get("signed")))
        except Unsigned:
            raise _WrongError(Wrong.SIGNATURE, line.head.sequence) from None
        place = found.place
        node, time = str(fields.get("node")), str(fields.get("time"))
        if said != Checkpoint(node, place.writer, place.segment, sequence, previous, time, ends):
            raise _WrongError(Wrong.SIGNATURE, line.head.sequence)
        self._unsigned, self._signed_at = 0, moment(time)
        found.last_time = self._signed_at
        found.marks[line.head.sequence] = line.head.hash
        found.opened, found.keep, found.rotate_every = self._opened, self._keep, self._rotate_every
        found.beside += self._beside
        found.removed += self._removed
        self._beside, self._removed = [], []
        found.ended = ends


def _records(line: Line) -> list[Removed]:
    try:
        return msgspec.convert(line.fields.get("removed"), list[Removed])
    except msgspec.ValidationError:
        raise _WrongError(Wrong.CHANGED, line.head.sequence) from None


def read_segment(
    place: Place, lines: Iterable[bytes], verifier: Verifier, wanted: Mapping[int, str] | None = None
) -> Segment:
    """Read one file to its end, or to the first wrong line.

    `wanted` has the hashes that others have recorded of it, by sequence number.
    """
    reader = _Reader(place, verifier, wanted or {})
    found = reader.found
    for text in lines:
        # Only the last line can have no end. A piece that is as long as no line of a writer is a change, not a crash.
        if not text.endswith(b"\n") and len(text) < LONGEST_LINE:
            found.torn = True
            found.remarks.append(Finding(found.file, found.lines + 1, found.head.sequence + 1, Remark.TORN))
            if found.ended:
                found.fault = Finding(found.file, found.lines + 1, found.head.sequence + 1, Wrong.AFTER_END)
            break
        try:
            reader.take(text)
        except _WrongError as wrong:
            found.fault = Finding(found.file, found.lines + 1, wrong.sequence, wrong.what, wrong.count)
            return found
    # A crash at the beginning can leave a file without a whole line.
    if found.lines and not found.ended:
        found.remarks.append(Finding(found.file, found.lines, found.head.sequence, Remark.OPEN))
    missing = [sequence for sequence in (wanted or {}) if sequence > found.head.sequence]
    if missing:
        last = max(missing)
        found.fault = Finding(found.file, found.lines, found.head.sequence + 1, Wrong.CUT, last - found.head.sequence)
    return found


def wanted_of(checkpoints: Iterable[Checkpoint]) -> dict[str, dict[int, str]]:
    """Return the hashes that checkpoints have recorded, by file and sequence number."""
    wanted: dict[str, dict[int, str]] = {}
    for each in checkpoints:
        wanted.setdefault(Place(each.writer, each.segment).file, {})[each.sequence] = each.hash
    return wanted


def compared(segments: Iterable[Segment], wanted: Mapping[str, Mapping[int, str]], now: Instant) -> Report:
    """Compare the files with each other, and with the files that checkpoints name."""
    there = {each.file: each for each in segments}
    faults = [each.fault for each in there.values() if each.fault is not None]
    remarks = [remark for each in there.values() for remark in each.remarks]
    gone = {each.file: each for segment in there.values() for each in segment.removed}
    horizon = _horizon(there.values(), now)
    missing: dict[str, Finding] = {}
    for segment in there.values():
        if segment.fault is None or segment.opening:
            faults += _chained(segment, there, gone, missing, horizon)
    for file, hashes in wanted.items():
        if file not in there:
            last = max(hashes)
            missing.setdefault(file, _missing(file, last, gone, None, horizon))
    for segment in there.values():
        for each in segment.beside:
            faults += _beside(each, segment, there, gone, missing, horizon)
    for finding in missing.values():
        (faults if isinstance(finding.what, Wrong) else remarks).append(finding)
    key = _by_place
    lines = sum(each.lines for each in there.values())
    return Report(len(there), lines, tuple(sorted(set(faults), key=key)), tuple(sorted(set(remarks), key=key)))


def _by_place(finding: Finding) -> tuple[str, int, int, str]:
    return finding.file, finding.line, finding.sequence, finding.what.value


def _horizon(segments: Iterable[Segment], now: Instant) -> Instant:
    """Return the time before which a file that was opened may be gone without a record."""
    kept = [
        (each.opened, each.keep + each.rotate_every)
        for each in segments
        if each.keep is not None and each.opened is not None
    ]
    return now - max(kept)[1] if kept else float("-inf")


def _missing(
    file: str, sequence: int, gone: Mapping[str, Removed], opened: Instant | None, horizon: Instant
) -> Finding:
    if file in gone:
        return Finding(file, 0, gone[file].first, Remark.REMOVED, gone[file].last - gone[file].first + 1)
    if opened is not None and opened < horizon:
        return Finding(file, 0, sequence, Remark.TOO_OLD)
    return Finding(file, 0, sequence, Wrong.FILE_MISSING)


def _chained(
    segment: Segment,
    there: Mapping[str, Segment],
    gone: Mapping[str, Removed],
    missing: dict[str, Finding],
    horizon: Instant,
) -> Iterator[Finding]:
    """Hold the beginning of a file to the end of the file before it."""
    if segment.place.segment == 1 or not segment.opening:
        return
    file = Place(segment.place.writer, segment.place.segment - 1).file
    before = there.get(file)
    if before is None:
        missing.setdefault(file, _missing(file, segment.first.sequence, gone, segment.opened, horizon))
        if file in gone and (gone[file].last, gone[file].hash) != segment.first:
            yield Finding(segment.file, 1, segment.first.sequence + 1, Wrong.OUT_OF_PLACE)
    elif before.fault is None:
        yield from _ends_at(before, segment.first, torn=segment.says_torn)


def _ends_at(segment: Segment, end: Head, *, torn: bool) -> Iterator[Finding]:
    """Hold the end of a file to what another file has recorded of it."""
    if segment.head.sequence < end.sequence:
        missing = end.sequence - segment.head.sequence
        yield Finding(segment.file, segment.lines, segment.head.sequence + 1, Wrong.CUT, missing)
    elif segment.head.sequence > end.sequence or (segment.torn and not torn):
        line = segment.lines - (segment.head.sequence - end.sequence) + 1
        yield Finding(segment.file, line, end.sequence + 1, Wrong.AFTER_END)
    elif segment.head.hash != end.hash:
        yield Finding(segment.file, segment.lines, end.sequence, Wrong.REWRITTEN)


def _beside(
    each: Beside,
    witness: Segment,
    there: Mapping[str, Segment],
    gone: Mapping[str, Removed],
    missing: dict[str, Finding],
    horizon: Instant,
) -> Iterator[Finding]:
    """Hold a file to what another one has recorded of it when it was opened."""
    other = there.get(each.file)
    if other is None:
        missing.setdefault(each.file, _missing(each.file, each.sequence or 1, gone, witness.opened, horizon))
    elif other.fault is None and not other.opening:
        yield Finding(other.file, 0, 1, Wrong.CUT, each.sequence)
    elif other.opening and other.opening != each.opening:
        yield Finding(each.file, 1, other.first.sequence + 1, Wrong.REWRITTEN)
    elif other.fault is None and each.ended:
        yield from _ends_at(other, Head(each.sequence, each.hash), torn=each.torn)
    elif other.fault is None and other.head.sequence < each.sequence:
        missing_lines = each.sequence - other.head.sequence
        yield Finding(other.file, other.lines, other.head.sequence + 1, Wrong.CUT, missing_lines)
    elif other.fault is None and other.marks.get(each.sequence, each.hash) != each.hash:
        line = other.lines - (other.head.sequence - each.sequence)
        yield Finding(other.file, line, each.sequence, Wrong.REWRITTEN)


def opening_of(text: bytes, behind: bytes, verifier: Verifier) -> tuple[str, list[Beside]] | None:
    """Return the hash of a file's first line and the files it names, or `None` where that line is not whole.

    It names none unless the line behind it is its signature: anybody can write a first line.
    """
    try:
        line = read_line(text)
        named = msgspec.convert(line.fields.get("beside", []), list[Beside])
    except (BadLineError, msgspec.ValidationError):
        return None
    return line.head.hash, named if named and _is_signed(line.head, behind, verifier) else []


def _is_signed(head: Head, behind: bytes, verifier: Verifier) -> bool:
    """Say whether the next line signs the chain up to this one."""
    try:
        said = verifier.read(str(read_line(behind).fields.get("signed")))
    except (BadLineError, Unsigned):
        return False
    return (said.sequence, said.hash) == head
