"""Slips of a Japanese keyboard are named where they are, and structure is mended so that the rest is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.yaml.mistakes import Mistakes, Where
from gateway.yaml.slips import SLIPS, find_slips, instead, note_slips, repair
from gateway.yaml.tree import Scalar


def test_each_slip_is_found_at_its_place() -> None:
    """Signs, runs of digits and runs of letters, in the order of the text."""
    found = find_slips("a：１８，ＡＢ_Ｃ")

    assert [(position, what.en, remedy.en) for position, what, remedy in found] == [
        (1, "a full-width colon `：`", "write `:`"),
        (2, "full-width digits `１８`", "write `18`"),
        (4, "a full-width comma `，`", "write `,`"),
        (5, "full-width letters `ＡＢ`", "write `AB`"),
        (8, "full-width letters `Ｃ`", "write `C`"),
    ]


@given(st.text(st.characters(max_codepoint=0x7F)))
def test_text_of_ascii_has_no_slip(text: str) -> None:
    """Nothing that a keyboard without an input method writes is a slip."""
    assert find_slips(text) == []


@pytest.mark.parametrize("sign", sorted(SLIPS))
def test_every_slip_has_words_in_both_languages(sign: str) -> None:
    """The one to write instead is named, a space by its name."""
    ((_, what, remedy),) = find_slips(sign)

    assert what.ja
    assert remedy.ja
    assert "half-width space" in remedy.en if sign == "\u3000" else SLIPS[sign][1] in remedy.en
    assert instead(":").ja == "半角の `:` にしてください"


def test_a_quoted_text_begins_behind_its_quote() -> None:
    """The column is that of the sign, in quotes or without."""
    mistakes = Mistakes()

    assert note_slips(Scalar("１", Where("p.yaml", 1, 4)), mistakes)
    assert note_slips(Scalar("１", Where("p.yaml", 2, 4), plain=False), mistakes)
    assert not note_slips(Scalar("1", Where("p.yaml", 3, 4)), mistakes)

    assert [(mistake.line, mistake.column) for mistake in mistakes] == [(1, 4), (2, 5)]


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("policy： p", "policy:  p"),
        ("- name： r", "- name:  r"),
        ("　　audit: true", "    audit: true"),
        ("age: {at_least： 18， below： 20}", "age: {at_least:  18,  below:  20}"),
        ("in: ［a, b］", "in: [a, b]"),
        ("in: ［a］ # note", "in: [a] # note"),
        ("age: ｛below: 3｝", "age: {below: 3}"),
        # Text stays as its author wrote it.
        ('title: "予約：施設"', 'title: "予約：施設"'),
        ("title: '予約：施設'", "title: '予約：施設'"),
        ("title: 予約：施設", "title: 予約：施設"),
        ("a: b # 注：x", "a: b # 注：x"),
        ("plain: text", "plain: text"),
    ],
)
def test_structure_is_mended_and_text_is_not(written: str, mended: str) -> None:
    """A colon in a sentence is a sentence's, and one behind a key is a slip."""
    repaired = repair(written, 2, "p.yaml")

    assert repaired.text == mended
    assert bool(len(repaired.slips)) is (written != mended)


def test_a_block_of_text_is_not_looked_into() -> None:
    """An indented block below `|` or `>` is text, until the indentation ends."""
    text = "note: |\n  鍵： 値\n\n  ［x］\nnext： 1"

    repaired = repair(text, 2, "p.yaml")

    assert repaired.text == "note: |\n  鍵： 値\n\n  ［x］\nnext:  1"
    assert [str(mistake.where) for mistake in repaired.slips] == ["p.yaml:5:5"]


def test_columns_lead_back_to_what_was_written() -> None:
    """A mistake behind a mended sign is shown where its author sees it; a run of wide spaces is one slip."""
    repaired = repair("　　a： 1", 2, "p.yaml")

    assert repaired.text == "    a:  1"
    assert repaired.columns[0] == [0, 0, 1, 1, 2, 3, 3, 4, 5, 6]
    assert [mistake.column for mistake in repaired.slips] == [1, 4]
