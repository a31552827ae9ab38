"""The number of eight characters that a person reads out, and by which an operator finds the request.

It is a hash of the request's id, so it costs nothing until a page shows it, and no log needs it. Forty bits are enough
to tell the requests of a day from each other. `sekisho support` and the console's search lead back from it.
"""

from __future__ import annotations

from hashlib import sha256
from unicodedata import normalize

SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 signs, none of which is mistaken for another over a counter: no 0, 1, I, O."""

_DOMAIN = b"sekisho.support.number.v1:"
_LENGTH = 8
_LONGEST = 40
"""Characters of a number as an operator may type it, with hyphens and spaces."""


def support_number(request_id: str) -> str:
    """Return the number of a request, as people read it: `K7QM-2XHD`."""
    digest = int.from_bytes(sha256(_DOMAIN + request_id.encode("utf-8", "surrogatepass")).digest()[:5], "big")
    return _shown("".join(SIGNS[digest >> (5 * place) & 31] for place in range(_LENGTH)))


def fold_support(written: str) -> str | None:
    """Return a number as a page shows it, however an operator types it: in small or full-width letters, say.

    `None` if it is no number: it has eight characters, and none of them is 0, 1, I or O.
    """
    if len(written) > _LONGEST:
        return None
    signs = "".join(sign for sign in normalize("NFKC", written).upper() if sign.isalnum())
    if len(signs) != _LENGTH or any(sign not in SIGNS for sign in signs):
        return None
    return _shown(signs)


def _shown(signs: str) -> str:
    return f"{signs[:4]}-{signs[4:]}"
