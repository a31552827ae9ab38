"""Every address of a name is tried, over real sockets; and the good one is found sooner the next time."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from gateway.settings.address import Address
from gateway.settings.settings import UpstreamSettings
from gateway.upstream.addresses import Place
from gateway.upstream.asyncio_connect import SILENT, connector, look_up
from gateway.upstream.asyncio_endpoint import Endpoint
from gateway.upstream.asyncio_upstreams import Upstreams
from tests.listen.byte_path import PATIENCE, Application, Door, get
from tests.upstream.certificates import certify


class Silent:
    """An address that takes no connection and refuses none: its queue is full."""

    def __init__(self, host: str, port: int) -> None:
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind((host, port))
        self._listening.listen(0)
        self.place = Place(host, port, socket.AF_INET)
        self._filling: list[socket.socket] = []
        for _ in range(8):
            filler = socket.socket()
            filler.settimeout(0.05)
            self._filling.append(filler)
            try:
                filler.connect((host, port))
            except TimeoutError:
                return
        raise AssertionError("the queue of a listening socket is never full here")

    def close(self) -> None:
        for each in (*self._filling, self._listening):
            each.close()


@pytest.fixture
async def application() -> AsyncIterator[Application]:
    application = Application()
    await application.start()
    yield application
    await application.stop()


class Name:
    """A name that stands for what a test says, and counts how often it was asked about."""

    def __init__(self, *places: Place) -> None:
        self.places: Sequence[Place] = places
        self.asked = 0
        self.fault: OSError | None = None
        self.slow = asyncio.Event()
        self.slow.set()

    async def ask(self, host: str, port: int) -> Sequence[Place]:
        self.asked += 1
        await self.slow.wait()
        if self.fault is not None:
            raise self.fault
        return self.places


def good(application: Application) -> Place:
    return Place("127.0.0.1", application.port, socket.AF_INET)


def refusing() -> Place:
    """Return an address that refuses."""
    with socket.create_server(("127.0.0.3", 0)) as sock:
        return Place("127.0.0.3", sock.getsockname()[1], socket.AF_INET)


async def seconds_to_connect(name: Name, connect: object = None) -> float:
    connect = connect or connector(Address("app.test", 80), ask=name.ask)
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        transport, _ = await connect(asyncio.Protocol)  # type: ignore[operator]
    took = time.monotonic() - began
    transport.close()
    return took


async def test_an_address_that_refuses_costs_nothing(application: Application) -> None:
    """The next is tried at once."""
    assert await seconds_to_connect(Name(refusing(), refusing(), good(application))) < SILENT


async def test_an_address_that_is_silent_costs_a_moment_once(application: Application) -> None:
    """The next is tried beside it; and the next time the good one is the first."""
    silent = Silent("127.0.0.2", application.port)
    name = Name(silent.place, good(application))
    connect = connector(Address("app.test", 80), ask=name.ask)
    try:
        first = await seconds_to_connect(name, connect)
        second = await seconds_to_connect(name, connect)
    finally:
        silent.close()

    assert SILENT <= first < 2.0
    assert second < SILENT
    assert name.asked == 2


async def test_people_do_not_notice_a_dead_address(door: Door) -> None:
    """Of a name with several, through the gateway: in the time of a click, and nothing counts against the server."""
    silent = Silent("127.0.0.2", door.application.port)
    name = Name(silent.place, refusing(), good(door.application))
    await door.open()
    connect = connector(Address("app.test", 80), ask=name.ask)
    door.upstreams = Upstreams(
        "booking",
        [Endpoint("http://app.test", connect, door.limits, door.deadlines, UpstreamSettings(failures=1))],
        door.limits,
    )
    try:
        took = []
        for _ in range(3):
            began = time.monotonic()
            assert (await door.ask(get())).status == 200
            took.append(time.monotonic() - began)
    finally:
        silent.close()

    assert max(took) < 2.0
    assert door.upstreams.standing.unreachable == 0


async def test_where_none_answers_the_first_fault_is_told(application: Application) -> None:
    """The log says why."""
    with pytest.raises(ConnectionRefusedError):
        await seconds_to_connect(Name(refusing(), refusing()))


async def test_a_name_that_moves_is_followed(application: Application) -> None:
    """With the next connection."""
    other = Application()
    await other.start()
    name = Name(good(application))
    connect = connector(Address("app.test", 80), ask=name.ask)
    try:
        for place in (good(application), good(other)):
            name.places = (place,)
            transport, _ = await connect(asyncio.Protocol)
            assert transport.get_extra_info("peername")[1] == place.port
            transport.close()
    finally:
        await other.stop()


@pytest.mark.parametrize(("code", "holds"), [(socket.EAI_AGAIN, True), (socket.EAI_NONAME, False)])
async def test_what_a_name_stood_for_holds_while_nobody_can_say(
    application: Application, code: int, *, holds: bool
) -> None:
    """A resolver that is away takes no application away; a name that is gone is gone."""
    name = Name(good(application))
    connect = connector(Address("app.test", 80), ask=name.ask)
    await seconds_to_connect(name, connect)
    name.fault = socket.gaierror(code, "no")

    if holds:
        assert await seconds_to_connect(name, connect) < 1.0
    else:
        with pytest.raises(socket.gaierror):
            await seconds_to_connect(name, connect)


async def test_a_slow_resolver_is_asked_once_for_all(application: Application) -> None:
    """Those who come meanwhile wait for the same answer, and what is known holds after a second."""
    name = Name(good(application))
    connect = connector(Address("app.test", 80), ask=name.ask)
    await seconds_to_connect(name, connect)
    name.slow.clear()

    took = await asyncio.gather(*(seconds_to_connect(name, connect) for _ in range(20)))
    name.slow.set()

    assert max(took) < 3.0
    assert name.asked == 2


def descriptors() -> int:
    """Return how many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_loser_leaves_no_connection(application: Application) -> None:
    """Neither one that is still silent, nor one that has just been made, nor one whose asker has left."""
    silent = Silent("127.0.0.2", application.port)
    connect = connector(Address("app.test", 80), ask=Name(silent.place, good(application)).ask)
    before = descriptors()
    try:
        for _ in range(3):
            await seconds_to_connect(Name(), connect)
        for places in ([silent.place], [silent.place, silent.place]):
            leaving = asyncio.create_task(
                seconds_to_connect(Name(), connector(Address("app.test", 80), ask=Name(*places).ask))
            )
            await asyncio.sleep(SILENT + 0.05)
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        async with asyncio.timeout(PATIENCE):
            while descriptors() > before or application.tasks:
                await asyncio.sleep(0.01)
    finally:
        silent.close()


async def test_each_address_must_prove_the_name(tmp_path: Path) -> None:
    """Over TLS: one whose certificate is another's is no answer, and the next is asked."""
    servers, contexts = [], []
    for label, host in (("other.test", "127.0.0.2"), ("inner.test", "127.0.0.1")):
        folder = tmp_path / label
        folder.mkdir()
        certificate, key = certify(folder, label)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        contexts.append(certificate)
        servers.append(await asyncio.start_server(lambda _, writer: writer.close(), host, 0, ssl=context))
    ours = ssl.create_default_context()
    for certificate in contexts:
        ours.load_verify_locations(certificate)
    places = [Place(*server.sockets[0].getsockname()) for server in servers]
    connect = connector(Address("inner.test", 443, tls=True), ours, ask=Name(*places).ask)

    transport, _ = await connect(asyncio.Protocol)
    reached = transport.get_extra_info("peername")
    transport.close()
    for server in servers:
        server.close()

    assert reached[0] == "127.0.0.1"


async def test_the_systems_resolver_knows_localhost() -> None:
    """Each address once, with its port."""
    places = await look_up("localhost", 8080)

    assert Place("127.0.0.1", 8080, socket.AF_INET) in places
    assert len(set(places)) == len(places)
