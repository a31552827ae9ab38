"""The conditions that must be true after a case.

Each predicate looks at the record of the case; `None` means yes, and words say what it saw.
A predicate that cannot tell is a failure: nothing passes without evidence.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, unquote_to_bytes, urlsplit

from gateway.instant import tokyo_day
from tests.security.browser import page_of
from tests.security.case_format import Case, FormatError
from tests.security.fixture import (
    APP,
    CALLBACK,
    CLIENTS,
    JWKS,
    LOGIN,
    OTHER,
    PENDING_COOKIE,
    PREFIX,
    SESSION_COOKIE,
    Prepared,
)
from tests.security.placeholders import HEADERS, Filler, decoded_jwt_part
from tests.security.provider import ISSUER
from tests.security.run import Run
from tests.security.store import everything
from tests.security.upstream import GZIP_BOMB, Received, fold
from tests.security.whatwg import Url, parse
from tests.security.wire import Connection, Response, closes_within, exchange, head

Predicate = Callable[[Run, str], Awaitable[str | None]]
PREDICATES: dict[str, Predicate] = {}

MEMORY = 96 * 1024 * 1024
"""Bytes a gateway may grow by in one case: buffers and pools, not one client's upload or a flood's entries."""

STREAM_SECONDS = 5.0
STORE_KEYS = 25_000
"""The most keys that anybody can put into the store: the cap on pending logins, and their indexes."""

IDENTITY = (b"x-verified-",)
REGISTERED = frozenset({"iss", "aud", "sub", "iat", "exp", "nbf", "jti", "rule", "facts"})
DISCLOSED = {"/app/echo": frozenset({"name", "age", "birthdate"})}

COMMANDS = frozenset(
    b"HELLO AUTH SELECT CLIENT PING INFO ROLE GET SET DEL MGET EXISTS EXPIRE PEXPIRE PTTL TTL EVAL EVALSHA SCRIPT "
    b"HGETALL HSET HGET HDEL ZADD ZREM ZRANGE ZRANGEBYSCORE ZREMRANGEBYSCORE ZCARD SADD SREM SMEMBERS MULTI EXEC "
    b"UNLINK TIME WAIT INCR DECR PERSIST GETDEL".split()
)
_FITNESS = ((b"CONFIG", b"GET", b"save"), (b"CONFIG", b"GET", b"m*"))
"""The gateway's CONFIG commands. It asks now and then whether its store of limits is durable, and after each start
whether the sessions' store evicts."""
KEY_SHAPE = re.compile(rb"sekisho:[A-Za-z0-9:{}_-]*")
_KEYED = {
    b"GET",
    b"SET",
    b"DEL",
    b"EXISTS",
    b"PEXPIRE",
    b"PTTL",
    b"HGETALL",
    b"HSET",
    b"ZADD",
    b"ZREM",
    b"ZRANGE",
    b"UNLINK",
}


def predicate(function: Predicate) -> Predicate:
    PREDICATES[function.__name__.removesuffix("_")] = function
    return function


def split(text: str) -> tuple[str, str]:
    name, _, argument = text.partition(":")
    return name, argument


def check_predicates(case: Case) -> None:
    """Hold a case to the predicates there are, each with an argument exactly where it takes one.

    Raises:
        FormatError: it asks for another one.

    """
    for text in case.predicates:
        name, argument = split(text)
        if name not in PREDICATES:
            raise FormatError(f"{case.id}: unknown predicate `{text}`")
        if bool(argument) is not (name in WITH_ARGUMENT):
            raise FormatError(f"{case.id}: predicate `{text}` {'takes no' if argument else 'needs an'} argument")


# --- small helpers ---


def statuses(run: Run) -> list[int]:
    return [response.status for response in run.responses]


def _one_of(run: Run, allowed: set[int], what: str) -> str | None:
    if not run.responses:
        return f"no answer (closed: {[one.closed for one in run.exchanges]})"
    if any(one.response is None for one in run.exchanges):
        return f"{sum(one.response is None for one in run.exchanges)} requests without an answer"
    wrong = sorted({status for status in statuses(run) if status not in allowed})
    return None if not wrong else f"{what}: status {', '.join(map(str, wrong))}"


def is_idp(location: str, base: Url | None = None) -> bool:
    there = parse(location, base)
    return there is not None and there.origin == ISSUER and there.path == "/authorize"


def base_url(run: Run, host: str = APP) -> Url:
    target = run.sent_target.decode("latin-1", "replace") or "/"
    path, mark, query = target.partition("?")
    return Url("https", host, "", path, query if mark else None)


def wants_login(response: Response) -> bool:
    location = response.one("location")
    if response.status in (302, 303):
        return location is not None and (
            is_idp(location) or (parse(location, Url("https", APP, "", "/")) or Url("", "", "", "")).path == LOGIN
        )
    return response.status == 401


def expected_facts(run: Run, session: Prepared) -> dict[str, str]:
    person = session.person
    facts = {HEADERS["H_SUB"]: person["sub"]}
    if isinstance(person.get("name"), str):
        facts[HEADERS["H_NAME"]] = quote(person["name"], safe="")
    birthdate = person.get("birthdate")
    if isinstance(birthdate, str) and re.fullmatch(r"[0-9]{8}", birthdate) and not birthdate.endswith("00"):
        born = (int(birthdate[:4]), int(birthdate[4:6]), int(birthdate[6:]))
        today = tokyo_day(run.fixture.now())
        age = today.year - born[0] - ((today.month, today.day) < born[1:])
        facts[HEADERS["H_AGE"]] = str(age)
        facts["X-Verified-Birthdate"] = f"{birthdate[:4]}-{birthdate[4:6]}-{birthdate[6:]}"
    return facts


def identity_of(request: Received) -> list[tuple[str, str]]:
    return [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.headers
        if fold(name).startswith(IDENTITY)
    ]


def _identity_fault(run: Run, request: Received, session: Prepared | None) -> str | None:
    """Say what is wrong with a request's identity headers; `None` session: nobody's may be there."""
    found = identity_of(request)
    for name, value in found:
        if name.lower() == HEADERS["H_ASSERT"].lower():
            claims = json.loads(decoded_jwt_part(value, 1))
            if claims.get("sub") not in (None, session.person["sub"] if session else None):
                return f"assertion speaks of `{claims.get('sub')}`"
            if session is None and claims.get("facts"):
                return f"assertion tells {claims['facts']}"
            continue
        if session is None:
            return f"{name}: {value}"
        expected = {key.lower(): text for key, text in expected_facts(run, session).items()}
        if name.lower() in expected:
            if value != expected[name.lower()]:
                return f"{name}: {value} (expected {expected[name.lower()]})"
        elif value not in ("yes", "no"):
            return f"{name}: {value} (not a fact of the session)"
    names = [name.lower() for name, _ in found]
    if len(set(names)) != len(names):
        return f"twice: {names}"
    if session is not None and HEADERS["H_SUB"].lower() not in names:
        return "no subject header"
    return None


async def ask(
    run: Run, target: str, *, cookie: str | None = None, host: str = APP, headers: list[tuple[str, str]] | None = None
) -> Response:
    """One more request, from an address of its own."""
    connection = await Connection.open(("127.0.0.1", run.fixture.proxy.port), run.fixture.next_address())
    try:
        fields = [(b"Host", host.encode()), *((name.encode(), value.encode()) for name, value in headers or [])]
        if cookie is not None:
            fields.append((b"Cookie", cookie.encode()))
        result = await exchange(connection, head("GET", target.encode(), fields), ["GET"])
    finally:
        await connection.close()
    if result.response is None:
        raise RuntimeError(f"no answer to GET {target}")
    return result.response


async def lives(run: Run, ticket: str, host: str = APP) -> bool:
    target = "/app/alive" if host == APP else "/"
    response = await ask(run, target, cookie=f"{SESSION_COOKIE}={ticket}", host=host)
    return response.status == 200


def case_session(run: Run) -> Prepared | None:
    if run.case.session in run.sessions:
        return run.sessions[run.case.session]
    return None


def mentioned(run: Run) -> list[Prepared]:
    return list(run.sessions.values())


def used_ticket(run: Run) -> str | None:
    session = case_session(run)
    if session is not None:
        return session.ticket
    if run.browser is not None and (ticket := run.browser.jar.get(APP, {}).get(SESSION_COOKIE)):
        return ticket
    return mentioned(run)[0].ticket if mentioned(run) else None


def set_cookies(run: Run) -> list[str]:
    return [line for response in run.seen for line in response.all("set-cookie")]


def cookie_name(line: str) -> str:
    return line.partition("=")[0].strip()


def clears(line: str) -> bool:
    return bool(re.search(r"max-age=(0|-)|expires=[^;]*1970", line, re.IGNORECASE)) or line.partition(";")[0].endswith(
        "="
    )


async def value(run: Run, text: str) -> str:
    return (await Filler(run).fill(text)).decode("utf-8", "replace")


# --- status and answer ---


@predicate
async def status(run: Run, argument: str) -> str | None:
    return _one_of(run, {int(code) for code in argument.split("|")}, "not one of them")


@predicate
async def not_5xx(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    wrong = sorted({code for code in statuses(run) if code >= 500})
    return None if not wrong else f"status {wrong}"


@predicate
async def login_required(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    wrong = [response for response in run.responses if not wants_login(response)]
    return None if not wrong else f"status {wrong[0].status}, location {wrong[0].one('location')}"


@predicate
async def login_required_or_401(run: Run, argument: str) -> str | None:
    return await login_required(run, argument)


@predicate
async def login_required_or_404(run: Run, argument: str) -> str | None:
    if run.responses and all(code == 404 for code in statuses(run)):
        return None
    return await login_required(run, argument)


@predicate
async def location_is_idp(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    for response in run.responses:
        location = response.one("location")
        if response.status not in (302, 303) or location is None or not is_idp(location):
            return f"status {response.status}, location {location}"
    return None


@predicate
async def location_local_or_idp(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    base = base_url(run)
    for response in run.seen:
        for location in response.all("location"):
            there = parse(location, base)
            if there is None or there.origin not in (f"https://{APP}", f"https://{OTHER}", ISSUER):
                return f"location {location!r}"
    return None


@predicate
async def final_origin_is_gateway(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    if run.browser is None or not run.browser.hops:
        return "the login was not followed"
    if run.browser.looped:
        return "redirects without end"
    url = run.browser.hops[-1].url
    if url.origin == ISSUER and url.path == "/logout":
        # Signed out at the provider, which was asked to come back to where it was told to.
        back = parse_qs(url.query or "").get("post_logout_redirect_uri", [f"https://{APP}/"])[0]
        there = parse(back)
        return None if there is not None and there.origin == f"https://{APP}" else f"post logout {back!r}"
    return None if url.origin in (f"https://{APP}", f"https://{OTHER}") else f"ended at {url}"


@predicate
async def final_path(run: Run, argument: str) -> str | None:
    if run.browser is None or not run.browser.hops:
        return "the login was not followed"
    path = run.browser.hops[-1].url.path
    return None if path == await value(run, argument) else f"path {path}"


@predicate
async def final_target_equals_rd(run: Run, argument: str) -> str | None:
    if run.browser is None or not run.browser.hops:
        return "the login was not followed"
    query = run.sent_target.decode("latin-1").partition("?")[2]
    wanted = dict(parse_qsl(query, keep_blank_values=True)).get("rd", "")
    url = run.browser.hops[-1].url
    same = unquote_to_bytes(url.target) == unquote_to_bytes(wanted) and url.origin == f"https://{APP}"
    return None if same else f"ended at {url.origin}{url.target}"


@predicate
async def no_script_url(run: Run, argument: str) -> str | None:
    base = base_url(run)
    for response in run.seen:
        for text in [*response.all("location"), *response.all("content-location"), *page_of(response).links]:
            there = parse(text, base)
            if there is not None and there.is_script:
                return repr(text)
    return None


@predicate
async def no_redirect_loop(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    if run.browser is None:
        return "it was not followed"
    if run.browser.looped:
        return "redirects without end"
    if len(run.browser.authorizations) > 2:
        return f"sent to the provider {len(run.browser.authorizations)} times"
    return None


@predicate
async def no_body(run: Run, argument: str) -> str | None:
    text = await value(run, argument)
    found = any(text in response.text for response in run.seen)
    return f"`{text}` is in a body" if found else None


@predicate
async def no_protected_body(run: Run, argument: str) -> str | None:
    everything_received = b"".join(one.received for one in run.exchanges)
    if b"PROTECTED" in everything_received or any("PROTECTED" in response.text for response in run.seen):
        return "PROTECTED is in the answer"
    return None


@predicate
async def no_value_in_response(run: Run, argument: str) -> str | None:
    text = await value(run, argument)
    if not run.responses and not any(one.closed for one in run.exchanges):
        return "no answer"
    for response in run.responses:
        if text in response.text or text.encode() in response.raw:
            where = next((f"{name}: {said}" for name, said in response.headers if text in said), "the body")
            return f"in {where}"
    return None


@predicate
async def no_value_in_response_except_idp(run: Run, argument: str) -> str | None:
    session = case_session(run)
    if session is None:
        return "the case has no session"
    text = session.id_token if argument == "id_token" else str(session.person.get(argument, ""))
    if not text:
        return f"the session has no `{argument}`"
    for response in run.seen:
        if text in response.text:
            return "in a body"
        for name, said in response.headers:
            if text in said or text in unquote(said):
                there = parse(said, base_url(run))
                if name.lower() != "location" or there is None or there.origin != ISSUER:
                    return f"in {name}"
    for hop in run.browser.hops if run.browser is not None else []:
        if text in hop.url.target and hop.url.origin != ISSUER:
            return f"in the address {hop.url.origin}"
    return None


@predicate
async def response_header_absent(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    found = [said for response in run.responses for said in response.all(argument)]
    return None if not found else f"{argument}: {found[0]}"


@predicate
async def response_header_has(run: Run, argument: str) -> str | None:
    name, _, text = (await value(run, argument)).partition("=")
    if not run.responses:
        return "no answer"
    wrong = [response for response in run.responses if not any(text in said for said in response.all(name))]
    return None if not wrong else f"{name}: {wrong[0].one(name)} (status {wrong[0].status})"


@predicate
async def response_header_lacks(run: Run, argument: str) -> str | None:
    name, _, text = (await value(run, argument)).partition("=")
    if not run.responses:
        return "no answer"
    found = [said for response in run.responses for said in response.all(name) if text.lower() in said.lower()]
    return None if not found else f"{name}: {found[0]}"


@predicate
async def last_status(run: Run, argument: str) -> str | None:
    codes = statuses(run)
    if not codes:
        return "no answer"
    return None if codes[-1] in {int(code) for code in argument.split("|")} else f"status {codes}"


@predicate
async def single_response(run: Run, argument: str) -> str | None:
    for one in run.exchanges:
        if len(one.responses) != 1 or one.leftover:
            return f"{len(one.responses)} answers, {len(one.leftover)} bytes behind them"
    return None


@predicate
async def conn_closed(run: Run, argument: str) -> str | None:
    if run.trickle_closed is not None:
        return None if run.trickle_closed else "a head that never ends keeps its connection, or keeps others waiting"
    return None if all(one.closed for one in run.exchanges) else "the connection stays open"


@predicate
async def conn_closed_on_400(run: Run, argument: str) -> str | None:
    for one in run.exchanges:
        codes = [response.status for response in one.responses]
        if 400 in codes and not one.closed:
            return "400, and the connection stays open"
        if 400 in codes[:-1]:
            return f"answers after a 400: {codes}"
    return None


@predicate
async def under(run: Run, argument: str) -> str | None:
    limit = seconds(argument)
    slowest = max((one.seconds for one in run.exchanges), default=run.seconds)
    return None if slowest < limit else f"{slowest:.2f} s"


def seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9.]+)(ms|s|m)", text)
    if found is None:
        raise FormatError(f"`{text}` is no duration")
    return float(found[1]) * {"ms": 0.001, "s": 1, "m": 60}[found[2]]


@predicate
async def first_byte_under(run: Run, argument: str) -> str | None:
    if run.first_body_byte is None:
        return f"no body byte came (status {statuses(run)})"
    return None if run.first_body_byte < seconds(argument) else f"{run.first_body_byte:.2f} s"


@predicate
async def stream_cut(run: Run, argument: str) -> str | None:
    if run.stream_ended_after is None:
        return "the stream goes on"
    return None if run.stream_ended_after <= STREAM_SECONDS else f"ended after {run.stream_ended_after:.1f} s"


@predicate
async def websockets_closed(run: Run, argument: str) -> str | None:
    for _ in range(int(STREAM_SECONDS * 10)):
        if run.websockets_ended:
            return None
        await asyncio.sleep(0.1)
    return "a WebSocket stays open"


# --- caching and framing ---


def _cache_control(response: Response) -> list[str]:
    return [part.strip().lower() for line in response.all("cache-control") for part in line.split(",")]


@predicate
async def cache_no_store(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    wrong = [response for response in run.responses if "no-store" not in _cache_control(response)]
    return None if not wrong else f"Cache-Control: {wrong[0].one('cache-control')}"


@predicate
async def cache_not_public(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    for response in run.responses:
        if any(part == "public" or part.startswith("s-maxage") for part in _cache_control(response)):
            return f"Cache-Control: {response.one('cache-control')}"
    return None


@predicate
async def cache_private(run: Run, argument: str) -> str | None:
    """No shared cache may keep any answer, by any field that it obeys."""
    if not run.responses:
        return "no answer"
    for response in run.responses:
        if not {"private", "no-store"} & set(_cache_control(response)):
            return f"Cache-Control: {response.one('cache-control')}"
        for name, said in response.headers:
            folded = fold(name.encode()).decode()
            if folded in ("surrogate-control", "x-accel-expires") or folded.endswith("-cache-control"):
                return f"{name}: {said}"
    return await cache_not_public(run, argument)


@predicate
async def csp_present(run: Run, argument: str) -> str | None:
    pages = run.responses
    if not pages:
        return "no answer"
    if run.received:
        # The application answered, and its pages are its own; what the gateway says of the same target is judged.
        pages = await _own_pages(run)
    wrong = [response for response in pages if not response.one("content-security-policy")]
    return None if not wrong else f"no Content-Security-Policy on a {wrong[0].status}"


async def _own_pages(run: Run) -> list[Response]:
    """Return the gateway's own pages about the case's target: a background request's refusal, and a form's."""
    target = run.sent_target.decode("latin-1")
    suffix = target.lstrip("/")
    page = await ask(run, f"{PREFIX}/{suffix}", headers=[("Accept", "text/html")])
    for text in ("<script", "%3Cscript"):
        if text in page.text:
            return [Response(page.status, [], page.body)]
    return [page]


@predicate
async def frame_denied(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    for response in run.responses:
        policy = (response.one("content-security-policy") or "").lower()
        if (response.one("x-frame-options") or "").upper() != "DENY" and "frame-ancestors 'none'" not in policy:
            return f"a {response.status} can be framed"
    return None


@predicate
async def processor_under(run: Run, argument: str) -> str | None:
    """A request costs at most that much of the gateway's CPU, in spite of other load on the machine."""
    if not run.processor_seconds or run.case.repeat < 100:
        return "too few requests to tell"
    each = run.processor_seconds / run.case.repeat
    return None if each < seconds(argument) else f"{each * 1000:.2f} ms each"


@predicate
async def neighbour_served(run: Run, argument: str) -> str | None:
    """Somebody signed in at the same address, whom no worker remembered, got this page right after the flood."""
    return None if run.neighbour_status == 200 else f"status {run.neighbour_status}"


# --- what the application got ---


@predicate
async def upstream_requests(run: Run, argument: str) -> str | None:
    lines = [request.line.decode("latin-1") for request in run.received]
    return None if len(lines) == int(argument) else f"{len(lines)} requests: {', '.join(lines)}"


@predicate
async def no_upstream(run: Run, argument: str) -> str | None:
    return None if not run.received else f"the application got {run.received[0].line.decode('latin-1')}"


@predicate
async def upstream_no_value(run: Run, argument: str) -> str | None:
    text = (await value(run, argument)).encode()
    for request in run.received:
        for name, said in request.headers:
            if text in said:
                return f"{name.decode('latin-1')}: {said.decode('latin-1')}"
    return None


@predicate
async def upstream_no_header(run: Run, argument: str) -> str | None:
    name = await value(run, argument)
    found = [said for request in run.received for said in request.folded(name)]
    return None if not found else f"{name}: {found[0].decode('latin-1')}"


@predicate
async def upstream_header_absent(run: Run, argument: str) -> str | None:
    return await upstream_no_header(run, argument)


@predicate
async def upstream_header_present(run: Run, argument: str) -> str | None:
    name = await value(run, argument)
    if not run.received:
        return f"the application got nothing (status {statuses(run)})"
    return None if all(request.values(name) for request in run.received) else f"no {name}"


@predicate
async def upstream_header_count(run: Run, argument: str) -> str | None:
    name, _, count = (await value(run, argument)).partition("=")
    if not run.received:
        return f"the application got nothing (status {statuses(run)})"
    wrong = [len(request.folded(name)) for request in run.received if len(request.folded(name)) != int(count)]
    return None if not wrong else f"{wrong[0]} times"


@predicate
async def upstream_header_ascii(run: Run, argument: str) -> str | None:
    name = await value(run, argument)
    for request in run.received:
        for said in request.folded(name):
            if not all(0x20 <= byte <= 0x7E for byte in said):
                return repr(said)
    return None


@predicate
async def upstream_cookie_lacks(run: Run, argument: str) -> str | None:
    name = (await value(run, argument)).encode().lower()
    for request in run.received:
        for said in request.values("cookie"):
            if name in said.lower():
                return f"Cookie: {said.decode('latin-1')[:80]}"
    return None


@predicate
async def upstream_cookie_has(run: Run, argument: str) -> str | None:
    pair = (await value(run, argument)).encode()
    if not run.received:
        return f"the application got nothing (status {statuses(run)})"
    for request in run.received:
        pairs = [part.strip() for said in request.values("cookie") for part in said.split(b";")]
        if pair not in pairs:
            return f"Cookie: {request.values('cookie')}"
    return None


@predicate
async def upstream_paths_subset(run: Run, argument: str) -> str | None:
    allowed = (await value(run, argument)).split("|")
    wrong = [request.target for request in run.received if request.target not in allowed]
    return None if not wrong else f"the application got {wrong[0]}"


@predicate
async def upstream_identity_is_session(run: Run, argument: str) -> str | None:
    if not run.received:
        # Nothing arrived, so nobody spoke in anybody's name; but only a refusal of the head may be why.
        codes = statuses(run)
        return None if codes and all(code == 400 for code in codes) else f"the application got nothing (status {codes})"
    for request in run.received:
        fault = _identity_fault(run, request, case_session(run))
        if fault is not None:
            return fault
    return None


@predicate
async def upstream_identity_is_session_or_none(run: Run, argument: str) -> str | None:
    for request in run.received:
        possible: list[Prepared | None] = [None, *mentioned(run)]
        faults = [_identity_fault(run, request, session) for session in possible]
        if all(fault is not None for fault in faults):
            return str(faults[0])
    return None


@predicate
async def upstream_identity_absent(run: Run, argument: str) -> str | None:
    for request in run.received:
        fault = _identity_fault(run, request, None)
        if fault is not None:
            return fault
    return None


@predicate
async def upstream_encoding_preserved(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    for response in run.responses:
        if response.one("content-encoding") != "gzip" or response.body != GZIP_BOMB:
            return (
                f"Content-Encoding {response.one('content-encoding')}, {len(response.body)} of {len(GZIP_BOMB)} bytes"
            )
    return None


@predicate
async def policy_path_equals_upstream_path(run: Run, argument: str) -> str | None:
    if not run.received:
        return None
    decided = {line["request_id"]: line for line in await access_lines(run)}
    for request in run.received:
        ids = request.values("x-request-id")
        line = decided.get(ids[0].decode()) if ids else None
        if line is None:
            return "the request is not in the access log"
        if unquote(request.path) != line["path"]:
            return f"decided on {line['path']!r}, the application got {request.path!r}"
    return None


async def log_lines(run: Run) -> list[str]:
    return [line for line in (await run.log()).splitlines() if line.strip()]


async def access_lines(run: Run) -> list[dict[str, Any]]:
    found = []
    for line in await log_lines(run):
        with suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict) and "method" in entry and "request_id" in entry and "event" not in entry:
                found.append(entry)
    return found


# --- hosts and decisions ---


@predicate
async def host_rule_or_reject(run: Run, argument: str) -> str | None:
    if not run.responses:
        return None if all(one.closed for one in run.exchanges) else "no answer"
    hosts = [said for name, said in run.case.request.headers if name.lower() == "host"]
    named = re.sub(r":443$", "", hosts[0].lower()).removesuffix(".") if len(hosts) == 1 else ""
    for response in run.responses:
        if response.status in (400, 404, 421):
            continue
        if named not in (APP, OTHER):
            return f"status {response.status} for {hosts}"
        if not wants_login(response) and response.status != 200:
            return f"status {response.status}"
        location = response.one("location") or ""
        if is_idp(location) and parse_qs(urlsplit(location).query).get("client_id") != [CLIENTS[named]]:
            return "decided as another App"
    return None


def _decision(response: Response) -> tuple[Any, ...]:
    location = urlsplit(response.one("location") or "")
    answered = tuple(
        sorted(
            (name.lower(), said)
            for name, said in response.headers
            if name.lower().startswith("x-verified-") and name.lower() != "x-verified-assertion"
        )
    )
    return response.status, location.scheme, location.netloc, location.path, answered


@predicate
async def same_decision_as_lowercase(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    filler = Filler(run)
    fields = []
    for name, text in run.case.request.headers:
        said = (await filler.fill(text)).decode()
        if name.lower() in ("host", "x-forwarded-host", "x-original-host"):
            said = re.sub(r":443$", "", said.lower()).removesuffix(".")
        fields.append(((await filler.fill(name)), said.encode()))
    if not any(name.lower() == b"host" for name, _ in fields):
        fields.insert(0, (b"Host", APP.encode()))
    session = case_session(run)
    if session is not None:
        fields.append((b"Cookie", f"{SESSION_COOKIE}={session.ticket}".encode()))
    connection = await Connection.open(("127.0.0.1", run.node.port), run.source)
    try:
        method = run.case.request.method
        result = await exchange(connection, head(method, run.sent_target, fields), [method])
    finally:
        await connection.close()
    if result.response is None:
        return "no answer to the plain form"
    plain, odd = _decision(result.response), _decision(run.responses[0])
    return None if plain == odd else f"{odd} and, plain, {plain}"


@predicate
async def all_identity_headers_present(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    wanted = {*HEADERS.values(), "X-Verified-Address", "X-Verified-Birthdate", "X-Verified-Gender",
              "X-Verified-Prefecture",
              "X-Verified-Municipality", "X-Verified-Municipality-Code", "X-Verified-Town", "X-Verified-Signed-In-At",
              "X-Verified-Grown-Up", "X-Verified-Eighteen"}  # fmt: skip
    for response in run.responses:
        if response.status == 403:
            # Refused: the outer proxy forwards nothing, so there is nothing to overwrite.
            continue
        if response.status != 200:
            return f"status {response.status}"
        lacking = sorted(name for name in wanted if len(response.all(name)) != 1)
        if lacking:
            return f"lacks {', '.join(lacking)}"
    return None


# --- cookies and sessions ---


@predicate
async def no_set_cookie(run: Run, argument: str) -> str | None:
    name = await value(run, argument)
    if not run.responses:
        return "no answer"
    found = [
        line
        for response in run.responses
        for line in response.all("set-cookie")
        if cookie_name(line) == name and not clears(line)
    ]
    return None if not found else f"Set-Cookie: {found[0].partition('=')[0]}"


@predicate
async def cookie_flags(run: Run, argument: str) -> str | None:
    name = await value(run, argument)
    lines = [line for line in set_cookies(run) if cookie_name(line) == name and not clears(line)]
    if not lines:
        return f"`{name}` was not set"
    for line in lines:
        said = [part.strip().lower() for part in line.split(";")[1:]]
        good = (
            "secure" in said
            and "httponly" in said
            and "path=/" in said
            and not any(part.startswith("domain") for part in said)
        )
        if not good or not ({"samesite=lax", "samesite=strict"} & set(said)) or not name.startswith("__Host-"):
            return f"{name}: {'; '.join(said)}"
    return None


@predicate
async def cookie_prefix_host(run: Run, argument: str) -> str | None:
    session = await run.session("adult")
    lines = [line for line in session.browser.set_cookies if line.partition("=")[2].startswith(session.ticket)]
    if not lines:
        return "no session cookie was set"
    return None if all(cookie_name(line).startswith("__Host-") for line in lines) else cookie_name(lines[0])


@predicate
async def cookie_secure(run: Run, argument: str) -> str | None:
    for line in set_cookies(run):
        if "secure" not in [part.strip().lower() for part in line.split(";")[1:]]:
            return line.partition("=")[0]
    return None if run.responses else "no answer"


@predicate
async def session_id_rotated(run: Run, argument: str) -> str | None:
    sent = [said for name, said in run.case.request.headers if name.lower() == "cookie"]
    session = case_session(run)
    before = "" if session is None else session.ticket
    if sent:
        before = (await value(run, sent[0])).partition("=")[2]
    after = run.browser.jar.get(APP, {}).get(SESSION_COOKIE) if run.browser is not None else None
    if after is None:
        return "no session came of it"
    if after == before:
        return "the session id is the one from before"
    if before and await lives(run, before):
        return "the session id from before opens a session"
    return None if await lives(run, after) else "the new session does not live"


@predicate
async def session_alive(run: Run, argument: str) -> str | None:
    ticket = used_ticket(run)
    if ticket is None:
        return "there is no session"
    return None if await lives(run, ticket) else "the session is gone"


@predicate
async def old_session_dead(run: Run, argument: str) -> str | None:
    session = case_session(run)
    if session is None:
        return "there was no session"
    return "the session lives" if await lives(run, session.ticket, session.host) else None


@predicate
async def all_sessions_of_user_dead(run: Run, argument: str) -> str | None:
    sessions = run.devices or mentioned(run)
    if not sessions:
        return "there was no session"
    alive = [session for session in sessions if await lives(run, session.ticket, session.host)]
    return None if not alive else f"{len(alive)} of {len(sessions)} live"


@predicate
async def no_new_session(run: Run, argument: str) -> str | None:
    for line in set_cookies(run):
        if cookie_name(line) == SESSION_COOKIE and not clears(line):
            return "a session cookie was set"
    new = {key async for key in run.fixture.redis.scan_iter(match=b"sekisho:t:*", count=1000)} - run.keys_before
    return None if not new else "a session was created"


@predicate
async def state_cookies_max(run: Run, argument: str) -> str | None:
    kept = _pending_cookies(run)
    return None if len(kept) <= int(argument) else f"{len(kept)} cookies"


@predicate
async def state_bytes_max(run: Run, argument: str) -> str | None:
    size = sum(len(name) + 1 + len(said) for name, said in _pending_cookies(run).items())
    return None if size <= int(argument) else f"{size} bytes"


def _pending_cookies(run: Run) -> dict[str, str]:
    jar = dict(run.browser.jar.get(APP, {})) if run.browser is not None else {}
    for response in run.responses:
        for line in response.all("set-cookie"):
            if not clears(line):
                jar[cookie_name(line)] = line.partition("=")[2].partition(";")[0]
    return {name: said for name, said in jar.items() if name.startswith(PENDING_COOKIE)}


# --- the provider ---


@predicate
async def token_endpoint_not_called(run: Run, argument: str) -> str | None:
    return None if run.calls("token") == 0 else f"{run.calls('token')} calls"


@predicate
async def token_calls(run: Run, argument: str) -> str | None:
    return None if run.calls("token") == int(argument) else f"{run.calls('token')} calls"


@predicate
async def jwks_calls_max(run: Run, argument: str) -> str | None:
    return None if run.calls("jwks") <= int(argument) else f"{run.calls('jwks')} calls"


@predicate
async def no_outbound(run: Run, argument: str) -> str | None:
    asked = run.fixture.provider.connects[run.connects_mark :]
    found = [authority for authority in asked if argument.lower() in authority.lower()]
    return None if not found else f"the gateway asked for {found[0]}"


@predicate
async def login_still_possible(run: Run, argument: str) -> str | None:
    location = await run.pending_location()
    browser = run.pending_browser
    if browser is None:
        return "no login was begun"
    run.fixture.provider.behaviour = {}
    for response in run.responses:
        browser.keep(APP, response)
    state = parse_qs(urlsplit(location).query)["state"][0]
    code = parse_qs(run.sent_target.decode("latin-1").partition("?")[2]).get("code", ["c1"])[0]
    url = Url("https", APP, "", CALLBACK, f"code={quote(code)}&state={quote(state)}")
    await browser.follow(url, await browser.go(url, site="cross-site"))
    ticket = browser.jar.get(APP, {}).get(SESSION_COOKIE)
    if ticket is None:
        last = browser.hops[-1].response
        return f"the navigation behind it ends without a session (status {last.status if last else None})"
    return None if await lives(run, ticket) else "the session does not live"


def _authorizations(run: Run) -> list[dict[str, str]]:
    locations = [location for response in run.seen for location in response.all("location") if is_idp(location)]
    locations += [] if run.browser is None else run.browser.authorizations
    return [dict(parse_qsl(urlsplit(location).query)) for location in locations]


@predicate
async def redirect_uri_is_configured(run: Run, argument: str) -> str | None:
    found = _authorizations(run)
    if not found:
        return f"nobody was sent to the provider (status {statuses(run)})"
    for params in found:
        if params.get("redirect_uri") != f"https://{APP}{CALLBACK}" or params.get("client_id") != CLIENTS[APP]:
            return f"redirect_uri {params.get('redirect_uri')}, client_id {params.get('client_id')}"
    return None


@predicate
async def authz_request_unchanged(run: Run, argument: str) -> str | None:
    found = _authorizations(run)
    if not found:
        return f"nobody was sent to the provider (status {statuses(run)})"
    browser = run.new_browser(run.fixture.person("adult"))
    url = Url("https", APP, "", run.sent_target.decode("latin-1").partition("?")[0])
    await browser.follow(url, await browser.go(url))
    if not browser.authorizations:
        return "the plain request leads nowhere"
    plain = dict(parse_qsl(urlsplit(browser.authorizations[0]).query))
    for name in ("scope", "acr_values", "prompt", "max_age", "claims", "redirect_uri", "client_id", "response_type"):
        if any(params.get(name) != plain.get(name) for params in found):
            return f"{name}: {found[0].get(name)} (plain: {plain.get(name)})"
    return None


# --- claims ---


@predicate
async def claim_roundtrip_or_absent(run: Run, argument: str) -> str | None:
    name = await value(run, argument)
    session = case_session(run)
    if session is None:
        return "the case has no session"
    if not run.received:
        return f"the application got nothing (status {statuses(run)})"
    claim = {"X-Verified-Name": "name", "X-Verified-Subject": "sub", "X-Verified-Address": "address"}.get(name)
    if claim is None:
        return f"no claim is known for {name}"
    for request in run.received:
        for said in request.values(name):
            if unquote_to_bytes(said).decode("utf-8", "replace") != session.person[claim]:
                return f"{said!r} is not {session.person[claim]!r}"
    return None


@predicate
async def claim_list_roundtrip(run: Run, argument: str) -> str | None:
    if not run.received:
        return f"the application got nothing (status {statuses(run)})"
    for request in run.received:
        for said in request.folded(f"X-Verified-{argument}"):
            wanted = run.case.idp.get("claims", {}).get(argument)
            if [unquote(part) for part in said.decode().split(",")] != wanted:
                return repr(said)
    return None


# --- the assertion ---


async def _jwks(run: Run) -> dict[str, Any]:
    response = await ask(run, JWKS)
    found: dict[str, Any] = json.loads(response.text)
    return found


def _assertions(run: Run) -> list[str]:
    return [said.decode() for request in run.received for said in request.values(HEADERS["H_ASSERT"])]


@predicate
async def assertion_alg(run: Run, argument: str) -> str | None:
    tokens = _assertions(run)
    if not tokens:
        return "no assertion"
    alg = json.loads(decoded_jwt_part(tokens[0], 0)).get("alg")
    return None if alg in argument.split("|") else f"alg {alg}"


def _checked(run: Run, token: str, jwks: dict[str, Any], *, audience: str) -> str | None:
    from gateway.headers.assertion import AssertionRefusedError, verify  # noqa: PLC0415 (the reference verifier)

    try:
        verify(token, json.dumps(jwks), audience=audience, issuer=f"https://{APP}", now=run.fixture.now())
    except AssertionRefusedError as error:
        return str(error)
    return None


@predicate
async def assertion_kid_in_jwks(run: Run, argument: str) -> str | None:
    tokens, jwks = _assertions(run), await _jwks(run)
    if not tokens:
        return "no assertion"
    kid = json.loads(decoded_jwt_part(tokens[0], 0)).get("kid")
    if kid not in [key.get("kid") for key in jwks["keys"]]:
        return f"kid {kid} is not published"
    return _checked(run, tokens[0], jwks, audience=f"https://{APP}")


@predicate
async def assertion_aud_is_route(run: Run, argument: str) -> str | None:
    tokens, jwks = _assertions(run), await _jwks(run)
    if not tokens:
        return "no assertion"
    if _checked(run, tokens[0], jwks, audience=f"https://{OTHER}") is None:
        return "another App's verifier takes it"
    return _checked(run, tokens[0], jwks, audience=f"https://{APP}")


@predicate
async def assertion_times(run: Run, argument: str) -> str | None:
    tokens = _assertions(run)
    if not tokens:
        return "no assertion"
    claims = json.loads(decoded_jwt_part(tokens[0], 1))
    good = claims["iss"] == f"https://{APP}" and 0 < claims["exp"] - claims["iat"] <= 600
    return (
        None
        if good and abs(claims["iat"] - run.fixture.now()) < 120
        else f"iss, iat, exp: {claims['iss']}, {claims['iat']}, {claims['exp']}"
    )


@predicate
async def assertion_jti_unique(run: Run, argument: str) -> str | None:
    session = case_session(run)
    cookies = [session.ticket] if session is not None else []
    cookies.append((await run.session("minor")).ticket)
    for ticket in cookies:
        for target in ("/app/echo", "/app/other", "/public/echo"):
            await ask(run, target, cookie=f"{SESSION_COOKIE}={ticket}")
    tokens = set(_assertions(run))
    identifiers = {json.loads(decoded_jwt_part(token, 1)).get("jti") for token in tokens}
    if len(tokens) < 2:
        return "only one assertion was made"
    return (
        None
        if len(identifiers) == len(tokens) and None not in identifiers
        else f"{len(tokens)} assertions, {len(identifiers)} jti"
    )


@predicate
async def assertion_minimal_claims(run: Run, argument: str) -> str | None:
    tokens = _assertions(run)
    if not tokens:
        return "no assertion"
    claims = json.loads(decoded_jwt_part(tokens[0], 1))
    beyond = sorted(set(claims) - REGISTERED)
    disclosed = DISCLOSED.get(run.received[0].path, frozenset())
    beyond += sorted(set(claims.get("facts", {})) - disclosed)
    return None if not beyond else f"tells {', '.join(beyond)}"


@predicate
async def jwks_public_only(run: Run, argument: str) -> str | None:
    if not run.responses:
        return "no answer"
    for response in run.responses:
        private = [
            name
            for key in json.loads(response.text)["keys"]
            for name in ("d", "p", "q", "dp", "dq", "qi", "k", "oth")
            if name in key
        ]
        if private:
            return f"member {private[0]}"
    return None


@predicate
async def jwks_overlap(run: Run, argument: str) -> str | None:
    before = {key["kid"] for key in (await _jwks(run))["keys"]}
    run.fixture.rotate_assertion_key()
    run.fixture.reload()
    run.dirty = True
    after: set[str] = set()
    for _ in range(50):
        after = {key["kid"] for key in (await _jwks(run))["keys"]}
        if before < after:
            return None
        await asyncio.sleep(0.1)
    return f"published: {sorted(after)}"


# --- logs and metrics ---


@predicate
async def log_valid_json(run: Run, argument: str) -> str | None:
    lines = await log_lines(run)
    if not lines:
        return "nothing was logged"
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            return line[:120]
        if not isinstance(entry, dict):
            return line[:120]
    return None


@predicate
async def log_lacks(run: Run, argument: str) -> str | None:
    text = await value(run, argument)
    log = await run.log()
    if not log:
        return "nothing was logged"
    forms = {text, quote(text), json.dumps(text)[1:-1]}
    for line in log.splitlines():
        if any(form in line for form in forms):
            return line[:160]
    return None


@predicate
async def log_has(run: Run, argument: str) -> str | None:
    text = await value(run, argument)
    return None if text in await run.log() else f"`{text}` is not in the log"


@predicate
async def audit_event(run: Run, argument: str) -> str | None:
    verdict, _, what = argument.partition(":")
    lines = []
    for line in await log_lines(run):
        with suppress(ValueError):
            entry = json.loads(line)
            if entry.get("event") == "audit" and entry.get("verdict") == verdict:
                lines.append(entry)
    if len(lines) != 1:
        return f"{len(lines)} audit lines with `{verdict}`"
    entry = lines[0]
    lacking = [] if entry.get("request_id") else ["request_id"]
    if not (entry.get("reason") or entry.get("reasons")):
        lacking.append("reason")
    if what == "rule_id" and not entry.get("rule"):
        lacking.append("rule")
    if lacking:
        return f"lacks {', '.join(lacking)}"
    session = case_session(run)
    text = json.dumps(entry, ensure_ascii=False)
    if session is not None:
        for claim in session.person.values():
            if isinstance(claim, str) and len(claim) > 3 and claim in text:
                return f"tells {claim}"
    return None


@predicate
async def metrics_lack(run: Run, argument: str) -> str | None:
    metrics = await run.fixture.metrics()
    if not metrics:
        return "no metrics"
    person = case_session(run)
    claims = person.person if person is not None else run.fixture.person("adult", run.case.idp.get("claims"))
    text = str(claims.get(argument, argument))
    found = [line for line in metrics.splitlines() if text in line]
    return None if not found else found[0][:160]


@predicate
async def metric_series_max(run: Run, argument: str) -> str | None:
    if not run.series_before or not run.series_after:
        return "no metrics"
    added = len(run.series_after - run.series_before)
    return None if added <= int(argument) else f"{added} series"


# --- the store, memory, other people ---


@predicate
async def store_has_no_plaintext_pii(run: Run, argument: str) -> str | None:
    stored = await everything(run.fixture.redis)
    if not stored:
        return "nothing is stored"
    for key, values in stored.items():
        for text in (key, *values):
            for claim in run.fixture.issued_pii:
                if claim.encode() in text:
                    return f"`{claim}` under {key.decode('latin-1')[:40]}"
    return None


@predicate
async def store_commands_expected(run: Run, argument: str) -> str | None:
    commands = run.fixture.store.commands[run.commands_mark :]
    for words in commands:
        name = words[0].upper()
        if name not in COMMANDS and words not in _FITNESS:
            return f"command {name.decode('latin-1')}"
        if name in _KEYED and KEY_SHAPE.fullmatch(words[1]) is None:
            return f"key {words[1][:60]!r}"
    return None


@predicate
async def store_keys_bounded(run: Run, argument: str) -> str | None:
    size = await run.fixture.redis.dbsize()
    return None if size <= STORE_KEYS else f"{size} keys"


@predicate
async def memory_bounded(run: Run, argument: str) -> str | None:
    grown = run.memory_peak - run.memory_before
    if run.memory_before == 0:
        return "the gateway's memory could not be read"
    return None if grown <= MEMORY else f"grew by {grown / 1048576:.0f} MiB"


@predicate
async def no_cross_user_response(run: Run, argument: str) -> str | None:
    return None if not run.stolen else run.stolen[0]


WITH_ARGUMENT = frozenset(
    {
        "status", "final_path", "no_body", "no_value_in_response", "no_value_in_response_except_idp",
        "response_header_absent", "under", "first_byte_under", "upstream_no_value", "upstream_no_header",
        "upstream_header_absent", "upstream_header_present", "upstream_header_count", "upstream_header_ascii",
        "upstream_cookie_lacks", "upstream_cookie_has", "upstream_paths_subset", "no_set_cookie", "cookie_flags",
        "state_cookies_max", "state_bytes_max", "token_calls", "jwks_calls_max", "no_outbound",
        "claim_roundtrip_or_absent", "claim_list_roundtrip", "assertion_alg", "log_lacks", "audit_event",
        "metrics_lack", "metric_series_max", "response_header_has", "response_header_lacks", "last_status",
        "processor_under", "neighbour_served", "upstream_requests", "log_has",
    }
)  # fmt: skip

__all__ = ["PREDICATES", "check_predicates", "closes_within", "split"]
