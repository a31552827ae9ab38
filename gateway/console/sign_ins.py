"""The operators who have signed in to the console: records on the server, which a cookie's secret finds.

A record ends after a time of silence, at its absolute end, with a sign-out, and with the operator's entry in the file
of tokens. It lives in the process that serves the management listener, so a restart of the gateway ends all of them.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.console.csrf import KEY_BYTES
from gateway.instant import Instant, began
from gateway.portal.operators import Operator, Operators

SECRET_BYTES = 32
"""Random bytes of a cookie's value."""

MOST_SIGN_INS = 1_000
"""Sign-ins at most. The oldest one ends where there is one more: an office has fewer operators."""


@dataclass(slots=True)
class SignIn:
    """One operator in one browser."""

    operator: Operator
    by_token: bool
    """By a token of the file, which must still stand there; otherwise the provider said who it is."""
    began_at: Instant
    seen_at: Instant
    csrf: bytes = field(repr=False)
    done: tuple[str, int | None] | None = None
    """The outcome of the last button and its number, for the next page: shown once."""


class SignIns:
    """The sign-ins of one process."""

    def __init__(self, clock: Callable[[], Instant], random: Callable[[int], bytes]) -> None:
        """`clock` gives Unix seconds, `random(n)` n random bytes fit for a key."""
        self._clock = clock
        self._random = random
        self._kept: OrderedDict[bytes, SignIn] = OrderedDict()

    def begin(self, operator: Operator, *, by_token: bool) -> str:
        """Keep a new sign-in, and return the secret for the cookie."""
        if len(self._kept) >= MOST_SIGN_INS:
            self._kept.popitem(last=False)
        secret = urlsafe_b64encode(self._random(SECRET_BYTES)).rstrip(b"=").decode()
        now = self._clock()
        self._kept[_name(secret)] = SignIn(operator, by_token, now, now, self._random(KEY_BYTES))
        return secret

    def find(self, secret: str, operators: Operators, *, idle: float, absolute: float) -> SignIn | None:
        """Return the sign-in of a cookie, and restart its idle clock; `None` if it has ended.

        `operators` are the people of the file as it is now: one who was removed, or has a new token, is signed out, and
        her roles are those of the file. `idle` and `absolute` are seconds.
        """
        name = _name(secret)
        found = self._kept.get(name)
        if found is None:
            return None
        now = self._clock()
        # A clock that was set back far makes nothing younger: such a sign-in ends.
        if not (began(found.began_at, now) and now - found.began_at < absolute and now - found.seen_at < idle):
            del self._kept[name]
            return None
        if found.by_token:
            known = next((each for each in operators.all if each.token_hash == found.operator.token_hash), None)
            if known is None or known.name != found.operator.name:
                del self._kept[name]
                return None
            found.operator = known
        found.seen_at = now
        return found

    def end(self, secret: str) -> None:
        """Forget a sign-in."""
        self._kept.pop(_name(secret), None)


def _name(secret: str) -> bytes:
    """Return the name of a record: a reader of this process's memory by name finds no cookie."""
    return sha256(b"sekisho.console.sign-in.v1:" + secret.encode("utf-8", "surrogatepass")).digest()
