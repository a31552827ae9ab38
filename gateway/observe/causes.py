"""The cause of an answer: the part that decided how a request ended, as one closed word.

Every answer has one cause, also an answer that the application made. The cause is a label of metrics, and so an alert
about availability leaves out planned maintenance, scanners and browsers that left. A cause follows from the access
line alone: its status, its verdict and its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """The parts that decide how a request ends. Label of metrics."""

    UPSTREAM = "upstream"
    """The application: the gateway passed its answer on, with any status, or the application failed to give one.
    In forward-auth mode, the permit to ask it."""
    POLICY = "policy"
    """The rules: they refused the request, or asked the person to sign in."""
    PORTAL = "portal"
    """The gateway, as it should: a page of its own, a redirect, the answer of the health check."""
    CLIENT = "client"
    """The client: nobody could serve its request, or it left or stalled before the end."""
    OVERLOAD = "overload"
    """A limit: of connections, of an App's requests and their queue, of look-ups, of sign-ins."""
    STORE = "store"
    """A store did not answer: that of sessions, of pending logins or of limits."""
    PROVIDER = "provider"
    """The provider did not answer, or refused the gateway as its client."""
    MAINTENANCE = "maintenance"
    """An operator's switch closed the App."""
    GATEWAY = "gateway"
    """The gateway: a mistake of ours, or its own end."""


FAULTS: Final = frozenset({Cause.UPSTREAM, Cause.OVERLOAD, Cause.STORE, Cause.PROVIDER, Cause.GATEWAY})
"""The causes by which a 5xx counts against availability. A 5xx of any other cause is what somebody asked for."""

UPSTREAM_STATUS: Final = "upstream_status"
"""The reason of a 5xx that the application itself answered."""
CLIENT_GONE: Final = "client_gone"
"""The reason of a request whose client has left."""
GATEWAY_STOPPED: Final = "gateway_stopped"
"""The reason of a request that the end of this gateway has cut."""
INTERNAL_ERROR: Final = "internal_error"
"""The reason of an answer after a mistake of ours."""
PORTAL_FAILED: Final = "portal_failed"
"""The reason of an answer in the place of a page of ours, which did not come."""

REASONS: Final[Mapping[str, tuple[Cause, str]]] = {
    UPSTREAM_STATUS: (Cause.UPSTREAM, "The application itself answered 5xx, and the gateway passed it on."),
    "upstream_unreachable": (Cause.UPSTREAM, "No upstream of the App accepted a connection."),
    "upstream_timeout": (Cause.UPSTREAM, "The application took the request and did not answer in time."),
    "upstream_protocol": (Cause.UPSTREAM, "The application's answer is no HTTP/1.1 that the gateway accepts."),
    "application_session_ended": (
        Cause.UPSTREAM,
        "The application ended its own session in the middle of a body that is too long to be sent twice.",
    ),
    "overloaded": (Cause.OVERLOAD, "The App has as many requests as `concurrency`, and its queue is full or too slow."),
    "connections": (Cause.OVERLOAD, "The worker has as many connections as `traffic.connections`."),
    "connections_per_address": (Cause.OVERLOAD, "One address has as many connections as it may."),
    "no_room": (Cause.OVERLOAD, "As many documents wait for a signature as the App may have (`signing.room`)."),
    "too_many": (Cause.OVERLOAD, "More sign-ins are pending or tried than `rates` allow."),
    "too_many_requests": (Cause.OVERLOAD, "More requests came from one address than `rates` allow."),
    "store_unavailable": (Cause.STORE, "A store did not answer, and the rule needs it."),
    "limit_store_unfit": (Cause.STORE, "The store of limits may forget what it counted, and is not trusted to count."),
    "account_store_unfit": (Cause.STORE, "The store of accounts may forget a link, or others can read it."),
    "store_down": (Cause.STORE, "A store did not answer in the course of a sign-in."),
    "misconfigured": (Cause.PROVIDER, "The provider does not accept our request, or answers with an unknown code."),
    "provider_down": (Cause.PROVIDER, "The provider did not answer, or refused the gateway as its client."),
    "provider_unavailable": (Cause.PROVIDER, "The provider did not answer."),
    "provider_refused": (Cause.PROVIDER, "The provider refused the gateway as its client."),
    "start_refused": (Cause.PROVIDER, "The provider did not begin a signature."),
    "not_ready": (Cause.PROVIDER, "The provider has no result of a signature yet, or another request is fetching it."),
    "result_refused": (Cause.PROVIDER, "The provider gives no result of a signature."),
    "result_invalid": (Cause.PROVIDER, "The provider's result of a signature cannot be believed."),
    "maintenance": (Cause.MAINTENANCE, "A switch of an operator closes the App."),
    INTERNAL_ERROR: (Cause.GATEWAY, "A mistake of ours; an event with the request id says where."),
    PORTAL_FAILED: (Cause.GATEWAY, "A page of ours did not come: the portal failed, or was too slow."),
    GATEWAY_STOPPED: (Cause.GATEWAY, "The gateway ended before the request did (`drain_timeout`)."),
    "stores_differ": (Cause.STORE, "The management listener could not open the stores that the workers stand on."),
    "audit_unavailable": (Cause.GATEWAY, "The audit trail could not be written, and `audit.required` is on."),
    "method": (Cause.CLIENT, "Nobody here knows the method."),
    "http_version": (Cause.CLIENT, "The client speaks another version of HTTP."),
    "transfer_coding": (Cause.CLIENT, "The body has a coding that the gateway does not know."),
    "fetched_ahead": (Cause.CLIENT, "A browser fetched a page of ours ahead; it asks again when the person comes."),
    CLIENT_GONE: (Cause.CLIENT, "The client has left; the status is 499 if the answer had not begun."),
    "stream_idle": (Cause.CLIENT, "The client neither sent nor read for too long."),
    "server_wide": (Cause.PORTAL, "OPTIONS about the gateway itself, and not about an application."),
    "session_over": (Cause.PORTAL, "The session that opened the stream has ended, and the stream with it."),
    "account_over": (Cause.PORTAL, "The link to the account for which the stream was opened has ended."),
}
"""The reasons that decide a cause by themselves, each with its sentence: every reason of a 5xx is among them, but those
of a policy's `say`."""

_OF_VERDICT: Final[Mapping[str, Cause]] = {
    "permit": Cause.UPSTREAM,
    "deny": Cause.POLICY,
    "challenge": Cause.POLICY,
    "portal": Cause.PORTAL,
}

_SERVER_ERROR: Final = 500
_TOO_MANY: Final = 429


def cause_of(status: int, verdict: str, reason: str) -> Cause:
    """Return the cause of an answer, by the values of its access line."""
    known = REASONS.get(reason)
    if known is not None:
        return known[0]
    if (cause := _OF_VERDICT.get(verdict)) is not None:
        return cause
    if status == _TOO_MANY:
        return Cause.OVERLOAD
    return Cause.GATEWAY if status >= _SERVER_ERROR else Cause.CLIENT
