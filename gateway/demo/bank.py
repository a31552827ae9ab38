"""A bank that asks for a person's consent to get her newest name and address, by the gateway's API of signatures.

The bank asks for the signature from its own server, sends the browser to the page that the gateway names, and reads
the result when the browser comes back. It keeps the document's hash. The certificate is for its PF operator alone.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.demo.legacy import LegacyApplication, RefusedRequestError, Reply, Request, see_other, visitor_of

_CONSENT = "newest"
_LONGEST_ANSWER = 1024 * 1024
_PATIENCE = 10.0
"""Seconds for one call of the API."""


class Bank(LegacyApplication):
    """The application."""

    cookie = "GINKO_SESSION"
    templates = "bank"
    schema = """
CREATE TABLE IF NOT EXISTS consents (
    number INTEGER PRIMARY KEY, subject TEXT NOT NULL, signature TEXT NOT NULL, state TEXT NOT NULL, hash TEXT NOT NULL
)"""

    def __init__(self, database: Path, *, signatures: str, token: str, host: str, logout_url: str = "") -> None:
        """Take the URL of the API, our token, and the name under which the gateway knows us."""
        super().__init__(database, logout_url=logout_url)
        self._signatures = urlsplit(signatures)
        self._token = token
        self._host = host

    def fill(self, connection: sqlite3.Connection) -> None:
        """Begin without consents."""

    def answer(self, request: Request) -> Reply:
        """Find the page."""
        match request.verb, request.path.strip("/").split("/"):
            case "GET", ["static", "style.css"]:
                return self.stylesheet()
            case "GET", [""]:
                return self.page("index", request, consent=self._last(visitor_of(request).subject))
            case "POST", ["consent"]:
                return self._ask(request)
            case "GET", ["done"]:
                return self._done(request)
            case _:
                raise RefusedRequestError(HTTPStatus.NOT_FOUND, "お探しのページはありません。")

    def _ask(self, request: Request) -> Reply:
        subject = visitor_of(request).subject
        asked = self._call("POST", "", {"consent": _CONSENT, "return_to": "/done", "subject": subject})
        with self.change() as connection:
            connection.execute(
                "INSERT INTO consents (subject, signature, state, hash) VALUES (?, ?, ?, ?)",
                (subject, asked["id"], asked["state"], asked["hash"]),
            )
        return see_other(asked["url"])

    def _done(self, request: Request) -> Reply:
        last = self._last(visitor_of(request).subject)
        if last is not None and last["state"] not in ("signed", "declined"):
            found = self._call("GET", f"/{last['signature']}")
            with self.change() as connection:
                connection.execute("UPDATE consents SET state = ? WHERE number = ?", (found["state"], last["number"]))
            if found["state"] in ("signed", "declined"):
                # The result is ours now: the gateway need not keep the certificate any longer.
                self._call("DELETE", f"/{last['signature']}")
        return see_other("/")

    def _last(self, subject: str) -> sqlite3.Row | None:
        with self.connection() as connection:
            found: sqlite3.Row | None = connection.execute(
                "SELECT * FROM consents WHERE subject = ? ORDER BY number DESC LIMIT 1", (subject,)
            ).fetchone()
        return found

    def _call(self, method: str, path: str, said: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the API's answer.

        Raises:
            RefusedRequestError: the gateway is away, or refuses.

        """
        headers = {"Host": self._host, "Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(
            self._signatures.hostname or "", self._signatures.port, timeout=_PATIENCE
        )
        try:
            body = None if said is None else json.dumps(said).encode()
            connection.request(method, f"{self._signatures.path}{path}", body, headers)
            answer = connection.getresponse()
            text = answer.read(_LONGEST_ANSWER)
        except (OSError, http.client.HTTPException):
            raise RefusedRequestError(HTTPStatus.BAD_GATEWAY, "ただいま手続きができません。") from None
        finally:
            connection.close()
        if answer.status == HTTPStatus.NO_CONTENT:
            return {}
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise RefusedRequestError(
                HTTPStatus.BAD_GATEWAY, "手続きの状態を確かめられません。初めからやり直してください。"
            )
        found: dict[str, Any] = json.loads(text)
        return found
