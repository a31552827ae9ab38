"""The number of eight characters that a person reads out, and by which an operator finds the request.

It is a hash of the request's id, so it costs nothing until a page shows it, and no log needs it. Forty bits are enough
to tell the requests of a day from each other.
"""

from __future__ import annotations

from hashlib import sha256

from gateway.policy.subject_code import SIGNS

_DOMAIN = b"sekisho.support.number.v1:"
_LENGTH = 8


def support_number(request_id: str) -> str:
    """Return the number of a request, as people read it: `K7QM-2XHD`."""
    digest = int.from_bytes(sha256(_DOMAIN + request_id.encode("utf-8", "surrogatepass")).digest()[:5], "big")
    signs = "".join(SIGNS[digest >> (5 * place) & 31] for place in range(_LENGTH))
    return f"{signs[:4]}-{signs[4:]}"
