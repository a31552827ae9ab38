"""Sets structlog up: one line an event on standard error, with nothing in it but allowed fields.

`events` lists the events with their shapes, `redact` the fields, and `line_head` what begins each line. A library's
line of the standard `logging` or of `warnings` becomes an event too, without its words, since those may quote a secret.
A running gateway gives events to a `LineWriter`, and so everything else that would write to standard error on the way.
No log line waits for a reader or a disk, and none raises into its caller.
"""

from __future__ import annotations

import io
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO

import msgspec
import structlog

from gateway.observe.console_line import console_line
from gateway.observe.events import FORMER_NAMES, SHAPES, Event
from gateway.observe.line_head import NO_WORKER, LineForm, LineStyle, LineWriterName
from gateway.observe.lines import LineKind, Sink
from gateway.observe.redact import allowed, where_it_failed
from gateway.observe.thread_lines import STANDARD_ERROR, LineWriter
from gateway.plain_text import printable_json

_EVENTS = frozenset(Event)
_encode = msgspec.json.Encoder().encode
_SHAPES = {event.value: tuple(shape.split()) for event, shape in SHAPES.items()}

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def line_style(
    node: str | None = None,
    *,
    worker: int = NO_WORKER,
    form: LineForm | None = LineForm.JSON,
) -> LineStyle:
    """Return the style of this process's lines.

    Without a `node`, the machine's host name is the node. Without a `form`, a person's terminal gets text and
    everything else JSON. Colour is for a terminal whose owner has not set `NO_COLOR`.
    """
    is_terminal = os.isatty(STANDARD_ERROR)
    chosen = form or (LineForm.CONSOLE if is_terminal else LineForm.JSON)
    colour = is_terminal and chosen is LineForm.CONSOLE and not os.environ.get("NO_COLOR")
    return LineStyle(LineWriterName(node or socket.gethostname(), worker, os.getpid()), chosen, colour)


def set_up_logging(
    stream: TextIO | None = None, *, sink: Sink | None = None, level: str = "info", style: LineStyle | None = None
) -> None:
    """Configure structlog and the standard library's logging for this process; again, once its settings are read.

    Events go to `sink`; without one, a command writes them to `stream` itself, or to standard error.

    Raises:
        KeyError: there is no such level.

    """
    least = LEVELS[level]
    lines = _Lines(_Stream(stream or sys.stderr) if sink is None else sink)
    structlog.configure(
        processors=[_named, _failed, structlog.processors.add_log_level, _Rendered(style or line_style())],
        wrapper_class=_never_raising(least),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(LibraryHandler())
    root.setLevel(max(least, logging.WARNING))
    logging.captureWarnings(capture=True)


@contextmanager
def logging_aside(*, level: str = "info", prints: bool = False, style: LineStyle | None = None) -> Iterator[LineWriter]:
    """Have a thread write everything this process says on standard error, for as long as the gateway runs.

    At the end the writer writes the waiting lines in a bounded time. `prints`: printed text goes to its usual stream.
    """
    writer = LineWriter(STANDARD_ERROR)
    set_up_logging(sink=writer, level=level, style=style)
    streams, hooks = (sys.stdout, sys.stderr), (sys.excepthook, sys.unraisablehook, threading.excepthook)
    # Code that prints on the loop would wait for the reader: `print`, a traceback, the standard library's last resorts.
    if not prints:
        sys.stdout = sys.stderr = _Stray()
    sys.excepthook, sys.unraisablehook, threading.excepthook = _uncaught, _unraisable, _of_a_thread
    try:
        yield writer
    finally:
        sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
        sys.stdout, sys.stderr = streams
        writer.close()


class LibraryHandler(logging.Handler):
    """Turns a library's warning into an event with logger, kind and place; it never has the library's text."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record as an event of ours."""
        fields: dict[str, object] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            fields |= {"error": type(error).__name__, "where": where_it_failed(error)}
        else:
            fields["where"] = f"{record.filename}:{record.lineno}:{record.funcName}"
        structlog.get_logger().log(max(record.levelno, logging.DEBUG), Event.LIBRARY, **fields)


class _Lines:
    """The logger that structlog is given: it passes each line on, at any level."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def __getattr__(self, _level: str) -> Callable[[bytes, LineKind], None]:
        return self._put

    def _put(self, text: bytes, kind: LineKind) -> None:
        self.sink.put(text, 1, kind)


class _Stream:
    """Writes a command's events at once: the command ends soon, and only its operator waits for it."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def put(self, text: bytes, lines: int, kind: LineKind) -> None:
        """Write, if there is a stream."""
        if self._stream is None:
            return
        try:
            # With its line end in one write: processes share a standard error, and Python may be told not to buffer it.
            self._stream.write(text.decode())
            self._stream.flush()
        except OSError:
            self.lose(lines, kind)

    def lose(self, lines: int, kind: LineKind) -> None:
        """Lose a line: what the command did is done, and its exit code says so."""


class _Stray(io.TextIOBase):
    """Catches text that is printed past the log, logs its place, and drops the text: it may quote a secret."""

    def write(self, text: str) -> int:
        """Log that something was printed, without its words."""
        if not text.isspace():
            caller = sys._getframe(1)  # noqa: SLF001 - the documented way to a caller's frame
            place = f"{caller.f_code.co_filename.rpartition('/')[2]}:{caller.f_lineno}:{caller.f_code.co_name}"
            structlog.get_logger().warning(Event.UNNAMED, where=place, count=len(text))
        return len(text)

    def fileno(self) -> int:
        """Return the descriptor to which child processes write."""
        return STANDARD_ERROR


def _uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    _tell(type(error), error)


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    _tell(unraisable.exc_type, unraisable.exc_value)


def _of_a_thread(args: threading.ExceptHookArgs) -> None:
    _tell(args.exc_type, args.exc_value)


def _tell(kind: type[BaseException], error: BaseException | None) -> None:
    where = "" if error is None else where_it_failed(error)
    structlog.get_logger().error(Event.UNCAUGHT, error=kind.__name__, where=where)


def _never_raising(least: int) -> type:
    base: Any = structlog.make_filtering_bound_logger(least)

    class NeverRaising(base):  # type: ignore[misc]
        """A logger whose mistakes are lost lines."""

        def _proxy_to_logger(self, method_name: str, event: str | None = None, **fields: Any) -> None:
            try:
                super()._proxy_to_logger(method_name, event, **fields)
            # The caller is in the middle of something that matters more than the line.
            except Exception:  # noqa: BLE001
                self._logger.sink.lose(1, LineKind.AUDIT if event == Event.AUDIT else LineKind.EVENT)

    return NeverRaising


def _named(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Let only events through: free text can leak secrets."""
    if line.get("event") not in _EVENTS:
        line["event"] = Event.UNNAMED.value
    else:
        line["event"] = str(line["event"])
    return line


def _failed(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Tell of an exception its class and its place, and not its words."""
    exc_info = line.pop("exc_info", None)
    error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1] if exc_info else None
    if error is not None:
        line.setdefault("error", type(error).__name__)
        line.setdefault("where", where_it_failed(error))
    return line


class _Rendered:
    """Gives each event its head and its whole shape, and makes it a line of bytes."""

    def __init__(self, style: LineStyle) -> None:
        self._style = style

    def __call__(
        self, _logger: object, _method: str, line: MutableMapping[str, Any]
    ) -> tuple[tuple[bytes, LineKind], dict[str, Any]]:
        kind = LineKind.AUDIT if line["event"] == Event.AUDIT else LineKind.EVENT
        at = line.pop("time", None)
        whole = self._style.head(time.time() if at is None else at, kind)
        said = allowed(line)
        whole |= {"level": said.pop("level", None), "event": said.pop("event", None)}
        whole |= dict.fromkeys(_SHAPES.get(str(whole["event"]), ()))
        # The writer's own fields are not an event's to write.
        whole |= {name: value for name, value in said.items() if name not in _OF_EVERY_LINE}
        for former, present in FORMER_NAMES.items():
            if whole.get(former, "") is None and present in whole:
                whole[former] = whole[present]
        if self._style.form is LineForm.CONSOLE:
            return (console_line(whole, colour=self._style.colour).encode() + b"\n", kind), {}
        return (printable_json(_encode(whole)) + b"\n", kind), {}


_OF_EVERY_LINE = frozenset({"time", "kind", "node", "worker", "pid"})
