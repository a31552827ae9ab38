"""The page of the audit trail, from values to values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from gateway.audit.entry import Action
from gateway.audit.entry import moment as moment_of
from gateway.audit.search import CHAIN, Query, cell_of
from gateway.console.node import NodeFacts
from gateway.console.screen import Moment, Screen, moment
from gateway.instant import start_of
from gateway.request.support import fold_support

MOST_SHOWN = 200
"""Entries on one page. The command line shows all of them."""

_TEXTS = ("app", "rule", "pseudonym", "operator", "action", "request_id")


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """The entries that an operator looks for, and the days as she wrote them."""

    query: Query = field(default_factory=Query)
    since_day: str = ""
    until_day: str = ""


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry on a page."""

    time: Moment | None
    node: str
    who: str
    action: str
    outcome: str
    about: str
    why: str
    count: str
    request_id: str


def search_of(form: Mapping[str, str]) -> AuditSearch | None:
    """Return what a form looks for; `None` where a day or a number is none. Days are days in Japan, both included."""
    days: dict[str, date | None] = {}
    for name in ("since", "until"):
        text = form.get(name, "").strip()
        try:
            days[name] = date.fromisoformat(text) if text else None
        except ValueError:
            return None
    since, until = days["since"], days["until"]
    try:
        end = None if until is None else start_of(until + timedelta(days=1))
        begin = None if since is None else start_of(since)
    except (OverflowError, ValueError):
        return None
    texts = {name: form.get(name, "").strip() for name in _TEXTS}
    support = form.get("support", "").strip()
    number = fold_support(support)
    if support and number is None:
        return None
    written = ["" if day is None else day.isoformat() for day in (since, until)]
    return AuditSearch(Query(begin, end, **texts, support=number or ""), *written)


def audit_page(
    facts: NodeFacts, search: AuditSearch | None = None, found: Sequence[Mapping[str, Any]] = (), *, more: bool = False
) -> Screen:
    """Return the page with the form, and the entries that were found for it."""
    values = {
        "node": facts.name,
        "there": facts.trail is not None,
        "apps": [app.name for app in facts.apps],
        "actions": [action.value for action in Action if action not in CHAIN],
        "search": search or AuditSearch(),
        "asked": search is not None,
        "rows": [_row(fields) for fields in found],
        "more": more,
        "most": MOST_SHOWN,
    }
    return Screen("audit", "audit.title", values)


def _row(fields: Mapping[str, Any]) -> EntryRow:
    operators = [cell_of(fields.get(name)) for name in ("operator", "user", "sudo_user")]
    people = [*dict.fromkeys(filter(None, operators)), cell_of(fields.get("pseudonym"))]
    about = [cell_of(fields.get(name)) for name in ("app", "rule", "policy_version", "object", "client_id")]
    why = [cell_of(fields.get(name)) for name in ("verdict", "conditions", "reasons", "names", "reason")]
    return EntryRow(
        _time_of(fields),
        cell_of(fields.get("node")),
        " / ".join(filter(None, people)),
        cell_of(fields.get("action")),
        cell_of(fields.get("outcome")),
        " ".join(filter(None, about)),
        " ".join(dict.fromkeys(filter(None, why))),
        cell_of(fields.get("count")),
        cell_of(fields.get("request_id")),
    )


def _time_of(fields: Mapping[str, Any]) -> Moment | None:
    try:
        return moment(moment_of(str(fields.get("time"))))
    # A line that somebody else wrote may name a moment that no clock in Japan shows.
    except (OverflowError, ValueError):
        return None
