"""Which changed settings a reload takes up, and which wait for new workers or for a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from gateway.settings.settings import Settings
from gateway.settings.typed import TakenUp, hints, is_optional, taken_up

_ORDER = tuple(TakenUp)


def waiting(then: Settings, now: Settings) -> dict[TakenUp, list[str]]:
    """Return the keys that have changed and that no reload takes up, by what takes them up."""
    found: dict[TakenUp, list[str]] = {}
    for name, when in _changes(then, now, "", TakenUp.RELOAD):
        if when is not TakenUp.RELOAD:
            found.setdefault(when, []).append(name)
    return found


def _changes(then: object, now: object, at: str, least: TakenUp) -> Iterator[tuple[str, TakenUp]]:
    """Yield each changed key with its word.

    The word on an optional section is about the section's coming and going. The word on any other section, which is
    `least` here, holds for all its keys.
    """
    kinds = hints(type(now))
    for each in fields(now):  # type: ignore[arg-type]  # always a dataclass: the caller has looked
        old, new = getattr(then, each.name), getattr(now, each.name)
        if old == new:
            continue
        name = f"{at}.{each.name}" if at else each.name
        word = max(least, taken_up(kinds[each.name]), key=_ORDER.index)
        if is_dataclass(new) and type(old) is type(new):
            yield from _changes(old, new, name, least if is_optional(kinds[each.name]) else word)
        else:
            yield name, word
