"""Reads the words of `days`: weekdays, numbered weekdays, days of the month, holidays, and days that give way.

An ordinance says 月曜日（その日が祝日のときは翌平日）. `read_days` takes such a word, and `meant_days` finds the words
that an author meant by another form. Mistakes are `parse_conditions`' matter.
"""

from __future__ import annotations

import re
from dataclasses import replace
from unicodedata import normalize

from gateway.policy.calendar import LAST, LONGEST_MONTH, MOST_IN_A_MONTH, WEEKDAYS, Days, Moved

_HOLIDAYS = ("祝日", "holiday", "holidays")
_NO_HOLIDAYS = ("祝日を除く", "no holidays")
_LAST_DAY = ("末日", "月末", "月末日")
_NEARLY = {
    "祝": "祝日",
    "祝祭日": "祝日",
    "国民の祝日": "祝日",
    "休日": "土, 日, 祝日",
    "土日祝": "土, 日, 祝日",
    "土日": "土, 日",
    "週末": "土, 日",
    "平日": "月, 火, 水, 木, 金, 祝日を除く",
    "営業日": "月, 火, 水, 木, 金, 祝日を除く",
    "土日祝を除く": "月, 火, 水, 木, 金, 祝日を除く",
    "土日祝日を除く": "月, 火, 水, 木, 金, 祝日を除く",
    "土・日・祝日を除く": "月, 火, 水, 木, 金, 祝日を除く",
    "土・日・祝日を除く毎日": "月, 火, 水, 木, 金, 祝日を除く",
    "土日祝以外": "月, 火, 水, 木, 金, 祝日を除く",
    "毎日": "月, 火, 水, 木, 金, 土, 日",
    "祝翌日": "祝日の翌日",
    "祝日翌日": "祝日の翌日",
    "祝の翌日": "祝日の翌日",
    "祝日の次の日": "祝日の翌日",
    "祝日翌平日": "祝日の翌平日",
    "祝日の次の平日": "祝日の翌平日",
    "祝日以外": "祝日を除く",
    "祝日除く": "祝日を除く",
}
"""Words that mean days to their author, and how a policy writes them."""
_NUMERALS = "一二三四五"
_ENGLISH_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_EVERY_MONTH = r"(?:毎月)?"
_NUMBERED = re.compile(
    rf"{_EVERY_MONTH}(?:第\s*([1-5{_NUMERALS}])|(最終|最後の|last )|([1-5])(?:st|nd|rd|th) )\s*(.+)", re.IGNORECASE
)
_OF_MONTH = re.compile(rf"{_EVERY_MONTH}(?:([1-9][0-9]?)日?から)?([1-9][0-9]?日|{'|'.join(_LAST_DAY)})(?:まで)?")
_SPAN = re.compile(r"([^~～〜ーか－-]{1,9}?) ?(?:~|～|〜|-|ー|－|から|to) ?(\S{1,9}?)(?:まで)?")
_SPAN_OF_MONTH = re.compile(
    rf"{_EVERY_MONTH}([1-9][0-9]?)日?\s*(?:[~〜ー-]|から)\s*([1-9][0-9]?日|{'|'.join(_LAST_DAY)})(?:まで)?"
)
_MANY_NUMBERED = re.compile(
    rf"{_EVERY_MONTH}第?([1-5{_NUMERALS}])\s*(?:[・,/及びと、]|および)+\s*第?([1-5{_NUMERALS}])\s*([{WEEKDAYS}]曜?日?)"
)
_MOVED = re.compile(
    r"(?P<days>[^()]{1,80})\((?:その日が|[^()]{1,6}?が)?(?P<when>祝日|祝休日|休日|土日祝日?|土・日・祝日?|土日)"
    r"(?:のとき|の時|の場合|に当たるとき|に当たる場合|にあたるとき|にあたる場合|なら|であれば)は?[、,]?\s*(?:その)?"
    r"(?P<to>翌平日|次の平日|直後の平日|翌日|前平日|前の平日|直前の平日|前日)(?:に(?:休館|振替)?|へ)?\)"
)


def read_days(text: str) -> Days | None:
    """Return the days of one word of `days`; `None` where it is none of them."""
    plain = normalize("NFKC", text).strip()
    moved = _MOVED.fullmatch(plain)
    if moved is not None:
        days = _plain_days(moved["days"])
        if days is None or moved["when"] not in ("祝日", "土日祝") or moved["to"] not in ("翌平日", "前平日"):
            return None
        return Days(moved=(Moved(days, moved["when"] == "土日祝", moved["to"] == "前平日"),))
    return _plain_days(plain.strip("()[]「」"))


def _plain_days(text: str) -> Days | None:
    word = text.strip().lower()
    if word in _HOLIDAYS:
        return Days(holidays=True)
    if word in _NO_HOLIDAYS:
        return Days(no_holidays=True)
    if word == "祝日の翌日":
        return Days(after_holidays=True)
    if word == "祝日の翌平日":
        return Days(workdays_after_holidays=True)
    if (found := _OF_MONTH.fullmatch(word)) is not None:
        return _days_of_month(found)
    number = _NUMBERED.fullmatch(word)
    weekday = _weekday(word.removeprefix("毎週") if number is None else number[4])
    if weekday is None:
        return None
    if number is None:
        return Days(frozenset({weekday}))
    return Days(numbered=frozenset({(_in_month(number), weekday)}))


def _days_of_month(found: re.Match[str]) -> Days | None:
    last = found[2] in _LAST_DAY
    until = LONGEST_MONTH if last else int(found[2].removesuffix("日"))
    since = until if found[1] is None else int(found[1])
    if until > LONGEST_MONTH or since > until:
        return None
    if found[1] is None:
        return Days(of_month=frozenset({LAST if last else until}))
    return Days(of_month=frozenset({*range(since, until + 1), *([LAST] if last else [])}))


def _weekday(text: str) -> int | None:
    """Return the day of the week that a word means, Monday 0."""
    short = text.strip().removesuffix("曜日").removesuffix("曜")
    if len(short) == 1 and short in WEEKDAYS:
        return WEEKDAYS.index(short)
    return next((n for n, day in enumerate(_ENGLISH_WEEK) if text.strip().lower() in {day, day[:3]}), None)


def _in_month(found: re.Match[str]) -> int:
    if found[2]:
        return LAST
    digit = found[1] or found[3]
    return _NUMERALS.index(digit) + 1 if digit in _NUMERALS else min(int(digit), MOST_IN_A_MONTH)


def meant_days(text: str) -> str:
    """Return the words that an author meant by another form, as the list has them; empty where nothing is certain."""
    plain = normalize("NFKC", text).strip()
    return (
        _moved_as_written(plain)
        or _NEARLY.get(plain)
        or _without_holidays(plain)
        or _in_every_month(plain)
        or _days_between(plain)
        or _days_joined(plain)
        or _words_joined(plain)
    )


def _moved_as_written(text: str) -> str:
    """Return the form of 月曜日（祝日の場合は翌日）. The day after a holiday may be one itself, so a 平日 is meant."""
    found = _MOVED.fullmatch(text)
    if found is None or _plain_days(found["days"]) is None:
        return ""
    when = "祝日" if found["when"] in ("祝日", "祝休日") or _is_of_week(found["days"]) else "土日祝"
    to = "前平日" if found["to"].startswith(("前", "直前")) else "翌平日"
    return f"{found['days'].strip()}（{when}のときは{to}）"


def _is_of_week(word: str) -> bool:
    days = _plain_days(word)
    return days is not None and not days.of_month


def _without_holidays(text: str) -> str:
    """Return 月, 火, 水, 木, 金, 祝日を除く for 月～金（祝日を除く）."""
    found = re.fullmatch(r"(.+?)\((?:ただし)?[、,]?祝日(?:を|は)?除く?く?。?\)", text)
    if found is None:
        return ""
    days = found[1] if read_days(found[1]) is not None else meant_days(found[1])
    return f"{days}, 祝日を除く" if days else ""


def _in_every_month(text: str) -> str:
    """Return the form for 1日～10日 and for 第1・第3水曜."""
    if (found := _SPAN_OF_MONTH.fullmatch(text)) is not None:
        written = f"{found[1]}日から{found[2]}まで"
        return written if _plain_days(written) is not None else ""
    if (found := _MANY_NUMBERED.fullmatch(text)) is not None:
        return f"第{found[1]}{found[3]}, 第{found[2]}{found[3]}"
    return ""


def _days_between(text: str) -> str:
    """Return the days that a span names: 月～金, mon-fri."""
    span = _SPAN.fullmatch(text)
    first, last = (None, None) if span is None else (_weekday(span[1]), _weekday(span[2]))
    if first is None or last is None:
        return ""
    return ", ".join(WEEKDAYS[(first + step) % 7] for step in range((last - first) % 7 + 1))


def _days_joined(text: str) -> str:
    """Return the days of a word that has several in a row, or with other signs between them: 月火, 月・水."""
    signs = re.sub("[・/,、，.。 及びとや]|曜日|曜", "", text)
    if len(signs) < 2 or not set(signs) <= {*WEEKDAYS, "祝"}:
        return ""
    return ", ".join("祝日" if sign == "祝" else sign for sign in signs)


def _words_joined(text: str) -> str:
    """Return several words of `days` that other signs hold together: 月曜・祝日の翌日."""
    parts = [part.strip() for part in re.split("[・/,、 ]|及び|および|と(?!き)|または|又は", text)]
    if len(parts) < 2 or not all(parts):
        return ""
    words = [part if read_days(part) is not None else _NEARLY.get(part, "") for part in parts]
    return ", ".join(words) if all(words) else ""


def merged(several: list[Days]) -> Days:
    """Return the days of all words of a list together."""
    total = Days()
    for days in several:
        total = replace(
            total,
            weekdays=total.weekdays | days.weekdays,
            numbered=total.numbered | days.numbered,
            of_month=total.of_month | days.of_month,
            holidays=total.holidays or days.holidays,
            after_holidays=total.after_holidays or days.after_holidays,
            workdays_after_holidays=total.workdays_after_holidays or days.workdays_after_holidays,
            moved=(*total.moved, *days.moved),
            no_holidays=total.no_holidays or days.no_holidays,
        )
    return total
