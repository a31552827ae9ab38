"""The Host field: one host and perhaps a port, read in one way everywhere, or refused (RFC 9112 section 3.2)."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

from gateway.settings.origin import DEFAULT_PORTS

_SHAPE = re.compile(
    rb"(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253}[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
)


class Host(NamedTuple):
    """A host, and the port where the field has one."""

    name: str
    """In lower case and without a final dot; an IPv6 address is in brackets."""
    port: int | None

    def authority(self, scheme: str) -> str:
        """Return host and port as browsers write them in `Origin`: without the scheme's own port."""
        return self.name if self.port in {None, DEFAULT_PORTS[scheme]} else f"{self.name}:{self.port}"


def read_host(value: bytes) -> Host | None:
    """Return the host that a Host field names, or `None` where it is not one host."""
    match = _SHAPE.fullmatch(value)
    if match is None or b".." in match["name"]:
        return None
    name = match["name"].decode("ascii").lower().removesuffix(".")
    if name.startswith("["):
        try:
            IPv6Address(name[1:-1])
        except AddressValueError:
            return None
    if match["port"] is None:
        return Host(name, None)
    port = int(match["port"])
    return Host(name, port) if 0 < port < 65536 else None


def canonical_host(value: bytes, scheme: str) -> str | None:
    """Return a Host field's one spelling, or `None` where it is not one host."""
    host = read_host(value)
    return None if host is None else host.authority(scheme)
