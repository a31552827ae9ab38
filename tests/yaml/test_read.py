"""YAML as an official types it: text stays text, slips are named, and every mistake is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.scanner import Scanner

from gateway.yaml.mistakes import Language, Mistakes, did_you_mean
from gateway.yaml.read import MAX_BYTES, read_yaml, read_yaml_file
from gateway.yaml.tree import MAX_DEPTH, Items, Node, Scalar, Table


def read(data: str | bytes) -> tuple[Node | None, list[str]]:
    mistakes = Mistakes()
    node = read_yaml(data, "p.yaml", mistakes)
    return node, [str(mistake) for mistake in mistakes]


def text_at(node: Node | None, *keys: str | int) -> str:
    for key in keys:
        if isinstance(key, str):
            assert isinstance(node, Table)
            node = node.get(key)
        else:
            assert isinstance(node, Items)
            node = node.items[key]
    assert isinstance(node, Scalar)
    return node.text


@pytest.mark.parametrize(
    ("written", "keys", "text"),
    [
        ("on: 2026-11-23", ("on",), "2026-11-23"),
        ("in: [011002]", ("in", 0), "011002"),
        ("from: 22:00", ("from",), "22:00"),
        ("told: {resident: no}", ("told", "resident"), "no"),
        ("a: {hours: {from: 9:00}}", ("a", "hours", "from"), "9:00"),
        ("a: 1_000", ("a",), "1_000"),
        ("a: ~", ("a",), "~"),
        ("a: null", ("a",), "null"),
        ("a:", ("a",), ""),
        ('a: "18"', ("a",), "18"),
        ("a: 0x10", ("a",), "0x10"),
    ],
)
def test_every_scalar_is_the_text_that_was_typed(written: str, keys: tuple[str | int, ...], text: str) -> None:
    """No key turns into True, no code into a number, no time into minutes."""
    node, mistakes = read(written)

    assert text_at(node, *keys) == text
    assert mistakes == []


def test_every_node_knows_its_place() -> None:
    """Line and column from 1, in characters."""
    node, _ = read("条件:\n  adult: {age: [18]}\n")

    assert isinstance(node, Table)
    (conditions,) = node
    assert (conditions.where.line, conditions.where.column) == (1, 1)
    assert isinstance(conditions.value, Table)
    (adult,) = conditions.value
    assert str(adult.where) == "p.yaml:2:3"
    assert isinstance(adult.value, Table)
    ages = adult.value.get("age")
    assert isinstance(ages, Items)
    assert str(ages.items[0].where) == "p.yaml:2:17"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a: 1\na: 2", "p.yaml:2:1: the key `a` is here twice (first on line 1), keep one of them"),
        ("a: &x 1", "p.yaml:1:4: an anchor or alias `&x`"),
        ("a: &x 1\nb: *x", "p.yaml:2:4: an anchor or alias `*x`"),
        ("<<: {a: 1}", "p.yaml:1:1: a merge key `<<`"),
        ("a: !!int 1", "p.yaml:1:4: a YAML tag `tag:yaml.org,2002:int`"),
        ("a: 1\n---\nb: 1", "p.yaml:2:1: a second document"),
        ("? [a]\n: 1", "p.yaml:1:3: a list or mapping where a key belongs"),
        ("", "p.yaml:1:1: the file is empty"),
        ("a:\n\tb: 1", "p.yaml:2:1: a tab character, indent with spaces"),
        ("a: 'x", "p.yaml:1:4: a quotation mark that is never closed, write `a: 'x'`"),
        ("a: [1, 2", "p.yaml:1:4: a `[` that is not closed, write `a: [1, 2]`"),
        ("a: {b", "p.yaml:1:4: a `{` that is not closed, write `a: {b}`"),
        ("a: @x", 'p.yaml:1:4: a value with `@` without quotes, write `a: "@x"`'),
        ("a: \x07", "p.yaml:1:4: a control character"),
        ("[" * 80, "p.yaml:1:"),
    ],
)
def test_what_has_two_meanings_is_refused(written: str, said: str) -> None:
    """With its place, and what would be right."""
    _, mistakes = read(written)

    assert any(mistake.startswith(said) for mistake in mistakes), mistakes


@pytest.mark.parametrize(
    ("written", "place", "name"),
    [
        ("{at_least： 18}", "1:10", "full-width colon"),
        ("title： 施設", "1:6", "full-width colon"),
        ("title：施設", "1:6", "full-width colon"),
        ("a:\n　　b: 1", "2:1", "full-width space"),
        ("- name: a\n　　allow: everyone", "2:1", "full-width space"),
        ("a: ｛b： 1｝\nc: {d: 1、e: 2}", "2:9", "Japanese comma"),
        ("a: ｛b： 1｝\nc: {d: 1、e: 2}", "1:4", "full-width bracket"),
        ("adult： {age: {at_least: 18}}", "1:6", "full-width colon"),
    ],
)
def test_a_slip_of_a_japanese_keyboard_is_named(written: str, place: str, name: str) -> None:
    """If a full-width sign breaks the structure, the message names that sign, and nothing else."""
    node, mistakes = read(written)

    assert node is not None
    assert any(mistake.startswith(f"p.yaml:{place}: a {name}") for mistake in mistakes), mistakes
    assert all("full-width" in mistake or "Japanese comma" in mistake for mistake in mistakes), mistakes


def test_sentences_keep_their_punctuation() -> None:
    """Full-width signs inside a sentence are no slips, in plain text, quotes, comments and blocks."""
    written = (
        "ja: 注意：18歳以上、65歳未満の方（区民）。\n"
        'en: "時間：9時、10時"  # 備考：なし\n'
        "long: |\n  注意：一\n  　字下げ\n"
    )

    node, mistakes = read(written)

    assert mistakes == []
    assert text_at(node, "ja") == "注意：18歳以上、65歳未満の方（区民）。"
    assert text_at(node, "long") == "注意：一\n　字下げ\n"


def test_reading_goes_on_behind_a_slip() -> None:
    """The slip does not hide what is wrong below it, and columns are those of the file."""
    node, mistakes = read("title：施設, x\nbad: {a: 1, a: 2}\n")

    assert text_at(node, "title") == "施設, x"
    assert mistakes == [
        "p.yaml:1:6: a full-width colon `：`, write `:`",
        "p.yaml:2:13: the key `a` is here twice (first on line 2), keep one of them",
    ]


def test_a_bom_and_windows_line_ends_are_accepted() -> None:
    """Notepad writes both."""
    node, mistakes = read(b"\xef\xbb\xbfpolicy: x\r\ntitle: y\r\n")

    assert mistakes == []
    assert text_at(node, "title") == "y"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("policy: 施設予約\n".encode("cp932"), "this file is Shift_JIS, not UTF-8, save it as UTF-8"),
        ("policy: 施設予約\n".encode("utf-16"), "this file is UTF-16, not UTF-8, save it as UTF-8"),
        (b"policy: \x81", "this file is not UTF-8, save it as UTF-8"),
    ],
)
def test_another_encoding_is_refused_with_the_remedy(data: bytes, said: str) -> None:
    """Named for what it is, at the first byte that shows it."""
    node, mistakes = read(data)

    assert node is None
    assert len(mistakes) == 1
    assert mistakes[0].endswith(said)


def test_mistakes_speak_japanese_too() -> None:
    """The same mistake in the author's language."""
    mistakes = Mistakes()
    read_yaml("a： 1", "p.yaml", mistakes)

    assert mistakes.say(Language.JA) == "p.yaml:1:2: 全角のコロン「：」、半角の `:` にしてください"


@pytest.mark.parametrize(
    ("word", "meant"), [("at-least", "at_least"), ("ａｇｅ", "age"), ("requier", "require"), ("zzz", None)]
)
def test_what_was_meant_is_guessed(word: str, meant: str | None) -> None:
    """Hyphens, full-width letters and swapped letters; nothing for what resembles nothing."""
    remedy = did_you_mean(word, ("at_least", "age", "require"))

    assert (remedy.en if remedy else None) == (f"did you mean `{meant}`?" if meant else None)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    """No text ends in a traceback; a tree comes only with every mistake noted, or none."""
    mistakes = Mistakes()

    node = read_yaml(text, "p.yaml", mistakes)

    assert node is not None or len(mistakes)


@given(st.binary(max_size=60))
def test_whatever_bytes_come_are_read_or_refused(data: bytes) -> None:
    """Bytes that are no text are refused, not raised."""
    mistakes = Mistakes()

    node = read_yaml(data, "p.yaml", mistakes)

    assert node is not None or len(mistakes)


@given(st.lists(st.sampled_from([*"：，、｛｝［］　＃ab1:{}[],- \n'\"#|&*!"]), max_size=30).map("".join))
def test_no_mixture_of_structure_and_slips_breaks_the_reader(text: str) -> None:
    """The signs that structure is made of, full-width and half-width, in any order."""
    mistakes = Mistakes()

    node = read_yaml(text, "p.yaml", mistakes)

    assert node is not None or len(mistakes)


@pytest.mark.parametrize("mark", ["[", "{", "[ ", "{\t"])
def test_what_is_opened_too_often_is_refused_before_it_is_read(mark: str) -> None:
    """The place is the first sign, and no parser looks at the rest."""
    mistakes = Mistakes()

    assert read_yaml("a: 1\nb: " + mark * 5_000, "policy.yaml", mistakes) is None
    assert [str(mistake) for mistake in mistakes] == ["policy.yaml:2:4: nested too deeply"]


@pytest.mark.parametrize("opened", ["{a: [", "[{a: b}, ", "[x, ", "{a: {b: 1}, c: ", "- [", "[\n"])
@pytest.mark.parametrize("before", ["", "c：1\n", "- a\nb: 1\n", "a: 'x\n"])
def test_no_slip_is_sought_in_what_is_opened_too_often(
    before: str, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scanner takes a millisecond for each sign there, so it stops where the builder does."""
    tokens = 0
    fetch = Scanner.fetch_more_tokens

    def counted(scanner: Scanner) -> object:
        nonlocal tokens
        tokens += 1
        return fetch(scanner)

    monkeypatch.setattr(Scanner, "fetch_more_tokens", counted)
    read_yaml(before + opened * 5_000, "policy.yaml", Mistakes())

    assert 0 < tokens < 20_000


@pytest.mark.parametrize(
    "deep",
    [
        "- " * (MAX_DEPTH + 2) + "x",
        "".join(" " * level + "k:\n" for level in range(MAX_DEPTH + 2)),
        "".join(" " * level + ("- \n" if level % 2 else "k:\n") for level in range(MAX_DEPTH + 2)),
    ],
)
def test_levels_without_brackets_are_counted_too(deep: str) -> None:
    """The message names the depth and the most that is allowed, however the levels are written."""
    node, mistakes = read(deep)

    assert node is None
    assert [mistake.split(": ", 1)[1] for mistake in mistakes] == [
        f"nested too deeply, open at most {MAX_DEPTH} levels"
    ]


@pytest.mark.parametrize("opened", ["- ", "k:\n"])
def test_the_deepest_level_allowed_is_read(opened: str) -> None:
    """A bound that counts one too many would refuse what the message allows."""
    levels = range(MAX_DEPTH)
    text = "".join(opened if opened == "- " else " " * level + opened for level in levels)

    node, mistakes = read(text + ("x" if opened == "- " else " " * MAX_DEPTH + "x"))

    assert mistakes == []
    for _ in levels:
        assert isinstance(node, Items | Table)
        node = node.items[0] if isinstance(node, Items) else node.get("k")
    assert isinstance(node, Scalar)
    assert node.text == "x"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a: 1\nbc\nd: 2", "p.yaml:2:3: no `:` behind `bc`, write `bc:`"),
        ("- a\nb: 1", "p.yaml:2:1: no `- ` at the beginning of an item, write `- b: 1`"),
        ('a: "C:\\q"', "p.yaml:1:8: a `\\` that begins no known escape, write `\\\\`"),
        ("%YAML 9.9\n---\na: 1", "p.yaml:1:1: this is not YAML"),
    ],
)
def test_a_fault_of_structure_is_the_only_one_named(written: str, said: str) -> None:
    """The tree behind it is not surely the author's, so that nothing else is said of it."""
    node, mistakes = read(written)

    assert node is None
    assert len(mistakes) == 1
    assert mistakes[0].startswith(said)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a: Note: c", 'p.yaml:1:8: an unquoted `: ` in a sentence, write `a: "Note: c"`'),
        ("a: *", 'p.yaml:1:4: a value with `*` without quotes, write `a: "*"`'),
        ("a: &", 'p.yaml:1:4: a value with `&` without quotes, write `a: "&"`'),
    ],
)
def test_a_fault_with_one_cure_is_shown_with_it_and_read_on(written: str, said: str) -> None:
    """The reader goes on, and looks at the rest in the same run."""
    node, mistakes = read(written)

    assert isinstance(node, Table)
    assert mistakes == [said]


def test_a_slip_is_named_beside_a_fault_of_another_kind() -> None:
    """The author mends both at once."""
    node, mistakes = read("a： {b: @x}")

    assert isinstance(node, Table)
    assert mistakes == [
        "p.yaml:1:2: a full-width colon `：`, write `:`",
        'p.yaml:1:8: a value with `@` without quotes, write `a: {b: "@x"}`',
    ]


def test_full_width_spaces_around_a_key_are_named_and_left_out() -> None:
    """Each in its place; the key that is read is the one its author sees."""
    node, mistakes = read("a: 1\n　b　: 2")

    assert text_at(node, "b") == "2"
    assert mistakes == [
        "p.yaml:2:1: a full-width space (U+3000), write a half-width space",
        "p.yaml:2:3: a full-width space (U+3000), write a half-width space",
    ]


def test_a_key_in_quotes_keeps_its_full_width_signs() -> None:
    """Quotes say that they are meant."""
    node, mistakes = read('"時間：": 9:00')

    assert text_at(node, "時間：") == "9:00"
    assert mistakes == []


def test_an_alias_in_the_place_of_a_key_is_refused() -> None:
    """As in the place of a value."""
    _, mistakes = read("*a : 1")

    assert len(mistakes) == 1
    assert mistakes[0].startswith("p.yaml:1:1: an anchor or alias `*a`")


def test_a_file_is_read_as_its_bytes_are(tmp_path: Path) -> None:
    """Messages bear the name that was given, or else the path."""
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"a: 1\na: 2\n")
    named, plain = Mistakes(), Mistakes()

    node = read_yaml_file(path, named, "p.yaml")

    assert (node, [str(mistake) for mistake in named]) == read(path.read_bytes())
    read_yaml_file(path, plain)
    assert [mistake.file for mistake in plain] == [str(path)]


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    """A file that is missing, a folder, and a file longer than the bound: each is named, none is raised."""
    long = tmp_path / "long.yaml"
    with long.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    said = {}
    for name in ("none.yaml", ".", "long.yaml"):
        mistakes = Mistakes()
        assert read_yaml_file(tmp_path / name, mistakes, name) is None
        said[name] = [str(mistake) for mistake in mistakes]

    assert said == {
        "none.yaml": ["none.yaml:1:1: there is no such file"],
        ".": [".:1:1: cannot be read: Is a directory"],
        "long.yaml": [f"long.yaml:1:1: longer than {MAX_BYTES} bytes"],
    }
