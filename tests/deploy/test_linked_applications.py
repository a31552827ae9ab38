"""Debian's own applications, unmodified, behind a gateway that signs people in at them with their old accounts.

Each application keeps its own login, accounts and cookies. A person links her account once, and the card is enough
from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.identity import Identity, Scope
from tests.conftest import free_port, program
from tests.deploy.applications_page import PAGES, Recipe, recipes
from tests.deploy.test_real_applications import LayOut, behind, redmine, value_in, wordpress
from tests.deploy.visitor import Answer, Visitor
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.redis_server import redis_server

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

NAVIGATION = {
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Site": "same-origin",
    "Accept-Language": "en",
}
ACCOUNTS = """\
  accounts:
    store: sqlite:{folder}/accounts.db
    key: {{file: {folder}/accounts.key}}
    tell: form
    passwords: {passwords}
    recipe: {recipe}
"""
WRITER = "clerk"
OTHER = "tanaka"
PASSWORD = "a-long-enough-pass-2026"
OTHERS_PASSWORD = "another-pass-of-2009"


@dataclass(frozen=True)
class Linked:
    """One application, with what a person does there."""

    recipe: str
    """The name of the shipped recipe."""
    title: str
    """The section of docs/applications.md that says how the application stands behind the gateway."""
    policy: str
    lay_out: LayOut
    home: str
    """A page that needs an account."""
    way_out: str
    """A text that a public page has for people whom the application knows, and for nobody else."""
    greets: Callable[[Visitor], str]
    """Says as whom the application knows a visitor; empty for nobody."""
    write: Callable[[Visitor, str], str]
    """Writes a text, and returns the page where it then stands."""
    login: str
    post: str
    form: tuple[str, str]
    """The fields of the login's form."""
    others: tuple[str, ...]
    """More pages that must be closed."""
    aliases: tuple[str, ...] = ()
    """Other names that the application's login takes for the writer."""


@dataclass
class Place:
    """The application and the gateway before it."""

    app: Linked
    gateway: GatewayProcess
    upstream: int
    host: str
    cookies: frozenset[str]
    """The cookies of the application that a sign-out ends."""

    def visitor(self, subject: str) -> Visitor:
        """Return a browser in which a person has signed in with her card."""
        person = Identity("RP00000001", subject, time.time(), frozenset({Scope.OPENID}))
        name, _, ticket = asyncio.run(self.gateway.sign_in(person)).partition("=")
        return Visitor(self.gateway.port, self.host, told=NAVIGATION, jar={name: ticket})

    def link(self, visitor: Visitor, user: str, password: str) -> Answer:
        """Fill in the gateway's page."""
        form = {"app": "app", "rd": self.app.home, "required": "yes", "user": user, "password": password}
        return visitor.send("/.sekisho/account", {**form, "action": "link"})

    def end_links(self) -> None:
        """End the links that a test has made, at the counter."""
        for account, subject in ((WRITER, "hanako"), (OTHER, "owner")):
            command = [
                sys.executable,
                "-m",
                "gateway",
                "accounts",
                "unlink",
                account,
                "-",
                "--reason",
                "the test is over",
            ]
            ended = subprocess.run(
                [*command, "--config", str(self.gateway.settings)],
                input=f"subject:{subject}\n",
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
            assert ended.returncode == 0 or "no such link" in ended.stderr, ended.stderr

    def takes(self, user: str, password: str) -> bool:
        """Whether the application itself takes a password."""
        visitor = Visitor(self.upstream, self.host)
        name, secret = self.app.form
        form = visitor.get(self.app.login).fields(f'name="{secret}"')
        visitor.ask(
            "POST",
            self.app.post,
            urlencode({**form, name: user, secret: password}).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        return self.app.greets(visitor) == user

    def directly(self, jar: dict[str, str]) -> str:
        """Return as whom the application itself knows somebody with these cookies."""
        return self.app.greets(Visitor(self.upstream, self.host, jar=dict(jar)))


@contextmanager
def placed(app: Linked, folder: Path, store: str, passwords: str = "kept") -> Iterator[Place]:
    """Run an application and a gateway with the recipe that is shipped for it."""
    public = free_port()
    host = f"{HOST}:{public}"
    found = recipes(PAGES[0])[app.title]
    (folder / "accounts.key").write_text(secrets.token_hex(32))
    accounts = ACCOUNTS.format(folder=folder, recipe=app.recipe, passwords=passwords)
    entry = found.app.replace(f"name: {app.recipe}", "name: app") + accounts
    (folder / "site").mkdir()
    with (
        app.lay_out(found, folder / "site", f"http://{host}") as upstream,
        behind(replace(found, app=entry, policy=app.policy), folder / "gateway", public, upstream, store) as gateway,
    ):
        named = value_in(entry, r"application_cookies: \[([^\]]*)\]")
        yield Place(app, gateway, upstream, host, frozenset(re.split(r", *", named)))


@contextmanager
def peopled_wordpress(recipe: Recipe, folder: Path, url: str) -> Iterator[int]:
    """Lay WordPress out with a second person."""
    with wordpress(recipe, folder, url) as port:
        script = folder / "second.php"
        script.write_text(
            "<?php function wp_mail() { return true; } $_SERVER['HTTP_HOST'] = 'x'; require $argv[1] . '/wp-load.php';"
            "$id = wp_create_user($argv[2], $argv[3], 'tanaka@city.example');"
            "(new WP_User($id))->set_role('author'); echo 'made';"
        )
        made = subprocess.run(
            [program("php"), str(script), str(folder / "site"), OTHER, OTHERS_PASSWORD],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert made.stdout.endswith("made"), made.stdout + made.stderr
        yield port


def greeted_by_wordpress(visitor: Visitor) -> str:
    """Return the name in the bar of the administration."""
    page = visitor.ask("GET", "/wp-admin/edit.php", compare=False)
    found = re.search(r'wp-admin-bar-my-account.*?"display-name">([^<]+)<', page.text, re.DOTALL)
    return found[1] if page.status == HTTPStatus.OK and found is not None else ""


def write_in_wordpress(visitor: Visitor, text: str) -> str:
    """Publish an article as the editor does, with its nonce."""
    nonce = visitor.get("/wp-admin/admin-ajax.php?action=rest-nonce").text
    headers = {"Content-Type": "application/json", "X-WP-Nonce": nonce, "Sec-Fetch-Mode": "cors"}
    article = json.dumps({"title": "会議室", "content": text, "status": "publish"}).encode()
    answer = visitor.ask("POST", "/?rest_route=/wp/v2/posts", article, headers)
    assert answer.status == HTTPStatus.CREATED, answer.text
    return f"/?p={json.loads(answer.body)['id']}"


WORDPRESS = Linked(
    recipe="wordpress",
    title="WordPress",
    policy="""\
policy: wordpress
rules:
  - name: programs that no browser needs
    match: {path: [/wp-config.php, /wp-cron.php, /wp-admin/install.php]}
    allow: nobody
  - name: administration
    match: {path: /wp-admin/**}
    allow: signed_in
    accounts: required
    keep_form: true
  - name: read
    match: {method: [GET, HEAD]}
    allow: everyone
  - name: write
    allow: signed_in
    accounts: required
    keep_form: true
""",
    lay_out=peopled_wordpress,
    home="/wp-admin/edit.php",
    way_out="wp-admin-bar-logout",
    greets=greeted_by_wordpress,
    write=write_in_wordpress,
    login="/wp-login.php",
    post="/wp-login.php",
    form=("log", "pwd"),
    others=(
        "/wp-login.php?action=lostpassword",
        "/wp-login.php?action=rp",
        "/xmlrpc.php",
        "/WP-LOGIN.PHP",
        "/wp-admin/profile.php",
    ),
    aliases=("clerk@city.example", "CLERK"),
)


@contextmanager
def peopled_redmine(recipe: Recipe, folder: Path, url: str) -> Iterator[int]:
    """Lay Redmine out with two persons and a project that both may write in."""
    with redmine(recipe, folder, url) as port:
        with contextlib.closing(sqlite3.connect(folder / "db")) as db, db:
            columns = [row[1] for row in db.execute("PRAGMA table_info(users)") if row[1] != "id"]
            names = ", ".join(columns)
            for login, password in ((WRITER, PASSWORD), (OTHER, OTHERS_PASSWORD)):
                hashed = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest()
                salted = hashlib.sha1(f"salt{hashed}".encode(), usedforsecurity=False).hexdigest()
                copied = f"INSERT INTO users ({names}) SELECT {names} FROM users WHERE login = 'admin'"  # noqa: S608
                made = db.execute(copied)
                db.execute(
                    "UPDATE users SET login = ?, hashed_password = ?, salt = 'salt', firstname = ? WHERE id = ?",
                    (login, salted, login, made.lastrowid),
                )
                db.execute(
                    "INSERT INTO email_addresses (user_id, address, is_default, notify, created_on, updated_on) "
                    "VALUES (?, ?, 1, 0, '2026-01-01', '2026-01-01')",
                    (made.lastrowid, f"{login}@city.example"),
                )
        yield port


def greeted_by_redmine(visitor: Visitor) -> str:
    """Return the name at the top of the person's own page."""
    page = visitor.ask("GET", "/my/page", compare=False)
    found = re.search(r'class="user active"[^>]*>([^<]+)</a>', page.text)
    return found[1] if page.status == HTTPStatus.OK and found is not None else ""


def write_in_redmine(visitor: Visitor, text: str) -> str:
    """Make a project with a piece of news."""
    name = f"p{secrets.token_hex(4)}"
    form = visitor.get("/projects/new").fields("project[identifier]")
    own = {"project[name]": name, "project[identifier]": name, "project[is_public]": "1"}
    own["project[enabled_module_names][]"] = "news"
    visitor.send("/projects", {**form, **own})
    form = visitor.get(f"/projects/{name}/news/new").fields("news[title]")
    page = visitor.send(f"/projects/{name}/news", {**form, "news[title]": "会議室", "news[description]": text})
    return "/news/" + value_in(page.text, r'href="/news/(\d+)"')


REDMINE = Linked(
    recipe="redmine",
    title="Redmine",
    policy="""\
policy: redmine
rules:
  - name: own pages
    match: {path: [/my/**, /admin/**, /settings/**, /users/**, /projects/new]}
    allow: signed_in
    accounts: required
    keep_form: true
  - name: read
    match: {method: [GET, HEAD]}
    allow: everyone
  - name: write
    allow: signed_in
    accounts: required
    keep_form: true
""",
    lay_out=peopled_redmine,
    home="/my/page",
    way_out='href="/logout"',
    greets=greeted_by_redmine,
    write=write_in_redmine,
    login="/login",
    post="/login",
    form=("username", "password"),
    others=("/account/lost_password", "/account/register", "/my/password", "/login.html", "/login.json", "/LOGIN"),
    aliases=("CLERK",),
)
APPLICATIONS = (WORDPRESS, REDMINE)


@pytest.fixture
def place(module_place: Place) -> Iterator[Place]:
    """Give a test the application, and let no link of its persons outlive it."""
    yield module_place
    module_place.end_links()


@pytest.fixture(scope="module", params=APPLICATIONS, ids=lambda app: app.recipe)
def module_place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, module_redis: str
) -> Iterator[Place]:
    """Run one of the applications for all tests of this page."""
    app: Linked = request.param
    with placed(app, tmp_path_factory.mktemp(app.recipe), module_redis) as found:
        yield found


@pytest.fixture(scope="module")
def module_redis() -> Iterator[str]:
    """Run a Redis for all of them."""
    with redis_server() as server:
        yield server.url


def of_the_application(jar: dict[str, str]) -> dict[str, str]:
    """Return a browser's cookies without ours."""
    return {name: value for name, value in jar.items() if not name.startswith("sekisho")}


def test_a_person_links_once_writes_and_is_signed_out_of_both(place: Place) -> None:
    """She gives the old password once; later the card alone lets her write, and a sign-out ends both sessions."""
    app = place.app
    hanako = place.visitor("hanako")

    assert "Your previous user ID" in hanako.ask("GET", app.home).text
    place.link(hanako, WRITER, PASSWORD)
    assert app.greets(hanako) == WRITER
    sign_out(hanako)

    again = place.visitor("hanako")
    again.get(app.home)
    assert app.greets(again) == WRITER
    page = app.write(again, "電子の会議室を予約します。")
    assert "電子の会議室を予約します。" in again.get(page).text
    anybody = Visitor(place.upstream, place.host)
    assert "電子の会議室を予約します。" in anybody.get(page).text, "the application itself has it"

    jar = of_the_application(again.jar)
    assert place.directly(jar) == WRITER
    sign_out(again)
    assert not again.jar.keys() & place.cookies
    assert place.directly(jar) == "", "the application has ended its session"
    assert app.greets(again) == "", "and the gateway its own"


def test_the_applications_own_sign_out_leads_to_ours(place: Place) -> None:
    """The link that the application shows, with its nonce, asks first; the button then ends both sessions."""
    app = place.app
    hanako = place.visitor("hanako")
    place.link(hanako, WRITER, PASSWORD)
    shown = re.search(r'href="(?:https?://[^/"]*)?(/[^"]*logout[^"]*)"', hanako.get(app.home).text)
    assert shown is not None, app.recipe

    answer = hanako.ask("GET", unescape(shown[1]))

    assert (answer.status, answer.header("Location")) == (HTTPStatus.SEE_OTHER, "/.sekisho/logout")
    assert app.greets(hanako) == WRITER, "a link alone signs nobody out"
    jar = of_the_application(hanako.jar)
    sign_out(hanako)
    assert place.directly(jar) == ""
    assert app.greets(hanako) == ""


def sign_out(visitor: Visitor) -> None:
    """Press the gateway's own button."""
    page = visitor.ask("GET", "/.sekisho/logout")
    answer = visitor.ask(
        "POST",
        "/.sekisho/logout",
        f"token={page.fields()['token']}".encode(),
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status == HTTPStatus.SEE_OTHER


def test_a_second_person_cannot_take_the_account(place: Place) -> None:
    """She knows the password, in every name that the application takes, and is sent to the counter."""
    place.link(place.visitor("hanako"), WRITER, PASSWORD)

    for name in (WRITER, *place.app.aliases):
        other = place.visitor("jiro")
        assert "linked to another person" in place.link(other, name, PASSWORD).text, name
        assert place.app.greets(other) == ""


def test_ten_wrong_passwords_lock_nobody_out_and_tell_nothing(place: Place) -> None:
    """Two persons try ten; a name that exists has the same answer as one that does not, and its person comes in."""
    place.link(place.visitor("owner"), OTHER, OTHERS_PASSWORD)
    told = set()
    for subject in ("eve", "mallory"):
        eve = place.visitor(subject)
        for number in range(5):
            page = place.link(eve, OTHER if number < 4 else "nobody-at-all", f"guess-{number}")
            told.add(tuple(re.findall(r'<p class="h">(.*?)</p>', page.text)))

    assert len(told) == 1, told
    owner = place.visitor("owner")
    owner.get(place.app.home)
    assert place.app.greets(owner) == OTHER


def test_the_applications_own_login_is_closed(place: Place) -> None:
    """Neither the page nor a sent form reaches the application, signed in or not, linked or not."""
    app = place.app
    hanako = place.visitor("hanako")
    place.link(hanako, WRITER, PASSWORD)
    form = {app.form[0]: OTHER, app.form[1]: OTHERS_PASSWORD}

    for visitor in (hanako, place.visitor("nobody"), Visitor(place.gateway.port, place.host, told=NAVIGATION)):
        for target in dict.fromkeys((app.login, app.post, *app.others)):
            before = of_the_application(visitor.jar)
            page = visitor.ask("GET", target)
            assert page.status in (HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST), (target, page.status, page.text[:500])
            assert f'name="{app.form[1]}"' not in page.text
            answer = visitor.send(target, form)
            assert answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST), (target, answer.status)
            assert of_the_application(visitor.jar).items() <= before.items()


def test_somebody_elses_cookie_opens_nothing(place: Place) -> None:
    """A cookie of another session is removed, with a card, with another account, and without any card."""
    app = place.app
    hanako, owner = place.visitor("hanako"), place.visitor("owner")
    place.link(hanako, WRITER, PASSWORD)
    assert app.greets(hanako) == WRITER
    stolen = of_the_application(hanako.jar)
    assert place.directly(stolen) == WRITER
    place.link(owner, OTHER, OTHERS_PASSWORD)

    thief = place.visitor("owner")
    thief.jar |= stolen
    thief.get(app.home)
    assert app.greets(thief) == OTHER
    unlinked = place.visitor("nobody")
    unlinked.jar |= stolen
    assert app.greets(unlinked) == ""
    stranger = Visitor(place.gateway.port, place.host, jar=dict(stolen), told=NAVIGATION)
    assert app.greets(stranger) == ""
    assert app.way_out in hanako.get("/").text, "a page for everybody knows her, too"
    assert app.way_out not in stranger.get("/").text


@pytest.mark.parametrize("app", APPLICATIONS, ids=lambda app: app.recipe)
def test_a_linked_account_gets_a_password_that_nobody_knows(app: Linked, tmp_path: Path, redis_url: str) -> None:
    """The application takes the old one no more; the card opens the account, also in another session."""
    with placed(app, tmp_path, redis_url, "changed") as place:
        assert place.takes(WRITER, PASSWORD)
        hanako = place.visitor("hanako")
        place.link(hanako, WRITER, PASSWORD)
        assert app.greets(hanako) == WRITER
        assert not place.takes(WRITER, PASSWORD)
        sign_out(hanako)

        again = place.visitor("hanako")
        again.get(app.home)
        assert app.greets(again) == WRITER
        place.gateway.wait_for_event("account_password", "changed")
        assert "linked" not in place.link(place.visitor("jiro"), WRITER, PASSWORD).text
        assert place.takes(OTHER, OTHERS_PASSWORD), "nobody else's password is touched"
