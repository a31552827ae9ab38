"""No pattern reads a text in quadratic time, wherever it is written.

A pattern that is searched for and begins with a repeated sign is tried from each place of a run of it. One that is held
against a whole text may give a run up sign by sign. One request of a stranger, a line as long as the gateway admits,
would then keep a worker busy for half a second.
"""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
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


AnyPattern = re.Pattern[str] | re.Pattern[bytes]

SEARCH = frozenset({"search", "sub", "subn", "findall", "finditer", "split"})
"""The functions that try a pattern from each place of a text. `match` and `fullmatch` try it from the first alone."""

FLAGS = {
    "compile": 1,
    "search": 2,
    "match": 2,
    "fullmatch": 2,
    "findall": 2,
    "finditer": 2,
    "split": 3,
    "sub": 4,
    "subn": 4,
}
"""The functions that take a pattern, with the place of the flags among their arguments."""

BUILT = {
    ("gateway.policy.matching", "dropped"): re.compile(r"[^a-z0-9\x80-\U0010ffff_\-]+"),
    ("gateway.signing.profile", "header"): re.compile(r"\s*\[\s*table\s*\]|\s*table\s*[=.]"),
    ("gateway.signing.profile", "wanted"): re.compile(r"\s*[\"\']?key[\"\']?\s*="),
}
"""Patterns made of a value at run time, by module and name, each with one that was so made. Their values are escaped
words of our own, or the kinds of signs in a rule's word, so another value is no other pattern."""


@dataclass(frozen=True, slots=True)
class Use:
    """A pattern as the source uses it."""

    name: str
    pattern: AnyPattern
    ways: frozenset[str]
    """Out of `search`, `match` and `fullmatch`: the ways in which it is held against a text."""


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str, str]]:
    """Yield each call of `re` that takes a pattern, with its function and the name that its result gets, if any."""
    names = {
        node.value: node.targets[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    } | {
        node.value: node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name("re"), attr=function)) if function in FLAGS:
                yield node, function, names.get(node, "")


def _value(node: ast.expr, scope: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(node), "<pattern>", "eval"), scope)  # noqa: S307  # the gateway's own source


@cache
def uses() -> tuple[Use, ...]:
    """Return every pattern of the gateway: those of modules, of functions, and in the middle of an expression."""
    found: dict[tuple[AnyPattern, frozenset[str]], str] = {}
    texts = {module.name: module.path.read_text("utf-8") for module in modules()}
    for module in modules():
        if module.name == "gateway.__main__":
            continue
        scope = vars(import_module(module.name))
        for call, function, name in _calls(module.tree):
            place = f"{module.name}:{call.lineno}"
            made = BUILT.get((module.name, name))
            if made is None:
                pattern = _value(call.args[0], scope)
                flags = [each.value for each in call.keywords if each.arg == "flags"] + call.args[FLAGS[function] :][:1]
                made = re.compile(pattern, *(_value(each, scope) for each in flags))
            ways = _ways(name, module.name, texts) if function == "compile" else {function}
            found.setdefault((made, frozenset("search" if way in SEARCH else way for way in ways)), place)
    return tuple(Use(place, pattern, ways) for (pattern, ways), place in found.items())


def _ways(name: str, module: str, texts: dict[str, str]) -> set[str]:
    """Return the functions that are called on a pattern; all of them on one that has no name, or only hands it on."""
    importing = re.compile(rf"from {re.escape(module)} import (?:\([^)]*|.*)\b{name}\b")
    users = [text for other, text in texts.items() if other == module or importing.search(text)]
    called = (
        {way for text in users for way in re.findall(rf"\b{name}\.(\w+)\(?", text) if way in FLAGS} if name else set()
    )
    return called or {"search", "match", "fullmatch"}


def seconds(use: Use, text: str) -> float:
    """Return the time of the processor for all that a pattern does with a text, and with one that ends otherwise."""
    pattern: Any = use.pattern
    said: Any = text.encode() if isinstance(use.pattern.pattern, bytes) else text
    began = time.process_time()
    for way in use.ways:
        if way == "search":
            for _ in pattern.finditer(said):
                pass
        else:
            getattr(pattern, way)(said)
    return time.process_time() - began


@pytest.mark.parametrize("use", uses(), ids=lambda use: use.name)
def test_a_text_is_read_once(use: Use) -> None:
    """A run of any sign, in the middle of a text or as all of it but its end, takes no longer than other signs."""
    slow = []
    for piece in PIECES:
        run = piece * (LONGEST // len(piece))
        texts = (f"x{run}x",) if use.ways == {"search"} else (run, f"{run}\0", f"x{run}x")
        # A loaded machine may be slow once.
        slow += [text[:8] for text in texts if all(seconds(use, text) > SLOWEST for _ in range(3))]

    assert not slow, use.name


def test_the_watch_sees_a_pattern_that_reads_a_run_again_and_again() -> None:
    """The guard itself is guarded. It sees patterns of modules, functions and containers, and those that are made."""
    names = {use.name.partition(":")[0] for use in uses()}

    assert len(uses()) > 150
    assert {"gateway.headers.answer", "gateway.request.readings", "gateway.demo.provider_rules"} <= names
    assert {module for module, _ in BUILT} <= names
    for pattern, way, is_slow in (
        (r" +(?=x)", "search", True),
        (r"(?<! ) +(?=x)", "search", False),
        (r" +(?=x)", "match", False),
        (r" *\s*x", "match", True),
        (r" * *", "match", False),
        (r" * *", "fullmatch", False),
    ):
        use = Use("", re.compile(pattern), frozenset({way}))
        assert (seconds(use, " " * LONGEST) > SLOWEST) is is_slow, (pattern, way)
    # The end that does not fit has a pattern give a run up sign by sign.
    assert seconds(Use("", re.compile(r" * *"), frozenset({"fullmatch"})), " " * LONGEST + "\0") > SLOWEST
