"""One reading of the configuration: its routes, ways to the applications, and clients of the provider."""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from ssl import SSLContext
from typing import NamedTuple

import structlog
from aiohttp import web

from gateway.accounts.accounts import AccountStore
from gateway.accounts.asyncio_application import Application
from gateway.accounts.asyncio_linking import AppParts, Linking
from gateway.accounts.asyncio_signed_in import SignedInUpstreams
from gateway.accounts.asyncio_watching import LinkWatches
from gateway.accounts.attempts import attempt_limits
from gateway.audit.entry import Action, Entry, Outcome
from gateway.audit.trail import AuditTrail, NoTrail, always_recorded
from gateway.headers.answer import app_answer_headers, portal_answer_headers
from gateway.headers.assertion import Assertions
from gateway.headers.strip import trailer_lines
from gateway.instant import Instant
from gateway.limits.limits import Cancellation, LimitStore
from gateway.listen.services import RequestServices
from gateway.listen.upload import CountedBytes
from gateway.login.aiohttp_provider import AiohttpProvider
from gateway.login.asyncio_shared_tasks import SharedTasks
from gateway.login.asyncio_unfinished import UnfinishedLogins
from gateway.login.funnel import Attempt, SignInStep
from gateway.login.pending import PendingStore
from gateway.login.returned import ReturnedForms
from gateway.login.service import Client, SignInService, Terms
from gateway.login.waiting import WaitingForms
from gateway.observe.events import Event
from gateway.observe.instruments import Histogram, Key
from gateway.observe.metrics import Metrics
from gateway.observe.removed_names import RemovedNames, shown
from gateway.observe.spans import Spans
from gateway.observe.structlog_observer import GatewayObserver
from gateway.pipeline import forward_auth
from gateway.pipeline.outcome import Headers, MayGiveBack, NeedRecord, Step
from gateway.pipeline.problem import FIELDS, problem_body
from gateway.pipeline.recording import Recording
from gateway.pipeline.to_https import hsts_line
from gateway.policy.policy import Rule
from gateway.policy.switches import Switch
from gateway.portal.aiohttp_inside import PortalInside
from gateway.portal.aiohttp_portal import PortalServices, make_portal
from gateway.portal.aiohttp_signing import SigningServices
from gateway.portal.head import portal_head
from gateway.portal.visits import VisitTable
from gateway.process.account_stores import open_account_store
from gateway.process.configuration import Configuration
from gateway.process.sign_in_counts import SignInCounts
from gateway.process.slices import Steps, in_slices, letting_go, sparing_the_collector
from gateway.request.field_names import fold
from gateway.request.inbound import Inbound
from gateway.request.rates import LookupLimits, Rate
from gateway.request.section_cache import Removed
from gateway.request.trust import Trust
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.asyncio_owed import OwedToStore
from gateway.session.redis_sessions import Sessions
from gateway.session.session import SessionState
from gateway.settings.recipes import whole_recipe
from gateway.settings.settings import Mode, TrafficSettings
from gateway.signing.evidence import EvidenceStore, KeptEvidence
from gateway.signing.memory_store import MemoryByteStore
from gateway.signing.records import Records, RecordStore
from gateway.signing.service import SigningClient, SigningService, SigningTerms, Verify
from gateway.signing.verification import read_authorities, refused_for
from gateway.upstream.asyncio_upstreams import Upstreams, client_contexts, upstreams_of
from gateway.upstream.standing import Standing
from gateway.upstream.upstream import Upstreams as AnyUpstreams
from gateway.wire.deadlines import Deadlines

_log = structlog.get_logger()

_BEGUN = 20
"""Apps whose numbers are begun in one step."""

SECONDS_TO_CLOSE = 5.0
"""Seconds our own pages may take to end when their generation is over."""


class _Meter:
    """Hands what the login step counts to the metrics."""

    def __init__(self, metrics: Metrics, counts: SignInCounts, unfinished: UnfinishedLogins) -> None:
        self._metrics = metrics
        self._counts = counts
        self.sent, self.returned = unfinished.sent, unfinished.returned

    def ended(self, attempt: Attempt, seconds: float | None) -> None:
        """Count the end of a login that came back."""
        if seconds is None:
            self._counts.step(SignInStep.FAILED, attempt)
            return
        self._counts.step(SignInStep.SIGNED_IN, attempt)
        self._counts.completed(attempt, seconds)

    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Count one call to the provider."""
        self._metrics.sign_ins.provider_call(endpoint, outcome, seconds)

    def key_passed_over(self, kid: str, why: str) -> None:
        """Tell the operator of a key that the provider publishes and nobody can use."""
        _log.warning(Event.PROVIDER_KEY_PASSED_OVER, kid=kid, why=why)

    def claim_troubled(self, scope: str, trouble: str) -> None:
        """Count one requested item that was missing or unreadable."""
        self._metrics.sign_ins.claim_troubled(scope, trouble)


@dataclass(frozen=True, slots=True)
class Shared:
    """The services that every generation of a worker stands on."""

    sessions: Sessions
    pending: PendingStore
    metrics: Metrics
    counts: SignInCounts
    unfinished: UnfinishedLogins
    observer: GatewayObserver
    deadlines: Deadlines
    clock: Callable[[], Instant]
    entries: LimitStore | None
    owed: OwedToStore | None
    """Keeps sign-outs while the store is away; `None` for a store in this process."""
    queue_seconds: Histogram
    """The times that requests waited in the Apps' queues."""
    switches: dict[str, Switch]
    """The switches of the file, as they were last read; each ends by itself."""
    standings: dict[str, Standing] = field(default_factory=dict)
    """The record of the behaviour of each App's servers, by the App's name."""
    trail: AuditTrail = field(default_factory=NoTrail)
    recorded: Callable[[Entry], Awaitable[bool]] = always_recorded
    recording: Recording | None = None
    """Finds the decisions that wait for the audit trail; `None` where none does."""
    removed_names: RemovedNames = field(default_factory=RemovedNames)
    """Which of the header names that are not passed on the operator has been told of."""
    spans: Spans | None = None
    """Takes spans; `None` without `traces`."""
    signatures: RecordStore = field(default_factory=MemoryByteStore)
    """The store of sealed signatures."""
    account_stores: dict[str, AccountStore] = field(default_factory=dict)
    """The stores of accounts in this process's memory, by the App's name: they outlive a reading of the settings."""
    link_watches: LinkWatches = field(default_factory=partial(LinkWatches, time.monotonic))
    """The open streams of people with an old account."""
    evidence: EvidenceStore | None = None
    """The store of sealed evidence; `None` where the store of limits is no Redis."""

    def standing_of(self, app: str) -> Standing:
        """Return how an App's servers have behaved so far."""
        standing = self.standings.get(app)
        if standing is None:
            standing = self.standings[app] = Standing(partial(self.queue_seconds.add, (app,)))
        return standing


def _recorded_step(
    recording: Recording, inbound: Inbound, known: SessionState, now: Instant, table: RouteTable
) -> Step | NeedRecord:
    return recording(inbound, forward_auth.step(inbound, known, now, table), now)


class _Adopted(NamedTuple):
    """The values that each request looks at, made of one configuration and one set of switches."""

    configuration: Configuration
    table: RouteTable
    audited: frozenset[str]
    policies: dict[Key, float]
    versions: dict[str, str]
    asked: dict[str, Rule]


def _verification(authorities: bytes) -> Verify | None:
    """Return what verifies each result, where the settings say that we may: `signing.verify`."""
    if not authorities:
        return None
    return partial(refused_for, authorities=read_authorities(authorities))


def _account_required(request_id: str) -> tuple[Headers, bytes]:
    """Return the fields and the body by which a script hears that an account is required."""
    return FIELDS, problem_body(HTTPStatus.FORBIDDEN, "account_required", request_id)


def _route_named(generation: Generation, name: str) -> Route:
    return generation.table.named[name]


async def _end(pages: PortalInside, runner: web.AppRunner) -> None:
    """End our own pages, then their application, which comes apart as soon as nothing refers to `pages`."""
    try:
        await pages.close()
    finally:
        await runner.cleanup()


class Generation:
    """The result of one reading of the configuration. `open` makes it, or `adopt` alone the part that judges."""

    def __init__(self, configuration: Configuration, shared: Shared, before: RouteTable | None = None) -> None:
        """Take a configuration; the routes of `before` lend what they have made of the policies that are the same."""
        self._shared = shared
        self._before = before
        self.configuration = configuration
        self._closing = AsyncExitStack()
        self.links: Linking | None = None
        """The links of people to old accounts."""
        self._providers: dict[str, AiohttpProvider] = {}
        """By client_id, once the generation is open."""
        self.ways: dict[str, Upstreams] = {}
        """The way to each App's application, once the generation is open."""
        assertion_keys = configuration.assertion_keys
        self._assertions = None
        if assertion_keys is not None:
            self._assertions = Assertions(assertion_keys, configuration.settings.assertion, os.urandom)
        self.table: RouteTable
        self.audited: frozenset[str]
        """The rules whose every permit is recorded: looked at on each request."""
        self.policies: dict[Key, float]
        """The policy of each App with its version, for the metrics."""
        self.versions: dict[str, str]
        """The version of each App's policy, for the audit."""
        self._asked: dict[str, Rule]

    async def adopt(self, configuration: Configuration) -> None:
        """Judge by these policies and switches from the next request on: each is judged by one table."""
        adopted = await in_slices(self._adopting(configuration))
        parts = [] if self._before is not None or not hasattr(self, "table") else self.parts()
        self._before = None
        self.configuration = configuration
        self.table = adopted.table
        self.audited = adopted.audited
        self.policies = adopted.policies
        self.versions = adopted.versions
        self._asked = adopted.asked
        await in_slices(letting_go(parts))

    def parts(self) -> list[object]:
        """Return what this generation is made of, for `letting_go` behind its end."""
        return [*self.table.routes, *self.configuration.policies.values()]

    def _adopting(self, configuration: Configuration) -> Steps[_Adopted]:
        shared = self._shared
        before = getattr(self, "table", self._before)
        table = yield from configuration.making_table(
            self._assertions, shared.switches, shared.sessions.seals, () if before is None else before.routes
        )
        policies: dict[Key, float] = {}
        versions: dict[str, str] = {}
        for number, route in enumerate(table.routes):
            if number % _BEGUN == 0:
                shared.metrics.begin([each.name for each in table.routes[number : number + _BEGUN]])
            policies[route.name, route.policy.policy.name, route.policy.version] = 1.0
            versions[route.name] = route.policy.version
            yield
        asked: dict[str, Rule] = {}
        for policy in configuration.policies.values():
            asked |= {str(rule.id): rule for rule in policy.rules}
            yield
        audited = frozenset(name for name, rule in asked.items() if rule.audit)
        return _Adopted(configuration, table, audited, policies, versions, asked)

    def answers_of(self, rule: str, *, permitted: bool) -> dict[str, str]:
        """Return the conditions that must have said yes for a verdict of this rule, for the audit."""
        asked = self._asked.get(rule)
        if asked is None:
            return {}
        names = [] if asked.when is None else [asked.when]
        return dict.fromkeys([*names, *(asked.require if permitted else ())], "yes")

    async def open(self) -> RequestServices:
        """Start what this generation needs and return the services that lead to it."""
        # A start has nobody to keep waiting, and makes garbage of its own that is worth a collection.
        with nullcontext() if self._before is None else sparing_the_collector():
            await self.adopt(self.configuration)
            await self._open_ways()
        settings, shared = self.configuration.settings, self._shared
        limits = settings.traffic
        trust = Trust(settings.trusted_proxies)
        sign_in_service = await self._sign_in_service()
        rates = settings.rates
        lookups = LookupLimits(
            Rate(rates.forged_tickets_per_address, rates.forged_tickets),
            Rate(rates.ended_tickets_per_address, rates.ended_tickets),
        )
        visits = VisitTable(os.urandom)
        # The framework's objects stay until the last request that uses them. They must not keep the policies of a
        # generation that is over until then.
        reach = weakref.proxy(self)
        returned = ReturnedForms(shared.sessions.secrets, os.urandom)
        accounts = self.links = self._accounts()
        portal = make_portal(
            PortalServices(
                accounts=accounts,
                visits=visits,
                sign_in=sign_in_service,
                sessions=shared.sessions.reader,
                table=lambda: reach.table,
                form_origins=lambda route: reach.form_origins(route),  # noqa: PLW0108 - the method itself would keep us
                observer=shared.counts,
                prefix=settings.prefix,
                sign_in_seconds=settings.sessions.sign_in,
                longest_target=settings.traffic.request_line,
                begins=Rate(rates.sign_ins_per_address, rates.sign_ins),
                callbacks=Rate(rates.callbacks_per_address, rates.callbacks),
                lookups=lookups,
                spend=shared.pending.spend,
                forms=WaitingForms(
                    shared.pending,
                    settings.prefix,
                    clock=shared.clock,
                    random=os.urandom,
                    sign_in=settings.sessions.sign_in,
                ),
                returned=returned,
                clock=shared.clock,
                trail=shared.trail,
                spans=shared.spans,
                signing=self._signing(),
            )
        )
        pages = await self._serve_inside(portal, limits)
        return RequestServices(
            accounts=accounts,
            table=lambda: self.table,
            step=forward_auth.step if shared.recording is None else partial(_recorded_step, shared.recording),
            recording=shared.recording,
            recorded=shared.recorded,
            count_encoding_losses=self._count_encoding_losses,
            names_removed=self._names_removed,
            cancelled=self._entry_cancelled,
            original=partial(forward_auth.original, trust=trust),
            sessions=shared.sessions.reader,
            upstreams=self._upstreams(accounts),
            portal=pages,
            visits=visits,
            portal_head=portal_head,
            app_answer=partial(app_answer_headers, report=self._order_removed),
            portal_answer=portal_answer_headers,
            trailers=lambda fields, route: trailer_lines(fields, route.app.headers),
            observer=shared.observer,
            entries=shared.entries,
            returned=returned,
            one_use=shared.pending,
            clock=shared.clock,
            stopwatch=time.perf_counter,
            limits=limits,
            counted=CountedBytes(limits.counted_uploads),
            trust=trust,
            hsts=hsts_line(None if settings.tls is None else settings.tls.hsts),
            lookups=lookups,
            spans=shared.spans,
        )

    async def _open_ways(self) -> None:
        proxied = [route for route in self.table.routes if route.app.mode is not Mode.FORWARD_AUTH]
        contexts = await asyncio.to_thread(client_contexts, [route.app for route in proxied])
        limits = self.configuration.settings.traffic

        def opening() -> Steps[None]:
            for route in proxied:
                self.ways[route.name] = self._way(route, limits, contexts.get(route.name))
                yield

        await in_slices(opening())

    async def close(self) -> None:
        """End what this generation started; requests that are still with it are cut."""
        await self._closing.aclose()

    async def _sign_in_service(self) -> SignInService:
        settings, shared = self.configuration.settings, self._shared
        meter = _Meter(shared.metrics, shared.counts, shared.unfinished)
        clients: dict[str, Client] = {}
        for client_id, client in self.configuration.clients().items():
            keys = self.configuration.client_keys[client_id]
            provider = AiohttpProvider(
                client,
                keys,
                clock=shared.clock,
                monotonic=time.monotonic,
                random=os.urandom,
                meter=meter,
                via_credentials=self.configuration.via_credentials.get(client_id),
            )
            await provider.start()
            self._closing.push_async_callback(provider.close)
            self._providers[client_id] = provider
            clients[client_id] = Client(client, keys, provider)
        return SignInService(
            clients,
            shared.pending,
            shared.sessions.store,
            Terms(
                prefix=settings.prefix,
                absolute=settings.sessions.absolute,
                sign_in=settings.sessions.sign_in,
                seals=shared.sessions.seals,
                longest_return=settings.traffic.request_line,
            ),
            pseudonyms=shared.sessions.secrets.pseudonyms,
            clock=shared.clock,
            random=os.urandom,
            observer=meter,
            known_as=self.configuration.aliases.known_as,
            shared_tasks=SharedTasks(),
            owed=shared.owed,
        )

    def _signing(self) -> SigningServices | None:
        """Return the services behind signatures, over the clients that the sign-in service has opened."""
        configuration, shared = self.configuration, self._shared
        settings, profile = configuration.settings.signing, configuration.signing_profile
        if settings is None or profile is None:
            return None
        clients = {
            client_id: SigningClient(client, self._providers[client_id])
            for client_id, client in configuration.clients().items()
        }
        service = SigningService(
            clients,
            Records(shared.signatures, shared.sessions.secrets, os.urandom, settings.room),
            SigningTerms(
                prefix=configuration.settings.prefix,
                profile=profile,
                keep=settings.keep,
                public=settings.operator == "public",
                person_required=settings.same_person == "required",
                evidence_for=0.0 if settings.evidence is None else settings.evidence.keep or 0.0,
            ),
            clock=shared.clock,
            random=os.urandom,
            known_as=configuration.aliases.known_as,
            verify=_verification(configuration.signing_authorities),
            evidence=None
            if settings.evidence is None or shared.evidence is None
            else KeptEvidence(shared.evidence, shared.sessions.secrets, os.urandom),
        )
        return SigningServices(
            signatures=service,
            apps={app.name: app.signing for app in configuration.settings.apps if app.signing is not None},
            tokens=configuration.signing_tokens,
            observer=shared.counts,
            record=shared.trail.record,
        )

    def _upstreams(self, linking: Linking | None) -> Mapping[str, AnyUpstreams]:
        """Return each App's way to its application; where the gateway signs in there, through what does so."""
        if linking is None:
            return self.ways
        reach = weakref.proxy(self)
        ways: dict[str, AnyUpstreams] = dict(self.ways)
        for name, parts in linking.apps.items():
            if parts.settings.tell == "form" and parts.application is not None:
                ways[name] = SignedInUpstreams(
                    self.ways[name],
                    partial(_route_named, reach, name),
                    linking,
                    parts.application.recipe,
                    self.configuration.settings.prefix,
                    _account_required,
                )
        return ways

    def _accounts(self) -> Linking | None:
        """Return what links persons to accounts of old applications; `None` if no App has any."""
        configuration, shared = self.configuration, self._shared
        apps: dict[str, AppParts] = {}
        for app in configuration.settings.apps:
            if app.accounts is None:
                continue
            keys = configuration.account_keys[app.name]
            store = shared.account_stores.get(app.name) if app.accounts.store.url == "memory" else None
            if store is None:
                store = open_account_store(app.accounts.store, keys, configuration.account_redis[app.name])
                if app.accounts.store.url == "memory":
                    # A reload must not forget what nothing else keeps.
                    shared.account_stores[app.name] = store
                else:
                    self._closing.push_async_callback(store.close)
            recipe = None if app.accounts.recipe is None else whole_recipe(app.accounts.recipe)
            apps[app.name] = AppParts(
                name=app.name,
                settings=app.accounts,
                headers=app.headers,
                store=store,
                keys=keys,
                application=None
                if recipe is None
                else Application(partial(self.ways.__getitem__, app.name), recipe, shared.clock),
                limits=attempt_limits(
                    None if recipe is None else recipe.locks_after, None if recipe is None else recipe.forgets_after
                ),
            )
        if not apps:
            return None
        return Linking(
            apps,
            shared.sessions.store,
            configuration.aliases.joined_at,
            configuration.aliases.subjects_of,
            clock=shared.clock,
            random=os.urandom,
            watches=shared.link_watches,
        )

    def provider_checks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return a check for each client: its key signs, and its provider answers."""
        return {f"provider:{client_id}": provider.check for client_id, provider in self._providers.items()}

    def form_origins(self, route: Route) -> tuple[str, ...]:
        """Return where a form of this App may lead in the end: Chromium holds redirects to `form-action` too."""
        return self._providers[route.client_id].origins

    def _count_encoding_losses(self, route: Route, replaced: int, left_out: int) -> None:
        """Count characters that an App's charset lacks, and facts that could not be sent."""
        for trouble, count in (("replaced", replaced), ("left_out", left_out)):
            if count:
                self._shared.metrics.sign_ins.header_value_troubled(route.name, trouble, count)

    def _entry_cancelled(self, may: MayGiveBack, request_id: str, how: Cancellation) -> None:
        """Count and record an entry that an application said was cancelled."""
        shared, forward, use = self._shared, may.forward, may.use
        shared.metrics.gateway.entry_cancelled(how.value)
        _log.info(
            Event.LIMIT_CANCELLED,
            request_id=request_id,
            app=forward.route.name,
            policy=use.policy,
            limit=use.limit,
            period=use.period,
            outcome=how.value,
        )
        shared.trail.record(
            Entry(
                Action.LIMIT_CANCELLED,
                shared.clock(),
                Outcome.DONE if how is not Cancellation.UNSETTLED else Outcome.FAILED,
                pseudonym=forward.pseudonym,
                app=forward.route.name,
                rule=str(forward.permit.rule),
                verdict=how.value,
                request_id=request_id,
                object=str(use),
            )
        )

    def _names_removed(self, app: str, removed: Removed) -> None:
        """Count the client's fields that the application did not get, and tell the operator of names that are news."""
        shared = self._shared
        for family, name in removed:
            shared.metrics.sign_ins.header_removed(app, family.value)
            if shared.removed_names.is_news(app, fold(name), shared.clock()):
                _log.info(Event.HEADER_REMOVED, app=app, family=family.value, header=shown(name))

    def _order_removed(self, route: Route, name: bytes) -> None:
        """Tell the operator of an application that relies on a server in front, once an hour for each name."""
        shared = self._shared
        if shared.removed_names.is_news(route.name, fold(name), shared.clock()):
            _log.warning(Event.ANSWER_FIELD_REMOVED, app=route.name, header=shown(name))

    def _way(self, route: Route, limits: TrafficSettings, tls: SSLContext | None) -> Upstreams:
        limits = limits if route.traffic is None else route.traffic.app
        if route.app.upstream_options.concurrency is not None:
            # Only such an App has a queue; at a thousand Apps the others would have thousands of series of zeros.
            self._shared.queue_seconds.begin({"app": [route.name]})
        way = upstreams_of(route, limits, self._shared.deadlines, self._shared.standing_of(route.name), tls)
        self._closing.callback(way.close)
        way.watch(route.host)
        return way

    async def _serve_inside(self, portal: web.Application, limits: TrafficSettings) -> PortalInside:
        """Have an application answer in this process: no path, no port, nothing left behind."""
        runner = web.AppRunner(portal, handle_signals=False)
        await runner.setup()
        pages = PortalInside(portal, limits)
        self._closing.push_async_callback(_end, pages, runner)
        return pages
