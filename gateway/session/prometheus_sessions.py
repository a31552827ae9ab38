"""Metrics of a worker's sessions: their state now, and what has happened to them so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.observe.instruments import Declared, Kind
from gateway.observe.metrics import Metrics
from gateway.session.redis_sessions import SessionsStatus

TRUSTED: Final = Declared(
    name="sekisho_sessions_trusted",
    kind=Kind.GAUGE,
    meaning="Workers that Redis tells of changes, and that answer from memory",
)
STORE_ANSWERS: Final = Declared(
    name="sekisho_session_store_answers",
    kind=Kind.GAUGE,
    meaning="Workers that reach the session store: their circuit is closed",
)
REMEMBERED: Final = Declared(
    name="sekisho_sessions_remembered",
    kind=Kind.GAUGE,
    meaning="Sessions in workers' memory; a session that two workers remember counts twice",
)
STREAMS: Final = Declared(
    name="sekisho_streams", kind=Kind.GAUGE, meaning="Open WebSockets and event streams of sessions"
)
LOOKUPS: Final = Declared(
    name="sekisho_session_lookups",
    kind=Kind.COUNTER,
    meaning="Tickets that memory did not know, by the answer of the store; `unavailable` counts each request that was"
    " refused for its want, also while the store is not asked",
    labels=("result",),
    closed={"result": ("found", "gone", "unavailable")},
)
EPOCHS: Final = Declared(
    name="sekisho_session_epochs",
    kind=Kind.COUNTER,
    meaning="Restarts of the connection on which Redis tells of changes",
)
STALE: Final = Declared(
    name="sekisho_sessions_stale_served",
    kind=Kind.COUNTER,
    meaning="Requests that passed from memory while the store was away",
)
UNOPENED: Final = Declared(
    name="sekisho_sessions_unopened",
    kind=Kind.COUNTER,
    meaning="Records that no secret opened, since it was retired or the record was changed",
)
OUTAGES: Final = Declared(
    name="sekisho_session_store_outages",
    kind=Kind.COUNTER,
    meaning="Times that workers stopped asking the store because it failed",
)

WENT_BACK: Final = Declared(
    name="sekisho_session_store_went_back",
    kind=Kind.COUNTER,
    meaning="Times that the node found an older state in Redis, as after a restored dump, and ended every session",
)

DECLARED: Final = (TRUSTED, STORE_ANSWERS, REMEMBERED, STREAMS, LOOKUPS, EPOCHS, STALE, UNOPENED, OUTAGES, WENT_BACK)


def show_sessions(metrics: Metrics, status: Callable[[], SessionsStatus]) -> None:
    """Let the metrics read `status` at each scrape: nothing is counted twice, and a request counts nothing."""

    def lookups() -> dict[tuple[str, ...], float]:
        now = status()
        return {("found",): now.found, ("gone",): now.gone, ("unavailable",): now.unavailable}

    metrics.show(TRUSTED, lambda: {(): float(status().trusted)})
    metrics.show(STORE_ANSWERS, lambda: {(): float(status().store_answers)})
    metrics.show(REMEMBERED, lambda: {(): status().remembered})
    metrics.show(STREAMS, lambda: {(): status().streams})
    metrics.show(LOOKUPS, lookups)
    metrics.show(EPOCHS, lambda: {(): status().epochs})
    metrics.show(STALE, lambda: {(): status().stale})
    metrics.show(UNOPENED, lambda: {(): status().unopened})
    metrics.show(OUTAGES, lambda: {(): status().outages})
