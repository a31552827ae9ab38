"""Every mistake is said once, at its place, in the reader's language, with its remedy."""

from __future__ import annotations

import pytest

from gateway.yaml.mistakes import Language, Mistake, Mistakes, Phrase, Where, did_you_mean, one_of, quoted
from gateway.yaml.read import read_yaml
from gateway.yaml.tree import Scalar, Table

PLACE = Where("p.yaml", 3, 5)
WRONG = Phrase("this is wrong", "誤りです")
RIGHT = Phrase("write `x`", "`x` と書いてください")


def test_a_mistake_is_a_line() -> None:
    """Editors jump to `file:line:column`."""
    mistake = Mistake(PLACE, WRONG, RIGHT)

    assert str(mistake) == "p.yaml:3:5: this is wrong, write `x`"
    assert mistake.say(Language.JA) == "p.yaml:3:5: 誤りです、`x` と書いてください"
    assert str(Mistake(PLACE, WRONG)) == "p.yaml:3:5: this is wrong"
    assert (mistake.file, mistake.line, mistake.column) == ("p.yaml", 3, 5)


def test_signs_that_a_terminal_obeys_are_escaped() -> None:
    """A file's words reach the operator's terminal, and draw nothing there."""
    assert "\x1b" not in str(Mistake(PLACE, Phrase("unknown key `\x1b[2J`")))


def test_english_stands_for_missing_japanese() -> None:
    """A sentence in the wrong language is better than none."""
    assert Phrase("only English").say(Language.JA) == "only English"
    assert str(Phrase("en", "ja")) == "en"


def test_a_place_moves_along_its_line() -> None:
    """Columns are counted from 1."""
    assert str(PLACE.moved(4)) == "p.yaml:3:9"


def test_mistakes_come_in_the_order_of_the_file_and_once() -> None:
    """The same mistake noted twice is one, also by two readers."""
    mistakes, others = Mistakes(), Mistakes()
    mistakes.add(Where("p.yaml", 9), "later")
    mistakes.add(Where("p.yaml", 2), "earlier", "do this")
    mistakes.add(Where("p.yaml", 9), "later")
    others.add(Where("p.yaml", 9), "later")
    others.add(Where("p.yaml", 5), WRONG, RIGHT)

    mistakes.extend(others)

    assert len(mistakes) == 3
    assert mistakes.say().splitlines() == [
        "p.yaml:2:1: earlier, do this",
        "p.yaml:5:1: this is wrong, write `x`",
        "p.yaml:9:1: later",
    ]
    assert "誤りです" in mistakes.say(Language.JA)


def test_a_near_word_is_offered() -> None:
    """Case, width, spaces, `-` and `_` are no difference, and a letter too few is a small one."""
    known = ("at_least", "at_most", "below")

    for written in ("AT_LEAST", "at-least", "at least", "ａｔ＿ｌｅａｓｔ", "atleast", "at_leest"):
        offered = did_you_mean(written, known)
        assert offered is not None, written
        assert offered.en == "did you mean `at_least`?"
        assert offered.ja == "`at_least` のことですか"
    assert did_you_mean("unrelated", known) is None
    assert did_you_mean("x", ()) is None


def test_the_choices_are_listed() -> None:
    """All of them, in both languages."""
    assert one_of(("a", "b")).en == "write one of `a`, `b`"
    assert one_of(("a", "b")).ja == "`a`、`b` のいずれかを書いてください"


@pytest.mark.parametrize("text", ["plain", 'a "word"', "back\\slash", '\\"', "住所: 渋谷区 # 1"])
def test_a_quoted_text_is_read_as_it_was(text: str) -> None:
    """An author who copies the remedy gets the text that the mistake was about."""
    tree = read_yaml(f"a: {quoted(text)}", "p.yaml", Mistakes())

    assert isinstance(tree, Table)
    assert [entry.value.text for entry in tree.entries if isinstance(entry.value, Scalar)] == [text]
