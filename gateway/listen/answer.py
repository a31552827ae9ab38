"""An answer on its way out, as bytes: one of our own whole, an application's head and body framed anew.

Lengths and chunks that leave are ours, and the reason phrase is the registry's. `headers` decides which fields of an
application's answer go on. `asyncio_exchange` asks these functions and sends what they return.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from enum import StrEnum
from http import HTTPStatus

from gateway.pipeline.outcome import Answer
from gateway.upstream.upstream import AnswerHead, Headers, SentHead

_STATUS_LINES: Mapping[int, bytes] = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
}
WITHOUT_BODY = frozenset({204, 304})
"""Statuses of answers that have no body, also where their head gives a length (RFC 9110 section 6.4.1)."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = b"Connection: close\r\n"

# Fields that an answer's trailer must not have: it comes when the head has been acted on (RFC 9110 section 6.5.1).
_NOT_IN_TRAILERS = frozenset(
    {b"content-type", b"content-encoding", b"content-range", b"location", b"date", b"expires", b"age", b"vary"}
)
_CHANGE_THE_BROWSER = frozenset({b"set-cookie", b"cache-control", b"www-authenticate", b"clear-site-data"})


class AnswerBody(StrEnum):
    """How the body of an answer is sent."""

    NONE = "none"
    """Not at all, though the application may send one: HEAD, 204, 304."""
    AS_IT_COMES = "as_it_comes"
    """With a length in the head, or up to the end of the connection."""
    CHUNKED = "chunked"


NO_BODY, AS_IT_COMES, CHUNKED = AnswerBody.NONE, AnswerBody.AS_IT_COMES, AnswerBody.CHUNKED


def status_line(status: int) -> bytes:
    """Return the status line of an answer; the reason phrase is the registry's, not the application's."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def date_line(now: float) -> bytes:
    """Return a `Date` line (RFC 9110 section 6.6.1)."""
    return b"Date: %b\r\n" % formatdate(now, usegmt=True).encode()


def connection_line(*, keep_alive: bool, minor: int) -> bytes:
    """Return the `Connection` line for a client of HTTP/1.`minor`; nothing where it takes that for granted."""
    if not keep_alive:
        return CLOSE
    return b"" if minor else b"Connection: keep-alive\r\n"


def own_answer(answer: Answer, date: bytes, hsts: bytes, connection: bytes, *, bodyless: bool) -> bytes:
    """Return an answer of our own, whole. `bodyless`: the client asked with HEAD."""
    if answer.lines:
        return b"%b%b%b%bContent-Length: %d\r\n%b\r\n%b" % (
            status_line(answer.status),
            date,
            hsts,
            answer.lines,
            len(answer.body),
            connection,
            b"" if bodyless else answer.body,
        )
    lines = [status_line(answer.status), date, hsts, *[b"%b: %b\r\n" % field for field in answer.headers]]
    if b"\r\nCache-Control: " not in b"".join(lines):
        lines.append(b"Cache-Control: no-store\r\n")
    if answer.status != HTTPStatus.NO_CONTENT:
        lines.append(b"Content-Length: %d\r\n" % len(answer.body))
    lines += (connection, b"\r\n", b"" if bodyless else answer.body)
    return b"".join(lines)


def framing_of(
    head: AnswerHead, begun: int, *, complete: bool, bodyless: bool, minor: int
) -> tuple[AnswerBody, bytes, bool]:
    """Say how an answer's body is sent, with the framing line that says so, and whether the connection may go on.

    `begun` is how many bytes of the body came with the head, and `complete` whether that is all of it. A client of
    HTTP/1.0 knows no chunks, so a body of unknown length ends with its connection.
    """
    length = head.length
    if bodyless:
        known = length is not None and head.status != 204
        return NO_BODY, b"Content-Length: %d\r\n" % (length or 0) if known else b"", True
    if length is None and complete:
        length = begun
    if length is not None:
        return AS_IT_COMES, b"Content-Length: %d\r\n" % length, True
    if minor:
        return CHUNKED, b"Transfer-Encoding: chunked\r\n", True
    return AS_IT_COMES, b"", False


def framed(head: SentHead, framing: bytes) -> SentHead:
    """Return the head of an application's answer with its framing, whole but for our date if it has none."""
    return SentHead(b"%b%b%b" % (head.head, framing, b"\r\n" if head.dated else b""), head.dated)


def without_cookie(head: SentHead, cookie: bytes) -> SentHead | None:
    """Return a head with a gap for the value of its one cookie; `None` unless the value stands there once, as it came.

    The gap takes the value of another cookie only where `cookie_passes` says that it goes on as it is.
    """
    lower = head.head.lower()
    if lower.count(b"\r\nset-cookie:") != 1:
        return None
    begin = lower.index(b"\r\nset-cookie:") + 14
    end = lower.index(b"\r\n", begin)
    if head.head[begin - 1 : end] != b" " + cookie:
        return None
    return SentHead(head.head[:begin], head.dated, head.head[end:])


def with_cookie(head: SentHead, cookie: bytes) -> SentHead:
    """Return such a head with the value of a cookie in its gap."""
    return SentHead(b"%b%b%b" % (head.head, cookie, head.behind), head.dated)


def chunk(data: bytes) -> bytes:
    """Return bytes of a body as one chunk. Of no bytes that would be the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def last_chunk(trailer_lines: bytes) -> bytes:
    """Return the end of a chunked body."""
    return b"0\r\n%b\r\n" % trailer_lines


def fit_trailers(trailers: Headers) -> Headers:
    """Return an answer's trailers as far as they change nothing that was acted on; none where one changes more.

    A trailer that a cache or a cookie jar heeds is meant for the head, and takes the others with it.
    """
    names = {name.lower() for name, _ in trailers}
    if names & _CHANGE_THE_BROWSER:
        return ()
    return tuple(pair for pair in trailers if pair[0].lower() not in _NOT_IN_TRAILERS)
