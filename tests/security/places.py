"""The places where a guarantee of the threat model is tried: at the gateway itself, or behind an outer proxy.

Each probe asks one thing at a place, and returns what it saw against the guarantee; nothing, where it holds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from gateway.headers.assertion import AssertionRefusedError, verify
from gateway.instant import tokyo_day
from tests.security.browser import Browser, page_of
from tests.security.fixture import (
    ABSOLUTE,
    APP,
    BACKCHANNEL,
    CLIENTS,
    JWKS,
    LOGIN,
    LOGOUT,
    OTHER,
    SESSION_COOKIE,
    TRUSTED,
    Fixture,
    Prepared,
)
from tests.security.upstream import Received
from tests.security.whatwg import Url, parse
from tests.security.wire import Connection, Exchange, Response, exchange, head

PAGE = (("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
NAME, ADDRESS = "髙橋　花子", "東京都渋谷区神南一丁目19番1号"
BYPASSES = (
    "/public/../admin/secret",
    "/public/%2e%2e/admin/secret",
    "/public/..%2fadmin/secret",
    "//admin/secret",
    "/admin//secret",
    "/public/..;/admin/secret",
    "/public/%252e%252e/admin/secret",
    "/.sekisho/../admin/secret",
)
DAY = 86_400.0
PATIENCE = 60.0
"""Seconds that a busy machine may take."""


@dataclass
class Place:
    """One way in: `connect` gives a connection over which requests reach the gateway as browsers' do."""

    name: str
    fixture: Fixture
    connect: Callable[[], Awaitable[Connection]]
    own: tuple[tuple[bytes, bytes], ...] = ()
    """The fields beside the browser's own: at the gateway itself, those of a trusted proxy."""

    async def send(self, data: bytes, methods: list[str], whole: float = 15) -> Exchange:
        """Send bytes as they are."""
        connection = await self.connect()
        try:
            return await exchange(connection, data, methods, whole=whole)
        finally:
            connection.writer.transport.abort()

    async def ask(
        self,
        target: str,
        *headers: tuple[str, str],
        session: Prepared | None = None,
        method: str = "GET",
        body: bytes = b"",
    ) -> Response | None:
        """Ask for one page; `None` where the connection was closed without an answer."""
        fields = [(b"Host", APP.encode()), *((name.encode(), value.encode()) for name, value in headers)]
        # A proxy in front writes behind what a client says.
        fields += self.own
        if session is not None:
            fields.append((b"Cookie", f"appsid=1; {SESSION_COOKIE}={session.ticket}".encode()))
        if method == "POST":
            fields.append((b"Content-Length", b"%d" % len(body)))
        return (await self.send(head(method, target.encode(), fields) + body, [method])).response

    async def passes(self, target: str, *headers: tuple[str, str], session: Prepared | None = None) -> bool:
        """Ask, and say whether the application heard of it."""
        self.received()
        await self.ask(target, *headers, session=session)
        return bool(self.received())

    def received(self) -> list[Received]:
        """The requests that the application has received since the last call."""
        found = list(self.fixture.upstream.received)
        self.fixture.upstream.received.clear()
        return found

    def browser(self, person: dict[str, Any]) -> Browser:
        """A person's browser here."""

        async def send(
            method: str, host: str, target: str, headers: list[tuple[str, str]], body: bytes | None
        ) -> Response:
            del host
            answer = await self.ask(target, *headers, method=method, body=body or b"")
            assert answer is not None, f"no answer to {method} {target}"
            return answer

        return Browser(send, lambda location: self.fixture.provider.authorize(location, person, 0.0))


@dataclass
class Guest:
    """The person who is signed in while a place is tried."""

    adult: Prepared
    minor: Prepared


Probe = Callable[[Place, Guest], Awaitable[str]]
"""Returns what it saw against the guarantee; empty, where it holds."""


FOLDINGS = (
    "/ADULT/page",
    "/adult%20/page",
    "/adult./page",
    "/ADULT~1/page",
    "/index.php/adult/page",
    "/(A(a)S(b))/adult/page",
    "/public/.%20./adult/page",
    "/public/..%20/adult/page",
)
"""Paths that a known server takes for `/adult/page`, whose rule refuses the minor."""


async def spellings(place: Place, guest: Guest) -> str:
    del guest
    for target in BYPASSES:
        answer = await place.ask(target, *PAGE)
        if answer is not None and b"PROTECTED" in answer.body:
            return target
    return "".join(request.target for request in place.received() if request.target.endswith("secret"))


async def foldings(place: Place, guest: Guest) -> str:
    for target in FOLDINGS:
        await place.ask(target, *PAGE, session=guest.minor)
    return "".join(request.target for request in place.received())


async def one_message(place: Place, guest: Guest) -> str:
    del guest
    own = b"".join(b"%b: %b\r\n" % field for field in place.own)
    hidden = b"GET /admin/secret HTTP/1.1\r\nHost: " + APP.encode() + b"\r\nX-Verified-Subject: sub-admin\r\n\r\n"
    begin = b" /public/echo HTTP/1.1\r\nHost: " + APP.encode() + b"\r\n" + own
    for data in (
        b"GET" + begin + b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden,
        b"POST" + begin + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
        b"POST" + begin + b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + hidden,
        b"POST" + begin + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden,
    ):
        await place.send(data, ["GET", "GET"], whole=5)
        for request in place.received():
            if request.target != "/public/echo" or any(request.values("X-Verified-Subject")):
                return request.line.decode("latin-1")
    return ""


async def out_of_turn(place: Place, guest: Guest) -> str:
    answers = place.fixture.upstream.answers
    answers["raw"] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSTRAY"
    await place.ask("/app/echo", session=guest.minor)
    answers.clear()
    for _ in range(3):
        answer = await place.ask("/app/other", session=guest.minor)
        if answer is None or b"STRAY" in answer.body:
            return "a stray answer"
    return ""


async def other_pages_stay(place: Place, guest: Guest) -> str:
    place.fixture.upstream.answers["raw"] = "this is no answer\r\n\r\n"
    for _ in range(6):
        await place.ask("/app/echo", session=guest.minor)
    place.fixture.upstream.answers.clear()
    answer = await place.ask("/app/other", session=guest.minor)
    return "" if answer is not None and answer.status == 200 else f"another page is {answer and answer.status}"


async def bodies(place: Place, guest: Guest) -> str:
    del guest
    hidden = b"GET /admin/secret HTTP/1.1\r\nHost: app\r\nX-Verified-Subject: sub-admin\r\n\r\n"
    fields = [(b"Host", APP.encode()), *place.own, (b"Content-Length", b"%d" % len(hidden))]
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        place.received()
        await place.send(head(method, b"/public/echo", fields) + hidden, [method])
        await place.ask("/public/other")
        # This application goes on after `Connection: close`; another connection is what keeps the next request apart.
        connections = [
            request.connection for request in place.received() if method == request.method or not request.body
        ]
        if method in ("GET", "HEAD") and len(connections) != 1:
            return f"the body of {method} got through"
        if len(set(connections)) != len(connections):
            return f"a connection that has carried the body of {method} carries another request"
    return ""


async def one_at_a_time(place: Place, guest: Guest) -> str:
    fields = [(b"Host", APP.encode()), *place.own]

    async def leave() -> None:
        connection = await place.connect()
        await connection.send(head("GET", b"/app/slow", fields))
        connection.writer.transport.abort()

    for _ in range(5):
        answers = await asyncio.gather(
            *(place.ask(f"/public/echo?of={number}", session=guest.minor) for number in range(5)), leave(), leave()
        )
        for number, answer in enumerate(answers[:5]):
            if answer is None or f"/public/echo?of={number} " not in answer.text:
                return f"the answer to {number} is {answer and answer.text}"
    return ""


async def nobody_else_speaks(place: Place, guest: Guest) -> str:
    for name in ("X-Verified-Subject", "x_verified_subject", "X-Verified-Adult", "X-Verified-Grown-Up"):
        for session in (guest.minor, None):
            await place.ask("/public/echo", (name, "attacker"), session=session)
    return _heard(place, b"attacker")


async def nothing_moves(place: Place, guest: Guest) -> str:
    for name in ("X-Script-Name", "X-Original-URL", "X-User-Id", "iv-user", "Client-Cert", "X-Real-IP", "Forwarded"):
        await place.ask("/app/echo", (name, "attacker"), session=guest.minor)
    return _heard(place, b"attacker")


def _heard(place: Place, word: bytes) -> str:
    for request in place.received():
        for name, value in request.headers:
            if word in value:
                return name.decode("latin-1")
    return ""


async def overrides(place: Place, guest: Guest) -> str:
    place.received()
    await place.ask("/app/form", ("X-HTTP-Method-Override", "DELETE"), session=guest.minor, method="POST")
    return "".join(request.line.decode("latin-1") for request in place.received())


async def one_line_a_fact(place: Place, guest: Guest) -> str:
    del guest
    fixture = place.fixture
    odd = await fixture.sign_in("odd_name", fixture.person("odd_name", {"name": "花子\r\nX-Evil: 1\x00"}))
    await place.ask("/app/echo", session=odd)
    for request in place.received():
        if request.folded("X-Evil") or any(b"\r" in value or b"\x00" in value for _, value in request.headers):
            return "a second line"
        if b"X-Evil" in b"".join(request.values("X-Verified-Name")):
            return "a name with a control character"
    return ""


async def only_what_is_disclosed(place: Place, guest: Guest) -> str:
    place.received()
    await place.ask("/app/form", session=guest.adult)
    (request,) = place.received()
    answered = {name.lower() for name, value in request.headers if name.lower().startswith(b"x-verified-") and value}
    more = answered - {b"x-verified-subject", b"x-verified-assertion"}
    token = json.loads(_unpadded(request.values("X-Verified-Assertion")[0].decode().split(".")[1]))
    return b", ".join(sorted(more)).decode() or ", ".join(token["facts"])


def _unpadded(text: str) -> bytes:
    import base64  # noqa: PLC0415 (one line needs it)

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def unknown_is_no_yes(place: Place, guest: Guest) -> str:
    del guest
    fixture = place.fixture
    unborn = await fixture.sign_in("no_birthdate", fixture.person("no_birthdate", {"birthdate": ""}))
    return "let in" if await place.passes("/adult/page", session=unborn) else ""


async def sign_in_is_checked(place: Place, guest: Guest) -> str:
    del guest
    fixture = place.fixture
    for wrong in ({"nonce": "other"}, {"iss": "https://evil.example"}, {"aud": "another-client"}):
        fixture.provider.behaviour = {"id_token": {"claims": wrong}}
        browser = place.browser(fixture.person("adult"))
        begin = Url("https", APP, "", "/app/echo")
        try:
            await browser.follow(begin, await browser.go(begin))
        finally:
            fixture.provider.reset()
        if SESSION_COOKIE in browser.jar.get(APP, {}):
            return f"signed in with {wrong}"
    return ""


async def one_browser_once(place: Place, guest: Guest) -> str:
    del guest
    person = place.fixture.person("adult")
    first, other = place.browser(person), place.browser(person)
    begin = Url("https", APP, "", "/app/echo")
    await first.follow(begin, await first.go(begin), until_provider=True)
    back = first.sign_in(first.authorizations[-1])
    callback = parse(back, begin)
    assert callback is not None
    await other.go(callback, site="cross-site")
    if SESSION_COOKIE in other.jar.get(APP, {}):
        return "finished in another browser"
    await first.go(callback, site="cross-site")
    return "" if SESSION_COOKIE in first.jar.get(APP, {}) else "not finished in its own"


async def stays_on_our_origin(place: Place, guest: Guest) -> str:
    del guest
    for there in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        browser = place.browser(place.fixture.person("adult"))
        begin = Url("https", APP, "", LOGIN, f"rd={quote(there, safe='')}")
        await browser.follow(begin, await browser.go(begin))
        if browser.url is None or browser.url.host != APP:
            return there
    return ""


async def clocks(place: Place, guest: Guest) -> str:
    del guest
    fixture = place.fixture
    tomorrow = tokyo_day(fixture.now() + DAY)
    born = f"{tomorrow.year - 20}{tomorrow:%m%d}"
    almost = await fixture.sign_in("nearly_twenty", fixture.person("nearly_twenty", {"birthdate": born}))
    before = await place.passes("/adult/page", session=almost)
    fixture.set_clock(DAY)
    try:
        ahead = await place.passes("/adult/page", session=almost)
    finally:
        fixture.set_clock(0.0)
    right = await place.passes("/adult/page", session=almost)
    return "" if (before, ahead, right) == (False, True, False) else f"{before}, {ahead}, {right}"


async def ended_sessions(place: Place, guest: Guest) -> str:
    del guest
    fixture = place.fixture
    somebody = await fixture.sign_in("ended", fixture.person("ended"))
    if not await place.passes("/app/echo", session=somebody):
        return "never let in"
    await end(place, somebody)
    return "let in" if await place.passes("/app/echo", session=somebody) else ""


async def open_streams(place: Place, guest: Guest) -> str:
    del guest
    fixture = place.fixture
    somebody = await fixture.sign_in("streams", fixture.person("streams"))
    connection = await place.connect()
    fields = [(b"Host", APP.encode()), *place.own, (b"Cookie", f"{SESSION_COOKIE}={somebody.ticket}".encode())]
    connection.writer.write(head("GET", b"/sse", fields))
    try:
        await asyncio.wait_for(connection.reader.readuntil(b"tick"), 10)
        await end(place, somebody)
        async with asyncio.timeout(5):
            while await connection.reader.read(1 << 16):
                pass
    except TimeoutError:
        return "still open after 5 s"
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        connection.writer.transport.abort()
    return ""


async def end(place: Place, session: Prepared) -> None:
    """Have the provider end a session."""
    token = place.fixture.provider.logout_token(CLIENTS[APP], session.person["sub"], session.sid)
    content = ("Content-Type", "application/x-www-form-urlencoded")
    answer = await place.ask(BACKCHANNEL, content, method="POST", body=f"logout_token={token}".encode())
    assert answer is not None
    assert answer.status == 200, answer.status


async def store_away(place: Place, guest: Guest) -> str:
    del guest
    fixture = place.fixture
    somebody = await fixture.sign_in("stored", fixture.person("stored"))
    place.received()
    fixture.store.behave("down")
    try:
        answer = await place.ask("/app/echo", *PAGE, session=somebody)
        heard = place.received()
    finally:
        fixture.store.behave(None)
    for node in (fixture.proxy, fixture.forward):
        for _ in range(100):
            if await fixture.readiness(node) == 200:
                break
            await asyncio.sleep(0.1)
    if heard or answer is None or answer.status < 500 or answer.all("set-cookie"):
        return f"{answer and answer.status}, heard {len(heard)}"
    return "" if await place.passes("/app/echo", session=somebody) else "signed out by it"


async def sign_out_unheard(place: Place, guest: Guest) -> str:
    del guest
    fixture = place.fixture
    somebody = await fixture.sign_in("unheard", fixture.person("unheard"))
    fixture.store.behave("down")
    try:
        answer = await place.ask(LOGOUT, *PAGE, ("Sec-Fetch-Site", "same-origin"), session=somebody, method="POST")
    finally:
        fixture.store.behave(None)
    expired = [] if answer is None else answer.all("set-cookie")
    if not any(line.startswith(f"{SESSION_COOKIE}=;") for line in expired):
        return f"{answer and answer.status}, the cookie stays"
    for _ in range(100):
        if not await place.passes("/app/echo", session=somebody):
            return ""
        await asyncio.sleep(0.1)
    return "still let in"


async def cleared(place: Place, guest: Guest) -> str:
    del guest
    somebody = await place.fixture.sign_in("cleared", place.fixture.person("cleared"))
    answer = await place.ask(LOGOUT, *PAGE, ("Sec-Fetch-Site", "same-origin"), session=somebody, method="POST")
    said = [] if answer is None else answer.all("clear-site-data")
    return "" if said == ['"cache", "storage"'] else f"{answer and answer.status}, {said}"


async def dumps(place: Place, guest: Guest) -> str:
    await place.ask("/app/echo", session=guest.adult)
    redis = place.fixture.redis
    claims = [NAME.encode(), ADDRESS.encode(), b"19880505", json.dumps(NAME).strip('"').encode()]
    async for key in redis.scan_iter(count=1_000):
        value = await redis.dump(key) or b""
        if any(claim in value or claim in key for claim in claims):
            return "a claim in the store"
    return ""


async def next_person(place: Place, guest: Guest) -> str:
    del guest
    first = place.browser(place.fixture.person("adult"))
    begin = Url("https", APP, "", "/app/echo")
    await first.follow(begin, await first.go(begin))
    # The session is over, and the first person's application's is not.
    del first.jar[APP][SESSION_COOKIE]
    first.jar[APP]["appsid"] = "of the first"
    second = place.fixture.person("minor")
    browser = replace(first, sign_in=place.browser(second).sign_in)
    login = Url("https", APP, "", LOGIN, "rd=%2Fapp%2Fecho")
    answer = await browser.follow(login, await browser.go(login))
    if answer is None or b"sub-minor" not in answer.body:
        return "nobody else could sign in"
    return "its session stays" if browser.jar[APP].get("appsid") == "of the first" else ""


async def our_cookies(place: Place, guest: Guest) -> str:
    ours = f"{SESSION_COOKIE}={guest.minor.ticket}"
    for cookies in (ours, f"x{SESSION_COOKIE}=1; {ours}", f"a=1,{ours}", f"a=1; {ours}; {SESSION_COOKIE}-login=2"):
        await place.ask("/public/echo", ("Cookie", cookies))
    if any(guest.minor.ticket.encode() in request.head for request in place.received()):
        return "reads a ticket"
    return ""


async def our_cookies_stay(place: Place, guest: Guest) -> str:
    fields = [("Set-Cookie", f"{SESSION_COOKIE}=x; Path=/; Secure"), ("Clear-Site-Data", '"cookies"')]
    place.fixture.upstream.answers = {"headers": fields}
    try:
        answer = await place.ask("/app/echo", session=guest.minor)
    finally:
        place.fixture.upstream.answers = {}
    assert answer is not None
    # A browser takes no `__Host-` cookie without `Secure` (RFC 6265bis section 5.7).
    taken = [line for line in answer.all("set-cookie") if SESSION_COOKIE in line and "secure" in line.lower()]
    return "".join(taken) or answer.one("clear-site-data") or ""


async def scripts(place: Place, guest: Guest) -> str:
    script = (("Accept", "*/*"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty"))
    # The application is told the name, so the status line of a page says it. A script gets no page at all.
    for fields, values in ((script, (NAME, ADDRESS)), (PAGE, (ADDRESS,))):
        answer = await place.ask("/.sekisho/me", *fields, session=guest.adult)
        if answer is not None and any(value in answer.text for value in values):
            return "a value"
    answer = await place.ask("/.sekisho/me", *script, session=guest.adult)
    return "a page" if answer is not None and page_of(answer).forms else ""


async def service_workers(place: Place, guest: Guest) -> str:
    fields = (("Service-Worker", "script"), ("Sec-Fetch-Mode", "same-origin"), ("Sec-Fetch-Dest", "serviceworker"))
    if await place.passes("/sw.js", *fields, session=guest.minor):
        return "a script whose scope covers our pages"
    place.fixture.upstream.answers = {"headers": [("Service-Worker-Allowed", "/")]}
    try:
        answer = await place.ask("/app/sw.js", *fields, session=guest.minor)
    finally:
        place.fixture.upstream.answers = {}
    return (answer.one("service-worker-allowed") or "") if answer is not None else ""


async def shared_caches(place: Place, guest: Guest) -> str:
    for said in ("public, max-age=600, s-maxage=600", "max-age=600", None):
        place.fixture.upstream.answers = {"headers": [] if said is None else [("Cache-Control", said)]}
        try:
            answer = await place.ask("/app/echo", session=guest.minor)
        finally:
            place.fixture.upstream.answers = {}
        assert answer is not None
        directives = {part.strip() for value in answer.all("cache-control") for part in value.split(",")}
        if "private" not in directives or directives & {"public", "s-maxage=600"}:
            return f"{said} becomes {answer.all('cache-control')}"
    return ""


ORDERS = (
    ("X-Sendfile", "/srv/secret"),
    ("X-Reproxy-URL", "http://127.0.0.1/secret"),
    ("X-Archive-Files", "zip"),
    ("Strict-Transport-Security", "max-age=0"),
    ("Public-Key-Pins", 'pin-sha256="AAAA"; max-age=1000'),
    ("Set-Cookie2", "a=1"),
    ("Cross-Origin-Opener-Policy-Report-Only", 'same-origin; report-to="x"'),
)
REPORTS = (("NEL", '{"report_to":"x","max_age":1000}'), ("Report-To", '{"group":"x","max_age":1000,"endpoints":[]}'))


async def orders(place: Place, guest: Guest) -> str:
    return await _heard_by_the_browser(place, guest, ORDERS)


async def reports(place: Place, guest: Guest) -> str:
    return await _heard_by_the_browser(place, guest, REPORTS)


async def _heard_by_the_browser(place: Place, guest: Guest, fields: tuple[tuple[str, str], ...]) -> str:
    place.fixture.upstream.answers = {"headers": [*fields, ("X-Kept", "1")]}
    try:
        answer = await place.ask("/app/echo", session=guest.minor)
    finally:
        place.fixture.upstream.answers = {}
    assert answer is not None
    assert answer.one("x-kept") == "1"
    return ", ".join(name for name, value in fields if value in answer.all(name.lower()))


async def websockets(place: Place, guest: Guest) -> str:
    place.received()
    upgrade = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Origin", "https://evil.example"),
    )
    await place.ask("/ws", *upgrade, session=guest.minor)
    return "opened" if place.received() else ""


async def other_sites_forms(place: Place, guest: Guest) -> str:
    """Another site's form comes without our cookies, and the page that answers must not be able to send it again."""
    del guest
    place.received()
    foreign = (("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"))
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    answer = await place.ask("/app/echo", *PAGE, *foreign, kind, method="POST", body=b"a=1")
    if place.received():
        return "passed on"
    return "a form" if answer is not None and (page_of(answer).forms or "a=1" in answer.text) else ""


async def addresses(place: Place, guest: Guest) -> str:
    for name in ("X-Forwarded-For", "X-Real-IP", "Forwarded"):
        value = "for=203.0.113.1" if name == "Forwarded" else "203.0.113.1"
        if await place.passes("/branch/x", (name, value), session=guest.minor):
            return name
    return ""


async def questions(place: Place, guest: Guest) -> str:
    fields = (
        *(("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/public/echo"), ("X-Original-Method", "GET")),
        *(("X-Original-URI", "/public/echo"), ("X-Original-Host", APP), ("X-Original-Scheme", "https")),
    )
    for dialect in ("nginx", "traefik", "caddy", "envoy/public/echo"):
        answer = await place.ask(f"/.sekisho/auth/{dialect}", *fields, session=guest.adult)
        if answer is not None and answer.status == 200:
            return dialect
    return ""


async def assertions(place: Place, guest: Guest) -> str:
    place.received()
    await place.ask("/app/echo", session=guest.adult)
    token = place.received()[0].values("X-Verified-Assertion")[0].decode()
    answer = await place.ask(JWKS)
    assert answer is not None
    now = place.fixture.now()
    verify(token, answer.text, audience=f"https://{APP}", issuer=f"https://{APP}", now=now)
    begin, payload, signature = token.split(".")
    forged = f"{begin}.{payload}.{signature[:-4]}AAAA"
    for given, audience, at in (
        (token, f"https://{OTHER}", now),
        (token, f"https://{APP}", now + 3_600),
        (forged, f"https://{APP}", now),
    ):
        try:
            verify(given, answer.text, audience=audience, issuer=f"https://{APP}", now=at)
        except AssertionRefusedError:
            continue
        return f"believed by {audience}"
    return ""


async def floods(place: Place, guest: Guest) -> str:
    nodes = (place.fixture.proxy, place.fixture.forward)
    before = sum(node.resident() for node in nodes)

    async def forge(number: int) -> None:
        await place.ask("/public/echo", ("Cookie", f"{SESSION_COOKIE}=forged{number:038d}"))

    for begin in range(0, 304, 8):
        await asyncio.gather(*(forge(number) for number in range(begin, begin + 8)))
    place.received()
    answer = await place.ask("/app/echo", session=guest.minor)
    async with asyncio.timeout(PATIENCE):
        # On a busy machine a heartbeat of the store may be late, and nobody is believed until the next one.
        while answer is not None and answer.status == 503:
            await asyncio.sleep(0.5)
            answer = await place.ask("/app/echo", session=guest.minor)
    if not place.received():
        return f"others are not served: {answer and answer.status}"
    grown = sum(node.resident() for node in nodes) - before
    return f"{grown >> 20} MiB more" if grown > 64 << 20 else ""


async def forged_tickets(place: Place, guest: Guest) -> str:
    forged = f"{SESSION_COOKIE}={guest.minor.ticket[:-6]}AAAAAA"
    commands = len(place.fixture.store.commands)
    for _ in range(20):
        if not await place.passes("/public/echo", ("Cookie", forged)):
            return "a page for everyone is refused"
    # The store's heartbeat reads a key of its own.
    looked_up = sum(1 for words in place.fixture.store.commands[commands:] if words[1:2] and b":t:" in words[1])
    return f"{looked_up} look-ups" if looked_up else ""


async def one_host(place: Place, guest: Guest) -> str:
    fixture = place.fixture
    connection = await Connection.open(("127.0.0.1", fixture.proxy.port), TRUSTED)
    cookie = f"{SESSION_COOKIE}={guest.adult.ticket}".encode()
    fields = [(b"Host", OTHER.encode()), (b"X-Forwarded-Proto", b"https"), (b"X-Forwarded-For", b"198.51.100.9")]
    try:
        result = await exchange(connection, head("GET", b"/", [*fields, (b"Cookie", cookie)]), ["GET"])
    finally:
        await connection.close()
    return "opened" if result.response is None or result.response.status == 200 else ""


async def beside_ours(place: Place, guest: Guest) -> str:
    ours = f"{SESSION_COOKIE}={guest.minor.ticket}"
    for cookies in (f"{SESSION_COOKIE}=junk; {ours}", f"{ours}; {SESSION_COOKIE}=junk"):
        await place.ask("/app/echo", ("Cookie", cookies))
        if any(request.values("X-Verified-Subject") != [b"sub-minor"] for request in place.received()):
            return cookies.partition("=")[0]
    return ""


async def logs(place: Place, guest: Guest) -> str:
    await place.ask("/app/echo?secret=querysecret", session=guest.adult)
    words = [guest.adult.ticket, guest.minor.ticket, NAME, ADDRESS, "querysecret", guest.adult.id_token]
    for node in (place.fixture.proxy, place.fixture.forward):
        text = node.log_since(0)
        found = [word[:8] for word in words if word and word in text]
        if found:
            return f"{node.name}: {found}"
    return ""


assert ABSOLUTE > DAY, "a session of the clock's probe must last longer than its step"
