"""The plain port beside a TLS listener: it sends browsers to https, and does nothing else.

A listener of its own whose gate has `to_https` for its step; no session is looked at, nothing is
forwarded. Cookies with `__Host-` never come here, as browsers send them over https alone.
"""

from __future__ import annotations

from http import HTTPStatus

from gateway.instant import Instant
from gateway.pipeline.outcome import Answer
from gateway.pipeline.step import healthy, is_health, misdirected
from gateway.request.inbound import Inbound
from gateway.route.table import RouteTable
from gateway.session.session import SessionState


def to_https(inbound: Inbound, _known: SessionState, _now: Instant, table: RouteTable) -> Answer:
    """Send the browser to the same page of the App's public origin; 421 for hosts that have none."""
    if is_health(inbound, table):
        return healthy()
    route = table.match(inbound.host, inbound.target.path) or table.home(inbound.host)
    if route is None or not route.app.secure:
        return misdirected(inbound)
    location = route.origin.encode() + inbound.target.raw
    # 308 keeps the method (RFC 9110 section 15.4.9): a form sent in the clear has been seen, but is not lost.
    return Answer(
        HTTPStatus.PERMANENT_REDIRECT.value,
        ((b"Location", location), (b"Cache-Control", b"no-store")),
        close=True,
        verdict="portal",
        reason="to_https",
    )


def hsts_line(seconds: float | None) -> bytes:
    """Return the line that has browsers ask by https alone (RFC 6797 section 6.1), or nothing."""
    return b"" if not seconds else b"Strict-Transport-Security: max-age=%d\r\n" % int(seconds)
