"""The gateway as its management listener reaches it: the stores that the workers use, and what the settings say.

The supervisor opens stores of its own for the management listener. Secrets and stores change by a replacement of the
workers. From then on the management listener must use the new ones too: in an old store, or under an old secret's
names, it would find nobody, and would tell an operator that nobody is signed in.
"""

from __future__ import annotations

import asyncio
import secrets as randomness
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
from aiohttp import web

from gateway import __version__
from gateway.audit.trail import AuditTrail
from gateway.console.aiohttp_console import ConsoleServices, make_console
from gateway.console.aiohttp_oidc import OidcSignIn
from gateway.console.node import AccountsAtHand, AppFacts, Expiry, NodeFacts, SessionsAtHand, WorkerState
from gateway.errors import StoresDifferError
from gateway.instant import Instant
from gateway.limits.limits import LimitStore
from gateway.limits.memory_limits import MemoryLimits
from gateway.limits.redis_limits import RedisLimits
from gateway.listen.system_tls import certificate_dates
from gateway.login.service import provider_session_name
from gateway.observe.merge import Families
from gateway.policy.switches import named_by
from gateway.portal.aiohttp_management import ReachedSessions, SessionControl, make_management
from gateway.portal.asyncio_refusals import RefusalRecord
from gateway.portal.attempts import TokenCheck
from gateway.portal.hosts import management_names
from gateway.portal.operators import Operators
from gateway.portal.readiness import Readiness
from gateway.process.configuration import Configuration
from gateway.redis_client import Timed, make_redis, parse_redis_url, untimed
from gateway.session.redis_sessions import Sessions, open_sessions


class StoreMark(msgspec.Struct, frozen=True):
    """Names the stores and secrets of a process, and tells neither an address nor a secret."""

    sessions: str
    secrets: tuple[str, ...]
    """The ids of the secrets that name sessions and people."""
    limits: str


def store_mark(configuration: Configuration) -> StoreMark:
    """Return the mark of the stores that a process with this configuration opens."""
    settings, secrets = configuration.settings, configuration.secrets
    return StoreMark(
        _digest(settings.sessions.store),
        () if secrets is None else tuple(secret.id for secret in secrets.all),
        _digest(settings.limits.store or ""),
    )


def covers(ours: StoreMark, theirs: StoreMark) -> bool:
    """Say whether a process with one mark finds everything of a process with the other."""
    return (
        ours.sessions == theirs.sessions and ours.limits == theirs.limits and set(theirs.secrets) <= set(ours.secrets)
    )


def _digest(text: str) -> str:
    return sha256(b"sekisho.store.mark.v1:" + text.encode()).hexdigest()[:16]


def limit_store(configuration: Configuration, timed: Timed = untimed) -> LimitStore | None:
    """Return the store of limits that the settings name. It connects when first asked; `timed` is told of commands."""
    settings = configuration.settings
    if settings.limits.store is None:
        return None
    if settings.limits.store == "memory":
        return MemoryLimits()
    redis = make_redis(parse_redis_url(settings.limits.store), configuration.limits_redis)
    return RedisLimits(redis, timeout=configuration.limits_redis.timeout, timed=timed)


class ManagedStores:
    """The supervisor's own connections to the stores that its workers use."""

    def __init__(
        self,
        configuration: Configuration,
        marks: Callable[[], Iterable[StoreMark]],
        reread: Callable[[], Configuration | None],
    ) -> None:
        """`marks` returns the mark of every worker that still serves; `reread` the files as they are now."""
        self._configuration = configuration
        self._marks = marks
        self._reread = reread
        self._mark = store_mark(configuration)
        self._sessions: Sessions | None = None
        self._limits: LimitStore | None = None
        self._old: list[Sessions | LimitStore] = []
        self._changing = asyncio.Lock()

    async def sessions(self) -> Sessions:
        """Return the store of sessions.

        Raises:
            StoresDifferError: the workers use others than the files name, or several.

        """
        async with self._changing:
            await self._follow()
            if self._sessions is None:
                secrets = self._configuration.secrets
                if secrets is None:
                    raise StoresDifferError
                self._sessions = await open_sessions(
                    self._configuration.settings.sessions,
                    secrets,
                    clock=time.time,
                    random=randomness.token_bytes,
                    options=self._configuration.redis,
                    background=False,
                )
            return self._sessions

    async def limits(self) -> LimitStore | None:
        """Return the store of limits; `None` if there is none.

        Raises:
            StoresDifferError: as `sessions`.

        """
        async with self._changing:
            await self._follow()
            if self._limits is None:
                self._limits = limit_store(self._configuration)
            return self._limits

    async def _follow(self) -> None:
        """Take up the stores of the workers, where they have others than these."""
        marks = tuple(self._marks())
        if all(covers(self._mark, mark) for mark in marks):
            return
        fresh = await asyncio.to_thread(self._reread)
        if fresh is None or not all(covers(store_mark(fresh), mark) for mark in marks):
            raise StoresDifferError
        # A listing may still read from the old one: it is closed with the listener.
        self._old += [store for store in (self._sessions, self._limits) if store is not None]
        self._sessions = self._limits = None
        self._configuration, self._mark = fresh, store_mark(fresh)

    async def close(self) -> None:
        """Let go of every connection."""
        for store in (*self._old, self._sessions, self._limits):
            if store is not None:
                await store.close()


def session_control(
    sessions: Callable[[], Awaitable[Sessions]], tokens: TokenCheck, refusals: RefusalRecord, trail: AuditTrail
) -> SessionControl:
    """Return what the sessions API stands on; `sessions` returns those that the workers serve."""

    async def reach() -> ReachedSessions:
        found = await sessions()
        return ReachedSessions(found.store, found.secrets.pseudonyms)

    return SessionControl(
        reach=reach, tokens=tokens, provider_session=provider_session_name, refusals=refusals, trail=trail
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedNode:
    """The gateway of this machine as the console asks for it: `console.node.Node`."""

    configuration: Callable[[], Configuration]
    """Returns the configuration that was adopted last."""
    started_at: Instant
    wanted: int
    readiness: Callable[[], Coroutine[None, None, Readiness]]
    numbers: Callable[[], Coroutine[None, None, Families]]
    workers: Callable[[], Coroutine[None, None, Sequence[WorkerState | None]]]
    opened_sessions: Callable[[], Coroutine[None, None, Sessions]]
    limits: Callable[[], Coroutine[None, None, LimitStore | None]]
    accounts: Callable[[], Coroutine[None, None, Mapping[str, AccountsAtHand]]]
    trail: AuditTrail
    refused: Callable[[str], None]
    """Counts a refused client of the management listener, by its reason."""

    def facts(self) -> NodeFacts:
        """See `Node`."""
        return facts_of(self.configuration(), self.started_at, self.wanted)

    async def sessions(self) -> SessionsAtHand:
        """See `Node`."""
        found = await self.opened_sessions()
        return SessionsAtHand(found.store, found.secrets.code_marks)

    async def expiries(self) -> Sequence[Expiry]:
        """See `Node`."""
        return await asyncio.to_thread(read_expiries, self.configuration())


def make_management_application(node: ManagedNode) -> web.Application:
    """Return what the management listener serves; without operators there is neither a sessions API nor a console."""
    tokens = TokenCheck(lambda: node.configuration().operators or Operators(), time.time)
    refusals = RefusalRecord(node.trail, time.time, node.refused)
    configuration = node.configuration()
    settings = configuration.settings.console
    managed = configuration.operators is not None
    oidc = None
    if settings.oidc is not None and configuration.console_keys is not None:
        oidc = OidcSignIn(settings.oidc, configuration.console_keys, settings.url, time.time, randomness.token_bytes)
    services = ConsoleServices(
        node=node,
        settings=lambda: node.configuration().settings.console,
        tokens=tokens,
        oidc=oidc,
        trail=node.trail,
        refusals=refusals,
        clock=time.time,
        random=randomness.token_bytes,
    )
    return make_management(
        metrics=node.numbers,
        readiness=node.readiness,
        sessions=session_control(node.opened_sessions, tokens, refusals, node.trail) if managed else None,
        names=lambda: management_names(node.configuration().settings),
        console=make_console(services) if managed or oidc is not None else None,
        refusals=refusals,
    )


def facts_of(configuration: Configuration, started_at: Instant, workers: int) -> NodeFacts:
    """Return what a configuration says of this node."""
    policies = configuration.policies
    apps = tuple(
        AppFacts(
            name=app.name,
            url=app.url,
            mode=app.mode.value,
            policy=policies[app.policy.file].name,
            policy_file=str(app.policy.file),
            candidate_file="" if app.policy.candidate is None else str(app.policy.candidate),
            closing_switch=app.closing_switch,
        )
        for app in configuration.settings.apps
    )
    return NodeFacts(
        configuration.settings.node or socket.gethostname(),
        __version__,
        started_at,
        workers,
        apps,
        tuple(configuration.clients()),
        configuration.switches_file,
        tuple(sorted(named_by(policies.values()) | {app.closing_switch for app in configuration.settings.apps})),
        None if configuration.access_log in (None, "stderr") else Path(str(configuration.access_log)),
        configuration.settings.audit.directory,
        configuration.fleet_file,
    )


def read_expiries(configuration: Configuration) -> Sequence[Expiry]:
    """Read when the certificates end that the settings name."""
    settings = configuration.settings
    named = [(f"{app.name}: upstream_options.certificate", app.upstream_options.certificate) for app in settings.apps]
    if settings.tls is not None:
        named.insert(0, ("tls.certificate", settings.tls.certificate))
    return [Expiry(name, str(file), _end_of(file)) for name, file in named if file is not None]


def _end_of(file: Path) -> Instant | None:
    try:
        dates = certificate_dates(file)
    except OSError:
        return None
    return None if dates is None else dates[1]
