"""Names of accounts: which ones are accepted, and which spellings an application may take for one account.

Databases compare names without regard to capitals, width, or blanks at the end. If two spellings were two accounts
here, two persons could be linked to one account, and each spelling would have its own attempts.
"""

from __future__ import annotations

import re
from unicodedata import combining, normalize
from unicodedata import name as name_of

_REWRITTEN = re.compile(r"[<>&%\\]")
_STRUCK = re.compile(r"LATIN SMALL LETTER (?:DOTLESS )?([A-Z])(?: WITH .*)?")
"""Letters that are compared as their plain ones, and that Unicode does not take apart: đ, ø, ł, ı."""

_LAST_OF_BMP = "\uffff"
_JAPANESE = re.compile("[ぁ-ゖァ-ヺ・ー々〆㐀-䶿一-鿿\U00020000-\U0003ffff]")

_FULL_KANA = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")

LONGEST = 255
"""Characters of an account's name."""


def read_account_name(written: str) -> str | None:
    """Return a name as a person typed it, without blanks around it; `None` if it cannot be an account's name."""
    name = written.strip()
    return name if 0 < len(name) <= LONGEST and name.isprintable() else None


def typed_account_name(written: str) -> str | None:
    """Return a name that a person typed to prove an account; `None` if an application may read another one in it.

    Applications take tags, entities and percent-encoded bytes out of a name before they look it up. So `tan%00aka`
    would be `tanaka` there, with attempts and a link of its own here. Databases also compare letters of many scripts
    more widely than `fold_account`, so only letters pass that have been held against them: Latin letters with one
    plain letter, kana, kanji, and ASCII. A counter may link any other name as it stands.
    """
    name = read_account_name(written)
    if name is None or _REWRITTEN.search(plain := normalize("NFKC", name)):
        return None
    changed = any(sign > _LAST_OF_BMP and normalize("NFKC", sign) != sign for sign in name)
    return None if changed or not all(map(_is_compared_as_here, plain)) else name


def fold_account(name: str) -> str:
    """Return the one spelling by which links and attempts of an account are kept.

    It is wider than most applications' comparison: capitals, width, accents, strokes, voiced marks and blanks make no
    difference, hiragana is katakana, and small kana are full ones. Two accounts whose names differ in these alone
    cannot both be linked.
    """
    plain = normalize("NFKC", normalize("NFKC", name).casefold())
    # Databases take every sign beyond the first 65,536 for one and the same.
    plain = "".join("\ufffd" if sign > _LAST_OF_BMP else sign for sign in plain)
    letters = "".join(
        _plain_letter(sign) for sign in normalize("NFKD", plain) if not combining(sign) and not sign.isspace()
    )
    katakana = (chr(ord(sign) + 0x60) if "ぁ" <= sign <= "ゖ" else sign for sign in letters)
    return "".join(katakana).translate(_FULL_KANA)


def _is_compared_as_here(sign: str) -> bool:
    """Say whether no database takes a sign for another one that `fold_account` tells from it."""
    if sign.isascii() or _JAPANESE.fullmatch(sign):
        return True
    folded = fold_account(sign)
    # A sharp s is one `s` to some, and two to others.
    return sign not in "ßẞ" and sign.isalpha() and len(folded) == 1 and folded.isascii()


def _plain_letter(sign: str) -> str:
    if sign.isascii():
        return sign
    struck = _STRUCK.fullmatch(name_of(sign, ""))
    return sign if struck is None else struck[1].lower()
