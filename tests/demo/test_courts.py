"""The demo's application of 2009 that nobody taught anything, alone."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from gateway.demo import courts
from gateway.demo.courts import ACCOUNTS, LOCKS_AFTER, Courts
from gateway.demo.legacy import serving
from tests.demo.browser import Browser, Seen

LOGIN, PASSWORD, NAME = ACCOUNTS[0]


@pytest.fixture(name="port")
def port_fixture(tmp_path: Path) -> Iterator[int]:
    """The application on a port of its own."""
    with serving(Courts(tmp_path / "courts.db")) as port:
        yield port


@pytest.fixture(name="log_in")
def log_in_fixture(port: int) -> Callable[..., tuple[Browser, Seen]]:
    """Fills in the login form in a new browser."""

    def log_in(login: str = LOGIN, password: str = PASSWORD) -> tuple[Browser, Seen]:
        browser = Browser(port)
        token = browser.get("/login.cgi").value("token")
        return browser, browser.post("/login.cgi", {"token": token, "user": login, "pass": password})

    return log_in


def test_it_knows_nothing_of_us() -> None:
    """It imports the standard library alone, and reads no header of ours."""
    text = Path(courts.__file__).read_text("utf-8")

    assert not re.search(r"^(?:from|import) (?:gateway|aiohttp|jinja2)", text, re.MULTILINE)
    assert "verified" not in text.lower()


def test_everybody_sees_the_courts_and_the_old_logins(port: int) -> None:
    """The first page lists them, as the demo is for trying."""
    page = Browser(port).get("/").text

    assert all(each in page for account in ACCOUNTS for each in account)


def test_a_session_is_begun_by_its_own_login_alone(port: int, log_in: Callable[..., tuple[Browser, Seen]]) -> None:
    """Another page leads to the login; a good one sets another cookie than the form had."""
    stranger = Browser(port)
    asked = stranger.get("/book.cgi")
    assert (asked.status, asked.headers["Location"]) == (302, "/login.cgi?next=/book.cgi")

    browser, answer = log_in()
    assert (answer.status, answer.headers["Location"]) == (302, "/mine.cgi")
    assert f"{NAME} 様" in browser.get("/mine.cgi").text
    browser.get("/logout.cgi")
    assert browser.get("/mine.cgi").status == 302


def test_a_court_is_booked_once(log_in: Callable[..., tuple[Browser, Seen]]) -> None:
    """The second booking of the same time gets the form again, with all that was written."""
    browser, _ = log_in()
    form = browser.get("/book.cgi").text
    chosen = {name: re.findall(rf'<select name="{name}"><option>([^<]*)', form)[0] for name in ("court", "day", "hour")}

    booked = browser.post("/book.cgi", {**chosen, "note": "ラケット <2本>"})
    again = browser.post("/book.cgi", {**chosen, "note": "もう一度"})

    assert (booked.status, booked.headers["Location"]) == (302, "/mine.cgi")
    assert "ラケット &lt;2本&gt;" in browser.get("/mine.cgi").text
    assert "先に予約が入りました" in again.text
    assert "もう一度" in again.text
    assert "コートと日時を選んでください" in browser.post("/book.cgi", {"court": "x"}).text


def test_five_wrong_passwords_lock_an_account(log_in: Callable[..., tuple[Browser, Seen]]) -> None:
    """As its settings say; the answer to a locked account is that of a wrong password."""
    for _ in range(LOCKS_AFTER):
        _, wrong = log_in(password="guess")
        assert "違います" in wrong.text

    _, locked = log_in()

    assert (locked.status, "違います" in locked.text) == (200, True)
    assert "違います" in log_in("nobody")[1].text


def test_a_login_without_the_forms_token_is_refused(port: int) -> None:
    """So the gateway must take the form's hidden field along."""
    browser = Browser(port)
    browser.get("/login.cgi")

    assert browser.post("/login.cgi", {"user": LOGIN, "pass": PASSWORD}).status == 400


def test_a_password_can_be_changed(log_in: Callable[..., tuple[Browser, Seen]]) -> None:
    """The new one opens, the old one does not; the table has neither in the clear."""
    browser, _ = log_in()
    assert "新しいパスワード" in browser.get("/passwd.cgi").text
    browser.post("/passwd.cgi", {"new": "volley-2026"})

    assert log_in(password="volley-2026")[1].status == 302
    assert log_in()[1].status == 200


def test_no_password_is_kept_in_the_clear(tmp_path: Path) -> None:
    """Its maker did that much."""
    Courts(tmp_path / "courts.db")
    with sqlite3.connect(tmp_path / "courts.db") as connection:
        rows = connection.execute("SELECT * FROM users").fetchall()

    assert len(rows) == len(ACCOUNTS)
    assert not any(password in str(rows) for _, password, _ in ACCOUNTS)


@pytest.mark.parametrize("length", ["x", "", "99999999"])
def test_a_broken_request_ends_in_a_page(tmp_path: Path, length: str) -> None:
    """No traceback follows from a length that a client makes up."""
    browser_side: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/nowhere",
        "CONTENT_LENGTH": length,
        "HTTP_COOKIE": 'a="; COURTSID',
        "wsgi.input": BytesIO(b"a=1"),
    }

    body = Courts(tmp_path / "courts.db")(environ, lambda status, _headers, _error=None: browser_side.append(status))  # type: ignore[arg-type]

    assert browser_side == ["302 Found"]
    assert b"".join(body) == b""
