"""The heads that come again: kept by their bytes, and never those of one person."""

import pytest
from msgspec.structs import replace

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
    """A head that is too long to come again is not kept either."""
    heads = HeadCache()

    heads.remember(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n\r\n", HEAD)
    heads.remember(b"HTTP/1.1 200 OK\r\nset-COOKIE: a=b\r\n\r\n", HEAD)
    heads.remember(b"x" * (LONGEST + 1), HEAD)

    assert not heads


COOKIE_HEAD = AnswerHead(200, ((b"X-A", b"1"), (b"Set-Cookie", b"a=hanako"), (b"X-B", b"2")), AnswerFraming.COUNTED, 2)
RAW = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nSet-Cookie: %b\r\nX-B: 2\r\n\r\n"


def test_a_head_that_sets_a_cookie_is_known_by_the_rest_of_it() -> None:
    """The meaning has the new cookie, and nothing that is kept has the first one."""
    heads = HeadCache()
    heads.remember(RAW % b"a=hanako", COOKIE_HEAD)

    found = heads.with_cookie(RAW % b"b=taro; Path=/")

    assert found is not None
    assert found.headers == ((b"X-A", b"1"), (b"Set-Cookie", b"b=taro; Path=/"), (b"X-B", b"2"))
    assert (found.status, found.length, found.answer_cache, found.cookie) == (200, 2, {}, b"b=taro; Path=/")
    assert b"hanako" not in repr((dict(heads), heads._with_cookie, heads.last)).encode()


@pytest.mark.parametrize(
    "raw",
    [
        RAW.replace(b"X-B: 2", b"X-B: 3") % b"a=hanako",
        RAW % b"",
        RAW % b" a=hanako",
        RAW % b"a=hanako ",
        RAW % b"a=\x00hanako",
        RAW % b"a=hana\nX-C: 1",
        RAW % b"a=hana\rko",
        RAW % "a=花子".encode(),
        RAW % b"a=hanako\r\n b",
        RAW % b"a=hanako\r\nSet-Cookie: b=2",
        RAW % (b"a=" + b"h" * LONGEST),
        RAW.replace(b"Set-Cookie:", b"Set-Cookie :") % b"a=hanako",
        RAW.replace(b"Set-Cookie", b"set-cookie") % b"a=hanako",
        RAW.replace(b"Set-Cookie", b"X-Set-Cookie") % b"a=hanako",
    ],
)
def test_a_head_that_differs_in_more_than_the_cookie_is_read_anew(raw: bytes) -> None:
    """Another field, another spelling, a second cookie, or a value in which parsers may see different things."""
    heads = HeadCache()
    heads.remember(RAW % b"a=hanako", COOKIE_HEAD)

    assert heads.with_cookie(raw) is None


def test_a_head_of_two_cookies_or_of_folded_lines_is_not_kept() -> None:
    """A cookie in the place of another one would have another meaning there."""
    heads = HeadCache()
    two = (*COOKIE_HEAD.headers, (b"Set-Cookie", b"b=2"))
    heads.remember((RAW % b"a=hanako")[:-2] + b"Set-Cookie: b=2\r\n\r\n", replace(COOKIE_HEAD, headers=two))
    heads.remember((RAW % b"a=hanako").replace(b"X-B: 2", b" b"), COOKIE_HEAD)

    assert not heads._with_cookie


def test_heads_with_cookies_are_bounded_too() -> None:
    """An application that says another thing each time fills no memory."""
    heads = HeadCache()

    for number in range(3 * MOST):
        heads.remember((RAW % b"a=hanako").replace(b"X-A: 1", b"X-A: %d" % number), COOKIE_HEAD)

        assert len(heads._with_cookie) <= MOST


def test_the_cache_is_bounded() -> None:
    """It starts anew when it is full, and the newest head is always in it."""
    heads = HeadCache()

    for number in range(3 * MOST):
        heads.remember(b"%d" % number, HEAD)

        assert len(heads) <= MOST
        assert b"%d" % number in heads
