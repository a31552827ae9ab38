"""The head of a request that the byte path sends to the portal."""

from __future__ import annotations

from gateway.pipeline.visit import VISIT_HEADER, OwnPage, Visit
from gateway.request.inbound import Inbound
from gateway.request.media_type import content_type
from gateway.request.target import encoded


def portal_head(visit: Visit, token: str) -> bytes:
    """Return the head that asks the portal for a page, in the same form as `outbound_head`.

    A page that is not one of the portal's own URLs is asked for as a GET of `/` without a body, or as a POST if a form
    is to be kept. One of its own is asked for in the canonical spelling, by which it was found to be one. Of the
    client's fields only the body's type gets through. The visit behind `token` has the rest, cookies included. A
    server's parser that refuses a field would quote it in a page.
    """
    inbound = visit.inbound
    own = isinstance(visit.purpose, OwnPage)
    lines = [
        b"%b %b HTTP/1.1" % (inbound.method.encode(), _canonical_target(inbound))
        if own
        else (b"POST / HTTP/1.1" if visit.brings_body else b"GET / HTTP/1.1"),
        b"Host: " + inbound.host.encode(),
    ]
    if own and (said := content_type(inbound.headers)):
        lines.append(b"Content-Type: " + said)
    lines += (
        b"X-Request-Id: " + inbound.request_id.encode(),
        VISIT_HEADER.encode() + b": " + token.encode(),
        b"",
    )
    return b"\r\n".join(lines)


def _canonical_target(inbound: Inbound) -> bytes:
    path, query = encoded(inbound.target.path), inbound.target.query
    return path if query is None else b"%b?%b" % (path, query)
