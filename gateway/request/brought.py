"""The ticket that a browser brings in the session cookie, as far as the cookie alone tells.

`session/ticket.py` reads the cookie; the session store alone knows whether the ticket opens anything.
"""

from __future__ import annotations

import msgspec


class Brought(msgspec.Struct, frozen=True, gc=False):
    """The one believable ticket among a request's cookies."""

    ticket: str
    sealed: bool
    """Whether its seal is ours: then we issued it once, and only a session that ended makes it stand for nothing."""
