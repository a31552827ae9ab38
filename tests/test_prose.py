"""Plain English, held sentence by sentence: a sentence begins with who acts, and a reader can look up its words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.prose import READERS, ROOT, Sentence, messages, sentences, texts_in


def _read(path: Path, read: Callable[[Path], Iterator[Sentence]]) -> object:
    return pytest.param(path, read, id=f"{read.__name__}-{path.relative_to(ROOT)}")


@pytest.mark.parametrize(("path", "read"), [_read(path, read) for read, paths in READERS.items() for path in paths()])
def test_a_sentence_begins_with_who_acts(path: Path, read: Callable[[Path], Iterator[Sentence]]) -> None:
    """No clause as a subject, no `whoever`, forty words and one colon at most.

    The rule holds for docstrings and comments, for the pages with their tables, for each message of the product, and
    for the files that operators copy.
    """
    assert not _faults(read(path))


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


@pytest.mark.parametrize(
    ("text", "faulty"),
    [
        ("And its connection is closed.", True),
        ("Also after a mistake of ours.", True),
        ("So that the log says why.", True),
        ("Nor does another one.", True),
        ("Also, the store is asked.", False),
        ("So the log says why.", False),
        ("Orders are kept.", False),
    ],
)
def test_a_sentence_of_code_continues_no_name(text: str, *, faulty: bool) -> None:
    """A docstring that goes on with the name of its test has no subject of its own. A page may begin so."""
    assert bool(Sentence("x", 1, text, of_code=True).faults) is faulty
    assert not Sentence("x", 1, text).faults


def test_a_list_and_code_are_no_sentences() -> None:
    """An indented block is code, and each item of a list is a text of its own."""
    text = "The store has keys.\n\n    What: a key\n\n- One item.\n- Another item."

    assert [each.text for each in sentences("x", 1, text)] == ["The store has keys.", "One item.", "Another item."]


def test_a_sentence_knows_its_line() -> None:
    """A breach is found where it stands."""
    assert list(sentences("x", 10, "One.\n\nWhat two.")) == [Sentence("x", 10, "One."), Sentence("x", 12, "What two.")]


def test_every_string_that_people_read_is_a_message() -> None:
    """A value in a message counts as a word, and docstrings and lists of words are no messages."""
    source = '''"""What a module is."""
raise ValueError(f"whatever {name} says is wrong")
Phrase("give it " "another name", "別の名前を付けてください")
typer.Option(help="The file to read.")
NAMES = "what who where whose".split()
say("whole", "<p>what it is</p>")
'''

    assert [(each.line, each.text) for each in messages("x", source)] == [
        (2, "whatever x says is wrong"),
        (3, "give it another name"),
        (4, "The file to read."),
    ]


def test_files_that_people_copy_have_comments_and_texts() -> None:
    """Lines of comment that follow each other are one text; a key for people has one of its own."""
    source = """# nginx asks Sekisho
# about each request.
listen: 80
  - title: a resident of any ward
text: {ja: 区民, en: For residents.}
button = "Sign out"
  \"description\": \"Answers of the store.\",
// The verifier chooses the algorithm.
"""

    assert [(each.line, each.text) for each in texts_in("x", source)] == [
        (1, "nginx asks Sekisho about each request."),
        (4, "a resident of any ward"),
        (5, "For residents."),
        (6, "Sign out"),
        (7, "Answers of the store."),
        (8, "The verifier chooses the algorithm."),
    ]
