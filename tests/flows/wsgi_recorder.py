"""An application for gunicorn that writes down each request as a WSGI server hands it over."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Append a line to the file in `RECORDS`, then answer with two bytes."""
    record = {
        "method": environ["REQUEST_METHOD"],
        "target": environ["RAW_URI"],
        "path": environ["PATH_INFO"],
        "headers": {name.removeprefix("HTTP_"): value for name, value in environ.items() if name.isupper()},
        "length": environ.get("CONTENT_LENGTH", ""),
        "body": environ["wsgi.input"].read().decode("latin-1"),
    }
    record["headers"] = {name: value for name, value in record["headers"].items() if isinstance(value, str)}
    # One write, appended: lines of several threads stay whole.
    descriptor = os.open(os.environ["RECORDS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(record).encode() + b"\n")
    finally:
        os.close(descriptor)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
