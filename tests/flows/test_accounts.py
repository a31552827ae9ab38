"""An application that nobody taught anything: people link an old account once, and the card is enough from then on.

A PHP program with its own login form stands behind a whole gateway on real sockets.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio

from gateway.accounts.accounts import Account, AccountStore, Evidence
from gateway.accounts.marks import marks_of
from gateway.identity import AccountKind, Identity, Role, Scope
from gateway.process.account_stores import open_account_store
from gateway.redis_client import RedisOptions
from gateway.session.seal import Secrets
from gateway.settings.settings import AccountStoreSettings
from tests.builders import CLIENT
from tests.conftest import free_port, program
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.flows.test_real_methods import listens
from tests.redis_server import redis_server, wait_until

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

POLICY = """\
policy: booking
rules:
  - name: open
    match: {path: /open}
    allow: everyone
  - name: the rest
    allow: signed_in
    accounts: required
    disclose: [subject]
"""
ACCOUNTS = """\
    application_cookies: [OLDSID]
    accounts:
      store: memory
      key: {file: accounts.key}
      tell: form
      passwords: kept
      recipe:
        page: /login.php
        user: id
        password: pw
        success: {status: 302, not_location: /login.php}
        ended: /login.php
        logout: /logout.php
        signs_out: /logout.php
        closed: [/login.php, /password/**]
        locks_after: 5
access_log"""
NAVIGATION = {
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
    "Accept": "text/html",
    "Accept-Language": "en",
}


@dataclass
class Old:
    """The application behind, as its own files tell of it."""

    folder: Path
    port: int = field(default_factory=free_port)

    def all(self, what: str) -> list[tuple[Any, ...]]:
        """Return the answer of its database."""
        with sqlite3.connect(self.folder / "old.db") as connection:
            return connection.execute(what).fetchall()

    def change(self, what: str) -> None:
        """Change its database."""
        with sqlite3.connect(self.folder / "old.db") as connection:
            connection.execute(what)

    def end_sessions(self) -> None:
        """Forget every session, as a restart does."""
        for each in (self.folder / "sessions").iterdir():
            each.unlink()


@dataclass
class Page:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    text: str
    set_cookies: list[str]


@dataclass
class Person:
    """A person's browser: it keeps cookies by name, and follows nothing by itself."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    host: str = HOST
    app: str = "app"

    async def ask(
        self, method: str, path: str, form: Mapping[str, str] | None = None, more: Mapping[str, str] | None = None
    ) -> Page:
        """Ask the gateway as a navigating browser does."""
        origin = f"http://{self.host}:{self.port}"
        sent = {**NAVIGATION, "Host": f"{self.host}:{self.port}", "Sec-Fetch-Site": "same-origin"}
        if self.cookies:
            sent["Cookie"] = self.cookie_field
        sent |= more or {}
        if form is not None:
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin, "Referer": f"{origin}/"}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
            client.request(
                method,
                f"http://127.0.0.1:{self.port}{path}",
                data=None if form is None else urlencode(form),
                headers=sent,
                allow_redirects=False,
            ) as answer,
        ):
            lines = answer.headers.getall("Set-Cookie", [])
            page = Page(answer.status, answer.headers, await answer.text(errors="replace"), lines)
        for line in lines:
            # As a browser: quotation marks belong to the value.
            pair, _, attributes = line.partition(";")
            name, _, value = pair.partition("=")
            if re.search(r"max-age=0(?!\d)|expires=[^;]*1970", attributes, re.IGNORECASE):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return page

    @property
    def cookie_field(self) -> str:
        """The cookies that it sends."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    async def get(self, path: str) -> Page:
        """Open a page."""
        return await self.ask("GET", path)

    async def link(self, user: str, password: str, path: str = "/") -> Page:
        """Fill in our page."""
        form = {"app": self.app, "rd": path, "required": "yes", "action": "link", "user": user, "password": password}
        return await self.ask("POST", "/.sekisho/account", form)


@contextmanager
def application(folder: Path, workers: int = 1) -> Iterator[Old]:
    """Run the application; `workers`: so many requests at once."""
    (folder / "sessions").mkdir()
    found = Old(folder)
    script = str(Path(__file__).with_name("untaught.php"))
    environment = {"UNTAUGHT_DB": str(folder / "old.db"), "UNTAUGHT_SESSIONS": str(folder / "sessions")}
    if workers > 1:
        environment["PHP_CLI_SERVER_WORKERS"] = str(workers)
    process = subprocess.Popen(
        [program("php"), "-S", f"127.0.0.1:{found.port}", script],
        env=os.environ | environment,
        stderr=subprocess.DEVNULL,
        # PHP's workers outlive a signal to the first of them.
        start_new_session=True,
    )
    try:
        wait_until(lambda: listens(found.port), "php")
        yield found
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    """Run the application for all tests of this page."""
    with application(tmp_path_factory.mktemp("untaught")) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, old: Old) -> Iterator[GatewayProcess]:
    """Run a gateway whose App has those lines and nothing else."""
    folder = tmp_path_factory.mktemp("gateway")
    with redis_server() as redis:
        found = GatewayProcess(folder, old.port, redis.url, 1, POLICY)
        (folder / "accounts.key").write_text(secrets.token_hex(32))
        settings = found.settings.read_text()
        found.settings.write_text(settings.replace("access_log", ACCOUNTS, 1))
        try:
            found.start()
            yield found
        finally:
            found.stop()


BY_HEADER = """\
policy: told
conditions:
  representative:
    account: {role: representative}
    if_not: {ja: 代表者の方だけが使えます。, en: Only representatives may.}
rules:
  - name: for representatives
    match: {path: /open/group}
    require: [representative]
    accounts: required
  - name: with or without
    match: {path: /open/maybe}
    allow: signed_in
    accounts: offered
  - name: the rest
    allow: signed_in
    accounts: required
"""
TOLD = """\
    accounts:
      store: sqlite:{folder}/accounts.db
      key: {{file: accounts.key}}
      tell: header
      header: X-Old-User
access_log"""


@dataclass
class Office:
    """A gateway whose accounts the office has linked, and its store."""

    gateway: GatewayProcess
    store: AccountStore
    keys: Secrets

    async def link(self, subject: str, name: str, role: Role | None = None) -> None:
        """Link a person to an account of her own, or to a group's."""
        kind = AccountKind.PERSON if role is None else AccountKind.GROUP
        account = Account("app", name, kind, "")
        await self.store.put(account)
        marks = marks_of(self.keys, "app", CLIENT, subject)
        await self.store.link(account, marks, Evidence.IMPORT, time.time(), role or Role.MEMBER)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory, old: Old) -> AsyncIterator[Office]:
    """Run two workers on a file of accounts, which the application is told in a header."""
    folder = tmp_path_factory.mktemp("office")
    with redis_server() as redis:
        found = GatewayProcess(folder, old.port, redis.url, 2, BY_HEADER)
        (folder / "accounts.key").write_text(secrets.token_hex(32))
        settings = found.settings.read_text()
        found.settings.write_text(settings.replace("access_log", TOLD.format(folder=folder), 1))
        keys = Secrets.parse((folder / "accounts.key").read_text())
        store = open_account_store(AccountStoreSettings(f"sqlite:{folder}/accounts.db"), keys, RedisOptions())
        try:
            found.start()
            yield Office(found, store, keys)
        finally:
            found.stop()
            await store.close()


@pytest.fixture
def people(gateway: GatewayProcess) -> People:
    """Return a maker of signed-in persons."""
    return People(gateway)


@dataclass
class People:
    """Signs persons in."""

    gateway: GatewayProcess

    async def signed_in(self, subject: str, app: str = "app", ago: float = 0) -> Person:
        """Return a browser with a session of this person, signed in so many seconds ago, which goes to an App."""
        identity = Identity(CLIENT, subject, time.time() - ago, frozenset({Scope.OPENID}))
        name, _, value = (await self.gateway.sign_in(identity)).partition("=")
        return Person(self.gateway.port, {name: value}, f"{app}.localhost", app)


async def test_an_old_account_is_linked_once_and_the_card_is_enough_from_then_on(people: People, old: Old) -> None:
    """She is asked once, comes back in another session, and the application greets her by her old account."""
    hanako = await people.signed_in("newcomer")

    asked = await hanako.get("/mine")
    assert asked.status == 403
    assert "Your previous user ID" in asked.text
    linked = await hanako.link("tanaka", "old-Canary-5", "/mine")
    assert (linked.status, linked.headers["Location"]) == (303, "/mine")
    page = await hanako.get("/mine")
    assert "hello tanaka" in page.text
    # The application hears of the account beside the facts, and nothing of our own ways.
    assert "from tanaka marker none" in page.text

    again = await people.signed_in("newcomer")
    page = await again.get("/mine")
    assert (page.status, "hello tanaka" in page.text) == (200, True)
    logins = len(old.all("SELECT line FROM log WHERE line LIKE 'POST /login.php%'"))
    await again.get("/mine")
    # A page for everybody knows her too, and takes her session from nobody.
    assert "open to all, tanaka" in (await again.get("/open")).text
    await again.get("/mine")
    assert len(old.all("SELECT line FROM log WHERE line LIKE 'POST /login.php%'")) == logins, "one login for a session"


async def test_a_second_person_cannot_take_an_account(people: People) -> None:
    """The account has one person: another one who knows the password is sent to the counter."""
    await (await people.signed_in("hanako-2")).link("suzuki", "old-Canary-2")
    other = await people.signed_in("jiro")

    refused = await other.link("SUZUKI ", "old-Canary-2")

    assert "linked to another person" in refused.text
    assert (await other.get("/")).status == 403


@pytest.mark.parametrize(
    "path", ["/login.php", "/login.php?x=1", "/%6cogin.php", "/login.php/x", "/./login.php", "/password/new"]
)
async def test_the_applications_own_login_is_closed(people: People, path: str) -> None:
    """No spelling of a closed page reaches the application, by GET or POST."""
    person = await people.signed_in("hanako")

    assert (await person.get(path)).status in (400, 403)
    assert (await person.ask("POST", path, {"id": "yamada", "pw": "old-Canary-1"})).status in (400, 403)


async def test_another_sessions_cookie_opens_nothing(people: People) -> None:
    """A stolen cookie, a planted one and one of the last person are removed; she acts for her own account alone."""
    await (await people.signed_in("hanako-3")).link("tennis", "old-Canary-3")
    victim = await people.signed_in("hanako")
    if "hello" not in (await victim.get("/")).text:
        await victim.link("yamada", "old-Canary-1")
        await victim.get("/")
    stolen = victim.cookies["OLDSID"]

    thief = await people.signed_in("hanako-3")
    thief.cookies["OLDSID"] = stolen
    page = await thief.get("/")
    assert "hello tennis" in page.text
    assert thief.cookies["OLDSID"] != stolen

    nobody = Person(thief.port, {"OLDSID": stolen})
    assert "open to all, nobody" in (await nobody.get("/open")).text


async def test_a_planted_cookie_is_never_the_one_that_is_signed_in(people: People, old: Old) -> None:
    """The gateway signs in with a session of its own, so who planted one holds nothing afterwards."""
    victim = await people.signed_in("fixed")
    planted = "f" * 26
    victim.cookies["OLDSID"] = planted

    await victim.link("sato", "old-Canary-6")
    page = await victim.get("/mine")

    assert "hello sato" in page.text
    assert victim.cookies["OLDSID"] != planted
    async with (
        aiohttp.ClientSession() as client,
        client.get(
            f"http://127.0.0.1:{old.port}/mine", headers={"Cookie": f"OLDSID={planted}"}, allow_redirects=False
        ) as answer,
    ):
        assert answer.status == 302
    # Under another path, a browser sends it beside the good one.
    two = await victim.ask("GET", "/mine", more={"Cookie": f"OLDSID={planted}; {victim.cookie_field}"})
    assert "hello sato" in two.text


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "/%0d%0aSet-Cookie: a=b", "javascript:x"]
)
async def test_our_page_leads_to_the_app_alone(people: People, target: str) -> None:
    """A planted `rd` leads to no other site."""
    person = await people.signed_in("led")

    linked = await person.link("ito", "old-Canary-7", target)

    assert linked.status == 303
    location = linked.headers["Location"]
    assert location.startswith("/")
    assert "evil" not in location
    assert not any("a=b" in line for line in linked.set_cookies)


async def test_a_form_is_not_lost_when_the_applications_session_ends(people: People, old: Old) -> None:
    """The gateway signs in anew and sends the same form again, once."""
    person = await people.signed_in("hanako")
    if "hello" not in (await person.get("/")).text:
        await person.link("yamada", "old-Canary-1")
        await person.get("/")
    old.end_sessions()

    page = await person.ask("POST", "/note", {"note": "まだある"})

    assert "noted by yamada: まだある" in page.text
    assert old.all("SELECT count(*) FROM notes WHERE note = 'まだある'") == [(1,)]
    assert "hello yamada" in (await person.get("/")).text


async def test_a_long_form_whose_session_ended_is_sent_once_more(people: People, old: Old) -> None:
    """The page says that nothing arrived, and the next time the gateway signs in first."""
    person = await people.signed_in("hanako")
    if "hello" not in (await person.get("/")).text:
        await person.link("yamada", "old-Canary-1")
        await person.get("/")
    old.end_sessions()
    note = "長い" * 50_000

    lost = await person.ask("POST", "/note", {"note": note})

    assert (lost.status, "did not get what you just sent" in lost.text) == (503, True), lost.text[:1_000]
    assert old.all("SELECT count(*) FROM notes WHERE note LIKE '長い長い%'") == [(0,)]
    assert "noted by yamada" in (await person.ask("POST", "/note", {"note": note})).text
    assert old.all("SELECT count(*) FROM notes WHERE note LIKE '長い長い%'") == [(1,)]


async def test_a_sign_out_ends_the_applications_session_too(people: People, old: Old) -> None:
    """The old cookie is worth nothing at the application itself afterwards."""
    person = await people.signed_in("hanako")
    if "hello" not in (await person.get("/")).text:
        await person.link("yamada", "old-Canary-1")
        await person.get("/")
    cookie = person.cookies["OLDSID"]

    out = await person.ask("POST", "/.sekisho/logout", {})
    assert out.status == 303

    async with (
        aiohttp.ClientSession() as client,
        client.get(
            f"http://127.0.0.1:{old.port}/mine", headers={"Cookie": f"OLDSID={cookie}"}, allow_redirects=False
        ) as answer,
    ):
        assert answer.status == 302
    assert "OLDSID" not in person.cookies


async def test_the_applications_own_sign_out_link_leads_to_ours(people: People, old: Old) -> None:
    """A link of any page asks first, an image does nothing, and a form of the application's own is enough."""
    person = await people.signed_in("leaving")
    await person.link("goto", "old-Canary-9")
    assert "hello goto" in (await person.get("/")).text
    cookie = person.cookies["OLDSID"]

    for more in ({}, {"Sec-Fetch-Site": "cross-site"}):
        link = await person.ask("GET", "/logout.php?from=menu", more=more)
        assert (link.status, link.headers["Location"]) == (303, "/.sekisho/logout")
    image = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Sec-Fetch-User": "", "Accept": "image/*"}
    assert (await person.ask("GET", "/logout.php", more=image)).status == 403
    foreign = await person.ask("POST", "/logout.php", {"a": "b"}, more={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status == 303
    asked = await person.get("/.sekisho/logout")
    assert (asked.status, "hello goto" in (await person.get("/")).text) == (200, True)
    assert person.cookies["OLDSID"] == cookie

    own = await person.ask("POST", "/logout.php", {"token": "of the application"})
    assert (own.status, own.headers["Location"]) == (307, "/.sekisho/logout")
    out = await person.ask("POST", own.headers["Location"], {"token": "of the application"})

    assert (out.status, "OLDSID" in person.cookies) == (303, False)
    async with (
        aiohttp.ClientSession() as client,
        client.get(
            f"http://127.0.0.1:{old.port}/mine", headers={"Cookie": f"OLDSID={cookie}"}, allow_redirects=False
        ) as answer,
    ):
        assert answer.status == 302


async def test_a_person_with_several_accounts_chooses_one_for_each_session(office: Office) -> None:
    """Each worker acts on her choice at once, and tells account and role in headers; a client's own are removed."""
    await office.link("sachiko", "sachiko-1")
    await office.link("sachiko", "tennis-club", Role.REPRESENTATIVE)
    person = await People(office.gateway).signed_in("sachiko")

    asked = await person.get("/open")
    assert "For whom do you act today?" in asked.text
    names = re.findall(r'value="(\w+)" required>\s*<span><bdi>([^<]*)', asked.text)
    for word, name in names:
        chosen = await person.ask(
            "POST", "/.sekisho/account", {"app": "app", "rd": "/open", "action": "choose", "account": word}
        )
        assert (chosen.status, chosen.headers["Location"]) == (303, "/open")
        role = "representative" if name == "tennis-club" else "-"
        for _ in range(6):
            page = await person.ask("GET", "/open", more={"X-Old-User": "evil", "X-Verified-Acting-Role": "evil"})
            assert f"told {name} as {role}" in page.text
        group = await person.get("/open/group")
        assert (group.status == 200) == (name == "tennis-club")
    assert {name for _, name in names} == {"sachiko-1", "tennis-club"}


async def test_another_site_chooses_nothing(office: Office) -> None:
    """A press of a foreign page neither chooses nor declines."""
    await office.link("taro", "taro-1")
    await office.link("taro", "taro-2")
    person = await People(office.gateway).signed_in("taro")

    word = re.search(r'value="(\w+)" required>', (await person.get("/open")).text)
    assert word is not None
    for form in ({"action": "choose", "account": word[1]}, {"action": "none"}):
        page = await person.ask(
            "POST", "/.sekisho/account", {"app": "app", **form}, more={"Sec-Fetch-Site": "cross-site"}
        )
        assert page.status == 200
    assert "For whom do you act today?" in (await person.get("/open")).text


async def test_an_offer_can_be_declined_and_a_script_is_told_what_is_missing(office: Office) -> None:
    """She goes on without an account where the rule permits it, and nowhere else."""
    person = await People(office.gateway).signed_in("jiro-2")

    assert (await person.get("/open/maybe")).status == 403
    declined = await person.ask("POST", "/.sekisho/account", {"app": "app", "rd": "/open/maybe", "action": "none"})
    assert declined.headers["Location"] == "/open/maybe"
    assert "told - as -" in (await person.get("/open/maybe")).text
    assert (await person.get("/open")).status == 403
    script = await person.ask(
        "GET", "/open", more={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}
    )
    assert (script.status, "account_required" in script.text) == (403, True)


async def test_wrong_passwords_tell_nothing_and_lock_nobody_out(people: People, old: Old) -> None:
    """Ten tries by two persons: the answers are alike, and the application counts fewer than it locks after."""
    texts = set()
    for subject, names in (("eve", ["guessed"] * 4 + ["nobody"]), ("mallory", ["guessed"] * 4 + ["nobody"])):
        person = await people.signed_in(subject)
        pages = await asyncio.gather(*(person.link(name, f"guess-{n}") for n, name in enumerate(names)))
        texts |= {tuple(re.findall(r'<p class="h">(.*?)</p>', page.text)) for page in pages}

    assert len(texts) == 1
    assert "could not be confirmed" in str(texts)
    ((wrong,),) = old.all("SELECT wrong FROM users WHERE id = 'guessed'")
    assert wrong < 5


async def test_no_password_is_anywhere_in_the_clear(gateway: GatewayProcess, people: People) -> None:
    """Neither logs nor access lines hold one."""
    await people.signed_in("hanako")
    for name in ("events.log", "access.log"):
        text = (gateway.folder / name).read_text()
        assert "Canary" not in text
        assert "guess-" not in text
