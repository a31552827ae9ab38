from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.chunks import ChunkError, ChunkReader, TrailersTooLongError

WHOLE = b"5;a=b\r\nhello\r\n00001 \r\n!\r\n0\r\nX-A: 1 \r\nX-B:2\r\n\r\nGET / HTTP/1.1"


@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=8))
def test_however_it_is_cut_it_is_the_same_body(cuts: list[int]) -> None:
    """Bytes, trailers, and what stands behind."""
    reader = ChunkReader(1000)
    body = b""
    behind = b""
    places = sorted({0, *cuts, len(WHOLE)})

    for begin, end in pairwise(places):
        if reader.complete:
            behind += WHOLE[begin:end]
        else:
            body += reader.feed(WHOLE[begin:end])

    assert body == b"hello!"
    assert reader.complete
    assert reader.trailers == ((b"X-A", b"1"), (b"X-B", b"2"))
    assert reader.rest + behind == b"GET / HTTP/1.1"


@pytest.mark.parametrize(
    "body",
    [
        b"0x5\r\n",
        b"5_0\r\n",
        b"-1\r\n",
        b"+5\r\n",
        b"\r\n",
        b"5\rhello",
        b"5\nhello",
        b"1\r\nab\r\n",
        b"1\r\na\n0",
        b"g\r\n",
        b"1" * 16 + b"\r\n",
        b"5;\x00\r\n",
    ],
)
def test_what_is_not_a_chunk_is_a_fault(body: bytes) -> None:
    """A reader that goes on after the fault would read something else than we."""
    with pytest.raises(ChunkError):
        ChunkReader(1000).feed(body + b"0\r\n\r\n")


def test_a_size_line_has_an_end() -> None:
    """An extension of a megabyte is none."""
    reader = ChunkReader(1000)
    reader.feed(b"5;" + b"a" * 1000)

    with pytest.raises(ChunkError):
        reader.feed(b"a" * 100)


def test_trailers_have_a_limit() -> None:
    """Whether they come at once or drop by drop."""
    with pytest.raises(TrailersTooLongError):
        ChunkReader(100).feed(b"0\r\nX: " + b"a" * 200 + b"\r\n\r\n")
    reader = ChunkReader(100)
    reader.feed(b"0\r\n")
    for _ in range(100):
        reader.feed(b"a")
    with pytest.raises(TrailersTooLongError):
        reader.feed(b"a")


def test_a_trailer_is_a_field() -> None:
    """Names are tokens, values have no controls."""
    for line in (b"X", b": a", b"X Y: a", b"X: a\x00", b"X: a\r\n b"):
        with pytest.raises(ChunkError):
            ChunkReader(1000).feed(b"0\r\n" + line + b"\r\n\r\n")


@pytest.mark.parametrize("start", [b"5;", b"0\r\nX: "])
def test_a_line_that_comes_byte_by_byte_is_looked_at_once(start: bytes) -> None:
    """A size line with its extensions, and trailers, cost what their length costs."""
    reader = ChunkReader(30_000)
    reader.feed(start)
    length = 1_000 if start == b"5;" else 29_000

    for _ in range(length):
        reader.feed(b"a")

    assert reader.looked_at <= 5 * length
