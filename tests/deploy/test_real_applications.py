"""The recipes of docs/applications.md, run: Debian's own applications behind a real gateway, and reached directly.

Each application runs twice, laid out alike. One person uses the one through the gateway, another the other one
without it, with the same requests. Every answer must be the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import hashlib
import html
import io
import json
import random
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, urlsplit

import pytest

from gateway.identity import Identity, Scope
from tests.conftest import free_port, program
from tests.deploy.applications_page import PAGES, Recipe, recipes
from tests.deploy.tomcat import APPLICATIONS, compile_java, lay_out_tomcat
from tests.deploy.visitor import Visitor
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.servers import TOMCAT, serving

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

LayOut = Callable[[Recipe, Path, str], AbstractContextManager[int]]
Journey = Callable[[Visitor], Iterator[None]]
Changing = tuple[tuple[bytes, bytes], ...]

LARGE = random.Random(30).randbytes(30 * 1024 * 1024)
"""A file of 30 MB that no compression makes small."""

SUBJECT = "sub-adult"
PASSWORD = "a-long-enough-pass-2026"

PHP_SETTINGS = ("upload_max_filesize=64M", "post_max_size=64M", "memory_limit=256M")


def packaged(package: str, folder: str) -> Path:
    """Return where Debian puts an application; a machine without it fails the test, by the package's name."""
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"Debian's package `{package}` is not installed; `make test-long` installs it")
    return path


@contextmanager
def php(site: Path, folder: Path, environment: dict[str, str] | None = None) -> Iterator[int]:
    """Run PHP's own server, with several workers, over an application's folder."""
    port = free_port()
    settings = [word for setting in (*PHP_SETTINGS, f"session.save_path={folder}") for word in ("-d", setting)]
    command = [program("php"), *settings, "-S", f"127.0.0.1:{port}", "-t", str(site)]
    with serving(
        port, folder / "php.log", *command, environment={"PHP_CLI_SERVER_WORKERS": "4", **(environment or {})}
    ):
        yield port


@contextmanager
def behind(recipe: Recipe, folder: Path, port: int, upstream: int, store: str) -> Iterator[GatewayProcess]:
    """Run the gateway with a recipe's entry and policy."""
    folder.mkdir()
    gateway = GatewayProcess(folder, upstream, store, policy=recipe.policy)
    gateway.port = port
    text = gateway.settings.read_text(encoding="utf-8")
    entry = recipe.entry(f"http://{HOST}:{port}", upstream)
    text = re.sub(r"(?s)^apps:\n.*?(?=^access_log)", lambda _: f"apps:\n{entry}", text, flags=re.MULTILINE)
    text = re.sub(r"(?m)^listen: .*$", f"listen: 127.0.0.1:{port}", text)
    gateway.settings.write_text(text, encoding="utf-8")
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.stop()


def signed_in(gateway: GatewayProcess) -> str:
    """Return the cookie of a person whom the gateway knows."""
    person = Identity("RP00000001", SUBJECT, time.time(), frozenset({Scope.OPENID}))
    return asyncio.run(gateway.sign_in(person))


def assert_same(through: Visitor, directly: Visitor) -> None:
    """Every request was answered alike, both ways."""
    assert [request for request, _ in through.seen] == [request for request, _ in directly.seen]
    for (request, one), (_, other) in zip(through.seen, directly.seen, strict=True):
        for name, value in one.items():
            if value != other[name]:
                plain, proxied = str(other[name]).splitlines(), str(value).splitlines()
                said = "\n".join(difflib.unified_diff(plain, proxied, "directly", "behind", lineterm="", n=1))
                pytest.fail(f"{request}: {name} differs\n{said[:4000]}")


def sign_out_of_the_gateway(visitor: Visitor, cookies: tuple[str, ...]) -> None:
    """The gateway's own sign-out ends the application's cookies as well, as the recipe says."""
    page = visitor.ask("GET", "/.sekisho/logout", compare=False)
    for name in cookies:
        visitor.jar[name] = "left"
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Mode": "navigate"}
    visitor.ask("POST", "/.sekisho/logout", f"token={page.fields()['token']}".encode(), kind, compare=False)
    assert not set(cookies) & set(visitor.jar)


def both_ways(
    recipe: Recipe,
    folder: Path,
    store: str,
    lay_out: LayOut,
    journey: Journey,
    changing: Changing = (),
    told: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Lay an application out twice, use both alike, and compare what they answered."""
    public = free_port()
    host = f"{HOST}:{public}"
    with ExitStack() as stack:
        ports = []
        for kind in ("behind", "direct"):
            (folder / kind).mkdir()
            ports.append(stack.enter_context(lay_out(recipe, folder / kind, f"http://{host}")))
        gateway = stack.enter_context(behind(recipe, folder / "gateway", public, ports[0], store))
        forgotten = (str(folder / "behind"), str(folder / "direct"), *map(str, ports))
        through = Visitor(public, host, changing, forgotten)
        directly = Visitor(ports[1], host, changing, forgotten, told=told)
        visit = journey(through)
        next(visit)
        through.ticket = signed_in(gateway)
        assert next(visit, None) is None
        assert len(list(journey(directly))) == 1
        assert_same(through, directly)
        cookies = re.search(r"application_cookies: \[([^\]]*)\]", recipe.app)
        assert cookies is not None
        sign_out_of_the_gateway(through, tuple(re.split(r", *", cookies[1])))


def value_in(text: str, pattern: str) -> str:
    """Return what a page says at that place."""
    found = re.search(pattern, text)
    assert found is not None, f"no `{pattern}` in: {text[:3000]}"
    return found[1]


def zipped(content: bytes) -> bytes:
    """Return an archive with that file, the same one each time."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("large"), content)
    return archive.getvalue()


@contextmanager
def dokuwiki(recipe: Recipe, folder: Path, url: str) -> Iterator[int]:
    """Lay DokuWiki out as Debian ships it, with an account, and its data in a folder of the test's."""
    source = packaged("dokuwiki", "/usr/share/dokuwiki")
    site, conf, data = folder / "site", folder / "conf", folder / "data"
    shutil.copytree(source, site, ignore=shutil.ignore_patterns(".htaccess"))
    shutil.copytree("/etc/dokuwiki", conf, ignore=shutil.ignore_patterns("*.auth.php", "htaccess", ".htaccess"))
    shutil.copytree("/var/lib/dokuwiki/data", data)
    preload = site / "inc" / "preload.php"
    preload.write_text(preload.read_text().replace("'/etc/dokuwiki/'", f"'{conf}/'"))
    own = recipe.own.replace("https://wiki.city.example.lg.jp", url).replace("/var/lib/dokuwiki/data", str(data))
    (conf / "local.php").write_text(own, encoding="utf-8")
    (conf / "acl.auth.php").write_text("*\t@ALL\t1\n*\t@user\t16\n")
    known = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
    (conf / "users.auth.php").write_text(f"clerk:{known}:Clerk:clerk@city.example:user\n")
    with php(site, folder) as port:
        yield port


def use_dokuwiki(wiki: Visitor) -> Iterator[None]:
    """Look, sign in, write, delete, upload 30 MB, sign out."""
    assert "DokuWiki" in wiki.get("/doku.php?id=wiki:welcome").text
    wiki.get("/lib/exe/css.php?t=dokuwiki")
    wiki.get("/doku.php?id=%E5%8F%96%E6%B1%BA:%E9%9B%BB%E5%AD%90")
    yield
    form = wiki.get("/doku.php?id=start&do=login").fields('name="p"')
    wiki.send("/doku.php?id=start&do=login", {**form, "u": "clerk", "p": PASSWORD})
    for text in ("======会議室======\n電子の会議室を予約します。", ""):
        form = wiki.get("/doku.php?id=rooms:meeting&do=edit").fields("wikitext")
        page = wiki.send("/doku.php?id=rooms:meeting", {**form, "wikitext": text, "summary": "", "do[save]": "1"})
        assert ("電子の会議室を予約します" in page.text) == bool(text)
    page = wiki.get("/doku.php?id=start&do=media&ns=")
    token = value_in(page.text, r"do=logout&amp;sectok=([0-9a-f]+)")
    fields = {"sectok": token, "ns": "", "mediaid": "large.zip", "call": "mediaupload"}
    answer = wiki.upload("/lib/exe/ajax.php", fields, ("qqfile", "large.zip", "application/zip", LARGE))
    assert '"success":true' in answer.text.replace(" ", "")
    assert wiki.ask("GET", "/lib/exe/fetch.php?media=large.zip").body == LARGE
    wiki.get(f"/doku.php?id=start&do=logout&sectok={token}")
    assert "clerk" not in wiki.get("/doku.php?id=start").text


def test_dokuwiki(tmp_path: Path, redis_url: str) -> None:
    """DokuWiki behaves behind the gateway as it does by itself."""
    both_ways(recipes(PAGES[0])["DokuWiki"], tmp_path, redis_url, dokuwiki, use_dokuwiki)


@contextmanager
def mediawiki(recipe: Recipe, folder: Path, url: str) -> Iterator[int]:
    """Lay MediaWiki out with a database of its own; its program stays where Debian puts it."""
    source = packaged("mediawiki", "/usr/share/mediawiki")
    packaged("php-sqlite3", "/usr/share/doc/php-sqlite3")
    site, images = folder / "site", folder / "images"
    site.mkdir()
    images.mkdir()
    for each in source.iterdir():
        if each.name not in ("LocalSettings.php", "images", "config"):
            (site / each.name).symlink_to(each)
    (site / "images").symlink_to(images)
    database = ["--dbtype", "sqlite", "--dbpath", str(folder / "data"), "--confpath", str(folder)]
    names = ["--server", url, "--scriptpath", "", "--lang", "ja", "--pass", PASSWORD, "Wiki", "Clerk"]
    install = [program("php"), str(source / "maintenance" / "install.php"), *database, *names]
    done = subprocess.run(install, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    own = recipe.own.replace("https://mediawiki.city.example.lg.jp", url)
    settings = folder / "LocalSettings.php"
    with settings.open("a", encoding="utf-8") as file:
        file.write(f"{own}$wgUploadDirectory = '{images}';\n$wgSecretKey = '{'5ec2e7' * 10}';\n")
    with php(site, folder, {"MW_CONFIG_FILE": str(settings)}) as port:
        yield port


def special(title: str) -> str:
    """Return the URL of one of MediaWiki's own pages."""
    return f"/index.php?title={quote('特別')}:{quote(title)}"


def use_mediawiki(wiki: Visitor) -> Iterator[None]:
    """Look, sign in, write, delete, upload 30 MB, sign out."""
    wiki.get("/")
    wiki.get("/index.php?title=%E4%BC%9A%E8%AD%B0%E5%AE%A4")
    wiki.get("/api.php?action=query&meta=siteinfo&format=json")
    wiki.get("/load.php?lang=ja&modules=site.styles&only=styles&skin=vector")
    yield
    login = special("ログイン")
    form = wiki.get(login).fields("wpPassword")
    wiki.send(login, {**form, "wpName": "Clerk", "wpPassword": PASSWORD})
    form = wiki.get("/index.php?title=Rooms&action=edit").fields("wpTextbox1")
    page = wiki.send("/index.php?title=Rooms&action=submit", {**form, "wpTextbox1": "電子の会議室を予約します。"})
    assert "電子の会議室を予約します" in page.text
    form = wiki.get("/index.php?title=Rooms&action=delete").fields("wpDeleteReasonList")
    wiki.send("/index.php?title=Rooms&action=delete", {**form, "wpReason": "", "wpDeleteReasonList": "other"})
    assert wiki.get("/index.php?title=Rooms").status == HTTPStatus.NOT_FOUND
    fields = wiki.get(special("アップロード")).fields("wpUploadFile")
    file = ("wpUploadFile", "Large.zip", "application/zip", zipped(LARGE))
    fields |= {"wpSourceType": "file", "wpDestFile": "Large.zip", "wpUpload": "1", "wpIgnoreWarning": "1"}
    page = wiki.upload(special("アップロード"), fields, file)
    place = value_in(page.text, r'href="(/images/[^"]*Large\.zip)"')
    assert wiki.ask("GET", place).body == file[3]
    wiki.send(special("ログアウト"), wiki.get(special("ログアウト")).fields("wpEditToken"))
    assert '"wgUserName":null' in wiki.get("/").text


TIMED_BY_MEDIAWIKI = (
    (rb"(?s)<!-- *\nNewPP.*?-->", b"(timing)"),
    (rb'"wgBackendResponseTime":\d+', b"(timing)"),
    (rb'"(?:cpu|wall)time":"[\d.]+"', b"(timing)"),
    (rb'"timingprofile":\[[^\]]*\]', b"(timing)"),
)


def test_mediawiki(tmp_path: Path, redis_url: str) -> None:
    """MediaWiki behaves behind the gateway as it does by itself."""
    recipe = recipes(PAGES[0])["MediaWiki"]

    both_ways(recipe, tmp_path, redis_url, mediawiki, use_mediawiki, TIMED_BY_MEDIAWIKI)


WORDPRESS_CONFIG = """\
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:{socket}');
define('WP_HTTP_BLOCK_EXTERNAL', true);
$table_prefix = 'wp_';
if (!defined('ABSPATH')) {{ define('ABSPATH', __DIR__ . '/'); }}
require_once ABSPATH . 'wp-settings.php';
"""
WORDPRESS_INSTALL = """\
<?php
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = parse_url($argv[2], PHP_URL_HOST) . ':' . parse_url($argv[2], PHP_URL_PORT);
function wp_mail() { return true; }
require $argv[1] . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('City', 'clerk', 'clerk@city.example', true, '', $argv[3], '');
echo 'installed';
"""


@contextmanager
def mariadb(folder: Path) -> Iterator[Path]:
    """Run a MariaDB of the test's own with an empty database `wordpress`, and yield its socket."""
    data, own, port = folder / "db", Path(tempfile.mkdtemp(prefix="sekisho-db-")), free_port()
    options = ["--no-defaults", f"--datadir={data}", "--user=root"]
    install = [program("mariadb-install-db"), *options, "--auth-root-authentication-method=normal", "--skip-test-db"]
    done = subprocess.run(install, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    start = folder / "start.sql"
    start.write_text("CREATE DATABASE wordpress;\n")
    # The path of a socket has at most 107 bytes, and pytest's folders are long.
    address = [f"--socket={own}/db.sock", f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={own}/pid"]
    try:
        command = [program("mariadbd"), *options, *address, f"--init-file={start}"]
        with serving(port, folder / "db.log", *command):
            yield own / "db.sock"
    finally:
        shutil.rmtree(own)


@contextmanager
def wordpress(recipe: Recipe, folder: Path, url: str) -> Iterator[int]:
    """Lay WordPress out with a database and a folder of its own."""
    source = packaged("wordpress", "/usr/share/wordpress")
    packaged("wordpress-theme-twentytwentyone", "/usr/share/wordpress/wp-content/themes/twentytwentyone")
    site = folder / "site"
    shutil.copytree(source, site)
    with mariadb(folder) as database:
        own = recipe.own.replace("https://www.city.example.lg.jp", url)
        settings = WORDPRESS_CONFIG.format(socket=database)
        (site / "wp-config.php").write_text(f"<?php\n{own}{settings}", encoding="utf-8")
        script = folder / "install.php"
        script.write_text(WORDPRESS_INSTALL)
        install = [program("php"), str(script), str(site), url, PASSWORD]
        done = subprocess.run(install, capture_output=True, text=True, timeout=120, check=False)
        assert done.stdout.endswith("installed"), done.stdout + done.stderr
        with php(site, folder) as port:
            yield port


def use_wordpress(site: Visitor) -> Iterator[None]:
    """Look, sign in, write, delete, upload 30 MB, sign out."""
    assert "City" in site.get("/").text
    site.get("/?p=1")
    site.get("/?feed=rss2")
    site.get("/wp-includes/css/dist/block-library/style.min.css")
    yield
    site.get("/wp-login.php")
    form = {"log": "clerk", "pwd": PASSWORD, "redirect_to": f"http://{site.host}/", "testcookie": "1"}
    assert "wp-admin-bar-logout" in site.send("/wp-login.php", form).text
    nonce = site.get("/wp-admin/admin-ajax.php?action=rest-nonce").text
    headers = {"Content-Type": "application/json", "X-WP-Nonce": nonce}
    article = json.dumps({"title": "会議室", "content": "電子の会議室を予約します。", "status": "publish"}).encode()
    answer = site.ask("POST", "/?rest_route=/wp/v2/posts", article, headers)
    assert answer.status == HTTPStatus.CREATED, answer.text
    number = json.loads(answer.body)["id"]
    assert "電子の会議室を予約します" in site.get(f"/?p={number}").text
    answer = site.ask("DELETE", f"/?rest_route=/wp/v2/posts/{number}&force=true", b"", headers)
    assert json.loads(answer.body)["deleted"]
    assert site.get(f"/?p={number}").status == HTTPStatus.NOT_FOUND
    fields = site.get("/wp-admin/media-new.php").fields("async-upload") | {"html-upload": "Upload"}
    file = ("async-upload", "large.zip", "application/zip", zipped(LARGE))
    site.upload("/wp-admin/media-new.php", fields, file)
    answer = site.ask("GET", "/?rest_route=/wp/v2/media", b"", headers)
    place = urlsplit(json.loads(answer.body)[0]["source_url"]).path
    assert site.ask("GET", place).body == file[3]
    leave = html.unescape(value_in(site.get("/wp-login.php?action=logout").text, r'href="([^"]*action=logout[^"]*)"'))
    site.get(urlsplit(leave)._replace(scheme="", netloc="").geturl())
    assert "wp-admin-bar-logout" not in site.get("/").text


NONCES_OF_WORDPRESS = ((rb"\b[0-9a-f]{10}\b", b"(nonce)"),)


def test_wordpress(tmp_path: Path, redis_url: str) -> None:
    """WordPress behaves behind the gateway as it does by itself."""
    recipe = recipes(PAGES[0])["WordPress"]

    both_ways(recipe, tmp_path, redis_url, wordpress, use_wordpress, NONCES_OF_WORDPRESS)


@contextmanager
def redmine(_recipe: Recipe, folder: Path, _url: str) -> Iterator[int]:
    """Lay Redmine out with the database that Debian's package has made, copied, and a folder of its own."""
    source = packaged("redmine", "/usr/share/redmine")
    made = packaged("redmine-sqlite", "/var/lib/dbconfig-common/sqlite3/redmine/instances/default") / "redmine_default"
    site = folder / "site"
    shutil.copytree(source, site, ignore=lambda place, _: ["instances"] if place == str(source) else [])
    own = site / "instances" / "default"
    for name in ("config", "files", "log", "tmp"):
        (own / name).mkdir(parents=True)
    shutil.copy(made, folder / "db")
    database = f"production:\n  adapter: sqlite3\n  database: {folder}/db\n"
    for place in (own, site):
        (place / "config" / "database.yml").write_text(database)
    (own / "config" / "secret_key.txt").write_text("5ec2e7" * 12)
    hashed = hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).hexdigest()
    salted = hashlib.sha1(f"salt{hashed}".encode(), usedforsecurity=False).hexdigest()
    with contextlib.closing(sqlite3.connect(folder / "db")) as db, db:
        account = "UPDATE users SET hashed_password = ?, salt = 'salt', must_change_passwd = 0 WHERE login = 'admin'"
        db.execute(account, (salted,))
        db.execute("DELETE FROM settings WHERE name = 'attachment_max_size'")
        db.execute("INSERT INTO settings (name, value) VALUES ('attachment_max_size', '65536')")
    port = free_port()
    command = [program("puma"), "-b", f"tcp://127.0.0.1:{port}", "--dir", str(site), "config.ru"]
    environment = {"RAILS_ENV": "production", "RACK_ENV": "production", "BUNDLE_GEMFILE": str(site / "Gemfile")}
    with serving(port, folder / "puma.log", *command, environment=environment):
        yield port


def use_redmine(site: Visitor) -> Iterator[None]:
    """Look, sign in, write, delete, upload 30 MB, sign out."""
    assert "Redmine" in site.get("/").text
    site.get("/projects")
    site.get("/stylesheets/application.css")
    yield
    form = site.get("/login").fields('name="password"')
    assert "/logout" in site.send("/login", {**form, "username": "admin", "password": PASSWORD}).text
    form = site.get("/projects/new").fields("project[identifier]")
    own = {"project[name]": "会議室", "project[identifier]": "rooms", "project[enabled_module_names][]": "news"}
    site.send("/projects", {**form, **own})
    page = site.get("/projects/rooms/news/new")
    token = html.unescape(value_in(page.text, r'name="csrf-token" content="([^"]+)"'))
    headers = {"Content-Type": "application/octet-stream", "X-CSRF-Token": token, "X-Requested-With": "XMLHttpRequest"}
    answer = site.ask("POST", "/uploads.js?attachment_id=1&filename=large.zip", LARGE, headers)
    kept = value_in(answer.text, r"(\d+\.[0-9a-f]{64})")
    form = page.fields("news[title]")
    article = {"news[title]": "電子の会議室", "news[description]": "予約します。"}
    attached = {"attachments[1][filename]": "large.zip", "attachments[1][token]": kept}
    page = site.send("/projects/rooms/news", {**form, **article, **attached})
    assert "電子の会議室" in page.text
    number = value_in(page.text, r'href="/news/(\d+)"')
    place = value_in(site.get(f"/news/{number}").text, r'href="(/attachments/download/[^"]+)"')
    assert site.ask("GET", place).body == LARGE
    token = html.unescape(value_in(site.get(f"/news/{number}").text, r'name="csrf-token" content="([^"]+)"'))
    site.send(f"/news/{number}", {"_method": "delete", "authenticity_token": token})
    assert site.get(f"/news/{number}").status == HTTPStatus.NOT_FOUND
    token = html.unescape(value_in(site.get("/").text, r'name="csrf-token" content="([^"]+)"'))
    site.send("/logout", {"authenticity_token": token})
    assert "/logout" not in site.get("/").text


TOKENS_OF_REDMINE = (
    (rb'"[A-Za-z0-9+/=_-]{80,}"', b"(token)"),
    (rb"\bname=\"[\w-]+-[0-9a-f]{8}\"", b"(form)"),
)


def test_redmine(tmp_path: Path, redis_url: str) -> None:
    """Redmine behaves behind the gateway as it does by itself."""
    both_ways(recipes(PAGES[0])["Redmine"], tmp_path, redis_url, redmine, use_redmine, TOKENS_OF_REDMINE)


BOARD = """\
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <servlet>
    <servlet-name>board</servlet-name><servlet-class>Board</servlet-class>
    <multipart-config><max-file-size>67108864</max-file-size></multipart-config>
  </servlet>
  <servlet-mapping><servlet-name>board</servlet-name><url-pattern>/app/*</url-pattern></servlet-mapping>
  <session-config><tracking-mode>COOKIE</tracking-mode></session-config>
</web-app>
"""


@contextmanager
def tomcat(recipe: Recipe, folder: Path, _url: str) -> Iterator[int]:
    """Lay Debian's Tomcat out with the recipe's valves and an application that asks the servlet API for everything."""
    packaged("tomcat10-common", str(TOMCAT))
    port = free_port()
    root, command = lay_out_tomcat(folder, port, recipe.own, BOARD)
    compile_java(APPLICATIONS / "Board.java", root / "WEB-INF" / "classes")
    with serving(port, folder / "tomcat.log", *command):
        yield port


def use_tomcat(board: Visitor) -> Iterator[None]:
    """Sign in, look, write, delete, upload 30 MB, sign out."""
    yield
    page = board.get("/app/")
    assert f"user {SUBJECT} at http://{board.host}/app/" in page.text
    assert "from 127.0.0.1, secure false" in page.text
    assert "somebody is writing" in board.send("/app/", {"do": "enter"}).text
    assert "JSESSIONID" in board.jar
    page = board.send("/app/rooms/%E4%BC%9A%E8%AD%B0", {"do": "write", "title": "会議室", "text": "予約します。"})
    assert "予約します" in page.text
    board.get("/app/?notice=%E4%BC%9A%E8%AD%B0%E5%AE%A4")
    board.send("/app/", {"do": "delete", "title": "会議室"})
    assert board.get("/app/?notice=%E4%BC%9A%E8%AD%B0%E5%AE%A4").status == HTTPStatus.NOT_FOUND
    page = board.upload("/app/", {"do": "upload"}, ("file", "large.zip", "application/zip", LARGE))
    assert f">{len(LARGE)}<" in page.text
    assert board.ask("GET", "/app/?file=large.zip").body == LARGE
    assert board.get("/no/such/page").status == HTTPStatus.NOT_FOUND
    assert "nobody is writing" in board.send("/app/", {"do": "leave"}).text


def test_tomcat(tmp_path: Path, redis_url: str) -> None:
    """An application for Tomcat behaves behind the gateway as it does with the facts in its requests."""
    told = {"X-Verified-Subject": SUBJECT}

    both_ways(recipes(PAGES[0])["Tomcat"], tmp_path, redis_url, tomcat, use_tomcat, told=told)
