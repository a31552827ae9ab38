"""The messages between a supervisor and its workers."""

from __future__ import annotations

import msgspec

from gateway.console.node import WorkerState
from gateway.observe.merge import Families
from gateway.observe.supervision_metrics import Reloaded
from gateway.portal.readiness import Readiness
from gateway.process.management import StoreMark

PIECE = 128 * 1024
"""Bytes of a packed configuration in one order, so that none keeps the worker's loop for long."""

LONGEST_ORDER = 1024 * 1024
"""Bytes of one order."""

REPLY = 2.0
"""Seconds a worker has to answer its supervisor."""


# --- many processes: the worker's side -----------------------------------------------


class Order(msgspec.Struct):
    """A supervisor's order to a worker."""

    order: str
    """`part`, `reload`, `policies`, `reopen`, `metrics`, `check`, `state`, `apart` or `drain`."""
    apart: dict[str, float] = {}
    """The Apps that workers have put apart, each with the moment until when (`Worker.apart`)."""
    lame_duck: float = 0.0
    """Seconds in which a worker that drains still takes connections."""
    part: bytes = b""
    """A piece of a packed configuration; `reload` and `policies` come after the last one."""
    mistakes: tuple[str, ...] = ()
    """The mistakes in changed policies, which are not taken up then."""


class Reply(msgspec.Struct):
    """A worker's answer.

    The first one comes unasked and says that the worker takes requests. So does the last one, which has its numbers.
    """

    reloaded: Reloaded = Reloaded.ADOPTED
    """The answer to `reload`, and to `policies`."""
    families: Families = ()
    readiness: Readiness | None = None
    """The answer to `check`."""
    state: WorkerState | None = None
    """The answer to `state`."""
    mark: StoreMark | None = None
    """The stores that the worker uses; in the first answer."""
    apart: dict[str, float] = {}


encode = msgspec.json.encode
read_order = msgspec.json.Decoder(Order).decode
read_reply = msgspec.json.Decoder(Reply).decode
