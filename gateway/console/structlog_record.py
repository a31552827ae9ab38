"""Writes down each action of an operator: the one function through which every action of the console goes."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from gateway.observe.events import Event

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Deed:
    """One action of an operator, done or attempted."""

    operator: str
    action: str
    object: str
    """The thing that it was done to: a person by pseudonym or code alone, never a claim."""
    reason: str
    outcome: str
    """`done`, `nothing` (there was nothing to do it to), or an error's code."""
    count: int | None = None
    """The number of sessions or entries, where there is one."""


def record(deed: Deed) -> None:
    """Write down what an operator did."""
    _log.info(
        Event.OPERATOR_ACTED,
        operator=deed.operator,
        action=deed.action,
        object=deed.object,
        reason=deed.reason,
        outcome=deed.outcome,
        **({} if deed.count is None else {"count": deed.count}),
    )
