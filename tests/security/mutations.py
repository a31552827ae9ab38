"""Makes many bad documents of a few good ones: what half a file, a hostile store or a broken server may hold."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

PIECES: tuple[bytes, ...] = (
    b"\x1b[2J",
    b"\xc2\x9b31m",
    b"\xe2\x80\xae",
    b"\x00",
    b"\r\n",
    b"\n",
    b"\t",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"NaN",
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"9" * 400,
    b"9" * 5_000,
    "²".encode(),
    b"-0",
    b"0x10",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'"\\ud800"',
    b'"\\u0000"',
    b"[" * 3_000,
    b'{"a":' * 1_500,
    b"]" * 50,
    b";" * 2_000,
    b"," * 500,
    b"=" * 500,
    b"%" * 300,
    b"%ff%00",
    b"'" * 99,
    b"- " * 60,
    b"&a *a <<: !!x ",
    b"? : | > ",
    b"\xe3\x80\x80\xef\xbc\x9a",
    b"A" * 5_000,
    "漢".encode() * 700,
    b"..",
    b"__proto__",
    b"kid",
    b"sub",
    b"\xdc\x00\x40\x80",
    b"\xc6\xff\xff\xff\xff",
)
"""Texts on which readers have stumbled: of terminals, numbers, brackets, half characters, lengths and other readers."""

LONGEST = 200_000
"""Bytes of one example: readers have smaller bounds, and the ten minutes are for many."""


def mutated(seeds: Sequence[bytes], random: Random) -> bytes:
    """Return a seed with a few things done to it."""
    data = bytearray(random.choice(seeds))
    for _ in range(random.randint(0, 4)):
        at = random.randint(0, len(data))
        end = min(len(data), at + random.choice((1, 1, 4, 32, 400)))
        match random.randrange(9):
            case 0:
                del data[at:]
            case 1:
                del data[at:end]
            case 2:
                data[at:at] = random.choice(PIECES)
            case 3:
                data[at:end] = random.choice(PIECES)
            case 4 if data:
                data[min(at, len(data) - 1)] ^= 1 << random.randrange(8)
            case 5:
                data[at:at] = data[at:end] * random.choice((1, 2, 50))
            case 6:
                other = random.choice(seeds)
                cut = random.randint(0, len(other))
                data[at:] = other[cut:]
            case 7:
                data[at:at] = bytes(random.randrange(256) for _ in range(random.choice((1, 2, 8))))
            case _:
                data.reverse() if random.random() < 0.05 else data.extend(random.choice(PIECES))
    return bytes(data[:LONGEST])
