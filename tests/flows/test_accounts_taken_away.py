"""A person's link to an old account is taken away in the middle of her visit: the answer to each request of hers."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from html import unescape

import aiohttp
import pytest
import pytest_asyncio

from gateway.accounts.accounts import AccountStore
from gateway.accounts.asyncio_linking import KNOWN_SECONDS
from gateway.accounts.asyncio_watching import EVERY
from gateway.accounts.marks import marks_of
from gateway.process.account_stores import open_account_store
from gateway.redis_client import RedisOptions
from gateway.session.seal import Secrets
from gateway.settings.settings import AccountStoreSettings
from tests.builders import CLIENT
from tests.flows.gateway_process import GatewayProcess
from tests.flows.test_accounts import ACCOUNTS, POLICY, Old, Page, People, Person, application
from tests.redis_server import redis_server

pytestmark = [pytest.mark.timeout(300), pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]

SCRIPT = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Sec-Fetch-User": "", "Accept": "*/*"}
UPGRADE = {
    "Sec-Fetch-Mode": "websocket",
    "Sec-Fetch-Dest": "websocket",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
ASKED = (403, "Your previous user ID")
TOLD = (403, '"account_required"')
REQUESTS: Mapping[str, tuple[str, str, Mapping[str, str], tuple[int, str]]] = {
    "a page": ("GET", "/mine", {}, ASKED),
    "a form": ("POST", "/note", {}, (403, "choose to send it")),
    "a script": ("GET", "/mine", SCRIPT, TOLD),
    "a form of a script": ("POST", "/note", SCRIPT, TOLD),
    "a WebSocket": ("GET", "/ticks", UPGRADE, TOLD),
    "a stream that is opened again": ("GET", "/ticks", SCRIPT, TOLD),
    "a page for everybody": ("GET", "/open", {}, (200, "open to all, nobody")),
}
"""Of each kind of request: method, path, more fields, and the status and a word of the answer after the end."""


@dataclass
class Town:
    """A gateway of two workers before the PHP application, and the store of the counter."""

    gateway: GatewayProcess
    old: Old
    store: AccountStore
    keys: Secrets

    async def linked(self, subject: str, user: str, password: str) -> Person:
        """Return a browser whose person has proved an account, and is signed in at the application."""
        person = await People(self.gateway).signed_in(subject)
        assert (await person.link(user, password, "/mine")).status == 303
        assert f"hello {user}" in (await person.get("/mine")).text
        return person

    async def unlink(self, subject: str, user: str) -> None:
        """End a link as the counter does."""
        assert await self.store.unlink("app", user, marks_of(self.keys, "app", CLIENT, subject)) is not None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Run all of it."""
    folder = tmp_path_factory.mktemp("taken")
    (folder / "php").mkdir()
    with application(folder / "php", workers=6) as old, redis_server() as redis:
        found = GatewayProcess(folder, old.port, redis.url, 2, POLICY)
        (folder / "accounts.key").write_text(secrets.token_hex(32))
        accounts = ACCOUNTS.replace("store: memory", f"store: sqlite:{folder}/accounts.db")
        found.settings.write_text(found.settings.read_text().replace("access_log", accounts, 1))
        keys = Secrets.parse((folder / "accounts.key").read_text())
        store = open_account_store(AccountStoreSettings(f"sqlite:{folder}/accounts.db"), keys, RedisOptions())
        try:
            found.start()
            yield Town(found, old, store, keys)
        finally:
            found.stop()
            await store.close()


async def ends_own(person: Person) -> list[Page]:
    """End her link on わたしの情報, and press the same button of a second tab as well."""
    token = re.search(r'name="token" value="([^"]*)"', (await person.get("/.sekisho/me")).text)
    assert token is not None
    shown = await person.ask("POST", "/.sekisho/me", {"token": token[1]})
    link = re.search(r'href="(/\.sekisho/unlink\?[^"]*)"', shown.text)
    assert link is not None
    asked = await person.get(unescape(link[1]))
    form = dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', asked.text))
    return [await person.ask("POST", "/.sekisho/unlink", form) for _ in range(2)]


async def stream_cut_after(person: Person, ends: asyncio.Event) -> float:
    """Read a stream until it is cut, and return the seconds since the end of the link."""
    host = f"{person.host}:{person.port}"
    fields = {"Host": host, "Cookie": person.cookie_field, "Sec-Fetch-Site": "same-origin", **SCRIPT}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=50)) as client,
        client.get(f"http://127.0.0.1:{person.port}/ticks", headers=fields) as answer,
    ):
        assert await answer.content.readline()
        ends.set()
        began = time.monotonic()
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.content.read()
        return time.monotonic() - began


@pytest.mark.parametrize("by", ["the counter", "herself"])
async def test_each_request_after_the_end_has_its_answer(town: Town, by: str) -> None:
    """The open stream is cut; pages ask for the account, scripts read why, and a form is told how to be sent again."""
    subject, user, password = {
        "the counter": ("taken-1", "sato", "old-Canary-6"),
        "herself": ("taken-2", "ito", "old-Canary-7"),
    }[by]
    person = await town.linked(subject, user, password)
    opened = asyncio.Event()
    stream = asyncio.create_task(stream_cut_after(Person(person.port, dict(person.cookies)), opened))
    await asyncio.wait_for(opened.wait(), 60)

    if by == "herself":
        first, second = await ends_own(person)
        assert "The link has ended" in first.text
        # The other tab's button has nothing left to end, and says so instead of failing.
        assert (second.status, "This user ID is no longer linked." in second.text) == (200, True)
    else:
        await town.unlink(subject, user)

    # Two looks: a busy machine may begin one late.
    assert await stream < 2 * EVERY + 10
    if by == "the counter":
        # Workers know a link for so long, and nothing tells when they have forgotten it.
        deadline = time.monotonic() + KNOWN_SECONDS + 30
        while (await person.get("/mine")).status != 403:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        await asyncio.sleep(KNOWN_SECONDS)
    for name, (method, path, more, (status, word)) in REQUESTS.items():
        page = await person.ask(method, path, {"note": "lost?"} if method == "POST" else None, more=more)
        assert (page.status, word in page.text) == (status, True), (name, page.status, page.text[:2_000])
    assert town.old.all("SELECT count(*) FROM notes WHERE note = 'lost?'") == [(0,)]

    # The page of the form is reloaded after an answer in the other tab: the browser sends the form again.
    assert (await person.link(user, password, "")).status == 303
    again = await person.ask("POST", "/note", {"note": f"kept of {by}"})
    assert f"noted by {user}: kept of {by}" in again.text
