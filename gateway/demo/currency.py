"""地域通貨: an account of points for each resident, and shops to pay.

An account belongs to `X-Verified-Subject`; the name on it is that of `X-Verified-Name` on the day it was opened.
The gateway decides who may open one; this application has never heard of addresses.
"""

from __future__ import annotations

import secrets
import sqlite3
from http import HTTPStatus

from gateway.demo.legacy import LegacyApplication, RefusedRequestError, Reply, Request, see_other, visitor_of
from gateway.instant import tokyo_time

WELCOME_GIFT = 3_000
"""Points on a new account."""
_MOST = 100_000
_SHOPS = (
    (1, "まるや青果店", "本町1丁目"),
    (2, "高山食堂", "花岡町2丁目"),
    (3, "ひだ書房", "天満町5丁目"),
    (4, "朝市組合", "下三之町"),
)


class Currency(LegacyApplication):
    """The application."""

    cookie = "SAIFU_SESSION"
    templates = "currency"
    schema = """
CREATE TABLE IF NOT EXISTS accounts (
    number INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE, name TEXT NOT NULL, opened REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS shops (id INTEGER PRIMARY KEY, name TEXT NOT NULL, place TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts (number), shop INTEGER REFERENCES shops (id),
    amount INTEGER NOT NULL, at REAL NOT NULL, payment TEXT NOT NULL UNIQUE
)"""

    def fill(self, connection: sqlite3.Connection) -> None:
        """Put in the shops."""
        connection.executemany("INSERT OR IGNORE INTO shops VALUES (?, ?, ?)", _SHOPS)

    def answer(self, request: Request) -> Reply:
        """Find the page."""
        match request.verb, request.path.strip("/").split("/"):
            case "GET", ["static", "style.css"]:
                return self.stylesheet()
            case "GET", [""]:
                return self.page("index", request, account=self._account(request))
            case "GET", ["about"]:
                return self.page("about", request, gift=WELCOME_GIFT)
            case "GET", ["account", "new"]:
                return self._opening(request)
            case "POST", ["account", "new"]:
                return self._open(request)
            case "GET", ["account", "done"]:
                account = self._account(request)
                return see_other("/account/new") if account is None else self.page("opened", request, account=account)
            case "GET", ["wallet"]:
                return self._wallet(request)
            case "GET", ["wallet", "pay"]:
                return self._payment(request)
            case "POST", ["wallet", "pay"]:
                return self._pay(request)
            case "GET", ["wallet", "receipt", number]:
                return self._receipt(request, number)
            case _:
                raise RefusedRequestError(HTTPStatus.NOT_FOUND, "お探しのページはありません。")

    def _opening(self, request: Request, problem: str = "") -> Reply:
        if self._account(request) is not None:
            return see_other("/wallet")
        return self.page("new", request, problem=problem, gift=WELCOME_GIFT)

    def _open(self, request: Request) -> Reply:
        visitor = visitor_of(request)
        if visitor.name is None:
            return self._opening(request, "氏名を確認できないため、口座を開けません。")
        if request.form.get("agree") != "yes":
            return self._opening(request, "規約に同意のうえ、お申し込みください。")
        with self.change() as connection:
            if connection.execute("SELECT 1 FROM accounts WHERE subject = ?", (visitor.subject,)).fetchone():
                return see_other("/wallet")
            account = connection.execute(
                "INSERT INTO accounts (subject, name, opened) VALUES (?, ?, ?)",
                (visitor.subject, visitor.name, self.now()),
            ).lastrowid
            connection.execute(
                "INSERT INTO entries (account, amount, at, payment) VALUES (?, ?, ?, ?)",
                (account, WELCOME_GIFT, self.now(), f"welcome {account}"),
            )
        return see_other("/account/done")

    def _wallet(self, request: Request) -> Reply:
        account = self._account(request)
        if account is None:
            return see_other("/account/new")
        entries = self._entries(account["number"])
        return self.page("wallet", request, account=account, balance=self._balance(account["number"]), entries=entries)

    def _payment(self, request: Request, problem: str = "", payment: str = "") -> Reply:
        account = self._account(request)
        if account is None:
            return see_other("/account/new")
        with self.connection() as connection:
            shops = connection.execute("SELECT * FROM shops ORDER BY id").fetchall()
        balance = self._balance(account["number"])
        # One page is one payment: pressing its button twice pays once.
        payment = payment or secrets.token_urlsafe(16)
        return self.page("pay", request, shops=shops, balance=balance, payment=payment, problem=problem)

    def _pay(self, request: Request) -> Reply:
        account = self._account(request)
        if account is None:
            return see_other("/account/new")
        form = request.form
        text, payment = form.get("amount", "").strip(), form.get("payment", "")
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST)) and 1 <= int(text) <= _MOST):
            return self._payment(request, f"金額は1から{_MOST:,}までの半角数字で入力してください。", payment)
        if not 1 <= len(payment) <= 64:
            raise RefusedRequestError(HTTPStatus.BAD_REQUEST, "送信内容を読み取れません。")
        amount, key = int(text), f"{account['number']} {payment}"
        with self.change() as connection:
            known = connection.execute("SELECT id FROM entries WHERE payment = ?", (key,)).fetchone()
            if known is not None:
                return see_other(f"/wallet/receipt/{known['id']}")
            shop = connection.execute("SELECT id FROM shops WHERE id = ?", (form.get("shop", ""),)).fetchone()
            balance = _sum(connection, account["number"])
            problem = "お店を選んでください。" if shop is None else "残高が足りません。" if balance < amount else ""
            if problem:
                return self._payment(request, problem, payment)
            made = connection.execute(
                "INSERT INTO entries (account, shop, amount, at, payment) VALUES (?, ?, ?, ?, ?)",
                (account["number"], shop["id"], -amount, self.now(), key),
            ).lastrowid
        return see_other(f"/wallet/receipt/{made}")

    def _receipt(self, request: Request, number: str) -> Reply:
        account = self._account(request)
        for entry in [] if account is None else self._entries(account["number"]):
            if str(entry["id"]) == number:
                return self.page("receipt", request, entry=entry)
        raise RefusedRequestError(HTTPStatus.NOT_FOUND, "その取引はありません。")

    def _account(self, request: Request) -> sqlite3.Row | None:
        subject = visitor_of(request).subject
        with self.connection() as connection:
            found: sqlite3.Row | None = connection.execute(
                "SELECT * FROM accounts WHERE subject = ?", (subject,)
            ).fetchone()
        return found

    def _balance(self, account: int) -> int:
        with self.connection() as connection:
            return _sum(connection, account)

    def _entries(self, account: int) -> list[dict[str, object]]:
        with self.connection() as connection:
            rows = connection.execute(
                "SELECT entries.*, COALESCE(shops.name, '開設記念ポイント') AS shop_name "
                "FROM entries LEFT JOIN shops ON shops.id = entries.shop WHERE account = ? ORDER BY entries.id DESC",
                (account,),
            ).fetchall()
        return [{**dict(row), "when": f"{tokyo_time(row['at']):%Y年%m月%d日 %H:%M}"} for row in rows]


def _sum(connection: sqlite3.Connection, account: int) -> int:
    row = connection.execute("SELECT COALESCE(SUM(amount), 0) FROM entries WHERE account = ?", (account,)).fetchone()
    return int(row[0])
