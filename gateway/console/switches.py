"""The page of switches, from values to values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.console.node import NodeFacts
from gateway.console.screen import Moment, Screen, moment
from gateway.instant import Instant
from gateway.language import Language
from gateway.policy.switches import LONGEST_MESSAGE, Switch
from gateway.settings.typed import duration_of

LENGTHS = ("30m", "1h", "2h", "4h", "8h", "24h", "72h", "7d")
"""The times for which a page turns a switch on. The command line takes any."""

MESSAGES = (Language.JA, Language.EASY, Language.EN)
"""The languages of the words that people read while an App is closed."""


@dataclass(frozen=True, slots=True)
class SwitchRow:
    """One switch that is on."""

    name: str
    since: Moment
    until: Moment
    minutes: int
    by: str
    reason: str
    message: Mapping[str, str]
    """The words that people read, by language."""


def length_of(text: str) -> float | None:
    """Return the seconds of a time that the page offers, or `None` for any other."""
    return duration_of(text) if text in LENGTHS else None


def switches_page(facts: NodeFacts, on: Mapping[str, Switch] | None, now: Instant) -> Screen:
    """Return the page; `on` is `None` where the file cannot be read."""
    closing = {app.closing_switch: app.name for app in facts.apps}
    rows = [
        SwitchRow(
            name,
            moment(each.since),
            moment(each.until),
            max(0, round((each.until - now) / 60)),
            each.by,
            each.reason,
            each.message,
        )
        for name, each in sorted((on or {}).items())
    ]
    choices = [(name, closing.get(name, "")) for name in facts.switches]
    values = {
        "node": facts.name,
        "readable": on is not None,
        "rows": rows,
        "choices": choices,
        "lengths": LENGTHS,
        "messages": [each.value for each in MESSAGES],
        "longest_message": LONGEST_MESSAGE,
    }
    return Screen("switches", "switches.title", values)
