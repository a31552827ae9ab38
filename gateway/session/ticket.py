"""The ticket: the random secret in the cookie. The store knows only its hash.

Holding a ticket is holding a session, so a ticket is made of 256 random bits that the
caller brings, changes at every sign-in, and is never logged, stored or forwarded.

A cookie carries a ticket in one of two forms: plain, or with a **seal**, a short MAC under a key
that is made for this purpose alone. The seal says nothing of a session. It is a filter: the gateway recognises a ticket
that it did not issue without a look-up, and such a ticket counts against no limit. Both forms name the same session.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import blake2s, sha256

from gateway.request.brought import Brought

Ticket = str
"""43 characters of base64url: 32 random bytes. Never with a seal, which is the cookie's alone."""

TICKET_BYTES = 32
SEAL_BYTES = 12
"""Bytes of a seal: 2^96 tries for one forgery, each of which buys a look-up and no session."""
MOST_COOKIES = 8
"""Cookies of one name that are looked at. A browser has two of a `__Host-` name at most: plain and partitioned."""

_SHAPE = re.compile(rb"([A-Za-z0-9_-]{43})(?:\.([A-Za-z0-9_-]{16}))?")

_NAME_DOMAIN = b"sekisho.session.name.v1:"
"""Keeps a ticket's name apart from every other hash of it that may be made."""


def new_ticket(random: bytes) -> Ticket:
    """Return a ticket made of 32 random bytes."""
    if len(random) != TICKET_BYTES:
        raise ValueError(f"a ticket is made of {TICKET_BYTES} bytes, not {len(random)}")
    return urlsafe_b64encode(random).rstrip(b"=").decode()


def ticket_name(ticket: Ticket) -> str:
    """Return the name a session is stored under: the ticket's hash, which opens nothing."""
    return sha256(_NAME_DOMAIN + ticket.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TicketSeals:
    """The form of tickets in cookies, and the check whether we issued one (`sessions.tickets`)."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)
    """Made from the server's secrets (`seal.ticket_seals`): the first seals, all verify."""
    issue_sealed: bool = False
    """Whether new cookies carry a seal."""
    accept_plain: bool = True
    """Whether a ticket without a seal may stand for a session."""

    def cookie(self, ticket: Ticket) -> str:
        """Return the value of the session cookie for a ticket."""
        if not self.issue_sealed:
            return ticket
        return f"{ticket}.{_seal(self.keys[0], ticket.encode()).decode()}"

    def holds(self, ticket: bytes, seal: bytes) -> bool:
        """Whether one of our keys made this seal for this ticket; compared in constant time."""
        return any(hmac.compare_digest(_seal(key, ticket), seal) for key in self.keys)


PLAIN = TicketSeals()
"""Without a key it issues and accepts only plain tickets."""


def _seal(key: bytes, ticket: bytes) -> bytes:
    return urlsafe_b64encode(blake2s(ticket, key=key, digest_size=SEAL_BYTES).digest())


def cookies_named(cookies: bytes, name: bytes) -> list[bytes]:
    """Return the value of every cookie with this exact name (RFC 6265bis section 5.8.3), as they came."""
    if name not in cookies:
        return []
    found = []
    for pair in cookies.split(b";"):
        key, equals, value = pair.strip(b" \t").partition(b"=")
        if equals and key == name:
            found.append(value)
    return found


def find_brought(cookies: bytes, name: bytes, seals: TicketSeals = PLAIN) -> Brought | None:
    """Return the only ticket in the cookies of this name, or `None` if there is none or more than one.

    A script can put a cookie beside ours (partitioned, or of another path), and no browser says which of the two we
    set. One that cannot be ours is passed over. If two tickets may be ours, neither is believed: with the wrong one
    this person would act in a stranger's name.
    """
    at = cookies.find(name)
    if at < 0:
        return None
    if cookies.find(name, at + 1) < 0:
        # The usual case first: the name stands in one place, so one pair alone can have it.
        end = cookies.find(b";", at)
        pair = cookies[cookies.rfind(b";", 0, at) + 1 : end if end >= 0 else len(cookies)].strip(b" \t")
        key, equals, value = pair.partition(b"=")
        return _believed(value, seals) if equals and key == name else None
    values = cookies_named(cookies, name)
    if len(values) > MOST_COOKIES:
        return None
    found = _believable(values, seals)
    return found[0] if len(found) == 1 else None


def every_brought(cookies: bytes, name: bytes, seals: TicketSeals = PLAIN) -> list[Brought]:
    """Return every ticket in the cookies of this name that may be ours: to end them all, never to believe one."""
    return _believable(cookies_named(cookies, name)[:MOST_COOKIES], seals)


def _believed(value: bytes, seals: TicketSeals) -> Brought | None:
    match = _SHAPE.fullmatch(value)
    if match is None:
        return None
    ticket, seal = match.groups()
    if seals.accept_plain if seal is None else seals.holds(ticket, seal):
        return Brought(ticket.decode(), seal is not None)
    return None


def _believable(values: list[bytes], seals: TicketSeals) -> list[Brought]:
    found: dict[Ticket, bool] = {}
    for value in values:
        brought = _believed(value, seals)
        if brought is not None:
            found[brought.ticket] = found.get(brought.ticket, False) or brought.sealed
    return [Brought(ticket, sealed) for ticket, sealed in found.items()]


def find_ticket(cookies: bytes, name: bytes, seals: TicketSeals = PLAIN) -> Ticket | None:
    """Return the ticket that `find_brought` finds."""
    brought = find_brought(cookies, name, seals)
    return None if brought is None else brought.ticket
