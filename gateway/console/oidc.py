"""The sign-in of operators by OpenID Connect: what waits while the browser is away, and who comes back.

`aiohttp_oidc` calls the provider, with the client that citizens' sign-ins use. The checks of the ID token are those of
`login.claims`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from gateway.instant import Instant, began
from gateway.portal.operators import Operator, Role
from gateway.settings.settings import ConsoleOidcSettings

LIFETIME = 600.0
"""Seconds in which an operator must come back from the provider."""

MOST_PENDING = 1_000
"""Logins under way at most; the oldest one gives way."""

_NAME = re.compile(r"[^\x00-\x20\x7f-\x9f]{1,64}")


@dataclass(frozen=True, slots=True)
class Pending:
    """One login under way."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    began_at: Instant


class PendingLogins:
    """The logins under way, by the hash of the secret in the browser's cookie. Each is used once."""

    def __init__(self, clock: Callable[[], Instant]) -> None:
        self._clock = clock
        self._kept: OrderedDict[bytes, Pending] = OrderedDict()

    def keep(self, browser: str, pending: Pending) -> None:
        """Keep a login for the browser with this secret."""
        if len(self._kept) >= MOST_PENDING:
            self._kept.popitem(last=False)
        self._kept[_hash(browser)] = pending

    def take(self, browser: str, state: str) -> Pending | None:
        """Return the login of this browser and state, once; `None` if there is none, or it is too old."""
        found = self._kept.pop(_hash(browser), None)
        if found is None or not compare_digest(found.state.encode(), state.encode("utf-8", "surrogatepass")):
            return None
        now = self._clock()
        return found if began(found.began_at, now) and now - found.began_at < LIFETIME else None


def _hash(secret: str) -> bytes:
    return sha256(b"sekisho.console.login.v1:" + secret.encode("utf-8", "surrogatepass")).digest()


def operator_of(claims: Mapping[str, Any], settings: ConsoleOidcSettings) -> Operator | None:
    """Return the operator whom an ID token names, or `None` if it names nobody who may come in."""
    name = claims.get(settings.name_claim)
    if not isinstance(name, str) or _NAME.fullmatch(name) is None or not name.isprintable():
        return None
    said = claims.get(settings.roles_claim)
    listed = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    words = {word for word in listed if isinstance(word, str)}
    given = {
        Role.LOOK: settings.look,
        Role.ACT: settings.act,
        Role.AUDIT: settings.audit,
        Role.AUTHOR: settings.author,
        Role.ACCOUNTS: settings.accounts,
    }
    roles = frozenset(role for role, names in given.items() if words.intersection(names))
    # A name of the provider's is told apart from one of the file of tokens.
    return Operator(f"{name} (OIDC)", roles) if roles else None
