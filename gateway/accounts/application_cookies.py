"""An application's cookies where the gateway signs in: which ones count, and which go where.

A cookie of the application counts only if the application set it in an answer to this very session and this very
account. The session keeps a keyed hash of each such cookie, and no cookie itself. Any other cookie of a browser does
not reach the application: one that was planted, stolen, or left by the last person.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import sha256

from gateway.accounts.set_cookie import Headers, SetCookie, read_set_cookie, set_cookies
from gateway.instant import Instant
from gateway.session.ticket import Ticket

HASH_SIGNS = 32
"""Signs of a cookie's hash: 128 bits."""

_OVER = "-"
"""Stands before the hash of a cookie whose session the application has ended."""

_DOMAIN = b"sekisho.accounts.cookies.v1:"
_COOKIE_LINE = re.compile(rb"\r\nCookie: ([^\r\n]*)")


@dataclass(frozen=True, slots=True)
class Jar:
    """The cookies that an application has set for us in one login."""

    cookies: tuple[SetCookie, ...] = ()

    def after(self, headers: Headers, at: str, now: Instant) -> Jar:
        """Return the jar with the cookies of one more answer."""
        kept = {(each.name, each.path): each for each in self.cookies}
        for _, line in set_cookies(headers):
            cookie = read_set_cookie(line, at, now)
            if cookie is None:
                continue
            kept.pop((cookie.name, cookie.path), None)
            if not cookie.over:
                kept[cookie.name, cookie.path] = cookie
        return Jar(tuple(kept.values()))

    def field_for(self, target: str) -> bytes:
        """Return the value of the Cookie field for a target; empty if none fits.

        Of two with one name, that of the longer path comes first (RFC 6265bis section 5.8.3): servers read that one.
        """
        path = target.partition("?")[0].encode("ascii", "replace")
        fitting = [each for each in self.cookies if _is_within(path, each.path)]
        fitting.sort(key=lambda each: -len(each.path))
        return b"; ".join(b"%b=%b" % (each.name, each.value) for each in fitting)


def _is_within(path: bytes, cookie_path: bytes) -> bool:
    """Whether a cookie with this path goes along (RFC 6265bis section 5.1.4)."""
    return path == cookie_path or path.startswith(cookie_path if cookie_path.endswith(b"/") else cookie_path + b"/")


def cookie_key(ticket: Ticket) -> bytes:
    """Return the key of the hashes of a session's cookies: only who has the ticket has it."""
    return sha256(_DOMAIN + ticket.encode()).digest()


def cookie_hash(key: bytes, app: str, account: str, name: bytes, value: bytes) -> str:
    """Return the hash by which a session knows a cookie of an account; the key is of the session alone."""
    parts = (app.encode(), account.encode(), name, value)
    message = b"".join(b"%d:%b" % (len(part), part) for part in parts)
    return hmac.digest(key, message, sha256).hex()[:HASH_SIGNS]


def hashes_of(headers: Headers, key: bytes, app: str, account: str, at: str, now: Instant) -> tuple[str, ...]:
    """Return the hashes of the cookies that an answer sets."""
    read = [read_set_cookie(line, at, now) for _, line in set_cookies(headers)]
    return tuple(
        cookie_hash(key, app, account, each.name, each.value) for each in read if each is not None and not each.over
    )


def pairs_of(field: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Return the cookies of a Cookie field."""
    pairs = [pair.partition(b"=") for pair in field.split(b";")]
    return tuple((name.strip(), value.strip()) for name, equals, value in pairs if equals)


def counted(
    field: bytes, known: Collection[str], key: bytes, app: str, account: str
) -> tuple[tuple[bytes, bytes], ...]:
    """Return the cookies of a request that count, each with its value as it came."""
    hashed = ((name, value, cookie_hash(key, app, account, name, value)) for name, value in pairs_of(field))
    return tuple((name, value) for name, value, word in hashed if word in known and _OVER + word not in known)


def over(pairs: Iterable[tuple[bytes, bytes]], key: bytes, app: str, account: str) -> tuple[str, ...]:
    """Return the words beside a session by which these cookies count no more."""
    return tuple(_OVER + cookie_hash(key, app, account, name, value) for name, value in pairs)


def field_of(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a Cookie field's value with these cookies."""
    return b"; ".join(b"%b=%b" % pair for pair in pairs)


def cookies_in(head: bytes) -> bytes:
    """Return the value of the Cookie field of a head that we have rendered; it has one at most."""
    found = _COOKIE_LINE.search(head)
    return found[1] if found else b""


def with_cookies(head: bytes, field: bytes) -> bytes:
    """Return a head that we have rendered with another Cookie field, or with none."""
    found = _COOKIE_LINE.search(head)
    line = b"\r\nCookie: " + field if field else b""
    if found is not None:
        return head[: found.start()] + line + head[found.end() :]
    first = head.index(b"\r\n")
    return head[:first] + line + head[first:]
