"""Opens the audit trail that the settings ask for: that of a process that serves, or that of one command."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.audit.checkpoint import Signer, Verifier
from gateway.audit.entry import Entry, written
from gateway.audit.segment import Terms
from gateway.audit.syslog import Origin, Transport, read_target
from gateway.audit.system_command import CommandTrail
from gateway.audit.system_segments import TrailFiles
from gateway.audit.thread_copies import TrailCopies
from gateway.audit.thread_syslog import SyslogSender, tls_to_server
from gateway.audit.thread_trail import ThreadTrail
from gateway.audit.trail import AuditTrail, NoTrail
from gateway.instant import Instant
from gateway.login.keys import KeySet
from gateway.observe.lines import LineKind, lost_by_kind
from gateway.observe.thread_lines import LineWriter
from gateway.settings.settings import AuditSettings, Settings


class OpenTrail:
    """The trail of one process, with everything that it writes to."""

    def __init__(self, trail: ThreadTrail | None, copies: TrailCopies | None) -> None:
        self._trail = trail
        self._copies = copies
        self.trail: AuditTrail = NoTrail() if trail is None else trail

    @property
    def kept(self) -> bool:
        """Whether there is a trail."""
        return self._trail is not None

    @property
    def writable(self) -> bool:
        """Whether the last write of the trail succeeded."""
        return self._trail is None or self._trail.writable

    @property
    def lost(self) -> dict[LineKind, int]:
        """The number of lost entries and lost copies."""
        return lost_by_kind(each.lost for each in (self._trail, self._copies) if each is not None)

    def reopen(self) -> None:
        """Begin another file, and open the mirror again (on SIGUSR1)."""
        if self._trail is not None:
            self._trail.rotate()
        if self._copies is not None:
            self._copies.reopen()

    def close(self) -> None:
        """Write what waits, end the file, and stop, in a bounded time."""
        if self._trail is not None:
            self._trail.close()
        if self._copies is not None:
            self._copies.close()


def terms_of(settings: AuditSettings, keys: KeySet, node: str | None) -> Terms:
    """Return what the settings say of every file of the trail; `node` is the setting of that name."""
    return Terms(
        node=node or socket.gethostname(),
        signer=Signer(keys.signing),
        interval=settings.checkpoint,
        rotate_size=settings.rotate_size,
        rotate_every=settings.rotate_every,
        keep=settings.keep,
    )


def verifier_of(keys: KeySet) -> Verifier:
    """Return what reads the signatures of a set of keys."""
    return Verifier({key.kid: key.key for key in keys.keys})


def open_trail(
    whole: Settings,
    keys: KeySet | None,
    role: str,
    clock: Callable[[], Instant] = time.time,
    standard_error: LineWriter | None = None,
) -> OpenTrail:
    """Open the trail of a process: `role` is `gateway`, `supervisor` or `worker-` with its number.

    `standard_error` writes the process's events; the syslog server gets them too where the settings say `send: all`.

    Raises:
        OSError: the mirror cannot be opened. A folder that cannot be written is no error here: its entries are lost, or
            refused if the trail is required.

    """
    settings = whole.audit
    syslog = _syslog(whole)
    if syslog is not None and standard_error is not None and settings.syslog and settings.syslog.send == "all":
        standard_error.copy_to(syslog)
    if settings.directory is None or keys is None:
        return OpenTrail(None, TrailCopies(None, syslog))
    # Two processes of one second have different numbers, and two of one number different seconds.
    began = written(clock()).partition(".")[0].replace("-", "").replace(":", "").lower()
    copies = _copies(settings, syslog)
    terms = terms_of(settings, keys, whole.node)
    files = TrailFiles(settings.directory, f"{role}-{began}-{os.getpid()}", terms, verifier_of(keys), copies)
    return OpenTrail(ThreadTrail(files, clock, interval=settings.checkpoint, required=settings.required), copies)


def _syslog(whole: Settings) -> SyslogSender | None:
    """Return what sends to the syslog server.

    Raises:
        OSError: a certificate cannot be used.

    """
    settings = whole.audit.syslog
    if settings is None:
        return None
    target = read_target(settings.to)
    tls = tls_to_server(settings.ca, settings.certificate) if target.transport is Transport.TLS else None
    return SyslogSender(target, Origin(whole.node or socket.gethostname(), os.getpid()), tls)


def _copies(settings: AuditSettings, syslog: SyslogSender | None) -> TrailCopies:
    whole = settings.syslog is not None and settings.syslog.send != "checkpoints"
    return TrailCopies(settings.mirror, syslog, whole=whole)


@contextmanager
def command_trail(whole: Settings, keys: KeySet | None) -> Iterator[Callable[[Entry], None]]:
    """Yield what records a command's actions; each call raises `OSError` if it could not.

    Raises:
        OSError: the trail is required and cannot be written.

    """
    settings = whole.audit
    if settings.directory is None or keys is None:
        yield _keep_nothing
        return
    copies = _copies(settings, _syslog(whole))
    try:
        trail = CommandTrail(
            settings.directory, terms_of(settings, keys, whole.node), verifier_of(keys), copies, time.time
        )
        if settings.required:
            trail.check()
        yield trail.record
    finally:
        copies.close()


def _keep_nothing(_entry: Entry) -> None:
    """Keep nothing: there is no trail."""
