"""Forward-auth: the question of an outer proxy about a request, and our answer in the proxy's dialect.

The outer proxy keeps the bytes; we see a sub-request that tells of them. Each dialect has an
endpoint of its own under our prefix (`auth/nginx`, `auth/traefik`, `auth/caddy`, `auth/envoy`) and is
believed only in its own fields, each exactly once, and only from a listed peer. Since the outer
proxy forwards the target as *it* has it, a target of which we would forward another spelling is refused.
Allowed is 200 and nothing else, and it carries every identity header, empty where unknown, so that the proxy overwrites
a client's values.

`step` decides, as for any other request. Streams
cannot be cut in this mode: once the proxy has forwarded, we are no longer asked (docs/threat-model.md).
"""

from __future__ import annotations

from enum import Enum, StrEnum
from html import escape
from typing import assert_never

import msgspec

from gateway.headers.cookies import without_ours
from gateway.headers.encode import every_header
from gateway.headers.names import DROP, OURS_TO_WRITE, header_rules_of
from gateway.instant import Instant
from gateway.pipeline.outcome import Answer, AskPortal, Forward, NeedPress, NeedReservation, NeedSession, Step
from gateway.pipeline.step import about
from gateway.pipeline.step import step as judge_request
from gateway.pipeline.urls import AUTH_PAGES, sign_in_url
from gateway.pipeline.visit import (
    ForeignFormPage,
    FormNotSentPage,
    FormOverPage,
    OwnPage,
    RefusalPage,
    ReturnedFormPage,
    SignInPage,
    TroublePage,
    WorkerPage,
)
from gateway.policy.verdict import Deny
from gateway.request.field_names import Family, fold
from gateway.request.head_reader import canonical_host
from gateway.request.inbound import Framing, Inbound
from gateway.request.navigation import Navigation, navigation
from gateway.request.section_cache import Removed
from gateway.request.target import Target, canonical
from gateway.request.trust import Trust, plain_address, scheme_of
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import SessionState
from gateway.settings.settings import Mode, PathSettings


class Dialect(StrEnum):
    """Which proxy asks, and so in which words. The endpoint's last segment."""

    NGINX = "nginx"
    TRAEFIK = "traefik"
    CADDY = "caddy"
    ENVOY = "envoy"


class AuthFault(StrEnum):
    """Why a sub-request is not answered with a decision. Reason of a 403 in the access log."""

    PEER = "forward_auth_peer"
    DIALECT = "forward_auth_dialect"
    FIELD = "forward_auth_field"
    METHOD = "forward_auth_method"
    TARGET = "forward_auth_target"
    HOST = "forward_auth_host"
    MODE = "forward_auth_mode"
    ALIAS = "forward_auth_alias"
    IDENTITY = "forward_auth_identity"
    HEADER = "forward_auth_header"


class _Fields(msgspec.Struct, frozen=True):
    """The names under which a dialect tells of the request, in lower case; `method` and `uri` may be the line's own."""

    scheme: bytes
    method: bytes | None = None
    host: bytes | None = None
    uri: bytes | None = None
    besides: frozenset[bytes] = frozenset()
    """Fields that the proxy writes into every question, over those of a client."""

    @property
    def named(self) -> frozenset[bytes]:
        """The names that stand for the request."""
        return frozenset(name for name in (self.scheme, self.method, self.host, self.uri) if name)


_X_FORWARDED = (b"x-forwarded-proto", b"x-forwarded-method", b"x-forwarded-host", b"x-forwarded-uri")
_FIELDS = {
    # nginx sets no such field by itself, so these are names no other proxy sets; the sample configuration does.
    Dialect.NGINX: _Fields(b"x-original-scheme", b"x-original-method", b"x-original-host", b"x-original-uri"),
    Dialect.TRAEFIK: _Fields(*_X_FORWARDED, frozenset({b"x-forwarded-server"})),
    Dialect.CADDY: _Fields(*_X_FORWARDED),
    # Envoy repeats the request itself, behind a path prefix.
    Dialect.ENVOY: _Fields(
        b"x-forwarded-proto",
        besides=frozenset(
            {
                b"x-envoy-internal",
                b"x-envoy-expected-rq-timeout-ms",
                b"x-envoy-attempt-count",
                b"x-envoy-external-address",
            }
        ),
    ),
}


def is_question(path: str, table: RouteTable) -> bool:
    """Whether a canonical path is one of the endpoints', existing or not."""
    return path.startswith(table.portal_prefix + AUTH_PAGES)


def original(inbound: Inbound, table: RouteTable, trust: Trust) -> Inbound | Answer:
    """Return the request to decide on: the request itself, or the one that a sub-request asks about.

    A question that cannot be believed is answered at once, with 403.
    """
    if not inbound.target.path.startswith(table.portal_prefix) or not is_question(inbound.target.path, table):
        return inbound
    if not trust.trusts(inbound.peer):
        return _refused(AuthFault.PEER)
    received = inbound.received or inbound.target.raw
    endpoint, _, _ = received.partition(b"?")
    prefix = (table.portal_prefix + AUTH_PAGES).encode()
    word, slash, _ = endpoint.removeprefix(prefix).partition(b"/")
    dialect = _dialect(word)
    if dialect is None or not endpoint.startswith(prefix) or bool(slash) is not (dialect is Dialect.ENVOY):
        return _refused(AuthFault.DIALECT)
    fields = _FIELDS[dialect]
    scheme_word = _one(inbound, fields.scheme)
    method_word = _one(inbound, fields.method) if fields.method else inbound.method.encode()
    uri = _one(inbound, fields.uri) if fields.uri else received[len(prefix) + len(word) :]
    host_word = _one(inbound, fields.host) if fields.host else inbound.host.encode()
    if scheme_word is None or method_word is None or uri is None or host_word is None:
        return _refused(AuthFault.FIELD)
    scheme = scheme_of(scheme_word)
    if scheme is None:
        return _refused(AuthFault.FIELD)
    method = table.methods.get(method_word)
    if method is None:
        return _refused(AuthFault.METHOD)
    host = canonical_host(host_word, scheme)
    if host is None or not table.knows(host):
        return _refused(AuthFault.HOST)
    target = _exactly(uri, table.paths_of(host))
    if target is None:
        return _refused(AuthFault.TARGET)
    return msgspec.structs.replace(
        inbound,
        method=method,
        target=target,
        received=b"",
        host=host,
        scheme=scheme,
        headers=tuple(field for field in inbound.headers if field[0].lower() not in fields.named),
        framing=Framing.EMPTY,
        length=0,
        websocket=any(name.lower() == b"sec-websocket-key" for name, _ in inbound.headers),
        forwarded=dialect.value,
        # The results in the cache were made of the sub-request's own fields.
        section_cache=None,
    )


def step(inbound: Inbound, known: SessionState, now: Instant, table: RouteTable) -> Step:
    """Decide as the step does; on an `original` request, say the outcome in the asking proxy's dialect."""
    if not inbound.forwarded:
        return judge_request(inbound, known, now, table)
    path = inbound.target.path
    if table.is_portal(path):
        # The outer proxy sends our own pages to us, and never asks whether it may.
        return _refused(AuthFault.TARGET)
    route = table.match(inbound.host, path)
    if route is None or route.app.mode is not Mode.FORWARD_AUTH:
        return _refused(AuthFault.MODE)
    if _has_alias(inbound, route, table):
        return about(_refused(AuthFault.ALIAS), route, known)
    foreign = _foreign(inbound, route)
    if foreign:
        ours = any(family is Family.OURS for family, _ in foreign)
        refused = _refused(AuthFault.IDENTITY if ours else AuthFault.HEADER)
        return about(msgspec.structs.replace(refused, removed=foreign), route, known)
    return _said(judge_request(inbound, known, now, table), inbound, route, table)


def _every_header(route: Route, table: RouteTable) -> tuple[bytes, ...]:
    """Return the names of all headers the route's App can ever get, made once for the route."""
    names = table.header_name_cache.get(route)
    if names is None:
        names = table.header_name_cache[route] = every_header(route.policy.disclosed, route.app.headers)
    return names


def _has_alias(inbound: Inbound, route: Route, table: RouteTable) -> bool:
    """Say whether a client spells one of our headers so that the outer proxy lets it pass and a server reads ours.

    We cannot cut a field from a request we only hear of, so such a request is refused.
    """
    ours = frozenset(fold(name) for name in _every_header(route, table))
    for name, _ in inbound.headers:
        folded = fold(name)
        if folded != name.lower() and (folded in ours or folded.startswith(b"x-verified")):
            return True
    return False


def _foreign(inbound: Inbound, route: Route) -> Removed:
    """Return the fields of a question that no browser sends and that the application would believe.

    The outer proxy forwards the client's fields itself, so what cannot be cut is refused. The outer proxy answers for
    fields of a platform in front of it. A method override is judged.
    """
    fates = header_rules_of(route.app.headers)
    besides = _FIELDS[Dialect(inbound.forwarded)].besides
    found: list[tuple[Family, bytes]] = []
    for name, value in inbound.headers:
        if fates[name] is not DROP:
            continue
        folded = fold(name)
        claim = None if folded in OURS_TO_WRITE else fates.family(folded)
        if claim is None or claim.family in (Family.METHOD, Family.PLATFORM):
            continue
        lower = name.lower()
        if lower in besides or (lower == folded and _says_the_same(lower, value, inbound)):
            continue
        found.append((claim.family, name))
    return tuple(found)


class _Says(Enum):
    """The part of a request that a forwarding field tells."""

    CLIENT = (
        "x-real-ip x-client-ip client-ip true-client-ip x-cluster-client-ip cf-connecting-ip cf-connecting-ipv6 "
        "fastly-client-ip x-azure-clientip x-envoy-external-address x-remote-addr x-remote-ip x-originating-ip"
    )
    SCHEME = "x-forwarded-proto x-forwarded-scheme x-original-scheme x-original-proto x-scheme x-url-scheme"
    TLS = "x-forwarded-ssl x-forwarded-https front-end-https"
    HOST = "x-forwarded-host x-original-host x-host"
    PORT = "x-forwarded-port"
    METHOD = "x-forwarded-method x-original-method"
    TARGET = "x-forwarded-uri x-original-uri x-original-url"


_SAYS = {name.encode(): says for says in _Says for name in says.value.split()}
_PORTS = {"https": "443", "http": "80"}


def _says_the_same(name: bytes, value: bytes, inbound: Inbound) -> bool:
    """Whether a proxy may have written this field beside its dialect's own, since it agrees with the question."""
    if name == b"x-forwarded-for":
        # The client's address was read from it.
        return True
    text = value.decode("latin-1")
    match _SAYS.get(name):
        case _Says.CLIENT:
            return inbound.client_known and plain_address(text) == inbound.client_address
        case _Says.SCHEME:
            return scheme_of(value) == inbound.scheme
        case _Says.TLS:
            return (text.lower() in ("on", "1", "true", "https")) == (inbound.scheme == "https")
        case _Says.HOST:
            return canonical_host(value, inbound.scheme) == inbound.host
        case _Says.PORT:
            return text == (inbound.host.rpartition("]")[2].partition(":")[2] or _PORTS[inbound.scheme])
        case _Says.METHOD:
            return text == inbound.method
        case _Says.TARGET:
            return value == inbound.target.raw
        case None:
            return False
        case other:
            assert_never(other)


def _said(step: Step, inbound: Inbound, route: Route, table: RouteTable) -> Answer | NeedSession:
    nginx = inbound.forwarded == Dialect.NGINX
    match step:
        case NeedSession():
            return step
        case NeedPress():
            # Never, as a question brings no body that could be the press.
            return _refused(AuthFault.MODE)
        case Forward():
            return _allowed(step, inbound, route, table)
        case Answer():
            # nginx makes 500 of everything but 2xx, 401 and 403.
            hidden = nginx and 400 <= step.status < 500 and step.status != 401
            return msgspec.structs.replace(step, status=403) if hidden else step
        case AskPortal():
            page = _page(step, inbound, route, table)
            if navigation(inbound) is Navigation.FRAME and page.body:
                page = _in_a_frame(page, inbound)
            return about(page, route, step.visit.session)
        case NeedReservation():
            # `check` refuses such a policy: who never sees the answer cannot count. If one gets here, it is refused.
            return _refused(AuthFault.MODE)
        case _:
            assert_never(step)


def _allowed(forward: Forward, inbound: Inbound, route: Route, table: RouteTable) -> Answer:
    names = _every_header(route, table)
    named = dict.fromkeys(names, b"")
    for line in forward.head.split(b"\r\n"):
        name, _, value = line.partition(b": ")
        # A client's fields of these names were cut when the head was made.
        if name in named:
            named[name] = value
    private = forward.signed_in or not forward.permit.shared
    headers = (
        *named.items(),
        # The Cookie field without our cookies: the outer proxy puts it in place of the client's.
        (b"Cookie", without_ours(inbound.cookie)),
        (b"Sekisho-Cache", b"private" if private else b"shared"),
        (b"X-Request-Id", inbound.request_id.encode()),
        _NO_STORE,
    )
    return Answer(
        200,
        headers,
        verdict="permit",
        rule=str(forward.permit.rule),
        app=route.app.name,
        pseudonym=forward.pseudonym,
    )


def _page(asked: AskPortal, inbound: Inbound, route: Route, table: RouteTable) -> Answer:
    nginx = inbound.forwarded == Dialect.NGINX
    match asked.visit.purpose:
        case OwnPage() | WorkerPage() | FormOverPage():
            return _refused(AuthFault.TARGET)
        case SignInPage(challenge):
            location = sign_in_url(route.origin, table.portal_prefix, inbound.target.raw, table.longest_line)
            # 401 is the one refusal of which nginx passes a field on, for its `error_page` to redirect by.
            answer = Answer(401 if nginx else 303, ((b"Location", location), _NO_STORE))
            return msgspec.structs.replace(
                answer, verdict="challenge", rule=str(challenge.rule), reason=challenge.reason.value
            )
        case FormNotSentPage(challenge) | ForeignFormPage(challenge) | ReturnedFormPage(challenge):
            # The outer proxy has the body, so none can be kept here.
            if isinstance(asked.visit.purpose, FormNotSentPage):
                answer = _html(401, _NOT_SENT)
            else:
                answer = _html(401, _FOREIGN, onward=inbound.target.raw.decode("ascii"))
            return msgspec.structs.replace(
                answer, verdict="challenge", rule=str(challenge.rule), reason=challenge.reason.value
            )
        case RefusalPage(deny):
            return _denied(deny, nginx=nginx)
        case TroublePage(trouble, status, retry_after):
            answer = _html(
                status, (("ただいまご利用になれません", ""), ("Not available now", "")), reason=trouble.value
            )
            if retry_after is None:
                return answer
            return msgspec.structs.replace(answer, headers=(*answer.headers, (b"Retry-After", b"%d" % retry_after)))
        case other:
            assert_never(other)


def _denied(deny: Deny, *, nginx: bool) -> Answer:
    sentences = [(reason.sentence.get("ja", ""), reason.sentence.get("en", "")) for reason in deny.reasons]
    japanese = " ".join(ja for ja, _ in sentences if ja)
    english = " ".join(en for _, en in sentences if en)
    answer = _html(403 if nginx else deny.status, (("ご利用になれません", japanese), ("Not permitted", english)))
    if deny.retry_after is not None:
        answer = msgspec.structs.replace(answer, headers=(*answer.headers, (b"Retry-After", b"%d" % deny.retry_after)))
    rule = "" if deny.rule is None else str(deny.rule)
    return msgspec.structs.replace(answer, verdict="deny", rule=rule, reason=deny.words)


_NOT_SENT = (
    ("送信されていません", "ログインしてから、もう一度送信してください。"),
    ("Not sent", "Sign in, then send the form again."),
)
_FOREIGN = (
    ("別のサイトからの送信です", "送信されていません。このサービスのページを開いて、もう一度はじめてください。"),
    ("Sent by another site", "The form was not sent. Open this service's own page and begin again."),
)
_NO_STORE = (b"Cache-Control", b"no-store")
_PAGE_HEADERS = (
    (b"Content-Type", b"text/html; charset=utf-8"),
    _NO_STORE,
    (b"Content-Security-Policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"X-Frame-Options", b"DENY"),
)


def _html(status: int, words: tuple[tuple[str, str], tuple[str, str]], *, reason: str = "", onward: str = "") -> Answer:
    """Return a bare page in Japanese and English: the outer proxy shows it in place, so it loads nothing.

    `onward` is where its one link leads, if it has one.
    """
    (title, text), (title_en, text_en) = words
    body = (
        f'<!doctype html><html lang="ja"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(text)}</p>"
        + (f'<p><a href="{escape(onward)}">ページを開く / Open the page</a></p>' if onward else "")
        + f'<div lang="en"><h2>{escape(title_en)}</h2><p>{escape(text_en)}</p></div></html>'
    )
    return Answer(status, _PAGE_HEADERS, body.encode(), reason=reason)


def _in_a_frame(page: Answer, inbound: Inbound) -> Answer:
    """Return a bare page as a frame can show it, with a link that opens the page at the top and no other."""
    headers = tuple(
        (name, value.replace(b"frame-ancestors 'none'", b"frame-ancestors *"))
        for name, value in page.headers
        if name != b"X-Frame-Options"
    )
    onward = escape(inbound.target.raw.decode("ascii"))
    link = f'<p><a href="{onward}" target="_top">画面全体で開く<span lang="en"> Open in the whole window</span></a></p>'
    return msgspec.structs.replace(
        page, headers=headers, body=page.body.replace(b"</html>", link.encode() + b"</html>")
    )


def _refused(fault: AuthFault) -> Answer:
    return Answer(403, ((b"Content-Type", b"text/plain"), _NO_STORE), b"", reason=fault.value)


def _dialect(word: bytes) -> Dialect | None:
    try:
        return Dialect(word.decode("ascii"))
    except ValueError:
        return None


def _one(inbound: Inbound, name: bytes) -> bytes | None:
    """Return the only field of that lower-case name; `None` if it is missing, empty or there twice."""
    values = [value for field, value in inbound.headers if field.lower() == name]
    return (values[0] or None) if len(values) == 1 else None


def _exactly(uri: bytes, paths: PathSettings) -> Target | None:
    """Return the target if we would forward it as it is spelled: the outer proxy forwards its own string."""
    target = canonical(uri, paths)
    return target if isinstance(target, Target) and target.raw == uri else None
