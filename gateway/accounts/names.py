"""Names of accounts: which ones are accepted, and which spellings an application may take for one account.

Databases compare names without regard to capitals, width, or blanks at the end. If two spellings were two accounts
here, two persons could be linked to one account, and each spelling would have its own attempts.
"""

from __future__ import annotations

from unicodedata import combining, normalize

LONGEST = 255
"""Characters of an account's name."""


def read_account_name(written: str) -> str | None:
    """Return a name as a person typed it, without blanks around it; `None` if it cannot be an account's name."""
    name = written.strip()
    return name if 0 < len(name) <= LONGEST and name.isprintable() else None


def fold_account(name: str) -> str:
    """Return the one spelling by which links and attempts of an account are kept.

    It is wider than most applications' comparison: capitals, width, accents, voiced marks and blanks make no
    difference, and hiragana is katakana. Two accounts whose names differ in these alone cannot both be linked.
    """
    plain = normalize("NFKC", normalize("NFKC", name).casefold())
    letters = "".join(sign for sign in normalize("NFKD", plain) if not combining(sign) and not sign.isspace())
    return "".join(chr(ord(sign) + 0x60) if "ぁ" <= sign <= "ゖ" else sign for sign in letters)
