"""The bank, in front of an API of signatures that answers as the gateway does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway.demo.bank import Bank
from gateway.demo.legacy import LegacyApplication
from gateway.signing.asked import read_asked
from tests.demo.browser import Browser


class Gateway:
    """Takes what the bank asks for, and says what a test wants."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.state = "signed"
        self.status = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                """Say nothing."""

            def answer(self, status: int, said: object = None) -> None:
                outer.seen.append((self.command, self.path))
                text = b"" if said is None else json.dumps(said).encode()
                self.send_response(outer.status or status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self) -> None:
                asked = read_asked(self.rfile.read(int(self.headers["Content-Length"])))
                assert (asked.consent, asked.subject, asked.return_to) == ("newest", "s1", "/done")
                assert (self.headers["Host"], self.headers["Authorization"]) == ("bank.test", "Bearer token")
                self.answer(201, {"id": "abc", "state": "waiting", "hash": "aGFzaA==", "url": "/"})

            def do_GET(self) -> None:
                self.answer(200, {"state": outer.state})

            def do_DELETE(self) -> None:
                self.answer(204)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    found = Gateway()
    found.thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    found.thread.join()


@pytest.fixture
def customer(tmp_path: Path, gateway: Gateway, serve: Callable[[LegacyApplication], int]) -> Browser:
    url = f"http://127.0.0.1:{gateway.server.server_port}/.sekisho/signatures"
    port = serve(Bank(tmp_path / "bank.db", signatures=url, token="token", host="bank.test"))
    return Browser(port, subject="s1")


def asked(customer: Browser) -> None:
    customer.post("/consent", {"token": customer.get("/").value("token")})


@pytest.mark.parametrize(
    ("state", "words"), [("signed", "同意を受け付けました"), ("declined", "同意されなかったことを承りました")]
)
def test_an_answer_is_kept_and_confirmed(customer: Browser, gateway: Gateway, state: str, words: str) -> None:
    """The bank reads the result when the browser comes back, and has the gateway forget it."""
    gateway.state = state
    asked(customer)

    page = customer.get("/done")

    assert words in page.text
    assert gateway.seen == [
        ("POST", "/.sekisho/signatures"),
        ("GET", "/.sekisho/signatures/abc"),
        ("DELETE", "/.sekisho/signatures/abc"),
    ]


def test_an_unfinished_consent_is_asked_after_again(customer: Browser, gateway: Gateway) -> None:
    """Nothing is confirmed while nothing has been said."""
    gateway.state = "waiting"
    asked(customer)

    assert "終わっていません" in customer.get("/done").text
    gateway.state = "signed"
    assert "同意を受け付けました" in customer.get("/done").text
    assert [method for method, _ in gateway.seen] == ["POST", "GET", "GET", "DELETE"]


def test_a_gateway_that_refuses_has_a_page(customer: Browser, gateway: Gateway) -> None:
    """A person is told to begin anew, and no traceback."""
    gateway.status = 503

    page = customer.post("/consent", {"token": customer.get("/").value("token")})

    assert page.status == 502
    assert "初めからやり直してください" in page.text
