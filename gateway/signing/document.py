r"""The document of a form that a person signs: one text, in UTF-8, that an application can make again from the form.

Its first line names this format. The title follows, then the number of fields, then each field with its name in a line
of its own, and its value in lines that begin with `| `:

    Sekisho form 1
    Title: 児童手当の申請
    Fields: 2

    [1] name
    | 髙橋 花子
    [2] address
    | 東京都千代田区
    | 霞が関1-1-1

Each line ends with a line feed. A value breaks into lines where it has CR LF, as browsers write every line break of a
form. Every other character that is not drawn is written as its number, so two forms that look alike are never one
text, and no two forms have the same bytes. A document that was signed years ago must be made again unchanged, so this
format never changes: a new one gets a new first line. `docs/signing.md` states it for applications.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

FIRST_LINE: Final = "Sekisho form 1"

_WRITTEN_AS_NUMBERS: Final = re.compile(
    "[\x00-\x1f\\\\\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""The characters that are written as numbers: controls, marks that are not drawn, and the backslash that begins such a
number. The list is part of the format. It does not follow Unicode's categories, which change with each version."""


_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
"""The characters of the list that no text for people has. Tabs, line breaks and the backslash are drawn."""


def hides(text: str) -> bool:
    """Whether a text has a character that is not drawn or moves others: a person could sign what she cannot read."""
    return _HIDDEN.search(text) is not None


def drawn(text: str) -> str:
    """Return a text for a page, with each hidden character as its number. It is no part of the format."""
    return _HIDDEN.sub(_number, text)


def canonical(fields: Sequence[tuple[str, str]], title: str) -> bytes:
    """Return the document that a person signs for a form. Two different forms, or titles, have different documents.

    Text with half characters (surrogates) has no UTF-8 and raises ValueError.
    """
    lines = [FIRST_LINE, f"Title: {_one_line(title)}", f"Fields: {len(fields)}", ""]
    for number, (name, value) in enumerate(fields, start=1):
        lines.append(f"[{number}] {_one_line(name)}")
        lines += [f"| {_one_line(line)}" for line in value.split("\r\n")]
    return "".join(f"{line}\n" for line in lines).encode()


def _one_line(text: str) -> str:
    r"""Return the text with each character that is not drawn as `\u{…}`, its number in hexadecimal capitals."""
    return _WRITTEN_AS_NUMBERS.sub(_number, text)


def _number(found: re.Match[str]) -> str:
    return f"\\u{{{ord(found[0]):X}}}"
