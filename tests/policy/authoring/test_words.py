"""A policy in sentences: each rule and condition of every policy, in both languages, and where its data go."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.authoring.words import data_map, say_data_map, say_policy, say_test
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import load_policy, parse_policy
from gateway.yaml.mistakes import Language, Mistakes

POLICIES = sorted((Path(__file__).parents[3] / "policies").glob("*.yaml"))


def load(path: Path) -> Policy:
    policy = load_policy(path, Mistakes())
    assert policy is not None
    return policy


def test_every_condition_that_a_policy_of_ours_tells_has_a_label() -> None:
    """The notice names them by it: without one it says no more than that a condition is told."""
    told = [
        (policy.name, name, policy.conditions[name].label)
        for policy in map(load, POLICIES)
        for name in sorted({name for rule in policy.rules for name in rule.disclose if name in policy.conditions})
    ]

    assert len(told) >= 6
    assert [each for each in told if not {"ja", "en"} <= each[2].keys()] == []


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_every_policy_can_be_said(path: Path, language: Language) -> None:
    """Every name in it is in its sentences, and it says which version it is."""
    policy = load(path)

    said = say_policy(policy, language)

    assert all(rule.name in said for rule in policy.rules)
    assert all(name in said for name in policy.conditions)
    assert policy.version in said
    assert "{" not in said


@pytest.mark.parametrize(
    ("test", "english", "japanese"),
    [
        ("{age: {at_least: 18}}", "is at least 18, from the birthday", "18歳以上（誕生日から数える）である"),
        (
            "{age: {at_least: 6, below: 15, counted_from: next_april}}",
            "is at least 6 and below 15, from the first 1 April after the eve of the birthday",
            "6歳以上15歳未満（誕生日の前日より後の最初の4月1日から数える）である",
        ),
        ("{born: {until: 1957-04-01}}", "was born until 1957-04-01 (both days included)", "1957年4月1日までに生まれた"),
        (
            "{residence: {in: [横浜市, 東京都]}}",
            "the card's address is in 東京都, 神奈川県横浜市",
            "カードに記録された住所が 東京都、神奈川県横浜市 にある",
        ),
        ("{network: [192.0.2.0/24]}", "comes from 192.0.2.0/24", "接続元が 192.0.2.0/24 である"),
        (
            "{dates: {from: 12-29, until: 01-03}}",
            "it is every year from 12-29 until 01-03 (both days included)",
            "毎年12月29日から1月3日まで（両日を含む）の間である",
        ),
        (
            "{dates: {days: [月, 火], hours: {from: 9:00, until: 24:00}}}",
            "it is Mon or Tue, 9:00 to 24:00",
            "月・火曜日の、9:00から24:00までの間である",
        ),
        (
            "{dates: {hours: {from: 22:00, until: 6:00}}}",
            "it is every day 22:00 to 6:00 of the next day",
            "毎日22:00から翌日の6:00までの間である",
        ),
        (
            "{dates: {from: 2026-12-01 10:00, until: 2026-12-10 17:00}}",
            "it is from 2026-12-01 10:00 until 2026-12-10 17:00",
            "2026年12月1日10:00から2026年12月10日17:00までの間である",
        ),
        (
            "{dates: {days: [月, 第3火曜, 最終金曜, 祝日]}}",
            "it is Mon, the third Tue of a month, the last Fri of a month or a holiday",
            "月曜日、第3火曜日、最終金曜日または祝日（振替休日を含む）である",
        ),
        ("{dates: {days: [月, 祝日を除く]}}", "it is Mon, but no holiday", "月曜日（祝日と振替休日を除く）である"),
        (
            "{dates: {from: 2026-04-01, until: 2027-03-31, days: [日, 月], hours: {from: 9:00, until: 17:00}}}",
            "it is from 2026-04-01 until 2027-03-31 (both days included), Mon or Sun, 9:00 to 17:00",
            "2026年4月1日から2027年3月31日まで（両日を含む）の、月・日曜日の、9:00から17:00までの間である",
        ),
        (
            "{dates: {from: 2027-02-08, until: 2027-02-13, hours: {from: 8:30, until: 20:00}}}",
            "it is from 2027-02-08 until 2027-02-13 (both days included), every day 8:30 to 20:00",
            "2027年2月8日から2027年2月13日まで（両日を含む）の、毎日8:30から20:00までの間である",
        ),
        (
            "{dates: {days: [月曜（祝日のときは翌平日）]}}",
            "it is Mon (if it falls on a holiday, the next working day instead: Mon to Fri, no holiday)",
            "月曜日（祝日（振替休日を含む）に当たるときは、その日でなく次の平日（土・日・祝日でない日））である",
        ),
        (
            "{dates: {days: [末日（土日祝のときは前平日）]}}",
            "it is the last day of each month (if it falls on a weekend or a holiday, the working day before instead: Mon to Fri, no holiday)",  # noqa: E501
            "毎月末日（土・日・祝日に当たるときは、その日でなく直前の平日（土・日・祝日でない日））である",
        ),
        (
            "{dates: {days: [1日, 11日から13日まで, 22日, 末日]}}",
            "it is the 1st, 11th to 13th, 22nd or last day of each month",
            "毎月1日、11日から13日まで、22日または末日である",
        ),
        (
            "{dates: {days: [21日から末日まで]}}",
            "it is the 21st to last day of each month",
            "毎月21日から末日までである",
        ),
        (
            "{dates: {days: [31日]}}",
            "it is the 31st of each month (in months that have it)",
            "毎月31日（その日のない月を除く）である",
        ),
        (
            "{dates: {days: [祝日の翌日, 祝日の翌平日]}}",
            "it is the day after a holiday or the first working day (Mon to Fri, no holiday) after a holiday",
            "祝日（振替休日を含む）の翌日または祝日（振替休日を含む）の後の最初の平日（土・日・祝日でない日）である",
        ),
        (
            "{dates: {in: [2026-12-28, 2027-01-04]}}",
            "it is 2026-12-28 or 2027-01-04",
            "2026年12月28日または2027年1月4日である",
        ),
        (
            "{age: {at_least: 18, counted_from: eve, on: 2027-04-11}}",
            "is on 2027-04-11 at least 18, from the eve of the birthday",
            "2027年4月11日の時点で18歳以上（誕生日の前日に達したものとして数える）である",
        ),
        (
            "{age: {in: [40, 45], counted_from: fiscal_year}}",
            "is of one of the ages 40, 45, from 1 April of the fiscal year in which the eve of the birthday lies",
            "40歳、45歳のいずれか（誕生日の前日の属する年度の4月1日から数える）である",
        ),
        ("{gender: female}", "the card's gender is female", "カードに記録された性別が「女」である"),
        (
            "{town: {of: 千葉県市川市, in: [八幡一丁目, 南八幡]}}",
            "the card's address is in 八幡1丁目, 南八幡 of 千葉県市川市",
            "カードに記録された住所が千葉県市川市の八幡1丁目、南八幡にある",
        ),
        ("{switch: disaster}", "the switch “disaster” is on", "スイッチ「disaster」が入っている"),
    ],
)
def test_each_test_is_a_phrase(test: str, english: str, japanese: str) -> None:
    """As a lawyer would read it."""
    mistakes = Mistakes()
    policy = parse_policy(f"policy: p\nconditions:\n  c: {test}\nrules:\n  - {{name: r, allow: nobody}}\n", mistakes)
    assert policy is not None, mistakes.say()

    written = policy.conditions["c"].test

    assert (say_test(written, Language.EN), say_test(written, Language.JA)) == (english, japanese)


def test_the_data_map_says_where_each_item_goes() -> None:
    """The address is asked for and not told; a word about it is."""
    policy = load(POLICIES[0].with_name("facility-booking.yaml"))

    items = {item.item: item for item in data_map(policy, Language.EN)}

    assert items["address"].asked_where == "reserve"
    assert items["address"].told_to == "the application: whether “resident” holds (yes or no)"
    assert items["birthdate"].told_to == "nobody"
    assert "gender" not in items


def test_the_data_map_is_a_table() -> None:
    """One line an item, as many cells as the head; entries of a limit are personal data too."""
    policy = load(POLICIES[0].with_name("lottery.yaml"))

    lines = say_data_map(policy, Language.JA).splitlines()

    assert lines[0].startswith("| 記録項目 | 利用目的 |")
    assert {line.count("|") for line in lines} == {7}
    assert any("回数の記録「lottery-2026」" in line for line in lines)


def test_a_site_that_forms_come_back_from_is_said() -> None:
    """The person who signs a policy signs that as well."""
    rule = "  - {name: r, match: {path: /pay}, allow: signed_in, returns_from: [https://pay.example]}"
    policy = parse_policy(f"policy: p\nrules:\n{rule}\n", Mistakes())
    assert policy is not None

    assert "A form that comes back from https://pay.example is sent" in say_policy(policy, Language.EN)
    assert "https://pay.example から戻るフォームは" in say_policy(policy, Language.JA)


def test_a_form_that_is_signed_is_said() -> None:
    """The title is what the person signs."""
    lines = "match: {path: /a, method: POST}, allow: signed_in, sign: {document: form, title: {ja: 申請書}}"
    policy = parse_policy(f"policy: p\nrules:\n  - {{name: r, {lines}}}\n", Mistakes())
    assert policy is not None

    assert "The person signs the form as “申請書”" in say_policy(policy, Language.EN)
    assert "「申請書」としてマイナンバーカードで電子署名" in say_policy(policy, Language.JA)


@pytest.mark.parametrize(
    ("counted", "when", "english", "japanese"),
    [
        (
            "{status: 303, location: /entered}",
            "{status: [302, 303], location: /cancelled}",
            "when the application's answer has the status 302, 303 and leads to `/cancelled`, the person's",
            "アプリケーションの応答が「状態コードが 302、303、行き先が `/cancelled`」のとき、「draw」の本人の",
        ),
        (
            "{status: 303, header: X-Entry}",
            "{header: X-Entry-Cancelled}",
            "has the header `x-entry-cancelled`, the entry that `x-entry-cancelled` names of “draw”",
            "ヘッダー `x-entry-cancelled` がある」のとき、「draw」の本人の`x-entry-cancelled` が名前で示す記録",
        ),
    ],
)
def test_the_answer_that_gives_an_entry_back_is_said(counted: str, when: str, english: str, japanese: str) -> None:
    """The official who signs the policy reads when a person may try again."""
    limit = f"limit: {{name: draw, once: ever, counted_when: {counted}}}"
    rules = f"  - {{name: e, match: {{path: /e}}, allow: signed_in, {limit}}}\n"
    rules += f"  - {{name: c, match: {{path: /c}}, allow: signed_in, gives_back: {{limit: draw, when: {when}}}}}\n"
    policy = parse_policy(f"policy: p\nrules:\n{rules}", Mistakes())
    assert policy is not None

    assert english in say_policy(policy, Language.EN)
    assert japanese in say_policy(policy, Language.JA)


ACCOUNTS = """\
policy: p
conditions:
  club: {account: {role: representative}}
rules:
  - {name: book, match: {path: /book}, require: [club], accounts: required}
  - {name: look, match: {path: /look}, allow: signed_in, accounts: offered}
  - {name: rest, allow: everyone}
"""


def test_the_data_map_names_the_link_and_the_password() -> None:
    """Each with the rules that ask for an account, how long it is kept, and who is told; none without such a rule."""
    policy = parse_policy(ACCOUNTS, Mistakes())
    assert policy is not None

    link, password = data_map(policy, Language.EN)[-2:]
    table = say_data_map(policy, Language.JA)

    assert (link.asked_where, link.told_to) == ("book, look", "the application: account and role")
    assert link.kept_how_long == "until the person or the counter ends the link"
    assert "`tell: form` alone" in password.item
    assert "アカウントとの連携" in table
    assert "そのアカウントのパスワード" in table
    plain = load(POLICIES[0].with_name("facility-booking.yaml"))
    assert not [item for item in data_map(plain, Language.EN) if "account" in item.item]


def test_a_rule_says_which_account_it_looks_at() -> None:
    """The words that are signed have the condition and both needs."""
    policy = parse_policy(ACCOUNTS, Mistakes())
    assert policy is not None
    english, japanese = say_policy(policy, Language.EN), say_policy(policy, Language.JA)

    for word in ("a group's account as its representative", "nobody passes without one", "if the person has one"):
        assert word in english
    for word in ("代表者として団体のアカウント", "アカウントのない方は通れない", "アカウントがなくても通れる"):
        assert word in japanese
