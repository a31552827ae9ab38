"""児童手当: an application for child allowance, which a parent signs with her card.

The form comes with `X-Verified-Signature-Id` and `X-Verified-Signature-Hash` once it has been signed. This application
makes the document again from the form and compares the hash, as `docs/signing.md` tells its owners.
"""

from __future__ import annotations

import hmac
import sqlite3
from datetime import date
from http import HTTPStatus
from urllib.parse import parse_qsl

from gateway.demo.legacy import LegacyApplication, RefusedRequestError, Reply, Request, see_other, visitor_of
from gateway.instant import tokyo_day, tokyo_time
from gateway.signing.digest import sha256_base64
from gateway.signing.document import canonical

TITLE = "児童手当の認定請求書"
"""The title of the policy's rule, which is part of the signed document."""

_LONGEST = 60


class Allowance(LegacyApplication):
    """The application."""

    cookie = "TEATE_SESSION"
    templates = "allowance"
    schema = """
CREATE TABLE IF NOT EXISTS claims (
    number INTEGER PRIMARY KEY, subject TEXT NOT NULL, name TEXT NOT NULL, child TEXT NOT NULL, born TEXT NOT NULL,
    signature TEXT NOT NULL UNIQUE, hash TEXT NOT NULL, at REAL NOT NULL
)"""

    def fill(self, connection: sqlite3.Connection) -> None:
        """Begin without claims."""

    def answer(self, request: Request) -> Reply:
        """Find the page."""
        match request.verb, request.path.strip("/").split("/"):
            case "GET", ["static", "style.css"]:
                return self.stylesheet()
            case "GET", [""]:
                return self.page("index", request, claims=self._claims(request))
            case "GET", ["apply"]:
                return self._form(request)
            case "POST", ["apply"]:
                return self._apply(request)
            case "GET", ["claims", number]:
                return self._claim(request, number)
            case _:
                raise RefusedRequestError(HTTPStatus.NOT_FOUND, "お探しのページはありません。")

    def _form(self, request: Request, problem: str = "") -> Reply:
        visitor_of(request)
        return self.page("apply", request, problem=problem)

    def _apply(self, request: Request) -> Reply:
        visitor = visitor_of(request)
        child, born = request.form.get("child", "").strip(), request.form.get("born", "")
        if not 0 < len(child) <= _LONGEST or not self._is_child(born):
            return self._form(request, "お子さまの氏名と、18歳までの生年月日を入力してください。")
        signature = request.signature
        if signature is None:
            raise RefusedRequestError(HTTPStatus.FORBIDDEN, "この申請には、マイナンバーカードでの署名が必要です。")
        fields = parse_qsl(request.body.decode("ascii"), keep_blank_values=True)
        made = sha256_base64(canonical(fields, TITLE))
        if not hmac.compare_digest(made.encode(), signature.hash.encode()):
            raise RefusedRequestError(HTTPStatus.FORBIDDEN, "署名された内容と、届いた内容が一致しません。")
        with self.change() as connection:
            known = connection.execute("SELECT number FROM claims WHERE signature = ?", (signature.id,)).fetchone()
            number = known["number"] if known is not None else None
            if number is None:
                row = (visitor.subject, visitor.name or "", child, born, signature.id, made, self.now())
                number = connection.execute(
                    "INSERT INTO claims (subject, name, child, born, signature, hash, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    row,
                ).lastrowid
        return see_other(f"/claims/{number}")

    def _is_child(self, born: str) -> bool:
        try:
            day = date.fromisoformat(born)
        except ValueError:
            return False
        today = tokyo_day(self.now())
        return day <= today < day.replace(year=day.year + 19, day=min(day.day, 28))

    def _claim(self, request: Request, number: str) -> Reply:
        for claim in self._claims(request):
            if str(claim["number"]) == number:
                return self.page("claim", request, claim=claim)
        raise RefusedRequestError(HTTPStatus.NOT_FOUND, "その申請はありません。")

    def _claims(self, request: Request) -> list[dict[str, object]]:
        subject = visitor_of(request).subject
        with self.connection() as connection:
            rows = connection.execute("SELECT * FROM claims WHERE subject = ? ORDER BY number", (subject,)).fetchall()
        return [{**dict(row), "at": f"{tokyo_time(row['at']):%Y年%m月%d日 %H:%M}"} for row in rows]
