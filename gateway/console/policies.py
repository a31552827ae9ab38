"""The pages of policies and applications, from values to values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.console.node import AppFacts, HeldFile, NodeFacts, WorkerState
from gateway.console.refusals import Refusals, remedy
from gateway.console.screen import Screen, moment
from gateway.console.today import SinceThen
from gateway.portal.language import Language
from gateway.yaml.mistakes import Language as PhraseLanguage

DENIALS = "sekisho_denials_total"
DIFFERENCES = "sekisho_candidate_differences_total"
"""The numbers that the page reads."""

MOST_ROWS = 100
"""Rows of one table; the command line lists all."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A count by two words."""

    first: str
    second: str
    count: int


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """An App's policy."""

    app: AppFacts
    versions: tuple[str, ...]
    """The versions by which the workers judge: one, or several while they follow a change."""
    candidates: tuple[str, ...]
    differences: tuple[Counted, ...]
    refusals: tuple[Counted, ...]


@dataclass(frozen=True, slots=True)
class UpstreamRow:
    """One address of an App's application."""

    address: str
    taking: int
    workers: int


@dataclass(frozen=True, slots=True)
class AppRow:
    """An App and its upstreams."""

    app: AppFacts
    upstreams: tuple[UpstreamRow, ...]


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """Requests that were refused for what they are."""

    app: str
    count: int
    method: str
    host: str
    place: str
    reason: str
    setting: str


def policies_page(facts: NodeFacts, workers: Sequence[WorkerState | None], today: SinceThen) -> Screen:
    """Return the page of policies."""
    there = [worker for worker in workers if worker is not None]
    rows = [_policy_row(app, there, today) for app in facts.apps]
    held: dict[str, HeldFile] = {each.file: each for worker in there for each in worker.held}
    values = {"node": facts.name, "since": moment(today.since), "rows": rows, "held": list(held.values())}
    return Screen("policies", "policies.title", values)


def _policy_row(app: AppFacts, workers: Sequence[WorkerState], today: SinceThen) -> PolicyRow:
    states = [worker.apps[app.name] for worker in workers if app.name in worker.apps]
    return PolicyRow(
        app,
        tuple(sorted({state.version for state in states})),
        tuple(sorted({state.candidate for state in states if state.candidate})),
        _counted(today, DIFFERENCES, app.name, "verdict", "reason"),
        _counted(today, DENIALS, app.name, "reason", "rule"),
    )


def _counted(today: SinceThen, name: str, app: str, first: str, second: str) -> tuple[Counted, ...]:
    found: dict[tuple[str, str], float] = {}
    for labels, value in today.numbers.each(name):
        if labels.get("app") == app and value >= 1:
            key = (labels.get(first, ""), labels.get(second, ""))
            found[key] = found.get(key, 0.0) + value
    ordered = sorted(found.items(), key=lambda row: (-row[1], row[0]))[:MOST_ROWS]
    return tuple(Counted(*key, int(count)) for key, count in ordered)


def applications_page(
    facts: NodeFacts,
    workers: Sequence[WorkerState | None],
    refused: Refusals | None,
    *,
    whole: bool,
    language: Language,
) -> Screen:
    """Return the page of applications; `refused` is `None` where there is no log to read.

    `whole`: the log was read from its beginning.
    """
    there = [worker for worker in workers if worker is not None]
    said = PhraseLanguage(language.value)
    rows = [
        RefusalRow(row.app, count, row.method, row.host, row.place, row.reason, remedy(row).say(said))
        for row, count, _ in (() if refused is None else refused.rows())
    ]
    values = {
        "node": facts.name,
        "rows": [AppRow(app, _upstreams(app.name, there)) for app in facts.apps],
        "refused": sorted(rows, key=lambda row: -row.count)[:MOST_ROWS],
        "read": refused is not None,
        "whole": whole,
        "most": MOST_ROWS,
    }
    return Screen("applications", "applications.title", values)


def _upstreams(app: str, workers: Sequence[WorkerState]) -> tuple[UpstreamRow, ...]:
    found: dict[str, list[bool]] = {}
    for worker in workers:
        for each in worker.apps[app].upstreams if app in worker.apps else ():
            found.setdefault(each.address, []).append(each.takes_requests)
    return tuple(UpstreamRow(address, sum(each), len(each)) for address, each in sorted(found.items()))
