"""The ground of every case: two gateways, a provider, a store that can fail, an application that remembers.

`https://app.gw.test` is proxied by one gateway and asked about by the other in forward-auth mode; both share store,
secrets and keys, as nodes of one deployment do. The loopback address tells the client: trusted proxies have addresses
of their own, and every other client has another one.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets as randomness
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from gateway.instant import tokyo_day
from gateway.policy.subject_code import show_code, subject_code
from gateway.session.ticket import ticket_name
from tests.conftest import free_port
from tests.redis_server import RedisServer, redis_server
from tests.security.browser import Browser
from tests.security.provider import ISSUER, Provider, new_key
from tests.security.store import StoreProxy
from tests.security.upstream import Upstream
from tests.security.whatwg import Url
from tests.security.wire import Connection, Response, exchange, head

ROOT = Path(__file__).resolve().parent.parent.parent

APP, OTHER, FOLD = "app.gw.test", "other.gw.test", "fold.gw.test"
"""`FOLD`'s application takes upper and lower case for the same."""
CLIENTS = {APP: "gw-client-a", OTHER: "gw-client-b", FOLD: "gw-client-b"}
SESSION_COOKIE, PENDING_COOKIE = "__Host-sekisho", "__Host-sekisho-login"
PREFIX = "/.sekisho"
LOGIN, CALLBACK, LOGOUT = f"{PREFIX}/login", f"{PREFIX}/callback", f"{PREFIX}/logout"
BACKCHANNEL, AUTH, JWKS = f"{PREFIX}/backchannel-logout", f"{PREFIX}/auth/traefik", f"{PREFIX}/keys/assertion"
METRICS, HEALTH = f"{PREFIX}/metrics", f"{PREFIX}/livez"
"""Nothing of the gateway's own is outside its prefix, so this is where it would be if it were public at all."""

ABSOLUTE = 40 * 3600
"""Seconds of a session, so that one begun today is still there tomorrow."""
HEAD_TIME = 2
START_SECONDS = 120
"""Seconds a gateway may take to start, on a machine that is busy with other things."""
PORT_TRIES = 40
"""Times a gateway is started whose port somebody else has for the moment."""
PREPARED_AGE = 3600.0
"""Seconds since the sign-in of a prepared session: long enough ago for the step-up rule to want another."""

BLOCKED = ("sub-blocked-1", "sub-blocked-2", "sub-blocked-3", "sub-minor")
"""The blocked subjects; half of them is a list that is being written."""

TRUSTED, TRUSTED_OUTER = "127.0.0.3", "127.0.0.4"

POLICY = """\
policy: cases
title: {{ja: 試験, en: Cases}}
purpose: {{ja: 試験のため, en: For the cases}}
conditions:
  grown_up: {{age: {{at_least: 20}}, if_not: {{ja: 20歳以上の方が利用できます。}}}}
  eighteen: {{age: {{at_least: 18}}, if_not: {{ja: 18歳以上の方が利用できます。}}}}
  administrator: {{subject: {{in: admins.yaml}}}}
  office: {{network: [192.0.2.0/24]}}
  blocked: {{subject: {{in: blocked.yaml}}}}
  welcome: {{not: blocked}}
  branch: {{network: [203.0.113.0/24]}}
rules:
  - {{name: public, match: {{path: [/public/**, /health]}}, allow: everyone, disclose: [subject]}}
  - {{name: admin, match: {{path: /admin/**}}, require: [administrator], disclose: [subject]}}
  - {{name: adult, match: {{path: /adult/**}}, require: [grown_up], disclose: [subject, grown_up]}}
  - {{name: adult18, match: {{path: /adult18/**}}, require: [eighteen], disclose: [subject, eighteen]}}
  - {{name: stepup, match: {{path: /stepup/**}}, allow: signed_in, signed_in_within: 5m, disclose: [subject]}}
  - {{name: plain, match: {{path: /plain/**}}, allow: everyone}}
  - {{name: staff, match: {{path: /staff/**}}, allow: nobody}}
  - {{name: inside, match: {{path: /inside/**}}, when: office, allow: everyone}}
  - {{name: outside, match: {{path: /inside/**}}, allow: nobody}}
  - {{name: welcome, match: {{path: /welcome/**}}, require: [welcome]}}
  - {{name: office, match: {{path: /ip-limited/**}}, require: [office], disclose: [subject]}}
  - {{name: branch, match: {{path: /branch/**}}, require: [branch], disclose: [subject]}}
  - name: everything
    match: {{path: /everything/**}}
    allow: signed_in
    disclose: [subject, name, address, birthdate, gender, prefecture, municipality, municipality_code, town, age,
               signed_in_at, grown_up, eighteen]
  - {{name: echo, match: {{path: /app/echo}}, allow: signed_in, disclose: [subject, name, age, birthdate]}}
  - {{name: the rest, allow: signed_in, disclose: [subject]}}
examples:
  - {{title: nobody is staff, at: 2026-11-23, who: nobody, request: GET /staff/, expect: deny staff}}
"""

SETTINGS = """\
listen: 127.0.0.1:{port}
management: 127.0.0.1:{management}
trusted_proxies: [{trusted}, {trusted_outer}, 127.0.0.1]
provider:
  issuer: {issuer}
  client_id: {client_a}
  keys: {{file: client-a.jwks}}
  contracted: [name, address, birthdate, gender]
  via: http://127.0.0.1:{via}
  ca: idp-ca.pem
  require_acr: true
sessions:
  store: redis://127.0.0.1:{store}/0
  secret: {{file: session-secret}}
  tickets: sealed
  idle: {absolute}s
  absolute: {absolute}s
{limits}traffic: {{head_time: {head_time}s}}
assertion: {{keys: {{file: assertion-keys.jwks}}}}
apps:
  - name: app
    url: https://{app}
{upstream_app}
    policy: policy.yaml
    operator: {{ja: 試験市, en: Test City}}
    privacy_policy: https://{app}/public/privacy
    contact: https://{app}/public/contact
    application_cookies: [appsid]
    internal_origins: ["http://upstream.internal:8080"]
"""

OTHER_APP = """\
  - name: other
    url: https://{other}
    upstream: http://127.0.0.1:{upstream_other}
    policy: other.yaml
    operator: {{ja: 試験町, en: Test Town}}
    privacy_policy: https://{other}/privacy
    contact: https://{other}/contact
    application_cookies: [appsid]
    client:
      issuer: {issuer}
      client_id: {client_b}
      keys: {{file: client-b.jwks}}
      contracted: [name, address, birthdate, gender]
      via: http://127.0.0.1:{via}
      ca: idp-ca.pem
      require_acr: true
"""

FOLD_APP = """\
  - name: fold
    url: https://{fold}
    upstream: http://127.0.0.1:{upstream_other}
    policy: fold.yaml
    paths: {{ignore_case: true}}
    operator: {{ja: 試験村, en: Test Village}}
    privacy_policy: https://{fold}/privacy
    contact: https://{fold}/contact
    client:
      issuer: {issuer}
      client_id: {client_b}
      keys: {{file: client-b.jwks}}
      contracted: [name, address, birthdate, gender]
      via: http://127.0.0.1:{via}
      ca: idp-ca.pem
      require_acr: true
"""

FOLD_POLICY = """\
policy: fold
title: {ja: 大文字と小文字, en: Case}
purpose: {ja: 試験のため}
conditions:
  grown_up: {age: {at_least: 20}, if_not: {ja: 20歳以上の方が利用できます。}}
rules:
  - {name: reserve, match: {path: /a/Reserve/**}, require: [grown_up]}
  - {name: under, match: {path: [/Ünder/**, /ΣΊΣΥΦΟΣ/**]}, allow: nobody}
  - {name: rest, allow: everyone}
examples:
  - {title: a stranger signs in, at: 2026-11-23, who: nobody, request: GET /a/Reserve/1, expect: sign in}
"""

OTHER_POLICY = """\
policy: other
title: {ja: 別の試験, en: Other cases}
purpose: {ja: 試験のため}
rules:
  - name: draw
    match: {path: /draw/**, method: [POST]}
    allow: signed_in
    limit: {name: draw, once: ever, counted_when: {status: 303}, if_over: {ja: すでに応募されています。}}
    disclose: [subject]
  - {name: slow, match: {path: /slow}, allow: everyone}
  - {name: all, allow: signed_in, disclose: [subject]}
examples:
  - {title: a stranger signs in, at: 2026-11-23, who: nobody, request: GET /, expect: sign in}
"""


class NotReadyError(RuntimeError):
    """A gateway did not start; the message is the end of its log."""


@dataclass
class Prepared:
    """A session somebody has, and all that is known of her."""

    kind: str
    ticket: str
    person: dict[str, Any]
    browser: Browser
    host: str = APP
    sid: str = ""
    id_token: str = ""


@dataclass
class Node:
    """One gateway process."""

    name: str
    port: int
    management: int
    log: Path
    process: asyncio.subprocess.Process | None = None

    def log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def log_since(self, mark: int) -> str:
        with self.log.open("rb") as file:
            file.seek(mark)
            return file.read().decode("utf-8", "replace")

    def resident(self) -> int:
        """Bytes of memory of the process and its children."""
        if self.process is None:
            return 0
        return sum(_resident(pid) for pid in _family(self.process.pid))

    def processor_time(self) -> float:
        """Seconds of processor time that the process and its children have used."""
        return 0.0 if self.process is None else sum(_ticks(pid) for pid in _family(self.process.pid))


def _ticks(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _family(pid: int) -> list[int]:
    found = [pid]
    with suppress(OSError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                found += _family(int(child))
    return found


def _resident(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


@dataclass
class Fixture:
    """Everything, started."""

    directory: Path
    redis_server: RedisServer
    redis: Redis
    upstream: Upstream
    provider: Provider
    store: StoreProxy
    entries: StoreProxy
    proxy: Node
    forward: Node
    offset: float = 0.0
    people: int = 0
    addresses: int = 0
    secrets: list[str] = field(default_factory=list)
    upstream_ports: dict[str, int] = field(default_factory=dict)
    issued_pii: set[str] = field(default_factory=set)

    def now(self) -> float:
        return time.time() + self.offset

    def set_clock(self, offset: float) -> None:
        """Move the gateways' wall clock, and with it the provider's."""
        self.offset = offset
        with (self.directory / "hands").open("r+b") as file:
            file.write(struct.pack("<d", offset))

    # --- processes ---

    def write_settings(self) -> None:
        common = {
            "trusted": TRUSTED,
            "trusted_outer": TRUSTED_OUTER,
            "issuer": ISSUER,
            "client_a": CLIENTS[APP],
            "client_b": CLIENTS[OTHER],
            "via": self.provider.proxy_port,
            "store": self.store.port,
            "absolute": ABSOLUTE,
            "head_time": HEAD_TIME,
            "app": APP,
            "other": OTHER,
            "fold": FOLD,
            "upstream_other": self.upstream_ports["other"],
        }
        proxied = f"    upstream: http://127.0.0.1:{self.upstream_ports['app']}"
        asked = "    mode: forward_auth"
        counted = f"limits: {{store: 'redis://127.0.0.1:{self.entries.port}/0'}}\n"
        for node, lines, limits, more in (
            (self.proxy, proxied, counted, OTHER_APP + FOLD_APP),
            (self.forward, asked, "", ""),
        ):
            text = (SETTINGS + more).format(
                port=node.port, management=node.management, upstream_app=lines, limits=limits, **common
            )
            (self.directory / f"{node.name}.yaml").write_text(text, encoding="utf-8")
        (self.directory / "policy.yaml").write_text(POLICY.format(), encoding="utf-8")
        (self.directory / "other.yaml").write_text(OTHER_POLICY, encoding="utf-8")
        (self.directory / "fold.yaml").write_text(FOLD_POLICY, encoding="utf-8")
        code = show_code(subject_code(CLIENTS[APP], "sub-admin"))
        admins = f"- {{subject: {code}, until: 2099-03-31, note: the administrator of the cases}}\n"
        (self.directory / "admins.yaml").write_text(admins, encoding="utf-8")
        self.write_blocked(BLOCKED)
        self.write_secrets()

    def write_blocked(self, subjects: tuple[str, ...]) -> None:
        """Write the list of those who are not welcome."""
        codes = (show_code(subject_code(CLIENTS[APP], subject)) for subject in subjects)
        (self.directory / "blocked.yaml").write_text("".join(f"- {{subject: {code}}}\n" for code in codes))

    def write_secrets(self) -> None:
        path = self.directory / "session-secret"
        path.touch(0o600)
        path.write_text("".join(f"{secret}\n" for secret in self.secrets))

    def rotate_secret(self) -> None:
        self.secrets.insert(0, randomness.token_hex(32))
        self.write_secrets()

    def rotate_assertion_key(self) -> None:
        path = self.directory / "assertion-keys.jwks"
        keys = json.loads(path.read_text())["keys"]
        keys.insert(0, json.loads(new_key(f"assertion-{len(keys) + 1}").export_private()))
        path.write_text(json.dumps({"keys": keys}))

    def write_keys(self) -> None:
        for name in ("client-a", "client-b", "assertion-keys"):
            path = self.directory / f"{name}.jwks"
            path.touch(0o600)
            path.write_text(json.dumps({"keys": [json.loads(new_key(f"{name}-1").export_private())]}))

    async def start_node(self, node: Node) -> None:
        mark = node.log_size()
        for _ in range(PORT_TRIES):
            mark = node.log_size()
            if await self._started(node):
                return
            if "Address already in use" not in node.log_since(mark):
                break
            # A connection of another process has taken the port while the gateway was away; it is given back soon.
            await asyncio.sleep(0.5)
        raise NotReadyError(f"gateway `{node.name}` did not become ready:\n{node.log_since(mark)[-4000:]}")

    async def _started(self, node: Node) -> bool:
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        with node.log.open("ab") as log:
            node.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.security.clocked", str(self.directory / "hands")),
                *("run", "-c", str(self.directory / f"{node.name}.yaml")),
                cwd=ROOT,
                env={**environment, "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=log,
            )
        for _ in range(START_SECONDS * 10):
            if node.process.returncode is not None:
                break
            if await self.readiness(node) == 200:
                return True
            await asyncio.sleep(0.1)
        await self.stop_node(node)
        return False

    async def stop_node(self, node: Node) -> None:
        process, node.process = node.process, None
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def restart(self) -> None:
        await asyncio.gather(self.stop_node(self.proxy), self.stop_node(self.forward))
        # The store was emptied for the next case, whose clock may be an earlier one: these are new nodes.
        for mark in self.directory.rglob("session-mark*"):
            mark.unlink()
        await asyncio.gather(self.start_node(self.proxy), self.start_node(self.forward))

    def reload(self) -> None:
        for node in (self.proxy, self.forward):
            if node.process is not None:
                node.process.send_signal(signal.SIGHUP)

    async def readiness(self, node: Node, page: str = "/readyz") -> int:
        """Return the status of the page; 200 also where a provider alone is away, as a case may want it."""
        with suppress(OSError):
            response = await self.manage(node, page)
            if response is None:
                return 0
            failed = json.loads(response.body).get("failed", ()) if response.status == 503 else ()
            away = bool(failed) and all(name.startswith("provider:") for name in failed)
            return 200 if away else response.status
        return 0

    async def manage(self, node: Node, page: str) -> Response | None:
        connection = await Connection.open(("127.0.0.1", node.management), "127.0.0.1")
        try:
            data = head("GET", page.encode(), [(b"Host", b"localhost"), (b"Connection", b"close")])
            return (await exchange(connection, data, ["GET"], whole=5)).response
        finally:
            await connection.close()

    async def metrics(self) -> str:
        response = await self.manage(self.proxy, "/metrics")
        return response.text if response is not None else ""

    # --- people ---

    def next_address(self) -> str:
        """A loopback address nobody has connected from: limits by address count for each case alone."""
        self.addresses += 1
        return f"127.1.{self.addresses // 250 % 250}.{self.addresses % 250 + 1}"

    def person(self, kind: str, claims: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the provider says of somebody of this kind."""
        self.people += 1
        today = tokyo_day(self.now())
        claims = dict(claims or {})
        given = claims.get("birthdate")
        if isinstance(given, str) and len(given) == 10 and given.count("-") == 2:
            # This provider writes dates without hyphens; the case means the day, not its spelling.
            claims["birthdate"] = given.replace("-", "")
        base: dict[str, Any] = {
            "sub": f"sub-{kind}",
            "name": "髙橋　花子",
            "birthdate": "19880505",
            "address": "東京都渋谷区神南一丁目19番1号",
            "gender": "2",
        }
        if kind == "minor_birthday_tomorrow":
            tomorrow = today + timedelta(days=1)
            # Twenty years before a 29 February there was one, in this century.
            base["birthdate"] = date(tomorrow.year - 20, tomorrow.month, tomorrow.day).strftime("%Y%m%d")
        elif kind.startswith("minor"):
            base |= {"birthdate": f"{today.year - 15}0707", "name": "佐藤　次郎"}
        elif kind == "no_name_claim":
            base["name"] = None
        person = base | claims
        self.issued_pii |= {
            value for key, value in person.items() if isinstance(value, str) and len(value) > 3 and key != "gender"
        }
        return person

    def browser(self, person: dict[str, Any], source: str, *, auth_age: float = 0.0) -> Browser:
        async def send(
            method: str, host: str, target: str, headers: list[tuple[str, str]], body: bytes | None
        ) -> Response:
            connection = await Connection.open(("127.0.0.1", self.proxy.port), source)
            try:
                fields = [("Host", host), *headers]
                if body is not None:
                    fields.append(("Content-Length", str(len(body))))
                data = head(method, target.encode(), [(name.encode(), value.encode()) for name, value in fields])
                result = await exchange(connection, data + (body or b""), [method])
                if result.response is None:
                    raise NotReadyError(f"no answer to {method} {target}: {result.received[:200]!r}")
                return result.response
            finally:
                await connection.close()

        return Browser(send, lambda location: self.provider.authorize(location, person, auth_age))

    async def sign_in(
        self, kind: str, person: dict[str, Any], *, host: str = APP, auth_age: float = PREPARED_AGE
    ) -> Prepared:
        """Sign somebody in through the provider, as a browser does."""
        browser = self.browser(person, self.next_address(), auth_age=auth_age)
        begin = Url("https", host, "", "/app/echo" if host == APP else "/")
        await browser.follow(begin, await browser.go(begin))
        ticket = browser.jar.get(host, {}).get(SESSION_COOKIE)
        if ticket is None:
            seen = [
                f"{hop.method} {hop.url.target} {hop.response.status if hop.response else '-'}" for hop in browser.hops
            ]
            raise NotReadyError(f"could not prepare the session `{kind}`: {'; '.join(seen)}")
        token = self.provider.id_tokens[-1]
        sid = json.loads(_unb64(token.split(".")[1])).get("sid", "")
        return Prepared(kind, ticket, person, browser, host, sid, token)

    async def session_keys(self, ticket: str) -> list[bytes]:
        # The part of a cookie behind the dot is its seal, and no part of the ticket.
        name = ticket_name(ticket.partition(".")[0]).encode()
        return [key async for key in self.redis.scan_iter(count=1000) if name in key]


def _unb64(text: str) -> bytes:
    import base64  # noqa: PLC0415 (one line needs it)

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@asynccontextmanager
async def started() -> AsyncIterator[Fixture]:
    """Start everything, and stop everything again."""
    directory = Path(tempfile.mkdtemp(prefix="sekisho-cases-"))
    with redis_server() as server, redis_server("--appendonly", "yes") as counting:
        redis = Redis(unix_socket_path=str(server.socket_path), protocol=2)
        upstream, store, entries = Upstream(), StoreProxy(server.port), StoreProxy(counting.port)
        nodes = [Node(name, free_port(), free_port(), directory / f"{name}.log") for name in ("proxy", "forward")]
        fixture: Fixture
        provider = Provider(directory, lambda: fixture.now())  # noqa: PLW0108 (bound below)
        fixture = Fixture(directory, server, redis, upstream, provider, store, entries, nodes[0], nodes[1])
        try:
            fixture.secrets = [randomness.token_hex(32)]
            (directory / "hands").write_bytes(struct.pack("<d", 0.0))
            fixture.upstream_ports = {name: await upstream.start(name) for name in ("app", "other")}
            await provider.start()
            await store.start()
            await entries.start()
            fixture.write_keys()
            fixture.write_settings()
            await asyncio.gather(*(fixture.start_node(node) for node in nodes))
            yield fixture
        finally:
            await asyncio.gather(*(fixture.stop_node(node) for node in nodes), return_exceptions=True)
            await upstream.stop()
            await provider.stop()
            await store.stop()
            await entries.stop()
            await redis.aclose()
            shutil.rmtree(directory, ignore_errors=True)
