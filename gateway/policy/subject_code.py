"""The code of a person for one client, in 16 characters: she reads it out at a counter, and subject lists hold it.

Fifteen signs are 75 bits of a hash of client and PPID, the last is a check. It identifies a person only to a reader who
has the PPID already, differs for each client, and changes with the PPID.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from gateway.request.support import SIGNS

_LENGTH = 16
_DOMAIN = b"sekisho.subject.code.v1:"
_FACTOR = 27
"""Odd, so that every single wrong sign shows; and not one, so that signs changing places do."""


@lru_cache(maxsize=1024)
def subject_code(client_id: str, subject: str) -> str:
    """Return a person's code for a client, without its hyphens."""
    # The length of the client's name keeps `ab` + `c` apart from `a` + `bc`.
    data = f"{len(client_id)}:{client_id}{subject}".encode()
    number = int.from_bytes(sha256(_DOMAIN + data).digest()[:10], "big")
    signs = "".join(SIGNS[number >> (5 * place) & 31] for place in range(_LENGTH - 1))
    return signs + _check_sign(signs)


def show_code(code: str) -> str:
    """Return a code as people read it: four groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, _LENGTH, 4))


def fold_code(written: str) -> str | None:
    """Return a code without hyphens and in capitals, or `None` if it is no code or a character is wrong."""
    code = written.replace("-", "").replace(" ", "").upper()
    if len(code) != _LENGTH or any(sign not in SIGNS for sign in code):
        return None
    return code if _check_sign(code[:-1]) == code[-1] else None


def _check_sign(signs: str) -> str:
    total = 0
    for sign in signs:
        total = (total * _FACTOR + SIGNS.index(sign)) % len(SIGNS)
    return SIGNS[total]
