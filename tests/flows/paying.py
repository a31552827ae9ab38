"""A shop behind the gateway that writes down what it is sent, and the site where its customers pay."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Came:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Site:
    """A web site. Its pages are by path; every other path says what came."""

    pages: dict[str, str] = field(default_factory=dict)
    came: list[Came] = field(default_factory=list)
    port: int = 0

    def sent(self, method: str = "POST") -> list[Came]:
        """Return the requests of one method."""
        return [came for came in self.came if came.method == method]


@contextmanager
def site() -> Iterator[Site]:
    """Serve one on a free port of this machine."""
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            served.came.append(Came(self.command, self.path, headers, body))
            page = served.pages.get(self.path, f"<h1>{self.command} {self.path}</h1>").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(page)

        do_POST = do_GET  # noqa: N815 (the library's names)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def form_page(action: str, fields: dict[str, str], *, by_itself: bool = True) -> str:
    """Return a page that sends a form, as a payment agent's last page does."""
    inputs = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in fields.items())
    script = "<script>document.forms[0].submit()</script>" if by_itself else ""
    return f'<form method="post" action="{action}">{inputs}<button>back</button></form>{script}'
