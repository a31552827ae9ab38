"""Old applications that answer in their own ways: each proves an account by its login, and by nothing else.

One server has them all, each under a host of its own, behind a whole gateway of two workers on real sockets.
"""

from __future__ import annotations

import asyncio
import gzip
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import pytest
import pytest_asyncio

from gateway.wire.eucjp_ms import NAME as EUCJP_MS
from tests.flows.gateway_process import GatewayProcess
from tests.flows.test_accounts import POLICY, People, Person
from tests.redis_server import redis_server

pytestmark = [pytest.mark.timeout(300), pytest.mark.long, pytest.mark.asyncio(loop_scope="module")]

FORM = (
    "<p>ログインしてください</p>"
    '<form method="post"><input type="hidden" name="m" value="1"><input name="id"><input name="pw"></form>'
)
LONG = "長い " + "p" * 190 + " ①髙"
"""A password with blanks, of 200 signs, two of which no standard charset but Windows' has."""


@dataclass
class Asked:
    """One request."""

    method: str
    target: str
    cookies: list[tuple[str, str]]
    body: bytes
    codec: str

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("ascii"), keep_blank_values=True, encoding=self.codec, errors="strict"))

    @property
    def path(self) -> str:
        return self.target.partition("?")[0].partition(";")[0]


def answer(status: int, body: bytes = b"", *fields: str) -> bytes:
    """Return an answer with a length."""
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", *fields, "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


@dataclass
class Wild:
    """An application; each of its ways stands in the place of one of these."""

    name: str = "plain"
    user: str = "yamada"
    password: str = "old-Canary-1"
    recipe: str = "success: {status: 302, not_location: /login}"
    ended: str = "/login"
    codec: str = "utf-8"
    kind: str = "text/html; charset=utf-8"
    failing: bool = False
    sessions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    logins: int = 0

    def session(self, asked: Asked) -> str | None:
        return next((self.sessions[value] for name, value in asked.cookies if value in self.sessions), None)

    def new(self) -> str:
        self.logins += 1
        value = f"s{self.logins}-{secrets.token_hex(4)}"
        self.sessions[value] = self.user
        return value

    def page(self, text: str, *fields: str, status: int = 200) -> bytes:
        return answer(status, text.encode(self.codec), f"Content-Type: {self.kind}", *fields)

    def respond(self, asked: Asked) -> bytes:
        if asked.path == "/login" and asked.method == "GET":
            return self.login_page()
        if asked.path == "/login":
            if self.failing:
                return self.page("no database", status=500)
            good = asked.form.get("id") == self.user and asked.form.get("pw") == self.password and "m" in asked.form
            return self.good(self.new()) if good else self.wrong()
        if asked.path == "/logout":
            for _, value in asked.cookies:
                self.sessions.pop(value, None)
            return answer(302, b"", "Location: /login")
        person = self.session(asked)
        if person is None:
            return self.over()
        if asked.method == "POST":
            self.notes.append(asked.form["note"])
        return self.page(f"hello {person}")

    def login_page(self) -> bytes:
        return self.page(FORM, "Set-Cookie: PRE=1; Path=/")

    def good(self, value: str) -> bytes:
        return answer(302, b"", f"Set-Cookie: OLDSID={value}; Path=/; HttpOnly", "Location: /")

    def wrong(self) -> bytes:
        return self.page("パスワードが違います")

    def over(self) -> bytes:
        return answer(302, b"", "Location: /login?from=x")


class Inline(Wild):
    """Shows its login form in the place of each page, with 200."""

    def over(self) -> bytes:
        return self.login_page()


class Meta(Wild):
    """Packs its pages, and leads to its login by a tag of the page."""

    def page(self, text: str, *fields: str, status: int = 200) -> bytes:
        return answer(
            status, gzip.compress(text.encode()), "Content-Type: text/html", "Content-Encoding: gzip", *fields
        )

    def over(self) -> bytes:
        return self.page('<meta http-equiv="refresh" content="0;url=/login">')


class Early(Wild):
    """Interim answers before the real one, chunks and trailers."""

    def good(self, value: str) -> bytes:
        return (
            b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nSet-Cookie: OLDSID=early; Path=/\r\n\r\n"
            b"HTTP/1.1 302 Found\r\nTransfer-Encoding: chunked\r\nLocation: /\r\nTrailer: X-T\r\n"
            b"Set-Cookie: OLDSID=" + value.encode() + b"; Path=/\r\nConnection: close\r\n\r\n"
            b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
        )

    def wrong(self) -> bytes:
        return (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLocation: /\r\nSet-Cookie: OLDSID=no\r\n\r\n"
            + super().wrong()
        )


class Packed(Wild):
    """Packs its pages although nobody asked, and its page of errors states no charset."""

    def page(self, text: str, *fields: str, status: int = 200) -> bytes:
        return answer(status, gzip.compress(text.encode("cp932")), "Content-Encoding: gzip", *fields)

    def good(self, value: str) -> bytes:
        return self.page("ようこそ", f"Set-Cookie: OLDSID={value}; Path=/")


class Java(Wild):
    """Writes its session into the address of each redirect."""

    def good(self, value: str) -> bytes:
        return answer(
            302, b"", f"Set-Cookie: JSESSIONID={value}; Path=/; HttpOnly", f"Location: /menu;jsessionid={value}"
        )

    def wrong(self) -> bytes:
        return answer(302, b"", "Location: /Login;jsessionid=0A1B?error=1")

    def over(self) -> bytes:
        return answer(302, b"", "Location: http://10.0.0.5:8080/login;jsessionid=77?to=%2F")


class Expiring(Wild):
    """Takes a cookie away when a login fails, as PHP does."""

    def good(self, value: str) -> bytes:
        gone = "Set-Cookie: OLDSID=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/"
        return self.page("in", gone, f"Set-Cookie: OLDSID={value}; path=/")

    def wrong(self) -> bytes:
        return self.page("no", "Set-Cookie: OLDSID=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0; path=/")


class Crumbs(Wild):
    """Sets fifty cookies with odd attributes, under another name at each login, and wants all of them back."""

    ODD = ('Q="a b,c"', "EMPTY=", "FLAG=1; Secure; SameSite=None", "D=1; Domain=.localhost; Path=/", "L=" + "x" * 4_000)

    def good(self, value: str) -> bytes:
        odd = [f"Set-Cookie: {each}; Path=/" if "Path" not in each else f"Set-Cookie: {each}" for each in self.ODD]
        many = [
            f"Set-Cookie: C{number}={number}; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT" for number in range(50)
        ]
        return answer(302, b"", *odd, *many, f"Set-Cookie: SID{self.logins}={value}; Path=/", "Location: /")

    def session(self, asked: Asked) -> str | None:
        names = {name for name, _ in asked.cookies}
        wanted = {"Q", "FLAG", "L", *(f"C{number}" for number in range(50))}
        return super().session(asked) if wanted <= names else None


class Rolling(Wild):
    """Gives its session another cookie with each answer."""

    def respond(self, asked: Asked) -> bytes:
        person = self.session(asked)
        given = super().respond(asked)
        if person is None or asked.path == "/logout":
            return given
        for _, value in asked.cookies:
            self.sessions.pop(value, None)
        value = secrets.token_hex(8)
        self.sessions[value] = person
        return given.replace(b"\r\n", f"\r\nSet-Cookie: OLDSID={value}; Path=/\r\n".encode(), 1)


WAYS: tuple[Wild, ...] = (
    Wild(),
    Early("early"),
    Inline("inline", codec="cp932", kind="text/html", ended="{text_present: ログインしてください}"),
    Meta("meta", ended="{text_present: 'url=/login'}"),
    Packed("packed", recipe="success: {text_absent: パスワードが違います}"),
    Java("java"),
    Expiring("expiring", recipe="success: {cookie: OLDSID}"),
    Crumbs("crumbs"),
    Rolling("rolling"),
    Wild("euc", "山田太郎", LONG, codec=EUCJP_MS, kind="text/html; charset=EUC-JP"),
    Wild("sjis", "ｶﾅ利用者", LONG, codec="cp932", kind="text/html"),
    Wild("digits", "１２３４", " blanks at both ends "),
)
FAILING: tuple[Wild, ...] = (Wild("plain-failing"), Java("java-failing"))
BY_NAME = {each.name: each for each in (*WAYS, *FAILING)}
APP = """\
  - name: {name}
    url: http://{name}.localhost:{port}
    upstream: http://127.0.0.1:{upstream}
    policy: policy.yaml
    application_cookies: [OLDSID, JSESSIONID]
    accounts:
      store: sqlite:{folder}/accounts.db
      key: {{file: accounts.key}}
      tell: form
      passwords: kept
      recipe:
        page: /login
        user: id
        password: pw
        {recipe}
        ended: {ended}
        logout: /logout
        closed: [/login]
        locks_after: 20
"""


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        wild = BY_NAME[fields["host"].partition(".")[0]]
        body = await reader.readexactly(int(fields.get("content-length", 0)))
        cookies = [tuple(each.partition("=")[::2]) for each in fields.get("cookie", "").split("; ") if each]
        method, target, _ = first.split(" ")
        writer.write(wild.respond(Asked(method, target, cookies, body, wild.codec)))  # type: ignore[arg-type]
        await writer.drain()
    finally:
        writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    """Run all of them behind two workers."""
    folder = tmp_path_factory.mktemp("wild")
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    upstream = server.sockets[0].getsockname()[1]
    with redis_server() as redis:
        found = GatewayProcess(folder, upstream, redis.url, 2, POLICY)
        (folder / "accounts.key").write_text(secrets.token_hex(32))
        apps = "".join(
            APP.format(
                name=each.name, port=found.port, upstream=upstream, folder=folder, recipe=each.recipe, ended=each.ended
            )
            for each in BY_NAME.values()
        )
        settings = found.settings.read_text()
        begin, end = settings.index("  - name: app"), settings.index("access_log")
        found.settings.write_text(settings[:begin] + apps + settings[end:])
        try:
            await asyncio.to_thread(found.start)
            yield found
        finally:
            await asyncio.to_thread(found.stop)
            server.close()


async def person_of(gateway: GatewayProcess, wild: Wild, subject: str) -> Person:
    return await People(gateway).signed_in(f"{wild.name}-{subject}", wild.name)


@pytest.mark.parametrize("name", [each.name for each in WAYS])
async def test_each_old_application_proves_an_account_by_its_login_alone(gateway: GatewayProcess, name: str) -> None:
    """A wrong password proves nothing; a good one does, the session goes on, and a form outlives its end."""
    wild = BY_NAME[name]
    person = await person_of(gateway, wild, "anna")

    wrong = await person.link(wild.user, "guess")
    assert (wrong.status, "could not be confirmed" in wrong.text) == (200, True), wrong.text
    assert wild.logins == 0

    assert (await person.link(wild.user, wild.password, "/mine")).status == 303
    for _ in range(3):
        page = await person.get("/mine")
        assert (page.status, page.text[:6]) == (200, "hello ")
    assert wild.logins == 2, "one proved the account, one is the session"

    wild.sessions.clear()
    assert (await person.ask("POST", "/note", {"note": "kept"})).status == 200
    assert wild.notes == ["kept"]
    assert wild.logins == 3


@pytest.mark.parametrize("name", [each.name for each in FAILING])
async def test_an_application_without_its_database_takes_no_account_from_anybody(
    gateway: GatewayProcess, name: str
) -> None:
    """It shows its login page and fails over the form. Later the card is enough, as before."""
    wild = BY_NAME[name]
    person = await person_of(gateway, wild, "anna")
    assert (await person.link(wild.user, wild.password, "/mine")).status == 303
    assert (await person.get("/mine")).status == 200
    wild.sessions.clear()
    wild.failing = True
    try:
        for _ in range(2):
            assert (await person.get("/mine")).status == 502
    finally:
        wild.failing = False

    page = await person.get("/mine")
    assert (page.status, f"hello {wild.user}" in page.text) == (200, True)
