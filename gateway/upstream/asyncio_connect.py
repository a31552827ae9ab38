"""Connections to one upstream, at the addresses its name has now.

A name is looked up for each connection, so that one that moved is followed. It tries all addresses: it begins the next
one when one fails or is silent for a quarter of a second, and takes the first that answers (RFC 8305 section 5).
`addresses` keeps the lesson of each attempt. While the name cannot be looked up, what it stood for last holds.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address
from ssl import SSLContext
from typing import cast

from gateway.settings.address import Address
from gateway.upstream.addresses import Addresses, Place

Connect = Callable[[Callable[[], asyncio.Protocol]], Awaitable[tuple[asyncio.BaseTransport, asyncio.BaseProtocol]]]
"""Opens a connection and puts the protocol it is given on it, as `loop.create_connection` does."""

LookUp = Callable[[str, int], Awaitable[Sequence[Place]]]
"""Returns the addresses of a name and port, in the resolver's order; raises `OSError` if there are none."""

SILENT = 0.25
"""Seconds after which the next address is tried beside one that has not answered (RFC 8305 section 8)."""

PATIENCE = 1.0
"""Seconds for the look-up of a name whose last addresses are known."""

_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})

_Made = tuple[asyncio.BaseTransport, asyncio.BaseProtocol]
_Attempt = asyncio.Task[_Made]


async def look_up(host: str, port: int) -> Sequence[Place]:
    """Ask the system's resolver.

    Raises:
        OSError: it has no answer.

    """
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    places = []
    for family, _, _, _, where in answers:
        name = str(where[0])
        if family == socket.AF_INET6 and len(where) == 4 and where[3] and "%" not in name:
            # A link-local address means something on one link alone.
            name = f"{name}%{where[3]}"
        places.append(Place(name, int(where[1]), int(family)))
    return list(dict.fromkeys(places))


def connector(
    address: Address, tls: SSLContext | None = None, server_name: str = "", *, ask: LookUp = look_up
) -> Connect:
    """Return the function that opens a connection to an upstream."""
    if address.unix:
        path = address.unix

        async def connect(factory: Callable[[], asyncio.Protocol]) -> _Made:
            return await asyncio.get_running_loop().create_unix_connection(factory, path)

        return connect
    name = (server_name or address.host) if tls else None
    if _is_number(address.host):

        async def connect_directly(factory: Callable[[], asyncio.Protocol]) -> _Made:
            return await asyncio.get_running_loop().create_connection(
                factory, address.host, address.port, ssl=tls, server_hostname=name
            )

        return connect_directly
    return _NameConnector(address, tls, name, ask).connect


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _NameConnector:
    """Connections to the addresses of a name."""

    def __init__(self, address: Address, tls: SSLContext | None, server_name: str | None, ask: LookUp) -> None:
        self._address = address
        self._tls = tls
        self._server_name = server_name
        self._ask = ask
        self._address_cache = Addresses()
        self._asking: asyncio.Task[Sequence[Place]] | None = None
        """The look-up under way, which all who need it wait for: resolvers are few and slow."""

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> _Made:
        """Connect to the first address that answers.

        Raises:
            OSError: none does, or the name stands for nothing.

        """
        await self._look_up()
        places = self._address_cache.in_order(self._now())
        if len(places) == 1:
            return await self._connect_to(places[0], factory)
        return await self._race(places, factory)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _look_up(self) -> None:
        asking = self._asking
        if asking is None:
            asking = self._asking = asyncio.create_task(self._find())
            asking.add_done_callback(self._asked)
        known = self._address_cache.found
        try:
            async with asyncio.timeout(PATIENCE if known else None):
                # A caller that leaves must not take the look-up away from the others.
                await asyncio.shield(asking)
        except TimeoutError:
            if not known:
                raise
        except OSError as error:
            # "No such name" is an answer of the resolver; a failure of the resolver is not.
            if not known or error.errno in _NO_SUCH_NAME:
                raise

    async def _find(self) -> Sequence[Place]:
        found = await self._ask(self._address.host, self._address.port)
        self._address_cache.found = tuple(found)
        return found

    def _asked(self, asking: asyncio.Task[Sequence[Place]]) -> None:
        self._asking = None
        if not asking.cancelled():
            # The caller may have stopped waiting for it.
            asking.exception()

    async def _connect_to(self, place: Place, factory: Callable[[], asyncio.Protocol]) -> _Made:
        return await asyncio.get_running_loop().create_connection(
            factory, place.host, place.port, ssl=self._tls, server_hostname=self._server_name
        )

    async def _race(self, places: Sequence[Place], factory: Callable[[], asyncio.Protocol]) -> _Made:
        """Try one address after the other, and take the first that answers."""
        attempts: dict[_Attempt, Place] = {}
        failed: dict[Place, OSError] = {}
        left = list(places)
        won: _Attempt | None = None
        try:
            while won is None:
                if left:
                    place = left.pop(0)
                    attempts[asyncio.create_task(self._connect_to(place, factory))] = place
                elif not attempts:
                    raise next(iter(failed.values()))
                done, _ = await asyncio.wait(
                    attempts, timeout=SILENT if left else None, return_when=asyncio.FIRST_COMPLETED
                )
                for attempt in done:
                    error = attempt.exception()
                    if error is None:
                        won = won or attempt
                    elif isinstance(error, OSError):
                        failed[attempts.pop(attempt)] = error
                    else:
                        raise error
            return won.result()
        finally:
            good = None if won is None else attempts.pop(won)
            # Those that began later have not had their time: they lost to one that was slow.
            silent = () if good is None else [place for place in places[: places.index(good)] if place not in failed]
            self._address_cache.tried(good, (*failed, *silent), self._now())
            for attempt in attempts:
                attempt.cancel()
                attempt.add_done_callback(_let_go)


def _let_go(attempt: _Attempt) -> None:
    """Close the connection of an attempt that is not needed any more."""
    if not attempt.cancelled() and attempt.exception() is None:
        # uvloop's transports are not subclasses of asyncio's, but behave the same.
        cast("asyncio.Transport", attempt.result()[0]).abort()
