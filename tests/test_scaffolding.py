"""The guard every test stands behind: loopback, and nothing else."""

from __future__ import annotations

import ast
import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NotLoopbackError, free_port, is_loopback

TESTS = Path(__file__).parent


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "wallet.localhost", b"127.0.0.1", ""])
def test_loopback_stays_on_this_machine(host: object) -> None:
    """The addresses that tests use are permitted."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "10.0.0.1", "0.0.0.1", "2001:db8::1", "example.jp", "localhost.jp", None]
)
def test_everything_else_does_not(host: object) -> None:
    """An address that only looks like loopback is refused."""
    assert not is_loopback(host)


def test_a_connection_beyond_loopback_is_refused_before_the_kernel_is_asked() -> None:
    """No packet leaves, even if the machine's network would allow it."""
    with socket.socket() as connection, pytest.raises(NotLoopbackError, match=r"192\.0\.2\.1"):
        connection.connect(("192.0.2.1", 80))


def test_a_datagram_beyond_loopback_is_refused() -> None:
    """Datagrams need no connection, and are refused as well."""
    with socket.socket(type=socket.SOCK_DGRAM) as connection, pytest.raises(NotLoopbackError):
        connection.sendto(b"", ("192.0.2.1", 9))


def test_a_name_beyond_loopback_is_not_looked_up() -> None:
    """A look-up tells a resolver what is being tested."""
    with pytest.raises(NotLoopbackError, match="example"):
        socket.getaddrinfo("example.jp", 443)


async def test_asyncio_is_guarded_too() -> None:
    """The loop's own connections pass the same guard."""
    with pytest.raises(NotLoopbackError):
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, "192.0.2.1", 80)


def test_a_free_port_can_be_bound() -> None:
    """The port is free when it is handed out."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1] > 1023


CHANGING = {
    *("monotonic", "now", "perf_counter", "time_ns", "today"),
    *("choice", "getrandbits", "randbytes", "randint", "sample", "shuffle", "token_bytes", "token_hex", "urandom"),
    *("getpid", "token_urlsafe", "uuid4"),
}
"""Functions whose result is another one in each process."""

UNORDERED = {"frozenset", "glob", "iterdir", "rglob", "set"}
"""Functions whose result has no order, or another one on each machine."""


def cases_that_differ(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the reason of each list of cases that another process would name or order otherwise."""
    sets = {
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign) and _is_unordered(statement.value, set())
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="parametrize"), args=[_, cases, *_]):
                yield from ((node.lineno, reason) for reason in _reasons(cases, sets))
            case _:
                pass


def _reasons(cases: ast.expr, sets: set[str]) -> Iterator[str]:
    sources: list[ast.expr] = [cases]
    match cases:
        case ast.ListComp(generators=[first, *_]) | ast.GeneratorExp(generators=[first, *_]):
            sources.append(first.iter)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            sources += [each.value for each in elements if isinstance(each, ast.Starred)]
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[inner]):
            sources.append(inner)
        case _:
            pass
    if any(_is_unordered(source, sets) for source in sources):
        yield "its order is that of a set or of a folder"
    named = {keyword.arg for call in ast.walk(cases) if isinstance(call, ast.Call) for keyword in call.keywords}
    if "id" not in named and any(_called(node) in CHANGING or _is_dated(node) for node in ast.walk(cases)):
        yield "its value changes"


def _is_unordered(node: ast.expr, sets: set[str]) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Name(id=name):
            return name in sets
        case ast.BinOp(left=left, op=ast.BitOr() | ast.Sub() | ast.BitAnd(), right=right):
            return _is_unordered(left, sets) or _is_unordered(right, sets)
        case _:
            return _called(node) in UNORDERED


def _is_dated(node: ast.AST) -> bool:
    """Whether gzip writes the time into what it packs."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="gzip"), attr="compress"), keywords=keywords):
            return all(keyword.arg != "mtime" for keyword in keywords)
        case _:
            return False


def _called(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
        case _:
            return ""


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_each_process_has_the_same_cases_in_the_same_order(path: Path) -> None:
    """Two processes share the tests of a file by the names of the cases: `make test` fails if they differ."""
    found = [f"{path.name}:{line}: {reason}" for line, reason in cases_that_differ(ast.parse(path.read_text()))]

    assert not found


@pytest.mark.parametrize(
    "cases",
    [
        "{'a', 'b'}",
        "SEEN",
        "[*SEEN]",
        "list(SEEN | {'c'})",
        "[each for each in frozenset(NAMES)]",
        "FOLDER.glob('*.yaml')",
        "[str(path) for path in FOLDER.iterdir()]",
        "[os.urandom(4)]",
        "[(1, datetime.now())]",
        "[gzip.compress(b'x')]",
    ],
)
def test_the_reader_of_cases_sees(cases: str) -> None:
    """The guard itself is guarded: each of these differs from process to process."""
    source = f"import pytest\nSEEN = {{'a', 'b'}}\n@pytest.mark.parametrize('x', {cases})\ndef test_x(x): ...\n"

    assert list(cases_that_differ(ast.parse(source)))


@pytest.mark.parametrize(
    "cases", ["sorted(SEEN)", "['a', 'b']", "list(Reason)", "[pytest.param(time.time_ns(), id='now')]", "TABLE.items()"]
)
def test_the_reader_of_cases_passes_what_has_an_order(cases: str) -> None:
    """A sorted set has one, and a case with a name of its own may have any value."""
    source = f"import pytest\nSEEN = {{'a', 'b'}}\n@pytest.mark.parametrize('x', {cases})\ndef test_x(x): ...\n"

    assert not list(cases_that_differ(ast.parse(source)))
