"""The faults that a test can order from the emulator, so that it tries every check of a relying party.

Pure. A `Fault` spoils the next answers of one endpoint; an `Alterations` changes what tokens and
UserInfo say. Both are empty unless somebody asked, through `Emulator` or its control API.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

ENDPOINTS = frozenset({"discovery", "auth", "token", "userinfo", "certs", "end_session", "sign_start", "sign_result"})


class CardSignature(StrEnum):
    """How a card's signature over a document comes out."""

    RIGHT = "right"
    BROKEN = "broken"
    """One bit turned."""
    OTHER_DOCUMENT = "other_document"
    """A good signature over something else."""
    BARE_HASH = "bare_hash"
    """Over the same hash, padded without its DigestInfo."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the next `times` answers of an endpoint go wrong."""

    endpoint: str
    status: int | None = None
    """Answer with this status instead of what is right."""
    body: str | None = None
    """Answer with this body; with `status` alone the body is empty."""
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    delay: float = 0.0
    """Seconds to wait first; a fault with nothing else answers rightly afterwards."""
    drop: bool = False
    """Close the connection without an answer."""
    times: int | None = None
    """How many answers; None: until it is lifted."""

    def __post_init__(self) -> None:
        if self.endpoint not in ENDPOINTS:
            raise ValueError(f"`{self.endpoint[:40]}` is no endpoint: one of {', '.join(sorted(ENDPOINTS))}")
        if self.status is not None and not 200 <= self.status <= 599:
            raise ValueError("`status` must be 200 to 599")
        if not 0 <= self.delay <= 600:
            raise ValueError("`delay` must be 0 to 600 seconds")


class Alterations(msgspec.Struct, forbid_unknown_fields=True):
    """Changes to answers that are otherwise right. In each mapping null takes a member away."""

    id_token: dict[str, object] = {}
    """Claims of the ID token. For `exp`, `iat`, `nbf`, `auth_time` a number near zero (ten years) counts from now."""
    id_token_header: dict[str, object] = {}
    """Its header, before it is signed; with `alg: none` the signature is empty."""
    signature: str = "right"
    """The ID token's: `right`, `broken` (one bit turned) or `stranger` (a key nobody publishes)."""
    token_response: dict[str, object] = {}
    userinfo: dict[str, object] = {}
    discovery: dict[str, object] = {}
    authorization_response: dict[str, str | None] = {}
    """Parameters of the redirect back."""
    sign_start: dict[str, object] = {}
    """Members of the answer that starts a signing transaction."""
    sign_result: dict[str, object] = {}
    """Members of a signing transaction's result."""
    card_signature: CardSignature = CardSignature.RIGHT
    withheld: list[str] = []
    """Scopes that are not granted although asked for."""
    extra_keys: list[dict[str, object]] = []
    """Further keys that the emulator publishes beside its own."""

    def __post_init__(self) -> None:
        if self.signature not in {"right", "broken", "stranger"}:
            raise ValueError("`signature` must be `right`, `broken` or `stranger`")


_TIMES = frozenset({"exp", "iat", "nbf", "auth_time"})
_TEN_YEARS = 315_360_000


def altered(members: dict[str, object], changes: dict[str, object], now: float = 0.0) -> dict[str, object]:
    """Return the members with the changes made; a small number for a time is relative to `now`."""
    result = dict(members)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif name in _TIMES and isinstance(value, int) and abs(value) < _TEN_YEARS:
            result[name] = int(now) + value
        else:
            result[name] = value
    return result
