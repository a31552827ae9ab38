r"""Escapes foreign text for a terminal, so that the terminal only draws it.

A terminal obeys control characters: a record, a file name or a provider's answer could move the
cursor, change the window's title or hide what stands beside it. Each such character is shown as
its escape (`\x1b`). The same holds for marks that turn the direction of writing, for line and
paragraph separators, and for half characters (surrogates), which cannot be written at all.
"""

from __future__ import annotations

import re
from typing import Final

OBEYED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)
"""Unicode's categories Cc, Cf, Cs, Zl and Zp: characters that are not drawn."""


def printable(text: str) -> str:
    """Return the text in one line, with every character escaped that a terminal would obey instead of drawing it."""
    return text if text.isprintable() else OBEYED.sub(_escape, text)


def printable_json(document: bytes) -> bytes:
    """Return JSON that means the same, with every such character inside its strings as a JSON escape.

    Line ends and tabs stay: in JSON they only stand between values.
    """
    if document.isascii() and b"\x7f" not in document:
        return document
    return OBEYED.sub(_json_escape, document.decode("utf-8", "surrogatepass")).encode()


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _json_escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < 0x20:
        return found[0]
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
