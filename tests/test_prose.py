"""Plain English, held sentence by sentence: a sentence begins with who acts, and a reader can look up its words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.prose import ROOT, Sentence, modules, of_page, of_python, pages, sentences


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_sentence_begins_with_who_acts(path: Path) -> None:
    """No clause as a subject, no `whoever`, forty words and one colon at most, in docstrings and comments."""
    assert not _faults(of_python(path))


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_keeps_the_rule(path: Path) -> None:
    """An operator reads the pages, so their sentences, and those in their tables, keep the same rule."""
    assert not _faults(of_page(path))


def _faults(found: Iterable[Sentence]) -> str:
    """Return the breaches of the rule, one a line."""
    return "\n".join(f"{each.file}:{each.line}: {'; '.join(each.faults)}: {each.text}" for each in found if each.faults)


@pytest.mark.parametrize(
    ("text", "faulty"),
    [
        ("What is not asked costs nothing.", True),
        ("Who goes away must wait.", True),
        ("Where may a request go?", False),
        ("The caller knows whoever asks.", True),
        ("The store answers: yes: or no.", True),
        ("The store answers: yes.", False),
        ("The header `X: a: b: c` is dropped.", False),
        ("A word " * 41 + "ends.", True),
        ("The listener closes the connection. What follows is lost.", True),
    ],
)
def test_the_reader_of_sentences_sees(text: str, *, faulty: bool) -> None:
    """The guard itself is guarded: each of these is judged so."""
    assert any(each.faults for each in sentences("x", 1, text)) is faulty


def test_a_list_and_code_are_no_sentences() -> None:
    """An indented block is code, and each item of a list is a text of its own."""
    text = "The store has keys.\n\n    What: a key\n\n- One item.\n- Another item."

    assert [each.text for each in sentences("x", 1, text)] == ["The store has keys.", "One item.", "Another item."]


def test_a_sentence_knows_its_line() -> None:
    """A breach is found where it stands."""
    assert list(sentences("x", 10, "One.\n\nWhat two.")) == [Sentence("x", 10, "One."), Sentence("x", 12, "What two.")]
