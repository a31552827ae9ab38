"""The request target: one canonical form, or a refusal.

Route, policy, log and application all use the result, never the bytes that came.
"""

from __future__ import annotations

import msgspec


class Target(msgspec.Struct, frozen=True):
    """A canonical origin-form target (RFC 9112 section 3.2.1), and what is decided on."""

    path: str
    """Decoded once, canonical, beginning with `/`: what routes and policies match."""
    raw_path: bytes
    """The canonical path in ASCII as the application receives it: `path`, percent-encoded."""
    query: bytes | None
    """Behind the `?`, as received (ASCII); `None` where there is no `?`."""

    @property
    def raw(self) -> bytes:
        """The target as the request line to the application says it."""
        return self.raw_path if self.query is None else self.raw_path + b"?" + self.query
