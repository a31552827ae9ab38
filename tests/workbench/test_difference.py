from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.workbench.difference import AROUND, changed_lines

LINES = st.lists(st.sampled_from("abcd"), max_size=40)


def test_the_same_text_has_no_lines() -> None:
    """There is nothing to read."""
    assert changed_lines("a\nb\n", "a\nb\n") == ()


def test_a_change_is_shown_with_some_lines_around_it() -> None:
    """Long stretches that are the same are left out, and the gaps are told."""
    old = [str(number) for number in range(30)]
    new = [*old[:15], "new", *old[16:]]

    kinds = [line.kind for line in changed_lines("\n".join(old), "\n".join(new))]

    assert kinds == ["gap", *["same"] * AROUND, "gone", "new", *["same"] * AROUND, "gap"]


@given(LINES, LINES)
def test_the_lines_that_are_gone_and_new_make_one_text_of_the_other(old: list[str], new: list[str]) -> None:
    """No changed line is left out, and each has the number that it has in its text."""
    found = changed_lines("\n".join(old), "\n".join(new))

    for line in found:
        if line.kind in {"same", "gone"}:
            assert old[line.before - 1] == line.text
        if line.kind in {"same", "new"}:
            assert new[line.after - 1] == line.text
    gone = {line.before for line in found if line.kind == "gone"}
    added = {line.after for line in found if line.kind == "new"}
    kept = [text for number, text in enumerate(old, 1) if number not in gone]
    assert kept == [text for number, text in enumerate(new, 1) if number not in added]
