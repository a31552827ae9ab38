"""The steps of a sign-in as the service and the store of pending logins tell them."""

from __future__ import annotations

import msgspec
import pytest

from gateway.errors import StoreUnavailableError
from gateway.identity import Scope
from gateway.login.asyncio_unfinished import MARGIN, MOST, UnfinishedLogins
from gateway.login.funnel import Attempt, BrowserKind, SignInKind, SignInStep
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.pending import PENDING_PER_BROWSER, PENDING_SECONDS, PendingLogin, UsedLogin, state_name
from gateway.login.sign_in import Failed, LoginFailure, SignedIn
from gateway.policy.verdict import Challenge, ChallengeReason, RuleId
from tests.builders import CLIENT, NOON
from tests.login.conftest import House, challenge

FIRST = Attempt("booking", SignInKind.FIRST, BrowserKind.ORDINARY)
LINE = b"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Line/13.0"


def steps(house: House) -> list[SignInStep]:
    return [step for step, _ in house.calls.funnel]


async def test_a_sign_in_is_sent_returns_and_ends_once(house: House) -> None:
    """A callback that comes twice is one sign-in."""
    query = house.stand_in.authorize(await house.begin())
    house.clock.ahead += 90.0
    first, second = await house.finish(query), await house.finish(query)

    assert isinstance(first, SignedIn)
    assert not isinstance(second, Failed)
    assert steps(house) == [SignInStep.SENT, SignInStep.RETURNED, SignInStep.SIGNED_IN]
    assert {attempt.kind for _, attempt in house.calls.funnel} == {SignInKind.FIRST}
    assert house.calls.seconds == [pytest.approx(90.0, abs=5.0)]
    assert first.seconds == house.calls.seconds[0]
    assert house.calls.away == []


async def test_a_step_up_is_told_from_a_first_sign_in(house: House) -> None:
    """By the reason for which the rule asks."""
    await house.sign_in()
    asked = Challenge(RuleId("test", "pay"), ChallengeReason.MORE_FACTS, frozenset({Scope.OPENID, Scope.NAME}))
    await house.sign_in(asked)

    assert [attempt.kind for _, attempt in house.calls.funnel] == [SignInKind.FIRST] * 3 + [SignInKind.STEP_UP] * 3


async def test_a_browser_inside_an_app_is_one_until_the_end(house: House) -> None:
    """The callback's browser may say another name; the login has the one that began it."""
    route, inbound = house.browser.visit()
    begun = await house.service.begin(
        route,
        msgspec.structs.replace(inbound, headers=(*inbound.headers, (b"User-Agent", LINE))),
        challenge(),
        None,
        app="another",
    )
    assert not isinstance(begun, Failed)
    house.browser.take(begun)
    await house.finish(house.stand_in.authorize(begun.location))

    assert {attempt for _, attempt in house.calls.funnel} == {Attempt("another", SignInKind.FIRST, BrowserKind.IN_APP)}


async def test_a_failure_names_the_app_that_asked(house: House) -> None:
    """The failure names that App also where two Apps of one host share a callback."""
    answer = house.stand_in.authorize(await house.begin())
    state = next(part for part in answer.split(b"&") if part.startswith(b"state="))
    outcome = await house.finish(b"error=access_denied&" + state)

    assert isinstance(outcome, Failed)
    assert outcome.failure is LoginFailure.CANCELLED
    assert outcome.app == house.browser.route.name
    assert steps(house)[-2:] == [SignInStep.RETURNED, SignInStep.FAILED]


async def test_a_foreign_callback_is_no_return(house: House) -> None:
    """The login still waits, and is abandoned in its time if nobody brings it."""
    location = await house.begin()
    house.browser.cookies.clear()
    outcome = await house.finish(house.stand_in.authorize(location))

    assert isinstance(outcome, Failed)
    assert steps(house) == [SignInStep.SENT]
    assert len(house.calls.away) == 1


class Counted:
    """Remembers the steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[SignInStep, Attempt]] = []

    def step(self, step: SignInStep, attempt: Attempt) -> None:
        self.steps.append((step, attempt))

    def completed(self, attempt: Attempt, seconds: float) -> None:
        raise AssertionError((attempt, seconds))

    @property
    def abandoned(self) -> int:
        return sum(step is SignInStep.ABANDONED for step, _ in self.steps)


class Place:
    """A store of pending logins, what is counted, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.store = MemoryPendingStore()
        self.counted = Counted()
        self.logins = UnfinishedLogins(self.store, self.counted, lambda: self.now)

    async def send(self, number: int) -> tuple[str, PendingLogin]:
        state = f"{number:043d}"
        login = PendingLogin("b", "h", CLIENT, "n", "v", "/", "r", ("openid",), NOON + self.now)
        assert await self.store.open(state, login, "198.51.100.7", NOON + self.now)
        self.logins.sent(state_name(state), FIRST)
        return state, login

    async def look_after(self, seconds: float) -> None:
        self.now += seconds
        await self.logins.look()


@pytest.fixture
def place() -> Place:
    """Nothing sent off yet."""
    return Place()


async def test_a_login_that_nobody_brings_back_is_abandoned_once(place: Place) -> None:
    """The login is not abandoned before its time, and never twice."""
    await place.send(1)

    await place.look_after(PENDING_SECONDS - MARGIN - 1)
    assert place.counted.abandoned == 0
    await place.look_after(1)
    await place.look_after(1)

    assert place.counted.abandoned == 1


async def test_a_login_that_came_back_here_or_elsewhere_is_not_abandoned(place: Place) -> None:
    """The other worker's use of it is in the store alone."""
    here, _ = await place.send(1)
    elsewhere, login = await place.send(2)
    place.logins.returned(state_name(here), FIRST)
    assert await place.store.use(elsewhere, login, NOON)
    await place.store.settle(elsewhere, UsedLogin("b", "h", "/"), NOON)

    await place.look_after(PENDING_SECONDS)

    assert place.counted.abandoned == 0


async def test_a_login_that_made_room_for_a_newer_one_is_not_abandoned(place: Place) -> None:
    """Its browser has begun as many others since as may wait."""
    for number in range(PENDING_PER_BROWSER + 1):
        await place.send(number)

    await place.look_after(PENDING_SECONDS - MARGIN)

    assert place.counted.abandoned == PENDING_PER_BROWSER


async def test_a_store_that_is_away_counts_nobody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guess is no number; the others are asked for all the same."""
    first, _ = await place.send(1)
    await place.send(2)
    there = place.store.waits

    async def away(name: str) -> bool:
        if name == state_name(first):
            raise StoreUnavailableError
        return await there(name)

    monkeypatch.setattr(place.store, "waits", away)
    await place.look_after(PENDING_SECONDS - MARGIN)

    assert place.counted.abandoned == 1


async def test_a_flood_of_logins_takes_a_bounded_room(place: Place) -> None:
    """Those above the bound are sent, and not watched."""
    for number in range(MOST + 5):
        place.logins.sent(f"{number}", FIRST)

    await place.look_after(PENDING_SECONDS)

    assert sum(step is SignInStep.SENT for step, _ in place.counted.steps) == MOST + 5
    assert place.counted.abandoned == 0
