"""Bounds what strangers can write into the trail: refusals without a person, of one kind, in one minute.

Anybody can send requests that are refused, and nobody may fill the disk with them. The first ones of a kind in a minute
have an entry each. The others are counted, and one entry says their number when the minute is over. An entry that
names a person or an operator is never counted away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from gateway.audit.entry import Action, Entry, Outcome
from gateway.instant import Instant

AT_ONCE = 60
"""Entries of a kind in a minute that stand alone."""

MINUTE = 60.0

MOST_KINDS = 1_000
"""Kinds that are told apart in a minute; after that, those of an action are counted together."""


class Kind(NamedTuple):
    """The kind of a refusal: all of it but the time and the request."""

    action: Action
    outcome: Outcome
    app: str = ""
    rule: str = ""
    verdict: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class Repeats:
    """The refusals of the minute that runs. One thread at a time calls it."""

    began: Instant
    _seen: dict[Kind, int] = field(default_factory=dict)
    _last: dict[Kind, Entry] = field(default_factory=dict)

    def stands_alone(self, entry: Entry) -> bool:
        """Say whether an entry is to be written; count it if not."""
        if entry.action not in _OF_STRANGERS or entry.outcome is Outcome.DONE or entry.pseudonym or entry.operator:
            return True
        kind = Kind(entry.action, entry.outcome, entry.app, entry.rule, entry.verdict, entry.reasons)
        if kind not in self._seen and len(self._seen) >= MOST_KINDS:
            kind = Kind(entry.action, entry.outcome)
        seen = self._seen[kind] = self._seen.get(kind, 0) + 1
        if seen <= AT_ONCE:
            return True
        self._last[kind] = entry
        return False

    def take(self, now: Instant, *, all_of_them: bool = False) -> list[Entry]:
        """Return an entry for each kind that was counted, if the minute is over, and begin another one."""
        # A clock that was set back ends the minute, too.
        if not all_of_them and 0 <= now - self.began < MINUTE:
            return []
        counted = [
            msgspec.structs.replace(
                entry if kind.verdict else Entry(kind.action, now, kind.outcome),
                time=now,
                request_id="",
                count=self._seen[kind] - AT_ONCE,
            )
            for kind, entry in self._last.items()
        ]
        self._seen.clear()
        self._last.clear()
        self.began = now
        return counted


_OF_STRANGERS = frozenset({Action.DECISION, Action.SIGN_IN, Action.SIGN_OUT})
