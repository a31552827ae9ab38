"""Slips of a Japanese keyboard are named where they are, and structure is mended so that the rest is read."""

from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.yaml.mistakes import Mistakes, Where
from gateway.yaml.slips import (
    SLIPS,
    cut_sentences,
    find_slips,
    instead,
    note_slips,
    quoted_line,
    repair,
    without_dashes,
    without_unseen,
    without_unseen_signs,
)
from gateway.yaml.tree import Scalar

SPACES = [chr(code) for code in range(0x80, 0x2FFF) if category(chr(code)) in {"Zs", "Zl", "Zp"} and code != 0x1680]
"""The spaces that Unicode knows besides those of a keyboard. U+1680, of Ogham, is a stroke that a reader sees."""

MARKS = ["\u00ad", "\u061c", "\u200b", "\u200c", "\u200e", "\u200f", "\u2060", "\ufeff"] + [
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
]
"""Signs without a width: they hyphenate, join, or turn the direction of a text."""


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


def test_a_full_width_sign_without_words_of_its_own_is_named_by_itself() -> None:
    """A keyboard has a wide form of every sign of ASCII."""
    assert [(position, what.en, remedy.en) for position, what, remedy in find_slips("a＝b")] == [
        (1, "a full-width sign `＝`", "write `=`")
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


def test_a_reader_may_look_at_a_few_slips_alone() -> None:
    """A list has commas that separate, and colons that belong to its words."""
    mistakes = Mistakes()

    assert note_slips(Scalar("a：b、c", Where("p.yaml", 1, 1)), mistakes, "、，")
    assert not note_slips(Scalar("a：b", Where("p.yaml", 2, 1)), mistakes, "、，")

    assert [(mistake.line, mistake.column) for mistake in mistakes] == [(1, 4)]


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
        ("path: /a#b： c", "path: /a#b： c"),
        # A sign that is no hyphen begins an item only where a key or a word follows it and a colon.
        ("－ name: r", "- name: r"),
        ("・name: r", "- name: r"),
        ("　●　name: r", "  - name: r"),
        ("-name: r", "- name: r"),
        ("- name: r", "- name: r"),
        ("－ 一般の方", "－ 一般の方"),
        # A wide space separates behind a sign of structure and at the end of a line, and is a part of a sentence.
        ("name:　r", "name: r"),
        ("name: r　", "name: r "),
        ("title: 予約　施設", "title: 予約　施設"),
        ("in: [a,　b]", "in: [a, b]"),
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


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("name： r", ("a full-width colon `：`", "write `:`")),
        ("・name: r", ("a sign `・` that is no hyphen", "write `-`")),
        ("－ name: r", ("a full-width hyphen `－`", "write `-`")),
        ("-name: r", ("a `-` without a space behind it", "write `- `")),
        ("in: ［a］", ("a full-width bracket `［`", "write `[`")),
        ("　name: r", ("a full-width space (U+3000)", "write a half-width space")),
    ],
)
def test_a_slip_in_the_structure_is_named_with_the_sign_to_write(written: str, said: tuple[str, str]) -> None:
    """The author sees what the keyboard wrote, and what belongs there."""
    repaired = repair(written, 2, "p.yaml")

    first = next(iter(repaired.slips))
    assert first.remedy is not None
    assert (first.what.en, first.remedy.en) == said


@pytest.mark.parametrize("sign", [*SPACES, *MARKS])
def test_a_sign_that_is_not_seen_is_named_once_for_each_run_of_it(sign: str) -> None:
    """Each space of Unicode and each mark without a width: an author sees neither, and a comparison would fail."""
    mistakes = Mistakes()

    text = without_unseen(f"a: 1\nb:{sign}{sign} {sign}2", "p.yaml", mistakes)

    assert sign not in text
    assert text.split("\n")[1].replace(" ", "") == "b:2"
    assert [(mistake.line, mistake.column) for mistake in mistakes] == [(2, 3), (2, 6)]
    assert all(f"U+{ord(sign):04X}" in mistake.what.en for mistake in mistakes)
    assert all(f"U+{ord(sign):04X}" in mistake.what.ja for mistake in mistakes)


@pytest.mark.parametrize("sign", SPACES)
def test_a_space_of_any_width_separates(sign: str) -> None:
    """The key and its value stay two words."""
    assert without_unseen(f"a:{sign}1", "p.yaml", Mistakes()) == "a: 1"
    assert without_unseen_signs(f"a{sign}b") == "a b"


@pytest.mark.parametrize("sign", MARKS)
def test_a_mark_without_a_width_separates_nothing(sign: str) -> None:
    """The word around it is one word."""
    assert without_unseen(f"na{sign}me: 1", "p.yaml", Mistakes()) == "name: 1"
    assert without_unseen_signs(f"a{sign}b") == "ab"


@pytest.mark.parametrize("line", ['a: "1\u200b"', "a: '1\u00a0'", "a: 1 # \u200b", "# \u2028", "\u3000# \u00a0x"])
def test_a_quoted_text_and_a_comment_keep_what_they_hold(line: str) -> None:
    """An author who needs such a sign can write it in quotes."""
    mistakes = Mistakes()

    assert without_unseen(line, "p.yaml", mistakes) == line
    assert len(mistakes) == 0


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("a:\u00a0'x: \u00a0'\u00a0", "a: 'x: \u00a0' "),
        ("\u00a0':'\u00a0", " ':' "),
        ("\u200b'\u00a0': 1", "'\u00a0': 1"),
        ("a:\u200b '\u200b'", "a: '\u200b'"),
        ("a: 1\u00a0# \u00a0", "a: 1 # \u00a0"),
        ("a: 1 \u200b# \u200b", "a: 1 # \u200b"),
    ],
)
def test_a_quote_and_a_comment_begin_where_they_will(line: str, mended: str) -> None:
    """A space that is not seen becomes one: quotes and comments behind it begin there, as YAML will read them."""
    assert without_unseen(line, "p.yaml", Mistakes()) == mended


@given(st.text(st.sampled_from([*SPACES, *MARKS, "a", ":", " ", "#", '"', "'", "\n", "：", "あ"]), max_size=30))
def test_the_unseen_are_taken_out_whole_and_nothing_else_is(text: str) -> None:
    """A second pass finds nothing, the number of lines stays, and every sign that is seen stays in its order."""

    def seen(line: str) -> str:
        return "".join(sign for sign in line if sign not in (*SPACES, *MARKS, " "))

    once, again = without_unseen(text, "p.yaml", Mistakes()), Mistakes()

    assert without_unseen(once, "p.yaml", again) == once
    assert len(again) == 0
    assert [seen(line) for line in once.split("\n")] == [seen(line) for line in text.split("\n")]
    assert not set(without_unseen_signs(text)) & {*SPACES, *MARKS}


@pytest.mark.parametrize("dash", "－ー―—–‐‑‒−")
def test_a_dash_between_numbers_is_a_hyphen(dash: str) -> None:
    """Between words it is a long vowel or a dash."""
    assert without_dashes(f"1{dash}2{dash}３") == "1-2-３"
    assert without_dashes(f"センタ{dash}1") == f"センタ{dash}1"
    assert without_dashes(f"1{dash}") == f"1{dash}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  ja: 予約 #1 の窓口", ("1:10", "`#1 の窓口`", '`ja: "予約 #1 の窓口"`')),
        ("- en: Counter #2", ("1:15", "`#2`", '`en: "Counter #2"`')),
        ('ja-simple: 1 "x" #2', ("1:18", "`#2`", r'`ja-simple: "1 \"x\" #2"`')),
    ],
)
def test_a_sentence_that_a_number_sign_cuts_is_named(line: str, said: tuple[str, str, str]) -> None:
    """YAML takes the rest of it for a comment; the correction is the whole line in quotes."""
    mistakes = Mistakes()

    cut_sentences(line, "p.yaml", mistakes)

    place, rest, remedy = said
    (mistake,) = mistakes
    assert str(mistake.where) == f"p.yaml:{place}"
    assert rest in mistake.what.en
    assert rest in mistake.what.ja
    assert mistake.remedy is not None
    assert remedy in mistake.remedy.en


@pytest.mark.parametrize(
    "line",
    [
        "ja: 予約",
        "ja: 予約 # 注",
        'ja: "予約 #1"',
        "ja: '予約 #1'",
        "ja: 予約#1",
        "title: 予約 #1",
        "ja: | #1",
        "ja: #1",
    ],
)
def test_a_sentence_that_is_whole_is_not(line: str) -> None:
    """A comment has a space behind its sign, and a sentence in quotes may hold any sign."""
    mistakes = Mistakes()

    cut_sentences(line, "p.yaml", mistakes)

    assert len(mistakes) == 0


@pytest.mark.parametrize(
    ("line", "column", "sign", "mended"),
    [
        ("say: {ja: 窓口: 1番, en: x}", 12, ": ", 'say: {ja: "窓口: 1番", en: x}'),
        ("  say: {ja: x, en: a, b}", 20, ", ", 'say: {ja: x, en: "a, b"}'),
        ("say: {en: a [b], ja: c}", 12, "[", 'say: {en: "a [b]", ja: c}'),
        ("say: {ja: x #1, en: y #2}", 11, " #", 'say: {ja: "x #1", en: "y #2"}'),
        ("say: {ja: 1,000円}", 11, ",", 'say: {ja: "1,000円"}'),
        ('say: {ja: a "b": c, status: 404}', 15, ": ", 'say: {ja: "a \\"b\\": c", status: 404}'),
    ],
)
def test_a_sentence_between_brackets_is_quoted_whole(line: str, column: int, sign: str, mended: str) -> None:
    """The first sign that breaks one is where the mistake stands, and each broken sentence gets its quotes."""
    assert quoted_line(line) == (column, sign, mended)


@pytest.mark.parametrize(
    "line", ["say: {ja: 予約, en: booking}", 'say: {ja: "a, b"}', "say: {ja: 'a: b'}", "say: {fr: a: b}", "ja: a: b"]
)
def test_a_line_without_a_broken_sentence_needs_no_quotes(line: str) -> None:
    """Neither does one of other words."""
    assert quoted_line(line) is None


@given(st.text(st.sampled_from("－ー・- 　：:［］｛｝，、,#\"'\nab1|>あ"), max_size=40), st.sampled_from([1, 2]))
def test_a_repair_keeps_each_place(text: str, indent: int) -> None:
    """No text makes it stumble: each column of a mended line leads to one of the line as it was typed."""
    repaired = repair(text, indent, "p.yaml")
    typed, mended = text.split("\n"), repaired.text.split("\n")

    assert len(mended) == len(typed)
    for number, line in enumerate(mended):
        origin = repaired.columns.get(number)
        if origin is None:
            assert line == typed[number]
            continue
        assert len(origin) == len(line) + 1
        assert origin == sorted(origin)
        assert origin[-1] == len(typed[number])
