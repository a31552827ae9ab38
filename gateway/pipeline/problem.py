"""The one writer of `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from http import HTTPStatus

from gateway.pipeline.outcome import Answer, Headers

RETRY_AFTER = 5
"""Seconds we ask a client to wait where something is away for a moment: a failover's usual length."""

FIELDS: Headers = (
    (b"Content-Type", b"application/problem+json"),
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
)
"""The fields of every such answer."""


def problem_body(
    status: HTTPStatus, code: str, request_id: str, names: tuple[str, ...] = (), detail: str = ""
) -> bytes:
    """Return the document: our error code in `code`, and the request's id, which an operator finds in the log."""
    body: dict[str, object] = {"type": "about:blank", "title": status.phrase, "status": status.value, "code": code}
    if detail:
        body["detail"] = detail
    if names:
        body["names"] = names
    if request_id:
        body["request_id"] = request_id
    return json.dumps(body, ensure_ascii=False).encode()


def problem(
    status: HTTPStatus,
    code: str,
    request_id: str,
    *,
    retry_after: int | None = None,
    names: tuple[str, ...] = (),
    detail: str = "",
    cors: Headers = (),
) -> Answer:
    """Make an answer of it. A 503 always has a `Retry-After`, even if the caller names no time."""
    if retry_after is None and status is HTTPStatus.SERVICE_UNAVAILABLE:
        retry_after = RETRY_AFTER
    headers = (*FIELDS, *cors)
    if retry_after is not None:
        headers = (*headers, (b"Retry-After", b"%d" % retry_after))
    return Answer(status.value, headers, problem_body(status, code, request_id, names, detail), reason=code)
