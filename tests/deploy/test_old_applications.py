"""Two real servers of the kind that stand behind us, greeting a real name: PHP, and a Java servlet container."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import free_port, program
from tests.deploy.tomcat import APPLICATIONS, lay_out_tomcat
from tests.security.browser import Browser
from tests.security.fixture import APP, Fixture, started
from tests.security.whatwg import Url
from tests.security.wire import Response

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long, pytest.mark.timeout(180)]

COOKIES = {"php": "PHPSESSID", "tomcat": "JSESSIONID"}

WEB_XML = """\
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <servlet><servlet-name>greeting</servlet-name><jsp-file>/greeting.jsp</jsp-file></servlet>
  <servlet-mapping><servlet-name>greeting</servlet-name><url-pattern>/app/*</url-pattern></servlet-mapping>
</web-app>
"""


def command(kind: str, port: int, folder: Path) -> list[str]:
    """Lay an application out and return what starts its server."""
    if kind == "php":
        sessions = folder / "sessions"
        sessions.mkdir()
        return [
            program("php"),
            "-d",
            f"session.save_path={sessions}",
            "-S",
            f"127.0.0.1:{port}",
            str(APPLICATIONS / "greeting.php"),
        ]
    root, starts = lay_out_tomcat(folder, port, '<Valve className="VerifiedSubjectValve"/>', WEB_XML)
    shutil.copy(APPLICATIONS / "greeting.jsp", root)
    return starts


@asynccontextmanager
async def running(kind: str, folder: Path) -> AsyncIterator[int]:
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command(kind, port, folder), stdout=log, stderr=log)
        try:
            for _ in range(300):
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    assert process.returncode is None, (folder / "log").read_text()[-2000:]
                    await asyncio.sleep(0.1)
                    continue
                writer.close()
                break
            yield port
        finally:
            process.terminate()
            await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fixture() -> AsyncIterator[Fixture]:
    async with started() as everything:
        yield everything


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["php", "tomcat"])
async def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, int]]:
    async with running(request.param, tmp_path_factory.mktemp(request.param)) as port:
        yield request.param, port


async def put_behind(fixture: Fixture, server: tuple[str, int], encoding: str, charset: str) -> None:
    """Have the gateway forward to that server, told in that form."""
    kind, port = server
    path = fixture.directory / "proxy.yaml"
    fixture.write_settings()
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"upstream: http://127\.0\.0\.1:[0-9]+", f"upstream: http://127.0.0.1:{port}", text, count=1)
    text = text.replace(
        "    application_cookies: [appsid]\n",
        f"    application_cookies: [{COOKIES[kind]}]\n    headers: {{encoding: {encoding}, charset: {charset}}}\n",
        1,
    )
    path.write_text(text, encoding="utf-8")
    await fixture.stop_node(fixture.proxy)
    await fixture.start_node(fixture.proxy)


async def visit(browser: Browser, encoding: str, charset: str, *, sign_in_again: bool = False) -> Response:
    """Go to the application, signing in on the way where that is asked."""
    greeting = f"/app/echo?encoding={encoding}&charset={charset}"
    target = f"/.sekisho/login?rd={greeting.replace('&', '%26')}" if sign_in_again else greeting
    path, _, query = target.partition("?")
    url = Url("https", APP, "", path, query)
    response = await browser.follow(url, await browser.go(url))
    assert response is not None
    return response


@pytest.mark.parametrize("charset", ["utf-8", "cp932", "euc-jp"])
@pytest.mark.parametrize("encoding", ["percent", "base64", "raw"])
async def test_a_name_is_greeted_as_it_is(
    fixture: Fixture, server: tuple[str, int], encoding: str, charset: str
) -> None:
    """髙橋 花子, U+3000 and all; 髙 too, which the standard's EUC-JP has not, and the one that systems have."""
    await put_behind(fixture, server, encoding, charset)
    browser = fixture.browser(fixture.person("adult"), fixture.next_address())

    answer = await visit(browser, encoding, charset)

    assert answer.status == 200
    assert answer.text.startswith("こんにちは、髙橋　花子さん")
    assert not re.search(r"header_value[a-z_]*\{[^}]*replaced[^}]*\} [1-9]", await fixture.metrics())


async def test_the_valve_names_the_remote_user(fixture: Fixture, server: tuple[str, int]) -> None:
    """An application that asks the servlet API who is there hears the subject; PHP reads the header itself."""
    await put_behind(fixture, server, "percent", "utf-8")
    browser = fixture.browser(fixture.person("adult"), fixture.next_address())

    answer = await visit(browser, "percent", "utf-8")

    assert "remote user sub-adult\n" in answer.text


async def test_the_next_person_gets_a_session_of_her_own(fixture: Fixture, server: tuple[str, int]) -> None:
    """Two people, one browser: the second one's sign-in ends the first one's session in the application, too."""
    await put_behind(fixture, server, "percent", "utf-8")
    people = [fixture.person("adult"), fixture.person("minor")]
    browser = fixture.browser(people[0], fixture.next_address())
    first = await visit(browser, "percent", "utf-8")
    again = await visit(browser, "percent", "utf-8")
    cookie = browser.jar[APP][COOKIES[server[0]]]

    out = Url("https", APP, "", "/.sekisho/logout")
    del browser.jar[APP]["__Host-sekisho"]
    browser.sign_in = lambda location: fixture.provider.authorize(location, people[1])
    second = await visit(browser, "percent", "utf-8")

    assert "session of sub-adult (new)" in first.text
    assert "session of sub-adult\n" in again.text
    assert "佐藤　次郎" in second.text
    assert "session of sub-minor (new)" in second.text
    assert browser.jar[APP][COOKIES[server[0]]] != cookie
    await browser.follow(out, await browser.go(out), press="logout")
    assert COOKIES[server[0]] not in browser.jar[APP]
