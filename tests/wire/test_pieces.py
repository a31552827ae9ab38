from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.pieces import Pieces

_ENDS = (b"\r\n", b"\r\n\r\n")
_OLD_END = re.compile(rb"\n\r?\n")
_BARE = re.compile(rb"(?<!\r)\n")


@given(st.lists(st.text("\r\nab", min_size=1, max_size=6).map(str.encode), max_size=20))
def test_an_end_is_found_however_it_was_cut(cuts: list[bytes]) -> None:
    """The end is found where one search of the whole would find it, and as soon as it has come."""
    pieces = Pieces()
    whole = b""

    for cut in cuts:
        pieces.add(cut)
        whole += cut
        for end in _ENDS:
            assert pieces.end_at(end) == whole.find(end)
        for pattern, longest in ((_OLD_END, 3), (_BARE, 1)):
            found = pattern.search(whole)
            assert pieces.match_at(pattern, longest) == (-1 if found is None else found.start())
    assert len(pieces) == len(whole)
    assert pieces.take() == whole


@given(
    st.lists(
        st.tuples(st.sampled_from(["append", "put_before", "take", "drop", "find"]), st.integers(0, 5), st.binary()),
        max_size=20,
    )
)
def test_it_holds_what_came_and_was_not_taken(steps: list[tuple[str, int, bytes]]) -> None:
    """The buffer behaves as plain bytes, for any order of putting, taking and searching."""
    pieces = Pieces()
    whole = b""

    for step, count, data in steps:
        match step:
            case "append":
                pieces.add(data)
                whole += data
            case "put_before":
                pieces.put_before(data)
                whole = data + whole
            case "take":
                assert pieces.take(count) == whole[:count]
                whole = whole[count:]
            case "drop":
                pieces.drop(count)
                whole = whole[count:]
            case _:
                assert pieces.end_at(data[:2]) == whole.find(data[:2])
        assert (len(pieces), bytes(pieces[:3])) == (len(whole), whole[:3])


@pytest.mark.parametrize("end", [b"\r\n", b"\r\n\r\n", _OLD_END])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_search_looks_at_new_bytes_alone(end: bytes | re.Pattern[bytes], size: int) -> None:
    """The search goes back over as many bytes as the end can have begun in, and never over all that came before."""
    pieces = Pieces()

    for _ in range(20_000 // size):
        pieces.add(b"a" * size)
        found = pieces.end_at(end) if isinstance(end, bytes) else pieces.match_at(end, 3)
        assert found == -1

    assert pieces.looked_at <= len(pieces) + 3 * (20_000 // size)


def test_what_waits_behind_is_not_looked_at_for_each_before_it() -> None:
    """A thousand pipelined requests are looked at once each."""
    pieces = Pieces()
    pieces.add(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 1_000)
    size = len(pieces)

    for _ in range(1_000):
        pieces.end_at(b"\r\n")
        pieces.take(pieces.end_at(b"\r\n\r\n") + 4)

    assert not pieces
    assert pieces.looked_at <= 2 * size
