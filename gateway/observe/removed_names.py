"""Selects the removed header names that are logged: each once an hour for an App, and few at a time.

A client chooses the names it sends, so both the memory and the number of events have an end. All of them are counted
(`sekisho_headers_removed_total`), logged or not.
"""

from __future__ import annotations

from gateway.instant import Instant

TOLD_AGAIN_AFTER = 3_600.0
"""Seconds until the same name of the same App is told again."""

MOST_NAMES = 1_024
"""The names that were logged; when the set is full, all are forgotten."""

TOLD_AT_ONCE = 20
"""Events that one minute may bring, by one worker."""

_MINUTE = 60.0
_LONGEST_SHOWN = 64


class RemovedNames:
    """The names that were told already."""

    __slots__ = ("_minute", "_told", "_told_in_minute")

    def __init__(self) -> None:
        self._told: dict[tuple[str, bytes], Instant] = {}
        self._minute: Instant = 0.0
        self._told_in_minute = 0

    def is_news(self, app: str, name: bytes, now: Instant) -> bool:
        """Say whether to log this folded name now; a yes counts as logged."""
        key = (app, name[:_LONGEST_SHOWN])
        before = self._told.get(key)
        # A clock that was set back must not keep a name silent for longer than the hour.
        if before is not None and 0 <= now - before < TOLD_AGAIN_AFTER:
            return False
        if not 0 <= now - self._minute < _MINUTE:
            self._minute = now
            self._told_in_minute = 0
        if self._told_in_minute >= TOLD_AT_ONCE:
            return False
        self._told_in_minute += 1
        if len(self._told) >= MOST_NAMES:
            self._told.clear()
        self._told[key] = now
        return True


def shown(name: bytes) -> str:
    """Return a client's header name as a log line may say it: visible ASCII, cut."""
    text = name[:_LONGEST_SHOWN].decode("latin-1")
    return "".join(sign if "!" <= sign <= "~" else "?" for sign in text)
