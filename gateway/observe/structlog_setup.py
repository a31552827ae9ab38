"""Sets structlog up: one JSON object a line on standard error, with nothing in it but allowed fields.

Which events there are stands in `events`, which fields in `redact`. What libraries say by the
standard library's logging becomes an event too, without their words: those may quote a secret.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

from gateway.observe.events import Event
from gateway.observe.redact import allowed, where_it_failed

_EVENTS = frozenset(Event)
_encode = msgspec.json.Encoder(order="deterministic").encode

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up_logging(stream: TextIO | None = None, *, level: str = "info") -> None:
    """Configure structlog and the standard library's logging for this process.

    Raises:
        KeyError: there is no such level.

    """
    out = stream or sys.stderr
    least = LEVELS[level]
    structlog.configure(
        processors=[_named, _timed, _failed, structlog.processors.add_log_level, _only_allowed, _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        # With its line end in one write: workers share a standard error, and Python may be told not to buffer it.
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(LibraryHandler())
    root.setLevel(max(least, logging.WARNING))


class LibraryHandler(logging.Handler):
    """Turns a library's complaint into an event: who complained, of what kind, where; never its words."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record as an event of ours."""
        fields: dict[str, object] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            fields |= {"error": type(error).__name__, "where": where_it_failed(error)}
        else:
            fields["where"] = f"{record.filename}:{record.lineno}:{record.funcName}"
        structlog.get_logger().log(max(record.levelno, logging.DEBUG), Event.LIBRARY, **fields)


def _named(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Let nothing through that is not an event: free text is where secrets leak."""
    if line.get("event") not in _EVENTS:
        line["event"] = Event.UNNAMED.value
    else:
        line["event"] = str(line["event"])
    return line


def _timed(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    line.setdefault("time", round(time.time(), 6))
    return line


def _failed(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Tell of an exception its class and its place, and not its words."""
    told = line.pop("exc_info", None)
    error = told if isinstance(told, BaseException) else sys.exc_info()[1] if told else None
    if error is not None:
        line.setdefault("error", type(error).__name__)
        line.setdefault("where", where_it_failed(error))
    return line


def _only_allowed(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return allowed(line)


def _as_json(_logger: object, _method: str, line: MutableMapping[str, Any]) -> str:
    return _encode(line).decode()
