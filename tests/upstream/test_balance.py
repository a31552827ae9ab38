from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gateway.upstream.balance import least_requests, round_robin


@dataclass
class Place:
    name: str
    active: int = 0
    turn: float = 0.0


def test_all_take_turns() -> None:
    """No one is asked twice while another waits."""
    places = [(Place("a"), 1.0), (Place("b"), 1.0), (Place("c"), 1.0)]

    names = [round_robin(places).name for _ in range(6)]

    assert names[:3] == names[3:]
    assert sorted(names[:3]) == ["a", "b", "c"]


def test_each_gets_its_share() -> None:
    """One that has just returned gets a tenth of another's."""
    places = [(Place("old"), 1.0), (Place("new"), 0.1)]

    counted = Counter(round_robin(places).name for _ in range(110))

    assert counted == {"old": 100, "new": 10}


def test_the_least_busy_is_asked() -> None:
    """However long its turn has been coming."""
    places = [(Place("busy", active=3), 1.0), (Place("free"), 1.0)]

    assert [least_requests(places).name for _ in range(3)] == ["free"] * 3


def test_a_small_share_counts_as_being_busy() -> None:
    """One that returns is not the least busy for its share."""
    places = [(Place("old", active=2), 1.0), (Place("new"), 0.1)]

    assert least_requests(places).name == "old"


def test_equals_take_turns() -> None:
    """Idle upstreams share the morning's first requests."""
    places = [(Place("a"), 1.0), (Place("b"), 1.0)]

    assert {least_requests(places).name for _ in range(2)} == {"a", "b"}
