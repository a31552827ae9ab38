"""No pattern that is searched for reads a text in quadratic time.

A pattern that begins with a repeated sign is tried from each place of a run of it. One request of a stranger, a line as
long as the gateway admits, would then keep a worker busy for half a second.
"""

from __future__ import annotations

import re
import time
from functools import cache
from importlib import import_module
from typing import Any

import pytest

from tests.test_architecture import modules

LONGEST = 2 * 1024
"""Signs of a text: a quarter of what a request line has by default, so a sixteenth of what it would cost."""

SLOWEST = 0.003
"""Seconds. A text of this size takes a tenth of them where it is read once, and twice as long where it is not."""

PIECES = (
    *(" ", "\t", "\r\n", "\n", '"', "\\", '\\"', "'", "(", "A(", "(S(x))", "[", "[ ", "{", "<", "｛", "，"),
    *(".", "..", "./", "/", ":", "::", ";", "; ", ",", "=", "&", "%", "%u", "+", "-", "- ", "_", "*", "#", "?", "$"),
    *("a", "a ", "a=1;", "0", "１", "一", "丁", "é", "path", "forward", "original", "max-age=1", "content"),
)


@cache
def searched() -> tuple[tuple[str, re.Pattern[str] | re.Pattern[bytes]], ...]:
    """Return the patterns that a module of ours looks for in a text, with the name that they have there."""
    found: dict[re.Pattern[str] | re.Pattern[bytes], str] = {}
    for module in modules():
        if module.name == "gateway.__main__":
            continue
        text = module.path.read_text("utf-8")
        for name, value in vars(import_module(module.name)).items():
            if isinstance(value, re.Pattern) and re.search(rf"\b{name}\.(?:search|subn?|find\w+|split)\b", text):
                found.setdefault(value, f"{module.name}.{name}")
    return tuple((name, pattern) for pattern, name in found.items())


def seconds(pattern: re.Pattern[str] | re.Pattern[bytes], text: str) -> float:
    """Return the time of the processor for all that a pattern finds in a text."""
    said: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    began = time.process_time()
    for _ in pattern.finditer(said):
        pass
    return time.process_time() - began


@pytest.mark.parametrize(("name", "pattern"), searched(), ids=lambda each: each if isinstance(each, str) else "")
def test_a_text_is_read_once(name: str, pattern: re.Pattern[str] | re.Pattern[bytes]) -> None:
    """A run of any sign, in the middle of it, takes no longer than other signs."""
    slow = []
    for piece in PIECES:
        text = f"x{piece * (LONGEST // len(piece))}x"
        # A loaded machine may be slow once.
        if all(seconds(pattern, text) > SLOWEST for _ in range(3)):
            slow.append(piece)

    assert not slow, name


def test_the_watch_sees_a_pattern_that_reads_a_run_again_and_again() -> None:
    """The guard itself is guarded."""
    assert len(searched()) > 40
    assert seconds(re.compile(r" +(?=x)"), " " * LONGEST) > SLOWEST
    assert seconds(re.compile(r"(?<! ) +(?=x)"), " " * LONGEST) < SLOWEST
