"""Rules as ordinances state them, each a whole policy whose examples are computed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.authoring.examples import run_examples
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import load_policy, parse_policy
from gateway.yaml.mistakes import Mistakes

LISTS = Path(__file__).parents[2] / "policies"
ORDINANCES = Path(__file__).parent / "ordinances"

Case = tuple[str, str, str, str]
"""Title, moment, person and what is expected."""

OF_PEOPLE: list[tuple[str, str, tuple[Case, ...]]] = [
    (
        "二十歳のつどい 2026年度",
        "age: {in: [20], counted_from: fiscal_year}",
        (
            ("21 on the eve, in March 2027", "2027-01-11", "birthdate: 2006-04-01", "deny c"),
            ("the first of the year", "2027-01-11", "birthdate: 2006-04-02", "allow"),
            ("the last of the year", "2027-01-11", "birthdate: 2007-04-01", "allow"),
            ("20 on the eve, in April 2027", "2027-01-11", "birthdate: 2007-04-02", "deny c"),
            ("only the year is known", "2027-01-11", "birthdate: 2006", "deny c (unknown)"),
        ),
    ),
    (
        "敬老パス: 70歳に達する日の属する年度の翌4月1日から",
        "age: {at_least: 70, counted_from: next_april}",
        (
            ("70 on 2026-03-31", "2026-03-31", "birthdate: 1956-04-01", "deny c"),
            ("from the next day", "2026-04-01", "birthdate: 1956-04-01", "allow"),
            ("70 on 2026-04-01", "2027-03-31", "birthdate: 1956-04-02", "deny c"),
            ("from a year later", "2027-04-01", "birthdate: 1956-04-02", "allow"),
        ),
    ),
    (
        "特定健診: 年度末に40歳以上74歳以下",
        "age: {at_least: 40, at_most: 74, counted_from: fiscal_year}",
        (
            ("40 on 2027-03-31", "2026-04-01", "birthdate: 1987-04-01", "allow"),
            ("40 on 2027-04-01", "2027-03-31", "birthdate: 1987-04-02", "deny c"),
            ("74 on 2027-03-31, and 75 a day later", "2027-03-31", "birthdate: 1952-04-02", "allow"),
            ("75 on 2027-03-31", "2026-04-01", "birthdate: 1952-04-01", "deny c"),
        ),
    ),
    (
        "インフルエンザ: 65歳の誕生日の前日から",
        "age: {at_least: 65, counted_from: eve}",
        (
            ("two days before", "2026-11-28", "birthdate: 1961-11-30", "deny c"),
            ("the eve", "2026-11-29", "birthdate: 1961-11-30", "allow"),
            ("born on a leap day, the eve in another year", "2029-02-28", "birthdate: 1964-02-29", "allow"),
            ("a day before it", "2029-02-27", "birthdate: 1964-02-29", "deny c"),
        ),
    ),
    (
        "酒類: 20歳以上",
        "age: {at_least: 20}",
        (
            ("the eve", "2028-02-28", "birthdate: 2008-02-29", "deny c"),
            ("the birthday", "2028-02-29", "birthdate: 2008-02-29", "allow"),
        ),
    ),
    (
        "投票日（2027-04-11）の時点で満18歳以上",
        "age: {at_least: 18, counted_from: eve, on: 2027-04-11}",
        (
            ("18 on the eve, which is the day of the poll", "2027-04-03", "birthdate: 2009-04-12", "allow"),
            ("18 a day after the poll", "2027-04-12", "birthdate: 2009-04-13", "deny c"),
        ),
    ),
    (
        "70歳の誕生日の翌月1日から（1日生まれはその月）",
        "age: {at_least: 70, counted_from: next_month}",
        (
            ("born on the last of a month", "2026-11-30", "birthdate: 1956-11-30", "deny c"),
            ("from the 1st", "2026-12-01", "birthdate: 1956-11-30", "allow"),
            ("born on the 1st", "2026-11-30", "birthdate: 1956-12-01", "deny c"),
            ("from that very day", "2026-12-01", "birthdate: 1956-12-01", "allow"),
            ("born on the 2nd", "2026-12-31", "birthdate: 1956-12-02", "deny c"),
            ("from the next month", "2027-01-01", "birthdate: 1956-12-02", "allow"),
        ),
    ),
    (
        "65歳の誕生月の初日から",
        "age: {at_least: 65, counted_from: birth_month}",
        (
            ("the month before", "2026-10-31", "birthdate: 1961-11-30", "deny c"),
            ("the first of the month", "2026-11-01", "birthdate: 1961-11-30", "allow"),
            ("born on the 1st, the month before", "2026-10-31", "birthdate: 1961-11-01", "deny c"),
            ("born on the 1st", "2026-11-01", "birthdate: 1961-11-01", "allow"),
            ("the day is not known, and does not decide", "2026-11-01", "birthdate: 1961-11", "allow"),
        ),
    ),
    (
        "40・45・50歳の節目健診",
        "age: {in: [40, 45, 50], counted_from: fiscal_year}",
        (
            ("41 in this year", "2026-12-01", "birthdate: 1986-04-01", "deny c"),
            ("40, the first", "2026-12-01", "birthdate: 1986-04-02", "allow"),
            ("40, the last", "2026-12-01", "birthdate: 1987-04-01", "allow"),
            ("45", "2026-12-01", "birthdate: 1981-04-02", "allow"),
            ("46", "2026-12-01", "birthdate: 1981-04-01", "deny c"),
            ("50, the last", "2026-12-01", "birthdate: 1977-04-01", "allow"),
            ("49", "2026-12-01", "birthdate: 1977-04-02", "deny c"),
        ),
    ),
    (
        "女子のみ",
        "gender: female",
        (
            ("a woman", "2026-11-29", "gender: female", "allow"),
            ("a man", "2026-11-29", "gender: male", "deny c"),
            ("not given", "2026-11-29", "", "deny c (unknown)"),
        ),
    ),
    (
        "八幡小学校区（町丁目の一覧による）",
        "town: {of: 千葉県市川市, in: lists/yawata-school.csv}",
        (
            ("in the list", "2026-11-29", "address: 千葉県市川市八幡１丁目2番3号", "allow"),
            ("in the list, in kanji", "2026-11-29", "address: 千葉県市川市八幡二丁目2番3号", "allow"),
            ("a whole town", "2026-11-29", "address: 千葉県市川市南八幡4丁目1番1号", "allow"),
            ("another 丁目", "2026-11-29", "address: 千葉県市川市八幡6丁目1番1号", "deny c"),
            ("the 丁目 is not told", "2026-11-29", "address: 千葉県市川市八幡1-2-3", "deny c (unknown)"),
            ("a town of this name elsewhere", "2026-11-29", "address: 北海道函館市八幡町1番1号", "deny c"),
        ),
    ),
    (
        "在勤者名簿にある方",
        "subject: {in: lists/commuters.yaml}",
        (
            ("on the list", "2027-03-31", "subject: K7QM-2XHD-9TRC-4WBN", "allow"),
            ("a day after the end", "2027-04-01", "subject: K7QM-2XHD-9TRC-4WBN", "deny c"),
            ("not on the list", "2026-11-29", "subject: somebody", "deny c"),
        ),
    ),
    (
        "市外の方",
        "not: yokohama",
        (
            ("a citizen", "2026-11-29", "address: 横浜市中区本町1-1", "deny c"),
            ("somebody else", "2026-11-29", "address: 川崎市川崎区宮本町1", "allow"),
            ("a prefecture without this city", "2026-11-29", "address: 東京都横浜市中区1-1", "deny c (unknown)"),
            ("no place at all", "2026-11-29", "address: アトランティス市1-1", "deny c (unknown)"),
        ),
    ),
]
"""The ordinance, its condition `c`, and people."""

OF_DAYS: list[tuple[str, str, tuple[tuple[str, str], ...]]] = [
    (
        "12月1日10時から12月10日17時まで",
        "dates: {from: 2026-12-01 10:00, until: 2026-12-10 17:00}",
        (
            ("2026-12-01 09:59", "deny c"),
            ("2026-12-01 10:00", "allow"),
            ("2026-12-05 03:00", "allow"),
            ("2026-12-10 16:59", "allow"),
            ("2026-12-10 17:00", "deny c"),
        ),
    ),
    (
        "期日前投票: 4月4日から10日まで、8時30分から20時まで",
        "dates: {from: 2027-04-04, until: 2027-04-10, hours: {from: 8:30, until: 20:00}}",
        (
            ("2027-04-03 12:00", "deny c"),
            ("2027-04-04 08:29", "deny c"),
            ("2027-04-04 08:30", "allow"),
            ("2027-04-10 19:59", "allow"),
            ("2027-04-10 20:00", "deny c"),
            ("2027-04-11 12:00", "deny c"),
        ),
    ),
    (
        "祝日と年末年始は休館、第3月曜も",
        "not: closed",
        (
            ("2026-11-16 10:00", "deny c"),
            ("2026-11-17 10:00", "allow"),
            ("2026-11-23 10:00", "deny c"),
            ("2026-12-28 10:00", "allow"),
            ("2026-12-29 00:00", "deny c"),
            ("2027-01-03 23:59", "deny c"),
            ("2027-01-04 10:00", "allow"),
            ("2027-03-22 10:00", "deny c"),
            ("2027-03-23 10:00", "allow"),
        ),
    ),
    (
        "月曜休館（祝日のときは翌平日）",
        "dates: {days: [月曜（祝日のときは翌平日）]}",
        (
            ("2026-11-16 10:00", "allow"),
            ("2026-11-23 10:00", "deny c"),
            ("2026-11-24 00:00", "allow"),
            ("2026-11-25 10:00", "deny c"),
            ("2026-05-04 10:00", "deny c"),
            ("2026-05-05 10:00", "deny c"),
            ("2026-05-06 10:00", "deny c"),
            ("2026-05-07 10:00", "allow"),
            ("2026-09-21 10:00", "deny c"),
            ("2026-09-24 23:59", "allow"),
            ("2026-09-25 00:00", "deny c"),
        ),
    ),
    (
        "第3月曜休館（祝日のときは翌平日）",
        "dates: {days: [第3月曜（祝日のときは翌平日）]}",
        (
            ("2026-07-20 10:00", "deny c"),
            ("2026-07-21 10:00", "allow"),
            ("2026-08-17 10:00", "allow"),
            ("2026-08-18 10:00", "deny c"),
            ("2026-07-13 10:00", "deny c"),
        ),
    ),
    (
        "館内整理日は月の末日（土日祝のときは直前の平日）",
        "dates: {days: [末日（土日祝のときは前平日）]}",
        (
            ("2026-11-30 10:00", "allow"),
            ("2027-01-31 10:00", "deny c"),
            ("2027-01-29 10:00", "allow"),
            ("2028-02-28 10:00", "deny c"),
            ("2028-02-29 10:00", "allow"),
            ("2026-05-31 10:00", "deny c"),
            ("2026-05-29 10:00", "allow"),
        ),
    ),
    (
        "祝日の翌日休館",
        "dates: {days: [祝日の翌日]}",
        (
            ("2026-11-23 10:00", "deny c"),
            ("2026-11-24 10:00", "allow"),
            ("2026-05-05 10:00", "allow"),
            ("2026-05-07 10:00", "allow"),
            ("2026-02-12 10:00", "allow"),
            ("2027-01-02 10:00", "allow"),
        ),
    ),
    (
        "毎月1日から10日まで、8時30分から翌日の6時まで受け付ける",
        "dates: {days: [1日から10日まで], hours: {from: 8:30, until: 6:00}}",
        (
            ("2026-11-30 23:59", "deny c"),
            ("2026-12-01 05:59", "deny c"),
            ("2026-12-01 08:30", "allow"),
            ("2026-12-10 23:59", "allow"),
            ("2026-12-11 05:59", "allow"),
            ("2026-12-11 06:00", "deny c"),
            ("2026-12-11 08:30", "deny c"),
        ),
    ),
]
"""The ordinance, its condition `c`, and moments; 2027-03-22 is a 振替休日 after an equinox on Sunday."""

HEAD = """\
policy: p
purpose: {ja: 確認のため}
conditions:
  yokohama: {residence: {in: [横浜市]}}
  closed: {any: [third, new_year]}
  third: {dates: {days: [第3月曜, 祝日]}}
  new_year: {dates: {from: 12-29, until: 01-03}}
"""


def run(text: str, examples: int, folder: Path = LISTS) -> None:
    """Run a policy's examples, and hold that each says what it expects."""
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes, folder=folder)
    assert policy is not None, mistakes.say()
    outcomes = run_examples(policy, CompiledPolicy(policy))

    assert [outcome.say() for outcome in outcomes if not outcome.passed] == []
    assert len(outcomes) == examples


@pytest.mark.parametrize(("condition", "cases"), [pytest.param(*each[1:], id=each[0]) for each in OF_PEOPLE])
def test_an_ordinance_about_people_is_said_rightly(condition: str, cases: tuple[Case, ...]) -> None:
    """The last who passes and the first who does not, on both sides of each border."""
    examples = "".join(
        f"  - {{title: '{title}', at: {at}, who: {{{who or 'name: x'}}}, request: GET /, expect: {expect}}}\n"
        for title, at, who, expect in cases
    )
    run(f"{HEAD}  c: {{{condition}}}\nrules:\n  - {{name: r, require: [c]}}\nexamples:\n{examples}", len(cases))


@pytest.mark.parametrize(("condition", "cases"), [pytest.param(*each[1:], id=each[0]) for each in OF_DAYS])
def test_an_ordinance_about_days_is_said_rightly(condition: str, cases: tuple[tuple[str, str], ...]) -> None:
    """The first and the last minute of each period, and the days that move."""
    examples = "".join(
        f"  - {{title: t{number}, at: {at}, who: {{name: x}}, request: GET /, expect: {expect}}}\n"
        for number, (at, expect) in enumerate(cases)
    )
    run(f"{HEAD}  c: {{{condition}}}\nrules:\n  - {{name: r, require: [c]}}\nexamples:\n{examples}", len(cases))


LOTTERY = """\
policy: lottery
rules:
  - name: 申込
    match: {path: /enter, method: POST}
    allow: signed_in
    limit: {name: 抽選, once: ever, counted_when: {status: 303, location: /entered}, if_over: {ja: 応募済みです。}}
  - name: 取消
    match: {path: /cancel, method: POST}
    allow: signed_in
    gives_back: {limit: 抽選, when: {header: X-Cancelled}}
examples:
  - {title: 初めて, at: 2026-11-29, who: {subject: a}, request: POST /enter, expect: allow}
  - {title: 二度目, at: 2026-11-29, who: {subject: a}, request: POST /enter, entries: 1, expect: deny 抽選}
  - {title: 取消, at: 2026-11-29, who: {subject: a}, request: POST /cancel, entries: 1, expect: allow}
"""


def test_a_lottery_with_one_entry_each_is_said_rightly() -> None:
    """抽選は1人1回、取り消したら申し込み直せる: who has entered may still cancel."""
    run(LOTTERY, 3)


ROLL = """\
policy: p
conditions:
  c: {subject: {in: 在勤者.csv}}
rules:
  - {name: r, require: [c]}
examples:
  - {title: 在勤者, at: 2027-03-31, who: {subject: K7QM-2XHD-9TRC-4WBN}, request: GET /, expect: allow}
  - {title: 期限の翌日, at: 2027-04-01, who: {subject: K7QM-2XHD-9TRC-4WBN}, request: GET /, expect: deny c}
  - {title: ほかの方, at: 2027-03-31, who: {subject: somebody}, request: GET /, expect: deny c}
"""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
def test_a_roll_from_excel_is_said_rightly(tmp_path: Path, encoding: str) -> None:
    """在勤者名簿（CSV）にある方: with a day of an era, as an official wrote it."""
    roll = "本人のコード,期限,備考\r\nK7QM-2XHD-9TRC-4WBN,令和9年3月31日,在勤証明　窓口2\r\n"
    (tmp_path / "在勤者.csv").write_bytes(roll.encode(encoding))

    run(ROLL, 3, tmp_path)


@pytest.mark.parametrize("file", sorted(ORDINANCES.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_whole_ordinance_is_said_rightly(file: Path) -> None:
    """Boundaries of ages, hours, months and fiscal years, computed by hand: five examples or more of each."""
    mistakes = Mistakes()
    policy = load_policy(file, mistakes)
    assert policy is not None, mistakes.say()
    outcomes = run_examples(policy, CompiledPolicy(policy))

    assert [outcome.say() for outcome in outcomes if not outcome.passed] == []
    assert len(outcomes) >= 5
