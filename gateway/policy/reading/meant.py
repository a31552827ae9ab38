"""Finds what an author meant by a day, a time or a number in another form than a policy's.

和暦, Chinese numerals, full-width digits, units behind a number, Excel's serial numbers: each has one meaning or a
reason why it has none. Nothing here accepts another form; a message shows the form to write.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta
from ipaddress import ip_address, ip_network, summarize_address_range
from unicodedata import normalize

from gateway.policy.calendar import WEEKDAYS
from gateway.policy.numerals import NUMERALS, number_of
from gateway.yaml.mistakes import Phrase
from gateway.yaml.slips import without_dashes, without_unseen_signs

_ERAS = {
    "明治": ("M", date(1868, 1, 25), date(1912, 7, 29)),
    "大正": ("T", date(1912, 7, 30), date(1926, 12, 24)),
    "昭和": ("S", date(1926, 12, 25), date(1989, 1, 7)),
    "平成": ("H", date(1989, 1, 8), date(2019, 4, 30)),
    "令和": ("R", date(2019, 5, 1), date.max),
}
"""For each era: its letter, its first day and its last."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)


def day_of(text: str) -> date | None:
    """Return the day a text means in the form of a policy, 2026-04-01, or `None`."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def era_day(day: date) -> str:
    """Return a day by the year of its era, as papers of authorities have it: 昭和61年4月1日."""
    for era, (_, first, last) in _ERAS.items():
        if first <= day <= last:
            year = day.year - first.year + 1
            return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    return f"{day.year}年{day.month}月{day.day}日"


# --- one form for all ----------------------------------------------------------------


def _plain(text: str) -> str:
    """Return a text with half-width signs, plain hyphens, Arabic digits, and no space."""
    half = without_dashes(normalize("NFKC", without_unseen_signs(text)))
    half = re.sub(r"(?<!\d)(\d{4})\s+(\d{1,2})\s+(\d{1,2})(?!\d)", r"\1-\2-\3", half, flags=re.ASCII)
    digits = re.sub(rf"[{NUMERALS}]+", lambda numerals: str(number_of(numerals[0])), half)
    return re.sub(r"\s", "", digits)


_UNCERTAIN = re.compile("[以~〜≧≥>=未頃]|(?<!午)前|から|より|まで|時点|付|現在")


def is_certain(text: str) -> bool:
    """Say whether a text is a value and nothing more: 18歳以上 and 4月1日まで say where a period begins or ends."""
    return _UNCERTAIN.search(normalize("NFKC", text)) is None


_WEEKDAY = re.compile(rf"\(([{WEEKDAYS}])(?:曜日?)?(?:・?祝日?)?\)$|([{WEEKDAYS}])曜日?$")
_AROUND = re.compile(r"(?:西暦)?(.+?)(?:以前|以後|以降|から|より|まで|時点|付け?|現在|[~〜])?$")
_ERA = r"(?:(明治|大正|昭和|平成|令和|[明大昭平令]|[MTSHR])\.?(元|\d{1,2})|(\d{4}))"
_WHOLE = re.compile(rf"{_ERA}[年./-](\d{{1,2}})[月./-](\d{{1,2}}|末)日?", re.IGNORECASE | re.ASCII)
_EIGHT_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_MONTH_DAY = re.compile(r"(\d{1,2})[月./](\d{1,2})日?", re.ASCII)
_DASHED_MONTH_DAY = re.compile(r"(\d{1,2})-(\d{1,2})", re.ASCII)
_ENGLISH = re.compile(
    r"([a-z]{3,9})\.?(\d{1,2})(?:st|nd|rd|th)?,?(\d{4})|(\d{1,2})(?:st|nd|rd|th)?([a-z]{3,9})\.?,?(\d{4})"
)
_FISCAL_YEAR = re.compile(rf"{_ERA}年?度", re.IGNORECASE | re.ASCII)
_MONTH = re.compile(rf"{_ERA}[年./-](\d{{1,2}})月?", re.IGNORECASE | re.ASCII)
_MONTH_FIRST = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", re.ASCII)
_TWO_DIGITS = re.compile(r"(\d{2})[/.-](\d{1,2})[/.-](\d{1,2})", re.ASCII)
_SERIAL = re.compile(r"(\d{5})(?:\.\d+)?", re.ASCII)

_SERIAL_ZERO = date(1899, 12, 30)
_SERIAL_ZERO_1904 = date(1904, 1, 1)
"""The days that Excel counts from; from 1900 it counts a 29 February that never was."""


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The year of a text, and the era that says so."""

    year: int
    era: tuple[date, date] | None
    name: str


def _year(era: str | None, count: str | None, western: str | None) -> _Numbers:
    if western is not None:
        return _Numbers(int(western), None, "")
    letter = era or ""
    name, (_, first, last) = next(
        (name, bounds) for name, bounds in _ERAS.items() if letter in (name, name[0]) or letter.upper() == bounds[0]
    )
    return _Numbers(first.year - 1 + (1 if count == "元" else int(count or 0)), (first, last), name)


def _last_of(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


def _stripped(text: str) -> tuple[str, str]:
    """Return the part of a text that can be a day, and the day of the week that stands behind it."""
    plain = _plain(text)
    around = _AROUND.fullmatch(plain)
    plain = plain if around is None else around[1]
    weekday = _WEEKDAY.search(plain)
    if weekday is None:
        return plain, ""
    return plain[: weekday.start()], weekday[1] or weekday[2]


_YEARS_END = re.compile(rf"{_ERA}年?度末日?", re.IGNORECASE | re.ASCII)
_MONTHS_END = re.compile(r"(\d{1,2})月末日?", re.ASCII)
_LONGEST_MONTHS = frozenset({1, 3, 5, 7, 8, 10, 12})
_FEBRUARY = 2


def _end_of(plain: str) -> str:
    """Return the last day of a fiscal year or of a month of every year (令和8年度末, 5月末); empty: there is none."""
    if (found := _YEARS_END.fullmatch(plain)) is not None:
        return _fiscal_years_end(_year(found[1], found[2], found[3]))
    if (found := _MONTHS_END.fullmatch(plain)) is not None and (month := int(found[1])) in range(1, 13):
        # The end of February is another day in a leap year, so it has none of every year.
        return "" if month == _FEBRUARY else f"{month:02}-{31 if month in _LONGEST_MONTHS else 30}"
    return ""


def _fiscal_years_end(numbers: _Numbers) -> str:
    """Return the last day of a fiscal year that shares a day with its era; empty: the calendar or the era has none."""
    begun, end = day_of(f"{numbers.year:04}-04-01"), day_of(f"{numbers.year + 1:04}-03-31")
    if begun is None or end is None:
        return ""
    within = numbers.era is None or (numbers.era[0] <= end and begun <= numbers.era[1])
    return end.isoformat() if within else ""


def meant_day(text: str) -> str:
    """Return a day as a policy writes it, of a text in another form: 令和八年12月1日, R8.12.1, 2026/12/1(火), 12月1日.

    Empty: the text means no day, or not one alone. An era counts its own days alone: 昭和70年 is none.
    """
    plain, weekday = _stripped(text)
    day = _whole_day(plain)
    if day is not None:
        return "" if weekday and WEEKDAYS[day.weekday()] != weekday else day.isoformat()
    plain = plain.removeprefix("毎年")
    found = _MONTH_DAY.fullmatch(plain) or _DASHED_MONTH_DAY.fullmatch(plain)
    if found is not None and not weekday and day_of(f"2024-{found[1]}-{found[2]}") is not None:
        return f"{int(found[1]):02}-{int(found[2]):02}"
    return _end_of(plain)


def _whole_day(plain: str) -> date | None:
    """Return the day with a year that a plain text means, within its era."""
    if (found := _WHOLE.fullmatch(plain)) is not None:
        numbers = _year(found[1], found[2], found[3])
        month = int(found[4])
        if found[5] == "末":
            day = _last_of(numbers.year, month) if 1 <= month <= 12 and numbers.year >= MINYEAR else None
        else:
            day = day_of(f"{numbers.year:04}-{found[4]}-{found[5]}")
        within = day is not None and (numbers.era is None or numbers.era[0] <= day <= numbers.era[1])
        return day if within else None
    if (found := _EIGHT_DIGITS.fullmatch(plain)) is not None:
        return day_of("-".join(found.groups()))
    if (found := _ENGLISH.fullmatch(plain.lower())) is not None:
        name, number, year = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
        month = next((at for at, short in enumerate(_MONTHS, 1) if name.startswith(short)), 0)
        return day_of(f"{year}-{month}-{number}")
    return None


# --- why a text is no day -------------------------------------------------------------


def why_no_day(text: str) -> tuple[Phrase, Phrase]:
    """Return the reason for which a text is not a day, and the remedy, where `meant_day` finds none."""
    timed = _TIMED.fullmatch(normalize("NFKC", text).strip())
    if timed is not None and (why := why_no_day(timed[1]))[0].en.startswith(f"`{timed[1]}` is not a day: "):
        return why
    plain, weekday = _stripped(text)
    for reason in (_wrong_weekday, _no_such_day, _no_day_alone, _excels_day):
        found = reason(text, plain, weekday)
        if found is not None:
            return found
    return (
        Phrase(f"`{text}` is not a day", f"`{text}` という日はありません"),
        Phrase("write it as `2026-04-01`", "`2026-04-01` のように書いてください"),
    )


def _wrong_weekday(text: str, plain: str, weekday: str) -> tuple[Phrase, Phrase] | None:
    day = _whole_day(plain) if weekday else None
    if day is None:
        return None
    right = WEEKDAYS[day.weekday()]
    return (
        Phrase(
            f"`{text}` is not a day: {day} is a {right}", f"`{text}` という日はありません（{day} は{right}曜日です）"
        ),
        Phrase("compare it with the notice, and write the day alone", "要綱と見比べ、日付だけを書いてください"),
    )


def _no_such_day(text: str, plain: str, _: str) -> tuple[Phrase, Phrase] | None:
    """A month or a day that the calendar has not, or a year that the era has not."""
    found = _WHOLE.fullmatch(plain) or re.fullmatch(r"()()(\d{4})(\d{2})(\d{2})", plain, re.ASCII)
    if found is None or found[5] == "末":
        return None
    numbers, month = _year(found[1] or None, found[2] or None, found[3] or None), int(found[4])
    if not 1 <= month <= 12:
        return (
            Phrase(
                f"`{text}` is not a day: there is no month {month}",
                f"`{text}` という日はありません（{month}月はありません）",
            ),
            Phrase("write a month from 1 to 12", "月は 1 から 12 で書いてください"),
        )
    if not MINYEAR <= numbers.year <= MAXYEAR:
        return None
    day = day_of(f"{numbers.year:04}-{month}-{found[5]}")
    if day is None:
        last = _last_of(numbers.year, month)
        return (
            Phrase(
                f"`{text}` is not a day: {last:%Y-%m} has {last.day} days",
                f"`{text}` という日はありません（{last.year}年{last.month}月は{last.day}日までです）",
            ),
            Phrase(f"write a day up to `{last}`", f"`{last}` までの日を書いてください"),
        )
    if numbers.era is None:
        return None
    first, last = numbers.era
    ended = last != date.max
    return (
        Phrase(
            f"`{text}` is not a day: {numbers.name} began on {first}" + (f" and ended on {last}" if ended else ""),
            f"`{text}` という日はありません（{numbers.name}は {first} から{f' {last} まで' if ended else ''}です）",
        ),
        Phrase(
            f"if its years are counted further, write `{day}`, which is {era_day(day)}",
            f"年を数え続けた日付なら `{day}`（{era_day(day)}）と書いてください",
        ),
    )


def _no_day_alone(text: str, plain: str, _: str) -> tuple[Phrase, Phrase] | None:
    """A period, a fiscal year or a month, which are several days; a day that its order leaves open."""
    if (found := re.fullmatch(r"(.+?)(?:[~〜]|から|to|->|→)(.+)", plain)) is not None:
        first, last = (meant_day(part) for part in found.groups())
        if not (first and last) and (ends := _moments(text)) is not None:
            first, last = ends
        if first and last:
            return _period(text, first, last)
    if (found := _FISCAL_YEAR.fullmatch(plain)) is not None and MINYEAR <= (
        year := _year(found[1], found[2], found[3]).year
    ) < MAXYEAR:
        return _period(text, f"{year:04}-04-01", f"{year + 1:04}-03-31")
    if (found := _MONTH.fullmatch(plain)) is not None:
        first_day = day_of(f"{_year(found[1], found[2], found[3]).year:04}-{found[4]}-1")
        if first_day is not None:
            return _period(text, str(first_day), str(_last_of(first_day.year, first_day.month)))
    if (found := _MONTH_FIRST.fullmatch(plain)) is not None:
        both = dict.fromkeys(
            day.isoformat()
            for day in (day_of(f"{found[3]}-{one}-{two}") for one, two in ((found[1], found[2]), (found[2], found[1])))
            if day is not None
        )
        if both:
            return (
                Phrase(
                    f"`{text}` is not a day: its year stands last",
                    f"`{text}` という日はありません（年が最後にあります）",
                ),
                _write_one(both),
            )
    if _TWO_DIGITS.fullmatch(plain) is not None:
        return (
            Phrase(
                f"`{text}` is not a day: its year has two digits, of the era or of the century",
                f"`{text}` という日はありません（2桁の年は、和暦とも西暦とも読めます）",
            ),
            Phrase(
                "write the year with four digits, as in `2026-04-01`", "`2026-04-01` のように、年を4桁で書いてください"
            ),
        )
    return None


def _moments(text: str) -> tuple[str, str] | None:
    """Return the ends of 2026-12-01 9:00～2026-12-10 17:00."""
    first, _, last = normalize("NFKC", text).replace("から", "~").replace("〜", "~").partition("~")
    ends = tuple(meant_moment(part) or meant_day(part) for part in (first.strip(), last.strip().removesuffix("まで")))
    return (ends[0], ends[1]) if all(ends) else None


def _period(text: str, first: str, last: str) -> tuple[Phrase, Phrase]:
    return (
        Phrase(f"`{text}` is not a day but a period", f"`{text}` は日付ではなく期間です"),
        Phrase(f"write `from: {first}, until: {last}`", f"`from: {first}, until: {last}` と書いてください"),
    )


def _write_one(days: dict[str, None]) -> Phrase:
    shown = [f"`{day}`" for day in days]
    return Phrase(f"write {' or '.join(shown)}", f"{' か '.join(shown)} と書いてください")


def _excels_day(text: str, plain: str, _: str) -> tuple[Phrase, Phrase] | None:
    found = _SERIAL.fullmatch(plain)
    if found is None:
        return None
    day, other = (zero + timedelta(days=int(found[1])) for zero in (_SERIAL_ZERO, _SERIAL_ZERO_1904))
    return (
        Phrase(f"`{text}` is a day as Excel counts it", f"`{text}` は Excel の日付の通し番号です"),
        Phrase(
            f"write `{day}` (in a workbook that counts from 1904 it is `{other}`)",
            f"`{day}` と書いてください（1904年から計算するブックなら `{other}`）",
        ),
    )


# --- times ---------------------------------------------------------------------------

_CLOCK = re.compile(
    r"(午前|午後|am|pm)?(\d{1,2})(?::(\d{2})(?::\d{2})?|時(?:(\d{1,2})分?|(半))?)?(am|pm)?(?:頃|から|まで|[~〜])?",
    re.IGNORECASE,
)


def meant_clock(text: str) -> str:
    """Return a time of day as a policy writes it, of 9時, 午後5時半, 9:00am, 正午, 0900; empty: it is none."""
    plain = _plain(text).replace("a.m.", "am").replace("p.m.", "pm")
    if plain in ("正午", "noon"):
        return "12:00"
    if re.fullmatch(r"\d{4}", plain, re.ASCII):
        plain = f"{plain[:2]}:{plain[2:]}"
    found = _CLOCK.fullmatch(plain)
    if found is None:
        return ""
    half = (found[1] or found[6] or "").lower()
    hour, minute = int(found[2]), 30 if found[5] else int(found[3] or found[4] or 0)
    if half and hour > 12:
        return ""
    if half in ("午後", "pm") and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    return f"{hour}:{minute:02}" if minute < 60 and (hour < 24 or (hour, minute) == (24, 0)) else ""


_TIMED = re.compile(
    r"(.*?[\d日)末])(?:T|\s|\u3000)*((?:午前|午後|正午|AM|PM|\d{1,2}[:：時])\S*(?:\s?[apAP]\.?[mM]\.?)?)"
)


def meant_moment(text: str) -> str:
    """Return a day with a time as a policy writes it, of 令和8年12月1日午前10時; empty: it is none."""
    half = re.sub(rf"[{NUMERALS}]+", lambda numerals: str(number_of(numerals[0])), normalize("NFKC", text)).strip()
    found = _TIMED.fullmatch(half)
    if found is None:
        return ""
    day = day_of(meant_day(found[1]))
    late = re.fullmatch(r"(2[4-9]):([0-5]\d)", found[2], re.ASCII)
    if day is not None and late is not None:
        if day == date.max:
            return ""
        return f"{day + timedelta(days=1)} {int(late[1]) - 24:02}:{late[2]}"
    clock = meant_clock(found[2])
    return f"{day} {clock.zfill(5)}" if day is not None and clock else ""


def meant_hours(text: str) -> str:
    """Return hours as a policy writes them, of 9:00～17:00 or 午前9時から午後5時まで; empty: they are none."""
    plain = _plain(text)
    found = re.fullmatch(r"(.+?)(?:[~〜]|-|から|to)(.+)", plain)
    first, last = ("", "") if found is None else (meant_clock(found[1]), meant_clock(found[2]))
    return f"{{from: {first}, until: {last}}}" if first and last else ""


# --- numbers -------------------------------------------------------------------------

_UNITS = "歳|才|さい|回|人|件|個|度"
"""Units of what a policy counts. A length of time is no number: 1時間 is 3600 seconds, and not 1."""
_NUMBER = re.compile(rf"(?:満|[≧≥>=]+)?(\d{{1,9}})(?:\.0+)?(?:{_UNITS})?(?:以上|以下|未満|まで)?", re.ASCII)


def meant_number(text: str) -> str:
    """Return a whole number, of 18歳, 十八, 満18歳以上, 18.0 or 1,000; empty: it is none."""
    found = _NUMBER.fullmatch(re.sub(r"(?<=\d),(?=\d{3})", "", _plain(text)))
    return "" if found is None else str(int(found[1]))


_AGES = re.compile(r"満?(\d{1,3})(?:歳|才)?(?:~|〜|-|から|以上)(?:満?(\d{1,3})(?:歳|才)?(以下|未満|まで)?)?", re.ASCII)
_BELOW = re.compile(r"満?(\d{1,3})(?:歳|才)?(以下|未満|まで)", re.ASCII)


def meant_ages(text: str) -> str:
    """Return the keys of `age` that 18歳以上, 18〜64歳 or 65歳未満 mean; empty: the text means no ages."""
    plain = _plain(text)
    if (found := _BELOW.fullmatch(plain)) is not None:
        return f"{{{'below' if found[2] == '未満' else 'at_most'}: {int(found[1])}}}"
    found = _AGES.fullmatch(plain)
    if found is None:
        return ""
    least = f"at_least: {int(found[1])}"
    most = f", {'below' if found[3] == '未満' else 'at_most'}: {int(found[2])}" if found[2] else ""
    return f"{{{least}{most}}}"


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

_LENGTH = re.compile(
    r"(\d{1,9})(秒|s|secs?|seconds?|分間?|m|mins?|minutes?|時間|h|hours?|日間?|d|days?)(?:以内|前|ago)?", re.ASCII
)


def meant_duration(text: str) -> str:
    """Return a duration as a policy writes it, of 5分, 5 min, 2時間以内; empty: it is none."""
    found = _LENGTH.fullmatch(_plain(text).lower())
    if found is None:
        return ""
    unit = {"秒": "s", "分": "m", "時": "h", "日": "d"}.get(found[2][0], found[2][0])
    return f"{int(found[1])}{unit}"


def meant_seconds(text: str) -> str:
    """Return a number of seconds, of 30秒, 5分 or 1時間; empty: it is none."""
    length = meant_duration(text)
    return str(int(length[:-1]) * _SECONDS[length[-1]]) if length else meant_number(text)


def meant_network(text: str) -> str:
    """Return networks as a policy writes them, of 192.0.2.0～192.0.2.255 or 192.0.2.*; empty: they are none."""
    plain = _plain(text).replace("。", ".").replace("｡", ".")
    if (found := re.fullmatch(r"((?:\d{1,3}\.){1,3})\*(?:\.\*)*", plain, re.ASCII)) is not None:
        parts = found[1].rstrip(".").split(".")
        plain = ".".join([*parts, *["0"] * (4 - len(parts))]) + f"/{8 * len(parts)}"
    first, mark, last = (
        plain.replace("から", "~").replace("〜", "~").replace("-", "~").removesuffix("まで").partition("~")
    )
    try:
        if not mark:
            return str(ip_network(plain, strict=False))
        start, end = ip_address(first), ip_address(last)
        return ", ".join(str(network) for network in summarize_address_range(start, end))
    except (ValueError, TypeError):
        return ""
