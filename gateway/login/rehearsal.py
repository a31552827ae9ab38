"""A rehearsal of a sign-in at the stores, with nobody in it.

A store may answer a simple question and still refuse a command that only a sign-in needs: a Redis user without one of
the rights on the sessions page, a replica, a full disk. The rehearsal gives these commands, and removes its session.
It does not use its pending login. A used one counts among the caps until it would have ended, and the probes of a large
fleet would fill them; one that waits makes room for the next, since all of them are of one browser.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.identity import Identity, Scope
from gateway.instant import Instant
from gateway.login.pending import PendingLogin, PendingStore, random_name
from gateway.session.session import Session, SessionStore
from gateway.session.ticket import new_ticket

_NOBODY = "rehearsal"
"""Client, subject, host and browser of the rehearsal: no client and no host has this name."""

_ADDRESS = "127.0.0.1"

_SECONDS = 60.0
"""The lifetime of the rehearsal's session, if it is not removed as it should be."""


async def rehearse(pending: PendingStore, sessions: SessionStore, now: Instant, random: Callable[[int], bytes]) -> None:
    """Take a sign-in through both stores, from its beginning to its sign-out.

    Raises:
        StoreUnavailableError: a store refused a command, or did not answer.

    """
    await sessions.check()
    state = random_name(random(32))
    login = PendingLogin(
        browser=_NOBODY,
        host=_NOBODY,
        client_id=_NOBODY,
        nonce="",
        verifier="",
        return_to="/",
        rule="",
        scopes=(),
        begun_at=now,
    )
    # A store that is full of pending logins says no: it works, and the sign-ins it refuses are counted.
    if await pending.open(state, login, _ADDRESS, now):
        await pending.find(state, now)
    if await pending.spend(state, now):
        await pending.unspend(state)
    ticket = new_ticket(random(32))
    person = Identity(_NOBODY, _NOBODY, now, frozenset({Scope.OPENID}))
    await sessions.create(ticket, Session(person, now, now + _SECONDS, _NOBODY))
    await sessions.find(ticket)
    await sessions.delete(ticket, None)
