"""施設予約: rooms of a city, booked by the day and part of the day.

It had local accounts long before visitors' identities were verified. On a person's first visit it asks once for the
old login and links it to `X-Verified-Subject`, or opens a new account; from then on the subject is the login.
Residents (`X-Verified-Resident: yes`) pay less. It never learns an address.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import secrets
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import date, timedelta
from http import HTTPStatus
from pathlib import Path

from gateway.demo.courts import ACCOUNTS
from gateway.demo.legacy import (
    LegacyApplication,
    RefusedRequestError,
    Reply,
    Request,
    Visitor,
    see_other,
    serving,
    visitor_of,
)
from gateway.instant import Instant, tokyo_day

SLOTS = {"am": "午前（9時–12時）", "pm": "午後（13時–17時）", "night": "夜間（18時–21時）"}
OLD_ACCOUNTS = (
    ("hanako", "sakura-2009", "髙橋　花子"),
    ("taro", "fuji-2009", "山田　太郎"),
)
"""Login, password and name of the accounts from before; the demo's help page tells them."""

_FACILITIES = (
    (42, "文化センター 第1会議室", "定員24名。机・椅子・ホワイトボード", 600, 1200),
    (43, "文化センター 音楽室", "ピアノ1台。防音", 900, 1800),
    (51, "総合体育館 多目的ホール", "バドミントン3面。更衣室あり", 1500, 3000),
    (60, "区民プラザ 和室", "12畳。茶道具一式", 500, 1000),
)
_DAYS_AHEAD = 14
_FAILURES = 5
_LOCKED = 300.0
"""Seconds an old account takes no password after five wrong ones."""
_ROUNDS = 60_000


class Booking(LegacyApplication):
    """The application."""

    cookie = "YOYAKU_SESSION"
    templates = "booking"
    schema = """
CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY, login TEXT UNIQUE, password TEXT, name TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0, locked_until REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS links (
    subject TEXT PRIMARY KEY, account INTEGER NOT NULL UNIQUE REFERENCES accounts (id)
);
CREATE TABLE IF NOT EXISTS facilities (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT NOT NULL, resident INTEGER NOT NULL, outside INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS bookings (
    id INTEGER PRIMARY KEY, facility INTEGER NOT NULL REFERENCES facilities (id), day TEXT NOT NULL, slot TEXT NOT NULL,
    account INTEGER NOT NULL REFERENCES accounts (id), fee INTEGER NOT NULL, UNIQUE (facility, day, slot)
)"""

    def __init__(
        self, database: Path, *, logout_url: str = "", courts_url: str = "", now: Callable[[], Instant] = time.time
    ) -> None:
        """`courts_url` leads to the demo's application that has accounts of its own kind."""
        self._courts_url = courts_url
        super().__init__(database, logout_url=logout_url, now=now)

    def fill(self, connection: sqlite3.Connection) -> None:
        """Put in the rooms, and the accounts of 2009 with a booking that one of them already holds."""
        if connection.execute("SELECT 1 FROM facilities").fetchone():
            return
        connection.executemany("INSERT INTO facilities VALUES (?, ?, ?, ?, ?)", _FACILITIES)
        for login, password, name in OLD_ACCOUNTS:
            row = (login, _sealed(password, secrets.token_hex(16)), name)
            connection.execute("INSERT INTO accounts (login, password, name) VALUES (?, ?, ?)", row)
        day = self._today() + timedelta(days=7)
        connection.execute(
            "INSERT INTO bookings (facility, day, slot, account, fee) VALUES (60, ?, 'am', 1, 500)", (day.isoformat(),)
        )

    def answer(self, request: Request) -> Reply:
        """Find the page."""
        match request.verb, request.path.strip("/").split("/"):
            case "GET", [""] | ["facilities"]:
                return self.page("index", request, facilities=self._facilities(), courts=self._courts())
            case "GET", ["static", "style.css" | "help.html" as name]:
                help_page = name == "help.html"
                return (
                    self.page("help", request, accounts=OLD_ACCOUNTS, courts=self._courts())
                    if help_page
                    else self.stylesheet()
                )
            case "GET", ["facilities", number]:
                return self._facility_page(request, number)
            case "GET", ["reserve"]:
                return self._reserve(request)
            case "POST", ["reserve", "link"]:
                return self._link(request)
            case "POST", ["reserve", "open"]:
                return self._open(request)
            case "GET", ["reserve", "done", number]:
                return self._done(request, number)
            case "GET", ["reserve", number]:
                return self._form_page(request, number)
            case "POST", ["reserve", number]:
                return self._book(request, number)
            case "GET", ["mypage"]:
                return self._mypage(request)
            case "POST", ["mypage", "cancel"]:
                return self._cancel(request)
            case "POST", ["mypage", "unlink"]:
                return self._unlink(request)
            case _:
                raise RefusedRequestError(HTTPStatus.NOT_FOUND, "お探しのページはありません。")

    # Pages for everybody

    def _courts(self) -> dict[str, object] | None:
        """Return the other application with old accounts, for the pages that tell of the demo."""
        return {"url": self._courts_url, "accounts": ACCOUNTS} if self._courts_url else None

    def _facility_page(self, request: Request, number: str) -> Reply:
        facility = self._facility(number)
        days = self._days()
        with self.connection() as connection:
            rows = connection.execute("SELECT day, slot FROM bookings WHERE facility = ?", (facility["id"],)).fetchall()
        taken = {(row["day"], row["slot"]) for row in rows}
        return self.page("facility", request, facility=facility, days=days, slots=SLOTS, taken=taken)

    # Pages for somebody

    def _reserve(self, request: Request, problem: str = "") -> Reply:
        visitor = visitor_of(request)
        account = self._account(visitor)
        bookings = [] if account is None else self._bookings(account["id"])
        return self.page(
            "reserve",
            request,
            account=account,
            facilities=self._facilities(),
            bookings=bookings,
            slots=SLOTS,
            problem=problem,
        )

    def _form_page(self, request: Request, number: str, problem: str = "") -> Reply:
        facility = self._facility(number)
        if self._account(visitor_of(request)) is None:
            return see_other("/reserve")
        return self.page(
            "book", request, facility=facility, days=self._days(), slots=SLOTS, problem=problem, chosen=request.query
        )

    def _book(self, request: Request, number: str) -> Reply:
        visitor = visitor_of(request)
        facility = self._facility(number)
        account = self._account(visitor)
        if account is None:
            return see_other("/reserve")
        day, slot = request.form.get("day", ""), request.form.get("slot", "")
        if day not in {str(day) for day in self._days()} or slot not in SLOTS:
            return self._form_page(request, number, "日と時間帯を選んでください。")
        # Unknown is not a yes: without the word of a verified residence the outside fee is due.
        fee = facility["resident"] if visitor.resident == "yes" else facility["outside"]
        try:
            with self.change() as connection:
                made = connection.execute(
                    "INSERT INTO bookings (facility, day, slot, account, fee) VALUES (?, ?, ?, ?, ?)",
                    (facility["id"], day, slot, account["id"], fee),
                )
        except sqlite3.IntegrityError:
            return self._form_page(request, number, "申し訳ありません。その時間帯は、先に予約が入りました。")
        return see_other(f"/reserve/done/{made.lastrowid}")

    def _done(self, request: Request, number: str) -> Reply:
        account = self._account(visitor_of(request))
        for booking in [] if account is None else self._bookings(account["id"]):
            if str(booking["id"]) == number:
                return self.page("done", request, booking=booking, slots=SLOTS)
        raise RefusedRequestError(HTTPStatus.NOT_FOUND, "その予約はありません。")

    def _mypage(self, request: Request) -> Reply:
        account = self._account(visitor_of(request))
        if account is None:
            return see_other("/reserve")
        return self.page("mypage", request, account=account, bookings=self._bookings(account["id"]), slots=SLOTS)

    def _cancel(self, request: Request) -> Reply:
        account = self._account(visitor_of(request))
        if account is not None:
            with self.change() as connection:
                wanted = (request.form.get("booking", ""), account["id"])
                connection.execute("DELETE FROM bookings WHERE id = ? AND account = ?", wanted)
        return see_other("/mypage")

    # The old login

    def _link(self, request: Request) -> Reply:
        visitor = visitor_of(request)
        login, password = request.form.get("login", ""), request.form.get("password", "")
        now = self.now()
        with self.change() as connection:
            account = connection.execute("SELECT * FROM accounts WHERE login = ?", (login,)).fetchone()
            locked = account is not None and account["locked_until"] > now
            # Sealed also for a login that does not exist, so that the time taken does not tell which do.
            sealed = account["password"] if account is not None else _sealed("", "0" * 32)
            right = hmac.compare_digest(_sealed(password, sealed.partition("$")[0]), sealed)
            if account is None or locked or not right:
                if account is not None and not locked:
                    failures = account["failures"] + 1
                    until = now + _LOCKED if failures >= _FAILURES else 0
                    connection.execute(
                        "UPDATE accounts SET failures = ?, locked_until = ? WHERE id = ?",
                        (0 if until else failures, until, account["id"]),
                    )
                problem = "利用者IDまたはパスワードが違うか、続けて間違えたため一時的に使えません。"
            elif connection.execute("SELECT 1 FROM links WHERE subject = ?", (visitor.subject,)).fetchone():
                problem = ""
            elif connection.execute("SELECT 1 FROM links WHERE account = ?", (account["id"],)).fetchone():
                problem = "この利用者IDは、すでに別の方の本人確認と結び付いています。窓口へお越しください。"
            else:
                connection.execute("UPDATE accounts SET failures = 0 WHERE id = ?", (account["id"],))
                connection.execute("INSERT INTO links VALUES (?, ?)", (visitor.subject, account["id"]))
                problem = ""
        return self._reserve(request, problem) if problem else see_other("/reserve")

    def _open(self, request: Request) -> Reply:
        visitor = visitor_of(request)
        with self.change() as connection:
            if not connection.execute("SELECT 1 FROM links WHERE subject = ?", (visitor.subject,)).fetchone():
                made = connection.execute("INSERT INTO accounts (name) VALUES (?)", (visitor.name or "（氏名なし）",))
                connection.execute("INSERT INTO links VALUES (?, ?)", (visitor.subject, made.lastrowid))
        return see_other("/reserve")

    def _unlink(self, request: Request) -> Reply:
        account = self._account(visitor_of(request))
        if account is not None:
            with self.change() as connection:
                connection.execute("DELETE FROM links WHERE account = ?", (account["id"],))
                if account["login"] is None:
                    # No person could reach an account without a login again: it closes, as the page has announced.
                    connection.execute("DELETE FROM bookings WHERE account = ?", (account["id"],))
                    connection.execute("DELETE FROM accounts WHERE id = ?", (account["id"],))
        return see_other("/")

    # Looking things up

    def _today(self) -> date:
        return tokyo_day(self.now())

    def _days(self) -> list[date]:
        return [self._today() + timedelta(days=ahead) for ahead in range(1, _DAYS_AHEAD + 1)]

    def _facilities(self) -> list[sqlite3.Row]:
        with self.connection() as connection:
            return connection.execute("SELECT * FROM facilities ORDER BY id").fetchall()

    def _facility(self, number: str) -> sqlite3.Row:
        for facility in self._facilities():
            if str(facility["id"]) == number:
                return facility
        raise RefusedRequestError(HTTPStatus.NOT_FOUND, "お探しの施設はありません。")

    def _account(self, visitor: Visitor) -> sqlite3.Row | None:
        with self.connection() as connection:
            found: sqlite3.Row | None = connection.execute(
                "SELECT accounts.* FROM accounts JOIN links ON links.account = accounts.id WHERE links.subject = ?",
                (visitor.subject,),
            ).fetchone()
        return found

    def _bookings(self, account: int) -> list[sqlite3.Row]:
        with self.connection() as connection:
            return connection.execute(
                "SELECT bookings.*, facilities.name FROM bookings JOIN facilities ON facilities.id = bookings.facility "
                "WHERE account = ? ORDER BY day, slot",
                (account,),
            ).fetchall()


def _sealed(password: str, salt: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ROUNDS)
    return f"{salt}${digest.hex()}"


def main() -> None:
    """Serve the application by itself, as `deploy/compose` does, until SIGTERM: `python -m gateway.demo.booking`.

    It believes the headers of everybody who reaches it, as the old applications behind the gateway do.
    """
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.booking", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8000", help="address and port")
    parser.add_argument("--folder", type=Path, required=True, help="folder of its database")
    asked = parser.parse_args()
    host, _, port = asked.listen.rpartition(":")
    ends = {signal.SIGTERM, signal.SIGINT}
    # Before the server's threads begin: they inherit the mask, and so the signal waits for us.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with serving(Booking(asked.folder / "booking.db", logout_url="/.sekisho/logout"), int(port), host):
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
