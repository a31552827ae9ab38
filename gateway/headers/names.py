"""Header names: how servers fold them, and what becomes of each one a client brings.

CGI, WSGI, Rack and PHP turn `X-Verified-Subject`, `x_verified_subject` and `X.Verified.Subject`
into the same variable, so names are judged by what they fold onto, never by how they are
spelled. What is done with the verdict is in `strip` (requests) and `answer` (answers).
"""

from __future__ import annotations

import re

from gateway.settings.settings import HeaderSettings

_FOLD = bytes.maketrans(
    bytes(range(256)),
    bytes(byte if chr(byte) in "0123456789abcdefghijklmnopqrstuvwxyz" else 0x2D for byte in bytes(range(256)).lower()),
)
_PLAIN = re.compile(rb"[A-Za-z0-9-]+")

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    },
)
"""Fields about one connection (RFC 9110 section 7.6.1 and what is treated so)."""

_OURS_TO_WRITE = HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"cookie",
    b"x-request-id",
}
"""Fields of the request that are made anew for the application, or that end with us."""

_FORWARDING = frozenset(
    {
        b"forwarded",
        b"x-forwarded",
        b"x-real-ip",
        b"x-client-ip",
        b"client-ip",
        b"x-cluster-client-ip",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"cf-connecting-ipv6",
        b"fastly-client-ip",
        b"x-azure-clientip",
        b"x-azure-socketip",
        b"x-originating-ip",
        b"x-remote-ip",
        b"x-remote-addr",
        b"x-proxyuser-ip",
        b"x-host",
        b"x-http-host-override",
        b"x-scheme",
        b"x-url-scheme",
        b"front-end-https",
        b"x-http-method-override",
        b"x-method-override",
        b"x-http-method",
        b"x-middleware-subrequest",
        b"x-sendfile-type",
        b"x-accel-mapping",
        b"script-name",
        b"path-info",
        b"proxy",
    },
)
_FORWARDING_FAMILIES = (
    b"x-forwarded-",
    b"x-original-",
    b"x-rewrite-",
    b"x-envoy-",
    b"proxy-",
    b"wl-proxy-",
)
"""What says where a request came from or was meant for. Policy is judged on the real thing, so nobody may say another.

`Proxy` itself becomes `HTTP_PROXY` in a CGI environment, and with it the way of the application's own calls. From a
proxy on loopback gunicorn takes a header `SCRIPT_NAME` at its word: the application would route by another path.
"""

_OUR_FAMILIES = (b"x-verified-", b"sekisho-")

_FOREIGN = frozenset(
    {
        b"auth-user",
        b"auth-type",
        b"x-user",
        b"x-userinfo",
        b"x-auth-user",
        b"x-auth-username",
        b"x-auth-userid",
        b"x-auth-subject",
        b"x-auth-email",
        b"x-auth-roles",
        b"x-auth-groups",
        b"x-credential-identifier",
        b"x-consumer-username",
        b"x-consumer-custom-id",
        b"x-anonymous-consumer",
    },
)
_FOREIGN_FAMILIES = (
    b"remote-",
    b"x-remote-",
    b"oidc-",
    b"cf-access-",
    b"x-goog-iap-",
    b"x-goog-authenticated-",
    b"x-amzn-oidc-",
    b"x-auth-request-",
    b"x-authentik-",
    b"x-pomerium-",
    b"x-authenticated-",
    b"x-ms-client-principal",
    b"x-webauth-",
    b"mellon-",
    b"shib-",
    b"ssl-client-",
    b"x-ssl-client-",
    b"x-client-cert",
)
"""Identity headers of other gateways: an application moved here from behind one may still believe them."""

DROP = b""
CONNECTION = b"c"
AUTHORIZATION = b"a"

REMEMBERED = 4_096
"""Names a table of fates keeps. Browsers use about fifty; whoever sends thousands pays for them himself."""
LONGEST_REMEMBERED = 64
"""Bytes of a name worth remembering, so that a table stays under half a megabyte."""


def fold(name: bytes) -> bytes:
    """Return a name as the least careful server sees it: lower-case, everything but letters and digits a `-`."""
    return name.translate(_FOLD)


class Fates(dict[bytes, bytes]):
    """What becomes of a request header, by the client's spelling of its name.

    The value is `DROP`, `CONNECTION` or `AUTHORIZATION` (to be looked into), or what begins the field's
    line in the outbound head. A dictionary, so that a name seen before costs one look-up.
    """

    def __init__(self, settings: HeaderSettings) -> None:
        super().__init__()
        self._configured = frozenset(fold(name.encode()) for name in (*settings.names.values(), *settings.strip))
        self._kept = frozenset(fold(name.encode()) for name in settings.keep)
        self._keeps_odd = settings.odd_names == "keep"

    def __missing__(self, name: bytes) -> bytes:
        """Judge a name not seen before, and remember it while there is room."""
        fate = self._judge(name)
        if len(name) <= LONGEST_REMEMBERED:
            if len(self) >= REMEMBERED:
                self.clear()
            self[name] = fate
        return fate

    def _judge(self, name: bytes) -> bytes:
        folded = fold(name)
        if folded == b"connection":
            return CONNECTION
        if (
            folded in _OURS_TO_WRITE
            or folded in _FORWARDING
            or folded in self._configured
            or folded == b"x-verified"
            or folded.startswith(_FORWARDING_FAMILIES)
            or folded.startswith(_OUR_FAMILIES)
        ):
            return DROP
        if (folded in _FOREIGN or folded.startswith(_FOREIGN_FAMILIES)) and folded not in self._kept:
            return DROP
        if _PLAIN.fullmatch(name) is None and not self._keeps_odd:
            return DROP
        if folded == b"authorization":
            # A spelling such as `Author.ization` is let through under `odd_names: keep` like any other odd name,
            # but is looked into as the server behind would.
            return AUTHORIZATION
        return b"\r\n" + name + b": "


_tables: dict[tuple[object, ...], Fates] = {}
_PLAIN_FATES = Fates(HeaderSettings())


def fates_of(settings: HeaderSettings) -> Fates:
    """Return the table for an App's settings; Apps with the same settings share one."""
    if not settings.names and not settings.strip and not settings.keep and settings.odd_names == "drop":
        return _PLAIN_FATES
    key = (tuple(settings.names.values()), settings.strip, settings.keep, settings.odd_names)
    fates = _tables.get(key)
    if fates is None:
        fates = _tables[key] = Fates(settings)
    return fates


def named_by(connection: bytes) -> frozenset[bytes]:
    """Return the field names that a `Connection` field names beside its usual options, in lower case."""
    if connection in _USUAL_CONNECTIONS:
        return _NOTHING
    named = {option.strip(b" \t").lower() for option in connection.split(b",")}
    return frozenset(named - {b"", b"close", b"keep-alive", b"upgrade"})


_NOTHING: frozenset[bytes] = frozenset()
_USUAL_CONNECTIONS = frozenset({b"keep-alive", b"Keep-Alive", b"close", b"Close", b"Upgrade", b"upgrade"})
