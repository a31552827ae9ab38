"""Attempts at every store against models: a plain one of the count, and an application that counts by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.accounts.accounts import AccountStore
from gateway.accounts.attempts import OPEN_SECONDS, Attempt, AttemptLimits, account_scope, attempt_limits, scopes_of
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.redis_accounts import RedisAccounts
from gateway.accounts.sqlite_accounts import SqliteAccounts
from gateway.instant import Instant
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from gateway.session.seal import Secrets
from tests.redis_server import redis_server

KEYS = Secrets.parse("0123456789abcdef" * 4)
LIMITS = AttemptLimits(account=2, account_seconds=50.0, person=3, person_seconds=100.0, app=4, app_seconds=10.0)
NOW = 1_800_000_000.0

deeds = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "again", "fail", "fail", "succeed", "withdraw", "forget"]),
        st.sampled_from("aab"),
        st.sampled_from("xyz"),
        st.integers(0, 5),
        st.sampled_from([0.0, 0.0, 0.0, 3.0, 10.0, 49.0, 50.0, OPEN_SECONDS]),
    ),
    max_size=30,
)


@dataclass
class Entry:
    """An attempt in one scope."""

    ends_at: Instant
    open_until: Instant | None
    over: bool = False
    was_over: frozenset[str] = frozenset()
    """The attempts of the scope that were over when this one began."""


@dataclass
class Model:
    """The attempts that count, as plainly as they can be said."""

    counted: dict[str, dict[str, Entry]] = field(default_factory=dict)

    def begin(self, attempt: Attempt, now: Instant) -> bool:
        scopes = scopes_of(attempt, LIMITS, now)
        for scope in scopes:
            entries = self.counted.setdefault(scope.name, {})
            late = {name for name, each in entries.items() if each.ends_at <= now}
            if scope.open_until is None or late == set(entries):
                for name in late:
                    del entries[name]
            for each in entries.values():
                each.over = each.over or (each.open_until is not None and each.open_until <= now)
        for scope in scopes:
            entries = self.counted[scope.name]
            if attempt.id not in entries and len(entries) >= scope.most:
                return False
        for scope in scopes:
            entries = self.counted[scope.name]
            over = frozenset(name for name, each in entries.items() if each.over)
            entries.setdefault(attempt.id, Entry(scope.ends_at, scope.open_until, was_over=over))
        return True

    def fail(self, attempt: Attempt, now: Instant) -> None:
        entry = self.counted.get(account_scope(attempt.account), {}).get(attempt.id)
        if entry is not None:
            entry.over, entry.ends_at = True, now + LIMITS.account_seconds

    def succeed(self, attempt: Attempt) -> None:
        entries = self.counted.get(account_scope(attempt.account), {})
        if attempt.id in entries:
            for name in entries[attempt.id].was_over:
                entries.pop(name, None)
        self.withdraw(attempt)

    def withdraw(self, attempt: Attempt) -> None:
        for scope in scopes_of(attempt, LIMITS, 0):
            self.counted.get(scope.name, {}).pop(attempt.id, None)

    def forget(self, account: str, now: Instant) -> None:
        entries = self.counted.get(account_scope(account), {})
        over = {name for name, each in entries.items() if each.over or (each.open_until or inf) <= now}
        for name in over:
            del entries[name]


async def compare(store: AccountStore, app: str, history: list[tuple[str, str, str, int, float]]) -> None:
    model, now, attempts = Model(), NOW, list[Attempt]()
    for deed, account, person, number, later in history:
        now += later
        if deed == "begin" or not attempts:
            attempts.append(Attempt(app, account, person, f"{len(attempts)}"))
        # A new attempt, or one of the latest few.
        attempt = attempts[-1] if deed == "begin" else attempts[-1 - number % len(attempts)]
        match deed:
            case "begin" | "again":
                assert await store.begin_attempt(attempt, LIMITS, now) == model.begin(attempt, now)
            case "fail":
                await store.attempt_failed(attempt, LIMITS, now)
                model.fail(attempt, now)
            case "succeed":
                await store.attempt_succeeded(attempt)
                model.succeed(attempt)
            case "withdraw":
                await store.withdraw_attempt(attempt)
                model.withdraw(attempt)
            case _:
                await store.forget_attempts(app, account, now)
                model.forget(account, now)
    await store.close()


@dataclass
class Locking:
    """An application that counts wrong passwords itself, and locks."""

    forgets: str
    seconds: float
    failures: list[Instant] = field(default_factory=list)
    most: int = 0

    def hear(self, now: Instant, *, good: bool) -> None:
        if good:
            self.failures.clear()
            return
        if self.forgets == "each":
            self.failures = [at for at in self.failures if at + self.seconds > now]
        elif self.failures and self.failures[-1] + self.seconds <= now:
            self.failures.clear()
        self.failures.append(now)
        self.most = max(self.most, len(self.failures))


@dataclass
class Way:
    """One attempt on its way to the application and back."""

    attempt: Attempt
    good: bool
    began: Instant
    heard: bool = False


steps = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.sampled_from([False, False, True]),
        st.sampled_from([0.0] * 8 + [1.0, 30.0, 59.0, 60.0, 1_000.0]),
    ),
    min_size=30,
    max_size=60,
)
applications = st.tuples(st.integers(2, 6), st.sampled_from(["each", "last"]), st.sampled_from([inf, 60.0]))


async def attack(
    store: AccountStore, app: str, kind: tuple[int, str, float], history: list[tuple[int, bool, float]]
) -> None:
    """Let attempts begin, be heard by the application, be answered and be lost in any order."""
    locks_after, forgets, seconds = kind
    limits = attempt_limits(locks_after, None if seconds == inf else seconds)
    there, now, ways = Locking(forgets, seconds), NOW, list[Way]()
    for number, (choice, good, later) in enumerate(history):
        now += later
        # An application hears of a login within the time after which an attempt is over in any case.
        ways = [way for way in ways if way.heard or now < way.began + OPEN_SECONDS]
        waiting, heard = [way for way in ways if not way.heard], [way for way in ways if way.heard]
        steps_now: list[tuple[str, Way | None]] = [("guess", None), ("guess", None), ("kept", None), ("again", None)]
        steps_now += [("hear", way) for way in waiting] * 2 + [("unsent", way) for way in waiting[:1]]
        steps_now += [("answer", way) for way in heard] * 2 + [("lose", way) for way in heard[:1]]
        step, way = steps_now[choice % len(steps_now)]
        attempt = Attempt(app, "tanaka", f"p{number}", f"{number}") if way is None else way.attempt
        if way is not None and step != "hear":
            ways.remove(way)
        match step:
            case "guess":
                if await store.begin_attempt(attempt, limits, now):
                    ways.append(Way(attempt, good, now))
            case "kept" | "again":
                if await store.begin_kept_attempt(attempt, limits, now, again=step == "again"):
                    ways.append(Way(attempt, good, now))
            case "hear" if way is not None:
                way.heard = True
                there.hear(now, good=way.good)
                assert there.most < locks_after
            case "answer" if way is not None and way.good:
                await store.attempt_succeeded(attempt)
            case "answer":
                await store.attempt_failed(attempt, limits, now)
            case "unsent":
                await store.withdraw_attempt(attempt)
            case _:
                # Its worker is gone: nobody says how it ended.
                pass
    await store.close()


@settings(max_examples=200)
@given(applications, steps)
def test_memory_never_makes_an_application_lock(
    kind: tuple[int, str, float], history: list[tuple[int, bool, float]]
) -> None:
    """Attempts are on their way at a good login, are lost, and are forgotten by the application in two ways."""
    asyncio.run(attack(MemoryAccounts(), "booking", kind, history))


def test_guesses_in_flight_at_a_good_login_count_on() -> None:
    """Three are on their way when it begins, and are heard behind it; then no more are made than are left."""

    async def story() -> None:
        store, limits, there = MemoryAccounts(), attempt_limits(5, None), Locking("each", inf)
        guesses = [Attempt("booking", "tanaka", f"p{number}", f"g{number}") for number in range(2)]
        good = Attempt("booking", "tanaka", "anna", "good")
        for each in (*guesses, good):
            assert await store.begin_attempt(each, limits, NOW)
        there.hear(NOW, good=True)
        await store.attempt_succeeded(good)
        for each in guesses:
            there.hear(NOW, good=False)
            await store.attempt_failed(each, limits, NOW)
        for number in range(10):
            more = Attempt("booking", "tanaka", f"q{number}", f"m{number}")
            if await store.begin_attempt(more, limits, NOW):
                there.hear(NOW, good=False)
                await store.attempt_failed(more, limits, NOW)
        assert there.most == limits.account

    asyncio.run(story())


@given(deeds)
def test_memory_counts_as_the_model(history: list[tuple[str, str, str, int, float]]) -> None:
    """Of every order of attempts, successes and times."""
    asyncio.run(compare(MemoryAccounts(), "booking", history))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_stores_count_as_the_model(kind: str) -> None:
    """The same laws, on the disk and in Redis; each history has an App of its own."""
    with (
        (
            redis_server("--appendonly", "yes", "--maxmemory-policy", "noeviction")
            if kind == "redis"
            else nullcontext()
        ) as server,
        TemporaryDirectory() as folder,
    ):
        apps = iter(range(1_000_000))

        def opened() -> AccountStore:
            if server is None:
                return SqliteAccounts(Path(folder) / "accounts.db", KEYS)
            return RedisAccounts(make_redis(parse_redis_url(server.url), RedisOptions()), KEYS, timeout=5.0)

        _tried(opened, lambda: f"app{next(apps)}")


def _tried(opened: Callable[[], AccountStore], app: Callable[[], str]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(deeds)
    def compared(history: list[tuple[str, str, str, int, float]]) -> None:
        asyncio.run(compare(opened(), app(), history))

    @settings(max_examples=100, deadline=None)
    @given(applications, steps)
    def attacked(kind: tuple[int, str, float], history: list[tuple[int, bool, float]]) -> None:
        asyncio.run(attack(opened(), app(), kind, history))

    compared()
    attacked()
