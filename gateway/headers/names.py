"""The treatment of each header that a client brings, by its name.

Names are judged by what servers fold them onto (`listen.field_names`). Which names no browser sends is in
`families`. `strip` (requests) and `answer` (answers) act on the verdict.
"""

from __future__ import annotations

import re

from gateway.headers.families import Claim, claim_on, is_browsers_own
from gateway.request.field_names import Family, fold
from gateway.request.spellings import LONGEST_REMEMBERED, REMEMBERED
from gateway.settings.settings import HeaderSettings

PLAIN = re.compile(rb"[A-Za-z0-9-]+")

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

OURS_TO_WRITE = HOP_BY_HOP | {
    b"host",
    b"content-length",
    b"expect",
    b"cookie",
    b"x-request-id",
    b"traceparent",
    b"tracestate",
}
"""Fields of the request that the gateway writes anew for the application, or removes."""

DROP = b""
CONNECTION = b"c"
AUTHORIZATION = b"a"


class HeaderRules(dict[bytes, bytes]):
    """The treatment of a request header, by the client's spelling of its name.

    The value is `DROP`, `CONNECTION` or `AUTHORIZATION` (to be looked into), or what begins the field's
    line in the outbound head. A dictionary, so that a name seen before costs one look-up.
    """

    def __init__(self, settings: HeaderSettings) -> None:
        super().__init__()
        self._configured = frozenset(fold(name.encode()) for name in (*settings.names.values(), *settings.strip))
        self._kept = frozenset(fold(name.encode()) for name in (*settings.keep, *(settings.passed or ())))
        self._only = settings.passed is not None
        self._keeps_odd = settings.odd_names == "keep"
        self.removed: dict[bytes, Family] = {}
        """Of the names whose fate is `DROP`: those that no honest browser sends, by the client's spelling."""

    def __missing__(self, name: bytes) -> bytes:
        """Judge a name not seen before, and remember it while there is room."""
        action, family = self._judge(name)
        if len(self) >= REMEMBERED:
            self.clear()
            self.removed.clear()
        if len(name) <= LONGEST_REMEMBERED:
            self[name] = action
            if family is not None:
                self.removed[name] = family
        return action

    def family(self, folded: bytes) -> Claim | None:
        """Return the family on whose account a field of this folded name is not passed on, or `None`."""
        if folded in self._configured:
            return Claim(Family.OURS, fixed=True)
        claim = claim_on(folded)
        if claim is not None and (claim.fixed or folded not in self._kept):
            return claim
        if self._only and folded not in self._kept and not is_browsers_own(folded):
            return Claim(Family.UNLISTED, fixed=False)
        return None

    def _judge(self, name: bytes) -> tuple[bytes, Family | None]:
        folded = fold(name)
        if folded == b"connection":
            return CONNECTION, None
        if folded in OURS_TO_WRITE:
            return DROP, None
        claim = self.family(folded)
        if claim is not None:
            return DROP, claim.family
        if PLAIN.fullmatch(name) is None and not self._keeps_odd:
            return DROP, None
        if folded == b"authorization":
            return AUTHORIZATION, None
        return b"\r\n" + name + b": ", None


_tables: dict[tuple[object, ...], HeaderRules] = {}
_by_settings: dict[int, tuple[HeaderSettings, HeaderRules]] = {}
"""The same by the identity of the settings, which are kept here, so that no others get it."""
_MOST_SETTINGS = 1024
_PLAIN_RULES = HeaderRules(HeaderSettings())


def header_rules_of(settings: HeaderSettings) -> HeaderRules:
    """Return the table for an App's settings; Apps with the same settings share one."""
    known = _by_settings.get(id(settings))
    if known is not None:
        return known[1]
    if len(_by_settings) >= _MOST_SETTINGS:
        _by_settings.clear()
    rules = _rules_by_value(settings)
    _by_settings[id(settings)] = (settings, rules)
    return rules


def _rules_by_value(settings: HeaderSettings) -> HeaderRules:
    key = (tuple(settings.names.values()), settings.strip, settings.keep, settings.passed, settings.odd_names)
    if key == _PLAIN_KEY:
        return _PLAIN_RULES
    rules = _tables.get(key)
    if rules is None:
        rules = _tables[key] = HeaderRules(settings)
    return rules


_PLAIN_KEY = ((), (), (), None, "drop")


def named_by(connection: bytes) -> frozenset[bytes]:
    """Return the field names that a `Connection` field names beside its usual options, in lower case."""
    if connection in _USUAL_CONNECTIONS:
        return _NOTHING
    named = {option.strip(b" \t").lower() for option in connection.split(b",")}
    return frozenset(named - {b"", b"close", b"keep-alive", b"upgrade"})


_NOTHING: frozenset[bytes] = frozenset()
_USUAL_CONNECTIONS = frozenset({b"keep-alive", b"Keep-Alive", b"close", b"Close", b"Upgrade", b"upgrade"})
