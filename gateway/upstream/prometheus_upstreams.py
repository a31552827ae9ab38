"""Metrics of the Apps' servers: their state now, and their behaviour so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.observe.instruments import Declared, Key, Kind
from gateway.observe.metrics import Metrics
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

DECLARED: Final = (UNREACHABLE, EJECTIONS, EJECTED, OUT_OF_TURN, APART)


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
