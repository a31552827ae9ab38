"""The sender of a request for every count by sender: several addresses may be one sender."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

UNKNOWN = "?"
"""A socket without an address, or a name that is none: all of them are one sender."""


@lru_cache(maxsize=4096)
def sender_of(address: str) -> str:
    """Return the sender an address counts as: itself, or its /64 for IPv6, where one line has 2^64 addresses."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return IPv6Address(int(parsed) >> 64 << 64).compressed + "/64"
    return str(parsed)
