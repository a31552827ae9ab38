"""The records by which the nodes of a fleet tell each other over Redis of switches, and of what each worker runs with.

Each record is a version, and a box that only the holders of the server's secret open and make. Redis, and those who may
write to it, can turn no switch; an old record that somebody puts back is outvoted by the later entries of every node.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from gateway.instant import Instant
from gateway.policy.switches import LONGEST_FILE, Switch, SwitchesError, read_switches, write_switches
from gateway.session.seal import Secret, Secrets
from gateway.session.sealed_box import close_box, open_box

VERSION = 1
"""The first byte of a record. A version that must not be written over by this one has a higher number."""

EVERY = 1.0
"""Seconds between two exchanges of a node."""

SAID_EVERY = 10.0
"""Seconds between two words of a worker about itself."""

SILENT = 30.0
"""Seconds after its last word at which a worker counts as silent."""

_SWITCHES = b"sekisho.fleet.switches.v1"
_WORKER = b"sekisho.fleet.worker.v1"
_PADDING = 64


class Unread(StrEnum):
    """The reason for which a record of the fleet cannot be read."""

    NEWER = "newer"
    """A later version of the gateway wrote it, and this one leaves it as it is."""
    BROKEN = "broken"
    """It does not open: no holder of the secret wrote it."""


class WorkerView(msgspec.Struct, frozen=True):
    """A worker's words about itself."""

    node: str
    worker: int
    at: Instant
    version: str
    """The version of the gateway."""
    heard_at: Instant
    """The time of its node's last exchange of switches; 0 if there was none."""
    switches: tuple[str, ...] = ()
    """The switches that are on, as it judges requests."""
    adopted: dict[str, str] = {}
    """The digest of each thing that the nodes of a fleet have in common."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A worker's words, and how long ago it said them."""

    view: WorkerView
    ago: float
    """Seconds by the clock of Redis."""

    @property
    def is_silent(self) -> bool:
        """Whether the worker has probably ended."""
        return self.ago > SILENT

    def ahead(self, now: Instant) -> float:
        """Return how many seconds its node's clock is ahead of the clock that says `now`."""
        return self.view.at - (now - self.ago)


def seal_switches(switches: dict[str, Switch], secret: Secret, nonce: bytes) -> bytes:
    """Return the record of the fleet's switches. `nonce` is 12 random bytes, never used before."""
    return _sealed(write_switches(switches), secret, nonce, _SWITCHES)


def open_switches(record: bytes, secret: Secret) -> dict[str, Switch] | Unread:
    """Return the switches of a record, or the reason for which it cannot be read."""
    content = _opened(record, secret, _SWITCHES)
    if isinstance(content, Unread):
        return content
    try:
        return read_switches(content)
    except SwitchesError:
        return Unread.BROKEN


def seal_view(view: WorkerView, secret: Secret, nonce: bytes) -> bytes:
    """Return the record of a worker. `nonce` is as for `seal_switches`."""
    return _sealed(msgspec.json.encode(view), secret, nonce, _WORKER)


def open_view(record: bytes, secrets: Secrets) -> WorkerView | Unread:
    """Return what a worker said, or the reason for which it cannot be read."""
    for secret in secrets.all:
        content = _opened(record, secret, _WORKER)
        if content is Unread.NEWER:
            return content
        if not isinstance(content, Unread):
            try:
                return msgspec.json.decode(content, type=WorkerView)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                return Unread.BROKEN
    return Unread.BROKEN


def _sealed(content: bytes, secret: Secret, nonce: bytes, purpose: bytes) -> bytes:
    return bytes((VERSION,)) + close_box(secret.derived(purpose), nonce, content, purpose, padding=_PADDING)


def _opened(record: bytes, secret: Secret, purpose: bytes) -> bytes | Unread:
    if record and record[0] > VERSION:
        return Unread.NEWER
    if not record or record[0] != VERSION or len(record) > 2 * LONGEST_FILE:
        return Unread.BROKEN
    content = open_box(secret.derived(purpose), record[1:], purpose)
    return Unread.BROKEN if content is None else content
