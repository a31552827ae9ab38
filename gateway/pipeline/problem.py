"""The one writer of `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus

from gateway.pipeline.outcome import Answer, Headers


def problem(
    status: HTTPStatus,
    code: str,
    *,
    retry_after: int | None = None,
    names: tuple[str, ...] = (),
    cors: Headers = (),
) -> Answer:
    """Make an `application/problem+json` answer (RFC 9457) with our error code in it."""
    body: dict[str, object] = {"type": "about:blank", "title": status.phrase, "status": status.value, "code": code}
    if names:
        body["names"] = names
    headers: Headers = (
        (b"Content-Type", b"application/problem+json"),
        (b"Cache-Control", b"no-store"),
        (b"X-Content-Type-Options", b"nosniff"),
        *cors,
    )
    if retry_after is not None:
        headers = (*headers, (b"Retry-After", b"%d" % retry_after))
    return Answer(status.value, headers, json.dumps(body, ensure_ascii=False).encode(), reason=code)
