"""Age as the law counts it (年齢計算ニ関スル法律, 民法143条), and the days it changes on.

A person reaches an age at the end of the eve of her birthday (達する日, day D below).
"N歳以上" depends on the day it counts
from: see `CountedFrom`. Days are days in Asia/Tokyo; the caller brings today.

A birthdate with unknown parts (生年月日不詳) decides only what every reading of it decides.
A birthdate after today, or before 1800, belongs to no living person and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from gateway.identity import EARLIEST_YEAR, Birthdate
from gateway.policy.verdict import Truth

HIGHEST_AGE = 150
"""Years; an age above it in a policy is a slip."""

_APRIL = 4
_ONE_DAY = timedelta(days=1)


class CountedFrom(StrEnum):
    """From which day on a person counts as being of an age. D is the eve of the birthday."""

    BIRTHDAY = "birthday"
    """The birthday itself, D + 1 day: N歳以上, N歳未満, N歳に達したとき."""
    EVE = "eve"
    """D: N歳に達した日 (介護保険), the vote (公職選挙法)."""
    MONTH = "month"
    """The first of D's month (Tokyo シルバーパス): a person born on the 1st counts a month earlier."""
    BIRTH_MONTH = "birth_month"
    """The first of the birthday's month, as the calendar has it: 誕生月の初日."""
    NEXT_MONTH = "next_month"
    """The first of the month after D's month: 誕生日の翌月1日（1日生まれの方はその月）."""
    FISCAL_YEAR = "fiscal_year"
    """1 April of D's fiscal year: その年度にN歳になる."""
    NEXT_APRIL = "next_april"
    """The 1 April after D: N歳に達する日以後の最初の3月31日まで, 学年."""


def eve_of(birthday: date, years: int) -> date:
    """Return D, the day on which somebody born on `birthday` reaches an age.

    Somebody born on 29 February reaches every age on 28 February (民法143条2項).
    """
    year = birthday.year + years
    if (birthday.month, birthday.day) == (2, 29):
        return date(year, 2, 28)
    return date(year, birthday.month, birthday.day) - _ONE_DAY


def first_day(birthday: date, years: int, counted_from: CountedFrom) -> date:
    """Return the first day on which somebody born on `birthday` counts as `years` old."""
    eve = eve_of(birthday, years)
    match counted_from:
        case CountedFrom.BIRTHDAY:
            return eve + _ONE_DAY
        case CountedFrom.EVE:
            return eve
        case CountedFrom.MONTH:
            return eve.replace(day=1)
        case CountedFrom.BIRTH_MONTH:
            return date(birthday.year + years, birthday.month, 1)
        case CountedFrom.NEXT_MONTH:
            return (eve.replace(day=28) + timedelta(days=4)).replace(day=1)
        case CountedFrom.FISCAL_YEAR:
            return date(eve.year if eve.month >= _APRIL else eve.year - 1, _APRIL, 1)
        case CountedFrom.NEXT_APRIL:
            return date(eve.year + 1 if eve.month >= _APRIL else eve.year, _APRIL, 1)


def readings(birthdate: Birthdate, today: date) -> tuple[date, date] | None:
    """Return the first and last day a birthdate can mean for somebody alive today, or `None`."""
    earliest = birthdate.earliest
    if earliest > today or earliest.year < EARLIEST_YEAR:
        return None
    return earliest, min(birthdate.latest, today)


@dataclass(frozen=True, slots=True)
class Answer:
    """A truth, and the first day on which the same person may hear another; `None`: never."""

    truth: Truth
    changes: date | None = None


@dataclass(frozen=True, slots=True)
class AgeRange:
    """At least so old and below so old; a bound that is `None` is open."""

    at_least: int | None = None
    below: int | None = None
    counted_from: CountedFrom = CountedFrom.BIRTHDAY

    def of(self, birthdate: Birthdate | None, today: date) -> Answer:
        """Say whether somebody is of that age today."""
        if birthdate is None:
            return Answer(Truth.UNKNOWN)
        span = readings(birthdate, today)
        if span is None:
            return Answer(Truth.UNKNOWN, birthdate.earliest if birthdate.earliest > today else None)
        old_enough = _yes_from(self.at_least, span, self.counted_from, today)
        too_old = Answer(Truth.NO) if self.below is None else _yes_from(self.below, span, self.counted_from, today)
        changes = [turn for turn in (old_enough.changes, too_old.changes) if turn is not None]
        if birthdate.latest > today:
            # Tomorrow there is one more day on which this person can have been born.
            changes.append(today + _ONE_DAY)
        # No reading makes both bounds unknown and the range impossible: `parse` sees to it that the
        # range is not empty, so between its two ends lies a reading inside it.
        if Truth.NO is old_enough.truth or Truth.YES is too_old.truth:
            truth = Truth.NO
        elif Truth.UNKNOWN in (old_enough.truth, too_old.truth):
            truth = Truth.UNKNOWN
        else:
            truth = Truth.YES
        return Answer(truth, min(changes, default=None))


@dataclass(frozen=True, slots=True)
class AgeOneOf:
    """Of one of several ages: 40歳・45歳・50歳の節目."""

    ages: frozenset[int]
    counted_from: CountedFrom = CountedFrom.BIRTHDAY

    def of(self, birthdate: Birthdate | None, today: date) -> Answer:
        """Say whether somebody is of one of the ages today."""
        answers = [AgeRange(years, years + 1, self.counted_from).of(birthdate, today) for years in sorted(self.ages)]
        truths = {answer.truth for answer in answers}
        truth = Truth.YES if Truth.YES in truths else Truth.UNKNOWN if Truth.UNKNOWN in truths else Truth.NO
        changes = [answer.changes for answer in answers if answer.changes is not None]
        return Answer(truth, min(changes, default=None))


Ages = AgeRange | AgeOneOf


def on_day(ages: Ages, birthdate: Birthdate | None, day: date, today: date) -> Answer:
    """Say whether somebody is of that age on a stated day: 2027年4月11日の時点で満18歳以上. It never changes.

    A birthdate that is still to come is no living person's on any day.
    """
    if birthdate is None or birthdate.earliest > today:
        return Answer(Truth.UNKNOWN, None if birthdate is None else birthdate.earliest)
    return Answer(ages.of(birthdate, day).truth)


def _yes_from(years: int | None, span: tuple[date, date], counted_from: CountedFrom, today: date) -> Answer:
    """Say whether somebody born within `span` counts as `years` old: later born, later of age."""
    if years is None:
        return Answer(Truth.YES)
    earliest, latest = (first_day(born, years, counted_from) for born in span)
    if today < earliest:
        return Answer(Truth.NO, earliest)
    if today < latest:
        return Answer(Truth.UNKNOWN, latest)
    return Answer(Truth.YES)


@dataclass(frozen=True, slots=True)
class BornRange:
    """Born from one day until another, both included; a bound that is `None` is open."""

    since: date | None = None
    until: date | None = None

    def of(self, birthdate: Birthdate | None) -> Truth:
        """Say whether somebody was born then. It never changes."""
        if birthdate is None or birthdate.earliest.year < EARLIEST_YEAR:
            return Truth.UNKNOWN
        earliest, latest = birthdate.earliest, birthdate.latest
        if (self.since is not None and latest < self.since) or (self.until is not None and earliest > self.until):
            return Truth.NO
        if (self.since is None or earliest >= self.since) and (self.until is None or latest <= self.until):
            return Truth.YES
        return Truth.UNKNOWN


def age_on(birthdate: Birthdate | None, today: date) -> int | None:
    """Return the age in years by the birthday, or `None` where not every reading agrees."""
    span = None if birthdate is None else readings(birthdate, today)
    if span is None:
        return None
    oldest, youngest = (_completed_years(born, today) for born in span)
    return oldest if oldest == youngest else None


def next_birthday(birthdate: Birthdate | None, today: date) -> date | None:
    """Return the next day on which `age_on` can change; `None`: never."""
    if birthdate is None or readings(birthdate, today) is None:
        return None
    if birthdate.latest > today:
        return today + _ONE_DAY
    return min(
        first_day(born, _completed_years(born, today) + 1, CountedFrom.BIRTHDAY)
        for born in {birthdate.earliest, birthdate.latest}
    )


def _completed_years(born: date, today: date) -> int:
    years = today.year - born.year
    return years if today >= first_day(born, years, CountedFrom.BIRTHDAY) else years - 1
