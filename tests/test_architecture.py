"""The rule of the house, held by reading every import.

A file named after a concept is pure: values in, a value out. A file named after a technology
does the I/O. Only the rooms of `KNOW_BOTH` do both. The folders stand on floors, and a folder
imports what stands below it.
"""

from __future__ import annotations

import ast
import re
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
        "sqlite",
        "structlog",
        "system",  # the operating system's clocks, randomness, files that change, signals
        "systemd",
        "thread",
        "uvloop",
    }
)
"""A file with one of these words in its name is a technology file."""

FLOORS: tuple[frozenset[str], ...] = tuple(
    frozenset(floor.split())
    for floor in (
        "instant errors language plain_text strict_json bounded_files kept_files whole_files",
        "observe",
        "yaml",
        "wire",
        "identity redis_client",
        "redis_exchange redis_durable",
        "settings",
        "request",
        "policy",
        "policy.reading",
        "policy.authoring",
        "session",
        "route",
        "limits",
        "upstream",
        "headers",
        "accounts",
        "login",
        "signing",
        "audit",
        "pipeline",
        "listen",
        "portal",
        "workbench",
        "console",
        "process",
        "setup",
        "commands demo",
        "cli",
        "__main__",
    )
)
"""The house from the ground up. A folder imports itself and what stands on a lower floor, and nothing else."""

KNOW_BOTH = frozenset({"process", "commands", "demo", "cli", "__main__"})
"""Rooms that compose concepts with technologies, so their files may do both."""

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
"""The parts of asyncio that a concept may use: ways for coroutines to wait for each other. No stream, no clock."""


@dataclass(frozen=True, slots=True)
class Module:
    """One file of the gateway."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """Its folder, or its own name for a file beside the folders."""
        return room_of(self.name)

    @property
    def is_technology(self) -> bool:
        return is_technology(self.name)

    @property
    def is_concept(self) -> bool:
        return not (self.is_technology or self.room in KNOW_BOTH)


def room_of(name: str) -> str:
    """Return the room of a module of ours: the longest name in `FLOORS` that leads to it."""
    parts = name.split(".")[1:]
    inner = ".".join(parts[:2])
    return inner if floor_of(inner) is not None else parts[0] if parts else ""


def floor_of(room: str) -> int | None:
    """Return the floor a room stands on, from 0; `None` where no floor has it."""
    return next((number for number, rooms in enumerate(FLOORS) if room in rooms), None)


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


@pytest.mark.parametrize("module", modules(), ids=lambda m: m.name)
def test_a_folder_imports_what_stands_below_it(module: Module) -> None:
    """No exception: a file imports its own folder and lower floors. `gateway` itself says the version, to everybody."""
    if module.name == "gateway":
        assert not [name for name, _ in imported(module.tree) if starts_with(name, "gateway")]
        return
    ours = {m.name for m in modules()}
    floor = floor_of(module.room)
    assert floor is not None, f"`{module.room}` stands on no floor"

    found = set()
    for name, line in imported(module.tree):
        # `from gateway.x import y` yields `gateway.x` and `gateway.x.y`; only the module of ours counts.
        if name in ours - {"gateway"} and room_of(name) != module.room:
            other = floor_of(room_of(name))
            if other is None or other >= floor:
                found.add(said(module, line, f"`{module.room}` does not stand above `{name}`"))

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


def unused_private_names(tree: ast.Module) -> set[str]:
    """Return the names with `_` in front that a module makes at its top and never reads; vulture passes over values.

    A name in a text counts as read: an annotation may stand between quotation marks.
    """
    made = {
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name) and target.id.startswith("_") and not target.id.startswith("__")
    }
    read = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Constant(value=str(name)):
                read.add(name)
            case _:
                pass
    return made - read


def test_a_private_name_is_read_where_it_is_made() -> None:
    """No table, expression or logger outlives the code that used it."""
    unused = {module.name: names for module in modules() if (names := unused_private_names(module.tree))}

    assert not unused


def test_the_reader_of_private_names_sees() -> None:
    """The reader finds a value that nothing reads, and no name that stands in an annotation, an index or a function."""
    source = """
import structlog
_log = structlog.get_logger()
_KEPT: dict[str, int] = {}
_MOST: int = 3
_SHAPE = 1
_Later = int
PUBLIC = 2
def put(key: str, value: "_Later") -> None:
    _local = value
    _KEPT[key] = _SHAPE
"""
    assert unused_private_names(ast.parse(source)) == {"_log", "_MOST"}


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


def decides(tree: ast.Module) -> bool:
    """Whether a module has a function that does anything, or makes a table of moves or names.

    Names, values and Protocols alone have nothing to try.
    """
    makes = any(
        isinstance(statement, ast.Assign | ast.AnnAssign)
        and any(isinstance(node, ast.Call | ast.Dict | ast.comprehension) for node in ast.walk(statement))
        for statement in tree.body
    )
    return makes or any(
        not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in node.body
    )


def twin_of(module: Module) -> Path:
    """Return the place of the tests of one module."""
    place = module.path.relative_to(GATEWAY)
    return ROOT / "tests" / place.parent / f"test_{place.name}"


def is_pure_among_others(module: Module) -> bool:
    """Whether a file of a room that composes both is pure all the same: a concept, named after one."""
    reaches = {name for name, _ in imported(module.tree)} & {m.name for m in modules()}
    return (
        module.room in KNOW_BOTH
        and not module.is_technology
        and not list(impurities(module.tree))
        and not any(is_technology(name) or (room_of(name) in KNOW_BOTH) for name in reaches)
    )


def with_twins() -> list[Module]:
    """Return the pure modules that need tests of their own."""
    return [
        m
        for m in modules()
        if (m.is_concept or is_pure_among_others(m)) and m.path.name != "__init__.py" and decides(m.tree)
    ]


@pytest.mark.parametrize("module", with_twins(), ids=lambda m: m.name)
def test_a_concept_has_its_twin(module: Module) -> None:
    """`gateway/X/Y.py` is tried by `tests/X/test_Y.py`; `make coverage` measures how much of it that reaches."""
    twin = twin_of(module)

    assert twin.exists(), f"write {twin.relative_to(ROOT)}"
    assert re.search(r"^(?:async )?def test_", twin.read_text("utf-8"), re.MULTILINE), "a twin without a test"


def test_the_tree_is_there() -> None:
    """A guard that reads nothing guards nothing: each room of the floors has a file, and none is on two floors."""
    rooms = [room for floor in FLOORS for room in floor]

    assert {m.room for m in modules()} - {""} == set(rooms)
    assert len(rooms) == len(set(rooms))


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the calls on `docs/request.md`."""

    depth: int
    module: Module
    function: str
    caller: Call | None


def told_calls() -> list[Call]:
    """Return the calls of one request as the page tells them, each with the line above that makes it."""
    by_path = {str(m.path.relative_to(ROOT)): m for m in modules()}
    page = (ROOT / "docs" / "request.md").read_text("utf-8")
    found: list[Call] = []
    for indent, path, function in re.findall(r"^( *)- `(gateway/\S+\.py):(\w+)`", page, re.MULTILINE):
        depth = len(indent) // 2
        caller = next((call for call in reversed(found) if call.depth == depth - 1), None) if depth else None
        found.append(Call(depth, by_path[path], function, caller))
    return found


def functions(module: Module, name: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return a module's functions and methods of a name."""
    return [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]


@pytest.mark.parametrize("call", told_calls(), ids=lambda call: f"{call.module.name}.{call.function}")
def test_a_told_call_is_made(call: Call) -> None:
    """The page about the way of a request matches the code: each function is there, and its caller calls it by name."""
    assert functions(call.module, call.function)
    if call.caller is not None:
        called = {
            node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            for function in functions(call.caller.module, call.caller.function)
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
        }
        assert call.function in called, f"{call.caller.function} does not call {call.function}"


def test_a_request_goes_down_the_floors_and_comes_back_up_once() -> None:
    """Every told call leads to the same floor or a lower one, but for the one that brings the answer back."""
    calls = told_calls()
    up = [
        call.function
        for call in calls
        if call.caller is not None and (floor_of(call.module.room) or 0) > (floor_of(call.caller.module.room) or 0)
    ]

    assert len(calls) > 15
    assert up == ["answer_begins"]
