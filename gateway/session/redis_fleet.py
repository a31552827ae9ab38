"""Exchanges a node's switches with the fleet over Redis, and says what each worker runs with.

A node writes what Redis lacks and takes what it lacks itself. Nothing is lost to two writers at one time, nor to a
Redis that lost its data or went back to an older state: each node has every entry, and writes it again. A node that
cannot reach Redis keeps the switches that it knows, and its operators can turn them; the others hear of it later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.policy.switches import Switch, SwitchesError, kept, merged
from gateway.session.fleet import (
    EVERY,
    SAID_EVERY,
    Heard,
    Unread,
    WorkerView,
    open_switches,
    open_view,
    seal_switches,
    seal_view,
)
from gateway.session.redis_store import RedisStore
from gateway.session.seal import Secrets
from gateway.session.sealed_box import NONCE_BYTES
from gateway.session.system_fleet import FleetFile

_log = structlog.get_logger()

RECENT = 0.9 * EVERY
"""Seconds after an exchange of another worker in which this one need not make one."""


async def ask_fleet(store: RedisStore, secrets: Secrets, now: Instant) -> dict[str, Switch]:
    """Return the entries that Redis has.

    Raises:
        StoreUnavailableError: Redis does not answer.

    """
    records = await store.read_switches([secret.id for secret in secrets.all])
    found = [open_switches(record, secret) for record, secret in zip(records, secrets.all, strict=True) if record]
    return kept(merged(*(each for each in found if not isinstance(each, Unread))), now)


async def ask_workers(store: RedisStore, secrets: Secrets) -> tuple[list[Heard], int]:
    """Return what the workers of the fleet said of themselves, and the number of records that cannot be read.

    Raises:
        StoreUnavailableError: Redis does not answer.

    """
    found = [(open_view(record, secrets), ago) for record, ago in await store.said_of_workers()]
    heard = [Heard(view, ago) for view, ago in found if isinstance(view, WorkerView)]
    return sorted(heard, key=lambda each: (each.view.node, each.view.worker)), len(found) - len(heard)


@dataclass(frozen=True, slots=True)
class Member:
    """A worker, as its part in the fleet sees it."""

    name: str
    """Its name in Redis."""
    own: Callable[[], dict[str, Switch]]
    """Reads the switches that operators of this node turned. Blocks."""
    heard: Callable[[], Awaitable[None]]
    """It is called after each look."""
    view: Callable[[Instant], WorkerView]
    """Says what the worker runs with; it is given the time of the last exchange."""


class RedisFleet:
    """One worker's part in the fleet."""

    def __init__(
        self,
        store: RedisStore,
        secrets: Secrets,
        file: FleetFile,
        member: Member,
        *,
        clock: Callable[[], Instant],
        monotonic: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        """`clock` gives Unix seconds; `random(n)` returns n random bytes fit for a nonce."""
        self._store = store
        self._secrets = secrets
        self._file = file
        self._member = member
        self._clock = clock
        self._monotonic = monotonic
        self._random = random
        self._told: set[str] = set()
        self._said_at: float | None = None
        self._said: WorkerView | None = None
        self.switches: dict[str, Switch] = {}
        """The switches of the fleet, as this worker knows them."""
        self.knows = False
        """Whether the node has ever heard of the fleet's switches."""
        self.heard_at: Instant = 0.0
        """The time of the node's last exchange; 0 if there was none."""

    async def run(self) -> None:
        """Exchange every second, for as long as the worker lives."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
                await self._member.heard()
                await self.say()
            except StoreUnavailableError:
                # A store that is away is told of elsewhere.
                pass
            # A fault of one look must not be the last one that this node heard of the fleet.
            except Exception as error:  # noqa: BLE001
                self._tell(type(error).__name__)

    async def look(self) -> None:
        """Read the node's file, and exchange switches with Redis if no other worker has just done so."""
        await self.read_file()
        since = self._clock() - self.heard_at
        if self.knows and 0 <= since < RECENT:
            return
        try:
            await self._exchange()
        except StoreUnavailableError:
            return

    async def read_file(self) -> None:
        """Take the switches that another worker of this node has heard of."""
        try:
            known = await asyncio.to_thread(self._file.known)
        except SwitchesError:
            # The next exchange makes it anew; until then this worker's memory holds.
            self._tell("unreadable")
        else:
            if known is not None:
                self.switches = merged(self.switches, known)
                self.knows = True
        self.heard_at = max(self.heard_at, await asyncio.to_thread(self._file.heard_at))

    async def _exchange(self) -> None:
        now = self._clock()
        try:
            own = await asyncio.to_thread(self._member.own)
        except SwitchesError:
            # The worker tells of this file itself. The fleet's switches hold all the same.
            own = {}
        records = await self._store.read_switches([secret.id for secret in self._secrets.all])
        found = [
            None if record is None else open_switches(record, secret)
            for record, secret in zip(records, self._secrets.all, strict=True)
        ]
        entries = kept(merged(self.switches, own, *(each for each in found if isinstance(each, dict))), now)
        for each, secret in zip(found, self._secrets.all, strict=True):
            if each is Unread.NEWER:
                # Older and newer nodes run beside each other: the newer ones' record stays as it is.
                self._tell(Unread.NEWER)
            elif each != entries:
                if each is Unread.BROKEN:
                    self._tell(Unread.BROKEN)
                sealed = seal_switches(entries, secret, self._random(NONCE_BYTES))
                await self._store.write_switches(secret.id, sealed)
        changed = entries != self.switches or not self.knows
        self.switches, self.knows, self.heard_at = entries, True, now
        try:
            if changed:
                await asyncio.to_thread(self._file.keep, entries)
            await asyncio.to_thread(self._file.heard, now)
        except (OSError, SwitchesError) as error:
            # The worker's memory has them. After a restart without Redis the node would not know them.
            self._tell(type(error).__name__)

    async def say(self) -> None:
        """Say what the worker runs with, at once if that has changed."""
        view, now = self._member.view(self.heard_at), self._monotonic()
        same = self._said is not None and _essence(view) == _essence(self._said)
        if same and self._said_at is not None and now - self._said_at < SAID_EVERY:
            return
        await self._store.say_of_worker(
            self._member.name, seal_view(view, self._secrets.first, self._random(NONCE_BYTES))
        )
        self._said, self._said_at = view, now

    def _tell(self, error: str) -> None:
        """Log a fault once."""
        if error not in self._told:
            self._told.add(error)
            _log.error(Event.SWITCHES_UNSHARED, error=error)


def _essence(view: WorkerView) -> tuple[object, ...]:
    return view.node, view.worker, view.version, view.switches, view.adopted
