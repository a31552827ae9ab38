"""The refusal of a head: its reason, and the whole of its bytes."""

from __future__ import annotations

import json
from http import HTTPStatus

import pytest

from gateway.language import Language
from gateway.listen.refusal import fault_of, refusal, server_wide
from gateway.request.head_reader import Refused
from gateway.wire.methods import METHODS, NEVER, REGISTERED

DATE = b"Date: x\r\n"


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        (b"TRACE / HTTP/1.1", 405, "method"),
        (b"CONNECT / HTTP/1.0", 405, "method"),
        (b"BREW / HTTP/1.1", 501, "method"),
        (b"GET / HTTP/1.1", 400, "syntax"),
        (b"GET / HTTP/2.0", 505, "http_version"),
        (b"BREW / HTTP/3.7", 505, "http_version"),
        (b"GET / HTTP/11", 400, "syntax"),
        (b"G\x00T / HTTP/1.1", 400, "syntax"),
        (b"GET /", 400, "syntax"),
        (b"GET / and more HTTP/1.1", 400, "syntax"),
        (b"", 400, "syntax"),
    ],
)
def test_a_faulty_head_is_named_by_its_first_line(line: bytes, status: int, code: str) -> None:
    """A method that nobody may use, one that nobody knows, another version, or no line of HTTP."""
    assert fault_of(line) == Refused(status, code)


def test_no_method_that_the_gateway_takes_is_called_unknown() -> None:
    """The parser has found another fault in such a head."""
    for method in {*METHODS, *REGISTERED} - set(NEVER):
        assert fault_of(method + b" / HTTP/1.1") == Refused(400, "syntax")


@pytest.mark.parametrize("status", [400, 405, 408, 413, 414, 417, 421, 429, 431, 501, 503, 505])
def test_a_refusal_is_one_whole_answer_that_ends_the_connection(status: int) -> None:
    """It is problem+json with its length, and says when to come back or which methods there are."""
    head, _, body = refusal(Refused(status, "word"), "id-1", DATE).partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines)

    assert first == b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())
    assert len(fields) == len(lines)
    assert fields[b"Content-Type"] == b"application/problem+json"
    assert (fields[b"Content-Length"], fields[b"Connection"]) == (b"%d" % len(body), b"close")
    assert (b"Retry-After" in fields) is (status in (429, 503))
    assert (b"Allow" in fields) is (status == 405)
    said = json.loads(body)
    assert (said["status"], said["code"], said["request_id"]) == (status, "word", "id-1")


def test_the_server_as_a_whole_tells_its_methods_alone() -> None:
    """RFC 9110 section 9.3.7."""
    head, _, body = server_wide(DATE).partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")

    assert (first, body) == (b"HTTP/1.1 204 No Content", b"")
    assert lines == [b"Date: x", b"Allow: " + ", ".join(METHODS.values()).encode(), b"Connection: close"]


def test_a_person_who_waits_for_a_refused_head_gets_a_page() -> None:
    """With its length and the fields of every refusal, in the person's language."""
    head, _, body = refusal(Refused(414, "request_line"), "id-1", DATE, Language.EN).partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])

    assert fields[b"Content-Type"] == b"text/html; charset=utf-8"
    assert (fields[b"Content-Length"], fields[b"Connection"]) == (b"%d" % len(body), b"close")
    assert b"The address is too long" in body
