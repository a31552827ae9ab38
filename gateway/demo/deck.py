"""The people whose cards can be held to the emulator's reader.

Cards 1 to 4 are the deck of the agency's test screen: two valid people, an expired and a
revoked card of the first. From 5 on, each card is there for one difficulty of Japanese
names, addresses and dates of birth. Every person is invented. The forms of UserInfo's
values (8-digit birthdate, one-character gender, name and address as single strings) follow
what relying parties have seen of the sandbox. The sandbox's form of an unknown day is not established. `00` for each
unknown part is this emulator's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum


class CardState(StrEnum):
    """The result of the check of a 利用者証明用電子証明書."""

    VALID = "有効"
    EXPIRED = "有効期限切れ"
    REVOKED = "失効"


@dataclass(frozen=True, slots=True)
class Person:
    """The holder of a card. `key` names the person, and all her cards have it."""

    key: str
    claims: Mapping[str, str]
    """UserInfo's members by scope: `name`, `address`, `birthdate`, `gender`; one that is missing is not given."""


@dataclass(frozen=True, slots=True)
class Card:
    """One row of the test screen."""

    number: int
    label: str
    state: CardState
    serial: str
    """Serial number of its certificate as the screen shows it; a relying party never learns it."""
    person: Person
    signing_state: CardState | None
    """The result of the check of its 署名用電子証明書; None: the card has none."""

    @property
    def signing_serial(self) -> str:
        """Serial number of its signing certificate: the one after the other's."""
        return f"{int(self.serial, 16) + 1:08X}"

    @property
    def name(self) -> str:
        """The name on it."""
        return self.person.claims.get("name", "")


def years_before(day: date, years: int) -> date:
    """Return the same day so many years earlier; 28 February where that year has no 29th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def born_tomorrow(today: date, years: int) -> date:
    """Return the date of birth of somebody who has not yet reached the age, and will as soon as can be."""
    tomorrow = today + timedelta(days=1)
    # If tomorrow is a 29 February that the year of birth lacks, 28 February would make her old enough already.
    born = years_before(tomorrow, years)
    return born if born.day == tomorrow.day else born + timedelta(days=1)


def deck(today: date) -> tuple[Card, ...]:
    """Return every card, numbered from 1. `today` is the day in Japan: some people have their birthday on it."""
    hanako = _person("hanako", "髙橋　花子", "東京都渋谷区神南１丁目１９番１１号", "19850401", "2")
    cards: list[Card] = []

    def add(label: str, person: Person, state: CardState = CardState.VALID, signing: CardState | None = None) -> None:
        number = len(cards) + 1
        cards.append(Card(number, label, state, f"7F00D{9 + 2 * number:03d}", person, signing or state))

    add("有効のテストカード1つ目（渋谷区に住む成人）", hanako)
    add("有効期限切れのテストカード", hanako, CardState.EXPIRED)
    add("失効のテストカード", hanako, CardState.REVOKED)
    add(
        "有効のテストカード2つ目（高山市に住む成人）",
        _person("ichiro", "鈴木　一郎", "岐阜県高山市花岡町２丁目１８番地", "19780915", "1"),
    )
    add(
        "渋谷区に通勤する川口市民", _person("commuter", "山田　太郎", "埼玉県川口市青木２丁目１番１号", "19860401", "1")
    )
    for age, younger, older in ((18, "前田　あかり", "今井　陸"), (20, "前川　結", "今村　駿")):
        eve, birthday = born_tomorrow(today, age), years_before(today, age)
        add(f"明日{age}歳になる（今日は{age - 1}歳）", _shibuya(f"eve-{age}", younger, eve))
        add(f"今日{age}歳になった", _shibuya(f"exactly-{age}", older, birthday))
    add("17歳", _shibuya("seventeen", "若林　葵", years_before(today, 17) - timedelta(days=100)))
    add("2月29日生まれ", _shibuya("leap", "閏間　光", date(2004, 2, 29)))
    add("生まれた日が不詳", _person("no-day", "不詳　日", "東京都渋谷区本町３丁目２番１号", "19800500", "1"))
    add("生まれた月日が不詳", _person("no-month", "不詳　月日", "東京都渋谷区本町３丁目２番２号", "19800000", "2"))
    add("性別コード9", _person("gender-9", "中村　薫", "東京都渋谷区幡ヶ谷２丁目１番１号", "19900707", "9"))
    add(
        "住所が全角数字と全角ハイフン",
        _person("full-width", "全角　一", "東京都渋谷区代々木５－２３－１　カーサ代々木３０１", "19750103", "1"),
    )
    add(
        "政令市の区",
        _person("ward", "博多　みなみ", "福岡県福岡市中央区天神１丁目８番１号", "19820618", "2"),
    )
    add(
        "都道府県名のない住所",
        _person("no-prefecture", "安芸　守", "広島市中区国泰寺町１丁目６番３４号", "19690806", "1"),
    )
    add("郡のある住所", _person("county", "白川　郷子", "岐阜県大野郡白川村鳩谷５１７番地", "19711103", "2"))
    add("国外転出（市区町村のない住所）", _person("overseas", "海野　渡", "アメリカ合衆国", "19880229", "1"))
    add("200文字の住所", _person("long", "長井　長子", _long_address(), "19920101", "2"))
    add(
        "ローマ字氏名と通称",
        _person("latin", "NGUYEN VAN AN（山本　安）", "東京都渋谷区恵比寿４丁目２０番３号", "19950522", "1"),
    )
    add("姓名に分かれない氏名", _person("single", "SUKARNO", "東京都渋谷区上原１丁目１番１号", "19990101", "1"))
    add("代替文字を含む氏名", _person("glyph", "渡〓　翔", "東京都渋谷区神泉町２０番２１号", "19870311", "1"))
    add(
        "基本多言語面の外の文字を含む氏名",
        _person("plane-2", "𠮷田　健", "東京都渋谷区西原２丁目４９番１号", "19810214", "1"),
    )
    add("住所が渡されない", _person("no-address", "無住　所", None, "19830505", "1"))
    add("生年月日が読めない", _person("no-birthdate", "無生　日", "東京都渋谷区初台１丁目１番１号", "不明", "2"))
    add(
        "引っ越して署名用電子証明書だけが失効",
        _person("moved", "引越　済", "東京都渋谷区千駄ヶ谷１丁目１番１号", "19890602", "1"),
        signing=CardState.REVOKED,
    )
    child = _shibuya("fourteen", "小林　蕾", years_before(today, 14) - timedelta(days=100))
    add("14歳（署名用電子証明書のないカード）", child)
    # In principle nobody under 15 gets one.
    cards[-1] = replace(cards[-1], signing_state=None)
    return tuple(cards)


def _person(key: str, name: str, address: str | None, birthdate: str, gender: str) -> Person:
    claims = {"name": name, "birthdate": birthdate, "gender": gender}
    return Person(key, claims if address is None else {**claims, "address": address})


def _shibuya(key: str, name: str, born: date) -> Person:
    return _person(key, name, "東京都渋谷区宇田川町１番１号", f"{born:%Y%m%d}", "2")


def _long_address() -> str:
    start = "東京都渋谷区渋谷１丁目２番３号　"
    # Signing certificates hold at most 200 characters of address; the card's text is taken to do the same.
    return (start + "渋谷グランドセントラルガーデンヒルズ弐番館" * 10)[:197] + "１０号"
