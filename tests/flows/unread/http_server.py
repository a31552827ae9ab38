"""CPython's own server, with a handler that reads no body: the class of fault that makes a body a request.

Started as `python http_server.py PORT RECORDS`, and with `--stays` where it should not heed `Connection: close`.
Writes down `METHOD TARGET REQUEST-ID` of each request it serves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Careless(BaseHTTPRequestHandler):
    """Answers every method at once, with the path and the person it was told."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        line = f"{self.command} {self.path} {self.headers.get('X-Request-Id', '-')}\n"
        os.write(records, line.encode("latin-1", "replace"))
        body = f"{self.path}\n{self.headers.get('X-Verified-Subject', '-')}\n".encode("latin-1", "replace")
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        if stays:
            # A handler of its own says so, and the server forgets what the client has asked for.
            self.send_header("Connection", "keep-alive")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """One thread a connection."""

    daemon_threads = True
    request_queue_size = 256


stays = "--stays" in sys.argv
records = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
Server(("127.0.0.1", int(sys.argv[1])), Careless).serve_forever()
