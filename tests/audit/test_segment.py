"""Files of the trail as they are made: what comes next, and when a signature is due."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.chain import BEGINNING, Place, read_line
from gateway.audit.entry import Action, moment
from gateway.audit.segment import (
    MOST_UNSIGNED,
    Beside,
    Removed,
    Writing,
    checkpoint,
    entered,
    opened,
    removed_line,
    signed_end,
)
from tests.audit.trails import NOON, entry, terms, verifier, whole

PLACE = Place("worker-1", 1)


def actions(text: bytes) -> list[str]:
    return [read_line(line).fields["action"] for line in text.splitlines(keepends=True)]


def test_a_file_begins_with_its_terms_and_a_signature() -> None:
    """The opening says by which rules the file is written, and the next line signs it."""
    written = opened(PLACE, BEGINNING, NOON, terms(keep=400 * 86_400.0), [Beside("command.000001.jsonl", "a" * 64)])
    first, second = map(read_line, written.text.splitlines(keepends=True))

    assert first.fields["action"] == Action.SEGMENT_OPENED
    assert first.fields["interval"] == 60
    assert first.fields["keep"] == 400 * 86_400
    assert first.fields["beside"] == [{"file": "command.000001.jsonl", "opening": "a" * 64}]
    assert "torn" not in first.fields
    assert verifier().read(second.fields["signed"]).hash == first.head.hash
    assert written.signatures == (second.fields["signed"],)
    assert written.state.head == second.head
    assert written.state.size == len(written.text)


def test_each_line_follows_the_one_before() -> None:
    """The whole file is one chain, and each line names its writer, its file and its node."""
    text, state = whole(7)
    lines = [read_line(line) for line in text.splitlines(keepends=True)]

    assert all(second.previous == first.head.hash for first, second in pairwise(lines))
    assert [line.head.sequence for line in lines] == list(range(1, len(lines) + 1))
    assert {(line.fields["writer"], line.fields["segment"], line.fields["node"]) for line in lines} == {
        ("worker-1", 1, "gw1")
    }
    assert state.head == lines[-1].head
    assert actions(text)[-1] == Action.SEGMENT_CLOSED


def test_a_signature_stands_before_an_entry_that_comes_late() -> None:
    """An interval without a signature cannot be passed, also by a clock that is set back."""
    state = opened(PLACE, BEGINNING, NOON, terms()).state

    assert actions(entered(state, [entry(1, NOON + 59)], terms()).text) == ["sign_in"]
    assert actions(entered(state, [entry(1, NOON + 60)], terms()).text) == ["checkpoint", "sign_in"]
    assert actions(entered(state, [entry(1, NOON - 60)], terms()).text) == ["checkpoint", "sign_in"]


@given(st.lists(st.floats(0, 86_400 * 3), max_size=30))
def test_no_entry_is_an_interval_away_from_a_signature(times: list[float]) -> None:
    """However the entries' clocks jump."""
    begun = opened(PLACE, BEGINNING, NOON, terms())
    text = begun.text + entered(begun.state, [entry(n, NOON + at) for n, at in enumerate(times)], terms()).text
    signed_at = NOON
    for line in map(read_line, text.splitlines(keepends=True)):
        at = moment(line.fields["time"])
        if line.fields["action"] == Action.CHECKPOINT:
            signed_at = at
        assert abs(at - signed_at) < 60.001


def test_many_entries_are_signed_in_between() -> None:
    """A busy minute has more than one signature."""
    state = opened(PLACE, BEGINNING, NOON, terms()).state
    written = entered(state, [entry(n, NOON) for n in range(MOST_UNSIGNED * 2 + 1)], terms())

    assert actions(written.text).count("checkpoint") == 2
    assert len(written.signatures) == 2


def test_an_idle_writer_signs_without_a_line() -> None:
    """A mirror hears of it all the same."""
    text, state = whole(3, ends=False)
    said, signature = signed_end(state, NOON + 99, terms())

    assert not state.has_unsigned
    assert verifier().read(signature) == said
    assert (said.sequence, said.hash, said.ends) == (*state.head, False)
    assert said.sequence == text.count(b"\n")


@pytest.mark.parametrize(
    ("size", "after", "full"), [(0, 0.0, False), (999, 0.0, False), (1000, 0.0, True), (0, 3600.0, True)]
)
def test_a_file_is_full_by_size_or_by_time(size: int, after: float, *, full: bool) -> None:
    """Either of the two is enough."""
    state = Writing(PLACE, NOON, BEGINNING, BEGINNING, NOON, size)

    assert state.is_full(terms(rotate_size=1000, rotate_every=3600.0), NOON + after) is full


def test_the_next_file_goes_on_in_the_chain() -> None:
    """Sequence and hash do not begin anew."""
    _, state = whole(2)
    written = opened(Place("worker-1", 2), state.head, NOON + 9, terms(), torn=True)
    first = read_line(written.text.splitlines(keepends=True)[0])

    assert first.previous == state.head.hash
    assert first.head.sequence == state.head.sequence + 1
    assert first.fields["torn"] is True


def test_a_removal_is_recorded_with_the_end_of_each_file() -> None:
    """The record stands for the file that is gone."""
    state = opened(PLACE, BEGINNING, NOON, terms()).state
    written = removed_line(state, [Removed("worker-0.000001.jsonl", "a" * 64, 1, 9, "b" * 64)], NOON, terms())

    assert read_line(written.text).fields["removed"] == [
        {"file": "worker-0.000001.jsonl", "opening": "a" * 64, "first": 1, "last": 9, "hash": "b" * 64}
    ]
    assert written.state.has_unsigned
    assert not checkpoint(written.state, NOON, terms()).state.has_unsigned
