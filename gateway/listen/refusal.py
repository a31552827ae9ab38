"""The refusal of a head, as bytes: why it is none, and what the client is told. The connection ends with it."""

from __future__ import annotations

import re
from http import HTTPStatus

from gateway.language import Language
from gateway.listen.answer import CLOSE, status_line
from gateway.pipeline.problem import FIELDS, RETRY_AFTER, problem_body
from gateway.pipeline.small_page import small_page
from gateway.request.head_reader import Refused
from gateway.route.route import Route
from gateway.wire.http1 import TOKEN
from gateway.wire.methods import METHODS, NEVER, REGISTERED

_ALLOW = b"Allow: " + ", ".join(METHODS.values()).encode() + b"\r\n"

_PROBLEM_LINES = b"".join(b"%b: %b\r\n" % field for field in FIELDS)

_TOKEN = re.compile(TOKEN + rb"+")
_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")


def refusal(
    refused: Refused, request_id: str, date_line: bytes, reader: Language | None = None, route: Route | None = None
) -> bytes:
    """Return the answer to a head that is refused, or to bytes that will not become one.

    A person who waits for it, in the language `reader`, gets a page with the name plate of the host's App.
    """
    status = HTTPStatus(refused.status)
    body = problem_body(status, refused.code, request_id)
    lines = _PROBLEM_LINES
    if reader is not None:
        page = small_page(status, request_id, reader, route)
        body, lines = page.body, b"".join(b"%b: %b\r\n" % field for field in page.headers)
    extra = b""
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        extra = _ALLOW
    elif status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        extra = b"Retry-After: %d\r\n" % RETRY_AFTER
    length = b"Content-Length: %d\r\n" % len(body)
    return b"".join((status_line(status), date_line, lines, extra, length, CLOSE, b"\r\n", body))


def server_wide(date_line: bytes) -> bytes:
    """Return the answer to OPTIONS about the gateway itself: its methods, and nothing about the applications."""
    return status_line(204) + date_line + _ALLOW + CLOSE + b"\r\n"


def fault_of(request_line: bytes) -> Refused:
    """Say what was wrong with a head that the parser refused, as far as its first line tells."""
    words = request_line.split(b" ")
    if len(words) != 3 or _TOKEN.fullmatch(words[0]) is None:
        return Refused(HTTPStatus.BAD_REQUEST, "syntax")
    method, _, version = words
    if version in (b"HTTP/1.1", b"HTTP/1.0"):
        if method in NEVER:
            return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method")
        if method not in METHODS and method not in REGISTERED:
            return Refused(HTTPStatus.NOT_IMPLEMENTED, "method")
    elif _VERSION.fullmatch(version):
        return Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "http_version")
    return Refused(HTTPStatus.BAD_REQUEST, "syntax")
