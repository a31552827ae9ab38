"""The management listener's own connections to the stores of accounts, as the settings in force name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from gateway.accounts.accounts import AccountStore
from gateway.console.node import AccountsAtHand
from gateway.process.account_stores import open_account_store
from gateway.redis_client import RedisOptions
from gateway.session.seal import Secrets
from gateway.settings.settings import AccountStoreSettings, Settings

_Place = tuple[AccountStoreSettings, Secrets]


class Configured(Protocol):
    """The part of a configuration that these stores are opened from."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def account_keys(self) -> Mapping[str, Secrets]:
        """The keys of accounts by the App's name."""

    @property
    def account_redis(self) -> Mapping[str, RedisOptions]:
        """How their stores are reached, by the App's name."""


class ManagedAccounts:
    """Opens each App's store when it is first asked for, and anew when the settings name another one."""

    def __init__(
        self, configuration: Callable[[], Configured], in_memory: Callable[[], Mapping[str, AccountStore]] = dict
    ) -> None:
        """`in_memory` returns the stores that the worker of this process keeps in its memory."""
        self._configuration = configuration
        self._in_memory = in_memory
        self._open: dict[str, tuple[_Place, AccountStore]] = {}
        self._old: list[AccountStore] = []

    async def by_app(self) -> Mapping[str, AccountsAtHand]:
        """Return the accounts of each App that has some within reach; those in another process's memory are not."""
        configuration = self._configuration()
        found: dict[str, AccountsAtHand] = {}
        for app in configuration.settings.apps:
            if app.accounts is None:
                continue
            keys = configuration.account_keys[app.name]
            if app.accounts.store.url == "memory":
                kept = self._in_memory().get(app.name)
                if kept is not None:
                    found[app.name] = AccountsAtHand(kept, keys, app.accounts)
                continue
            place = (app.accounts.store, keys)
            known = self._open.get(app.name)
            if known is None or known[0] != place:
                if known is not None:
                    # A listing may still read from the old one: it is closed with the listener.
                    self._old.append(known[1])
                store = open_account_store(app.accounts.store, keys, configuration.account_redis[app.name])
                known = self._open[app.name] = (place, store)
            found[app.name] = AccountsAtHand(known[1], keys, app.accounts)
        return found

    async def close(self) -> None:
        """Let go of every connection and file."""
        for store in (*self._old, *(store for _, store in self._open.values())):
            await store.close()
