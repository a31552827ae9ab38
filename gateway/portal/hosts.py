"""The host names that the management listener answers, as a defence against DNS rebinding.

A page on the internet can point its own name at an address of the operator's network, and then read the answers of that
address through the operator's browser. The browser still says the page's name in `Host`. So a name must be one that was
given to the listener; an address is never a page's name, nor is `localhost`.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

from gateway.settings.check import split_address
from gateway.settings.origin import host_of, is_loopback
from gateway.settings.settings import Settings


def management_names(settings: Settings) -> frozenset[str]:
    """Return the names that settings give the management listener: its own, `management_hosts`, and the console's."""
    own = split_address(settings.management)
    named = (*settings.management_hosts, *(() if own is None else own[:1]), host_of(settings.console.url))
    return frozenset(map(_folded, filter(None, named)))


def may_ask(host: str | None, names: Collection[str]) -> bool:
    """Say whether a request with this `Host` is for us; one without the field comes from no browser."""
    if host is None:
        return True
    name = _folded(_without_port(host))
    if name in names or is_loopback(name):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _folded(name: str) -> str:
    return name.lower().removesuffix(".")
