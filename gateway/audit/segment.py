"""One file of the audit trail as its writer makes it: which line comes next, and when a signature is due.

The writer's state is a value, and each function returns the lines to write and the state once they are written. If they
cannot be written, the old state still holds. `system_segments` writes the lines; `verification` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import msgspec

from gateway.audit.chain import Head, Place, make_line
from gateway.audit.checkpoint import Checkpoint, Signer
from gateway.audit.entry import Action, Entry, fields_of, written
from gateway.instant import Instant

MOST_UNSIGNED = 1_000
"""Entries between two signatures."""

VERSION = 1
"""The version of the format."""


class Beside(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another file of the trail, as it stood when a file was opened."""

    file: str
    opening: str
    """The hash of its first line."""
    sequence: int = 0
    """Its last line at that time; 0 where its writer was writing just then."""
    hash: str = ""
    ended: bool = False
    """Whether that line is its last one for ever, as its writer was gone."""
    torn: bool = False
    """Whether half a line stood behind that, as a crash leaves it."""


class Removed(msgspec.Struct, frozen=True):
    """A file that was removed because of its age."""

    file: str
    opening: str
    first: int
    last: int
    hash: str
    """The hash of its last line."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that hold for every file."""

    node: str
    signer: Signer
    interval: float
    """Seconds between two checkpoints."""
    rotate_size: int
    """Bytes of a file."""
    rotate_every: float
    """Seconds of a file."""
    keep: float | None
    """Seconds after which whole files are removed."""


@dataclass(frozen=True, slots=True)
class Writing:
    """The state of one file that is being written."""

    place: Place
    opened: Instant
    head: Head
    signed: Head
    """The end of the chain at the last signature."""
    signed_at: Instant
    size: int = 0
    """Bytes of the file."""

    def is_full(self, terms: Terms, now: Instant) -> bool:
        """Say whether the next entry goes into another file."""
        return self.size >= terms.rotate_size or now - self.opened >= terms.rotate_every

    @property
    def has_unsigned(self) -> bool:
        """Whether there are entries that no signature covers yet."""
        return self.head != self.signed


@dataclass(frozen=True, slots=True)
class Written:
    """Lines to write, the state behind them, and the signatures among them."""

    text: bytes
    state: Writing
    signatures: tuple[str, ...] = ()


def opened(
    place: Place, before: Head, now: Instant, terms: Terms, beside: Iterable[Beside] = (), *, torn: bool = False
) -> Written:
    """Begin a file behind `before`; `torn` says that half a line stands at the end of the file before it."""
    fields: dict[str, object] = {
        "action": Action.SEGMENT_OPENED.value,
        "time": written(now),
        "version": VERSION,
        "interval": int(terms.interval),
        "rotate_every": int(terms.rotate_every),
        "kid": terms.signer.key.kid,
        "beside": [msgspec.to_builtins(each) for each in beside],
        **_whose(place, terms),
    }
    if terms.keep is not None:
        fields["keep"] = int(terms.keep)
    if torn:
        fields["torn"] = True
    line, head = make_line(fields, before)
    begun = Writing(place, now, head, before, now, len(line))
    signed = checkpoint(begun, now, terms)
    return replace(signed, text=line + signed.text)


def entered(state: Writing, entries: Iterable[Entry], terms: Terms) -> Written:
    """Add entries. A checkpoint stands before each entry that comes an interval after the last one."""
    texts: list[bytes] = []
    signatures: tuple[str, ...] = ()
    whose = _whose(state.place, terms)
    # The state is made once for many entries: a flood of refusals must not cost more to record than to answer.
    head, size = state.head, state.size
    for entry in entries:
        unsigned = head.sequence - state.signed.sequence
        if unsigned >= MOST_UNSIGNED or not -terms.interval < entry.time - state.signed_at < terms.interval:
            signed = checkpoint(replace(state, head=head, size=size), entry.time, terms)
            texts.append(signed.text)
            state, signatures = signed.state, (*signatures, *signed.signatures)
            head, size = state.head, state.size
        line, head = make_line(fields_of(entry) | whose, head)
        size += len(line)
        texts.append(line)
    return Written(b"".join(texts), replace(state, head=head, size=size), signatures)


def checkpoint(state: Writing, now: Instant, terms: Terms, *, ends: bool = False) -> Written:
    """Sign all lines so far; `ends`: the file ends with this line."""
    said, signature = signed_end(state, now, terms, ends=ends)
    action = Action.SEGMENT_CLOSED if ends else Action.CHECKPOINT
    fields = {"action": action.value, "time": said.time, "signed": signature, **_whose(state.place, terms)}
    line, state = _next(state, fields)
    return Written(line, replace(state, signed=state.head, signed_at=now), (signature,))


def signed_end(state: Writing, now: Instant, terms: Terms, *, ends: bool = False) -> tuple[Checkpoint, str]:
    """Return the signature over all lines so far, without a line of its own: what a mirror gets of an idle writer."""
    place, head = state.place, state.head
    said = Checkpoint(terms.node, place.writer, place.segment, head.sequence, head.hash, written(now), ends)
    return said, terms.signer.sign(said)


def removed_line(state: Writing, removed: Iterable[Removed], now: Instant, terms: Terms) -> Written:
    """Record that whole files were removed."""
    fields: dict[str, object] = {
        "action": Action.SEGMENTS_REMOVED.value,
        "time": written(now),
        "removed": [msgspec.to_builtins(each) for each in removed],
        **_whose(state.place, terms),
    }
    line, state = _next(state, fields)
    return Written(line, state)


def _whose(place: Place, terms: Terms) -> dict[str, object]:
    return {"node": terms.node, "writer": place.writer, "segment": place.segment}


def _next(state: Writing, fields: Mapping[str, object]) -> tuple[bytes, Writing]:
    line, head = make_line(fields, state.head)
    return line, replace(state, head=head, size=state.size + len(line))
