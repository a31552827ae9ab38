"""The other ways to an application with old accounts: over TLS, below a prefix, with Redis, by `Basic`, after a change.

One gateway with three Apps stands before the PHP program that nobody taught anything.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest
import pytest_asyncio

from gateway.accounts.accounts import Account, AccountStore, Evidence
from gateway.accounts.marks import marks_of
from gateway.demo.emulator import REALM
from gateway.login.jwcrypto_keys import load_keys, new_key
from gateway.process.account_stores import open_account_store
from gateway.redis_client import RedisOptions, close_redis, make_redis, parse_redis_url
from gateway.session.seal import Secrets
from gateway.settings.settings import AccountStoreSettings
from tests.builders import CLIENT
from tests.conftest import free_port
from tests.flows.gateway_process import HOST, PATIENCE, GatewayProcess
from tests.flows.test_accounts import POLICY, Old, People, Person, application
from tests.flows.test_real_methods import listens
from tests.flows.test_traces import Collector, collector
from tests.redis_server import redis_server, wait_until
from tests.upstream.certificates import certify

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

SECRET = f"basic-Canary-{secrets.token_hex(16)}"
FORM = """\
    application_cookies: [OLDSID]
    accounts:
      store: {store}
      key: {{file: accounts.key}}
      tell: form
      passwords: {passwords}
      recipe:
        page: {prefix}/login.php
        user: id
        password: pw
        success: {{status: 302, not_location: {prefix}/login.php}}
        ended: {prefix}/login.php
        alive: {prefix}/mine
        logout: {prefix}/logout.php
        closed: [{prefix}/login.php, {prefix}/password/**]
        account_cookie: OLDNAME
        locks_after: 5
"""
CHANGE = """\
        change: {page: /password/change, old: now, new: new, repeat: again}
      trial: {user: {file: trial.user}, password: {file: trial.password}}
"""
DEEP = """\
  - name: deep
    url: http://deep.localhost:{port}/old
    upstream: https://127.0.0.1:{tls}
    upstream_options: {{strip_prefix: true, ca: inner.test.pem, server_name: inner.test}}
    policy: deep.yaml
"""
BASIC = """\
  - name: basic
    url: http://basic.localhost:{port}
    upstream: http://127.0.0.1:{php}
    policy: basic.yaml
    accounts:
      store: {store}
      key: {{file: accounts.key}}
      tell: basic
      secret: {{file: basic.secret}}
"""
FRESH = POLICY.replace(
    "rules:\n",
    """\
rules:
  - name: fresh
    match: {path: /fresh}
    allow: signed_in
    signed_in_within: 30m
    disclose: [subject]
""",
)
FIT = ("--appendonly", "yes", "--maxmemory-policy", "noeviction")


@asynccontextmanager
async def over_tls(folder: Path, port: int) -> AsyncIterator[int]:
    """Pass every connection on to a port, and take it over TLS."""
    certificate, key = certify(folder, "inner.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))

    async with await asyncio.start_server(passed_on, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


@dataclass
class Town:
    """The gateway with its three Apps, their application, their provider, and the store of accounts."""

    gateway: GatewayProcess
    old: Old
    store: AccountStore
    keys: Secrets
    redis: str
    redis_folder: Path
    spans: Collector

    async def signed_in(self, subject: str, app: str) -> Person:
        """Return a browser with a session of this person."""
        return await People(self.gateway).signed_in(subject, app)

    async def present(self, person: Person, card: int) -> None:
        """Sign a person in with a card, at this browser, as the provider does."""
        begun = await person.get("/fresh")
        location = begun.headers["Location"]
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(cookie_jar=jar) as client:
            async with client.get(location) as page:
                action = re.search(r'action="([^"]+)"', await page.text())
                assert action is not None
            choice = {"response": "normal", "card": str(card)}
            async with client.post(urljoin(location, action[1]), data=choice, allow_redirects=False) as back:
                callback = urlsplit(back.headers["Location"])
        ended = await person.ask("GET", f"{callback.path}?{callback.query}", more={"Sec-Fetch-Site": "cross-site"})
        assert ended.status == 303, ended.text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Run all of it."""
    folder = tmp_path_factory.mktemp("ways")
    issuer = free_port()
    async with AsyncExitStack() as stack:
        old = stack.enter_context(application(tmp_path_factory.mktemp("untaught")))
        redis = stack.enter_context(redis_server(*FIT))
        tls = await stack.enter_async_context(over_tls(folder, old.port))
        spans, endpoint = await stack.enter_async_context(collector())
        gateway = GatewayProcess(folder, old.port, redis.url, 1, FRESH)
        (folder / "deep.yaml").write_text(
            POLICY.replace("policy: booking", "policy: deep").replace("/open", "/old/open")
        )
        (folder / "basic.yaml").write_text(
            "policy: basic\nrules:\n  - {name: all, allow: signed_in, accounts: required}\n"
        )
        (folder / "accounts.key").write_text(secrets.token_hex(32))
        (folder / "basic.secret").write_text(SECRET)
        (folder / "trial.user").write_text("abe\n")
        (folder / "trial.password").write_text("old-Canary-10\n")
        store = redis.url.rpartition("/")[0] + "/1"
        text = gateway.settings.read_text(encoding="utf-8")
        text = text.replace("http://localhost:1/api/realms/main", f"http://127.0.0.1:{issuer}{REALM}")
        apps = (
            FORM.format(store=store, passwords="changed", prefix="")
            + CHANGE
            + DEEP.format(port=gateway.port, tls=tls)
            + FORM.format(store=store, passwords="kept", prefix="/old")
            + BASIC.format(port=gateway.port, php=old.port, store=store)
        )
        new_key(folder / "audit.jwks", "ES256")
        (folder / "audit").mkdir()
        more = (
            f"traces: {{endpoint: '{endpoint}', ratio: 1}}\naudit: {{directory: audit, keys: {{file: audit.jwks}}}}\n"
        )
        gateway.settings.write_text(text.replace("access_log", f"{apps}{more}access_log", 1), encoding="utf-8")
        keys = folder / "public.jwks"
        keys.write_bytes(load_keys(folder / "keys.jwks").public_jwks())
        redirect = f"http://{HOST}:{gateway.port}/.sekisho/callback"
        command = [sys.executable, "-m", "tests.flows.crowd", str(issuer), str(keys), redirect]
        provider = await asyncio.to_thread(subprocess.Popen[bytes], command, stdout=subprocess.DEVNULL)
        links = Secrets.parse((folder / "accounts.key").read_text())
        kept = open_account_store(AccountStoreSettings(store), links, RedisOptions())
        try:
            await asyncio.to_thread(wait_until, lambda: listens(issuer), "the emulator's start", 120.0)
            await asyncio.to_thread(gateway.start)
            yield Town(gateway, old, kept, links, store, redis.directory, spans)
        finally:
            await asyncio.to_thread(gateway.stop)
            provider.terminate()
            await asyncio.to_thread(provider.wait, 30)
            await kept.close()


async def test_a_linked_account_gets_a_password_that_nobody_knows(town: Town) -> None:
    """The application's own form changes it, and a login shows that it counts; the card alone opens it later."""
    hanako = await town.signed_in("hanako", "app")

    linked = await hanako.link("sato", "old-Canary-6", "/mine")

    assert (linked.status, linked.headers.get("Location")) == (303, "/mine"), linked.text
    ((password,),) = town.old.all("SELECT pw FROM users WHERE id = 'sato'")
    assert re.fullmatch(r"[A-Za-z0-9]{20}", password), "as long as the form takes"
    assert "hello sato" in (await hanako.get("/mine")).text
    assert "hello sato" in (await (await town.signed_in("hanako", "app")).get("/mine")).text
    assert town.old.all("SELECT wrong FROM users WHERE id = 'sato'") == [(0,)]
    assert (await hanako.get("/password/change")).status == 403
    await asyncio.to_thread(town.gateway.wait_for_event, "account_password", "changed")


async def test_an_application_over_tls_below_a_prefix_is_signed_in_at(town: Town) -> None:
    """Its inner paths are public ones to people and recipe: login, end of a session, sign-out, and our own page."""
    person = await town.signed_in("ito", "deep")
    asked = await person.get("/old/mine")
    assert asked.status == 403

    linked = await person.link("ito", "old-Canary-7", "/old/mine")
    assert (linked.status, linked.headers.get("Location")) == (303, "/old/mine"), linked.text
    assert "hello ito" in (await person.get("/old/mine")).text
    town.old.end_sessions()
    page = await person.ask("POST", "/old/note", {"note": "deep"})
    assert "noted by ito: deep" in page.text
    town.old.end_sessions()
    # A body that cannot be sent twice goes to a session that is known to be alive.
    page = await person.ask("POST", "/old/note", {"note": "long" * 50_000})
    assert f"noted by ito: {'long' * 50_000}" in page.text
    for path in ("/old/login.php", "/old/password/change", "/old/%6cogin.php"):
        assert (await person.get(path)).status == 403, path

    with_password = (await town.store.passwords("deep", "ito")).current
    assert with_password is not None
    cookie = person.cookies["OLDSID"]
    assert (await person.ask("POST", "/.sekisho/logout", {})).status == 303
    assert not await known_there(town, cookie), "the application's session has ended"


async def test_a_password_that_the_application_takes_no_more_is_asked_for_again(town: Town) -> None:
    """Our page asks once more, under its own address also below a prefix, and the new password counts."""
    person = await town.signed_in("kato", "deep")
    await person.link("kato", "old-Canary-8", "/old/mine")
    assert "hello kato" in (await person.get("/old/mine")).text
    town.old.change("UPDATE users SET pw = 'new-Canary-8' WHERE id = 'kato'")
    town.old.end_sessions()

    sent_on = await person.get("/old/mine")

    assert (sent_on.status, urlsplit(sent_on.headers["Location"]).path) == (303, "/.sekisho/account")
    asked = (await person.get(sent_on.headers["Location"])).text
    assert "The password of your user ID" in asked
    assert 'value="kato"' in asked
    assert 'name="rd" value="/old/mine"' in asked
    lost = await person.ask("POST", "/old/note", {"note": "x"})
    assert "have not been sent yet" in (lost.text or (await person.get(lost.headers["Location"])).text)
    await person.link("kato", "new-Canary-8", "/old/mine")
    assert "hello kato" in (await person.get("/old/mine")).text


async def test_basic_tells_the_account_and_no_browser_does(town: Town) -> None:
    """The application reads one `Authorization` field, which is ours; a client's own is removed."""
    account = Account("basic", "yamada")
    await town.store.put(account)
    await town.store.link(account, marks_of(town.keys, "basic", CLIENT, "basil"), Evidence.IMPORT, time.time())
    person = await town.signed_in("basil", "basic")
    forged = base64.b64encode(b"admin:x").decode()

    page = await person.ask("GET", "/open", more={"Authorization": f"Basic {forged}"})

    told = re.search(r"basic Basic (\S+?)<", page.text)
    assert told is not None, page.text
    assert base64.b64decode(told[1]).decode() == f"yamada:{SECRET}"
    other = await town.signed_in("nobody-linked", "basic")
    refused = await other.ask("GET", "/open", more={"Authorization": f"Basic {forged}"})
    assert (refused.status, "yamada" in refused.text) == (403, False)


async def test_another_person_at_the_browser_ends_the_applications_session(town: Town) -> None:
    """The former person's cookie is worth nothing at the application itself, and the new person gets none of it."""
    person = await People(town.gateway).signed_in("former", ago=7_200)
    await person.link("goto", "old-Canary-9", "/mine")
    assert "hello goto" in (await person.get("/mine")).text
    cookie = person.cookies["OLDSID"]

    await town.present(person, 1_001)

    page = await person.get("/mine")
    assert (page.status, "goto" in page.text) == (403, False)
    assert person.cookies.get("OLDSID") != cookie
    assert not await known_there(town, cookie)


@pytest.mark.long
async def test_the_doctor_tries_the_recipe_with_an_account_that_is_nobodys(town: Town) -> None:
    """Each step is said in both languages; the account is signed in and out, and nothing of it is shown."""
    command = ["-m", "gateway", "doctor", "--json", "-c", str(town.gateway.settings)]
    for language, said in (
        ("en_US.UTF-8", "a wrong password is refused"),
        ("ja_JP.UTF-8", "誤ったパスワードは拒否されます"),
    ):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, *command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": language, "LANG": language, "PYTHONUTF8": "1"},
        )
        findings = [each for each in json.loads(done.stdout)["findings"] if each["check"] == "recipe"]
        assert [(each["subject"], each["level"]) for each in findings] == [("app", "pass")] * 5, findings
        assert findings[0]["said"] == said
        assert "Canary" not in done.stdout + done.stderr
    assert town.old.all("SELECT pw, wrong FROM users WHERE id = 'abe'") == [("old-Canary-10", 0)]


async def test_a_login_past_the_card_leads_nowhere(town: Town) -> None:
    """A form that no settings name signs somebody in as another account: its cookies reach no browser."""
    person = await town.signed_in("past", "deep")
    await person.link("yamada", "old-Canary-1", "/old/mine")
    assert "hello yamada" in (await person.get("/old/mine")).text
    before = dict(person.cookies)

    await person.ask("POST", "/old/extension/login", {"id": "suzuki"})

    assert person.cookies == before
    assert "hello yamada" in (await person.get("/old/mine")).text
    await asyncio.to_thread(town.gateway.wait_for_event, "account_login_failed", "another_account")


async def test_a_change_of_account_ends_the_session_of_the_former_one(town: Town) -> None:
    """Two accounts of one person: the application's session of the first has ended when she acts for the second."""
    person = await town.signed_in("double", "deep")
    await person.link("suzuki", "old-Canary-2", "/old/mine")
    assert "hello suzuki" in (await person.get("/old/mine")).text
    former = person.cookies["OLDSID"]
    await person.link("tennis", "old-Canary-3", "/old/mine")

    page = await person.get("/old/mine")

    assert "hello tennis" in page.text
    assert not await known_there(town, former)
    person.cookies["OLDSID"] = former
    assert "hello tennis" in (await person.get("/old/mine")).text


async def known_there(town: Town, cookie: str) -> bool:
    """Whether the application itself knows somebody with this cookie."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(
            f"http://127.0.0.1:{town.old.port}/mine", headers={"Cookie": f"OLDSID={cookie}"}, allow_redirects=False
        ) as answer,
    ):
        return answer.status != 302


async def test_no_password_is_anywhere_in_the_clear(town: Town) -> None:
    """No log, access line, metric, span, audit entry, store or file has the old password or the new one."""
    person = await town.signed_in("canary", "app")
    await person.link("kato", "wrong-Canary-guess", "/mine")
    await person.link("tanaka", "old-Canary-5", "/mine")
    said = [(await person.get("/mine")).text, (await person.ask("POST", "/.sekisho/logout", {})).text]
    made = [password for (password,) in town.old.all("SELECT pw FROM users")]
    async with asyncio.timeout(PATIENCE):
        while not town.spans.spans:
            await asyncio.sleep(0.05)
    said.append(town.gateway.ask_management("/metrics")[1])
    said.append(town.spans.raw.decode("latin-1"))
    files = [each for each in town.gateway.folder.rglob("*") if each.is_file() and each.name not in KNOWN_TO_US]
    files += [each for each in town.redis_folder.rglob("*") if each.is_file()]
    said += [each.read_bytes().decode("latin-1") for each in files]
    said += [text async for text in everything_in(town.redis)]

    names = {each.name for each in files}
    assert {"events.log", "access.log"} <= names
    assert any("audit" in str(each) for each in files)
    assert any(each.suffix == ".aof" for each in files)
    for text in said:
        assert "Canary" not in text
        assert not [password for password in made if password in text]


KNOWN_TO_US = frozenset({"trial.password", "basic.secret"})
"""Files in which the operator keeps what is looked for."""


async def everything_in(url: str) -> AsyncIterator[str]:
    """Yield every key of a Redis with its value, as it is kept."""
    redis = make_redis(parse_redis_url(url), RedisOptions())
    try:
        async for key in redis.scan_iter():
            yield repr(key)
            yield repr(await redis.dump(key))
    finally:
        await close_redis(redis)
