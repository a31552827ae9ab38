"""Forward-auth: the question of an outer proxy about a request, and our answer in the proxy's dialect.

The outer proxy keeps the bytes; we see a sub-request that tells of them. Each dialect has an
endpoint of its own under our prefix (`auth/nginx`, `auth/traefik`, `auth/caddy`, `auth/envoy`, `auth/haproxy`) and is
believed only in its own fields, each exactly once, and only from a listed peer. Since the outer
proxy forwards the target as *it* has it, a target of which we would forward another spelling is refused.
Allowed is 200 and nothing else, and it carries every identity header, empty where unknown, so that the proxy overwrites
a client's values.

`step` decides, as for any other request. Streams
cannot be cut in this mode: once the proxy has forwarded, we are no longer asked (docs/threat-model.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum, StrEnum
from typing import assert_never

import msgspec

from gateway.headers.cookies import without_ours
from gateway.headers.encode import every_header
from gateway.headers.names import DROP, OURS_TO_WRITE, header_rules_of
from gateway.instant import Instant
from gateway.language import Language
from gateway.pipeline.outcome import (
    Answer,
    AskPortal,
    Forward,
    Headers,
    MayGiveBack,
    NeedAccount,
    NeedPress,
    NeedReservation,
    NeedSession,
    Step,
)
from gateway.pipeline.small_page import WORDS, About, Link, Small, inbound_language, small_page
from gateway.pipeline.step import about, judge
from gateway.pipeline.step import step as judge_request
from gateway.pipeline.urls import ACCOUNT, AUTH_PAGES, sign_in_url
from gateway.pipeline.visit import (
    AccountPage,
    ForeignFormPage,
    FormNotSentPage,
    FormOverPage,
    NotSignablePage,
    OwnPage,
    RefusalPage,
    ReturnedFormPage,
    SignFormPage,
    SignInPage,
    TroublePage,
    WorkerPage,
)
from gateway.policy.matching import MEMO_SIZE
from gateway.policy.verdict import Deny
from gateway.request.field_names import Family, fold
from gateway.request.host import canonical_host
from gateway.request.inbound import Framing, Inbound
from gateway.request.navigation import Navigation, navigation
from gateway.request.question_names import NameFault, QuestionNames
from gateway.request.section_cache import QuestionAnswer, SectionCache
from gateway.request.spellings import Spellings
from gateway.request.target import Target, canonical
from gateway.request.trust import Trust, plain_address, scheme_of
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import SessionState
from gateway.settings.settings import AppAccounts, Mode, PathSettings

LONGEST_KNOWN = 4096
"""Bytes of a question's fields up to which it is remembered."""


class Dialect(StrEnum):
    """Which proxy asks, and so in which words. The endpoint's last segment."""

    NGINX = "nginx"
    TRAEFIK = "traefik"
    CADDY = "caddy"
    ENVOY = "envoy"
    HAPROXY = "haproxy"


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


_SCHEME, _METHOD, _HOST, _URI, _WEBSOCKET_KEY = range(1, 6)
_X_FORWARDED = {
    b"x-forwarded-proto": _SCHEME,
    b"x-forwarded-method": _METHOD,
    b"x-forwarded-host": _HOST,
    b"x-forwarded-uri": _URI,
}


class _Fields:
    """The fields in which a dialect tells of the request; the question's own line and host may tell the rest."""

    def __init__(self, told: Mapping[bytes, int], besides: frozenset[bytes] = frozenset()) -> None:
        """Take what each lower-case name tells, and the names that the proxy writes over those of a client."""
        self._told = {**told, b"sec-websocket-key": _WEBSOCKET_KEY}
        self.tells_method, self.tells_host, self.tells_uri = (part in told.values() for part in (_METHOD, _HOST, _URI))
        self.besides = besides
        self.parts = Spellings(self._part)
        """The part of the request that a field tells, by the proxy's spelling of its name; 0 for none."""

    def _part(self, name: bytes) -> int:
        return self._told.get(name.lower(), 0)


_X_ORIGINAL = {
    b"x-original-scheme": _SCHEME,
    b"x-original-method": _METHOD,
    b"x-original-host": _HOST,
    b"x-original-uri": _URI,
}

_FIELDS = {
    # Neither sets such a field by itself, so these are names no other proxy sets; the sample configurations do.
    Dialect.NGINX: _Fields(_X_ORIGINAL),
    Dialect.HAPROXY: _Fields(_X_ORIGINAL),
    Dialect.TRAEFIK: _Fields(_X_FORWARDED, frozenset({b"x-forwarded-server"})),
    Dialect.CADDY: _Fields(_X_FORWARDED),
    # Envoy repeats the request itself, behind a path prefix.
    Dialect.ENVOY: _Fields(
        {b"x-forwarded-proto": _SCHEME},
        frozenset(
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
    asked = None
    if inbound.section_cache is not None:
        # All that a question says, and who says it of whom. The table belongs to the key, as it keeps the answer.
        asked = (
            inbound.headers,
            inbound.method,
            received,
            inbound.host,
            inbound.scheme,
            inbound.peer,
            inbound.client_address,
            inbound.client_known,
        )
        known = table.questions.get(asked)
        if known is not None:
            return _again(known, inbound.request_id)
    question = _read(inbound, received, table)
    if asked is not None and isinstance(question, Inbound) and not question.websocket:
        if len(table.questions) >= MEMO_SIZE:
            table.questions.clear()
        if sum(len(name) + len(value) for name, value in inbound.headers) <= LONGEST_KNOWN:
            question = table.questions[asked] = msgspec.structs.replace(question, section_cache=SectionCache())
    return question


def _again(known: Inbound, request_id: str) -> Inbound:
    """Return a request that was asked about before, under an id of its own. By position: a keyword costs."""
    return Inbound(
        known.method,
        known.target,
        known.host,
        known.headers,
        request_id,
        known.peer,
        known.client_address,
        known.scheme,
        known.cookie,
        known.framing,
        known.length,
        known.websocket,
        known.received,
        known.forwarded,
        known.section_cache,
        known.client_known,
    )


def _read(inbound: Inbound, received: bytes, table: RouteTable) -> Inbound | Answer:
    """Return the request that a question tells of, or the refusal of a question that tells of none."""
    endpoint, _, _ = received.partition(b"?")
    prefix = (table.portal_prefix + AUTH_PAGES).encode()
    word, slash, _ = endpoint.removeprefix(prefix).partition(b"/")
    dialect = _dialect(word)
    if dialect is None or not endpoint.startswith(prefix) or bool(slash) is not (dialect is Dialect.ENVOY):
        return _refused(AuthFault.DIALECT)
    fields = _FIELDS[dialect]
    parts = fields.parts
    told: list[bytes | None] = [None] * (_WEBSOCKET_KEY + 1)
    rest: list[tuple[bytes, bytes]] = []
    websocket = False
    for field in inbound.headers:
        part = parts[field[0]]
        if not part:
            rest.append(field)
        elif part == _WEBSOCKET_KEY:
            websocket = True
            rest.append(field)
        elif told[part] is None:
            told[part] = field[1]
        else:
            # Of two words, the proxy may have forwarded by the other one.
            return _refused(AuthFault.FIELD)
    scheme_word = told[_SCHEME]
    method_word = told[_METHOD] if fields.tells_method else inbound.method.encode()
    uri = (told[_URI] or None) if fields.tells_uri else received[len(prefix) + len(word) :]
    host_word = (told[_HOST] or None) if fields.tells_host else inbound.host.encode()
    if not scheme_word or not method_word or uri is None or host_word is None:
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
        headers=tuple(rest),
        framing=Framing.EMPTY,
        length=0,
        websocket=websocket,
        forwarded=dialect.value,
        # The results in the cache were made of the sub-request's own fields.
        section_cache=None,
    )


def step(inbound: Inbound, known: SessionState, now: Instant, table: RouteTable) -> Step:
    """Decide as the step does; on an `original` request, say the outcome in the asking proxy's dialect."""
    if not inbound.forwarded:
        return judge_request(inbound, known, now, table)
    path = inbound.target.path
    cache = inbound.section_cache
    lasting = table.question_rules.get((inbound.host, inbound.method, path))
    if cache is not None and lasting is not None:
        route, rule = lasting
        if (
            cache.fields_of is route.token
            and now >= route.closed_until
            and (inbound.target.query is None or not route.policy.by_method)
        ):
            judged = judge(route, rule, inbound, known, now, table)
            return (
                _allowed(judged, inbound, table)
                if isinstance(judged, Forward)
                else _said(judged, inbound, route, table)
            )
    if table.is_portal(path):
        # The outer proxy sends our own pages to us, and never asks whether it may.
        return _refused(AuthFault.TARGET)
    here = table.match(inbound.host, path)
    if here is None or here.app.mode is not Mode.FORWARD_AUTH:
        return _refused(AuthFault.MODE)
    refused = _fault(inbound, _names(here, inbound.forwarded, table))
    if refused is not None:
        return about(refused, here, known)
    if cache is not None:
        cache.fields_of = here.token
    judged = judge_request(inbound, known, now, table)
    return _allowed(judged, inbound, table) if isinstance(judged, Forward) else _said(judged, inbound, here, table)


def _of_accounts(accounts: AppAccounts | None) -> tuple[bytes, ...]:
    """Return the name of the field by which the application is told of an account."""
    if accounts is None:
        return ()
    return (b"Authorization",) if accounts.tell == "basic" else (accounts.header.encode("ascii"),)


def _names(route: Route, dialect: str, table: RouteTable) -> QuestionNames:
    """Return what is known of the names of such questions, made once for the route."""
    known = table.question_cache.get((route, dialect))
    if known is not None:
        return known
    ours = (*every_header(route.policy.disclosed, route.app.headers), *_of_accounts(route.app.accounts))
    folded_ours = frozenset(map(fold, ours))
    rules = header_rules_of(route.app.headers)
    besides = _FIELDS[Dialect(dialect)].besides

    def judge(name: bytes) -> NameFault | None:
        folded, lower = fold(name), name.lower()
        # A client spells one of our headers so that the outer proxy lets it pass and a server reads ours.
        alias = folded != lower and (folded in folded_ours or folded.startswith(b"x-verified"))
        claim = None
        if rules[name] is DROP and folded not in OURS_TO_WRITE and lower not in besides:
            claim = rules.family(folded)
        # The outer proxy answers for fields of a platform in front of it. A method override is judged.
        family = None if claim is None or claim.family in (Family.METHOD, Family.PLATFORM) else claim.family
        if not alias and family is None:
            return None
        return NameFault(alias, family, lower if lower == folded else b"")

    known = table.question_cache[route, dialect] = QuestionNames(ours, Spellings(judge))
    return known


def _fault(inbound: Inbound, names: QuestionNames) -> Answer | None:
    """Refuse a question that has a field which the application would believe; `None` where it has none.

    The outer proxy forwards the client's fields itself, so what cannot be cut is refused.
    """
    found: list[tuple[Family, bytes]] = []
    for name, value in inbound.headers:
        fault = names.faults[name]
        if fault is None:
            continue
        if fault.alias:
            return _refused(AuthFault.ALIAS)
        if fault.family is not None and not (fault.repeats and _says_the_same(fault.repeats, value, inbound)):
            found.append((fault.family, name))
    if not found:
        return None
    ours = any(family is Family.OURS for family, _ in found)
    return msgspec.structs.replace(_refused(AuthFault.IDENTITY if ours else AuthFault.HEADER), removed=tuple(found))


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


def _said(
    step: AskPortal | Answer | NeedSession | NeedAccount | NeedPress | NeedReservation | MayGiveBack,
    inbound: Inbound,
    route: Route,
    table: RouteTable,
) -> Answer | NeedSession | NeedAccount:
    nginx = inbound.forwarded == Dialect.NGINX
    match step:
        case NeedSession() | NeedAccount():
            return step
        case NeedPress():
            # Never, as a question brings no body that could be the press.
            return _refused(AuthFault.MODE)
        case Answer():
            # nginx makes 500 of everything but 2xx, 401 and 403.
            hidden = nginx and 400 <= step.status < 500 and step.status != 401
            return msgspec.structs.replace(step, status=403) if hidden else step
        case AskPortal():
            return about(_page(step, inbound, route, table), route, step.visit.session)
        case NeedReservation() | MayGiveBack():
            # `check` refuses such a policy: who never sees the answer cannot count. If one gets here, it is refused.
            return _refused(AuthFault.MODE)
        case _:
            assert_never(step)


def _allowed(forward: Forward, inbound: Inbound, table: RouteTable) -> Answer:
    private = forward.signed_in or not forward.permit.shared
    cache = inbound.section_cache
    ready = None if cache is None else cache.answer
    if ready is None or ready.identity is not forward.head or ready.private is not private:
        ready = _rendered(forward, inbound, table, private=private)
        if cache is not None:
            cache.answer = ready
    request_id = inbound.request_id.encode()
    return Answer(
        200,
        (*ready.headers, (b"X-Request-Id", request_id)),
        b"",
        False,  # noqa: FBT003 (by position: each question comes by here, and a keyword costs)
        "permit",
        forward.rule or str(forward.permit.rule),
        "",
        "",
        forward.route.app.name,
        forward.pseudonym,
        (),
        b"%bX-Request-Id: %b\r\n" % (ready.lines, request_id),
    )


def _rendered(forward: Forward, inbound: Inbound, table: RouteTable, *, private: bool) -> QuestionAnswer:
    named = dict.fromkeys(_names(forward.route, inbound.forwarded, table).ours, b"")
    for line in forward.head.split(b"\r\n"):
        name, colon, value = line.partition(b": ")
        if colon:
            named[name] = value
    headers = (
        *named.items(),
        # The Cookie field without our cookies: the outer proxy puts it in place of the client's.
        (b"Cookie", without_ours(inbound.cookie)),
        (b"Sekisho-Cache", b"private" if private else b"shared"),
        _NO_STORE,
    )
    return QuestionAnswer(forward.head, private, headers, b"".join([b"%b: %b\r\n" % field for field in headers]))


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
            words, target = WORDS[inbound_language(inbound)], inbound.target.raw
            if isinstance(asked.visit.purpose, FormNotSentPage):
                sign_in = sign_in_url(route.origin, table.portal_prefix, target, table.longest_line).decode("ascii")
                answer = _html(401, inbound, route, About(Small.NOT_SENT, links=(Link(words.sign_in, sign_in),)))
            else:
                onward = Link(words.onward, target.decode("ascii"))
                answer = _html(401, inbound, route, About(Small.FOREIGN, links=(onward,)))
            return msgspec.structs.replace(
                answer, verdict="challenge", rule=str(challenge.rule), reason=challenge.reason.value
            )
        case SignFormPage(rule) | NotSignablePage(rule):
            # The outer proxy has the form, so it cannot be signed here.
            answer = _html(403, inbound, route, About(Small.DENIED))
            return msgspec.structs.replace(answer, verdict="deny", rule=rule, reason="signature")
        case AccountPage(rule, ask):
            location = f"{route.origin}{table.portal_prefix}{ACCOUNT}?app={route.name}".encode()
            answer = Answer(401 if nginx else 303, ((b"Location", location), _NO_STORE))
            return msgspec.structs.replace(answer, verdict="challenge", rule=rule, reason=f"account_{ask.value}")
        case RefusalPage(deny):
            return _denied(deny, inbound, route)
        case TroublePage(trouble, status, retry_after):
            waits = () if retry_after is None else ((b"Retry-After", b"%d" % retry_after),)
            answer = _html(status, inbound, route, About(Small.AWAY), waits)
            return msgspec.structs.replace(answer, reason=trouble.value)
        case other:
            assert_never(other)


def _denied(deny: Deny, inbound: Inbound, route: Route) -> Answer:
    sentences = [reason.sentence for reason in deny.reasons if reason.sentence]
    # In the languages that all of them have, and `ja` is always one: no reason is left out, and none is in another.
    said = {
        language.value: " ".join(sentence[language] for sentence in sentences)
        for language in Language
        if sentences and all(language in sentence for sentence in sentences)
    }
    waits = () if deny.retry_after is None else ((b"Retry-After", b"%d" % deny.retry_after),)
    nginx = inbound.forwarded == Dialect.NGINX
    answer = _html(403 if nginx else deny.status, inbound, route, About(Small.DENIED, said), waits)
    rule = "" if deny.rule is None else str(deny.rule)
    return msgspec.structs.replace(answer, verdict="deny", rule=rule, reason=deny.words)


_NO_STORE = (b"Cache-Control", b"no-store")


def _html(status: int, inbound: Inbound, route: Route, page: About, headers: Headers = ()) -> Answer:
    """Return a small page: the outer proxy shows it in place, so it loads nothing.

    In a frame its one link opens the page at the top.
    """
    language = inbound_language(inbound)
    if navigation(inbound) is Navigation.FRAME:
        link = Link(WORDS[language].whole_window, inbound.target.raw.decode("ascii"), top=True)
        page = replace(page, links=(link,), framed=True)
    return small_page(status, inbound.request_id, language, route, page, headers)


def _refused(fault: AuthFault) -> Answer:
    return Answer(403, ((b"Content-Type", b"text/plain"), _NO_STORE), b"", reason=fault.value)


def _dialect(word: bytes) -> Dialect | None:
    try:
        return Dialect(word.decode("ascii"))
    except ValueError:
        return None


def _exactly(uri: bytes, paths: PathSettings) -> Target | None:
    """Return the target if we would forward it as it is spelled: the outer proxy forwards its own string."""
    target = canonical(uri, paths)
    return target if isinstance(target, Target) and target.raw == uri else None
