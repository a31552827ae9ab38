from __future__ import annotations

import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from gateway.observe.events import SHAPES, Event
from gateway.observe.lines import LineKind
from gateway.observe.redact import where_it_failed
from gateway.observe.structlog_setup import set_up_logging
from gateway.plain_text import OBEYED


@pytest.fixture(name="stream")
def stream_fixture() -> Iterator[io.StringIO]:
    """The stream of log lines, with everything restored afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    set_up_logging(stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line(stream: io.StringIO) -> None:
    """Name, level, time and the allowed fields; line ends in a value stay inside the line."""
    structlog.get_logger().info(Event.SIGN_IN, app="booking", outcome="a\nb", name="x", birthdate="2004-02-29")

    (line,) = lines(stream)
    assert line["event"] == "sign_in"
    assert line["level"] == "info"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+09:00", str(line["time"]))
    assert (line["kind"], line["worker"], line["pid"]) == ("event", 0, os.getpid())
    assert line["node"] == socket.gethostname()
    assert line["outcome"] == "a\nb"
    assert line["dropped"] == ["birthdate"]


@pytest.mark.usefixtures("stream")
def test_a_line_and_its_end_are_one_write() -> None:
    """Several workers write to one standard error, and nothing of another's may come between."""
    writes: list[str] = []

    class Unbuffered(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    set_up_logging(Unbuffered())

    structlog.get_logger().info(Event.STARTED, count=1)

    assert len(writes) == 1
    assert writes[0].endswith("}\n")


def test_an_event_has_its_whole_shape(stream: io.StringIO) -> None:
    """A field without a value is `null`, and a field under a former name repeats the one that replaced it."""
    structlog.get_logger().info(Event.SESSIONS_REVOKED, operator="tanaka", reason="case 12", ended=2, selector="all")
    structlog.get_logger().info(Event.AUDIT, time=1_795_402_800.5, verdict="deny")

    revoked, audit = lines(stream)
    assert {"kind", "time", "node", "worker", "pid", "level", "event"} | set(
        SHAPES[Event.SESSIONS_REVOKED].split()
    ) == set(revoked)
    assert revoked["pseudonym"] is None
    assert revoked["words"] == revoked["reason"] == "case 12"
    assert (audit["kind"], audit["time"]) == ("audit", "2026-11-23T12:00:00.500+09:00")


def test_no_event_speaks_in_its_writers_name(stream: io.StringIO) -> None:
    """The node, the worker and the process are those that wrote the line, and no event can name others."""
    structlog.get_logger().info(Event.STARTED, node="other", pid=1, kind="audit", worker=9)

    (line,) = lines(stream)
    assert (line["kind"], line["node"], line["worker"], line["pid"]) == ("event", socket.gethostname(), 0, os.getpid())


def test_free_text_is_no_event(stream: io.StringIO) -> None:
    """A sentence with a secret in it does not get out."""
    structlog.get_logger().warning("token abc123 refused")

    (line,) = lines(stream)
    assert line["event"] == "unnamed"
    assert "abc123" not in stream.getvalue()


def test_an_exception_tells_its_place_and_not_its_words(stream: io.StringIO) -> None:
    """`log.exception` is as discreet as everything else."""
    try:
        int("code=SECRETCODE")
    except ValueError:
        structlog.get_logger().exception(Event.PORTAL_FAILED, request_id="r1")

    (line,) = lines(stream)
    assert line["error"] == "ValueError"
    assert "test_structlog_setup.py" in str(line["where"])
    assert "dropped" not in line
    assert "SECRETCODE" not in stream.getvalue()


def test_a_librarys_words_stay_inside(stream: io.StringIO) -> None:
    """The event has logger, kind and place of the warning; it has neither the message nor the error's text."""
    try:
        int("code=SECRETCODE")
    except ValueError:
        logging.getLogger("aiohttp.server").exception("Error handling request from %s", "198.51.100.7")

    (line,) = lines(stream)
    assert line["event"] == "library"
    assert line["logger"] == "aiohttp.server"
    assert line["error"] == "ValueError"
    assert line["level"] == "error"
    assert "SECRETCODE" not in stream.getvalue()


def test_a_librarys_chatter_is_not_heard(stream: io.StringIO) -> None:
    """Only what is a warning or worse."""
    logging.getLogger("asyncio").info("Using selector")

    assert stream.getvalue() == ""


def test_an_unknown_level_is_a_mistake() -> None:
    """Nobody's logs fall silent by a slip of the pen."""
    with pytest.raises(KeyError):
        set_up_logging(level="loud")


class _Kept:
    """Keeps what would be written."""

    def __init__(self) -> None:
        self.texts: list[tuple[bytes, LineKind]] = []
        self.lost = 0

    def put(self, text: bytes, lines: int, kind: LineKind) -> None:
        self.texts.append((text, kind))

    def lose(self, lines: int, kind: LineKind) -> None:
        self.lost += lines


@pytest.mark.usefixtures("stream")
def test_an_event_that_cannot_be_made_raises_into_nobody() -> None:
    """The line is counted as lost: the caller is in the middle of more important work."""

    class Unspeakable:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    kept = _Kept()
    set_up_logging(sink=kept)

    structlog.get_logger().info(Event.SIGN_IN, outcome=Unspeakable())

    assert kept.lost == 1
    assert kept.texts == []


@pytest.mark.usefixtures("stream")
@pytest.mark.parametrize("value", ["\udcff", 2**70, -(2**63) - 1, float("nan"), float("inf"), b"\xff", "\x9b31m\u202e"])
def test_any_value_becomes_a_line_that_a_terminal_only_draws(value: object) -> None:
    """Half characters, numbers beyond 64 bits, no numbers, marks that a terminal obeys."""
    kept = _Kept()
    set_up_logging(sink=kept)

    structlog.get_logger().info(Event.SIGN_IN, outcome=value)

    ((text, _),) = kept.texts
    assert json.loads(text)["event"] == "sign_in"
    assert OBEYED.findall(text.decode()) == ["\n"]


@pytest.mark.usefixtures("stream")
def test_the_audit_is_a_kind_of_its_own() -> None:
    """A flood of events loses no decision."""
    kept = _Kept()
    set_up_logging(sink=kept)

    structlog.get_logger().info(Event.AUDIT, verdict="deny")
    structlog.get_logger().info(Event.STARTED)

    assert [kind for _, kind in kept.texts] == [LineKind.AUDIT, LineKind.EVENT]


STRAY = """
import asyncio, gc, logging, sys, threading, warnings
from gateway.observe.structlog_setup import logging_aside

class Breaks:
    def __del__(self):
        raise ValueError("SECRETCODE")

async def fails():
    asyncio.get_running_loop().create_task(asyncio.to_thread(int, "SECRETCODE"))
    await asyncio.sleep(0.1)
    gc.collect()

with logging_aside():
    print("SECRETCODE", file=sys.stderr)
    print("SECRETCODE")
    warnings.warn("SECRETCODE", RuntimeWarning)
    failing = threading.Thread(target=int, args=("SECRETCODE",))
    failing.start()
    failing.join()
    Breaks()
    gc.collect()
    logging.getLogger("aiohttp.server").error("SECRETCODE")
    asyncio.run(fails())
    try:
        int("SECRETCODE")
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
"""


def test_nothing_reaches_standard_error_but_by_the_writer() -> None:
    """Output that passes by the log, a warning or an uncaught error becomes an event without its text."""
    ended = subprocess.run([sys.executable, "-c", STRAY], capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout == ""
    assert "SECRETCODE" not in ended.stderr
    answered = [json.loads(line) for line in ended.stderr.splitlines()]
    names = [(event["event"], event.get("logger") or event.get("error")) for event in answered]
    assert names == [
        ("unnamed", None),
        ("unnamed", None),
        ("library", "py.warnings"),
        ("uncaught", "ValueError"),
        ("uncaught", "ValueError"),
        ("library", "aiohttp.server"),
        ("library", "asyncio"),
        ("uncaught", "ValueError"),
    ]


def test_the_place_of_an_error_is_told_without_opening_a_file() -> None:
    """Errors are told on the event loop, and a source file may lie on a disk that does not answer."""
    opened: list[str] = []
    listening = True

    def watch(name: str, _args: tuple[object, ...]) -> None:
        if listening and name == "open":
            opened.append(name)

    sys.addaudithook(watch)
    with pytest.raises(ValueError, match="no number") as failed:
        int("no number")
    place = where_it_failed(failed.value)
    listening = False

    assert "test_structlog_setup.py" in place
    assert opened == []
