"""The names under which the workbench reads and writes: policy files inside one folder, and nothing else.

A name comes from a form. It leads to no other folder, to no hidden file and to no file of another kind.
"""

from __future__ import annotations

import re
from hashlib import sha256

MOST_PARTS = 3
"""Folders within the folder, and the file."""

LONGEST_NAME = 120
"""Characters of a name."""

_OPENING, _CLOSING = "（「『【［〔", "）」』】］〕"
_PART = re.compile(
    rf"(?:[^\W_]|[{_OPENING}])[\w .,()・、。～〜－\u3000{_OPENING}{_CLOSING}\u0300-\u036f\u3099\u309a-]{{0,79}}"
)
"""Letters of any script and digits first: no dot that hides a file or leads upwards, no minus of an option.

The signs that Japanese names of files have may follow, and marks: a Mac writes が as か and a mark.
"""
_MEANT = re.compile(r"[^.].*\.ya?ml", re.IGNORECASE)


def is_policy_name(name: str) -> bool:
    """Say whether a name may be read and written."""
    parts = name.split("/")
    return (
        len(name) <= LONGEST_NAME
        and len(parts) <= MOST_PARTS
        and name.endswith(".yaml")
        and all(_PART.fullmatch(part) is not None and part == part.rstrip(" .\u3000") for part in parts)
    )


def is_meant_as_policy(name: str) -> bool:
    """Say whether the last name of a file is one that a person may miss where it is not listed."""
    return _MEANT.fullmatch(name) is not None


def digest_of(data: bytes) -> str:
    """Return what a form remembers of the file that its author has opened."""
    return sha256(data).hexdigest()


NEW = "new"
"""Stands for the digest of a file that is not there yet."""


def text_of(data: bytes) -> tuple[str, bool]:
    """Return the text of a file with plain line ends, and whether it is in a charset that no policy may have.

    Japanese editors and Excel still write CP932 and UTF-16. The gateway refuses such a file, and a save writes UTF-8.

    Raises:
        UnicodeError: it is no text.

    """
    try:
        text, other = data.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text, other = data.decode("utf-16" if wide else "cp932"), True
        # CP932 reads many texts in EUC-JP as other words, and a save would keep those.
        if not wide and _is_in(data, "euc_jp"):
            raise
    return text.replace("\r\n", "\n"), other


def _is_in(data: bytes, charset: str) -> bool:
    try:
        data.decode(charset)
    except UnicodeDecodeError:
        return False
    return True


def as_written(text: str, before: bytes | None) -> bytes:
    """Return the bytes of a text that a browser sent, with the line ends and the mark that the file had.

    HTML section 4.10.5.4: a browser sends every line end as CRLF.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    if plain and not plain.endswith("\n"):
        plain += "\n"
    if before is not None and b"\r\n" in before and before.count(b"\r\n") == before.count(b"\n"):
        plain = plain.replace("\n", "\r\n")
    mark = b"\xef\xbb\xbf" if before is not None and before.startswith(b"\xef\xbb\xbf") else b""
    return mark + plain.encode("utf-8", "replace")
