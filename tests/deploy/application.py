"""The smallest application behind a gateway: it says who came. `python3 application.py PORT` serves it."""

from __future__ import annotations

import http.server
import sys


class Application(http.server.BaseHTTPRequestHandler):
    """Answers every page with the subject that the gateway verified."""

    def do_GET(self) -> None:
        body = f"subject: {self.headers.get('X-Verified-Subject', 'nobody')}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Application).serve_forever()
