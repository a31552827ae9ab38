"""The host names that the management listener answers, as a defence against DNS rebinding.

A page on the internet can point its own name at an address of the operator's network, and then read the answers of that
address through the operator's browser. The browser still says the page's name in `Host`. So a name must be one that was
given to the listener; an address is never a page's name, nor is `localhost`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import ip_address

from gateway.request.host import Host, read_host
from gateway.settings.check import split_address
from gateway.settings.origin import host_of, is_loopback
from gateway.settings.settings import Settings


def management_names(settings: Settings) -> frozenset[str]:
    """Return the names that settings give the management listener: its own, `management_hosts`, and the console's."""
    own = split_address(settings.management)
    named = (*settings.management_hosts, *(() if own is None else own[:1]), host_of(settings.console.url))
    return frozenset(name.lower().removesuffix(".") for name in named if name)


def told_host(fields: Sequence[str]) -> Host | None:
    """Return the one host that a request's `Host` fields tell; `None` where they tell none, or more than one."""
    # A byte of any value may stand in the field, and a host has ASCII alone.
    return read_host(fields[0].encode("utf-8", "surrogateescape")) if len(fields) == 1 else None


def may_ask(fields: Sequence[str], names: Collection[str]) -> bool:
    """Say whether a request with these `Host` fields is for us; one without the field comes from no browser."""
    if not fields:
        return True
    host = told_host(fields)
    return host is not None and (host.name in names or is_loopback(host.name) or _is_address(host.name))


def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
