from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.request.spellings import LONGEST_REMEMBERED, REMEMBERED, Spellings


@given(st.lists(st.binary(max_size=2 * LONGEST_REMEMBERED)))
def test_a_remembered_verdict_is_the_judges(names: list[bytes]) -> None:
    """Each spelling gets its own verdict, also the second time."""
    table = Spellings(bytes.lower)

    for name in (*names, *names):
        assert table[name] == name.lower()


def test_a_spelling_is_judged_once() -> None:
    """A name that comes again costs a look-up alone."""
    judged: list[bytes] = []
    table = Spellings(judged.append)

    for _ in range(3):
        _ = table[b"Accept"], table[b"accept"]

    assert judged == [b"Accept", b"accept"]


def test_a_table_stays_small() -> None:
    """A sender of new or endless names fills no memory."""
    table = Spellings(len)

    for number in range(REMEMBERED + 10):
        assert table[b"X-%d" % number] == len(b"X-%d" % number)
    longest = b"X" * LONGEST_REMEMBERED
    assert table[longest] == LONGEST_REMEMBERED
    assert table[longest + b"X"] == LONGEST_REMEMBERED + 1

    assert len(table) <= REMEMBERED
    assert longest in table
    assert longest + b"X" not in table
