"""A sentence in a person's language, out of words that an App's policy or settings give by language.

The sentences of our own pages are in `messages/`; `gateway.language` has the languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.language import Language, preferred

_JA = Language.JA


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence and the language it is in, which may not be the page's."""

    text: str
    language: Language | str

    def __bool__(self) -> bool:
        return bool(self.text)


def said(words: Mapping[str, str], language: Language) -> Said:
    """Return the words in the person's language, else in Japanese, else in any; empty where there are none."""
    # By the members themselves, which are texts: a member's `value` costs two calls.
    for key in (language, _JA, *words):
        if text := words.get(key):
            return Said(text, key)
    return Said("", language)


__all__ = ["Language", "Said", "preferred", "said"]
