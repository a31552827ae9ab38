"""One case: prepared, sent, followed to its end, and recorded for the predicates to judge."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.security import store as stores
from tests.security.browser import Browser
from tests.security.case_format import Case, FormatError
from tests.security.fixture import (
    ABSOLUTE,
    APP,
    AUTH,
    BLOCKED,
    HEAD_TIME,
    LOGOUT,
    OTHER,
    PENDING_COOKIE,
    SESSION_COOKIE,
    TRUSTED,
    TRUSTED_OUTER,
    Fixture,
    Node,
    Prepared,
)
from tests.security.placeholders import Filler, behaviour_filled
from tests.security.provider import KNOWN as KNOWN_BEHAVIOUR
from tests.security.tokens import TOKENS, token_faults
from tests.security.upstream import Received
from tests.security.whatwg import Url, parse
from tests.security.wire import Connection, Exchange, Response, closes_within, exchange, head

AT_ONCE = 32
"""Requests of a repeated case that are under way together."""

FOLLOWED = (
    "final_origin_is_gateway",
    "final_path",
    "final_target_equals_rd",
    "no_redirect_loop",
    "session_id_rotated",
    "cookie_flags",
)
"""Predicates about where a login ends, so that it is driven there."""

SESSIONS = frozenset(
    {
        "none", "minor", "adult", "admin", "attacker", "victim", "no_name_claim", "custom_name", "custom_roles",
        "custom_email", "custom_birthdate", "custom_address", "minor_birthday_tomorrow", "adult_three_devices",
        "adult_oldkey", "adult_expiring", "adult_other", "revoked", "expired", "loggedout", "other_tenant",
    }
)  # fmt: skip

STORE_CHANGES = re.compile(r"swap:(\w+)<->(\w+)|rotate|rotate_out|truncate|bitflip|replay|flush")

_CLOCK = re.compile(r"\+(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def check_case(case: Case) -> None:
    """Hold a case to what the fixture can do.

    Raises:
        FormatError: a session, behaviour, store or clock that there is none of.

    """
    if case.session not in SESSIONS:
        raise FormatError(f"{case.id}: unknown session `{case.session}`")
    unknown = set(case.idp) - KNOWN_BEHAVIOUR
    if unknown:
        raise FormatError(f"{case.id}: unknown behaviour of the provider `{'`, `'.join(sorted(unknown))}`")
    for fault in [
        fault for name in TOKENS if name in case.idp for fault in token_faults(case.id, name, case.idp[name])
    ]:
        raise FormatError(fault)
    if (
        case.store is not None
        and case.store not in {*stores.MODES, stores.LIMITS_LAG}
        and STORE_CHANGES.fullmatch(case.store) is None
    ):
        raise FormatError(f"{case.id}: unknown behaviour of the store `{case.store}`")
    if case.clock is not None:
        clock_offset(case.clock, 0.0, case.id)


def clock_offset(text: str, now: float, where: str) -> tuple[float | None, str]:
    """Return how far the clock moves (`None`: not), and what else the text asks for.

    Raises:
        FormatError: it is not a clock's text.

    """
    if text == "revoke":
        return None, "revoke"
    if text.endswith(", then right"):
        return clock_offset(text.removesuffix(", then right"), now, where)[0], "right"
    if text in ("+absolute+1s", "+absolute+1s, active"):
        return ABSOLUTE + 1.0, "active" if text.endswith("active") else "after"
    relative = _CLOCK.fullmatch(text)
    if relative is not None:
        return int(relative[1]) * float(_SECONDS[relative[2]]), "after"
    with suppress(ValueError):
        return datetime.fromisoformat(text).timestamp() - now, "before"
    raise FormatError(f"{where}: unknown clock `{text}`")


@dataclass
class Run:
    """The record of one case."""

    case: Case
    fixture: Fixture
    source: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    browser: Browser | None = None
    final: Response | None = None
    sessions: dict[str, Prepared] = field(default_factory=dict)
    devices: list[Prepared] = field(default_factory=list)
    seconds: float = 0.0
    first_body_byte: float | None = None
    stream_ended_after: float | None = None
    websockets_ended: bool | None = None
    processor_before: float = 0.0
    processor_seconds: float = 0.0
    memory_before: int = 0
    memory_peak: int = 0
    series_before: set[str] = field(default_factory=set)
    series_after: set[str] = field(default_factory=set)
    log_marks: dict[str, int] = field(default_factory=dict)
    upstream_mark: int = 0
    calls_mark: int = 0
    connects_mark: int = 0
    commands_mark: int = 0
    trickle_closed: bool | None = None
    neighbour_status: int | None = None
    stolen: list[str] = field(default_factory=list)
    dirty: bool = False
    sent_target: bytes = b""
    keys_before: set[bytes] = field(default_factory=set)
    _pending: str | None = None
    _pending_browser: Browser | None = None
    _stranger: str | None = None
    _used: str | None = None

    # --- what happened ---

    @property
    def node(self) -> Node:
        return self.fixture.forward if self.case.request.target.startswith("{AUTH}") else self.fixture.proxy

    @property
    def responses(self) -> list[Response]:
        """Every answer to the case's own requests."""
        return [response for one in self.exchanges for response in one.responses]

    @property
    def seen(self) -> list[Response]:
        """Every answer a client got in this case, on the way to the end too."""
        hops = [] if self.browser is None else [hop.response for hop in self.browser.hops if hop.response is not None]
        return [*self.responses, *(response for response in hops if response not in self.responses)]

    @property
    def received(self) -> list[Received]:
        return self.fixture.upstream.received[self.upstream_mark :]

    def calls(self, endpoint: str) -> int:
        return sum(call.endpoint == endpoint for call in self.fixture.provider.calls[self.calls_mark :])

    async def log(self) -> str:
        """The log of both gateways in this case; the access log's writer pauses for up to a tenth of a second."""
        await asyncio.sleep(0.35)
        return "".join(
            node.log_since(self.log_marks.get(node.name, 0)) for node in (self.fixture.proxy, self.fixture.forward)
        )

    # --- people ---

    async def session(self, kind: str) -> Prepared:
        """Return the session of that kind, made when it is first asked for."""
        if kind in self.sessions:
            return self.sessions[kind]
        provider, fixture = self.fixture.provider, self.fixture
        behaviour, provider.behaviour = provider.behaviour, {}
        try:
            claims = self.case.idp.get("claims") if kind.startswith("custom") else None
            host = OTHER if kind in ("other_tenant", "adult_other") else APP
            person = fixture.person("adult" if kind.startswith("adult") else kind, claims)
            made = await fixture.sign_in(kind, person, host=host)
            if kind == "adult_three_devices":
                self.devices = [made, *[await fixture.sign_in(kind, person) for _ in range(2)]]
            if kind in ("revoked", "loggedout"):
                await self.sign_out(made)
            if kind == "expired":
                for key in await fixture.session_keys(made.ticket):
                    await fixture.redis.delete(key)
        finally:
            provider.behaviour = behaviour
        self.sessions[kind] = made
        return made

    async def sign_out(self, prepared: Prepared) -> None:
        """End a session as its owner does."""
        browser = prepared.browser.copy()
        url = Url("https", prepared.host, "", LOGOUT)
        await browser.follow(url, await browser.go(url), press="logout")

    def new_browser(self, person: dict[str, Any], auth_age: float = 0.0) -> Browser:
        return self.fixture.browser(person, self.source, auth_age=auth_age)

    async def pending_location(self) -> str:
        """Start a login in this case's browser, once; return the authorization URL."""
        if self._pending is None:
            person = self.fixture.person("adult", self.case.idp.get("claims"))
            behaviour, self.fixture.provider.behaviour = self.fixture.provider.behaviour, {}
            try:
                self._pending_browser, self._pending = await self._begin(person)
            finally:
                self.fixture.provider.behaviour = behaviour
            self.fixture.provider.expect(self._pending, person)
        return self._pending

    async def stranger_location(self) -> str:
        if self._stranger is None:
            _, self._stranger = await self._begin(self.fixture.person("victim"))
        return self._stranger

    async def _begin(self, person: dict[str, Any]) -> tuple[Browser, str]:
        browser = self.new_browser(person)
        url = Url("https", APP, "", "/app/echo")
        await browser.follow(url, await browser.go(url), until_provider=True)
        if not browser.authorizations:
            raise RuntimeError("a login did not begin")
        return browser, browser.authorizations[0]

    async def use_pending(self) -> str:
        """Finish a login in this case's browser and return the callback's URL."""
        if self._used is None:
            location = await self.pending_location()
            assert self._pending_browser is not None
            back = self.fixture.provider.authorize(location, self.fixture.person("adult"))
            url = parse(back)
            assert url is not None
            behaviour, self.fixture.provider.behaviour = self.fixture.provider.behaviour, {}
            try:
                await self._pending_browser.go(url, site="cross-site")
            finally:
                self.fixture.provider.behaviour = behaviour
            self._used = back
        return self._used

    @property
    def pending_browser(self) -> Browser | None:
        return self._pending_browser

    async def move_clock(self, offset: float) -> None:
        """Move everybody's clock; forward, the store's too, whose times to live are clocks."""
        passed = offset - self.fixture.offset
        self.fixture.set_clock(offset)
        self.dirty = True
        if passed <= 0:
            return
        redis = self.fixture.redis
        async for key in redis.scan_iter(count=1000):
            left = await redis.pttl(key)
            if left >= 0:
                await redis.pexpire(key, max(int(left - passed * 1000), 1))


async def judge_ready(run: Run) -> None:
    """Prepare, send, and follow one case to its end."""
    case, fixture = run.case, run.fixture
    provider, upstream = fixture.provider, fixture.upstream
    run.source = {"trusted": TRUSTED, "trusted-outer": TRUSTED_OUTER}.get(case.peer) or fixture.next_address()
    provider.reset()
    upstream.answers = dict(case.upstream)
    if {"raw", "late", "reads"} & set(case.upstream):
        # An application that was caught speaking out of turn is treated otherwise from then on.
        run.dirty = True
    upstream.sent_first_event = None
    if "discovery" in case.idp or "discovery_status" in case.idp or "jwks" in case.idp or "jwks_status" in case.idp:
        # Metadata is kept: only a gateway that has never seen the right ones can be misled by the wrong ones.
        await _pending_before_restart(run)
        provider.behaviour = await behaviour_of(case, Filler(run))
        await fixture.restart()
        run.dirty = True
    offset, when = (None, "") if case.clock is None else clock_offset(case.clock, _true_now(fixture), case.id)
    if offset is not None and when == "before":
        await run.move_clock(offset)
    if case.session != "none":
        await run.session(case.session)
    if case.browser == "pending":
        await run.pending_location()
    filler = Filler(run)
    # Values that take a sign-in are made before the marks, so that what is recorded is the case alone.
    for text in case.request.texts():
        await filler.fill(text)
    await _change_store(run)
    await _change_files(run)
    if case.wants("websockets_closed"):
        await _open_websocket(run)
    if offset is not None and when in ("after", "active"):
        if when == "active":
            await _stay_active(run, offset)
        await run.move_clock(offset)
    provider.behaviour = await behaviour_of(case, filler)
    run.keys_before = {key async for key in fixture.redis.scan_iter(count=1000)}
    if case.wants("metric_series_max"):
        run.series_before = _series(await fixture.metrics())
    run.log_marks = {node.name: node.log_size() for node in (fixture.proxy, fixture.forward)}
    run.upstream_mark = len(upstream.received)
    run.calls_mark = len(provider.calls)
    run.connects_mark = len(provider.connects)
    run.commands_mark = len(fixture.store.commands)
    run.memory_before = run.memory_peak = fixture.proxy.resident()
    run.processor_before = fixture.proxy.processor_time()
    watch = asyncio.create_task(_watch_memory(run))
    began = asyncio.get_running_loop().time()
    try:
        await _send(run, filler, when)
        run.seconds = asyncio.get_running_loop().time() - began
        run.processor_seconds = fixture.proxy.processor_time() - run.processor_before
        await _follow(run)
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
    run.memory_peak = max(run.memory_peak, fixture.proxy.resident())
    if case.wants("metric_series_max"):
        run.series_after = _series(await fixture.metrics())


async def behaviour_of(case: Case, filler: Filler) -> dict[str, Any]:
    """Return the case's `idp` with its placeholders filled in."""
    return {key: await behaviour_filled(value, filler) for key, value in case.idp.items()}


async def _pending_before_restart(run: Run) -> None:
    if run.case.browser == "pending":
        await run.pending_location()


def _true_now(fixture: Fixture) -> float:
    return fixture.now() - fixture.offset


def _series(metrics: str) -> set[str]:
    return {line.rpartition(" ")[0] for line in metrics.splitlines() if line and not line.startswith("#")}


async def _watch_memory(run: Run) -> None:
    while True:
        run.memory_peak = max(run.memory_peak, run.fixture.proxy.resident())
        await asyncio.sleep(0.05)


async def _stay_active(run: Run, offset: float) -> None:
    """Use the session all the time until just before the clock's new place."""
    for step in range(1, 4):
        await run.move_clock(offset * step / 4)
        session = await run.session(run.case.session)
        browser = session.browser.copy()
        await browser.go(Url("https", APP, "", "/app/api"))


async def _change_store(run: Run) -> None:
    """Do to the store what the case says."""
    case, fixture = run.case, run.fixture
    if case.store is None:
        return
    if case.store == stores.LIMITS_LAG:
        fixture.entries.behave(case.store)
        return
    if case.store in stores.MODES:
        fixture.store.behave(case.store)
        # The gateway notices by itself, within its heartbeat; what a request meets in between is another matter.
        for _ in range(60):
            if await fixture.readiness(fixture.proxy) != 200:
                break
            await asyncio.sleep(0.1)
        return
    run.dirty = True
    if case.store == "rotate":
        fixture.rotate_secret()
        await fixture.restart()
        return
    if case.store == "rotate_out":
        fixture.rotate_secret()
        del fixture.secrets[1:]
        fixture.write_secrets()
        await fixture.restart()
        return
    if case.store == "flush":
        await fixture.redis.flushall()
        return
    swap = re.fullmatch(r"swap:(\w+)<->(\w+)", case.store)
    kinds = swap.groups() if swap is not None else (case.session,)
    keys = [await _record_key(run, kind) for kind in kinds]
    records = [await fixture.redis.get(key) for key in keys]
    if swap is not None:
        for key, record in zip(keys, reversed(records), strict=True):
            await fixture.redis.set(key, record or b"", keepttl=True)
        return
    record = bytes(records[0] or b"")  # type: ignore[arg-type]
    changed = {"truncate": record[:-5], "bitflip": record[:-20] + bytes([record[-20] ^ 1]) + record[-19:]}
    if case.store in changed:
        await fixture.redis.set(keys[0], changed[case.store], keepttl=True)
        return
    # A replayed old record: the session is ended, and then its record put back.
    ttl = await fixture.redis.pttl(keys[0])
    await run.sign_out(await run.session(case.session))
    await fixture.redis.set(keys[0], record, px=max(ttl, 1000))


async def _change_files(run: Run) -> None:
    """Write the first half of a list, as an editor does, and wait until the gateway has looked at it."""
    if run.case.files is None:
        return
    run.dirty = True
    fixture = run.fixture
    mark = fixture.proxy.log_size()
    fixture.write_blocked(BLOCKED[: len(BLOCKED) // 2])
    for _ in range(600):
        log = fixture.proxy.log_since(mark)
        if any(f'"event":"{event}"' in log for event in ("file_held", "policies_adopted", "policies_refused")):
            return
        await asyncio.sleep(0.1)
    raise RuntimeError("the gateway has not looked at the list")


async def _record_key(run: Run, kind: str) -> bytes:
    """Return the key of a session's record: of the keys with its name, the one with the longest value."""
    keys = await run.fixture.session_keys((await run.session(kind)).ticket)
    sizes = {key: await run.fixture.redis.strlen(key) for key in keys if await run.fixture.redis.type(key) == b"string"}
    return max(sizes, key=lambda key: sizes[key])


async def _open_websocket(run: Run) -> None:
    session = await run.session(run.case.session)
    connection = await Connection.open(("127.0.0.1", run.fixture.proxy.port), run.source)
    fields = [
        (b"Host", APP.encode()),
        (b"Origin", f"https://{APP}".encode()),
        (b"Cookie", f"{SESSION_COOKIE}={session.ticket}".encode()),
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"websocket"),
        (b"Sec-WebSocket-Version", b"13"),
        (b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    opened = await exchange(connection, head("GET", b"/ws", fields), ["GET"])
    if opened.response is None or opened.response.status != 101:
        raise RuntimeError(f"the WebSocket did not open: {opened.received[:80]!r}")
    run.websockets_ended = False

    async def watch() -> None:
        run.websockets_ended = await closes_within(connection, 30)
        await connection.close()

    run.watcher = asyncio.create_task(watch())  # type: ignore[attr-defined]


# --- sending ---


async def _wire(run: Run, filler: Filler) -> tuple[bytes, list[str]]:
    """Return the bytes of the case's request, and the methods in them."""
    request, case = run.case.request, run.case
    if request.raw is not None:
        raw = await filler.fill(request.raw, encoding="latin-1")
        return raw, re.findall(r"^([A-Z]+) +\S+ +HTTP/", raw.decode("latin-1"), re.MULTILINE)
    target = await filler.fill(request.target)
    run.sent_target = target
    fields = [(await filler.fill(name), await filler.fill(value)) for name, value in request.headers]
    given = {name.strip().lower() for name, _ in fields}
    if b"host" not in given:
        host = f"{APP}:443".encode() if request.method == "CONNECT" else APP.encode()
        fields.insert(0, (b"Host", host))
    cookies = []
    if case.session not in ("none", "adult_oldkey_none"):
        session = await run.session(case.session)
        cookies.append(f"{SESSION_COOKIE}={session.ticket}")
    if run.pending_browser is not None:
        asked = next((value.decode() for name, value in fields if name.lower() == b"host"), APP)
        jar = run.pending_browser.jar.get(APP, {}) | run.pending_browser.jar.get(asked, {})
        cookies += [f"{name}={value}" for name, value in jar.items() if not (cookies and name == SESSION_COOKIE)]
    if cookies:
        fields.append((b"Cookie", "; ".join(cookies).encode()))
    body = None if request.body is None else await filler.fill(request.body)
    if request.trailers:
        trailers = [(await filler.fill(name), await filler.fill(value)) for name, value in request.trailers]
        fields.append((b"Transfer-Encoding", b"chunked"))
        chunks = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        tail = b"".join(b"%b: %b\r\n" % pair for pair in trailers)
        return head(request.method, target, fields) + chunks + b"0\r\n" + tail + b"\r\n", [request.method]
    if body is not None or request.method in ("POST", "PUT", "PATCH"):
        body = body or b""
        if b"content-length" not in given and b"transfer-encoding" not in given:
            fields.append((b"Content-Length", b"%d" % len(body)))
    return head(request.method, target, fields) + (body or b""), [request.method]


async def _send(run: Run, filler: Filler, clock: str) -> None:
    case = run.case
    if case.request.protocol == "h2":
        await _send_h2(run, filler)
    elif case.wants("conn_closed") and case.request.raw is None:
        await _trickle(run, filler)
    elif case.store == stores.LIMITS_LAG:
        await _vanish_while_counted(run, filler)
    elif case.wants("no_cross_user_response"):
        await _vanish(run, filler)
    elif clock == "right":
        await _while_ahead(run, filler)
    elif case.wants("stream_cut", "first_byte_under"):
        await _stream(run, filler, revoke=clock == "revoke")
    elif case.repeat > 1:
        await _repeat(run, filler)
    else:
        await _once(run, filler)
        while filler.flip + 1 < filler.flips_seen:
            filler.flip += 1
            await _once(run, filler)


async def _once(run: Run, filler: Filler) -> None:
    data, methods = await _wire(run, filler)
    raw = run.case.request.raw is not None
    connection = await Connection.open(("127.0.0.1", run.node.port), run.source)
    try:
        want = None if raw or run.case.wants("single_response") else 1
        result = await exchange(connection, data, methods, want=want, whole=20)
        if run.case.wants("conn_closed_on_400", "conn_closed") and not result.closed:
            result.closed = await closes_within(connection, 5)
        run.exchanges.append(result)
    finally:
        await connection.close()


async def _send_h2(run: Run, filler: Filler) -> None:
    """Try HTTP/2 with prior knowledge: the preface, and the request as HTTP/1.1 behind it."""
    data, _ = await _wire(run, filler)
    connection = await Connection.open(("127.0.0.1", run.node.port), run.source)
    try:
        preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
        run.exchanges.append(await exchange(connection, preface + data, ["PRI"], want=None))
    finally:
        await connection.close()


async def _trickle(run: Run, filler: Filler) -> None:
    """Send a head a byte at a time, for longer than a head may take, while somebody else is served."""
    data, methods = await _wire(run, filler)
    connection = await Connection.open(("127.0.0.1", run.node.port), run.source)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def drip() -> None:
        for byte in data[:-2]:
            if not await connection.send(bytes([byte])):
                return
            await asyncio.sleep(0.4)

    dripping = asyncio.create_task(drip())
    try:
        other = await Connection.open(("127.0.0.1", run.node.port), run.fixture.next_address())
        served = await exchange(other, head("GET", b"/public/echo", [(b"Host", APP.encode())]), ["GET"], whole=5)
        await other.close()
        result = await exchange(connection, b"", methods, want=None, quiet=HEAD_TIME + 5)
        result.seconds = loop.time() - began
        run.exchanges.append(result)
        run.trickle_closed = result.closed and served.response is not None and served.response.status == 200
    finally:
        dripping.cancel()
        with suppress(asyncio.CancelledError):
            await dripping
        await connection.close()


async def _vanish(run: Run, filler: Filler) -> None:
    """Leave in the middle of an answer, again and again; see what the next one gets."""
    data, _ = await _wire(run, filler)

    async def leave(pause: float) -> None:
        connection = await Connection.open(("127.0.0.1", run.node.port), run.source)
        await connection.send(data)
        await asyncio.sleep(pause)
        connection.writer.transport.abort()

    for begin in range(0, run.case.repeat, 10):
        await asyncio.gather(*(leave(0.02 * (place % 12)) for place in range(min(10, run.case.repeat - begin))))
        await asyncio.gather(*(_ask_for_own(run, APP, f"/public/echo?whose={begin + place}") for place in range(10)))


async def _ask_for_own(run: Run, host: str, target: str) -> None:
    """Ask for a page that says what was asked, and note an answer that is not to this question."""
    connection = await Connection.open(("127.0.0.1", run.node.port), run.fixture.next_address())
    data = head("GET", target.encode(), [(b"Host", host.encode())])
    answer = (await exchange(connection, data, ["GET"], whole=10)).response
    await connection.close()
    if answer is None or answer.status != 200 or target not in answer.text:
        run.stolen.append(f"asked for {target}, got {None if answer is None else answer.text[:120]!r}")


async def _vanish_while_counted(run: Run, filler: Filler) -> None:
    """Leave while the entry of a limit is being settled, when the application's connection is somebody else's."""
    data, _ = await _wire(run, filler)
    path, entries = run.case.request.target, run.fixture.entries
    # The first use of the store is preceded by a look at its settings, which would not survive the lag.
    entries.behave(None)
    await _once(run, filler)
    entries.behave(run.case.store)
    for number in range(1, run.case.repeat + 1):
        connection = await Connection.open(("127.0.0.1", run.node.port), run.source)
        await connection.send(data)
        # Answered at once, and settled for as long as the store lags.
        await _until_received(run, path, number + 1)
        asking = [asyncio.create_task(_ask_for_own(run, OTHER, f"/slow?whose={number}-{each}")) for each in range(3)]
        await _until_received(run, "/slow", 3 * number)
        connection.reset()
        await asyncio.gather(*asking)


async def _until_received(run: Run, path: str, count: int) -> None:
    """Return once the application has got so many requests for a path in this case.

    Raises:
        RuntimeError: it has not within a time in which it should.

    """
    for _ in range(2_000):
        if sum(request.path == path for request in run.received) >= count:
            return
        await asyncio.sleep(0.005)
    raise RuntimeError(f"the application got no {count} requests for {path}")


async def _while_ahead(run: Run, filler: Filler) -> None:
    """Send it while the wall clock is ahead, and once more when it has been set right. No time passes between."""
    offset, _ = clock_offset(str(run.case.clock), 0.0, run.case.id)
    run.fixture.set_clock(offset or 0.0)
    run.dirty = True
    await _once(run, filler)
    run.fixture.set_clock(0.0)
    await _once(run, filler)


async def _stream(run: Run, filler: Filler, *, revoke: bool) -> None:
    data, methods = await _wire(run, filler)
    connection = await Connection.open(("127.0.0.1", run.node.port), run.source)
    loop = asyncio.get_running_loop()
    received = b""
    try:
        await connection.send(data)
        until = loop.time() + 10
        while b"data:" not in received and loop.time() < until:
            piece = await asyncio.wait_for(connection.reader.read(65536), 10)
            if not piece:
                break
            received += piece
        sent = run.fixture.upstream.sent_first_event
        if b"data:" in received and sent is not None:
            run.first_body_byte = loop.time() - sent
        if revoke:
            await run.sign_out(await run.session(run.case.session))
            began = loop.time()
            if await closes_within(connection, 8):
                run.stream_ended_after = loop.time() - began
        result = await exchange(connection, b"", methods, want=None, quiet=0.1) if not revoke else Exchange()
        head_bytes, _, _ = received.partition(b"\r\n\r\n")
        status = head_bytes.split(b" ")[1:2]
        if status:
            headers = [
                (name.decode("latin-1"), value.strip().decode("latin-1"))
                for name, _, value in (line.partition(b":") for line in head_bytes.split(b"\r\n")[1:])
            ]
            result.responses = [Response(int(status[0]), headers, received)]
        run.exchanges.append(result)
    finally:
        await connection.close()


async def _repeat(run: Run, filler: Filler) -> None:
    """Send it again and again, some at a time, each worker on one connection as long as it holds."""
    if run.case.wants("state_cookies_max"):
        await _repeat_in_browser(run, filler)
        return
    left = iter(range(run.case.repeat))
    keep = run.case.repeat <= 2000

    async def work() -> None:
        connection: Connection | None = None
        for number in left:
            filler.counter = number
            data, methods = await _wire(run, filler)
            result = Exchange()
            for _ in range(2):
                if connection is None:
                    connection = await Connection.open(("127.0.0.1", run.node.port), run.source)
                result = await exchange(connection, data, methods, whole=30)
                if result.closed or result.response is None:
                    await connection.close()
                    connection = None
                if result.response is not None:
                    break
            if keep or number % 997 == 0 or result.response is None:
                run.exchanges.append(result)
        if connection is not None:
            await connection.close()

    neighbour = await _forgotten_neighbour(run) if run.case.wants("neighbour_served") else None
    await asyncio.gather(*(work() for _ in range(min(AT_ONCE, run.case.repeat))))
    if neighbour is not None:
        await _ask_as_neighbour(run, neighbour)


async def _forgotten_neighbour(run: Run) -> Prepared:
    """Return the session of somebody at the same address, whom no worker remembers any more."""
    session = await run.session("victim")
    (record,) = [key for key in await run.fixture.session_keys(session.ticket) if b":t:" in key]
    # Written again as it was: the workers are told of it, and forget what they know.
    await run.fixture.redis.set(record, await run.fixture.redis.get(record) or b"", keepttl=True)
    return session


async def _ask_as_neighbour(run: Run, session: Prepared) -> None:
    (page,) = (text.partition(":")[2] for text in run.case.predicates if text.startswith("neighbour_served:"))
    connection = await Connection.open(("127.0.0.1", run.node.port), run.source)
    try:
        fields = [(b"Host", APP.encode()), (b"Cookie", f"{SESSION_COOKIE}={session.ticket}".encode())]
        answer = (await exchange(connection, head("GET", page.encode(), fields), ["GET"])).response
    finally:
        await connection.close()
    run.neighbour_status = None if answer is None else answer.status


async def _repeat_in_browser(run: Run, filler: Filler) -> None:
    """Many tabs of one browser: all requests leave before the first answer's cookies are there."""
    browser = run.browser = run.new_browser(run.fixture.person("adult"))

    async def tab(number: int) -> None:
        filler.counter = number
        target = (await filler.fill(run.case.request.target)).decode()
        response = await browser.go(Url("https", APP, "", target))
        run.exchanges.append(Exchange([response]))

    for begin in range(0, run.case.repeat, AT_ONCE):
        await asyncio.gather(*(tab(number) for number in range(begin, min(begin + AT_ONCE, run.case.repeat))))


# --- following ---


async def _follow(run: Run) -> None:
    """Drive what was begun to its end, where the case asks where that is."""
    case = run.case
    first = run.responses[0] if run.responses else None
    if first is None or case.repeat > 1:
        return
    finish = case.browser in ("complete-login", "confirm-logout") or case.wants(*FOLLOWED)
    finish = finish or (case.wants("session_alive") and case.session == "none")
    finish = finish or (case.wants("redirect_uri_is_configured", "authz_request_unchanged") and first.status == 401)
    if not finish:
        return
    person = (
        run.sessions[case.session].person
        if case.session in run.sessions
        else run.fixture.person("adult", case.idp.get("claims"))
    )
    browser = run.browser = run.pending_browser or run.new_browser(person)
    host = next((value for name, value in case.request.headers if name.lower() == "host"), APP)
    url = Url("https", host, "", *_split(run.sent_target.decode("latin-1")))
    if case.session in run.sessions:
        browser.jar.setdefault(host, {})[SESSION_COOKIE] = run.sessions[case.session].ticket
    for name, value in case.request.headers:
        if name.lower() == "cookie" and "{SESSION}=" in value and case.wants("session_id_rotated"):
            browser.jar.setdefault(host, {})[SESSION_COOKIE] = value.partition("=")[2]
    browser.keep(host, first)
    from tests.security.browser import Hop  # noqa: PLC0415 (a cycle otherwise)

    browser.hops.append(Hop(url, first, case.request.method))
    press = "logout" if case.browser == "confirm-logout" else "login"
    run.final = await browser.follow(url, first, press=press)


def _split(target: str) -> tuple[str, str | None]:
    path, mark, query = target.partition("?")
    return path, query if mark else None


Judge = Callable[[Run, str], Awaitable[str | None]]

__all__ = ["AUTH", "PENDING_COOKIE", "Judge", "Run", "check_case", "json", "judge_ready"]
