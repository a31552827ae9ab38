"""The first bytes of an answer: each is taken at its word, and none is waited for in vain."""

import pytest

from gateway.upstream.answer_beginning import (
    AnswerFaultError,
    behind_interim_answers,
    check_begun,
    check_hopeful,
    check_length,
    has_whole_head,
)
from gateway.wire.pieces import Pieces

FINAL = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"


def pieces(data: bytes) -> Pieces:
    begun = Pieces()
    begun.add(data)
    return begun


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (EARLY + FINAL, (len(EARLY), len(EARLY + FINAL))),
        (EARLY + EARLY + FINAL + b"body", (2 * len(EARLY), len(EARLY + EARLY + FINAL))),
        # A complete one is passed on, and the beginning of the next waits.
        (EARLY, (len(EARLY), len(EARLY))),
        (EARLY + FINAL[:-1], (len(EARLY), -1)),
        (EARLY[:-1], (0, -1)),
        # Behind a 101 there is another protocol, so it is final.
        (b"HTTP/1.1 101 X\r\n\r\n", (0, len(b"HTTP/1.1 101 X\r\n\r\n"))),
    ],
)
def test_the_final_head_is_found_behind_interim_ones(data: bytes, place: tuple[int, int]) -> None:
    """Its beginning and its end; the end is below 4 while it has not come."""
    start, end = behind_interim_answers(data)

    assert start == place[0]
    assert end == place[1] or (end < 4 and place[1] < 4)


@pytest.mark.parametrize("data", [b"", b"H", b"HTTP", b"HTTP/", b"HTTP/2", b"HTTP/1.1 200"])
def test_an_answer_may_begin_so(data: bytes) -> None:
    """Each of these can still become an answer's first word."""
    check_begun(data)


@pytest.mark.parametrize("data", [b"X", b"220 mail", b"http/1.1 200", b" HTTP/1.1", b"HTTPS"])
def test_no_answer_begins_so(data: bytes) -> None:
    """They are another answer's rest, so the fault says that nothing has begun."""
    with pytest.raises(AnswerFaultError) as fault:
        check_begun(data)
    assert not fault.value.begun


def test_a_head_is_whole_at_its_empty_line() -> None:
    """An old server's may end in bare line feeds, where the App tolerates them."""
    assert has_whole_head(pieces(FINAL), 1_000, bare_lf=False)
    assert not has_whole_head(pieces(FINAL[:-1]), 1_000, bare_lf=False)
    old = FINAL.replace(b"\r", b"")
    assert has_whole_head(pieces(old), 1_000, bare_lf=True)
    assert not has_whole_head(pieces(old[:-1]), 1_000, bare_lf=True)
    with pytest.raises(AnswerFaultError, match="cannot become"):
        has_whole_head(pieces(old[:-1]), 1_000, bare_lf=False)


def test_a_head_that_does_not_end_is_given_up() -> None:
    """It has a longest length, in pieces as in one; a whole one is measured by its reader."""
    check_length(10, 10)
    with pytest.raises(AnswerFaultError, match="too long"):
        check_length(11, 10)
    with pytest.raises(AnswerFaultError, match="too long"):
        has_whole_head(pieces(FINAL[:-1]), len(FINAL) - 2, bare_lf=False)
    with pytest.raises(AnswerFaultError, match="begin"):
        has_whole_head(pieces(b"220 mail"), 1_000, bare_lf=False)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.", b"HTTP/1.0 2", b"HTTP/1.1 200", b"HTTP/1.1 200\r", FINAL[:-3]])
def test_a_good_beginning_is_waited_for(data: bytes) -> None:
    """Its end may come."""
    check_hopeful(pieces(data), bare_lf=False)
    check_hopeful(pieces(data), bare_lf=True)


@pytest.mark.parametrize("data", [b"HTTP/2", b"HTTP/1.1 20x", b"HTTP/1.2 ", b"HTTP/1.1  200"])
def test_a_wrong_beginning_is_not_waited_for(data: bytes) -> None:
    """No further byte could make it one of HTTP/1.1."""
    for bare_lf in (False, True):
        with pytest.raises(AnswerFaultError, match="cannot become"):
            check_hopeful(pieces(data), bare_lf=bare_lf)


@pytest.mark.parametrize("half", [b"\nB: c", b"\rB: c"])
def test_half_a_line_end_is_not_waited_for(half: bytes) -> None:
    """A parser would refuse the head at its end, which a hostile server never sends."""
    with pytest.raises(AnswerFaultError, match="cannot become"):
        check_hopeful(pieces(b"HTTP/1.1 200 OK\r\nA: b" + half), bare_lf=False)
    check_hopeful(pieces(b"HTTP/1.1 200 OK\r\nA: b" + half), bare_lf=True)
