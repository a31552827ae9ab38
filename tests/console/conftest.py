"""A console over real sockets, with a node of the test's behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from gateway.audit.entry import Entry
from gateway.console.aiohttp_console import ConsoleServices, make_console
from gateway.console.aiohttp_oidc import OidcSignIn
from gateway.console.csrf import KEY_BYTES, token_of
from gateway.console.node import AccountsAtHand, AppFacts, Expiry, NodeFacts, SessionsAtHand, WorkerState
from gateway.console.routes import Place, route_of
from gateway.limits.limits import LimitStore
from gateway.limits.memory_limits import MemoryLimits
from gateway.observe.merge import Families
from gateway.portal.aiohttp_management import make_management
from gateway.portal.asyncio_refusals import RefusalRecord
from gateway.portal.attempts import TokenCheck
from gateway.portal.operators import Operators, Role, new_token, read_operators
from gateway.portal.readiness import Readiness
from gateway.session.memory_store import MemoryStore
from gateway.settings.settings import ConsoleSettings
from gateway.workbench.analysis import analyse
from gateway.workbench.draft import Analysis, Draft, NotAnalysed
from gateway.workbench.system_analyst import saved_text
from tests.builders import CLIENT, NOON

URL = "https://console.city.example.jp"

APP = AppFacts(
    name="booking",
    url="https://yoyaku.city.example.jp",
    mode="proxy",
    policy="facility-booking",
    policy_file="policies/facility-booking.yaml",
    candidate_file="",
    closing_switch="maintenance-booking",
)


@dataclass
class FakeNode:
    """A gateway that is as the test says."""

    ready: Readiness = field(default_factory=Readiness)
    families: Families = ()
    states: Sequence[WorkerState | None] = (WorkerState(1),)
    ends: Sequence[Expiry] = ()
    store: MemoryStore = field(
        default_factory=lambda: MemoryStore(idle=1800, clock=lambda: NOON, monotonic=lambda: 0.0)
    )
    entries: LimitStore | None = field(default_factory=MemoryLimits)
    linked: dict[str, AccountsAtHand] = field(default_factory=dict)
    folder: Path = Path("/nonexistent")
    access_log: Path | None = None
    trail: Path | None = None
    workbench: Path | None = None
    apps: tuple[AppFacts, ...] = (APP,)

    def facts(self) -> NodeFacts:
        return NodeFacts(
            "node-1",
            "0.0",
            NOON - 60,
            1,
            self.apps,
            (CLIENT,),
            self.folder / "switches.json",
            ("maintenance-booking", "rain"),
            self.access_log,
            self.trail,
        )

    async def sessions(self) -> SessionsAtHand:
        return SessionsAtHand(self.store, lambda code: (code,))

    async def limits(self) -> LimitStore | None:
        return self.entries

    async def accounts(self) -> Mapping[str, AccountsAtHand]:
        return self.linked

    async def readiness(self) -> Readiness:
        return self.ready

    async def numbers(self) -> Families:
        return self.families

    async def workers(self) -> Sequence[WorkerState | None]:
        return self.states

    async def expiries(self) -> Sequence[Expiry]:
        return self.ends


class AnalystHere:
    """Analyses drafts in this process: `tests/workbench` tries the real one, which starts another."""

    async def analyse(self, author: str, draft: Draft) -> Analysis | NotAnalysed:
        del author
        return await asyncio.to_thread(analyse, draft, saved_text)

    async def running(self, app: object) -> AsyncIterator[None]:
        del app
        yield


@dataclass
class KeptTrail:
    """Keeps entries; `full` is a disk that takes none."""

    required: bool = False
    full: bool = False
    entries: list[Entry] = field(default_factory=list)

    def record(self, entry: Entry) -> None:
        if not self.full:
            self.entries.append(entry)

    async def recorded(self, entry: Entry) -> bool:
        self.record(entry)
        return not (self.required and self.full)


@dataclass
class House:
    """A console and a browser before it."""

    client: TestClient[web.Request, web.Application]
    node: FakeNode
    trail: KeptTrail
    file: Operators
    tokens: dict[str, str]
    clock: list[float]
    url: str = ""
    keys: list[bytes] = field(default_factory=list)
    """The keys of forms that were made, the last sign-in's last."""
    cookies: dict[str, str] = field(default_factory=dict)
    language: str = "en"

    @property
    def origin(self) -> str:
        """The console's origin as the browser knows it."""
        return self.url or f"http://127.0.0.1:{self.client.port}"

    def fields(self, method: str, site: str | None = "same-origin") -> dict[str, str]:
        """Return the fields that a browser sends."""
        found = {"Host": self.origin.partition("//")[2], "Accept-Language": self.language}
        if self.cookies:
            found["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if site is not None:
            found |= {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        if method == "POST":
            found["Origin"] = self.origin
        return found

    async def get(self, path: str, **changes: str | None) -> ClientResponse:
        """Open a page."""
        return await self._ask("GET", path, None, changes)

    async def post(self, path: str, form: dict[str, str], **changes: str | None) -> ClientResponse:
        """Press a button."""
        return await self._ask("POST", path, form, changes)

    async def _ask(
        self, method: str, path: str, form: dict[str, str] | None, changes: dict[str, str | None]
    ) -> ClientResponse:
        fields = self.fields(method)
        for name, value in changes.items():
            key = name.replace("_", "-")
            fields.pop(key, None)
            if value is not None:
                fields[key] = value
        answer = await self.client.request(method, f"/console/{path}", data=form, headers=fields, allow_redirects=False)
        for line in answer.headers.getall("Set-Cookie", ()):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def token_of(self, place: Place) -> str:
        """Return the token of a button for the last sign-in, also where no page of hers shows the button."""
        return token_of(next(key for key in reversed(self.keys) if len(key) == KEY_BYTES), place)

    async def press(self, place: str, **form: str) -> ClientResponse:
        """Press a button with its token."""
        route = route_of(Place(place))
        return await self.post(route.path, form | {"csrf": self.token_of(route.place)})

    async def sign_in(self, name: str) -> None:
        """Sign in by a token."""
        answer = await self.post("sign-in", {"token": self.tokens[name]})
        assert answer.status == 303, await answer.text()

    async def csrf(self, page: str, target: str) -> str:
        """Return the token of a form on a page, by the form's target."""
        text = await (await self.get(page)).text()
        found = re.search(rf'action="/console/{target}".*?name="csrf" value="([0-9a-f]+)"', text, re.DOTALL)
        assert found is not None, text
        return found[1]


PEOPLE: dict[str, tuple[Role, ...]] = {
    "sato": (Role.LOOK,),
    "ito": (Role.LOOK, Role.ACT),
    "mori": (Role.AUDIT,),
    "abe": (Role.AUTHOR,),
    "kato": (Role.ACCOUNTS,),
    "ono": tuple(Role),
}


async def make_house(url: str = "", oidc: OidcSignIn | None = None) -> House:
    """Serve a console."""
    made = {name: new_token(name, bytes([number]) * 32, roles) for number, (name, roles) in enumerate(PEOPLE.items())}
    clock = [NOON]
    house: House

    def operators() -> Operators:
        return house.file

    node, trail = FakeNode(), KeptTrail()
    random = Random()
    services = ConsoleServices(
        node=node,
        settings=lambda: ConsoleSettings(url=url, workbench=node.workbench),
        tokens=TokenCheck(operators, lambda: clock[0]),
        trail=trail,
        refusals=RefusalRecord(trail, lambda: clock[0]),
        oidc=oidc,
        clock=lambda: clock[0],
        random=random,
        analyst=AnalystHere(),
    )

    names = frozenset({"console.city.example.jp"})
    app = make_management(
        metrics=node.numbers, readiness=node.readiness, names=lambda: names, console=make_console(services)
    )
    client: Any = TestClient(TestServer(app), cookie_jar=DummyCookieJar())
    await client.start_server()
    file = read_operators("\n".join(line for _, line in made.values()))
    house = House(
        client, node, trail, file, {name: token for name, (token, _) in made.items()}, clock, url, random.made
    )
    return house


class Random:
    """Bytes that never come twice. A sign-in takes its key last, so the last ones are the last key."""

    def __init__(self) -> None:
        self.made: list[bytes] = []

    def __call__(self, size: int) -> bytes:
        self.made.append((len(self.made) + 1).to_bytes(size))
        return self.made[-1]


@pytest.fixture
async def house() -> Any:
    """A console on this machine."""
    made = await make_house()
    yield made
    await made.client.close()


@pytest.fixture
async def public_house() -> Any:
    """A console behind a proxy with TLS."""
    made = await make_house(URL)
    yield made
    await made.client.close()
