"""Lost lines are counted by their kind, and no kind takes another's room."""

from __future__ import annotations

from gateway.observe.lines import LOST, ROOM, LineKind, lost_by_kind, lost_family


def test_counts_add_up_by_kind() -> None:
    """Every kind is there, from 0, even if only one of the counts has it."""
    assert lost_by_kind([]) == dict.fromkeys(LineKind, 0)
    assert lost_by_kind([{LineKind.ACCESS: 2}, {LineKind.ACCESS: 3, LineKind.AUDIT: 1}]) == {
        LineKind.ACCESS: 5,
        LineKind.EVENT: 0,
        LineKind.AUDIT: 1,
        LineKind.COPY: 0,
    }


def test_the_metric_has_a_sample_for_each_kind() -> None:
    """A kind that lost nothing is 0 and not absent: an alert on an absent series never fires."""
    family = lost_family({LineKind.EVENT: 7})

    assert family.name == LOST.name
    assert family.kind == "counter"
    assert {(sample.name, *sample.labels): sample.value for sample in family.samples} == {
        (f"{LOST.name}_total", ("kind", "access")): 0.0,
        (f"{LOST.name}_total", ("kind", "event")): 7.0,
        (f"{LOST.name}_total", ("kind", "audit")): 0.0,
        (f"{LOST.name}_total", ("kind", "copy")): 0.0,
    }


def test_every_kind_has_room() -> None:
    """A kind without room would lose each of its lines."""
    assert set(ROOM) == set(LineKind)
    assert all(ROOM.values())
