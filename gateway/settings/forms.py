"""The forms of words that several settings share: a token of HTTP, a header's name, a pattern of paths."""

from __future__ import annotations

import re

from gateway.settings.typed import Reading
from gateway.wire.http1 import WHOLE_TOKEN
from gateway.yaml.mistakes import Phrase

_PATTERN = re.compile(r"(?:/(?:\*{1,2}|[^/*?#\s]*))+")


def check_header_name(name: str, at: str, reading: Reading) -> None:
    """Note a name that a header which the gateway adds cannot have.

    An application reads `_` and `-` alike (RFC 3875 section 4.1.18), so the gateway adds no name with `_`.
    """
    if not WHOLE_TOKEN.fullmatch(name) or "_" in name:
        what = Phrase(f"`{name}` cannot name a header", f"`{name}` はヘッダー名として使えません")
        remedy = Phrase("use letters, digits and `-`, no `_`", "英数字と `-` で書いてください（`_` は使えません）")
        reading.note(at, what, remedy)


def check_path_pattern(pattern: str, at: str, reading: Reading) -> None:
    """Note a pattern that no path can fit."""
    if not _PATTERN.fullmatch(pattern):
        what = Phrase(f"`{pattern}` is no pattern of paths", f"`{pattern}` はパスの書き方として読めません")
        remedy = Phrase(
            "write `/login.php`, `/upload/**` or `/api/*/file`",
            "`/login.php` や `/upload/**`、`/api/*/file` のように書いてください",
        )
        reading.note(at, what, remedy)
