"""An answer as bytes: how it is framed for which client, and which trailers go on."""

from __future__ import annotations

import pytest

from gateway.listen.answer import (
    WITHOUT_BODY,
    AnswerBody,
    chunk,
    connection_line,
    date_line,
    fit_trailers,
    framed,
    framing_of,
    last_chunk,
    own_answer,
    status_line,
    with_cookie,
    without_cookie,
)
from gateway.pipeline.outcome import Answer
from gateway.upstream.upstream import AnswerFraming, AnswerHead, SentHead

LENGTH = b"Content-Length: %d\r\n"


@pytest.mark.parametrize("status", [200, 204, 304])
@pytest.mark.parametrize("length", [None, 0, 7])
@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_each_answer_is_framed_in_one_way(
    status: int, length: int | None, minor: int, complete: bool, method: str
) -> None:
    """A length, chunks, or the connection's end: the client can always tell where the body is over."""
    head = AnswerHead(status, (), AnswerFraming.COUNTED, length)
    bodyless = method == "HEAD" or status in WITHOUT_BODY

    sent_as, line, goes_on = framing_of(head, 3, complete=complete, bodyless=bodyless, minor=minor)

    if bodyless:
        # A 204 says no length; the others may say that of a body that is not sent (RFC 9110 section 8.6).
        said = b"" if length is None or status == 204 else LENGTH % length
        assert (sent_as, line, goes_on) == (AnswerBody.NONE, said, True)
    elif length is not None or complete:
        assert (sent_as, line, goes_on) == (AnswerBody.AS_IT_COMES, LENGTH % (3 if length is None else length), True)
    elif minor:
        assert (sent_as, line, goes_on) == (AnswerBody.CHUNKED, b"Transfer-Encoding: chunked\r\n", True)
    else:
        assert (sent_as, line, goes_on) == (AnswerBody.AS_IT_COMES, b"", False)


def test_an_answer_of_ours_is_whole() -> None:
    """Nothing of it is kept by a cache unless it says so."""
    answer = Answer(401, ((b"X-A", b"1"),), b"no")

    assert own_answer(answer, b"Date: x\r\n", b"HSTS\r\n", b"Connection: close\r\n", bodyless=False) == (
        b"HTTP/1.1 401 Unauthorized\r\nDate: x\r\nHSTS\r\nX-A: 1\r\nCache-Control: no-store\r\n"
        b"Content-Length: 2\r\nConnection: close\r\n\r\nno"
    )


def test_lines_that_were_rendered_before_are_the_whole_of_the_fields() -> None:
    """They stand where the fields would, and a client that asked with HEAD gets no body behind them."""
    answer = Answer(200, ((b"X-A", b"1"),), b"yes", lines=b"X-A: 1\r\nCache-Control: public\r\n")
    head = b"HTTP/1.1 200 OK\r\nDate: x\r\nHSTS\r\nX-A: 1\r\nCache-Control: public\r\nContent-Length: 3\r\n\r\n"

    assert own_answer(answer, b"Date: x\r\n", b"HSTS\r\n", b"", bodyless=False) == head + b"yes"
    assert own_answer(answer, b"Date: x\r\n", b"HSTS\r\n", b"", bodyless=True) == head


def test_an_answer_of_ours_to_head_has_the_length_and_not_the_body() -> None:
    """The next bytes on the connection are the next answer's."""
    answer = own_answer(Answer(200, ((b"Cache-Control", b"public"),), b"yes"), b"", b"", b"", bodyless=True)

    assert answer == b"HTTP/1.1 200 OK\r\nCache-Control: public\r\nContent-Length: 3\r\n\r\n"


def test_an_answer_without_content_says_no_length() -> None:
    """RFC 9110 section 8.6."""
    assert b"Content-Length" not in own_answer(Answer(204), b"", b"", b"", bodyless=False)


@pytest.mark.parametrize(
    ("keep_alive", "minor", "line"),
    [
        (False, 1, b"Connection: close\r\n"),
        (False, 0, b"Connection: close\r\n"),
        (True, 1, b""),
        (True, 0, b"Connection: keep-alive\r\n"),
    ],
)
def test_the_connection_line_says_what_the_version_does_not(keep_alive: bool, minor: int, line: bytes) -> None:
    """RFC 9112 section 9.3."""
    assert connection_line(keep_alive=keep_alive, minor=minor) == line


def test_a_head_waits_for_our_date_where_the_application_says_none() -> None:
    """Only a head with a date has its empty line already."""
    dated = framed(SentHead(b"HTTP/1.1 200 OK\r\nDate: x\r\n", dated=True), b"Content-Length: 0\r\n")
    undated = framed(SentHead(b"HTTP/1.1 299 \r\nA: b\r\n", dated=False), b"")

    assert dated.head == b"HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 0\r\n\r\n"
    assert undated.head == b"HTTP/1.1 299 \r\nA: b\r\n"
    assert (dated.dated, undated.dated) == (True, False)


def test_the_reason_phrase_is_the_registrys() -> None:
    """An application's own phrase goes nowhere."""
    assert status_line(404) == b"HTTP/1.1 404 Not Found\r\n"
    assert date_line(0.0) == b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"


def test_chunks_are_ours() -> None:
    """Size in hexadecimal, no extension."""
    assert chunk(b"x" * 26) + last_chunk(b"X-Sum: 1\r\n") == b"1a\r\n" + b"x" * 26 + b"\r\n0\r\nX-Sum: 1\r\n\r\n"


@pytest.mark.parametrize("name", [b"Set-Cookie", b"cache-control", b"WWW-Authenticate", b"clear-site-data"])
def test_a_trailer_that_a_browser_would_heed_takes_all_with_it(name: bytes) -> None:
    """It is meant for the head, which has gone."""
    assert fit_trailers(((b"X-Sum", b"1"), (name, b"x"))) == ()


def test_a_trailer_about_the_body_that_was_sent_is_left_out() -> None:
    """The others go on."""
    assert fit_trailers(((b"Content-Type", b"x"), (b"X-Sum", b"1"), (b"Location", b"/"))) == ((b"X-Sum", b"1"),)


BEFORE, AFTER = b"HTTP/1.1 200 OK\r\nX-A: s=1", b"\r\nX-B: s=1\r\n\r\n"


@pytest.mark.parametrize("cookie", [b"s=1", b"s=1; Path=/; HttpOnly", b"x"])
@pytest.mark.parametrize("name", [b"Set-Cookie", b"set-cookie", b"SET-COOKIE"])
def test_a_head_with_a_gap_takes_the_next_cookie(name: bytes, cookie: bytes) -> None:
    """All else stays to the byte, also where another field has the same value."""
    head = SentHead(BEFORE + b"\r\n" + name + b": " + cookie + AFTER, dated=True)

    gap = without_cookie(head, cookie)
    assert gap is not None
    assert cookie not in gap.head[len(BEFORE) :]

    assert with_cookie(gap, cookie) == head
    assert with_cookie(gap, b"t=2").head == BEFORE + b"\r\n" + name + b": t=2" + AFTER


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"\r\nSet-Cookie: s=1\r\nSet-Cookie: t=2",
        b"\r\nSet-Cookie: s=1\r\nset-cookie: s=1",
        b"\r\nSet-Cookie: s=1; Secure",
        b"\r\nSet-Cookie: S=1",
        b"\r\nSet-Cookie:s=1",
        b"\r\nSet-Cookie:  s=1",
        b"\r\nSet-Cookie: s=1 ",
        b"\r\nSet-Cookie2: s=1",
    ],
)
def test_a_head_has_no_gap_where_its_cookie_is_not_as_it_came(lines: bytes) -> None:
    """A second cookie, or one that was changed on its way, would be one person's in another's answer."""
    assert without_cookie(SentHead(BEFORE + lines + AFTER, dated=True), b"s=1") is None
