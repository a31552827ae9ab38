"""A running gateway treats a request exactly as `explain` says."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any, ClassVar, NamedTuple, assert_never
from urllib.parse import unquote

import pytest
import uvloop

from gateway.identity import Identity
from gateway.instant import Instant
from gateway.pipeline.at_the_door import Admitted, TurnedAway
from gateway.policy.authoring.explain import Explanation, explain
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import EXAMPLE_CLIENT, Example, Expect, make_inbound
from gateway.policy.reading.parse import load_policy
from gateway.policy.switches import Switch, write_switches
from gateway.policy.verdict import Challenge, Deny, Permit
from gateway.process.configuration import door_of, read_configuration
from gateway.process.sockets import bind
from gateway.process.worker import ListeningSockets, Worker
from gateway.session.session import Session
from gateway.session.ticket import TICKET_BYTES, new_ticket
from gateway.settings.check import read_settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes
from tests.builders import CLIENT
from tests.flows.gateway_process import GatewayProcess
from tests.policy.random_cases import NOW, Asked, random_moment, random_person, random_request, random_rules, text_of

BEGIN, END = NOW - 31 * 86_400, NOW + 31 * 86_400
"""The two months in which everything is asked."""

DISASTER_UNTIL = NOW + 300
"""The switch goes off while requests come: before it `emergency` is yes, from then on no."""

TO_EACH = 50
"""Requests to each App."""
PEOPLE = 8
"""People, nobody among them, of each App: they come back, and meet what was kept of their last time."""
CONNECTIONS = 4

_TOLD = b"x-verified-"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


class Person(NamedTuple):
    """Somebody, and the ticket of her session; nobody has none."""

    identity: Identity | None
    ticket: str
    pseudonym: str


@dataclass(frozen=True)
class Case:
    """One quadruple."""

    app: int
    who: Person
    asked: Asked
    now: Instant


class Came(NamedTuple):
    """The gateway's answer, in the words that `explain` uses too."""

    status: int
    disclosed: dict[str, str] | None = None
    """The facts that the application received; `None` if the request did not reach it."""
    code: str = ""
    names: tuple[str, ...] = ()
    retry_after: int | None = None


class Logged(NamedTuple):
    """The access log's line about the request."""

    verdict: str
    rule: str
    reason: str
    app: str
    session: str


class _Application(asyncio.Protocol):
    """Answers each head with what it was told, in a field of the answer, so that HEAD shows it too."""

    open: ClassVar[set[_Application]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._unread = b""
        self.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.discard(self)

    @classmethod
    async def all_gone(cls) -> None:
        """Wait until the gateway has closed its connections: the loop must not end before their sockets are closed."""
        async with asyncio.timeout(10):
            while cls.open:
                await asyncio.sleep(0)

    def data_received(self, data: bytes) -> None:
        *heads, self._unread = (self._unread + data).split(b"\r\n\r\n")
        for head in heads:
            disclosed = [line for line in head.split(b"\r\n")[1:] if line.lower().startswith(_TOLD)]
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTold: " + b" ; ".join(disclosed) + b"\r\n\r\n"
            )


class Script:
    """A kept-alive connection of a program that wants JSON."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def status_of(self, host: str, request: bytes) -> tuple[int, str]:
        """Send a request as it is written, and return the status and our code; the connection may end with it."""
        fields = b"Host: %b\r\nX-Forwarded-For: %b\r\nAccept: application/json" % (
            host.encode(),
            EXAMPLE_CLIENT.encode(),
        )
        self._writer.write(b"%b HTTP/1.1\r\n%b\r\n\r\n" % (request, fields))
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or b"0")
        body = await self._reader.readexactly(length)
        code = json.loads(body).get("code", "") if body.startswith(b"{") else ""
        return int(head.split(b" ")[1]), code

    async def ask(self, host: str, case: Case, number: int) -> Came:
        """Send one request, and return what came back."""
        asked = case.asked
        target = asked.path if asked.query is None else f"{asked.path}?{asked.query}"
        fields = [f"Host: {host}", "Accept: application/json", f"X-Request-Id: {number:016}"]
        if asked.client:
            fields.append(f"X-Forwarded-For: {asked.client}")
        if case.who.identity is not None:
            fields.append(f"Cookie: sekisho={case.who.ticket}")
        if asked.method == "POST":
            fields.append("Content-Length: 0")
        self._writer.write("\r\n".join([f"{asked.method} {target} HTTP/1.1", *fields, "", ""]).encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, *lines = head.decode("ascii").split("\r\n")[:-2]
        got = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = b""
        if asked.method != "HEAD":
            body = await self._reader.readexactly(int(got["content-length"]))
        disclosed = got.get("told")
        found: dict[str, Any] = json.loads(body) if body else {}
        return Came(
            int(status.split(" ")[1]),
            None if disclosed is None else _facts(disclosed),
            found.get("code", ""),
            tuple(found.get("names", ())),
            int(got["retry-after"]) if "retry-after" in got else None,
        )

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def _facts(disclosed: str) -> dict[str, str]:
    """Read an application's own list of what it was told, as `percent` has it."""
    lines = [line.strip().partition(": ") for line in disclosed.split(" ; ") if line.strip()]
    return {name.lower().removeprefix(_TOLD.decode()): unquote(value) for name, _, value in lines}


@dataclass
class Gateway:
    """A gateway with one App to each policy, and its policies as they stand in their files."""

    apps: tuple[str, ...]
    policies: tuple[CompiledPolicy, ...]
    worker: Worker
    scripts: tuple[Script, ...]
    now: list[Instant]
    log: Path

    async def sign_in(self, random: Random, subject: str) -> Person:
        """Keep a session of somebody, as a sign-in does."""
        identity = random_person(random, CLIENT, subject)
        ticket = new_ticket(secrets.token_bytes(TICKET_BYTES))
        if identity is None:
            return Person(None, "", "")
        sessions = self.worker._shared.sessions
        pseudonym = sessions.secrets.pseudonym(CLIENT, subject)
        assert await sessions.store.create(ticket, Session(identity, self.now[0], END, pseudonym))
        return Person(identity, ticket, pseudonym)

    def explain(self, case: Case) -> Explanation:
        """Ask `explain`, with what the files say and nothing of what the gateway made of it."""
        return explain(self.policies[case.app], make_inbound(*case.asked), case.who.identity, case.now)

    def logged(self) -> dict[int, Logged]:
        """Return the access log's lines by the number of their request, once it is closed."""
        lines = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return {int(line["request_id"]): Logged(*(line.get(field, "") for field in Logged._fields)) for line in lines}


def _settings(files: GatewayProcess, upstream: int, policies: list[str], more: Sequence[str] = ()) -> tuple[str, ...]:
    """Write settings with an App to each policy, and return the Apps' hosts."""
    folder = files.folder
    hosts = tuple(f"app{number}.localhost:{files.port}" for number in range(len(policies)))
    for number, text in enumerate(policies):
        (folder / f"p{number}.yaml").write_text(text, encoding="utf-8")
    switches = {"disaster": Switch(BEGIN, DISASTER_UNTIL, "op", "a flood")}
    (folder / "switches.json").write_bytes(write_switches(switches))
    above = files.settings.read_text(encoding="utf-8").partition("apps:\n")[0]
    apps = [
        f"  - {{name: app{number}, url: 'http://{host}', upstream: 'http://127.0.0.1:{upstream}',"
        f" policy: p{number}.yaml{more[number] if more else ''}}}\n"
        for number, host in enumerate(hosts)
    ]
    files.settings.write_text(
        above.replace("client_id:", "contracted: [name, address, birthdate, gender]\n  client_id:")
        + "trusted_proxies: [127.0.0.1]\naccess_log: access.log\napps:\n"
        + "".join(apps),
        encoding="utf-8",
    )
    return hosts


@asynccontextmanager
async def gateway(
    folder: Path, redis_url: str, policies: list[str], more: Sequence[str] = ()
) -> AsyncIterator[Gateway]:
    """Run a gateway in this process with an App to each policy; its log is whole once this is left."""
    async with AsyncExitStack() as closing:
        application = await asyncio.get_running_loop().create_server(_Application, "127.0.0.1", 0)
        closing.push_async_callback(application.wait_closed)
        closing.callback(application.close)
        closing.push_async_callback(_Application.all_gone)
        files = GatewayProcess(folder, 1, redis_url)
        closing.callback(files.stop)
        hosts = _settings(files, application.sockets[0].getsockname()[1], policies, more)
        mistakes = Mistakes()
        configuration = read_configuration(files.settings, mistakes, os.environ)
        assert configuration is not None, mistakes.say()
        # Read once more, as the command line reads them: nothing that the gateway made is used to explain.
        read = [load_policy(folder / f"p{number}.yaml", mistakes) for number in range(len(policies))]
        surroundings = Surroundings({"disaster": DISASTER_UNTIL})
        compiled = tuple(CompiledPolicy(policy, surroundings) for policy in read if policy is not None)
        now = [BEGIN]
        worker = Worker(configuration, lambda: now[0])
        closing.push_async_callback(worker.close)
        await worker.open()
        door = closing.enter_context(bind(f"127.0.0.1:{files.port}"))
        await worker.listen(ListeningSockets(door))
        closing.push_async_callback(worker.drain, 1)
        scripts = []
        for _ in range(CONNECTIONS):
            script = Script(*await asyncio.open_connection("127.0.0.1", files.port))
            closing.callback(script.close)
            scripts.append(script)
        yield Gateway(hosts, compiled, worker, tuple(scripts), now, folder / "access.log")


def expected(case: Case, said: Explanation) -> tuple[Came, Logged]:
    """Return what must come back, and be logged, where `explain` says this."""
    body = case.asked.method != "HEAD"
    app, session = f"app{case.app}", case.who.pseudonym
    verdict = said.verdict
    match verdict:
        case Permit():
            disclosed = {name.replace("_", "-"): value for name, value in said.disclosed}
            return Came(200, disclosed), Logged(
                "permit", str(verdict.rule), "", app, "" if verdict.identity is None else session
            )
        case Challenge():
            code = "sign_in_required" if body else ""
            return Came(401, code=code), Logged("challenge", str(verdict.rule), verdict.reason.value, app, session)
        case Deny():
            names = tuple(reason.name for reason in verdict.reasons if reason.name) if body else ()
            code = verdict.reasons[0].kind.value if body else ""
            rule = "" if verdict.rule is None else str(verdict.rule)
            came = Came(HTTPStatus(verdict.status), None, code, names, verdict.retry_after)
            return came, Logged("deny", rule, verdict.words, app, session)
        case _:
            assert_never(verdict)


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(300)])])
async def test_explain_and_the_running_gateway_agree(tmp_path: Path, redis_url: str, count: int) -> None:
    """Verdict, rule, reasons and facts are the same, over HTTP and in the access log, for random quadruples.

    Each App has a random policy. Time goes on from one request to the next, as verdicts are kept for a time; a switch
    ends on the way.
    """
    random = Random(20261123 + count)
    policies = [text_of(*random_rules(random)) for _ in range(count // TO_EACH)]
    said: list[tuple[Came, Logged]] = []
    came: list[Came] = []

    async with gateway(tmp_path, redis_url, policies) as running:
        cases: list[Case] = []
        for app in range(len(policies)):
            people = [await running.sign_in(random, f"person-{app}-{number}") for number in range(PEOPLE)]
            cases += [
                Case(app, random.choice(people), random_request(random), random_moment(random)) for _ in range(TO_EACH)
            ]
        cases.sort(key=lambda case: case.now)
        for number, case in enumerate(cases):
            running.now[0] = case.now
            script = running.scripts[number % CONNECTIONS]
            came.append(await script.ask(running.apps[case.app], case, number))
            said.append(expected(case, running.explain(case)))
    logged = running.logged()

    for number, (case, answer, wanted) in enumerate(zip(cases, came, said, strict=True)):
        line = logged[number]
        # A `when` that nobody can tell refuses everybody alike.
        for_all = not line.reason.startswith("condition_") or line.reason.startswith("condition_unknown:")
        if line.verdict == "deny" and for_all and not line.session:
            # If a rule permits nobody, the gateway need not ask the store; it names a session in memory all the same.
            line = line._replace(session=case.who.pseudonym)
        assert (answer, line) == wanted, f"{policies[case.app]}\n{case}"
    # Were nearly all the same, agreeing would say little.
    statuses = Counter(answer.status for answer in came)
    assert all(statuses[status] >= count // 100 for status in (200, 401, 403, 400, 503)), statuses
    assert sum(bool(answer.disclosed) for answer in came) >= count // 40


APPS = (
    "",
    ", paths: {ignore_case: true, merge_slashes: true, parameters: keep}",
    ", paths: {charset: cp932, encoded_slash: keep}, stack: [iis], methods: [PROPFIND], method_override: both",
    ", paths: {empty_segments: keep, encoded_percent: keep}, stack: [rails]",
)
"""The Apps' settings on the spelling of requests."""

DOOR_POLICY = """\
policy: door
conditions:
  office: {network: [192.0.2.0/24]}
rules:
  - {name: admin, match: {path: [/admin/**, /資料/**]}, require: [office]}
  - {name: delete, match: {path: /items/**, method: DELETE}, allow: signed_in}
  - {name: rest, match: {path: /**}, allow: everyone}
"""

PARTS = (
    *("/admin", "/ADMIN", "/items", "/x", "/", "//", "/.", "/..", "/%2e%2e", "/%2f", "/%252e", "/a%zz", ";v=1", "%20"),
    *("/%8E%91%97%BF", "/%E8%B3%87%E6%96%99", ".json", ".html", "/admin~1", "?a=1", "?_method=DELETE", "%5c", "~", "+"),
    *("/.sekisho/notice", "&x=%", "%00", "%ef%bc%8fadmin"),
)


async def test_the_door_and_the_running_gateway_agree(tmp_path: Path, redis_url: str) -> None:
    """Status and code are the same for requests in odd spellings, under Apps that read paths in different ways."""
    random = Random(20261124)
    asked = [
        (
            random.randrange(len(APPS)),
            random.choice(("GET", "GET", "GET", "POST", "DELETE", "PROPFIND", "TRACE")),
            "/" + "".join(random.choices(PARTS, k=random.randint(1, 4))),
        )
        for _ in range(400)
    ]
    came: list[tuple[int, str]] = []
    async with gateway(tmp_path, redis_url, [DOOR_POLICY] * len(APPS), APPS) as running:
        port = int(running.apps[0].rpartition(":")[2])
        for app, method, target in asked:
            script = Script(*await asyncio.open_connection("127.0.0.1", port))
            came.append(await script.status_of(running.apps[app], f"{method} {target}".encode()))
            script.close()
        mistakes = Mistakes()
        settings = read_settings(tmp_path / "gateway.yaml", Reading(tmp_path, mistakes))
        assert settings is not None, mistakes.say()
    policy = load_policy(tmp_path / "p0.yaml", mistakes)
    assert policy is not None, mistakes.say()
    doors = [door_of(tmp_path / "gateway.yaml", settings, f"app{number}", policy) for number in range(len(APPS))]
    example = Example("", NOW, "GET", "/", None, Expect.ALLOW)

    for (app, method, target), (status, code) in zip(asked, came, strict=True):
        found = doors[app].ask(replace(example, method=method, written=target))
        match found:
            case TurnedAway(code="own_page"):
                assert status != HTTPStatus.BAD_REQUEST, (app, method, target, status, code)
            case TurnedAway():
                assert (status, code) == (int(found.status), found.code), (app, method, target)
            case Admitted(verdict=Permit()):
                assert (status, code) == (200, ""), (app, method, target)
            case Admitted(verdict=Challenge()):
                assert (status, code) == (401, "sign_in_required"), (app, method, target)
            case Admitted(verdict=Deny() as deny):
                assert (status, code) == (deny.status, deny.reasons[0].kind.value), (app, method, target)
            case _:
                raise AssertionError(found)
    # Were nearly all the same, agreeing would say little.
    assert len({code for _, code in came}) > 10, Counter(came)
    assert sum(status == HTTPStatus.OK for status, _ in came) > 40, Counter(came)
