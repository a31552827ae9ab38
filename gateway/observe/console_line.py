"""A log line for a person at a terminal: the same fields as in JSON, shorter, one line each.

Values come from clients, files and providers. Each is drawn escaped (`plain_text`) and quoted where it could pass for
something else, so a value can neither begin a line nor look like another field. Colours come from here alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gateway.observe.lines import LineKind
from gateway.plain_text import printable, printable_json

_BARE: Final = re.compile(r"[^\s\"'\\=\[\]{},]+")
"""A text that needs no quotes: without a space, a quote or an equals sign it cannot pass for two fields."""

_LEADING: Final = ("time", "kind", "node", "worker", "pid", "level", "event")
_OF_A_REQUEST: Final = ("status", "method", "host", "path", "seconds")

_RESET: Final = "\x1b[0m"
_DIM: Final = "\x1b[2m"
_LEVELS: Final[Mapping[str, str]] = {"warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
_STATUSES: Final[Mapping[str, str]] = {"4": "\x1b[33m", "5": "\x1b[31m"}


def console_line(fields: Mapping[str, object], *, colour: bool = False) -> str:
    """Return one line, without its line end: moment, writer, name, and every other field that has a value."""
    request = fields.get("kind") == LineKind.ACCESS.value
    writer = f"{_word(fields.get('node'))}/{_word(fields.get('worker'))}[{_word(fields.get('pid'))}]"
    start = f"{_word(fields.get('time'))} {writer}"
    name = _request(fields) if request else f"{_word(fields.get('level', 'info'))} {_word(fields.get('event'))}"
    shown = _LEADING + _OF_A_REQUEST if request else _LEADING
    rest = " ".join(_pairs((key, value) for key, value in fields.items() if key not in shown))
    if colour:
        status = str(fields.get("status", ""))[:1]
        paint = _STATUSES.get(status, "") if request else _LEVELS.get(str(fields.get("level")), "")
        start = f"{_DIM}{start}{_RESET}"
        name = f"{paint}{name}{_RESET}" if paint else name
    return f"{start} {name} {rest}".rstrip()


def _request(fields: Mapping[str, object]) -> str:
    """Return what happened to a request, as an operator would say it."""
    seconds = fields.get("seconds")
    took = f" {seconds * 1_000:.1f}ms" if isinstance(seconds, int | float) else ""
    method, host, path = (_word(fields.get(name) or "-") for name in ("method", "host", "path"))
    return f"access {_word(fields.get('status'))} {method} {host} {path}{took}"


def _pairs(fields: Iterable[tuple[str, object]]) -> Iterable[str]:
    for key, value in fields:
        # Nothing, and no text: the field is there in JSON, so that its shape is one. A number says something even as 0.
        if value is not None and value not in ("", []):
            yield f"{_word(key)}={_word(value)}"


def _word(value: object) -> str:
    """Return a value as one word that a terminal only draws."""
    if isinstance(value, str):
        return printable(value) if _BARE.fullmatch(value) else _quoted(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_word(each) for each in value)}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return printable(str(value)) if value is not None else "-"


def _quoted(text: str) -> str:
    try:
        return printable(printable_json(msgspec.json.encode(text)).decode())
    except UnicodeEncodeError:
        # Half a character cannot be written: its escape is drawn.
        return _quoted(printable(text))
