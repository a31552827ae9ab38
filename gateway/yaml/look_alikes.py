"""Signs of one script that look like those of another: a Cyrillic `е` in a Latin word, 力 (strength) in a Katakana one.

Nobody sees such a sign, so a message names it by its code.
"""

from __future__ import annotations

import re

_CYRILLIC = dict(zip("аесорхуѕіјԁԛԝһӏАВЕКМНОРСТХУЅІЈԌ", "aecopxysijdqwhlABEKMHOPCTXYSIJG", strict=True))
_GREEK = dict(zip("ονρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ovpABEZHIKMNOPTYX", strict=True))
_LATIN = _CYRILLIC | _GREEK
"""Cyrillic and Greek letters that look like a letter of ours."""

_KANA = dict(zip("力口工二八夕卜へべぺり一―", "カロエニハタトヘベペリーー", strict=True))
"""Kanji, hiragana and a dash that look like a sign of katakana; only compared, since each is a word's own sign, too."""

_SKELETON = str.maketrans(_LATIN | _KANA)
_WORD = re.compile(r"[A-Za-z\u0370-\u03ff\u0400-\u052f_-]+")
_SCRIPTS = ((_CYRILLIC, "Cyrillic", "キリル文字"), (_GREEK, "Greek", "ギリシャ文字"))


def looks_like(word: str, other: str) -> bool:
    """Whether two words that differ look the same."""
    return word != other and _skeleton(word) == _skeleton(other)


def _skeleton(word: str) -> str:
    return word.translate(_SKELETON)


def in_latin(text: str) -> str:
    """Return a text whose words of Latin letters have no letter of another script that looks like one of them.

    A word without any Latin letter stays: it can be Greek or Russian.
    """
    return _WORD.sub(lambda word: _latin_word(word[0]), text)


def _latin_word(word: str) -> str:
    mended = "".join(_LATIN.get(sign, sign) for sign in word)
    return mended if mended.isascii() and re.search("[A-Za-z]", word) is not None else word


def odd_signs(word: str, right: str) -> list[tuple[str, str]]:
    """Return each sign of a word that only looks like the one of another word, and that one."""
    return list(dict.fromkeys((sign, meant) for sign, meant in zip(word, right, strict=False) if sign != meant))


def named(sign: str) -> tuple[str, str]:
    """Return a sign with its code and, of a letter that looks like a Latin one, its script, in English and Japanese."""
    code = f"U+{ord(sign):04X}"
    for letters, english, japanese in _SCRIPTS:
        if sign in letters:
            return f"`{sign}` ({code}, {english})", f"「{sign}」（{code}、{japanese}）"
    return f"`{sign}` ({code})", f"「{sign}」（{code}）"
