"""One worker of the gateway: it lasts as long as its process.

Sessions, pending logins, metrics, the access log and the listening socket are the `Worker`'s. Routes,
ways to the applications and clients of the provider are a `Generation`'s: a reload makes another,
hands it to the listener between two requests, and lets the old one end with the last request that
began with it. `single` and `supervisor` handle processes and signals.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import structlog

from gateway import __version__
from gateway.accounts.accounts import AccountStore
from gateway.audit.entry import Action, Entry, Outcome, decision
from gateway.console.node import AppState, HeldFile, UpstreamState, WorkerState
from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.kept_files import keeping
from gateway.limits.limits import LimitStore
from gateway.limits.redis_limits import RedisLimits
from gateway.listen.httptools_listener import Listener
from gateway.listen.services import RequestServices
from gateway.listen.system_tls import CertificateDatesError, ListenerTls
from gateway.login.asyncio_unfinished import UnfinishedLogins
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.pending import PendingStore
from gateway.login.redis_pending import RedisPendingStore
from gateway.login.rehearsal import rehearse
from gateway.observe.adopted_metrics import ADOPTED, EXPIRY, KEY_CHANGED, MOST_CONNECTIONS, POLICY, SWITCHES_HEARD
from gateway.observe.audit import AuditEntry
from gateway.observe.events import Event
from gateway.observe.gateway_metrics import FILES_HELD, SPANS
from gateway.observe.instruments import Histogram, Key
from gateway.observe.line_head import LineStyle
from gateway.observe.lines import LineKind, lost_by_kind
from gateway.observe.merge import Families, Family
from gateway.observe.metrics import Metrics
from gateway.observe.spans import Spans
from gateway.observe.store_metrics import Store, StoreMetrics
from gateway.observe.structlog_observer import GatewayObserver
from gateway.observe.structlog_setup import line_style
from gateway.observe.system_process import usage
from gateway.observe.thread_access_log import AccessLog
from gateway.observe.thread_lines import LineWriter
from gateway.observe.worker_metrics import LOOK, EventLoopLag, lag_families, process_families
from gateway.pipeline.recording import Recording
from gateway.pipeline.to_https import to_https
from gateway.policy.losses import AsRead, Loss, as_read, entries_of, losses
from gateway.policy.policy import Policy
from gateway.policy.switches import Switch, SwitchesError, merged, on_now
from gateway.policy.system_adoptions import held
from gateway.policy.system_switches import load_switches
from gateway.portal.readiness import Readiness
from gateway.process.adopted import adopted_digests
from gateway.process.audit_trail import OpenTrail, open_trail
from gateway.process.configuration import Configuration
from gateway.process.dates import LISTENER, expiries, invalid, keys_changed
from gateway.process.follow_files import INTERVAL, FileWatch
from gateway.process.generation import Generation, Shared
from gateway.process.management import StoreMark, limit_store, store_mark
from gateway.process.readiness import SIGN_IN, Check, Checks, sorted_out
from gateway.process.sign_in_counts import SignInCounts
from gateway.process.slices import Steps, in_slices, letting_go, sparing_the_collector
from gateway.redis_client import POOL, close_redis, connections_of, end_tasks, make_redis, parse_redis_url
from gateway.session.asyncio_owed import OwedToStore
from gateway.session.fleet import WorkerView
from gateway.session.prometheus_sessions import WENT_BACK, show_sessions
from gateway.session.redis_fleet import Member, RedisFleet
from gateway.session.redis_mark import RedisMark
from gateway.session.redis_sessions import Sessions, open_sessions
from gateway.session.redis_store import RedisStore
from gateway.session.seal import Secrets
from gateway.session.system_fleet import FleetFile
from gateway.session.system_mark import MarkFile
from gateway.session.system_owed import OwedFile
from gateway.session.ticket import TICKET_BYTES
from gateway.settings.changes import waiting
from gateway.settings.settings import Settings, TlsSettings
from gateway.settings.typed import TakenUp
from gateway.signing.evidence import EvidenceStore
from gateway.signing.memory_store import MemoryByteStore
from gateway.signing.records import RecordStore
from gateway.signing.redis_store import EVIDENCE, RedisByteStore
from gateway.upstream.asyncio_upstreams import Upstreams
from gateway.upstream.prometheus_upstreams import QUEUE_SECONDS, show_upstreams, show_ways
from gateway.wire.deadlines import Deadlines

_log = structlog.get_logger()


_ATTACH_FILTER = 26
"""`SO_ATTACH_FILTER` of Linux (socket(7)), which Python's `socket` does not name."""

_NOTHING = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
_DROP_ALL = struct.pack("HP", 1, ctypes.addressof(_NOTHING))
"""A filter of one instruction: pass no byte of any packet (`struct sock_fprog`)."""

_UNACKED = 24
"""The place of `tcpi_unacked` in `struct tcp_info` (tcp(7)): for a listening socket, the connections that wait."""

TAKEN = 0.2
"""Seconds in which the connections that wait at a silenced socket are accepted."""

LOOKS = 20
"""Looks at a silenced socket in this time."""


def _waiting(listener: socket.socket) -> int:
    """Return how many connections wait at a listening socket."""
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        (count,) = struct.unpack_from("=I", info, _UNACKED)
    except (OSError, struct.error):
        return 0
    return int(count)


class ListeningSockets(NamedTuple):
    """The listening sockets of a gateway, which its workers share."""

    main: socket.socket
    redirect: socket.socket | None = None
    """Plain HTTP beside a TLS listener: it sends browsers to https."""
    main_kept: bool = False
    """Whether the service manager keeps it: the next program will answer the connections that wait in it."""
    redirect_kept: bool = False

    @property
    def every(self) -> tuple[socket.socket, ...]:
        """Each socket that there is."""
        return (self.main,) if self.redirect is None else (self.main, self.redirect)

    def silence(self) -> None:
        """Take no new connection from now on, and leave those that wait to be accepted.

        The kernel drops the first packet of a new one. Its client sends that again after a second, is refused by then,
        and knows that nothing was sent: a balancer tries another node, also for a form.
        """
        for listener in self._ours:
            # A kernel without this filter drops the connections that wait at the end, as `refuse` says.
            with contextlib.suppress(OSError):
                listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, _DROP_ALL)

    @property
    def waiting(self) -> int:
        """The number of connections that wait to be accepted."""
        return sum(_waiting(listener) for listener in self._ours)

    @property
    def _ours(self) -> tuple[socket.socket, ...]:
        """Each socket at which no later program will answer."""
        listeners = ((self.main, self.main_kept), (self.redirect, self.redirect_kept))
        return tuple(listener for listener, kept in listeners if listener is not None and not kept)

    def refuse(self) -> None:
        """Refuse connections from now on, in every process that shares these sockets, and drop those that wait.

        The kernel would accept them as long as any process has the socket, and nobody would answer.
        """
        for listener in self._ours:
            # A socket that another process has shut already is as it should be.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)


def _all_ejected(way: Upstreams) -> bool:
    return bool(way.endpoints) and all(each.breaker.ejected for each in way.endpoints)


def _versions(configuration: Configuration) -> list[str]:
    """Return each policy with its version, as the audit trail tells them."""
    return [f"{policy.name} {policy.version}" for policy in configuration.policies.values()]


def _reading(policies: Iterable[Policy]) -> Steps[dict[str, AsRead]]:
    found: dict[str, AsRead] = {}
    for policy in policies:
        found |= as_read((policy,))
        yield
    return found


def watched(configuration: Configuration) -> tuple[Path, ...]:
    """Return the files that are followed without a signal."""
    files = (*configuration.policy_files, configuration.switches_file, configuration.adoptions_file)
    return files if configuration.fleet_file is None else (*files, configuration.fleet_file)


def style_of(settings: Settings, worker: int) -> LineStyle:
    """Return the style of a process's log lines, by the number of its worker."""
    return line_style(settings.node, worker=worker, form=settings.log.format)


class Worker:
    """One process's gateway: a listener in front of the current generation."""

    def __init__(
        self,
        configuration: Configuration,
        clock: Callable[[], Instant] = time.time,
        standard_error: LineWriter | None = None,
        number: int = 1,
        role: str = "gateway",
        watch: FileWatch | None = None,
        reread_policies: Callable[[Configuration], Awaitable[Configuration | tuple[str, ...]]] | None = None,
    ) -> None:
        """Take a configuration without mistakes; nothing is opened before `open`.

        `clock` gives Unix seconds; `standard_error` is the thread that already writes to standard error, if there is
        one; `number` is the worker's in each log line and in the metrics; `role` begins the name of its audit trail.
        `watch` knows the files as they were when the configuration was read, where that was not just now.
        `reread_policies` returns the configuration with its policies as their files are now, or their mistakes; without
        it, a supervisor follows the policies and hands them over.
        """
        self._role = role
        self._clock = clock
        self._standard_error = standard_error
        self._number = number
        self._generation: Generation | None = None
        self._configuration = configuration
        self._reread = reread_policies
        self._policies_changed = asyncio.Event()
        self.reading = asyncio.Lock()
        """Held by a task that reads files and takes up what they hold, so that no older reading comes last."""
        self._changing = asyncio.Lock()
        """Held by a task that changes what requests are judged by."""
        self._watch = FileWatch(watched(configuration)) if watch is None else watch
        self._retired: set[asyncio.Task[None]] = set()
        self._switches_unread = False
        self._own_switches: dict[str, Switch] = {}
        self._fleet: RedisFleet | None = None
        self._digests: tuple[Configuration, dict[str, str]] | None = None
        self._standing: dict[str, AsRead] = {}
        """The files of policies by which requests are judged."""
        self.held: tuple[Loss, ...] = ()
        """The files of policies that wait for an operator."""
        self._lag = EventLoopLag()
        self._expiries: Mapping[Key, float] = {}
        self._keys_changed: Mapping[Key, float] = {}
        self._draining = False
        self._checks = Checks(time.monotonic)
        self._recorded: set[str] = set()
        """The requests under way whose decision is in the audit trail already."""
        self._closing = AsyncExitStack()
        self.access_log: AccessLog
        self.audit: OpenTrail
        self.metrics: Metrics
        self._shared: Shared
        self._tls: ListenerTls | None = None
        self._listener: Listener
        self._redirect: Listener

    async def open(self) -> None:
        """Open the stores and the first generation.

        Raises:
            OSError: the access log, or the mirror of the audit trail, cannot be written.
            ValueError: the session store's settings contradict each other.

        """
        settings = self._configuration.settings
        self.access_log = AccessLog(
            self._configuration.access_log, style_of(settings, self._number), self._standard_error
        )
        self._closing.callback(self.access_log.close)
        self.audit = open_trail(settings, self._configuration.audit_keys, self._role, self._clock, self._standard_error)
        self._closing.callback(self.audit.close)
        self.metrics = Metrics(__version__, lost=self._lost)
        self._stores = StoreMetrics(self.metrics)
        self.metrics.add(lambda: process_families(str(self._number), usage()))
        self.metrics.add(lambda: lag_families(str(self._number), self._lag, time.monotonic()))
        self.metrics.show(POLICY, lambda: self._current().policies)
        self.metrics.show(ADOPTED, lambda: dict.fromkeys(self._adopted().items(), 1.0))
        self.metrics.show(EXPIRY, lambda: self._expiries)
        self.metrics.show(KEY_CHANGED, lambda: self._keys_changed)
        self.metrics.show(MOST_CONNECTIONS, lambda: {(): self.settings.traffic.connections})
        # Without a secret there is one store, in this process; what it seals dies with it.
        secrets = self._configuration.secrets or Secrets.single(os.urandom(TICKET_BYTES))
        sessions = await open_sessions(
            settings.sessions,
            secrets,
            clock=self._clock,
            random=os.urandom,
            options=self._configuration.redis,
            timed=self._stores.of(Store.SESSIONS),
        )
        self._closing.push_async_callback(sessions.close)
        if sessions.connections is not None:
            self._stores.watch(Store.SESSIONS, sessions.connections, POOL)
        show_sessions(self.metrics, sessions.status)
        self._watch_for_a_restored_dump(sessions)
        self.metrics.show(FILES_HELD, lambda: {(): len(self.held)})
        deadlines = Deadlines(asyncio.get_running_loop().time())
        show_upstreams(self.metrics, lambda: self._shared.standings, self._ejected, lambda: deadlines.time)
        show_ways(self.metrics, lambda: {} if self._generation is None else self._generation.ways)
        record = self._record_decision if self.audit.kept else None
        observer = GatewayObserver(self.metrics, self.access_log, self._is_audited, self._policy_version, record)
        pending, signatures = await self._pending(secrets)
        counts = SignInCounts(self.metrics)
        unfinished = UnfinishedLogins(pending, counts, time.monotonic, self._configuration.settings.sessions.sign_in)
        looking = asyncio.create_task(unfinished.run())
        self._closing.push_async_callback(end_tasks, [looking])
        self._shared = Shared(
            sessions,
            pending,
            self.metrics,
            counts,
            unfinished,
            observer,
            deadlines,
            self._clock,
            await self._limits(),
            self._owed(sessions),
            self.metrics.keep(Histogram(QUEUE_SECONDS)),
            {},
            trail=self.audit.trail,
            recorded=self._decision_recorded,
            recording=Recording(self._is_audited, self._policy_version, self._answers_of)
            if self.audit.trail.required
            else None,
            spans=self._spans(),
            signatures=signatures,
            evidence=self._evidence(),
        )
        await self._join_the_fleet(sessions)
        await self._read_switches(self._configuration)
        self._generation = Generation(self._configuration, self._shared)
        self.take(as_read(self._configuration.policies.values()))
        services = await self._generation.open()
        self._tls = None if settings.tls is None else ListenerTls(settings.tls)
        await self._read_dates(self._configuration)
        self._listener = Listener(services, deadlines)
        # Its connections are short and its own: each listener turns the clock its deadlines stand on.
        self._redirect = Listener(services, Deadlines(asyncio.get_running_loop().time()))
        self._give(services)
        self._shared.link_watches.follow(self._generation.links)
        watching = asyncio.create_task(self._shared.link_watches.run())
        self._closing.push_async_callback(end_tasks, [watching])

    def _lost(self) -> dict[LineKind, int]:
        """Return how many lines of each kind this process has lost."""
        events = {} if self._standard_error is None else self._standard_error.lost
        return lost_by_kind((self.access_log.lost, events, self.audit.lost))

    def _record_decision(self, entry: AuditEntry) -> None:
        """Put a finished request into the audit trail, unless its decision had to be there before."""
        if entry.request_id in self._recorded:
            self._recorded.discard(entry.request_id)
            return
        self.audit.trail.record(
            decision(
                entry.time,
                entry.request_id,
                app=entry.app,
                verdict=entry.verdict,
                rule=entry.rule,
                reasons=entry.reasons,
                pseudonym=entry.pseudonym,
                version=entry.policy_version,
                answers=self._answers_of(entry.rule, entry.verdict == "permit"),
            )
        )

    async def _decision_recorded(self, entry: Entry) -> bool:
        """Have a decision on the disk before it is carried out; False where that cannot be had."""
        good = await self.audit.trail.recorded(entry)
        if good:
            self._recorded.add(entry.request_id)
        return good

    def _answers_of(self, rule: str, permitted: bool) -> dict[str, str]:  # noqa: FBT001 - a callback's parameter
        return {} if self._generation is None else self._generation.answers_of(rule, permitted=permitted)

    def record(
        self,
        action: Action,
        outcome: Outcome = Outcome.DONE,
        *,
        about: str = "",
        names: Iterable[str] = (),
        verdict: str = "",
    ) -> None:
        """Put something that this process has done into the audit trail."""
        self.audit.trail.record(
            Entry(action, self._clock(), outcome, object=about, names=tuple(sorted(names)), verdict=verdict)
        )

    def _spans(self) -> Spans | None:
        """Return the way to the collector of traces, if the settings name one."""
        traces = self._configuration.settings.traces
        if traces.endpoint is None:
            return None
        # The library is an extra, so nothing imports it where the settings name no collector.
        from gateway.observe.otel_export import OtelSpans  # noqa: PLC0415

        style = style_of(self._configuration.settings, self._number)
        headers = self._configuration.trace_headers
        spans = OtelSpans(traces.endpoint, traces.ratio, style.writer, __version__, headers=headers, ca=traces.ca)
        self._closing.push_async_callback(asyncio.to_thread, spans.close)
        self.metrics.show(SPANS, lambda: {("sent",): spans.sent, ("lost",): spans.lost})
        return spans

    async def _pending(self, secrets: Secrets) -> tuple[PendingStore, RecordStore]:
        """Return the stores of pending sign-ins and of signatures, which stand on the same Redis."""
        settings = self._configuration.settings.sessions
        if settings.store == "memory":
            return MemoryPendingStore(life=settings.sign_in), MemoryByteStore()
        redis = make_redis(parse_redis_url(settings.store), self._configuration.redis)
        self._closing.push_async_callback(close_redis, redis)
        self._stores.watch(Store.SIGN_INS, partial(connections_of, redis), POOL)
        timed = self._stores.of(Store.SIGN_INS)
        pending = RedisPendingStore(
            redis,
            secrets,
            random=os.urandom,
            timeout=settings.timeout,
            life=settings.sign_in,
            timed=timed,
        )
        return pending, RedisByteStore(redis, timeout=settings.timeout, timed=timed)

    def _evidence(self) -> EvidenceStore | None:
        """Return the store of evidence, which stands on the Redis of limits: it must neither evict nor forget."""
        settings = self._configuration.settings
        store = settings.limits.store
        if store is None or store == "memory":
            return None
        redis = make_redis(parse_redis_url(store), self._configuration.limits_redis)
        self._closing.push_async_callback(close_redis, redis)
        timed = self._stores.of(Store.LIMITS)
        return RedisByteStore(redis, timeout=self._configuration.limits_redis.timeout, prefix=EVIDENCE, timed=timed)

    def _watch_for_a_restored_dump(self, sessions: Sessions) -> None:
        file = self._configuration.mark_file
        if file is None or not isinstance(sessions.store, RedisStore):
            return
        told = partial(self.record, Action.STORE_WENT_BACK)
        mark = RedisMark(sessions.store, MarkFile(file), self._clock, os.urandom, told)
        watching = asyncio.create_task(mark.run())
        self._closing.push_async_callback(end_tasks, [watching])
        self.metrics.show(WENT_BACK, lambda: {(): mark.times})

    async def _join_the_fleet(self, sessions: Sessions) -> None:
        """Ask the other nodes for their switches, before the first request is judged."""
        file = self._configuration.fleet_file
        if file is None or not isinstance(sessions.store, RedisStore):
            return
        settings = self._configuration.settings
        node = settings.node or socket.gethostname()
        # Two gateways of one machine, and one that starts again, are told apart by their files.
        name = sha256(f"{node}\n{file}\n{self._configuration.path}\n{self._number}".encode()).hexdigest()[:32]
        fleet = self._fleet = RedisFleet(
            sessions.store,
            sessions.secrets,
            FleetFile(file),
            Member(name, self._read_own_switches, self._follow_the_fleet, partial(self._view, node)),
            clock=self._clock,
            monotonic=time.monotonic,
            random=os.urandom,
        )
        await fleet.look()
        if not fleet.knows:
            _log.error(Event.SWITCHES_UNHEARD)
        self.metrics.show(SWITCHES_HEARD, lambda: {(): fleet.heard_at})

    def _view(self, node: str, heard_at: Instant) -> WorkerView:
        on = on_now(self._shared.switches, self._clock())
        return WorkerView(
            node, self._number, self._clock(), __version__, heard_at, tuple(sorted(on)), dict(self._adopted())
        )

    def _adopted(self) -> dict[str, str]:
        """Return the digests of what requests are judged by."""
        configuration = self._current().configuration
        if self._digests is None or self._digests[0] is not configuration:
            self._digests = (configuration, adopted_digests(configuration))
        return self._digests[1]

    async def _follow_the_fleet(self) -> None:
        """Judge by the fleet's switches, if they are others than those in force."""
        async with self._changing:
            configuration = self._current().configuration
            wanted = self._wanted_switches()
            if wanted != self._shared.switches:
                self._take_switches(wanted)
                await self._adopt(configuration)

    def _read_own_switches(self) -> dict[str, Switch]:
        configuration = self._configuration if self._generation is None else self._generation.configuration
        self._own_switches = load_switches(configuration.switches_file)
        return self._own_switches

    def _owed(self, sessions: Sessions) -> OwedToStore | None:
        file = self._configuration.sign_outs_file
        if file is None:
            return None
        owed = OwedToStore(OwedFile(file), sessions.store, self._clock)
        # This runs from the start: sign-outs that waited when the machine went down reach the store first.
        telling = asyncio.create_task(owed.run())
        self._closing.push_async_callback(end_tasks, [telling])
        return owed

    async def _limits(self) -> LimitStore | None:
        store = limit_store(self._configuration, self._stores.of(Store.LIMITS))
        if store is None:
            return None
        self._closing.push_async_callback(store.close)
        if isinstance(store, RedisLimits):
            self._stores.watch(Store.LIMITS, store.connections, POOL)
        try:
            await store.check()
        except StoreUnavailableError:
            # Away is not unfit: limited rules answer 503 until it is back, everything else goes on.
            _log.warning(Event.LIMIT_STORE_AWAY)
        return store

    def apart(self) -> dict[str, float]:
        """Return the Apps whose servers have been heard to speak out of turn, and until when that counts.

        The moment is one of the machine's monotonic clock, which all workers share.
        """
        now = self._shared.deadlines.time
        return {app: each.apart_until for app, each in self._shared.standings.items() if each.is_apart(now)}

    def put_apart(self, apart: Mapping[str, float]) -> None:
        """Believe what another worker has heard of the same servers."""
        ways = {} if self._generation is None else self._generation.ways
        for app, until in apart.items():
            if app in ways:
                ways[app].follow(until)

    def _ejected(self) -> dict[str, float]:
        ways = {} if self._generation is None else self._generation.ways
        return {name: sum(each.breaker.ejected for each in way.endpoints) for name, way in ways.items()}

    def _is_audited(self, rule: str) -> bool:
        return self._generation is not None and rule in self._generation.audited

    def _policy_version(self, app: str) -> str:
        return "" if self._generation is None else self._generation.versions.get(app, "")

    async def listen(self, listening_sockets: ListeningSockets) -> None:
        """Take requests from bound sockets."""
        await self._listener.serve(listening_sockets.main, tls=None if self._tls is None else self._tls.context)
        if listening_sockets.redirect is not None:
            await self._redirect.serve(listening_sockets.redirect)
        duties = [self._look_out(), self._follow_policies(), self._feel_the_loop()]
        if self._fleet is not None:
            duties.append(self._fleet.run())
        for duty in duties:
            self._closing.callback(asyncio.create_task(duty).cancel)
        self.record(Action.STARTED, names=self._current().configuration.key_names)

    async def _feel_the_loop(self) -> None:
        """Measure how late a timer is, for as long as the worker lives."""
        while True:
            due = time.monotonic() + LOOK
            await asyncio.sleep(LOOK)
            now = time.monotonic()
            self._lag.late(max(0.0, now - due), now)

    async def _read_dates(self, configuration: Configuration, *, listener: bool = True) -> None:
        """Read the ends of the certificates in use, and when files of keys were last changed.

        Without `listener` its certificate stays as it is: the file has another one, which was refused.
        """
        read = await asyncio.to_thread(expiries, configuration.settings)
        if not listener:
            read = {key: ends for key, ends in read.items() if key != LISTENER}
            read |= {key: ends for key, ends in self._expiries.items() if key == LISTENER}
        self._expiries = read
        # The gateway serves all the same: a browser's warning is better than no page, and an operator cannot miss it.
        for key, (file, fault) in (await asyncio.to_thread(invalid, configuration.settings, self._clock())).items():
            if listener or key != LISTENER:
                _log.error(Event.CERTIFICATE_INVALID, file=str(file), error=fault)
        self._keys_changed = await asyncio.to_thread(keys_changed, configuration.settings)

    async def _look_out(self) -> None:
        """Notice that a policy, a list or the switches have changed, for as long as the worker lives."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                async with self._changing:
                    await self._follow_files(self._watch)
            # An operator who turns a switch relies on it: a file that is broken in a new way must not be the last one
            # read.
            except Exception:  # noqa: BLE001
                _log.exception(Event.FILES_UNREAD)

    async def _follow_files(self, watch: FileWatch) -> None:
        configuration = self._current().configuration
        watch.follow(watched(configuration))
        changed = await asyncio.to_thread(watch.changed)
        turned = not changed.isdisjoint({configuration.switches_file, configuration.fleet_file})
        # One that could not be read may be readable in a moment, without having changed.
        if (turned or self._switches_unread) and await self._read_switches(configuration, again=not turned):
            await self._adopt(configuration)
        if self._reread is None:
            return
        if changed & configuration.policy_files or (self.held and configuration.adoptions_file in changed):
            self._policies_changed.set()

    async def _follow_policies(self) -> None:
        """Take up changed policies, for as long as the worker lives. A switch need not wait for that."""
        while self._reread is not None:
            await self._policies_changed.wait()
            async with self.reading:
                self._policies_changed.clear()
                try:
                    await self.take_policies(await self._reread(self._current().configuration))
                # Any fault is this change's own, and the next change must be followed.
                except Exception:  # noqa: BLE001
                    _log.exception(Event.FILES_UNREAD)

    async def _adopt(self, configuration: Configuration) -> None:
        with sparing_the_collector():
            await self._current().adopt(configuration)

    async def _read_switches(self, configuration: Configuration, *, again: bool = False) -> bool:
        """Take the switches from their file; `again`: it has been said already that this cannot be done."""
        try:
            switches = await asyncio.to_thread(load_switches, configuration.switches_file)
        except SwitchesError:
            # Each switch stays as it is until an operator mends the file.
            self._switches_unread = True
            if again:
                return False
            _log.error(Event.SWITCHES_REFUSED, file=str(configuration.switches_file))
            self.metrics.gateway.reload("switches", "refused")
            self.record(Action.SWITCHES_READ, Outcome.REFUSED, about=str(configuration.switches_file))
            return False
        self._switches_unread = False
        self._own_switches = switches
        if self._fleet is not None:
            await self._fleet.read_file()
        self._take_switches(self._wanted_switches())
        return True

    def _wanted_switches(self) -> dict[str, Switch]:
        """Return the switches by which requests must be judged."""
        if self._fleet is None:
            return self._own_switches
        return merged(self._own_switches, self._fleet.switches)

    def _take_switches(self, switches: Mapping[str, Switch]) -> None:
        # The worker keeps every entry, also of switches whose time is over. Each request compares the times, and a
        # clock that is ahead may be set right later without another read of the file.
        before = dict(self._shared.switches)
        self._shared.switches.clear()
        self._shared.switches.update(switches)
        on = on_now(switches, self._shared.clock())
        self.metrics.gateway.switches_on(on)
        self.metrics.gateway.reload("switches", "adopted")
        _log.info(Event.SWITCHES_ADOPTED, names=sorted(on))
        self.record(Action.SWITCHES_READ, names=on)
        if self._generation is None:
            return
        for name, switch in switches.items():
            if before.get(name) != switch != self._own_switches.get(name) and switch.by:
                turned = "off" if switch.is_off else "on"
                _log.info(Event.SWITCH_FOLLOWED, name=name, turned=turned, operator=switch.by, words=switch.reason)
                self.audit.trail.record(
                    Entry(
                        Action.SWITCH_FOLLOWED,
                        self._clock(),
                        operator=switch.by,
                        object=name,
                        reason=switch.reason,
                        verdict=turned,
                    )
                )

    async def take_policies(self, fresh: Configuration | tuple[str, ...]) -> bool:
        """Judge by the policies that were read, if they have no mistake and have not lost much; say whether."""
        if isinstance(fresh, tuple):
            for mistake in fresh:
                _log.error(Event.POLICIES_REFUSED, mistake=mistake)
            self.metrics.gateway.reload("policies", "refused")
            self.record(Action.POLICIES_READ, Outcome.REFUSED)
            return False
        standing = await self.weigh(fresh)
        if standing is None:
            return False
        async with self._changing:
            await self._adopt(fresh)
        self.take(standing)
        self.metrics.gateway.reload("policies", "adopted")
        _log.info(Event.POLICIES_ADOPTED, names=sorted(policy.name for policy in fresh.policies.values()))
        self.record(Action.POLICIES_READ, names=_versions(fresh))
        return True

    async def weigh(self, fresh: Configuration) -> dict[str, AsRead] | None:
        """Return the files of its policies, for `take`; `None` if one is held because it lost much at once."""
        now = await in_slices(_reading(fresh.policies.values()))
        self.held = await asyncio.to_thread(held, losses(self._standing, now), fresh.adoptions_file)
        for loss in self.held:
            _log.error(Event.FILE_HELD, file=loss.file, before=loss.before, after=loss.after)
        if self.held:
            self.metrics.gateway.reload("policies", "held")
            return None
        return now

    def take(self, standing: dict[str, AsRead]) -> None:
        """Remember the files by which requests are judged from now on; say which list has another number of entries."""
        before, after = entries_of(self._standing), entries_of(standing)
        for file, count in after.items():
            if before.get(file) != count:
                _log.info(Event.LIST_READ, file=file, before=before.get(file), after=count)
        self._standing = standing

    @property
    def digest(self) -> str:
        """The name of the settings that were adopted last."""
        return self._current().configuration.digest

    @property
    def settings(self) -> Settings:
        """The settings that were adopted last."""
        return self._current().configuration.settings

    def _current(self) -> Generation:
        if self._generation is None:
            raise RuntimeError("the worker has not been opened")
        return self._generation

    def _say_what_waits(self, configuration: Configuration) -> None:
        """Name the settings that have changed and that a reload does not take up."""
        waits = waiting(self._configuration.settings, configuration.settings)
        for when, event in ((TakenUp.REPLACEMENT, Event.REPLACEMENT_NEEDED), (TakenUp.RESTART, Event.RESTART_NEEDED)):
            if when in waits:
                _log.warning(event, names=waits[when])

    async def reload(self, configuration: Configuration) -> None:
        """Let requests from now on be judged by another configuration; those under way end by the old one.

        The store of sessions and the sockets stay as they were at the start. After any exception the old configuration
        goes on judging.
        """
        # A switch that is turned meanwhile is either read here, or noticed by the next look: never in between.
        self._say_what_waits(configuration)
        # The files of certificates are as they were read with the rest: they may be others by now.
        async with self._changing:
            await self._read_switches(configuration)
            generation = Generation(configuration, self._shared, self._current().table)
            with keeping(configuration.files):
                try:
                    services = await generation.open()
                except BaseException:
                    await generation.close()
                    raise
                self._give(services)
                self._shared.link_watches.follow(generation.links)
                old, self._generation = self._generation, generation
                if old is not None:
                    before, after = old.configuration.key_names, configuration.key_names
                    changed = [*(f"+ {name}" for name in after - before), *(f"- {name}" for name in before - after)]
                    if changed:
                        self.record(Action.KEYS_CHANGED, names=changed)
                adopted = await self._reload_certificate(configuration.settings.tls)
                await self._read_dates(configuration, listener=adopted)
        if old is not None:
            task = asyncio.create_task(self._retire(old))
            self._retired.add(task)
            task.add_done_callback(self._retired.discard)

    def _give(self, services: RequestServices) -> None:
        """Have both listeners call other services from now on."""
        self._listener.reload(services)
        self._redirect.reload(replace(services, step=to_https, original=lambda inbound, _: inbound))

    async def _reload_certificate(self, settings: TlsSettings | None) -> bool:
        """Take up the listener's certificate, and say whether the one in the file is the one in use."""
        # TLS comes and goes with the sockets, which stay as they were at the start.
        if self._tls is None or settings is None:
            return False
        try:
            await asyncio.to_thread(self._tls.reload, settings, self._shared.clock())
        except (OSError, CertificateDatesError) as error:
            # The certificate in use stays in use; the log has the mistake of the files, and no client is locked out.
            why = str(error) if isinstance(error, CertificateDatesError) else type(error).__name__
            _log.error(Event.CERTIFICATE_REFUSED, error=why, file=str(settings.certificate))
            self.metrics.gateway.reload("certificate", "refused")
            self.record(Action.CERTIFICATE_READ, Outcome.REFUSED, about=str(settings.certificate), verdict=why)
            return False
        self.metrics.gateway.reload("certificate", "adopted")
        self.record(Action.CERTIFICATE_READ, about=str(settings.certificate))
        return True

    async def _retire(self, generation: Generation) -> None:
        """Close a generation once its requests have had the time an answer may take."""
        try:
            await asyncio.sleep(generation.configuration.settings.traffic.answer)
        finally:
            await generation.close()
        parts = generation.parts()
        del generation
        await in_slices(letting_go(parts))

    async def numbers(self) -> Families:
        """Return the metrics. With a thousand Apps they take a while to make, in which requests go on."""
        found: list[Family] = []
        for family in self.metrics.collect():
            found.append(family)
            await asyncio.sleep(0)
        return tuple(found)

    async def readiness(self) -> Readiness:
        """Say whether somebody could sign in now, and which parts are away."""
        if self._draining:
            return Readiness(failed={"worker": "draining"})
        shared = self._shared
        providers = self._current().provider_checks()
        checks: dict[str, Check] = {
            SIGN_IN: partial(rehearse, shared.pending, shared.sessions.store, self._clock(), os.urandom),
            **providers,
        }
        if shared.entries is not None:
            checks["limits"] = shared.entries.check
        away = {f"app:{name}": "ejected" for name, way in self._current().ways.items() if _all_ejected(way)}
        if self.held:
            away["files"] = "held"
        if not self.audit.writable:
            away["audit"] = "unwritable"
        return sorted_out(await self._checks.ask(checks), providers=frozenset(providers), away=away)

    def reopen(self) -> None:
        """Open the logs again by their names (on SIGUSR1)."""
        self.access_log.reopen()
        self.audit.reopen()

    @property
    def configuration(self) -> Configuration:
        """The configuration by which requests are judged."""
        return self._current().configuration

    @property
    def mark(self) -> StoreMark:
        """The stores that this worker uses, for as long as it lives."""
        return store_mark(self._configuration)

    async def sessions(self) -> Sessions:
        """Return the sessions that this worker serves."""
        return self._shared.sessions

    async def limits(self) -> LimitStore | None:
        """Return the store of limits that this worker uses."""
        return self._shared.entries

    @property
    def account_stores(self) -> Mapping[str, AccountStore]:
        """The stores of accounts in this worker's memory, by the App's name."""
        return self._shared.account_stores

    def state(self) -> WorkerState:
        """Say by which policies this worker judges, and what it knows of the applications."""
        generation = self._current()
        apps = {
            route.name: AppState(
                route.policy.version,
                "" if route.candidate is None else route.candidate.version,
                tuple(
                    UpstreamState(each.address, each.breaker.in_turn)
                    for each in (generation.ways[route.name].endpoints if route.name in generation.ways else ())
                ),
            )
            for route in generation.table.routes
        }
        held = tuple(HeldFile(loss.file, loss.before, loss.after) for loss in self.held)
        return WorkerState(os.getpid(), apps, held)

    async def drain(self, patience: float, *, lame_duck: float = 0.0, sockets: ListeningSockets | None = None) -> int:
        """Let the requests under way end within `patience` seconds, and return how many were cut.

        New connections are still answered for `lame_duck` of these seconds, unless the listener is idle. After that
        they are refused at `sockets`, if this process has them for itself.
        """
        self._draining = True
        lame_duck = min(lame_duck, patience)
        began = time.monotonic()
        await asyncio.gather(self._listener.lame(lame_duck), self._redirect.lame(lame_duck))
        if sockets is not None:
            sockets.silence()
            for _ in range(LOOKS):
                if not sockets.waiting:
                    break
                await asyncio.sleep(TAKEN / LOOKS)
        self._listener.close_doors()
        self._redirect.close_doors()
        if sockets is not None:
            sockets.refuse()
        left = max(0.0, patience - (time.monotonic() - began))
        cut = await asyncio.gather(self._listener.drain(left), self._redirect.drain(left))
        return sum(cut)

    def _record_end(self) -> None:
        if self._generation is not None:
            self.record(Action.STOPPED)

    async def close(self) -> None:
        """Let go of everything."""
        await self._checks.close()
        self._record_end()
        for task in self._retired:
            task.cancel()
        await asyncio.gather(*self._retired, return_exceptions=True)
        if self._generation is not None:
            await self._generation.close()
        await self._closing.aclose()
