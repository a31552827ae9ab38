"""A dump of Redis that was taken before, restored under a gateway.

Nobody is signed in by it, and switches stay. Limits, links and forms go back, as `docs/backup.md` says.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import secrets
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
from typer.testing import CliRunner

from gateway.accounts.accounts import Account, AccountStore, Evidence
from gateway.accounts.marks import Marks, marks_of
from gateway.cli import app
from gateway.identity import AccountKind, Identity, Role, Scope
from gateway.login.jwcrypto_keys import load_keys
from gateway.policy.subject_code import subject_code
from gateway.process.account_stores import open_account_store
from gateway.redis_client import RedisOptions
from gateway.session.mark import LAG
from gateway.session.seal import Secrets
from gateway.settings.settings import AccountStoreSettings
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess, application
from tests.login.stand_in import StandIn
from tests.redis_server import RedisServer, redis_server, wait_until

pytestmark = pytest.mark.long

POLICY = """\
policy: p
rules:
  - {name: open, match: {path: /public/**}, allow: everyone}
  - {name: all, allow: signed_in, disclose: [subject]}
"""


@pytest.fixture(name="redis")
def redis_fixture() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


def seen(gateway: GatewayProcess, cookie: str) -> str | None:
    """Return the person as whom the application meets this browser; `None` if it meets nobody."""
    request = urllib.request.Request(f"http://127.0.0.1:{gateway.port}/page")
    for name, value in {"Host": f"{HOST}:{gateway.port}", "Cookie": cookie, "Accept": "application/json"}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            headers: dict[str, str] = json.loads(answer.read())["headers"]
            return next((value for name, value in headers.items() if name.lower() == "x-verified-subject"), None)
    except urllib.error.HTTPError as refused:
        refused.close()
        return None


def number(gateway: GatewayProcess) -> int:
    """Return the number that the node has counted up in Redis."""
    (file,) = gateway.folder.glob("session-mark-*")
    return int(file.read_text().split()[3])


async def test_nobody_is_signed_in_by_an_older_dump(tmp_path: Path, redis: RedisServer) -> None:
    """Neither the person whose session was ended since, nor anybody else, nor one person as another."""
    with application() as upstream:
        gateway = GatewayProcess(tmp_path, upstream, redis.url, policy=POLICY)
        gateway.start()
        try:
            people = {
                name: await gateway.sign_in(Identity(CLIENT, name, time.time(), frozenset({Scope.OPENID})))
                for name in ("hanako", "taro")
            }
            assert {name: seen(gateway, cookie) for name, cookie in people.items()} == {
                "hanako": "hanako",
                "taro": "taro",
            }
            with redis.client() as behind:
                behind.save()
            dump, before = (redis.directory / "dump.rdb").read_bytes(), number(gateway)
            wait_until(lambda: number(gateway) > before + LAG + 1, "an older dump", 60)
            turn = ["switch", "on", "kept", "--for", "1h", "--reason", "test", "--force", "-c", str(gateway.settings)]
            assert (await asyncio.to_thread(CliRunner().invoke, app, turn)).exit_code == 0
            gateway.wait_for_event("switches_adopted", "kept")
            assert gateway.process is not None
            gateway.process.terminate()
            assert gateway.next_notice() == "STOPPING=1"
            assert gateway.process.wait(60) == 0

            redis.kill()
            (redis.directory / "dump.rdb").write_bytes(dump)
            redis.start()
            wait_until(redis.answers, "an answer", 60)
            gateway.start()
            gateway.wait_for_event("session_store_went_back")
            wait_until(lambda: not any(seen(gateway, cookie) for cookie in people.values()), "the end of all", 60)

            assert 'sekisho_switch_on{switch="kept"} 1.0' in gateway.ask_management("/metrics")[1]
            again = await gateway.sign_in(Identity(CLIENT, "jiro", time.time(), frozenset({Scope.OPENID})))
            assert seen(gateway, again) == "jiro"
        finally:
            gateway.stop()


LASTING = ("--appendonly", "yes", "--maxmemory-policy", "noeviction")
"""The options of a store of limits or of accounts. One Redis holds all stores, as in `deploy/compose`."""

COUNTED = """\
policy: p
rules:
  - name: enter
    match: {path: /enter, method: POST}
    allow: signed_in
    limit: {name: draw, once: ever, counted_when: {status: 200}, if_over: {ja: すでに応募されています。}}
  - {name: form, match: {path: /form}, allow: signed_in, keep_form: true}
  - {name: all, allow: signed_in, accounts: required}
"""

TOLD = """\
    accounts:
      store: {store}
      key: {{file: accounts.key}}
      tell: header
      header: X-Old-User
access_log"""

NAVIGATION = {
    "Accept": "text/html",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Site": "same-origin",
}


@pytest.fixture(name="lasting")
def lasting_fixture() -> Iterator[RedisServer]:
    with redis_server(*LASTING) as server:
        yield server


def dump_of(redis: RedisServer) -> bytes:
    """Have Redis write a snapshot, and return it."""
    with redis.client() as behind:
        behind.save()
    return (redis.directory / "dump.rdb").read_bytes()


def restore(redis: RedisServer, dump: bytes) -> None:
    """Restore a dump into a Redis with an append-only file, step by step as `docs/backup.md` says."""
    redis.kill()
    shutil.move(redis.directory / "appendonlydir", tempfile.mkdtemp(dir=redis.directory))
    (redis.directory / "dump.rdb").write_bytes(dump)
    redis.arguments = (*LASTING, "--appendonly", "no")
    redis.start()
    with redis.client() as behind:
        assert behind.dbsize()
        behind.config_set("appendonly", "yes")
        wait_until(lambda: is_written_anew(behind.info("persistence")), "an append-only file", 60)
    redis.kill()
    redis.arguments = LASTING
    redis.start()


def is_written_anew(said: object) -> bool:
    """Whether INFO says that the append-only file is whole."""
    assert isinstance(said, dict)
    return bool(said["aof_enabled"]) and not said["aof_rewrite_in_progress"] and not said["aof_rewrite_scheduled"]


def test_redis_reads_no_dump_beside_an_append_only_file(lasting: RedisServer) -> None:
    """So the steps of the page move that file away, and turn it on again only once the dump is loaded."""
    with lasting.client() as behind:
        behind.set("of the dump", 1)
        dump = dump_of(lasting)
        behind.set("newer", 1)

    lasting.kill()
    (lasting.directory / "dump.rdb").write_bytes(dump)
    lasting.start()
    with lasting.client() as behind:
        assert sorted(behind.keys()) == [b"newer", b"of the dump"]

    restore(lasting, dump)
    with lasting.client() as behind:
        assert behind.keys() == [b"of the dump"]


class Person:
    """A browser: it keeps cookies, and follows nothing by itself."""

    def __init__(self, gateway: GatewayProcess, cookies: Mapping[str, str] | None = None) -> None:
        self.gateway = gateway
        self.cookies = dict(cookies or {})

    async def ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> tuple[int, str, str]:
        """Ask the gateway; return the status, `Location` and the text."""
        origin = f"http://{HOST}:{self.gateway.port}"
        sent = {**NAVIGATION, "Host": f"{HOST}:{self.gateway.port}", "Referer": f"{origin}/", "Accept-Language": "en"}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if form is not None:
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client,
            client.request(
                method,
                f"http://127.0.0.1:{self.gateway.port}{path}",
                data=None if form is None else urlencode(form),
                headers=sent,
                allow_redirects=False,
            ) as answer,
        ):
            for line in answer.headers.getall("Set-Cookie", []):
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def enters(self) -> int:
        """Use the limit; return the status."""
        return (await self.ask("POST", "/enter", {"a": "1"}))[0]

    async def account(self) -> str | None:
        """Return the account that the application is told; `None` where the person must link one first."""
        status, _, text = await self.ask("GET", "/page")
        if status == 403:
            return None
        assert status == 200, text
        headers: dict[str, str] = json.loads(text)["headers"]
        return next(value for name, value in headers.items() if name.lower() == "x-old-user")


async def signed_in(gateway: GatewayProcess, subject: str) -> Person:
    """Return the browser of a person who has just signed in."""
    identity = Identity(CLIENT, subject, time.time(), frozenset({Scope.OPENID}))
    name, _, value = (await gateway.sign_in(identity)).partition("=")
    return Person(gateway, {name: value})


def sekisho(gateway: GatewayProcess, *arguments: str) -> None:
    """Run a command on the node."""
    done = CliRunner().invoke(app, [*arguments, "-c", str(gateway.settings)], env={"LANG": "C"})
    assert done.exit_code == 0, done.output


def stop(gateway: GatewayProcess) -> None:
    """Stop the gateway, and keep its files."""
    assert gateway.process is not None
    gateway.process.terminate()
    assert gateway.next_notice() == "STOPPING=1"
    assert gateway.process.wait(60) == 0


async def go_back_to(gateway: GatewayProcess, redis: RedisServer, dump: bytes) -> None:
    """Restore a dump while the gateway stands still, and wait until it has noticed."""
    await asyncio.to_thread(stop, gateway)
    await asyncio.to_thread(restore, redis, dump)
    await asyncio.to_thread(gateway.start)
    await asyncio.to_thread(gateway.wait_for_event, "session_store_went_back")


class Office:
    """The store of accounts, as the counter of an office sees it."""

    def __init__(self, store: AccountStore, keys: Secrets, provider: StandIn) -> None:
        self.store = store
        self.keys = keys
        self.provider = provider

    def marks(self, subject: str) -> Marks:
        return marks_of(self.keys, "app", CLIENT, subject)

    async def link(self, subject: str, name: str) -> None:
        account = Account("app", name, AccountKind.PERSON, "")
        await self.store.put(account)
        await self.store.link(account, self.marks(subject), Evidence.IMPORT, time.time(), Role.MEMBER)

    async def unlink(self, subject: str, name: str) -> None:
        await self.store.unlink("app", name, self.marks(subject))


@asynccontextmanager
async def gateway_with_everything(folder: Path, redis: RedisServer) -> AsyncIterator[tuple[GatewayProcess, Office]]:
    """Run a gateway that keeps sessions, limits and links in one Redis."""
    with application() as upstream:
        more = f"limits: {{store: {redis.url}}}\n"
        gateway = GatewayProcess(folder, upstream, redis.url, policy=COUNTED, more=more)
        (folder / "accounts.key").write_text(secrets.token_hex(32))
        settings = gateway.settings.read_text().replace("access_log", TOLD.format(store=redis.url), 1)
        gateway.settings.write_text(settings)
        keys = Secrets.parse((folder / "accounts.key").read_text())
        store = open_account_store(AccountStoreSettings(redis.url), keys, RedisOptions())
        provider = StandIn(CLIENT, lambda: load_keys(folder / "keys.jwks").public_jwks())
        await provider.start()
        gateway.settings.write_text(settings.replace("http://localhost:1/api/realms/main", provider.issuer))
        try:
            await asyncio.to_thread(gateway.start)
            yield gateway, Office(store, keys, provider)
        finally:
            await asyncio.to_thread(gateway.stop)
            await store.close()
            await provider.stop()


async def test_entries_and_links_are_those_of_the_dump(tmp_path: Path, lasting: RedisServer) -> None:
    """An entry or a link since the dump is forgotten, and one that was given back or unlinked since is there again."""
    async with gateway_with_everything(tmp_path, lasting) as (gateway, office):
        names = ("before", "since", "given-back")
        people = {name: await signed_in(gateway, name) for name in names}
        assert [await people[name].enters() for name in ("before", "given-back")] == [200, 200]
        await office.link("before", "old-1")
        await office.link("given-back", "old-3")

        dump, then = await asyncio.to_thread(dump_of, lasting), number(gateway)

        assert await people["since"].enters() == 200
        code = subject_code(CLIENT, "given-back")
        await asyncio.to_thread(sekisho, gateway, "limits", "give-back", code, "1", "--reason", "test")
        await office.unlink("given-back", "old-3")
        await office.link("since", "old-2")
        assert [await people[name].account() for name in names] == ["old-1", "old-2", None]
        await asyncio.to_thread(wait_until, lambda: number(gateway) > then + LAG + 1, "an older dump", 60)

        await go_back_to(gateway, lasting, dump)
        people = {name: await signed_in(gateway, name) for name in names}

        assert [await people[name].account() for name in names] == ["old-1", None, "old-3"]
        assert [await people[name].enters() for name in names] == [403, 200, 403]


async def test_a_switch_that_was_turned_off_since_stays_off(tmp_path: Path, lasting: RedisServer) -> None:
    """While a node has its files. Without any, the switches are those of the dump."""
    async with gateway_with_everything(tmp_path, lasting) as (gateway, _):

        def is_on() -> bool:
            return 'sekisho_switch_on{switch="shut"} 1.0' in gateway.ask_management("/metrics")[1]

        turn = ("shut", "--reason", "test")
        await asyncio.to_thread(sekisho, gateway, "switch", "on", *turn, "--for", "1h", "--force")
        await asyncio.to_thread(wait_until, is_on, "the switch", 60)
        await asyncio.to_thread(wait_until, lambda: shared(lasting), "its record in Redis", 60)
        dump, then = await asyncio.to_thread(dump_of, lasting), number(gateway)
        await asyncio.to_thread(sekisho, gateway, "switch", "off", *turn)
        await asyncio.to_thread(wait_until, lambda: not is_on(), "its end", 60)
        await asyncio.to_thread(wait_until, lambda: number(gateway) > then + LAG + 1, "an older dump", 60)

        await go_back_to(gateway, lasting, dump)
        assert not is_on()

        await asyncio.to_thread(stop, gateway)
        await asyncio.to_thread(forget, tmp_path)
        await asyncio.to_thread(restore, lasting, dump)
        await asyncio.to_thread(gateway.start)
        await asyncio.to_thread(wait_until, is_on, "the switch of the dump", 60)


def forget(folder: Path) -> None:
    """Remove what the node knows of its fleet, as on a new machine."""
    for kept in [each for each in folder.iterdir() if "switches" in each.name or each.name.startswith("session-mark")]:
        kept.unlink()


def shared(redis: RedisServer) -> bool:
    """Whether Redis has the switches of the fleet."""
    with redis.client() as behind:
        return bool(behind.keys("sekisho:f:s:*"))


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of the first form of a page that has some."""
    form = next(part for part in page.split("<form ")[1:] if 'type="hidden"' in part).partition("</form>")[0]
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form)
    return {html.unescape(name): html.unescape(value) for name, value in found}


async def test_a_sign_in_of_the_dump_signs_nobody_in(tmp_path: Path, lasting: RedisServer) -> None:
    """Neither one that was used since, nor one that was not. A form that was sent since can be sent once more."""
    async with gateway_with_everything(tmp_path, lasting) as (gateway, office):
        provider = office.provider

        async def back(person: Person, location: str) -> tuple[int, str, str]:
            return await person.ask("GET", f"/.sekisho/callback?{provider.authorize(location).decode()}")

        async def send(person: Person, page: str) -> int:
            status, _, text = await person.ask("GET", page)
            assert status == 200, text
            return (await person.ask("POST", page, hidden(text)))[0]

        slow, used, form = (Person(gateway) for _ in range(3))
        _, to_slow, _ = await slow.ask("GET", "/form")
        _, to_used, _ = await used.ask("GET", "/form")
        _, _, asked = await form.ask("POST", "/form", {"a": "1"})
        status, to_form, text = await form.ask("POST", "/.sekisho/login", hidden(asked))
        assert status == 303, text
        assert all(to.startswith(provider.issuer) for to in (to_slow, to_used, to_form))
        dump, then = await asyncio.to_thread(dump_of, lasting), number(gateway)

        assert (await back(used, to_used))[:2] == (303, "/form")
        status, waits, text = await back(form, to_form)
        assert (status, waits.partition("?")[0]) == (303, "/.sekisho/form"), text
        assert await send(form, waits) == 307
        await asyncio.to_thread(wait_until, lambda: number(gateway) > then + LAG + 1, "an older dump", 60)
        await go_back_to(gateway, lasting, dump)

        for person, to in ((slow, to_slow), (used, to_used)):
            status, _, text = await back(person, to)
            assert (status, "The time is up" in text) == (400, True)
            status, again, _ = await person.ask("GET", "/form")
            assert (status, again.startswith(provider.issuer)) == (303, True)
        status, to_form, text = await form.ask("POST", "/.sekisho/login", {"rd": waits, "shown": ""})
        assert status == 303, text
        assert (await back(form, to_form))[:2] == (303, waits)
        assert await send(form, waits) == 307
