"""Wrong forms of an answer's head: each is 502 until the App tolerates it by name, and then ends its connection."""

from __future__ import annotations

import asyncio

import pytest

from gateway.settings.settings import Tolerated, UpstreamSettings
from tests.listen.byte_path import Door, Peer, get

HEAD = get().replace(b"GET", b"HEAD", 1)
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH, CHUNKED = b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"
HELLO, CHUNKS = b"\r\nhello", b"\r\n5\r\nhello\r\n0\r\n\r\n"

FORMS: dict[str, tuple[Tolerated, bytes, bytes]] = {
    "line feeds": ("bare_lf", get(), b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
    "a folded line": ("obs_fold", get(), OK + b"A: b\r\n c\r\n" + LENGTH + HELLO),
    "two codings": ("double_chunked", get(), OK + CHUNKED + CHUNKED + CHUNKS),
    "a coding twice": ("double_chunked", get(), OK + b"Transfer-Encoding: Chunked, chunked\r\n" + CHUNKS),
    "two lengths": ("double_length", get(), OK + LENGTH + b"A: b\r\n" + LENGTH + HELLO),
    "a length twice": ("double_length", get(), OK + b"content-length: 5, 5\r\n" + HELLO),
    "both of a HEAD": ("head_with_both", HEAD, OK + LENGTH + CHUNKED + b"\r\n"),
    "both, the other way round": ("head_with_both", HEAD, OK + CHUNKED + LENGTH + b"\r\n"),
}


async def ask_twice(
    door: Door, request: bytes, said: bytes, *tolerate: Tolerated
) -> tuple[list[int], list[bytes], int]:
    """Ask for the same page twice; return statuses, bodies, and the number of the application's connections."""
    connections: list[Peer] = []

    async def script(peer: Peer) -> None:
        connections.append(peer)
        while True:
            await door.application.request(peer)
            await peer.send(said)

    door.application.script = script
    door.options = UpstreamSettings(tolerate=tolerate, idle=60.0, reads_bodies=True)
    await door.open()
    method = request.partition(b" ")[0].decode()
    answers = [await door.ask(request, method) for _ in range(2)]
    return [answer.status for answer in answers], [answer.body for answer in answers], len(connections)


@pytest.mark.parametrize("form", FORMS)
async def test_a_tolerated_answer_ends_its_connection(door: Door, form: str) -> None:
    """The answer is read and written anew; its server may be wrong about what follows as well."""
    name, request, said = FORMS[form]

    statuses, bodies, connections = await ask_twice(door, request, said, name)

    assert statuses == [200, 200]
    assert bodies == [b"" if request is HEAD else b"hello"] * 2
    assert connections == 2


@pytest.mark.parametrize("form", FORMS)
async def test_a_form_is_tolerated_by_its_own_name_alone(door: Door, form: str) -> None:
    """The App tolerates all other forms, and the answer is 502."""
    name, request, said = FORMS[form]
    others = {each for each, _, _ in FORMS.values()} - {name}

    statuses, _, _ = await ask_twice(door, request, said, *sorted(others))

    assert statuses == [502, 502]


EVERY = tuple(sorted({name for name, _, _ in FORMS.values()}))


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (get(), OK + b"Content-Length: 5\r\nContent-Length: 6\r\n" + HELLO),
        (get(), OK + b"Content-Length: 5, 6\r\n" + HELLO),
        (get(), OK + b"Content-Length: +5, +5\r\n" + HELLO),
        (get(), OK + b"Content-Length: 5, 05\r\n" + HELLO),
        (get(), OK + b"Transfer-Encoding: gzip, chunked\r\n" + CHUNKS),
        (get(), OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: gzip\r\n" + HELLO),
        (get(), OK + b"Transfer-Encoding: chunked, identity\r\n" + CHUNKS),
        (get(), OK + LENGTH + CHUNKED + CHUNKS),
        (get(), OK + LENGTH + b"Transfer-Encoding : chunked\r\n" + CHUNKS),
    ],
)
async def test_what_has_two_readings_is_never_tolerated(door: Door, request_: bytes, said: bytes) -> None:
    """Two lengths, another coding, or a body with both: nobody knows where such an answer ends."""
    statuses, _, _ = await ask_twice(door, request_, said, *EVERY)

    assert statuses == [502, 502]


@pytest.mark.parametrize(("request_", "said"), [(get(), OK + LENGTH + HELLO), (get(), OK + CHUNKED + CHUNKS)])
async def test_a_good_answer_keeps_its_connection(door: Door, request_: bytes, said: bytes) -> None:
    """An App that tolerates much loses nothing where nothing is wrong."""
    statuses, bodies, connections = await ask_twice(door, request_, said, *EVERY)

    assert (statuses, bodies, connections) == ([200, 200], [b"hello", b"hello"], 1)


async def test_a_wrong_head_that_comes_in_pieces_is_read_as_one(door: Door) -> None:
    """As it may be cut anywhere."""
    said = OK + CHUNKED + CHUNKED + CHUNKS

    async def script(peer: Peer) -> None:
        await door.application.request(peer)
        for at in range(0, len(said), 7):
            await peer.send(said[at : at + 7])
            await asyncio.sleep(0.001)

    door.application.script = script
    door.options = UpstreamSettings(tolerate=("double_chunked",))
    await door.open()

    assert (await door.ask(get())).body == b"hello"
