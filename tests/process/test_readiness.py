from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.errors import ProviderUnavailableError, StoreFault, StoreUnavailableError
from gateway.portal.readiness import Readiness
from gateway.process import readiness
from gateway.process.readiness import Checks, sorted_out


class Clock:
    """Moves when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def well() -> None:
    return


async def store_refuses() -> None:
    raise StoreUnavailableError(StoreFault.REFUSED)


async def provider_is_away() -> None:
    raise ProviderUnavailableError("discovery", "timeout")


async def key_cannot_sign() -> None:
    raise ZeroDivisionError("redis://:secret@redis")


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (well, {}),
        (store_refuses, {"x": "refused"}),
        (provider_is_away, {"x": "discovery"}),
        (key_cannot_sign, {"x": "ZeroDivisionError"}),
    ],
)
async def test_each_fault_has_a_word(check: Callable[[], Awaitable[None]], why: dict[str, str]) -> None:
    """A word of ours: the text of an error may hold a password."""
    assert await Checks(Clock()).ask({"x": check}) == why


async def test_a_check_that_hangs_is_slow_and_then_what_it_was_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question waits no longer than its patience, and the check goes on."""
    monkeypatch.setattr(readiness, "PATIENCE", 0.01)
    ends = asyncio.Event()
    asked = 0

    async def hangs() -> None:
        nonlocal asked
        asked += 1
        await ends.wait()
        raise ProviderUnavailableError("jwks", "timeout")

    checks = Checks(Clock())

    assert await checks.ask({"provider": hangs}) == {"provider": "slow"}
    assert await checks.ask({"provider": hangs}) == {"provider": "slow"}
    assert asked == 1
    ends.set()
    assert await checks.ask({"provider": hangs}) == {"provider": "jwks"}
    ends.clear()
    assert await checks.ask({"provider": hangs}) == {"provider": "jwks"}
    await checks.close()


async def test_a_check_that_passed_is_not_made_again_at_once() -> None:
    """An operator's probe must not load the stores; one that failed is made again each time."""
    clock = Clock()
    made: list[str] = []
    fails = True

    async def check() -> None:
        made.append("made")
        if fails:
            raise StoreUnavailableError

    checks = Checks(clock)
    for _ in range(3):
        assert await checks.ask({"sign_in": check}) == {"sign_in": "unreachable"}
    fails = False
    for _ in range(3):
        assert await checks.ask({"sign_in": check}) == {}
    assert len(made) == 4
    clock.now = readiness.REHEARSED
    assert await checks.ask({"sign_in": check}) == {}
    assert len(made) == 5


ONE, OTHER = "provider:a", "provider:b"


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ({}, Readiness()),
        ({"sign_in": "refused"}, Readiness(failed={"sign_in": "refused"})),
        ({"sign_in": "slow"}, Readiness(degraded={"sign_in": "slow"})),
        ({"limits": "refused"}, Readiness(degraded={"limits": "refused"})),
        ({ONE: "jwks"}, Readiness(degraded={ONE: "jwks"})),
        ({ONE: "jwks", OTHER: "slow"}, Readiness(degraded={ONE: "jwks", OTHER: "slow"})),
        ({ONE: "jwks", OTHER: "discovery"}, Readiness(failed={ONE: "jwks", OTHER: "discovery"})),
    ],
)
def test_red_is_where_nobody_can_sign_in(failures: dict[str, str], expected: Readiness) -> None:
    """The stores, or every provider; the rest is named and is no alarm by itself."""
    assert sorted_out(failures, providers=frozenset({ONE, OTHER}), away={}) == expected


def test_other_parts_that_are_away_are_named() -> None:
    """A gateway without a provider can have them, too."""
    assert sorted_out({}, providers=frozenset(), away={"app:booking": "ejected"}) == Readiness(
        degraded={"app:booking": "ejected"}
    )
