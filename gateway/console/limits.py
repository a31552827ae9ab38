"""The pages of limits, from values to values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from gateway.console.screen import Moment, Screen, moment
from gateway.limits.limits import Entry
from gateway.policy.subject_code import show_code


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry of a limit on a page."""

    policy: str
    limit: str
    period: str
    state: str
    since: Moment | None
    token: str


def entry_token(entry: Entry) -> str:
    """Return a name for an entry in a form. A number would name another entry once one before it is gone."""
    use = entry.use
    text = f"{use.policy}\0{use.limit}\0{use.period}\0{use.code}\0{entry.id}"
    return sha256(b"sekisho.console.entry.v1:" + text.encode()).hexdigest()


def limits_page(code: str = "", entries: Sequence[Entry] = (), *, there: bool) -> Screen:
    """Return the page with the form, and the entries of the person with this code. `there`: there is a store."""
    rows = [
        EntryRow(
            each.use.policy,
            each.use.limit,
            each.use.period,
            each.state.value,
            moment(each.since) if each.since else None,
            entry_token(each),
        )
        for each in entries
    ]
    values = {"code": show_code(code) if code else "", "rows": rows, "there": there}
    return Screen("limits", "limits.title", values)
