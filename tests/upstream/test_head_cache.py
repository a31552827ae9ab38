"""The heads that come again: kept by their bytes, and never those of one person."""

from gateway.upstream.head_cache import LONGEST, MOST, HeadCache
from gateway.upstream.upstream import AnswerFraming, AnswerHead

HEAD = AnswerHead(200, (), AnswerFraming.COUNTED, 2)


def test_a_head_is_found_by_its_bytes() -> None:
    """With a place for what is made of it."""
    heads = HeadCache()

    heads.remember(b"HTTP/1.1 200 OK\r\n\r\n", HEAD)

    kept = heads[b"HTTP/1.1 200 OK\r\n\r\n"]
    assert (kept.status, kept.length, kept.answer_cache) == (200, 2, {})
    assert b"HTTP/1.1 201 OK\r\n\r\n" not in heads


def test_a_head_that_is_made_for_one_person_is_not_kept() -> None:
    """Nor one that is too long to come again."""
    heads = HeadCache()

    heads.remember(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n", HEAD)
    heads.remember(b"HTTP/1.1 200 OK\r\nset-COOKIE: a=b\r\n\r\n", HEAD)
    heads.remember(b"x" * (LONGEST + 1), HEAD)

    assert not heads


def test_the_cache_is_bounded() -> None:
    """It starts anew when it is full, and the newest head is always in it."""
    heads = HeadCache()

    for number in range(3 * MOST):
        heads.remember(b"%d" % number, HEAD)

        assert len(heads) <= MOST
        assert b"%d" % number in heads
