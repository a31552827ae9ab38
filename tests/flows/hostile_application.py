"""An application whose pages do their worst: any header, any script, a service worker, on the gateway's origin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML = {"Content-Type": "text/html; charset=utf-8"}
SCRIPT = {"Content-Type": "text/javascript"}

RELAY = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
const seen = [];
self.addEventListener("fetch", (event) => {
  seen.push(event.request.url);
  event.respondWith(fetch(event.request));
});
self.addEventListener("message", (event) => event.source.postMessage(seen));
"""
"""A worker that passes everything on, and remembers what it has seen."""

KEEPER = """
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  if (event.request.mode !== "navigate") return;
  event.respondWith(new Response("<h1>kept</h1>", {headers: {"Content-Type": "text/html"}}));
});
"""
"""A worker that answers every navigation itself, as many that were made for use without a network do."""


@dataclass(frozen=True)
class Said:
    """An answer."""

    headers: dict[str, str] = field(default_factory=lambda: dict(HTML))
    body: str = "<h1>application</h1>"
    status: int = 200


class Hostile:
    """Answers by path as a test tells it to; everything else is a plain page. Remembers what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Said] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextmanager
def serving(port: int = 0) -> Iterator[tuple[Hostile, int]]:
    """Serve one on a port, and yield it and the port."""
    hostile = Hostile()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            hostile.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            said = hostile.pages.get(self.path.partition("?")[0], Said())
            body = said.body.encode()
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            # No connection outlives the server: another one may take its port.
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hostile, server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
