"""Hides the secrets that a file of settings may hold, so that no mistake repeats one.

A mistake shows the line to write, and reaches a screen, the journal and the trail. Only this file decides what of a
line may be repeated. The value behind the name of a secret, and the user of a URL, are replaced sign for sign before
the reader looks for mistakes, so that the places stay right and no later reader has the secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from unicodedata import normalize

from gateway.yaml.mistakes import Mistake, Phrase
from gateway.yaml.slips import without_unseen_signs

_HIDDEN = "ꙮ"
"""The letter in the place of each sign that is hidden: no setting needs it."""
_SHOWN = re.compile(rf"{_HIDDEN}(?:[^\s\"'`{{}}\[\],]*{_HIDDEN})?")

_NAME = re.compile(
    r"pass[ _-]?(?:words?|phrases?|wd|codes?)|(?<![a-z])(?:pw|pwd|pass|pin|auth|keys?|jwks?|salt|pepper)(?![a-z])"
    r"|(?:api|private)[ _-]?keys?|secrets?|tokens?|credentials?|authorization|bearer|private"
    r"|パスワード|パスコード|秘密|暗証|合言葉|鍵|トークン|シークレット"
)
"""The names of secrets, in small letters; each may be a part of a key."""
_NEARLY = ("password", "passphrase", "secret", "token", "credentials", "sentinel_password", "via_credentials")
_WORD = re.compile(r"(?<![a-z0-9])[a-z][a-z_]{3,40}(?![a-z0-9_])")
_REST_OF_NAME = re.compile(r"(?:_[a-z]+)*(?![a-z0-9_])")

_COLON = "[:=;︰∶ː꞉]"
_NEXT_KEY = re.compile(rf"[,、]\s*[\"']?[a-z_]+[\"']?\s*{_COLON}")
_SOURCE = re.compile(r"(?<![a-z_])(?:file|env)[\"']?\s*[:=]\s*[^\s,{}\[\]]+")
"""The place of a secret, which may be repeated."""
_KEY_LINE = re.compile(r"\s*(?:- +)?[\"']?[a-z_]+[\"']?\s*:(?:\s|$)")
_BEFORE_FIRST_KEY = re.compile(r"[\W\d_]*[a-z_-]*")
_NOTHING_YET = re.compile(rf"[\"'\s]*(?:{_COLON}[\s|>+\-0-9]*)?(?:#.*)?")
_SCHEME = re.compile(r":/{0,3}(?=[^\s/])|//")
_END_OF_URL = re.compile(r"\s#|, |$")

_STRUCTURE = frozenset("\"'[](){}<>,:;=#（）［］｛｝「」〔〕【】〈〉＜＞，、：；＝＃“”„‟＂〝〞〟︰﹕∶ː꞉")
_BEGINS_VALUE = frozenset("@%`&!*|>?-")


@dataclass(frozen=True, slots=True)
class _Zone:
    """A part of a line that is hidden, from one sign to another."""

    start: int
    end: int
    goes_on: bool = False
    """Whether deeper lines below belong to the value."""
    open: bool = False
    """Whether the value has no end yet, so that a line below that has no key belongs to it too."""


def hide_secrets(text: str) -> str:
    """Return a text of the same length, without any value that may be a secret."""
    lines = text.split("\n")
    column: int | None = None
    """The column of the key whose value goes on below."""
    is_open = False
    for number, line in enumerate(lines):
        plain, places = _plain(line)
        if not plain.strip():
            continue
        indent = len(plain) - len(plain.lstrip())
        if column is not None and (indent > column or (is_open and _KEY_LINE.match(plain) is None)):
            lines[number] = _masked(line, plain, places, [_Zone(indent, len(plain))])
            continue
        zones = [*_values(plain), *_users(plain)]
        lines[number] = _masked(line, plain, places, zones)
        last = next((zone for zone in zones if zone.goes_on), None)
        column = None if last is None else _key_column(plain)
        is_open = last is not None and last.open
    return "\n".join(lines)


def shown(mistake: Mistake) -> Mistake:
    """Return a mistake of such a text for people, with `…` for each hidden part."""
    fix = mistake.fix
    if fix is not None and _HIDDEN in fix.old + fix.new:
        fix = None
    remedy = None if mistake.remedy is None else _phrase(mistake.remedy)
    return replace(mistake, what=_phrase(mistake.what), remedy=remedy, fix=fix)


def _phrase(words: Phrase) -> Phrase:
    return Phrase(_SHOWN.sub("…", words.en), _SHOWN.sub("…", words.ja))


def without_users(words: Phrase) -> Phrase:
    """Return a phrase that repeats no user and no password of a URL, where it repeats one between backticks.

    A value that was read well may be refused later, by a check that has it in clear.
    """
    return _phrase(Phrase(_without_users(words.en), _without_users(words.ja)))


def _without_users(words: str) -> str:
    # A password may hold a backtick, so everything up to the last `@` of the phrase is hidden.
    scheme = _SCHEME.search(words, words.find("`")) if "`" in words else None
    user = words.rfind("@")
    if scheme is None or user < scheme.end():
        return words
    return f"{words[: scheme.end()]}…{words[user:]}"


def _plain(line: str) -> tuple[str, list[int]]:
    """Return a line in small half-width letters without unseen signs, and the place of each sign in the line."""
    signs: list[str] = []
    places: list[int] = []
    for place, sign in enumerate(line):
        seen = without_unseen_signs(sign) if sign != "\t" else sign
        small = normalize("NFKC", seen).lower()
        if seen:
            signs.append(small if len(small) == 1 else seen)
            places.append(place)
    return "".join(signs), [*places, len(line)]


def _values(plain: str) -> Iterator[_Zone]:
    """Give the value behind each name of a secret."""
    at = 0
    while (name := _next_name(plain, at)) is not None:
        begin, start = name
        end = _end_of_value(plain, start)
        value = _SOURCE.sub(lambda source: "\0" * len(source[0]), plain[start:end])
        is_open = _NOTHING_YET.fullmatch(value) is not None or _is_open(value)
        first = _BEFORE_FIRST_KEY.fullmatch(plain, 0, begin) is not None
        yield _Zone(start, end, goes_on=end == len(plain) and (first or is_open), open=is_open)
        at = max(end, start)
        if at >= len(plain):
            return


def _next_name(plain: str, at: int) -> tuple[int, int] | None:
    """Return the beginning and the end of the next name of a secret, or of a word that is nearly one."""
    found = _NAME.search(plain, at)
    before = len(plain) if found is None else found.start()
    for word in _WORD.finditer(plain, at, before):
        if get_close_matches(word[0], _NEARLY, n=1, cutoff=0.8):
            return word.start(), word.end()
    if found is None:
        return None
    rest = _REST_OF_NAME.match(plain, found.end())
    return found.start(), found.end() if rest is None else rest.end()


def _end_of_value(plain: str, start: int) -> int:
    """Return the place of the next key outside the brackets that the value opens."""
    for key in _NEXT_KEY.finditer(plain, start):
        between = plain[start : key.start()]
        if sum(map(between.count, "[{(")) <= sum(map(between.count, "]})")):
            return key.start()
    return len(plain)


def _is_open(value: str) -> bool:
    brackets = sum(map(value.count, "[{(")) > sum(map(value.count, "]})"))
    return brackets or any(value.count(mark) % 2 for mark in "\"'")


def _key_column(plain: str) -> int:
    """Return the column of a line's first key, behind the hyphen of an item."""
    return len(plain) - len(plain.lstrip().removeprefix("- ").lstrip())


def _users(plain: str) -> Iterator[_Zone]:
    """Give the user and the password of each URL, of one with a slip in its scheme too."""
    at = 0
    while (scheme := _SCHEME.search(plain, at)) is not None:
        end = _END_OF_URL.search(plain, scheme.end())
        stop = len(plain) if end is None else end.start()
        user = plain.rfind("@", scheme.end(), stop)
        if user >= 0:
            yield _Zone(scheme.end(), user)
        at = max(stop, scheme.end())


def _masked(line: str, plain: str, places: list[int], zones: list[_Zone]) -> str:
    """Return a line with each zone hidden, but for the signs of its structure and the places of secrets."""
    signs = list(line)
    for zone in zones:
        kept = {
            place
            for source in _SOURCE.finditer(plain, zone.start, zone.end)
            for place in range(places[source.start()], places[source.end() - 1] + 1)
        }
        begins = True
        for place in range(places[zone.start], places[zone.end]):
            sign = line[place]
            if sign.isspace():
                begins = True
            elif place not in kept and sign not in _STRUCTURE and not (begins and sign in _BEGINS_VALUE):
                signs[place] = _HIDDEN
                begins = False
            else:
                begins = sign in _STRUCTURE
    return "".join(signs)
