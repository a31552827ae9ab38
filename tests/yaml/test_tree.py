"""A tree of values, each with its place."""

from __future__ import annotations

import pytest

from gateway.yaml.mistakes import Mistakes, Where
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table, kind_of, unknown_key

HERE = Where("p.yaml", 3, 5)
TEXT = Scalar("18", HERE)
TABLE = Table((Entry("a", HERE, TEXT), Entry("b", HERE, Scalar("", HERE))), HERE)


def test_a_tables_keys_are_found() -> None:
    """A key that is not there is `None`, and the order is the file's."""
    entry = TABLE.entry("a")

    assert entry is not None
    assert entry.value is TEXT
    assert TABLE.get("a") is TEXT
    assert TABLE.get("c") is None
    assert TABLE.entry("c") is None
    assert TABLE.keys == ("a", "b")
    assert [each.key for each in TABLE] == ["a", "b"]
    assert len(TABLE) == 2


def test_a_list_is_gone_through_in_order() -> None:
    """Every item once."""
    items = Items((TEXT, TABLE), HERE)

    assert list(items) == [TEXT, TABLE]
    assert len(items) == 2


@pytest.mark.parametrize(
    ("node", "en", "ja"),
    [
        (TEXT, "`18`", "`18`"),
        (Scalar("", HERE), "nothing", "空欄"),
        (Scalar("", HERE, plain=False), "``", "``"),
        (Items((), HERE), "a list", "リスト"),
        (TABLE, "keys with values", "項目の組"),
    ],
)
def test_a_node_says_what_it_is(node: Node, en: str, ja: str) -> None:
    """A mistake names what stands in the wrong place, in both languages."""
    assert (kind_of(node).en, kind_of(node).ja) == (en, ja)


def test_an_unknown_key_is_named_with_what_was_meant() -> None:
    """A near key is offered, and all of them where none is near."""
    mistakes = Mistakes()

    unknown_key(Entry("alow", HERE, TEXT), ("allow", "require"), mistakes)
    unknown_key(Entry("zzz", Where("p.yaml", 9), TEXT), ("allow", "require"), mistakes)

    assert [str(mistake) for mistake in mistakes] == [
        "p.yaml:3:5: unknown key `alow`, did you mean `allow`?",
        "p.yaml:9:1: unknown key `zzz`, write one of `allow`, `require`",
    ]
