"""Which names and addresses never leave this machine.

Only there may anything go over plain HTTP, and only there may a stand-in for the
provider be believed.
"""

from __future__ import annotations

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own (RFC 6761 section 6.3 for `localhost` names)."""
    name = host.lower().rstrip(".").removeprefix("[").removesuffix("]")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
