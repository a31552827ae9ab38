"""The ground of every test: loopback only, free ports, real programs that are always stopped."""

from __future__ import annotations

import contextlib
import functools
import gc
import ipaddress
import logging
import shutil
import socket
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NoReturn

import aiosqlite
import pytest
import structlog
import typer.testing
from hypothesis import HealthCheck, settings

# A property is held by its examples, not by how long a loaded machine takes for one of them, or to draw it.
settings.register_profile("exploring", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
# `make test` judges a change: it has the same examples on every machine, so a red run is about the change.
# `make test-long` looks for what no change has broken yet: it has other examples in each run (see CONTRIBUTING.md).
settings.register_profile("sekisho", settings.get_profile("exploring"), derandomize=True, database=None)
# Many runs of few examples, for the mutants.
settings.register_profile("mutants", settings.get_profile("sekisho"), max_examples=30, print_blob=False)
settings.load_profile("sekisho")

_LOOPBACK_NAMES = frozenset({"localhost", ""})
_guard_on = False


class NotLoopbackError(RuntimeError):
    """A test tried to reach something that is not on this machine."""


def is_loopback(host: object) -> bool:
    """Whether a host given to a socket stays on this machine: 127/8, ::1, `localhost` and its subdomains."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if not isinstance(name, str):
        return False
    if name in _LOOPBACK_NAMES or name.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    return False


def _guard(event: str, args: tuple[Any, ...]) -> None:
    """Refuse, before the kernel is asked, a connection, a datagram or a look-up beyond loopback.

    An audit hook and not a patched `socket`: a test cannot undo it, nor a library that kept a reference.
    uvloop's own connections do not pass here; what tests start on uvloop is told only loopback addresses.
    """
    if not _guard_on:
        return
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        if isinstance(address, tuple) and not is_loopback(address[0]):
            raise NotLoopbackError(f"tests open sockets to loopback only, not to `{address[0]}`")
    elif event == "socket.getaddrinfo" and args[0] is not None and not is_loopback(args[0]):
        with contextlib.suppress(ValueError):
            # A literal address is looked up to be parsed; connecting to it is refused above.
            ipaddress.ip_address(args[0].decode() if isinstance(args[0], bytes) else str(args[0]))
            return
        raise NotLoopbackError(f"tests look up loopback names only, not `{args[0]}`")


sys.addaudithook(_guard)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect 20,000 tests without looking for garbage among them, now and whenever garbage is looked for later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


LONG_PATIENCE = 300
"""Seconds for a long test that names none of its own: a minute is enough for the others, also on a busy machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the long tests more patience than `timeout` in `pyproject.toml`."""
    for item in items:
        if item.get_closest_marker("long") is not None and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONG_PATIENCE))


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    global _guard_on  # noqa: PLW0603 - an audit hook lives as long as the process and cannot be handed a value
    _guard_on = True
    yield
    _guard_on = False


@pytest.fixture(autouse=True, scope="session")
def _commands_made_once() -> Iterator[None]:
    """Make the tree of our commands once, and not for each one that is run: that takes longer than most of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a test's command line set up: its handler would write to a stream that is closed by then."""
    root, kept = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**kept)


def free_port() -> int:
    """Return a loopback port nobody listens on now; prefer to let the server bind port 0 where it can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(name="free_port")
def free_port_fixture() -> int:
    """A loopback port nobody listens on now."""
    return free_port()


def program(name: str) -> str:
    """Return a program's path; a machine without it fails the test rather than passing over it in silence."""
    beside_python = str(Path(sys.executable).parent)
    found = shutil.which(name) or shutil.which(name, path=f"{beside_python}:/usr/sbin:/sbin")
    if found is None:
        pytest.fail(f"`{name}` is not installed; `make test` installs what the tests need")
    return found


NOT_RUN = "not run: "


def not_run(why: str) -> NoReturn:
    """Leave a test out that needs something this machine cannot have; the summary counts it, by name and reason."""
    pytest.skip(NOT_RUN + why)


def pytest_sessionfinish() -> None:
    """Stop the threads of databases that a failed test left open: the interpreter would wait for them for ever."""
    if any(thread.is_alive() and "_connection_worker_thread" in thread.name for thread in threading.enumerate()):
        for each in gc.get_objects():
            if type(each) is aiosqlite.Connection:
                each.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every test that was not run for want of something: a skip alone is easy to read over."""
    reasons = {
        report.nodeid: report.longrepr[2].removeprefix("Skipped: ").removeprefix(NOT_RUN)
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple) and NOT_RUN in report.longrepr[2]
    }
    if reasons:
        terminalreporter.section(f"{len(reasons)} not run")
        for name, why in sorted(reasons.items()):
            terminalreporter.write_line(f"{name}: {why}")


@pytest.fixture(scope="session")
def _redis() -> Iterator[Any]:
    from tests.redis_server import redis_server  # noqa: PLC0415 - it imports this file

    with redis_server() as server:
        yield server


@pytest.fixture
def redis_url(_redis: Any) -> str:
    """The URL of a real, empty redis-server of this test run."""
    with contextlib.closing(_redis.client()) as client:
        client.flushall()
        client.config_resetstat()
    url: str = _redis.url
    return url
