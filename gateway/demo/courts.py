"""テニスコート予約: a booking system of 2009 that nobody ever taught anything, and whose maker is gone.

It is one file of the standard library: a login form, a table of passwords, a session cookie, and a form to book a
court. It reads no header of the gateway, and has no import of it. In the demo ten lines of `accounts` stand before it.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote
from wsgiref.types import StartResponse, WSGIEnvironment

ACCOUNTS = (
    ("tanaka", "court-2009", "田中　一郎"),
    ("suzuki", "net-2009", "鈴木　由美"),
    ("sakura", "smash-2009", "さくらテニス会"),
)
"""Login, password and name of the accounts from before; the demo's help page tells them."""

COOKIE = "COURTSID"
LOCKS_AFTER = 5

_COURTS = ("第1コート", "第2コート", "砂入り人工芝コート")
_HOURS = ("9時", "11時", "13時", "15時")
_MOST_FORM = 64 * 1024
_ROUNDS = 20_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, salt TEXT, password TEXT, name TEXT, wrong INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, token TEXT, user TEXT);
CREATE TABLE IF NOT EXISTS bookings (
    number INTEGER PRIMARY KEY, user TEXT, court TEXT, day TEXT, hour TEXT, note TEXT, UNIQUE (court, day, hour)
);
"""
_STYLE = """
body { margin: 0; background: #eef2f5; color: #20262b; font: 15px/1.7 "MS PGothic", "Noto Sans CJK JP", sans-serif;
  overflow-wrap: anywhere; }
header { background: #28506e; padding: 12px 18px; font-size: 20px; font-weight: bold; }
header a { color: #fff; text-decoration: none; }
nav { background: #dde8f0; padding: 6px 12px; }
nav a { display: inline-block; padding: 10px; color: #1c3f5a; }
main { max-width: 640px; padding: 4px 18px 18px; background: #fff; }
h1 { font-size: 19px; border-left: 6px solid #28506e; padding-left: 8px; }
table { border-collapse: collapse; }
th, td { border: 1px solid #8ba7bb; padding: 4px 8px; text-align: left; }
label { display: block; margin: 10px 0; }
input, select, textarea, button { font: inherit; max-width: 100%; min-height: 44px; box-sizing: border-box; }
input, select, textarea { width: 100%; }
.problem { border: 2px solid #b00020; color: #b00020; padding: 6px 10px; }
.scroll { overflow-x: auto; }
"""

_Headers = tuple[tuple[str, str], ...]
_Answer = tuple[str, _Headers, str]


class Courts:
    """The application, as WSGI has it (PEP 3333)."""

    def __init__(self, database: Path) -> None:
        self.database = database
        with self._connection() as connection:
            connection.executescript(_SCHEMA)
            for login, password, name in ACCOUNTS:
                salt = secrets.token_hex(8)
                row = (login, salt, _sealed(password, salt), name)
                connection.execute("INSERT OR IGNORE INTO users (id, salt, password, name) VALUES (?, ?, ?, ?)", row)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, with a cookie for a browser that has none."""
        session, token, user, new = self._session(environ.get("HTTP_COOKIE", ""))
        form: dict[str, str] = {}
        if environ["REQUEST_METHOD"] == "POST":
            said = environ.get("CONTENT_LENGTH") or "0"
            length = min(int(said), _MOST_FORM) if said.isascii() and said.isdigit() else 0
            given = parse_qs(environ["wsgi.input"].read(length).decode("ascii", "replace"), keep_blank_values=True)
            form = {name: values[0] for name, values in given.items()}
        status, headers, body = self._answer(environ, form, session, token, user)
        if new and not any(name == "Set-Cookie" for name, _ in headers):
            headers = (*headers, ("Set-Cookie", _cookie(session)))
        sent = body.encode()
        kind = "text/css" if environ["PATH_INFO"] == "/style.css" else "text/html"
        start_response(
            status, [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(sent))), *headers]
        )
        return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [sent]

    def _answer(self, environ: WSGIEnvironment, form: dict[str, str], session: str, token: str, user: str) -> _Answer:
        path, posted = environ["PATH_INFO"], environ["REQUEST_METHOD"] == "POST"
        if path == "/style.css":
            return "200 OK", (("Cache-Control", "max-age=300"),), _STYLE
        if path == "/":
            return self._first_page(user)
        if path == "/login.cgi":
            return self._log_in(form, session, token) if posted else _login_page(token)
        if not user:
            return _found(f"/login.cgi?next={quote(path)}")
        match path:
            case "/logout.cgi":
                self._change("DELETE FROM sessions WHERE id = ?", session)
                return _found("/")
            case "/book.cgi":
                return self._book(form, user) if posted else self._form(user)
            case "/mine.cgi":
                return self._mine(user)
            case "/passwd.cgi":
                return self._new_password(form, user) if posted else _password_page()
            case _:
                return "404 Not Found", (), _page("ページがありません", "<p>お探しのページはありません。</p>")

    # --- pages --------------------------------------------------------------------------------

    def _first_page(self, user: str) -> _Answer:
        rows = self._rows("SELECT court, day, hour FROM bookings ORDER BY day, hour, court")
        taken = "".join(f"<tr><td>{escape(c)}</td><td>{escape(d)}</td><td>{escape(h)}</td></tr>" for c, d, h in rows)
        told = "".join(
            f"<tr><td>{escape(login)}</td><td>{escape(password)}</td><td>{escape(name)}</td></tr>"
            for login, password, name in ACCOUNTS
        )
        busy = _table("コート", "日", "時間", rows=taken) if taken else "<p>ありません。</p>"
        body = (
            "<p>コートの空き状況です。予約には、2009年に発行した利用者IDが必要です。</p>"
            f"<h2>予約の入っている時間</h2>{busy}"
            "<p><a href='/book.cgi'>コートを予約する</a></p>"
            f"<h2>利用者ID（実演用）</h2>{_table('利用者ID', 'パスワード', '氏名', rows=told)}"
        )
        return "200 OK", (), _page("テニスコートの空き状況", body, self._name(user))

    def _form(self, user: str, problem: str = "", form: dict[str, str] | None = None) -> _Answer:
        day = (datetime.now(UTC) + timedelta(hours=9, days=1)).date()
        days = [f"{day + timedelta(days=ahead)}" for ahead in range(14)]
        given = form or {}
        body = (
            (f'<p class="problem">{escape(problem)}</p>' if problem else "")
            + '<form method="post" action="/book.cgi">'
            + _select("court", "コート", _COURTS, given.get("court", ""))
            + _select("day", "日", days, given.get("day", ""))
            + _select("hour", "開始", _HOURS, given.get("hour", ""))
            + f'<label>連絡事項<textarea name="note" rows="3">{escape(given.get("note", ""))}</textarea></label>'
            + "<button type='submit'>この内容で予約する</button></form>"
        )
        return "200 OK", (), _page("コートの予約", body, self._name(user))

    def _book(self, form: dict[str, str], user: str) -> _Answer:
        chosen = tuple(form.get(name, "") for name in ("court", "day", "hour"))
        if chosen[0] not in _COURTS or chosen[2] not in _HOURS or not chosen[1]:
            return self._form(user, "コートと日時を選んでください。", form)
        try:
            self._change(
                "INSERT INTO bookings (user, court, day, hour, note) VALUES (?, ?, ?, ?, ?)",
                user,
                *chosen,
                form.get("note", ""),
            )
        except sqlite3.IntegrityError:
            return self._form(user, "その時間には、先に予約が入りました。", form)
        return _found("/mine.cgi")

    def _mine(self, user: str) -> _Answer:
        rows = self._rows("SELECT court, day, hour, note FROM bookings WHERE user = ? ORDER BY day, hour", user)
        told = "".join("<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in rows)
        table = _table("コート", "日", "時間", "連絡事項", rows=told) if told else "<p>予約はありません。</p>"
        return "200 OK", (), _page("予約の確認", table, self._name(user))

    # --- who it is ----------------------------------------------------------------------------

    def _log_in(self, form: dict[str, str], session: str, token: str) -> _Answer:
        if not secrets.compare_digest(form.get("token", "").encode(), token.encode()):
            return "400 Bad Request", (), _page("ログイン", "<p>画面の有効期限が切れました。</p>")
        found = self._rows("SELECT id, salt, password, wrong FROM users WHERE id = ?", form.get("user", ""))
        if not found or found[0][3] >= LOCKS_AFTER:
            return _login_page(token, "利用者IDかパスワードが違います。")
        login, salt, password, _ = found[0]
        if not secrets.compare_digest(_sealed(form.get("pass", ""), salt), password):
            self._change("UPDATE users SET wrong = wrong + 1 WHERE id = ?", login)
            return _login_page(token, "利用者IDかパスワードが違います。")
        self._change("UPDATE users SET wrong = 0 WHERE id = ?", login)
        self._change("DELETE FROM sessions WHERE id = ?", session)
        fresh = secrets.token_hex(16)
        self._change("INSERT INTO sessions VALUES (?, ?, ?)", fresh, secrets.token_hex(8), login)
        return "302 Found", (("Location", "/mine.cgi"), ("Set-Cookie", _cookie(fresh))), ""

    def _new_password(self, form: dict[str, str], user: str) -> _Answer:
        salt = secrets.token_hex(8)
        password = _sealed(form.get("new", ""), salt)
        self._change("UPDATE users SET salt = ?, password = ? WHERE id = ?", salt, password, user)
        return _found("/")

    def _session(self, cookies: str) -> tuple[str, str, str, bool]:
        """Return the session's cookie, its token and its user; one is begun for a browser that has none."""
        try:
            morsel = SimpleCookie(cookies).get(COOKIE)
        except CookieError:
            morsel = None
        rows = self._rows("SELECT id, token, user FROM sessions WHERE id = ?", "" if morsel is None else morsel.value)
        if rows:
            return rows[0][0], rows[0][1], rows[0][2], False
        fresh, token = secrets.token_hex(16), secrets.token_hex(8)
        self._change("INSERT INTO sessions VALUES (?, ?, '')", fresh, token)
        return fresh, token, "", True

    def _name(self, user: str) -> str:
        rows = self._rows("SELECT name FROM users WHERE id = ?", user)
        return str(rows[0][0]) if rows else ""

    # --- the database -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.database, timeout=10)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def _rows(self, what: str, *values: str) -> list[tuple[Any, ...]]:
        with self._connection() as connection:
            return connection.execute(what, values).fetchall()

    def _change(self, what: str, *values: str) -> None:
        with self._connection() as connection:
            connection.execute(what, values)


def _sealed(password: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ROUNDS).hex()


def _cookie(session: str) -> str:
    return f"{COOKIE}={session}; Path=/; HttpOnly"


def _found(path: str) -> _Answer:
    return "302 Found", (("Location", path),), ""


def _login_page(token: str, problem: str = "") -> _Answer:
    body = (
        (f'<p class="problem">{escape(problem)}</p>' if problem else "")
        + f'<form method="post" action="/login.cgi"><input type="hidden" name="token" value="{token}">'
        + '<label>利用者ID<input name="user"></label><label>パスワード<input type="password" name="pass"></label>'
        + "<button type='submit'>ログイン</button></form>"
    )
    return "200 OK", (), _page("ログイン", body)


def _password_page() -> _Answer:
    body = (
        '<form method="post" action="/passwd.cgi"><label>新しいパスワード<input type="password" name="new"></label>'
        "<button type='submit'>変更する</button></form>"
    )
    return "200 OK", (), _page("パスワードの変更", body)


def _select(name: str, label: str, options: Iterable[str], chosen: str) -> str:
    listed = "".join(f"<option{' selected' if each == chosen else ''}>{escape(each)}</option>" for each in options)
    return f'<label>{label}<select name="{name}">{listed}</select></label>'


def _table(*heads: str, rows: str) -> str:
    head = "".join(f"<th>{each}</th>" for each in heads)
    return f'<div class="scroll" tabindex="0"><table><tr>{head}</tr>{rows}</table></div>'


def _page(title: str, body: str, name: str = "") -> str:
    known = f"<p>{escape(name)} 様</p>" if name else ""
    return (
        '<!DOCTYPE html><html lang="ja"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{title} | テニスコート予約</title><link rel="stylesheet" href="/style.css"></head><body>'
        '<header><a href="/">テニスコート予約システム</a></header>'
        '<nav aria-label="メニュー"><a href="/">空き状況</a><a href="/book.cgi">予約する</a>'
        '<a href="/mine.cgi">予約の確認</a><a href="/logout.cgi">ログアウト</a></nav>'
        f"<main><h1>{title}</h1>{known}{body}</main></body></html>"
    )
