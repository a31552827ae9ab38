"""The most that files of policies may lose at once before an operator must adopt them.

A list that is being written is read in the middle: half of it is there, cut at the end of a line, and in order for
every reader. The blocked would pass for those seconds. So a list that lost many entries, or a file that is only the
beginning of what it was, waits until an operator adopts it as it is (`sekisho policy adopt`), or until it is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from gateway.instant import Instant, is_instant
from gateway.policy.policy import Policy, Source
from gateway.strict_json import NotJsonError, read_struct
from gateway.yaml.mistakes import Phrase, SaidError

ADOPTIONS_FILE = "adopted.json"
"""The name of the file of adoptions, beside the switches'."""

LONGEST_FILE = 4 * 1024 * 1024
"""Bytes of the file of adoptions."""


@dataclass(frozen=True, slots=True)
class AsRead:
    """One file of a policy: its state now, or at its last adoption."""

    entries: int | None
    """The number of entries of a subject list."""
    source: Source | None = None
    """Its content; `None` if only the number of entries is known."""
    codes: frozenset[str] | None = None
    """The codes on a subject list; `None` if only their number is known."""

    @property
    def digest(self) -> str:
        """The name of its content."""
        return "" if self.source is None else self.source.digest


@dataclass(frozen=True, slots=True)
class Loss:
    """A file that lost much at once."""

    file: str
    digest: str
    before: int
    after: int
    """Entries of the former list that are still there, or bytes of another file."""

    @property
    def what(self) -> Phrase:
        """Say it to the file's author."""
        return Phrase(
            f"of {self.before} entries or bytes only {self.after} are left: it may be half written",
            f"元の {self.before} 件（バイト）のうち {self.after} しか残っていません。書き込みの途中かもしれません",
        )


ADOPT = Phrase(
    "write it whole; or take it as it is with `sekisho policy adopt`",
    "最後まで書き込むか、このままでよければ `sekisho policy adopt` で採用してください",
)


def as_read(policies: Iterable[Policy]) -> dict[str, AsRead]:
    """Return every file of the policies, by its path: whole, and without links, however its settings spell it."""
    found: dict[str, AsRead] = {}
    for policy in policies:
        for path, source in policy.read.items():
            listed = policy.lists.get(str(path))
            found[source.place or str(path)] = (
                AsRead(None, source) if listed is None else AsRead(len(listed), source, frozenset(listed))
            )
    return found


def entries_of(standing: Mapping[str, AsRead]) -> dict[str, int]:
    """Return how many entries each subject list has."""
    return {file: each.entries for file, each in standing.items() if each.entries is not None}


def losses(then: Mapping[str, AsRead], now: Mapping[str, AsRead]) -> tuple[Loss, ...]:
    """Return the files that lost much at once."""
    found = (_loss(file, then[file], standing) for file, standing in now.items() if file in then)
    return tuple(loss for loss in found if loss is not None)


def _loss(file: str, then: AsRead, now: AsRead) -> Loss | None:
    was, held = then.source, now.source
    if held is None or then.digest == now.digest:
        return None
    if then.entries is not None and now.entries is not None:
        lost = _lost(then, now)
        if _lost_many(then.entries, lost, ends=held.ends):
            return Loss(file, now.digest, then.entries, then.entries - lost)
    if was is not None and was.text is not None and held.text is not None and _is_cut(was.text, held.text):
        return Loss(file, now.digest, len(was.text), len(held.text))
    return None


def _lost(then: AsRead, now: AsRead) -> int:
    """Return how many entries are gone.

    People are counted, not entries: a list that is written anew in another order has as many in the middle of it, and
    the blocked would pass all the same.
    """
    if then.codes is not None and now.codes is not None:
        return len(then.codes - now.codes)
    return (then.entries or 0) - (now.entries or 0)


def _lost_many(before: int, lost: int, *, ends: bool) -> bool:
    """The rule for lists: half of the entries or more; two or more that are a tenth or more; any, cut within a line."""
    return lost > 0 and (not ends or 2 * lost >= before or (lost >= 2 and 10 * lost >= before))


def _is_cut(before: bytes, after: bytes) -> bool:
    """The rule for every file: it is the beginning of what it was, and more than line ends at its end is missing."""
    return before.startswith(after) and bool(before[len(after) :].strip())


# --- what operators have adopted ---------------------------------------------------------------


class Adopted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that an operator takes as it is."""

    digest: str
    entries: int | None
    by: str
    reason: str
    at: Instant


Adoptions = dict[str, Adopted]
"""By the file's path."""


class AdoptionsError(SaidError):
    """The file does not hold adoptions; the message has the remedy."""


def _no_adoptions(why: Phrase) -> Phrase:
    return Phrase(
        f"not a file of adoptions ({why.en}); `sekisho policy adopt` writes one",
        f"採用の記録ではありません（{why.ja}）。`sekisho policy adopt` が作ります",
    )


def read_adoptions(text: bytes) -> Adoptions:
    """Return the adoptions of a file; an empty one has none.

    Raises:
        AdoptionsError: it was not written by `sekisho policy adopt`.

    """
    if not text.strip():
        return {}
    try:
        adoptions = read_struct(text, Adoptions, LONGEST_FILE)
    except NotJsonError as error:
        raise AdoptionsError(_no_adoptions(Phrase(str(error), str(error)))) from None
    if not all(is_instant(adopted.at) for adopted in adoptions.values()):
        raise AdoptionsError(_no_adoptions(Phrase("a time is wrong", "時刻が正しくありません")))
    return adoptions


def write_adoptions(adoptions: Adoptions) -> bytes:
    """Return the file's text."""
    return msgspec.json.format(msgspec.json.encode(dict(sorted(adoptions.items()))), indent=2) + b"\n"


def unadopted(found: Iterable[Loss], adoptions: Adoptions) -> tuple[Loss, ...]:
    """Return the losses that no operator has adopted."""
    return tuple(loss for loss in found if (kept := adoptions.get(loss.file)) is None or kept.digest != loss.digest)
