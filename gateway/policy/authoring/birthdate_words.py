"""Tells for each condition of age which birthdates pass it on a day, as an office checks them by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from gateway.policy.authoring.birthdates import AgeTable, Passing, age_tables
from gateway.policy.authoring.words import say_test
from gateway.policy.policy import Policy
from gateway.policy.reading.meant import era_day
from gateway.yaml.mistakes import Language


def say_birthdates(policy: Policy, day: date, language: Language) -> str:
    """Return the birthdates that pass on a day, condition by condition; empty where none is about an age."""
    tables = age_tables(policy, day)
    if not tables:
        return ""
    head = (
        f"{day.isoformat()} に年齢の条件を満たす生年月日（両端の日を含む。年齢は誕生日で数えたもの）"
        if language is Language.JA
        else f"Birthdates that pass conditions of age on {day.isoformat()} (both days included, ages by the birthday)"
    )
    return "\n".join([head, *(line for table in tables for line in _lines(table, day, language))])


def _lines(table: AgeTable, day: date, language: Language) -> Iterator[str]:
    said = say_test(table.condition.test, language)
    ja = language is Language.JA
    then = "" if table.day == day else table.day.isoformat()
    if ja:
        yield f"- 「{table.name}」{said}" + (f"（年齢は {then} のもの）" if then else "")
    else:
        yield f"- “{table.name}”: {said}" + (f" (ages on {then})" if then else "")
    for row in table.rows:
        yield f"    {_row(row, language)}"
    if not table.rows:
        yield "    満たす方はいない" if ja else "    nobody passes"


def _row(row: Passing, language: Language) -> str:
    first = "" if row.first is None else _born(row.first, row.oldest, language)
    last = "" if row.last is None else _born(row.last, row.youngest, language)
    if language is Language.JA:
        if not first or not last:
            return f"{first} 以後に生まれた方" if first else f"{last} 以前に生まれた方" if last else "すべての方"
        return f"{first} から {last} までに生まれた方"
    if not first or not last:
        return f"born on {first} or later" if first else f"born on {last} or earlier" if last else "everybody"
    return f"born from {first} to {last}"


def _born(day: date, years: int | None, language: Language) -> str:
    ja = language is Language.JA
    beside = [era_day(day)] if ja else []
    beside += [] if years is None else [f"{years}歳" if ja else f"{years} years"]
    shown = day.isoformat()
    return shown + (f"（{'・'.join(beside)}）" if ja else f" ({', '.join(beside)})" if beside else "")
