"""Back-channel logout: checks the provider's logout token.

OpenID Connect Back-Channel Logout 1.0. The provider posts a signed token to an App's origin; what it names ends,
on every worker, with its open streams. The ordinary way out, by the person's own button, is `SignInService.sign_out`.
Whether a `jti` came before is asked of the store by `service`: only a good token is worth remembering.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from gateway.errors import SignInInvalidError
from gateway.instant import Instant
from gateway.login.claims import (
    LONGEST_SUBJECT,
    LONGEST_TOKEN,
    Check,
    VerificationKey,
    read_subject,
    read_time,
    verified_claims,
)

EVENT = "http://schemas.openid.net/event/backchannel-logout"

LOGOUT_TYPES = ("logout+jwt", "JWT")
"""The type is recommended, and older providers leave it out; an access token's is another."""

MOST_FIELDS = 256
"""Fields of a form that are looked at; one with more is refused."""

OLDEST_LOGOUT = 300.0
"""Seconds after which a logout token is not believed any more: the specification asks for a short time."""


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """A logout token that holds: it names a subject, a provider's session, or both."""

    jti: str
    subject: str | None
    sid: str | None


@dataclass(frozen=True, slots=True)
class LogoutExpected:
    """The values that a logout token must agree with."""

    issuer: str
    client_id: str
    algorithms: tuple[str, ...]
    now: Instant
    skew: float


def read_logout_form(body: bytes) -> str:
    """Return the one `logout_token` of a form (section 2.5).

    Raises:
        SignInInvalidError: there is none, or more than one, or it is no form.

    """
    if len(body) > 2 * LONGEST_TOKEN:
        raise SignInInvalidError(Check.SHAPE)
    try:
        # Section 2.5 has every other field ignored, also one that is no name and value.
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise SignInInvalidError(Check.SHAPE) from error
    tokens = [value for name, value in pairs if name == "logout_token"]
    if len(tokens) != 1 or not tokens[0]:
        raise SignInInvalidError(Check.SHAPE)
    return tokens[0]


def read_logout_token(token: str, keys: Iterable[VerificationKey], expected: LogoutExpected) -> LogoutToken:
    """Return what a logout token names, once it holds in every point (section 2.6).

    Raises:
        SignInInvalidError: with the first `Check` it fails.

    """
    # Steps 1 and 2.
    claims = verified_claims(token, keys, expected.algorithms, types=LOGOUT_TYPES)
    # Step 3: iss, aud, iat and exp as in an ID token.
    if claims.get("iss") != expected.issuer:
        raise SignInInvalidError(Check.ISSUER)
    # As in an ID token: another audience beside us could send it on.
    if claims.get("aud") not in (expected.client_id, [expected.client_id]):
        raise SignInInvalidError(Check.AUDIENCE)
    issued = read_time(claims.get("iat"), Check.ISSUED_AT)
    if not expected.now - OLDEST_LOGOUT - expected.skew <= issued <= expected.now + expected.skew:
        raise SignInInvalidError(Check.ISSUED_AT)
    if read_time(claims.get("exp"), Check.EXPIRED) <= expected.now - expected.skew:
        raise SignInInvalidError(Check.EXPIRED)
    # Step 4: it names a subject or a session.
    subject = read_subject(claims["sub"]) if claims.get("sub") is not None else None
    sid = claims.get("sid")
    if not isinstance(sid, str | None) or sid == "" or (sid is not None and len(sid) > LONGEST_SUBJECT):
        raise SignInInvalidError(Check.SID)
    if subject is None and sid is None:
        raise SignInInvalidError(Check.SUBJECT)
    # Step 5: it is about this event, and says so with an object.
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise SignInInvalidError(Check.EVENTS)
    # Step 6: with a nonce it could be an ID token in disguise.
    if "nonce" in claims:
        raise SignInInvalidError(Check.NONCE)
    # Step 7, whether it came before, needs a name for it.
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_SUBJECT:
        raise SignInInvalidError(Check.JTI)
    return LogoutToken(jti, subject, sid)
