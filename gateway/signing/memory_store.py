"""Sealed signatures in this process's memory: for one worker, gone on restart."""

from __future__ import annotations

from gateway.instant import Instant

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of all records; one more is refused, since a live one must not end for a stranger's."""


class MemoryByteStore:
    """A `ByteStore` in a dictionary."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Begin empty."""
        self._records: dict[str, tuple[bytes, Instant]] = {}
        self._most_bytes = most_bytes
        self._bytes = 0
        self._rooms: dict[str, dict[str, tuple[int, Instant]]] = {}

    async def add(self, name: str, value: bytes, seconds: float, now: Instant) -> bool:
        """See `ByteStore`."""
        self._end_old(now)
        if name in self._records or self._bytes + len(value) > self._most_bytes:
            return False
        self._put(name, value, now + seconds)
        return True

    async def get(self, name: str, now: Instant) -> bytes | None:
        """See `ByteStore`."""
        found = self._records.get(name)
        return None if found is None or now >= found[1] else found[0]

    async def swap(self, name: str, old: bytes, new: bytes, seconds: float, now: Instant) -> bool:
        """See `ByteStore`."""
        if await self.get(name, now) != old:
            return False
        self._put(name, new, now + seconds)
        return True

    async def remove(self, name: str) -> bool:
        """See `ByteStore`."""
        return self._drop(name)

    async def take(self, owner: str, name: str, size: int, seconds: float, most: int, now: Instant) -> bool:
        """See `Rooms`."""
        room = {each: kept for each, kept in self._rooms.get(owner, {}).items() if now < kept[1]}
        if name not in room and sum(kept[0] for kept in room.values()) + size > most:
            return False
        self._rooms[owner] = room | {name: (size, now + seconds)}
        return True

    async def leave(self, owner: str, name: str) -> None:
        """See `Rooms`."""
        self._rooms.get(owner, {}).pop(name, None)

    def _put(self, name: str, value: bytes, ends_at: Instant) -> None:
        self._drop(name)
        self._records[name] = (value, ends_at)
        self._bytes += len(value)

    def _drop(self, name: str) -> bool:
        found = self._records.pop(name, None)
        self._bytes -= 0 if found is None else len(found[0])
        return found is not None

    def _end_old(self, now: Instant) -> None:
        for name in [name for name, (_, ends_at) in self._records.items() if now >= ends_at]:
            self._drop(name)
