"""A policy in plain sentences, Japanese or English, for an official who signs it and does not read YAML.

It also makes the data map: each item with its purpose, store, retention and receiver, in the terms of
個人情報ファイル簿 and of the registration's summary page (サマリーURI).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from pathlib import PurePath
from typing import assert_never

from gateway.identity import AccountKind, Gender, Role, Scope
from gateway.instant import Instant, tokyo_time
from gateway.policy.age import AgeOneOf, AgeRange, BornRange, CountedFrom
from gateway.policy.calendar import LAST, LONGEST_MONTH, WEEKDAYS, Days, Moved
from gateway.policy.conditions import (
    AccountTest,
    Age,
    AllOf,
    AnyOf,
    Born,
    Condition,
    Dates,
    GenderTest,
    InNetwork,
    MonthDay,
    Not,
    ResidenceTest,
    SubjectTest,
    SwitchTest,
    Test,
    TownTest,
    all_needs,
)
from gateway.policy.decide import rule_scopes
from gateway.policy.policy import Accounts, Allow, Policy, Rule
from gateway.policy.residence import table
from gateway.policy.verdict import FACT_SCOPES, Fact, GivesBack, Limit, Once, Words
from gateway.yaml.mistakes import Language, Phrase

_FACTS: Mapping[Fact, Phrase] = {
    Fact.SUBJECT: Phrase("the identifier for this service (PPID)", "この事業者向けの識別子（PPID）"),
    Fact.NAME: Phrase("the name", "氏名"),
    Fact.ADDRESS: Phrase("the whole address", "住所（全部）"),
    Fact.BIRTHDATE: Phrase("the birthdate", "生年月日"),
    Fact.GENDER: Phrase("the gender", "性別"),
    Fact.PREFECTURE: Phrase("the prefecture", "都道府県"),
    Fact.MUNICIPALITY: Phrase("the municipality", "市区町村"),
    Fact.MUNICIPALITY_CODE: Phrase("the municipality's code", "市区町村コード"),
    Fact.TOWN: Phrase("the town as the card spells it (no lot number)", "カードの表記のままの町名（番地を除く）"),
    Fact.TOWN_CANONICAL: Phrase("the town in one spelling, without 丁目", "表記をそろえた町名（丁目を除く）"),
    Fact.AGE: Phrase("the age in years", "年齢"),
    Fact.SIGNED_IN_AT: Phrase("the time of the sign-in", "ログインの日時"),
}

_SCOPES: Mapping[Scope, Phrase] = {
    Scope.OPENID: Phrase("a sign-in with the card", "カードによるログイン"),
    Scope.NAME: Phrase("name", "氏名"),
    Scope.ADDRESS: Phrase("address", "住所"),
    Scope.BIRTHDATE: Phrase("birthdate", "生年月日"),
    Scope.GENDER: Phrase("gender", "性別"),
}

_COUNTED: Mapping[CountedFrom, Phrase] = {
    CountedFrom.BIRTHDAY: Phrase(", from the birthday", "（誕生日から数える）"),
    CountedFrom.EVE: Phrase(", from the eve of the birthday", "（誕生日の前日に達したものとして数える）"),
    CountedFrom.MONTH: Phrase(
        ", from the first of the month in which the eve of the birthday lies",
        "（誕生日の前日の属する月の初日から数える）",
    ),
    CountedFrom.BIRTH_MONTH: Phrase(", from the first of the birthday's month", "（誕生月の初日から数える）"),
    CountedFrom.NEXT_MONTH: Phrase(
        ", from the first of the month after the birthday (born on the 1st: of that month)",
        "（誕生日の翌月1日から数える。1日生まれの方はその月の1日から）",
    ),
    CountedFrom.FISCAL_YEAR: Phrase(
        ", from 1 April of the fiscal year in which the eve of the birthday lies",
        "（誕生日の前日の属する年度の4月1日から数える）",
    ),
    CountedFrom.NEXT_APRIL: Phrase(
        ", from the first 1 April after the eve of the birthday", "（誕生日の前日より後の最初の4月1日から数える）"
    ),
}

_ONCE: Mapping[Once, Phrase] = {
    Once.DAY: Phrase("a day", "1日に"),
    Once.MONTH: Phrase("a month", "1か月に"),
    Once.YEAR: Phrase("a calendar year (from 1 January)", "1年（1月1日から）に"),
    Once.FISCAL_YEAR: Phrase("a fiscal year (from 1 April)", "1年度（4月1日から）に"),
    Once.EVER: Phrase("in all", "通算で"),
}

_GENDERS: Mapping[Gender, Phrase] = {
    Gender.MALE: Phrase("male", "男"),
    Gender.FEMALE: Phrase("female", "女"),
    Gender.OTHER: Phrase("other", "その他"),
}

_SHORTEST_MONTH = 28
_TEENS = (11, 12, 13)
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_ENGLISH_WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def say_scopes(scopes: Iterable[Scope], language: Language) -> str:
    """Return the items asked of the provider, in words; `openid` only if it is the only one."""
    asked = set(scopes)
    items = tuple(scope for scope in Scope if scope in asked and scope is not Scope.OPENID)
    return _list([_SCOPES[scope].say(language) for scope in items or (Scope.OPENID,)], language)


def say_gender(gender: Gender, language: Language) -> str:
    """Return a gender as people say it."""
    return _GENDERS[gender].say(language)


def _list(words: Iterable[str], language: Language) -> str:
    return ("、" if language is Language.JA else ", ").join(words)


def say_words(words: Words, language: Language) -> str:
    """Return the words in a language, or else the Japanese ones."""
    return words.get(language.value) or words.get("ja", "")


def _day(day: date | MonthDay, language: Language) -> str:
    if isinstance(day, MonthDay):
        return f"{day.month}月{day.day}日" if language is Language.JA else f"{day.month:02}-{day.day:02}"
    return f"{day.year}年{day.month}月{day.day}日" if language is Language.JA else day.isoformat()


def say_test(test: Test, language: Language) -> str:  # noqa: PLR0911 (a line for each test)
    """Return what a test asks, as a phrase."""
    ja = language is Language.JA
    match test:
        case Age(range=ages, on=on):
            return _say_age(ages, on, language)
        case Born(range=born):
            return _say_born(born, language)
        case ResidenceTest(places=codes):
            places = [table().places[code] for code in sorted(codes)]
            names = [place.full_name for place in places]
            return (
                f"カードに記録された住所が {_list(names, language)} にある"
                if ja
                else f"the card's address is in {_list(names, language)}"
            )
        case GenderTest(gender=gender):
            said = say_gender(gender, language)
            return f"カードに記録された性別が「{said}」である" if ja else f"the card's gender is {said}"
        case AccountTest():
            return _say_account(test, language)
        case TownTest():
            return _say_towns(test, language)
        case SubjectTest(list=name):
            file = PurePath(name).name
            return f"一覧 {file} に登録がある" if ja else f"is on the list {file}"
        case InNetwork(networks=networks):
            some = _list([str(network) for network in networks], language)
            return f"接続元が {some} である" if ja else f"comes from {some}"
        case Dates():
            return _say_dates(test, language)
        case SwitchTest(name=name):
            return f"スイッチ「{name}」が入っている" if ja else f"the switch “{name}” is on"
        case AnyOf(names=names):
            quoted = _list([f"「{name}」" if ja else f"“{name}”" for name in names], language)
            return f"{quoted} のいずれかを満たす" if ja else f"at least one of {quoted} holds"
        case AllOf(names=names):
            quoted = _list([f"「{name}」" if ja else f"“{name}”" for name in names], language)
            return f"{quoted} のすべてを満たす" if ja else f"all of {quoted} hold"
        case Not(name=name):
            return f"「{name}」を満たさないことがはっきりしている" if ja else f"“{name}” is known not to hold"
        case _:
            assert_never(test)


def _say_age(ages: AgeRange | AgeOneOf, on: date | None, language: Language) -> str:
    ja = language is Language.JA
    counted = _COUNTED[ages.counted_from].say(language)
    when = "" if on is None else (f"{_day(on, language)}の時点で" if ja else f"on {on} ")
    if isinstance(ages, AgeOneOf):
        years = _list([f"{age}歳" if ja else str(age) for age in sorted(ages.ages)], language)
        return f"{when}{years}のいずれか{counted}である" if ja else f"is {when}of one of the ages {years}{counted}"
    bounds: list[str] = []
    if ages.at_least is not None:
        bounds.append(f"{ages.at_least}歳以上" if ja else f"at least {ages.at_least}")
    if ages.below is not None:
        bounds.append(f"{ages.below}歳未満" if ja else f"below {ages.below}")
    return f"{when}{''.join(bounds)}{counted}である" if ja else f"is {when}{' and '.join(bounds)}{counted}"


def _say_account(test: AccountTest, language: Language) -> str:
    ja = language is Language.JA
    if test.names:
        names = _list(sorted(test.names), language)
        said = f"アカウント{names}" if ja else f"the account {names}"
    elif test.role is Role.REPRESENTATIVE:
        said = "代表者として団体のアカウント" if ja else "a group's account as its representative"
    elif test.role is not None or test.kind is AccountKind.GROUP:
        said = "団体のアカウント" if ja else "a group's account"
    elif test.kind is AccountKind.PERSON:
        said = "本人のアカウント" if ja else "an account of her own"
    else:
        said = "連携したアカウント" if ja else "a linked account"
    return f"{said}を使っている" if ja else f"acts for {said}"


def _say_towns(test: TownTest, language: Language) -> str:
    ja = language is Language.JA
    place = table().places[test.municipality].full_name
    if test.list:
        file = PurePath(test.list).name
        return (
            f"カードに記録された住所が、{place}の、一覧 {file} にある町である"
            if ja
            else f"the card's address is in a town of {place} on the list {file}"
        )
    towns = sorted((town.name, town.block or 0) for town in test.towns)
    names = [name + (f"{block}丁目" if block else "") for name, block in towns]
    return (
        f"カードに記録された住所が{place}の{_list(names, language)}にある"
        if ja
        else f"the card's address is in {_list(names, language)} of {place}"
    )


def _say_born(born: BornRange, language: Language) -> str:
    ja = language is Language.JA
    since = "" if born.since is None else (f"{_day(born.since, language)}から" if ja else f"from {born.since} ")
    until = "" if born.until is None else (f"{_day(born.until, language)}まで" if ja else f"until {born.until} ")
    return f"{since}{until}に生まれた" if ja else f"was born {since}{until}".rstrip() + " (both days included)"


def _say_dates(dates: Dates, language: Language) -> str:
    """Return the parts, each within the one before it: a period, its days, and the hours of such a day."""
    ja = language is Language.JA
    parts: list[str] = []
    if span := _say_span(dates, language):
        parts.append(span)
    if dates.days is not None:
        parts.append(_say_days(dates.days, language))
    if dates.listed is not None:
        parts.append(_say_listed(dates.listed, PurePath(dates.list).name, language))
    every_day = dates.days is None and dates.listed is None
    if dates.opens is not None and dates.closes is not None:
        parts.append(_say_hours(dates.opens, dates.closes, every_day=every_day, language=language))
    if not ja:
        return "it is " + ", ".join(parts)
    lasts = dates.opens is not None or every_day
    return "の、".join(parts) + ("の間である" if lasts else "である")


def _say_listed(days: frozenset[date], file: str, language: Language) -> str:
    ja = language is Language.JA
    if file:
        return f"一覧 {file} の日" if ja else f"a day on the list {file}"
    named = [_day(day, language) for day in sorted(days)]
    return _one_of(named, language)


def _one_of(said: list[str], language: Language) -> str:
    """Return words of which one is enough."""
    if len(said) == 1:
        return said[0]
    return (
        f"{'、'.join(said[:-1])}または{said[-1]}"
        if language is Language.JA
        else f"{', '.join(said[:-1])} or {said[-1]}"
    )


def _say_span(dates: Dates, language: Language) -> str:
    """Return from when until when, by days or by moments."""
    ja = language is Language.JA
    yearly = isinstance(dates.since, MonthDay)
    since = _end(dates.since, dates.starts, language)
    until = _end(dates.until, dates.ends, language)
    if not (since or until):
        return ""
    days = dates.starts is None and dates.ends is None
    if ja:
        said = (f"{since}から" if since else "") + (f"{until}まで" if until else "")
        return ("毎年" if yearly else "") + said + ("（両日を含む）" if days else "")
    said = " ".join([f"from {since}" if since else "", f"until {until}" if until else ""]).strip()
    return ("every year " if yearly else "") + said + (" (both days included)" if days else "")


def _end(day: date | MonthDay | None, moment: Instant | None, language: Language) -> str:
    if moment is not None:
        clock = tokyo_time(moment)
        return _day(clock.date(), language) + (" " if language is Language.EN else "") + f"{clock.hour}:{clock:%M}"
    return "" if day is None else _day(day, language)


def _say_days(days: Days, language: Language) -> str:
    ja = language is Language.JA
    said = _weekdays(days, language)
    if days.of_month:
        said.append(_say_of_month(days.of_month, language))
    if days.holidays:
        said.append("祝日（振替休日を含む）" if ja else "a holiday")
    if days.after_holidays:
        said.append("祝日（振替休日を含む）の翌日" if ja else "the day after a holiday")
    if days.workdays_after_holidays:
        after = "the first working day (Mon to Fri, no holiday) after a holiday"
        said.append("祝日（振替休日を含む）の後の最初の平日（土・日・祝日でない日）" if ja else after)
    said += [_say_moved(moved, language) for moved in days.moved]
    if not days.no_holidays:
        return _one_of(said, language)
    if not said:
        return "祝日（振替休日を含む）でない日" if ja else "a day that is no holiday"
    return _one_of(said, language) + ("（祝日と振替休日を除く）" if ja else ", but no holiday")


def _weekdays(days: Days, language: Language) -> list[str]:
    ja = language is Language.JA
    week = WEEKDAYS if ja else _ENGLISH_WEEK
    named = [week[day] for day in sorted(days.weekdays)]
    said = ["・".join(named) + "曜日" if ja else _one_of(named, language)] if named else []
    for number, day in sorted(days.numbered, key=lambda one: (one[0] == LAST, one)):
        if ja:
            said.append(f"{'最終' if number == LAST else f'第{number}'}{week[day]}曜日")
        else:
            said.append(f"the {'last' if number == LAST else _ORDINALS[number - 1]} {week[day]} of a month")
    return said


def _say_of_month(days: frozenset[int], language: Language) -> str:
    """Return days of each month, those in a row by the first and the last of them."""
    ja = language is Language.JA
    rows: list[list[int]] = []
    for day in sorted(days - {LAST}):
        if rows and rows[-1][-1] == day - 1:
            rows[-1].append(day)
        else:
            rows.append([day])
    to_the_end = LAST in days and bool(rows) and rows[-1][-1] == LONGEST_MONTH
    if LAST in days and not to_the_end:
        rows.append([LAST])

    def say(day: int) -> str:
        if day == LAST or (to_the_end and day == LONGEST_MONTH):
            return "末日" if ja else "last day"
        return f"{day}日" if ja else _ordinal(day)

    said = [
        say(row[0])
        if len(row) == 1
        else f"{say(row[0])}から{say(row[-1])}まで"
        if ja
        else f"{say(row[0])} to {say(row[-1])}"
        for row in rows
    ]
    shorter = any(day != LAST and day > _SHORTEST_MONTH for row in rows for day in (row[0], row[-1])) and not to_the_end
    few = ("（その日のない月を除く）" if ja else " (in months that have it)") if shorter else ""
    return f"毎月{_one_of(said, language)}{few}" if ja else f"the {_one_of(said, language)} of each month{few}"


def _ordinal(day: int) -> str:
    suffixes = {1: "st", 2: "nd", 3: "rd"}
    return f"{day}{'th' if day in _TEENS else suffixes.get(day % 10, 'th')}"


def _say_moved(moved: Moved, language: Language) -> str:
    named = _say_days(moved.days, language)
    if language is Language.JA:
        when = "土・日・祝日" if moved.weekends else "祝日（振替休日を含む）"
        instead = "直前の平日" if moved.backwards else "次の平日"
        return f"{named}（{when}に当たるときは、その日でなく{instead}（土・日・祝日でない日））"
    when = "a weekend or a holiday" if moved.weekends else "a holiday"
    instead = "the working day before" if moved.backwards else "the next working day"
    return f"{named} (if it falls on {when}, {instead} instead: Mon to Fri, no holiday)"


def _say_hours(opens: time, closes: time, *, every_day: bool, language: Language) -> str:
    ja = language is Language.JA
    end = f"{closes.hour}:{closes:%M}" if closes.hour or closes.minute else "24:00"
    begin = f"{opens.hour}:{opens:%M}"
    overnight = closes <= opens and end != "24:00"
    if ja:
        return ("毎日" if every_day else "") + f"{begin}から" + ("翌日の" if overnight else "") + f"{end}まで"
    return ("every day " if every_day else "") + f"{begin} to {end}" + (" of the next day" if overnight else "")


def say_condition(condition: Condition, language: Language) -> str:
    """Return a condition as one sentence."""
    said = say_test(condition.test, language)
    sentence = say_words(condition.if_not, language)
    if language is Language.JA:
        return f"「{condition.name}」とは、{said}こと。" + (
            f"満たさない方には「{sentence}」と示す。" if sentence else ""
        )
    disclosed = f" A person who fails reads: “{sentence}”" if sentence else ""
    return f"“{condition.name}” holds if: {said}.{disclosed}"


def _say_match(rule: Rule, language: Language) -> str:
    ja = language is Language.JA
    paths = _list([f"`{path}`" for path in rule.match.path], language) if rule.match.path else ""
    methods = _list(sorted(rule.match.method), language)
    query = [
        f"`{name}` が {_one_of([f'`{value}`' for value in sorted(values)], language)}"
        if ja
        else f"`{name}` of {_one_of([f'`{value}`' for value in sorted(values)], language)}"
        for name, values in rule.match.query.items()
    ]
    if ja:
        said = f"{paths} への" if paths else "すべてのパスへの"
        said += f" {methods} の" if methods else ""
        said += f"（{_list(query, language)} のもの）" if query else ""
        said += "リクエスト"
        return f"{said}（「{rule.when}」を満たすときだけ）" if rule.when else said
    said = f"{methods or 'any'} requests to {paths or 'any path'}"
    said += f" with {_list(query, language)}" if query else ""
    return f"{said}, while “{rule.when}”" if rule.when else said


def _say_who(rule: Rule, language: Language) -> str:
    ja = language is Language.JA
    match rule.allow:
        case Allow.EVERYONE:
            return "誰でも利用できる" if ja else "everybody passes"
        case Allow.SIGNED_IN:
            return "ログインした方が利用できる" if ja else "every signed-in person passes"
        case Allow.NOBODY:
            return "誰も利用できない" if ja else "nobody passes"
        case None:
            names = _list([f"「{name}」" if ja else f"“{name}”" for name in rule.require], language)
            return (
                f"ログインした方のうち、{names}{'をすべて' if len(rule.require) > 1 else 'を'}満たす方だけが利用できる"
                if ja
                else f"only a signed-in person who fulfils {names} passes"
            )
        case _:
            assert_never(rule.allow)


def say_limit(limit: Limit, language: Language) -> str:
    """Return a limit in words."""
    once = _ONCE[limit.once].say(language)
    statuses = _list([str(status) for status in sorted(limit.statuses)], language)
    over = say_words(limit.if_over, language)
    if language is Language.JA:
        where = f"で行き先が `{limit.location}` の" if limit.location else "の"
        counted = f"アプリケーションの応答が {statuses} {where}ときに数える"
        said = f"一つの識別子につき{once}{limit.times}回まで（「{limit.name}」）。{counted}"
        return said + (f"。超えた方には「{over}」と示す" if over else "")
    where = f" with a Location of `{limit.location}`" if limit.location else ""
    said = (
        f"at most {limit.times} time(s) {once} for one sign-in identity (“{limit.name}”), "
        f"counted when the application answers {statuses}{where}"
    )
    return said + (f"; a person over it reads: “{over}”" if over else "")


def say_gives_back(gives_back: GivesBack, language: Language) -> str:
    """Return in words by which answer an entry is given back."""
    statuses = _list([str(status) for status in sorted(gives_back.statuses)], language)
    by_name = bool(gives_back.limit.header)
    name = gives_back.limit.name
    if language is Language.JA:
        parts = [f"状態コードが {statuses}"] if statuses else []
        parts += [f"行き先が `{gives_back.location}`"] if gives_back.location else []
        parts += [f"ヘッダー `{gives_back.header}` がある"] if gives_back.header else []
        which = f"`{gives_back.header}` が名前で示す記録" if by_name else "いちばん新しい記録"
        return (
            f"アプリケーションの応答が「{'、'.join(parts)}」のとき、"
            f"「{name}」の本人の{which}を一つ戻す（その期間のものだけ。もう一度使える）"
        )
    parts = [f"has the status {statuses}"] if statuses else []
    parts += [f"leads to `{gives_back.location}`"] if gives_back.location else []
    parts += [f"has the header `{gives_back.header}`"] if gives_back.header else []
    which = f"the entry that `{gives_back.header}` names" if by_name else "the person's newest entry"
    return (
        f"when the application's answer {' and '.join(parts)}, {which} of “{name}” in this period is given back, "
        "so that the person may try again"
    )


def say_told(names: Iterable[str], conditions: Mapping[str, Condition], language: Language) -> str:
    """Return the disclosed facts in words."""
    ja = language is Language.JA
    said = [
        (f"「{name}」を満たすかどうか（はい・いいえ）" if ja else f"whether “{name}” holds (yes or no)")
        if name in conditions
        else _FACTS[Fact(name)].say(language)
        for name in names
    ]
    return _list(said, language)


def _say_seconds(seconds: int, language: Language) -> str:
    """Return a number of seconds in the largest unit that it is a multiple of."""
    for size, en, ja in ((86_400, "day", "日"), (3_600, "hour", "時間"), (60, "minute", "分"), (1, "second", "秒")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {en}{'' if count == 1 else 's'}" if language is Language.EN else f"{count}{ja}"
    raise AssertionError(seconds)


def _say_weaker(rule: Rule, language: Language) -> list[str]:
    return [
        f"「{name}」より緩いのは意図したもの: {reason}。"
        if language is Language.JA
        else f"It is weaker than “{name}” on purpose: {reason}."
        for name, reason in rule.weaker_than.items()
    ]


def say_rule(  # noqa: C901, PLR0912 (a sentence for each key)
    rule: Rule, policy: Policy, number: int, language: Language
) -> str:
    """Return a rule as a paragraph."""
    ja = language is Language.JA
    sentences = [
        f"規則{number}「{rule.name}」: {_say_match(rule, language)}は、{_say_who(rule, language)}。"
        if ja
        else f"Rule {number} “{rule.name}”: {_say_match(rule, language)}: {_say_who(rule, language)}."
    ]
    if rule.signed_in_within is not None:
        minutes = f"{rule.signed_in_within / 60:g}"
        sentences.append(
            f"{minutes} 分以内にログインしていなければ、もう一度ログインする。"
            if ja
            else f"The sign-in is at most {minutes} minutes old."
        )
    if rule.limit is not None:
        said = say_limit(rule.limit, language)
        sentences.append(f"{said}。" if ja else f"Counted: {said}.")
    if rule.gives_back is not None:
        said = say_gives_back(rule.gives_back, language)
        sentences.append(f"{said}。" if ja else f"Given back: {said}.")
    scopes = rule_scopes(rule, policy.conditions)
    if scopes:
        items = say_scopes(scopes, language)
        purpose = say_words(rule.purpose, language)
        if scopes - {Scope.OPENID}:
            sentences.append(
                f"カードから求める項目: {items}。利用目的: {purpose}。"
                if ja
                else f"Asked of the card: {items}. Purpose: {purpose}."
            )
        else:
            sentences.append("カードの4情報は求めない。" if ja else "None of the card's four items is asked.")
    if rule.disclose:
        disclosed = say_told(rule.disclose, policy.conditions, language)
        only = rule.allow is Allow.EVERYONE
        if ja:
            sentences.append(
                f"アプリケーションに伝える: {disclosed}" + ("（すでにログインしている方だけ）。" if only else "。")
            )
        else:
            sentences.append(
                f"The application is told: {disclosed}" + (", of those already signed in." if only else ".")
            )
    elif rule.allow is not Allow.NOBODY and rule.accounts is None:
        sentences.append("アプリケーションには何も伝えない。" if ja else "The application is told nothing.")
    if rule.accounts is not None:
        needed = rule.accounts is Accounts.REQUIRED
        if ja:
            sentences.append(
                "連携したアカウントをアプリケーションに伝える"
                + ("（アカウントのない方は通れない）。" if needed else "（アカウントがなくても通れる）。")
            )
        else:
            sentences.append(
                "The application is told the linked account"
                + (", and nobody passes without one." if needed else ", if the person has one.")
            )
    if rule.say is not None and (words := say_words(rule.say.words, language)):
        sentences.append(
            f"ページには「{words}」と示す（{rule.say.status}）。"
            if ja
            else f"The page says: “{words}” ({rule.say.status})."
        )
    if rule.say is not None and rule.say.until_change:
        sentences.append("いつ終わるかも示す。" if ja else "The page also says when this ends.")
    elif rule.say is not None and rule.say.retry_after is not None:
        sentences.append(
            f"{_say_seconds(rule.say.retry_after, language)}後にもう一度試すよう案内する。"
            if ja
            else f"The page asks to try again after {_say_seconds(rule.say.retry_after, language)}."
        )
    if rule.returns_from:
        sites = _list(rule.returns_from, language)
        sentences.append(
            f"{sites} から戻るフォームは、本人が確認の画面でボタンを押すと、本人のログインのまま送られる。"
            if ja
            else f"A form that comes back from {sites} is sent with the person's sign-in once they press our button."
        )
    if rule.sign is not None:
        title = say_words(rule.sign.title, language)
        sentences.append(
            f"フォームは、本人が「{title}」としてマイナンバーカードで電子署名してから、"
            "アプリケーションに送られる（プレビュー機能）。"
            if ja
            else f"The person signs the form as “{title}” with the My Number card before the application gets it "
            "(preview)."
        )
    sentences += _say_weaker(rule, language)
    if rule.audit:
        sentences.append("許可をすべて記録する。" if ja else "Every permit is recorded.")
    return ("" if ja else " ").join(sentences)


def say_policy(policy: Policy, language: Language) -> str:
    """Return a whole policy as plain sentences, to be signed."""
    ja = language is Language.JA
    title = say_words(policy.title, language) or policy.name
    version = f"{policy.name}、版 {policy.version}" if ja else f"{policy.name}, version {policy.version}"
    lines = [f"{title}（{version}）" if ja else f"{title} ({version})"]
    if purpose := say_words(policy.purpose, language):
        lines.append(f"利用目的: {purpose}" if ja else f"Purpose: {purpose}")
    used = list(policy.conditions.values())
    if used:
        lines += ["", "条件" if ja else "Conditions"]
        lines += [f"- {say_condition(condition, language)}" for condition in used]
    lines += [
        "",
        "規則（上から順に、最初に当てはまるものだけを使う）"
        if ja
        else "Rules (from the top; the first that fits decides)",
    ]
    lines += [f"- {say_rule(rule, policy, number, language)}" for number, rule in enumerate(policy.rules, 1)]
    lines.append(
        "- どの規則にも当てはまらないものは、利用できない。" if ja else "- A request that no rule fits is refused."
    )
    lines.append("")
    lines.append(
        "確かめられない事実（求めて得られなかったもの、読み取れないもの）は、条件を満たすとはみなさない。"
        if ja
        else "A fact that cannot be established (not given, or unreadable) never counts as fulfilling a condition."
    )
    return "\n".join(lines)


# --- the data map --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DataItem:
    """One item of personal data in the life of this policy."""

    item: str
    purpose: str
    asked_where: str
    kept_where: str
    kept_how_long: str
    told_to: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns, in the order of `DATA_MAP_HEAD`."""
        return (self.item, self.purpose, self.asked_where, self.kept_where, self.kept_how_long, self.told_to)


DATA_MAP_HEAD: Mapping[Language, tuple[str, ...]] = {
    Language.JA: ("記録項目", "利用目的", "収集する画面（規則）", "保管場所", "保管期間", "提供先"),
    Language.EN: ("item", "purpose", "asked by (rule)", "kept where", "kept for", "told to"),
}


def data_map(policy: Policy, language: Language) -> tuple[DataItem, ...]:
    """Return each item that a policy makes the gateway ask for, keep or disclose."""
    ja = language is Language.JA
    kept = (
        (
            "セッションの記録（暗号化。鍵の一部は本人のブラウザーだけが持つ）",
            "ログアウトまで。長くても設定 `sessions.absolute` の時間",
        )
        if ja
        else (
            "the sealed session record (part of its key is only in the person's browser)",
            "until sign-out, at most `sessions.absolute`",
        )
    )
    items: list[DataItem] = []
    for scope in Scope:
        rules = [rule for rule in policy.rules if scope in rule_scopes(rule, policy.conditions)]
        if not rules:
            continue
        purposes = dict.fromkeys(say_words(rule.purpose, language) for rule in rules if rule.purpose)
        disclosed = dict.fromkeys(
            name for rule in policy.rules for name in rule.disclose if scope in _behind(name, policy.conditions)
        )
        item = (
            ("識別子（PPID）とログインの日時" if ja else "identifier (PPID) and time of sign-in")
            if scope is Scope.OPENID
            else _SCOPES[scope].say(language)
        )
        items.append(
            DataItem(
                item=item,
                purpose="; ".join(purposes)
                if scope is not Scope.OPENID
                else ("本人であることの確認" if ja else "to know the same person again"),
                asked_where=_list([rule.name for rule in rules], language),
                kept_where=kept[0],
                kept_how_long=kept[1],
                told_to=(
                    (
                        f"アプリケーション: {say_told(disclosed, policy.conditions, language)}"
                        if ja
                        else f"the application: {say_told(disclosed, policy.conditions, language)}"
                    )
                    if disclosed
                    else ("なし" if ja else "nobody")
                ),
            )
        )
    for limit in {rule.limit.name: rule.limit for rule in policy.rules if rule.limit is not None}.values():
        once = _ONCE[limit.once].say(language)
        items.append(
            DataItem(
                item=f"回数の記録「{limit.name}」（識別子から作った符号）"
                if ja
                else f"entries of “{limit.name}” (a code made of the identifier)",
                purpose="回数の制限のため" if ja else "to count",
                asked_where=_list([rule.name for rule in policy.rules if rule.limit is limit], language),
                kept_where="回数の記録庫（Redis）" if ja else "the store of limits (Redis)",
                kept_how_long=("消すまで" if ja else "until given back")
                if limit.once is Once.EVER
                else ("期間の後 40 日" if ja else f"40 days after its period ({once})"),
                told_to="なし" if ja else "nobody",
            )
        )
    signed = [rule.name for rule in policy.rules if rule.sign is not None]
    if signed:
        items.append(
            DataItem(
                item="署名するフォームの内容、電子署名、署名用電子証明書（氏名・住所・生年月日・性別を含む）"
                if ja
                else "the signed form, its signature, and the signing certificate (it holds name, address, birthdate "
                "and gender)",
                purpose="本人の意思を電子署名で示すため" if ja else "to show the person's will by a signature",
                asked_where=_list(signed, language),
                kept_where="署名の記録（暗号化。鍵の一部は署名の番号）。証拠は回数の記録庫（Redis、暗号化）"
                if ja
                else "the sealed record of the signature (part of its key is the signature's id); evidence is sealed "
                "in the store of limits (Redis)",
                kept_how_long="アプリケーションが受領を確認するまで。長くても設定 `signing.keep` の時間。"
                "設定 `signing.evidence` がある場合は、さらに証拠としてその `keep` の期間"
                if ja
                else "until the application confirms it, at most `signing.keep`; with `signing.evidence` "
                "as evidence for its `keep`",
                told_to="アプリケーション: フォーム、電子署名、証明書"
                if ja
                else "the application: form, signature, certificate",
            )
        )
    return (*items, *_account_items(policy, language))


def _account_items(policy: Policy, language: Language) -> tuple[DataItem, ...]:
    """Return what is kept of accounts. A policy does not know `apps[].accounts.tell`, so the password says its case."""
    ja = language is Language.JA
    asking = [rule.name for rule in policy.rules if rule.accounts is not None]
    if not asking:
        return ()
    asked, store = (
        _list(asking, language),
        "アカウントの保存先（封をして保存）" if ja else "the store of accounts, sealed",
    )
    link = DataItem(
        item="アプリケーションのアカウントとの連携（識別子から作った符号、アカウント名、役割、日時）"
        if ja
        else "the link to an account of the application (a code made of the identifier, account, role, times)",
        purpose="これまでのアカウントを使い続けるため" if ja else "to go on with the account from before",
        asked_where=asked,
        kept_where=store,
        kept_how_long="本人か窓口が連携を解除するまで" if ja else "until the person or the counter ends the link",
        told_to="アプリケーション: アカウント名と役割" if ja else "the application: account and role",
    )
    password = DataItem(
        item="そのアカウントのパスワード（設定 `tell: form` のときだけ）"
        if ja
        else "the password of that account (with the setting `tell: form` alone)",
        purpose="本人に代わってアプリケーションにログインするため"
        if ja
        else "to sign in at the application for the person",
        asked_where=asked,
        kept_where=store,
        kept_how_long="本人のものは最後の連携を解除するまで。ゲートウェイが作ったものは窓口がアカウントの記録を消すまで"
        if ja
        else "a person's own until the last link ends; one that the gateway made until the counter removes the account",
        told_to="アプリケーション: ログイン画面で" if ja else "the application: at its own login",
    )
    return link, password


def _behind(name: str, conditions: Mapping[str, Condition]) -> frozenset[Scope]:
    """Return the items that a disclosed name needs."""
    condition = conditions.get(name)
    if condition is not None:
        return all_needs([condition.test]).scopes
    return FACT_SCOPES[Fact(name)] or frozenset({Scope.OPENID})


def say_data_map(policy: Policy, language: Language) -> str:
    """Return the data map as a Markdown table."""
    head = DATA_MAP_HEAD[language]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for item in data_map(policy, language):
        cells = " | ".join(cell.replace("|", "/") for cell in item.cells)
        lines.append(f"| {cells} |")
    return "\n".join(lines)
