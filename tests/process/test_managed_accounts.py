"""The management listener's stores of accounts follow the settings in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.accounts.accounts import Account, Evidence
from gateway.accounts.marks import marks_of
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.process.managed_accounts import ManagedAccounts
from gateway.redis_client import RedisOptions
from gateway.session.seal import Secrets
from gateway.settings.check import read_settings
from gateway.settings.settings import AccountStoreSettings, AppAccounts, AppSettings, Settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes
from tests import builders

OLD, NEW = Secrets.single(b"o" * 32), Secrets.single(b"n" * 32)


@dataclass(frozen=True)
class Configured:
    """A configuration as far as these stores need it."""

    settings: Settings
    account_keys: Mapping[str, Secrets]
    account_redis: Mapping[str, RedisOptions]


BASE = """\
listen: 127.0.0.1:8080
provider: {environment: sandbox, client_id: RP1, keys: {file: keys.jwks}}
sessions: {store: memory}
apps: [{name: old, url: https://old.example.jp, upstream: http://127.0.0.1:9001, policy: policy.yaml}]
"""


def configured(folder: Path, *apps: AppSettings, keys: Secrets = OLD) -> Configured:
    """Return a configuration with these Apps."""
    (folder / "gateway.yaml").write_text(BASE, encoding="utf-8")
    base = read_settings(folder / "gateway.yaml", Reading(folder, Mistakes()))
    assert base is not None
    names = [app.name for app in apps]
    return Configured(
        replace(base, apps=apps),
        dict.fromkeys(names, keys),
        dict.fromkeys(names, RedisOptions()),
    )


def app(url: str, name: str = "booking") -> AppSettings:
    """Return an App whose accounts lie there."""
    return builders.app(name=name, accounts=AppAccounts(store=AccountStoreSettings(url)))


async def test_a_store_is_opened_once_and_anew_for_another_key(tmp_path: Path) -> None:
    """The next question finds the same store; a new key marks persons anew from then on."""
    url = f"sqlite:{tmp_path}/accounts.db"
    now = [configured(tmp_path, app(url))]
    accounts = ManagedAccounts(lambda: now[0])
    try:
        first = (await accounts.by_app())["booking"]
        person = marks_of(OLD, "booking", "c", "hanako")
        await first.store.link(Account("booking", "tanaka"), person, Evidence.COUNTER, builders.NOON)
        assert (await accounts.by_app())["booking"].store is first.store

        now[0] = configured(tmp_path, app(url), keys=Secrets((*NEW.all, *OLD.all)))
        second = (await accounts.by_app())["booking"]
        assert second.store is not first.store
        assert second.keys.first == NEW.first
        marks = marks_of(second.keys, "booking", "c", "hanako")
        assert [each.account.name for each in await second.store.find("booking", marks)] == ["tanaka"]
    finally:
        await accounts.close()


async def test_accounts_in_memory_are_those_of_this_process(tmp_path: Path) -> None:
    """Another process's are out of reach, and so is an App without accounts."""
    kept = MemoryAccounts()
    settings = configured(tmp_path, app("memory"), app("memory", "pool"), builders.app(name="plain"))

    here = ManagedAccounts(lambda: settings, lambda: {"booking": kept})
    elsewhere = ManagedAccounts(lambda: settings)

    found = await here.by_app()
    assert {name: each.store for name, each in found.items()} == {"booking": kept}
    assert await elsewhere.by_app() == {}
