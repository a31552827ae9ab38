"""Redis as the gateway sees it: a real server behind a proxy that can behave badly."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis

SLOW = 3.0
"""Seconds of latency of a slow store."""
LAG = 0.5
"""Seconds of latency of a store of limits that lags."""
LIMITS_LAG = "limits_lag"
"""The word of a case that makes it lag."""

MODES = frozenset({"readonly", "moved", "slow", "down", "refuse", "timeout", "loading", "oom", "noauth", "garbage"})
"""The modes of the proxy; other code changes records and rotates keys."""

_ERRORS = {
    "readonly": b"-READONLY You can't write against a read only replica.\r\n",
    "moved": b"-MOVED 3999 127.0.0.1:6381\r\n",
    "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "oom": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "noauth": b"-NOAUTH Authentication required.\r\n",
    "garbage": b"!!! this is not RESP\r\n",
}
_READS = frozenset(
    {b"GET", b"MGET", b"EXISTS", b"TTL", b"PTTL", b"PING", b"HELLO", b"CLIENT", b"SELECT", b"INFO", b"ROLE"}
)
_SETUP = frozenset({b"HELLO", b"CLIENT", b"SELECT", b"AUTH", b"PING", b"INFO", b"ROLE", b"COMMAND"})


class StoreProxy:
    """Between the gateway and Redis, command by command."""

    def __init__(self, port: int) -> None:
        self.redis_port = port
        self.port = 0
        self.mode: str | None = None
        self.commands: list[tuple[bytes, ...]] = []
        self._talking = asyncio.Event()
        self._talking.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def behave(self, mode: str | None) -> None:
        self.mode = mode
        if mode == "timeout":
            self._talking.clear()
        else:
            self._talking.set()
        if mode in ("down", "refuse"):
            for writer in list(self._writers):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self.mode in ("down", "refuse"):
                writer.transport.abort()
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.redis_port)
            self._writers.add(back)
            await asyncio.gather(self._commands(reader, writer, back), self._answers(there, writer))
        except (OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _answers(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await there.read(1 << 16):
            if self.mode in ("slow", LIMITS_LAG):
                await asyncio.sleep(SLOW if self.mode == "slow" else LAG)
            await self._talking.wait()
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def _commands(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: asyncio.StreamWriter
    ) -> None:
        try:
            while True:
                raw, words = await _command(reader)
                self.commands.append(words)
                name = words[0].upper() if words else b""
                error = _ERRORS.get(self.mode or "")
                if (
                    error is not None
                    and name not in _SETUP
                    and not (self.mode in ("readonly", "oom") and name in _READS)
                ):
                    writer.write(error)
                    await writer.drain()
                    continue
                back.write(raw)
                await back.drain()
        finally:
            back.close()


async def _command(reader: asyncio.StreamReader) -> tuple[bytes, tuple[bytes, ...]]:
    line = await reader.readuntil(b"\r\n")
    if not line.startswith(b"*"):
        return line, tuple(line.split())
    raw = bytearray(line)
    words: list[bytes] = []
    for _ in range(int(line[1:])):
        size = await reader.readuntil(b"\r\n")
        data = await reader.readexactly(int(size[1:]) + 2)
        raw += size + data
        words.append(data[:-2])
    return bytes(raw), tuple(words)


async def everything(redis: Redis) -> dict[bytes, list[bytes]]:
    """Return every key with every byte string stored under it."""
    found: dict[bytes, list[bytes]] = {}
    readers: dict[bytes, tuple[str, ...]] = {
        b"string": ("GET",),
        b"hash": ("HGETALL",),
        b"set": ("SMEMBERS",),
        b"zset": ("ZRANGE", "0", "-1"),
        b"list": ("LRANGE", "0", "-1"),
    }
    async for key in redis.scan_iter(count=1000):
        kind: bytes = await redis.execute_command("TYPE", key)
        command = readers[kind]
        reply: Any = await redis.execute_command(command[0], key, *command[1:])
        found[key] = flat(reply)
    return found


def flat(reply: Any) -> list[bytes]:
    """Return the byte strings in a reply, however deep."""
    if isinstance(reply, bytes):
        return [reply]
    if isinstance(reply, dict):
        return [text for pair in reply.items() for each in pair for text in flat(each)]
    if isinstance(reply, (list, set, tuple)):
        return [text for each in reply for text in flat(each)]
    return []
