"""The upstreams of one App: connections are handed out, and requests wait in a bounded queue."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from ssl import SSLContext, TLSVersion, create_default_context
from typing import Any, cast

import structlog

from gateway.errors import (
    GatewayError,
    UpstreamOverloadedError,
    UpstreamProtocolError,
    UpstreamUnreachableError,
)
from gateway.kept_files import kept
from gateway.observe.events import Event
from gateway.route.route import Route
from gateway.settings.address import read_address
from gateway.settings.settings import AppSettings, TrafficSettings, UpstreamSettings
from gateway.upstream.asyncio_application import ApplicationEnd
from gateway.upstream.asyncio_connect import connector
from gateway.upstream.asyncio_endpoint import Endpoint
from gateway.upstream.asyncio_health import watch
from gateway.upstream.balance import least_requests, round_robin
from gateway.upstream.httptools_connection import UpstreamConnection
from gateway.upstream.pool import FRESH
from gateway.upstream.prefix import PathRewrite, rewrite_of
from gateway.upstream.standing import Standing
from gateway.upstream.upstream import Receiver
from gateway.wire.deadlines import Deadlines

log = structlog.get_logger()

_DEFAULTS = UpstreamSettings()


_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES})
"""Errors of a connection that say something of this machine, and nothing of the server."""

_TELL_EVERY = 10.0
"""Seconds between two events that say the same of an upstream that takes no connections."""


class _Waiting:
    """A request in the queue."""

    __slots__ = ("_owner", "deadline", "receiver", "repeatable", "since", "slot")

    def __init__(self, owner: Upstreams, receiver: Receiver, *, repeatable: bool) -> None:
        self._owner = owner
        self.receiver = receiver
        self.repeatable = repeatable
        self.since = asyncio.get_running_loop().time()
        self.deadline = 0.0
        self.slot = 0

    def over(self) -> None:
        """Count its time in the queue, however it ends."""
        self.deadline = 0.0
        self._owner.standing.queued(asyncio.get_running_loop().time() - self.since)

    def expired(self) -> None:
        """It has waited too long."""
        self._owner.gave_up(self)


class _Connecting:
    """A request for which a connection is being made."""

    __slots__ = ("endpoint", "task")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        """The upstream that is being tried."""
        self.task: asyncio.Task[None]


class Upstreams:
    """The upstreams of one App."""

    __slots__ = (
        "_apart",
        "_choose",
        "_closed",
        "_connecting",
        "_knocking",
        "_most",
        "_only",
        "_tasks",
        "_told",
        "_watches",
        "active",
        "deadlines",
        "endpoints",
        "limits",
        "name",
        "options",
        "queue",
        "rewrite",
        "standing",
    )

    def __init__(
        self,
        name: str,
        endpoints: Sequence[Endpoint],
        limits: TrafficSettings,
        options: UpstreamSettings = _DEFAULTS,
        rewrite: PathRewrite | None = None,
        standing: Standing | None = None,
    ) -> None:
        self.name = name
        self.endpoints = tuple(endpoints)
        self.limits = limits
        self.options = options
        self.rewrite = rewrite
        """Changes paths on their way there and back; `None` if they are the same."""
        self.standing = standing or Standing()
        self.deadlines = self.endpoints[0].deadlines
        self._most = options.concurrency
        self._only = self.endpoints[0] if len(self.endpoints) == 1 else None
        self._choose = round_robin if options.balance == "round_robin" else least_requests
        self.active = 0
        """Requests that have an upstream."""
        self.queue: deque[_Waiting] = deque()
        """Requests that wait for one of these to end."""
        self._connecting: dict[Receiver, _Connecting] = {}
        """Requests for which a connection is being made."""
        self._told: dict[Endpoint, float] = {}
        """When the log was told last of an upstream that takes no connections."""
        self._knocking: set[Endpoint] = set()
        """The upstreams that are tried again and again."""
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._watches: list[asyncio.Task[None]] = []
        self._apart = self.standing.is_apart(self.deadlines.time)
        for endpoint in self.endpoints:
            endpoint.belongs_to(self)
            endpoint.idle.keep(anything=not self._apart)

    def take(self, receiver: Receiver, *, repeatable: bool) -> ApplicationEnd | None:
        """Return a kept connection, or `None`, and tell the receiver later.

        `repeatable`: the request may be sent again should the kept connection turn out dead.
        """
        endpoint = self._only
        if endpoint is None or self._most is not None:
            endpoint = self._admit(receiver, repeatable=repeatable)
            if endpoint is None:
                return None
        else:
            # The same as `_admit` if there is no choice: nearly every request's way.
            self.active += 1
            endpoint.active += 1
        now = endpoint.deadlines.time
        within = self.options.idle if repeatable else FRESH
        while (connection := endpoint.idle.take(now, within)) is not None:
            if connection.lease(receiver):
                return connection
        self._begin_to_connect(endpoint, receiver)
        return None

    def take_fresh(self, receiver: Receiver) -> None:
        """Open a new connection, because a pooled one was dead, and then tell the receiver."""
        endpoint = self._admit(receiver, repeatable=False)
        if endpoint is not None:
            self._begin_to_connect(endpoint, receiver)

    def leave(self, receiver: Receiver) -> None:
        """Remove a request from the queue that has no connection yet: the next one takes its place."""
        connecting = self._connecting.pop(receiver, None)
        if connecting is not None:
            connecting.task.cancel()
            connecting.endpoint.active -= 1
            self.freed()
            return
        for waiting in self.queue:
            if waiting.receiver is receiver:
                waiting.over()
                self.queue.remove(waiting)
                return

    def _admit(self, receiver: Receiver, *, repeatable: bool) -> Endpoint | None:
        """Count a request and return its upstream; otherwise queue it, or tell it the reason of a refusal."""
        if self._most is not None and self.active >= self._most:
            self._enqueue(receiver, repeatable=repeatable)
            return None
        endpoint = self._only or self._pick(self.endpoints)
        self.active += 1
        endpoint.active += 1
        return endpoint

    def _pick(self, among: Sequence[Endpoint]) -> Endpoint:
        """Return the upstream for a request: a healthy one, or one of the others if none is healthy."""
        now = self.deadlines.now
        candidates = (
            [endpoint for endpoint in among if endpoint.breaker.in_turn]
            or [endpoint for endpoint in among if not endpoint.breaker.ejected]
            or among
        )
        return self._choose([(endpoint, endpoint.breaker.share(now)) for endpoint in candidates])

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _tell_later(self, receiver: Receiver, error: GatewayError) -> None:
        """Fail a request, but not inside the call that began it."""
        asyncio.get_running_loop().call_soon(lambda: receiver.upstream_failed(error, unheard=False))

    # --- connections are made -----------------------------------------------------------------

    def _begin_to_connect(self, endpoint: Endpoint, receiver: Receiver) -> None:
        if self._closed:
            # A request that began long ago, and waited for something else until now.
            endpoint.belongs_to(self)
        if self._apart and not self.standing.is_apart(self.deadlines.time):
            self._come_together()
        connecting = self._connecting[receiver] = _Connecting(endpoint)
        connecting.task = self._start(self._connect(connecting, receiver))

    async def _connect(self, connecting: _Connecting, receiver: Receiver) -> None:
        """Connect to the chosen upstream, or to another: until a byte is sent, any request may go anywhere."""
        untried = list(self.endpoints)
        while True:
            place = connecting.endpoint
            error: GatewayError
            try:
                async with asyncio.timeout(self.limits.connect):
                    _, protocol = await place.connect(lambda: UpstreamConnection(place))  # noqa: B023  # awaited here
            except (OSError, TimeoutError) as fault:
                self._unreached(place, fault)
                error = UpstreamUnreachableError(place.address)
            else:
                self._reached(place)
                connection = cast("UpstreamConnection", protocol)
                if connection.lease(receiver, last=self._apart):
                    del self._connecting[receiver]
                    place.open.add(connection)
                    receiver.upstream_ready(connection)
                    return
                what = (
                    "sent bytes without a request"
                    if connection.spoke_unasked
                    else "closed the connection before the request"
                )
                error = UpstreamProtocolError(f"the application {what}")
            place.active -= 1
            untried.remove(place)
            if not untried:
                del self._connecting[receiver]
                self.freed()
                receiver.upstream_failed(error, unheard=False)
                return
            connecting.endpoint = self._pick(untried)
            connecting.endpoint.active += 1

    def _unreached(self, endpoint: Endpoint, error: OSError) -> None:
        """Count a failed connection, and turn to the other upstreams if this upstream caused the failure."""
        now = self.deadlines.time
        standing = self.standing
        standing.unreachable += 1
        if (last_told := self._told.get(endpoint)) is None or now - last_told >= _TELL_EVERY:
            self._told[endpoint] = now
            log.warning(
                Event.UPSTREAM_UNREACHABLE,
                app=self.name,
                upstream=endpoint.address,
                error=type(error).__name__,
                count=standing.unreachable,
            )
        if error.errno in _OURS:
            return
        last = all(other is endpoint or other.breaker.ejected for other in self.endpoints)
        if endpoint.breaker.unreached(last=last):
            standing.ejections += 1
            log.warning(Event.UPSTREAM_EJECTED, app=self.name, upstream=endpoint.address)
        # The last one is knocked at as well, though requests go there: at night none comes that would find it back.
        if not endpoint.breaker.is_reachable and endpoint not in self._knocking:
            self._knocking.add(endpoint)
            self._start(self._knock(endpoint))

    def _reached(self, endpoint: Endpoint) -> None:
        if endpoint.breaker.reached(self.deadlines.now):
            log.info(Event.UPSTREAM_RETURNED, app=self.name, upstream=endpoint.address)

    async def _knock(self, endpoint: Endpoint) -> None:
        """Try an upstream again and again until it takes a connection: so that no person has to."""
        await asyncio.sleep(self.options.ejected_for)
        while not endpoint.breaker.is_reachable and not self._closed:
            # The next knock does not wait for this one: a host that is away answers nothing, and is back at any time.
            self._start(self._knock_once(endpoint))
            await asyncio.sleep(self.options.ejected_for)
        self._knocking.discard(endpoint)

    async def _knock_once(self, endpoint: Endpoint) -> None:
        try:
            async with asyncio.timeout(self.limits.connect):
                _, protocol = await endpoint.connect(lambda: UpstreamConnection(endpoint))
        except (OSError, TimeoutError):
            return
        cast("UpstreamConnection", protocol).retire()
        self._reached(endpoint)

    # --- a server that speaks out of turn -----------------------------------------------------

    def put_apart(self, endpoint: Endpoint, sign: str) -> None:
        """Use each connection for one request only from now on, since extra bytes would begin the next answer."""
        apart_for = self.options.apart_for
        if self.standing.spoke_out_of_turn(self.deadlines.time, apart_for):
            log.warning(
                Event.UPSTREAM_PUT_APART, app=self.name, upstream=endpoint.address, sign=sign, seconds=apart_for
            )
        self._separate()

    def follow(self, until: float) -> None:
        """Do so because another worker has heard a server of the App speak out of turn."""
        self.standing.follow(until)
        if self.standing.is_apart(self.deadlines.time):
            self._separate()

    def _separate(self) -> None:
        if self._apart:
            return
        self._apart = True
        for each in self.endpoints:
            each.idle.keep(anything=False)
            each.close_idle()
        for each in self.endpoints:
            for connection in tuple(each.open):
                connection.doubt()

    def _come_together(self) -> None:
        self._apart = False
        for endpoint in self.endpoints:
            endpoint.idle.keep(anything=True)
        log.info(Event.UPSTREAM_TRUSTED_AGAIN, app=self.name)

    # --- the queue ----------------------------------------------------------------------------

    def _enqueue(self, receiver: Receiver, *, repeatable: bool) -> None:
        if len(self.queue) >= self.options.queue:
            self._tell_later(receiver, UpstreamOverloadedError(f"the queue of `{self.name}` is full"))
            return
        waiting = _Waiting(self, receiver, repeatable=repeatable)
        self.queue.append(waiting)
        self.deadlines.arm(waiting, self.options.queue_time)

    def gave_up(self, waiting: _Waiting) -> None:
        """Answer a request that has waited too long."""
        self.queue.remove(waiting)
        waiting.over()
        error = UpstreamOverloadedError(f"the queue of `{self.name}` is too slow")
        waiting.receiver.upstream_failed(error, unheard=False)

    def freed(self) -> None:
        """One request is over: let the first in the queue take its place."""
        self.active -= 1
        queue = self.queue
        most = self._most
        while queue and (most is None or self.active < most):
            waiting = queue.popleft()
            waiting.over()
            connection = self.take(waiting.receiver, repeatable=waiting.repeatable)
            if connection is not None:
                # Not in the callback of the request that has just left: that one has not finished yet.
                asyncio.get_running_loop().call_soon(connection.hand_over, waiting.receiver)

    # --- life ---------------------------------------------------------------------------------

    def watch(self, host: str) -> None:
        """Begin the active health checks, if any are configured. `host` is what they send as Host."""
        if self.options.health is not None:
            for endpoint in self.endpoints:
                self._watches.append(self._start(watch(endpoint, self.options.health, host)))

    def close(self) -> None:
        """Close the idle connections; one in use is closed after its request."""
        self._closed = True
        for watching in self._watches:
            watching.cancel()
        for endpoint in self.endpoints:
            endpoint.close()


def client_context(options: UpstreamSettings) -> SSLContext:
    """Return what an `https` upstream is spoken to with: verified always, TLS 1.2 and up, HTTP/1.1.

    Raises:
        OSError: the CA or the client certificate cannot be read or used.

    """
    context = create_default_context(cafile=None if options.ca is None else str(kept(options.ca)))
    context.minimum_version = TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if options.certificate is not None:
        key = None if options.key is None else str(kept(options.key))
        context.load_cert_chain(str(kept(options.certificate)), key)
    return context


def client_contexts(every: Iterable[AppSettings]) -> dict[str, SSLContext]:
    """Return, by App, what its `https` upstreams are spoken to with. Apps that say the same share one.

    Each reads files, and takes 40 ms where it reads the system's certificates: call it in a thread.

    Raises:
        OSError: a CA or client certificate cannot be read or used.

    """
    made: dict[tuple[Path | None, ...], SSLContext] = {}
    found: dict[str, SSLContext] = {}
    for app in every:
        options = app.upstream_options
        if any(read_address(url).tls for url in app.upstream):
            files = (options.ca, options.certificate, options.key)
            if files not in made:
                made[files] = client_context(options)
            found[app.name] = made[files]
    return found


def upstreams_of(
    route: Route,
    limits: TrafficSettings,
    deadlines: Deadlines,
    standing: Standing | None = None,
    tls: SSLContext | None = None,
) -> Upstreams:
    """Return the way to an App's application, as its settings describe it.

    `tls` is what its `https` upstreams are spoken to with, of `client_contexts`.

    Raises:
        ValueError: an upstream's URL is none, or the upstreams' paths differ.

    """
    app = route.app
    options = app.upstream_options
    addresses = [read_address(url) for url in app.upstream]
    if len({address.prefix for address in addresses}) != 1:
        raise ValueError(f"the upstreams of `{app.name}` have different paths")
    if tls is None and any(address.tls for address in addresses):
        raise ValueError(f"an upstream of `{app.name}` is https, and no context is given")
    endpoints = [
        Endpoint(
            str(address),
            connector(address, tls if address.tls else None, options.server_name),
            limits,
            deadlines,
            options,
        )
        for address in addresses
    ]
    return Upstreams(app.name, endpoints, limits, options, rewrite_of(route), standing)
