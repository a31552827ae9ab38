"""The head for the application: the client's fields without those that only we may write, and then our fields.

The order is the security. First the fields that the client's `Connection` names go. Then hop-by-hop, framing,
forwarding, tracing and identity fields go by folded name (`names`). Then ours are added, so that a client can neither
name ours away nor speak before us. Framing (`Content-Length`, `Transfer-Encoding`, `Connection`, `Upgrade`) is written
by the upstream side, which sends the body. `encode` turns facts into lines.
"""

from __future__ import annotations

from gateway.headers.cookies import without_ours
from gateway.headers.names import AUTHORIZATION, CONNECTION, DROP, header_rules_of, named_by
from gateway.observe.trace_context import NO_TRACE
from gateway.request.field_names import Family, fold
from gateway.request.inbound import Inbound
from gateway.request.section_cache import Removed, RenderedSection
from gateway.route.route import Route
from gateway.settings.settings import HeaderSettings

_BOUND_TO_CONNECTION = (b"ntlm", b"negotiate")
"""Schemes that sign in the connection instead of the request (RFC 4559). Ours are shared, so they never get through."""

_NOT_IN_TRAILERS = frozenset(
    {
        b"authorization",
        b"set-cookie",
        b"date",
        b"age",
        b"range",
        b"location",
        b"pragma",
        # RFC 4918: they define a method's effect, and its resources.
        b"destination",
        b"if",
        b"depth",
        b"overwrite",
        b"lock-token",
        b"timeout",
    }
)
_NOT_IN_TRAILERS_FAMILIES = (b"content-", b"cache-", b"if-", b"www-", b"sec-", b"access-control-", b"accept")


_FROM_A_PROXY = frozenset({Family.FORWARDING})
"""Fields that a trusted proxy in front writes on every request: the gateway reports them only if a client comes by
itself."""


def outbound_head(inbound: Inbound, route: Route, identity_lines: bytes) -> bytes:
    """Return the head alone of what `outbound` returns."""
    return outbound(inbound, route, identity_lines)[0]


def outbound(inbound: Inbound, route: Route, identity_lines: bytes) -> tuple[bytes, Removed]:
    """Return request line and header section for the application, each line ending in CRLF, and what was removed.

    `identity_lines` are whole lines, as `encode.identity_lines` and `encode.assertion_line` make them. A Host of
    our own making repeats the public host, as the request was decided on it. There is no empty line at the end.
    """
    cache = inbound.section_cache
    if cache is None:
        section, removed = _section(inbound, route)
    elif cache.route is route.token:
        # Another client, field or address has another cache, another table has other routes.
        section, removed = cache.section
    else:
        cache.section = section, removed = _section(inbound, route)
        cache.route = route.token
    head = b"%b %b%b%b\r\n%b" % (
        inbound.method.encode(),
        inbound.target.raw,
        section,
        inbound.request_id.encode(),
        identity_lines,
    )
    return head, removed


def _section(inbound: Inbound, route: Route) -> RenderedSection:
    """Render a client's header section for an application."""
    rules = header_rules_of(route.app.headers)
    told = rules.removed
    host = inbound.host.encode()
    parts = [b" HTTP/1.1\r\nHost: ", host]
    begin = len(parts)
    named: frozenset[bytes] = frozenset()
    removed: list[tuple[Family, bytes]] = []
    for name, value in inbound.headers:
        action = rules[name]
        if action is DROP:
            family = told.get(name)
            if family is None:
                continue
            if family is Family.METHOD and route.app.method_override == "both":
                # Both methods have been judged, so the application may act on either.
                parts += (b"\r\n" + name + b": ", value)
                continue
            if family not in _FROM_A_PROXY or inbound.client_address == inbound.peer:
                removed.append((family, name))
            continue
        if action is CONNECTION:
            named |= named_by(value)
        elif action is AUTHORIZATION:
            if not value.lower().startswith(_BOUND_TO_CONNECTION):
                parts += (b"\r\n" + name + b": ", value)
        else:
            parts += (action, value)
    if named:
        parts[begin:] = _unnamed(parts[begin:], named)
    if inbound.cookie and (cookies := without_ours(inbound.cookie)):
        parts += (b"\r\nCookie: ", cookies)
    parts += (
        b"\r\nX-Forwarded-For: ",
        inbound.client_address.encode(),
        # The public origin's scheme, which the application builds its links with: not that of the hop before us.
        b"\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: "
        if route.app.secure
        else b"\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: ",
        host,
        b"\r\nX-Forwarded-Port: ",
        route.port,
        b"" if inbound.trace is NO_TRACE else inbound.trace.lines,
        b"\r\nX-Request-Id: ",
    )
    return b"".join(parts), tuple(removed)


def _unnamed(parts: list[bytes], named: frozenset[bytes]) -> list[bytes]:
    """Return the (beginning, value) pairs of `parts` without the fields that `Connection` named."""
    kept: list[bytes] = []
    for beginning, value in zip(parts[::2], parts[1::2], strict=True):
        if beginning[2:-2].lower() not in named:
            kept += (beginning, value)
    return kept


def trailer_lines(trailers: tuple[tuple[bytes, bytes], ...], settings: HeaderSettings) -> bytes:
    """Return those trailer fields of a request that an application may get, as lines (RFC 9110 section 6.5.1).

    Many servers merge trailers into headers. So a name that is forbidden in a header is forbidden here, and so is a
    name that changes the parsing of a message that has begun.
    """
    rules = header_rules_of(settings)
    kept = bytearray()
    for name, value in trailers:
        action = rules[name]
        folded = fold(name)
        if action in (DROP, CONNECTION, AUTHORIZATION):
            continue
        if folded in _NOT_IN_TRAILERS or folded.startswith(_NOT_IN_TRAILERS_FAMILIES):
            continue
        kept += name + b": " + value + b"\r\n"
    return bytes(kept)
