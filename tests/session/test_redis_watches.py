"""Open streams end with their session, and with our knowledge of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import StoreUnavailableError
from gateway.session.redis_watches import Watches
from tests.session.conftest import until


class Store:
    """Sessions by name with the seconds each has left, and who followed whom."""

    def __init__(self) -> None:
        self.left: dict[str, float] = {"mine": 1_000.0}
        self.followers: dict[str, str] = {}
        self.away = False
        self.looks = 0

    async def idle_left(self, name: str) -> float | None:
        """See `SessionStore`."""
        self.looks += 1
        if self.away:
            raise StoreUnavailableError
        return self.left.get(name)

    async def follower(self, name: str) -> str | None:
        """See `SessionStore`."""
        return self.followers.get(name)


class Scene:
    """A store, a clock the test moves, and watches."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told_until = 1e9
        self.store = Store()
        store: Any = self.store
        self.watches = Watches(store, monotonic=lambda: self.now, told_until=lambda: self.told_until, grace=10.0)
        self.cut: list[str] = []

    def watch(self, name: str = "mine") -> Any:
        """Open a stream."""
        return self.watches.add(name, lambda: self.cut.append(name))

    async def looked(self, times: int = 1) -> None:
        """Wake it, and wait until it has looked so often from now on."""
        aim = self.store.looks + times
        self.watches._wake.set()
        await until(lambda: self.store.looks >= aim, "a look", 3.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """Watches at work."""
    scene = Scene()
    task = asyncio.create_task(scene.watches.run())
    yield scene
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_new_stream_is_looked_at_once(scene: Scene) -> None:
    """The session may have ended between the decision and the tunnel."""
    scene.store.left.clear()

    scene.watch()

    await until(lambda: scene.cut == ["mine"], "the cut")
    assert len(scene.watches) == 0


async def test_news_lead_to_a_look_and_not_to_a_cut(scene: Scene) -> None:
    """A record written anew is not a session ended."""
    scene.watch()
    await scene.looked(0)
    await until(lambda: scene.store.looks == 1, "the first look")

    scene.watches.changed("mine")
    await scene.looked()

    assert scene.cut == []
    scene.store.left.clear()
    scene.watches.changed("mine")
    await until(lambda: scene.cut == ["mine"], "the cut")


async def test_a_clocks_end_is_looked_for(scene: Scene) -> None:
    """Nobody tells of silence beforehand: the end of the clock is looked at when it comes."""
    scene.store.left["mine"] = 60.0
    scene.watch()
    await until(lambda: scene.store.looks == 1, "the first look")
    scene.store.left.clear()

    scene.now += 61.0
    await scene.looked()

    assert scene.cut == ["mine"]


async def test_a_cancelled_watch_is_not_told(scene: Scene) -> None:
    """A stream that has closed itself hears nothing more."""
    stream = scene.watch()
    await until(lambda: scene.store.looks == 1, "the first look")

    stream.cancel()
    scene.store.left.clear()
    scene.watches.all_changed()
    await asyncio.sleep(0.01)

    assert scene.cut == []
    assert len(scene.watches) == 0


async def test_it_follows_the_step_up(scene: Scene) -> None:
    """The stream goes over to the session that followed, over several if need be."""
    scene.watch()
    await until(lambda: scene.store.looks == 1, "the first look")
    scene.store.left = {"third": 1_000.0}
    scene.store.followers = {"mine": "second", "second": "third"}

    scene.watches.changed("mine")
    await scene.looked(3)
    assert scene.cut == []

    scene.store.left.clear()
    scene.watches.changed("third")
    await until(lambda: scene.cut == ["mine"], "the cut")


async def test_a_short_outage_cuts_nothing_and_a_long_one_all(scene: Scene) -> None:
    """A failover passes; who can no longer be known to be signed in is cut."""
    scene.watch()
    await until(lambda: scene.store.looks == 1, "the first look")
    scene.store.away, scene.told_until = True, scene.now

    scene.now += 9.0
    await scene.looked()
    assert scene.cut == []

    scene.now += 2.0
    await scene.looked()
    assert scene.cut == ["mine"]


async def test_without_news_it_looks_by_itself(scene: Scene) -> None:
    """While nothing is told of changes, each stream's session is looked at every second."""
    scene.watch()
    await until(lambda: scene.store.looks == 1, "the first look")
    scene.told_until = scene.now
    scene.store.left.clear()

    scene.now += 1.5
    await scene.looked()

    assert scene.cut == ["mine"]


async def test_a_look_that_breaks_is_not_the_last_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library's mistake is no reason to leave streams open for ever: the next look cuts what has ended."""
    broken = asyncio.Event()

    async def breaks(_name: str) -> float | None:
        broken.set()
        raise KeyError("a node the library has forgotten")

    with monkeypatch.context() as patched:
        patched.setattr(scene.store, "idle_left", breaks)
        scene.watch()
        await asyncio.wait_for(broken.wait(), 3.0)
        await asyncio.sleep(0)
    scene.store.left.clear()
    scene.watches.changed("mine")

    await until(lambda: scene.cut == ["mine"], "the cut")
