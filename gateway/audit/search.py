"""Finds entries of the audit trail, and writes them as tables for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.audit.entry import Action, moment
from gateway.instant import Instant
from gateway.request.support import support_number

CHAIN: frozenset[str] = frozenset({Action.CHECKPOINT, Action.SEGMENT_OPENED, Action.SEGMENT_CLOSED})
"""Lines about the trail itself."""

COLUMNS = (
    *("time", "node", "writer", "segment", "sequence", "action", "outcome", "operator", "user", "sudo_user"),
    *("pseudonym", "app", "rule", "policy_version", "verdict", "reasons", "conditions", "request_id", "object"),
    *("client_id", "names", "count", "reason", "hash"),
)
"""The columns of a table, in their order."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""The signs at the beginning of a cell that a spreadsheet takes for a formula."""


@dataclass(frozen=True, slots=True)
class Query:
    """The entries that are looked for. An empty part restricts nothing."""

    since: Instant | None = None
    until: Instant | None = None
    app: str = ""
    rule: str = ""
    """`policy/rule`, or the name of a policy for all its rules."""
    pseudonym: str = ""
    operator: str = ""
    """A name the operator gave, the user of the machine, or the one whom sudo names."""
    action: str = ""
    request_id: str = ""
    support: str = ""
    """The number that a person has read out, as her page showed it: `K7QM-2XHD`."""

    def fits(self, fields: Mapping[str, Any]) -> bool:
        """Say whether an entry is one of those."""
        # A line that somebody else wrote may have any value there.
        action = str(fields.get("action"))
        if action in CHAIN and action != self.action:
            return False
        if self.operator and self.operator not in (fields.get(name) for name in ("operator", "user", "sudo_user")):
            return False
        rule = str(fields.get("rule", ""))
        if self.rule and self.rule not in (rule, rule.partition("/")[0]):
            return False
        for name in ("app", "pseudonym", "action", "request_id"):
            wanted = getattr(self, name)
            if wanted and fields.get(name) != wanted:
                return False
        return self._in_time(fields) and self._of_number(fields.get("request_id"))

    def _of_number(self, request_id: object) -> bool:
        return not self.support or (isinstance(request_id, str) and support_number(request_id) == self.support)

    def _in_time(self, fields: Mapping[str, Any]) -> bool:
        if self.since is None and self.until is None:
            return True
        try:
            at = moment(str(fields.get("time")))
        except (OverflowError, ValueError):
            return False
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


def csv_line(cells: list[str]) -> str:
    """Return one line of CSV (RFC 4180), without its end. No cell of it is a formula to a spreadsheet."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow([guarded(cell) for cell in cells])
    return text.getvalue()


def guarded(cell: str) -> str:
    """Return a cell that a spreadsheet shows and does not compute: an operator's reason may begin with `=`."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULAS) else cell


def cells_of(fields: Mapping[str, Any]) -> list[str]:
    """Return an entry as the cells of a table."""
    return [cell_of(fields.get(column)) for column in COLUMNS]


def cell_of(value: object) -> str:
    """Return the value of a field as people read it in one place; empty for none."""
    match value:
        case None:
            return ""
        case list():
            return " ".join(str(each) for each in value)
        case dict():
            return " ".join(f"{name}={answer}" for name, answer in value.items())
        case _:
            return str(value)


def told(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Return an entry as the fields of a line on a terminal: the moment, who, what, and why."""
    person = str(fields.get("pseudonym", ""))
    operators = [str(fields[name]) for name in ("operator", "user", "sudo_user") if fields.get(name)]
    about = [str(fields[name]) for name in ("app", "rule", "object", "client_id") if fields.get(name)]
    why = [cell_of(fields.get(name)) for name in ("verdict", "conditions", "reasons", "names", "reason")]
    return (
        str(fields.get("time", "")),
        str(fields.get("node", "")),
        "/".join(dict.fromkeys(operators)) or person or "-",
        str(fields.get("action", "")),
        str(fields.get("outcome", "")),
        person if operators else "",
        " ".join(about),
        " ".join(dict.fromkeys(each for each in why if each)),
        "" if fields.get("count") is None else str(fields["count"]),
        str(fields.get("request_id", "")),
    )
