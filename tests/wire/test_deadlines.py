from __future__ import annotations

from gateway.wire.deadlines import LONGEST_STEP, ROUND, Deadlines

TICK = 0.25


class Something:
    def __init__(self, wheel: Deadlines) -> None:
        self.deadline = 0.0
        self.slot = 0
        self.late = 0
        self._wheel = wheel

    def expired(self) -> None:
        self.late += 1


def turn(wheel: Deadlines, seconds: float) -> None:
    for _ in range(int(seconds / TICK)):
        wheel.turn(wheel.time + TICK)


def test_a_deadline_is_met_a_round_late_at_most() -> None:
    """The deadline is never met early."""
    wheel = Deadlines(100.0, TICK)
    thing = Something(wheel)
    wheel.arm(thing, 10.0)

    turn(wheel, 9.75)
    early = thing.late
    turn(wheel, 0.25 + ROUND * TICK)

    assert (early, thing.late) == (0, 1)


def test_a_deadline_can_be_moved_by_writing_it() -> None:
    """Later and earlier; that is what it is for."""
    wheel = Deadlines(0.0, TICK)
    thing = Something(wheel)
    wheel.arm(thing, 2.0)

    thing.deadline = wheel.now + 60.0
    turn(wheel, 10.0)
    not_yet = thing.late
    thing.deadline = wheel.now + 1.0
    turn(wheel, 1.0 + ROUND * TICK)

    assert (not_yet, thing.late) == (0, 1)


def test_without_a_deadline_nothing_is_late() -> None:
    """The wheel lets go of it, until it is armed again."""
    wheel = Deadlines(0.0, TICK)
    thing = Something(wheel)
    wheel.arm(thing, 1.0)

    thing.deadline = 0.0
    turn(wheel, 5.0)
    held = thing.slot
    wheel.arm(thing, 1.0)
    turn(wheel, 1.0 + ROUND * TICK)

    assert (held, thing.late) == (0, 1)


def test_a_process_that_was_held_up_takes_nobody_for_silent() -> None:
    """The process has not read the bytes of the meantime yet; the ages of connections still follow real time."""
    wheel = Deadlines(0.0, TICK)
    thing = Something(wheel)
    wheel.arm(thing, 10.0)

    wheel.turn(3600.0)

    assert thing.late == 0
    assert wheel.now == LONGEST_STEP * TICK
    assert wheel.time == 3600.0


def test_it_can_be_armed_while_it_is_told() -> None:
    """A connection that lingers is told again."""
    wheel = Deadlines(0.0, TICK)
    thing = Something(wheel)
    thing.expired = lambda: wheel.arm(thing, 1.0)  # type: ignore[method-assign]
    wheel.arm(thing, 1.0)

    turn(wheel, 3.0)

    assert thing.deadline > wheel.now - ROUND * TICK
