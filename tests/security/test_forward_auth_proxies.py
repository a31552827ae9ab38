"""Forward-auth behind real proxies, each with the very configuration in `deploy/`: names, ports and files replaced."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import free_port, program
from tests.security.fixture import APP, SESSION_COOKIE, Fixture, Prepared, started
from tests.security.provider import ISSUER
from tests.security.upstream import Received
from tests.security.wire import Connection, Response, exchange, head

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long, pytest.mark.timeout(120)]

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "forward-auth"
NAME = "yoyaku.city.example.lg.jp"
PROXIES = ("nginx", "traefik", "caddy", "envoy", "haproxy")


@dataclass
class Proxy:
    """One outer proxy, running."""

    name: str
    port: int
    fixture: Fixture

    async def ask(
        self,
        target: str,
        *headers: tuple[str, str],
        session: Prepared | None = None,
        method: str = "GET",
        raw: bool = False,
    ) -> Response | None:
        """Send one request over TLS; `None` where the proxy hung up."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=APP)
        connection = Connection(reader, writer)
        try:
            fields = [(b"Host", APP.encode()), *((name.encode(), value.encode()) for name, value in headers)]
            if session is not None:
                fields.append((b"Cookie", f"appsid=1; {SESSION_COOKIE}={session.ticket}; theme=a".encode()))
            if method == "POST":
                fields.append((b"Content-Length", b"0"))
            result = await exchange(connection, head(method, target.encode(), fields), [method], whole=15)
        finally:
            connection.writer.transport.abort()
        return result.response

    def received(self) -> list[Received]:
        """The requests that the application has received since the last call, without the gateway's own."""
        found = list(self.fixture.upstream.received)
        self.fixture.upstream.received.clear()
        return found


PAGE = (("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))


def adapted(text: str, fixture: Fixture, port: int, folder: Path) -> str:
    """Put this machine's names, ports and files where the sample says to change them."""
    pem = fixture.directory / "idp.pem"
    text = text.replace(NAME, APP).replace("/etc/traefik", str(folder)).replace("/etc/haproxy", str(folder))
    text = re.sub(r"/etc/ssl/sekisho/(fullchain|privkey|haproxy)\.pem", str(pem), text)
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{fixture.forward.port}")
    text = text.replace("127.0.0.1:8081", f"127.0.0.1:{fixture.upstream_ports['app']}")
    text = text.replace("port_value: 8080", f"port_value: {fixture.forward.port}")
    text = text.replace("port_value: 8081", f"port_value: {fixture.upstream_ports['app']}")
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace(f"{APP}:443", f"{APP}:{port}")
    text = text.replace("bind 0.0.0.0:443", f"bind 127.0.0.1:{port}")
    text = text.replace("address: 0.0.0.0, port_value: 443", f"address: 127.0.0.1, port_value: {port}")
    return text.replace('address: ":443"', f'address: "127.0.0.1:{port}"')


def command(name: str, fixture: Fixture, port: int, folder: Path) -> list[str]:
    """Write the configuration and return what starts the proxy."""

    def write(sample: str) -> Path:
        path = folder / Path(sample).name
        path.write_text(adapted((DEPLOY / sample).read_text(encoding="utf-8"), fixture, port, folder), encoding="utf-8")
        return path

    match name:
        case "nginx":
            whole = folder / "whole.conf"
            server = write("nginx.conf")
            whole.write_text(
                f"daemon off; master_process off; pid {folder}/pid; error_log stderr warn;\n"
                "events { worker_connections 64; }\n"
                f"http {{ client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;\n"
                f"uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; include {server}; }}\n",
            )
            return [program("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(whole)]
        case "traefik":
            write("traefik/sekisho.yml")
            return [program("traefik"), f"--configFile={write('traefik/traefik.yml')}"]
        case "caddy":
            return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(write("Caddyfile"))]
        case "haproxy":
            write("haproxy/sekisho.lua")
            return [program("haproxy"), "-db", "-f", str(write("haproxy/haproxy.cfg"))]
        case _:
            return [
                program("envoy"),
                "-c",
                str(write("envoy.yaml")),
                "--concurrency",
                "1",
                "--use-dynamic-base-id",
                "-l",
                "error",
            ]


@asynccontextmanager
async def running(name: str, fixture: Fixture, folder: Path) -> AsyncIterator[Proxy]:
    port = free_port()
    log = (folder / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *command(name, fixture, port, folder),
        stdout=log,
        stderr=log,
        env={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "PATH": "/usr/bin"},
    )
    proxy = Proxy(name, port, fixture)
    try:
        for _ in range(150):
            if process.returncode is not None:
                break
            try:
                answer = await proxy.ask("/public/echo")
            except OSError:
                answer = None
            if answer is not None and answer.status == 200:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError(f"{name} did not start: {(folder / 'log').read_text()[-2000:]}")
        assert process.returncode is None, (folder / "log").read_text()[-2000:]
        proxy.received()
        yield proxy
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                process.kill()
                await process.wait()
        log.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fixture() -> AsyncIterator[Fixture]:
    async with started() as everything:
        yield everything


@pytest.fixture(autouse=True)
def _nothing_received_yet(fixture: Fixture) -> None:
    """Forget the requests of the tests before: they run in any order."""
    fixture.upstream.received.clear()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PROXIES)
async def proxy(
    request: pytest.FixtureRequest, fixture: Fixture, minor: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Proxy]:
    async with running(request.param, fixture, tmp_path_factory.mktemp(request.param)) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def minor(fixture: Fixture) -> Prepared:
    return await fixture.sign_in("minor", fixture.person("minor"))


async def test_a_page_sends_a_stranger_to_sign_in(proxy: Proxy) -> None:
    """Signed out, navigating: to our own sign-in, with the way back; the application hears nothing."""
    answer = await proxy.ask("/app/page?a=1", *PAGE)

    assert answer is not None
    assert answer.status == 303
    assert answer.one("location") == f"https://{APP}/.sekisho/login?rd=%2Fapp%2Fpage%3Fa%3D1"
    assert proxy.received() == []


async def test_a_script_gets_401(proxy: Proxy) -> None:
    """Signed out, in the background: no redirect."""
    answer = await proxy.ask(
        "/app/api", ("Accept", "application/json"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")
    )

    assert answer is not None
    assert answer.status == 401
    assert answer.one("location") is None
    assert proxy.received() == []


async def test_our_own_pages_are_reached(proxy: Proxy) -> None:
    """The sign-in page is not asked about, and leads to the provider; the check's endpoint is nobody's page."""
    answer = await proxy.ask("/.sekisho/login?rd=%2Fapp%2Fpage", *PAGE)
    endpoint = await proxy.ask(f"/.sekisho/auth/{proxy.name}", *PAGE)

    assert answer is not None
    assert answer.status == 303
    assert (answer.one("location") or "").startswith(f"{ISSUER}/authorize?")
    assert endpoint is None or endpoint.status in (403, 404) or (endpoint.one("location") or "").find("authorize") < 0
    assert proxy.received() == []


async def test_the_application_is_told_who_is_signed_in(proxy: Proxy, minor: Prepared) -> None:
    """Signed in: the facts of the rule, by our word alone, with cookies and client as an application needs them."""
    answer = await proxy.ask("/app/echo?a=1", *PAGE, session=minor)

    assert answer is not None
    assert answer.status == 200
    (request,) = proxy.received()
    assert request.target == "/app/echo?a=1"
    assert request.values("X-Verified-Subject") == [b"sub-minor"]
    assert request.values("X-Verified-Name") == [b"%E4%BD%90%E8%97%A4%E3%80%80%E6%AC%A1%E9%83%8E"]
    assert len(request.values("X-Verified-Assertion")[0].split(b".")) == 3
    assert request.values("cookie") == [b"appsid=1; theme=a"]
    assert request.folded("Sekisho-Cache") == []


async def test_who_is_denied_stays_outside(proxy: Proxy, minor: Prepared) -> None:
    """Signed in and refused by the policy: 403, and the application hears nothing."""
    answer = await proxy.ask("/adult/page", *PAGE, session=minor)

    assert answer is not None
    assert answer.status == 403
    assert proxy.received() == []


@pytest.mark.parametrize(
    "name",
    [
        "X-Verified-Subject",
        "x-verified-SUBJECT",
        "X-Verified-Assertion",
        # Conditions, of which no sample has a line.
        "X-Verified-Adult",
        "X-Verified-Grown-Up",
        "Sekisho-Cache",
        # Of other gateways, TLS terminators and servers.
        "Remote-User",
        "X-User-Id",
        "X-SSL-Client-DN",
    ],
)
async def test_a_client_speaks_in_nobodys_name(proxy: Proxy, minor: Prepared, name: str) -> None:
    """Reproduced before: a minor's `X-Verified-Adult: yes` reached the application. No honest client sends one."""
    answers = [
        await proxy.ask("/app/echo", (name, "yes"), session=minor),
        await proxy.ask("/public/echo", (name, "yes")),
    ]

    assert [answer.status for answer in answers if answer is not None] == [403, 403]
    assert proxy.received() == []


async def test_the_client_names_no_header_of_ours_away(proxy: Proxy, minor: Prepared) -> None:
    """Reproduced before, with Caddy: the application saw a signed-in person as nobody."""
    named = "X-Verified-Subject, X-Verified-Name, X-Verified-Assertion"
    for fields in ((("Connection", named),), (("Connection", "close"), ("Connection", named))):
        answer = await proxy.ask("/app/echo", *fields, session=minor)

        received = proxy.received()
        assert answer is not None
        assert answer.status == (200 if received else 400)
        for request in received:
            assert request.values("X-Verified-Subject") == [b"sub-minor"]
            assert request.values("X-Verified-Assertion") != []


@pytest.mark.parametrize(
    "cookies",
    [
        "{ours}",
        "x__Host-sekisho=1; {ours}",
        "a=1; {ours}; {ours}-login=2; b=2",
        "a=1,{ours}",
        "{ours}; x__Host-sekisho=1; __Host-sekisho-login=2",
    ],
)
async def test_the_application_never_sees_a_ticket(proxy: Proxy, minor: Prepared, cookies: str) -> None:
    """Reproduced before, with nginx: a cookie whose name ends as ours begins led the pattern astray."""
    ours = f"{SESSION_COOKIE}={minor.ticket}"

    await proxy.ask("/app/echo", ("Cookie", cookies.format(ours=ours)))
    await proxy.ask("/public/echo", ("Cookie", cookies.format(ours=ours)))

    for request in proxy.received():
        assert minor.ticket.encode() not in request.head
        assert b"__Host-sekisho-login" not in request.head


async def test_the_application_neither_sets_nor_clears_our_cookies(proxy: Proxy, minor: Prepared) -> None:
    """Nothing of its answer changes our cookies in a browser; Traefik can only keep `Clear-Site-Data` from it."""
    proxy.fixture.upstream.answers = {
        "headers": [
            ("Set-Cookie", "appsid=2; Path=/"),
            ("Set-Cookie", "theme=sekisho; Path=/; Secure"),
            ("Set-Cookie", "sekisho2009=old; Path=/; Secure"),
            ("Set-Cookie", f"{SESSION_COOKIE}=fixed; Path=/; Secure; HttpOnly"),
            ("Set-Cookie", f"{SESSION_COOKIE}=; Max-Age=0; Path=/; Secure"),
            ("Clear-Site-Data", '"cookies"'),
        ]
    }
    try:
        answer = await proxy.ask("/app/echo", *PAGE, session=minor)
    finally:
        proxy.fixture.upstream.answers = {}

    assert answer is not None
    assert answer.status == 200
    assert answer.one("clear-site-data") is None
    for own in ("appsid=2; Path=/", "theme=sekisho; Path=/; Secure", "sekisho2009=old; Path=/; Secure"):
        assert own in answer.all("set-cookie")
    ours = [cookie for cookie in answer.all("set-cookie") if SESSION_COOKIE in cookie]
    # RFC 6265bis section 5.7: a browser takes no `__Host-` cookie without `Secure`.
    taken = [cookie for cookie in ours if "secure" in cookie.lower()]
    assert bool(taken) is (proxy.name == "traefik")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("public, max-age=600, s-maxage=600", "private, max-age=600"),
        ("no-store", "private, no-store"),
        ("no-cache, s-maxage=10", "private, no-cache"),
        (None, "private"),
    ],
)
async def test_no_shared_cache_keeps_a_page_of_somebody(
    proxy: Proxy, minor: Prepared, said: str | None, kept: str
) -> None:
    """Signed in, an answer is the browser's alone; what everybody may have stays as the application said."""
    proxy.fixture.upstream.answers = {"headers": [] if said is None else [("Cache-Control", said)]}
    try:
        answer = await proxy.ask("/app/echo", session=minor)
        everybodys = await proxy.ask("/plain/echo")
    finally:
        proxy.fixture.upstream.answers = {}

    assert answer is not None
    assert everybodys is not None
    directives = {part.strip() for value in answer.all("cache-control") for part in value.split(",") if part.strip()}
    if proxy.name == "traefik":
        assert answer.one("cache-control") == said
    else:
        assert directives == {part.strip() for part in kept.split(",")}
    assert everybodys.status == 200
    assert everybodys.one("cache-control") == said


@pytest.mark.parametrize("name", ["X_Verified_Subject", "x-verified_subject", "X_VERIFIED-NAME"])
async def test_no_alias_of_our_headers_gets_through(proxy: Proxy, minor: Prepared, name: str) -> None:
    """Dropped or refused: a server that folds `_` onto `-` must never see one."""
    await proxy.ask("/app/echo", (name, "attacker"), session=minor)

    assert not any(b"attacker" in value for request in proxy.received() for _, value in request.headers)


@pytest.mark.parametrize(
    "field",
    [
        ("X-Forwarded-Uri", "/public/echo"),
        ("X-Original-URI", "/public/echo"),
        ("X-Original-URL", "/public/echo"),
        ("X-Forwarded-Method", "OPTIONS"),
        ("X-Forwarded-Host", "other.gw.test"),
        ("X-Forwarded-Prefix", "/public"),
        ("X-Rewrite-URL", "/public/echo"),
        ("X-Envoy-Original-Path", "/public/echo"),
        ("X-Script-Name", "/public"),
        ("X-Http-Path-Override", "/public/echo"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Real-IP", "192.0.2.1"),
        ("X-Custom-IP-Authorization", "127.0.0.1"),
        ("Forwarded", "for=192.0.2.1;host=other.gw.test"),
    ],
)
async def test_a_client_cannot_say_what_it_asks_for(proxy: Proxy, minor: Prepared, field: tuple[str, str]) -> None:
    """The gateway decides on the proxy's target: a client's claim about its target opens nothing, and misleads nobody.

    The application gets the proxy's value for a field that the proxy itself overwrites.
    """
    answer = await proxy.ask("/admin/secret", field, *PAGE)
    assert answer is not None
    assert answer.status in (303, 401, 403, 400)
    assert b"PROTECTED" not in answer.body
    assert proxy.received() == []

    await proxy.ask("/app/echo", field, session=minor)

    name, value = field
    assert not any(value.encode() in request.values(name) for request in proxy.received())


@pytest.mark.parametrize(
    "target",
    [
        "/public/../admin/secret",
        "/public/%2e%2e/admin/secret",
        "/public/..%2fadmin/secret",
        "//admin/secret",
        "/admin//secret",
        "/public/..;/admin/secret",
        "/public/%252e%252e/admin/secret",
        "/.sekisho/../admin/secret",
        "/.sekisho/%2e%2e/admin/secret",
    ],
)
async def test_an_odd_target_opens_nothing(proxy: Proxy, target: str) -> None:
    """No reading of a spelling by proxy or application gives a page that the plain spelling's rule refuses."""
    answer = await proxy.ask(target, *PAGE)

    assert answer is None or b"PROTECTED" not in answer.body
    assert not any(request.target.endswith("secret") for request in proxy.received())


async def test_post_needs_a_sign_in_and_is_not_redirected(proxy: Proxy) -> None:
    """A form that was not sent is never silently turned into a GET."""
    answer = await proxy.ask("/app/form", *PAGE, ("Content-Type", "application/x-www-form-urlencoded"), method="POST")

    assert answer is not None
    assert answer.status == 401
    assert answer.one("location") is None
    assert proxy.received() == []


async def test_websockets_of_another_origin_are_refused(proxy: Proxy, minor: Prepared) -> None:
    """A page of another site opens no socket with this person's cookie."""
    upgrade = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )

    answer = await proxy.ask("/ws", *upgrade, ("Origin", "https://evil.example"), session=minor)

    assert answer is not None
    assert answer.status == 403
    assert proxy.received() == []


async def test_no_worker_gets_in_front_of_our_pages(proxy: Proxy) -> None:
    """The script that could is refused, on a public path too; no answer allows a wider scope."""
    answers = proxy.fixture.upstream.answers
    answers["headers"] = [("Service-Worker-Allowed", "/"), ("NEL", "{}"), ("Report-To", "{}"), ("X-Kept", "1")]
    try:
        page = await proxy.ask("/health")
        root = await proxy.ask("/health", ("Service-Worker", "script"))
        below = await proxy.ask("/public/sw.js", ("Service-Worker", "script"))
    finally:
        del answers["headers"]

    assert page is not None
    assert below is not None
    assert root is not None
    assert (page.status, root.status, below.status) == (200, 403, 200)
    for answer in (page, below):
        assert answer.one("x-kept") == "1"
        assert [answer.one(name) for name in ("service-worker-allowed", "nel", "report-to")] == [None, None, None]
    assert [received.path for received in proxy.received()] == ["/health", "/public/sw.js"]


async def test_with_the_gateway_down_nobody_passes(proxy: Proxy, minor: Prepared) -> None:
    """The proxy opens nothing, public or not, with a session or without: out of reach is a refusal."""
    fixture = proxy.fixture
    await fixture.stop_node(fixture.forward)
    try:
        answers = [
            await proxy.ask("/app/echo", session=minor),
            await proxy.ask("/public/echo"),
            await proxy.ask("/admin/secret"),
        ]
    finally:
        await fixture.start_node(fixture.forward)

    assert all(answer is None or answer.status >= 400 for answer in answers)
    assert proxy.received() == []


async def test_the_endpoint_believes_listed_peers_alone(fixture: Fixture, minor: Prepared) -> None:
    """From anybody else the same words are refused, session or not."""
    fields = [
        (b"Host", b"gateway"),
        (b"X-Forwarded-Proto", b"https"),
        (b"X-Forwarded-Host", APP.encode()),
        (b"X-Forwarded-Uri", b"/public/echo"),
        (b"X-Forwarded-Method", b"GET"),
        (b"Cookie", f"{SESSION_COOKIE}={minor.ticket}".encode()),
    ]
    statuses = {}
    for source in ("127.0.0.3", "127.0.9.9"):
        connection = await Connection.open(("127.0.0.1", fixture.forward.port), source)
        result = await exchange(connection, head("GET", b"/.sekisho/auth/traefik?X-Forwarded-Uri=/x", fields), ["GET"])
        await connection.close()
        assert result.response is not None
        statuses[source] = result.response.status

    assert statuses == {"127.0.0.3": 200, "127.0.9.9": 403}
