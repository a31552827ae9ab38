"""The ticket that a browser brings in the session cookie, as far as the cookie alone tells.

`session/ticket.py` reads the cookie; the session store alone knows whether the ticket opens anything.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brought:
    """The one believable ticket among a request's cookies."""

    ticket: str
    sealed: bool
    """Whether its seal is ours: then we issued it once, and only a session that ended makes it stand for nothing."""
