"""Which language a person reads, and a sentence in it.

Pages are in Japanese and English; Japanese is the default. The sentences
themselves are in `messages/`, or come from policies and settings as `Words`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Language(StrEnum):
    """The languages of our pages, as HTML's `lang` and Content-Language spell them."""

    JA = "ja"
    EN = "en"


_LONGEST = 1_000
"""Characters of an Accept-Language that are read: browsers send a few dozen."""


def preferred(accept_language: str) -> Language:
    """Choose by Accept-Language (RFC 9110 section 12.5.4); Japanese where it does not prefer English."""
    best, best_weight = Language.JA, 0.0
    for part in accept_language[:_LONGEST].split(","):
        tag, _, parameter = part.strip().lower().partition(";")
        primary = tag.strip().partition("-")[0]
        if primary not in (Language.JA, Language.EN):
            continue
        weight = _weight(parameter)
        if weight > best_weight:
            best, best_weight = Language(primary), weight
    return best


def _weight(parameter: str) -> float:
    """Return the `q` of one entry: 1 where there is none, 0 where it cannot be read."""
    name, equals, value = parameter.strip().partition("=")
    if not equals:
        return 1.0
    if name.strip() != "q":
        return 1.0
    digits = value.strip()
    # `float` alone would read `nan`, `inf` and `1e9`.
    if not digits.replace(".", "", 1).isdecimal() or not digits.isascii():
        return 0.0
    return min(float(digits), 1.0)


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence and the language it is in, which may not be the page's."""

    text: str
    language: Language | str

    def __bool__(self) -> bool:
        return bool(self.text)


def said(words: Mapping[str, str], language: Language) -> Said:
    """Return the words in the person's language, else in Japanese, else in any; empty where there are none."""
    for key in (language.value, Language.JA.value, *words):
        if words.get(key):
            return Said(words[key], key)
    return Said("", language)
