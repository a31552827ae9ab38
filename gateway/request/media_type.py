"""The media type in a Content-Type, read in one pass (RFC 9110 section 8.3.1).

The readers of the libraries we stand on take time that grows with the square of the field: 9 KB of `;`
stopped everybody for more than a second.
"""

from __future__ import annotations

from collections.abc import Iterable

FORM_TYPE = "application/x-www-form-urlencoded"
"""The type of a form as browsers send it."""


def content_type(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the one Content-Type of a head; empty where there is none.

    Two of them count as none, since the type of a body must not depend on its reader.
    """
    types = [value for name, value in headers if name.lower() == b"content-type"]
    return types[0] if len(types) == 1 else b""


def media_type(field: str) -> str:
    """Return type and subtype in lower case, without parameters; empty where the field says none."""
    return field.partition(";")[0].strip(" \t").lower()
