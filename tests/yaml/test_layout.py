"""A file laid out anew has the same tree and every comment, and laying it out once more changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from gateway.yaml.layout import comments_of, lay_out
from gateway.yaml.mistakes import Mistakes
from gateway.yaml.read import read_yaml
from gateway.yaml.tree import Items, Node, Scalar, Table

TEXTS = (
    *(
        "18",
        "no",
        "22:00",
        "011002",
        "a b",
        "a, b",
        "x [y]",
        "it's",
        "対象: です",
        "市民　花子",
        "",
        "- x",
        "# x",
        "a #b",
    ),
    *("http://x/y", "/x/**", "'", '"', "\\", "*", "&a", "?", "~", "a:b", "{x}", "two\nlines", "ends\n", " lead", "　"),
)
PLAIN = (
    "18",
    "no",
    "22:00",
    "011002",
    "a b",
    "市民",
    "/x/**",
    "http://x/y",
    "2026-11-23 10:00",
    "a_b",
    "あ・い",
    "a#b",
)
KEYS = ("b", "a", "第 二", "name", "by the notice", "x-y", "c", "ja", "en")


def meaning(node: Node | None) -> object:
    match node:
        case Table():
            return {entry.key: meaning(entry.value) for entry in node}
        case Items():
            return [meaning(item) for item in node]
        case Scalar():
            return node.text
        case None:
            raise AssertionError("the file has no tree")


def tree_of(text: str) -> object:
    mistakes = Mistakes()
    found = read_yaml(text, "x.yaml", mistakes)
    # A sign that is not seen is a mistake outside of quotes; none of these texts has one there.
    assert not len(mistakes), f"{mistakes.say()}\n{text}"
    return meaning(found)


def has_mistakes(text: str) -> bool:
    """Whether the reader refuses a file, such as a sentence with ` #` in it; such a file is not laid out."""
    mistakes = Mistakes()
    read_yaml(text, "x.yaml", mistakes)
    return bool(len(mistakes))


class Writer:
    """Writes a random file, with comments at every place where one can be."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._comments = 0

    def file(self) -> str:
        lines = [*self.above(0), *self.table(0, 0), *self.above(0)]
        return "\n".join(lines) + "\n"

    def comment(self) -> str:
        self._comments += 1
        return f"# {self._comments} 注、: [x"

    def above(self, indent: int) -> Iterator[str]:
        while self._random.random() < 0.25:
            yield ("" if self._random.random() < 0.4 else " " * self._random.choice([indent, 0, indent + 2])) + (
                self.comment() if self._random.random() < 0.7 else ""
            )

    def trailing(self) -> str:
        return "   " + self.comment() if self._random.random() < 0.2 else ""

    def scalar(self, *, flow: bool) -> str:
        if self._random.random() < 0.6:
            return self._random.choice(PLAIN)
        text = self._random.choice(TEXTS)
        if "\n" in text or self._random.random() < 0.5:
            escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            return f'"{escaped}"'
        return "'" + text.replace("'", "''") + "'"

    def flow(self, depth: int, indent: int) -> str:
        gap = self._random.choice(["", " ", "\n" + " " * (indent + 4)])
        if gap.startswith("\n") and self._random.random() < 0.4:
            gap = "  " + self.comment() + gap
        kind = self._random.random()
        if depth > 2 or kind < 0.5:
            return self.scalar(flow=True)
        if kind < 0.75:
            return "[" + gap + f",{gap or ' '}".join(self.flow(depth + 1, indent) for _ in range(self._size())) + "]"
        return "{" + gap + f",{gap or ' '}".join(f"{key}: {self.flow(depth + 1, indent)}" for key in self._keys()) + "}"

    def _size(self) -> int:
        return self._random.choice([1, 2, 3, 12])

    def _keys(self) -> list[str]:
        return self._random.sample(KEYS, self._random.randint(1, 4))

    def table(self, indent: int, depth: int) -> Iterator[str]:
        for key in self._keys():
            yield from self.above(indent)
            yield from self.value(" " * indent + key + ":", indent, depth)

    def items(self, indent: int, depth: int) -> Iterator[str]:
        for _ in range(self._random.randint(1, 3)):
            yield from self.above(indent)
            if depth < 3 and self._random.random() < 0.4:
                first, *rest = self.table(indent + 2, depth + 1)
                if first.strip() and not first.strip().startswith("#"):
                    yield " " * indent + "- " + first.lstrip()
                    yield from rest
                else:
                    yield " " * indent + "-" + self.trailing()
                    yield from (first, *rest)
            else:
                yield from self.value(" " * indent + "-", indent, depth)

    def value(self, start: str, indent: int, depth: int) -> Iterator[str]:
        kind = self._random.random()
        if depth < 3 and kind < 0.25 and not start.endswith("-"):
            yield start + self.trailing()
            yield from self.table(indent + 2, depth + 1)
        elif depth < 3 and kind < 0.45 and not start.endswith("-"):
            yield start + self.trailing()
            yield from self.items(indent + self._random.choice([2, 4]), depth + 1)
        elif kind < 0.52:
            yield f"{start} {self._random.choice(['|', '|-', '|+', '>', '>-'])}{self.trailing()}"
            for line in self._random.choice([["one", "two"], ["one"], ["# no comment", "", "two: [x"]]):
                yield " " * (indent + 2) + line if line else ""
        else:
            yield f"{start} {self.flow(depth, indent)}{self.trailing()}"


def order(path: tuple[str, ...]) -> tuple[str, ...]:
    return ("name", "a", "b", "c", "ja", "en") if len(path) != 1 else ()


@pytest.mark.parametrize("part", range(4))
def test_nothing_is_lost_and_twice_is_once(part: int) -> None:
    """Random files with comments everywhere keep tree and comments, in either style, and settle at once."""
    random = Random(part)
    with_comments = 0
    for _ in range(120):
        text = Writer(random).file()

        def is_block(path: tuple[str, ...], count: int) -> bool:
            return len(path) < 1 or (path == ("a",) and count > 1)

        once = lay_out(text, order, is_block)
        if has_mistakes(text):
            continue
        assert tree_of(once) == tree_of(text), f"{text}\n=====\n{once}"
        assert sorted(comments_of(once)) == sorted(comments_of(text)), f"{text}\n=====\n{once}"
        assert lay_out(once, order, is_block) == once, f"{text}\n=====\n{once}\n=====\n{lay_out(once, order, is_block)}"
        with_comments += bool(comments_of(text))
    assert with_comments > 60


def laid(text: str) -> str:
    return lay_out(text, lambda path: ("policy", "rules") if not path else ("name", "match"), lambda path, _: not path)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rules: [a]\npolicy:   'x'\n", "policy: x\nrules: [a]\n"),
        ("a: 'no'\nb: '18'\nc: '市民'\n", "a: 'no'\nb: '18'\nc: 市民\n"),
        ("a: \"it's\"\nb: 'x: y'\n", "a: \"it's\"\nb: 'x: y'\n"),
        ("# head\n\n# more\na: 1\n", "# head\n\n# more\na: 1\n"),
        ("a:\n    - 1\n    - 2\n", "a: [1, 2]\n"),
        ("a:\n- 1 # one\n- 2\n", "a:\n  - 1  # one\n  - 2\n"),
        ("a: [1, # one\n  2]  # end\n", "# one\na: [1, 2]  # end\n"),
        ("a: 1\n\n\n\nb: 2\n", "a: 1\n\nb: 2\n"),
        ("a:\n  b: x\n  # last of a\nc: 1\n", "a:\n  b: x\n  # last of a\nc: 1\n"),
        ("a: 1\n# end\n", "a: 1\n# end\n"),
        ("\ufeffa: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
        ("a: {x: 1, y: 2}\n", "a: {x: 1, y: 2}\n"),
        ("a: |\n  one\n  two\n", "a: |\n  one\n  two\n"),
        ("a: >-\n  one\n  two\n", "a: |-\n  one two\n"),
        ("a: |\n   one\n    two  \n", 'a: "one\\n two  \\n"\n'),
        ("a: one\n  two\n", "a: one two\n"),
        (
            "rules:\n  - match: x  # m\n    # above\n    name: y\n",
            "rules:\n  # above\n  - name: y\n    match: x  # m\n",
        ),
        ("a:\nb: [ ]\n", "a:\nb: []\n"),
        ("x\n", "x\n"),
    ],
)
def test_the_form(text: str, wanted: str) -> None:
    """Keys in order, quotes only where they are of use, short lists on one line, and one empty line at most."""
    assert laid(text) == wanted
    assert laid(wanted) == wanted


def test_a_long_list_has_a_line_for_each_item() -> None:
    """A Japanese character takes two columns."""
    places = ", ".join(["東京都千代田区"] * 9)

    assert laid(f"in: [{places}]\n").count("\n") == 10
    assert laid(f"in: [{places[:50]}]\n").count("\n") == 1
