"""The languages of our pages, and which of them a person reads.

A language is one word here and one file of sentences in `portal/messages/`. The file says its name, and whether a
speaker has read it through (`reviewed`). Only reviewed ones are offered, unless an App's `languages` names another.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Language(StrEnum):
    """The languages of our pages, as HTML's `lang` and Content-Language spell them."""

    JA = "ja"
    EASY = "ja-simple"
    """やさしい日本語: short sentences and plain words (`simple` is a variant of BCP 47)."""
    EN = "en"


COOKIE = b"sekisho-language"
"""The cookie that remembers a person's language, behind the prefix of the App's cookies."""

_LONGEST = 1_000
"""Characters of an Accept-Language that are read: browsers send a few dozen."""


def preferred(accept_language: str, offered: Sequence[Language] = (Language.JA, Language.EN)) -> Language:
    """Choose by Accept-Language (RFC 9110 section 12.5.4); the first one offered where it prefers no other.

    A browser's `zh-TW` fits `zh-Hans` where there is no closer one, and `ja` fits `ja` before `ja-simple`.
    """
    best, best_weight = offered[0], 0.0
    for part in accept_language[:_LONGEST].split(","):
        tag, _, parameter = part.strip().lower().partition(";")
        found = _fitting(tag.strip(), offered)
        if found is None:
            continue
        weight = _weight(parameter)
        if weight > best_weight:
            best, best_weight = found, weight
    return best


def _fitting(tag: str, offered: Sequence[Language]) -> Language | None:
    exact = next((language for language in offered if language.lower() == tag), None)
    if exact is not None:
        return exact
    primary = tag.partition("-")[0]
    return next((language for language in offered if language.partition("-")[0] == primary), None)


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
