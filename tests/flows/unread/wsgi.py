"""An application for gunicorn that reads no body. Writes down `METHOD TARGET REQUEST-ID` of each request."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Append a line to the file in `RECORDS`, then answer with the path and the person."""
    line = f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ.get('HTTP_X_REQUEST_ID', '-')}\n"
    # One write, appended: lines of several threads stay whole.
    descriptor = os.open(os.environ["RECORDS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode("latin-1", "replace"))
    finally:
        os.close(descriptor)
    body = f"{environ['RAW_URI']}\n{environ.get('HTTP_X_VERIFIED_SUBJECT', '-')}\n".encode("latin-1", "replace")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
