"""Times as people say them: a length in minutes or hours, a day with its weekday, a birthdate with its era.

The words are sentences of the catalogue (`time.…`), so that each language has its own order. No page gives a number of
seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import ceil

from gateway.identity import Birthdate
from gateway.instant import Instant, tokyo_time
from gateway.portal.language import Language
from gateway.portal.messages import message

_ERAS = (
    (date(2019, 5, 1), "reiwa"),
    (date(1989, 1, 8), "heisei"),
    (date(1926, 12, 25), "showa"),
    (date(1912, 7, 30), "taisho"),
    (date(1868, 1, 1), "meiji"),
)
"""The first day of each era, and its key in the catalogue, the newest first. A card names none before."""

_MINUTES_UP_TO = 90
_HOURS_UP_TO = 48


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as a person in Japan says it, and as a machine reads it."""

    text: str
    machine: str


def span(seconds: float, language: Language) -> str:
    """Return a length of time: whole minutes, then hours, then days, rounded up."""
    minutes = max(1, ceil(seconds / 60))
    if minutes <= _MINUTES_UP_TO:
        return message(language, "time.minute" if minutes == 1 else "time.minutes", count=minutes)
    hours = ceil(minutes / 60)
    if hours <= _HOURS_UP_TO:
        return message(language, "time.hours", count=hours)
    return message(language, "time.days", count=ceil(hours / 24))


def moment(instant: Instant, now: Instant, language: Language) -> Moment:
    """Return a moment with its day, unless it is today, and with its year, unless it is this one."""
    at, today = tokyo_time(instant), tokyo_time(now)
    clock = message(language, "time.clock" if at.minute else "time.hour", hour=at.hour, minute=f"{at.minute:02d}")
    key = "time.today" if at.date() == today.date() else "time.day" if at.year == today.year else "time.day_of_year"
    text = message(
        language,
        key,
        year=at.year,
        month=message(language, f"time.month_{at.month}"),
        day=at.day,
        weekday=message(language, f"time.weekday_{at.weekday()}"),
        clock=clock,
    )
    return Moment(text, at.isoformat(timespec="minutes"))


def about(instant: Instant, now: Instant, language: Language) -> Moment:
    """Return a planned moment to the hour, rounded up, for what may end a little earlier or later."""
    hour = 3_600
    return moment(ceil(instant / hour) * hour, now, language)


def birthdate(born: Birthdate, language: Language) -> str:
    """Return a date of birth with the year of the era, as forms of authorities have it; unknown parts are left out."""
    era = _era(born)
    names: dict[str, object] = {"year": born.year, "era": "" if era is None else _era_year(era, born.year, language)}
    kind = "born" if era is not None else "born_plain"
    if born.month is None:
        return message(language, f"time.{kind}_year", **names)
    names["month"] = message(language, f"time.month_{born.month}")
    if born.day is None:
        return message(language, f"time.{kind}_month", **names)
    return message(language, f"time.{kind}", day=born.day, **names)


def _era(born: Birthdate) -> tuple[date, str] | None:
    """Return the era that every reading of a birthdate falls in; `None` if there are two, or none."""
    found = {next((era for era in _ERAS if era[0] <= day), None) for day in (born.earliest, born.latest)}
    return found.pop() if len(found) == 1 else None


def _era_year(era: tuple[date, str], year: int, language: Language) -> str:
    begun, name = era
    number = year - begun.year + 1
    return message(language, f"time.era_{name}", year=message(language, "time.first_year") if number == 1 else number)
