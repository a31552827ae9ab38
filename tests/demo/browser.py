"""A browser of few words, in front of a legacy application: keeps cookies, follows redirects, finds forms' inputs."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass
from email.message import Message
from urllib.parse import quote, urlencode


@dataclass(frozen=True)
class Seen:
    status: int
    path: str
    text: str
    headers: Message

    def value(self, name: str) -> str:
        """Return an input's value."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found is not None, self.text
        return found[1]

    def options(self, name: str) -> list[str]:
        """Return the values a select offers."""
        found = re.search(rf'<select name="{name}">(.*?)</select>', self.text, re.DOTALL)
        assert found is not None, self.text
        return re.findall(r'value="([^"]*)"', found[1])


class Browser:
    def __init__(self, port: int, **facts: str) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.headers = {f"X-Verified-{name.title()}": quote(value) for name, value in facts.items()}

    def get(self, path: str) -> Seen:
        return self.send("GET", path)

    def post(self, path: str, form: dict[str, str]) -> Seen:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, urlencode(form).encode(), headers)

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Seen:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            sent = {**self.headers, **(headers or {}), **({"Cookie": cookie} if cookie else {})}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        if answer.status == 303:
            return self.get(answer.headers["Location"])
        return Seen(answer.status, path, text, answer.headers)
