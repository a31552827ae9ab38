from __future__ import annotations

from gateway.observe.removed_names import MOST_NAMES, TOLD_AGAIN_AFTER, TOLD_AT_ONCE, RemovedNames, shown


def test_a_name_is_told_once_an_hour_for_each_app() -> None:
    """An operator sees that it happens, and is not flooded by it."""
    answered = RemovedNames()

    assert answered.is_news("a", b"x-user-id", 0.0)
    assert not answered.is_news("a", b"x-user-id", TOLD_AGAIN_AFTER - 1)
    assert answered.is_news("b", b"x-user-id", TOLD_AGAIN_AFTER - 1)
    assert answered.is_news("a", b"x-user-id", TOLD_AGAIN_AFTER)


def test_new_names_for_ever_are_told_slowly_and_remembered_in_bounded_memory() -> None:
    """A client that makes up names fills neither the log nor the memory."""
    answered = RemovedNames()

    in_one_minute = sum(answered.is_news("a", b"x-%d" % number, 30.0) for number in range(1_000))
    for number in range(100_000):
        answered.is_news("a", b"y-%d" % number, 100.0 * number)

    assert in_one_minute == TOLD_AT_ONCE
    assert len(answered._told) <= MOST_NAMES


def test_a_clock_that_was_set_back_silences_nothing() -> None:
    """A time in the future does not count: the name is logged again."""
    answered = RemovedNames()
    assert answered.is_news("a", b"x", 1e9)

    assert answered.is_news("a", b"x", 1_000.0)


def test_a_name_is_shown_in_visible_ascii_and_cut() -> None:
    """A log line, and a terminal that shows it, get no sign of the client's that is more than a letter."""
    assert shown(b"X-\x1b[31mUser\xff") == "X-?[31mUser?"
    assert len(shown(b"x" * 1_000)) == 64
