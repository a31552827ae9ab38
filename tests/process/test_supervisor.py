"""The reaction of a process to signals, without a process; the flows have real ones."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from gateway.audit.entry import Action, Outcome
from gateway.observe.lines import LineKind
from gateway.observe.merge import Family, Sample
from gateway.observe.metrics import Metrics
from gateway.observe.supervision_metrics import Reloaded
from gateway.process import single
from gateway.process import supervisor as process_supervisor
from gateway.process.configuration import Configuration
from gateway.process.supervisor import Supervisor
from gateway.process.worker import Worker


class _Breaking:
    """A worker that cannot open what it is told to."""

    def __init__(self) -> None:
        self.metrics = Metrics("1.0")
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
    fresh = cast("Configuration", object())

    worker = _Breaking()
    reloaded = await single.reload_worker(cast("Worker", worker), lambda: fresh)

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


async def test_no_counter_falls_while_a_worker_is_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It stays in the sum until it is gone, and its counts after that."""
    nowhere = tmp_path / "gateway.yaml"
    configuration: Any = SimpleNamespace(
        settings=SimpleNamespace(drain_timeout=30.0),
        path=nowhere,
        digest="0" * 12,
        policies={},
        policy_files=frozenset(),
        switches_file=nowhere,
        adoptions_file=nowhere,
    )
    monkeypatch.setattr(process_supervisor, "reread_configuration", lambda _: configuration)
    nothing = cast("Any", _Nothing())
    supervisor = Supervisor(configuration, nothing, nothing, nothing, 1)
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
