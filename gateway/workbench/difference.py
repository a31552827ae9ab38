"""Compares two texts line by line, and leaves out the long stretches that are the same."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from gateway.workbench.draft import DiffLine

AROUND = 3
"""Lines that are shown on either side of a change."""


def changed_lines(before: str, after: str) -> tuple[DiffLine, ...]:
    """Return the changed lines of a text, with some around them; nothing where the texts are the same."""
    return tuple(_changed_lines(before.splitlines(), after.splitlines()))


def _changed_lines(old: list[str], new: list[str]) -> Iterator[DiffLine]:
    last = 0
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(AROUND):
        if group[0][1] > last:
            yield DiffLine("gap", 0, 0, "")
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                for number in range(old_end - old_start):
                    place = old_start + number
                    yield DiffLine("same", place + 1, new_start + number + 1, old[place])
                continue
            for place in range(old_start, old_end):
                yield DiffLine("gone", place + 1, 0, old[place])
            for place in range(new_start, new_end):
                yield DiffLine("new", 0, place + 1, new[place])
        last = group[-1][2]
    if 0 < last < len(old):
        yield DiffLine("gap", 0, 0, "")
