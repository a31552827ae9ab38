"""Servers that misbehave, each kind while attackers ask for its bad page and other people share the pool."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from tests.listen.byte_path import HOST, PATIENCE, Answered, Door, Peer, get

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
STRAY = HEAD + b"ann0"
"""Another person's page."""

Bad = Callable[[Peer], Awaitable[bool]]
"""A server's behaviour at its bad page; it returns whether the connection goes on."""


def says(*pieces: bytes, then: str = "goes on", pause: float = 0.0) -> Bad:
    """Return a page in these pieces, after which the connection goes on, ends or is reset."""

    async def bad(peer: Peer) -> bool:
        for number, piece in enumerate(pieces):
            if number:
                await asyncio.sleep(pause)
            await peer.send(piece)
        if then == "resets":
            peer.reset()
        return then == "goes on"

    return bad


async def _interim_without_end(peer: Peer) -> bool:
    while not peer.writer.is_closing():
        await peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0.01)
    return False


async def _late(peer: Peer) -> bool:
    """Answer, and once more a moment later, when the connection may be somebody else's."""
    await peer.send(HEAD + b"ann1")
    await asyncio.sleep(random.uniform(0, 0.01))  # a moment, and no secret
    await peer.send(STRAY)
    return True


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nann1\r\n0\r\n\r\n"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"

KEEPS_ORDER: dict[str, Bad] = {
    **{
        f"{how} {where}": says(piece, then=how)
        for how in ("resets", "ends")
        for where, piece in (
            ("before the head", b""),
            ("within the head", HEAD[:20]),
            ("after the head", HEAD),
            ("within the body", HALF),
            ("within a chunk", CHUNKS[:-9]),
        )
    },
    "too large a length": says(HALF, then="ends"),
    "101 unasked, with an upgrade": says(
        b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + STRAY
    ),
    "101 unasked, bare": says(b"HTTP/1.1 101 X\r\n\r\n" + STRAY),
    "1xx without end": _interim_without_end,
    "a head of 100 KB": says(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n"),
    "HTTP/0.9": says(b"<html>ann1</html>", then="ends"),
    "HTTP/2.0": says(b"HTTP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nann1"),
    "ICE": says(b"ICE/1.0 200 OK\r\nContent-Length: 4\r\n\r\nann1"),
    "status 999": says(b"HTTP/1.1 999 X\r\nContent-Length: 4\r\n\r\nann1"),
    "two lengths": says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nann1"),
    "a negative length": says(b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nann1"),
    "a list of lengths": says(b"HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nann1"),
    "a length and chunks": says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "a folded line": says(b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 4\r\n\r\nann1"),
    "a bad chunk size": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nann1\r\n0\r\n\r\n"),
    "bare line feeds": says(b"HTTP/1.1 200 OK\nContent-Length: 4\n\nann1"),
}
"""Bytes that are no HTTP, or half of it, and that leave nothing behind on a reused connection."""

SPEAKS_OUT_OF_TURN: dict[str, Bad] = {
    "too small a length": says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nannone"),
    "a length in characters": says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + "日本".encode()),
    "a length in characters, in pieces": says(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", *(bytes([byte]) for byte in "日本".encode()), pause=0.001
    ),
    "two answers": says(HEAD + b"ann1" + STRAY),
    "another answer late": _late,
    "bytes behind the last chunk": says(CHUNKS + b"ann0"),
    "bytes behind the last chunk, late": says(CHUNKS, STRAY, pause=0.002),
    "a body of a 204": says(b"HTTP/1.1 204 X\r\n\r\n", STRAY, pause=0.001),
    "a body of a 304": says(b"HTTP/1.1 304 X\r\nContent-Length: 41\r\n\r\n", STRAY, pause=0.001),
    "a body of a 204 with a length": says(b"HTTP/1.1 204 X\r\nContent-Length: 41\r\n\r\n" + STRAY),
}


@dataclass
class Site:
    """An application with everybody's own page and one bad page."""

    door: Door
    bad: Bad
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def __post_init__(self) -> None:
        self.door.application.script = self.script

    async def script(self, peer: Peer) -> None:
        while True:
            asked = await self.door.application.request(peer)
            if asked.target == b"/bad":
                if not await self.bad(peer):
                    return
                continue
            await asyncio.sleep(self.random.uniform(0, 0.003))
            name = asked.target.rpartition(b"/")[2]
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(name), name))


@dataclass
class Seen:
    """The answers that people received."""

    own: int = 0
    own_after: int = 0
    """Of requests that were sent after the first sign that the gateway could see."""
    others: list[tuple[bytes, Answered]] = field(default_factory=list)
    others_after: list[tuple[bytes, Answered]] = field(default_factory=list)
    asked_bad: int = 0


async def siege(door: Door, method: bytes, seconds: float) -> Seen:
    """Three attackers ask for the bad page, six people for their own."""
    seen = Seen()
    standing = door.upstreams.standing
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    over = asyncio.Event()

    async def attack() -> None:
        while not over.is_set():
            client = await door.client()
            await client.send(method + b" /bad HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            await client.to_end()
            await client.close()
            seen.asked_bad += 1

    async def browse(name: bytes) -> None:
        while loop.time() < end or seen.own < 60 or seen.asked_bad < 3:
            client = await door.client()
            for _ in range(20):
                sign = standing.out_of_turn
                await client.send(get(b"/mine/" + name))
                answer = await client.answer()
                if (answer.status, answer.body) == (200, name):
                    seen.own += 1
                    seen.own_after += bool(sign)
                else:
                    (seen.others_after if sign else seen.others).append((name, answer))
                if answer[b"Connection"] == b"close" or not answer.complete:
                    break
            await client.close()

    attackers = [asyncio.create_task(attack()) for _ in range(3)]
    async with asyncio.timeout(seconds + 2 * PATIENCE):
        await asyncio.gather(*(browse(b"ann%d" % number) for number in range(2, 8)))
        over.set()
        await asyncio.gather(*attackers)
    return seen


LENGTHS = pytest.mark.parametrize("seconds", [0.0, pytest.param(15.0, marks=pytest.mark.long)])


@pytest.mark.parametrize("seconds", [0.0, pytest.param(3.0, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", KEEPS_ORDER)
async def test_a_bad_page_costs_other_people_nothing(door: Door, name: str, seconds: float) -> None:
    """Every page of theirs is there, and their own, from the first to the last."""
    Site(door, KEEPS_ORDER[name])
    await door.open(answer=0.3)

    seen = await siege(door, b"GET", seconds)

    assert Counter(answer.status for _, answer in seen.others) == {}
    assert seen.others_after == []


@LENGTHS
@pytest.mark.parametrize("name", SPEAKS_OUT_OF_TURN)
async def test_a_server_out_of_turn_gives_nobody_anothers_page_once_it_was_seen(
    door: Door, name: str, seconds: float
) -> None:
    """From the first byte that the gateway can see, everybody gets their own page; and the App is named."""
    Site(door, SPEAKS_OUT_OF_TURN[name])
    await door.open()

    seen = await siege(door, b"GET", seconds)

    assert door.upstreams.standing.out_of_turn
    assert seen.others_after == []


@LENGTHS
async def test_a_body_of_a_head_answer_reaches_nobody(door: Door, seconds: float) -> None:
    """Its connection is used once in any case."""
    Site(door, says(HEAD + b"ann0"))
    await door.open()

    seen = await siege(door, b"HEAD", seconds)

    assert seen.others == seen.others_after == []


@LENGTHS
async def test_a_greeting_before_any_request_is_nobodys_page(door: Door, seconds: float) -> None:
    """This holds if the greeting comes in time to be seen; and nobody ever gets another person's answer."""
    site = Site(door, says(HEAD + b"ann1"))

    async def script(peer: Peer) -> None:
        if site.random.random() < 0.3:
            await peer.send(b"220 mail.test ESMTP\r\n")
        await site.script(peer)

    door.application.script = script
    await door.open()

    seen = await siege(door, b"GET", seconds)

    assert {answer.status for _, answer in (*seen.others, *seen.others_after)} <= {502}
