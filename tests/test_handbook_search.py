"""The search cuts Japanese the same way for the index and for a query."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.handbook_search import QUERY_SPLITTER, indexed

NODE = shutil.which("node") or "node"


def asked(*queries: str) -> list[list[str]]:
    """Return what the reader's browser makes of queries, by the same JavaScript."""
    program = f"{QUERY_SPLITTER}\nconsole.log(JSON.stringify({json.dumps(queries)}.map(splitQuery)));"
    done = subprocess.run([NODE, "-e", program], capture_output=True, text=True, check=True, timeout=30)
    found: list[list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "query",
    ["秘密の入れ替え", "復元", "メンテナンス", "鍵", "Redis の復元", "sessions.idle", "々", "〇", "502", "502 になる"],
)
def test_a_sentence_that_contains_the_query_has_all_its_words(query: str) -> None:
    """A reader finds a word in the middle of any sentence."""
    words = indexed(f"ここでは{query}について説明します。")

    assert asked(query)[0]
    assert set(asked(query)[0]) <= set(words)


def test_a_query_of_several_characters_asks_for_pairs_alone() -> None:
    """Single characters would find nearly every page."""
    assert asked("復元 ID") == [["復元", "ID"]]
    assert asked("メンテ") == [["メン", "ンテ"]]


def test_a_status_is_a_word_that_the_search_looks_for() -> None:
    """The search leaves out words of digits alone, from the index and from a query."""
    assert asked("502", "Python 3") == [["502_"], ["Python", "3_"]]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text("復元鍵のーメa950_-々 。", min_size=1, max_size=8), min_size=20, max_size=20))
def test_python_and_javascript_agree(queries: list[str]) -> None:
    """Each word of a query is a word of a text that is the query."""
    for query, words in zip(queries, asked(*queries), strict=True):
        assert set(words) <= set(indexed(query))
        assert bool(words) == bool(indexed(query))
