"""Checks a request's head, and reads its meaning (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from gateway.observe.trace_context import NO_TRACE, read_trace
from gateway.request.field_names import overrides_method
from gateway.request.host import canonical_host
from gateway.request.inbound import Framing, Inbound
from gateway.request.section_cache import SectionCache
from gateway.request.spellings import Spellings
from gateway.request.target import DEFAULT_PATHS, Target, TargetCache, TargetFault
from gateway.request.trust import Distrust, Trust, acceptable_request_id
from gateway.settings.settings import PathSettings, TrafficSettings
from gateway.wire.methods import METHODS, NEVER, REGISTERED

_EMPTY: Final = Framing.EMPTY
"""By a name of its own: to look it up in its enum, each request, costs more than to compare it."""


class Refused(msgspec.Struct, frozen=True):
    """The door's own no: this head goes no further, and neither does the connection."""

    status: int
    code: str
    """A closed word for the access log and problem+json."""


class ServerWide(msgspec.Struct, frozen=True):
    """OPTIONS for ourselves: of the server (`*`), or with `Max-Forwards: 0` (RFC 9110 section 7.6.2)."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A head's wishes about its connection, apart from the request to decide on."""

    inbound: Inbound
    keep_alive: bool
    minor: int
    """0 for an HTTP/1.0 client: it gets no chunks and no 1xx."""
    expects_continue: bool


_HOST, _COOKIE, _CONNECTION, _LENGTH, _CODING, _EXPECT, _UPGRADE = range(1, 8)
_FORWARDED_FOR, _FORWARDED_PROTO, _REQUEST_ID, _MAX_FORWARDS, _OVERRIDE, _WORKER_SCRIPT, _REFERENCE = range(8, 15)
_TRACE_PARENT, _TRACE_STATE = range(15, 17)
_OF_INTEREST = {
    b"host": _HOST,
    b"cookie": _COOKIE,
    b"connection": _CONNECTION,
    b"content-length": _LENGTH,
    b"transfer-encoding": _CODING,
    b"expect": _EXPECT,
    b"upgrade": _UPGRADE,
    b"x-forwarded-for": _FORWARDED_FOR,
    b"x-forwarded-proto": _FORWARDED_PROTO,
    b"x-request-id": _REQUEST_ID,
    b"max-forwards": _MAX_FORWARDS,
    b"service-worker": _WORKER_SCRIPT,
    b"destination": _REFERENCE,
    b"if": _REFERENCE,
    b"traceparent": _TRACE_PARENT,
    b"tracestate": _TRACE_STATE,
}


def _kind_of(name: bytes) -> int:
    return _OF_INTEREST.get(name.lower(), _OVERRIDE if overrides_method(name) else 0)


_kinds = Spellings(_kind_of)
"""The names that matter here, by the client's spelling."""

_PLAIN_NAME = re.compile(rb"[A-Za-z0-9-]+")
_ABSOLUTE = re.compile(rb"(?i:(https?))://([^/?#@]+)([/?].*)?", re.DOTALL)

_LINES = 4096
"""Request lines remembered, because the same few are sent all day; when full, all are forgotten."""

_LONGEST_LINE = 512
"""Bytes of one worth remembering."""


class HeadReader:
    """Reads heads for one listener, by its limits, trusted proxies, Apps' methods and hosts' path spellings."""

    __slots__ = ("_hostless", "_hosts", "_limits", "_lines", "_methods", "_targets", "_trust")

    def __init__(
        self, limits: TrafficSettings, trust: Trust, methods: Mapping[bytes, str] = METHODS, hostless: str = ""
    ) -> None:
        """Read by these limits; `hostless` is the path that a load balancer may ask for without a `Host`."""
        self._hostless = hostless.encode()
        self._limits = limits
        self._trust = trust
        self._methods = methods
        self._targets = TargetCache()
        self._hosts: dict[str, dict[bytes, str]] = {"http": {}, "https": {}}
        self._lines: dict[bytes, tuple[str, Target, bytes]] = {}
        """Request lines in origin-form of HTTP/1.1, read for a host with the default spelling of paths."""

    def _host(self, value: bytes, scheme: str) -> str | None:
        known = self._hosts[scheme]
        host = known.get(value)
        if host is None:
            host = canonical_host(value, scheme)
            if host is not None:
                if len(known) >= 1024:
                    known.clear()
                known[value] = host
        return host

    def read(
        self,
        request_line: bytes,
        headers: tuple[tuple[bytes, bytes], ...],
        peer: str,
        scheme: str,
        request_id: str,
        paths_of: Callable[[str], PathSettings],
        section_cache: SectionCache | None = None,
    ) -> Arrival | ServerWide | Refused:
        """Read a head whose syntax llhttp has accepted, or return its fault.

        `section_cache` is that of an earlier request with these very `headers`, `peer` and `scheme`. The arrival
        shares it if it may.
        """
        words = request_line.split(b" ")
        if len(words) != 3:
            return Refused(400, "request_line")
        method_word, target_word, version = words
        if version == b"HTTP/1.1":
            minor = 1
        elif version == b"HTTP/1.0":
            minor = 0
        elif version.startswith(b"HTTP/"):
            return Refused(505, "http_version")
        else:
            return Refused(400, "http_version")
        method = self._methods.get(method_word)
        if method is None:
            known = method_word in REGISTERED or method_word in NEVER
            return Refused(405 if known else 501, "method")
        if len(headers) > self._limits.header_count:
            return Refused(431, "header_count")

        host_value: bytes | None = None
        cookie = b""
        connection = b""
        coding: bytes | None = None
        length: bytes | None = None
        expect = upgrade = max_forwards = request_id_value = None
        forwarded_for: list[bytes] = []
        forwarded_proto: list[bytes] = []
        overrides: tuple[bytes, ...] = ()
        trace_parents = trace_states = _NO_FIELDS
        worker_script = references = False
        kinds = _kinds
        for name, value in headers:
            kind = kinds[name]
            if not kind:
                continue
            if kind == _HOST:
                if host_value is not None:
                    return Refused(400, "host")
                host_value = value
            elif kind == _COOKIE:
                cookie = b"%b; %b" % (cookie, value) if cookie else value
            elif kind == _CONNECTION:
                connection = b"%b,%b" % (connection, value) if connection else value
            elif kind == _LENGTH:
                if length is not None:
                    return Refused(400, "framing")
                length = value
            elif kind == _CODING:
                if coding is not None:
                    return Refused(400, "framing")
                coding = value
            elif kind == _EXPECT:
                if expect is not None:
                    return Refused(417, "expectation")
                expect = value
            elif kind == _UPGRADE:
                upgrade = value if upgrade is None else b"%b,%b" % (upgrade, value)
            elif kind == _FORWARDED_FOR:
                forwarded_for.append(value)
            elif kind == _FORWARDED_PROTO:
                forwarded_proto.append(value)
            elif kind == _REQUEST_ID:
                request_id_value = value
            elif kind == _MAX_FORWARDS:
                max_forwards = value
            elif kind == _OVERRIDE:
                # One that the application may not get as it is must not be half heeded.
                overrides += (value,) if _PLAIN_NAME.fullmatch(name) else (value, b"")
            elif kind == _WORKER_SCRIPT:
                worker_script = True
            elif kind == _REFERENCE:
                references = True
            elif kind == _TRACE_PARENT:
                trace_parents += (value,)
            elif kind == _TRACE_STATE:
                trace_states += (value,)

        client, client_known = peer, True
        ours = True
        trace = NO_TRACE
        if self._trust.trusts(peer):
            if trace_parents:
                trace = read_trace(trace_parents, trace_states)
            origin = self._trust.origin(peer, scheme, forwarded_for, forwarded_proto)
            if isinstance(origin, Distrust):
                return Refused(400, origin.value)
            client, scheme = origin.client, origin.scheme
            # A proxy that names no client counts by its own address in rates, and has no address for the policy.
            client_known = bool(b",".join(forwarded_for).strip(b" \t"))
            if request_id_value is not None and acceptable_request_id(request_id_value):
                request_id = request_id_value.decode("ascii")
                ours = False

        if not host_value and target_word == self._hostless:
            # RFC 9112 section 3.2 has a server refuse this. A balancer's check names no host, and learns nothing here.
            host = ""
        else:
            named = None if host_value is None else self._host(host_value, scheme)
            if named is None:
                return Refused(400, "host")
            host = named

        framing = Framing.EMPTY
        body_length = 0
        if coding is not None:
            # A coding we cannot undo would hide what is inside; and 1.0 never had chunks (RFC 9112 section 6.1).
            if length is not None or minor == 0:
                return Refused(400, "framing")
            if coding.lower() != b"chunked":
                return Refused(501 if coding.lower().endswith(b"chunked") else 400, "transfer_coding")
            framing = Framing.CHUNKED
        elif length is not None:
            if not length.isdigit() or len(length) > 18:
                return Refused(400, "framing")
            body_length = int(length)
            if body_length:
                framing = Framing.COUNTED
                if self._limits.body is not None and body_length > self._limits.body:
                    return Refused(413, "body")

        keep_alive = minor == 1
        options: frozenset[bytes] = _NO_OPTIONS
        if connection:
            options = _options(connection)
            keep_alive = b"close" not in options and (minor == 1 or b"keep-alive" in options)
            if overrides and any(map(overrides_method, options)):
                # `Connection` takes the field away on the way to the application.
                overrides += (b"",)

        expects_continue = False
        if expect is not None and minor == 1:
            if expect.lower() != b"100-continue":
                return Refused(417, "expectation")
            expects_continue = framing is not Framing.EMPTY

        websocket = (
            upgrade is not None
            and method == "GET"
            and minor == 1
            and framing is Framing.EMPTY
            and length is None
            and upgrade.lower() == b"websocket"
            and b"upgrade" in options
        )

        if method == "OPTIONS":
            if target_word == b"*":
                return ServerWide()
            if max_forwards is not None:
                if not max_forwards.isdigit() or len(max_forwards) > 9:
                    return Refused(400, "max_forwards")
                if int(max_forwards) == 0:
                    return ServerWide()
                headers = _one_hop_less(headers, int(max_forwards))

        if not target_word.startswith(b"/"):
            absolute = _ABSOLUTE.fullmatch(target_word)
            if absolute is None:
                return Refused(400, TargetFault.NOT_ORIGIN_FORM.value)
            # RFC 9112 section 3.2.2 lets the target overrule Host. Two names for one request are one too many.
            if self._host(absolute[2], absolute[1].decode("ascii").lower()) != self._host(
                host_value or b"", absolute[1].decode("ascii").lower()
            ):
                return Refused(400, "host")
            target_word = absolute[3] or b"/"
            if target_word.startswith(b"?"):
                target_word = b"/" + target_word
        paths = paths_of(host)
        target = self._targets.canonical(target_word, paths)
        if isinstance(target, TargetFault):
            return Refused(target.status, target.value)
        received = b"" if target_word == target.raw else target_word

        # Another request line can make nothing else of these fields, so `again` may take them as read.
        repeats = minor == 1 and ours and framing is Framing.EMPTY and upgrade is None and max_forwards is None
        repeats = repeats and not overrides and not worker_script and not references and trace is NO_TRACE
        if repeats and paths is DEFAULT_PATHS and target_word is words[1] and len(request_line) <= _LONGEST_LINE:
            if len(self._lines) >= _LINES:
                self._lines.clear()
            self._lines[request_line] = (method, target, received)

        return Arrival(
            Inbound(
                method,
                target,
                host,
                headers,
                request_id,
                peer,
                client,
                scheme,
                cookie,
                framing,
                body_length,
                websocket,
                received,
                client_known=client_known,
                overrides=overrides,
                worker_script=worker_script,
                references=references,
                trace=trace,
                section_cache=None if not repeats else SectionCache() if section_cache is None else section_cache,
            ),
            keep_alive,
            minor,
            expects_continue,
        )

    def again(
        self, request_line: bytes, before: Arrival, request_id: str, paths_of: Callable[[str], PathSettings]
    ) -> Arrival | None:
        """Read a head of which only the request line is another than `before`'s, on the same connection.

        `before` was read by this very reader and has a section cache. `None`: `read` must look at the whole of it.
        """
        line = self._lines.get(request_line)
        was = before.inbound
        host = was.host
        if line is None or paths_of(host) is not DEFAULT_PATHS:
            return None
        method, target, received = line
        return Arrival(
            Inbound(
                method,
                target,
                host,
                was.headers,
                request_id,
                was.peer,
                was.client_address,
                was.scheme,
                was.cookie,
                _EMPTY,
                0,
                False,  # noqa: FBT003  # by position: a keyword costs, and this is each request's way
                received,
                "",
                was.section_cache,
                was.client_known,
            ),
            before.keep_alive,
            1,
            expects_continue=False,
        )


_NO_OPTIONS: frozenset[bytes] = frozenset()
_NO_FIELDS: tuple[bytes, ...] = ()
_USUAL: dict[bytes, frozenset[bytes]] = {
    b"keep-alive": frozenset({b"keep-alive"}),
    b"Keep-Alive": frozenset({b"keep-alive"}),
    b"close": frozenset({b"close"}),
    b"Upgrade": frozenset({b"upgrade"}),
    b"keep-alive, Upgrade": frozenset({b"keep-alive", b"upgrade"}),
}


def _options(connection: bytes) -> frozenset[bytes]:
    usual = _USUAL.get(connection)
    if usual is not None:
        return usual
    return frozenset(option.strip(b" \t").lower() for option in connection.split(b","))


def _one_hop_less(headers: tuple[tuple[bytes, bytes], ...], left: int) -> tuple[tuple[bytes, bytes], ...]:
    return tuple(
        (name, b"%d" % (left - 1)) if _kinds[name] == _MAX_FORWARDS else (name, value) for name, value in headers
    )


__all__ = [
    "DEFAULT_PATHS",
    "Arrival",
    "Framing",
    "HeadReader",
    "Inbound",
    "Refused",
    "ServerWide",
]
