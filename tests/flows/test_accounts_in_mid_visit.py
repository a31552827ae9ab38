"""Something happens while a person proves her account, or uses it: what she sees, and what is left of it.

A gate before the PHP application holds the answer to a good login until the test has done its part.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest

from gateway.accounts.accounts import AccountStore
from gateway.accounts.asyncio_linking import KNOWN_SECONDS
from gateway.accounts.marks import marks_of
from gateway.process.account_stores import open_account_store
from gateway.redis_client import RedisOptions
from gateway.session.seal import Secrets
from gateway.settings.settings import AccountStoreSettings
from tests.builders import CLIENT
from tests.flows.gateway_process import GatewayProcess
from tests.flows.test_accounts import ACCOUNTS, POLICY, Old, Page, People, Person, application
from tests.flows.test_accounts_taken_away import stream_cut_after
from tests.redis_server import redis_server

pytestmark = [pytest.mark.timeout(400), pytest.mark.long, pytest.mark.asyncio]

SQLITE, REDIS = "sqlite", "redis"


@dataclass
class Gate:
    """Holds the answers to logins while it is shut."""

    answered: asyncio.Event = field(default_factory=asyncio.Event)
    """The application has answered a login, and the gateway does not know yet."""
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def shut(self) -> None:
        """Hold the next answer to a login."""
        self.answered.clear()
        self.opened.clear()


@asynccontextmanager
async def gate_before(port: int) -> AsyncIterator[tuple[Gate, int]]:
    """Pass connections on to a port."""
    gate = Gate()
    gate.opened.set()

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        login = False

        async def there() -> None:
            nonlocal login
            while data := await reader.read(65_536):
                login = login or data.startswith(b"POST /login.php")
                inner_writer.write(data)
                await inner_writer.drain()

        async def back() -> None:
            nonlocal login
            while data := await inner_reader.read(65_536):
                if login:
                    login = False
                    gate.answered.set()
                    await gate.opened.wait()
                writer.write(data)
                await writer.drain()

        with suppress(ConnectionError):
            ways = [asyncio.ensure_future(there()), asyncio.ensure_future(back())]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
        inner_writer.close()
        writer.close()

    async with await asyncio.start_server(passed_on, "127.0.0.1", 0) as server:
        yield gate, server.sockets[0].getsockname()[1]


@dataclass
class Town:
    """A gateway before a gate before the application, with the counter's store."""

    gateway: GatewayProcess
    old: Old
    gate: Gate
    store: AccountStore
    keys: Secrets
    stops: Callable[[], None]
    """Has the store of accounts take nothing any more."""
    goes_on: Callable[[], None]

    async def accounts(self, subject: str) -> list[str]:
        """Return the accounts of a person, as the store has them."""
        held = await self.store.find("app", marks_of(self.keys, "app", CLIENT, subject))
        return [each.account.name for each in held]

    async def command(self, *arguments: str, typed: str = "") -> str:
        """Run a command of the operator's, and return what it says."""

        def run() -> str:
            done = subprocess.run(
                [sys.executable, "-m", "gateway", *arguments, "-c", str(self.gateway.settings)],
                input=typed,
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        return await asyncio.to_thread(run)

    async def proof(self, person: Person, user: str, password: str) -> asyncio.Task[Page]:
        """Send an account and its password, and return once the application has taken them."""
        self.gate.shut()
        sent = asyncio.create_task(person.link(user, password, "/mine"))
        await asyncio.wait_for(self.gate.answered.wait(), 60)
        return sent

    def open_there(self) -> int:
        """Return the number of sessions in which somebody is signed in at the application."""
        files = (self.old.folder / "sessions").iterdir()
        return sum("id|s:" in each.read_text() for each in files)


@asynccontextmanager
async def town(folder: Path, store: str) -> AsyncIterator[Town]:
    """Run all of it."""
    (folder / "php").mkdir()
    async with AsyncExitStack() as stack:
        old = stack.enter_context(application(folder / "php", workers=4))
        gate, port = await stack.enter_async_context(gate_before(old.port))
        redis = stack.enter_context(redis_server())
        url, stops, goes_on = f"sqlite:{folder}/accounts.db", lambda: None, lambda: None
        if store == REDIS:
            kept = stack.enter_context(redis_server("--appendonly", "yes", "--maxmemory-policy", "noeviction"))
            url, stops, goes_on = kept.url, kept.kill, kept.start
        else:
            others: list[sqlite3.Connection] = []

            def stops() -> None:
                # As long as another one writes, the file can be read alone.
                others.append(sqlite3.connect(folder / "accounts.db", isolation_level=None))
                others[-1].execute("BEGIN IMMEDIATE")

            def goes_on() -> None:
                others.pop().close()

        gateway = GatewayProcess(folder, port, redis.url, 1, POLICY, "aliases: aliases.jsonl\n")
        (folder / "accounts.key").write_text(secrets.token_hex(32))
        for name in ("accounts.key", "secret"):
            (folder / name).chmod(0o600)
        settings = gateway.settings.read_text()
        gateway.settings.write_text(
            settings.replace("access_log", ACCOUNTS.replace("store: memory", f"store: {url}"), 1)
        )
        keys = Secrets.parse((folder / "accounts.key").read_text())
        accounts = open_account_store(AccountStoreSettings(url), keys, RedisOptions())
        try:
            await asyncio.to_thread(gateway.start)
            yield Town(gateway, old, gate, accounts, keys, stops, goes_on)
        finally:
            gate.opened.set()
            await asyncio.to_thread(gateway.stop)
            await accounts.close()


def heading(page: Page) -> str:
    """Return the heading of a page, for a failure's message."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)
    return "" if found is None else re.sub(r"\s+", " ", found[1]).strip()


@pytest.mark.parametrize("store", [SQLITE, REDIS])
async def test_a_store_that_dies_after_the_good_login_leaves_nothing(tmp_path: Path, store: str) -> None:
    """She is told to try later; no session stays open there, no attempt locks her out, and the next proof links."""
    async with town(tmp_path, store) as here:
        person = await People(here.gateway).signed_in("dies")
        sent = await here.proof(person, "sato", "old-Canary-6")
        here.stops()
        here.gate.opened.set()

        page = await sent

        assert (page.status, "Location" in page.headers) == (HTTPStatus.SERVICE_UNAVAILABLE, False), heading(page)
        assert heading(page), page.text[:2_000]
        assert "Canary" not in page.text
        assert here.open_there() == 0, "the session that only proved the account is over"

        here.goes_on()
        assert await here.accounts("dies") == []
        assert (await person.link("sato", "old-Canary-6", "/mine")).status == HTTPStatus.SEE_OTHER
        assert "hello sato" in (await person.get("/mine")).text
        assert await here.accounts("dies") == ["sato"]
        assert here.old.all("SELECT wrong FROM users WHERE id = 'sato'") == [(0,)]


async def test_an_erasure_in_the_middle_leaves_neither_link_nor_session(tmp_path: Path) -> None:
    """The operator erases her: in the middle of a proof, and in the middle of a visit with an open stream."""
    async with town(tmp_path, SQLITE) as here:
        proving = await People(here.gateway).signed_in("erased-1")
        sent = await here.proof(proving, "ito", "old-Canary-7")
        await here.command("subjects", "erase", CLIENT, "-", "--reason", "her wish", typed="erased-1\n")
        here.gate.opened.set()
        page = await sent
        assert page.status != HTTPStatus.SEE_OTHER, heading(page)
        assert await here.accounts("erased-1") == []
        assert here.open_there() == 0

        person = await People(here.gateway).signed_in("erased-2")
        assert (await person.link("kato", "old-Canary-8", "/mine")).status == HTTPStatus.SEE_OTHER
        assert "hello kato" in (await person.get("/mine")).text
        opened = asyncio.Event()
        stream = asyncio.create_task(stream_cut_after(Person(person.port, dict(person.cookies)), opened))
        await asyncio.wait_for(opened.wait(), 60)
        said = await here.command("subjects", "erase", CLIENT, "-", "--reason", "her wish", typed="erased-2\n")
        assert "1 links to accounts ended" in said
        await stream
        for method, form in (("GET", None), ("POST", {"note": "of nobody"})):
            after = await person.ask(method, "/mine" if form is None else "/note", form)
            assert "kato" not in after.text, heading(after)
            assert after.status != HTTPStatus.OK, heading(after)
        assert here.old.all("SELECT count(*) FROM notes") == [(0,)]
        assert await here.accounts("erased-2") == []
        # Another person can prove the account now.
        other = await People(here.gateway).signed_in("next")
        assert (await other.link("kato", "old-Canary-8", "/mine")).status == HTTPStatus.SEE_OTHER


@pytest.mark.parametrize("store", [SQLITE, REDIS])
async def test_an_alias_in_the_middle_has_the_account_proved_again(tmp_path: Path, store: str) -> None:
    """A person becomes known by her old subject: no account of hers opens until its password is given again.

    That holds for the account of the old subject, and for one that she linked by the new card before.
    """
    async with town(tmp_path, store) as here:
        early = await People(here.gateway).signed_in("new-subject")
        assert (await early.link("ito", "old-Canary-7", "/mine")).status == HTTPStatus.SEE_OTHER
        person = await People(here.gateway).signed_in("old-subject")
        assert (await person.link("goto", "old-Canary-9", "/mine")).status == HTTPStatus.SEE_OTHER
        assert "hello goto" in (await person.get("/mine")).text

        await here.command("subjects", "alias", "new-subject", "old-subject", "--reason", "a new card")
        assert here.gateway.process is not None
        here.gateway.process.send_signal(signal.SIGHUP)

        deadline = time.monotonic() + KNOWN_SECONDS + 60
        while (page := await person.get("/mine")).status == HTTPStatus.OK:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        assert (page.status, "hello" in page.text) == (HTTPStatus.FORBIDDEN, False), heading(page)
        assert 'name="password"' in page.text
        assert await here.accounts("old-subject") == ["goto", "ito"], "both are hers, and wait for their passwords"
        form = await person.ask("POST", "/note", {"note": "lost?"})
        assert (form.status, "choose to send it" in form.text) == (HTTPStatus.FORBIDDEN, True), form.text[:2_000]
        assert here.old.all("SELECT count(*) FROM notes") == [(0,)]

        assert (await person.link("goto", "wrong-Canary", "/mine")).status == HTTPStatus.OK
        assert (await person.link("goto", "old-Canary-9", "/mine")).status == HTTPStatus.SEE_OTHER
        assert "hello goto" in (await person.get("/mine")).text
        assert await here.accounts("old-subject") == ["goto", "ito"]

        later = await People(here.gateway).signed_in("old-subject")
        assert "hello goto" in (await later.get("/mine")).text
        assert "hello" not in (await early.get("/mine")).text, "a session from before opens nothing"
        assert (await later.link("ito", "old-Canary-7", "/mine")).status == HTTPStatus.SEE_OTHER
        assert "hello ito" in (await later.get("/mine")).text
        assert await here.accounts("new-subject") == []
        assert "account\tapp\tito" in await here.command("subjects", "show", CLIENT, "-", typed="new-subject\n")
