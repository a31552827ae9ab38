"""Heads of a wrong form are written anew, each form by its own name alone."""

import pytest

from gateway.settings.settings import Tolerated
from gateway.upstream.tolerated_heads import tolerated_head

OLD = b"HTTP/1.0 200 OK\nContent-Type: text/html;\n charset=cp932\nX-A: 1\n\nhello"


def test_a_head_is_written_anew_only_when_it_is_whole() -> None:
    """The body stays as it is, and so does an unfinished head."""
    both: tuple[Tolerated, ...] = ("bare_lf", "obs_fold")

    assert tolerated_head(b"HTTP/1.1 200 OK\nA: b\n\nx\ny", both) == b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nx\ny"
    assert (
        tolerated_head(b"HTTP/1.1 200 OK\r\nA: b \r\n\tc\r\n\r\n", ("obs_fold",))
        == b"HTTP/1.1 200 OK\r\nA: b c\r\n\r\n"
    )
    # A folded line of blanks alone goes with the others, and blanks within a line stay.
    assert (
        tolerated_head(b"HTTP/1.1 200 OK\r\nA: b  c\t\r\n \t\r\n  d\r\nE: f\r\n\r\n", ("obs_fold",))
        == b"HTTP/1.1 200 OK\r\nA: b  c d\r\nE: f\r\n\r\n"
    )
    assert tolerated_head(b"HTTP/1.1 200 OK\nA: b\n", both) == b"HTTP/1.1 200 OK\nA: b\n"


def test_only_what_is_named_is_tolerated() -> None:
    """Each form by its own name; an incomplete head is left alone."""
    folded = b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\nX\n\nY"

    assert tolerated_head(folded, ("bare_lf",)) == folded
    assert tolerated_head(folded, ("obs_fold",)) == b"HTTP/1.1 200 OK\r\nA: b c\r\n\r\nX\n\nY"
    assert tolerated_head(OLD, ("obs_fold",)) == OLD
    assert tolerated_head(b"HTTP/1.1 200 OK\nA", ("bare_lf",)) == b"HTTP/1.1 200 OK\nA"


SAID_TWICE: dict[str, tuple[Tolerated, bytes, bytes]] = {
    "a coding": (
        "double_chunked",
        b"Transfer-Encoding: chunked\r\nA: b\r\ntransfer-encoding: Chunked\r\n",
        b"A: b\r\ntransfer-encoding: chunked\r\n",
    ),
    "a coding in one list": (
        "double_chunked",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"transfer-encoding: chunked\r\n",
    ),
    "a length": ("double_length", b"Content-Length: 5\r\nContent-Length: 5\r\n", b"content-length: 5\r\n"),
}
SAID_OTHERWISE: dict[str, tuple[Tolerated, bytes]] = {
    "a coding once": ("double_chunked", b"Transfer-Encoding: chunked\r\n"),
    "two codings": ("double_chunked", b"Transfer-Encoding: gzip, chunked\r\n"),
    "a coding of another kind twice": ("double_chunked", b"Transfer-Encoding: gzip, gzip\r\n"),
    "two lengths": ("double_length", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    "a length with a sign, twice": ("double_length", b"Content-Length: +5\r\nContent-Length: +5\r\n"),
    "a length twice, with the other form's name": ("double_chunked", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    "a coding twice, with the other form's name": ("double_length", b"Transfer-Encoding: chunked, chunked\r\n"),
}


@pytest.mark.parametrize("name", SAID_TWICE)
def test_one_value_said_twice_is_said_once(name: str) -> None:
    """The body and the other fields stay."""
    form, fields, once = SAID_TWICE[name]
    head = b"HTTP/1.1 200 OK\r\n"

    assert tolerated_head(head + fields + b"\r\nbody", (form,)) == head + once + b"\r\nbody"
    assert tolerated_head(head + fields + b"\r\nbody", ()) == head + fields + b"\r\nbody"


@pytest.mark.parametrize("name", SAID_OTHERWISE)
def test_two_values_are_never_made_one(name: str) -> None:
    """A head that says two things, or none of a known form, stays as it is, and the parser refuses it."""
    form, fields = SAID_OTHERWISE[name]
    head = b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n"

    assert tolerated_head(head, (form,)) == head


@pytest.mark.parametrize("is_head", [False, True])
def test_of_coding_and_length_the_coding_is_believed_behind_a_head_alone(is_head: bool) -> None:
    """No body follows there that either could be about. Behind a GET, two readings would be two answers."""
    both = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    length = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

    wanted = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" if is_head else both
    assert tolerated_head(both, ("head_with_both",), is_head=is_head) == wanted
    assert tolerated_head(length, ("head_with_both",), is_head=is_head) == length
