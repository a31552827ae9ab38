"""A visit gives the portal the facts that the request's bytes do not have.

The byte path puts a `Visit` into a table under a one-time token and sends the token in a
header that is stripped from every client; the portal takes it out again, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from gateway.instant import Instant
from gateway.policy.verdict import Challenge, Deny, Sign
from gateway.request.inbound import Inbound
from gateway.request.signed_form import Unsignable
from gateway.route.route import Route
from gateway.session.session import EndCause, Limited, SessionState

VISIT_HEADER = "Sekisho-Visit"

REASON_HEADER = "Sekisho-Reason"
"""The portal names the reason of an answer in it; the listener strips every field whose name begins so."""
WAITED_HEADER = "Sekisho-Waited"
"""The seconds in which the portal waited for a store or the provider, likewise."""
_REASON, _WAITED = REASON_HEADER.lower().encode(), WAITED_HEADER.lower().encode()


class Trouble(StrEnum):
    """Pages about what went wrong on our side of things, not the person's."""

    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_PROTOCOL = "upstream_protocol"
    APPLICATION_SESSION_ENDED = "application_session_ended"
    STORE_UNAVAILABLE = "store_unavailable"
    OVERLOADED = "overloaded"
    TOO_MANY_REQUESTS = "too_many_requests"
    MAINTENANCE = "maintenance"
    AUDIT_UNAVAILABLE = "audit_unavailable"


@dataclass(frozen=True, slots=True)
class OwnPage:
    """The browser asked for one of the portal's own URLs; its method and body are passed on."""


@dataclass(frozen=True, slots=True)
class WorkerPage:
    """A service worker of the application stands in front of our own URLs: remove it, and say how to go on."""


@dataclass(frozen=True, slots=True)
class SignInPage:
    """A navigation must sign in: the notice (401), or, for `openid` alone, at once the provider (303)."""

    challenge: Challenge


@dataclass(frozen=True, slots=True)
class FormNotSentPage:
    """A navigating POST must sign in: say that the form was not sent (401), open the sign-in in a new tab."""

    challenge: Challenge
    keep: bool = False
    """The rule says `keep_form` and this form can be kept: its body comes along, and the sign-in needs no new tab."""


@dataclass(frozen=True, slots=True)
class ForeignFormPage:
    """A form that must sign in was sent by another site's page: say so, and offer the page itself (401).

    The browser left our cookies out, and leaves them out again when the page is loaded again.
    """

    challenge: Challenge
    site: str
    """The site's origin; empty where it is not known."""


@dataclass(frozen=True, slots=True)
class ReturnedFormPage:
    """A form came back from a site that the rule names: seal its body, and offer to go on by a press (401)."""

    challenge: Challenge
    site: str


@dataclass(frozen=True, slots=True)
class FormOverPage:
    """The press on a form that came back, and that can no longer be sent: too late, elsewhere, or sent already."""


@dataclass(frozen=True, slots=True)
class SignFormPage:
    """A form must be signed before it goes on: show it in full, and offer to sign it (200). Its body comes along."""

    rule: str
    sign: Sign


@dataclass(frozen=True, slots=True)
class NotSignablePage:
    """A form must be signed and cannot be: say why (415), and that it was not sent."""

    rule: str
    why: Unsignable


class AccountAsk(StrEnum):
    """The question to a person about the application's accounts."""

    LINK = "link"
    """She has no account here yet: she links one, or says that she has none."""
    CHOOSE = "choose"
    """She has several, and says for which one she acts."""
    AGAIN = "again"
    """She is linked to one, and the application's password is needed once more."""


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The rule needs to know for which account of the application the person acts: ask her (403)."""

    rule: str
    ask: AccountAsk
    required: bool
    """Nobody passes without an account."""


@dataclass(frozen=True, slots=True)
class RefusalPage:
    """The policy said no: the conditions' own sentences."""

    deny: Deny


@dataclass(frozen=True, slots=True)
class TroublePage:
    """Something does not work; with the request id and what to do."""

    trouble: Trouble
    status: int
    retry_after: int | None = None


Purpose = (
    OwnPage
    | WorkerPage
    | SignInPage
    | FormNotSentPage
    | ForeignFormPage
    | ReturnedFormPage
    | FormOverPage
    | SignFormPage
    | NotSignablePage
    | AccountPage
    | RefusalPage
    | TroublePage
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to the portal. Only what `brings_body` arrives with one."""

    route: Route
    inbound: Inbound
    """The browser's request, which may be for another page than the one that the portal makes."""
    session: SessionState
    purpose: Purpose
    at: Instant = 0.0
    """The moment in which the portal took it: what a page says of times is said from there."""
    sign_in: float = 1_800.0
    """Seconds that a person has for a sign-in."""
    ended: EndCause | None = None
    """The cause that ended the session of the browser's ticket, where it is known."""
    find_home: Callable[[Visit], str] | None = None
    """Returns the link to the App's front page, or nothing if that page would ask for a sign-in.

    The policy is asked for it, so only a page that shows the link looks it up. `None`: the link is always there.
    """

    @property
    def brings_body(self) -> bool:
        """Whether the browser's body goes to the portal; else the portal is asked with a GET that has none."""
        purpose = self.purpose
        return isinstance(purpose, OwnPage | ReturnedFormPage | SignFormPage) or (
            isinstance(purpose, FormNotSentPage) and purpose.keep
        )


@dataclass(frozen=True, slots=True)
class Told:
    """The portal's words to the listener about an answer, for the access line."""

    reason: str = ""
    waited: float = 0.0


def told(headers: Iterable[tuple[bytes, bytes]]) -> Told:
    """Return what the fields of an answer of the portal say to the listener alone."""
    fields = {name.lower(): value for name, value in headers}
    return Told(fields.get(_REASON, b"").decode("ascii"), float(fields.get(_WAITED, b"0")))


def access_words(visit: Visit) -> tuple[str, str | None, str | None]:
    """Return what the access line says of a visit: the verdict, its rule and its reason, `None` where it has none."""
    match visit.purpose:
        case OwnPage():
            return "portal", None, None
        case WorkerPage():
            return "deny", None, "service_worker"
        case SignInPage(challenge) | FormNotSentPage(challenge):
            return "challenge", str(challenge.rule), challenge.reason.value
        case ForeignFormPage(challenge):
            return "challenge", str(challenge.rule), "foreign_form"
        case ReturnedFormPage(challenge):
            return "challenge", str(challenge.rule), "returned_form"
        case FormOverPage():
            return "deny", None, "form_over"
        case SignFormPage(rule):
            return "challenge", rule, "signature"
        case NotSignablePage(rule, why):
            return "deny", rule, f"not_signable:{why.value}"
        case AccountPage(rule, ask):
            return "challenge", rule, f"account_{ask.value}"
        case RefusalPage(deny):
            return "deny", "" if deny.rule is None else str(deny.rule), deny.words
        case TroublePage(trouble=trouble):
            session = visit.session
            return "error", None, session.reason if isinstance(session, Limited) else trouble.value
        case _:
            assert_never(visit.purpose)
