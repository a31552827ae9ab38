"""Attempts at every store against a model: no order of them lets one more through than a limit allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.accounts.accounts import AccountStore
from gateway.accounts.attempts import Attempt, AttemptLimits, account_scope, scopes_of
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.redis_accounts import RedisAccounts
from gateway.accounts.sqlite_accounts import SqliteAccounts
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from gateway.session.seal import Secrets
from tests.redis_server import redis_server

KEYS = Secrets.parse("0123456789abcdef" * 4)
LIMITS = AttemptLimits(account=2, account_seconds=50.0, person=3, person_seconds=100.0, app=4, app_seconds=10.0)

deeds = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "begin", "succeed", "withdraw", "forget"]),
        st.sampled_from("ab"),
        st.sampled_from("xyz"),
        st.integers(0, 5),
        st.sampled_from([0.0, 0.0, 3.0, 10.0, 49.0, 50.0]),
    ),
    max_size=25,
)


@dataclass
class Model:
    """The attempts that count, as plainly as they can be said."""

    counted: dict[tuple[str, str], float]

    def begin(self, attempt: Attempt, now: float) -> bool:
        self.counted = {key: until for key, until in self.counted.items() if until > now}
        scopes = scopes_of(attempt, LIMITS, now)
        for scope in scopes:
            others = [id_ for (name, id_) in self.counted if name == scope.name and id_ != attempt.id]
            if (scope.name, attempt.id) not in self.counted and len(others) >= scope.most:
                return False
        for scope in scopes:
            self.counted.setdefault((scope.name, attempt.id), scope.ends_at)
        return True

    def withdraw(self, attempt: Attempt) -> None:
        for scope in scopes_of(attempt, LIMITS, 0):
            self.counted.pop((scope.name, attempt.id), None)

    def forget(self, account: str) -> None:
        self.counted = {key: until for key, until in self.counted.items() if key[0] != account_scope(account)}


async def compare(store: AccountStore, app: str, history: list[tuple[str, str, str, int, float]]) -> None:
    model, now = Model({}), 1_800_000_000.0
    for deed, account, person, number, later in history:
        now += later
        attempt = Attempt(app, account, person, f"{account}{person}{number}")
        match deed:
            case "begin":
                assert await store.begin_attempt(attempt, LIMITS, now) == model.begin(attempt, now)
            case "succeed":
                await store.attempt_succeeded(attempt)
                model.withdraw(attempt)
                model.forget(account)
            case "withdraw":
                await store.withdraw_attempt(attempt)
                model.withdraw(attempt)
            case _:
                await store.forget_attempts(app, account)
                model.forget(account)
    await store.close()


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

    compared()
