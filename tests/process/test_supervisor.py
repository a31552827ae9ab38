"""The reaction of a process to signals, without a process; the flows have real ones."""

import asyncio
import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
import uvloop

from gateway.audit.entry import Action, Outcome
from gateway.observe.lines import LineKind
from gateway.observe.merge import Family, Sample
from gateway.observe.metrics import Metrics
from gateway.observe.supervision_metrics import Death, Reloaded
from gateway.portal.readiness import Readiness
from gateway.process import single
from gateway.process import supervisor as process_supervisor
from gateway.process.configuration import Configuration
from gateway.process.follow_files import FileWatch
from gateway.process.orders import Order, Reply
from gateway.process.supervisor import Supervisor, _Member
from gateway.process.worker import Worker
from gateway.process.worker_process import Commission


class _Breaking:
    """A worker that cannot open what it is told to."""

    def __init__(self) -> None:
        self.metrics = Metrics("1.0")
        self.reading = asyncio.Lock()
        self.recorded: list[tuple[Action, Outcome]] = []

    def record(self, action: Action, outcome: Outcome) -> None:
        """Remember what the audit trail is told."""
        self.recorded.append((action, outcome))

    async def weigh(self, _configuration: object) -> dict[str, object]:
        """Hold nothing back."""
        return {}

    async def reload(self, _configuration: object) -> None:
        """Find a file gone."""
        raise FileNotFoundError(2, "gone since it was checked", "ca.pem")


async def test_a_reload_that_breaks_ends_nobody() -> None:
    """The process goes on with what it has, and says that it was not reloaded."""

    async def fresh() -> Configuration:
        return cast("Configuration", object())

    worker = _Breaking()
    reloaded = await single.reload_worker(cast("Worker", worker), fresh)

    assert reloaded is Reloaded.REFUSED
    assert worker.recorded == [(Action.RELOADED, Outcome.REFUSED)]


class _Counting:
    """A worker that has counted so much, and takes its time to end."""

    def __init__(self, count: float) -> None:
        self.families = (Family("sekisho_requests", "counter", "x", (Sample("sekisho_requests_total", (), count),)),)
        self.name = str(count)
        self.gone = asyncio.Event()
        self.ending = asyncio.Event()
        self.drained = asyncio.Event()

    async def ask(self, *_: object) -> None:
        """Say nothing new."""

    async def end(self, _patience: float, _lame_duck: float = 0.0) -> None:
        """Drain until the test says that the last request is over."""
        self.ending.set()
        await self.drained.wait()
        self.gone.set()


class _Nothing:
    """Lines of which none was lost."""

    lost: ClassVar[dict[LineKind, int]] = {}

    def silence(self) -> None:
        """Take no more of the connections that nobody makes."""

    def refuse(self) -> None:
        """Refuse connections that nobody makes."""


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    """A supervisor that wants one worker, and has none yet."""
    nowhere = tmp_path / "gateway.yaml"
    configuration: Any = SimpleNamespace(
        settings=SimpleNamespace(drain_timeout=30.0, lame_duck=0.0),
        path=nowhere,
        digest="0" * 12,
        policies={},
        policy_files=frozenset(),
        switches_file=nowhere,
        adoptions_file=nowhere,
        fleet_file=None,
    )

    async def read(_: object) -> object:
        return configuration

    nothing = cast("Any", _Nothing())
    made = Supervisor(configuration, nothing, nothing, nothing, 1, nothing)
    made._files = cast("Any", SimpleNamespace(whole=read))
    return made


async def test_no_counter_falls_while_a_worker_is_replaced(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the sum until it is gone, and its counts after that."""
    old, other = _Counting(100), _Counting(7)
    supervisor._members = cast("Any", [old])
    supervisor._run(supervisor._miss(cast("Any", old)))

    async def start(_: object) -> bool:
        supervisor._members.append(cast("Any", other))
        return True

    monkeypatch.setattr(supervisor, "_start", start)

    async def total() -> float:
        (family,) = (each for each in await supervisor._all_numbers() if each.name == "sekisho_requests")
        return family.samples[0].value

    seen = [await total()]
    replacing = asyncio.create_task(supervisor._replace())
    await old.ending.wait()
    seen.append(await total())
    old.drained.set()
    await replacing
    await asyncio.sleep(0)
    seen.append(await total())

    assert seen == [100.0, 107.0, 107.0]


async def test_a_stop_does_not_wait_for_a_replacement(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old worker that drains for one slow client delays no other worker's end, and is waited for as they are."""
    old, other = _Counting(1), _Counting(2)
    supervisor._members = cast("Any", [old])

    async def start(_: object) -> bool:
        supervisor._members.append(cast("Any", other))
        return True

    monkeypatch.setattr(supervisor, "_start", start)
    stop = asyncio.Event()
    replacing = asyncio.create_task(supervisor._replace_until(stop))
    await old.ending.wait()
    old.ending.clear()
    stop.set()
    await replacing
    ending = asyncio.create_task(supervisor._end())
    await asyncio.gather(old.ending.wait(), other.ending.wait())
    other.drained.set()
    waited_for_the_old = not ending.done()
    old.drained.set()
    await ending

    assert waited_for_the_old
    assert old.gone.is_set()


class _Loading:
    """A worker that loads the program until it is killed."""

    def __init__(self) -> None:
        self.process = self
        self.killed = asyncio.Event()

    def kill(self) -> None:
        """End it."""
        self.killed.set()

    async def takes_requests(self) -> bool:
        """Never get that far."""
        await self.killed.wait()
        return False

    async def end(self, _patience: float) -> None:
        """Be gone already."""


async def test_a_stop_waits_for_no_worker_that_still_loads(supervisor: Supervisor) -> None:
    """Nobody needs it any more, and it is no worker that died."""
    loading = _Loading()
    coming = asyncio.create_task(supervisor._comes_up(cast("Any", loading)))
    while not supervisor._starting:
        await asyncio.sleep(0)

    await supervisor._end()

    assert not await coming
    deaths = [each for each in await supervisor._all_numbers() if each.name == "sekisho_worker_deaths"]
    assert not any(sample.value for family in deaths for sample in family.samples)


async def test_a_start_that_is_given_up_leaves_no_process(supervisor: Supervisor) -> None:
    """A replacement that a stop ends kills the worker that it began."""
    loading = _Loading()
    coming = asyncio.create_task(supervisor._comes_up(cast("Any", loading)))
    while not supervisor._starting:
        await asyncio.sleep(0)

    coming.cancel()
    await asyncio.gather(coming, return_exceptions=True)

    assert loading.killed.is_set()
    assert not supervisor._starting


async def test_a_worker_is_missed_until_it_is_back(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that has no process or descriptor to give is asked again."""
    dead: Any = _Counting(1)
    dead.born, dead.cause, dead.number, dead.process = (
        0.0,
        Death.SIGNAL,
        1,
        SimpleNamespace(exitcode=-9),
    )
    dead.gone.set()
    supervisor._members = [dead]
    outcomes = iter([OSError(24, "Too many open files"), BlockingIOError(11, "no process"), True])

    async def start() -> object:
        outcome = next(outcomes)
        if isinstance(outcome, OSError):
            raise outcome
        return dead

    monkeypatch.setattr(supervisor, "_start", start)
    monkeypatch.setattr(process_supervisor, "FIRST_PAUSE", 0.0)
    await supervisor._miss(dead)

    assert next(outcomes, None) is None


class _Well:
    """A worker that could sign somebody in."""

    async def ask(self, *_: object) -> Reply:
        """Say so."""
        return Reply(readiness=Readiness())


@pytest.mark.parametrize(("wanted", "expected"), [(1, Readiness()), (2, Readiness(degraded={"worker": "no_answer"}))])
async def test_a_worker_that_is_not_there_is_named(supervisor: Supervisor, wanted: int, expected: Readiness) -> None:
    """A node with one of two workers is degraded while the other starts."""
    supervisor._wanted = wanted
    supervisor._members = cast("Any", [_Well()])

    assert await supervisor._readiness() == expected


async def _ask_behind_a_closed_line() -> Reply | None:
    ours, theirs = socket.socketpair()
    sentinel, alive = os.pipe()
    ours.settimeout(0)
    reader, writer = await asyncio.open_connection(sock=ours)
    commission = Commission(1, cast("Configuration", None), FileWatch(()))
    member = _Member(cast("Any", SimpleNamespace(sentinel=sentinel)), reader, writer, commission)
    writer.transport.abort()
    await writer.wait_closed()
    try:
        return await member.ask(Order("metrics"))
    finally:
        asyncio.get_running_loop().remove_reader(sentinel)
        theirs.close()
        os.close(sentinel)
        os.close(alive)


def test_a_scrape_goes_on_while_a_worker_ends() -> None:
    """Its line closes before its process is gone, and in between it has no answer: uvloop writes no byte there."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(_ask_behind_a_closed_line()) is None
