"""Active health checks of an App's upstreams."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import structlog

from gateway.errors import GatewayError
from gateway.observe.events import Event
from gateway.settings.settings import HealthSettings
from gateway.upstream.asyncio_application import Home
from gateway.upstream.asyncio_connect import Connect
from gateway.upstream.breaker import Breaker
from gateway.upstream.httptools_connection import UpstreamConnection
from gateway.upstream.upstream import AnswerHead, Exchanger, Headers

log = structlog.get_logger()


RETURN_CHECK = 1.0
"""Seconds between two active checks of an upstream that is unhealthy, at most."""


class Checked(Home, Protocol):
    """The upstream that a check asks."""

    address: str
    breaker: Breaker
    connect: Connect


class _Probe:
    """Receives the answer of a health check."""

    def __init__(self, status: asyncio.Future[int]) -> None:
        self._status = status

    @property
    def over(self) -> bool:
        return self._status.done()

    def _tell(self, status: int) -> None:
        if not self._status.done():
            self._status.set_result(status)

    def upstream_ready(self, connection: Exchanger) -> None:
        """Never called: the check makes its own connection."""

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:  # noqa: ARG002
        self._tell(0)

    def interim_answer(self, status: int, headers: Headers) -> None:
        """Wait for the final one."""

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:  # noqa: ARG002
        self._tell(head.status)

    def answer_goes_on(self, body: bytes) -> None:
        """The head has said enough."""

    def answer_ends(self, trailers: Headers) -> None:
        """The head has said enough."""

    def upgraded(self, headers: Headers, rest: bytes) -> None:  # noqa: ARG002
        self._tell(0)

    def tunnel_data(self, data: bytes) -> None:
        """There is no tunnel."""

    def tunnel_ends(self) -> None:
        """There is no tunnel."""

    def pause_upload(self) -> None:
        """There is no upload."""

    def resume_upload(self) -> None:
        """There is no upload."""


async def check(endpoint: Checked, settings: HealthSettings, host: str) -> bool:
    """Ask an upstream once whether it is well, on a connection of its own."""
    connection: UpstreamConnection | None = None
    try:
        async with asyncio.timeout(settings.timeout):
            _, protocol = await endpoint.connect(lambda: UpstreamConnection(endpoint))
            connection = cast("UpstreamConnection", protocol)
            status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            head = f"GET {settings.path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: sekisho\r\nConnection: close\r\n\r\n"
            probe = _Probe(status)
            # The upstream may keep the connection in spite of what we ask; the pool must not.
            if not connection.lease(probe, counted=False, last=True):
                return False
            connection.send(probe, head.encode(), is_head=False, uploading=False)
            return 200 <= await status < 400
    except (OSError, TimeoutError):
        return False
    finally:
        if connection is not None:
            connection.retire()


async def watch(endpoint: Checked, settings: HealthSettings, host: str) -> None:
    """Check an upstream for ever."""
    good = bad = 0
    while True:
        if await check(endpoint, settings, host):
            good, bad = good + 1, 0
        else:
            good, bad = 0, bad + 1
        breaker = endpoint.breaker
        if breaker.healthy and bad >= settings.unhealthy_after:
            breaker.checked(endpoint.deadlines.now, healthy=False)
            log.warning(Event.UPSTREAM_UNHEALTHY, upstream=endpoint.address)
        elif good >= settings.healthy_after and not breaker.healthy:
            breaker.checked(endpoint.deadlines.now, healthy=True)
            log.info(Event.UPSTREAM_HEALTHY, upstream=endpoint.address)
        # An unhealthy upstream is checked more often, because people wait for its return.
        await asyncio.sleep(settings.interval if breaker.healthy else min(settings.interval, RETURN_CHECK))
