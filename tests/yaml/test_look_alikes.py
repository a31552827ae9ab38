"""Signs that look like others."""

from __future__ import annotations

from unicodedata import name

import pytest

from gateway.yaml.look_alikes import in_latin, looks_like, named, odd_signs
from gateway.yaml.mistakes import did_you_mean

LATIN = {"\u0430": "a", "\u0435": "e", "\u043e": "o", "\u0441": "c", "\u0410": "A", "\u039f": "O", "\u03bd": "v"}


@pytest.mark.parametrize(("sign", "letter"), LATIN.items())
def test_a_letter_of_another_script_is_named_by_its_code(sign: str, letter: str) -> None:
    """In each place of a word, and no message shows the same word twice without saying why."""
    for right in (f"{letter}qzk", f"qz{letter}k", f"qzk{letter}"):
        word = right.replace(letter, sign)
        assert looks_like(word, right)
        assert in_latin(word) == right
        assert odd_signs(word, right) == [(sign, letter)]
        remedy = did_you_mean(word, [right, "other"])
        assert remedy is not None
        assert f"U+{ord(sign):04X}" in remedy.en
        assert f"U+{ord(sign):04X}" in remedy.ja
    english, _ = named(sign)
    assert name(sign).split()[0].capitalize() in english


@pytest.mark.parametrize("text", ["Москва", "Ελλάδα", "α版", "市民", "IFNα", "カード", "一般", "a/b", ""])
def test_a_word_in_its_own_script_stays(text: str) -> None:
    """A Russian, a Greek or a Japanese word is no slip, nor is a letter that looks like no Latin one."""
    assert in_latin(text) == text


def test_signs_of_kana_are_compared_only() -> None:
    """力 is a word's own sign, so that it is named only beside the word which has カ there."""
    assert looks_like("力ード", "カード")
    assert not looks_like("カード", "カード")
    assert not looks_like("市民", "市氏")
    assert named("力") == ("`力` (U+529B)", "「力」（U+529B）")
