from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.described import LONGEST_PATH, UNREAD, Described, described


@pytest.mark.parametrize(
    ("line", "headers", "expected"),
    [
        (
            b"PROPFIND /dav/a%2fb?password=x HTTP/1.1",
            ((b"HOST", b"App.Gw.Test:8080"),),
            Described("PROPFIND", "app.gw.test:8080", "/dav/a%2fb"),
        ),
        (b"GET /a//b HTTP/1.1", (), Described("GET", "", "/a//b")),
        (b"GET /a HTTP/1.1", ((b"Host", b"a"), (b"Host", b"b")), Described("GET", "", "/a")),
        (b"GET /a HTTP/1.1", ((b"Host", b"a b"),), Described("GET", "", "/a")),
        (b"GET http://a/b HTTP/1.1", (), Described("GET", "", "")),
        (b"G\xffT \x1b[2J HTTP/1.1", (), UNREAD),
        (b"", (), UNREAD),
    ],
)
def test_a_head_is_called_by_what_can_be_read(
    line: bytes, headers: tuple[tuple[bytes, bytes], ...], expected: Described
) -> None:
    """Without its query, which may hold what nobody should log."""
    assert described(line, headers) == expected


@given(st.binary(max_size=2000), st.lists(st.tuples(st.just(b"Host"), st.binary(max_size=300)), max_size=3))
def test_nothing_unprintable_reaches_a_log(line: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """The words are ASCII that shows, and they end."""
    for text in described(line, headers):
        assert text.isascii()
        assert text.isprintable()
        assert "?" not in text or text == described(line, headers).method
        assert len(text) <= LONGEST_PATH
