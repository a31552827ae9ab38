"""The recipes for applications that read `REMOTE_USER`: the contract's own lines, in a real httpd and a real nginx.

Each runs behind a real gateway and in front of an application that tells all it was told. Tomcat's valve is in
`test_old_applications`, and what the gateway strips, spelling by spelling, in `tests/security`.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import free_port, program
from tests.security.fixture import APP, Fixture, started
from tests.security.whatwg import Url

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = ("contract.md", "contract.ja.md")
LANGUAGES = {"httpd": "apache", "nginx": "nginx", "tomcat": "xml"}
SERVERS = ("httpd", "nginx")

FORGED = [
    ("X-Verified-Subject", "forged"),
    ("x_verified_subject", "forged"),
    ("X.Verified.Subject", "forged"),
    ("REMOTE_USER", "forged"),
    ("Remote-User", "forged"),
]
BASIC = [("Authorization", "Basic Zm9yZ2VkOng=")]
"""Says `forged`, too: the gateway leaves it to the application, and nginx makes a `$remote_user` of it, unchecked."""

WHOAMI_CGI = """\
#!/bin/sh
printf 'Content-Type: text/plain\\n\\n'
exec env
"""
WHOAMI_PHP = """\
<?php
header('Content-Type: text/plain');
foreach (array_filter($_SERVER, 'is_string') as $name => $value) {
    echo $name, '=', $value, "\\n";
}
"""

HTTPD = """\
ServerName localhost
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/httpd.pid
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so
User www-data
Group www-data
Mutex posixsem
ScriptSock {folder}/cgid.sock
ErrorLog {folder}/httpd-error.log
StartServers 1
DocumentRoot {folder}/site
ScriptAlias /whoami.cgi {folder}/whoami.cgi
<Directory {folder}>
    Require all granted
    FallbackResource /whoami.cgi
</Directory>
{recipe}
"""

NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            fastcgi_pass 127.0.0.1:{fastcgi};
            fastcgi_param SCRIPT_FILENAME {folder}/whoami.php;
            include /etc/nginx/fastcgi_params;
            {recipe}
        }}
    }}
}}
"""


def recipes(page: str, language: str) -> list[str]:
    """Return the blocks of one language on one of the contract's pages."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@asynccontextmanager
async def listening(port: int, *command: str) -> AsyncIterator[None]:
    """Run a server for as long as it is needed, from when it can be connected to.

    It has no environment of ours: what it tells an application comes from the request or from its configuration.
    """
    process = await asyncio.create_subprocess_exec(*command, env={})
    try:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert process.returncode is None, f"`{command[0]}` ended with {process.returncode}"
                await asyncio.sleep(0.05)
                continue
            writer.close()
            break
        else:
            pytest.fail(f"`{command[0]}` does not listen on {port}")
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 20)


async def start(kind: str, folder: Path, stack: AsyncExitStack) -> int:
    """Start a server with the page's recipe in it, and the application behind; return its port."""
    port = free_port()
    (recipe,) = recipes("contract.ja.md", LANGUAGES[kind])
    config = folder / f"{kind}.conf"
    if kind == "httpd":
        (folder / "site").mkdir(exist_ok=True)
        script = folder / "whoami.cgi"
        script.write_text(WHOAMI_CGI)
        script.chmod(0o755)
        config.write_text(HTTPD.format(folder=folder, port=port, recipe=recipe))
        command = [program("apache2"), "-d", str(folder), "-f", str(config), "-DFOREGROUND"]
    else:
        (folder / "whoami.php").write_text(WHOAMI_PHP)
        fastcgi = free_port()
        php = (program("php-cgi"), "-n", "-b", f"127.0.0.1:{fastcgi}")
        await stack.enter_async_context(listening(fastcgi, *php))
        config.write_text(NGINX.format(folder=folder, port=port, fastcgi=fastcgi, recipe=recipe))
        command = [program("nginx"), "-c", str(config)]
    await stack.enter_async_context(listening(port, *command))
    return port


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fixture() -> AsyncIterator[Fixture]:
    async with started() as everything:
        yield everything


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder outside pytest's own: httpd gives up root before it runs a script, and cannot look into that one."""
    with tempfile.TemporaryDirectory(prefix="sekisho-recipe-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=SERVERS)
async def behind(request: pytest.FixtureRequest, fixture: Fixture, folder: Path) -> AsyncIterator[Fixture]:
    """The gateway, with that server behind it."""
    async with AsyncExitStack() as stack:
        fixture.upstream_ports["app"] = await start(request.param, folder, stack)
        fixture.write_settings()
        await fixture.stop_node(fixture.proxy)
        await fixture.start_node(fixture.proxy)
        yield fixture


async def answered(
    behind: Fixture, path: str, headers: list[tuple[str, str]], *, subject: str | None = None
) -> dict[str, str]:
    """Return what the application was told by a browser that says this of itself, signed in as `subject` or not."""
    person = behind.person("adult", {"sub": subject})
    browser = behind.browser(person, behind.next_address())
    if subject is not None:
        here = Url("https", APP, "", "/app/echo")
        await browser.follow(here, await browser.go(here))
    response = await browser.go(Url("https", APP, "", path), headers=headers)
    assert response.status == 200, response.text
    pairs = (line.partition("=") for line in response.text.splitlines())
    environment = {name: value for name, _, value in pairs}
    assert environment["REQUEST_METHOD"] == "GET"
    return environment


@pytest.mark.parametrize("language", sorted(LANGUAGES.values()))
def test_both_pages_have_the_same_recipe(language: str) -> None:
    """The recipe that this test runs from one page is also the one on the other page."""
    english, japanese = (recipes(page, language) for page in PAGES)

    assert english == japanese
    assert len(english) == 1


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", ["/app/echo", "/whoami.cgi"])
@pytest.mark.parametrize("subject", ["sub-adult", "a%2Fb+c=~$1"])
async def test_remote_user_is_the_subject(behind: Fixture, subject: str, path: str) -> None:
    """As Sekisho knows it, nothing decoded; and so too where httpd has redirected to a front controller inside."""
    environment = await answered(behind, path, [], subject=subject)

    assert environment["REMOTE_USER"] == subject


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_forged_subject_is_not_the_remote_user(behind: Fixture) -> None:
    """A signed-in person keeps her own subject, although her browser adds one, or asks the proxy to drop ours."""
    naming = [("Connection", "close, X-Verified-Subject")]

    environment = await answered(behind, "/app/echo", [*FORGED, *naming], subject="sub-adult")
    with_basic = await answered(behind, "/app/echo", BASIC, subject="sub-adult")

    assert environment["REMOTE_USER"] == "sub-adult"
    assert "forged" not in environment.values()
    assert with_basic["REMOTE_USER"] == "sub-adult"


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("headers", [[], FORGED, BASIC], ids=["plain", "forged", "basic"])
async def test_nobody_has_no_remote_user(behind: Fixture, headers: list[tuple[str, str]]) -> None:
    """On a page for everyone a stranger is nobody: no `REMOTE_USER` with httpd, an empty one with nginx, as we say."""
    environment = await answered(behind, "/public/page", headers)

    assert environment.get("REMOTE_USER") == ("" if "nginx" in environment["SERVER_SOFTWARE"] else None)
    assert headers == BASIC or "forged" not in environment.values()
