"""The peers whose forwarding headers we believe.

The default is no peer. A peer in `trusted_proxies` may say whose request it carries
(`X-Forwarded-For`), how that browser spoke to it (`X-Forwarded-Proto`), and which id the
request already has (`X-Request-Id`). The host is never taken from a forwarding header, by
anyone: it chooses the application, so a proxy in front passes `Host` on as it came.
`Forwarded` (RFC 7239) is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

LONGEST_CHAIN = 32
"""Most addresses of an `X-Forwarded-For` that are read. No honest client comes by a longer chain."""

_REQUEST_ID = re.compile(rb"[0-9A-Za-z_-]{16,64}")
_SCHEMES = {b"http": "http", b"https": "https", b"ws": "http", b"wss": "https"}
_WITH_PORT = re.compile(r"(?:\[([^\]]+)\]|([0-9.]+))(?::[0-9]{1,5})?")


class Distrust(StrEnum):
    """The reason why a trusted proxy's field cannot be used. Reason of a 400: the proxy is set up wrongly."""

    CHAIN = "forwarded_for"
    SCHEME = "forwarded_proto"


class Origin(msgspec.Struct, frozen=True):
    """The origin of a request, as far as we believe it."""

    client: str
    scheme: str


class Trust:
    """The addresses whose forwarding headers we believe."""

    __slots__ = ("_networks", "_verdict_cache")

    def __init__(self, proxies: Iterable[str]) -> None:
        """Read addresses and networks.

        Raises:
            ValueError: one of them is neither.

        """
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(proxy) for proxy in proxies)
        self._verdict_cache: dict[str, bool] = {}

    def trusts(self, address: str) -> bool:
        """Say whether this peer is one of the proxies in front of us."""
        if not self._networks:
            return False
        known = self._verdict_cache.get(address)
        if known is None:
            if len(self._verdict_cache) >= 1024:
                self._verdict_cache.clear()
            known = self._verdict_cache[address] = self._contains(address)
        return known

    def _contains(self, address: str) -> bool:
        plain = _plain(address)
        if plain is None:
            return False
        parsed = ip_address(plain)
        return any(parsed in network for network in self._networks)

    def origin(
        self, peer: str, scheme: str, forwarded_for: Sequence[bytes], forwarded_proto: Sequence[bytes]
    ) -> Origin | Distrust:
        """Return the browser's address and scheme as a *trusted* `peer` tells them, or why it cannot be used.

        The chain is read from the right, over the proxies we trust, to the first address we do
        not: a trusted proxy saw that one itself, and any client may have written everything left of it.
        """
        client = peer
        chain = [part.strip() for part in b",".join(forwarded_for).decode("latin-1").split(",")]
        if chain != [""]:
            if len(chain) > LONGEST_CHAIN:
                return Distrust.CHAIN
            for part in reversed(chain):
                address = _plain(part)
                if address is None:
                    return Distrust.CHAIN
                client = address
                if not self.trusts(address):
                    break
        if forwarded_proto:
            # The nearest proxy's word is the last one; those before it may have come from the browser.
            said = scheme_of(b",".join(forwarded_proto).rpartition(b",")[2].strip())
            if said is None:
                return Distrust.SCHEME
            scheme = said
        return Origin(client, scheme)


def scheme_of(word: bytes) -> str | None:
    """Return `https` or `http` of a proxy's word; `None` where it is no scheme of HTTP.

    Some proxies say `wss` and `ws` of a request for an upgrade, which is one of HTTP all the same (RFC 6455 section 4).
    """
    return _SCHEMES.get(word.lower())


def _plain(text: str) -> str | None:
    """Return an address in its one spelling, without port, brackets and IPv4 mapping, or `None`."""
    try:
        address = ip_address(text)
    except ValueError:
        with_port = _WITH_PORT.fullmatch(text)
        if with_port is None:
            return None
        try:
            address = ip_address(with_port[1] or with_port[2])
        except ValueError:
            return None
    if address.version == 6:
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        if address.scope_id is not None:
            return None
    return str(address)


def plain_address(text: str) -> str:
    """Return a peer's address in its one spelling: `::ffff:192.0.2.1` is `192.0.2.1`; any other text stays."""
    return _plain(text) or text


@lru_cache(maxsize=1_024)
def peer_address(text: str) -> str:
    """Return the same of the system's own word for a peer, which is short. Most clients come again."""
    return plain_address(text)


def acceptable_request_id(value: bytes) -> bool:
    """Say whether a trusted proxy's request id is one we can log, forward and show."""
    return _REQUEST_ID.fullmatch(value) is not None
