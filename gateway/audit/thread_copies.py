"""Copies of the audit trail in other places: the mirror file, and a syslog server.

Each has a thread of its own, so that a place which is away holds up nothing here.
"""

from __future__ import annotations

from pathlib import Path

from gateway.audit.thread_syslog import SyslogSender
from gateway.observe.lines import LineKind, lost_by_kind
from gateway.observe.thread_lines import LineWriter


class TrailCopies:
    """Passes lines and signatures on; `system_segments.Copies`."""

    def __init__(self, mirror: Path | None = None, syslog: SyslogSender | None = None, *, whole: bool = True) -> None:
        """Send signatures to both places, and the whole trail to `syslog` if it is to be `whole`.

        Raises:
            OSError: the mirror cannot be opened.

        """
        self._mirror = None if mirror is None else LineWriter(mirror)
        self._syslog = syslog
        self._whole = whole
        self._last = b""
        """The lines that were written last; a signature among them has been sent with them."""

    @property
    def lost(self) -> dict[LineKind, int]:
        """The number of lines that the mirror and the syslog server did not get."""
        return lost_by_kind(each.lost for each in (self._mirror, self._syslog) if each is not None)

    def lines(self, text: bytes) -> None:
        """Send whole lines to the syslog server."""
        self._last = text
        if self._syslog is not None and self._whole:
            for line in text.splitlines(keepends=True):
                self._syslog.put(line, 1, LineKind.AUDIT)

    def signature(self, signed: str) -> None:
        """Send a checkpoint to both."""
        text = f'{{"signed":"{signed}"}}\n'.encode()
        if self._mirror is not None:
            self._mirror.put(text, 1, LineKind.COPY)
        if self._syslog is not None and not (self._whole and signed.encode() in self._last):
            self._syslog.put(text, 1, LineKind.AUDIT)

    def reopen(self) -> None:
        """Open the mirror again by its name (on SIGUSR1)."""
        if self._mirror is not None:
            self._mirror.reopen()

    def close(self) -> None:
        """Pass on what waits, in a bounded time."""
        if self._mirror is not None:
            self._mirror.close()
        if self._syslog is not None:
            self._syslog.close()
