"""Look-ups that are sent together: each caller gets the answer for its own name or an error; none waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.observe.system_waits import measured
from gateway.session.asyncio_lookups import MOST, Lookups


class Store:
    """Answers a name with itself, when it is told to go on."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.fails: Exception | None = None
        self.refused: set[str] = set()
        self.go_on = asyncio.Event()

    async def ask(self, names: Sequence[str]) -> list[str | StoreUnavailableError]:
        self.asked.append(tuple(names))
        await self.go_on.wait()
        if self.fails is not None:
            raise self.fails
        return [StoreUnavailableError(StoreFault.WRONG_TYPE) if name in self.refused else f"<{name}>" for name in names]


@pytest.fixture
def store() -> Store:
    return Store()


async def begun(lookups: Lookups[str], *names: str) -> list[asyncio.Task[str]]:
    """Begin look-ups in one turn of the loop, and let them be sent."""
    tasks = [asyncio.create_task(lookups.of(name)) for name in names]
    for _ in range(4):
        await asyncio.sleep(0)
    return tasks


async def test_one_that_is_alone_leaves_at_once_and_the_others_together(store: Store) -> None:
    """However many there are, no exchange has more than its bound; each answer reaches the name that it is for."""
    lookups = Lookups(store.ask)
    names = [f"n{number}" for number in range(2 * MOST + 2)]

    tasks = await begun(lookups, *names)
    store.go_on.set()

    assert await asyncio.gather(*tasks) == [f"<{name}>" for name in names]
    assert [len(asked) for asked in store.asked] == [1, MOST, MOST, 1]


async def test_one_after_the_other_each_is_alone(store: Store) -> None:
    """A quiet gateway waits for no others."""
    lookups = Lookups(store.ask)
    store.go_on.set()

    assert [await lookups.of(name) for name in "abc"] == ["<a>", "<b>", "<c>"]
    assert store.asked == [("a",), ("b",), ("c",)]


async def test_an_error_of_one_name_is_its_own(store: Store) -> None:
    """Alone, and among others."""
    lookups = Lookups(store.ask)
    store.refused = {"a", "c"}

    tasks = await begun(lookups, "a", "b", "c", "d")
    store.go_on.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert [each if isinstance(each, str) else type(each) for each in found] == [
        StoreUnavailableError,
        "<b>",
        StoreUnavailableError,
        "<d>",
    ]


@pytest.mark.parametrize("error", [StoreUnavailableError(StoreFault.TIMEOUT), RuntimeError("a mistake")])
async def test_a_failure_reaches_all_who_asked(store: Store, error: Exception) -> None:
    """The next look-up asks anew."""
    lookups = Lookups(store.ask)
    store.fails = error

    tasks = await begun(lookups, "a", "b", "c")
    store.go_on.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    store.fails = None

    assert [type(each) for each in found] == [type(error)] * 3
    assert await lookups.of("d") == "<d>"
    assert store.asked[-1] == ("d",)


async def test_a_caller_that_leaves_takes_nobody_with_it(store: Store) -> None:
    """Neither the first, who asked alone, nor one of those together."""
    lookups = Lookups(store.ask)

    first, second, third, fourth = await begun(lookups, "a", "b", "c", "d")
    first.cancel()
    third.cancel()
    store.go_on.set()
    found = await asyncio.gather(first, second, third, fourth, return_exceptions=True)

    assert [each if isinstance(each, str) else type(each) for each in found] == [
        asyncio.CancelledError,
        "<b>",
        asyncio.CancelledError,
        "<d>",
    ]
    assert await lookups.of("e") == "<e>"
    assert store.asked[-1] == ("e",)


async def test_the_end_leaves_nobody_waiting(store: Store) -> None:
    """The store is closed while look-ups are under way: each ends."""
    lookups = Lookups(store.ask)
    tasks = await begun(lookups, "a", "b", "c")

    await lookups.close()

    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*tasks, return_exceptions=True)
    )


async def test_a_caller_that_was_alone_and_leaves_ends_no_exchange(store: Store) -> None:
    """A client that opens and closes connections quickly costs no connection to the store each time."""
    ended: list[BaseException | None] = []

    async def ask(names: Sequence[str]) -> list[str | StoreUnavailableError]:
        try:
            found = await store.ask(names)
        except BaseException as error:
            ended.append(error)
            raise
        ended.append(None)
        return found

    lookups = Lookups(ask)
    (alone,) = await begun(lookups, "a")
    alone.cancel()
    await asyncio.wait({alone})
    store.go_on.set()

    assert await lookups.of("b") == "<b>"
    assert ended == [None, None]


async def test_each_caller_counts_its_own_wait(store: Store) -> None:
    """The common exchange works for nobody, and its time is that of all who waited for it."""
    lookups = Lookups(store.ask)

    async def waited(name: str) -> float:
        with measured() as waits:
            await lookups.of(name)
        return waits.seconds

    alone = asyncio.create_task(lookups.of("alone"))
    await asyncio.sleep(0)
    both = [asyncio.create_task(waited(name)) for name in "ab"]
    asyncio.get_running_loop().call_later(0.05, store.go_on.set)

    assert min(await asyncio.gather(*both)) >= 0.04
    await alone
    assert store.asked == [("alone",), ("a", "b")]
