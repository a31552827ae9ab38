"""A policy's values: two readings of one policy are compared by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.policy import REMEMBERED, Allow, Policy, Rule, Source
from gateway.policy.verdict import RuleId

RULE = Rule(RuleId("booking", "read"), allow=Allow.EVERYONE, line=3)


def test_a_rule_has_its_name_within_its_policy() -> None:
    """The policy's own name stands in front of it only where rules of several policies meet."""
    assert RULE.name == "read"
    assert replace(RULE, id=RuleId("library", "read")).name == RULE.name
    assert replace(RULE, id=RuleId("library", "read")) != RULE


def test_a_rule_that_moves_to_another_line_is_the_same_rule() -> None:
    """A comment above it changes nothing that anybody hears; any other part does."""
    assert replace(RULE, line=40) == RULE
    assert replace(RULE, audit=True) != RULE
    assert replace(RULE, signed_in_within=60.0) != RULE


def test_two_readings_of_one_policy_are_equal_whatever_else_their_files_hold() -> None:
    """The remembered texts are there to compare files, and are in no printed policy: a list names persons."""
    file = Path("/etc/sekisho/staff.txt")
    before = Policy("booking", (RULE,), read={file: Source.of(b"PPID-of-hanako\n")})
    after = replace(before, read={file: Source.of(b"# staff\nPPID-of-hanako\n")})

    assert before == after
    assert replace(before, rules=()) != before
    assert "hanako" not in repr(before)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_file_is_named_by_what_it_holds(first: bytes, other: bytes) -> None:
    """Property: two files have one digest if, and only if, they hold the same bytes."""
    was, became = Source.of(first), Source.of(other)

    assert len(was.digest) == 64
    assert set(was.digest) <= set("0123456789abcdef")
    assert (was.digest == became.digest) is (first == other)
    assert (was == became) is (first == other)


@pytest.mark.parametrize(
    ("text", "ends"),
    [(b"", False), (b"a", False), (b"a\n", True), (b"a\r\n", True), (b"a\nb", False), (b"a\r", False), (b"\n", True)],
)
def test_a_file_says_whether_its_last_line_has_an_end(text: bytes, *, ends: bool) -> None:
    """A file whose copy was cut off ends within a line."""
    assert Source.of(text).ends is ends


@pytest.mark.parametrize(("size", "kept"), [(0, True), (REMEMBERED, True), (REMEMBERED + 1, False)])
def test_only_a_text_that_is_not_too_long_is_remembered(size: int, *, kept: bool) -> None:
    """A list of millions is known by its digest and its last byte alone."""
    text = b"\n" * size
    source = Source.of(text)

    assert source.text == (text if kept else None)
    assert source.ends is bool(size)
    assert source.digest != Source.of(text + b"\n").digest
