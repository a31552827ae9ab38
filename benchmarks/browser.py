"""A browser as small as it can be: cookies, redirects, and the first form of a page. For sign-ins of the harness."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from benchmarks.certificates import trusting
from benchmarks.programs import BenchmarkError

_MAX_STEPS = 16


class _FirstForm(HTMLParser):
    """Reads the action, the method and the hidden fields of a page's first form."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.method = "get"
        self.fields: dict[str, str] = {}
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what belongs to the first form."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action, self.method, self._inside = given.get("action", ""), given.get("method", "get").lower(), True
        elif self._inside and tag in ("input", "button") and given.get("name"):
            if given.get("type") in ("radio", "checkbox") and "checked" not in given:
                return
            self.fields.setdefault(given["name"], given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        """Stop at the form's end."""
        if tag == "form":
            self._inside = False


class Browser:
    """Goes where it is sent and presses what it is shown. It keeps a connection to each server until it is closed."""

    def __init__(self) -> None:
        self._connections: dict[str, http.client.HTTPConnection] = {}
        self.cookies: dict[str, dict[str, str]] = {}
        """By host and port (browsers would share them between ports; servers here have names of their own)."""

    def walk(self, url: str, until: bytes, answers: Mapping[str, str]) -> dict[str, str]:
        """Go from a URL through redirects and forms until a page is `until`; return the cookies of its origin.

        `answers` fill the fields of those names.

        Raises:
            BenchmarkError: the way ended somewhere else.

        """
        method, body = "GET", ""
        for _ in range(_MAX_STEPS):
            status, headers, page = self._request(method, url, body)
            if location := headers.get("location"):
                method, url, body = "GET", urljoin(url, location), ""
                continue
            if page == until:
                return self.cookies.get(urlsplit(url).netloc, {})
            form = _FirstForm(page.decode(errors="replace"))
            if form.action is None or form.method != "post":
                break
            fields = form.fields | dict(answers)
            method, url, body = "POST", urljoin(url, form.action), urlencode(fields)
        else:
            raise BenchmarkError(f"a sign-in that goes in circles, last at `{url}`")
        raise BenchmarkError(f"a sign-in that ends with {status} at `{url}`:\n{page.decode(errors='replace')[:2000]}")

    def _request(self, method: str, url: str, body: str) -> tuple[int, Mapping[str, str], bytes]:
        parts = urlsplit(url)
        cookies = self.cookies.setdefault(parts.netloc, {})
        headers = {
            "Accept": "text/html,application/xhtml+xml",
            "Accept-Language": "ja",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
            "Sec-Fetch-Site": "same-origin" if method == "POST" else "none",
            "Sec-Fetch-User": "?1",
        }
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            headers["Origin"] = f"{parts.scheme}://{parts.netloc}"
        # Every name the harness uses is this machine's loopback, also where its resolver does not know `*.localhost`.
        connection = self._connections.get(parts.netloc)
        if connection is None:
            connection = (
                http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=20)
                if parts.scheme == "http"
                else http.client.HTTPSConnection("127.0.0.1", parts.port or 443, timeout=20, context=trusting())
            )
            self._connections[parts.netloc] = connection
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        connection.request(method, target, body or None, {"Host": parts.netloc, **headers})
        answer = connection.getresponse()
        page = answer.read()
        for line in answer.headers.get_all("set-cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    cookies.pop(name, None)
                else:
                    cookies[name] = morsel.coded_value
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, page

    def close(self) -> None:
        """Let go of every connection."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
