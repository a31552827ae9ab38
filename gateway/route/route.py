"""Whose application a request is for, and everything about it that later steps need.

A `Route` is made once, when configuration and policies are read; `table.py` finds the
one a request belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.config import AppSettings
from gateway.policy.decide import CompiledPolicy


@dataclass(frozen=True, slots=True)
class Route:
    """A protected application, ready to be decided on."""

    app: AppSettings
    host: str
    """As `Inbound.host` spells it."""
    client_id: str
    policy: CompiledPolicy
    session_cookie: bytes
    """`__Host-sekisho`, or `sekisho` over plain HTTP on loopback."""
    pending_cookie: bytes
    """The cookie that binds pending logins to this browser: `__Host-sekisho-login`, or `sekisho-login`."""

    @property
    def name(self) -> str:
        """The App's name: key of its upstream pool, label of its metrics."""
        return self.app.name
