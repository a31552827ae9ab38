"""The one-time token with which a page of ours requests data that a script must not get.

`/.sekisho/me` shows a button and no value. The button's form carries such a token, and the answer to it
shows the values. The token is keyed with the browser's ticket, which no script and no application knows,
so any worker can check it and only this session's own page has it. It opens one page once: the portal spends its name
in the store of pending logins (`login.pending.PendingStore.spend`).
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from hashlib import sha256

from gateway.instant import Instant
from gateway.request.inbound import Inbound
from gateway.request.navigation import is_surely_a_navigation
from gateway.request.same_site import Sender, sender
from gateway.session.ticket import Ticket

TOKEN_SECONDS = 300
"""The lifetime of a token: the time between seeing a button and pressing it. Well under the life of a spent name."""

CLOCKS_APART = 30
"""Seconds by which the clocks of two of our machines may differ."""

NONCE_BYTES = 16

_SHAPE = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{22})\.([0-9a-f]{64})")
_DOMAIN = b"sekisho.once.v1:"

WORD_SIGNS = 32
"""Signs of the word that names a thing of a session in a URL: 128 bits."""

_WORDS = b"sekisho.word.v1:"


def is_own_press(inbound: Inbound, origin: str) -> bool:
    """Whether a person has surely pressed a button of a page of this origin: no script and no other site sent it."""
    return is_surely_a_navigation(inbound) and sender(inbound, origin) is Sender.OURS


def make_token(ticket: Ticket, page: str, now: Instant, nonce: bytes) -> str:
    """Return a token for one page of ours. `nonce` is `NONCE_BYTES` random bytes."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce is {NONCE_BYTES} bytes, not {len(nonce)}")
    said = f"{int(now)}.{urlsafe_b64encode(nonce).rstrip(b'=').decode()}"
    return f"{said}.{_mac(ticket, page, said)}"


def name_to_spend(token: str, ticket: Ticket, page: str, now: Instant) -> str | None:
    """Return the name by which a token is used up, or `None` where it is not one of this session's, or is too old."""
    match = _SHAPE.fullmatch(token)
    if match is None:
        return None
    said = f"{match[1]}.{match[2]}"
    if not hmac.compare_digest(match[3], _mac(ticket, page, said)):
        return None
    age = now - int(match[1])
    if not -CLOCKS_APART <= age < TOKEN_SECONDS:
        return None
    return f"once:{match[3]}"


def word_of(ticket: Ticket, page: str, what: str) -> str:
    """Return the word by which a URL of ours names a thing of one session, so that no log has the thing's name."""
    return hmac.digest(ticket.encode(), _WORDS + f"{page}:{what}".encode(), sha256).hex()[:WORD_SIGNS]


def _mac(ticket: Ticket, page: str, said: str) -> str:
    return hmac.digest(ticket.encode(), _DOMAIN + f"{page}:{said}".encode(), sha256).hex()
