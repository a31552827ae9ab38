"""A table of verdicts on field names, by the sender's spelling: a name that has come before costs one look-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

REMEMBERED = 4_096
"""Names that a table keeps. Browsers use about fifty; a client that sends thousands pays for them itself."""
LONGEST_REMEMBERED = 64
"""Bytes of a name worth remembering, so that a table stays under half a megabyte."""

V = TypeVar("V")


class Spellings(dict[bytes, V], Generic[V]):
    """The verdict on each name, judged when the name is first looked up."""

    __slots__ = ("_judge",)

    def __init__(self, judge: Callable[[bytes], V]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, name: bytes) -> V:
        """Judge a name not seen before, and remember it while there is room."""
        verdict = self._judge(name)
        if len(name) <= LONGEST_REMEMBERED:
            if len(self) >= REMEMBERED:
                self.clear()
            self[name] = verdict
        return verdict
