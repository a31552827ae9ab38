"""A browser's requests to the gateway or the application, and the parts of the answers that must be equal."""

from __future__ import annotations

import hashlib
import html
import http.client
import re
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

COMPARED = ("Content-Type", "Content-Disposition", "Location", "Refresh", "Vary", "X-Frame-Options", "WWW-Authenticate")
"""The fields of an answer that a page depends on, and that name no moment."""

CHANGING = (
    (rb"[0-9a-f]{13,}", b"(hex)"),
    (rb"\b1[0-9]{9}\b", b"(seconds)"),
    (rb"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d(?::\d\d)?", b"(moment)"),
    (rb"\b\d\d:\d\d(?::\d\d)?\b", b"(time)"),
)
"""Patterns of text that differs between two runs of the same application, and the word that replaces it."""


@dataclass(frozen=True)
class Answer:
    """The answer to one request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def header(self, name: str) -> str:
        return next((value for each, value in self.headers if each.lower() == name.lower()), "")

    def fields(self, form: str = "") -> dict[str, str]:
        """Return the hidden fields of the first form with that text in it, as a browser would send them."""
        forms = [each.partition("</form>")[0] for each in re.split(r"<form\b", self.text)[1:]]
        text = next((each for each in forms if form in each), None)
        assert text is not None, f"no form with `{form}`: {self.text[:3000]}"
        found = {}
        for tag in re.findall(r"<input\b[^>]*>", text):
            attributes = dict(re.findall(r"([\w-]+)=[\"']([^\"']*)[\"']", tag))
            if attributes.get("type") == "hidden" and "name" in attributes:
                found[attributes["name"]] = html.unescape(attributes.get("value", ""))
        return found


@dataclass
class Visitor:
    """One person at one browser, who goes to a host by a port of this machine."""

    port: int
    host: str
    changing: tuple[tuple[bytes, bytes], ...] = ()
    """More such patterns, of this application."""
    forgotten: tuple[str, ...] = ()
    """Words that differ by the place it runs at."""
    jar: dict[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    """The headers of the gateway, sent where this person reaches the application without it."""
    ticket: str = ""
    """The gateway's own cookie, once this person is signed in."""
    seen: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    """Each request in words, with what was compared of its answer."""

    def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        compare: bool = True,
    ) -> Answer:
        """Make one request, keep its cookies, and note its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        cookies = [f"{name}={value}" for name, value in self.jar.items()] + ([self.ticket] if self.ticket else [])
        own = {
            "Host": self.host,
            "User-Agent": "Mozilla/5.0",
            "Accept": "text/html,*/*",
            **self.told,
            **(headers or {}),
        }
        if cookies:
            own["Cookie"] = "; ".join(cookies)
        if method == "POST":
            own |= {"Origin": f"http://{self.host}", "Sec-Fetch-Site": "same-origin"}
        try:
            connection.request(method, target, body or (b"" if method == "POST" else None), own)
            response = connection.getresponse()
            answer = Answer(response.status, tuple(response.getheaders()), response.read())
        finally:
            connection.close()
        self._keep(answer)
        if compare:
            self.seen.append((f"{method} {self._settled(target.encode()).decode()}", self._compared(answer)))
        return answer

    def get(self, target: str, *, compare: bool = True) -> Answer:
        """Look at a page; follow where it sends, on this host."""
        answer = self.ask("GET", target, compare=compare)
        return self.follow(answer, compare=compare)

    def follow(self, answer: Answer, *, compare: bool = True) -> Answer:
        """Go where an answer sends a browser, until it is a page."""
        for _ in range(10):
            if answer.status not in (301, 302, 303):
                return answer
            place = urlsplit(answer.header("Location"))
            assert place.netloc in ("", self.host), f"it leads away: {place.geturl()}"
            target = (place.path or "/") + (f"?{place.query}" if place.query else "")
            answer = self.ask("GET", target, compare=compare)
        raise AssertionError("it leads in a circle")

    def send(self, target: str, fields: Mapping[str, str], *, compare: bool = True) -> Answer:
        """Send a form, and follow where it leads."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.follow(self.ask("POST", target, urlencode(fields).encode(), kind, compare=compare), compare=compare)

    def upload(self, target: str, fields: Mapping[str, str], file: tuple[str, str, str, bytes]) -> Answer:
        """Send a form with a file: its field, name, type and bytes."""
        boundary = uuid.UUID(bytes=secrets.token_bytes(16)).hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        name, filename, kind, content = file
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
            f"Content-Type: {kind}\r\n\r\n".encode()
        )
        body = b"".join(parts) + content + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.follow(self.ask("POST", target, body, headers))

    def _keep(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name.lower() != "set-cookie":
                continue
            pair, _, attributes = value.partition(";")
            key, _, content = pair.partition("=")
            if content in ("", "deleted") or "max-age=0" in attributes.lower():
                self.jar.pop(key, None)
            else:
                self.jar[key] = content

    def _settled(self, body: bytes) -> bytes:
        for word in self.forgotten:
            body = body.replace(word.encode(), b"(place)")
        for pattern, instead in (*self.changing, *CHANGING):
            body = re.sub(pattern, instead, body)
        return body

    def _compared(self, answer: Answer) -> dict[str, object]:
        """Return the parts of an answer that must be the same through the gateway and without it."""
        kept = {name: self._settled(answer.header(name).encode()).decode() for name in COMPARED}
        large = len(answer.body) > 1024 * 1024
        body = hashlib.sha256(answer.body).hexdigest() if large else self._settled(answer.body).decode("latin-1")
        cookies = (self._settled(shape.encode()).decode() for shape in _shapes(answer.headers))
        return {"status": answer.status, **kept, "cookies": sorted(cookies), "body": body}


def _shapes(headers: Iterable[tuple[str, str]]) -> Iterable[str]:
    """Return each cookie's name and attributes, without its value and its end."""
    for name, value in headers:
        if name.lower() == "set-cookie":
            pair, *attributes = value.split(";")
            kept = [each.strip().lower() for each in attributes if "expires" not in each.lower()]
            yield f"{pair.partition('=')[0]}; {'; '.join(sorted(kept))}"
