"""The rule of the house, held by reading every import.

A file named after a concept is pure: values in, a value out. A file named after a technology
does the I/O. Only the entrances (`app`, `cli`, `workers`, `__main__`) and `demo/` know both.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GATEWAY = ROOT / "gateway"

TECHNOLOGIES = frozenset(
    {
        "aiohttp",
        "asyncio",
        "httptools",
        "memory",
        "otel",
        "prometheus",
        "redis",
        "structlog",
        "system",  # the operating system's clocks, randomness, files that change, signals
        "systemd",
        "thread",
        "uvloop",
    }
)
"""A file with one of these words in its name is a technology file."""

ENTRANCES = frozenset(
    {"gateway.app", "gateway.cli", "gateway.commands", "gateway.configuration", "gateway.workers", "gateway.__main__"}
)
"""They compose the rest, so they know both kinds; `configuration` reads every file the settings name."""

IMPURE_MODULES: dict[str, str] = {
    "socket": "sockets",
    "socketserver": "sockets",
    "ssl": "sockets",
    "select": "sockets",
    "selectors": "sockets",
    "http.client": "sockets",
    "http.server": "sockets",
    "urllib.request": "sockets",
    "subprocess": "processes",
    "multiprocessing": "processes",
    "signal": "processes",
    "time": "a clock",
    "sched": "a clock",
    "random": "randomness",
    "secrets": "randomness",
    "uuid": "randomness",
    "logging": "logging",
    "structlog": "logging",
    "aiohttp": "a framework",
    "jinja2": "a framework",
    "typer": "a framework",
    "click": "a framework",
    "rich": "a framework",
    "redis": "a store's client",
    "hiredis": "a store's client",
    "httptools": "a parser fed from sockets",
    "uvloop": "an event loop",
    "prometheus_client": "a metrics registry",
    "opentelemetry": "a tracer",
}

IMPURE_NAMES: dict[tuple[str, str], str] = {
    ("os", "urandom"): "randomness",
    ("os", "getrandom"): "randomness",
    ("datetime", "now"): "a clock",
    ("datetime", "utcnow"): "a clock",
    ("datetime", "today"): "a clock",
    ("date", "today"): "a clock",
}
"""`owner.name`, wherever it is read, and `from owner import name`."""

ASYNCIO_WITHOUT_IO = frozenset(
    {"CancelledError", "Condition", "Event", "Future", "Lock", "Semaphore", "Task", "TaskGroup", "gather", "shield"}
    | {"create_task", "get_running_loop"}
)
"""What a concept may take from asyncio: ways for coroutines to wait for each other. No stream, no clock."""

MAY_IMPORT: dict[str, frozenset[str]] = {
    "listen": frozenset(),
    "policy": frozenset({"listen"}),
    "route": frozenset({"listen", "policy", "session"}),
    "session": frozenset(),
    "login": frozenset({"listen", "policy", "route", "session"}),
    "headers": frozenset({"listen", "policy", "route", "session"}),
    "upstream": frozenset({"listen", "session"}),
    "observe": frozenset({"listen", "policy", "route", "session"}),
    "portal": frozenset({"headers", "listen", "login", "observe", "policy", "route", "session"}),
}
"""Which other steps the concepts of a step may know. Every step may know itself and the files beside the steps."""

HANDS_OVER = frozenset({"gateway.listen.forward_auth", "gateway.listen.gate", "gateway.listen.to_https"})
"""Where the door hands a request to the rest of the house: they know the values of every later step."""

SEAMS = frozenset({"gateway.observe.access_log", "gateway.observe.events", "gateway.portal.visit"})
"""Values handed from one step to another, which any step may know."""


@dataclass(frozen=True, slots=True)
class Module:
    """One file of the gateway."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def step(self) -> str | None:
        """The folder it lies in, or `None` for a file beside the steps."""
        parts = self.path.relative_to(GATEWAY).parts
        return parts[0] if len(parts) > 1 else None

    @property
    def is_technology(self) -> bool:
        return is_technology(self.name)

    @property
    def is_entrance(self) -> bool:
        return any(starts_with(self.name, entrance) for entrance in ENTRANCES)

    @property
    def is_concept(self) -> bool:
        return not (self.is_technology or self.is_entrance or self.step == "demo")


def is_technology(name: str) -> bool:
    """Whether a module of ours is named after a technology."""
    return bool(TECHNOLOGIES.intersection(name.rpartition(".")[2].split("_")))


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(GATEWAY.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path, ast.parse(path.read_bytes(), filename=str(path))))
    return tuple(found)


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every module (or name of a module) a file imports, anywhere in it, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield alias.name, node.lineno
            case ast.ImportFrom(module=str(module), level=0):
                yield module, node.lineno
                for alias in node.names:
                    yield f"{module}.{alias.name}", node.lineno
            case ast.ImportFrom():
                yield f"(relative import of `{node.module}`)", node.lineno
            case _:
                pass


def starts_with(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def impure_imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the imports a concept file must not have, in words, with their line."""
    for name, line in imported(tree):
        owner, _, attribute = name.rpartition(".")
        spelled = (owner.rpartition(".")[2], attribute)
        for module, what in IMPURE_MODULES.items():
            if starts_with(name, module):
                yield f"imports `{name}` ({what})", line
        if spelled in IMPURE_NAMES:
            yield f"imports `{name}` ({IMPURE_NAMES[spelled]})", line
        if owner == "asyncio" and attribute not in ASYNCIO_WITHOUT_IO:
            yield f"imports `{name}` (asyncio beyond coroutines waiting for each other)", line
        if starts_with(name, "importlib.import_module") or name == "importlib":
            yield "imports by name, which no test can read", line


def impure_uses(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the names a concept file must not read, in words, with their line."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=attribute):
                if (owner, attribute) in IMPURE_NAMES:
                    yield f"uses `{owner}.{attribute}` ({IMPURE_NAMES[owner, attribute]})", node.lineno
                if owner == "asyncio" and attribute not in ASYNCIO_WITHOUT_IO:
                    yield f"uses `asyncio.{attribute}`", node.lineno
            case ast.Call(func=ast.Name(id="__import__")):
                yield "imports by name, which no test can read", node.lineno
            case _:
                pass


def impurities(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield what a concept file must not do, in words, with its line."""
    yield from impure_imports(tree)
    yield from impure_uses(tree)


def said(module: Module, line: int, what: str) -> str:
    return f"{module.path.relative_to(ROOT)}:{line}: {what}"


@pytest.mark.parametrize("module", [m for m in modules() if m.is_concept], ids=lambda m: m.name)
def test_a_concept_is_pure(module: Module) -> None:
    """A file named after a concept has no socket, clock, randomness or framework: they come in as arguments."""
    found = {said(module, line, what) for what, line in impurities(module.tree)}

    assert not found


@pytest.mark.parametrize("module", [m for m in modules() if m.is_concept], ids=lambda m: m.name)
def test_a_concept_knows_no_technology_file_of_ours(module: Module) -> None:
    """A concept that imported a technology file would be as impure as that file."""
    names = {m.name for m in modules()}

    found = {
        said(module, line, f"imports the technology file `{name}`")
        for name, line in imported(module.tree)
        if name in names and is_technology(name)
    }

    assert not found


@pytest.mark.parametrize("module", [m for m in modules() if m.step != "demo"], ids=lambda m: m.name)
def test_nobody_inside_knows_the_entrances_or_the_demo(module: Module) -> None:
    """The composition root is imported by nobody it composes; only the command line knows the demo."""
    if module.is_entrance:
        return

    found = {
        said(module, line, f"imports `{name}`")
        for name, line in imported(module.tree)
        if starts_with(name, "gateway.demo") or any(starts_with(name, entrance) for entrance in ENTRANCES)
    }

    assert not found


STEPS_ONLY = [m for m in modules() if m.is_concept and m.step and m.name not in HANDS_OVER]


@pytest.mark.parametrize("module", STEPS_ONLY, ids=lambda m: m.name)
def test_a_step_knows_only_the_steps_it_may(module: Module) -> None:
    """The steps stand in an order; `MAY_IMPORT` is the whole of who may know whom."""
    assert module.step is not None
    known = MAY_IMPORT[module.step] | {module.step}
    steps = set(MAY_IMPORT)

    found = {
        said(module, line, f"`{module.step}` may not know `{name}`")
        for name, line in imported(module.tree)
        if name.startswith("gateway.")
        and name.split(".")[1] in steps - known
        and not any(starts_with(name, seam) for seam in SEAMS)
    }

    assert not found


@pytest.mark.parametrize("module", modules(), ids=lambda m: m.name)
def test_imports_are_spelled_from_the_root(module: Module) -> None:
    """`from gateway.x import y`: an import is found by searching for its name."""
    found = {said(module, line, name) for name, line in imported(module.tree) if name.startswith("(relative")}

    assert not found


@pytest.mark.parametrize("module", [m for m in modules() if m.path.name == "__init__.py"], ids=lambda m: m.name)
def test_the_shop_window_shows_concepts_only(module: Module) -> None:
    """Importing a step is cheap: its `__init__` re-exports concepts, never a technology."""
    names = {m.name for m in modules()}

    found = {
        said(module, line, f"`{name}` is a technology file")
        for name, line in imported(module.tree)
        if name in names and is_technology(name)
    }

    assert not found


@pytest.mark.parametrize("module", modules(), ids=lambda m: m.name)
def test_each_module_says_what_it_is_about(module: Module) -> None:
    """Each module opens with a docstring."""
    assert ast.get_docstring(module.tree), f"{module.path.relative_to(ROOT)} has no docstring"


@pytest.mark.parametrize(
    "source",
    [
        "import socket",
        "import time as t",
        "from time import monotonic",
        "from os import urandom",
        "import os\nos.urandom(8)",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import date\ndate.today()",
        "from datetime import datetime\nclock = datetime.now",
        "import redis.asyncio",
        "from redis import asyncio",
        "from asyncio import open_connection",
        "import asyncio\nasyncio.sleep(1)",
        "def late() -> None:\n    import secrets",
        "import importlib\nimportlib.import_module('socket')",
        "__import__('socket')",
    ],
)
def test_the_reader_of_imports_sees(source: str) -> None:
    """The guard itself is guarded: each of these is found."""
    assert list(impurities(ast.parse(source)))


def test_the_tree_is_there() -> None:
    """A guard that reads nothing guards nothing."""
    assert {m.step for m in modules()} >= {*MAY_IMPORT, "demo", None}
