"""An entry of a limit is taken before a request goes on, and a session is looked up before it is decided on.

These coroutines ask the two stores. `asyncio_exchange` waits for them, and goes on with what they return.
"""

from __future__ import annotations

import secrets
from functools import partial

from gateway.errors import StoreUnavailableError
from gateway.limits.asyncio_entry import CancelledEntry, ReservedEntry
from gateway.listen.services import RequestServices
from gateway.pipeline.outcome import MayGiveBack, NeedReservation, Step
from gateway.session.session import Gone, Limited, SessionState
from gateway.session.ticket import Ticket


async def session_of(ticket: Ticket, client: str, services: RequestServices, *, sealed: bool) -> SessionState:
    """Ask the store of sessions, unless too many tickets that stand for nothing came from this client's address.

    `sealed`: the ticket bears our seal.
    """
    rate, reason = services.lookups.of(sealed=sealed)
    if (wait := rate.wait(client, services.clock())) is not None:
        # This is not "signed out": a person with a real session can use it again soon.
        services.observer.limited(reason)
        return Limited(wait, reason)
    state = await services.sessions.load(ticket, services.clock())
    if isinstance(state, Gone):
        rate.take(client, services.clock())
    return state


async def taken_entry(
    need: NeedReservation, request_id: str, services: RequestServices
) -> tuple[Step, ReservedEntry | None]:
    """Ask the store of limits for an entry, and return what comes then, with the entry if there is one.

    Raises:
        RuntimeError: there is no store of limits, which is a bug of ours.

    """
    store = services.entries
    if store is None:
        raise RuntimeError("a rule has a limit, and there is no store of limits")
    # Not the request's id alone: a proxy in front may pass on one that a client made up, or sends twice.
    name = f"{request_id}.{secrets.token_hex(8)}"
    try:
        taken = await store.reserve(need.use, name, services.clock())
    except StoreUnavailableError:
        return need.unavailable, None
    if not taken:
        return need.none_left, None
    return need.taken, ReservedEntry(store, need.use, name, services.clock, need.limits)


def entry_to_cancel(may: MayGiveBack, request_id: str, services: RequestServices) -> CancelledEntry:
    """Return what the application's answer may cancel.

    Raises:
        RuntimeError: there is no store of limits, which is a bug of ours.

    """
    store = services.entries
    if store is None:
        raise RuntimeError("a rule gives entries back, and there is no store of limits")
    tell = partial(services.cancelled, may, request_id)
    return CancelledEntry(store, may.use, may.gives_back, services.clock, tell)
