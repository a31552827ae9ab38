"""Takes access lines from the byte path: turns them into text, a few at a time, for a thread to write.

The event loop encodes the lines. If the writer's thread encoded them, that thread would hold the interpreter for a
millisecond, and every request would wait. If there is no room, `thread_lines` drops lines and counts them. `access_log`
says what a line holds.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from pathlib import Path
from typing import Final

import msgspec

from gateway.observe.access_log import AccessLine
from gateway.observe.console_line import console_line
from gateway.observe.line_head import LineForm, LineStyle
from gateway.observe.lines import LineKind
from gateway.observe.thread_lines import STANDARD_ERROR, LineWriter
from gateway.plain_text import printable, printable_json

_SIGNATURES: Final = "/signatures/"
_ID: Final = re.compile(rf"{_SIGNATURES}[A-Za-z0-9_-]{{43}}(?![A-Za-z0-9_-])")
"""The end of a URL of the API of signatures, under our own prefix or one of an application's that looks like it."""

BATCH_LINES: Final = 32
"""Lines made into text at once: some 30 microseconds, which no request feels."""


class AccessLog:
    """Takes the byte path's finished requests. `put` is for the event loop alone."""

    def __init__(self, destination: str | None, style: LineStyle, standard_error: LineWriter | None = None) -> None:
        """Write to `stderr`, a file's path, or nowhere (`off` or None).

        `standard_error` writes what goes to standard error, so that access lines and events keep their order.
        A file is for programs: its lines are JSON in either form of `style`.

        Raises:
            OSError: the file cannot be opened for appending.

        """
        self.lines: deque[AccessLine] = deque()
        """Lines that are not encoded yet. The observer adds a line only if `is_written`."""
        self._encoding = threading.Lock()
        """Held while lines are encoded, so that lines keep their order in any thread."""
        self._encode_lines = msgspec.json.Encoder().encode_lines
        self._style = style
        self._for_people = style.form is LineForm.CONSOLE and destination == "stderr"
        self._second = -1
        self._before = self._behind = b""
        """The fields that begin every line of that second, before and behind the thousandths."""
        self._own: LineWriter | None = None
        self._writer: LineWriter | None = None
        if destination in (None, "off"):
            return
        if destination != "stderr":
            self._own = LineWriter(Path(str(destination)))
        elif standard_error is None:
            self._own = LineWriter(STANDARD_ERROR)
        self._writer = self._own or standard_error
        if self._writer is not None:
            self._writer.feed(self.encode)

    @property
    def lost(self) -> dict[LineKind, int]:
        """The number of lost lines of an access log with a file of its own."""
        return {} if self._own is None else self._own.lost

    @property
    def is_written(self) -> bool:
        """Whether lines have a destination; without one they are not taken."""
        return self._writer is not None

    def put(self, line: AccessLine) -> None:
        """Take a line."""
        if self._writer is None:
            return
        self.lines.append(line)
        if len(self.lines) >= BATCH_LINES:
            self.encode()

    def encode(self) -> None:
        """Encode the lines that wait."""
        writer = self._writer
        if writer is None:
            return
        with self._encoding:
            lines = [self.lines.popleft() for _ in range(len(self.lines))]
            if not lines:
                return
            if writer.is_full(LineKind.ACCESS):
                writer.lose(len(lines), LineKind.ACCESS)
                return
            try:
                text = self._text(lines)
            except UnicodeEncodeError:
                text = self._text([_escaped(line) for line in lines])
            writer.put(text, len(lines), LineKind.ACCESS)

    def _text(self, lines: list[AccessLine]) -> bytes:
        if self._for_people:
            style = self._style
            whole = (style.head(line.time, LineKind.ACCESS) | _fields(line) for line in lines)
            return "".join(f"{console_line(fields, colour=style.colour)}\n" for fields in whole).encode()
        stamped = []
        last, head = -1, msgspec.Raw()
        for line in lines:
            millisecond = int(line.time * 1_000)
            if millisecond != last:
                last = millisecond
                head = self._head(millisecond)
            # Other code may still hold this line, and needs its time as a number.
            copied = line.__copy__()  # type: ignore[attr-defined]  # `copy` calls it, slower
            # The encoder writes a raw value as it is, so the time carries the whole head.
            copied.time = head
            if _SIGNATURES in copied.path:
                copied.path = _without_id(copied.path)
            stamped.append(copied)
        return printable_json(self._encode_lines(stamped))

    def _head(self, millisecond: int) -> msgspec.Raw:
        """Return the fields that begin every line of a millisecond, as text."""
        second, thousandths = divmod(millisecond, 1_000)
        if second != self._second:
            self._second = second
            text = msgspec.json.encode(self._style.head(second, LineKind.ACCESS))
            self._before, _, self._behind = text.removeprefix(b'{"time":').removesuffix(b"}").partition(b".000")
        return msgspec.Raw(b"%b.%03d%b" % (self._before, thousandths, self._behind))

    def reopen(self) -> None:
        """Open the file again by its name, after logrotate moved it away (on SIGUSR1)."""
        if self._own is not None:
            self._own.reopen()

    def flush(self) -> None:
        """Return once the lines that wait are written or dropped, in a bounded time."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Write the lines that wait, in a bounded time."""
        if self._own is not None:
            self._own.close()
        else:
            # The writer of standard error lives on.
            self.encode()


def _fields(line: AccessLine) -> dict[str, object]:
    fields = {name: value for name, value in msgspec.structs.asdict(line).items() if name != "time"}
    return fields | {"path": _without_id(line.path)}


def _without_id(path: str) -> str:
    """Return a path without the id of a signature: a reader of the log could open a document before its person does."""
    return _ID.sub(f"{_SIGNATURES}*", path)


def _escaped(line: AccessLine) -> AccessLine:
    """Return a line in which each text that cannot be encoded is escaped."""
    texts = {name: value for name, value in msgspec.structs.asdict(line).items() if isinstance(value, str)}
    return msgspec.structs.replace(line, **{name: printable(value) for name, value in texts.items()})
