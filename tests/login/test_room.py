from __future__ import annotations

from gateway.login.pending import Cap
from gateway.login.room import Room, lives
from tests.builders import NOON


def room(per_browser: int = 9, number: int = 9, size: int = 1_000) -> Room:
    return Room(Cap(number, number), Cap(size, size), per_browser, 10.0)


def test_a_place_is_taken_until_its_entry_would_have_ended() -> None:
    """Used or not; the one after that finds it free."""
    here = room(number=1)
    first = here.take("a", "b1", "x", 10, NOON)
    assert first == (1, 1, None)
    here.leave_browser("a", "b1")
    assert here.take("c", "b3", "x", 10, NOON + 9) is None
    assert here.take("d", "b3", "x", 10, NOON + 10.5) == (1, 1, None)


def test_a_browsers_newest_entry_makes_room_by_its_own_oldest() -> None:
    """The entries of other browsers stay."""
    here = room(per_browser=2)
    assert [here.take(name, "b1", "x", 1, NOON) for name in "ab"] == [(1, 1, None), (2, 2, None)]
    here.take("other", "b2", "x", 1, NOON)
    assert here.take("c", "b1", "x", 1, NOON) == (3, 3, "a")


def test_bytes_count_as_numbers_do() -> None:
    """One large entry fills the room of its address, and leaves another's."""
    here = room(size=1_000)
    assert here.take("a", "b1", "x", 900, NOON) is not None
    assert here.take("b", "b2", "x", 200, NOON) is None
    assert here.take("c", "b3", "y", 100, NOON) is not None


def test_a_clock_that_was_set_back_prolongs_nothing() -> None:
    """An entry that began in the future is over."""
    assert lives(NOON, NOON + 9, 10.0)
    assert not lives(NOON, NOON + 10, 10.0)
    assert not lives(NOON + 120, NOON, 10.0)
