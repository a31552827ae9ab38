from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from gateway.demo.legacy import LegacyApplication, Reply, Request, serving, visitor_of
from tests.demo.browser import Browser


class Echo(LegacyApplication):
    """An application that shows what it understood."""

    templates = "booking"

    def fill(self, connection: sqlite3.Connection) -> None:
        pass

    def answer(self, request: Request) -> Reply:
        if request.path == "/broken":
            raise ValueError("a secret of the application")
        visitor = visitor_of(request)
        token = request.session.token if request.session else ""
        return Reply(body=f"{visitor.subject}|{visitor.name}|{visitor.resident}|{token}|{request.form}")


@pytest.fixture
def echo(tmp_path: Path, serve: Callable[[LegacyApplication], int]) -> int:
    return serve(Echo(tmp_path / "echo.db"))


def test_facts_are_percent_decoded(echo: int) -> None:
    """Header in, text out."""
    page = Browser(echo, subject="s1", name="髙橋　花子", resident="yes").get("/")

    assert page.text.startswith("s1|髙橋　花子|yes|")


def test_a_fact_that_cannot_be_decoded_is_no_fact(echo: int) -> None:
    """Bytes that are not UTF-8 are not shown as something else."""
    browser = Browser(echo, subject="s1")
    browser.headers["X-Verified-Name"] = "%FF%FE"

    assert browser.get("/").text.startswith("s1|None|None|")


def test_without_a_subject_nobody_is_there(echo: int) -> None:
    """A name alone makes no visitor, and no session is begun."""
    browser = Browser(echo)
    browser.headers["X-Verified-Name"] = "x"

    page = browser.get("/")

    assert page.status == 403
    assert browser.cookies == {}


def test_another_subject_begins_a_new_session(echo: int) -> None:
    """The application compares the subject with the one its session began with."""
    browser = Browser(echo, subject="s1")
    first = browser.get("/").text.split("|")[3]
    again = browser.get("/").text.split("|")[3]
    cookie = dict(browser.cookies)

    browser.headers["X-Verified-Subject"] = "s2"
    second = browser.get("/").text.split("|")[3]
    fresh = dict(browser.cookies)
    browser.headers["X-Verified-Subject"] = "s1"
    browser.cookies.update(cookie)
    back = browser.get("/").text.split("|")[3]

    assert first == again
    assert len({first, second, back}) == 3
    assert cookie != fresh


def test_a_session_ends_after_eight_hours(tmp_path: Path, serve: Callable[[LegacyApplication], int]) -> None:
    """By the application's clock."""
    clock = [1_000_000.0]
    browser = Browser(serve(Echo(tmp_path / "echo.db", now=lambda: clock[0])), subject="s1")
    first = browser.get("/").text

    clock[0] += 8 * 3600 + 1

    assert browser.get("/").text != first


def test_a_form_without_its_token_changes_nothing(echo: int) -> None:
    """Another site's form, and a form of a session that is over."""
    browser = Browser(echo, subject="s1")
    token = browser.get("/").text.split("|")[3]

    assert browser.post("/", {"a": "1"}).status == 403
    assert browser.post("/", {"a": "1", "token": token[:-1] + "é"}).status == 403
    assert browser.post("/", {"a": "1", "token": token}).text.endswith("{'a': '1'}")
    assert Browser(echo).post("/", {"a": "1", "token": token}).status == 403


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("PUT", {}, b"", 405),
        ("POST", {"Content-Type": "text/plain"}, b"a=b", 415),
        ("POST", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=\xe3\x81\x82", 400),
        ("POST", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=%FF", 400),
        ("POST", {"Content-Type": "application/x-www-form-urlencoded"}, b"a=" + b"b" * 70_000, 413),
    ],
)
def test_what_cannot_be_read_is_refused(
    echo: int, method: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    """Each with a page."""
    assert Browser(echo, subject="s1").send(method, "/", body, headers).status == status


def test_a_post_of_unknown_length_is_refused(echo: int) -> None:
    """2009 knew no chunked forms."""
    with socket.create_connection(("127.0.0.1", echo), timeout=5) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        answer = raw.recv(100)

    assert b" 411 " in answer


def test_a_mistake_of_the_application_shows_a_page_and_no_traceback(echo: int) -> None:
    """The visitor reads a sentence; the log names the kind of mistake, never its words."""
    with structlog.testing.capture_logs() as log:
        page = Browser(echo, subject="s1").get("/broken")

    assert page.status == 500
    assert "システムエラー" in page.text
    assert "secret" not in page.text
    assert log == [
        {"event": "demo_application_failed", "application": "booking", "error": "ValueError", "log_level": "error"}
    ]


def test_head_is_get_without_its_body(echo: int) -> None:
    """Lengths agree."""
    browser = Browser(echo, subject="s1")
    get, head = browser.get("/"), browser.send("HEAD", "/")

    assert head.text == ""
    assert head.headers["Content-Length"] == str(len(get.text.encode()))


def test_a_busy_port_is_an_error(echo: int, tmp_path: Path) -> None:
    """Nothing is served by chance on another."""
    with pytest.raises(OSError, match="in use"), serving(Echo(tmp_path / "second.db"), echo):
        pass
