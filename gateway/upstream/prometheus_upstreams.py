"""Metrics of the Apps' servers: their state now, and their behaviour so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.observe.instruments import Declared, Key, Kind
from gateway.observe.merge import Over
from gateway.observe.metrics import Metrics
from gateway.upstream.asyncio_upstreams import Upstreams
from gateway.upstream.standing import Standing

UNREACHABLE: Final = Declared(
    name="sekisho_upstream_unreachable",
    kind=Kind.COUNTER,
    meaning="Connections that an App's upstream refused or did not accept in time",
    labels=("app",),
)
EJECTIONS: Final = Declared(
    name="sekisho_upstream_ejections",
    kind=Kind.COUNTER,
    meaning="Times that an upstream refused connections in a row, and the App's others were asked instead",
    labels=("app",),
)
EJECTED: Final = Declared(
    name="sekisho_upstreams_ejected",
    kind=Kind.GAUGE,
    meaning="Upstreams that are ejected now, once for each worker",
    labels=("app",),
)
OUT_OF_TURN: Final = Declared(
    name="sekisho_upstream_out_of_turn",
    kind=Kind.COUNTER,
    meaning="Times that a server of the App sent bytes that belong to no request",
    labels=("app",),
)
APART: Final = Declared(
    name="sekisho_apps_apart",
    kind=Kind.GAUGE,
    meaning="Workers that use none of the App's connections twice, since one of its servers spoke out of turn",
    labels=("app",),
)

UP: Final = Declared(
    name="sekisho_upstream_up",
    kind=Kind.GAUGE,
    meaning="1 if every worker takes the App's upstream for one that accepts connections and is healthy, else 0",
    labels=("app", "upstream"),
    over=Over.SMALLEST,
)
IN_FLIGHT: Final = Declared(
    name="sekisho_upstream_in_flight",
    kind=Kind.GAUGE,
    meaning="Requests that have a connection to the App, or wait for one to be made",
    labels=("app",),
)
QUEUED: Final = Declared(
    name="sekisho_upstream_queued",
    kind=Kind.GAUGE,
    meaning="Requests in the App's queue, since as many as `concurrency` are in flight",
    labels=("app",),
)
QUEUE_SECONDS: Final = Declared(
    name="sekisho_upstream_queue_seconds",
    kind=Kind.HISTOGRAM,
    meaning="The time of requests in the queue of an App with `concurrency`, also of those that left or were given up",
    labels=("app",),
    unit="seconds",
)

DECLARED: Final = (UNREACHABLE, EJECTIONS, EJECTED, OUT_OF_TURN, APART, UP, IN_FLIGHT, QUEUED, QUEUE_SECONDS)


def show_upstreams(
    metrics: Metrics,
    standings: Callable[[], Mapping[str, Standing]],
    ejected: Callable[[], Mapping[str, float]],
    clock: Callable[[], float],
) -> None:
    """Let the metrics read these at each scrape; each is by the App's name, of which the settings have few."""

    def of_each(number: Callable[[Standing], float]) -> Callable[[], Mapping[Key, float]]:
        return lambda: {(app,): number(standing) for app, standing in standings().items()}

    metrics.show(UNREACHABLE, of_each(lambda standing: standing.unreachable))
    metrics.show(EJECTIONS, of_each(lambda standing: standing.ejections))
    metrics.show(EJECTED, lambda: {(app,): count for app, count in ejected().items()})
    metrics.show(OUT_OF_TURN, of_each(lambda standing: standing.out_of_turn))
    metrics.show(APART, of_each(lambda standing: float(standing.is_apart(clock()))))


def show_ways(metrics: Metrics, ways: Callable[[], Mapping[str, Upstreams]]) -> None:
    """Let the metrics read each App's way to its servers; the settings bound the addresses."""

    def of_each(number: Callable[[Upstreams], float]) -> Callable[[], Mapping[Key, float]]:
        return lambda: {(app,): number(way) for app, way in ways().items()}

    metrics.show(
        UP,
        lambda: {
            (app, each.address): float(each.breaker.is_up) for app, way in ways().items() for each in way.endpoints
        },
    )
    metrics.show(IN_FLIGHT, of_each(lambda way: way.active))
    metrics.show(QUEUED, of_each(lambda way: len(way.queue)))
