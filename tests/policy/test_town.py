"""The town of an address: where it ends, and the one spelling that all its spellings share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.place_names import fold
from gateway.policy.residence import residence_of
from gateway.policy.town import EXCEPTIONS, LONGEST_TOWN, Town, canonical_town, covers, find_town, town_of
from gateway.policy.verdict import Truth

LOTS = ("35番地4", "12番3号", "8-1")


@pytest.mark.parametrize(
    ("rest", "town"),
    [
        ("神南1-1-1", "神南"),
        ("神南1丁目19番11号", "神南1丁目"),
        ("大通三丁目5-1", "大通三丁目"),
        ("北1条西2丁目", "北1条西2丁目"),
        ("北3条西6", "北3条西"),
        ("三番町6-8", "三番町"),
        ("一番町25番地", "一番町"),
        ("第1地割3番地", "第1地割"),
        ("大字川口100番地", "大字川口"),
        ("字3710", None),
        ("3710番地", None),
        ("無番地", None),
        ("神南レジデンス", None),
        ("神南一番地二", "神南"),
        ("1丁目2番3号", "1丁目"),
        ("本町6丁目50番地の10○○シェルター2丁目ハウス", "本町6丁目"),
    ],
)
def test_a_town_ends_where_the_lot_begins(rest: str, town: str | None) -> None:
    """No 番地 and nothing behind it is ever told; without a lot nothing says where a town ends."""
    assert find_town("13113", rest) == town


@pytest.mark.parametrize(
    ("address", "town", "canonical"),
    [
        ("京都市下京区四条通寺町東入２丁目御旅町35番地", "四条通寺町東入2丁目御旅町", "御旅町"),
        ("京都市下京区東洞院通七条下ル２丁目東塩小路町684", "東洞院通七条下ル2丁目東塩小路町", "東塩小路町"),
        ("京都市中京区寺町通御池上る上本能寺前町488番地", "寺町通御池上る上本能寺前町", "上本能寺前町"),
        ("京都市上京区下立売通新町西入薮ノ内町", None, None),
        ("京都市下京区四条通寺町東入２丁目御旅町", None, None),
        ("京都市下京区四条通寺町東入２丁目シェルターハウス35", None, None),
        ("京都市東山区大和大路通四条下る４丁目小松町570番地", "大和大路通四条下る4丁目小松町", "小松町"),
        ("京都市東山区清水４丁目149番地の2", "清水4丁目", "清水"),
        ("京都市上京区今出川通大宮東入２丁目元北小路町1番地", "今出川通大宮東入2丁目元北小路町", "元北小路町"),
        ("札幌市白石区南郷通1丁目北8-1", "南郷通1丁目北", "南郷通"),
        ("札幌市豊平区平岸2条5丁目1番1号", "平岸2条5丁目", "平岸2条"),
        ("福井県三方上中郡若狭町中央第十号1番地2", "中央第十号", "中央第10号"),
        ("石川県鳳珠郡穴水町字大町ロの53番地", "字大町", "大町"),
        ("石川県鳳珠郡穴水町字川島ヲ174番地", "字川島", "川島"),
        ("札幌市白石区南郷通１丁目南８番1号", "南郷通1丁目南", "南郷通"),
        ("福井県三方上中郡若狭町中央第1号1番地", "中央第1号", "中央第1号"),
        ("石川県鳳珠郡穴水町字川島ラの174番地", "字川島", "川島"),
        ("石川県輪島市河井町イ25番地", "河井町", "河井町"),
        ("秋田県にかほ市象潟町１丁目塩越35番地", "象潟町1丁目塩越", "象潟町1丁目塩越"),
        ("札幌市中央区北一条西2丁目5", "北一条西2丁目", "北1条西"),
        ("札幌市中央区北1条西2-5", "北1条西", "北1条西"),
        ("東京都渋谷区神南1丁目シェルターハウス50", "神南1丁目", "神南"),
        ("東京都港区麻布十番2-1", "麻布十番", "麻布十番"),
        ("岩手県下閉伊郡普代村第9地割字銅屋13番地2", "第9地割字銅屋", "第9地割銅屋"),
    ],
)
def test_a_town_is_cut_in_the_right_place(address: str, town: str | None, canonical: str | None) -> None:
    """Kyoto's streets, Sapporo's sides, numbered and lettered lots, names that look like a lot."""
    found = residence_of(address)
    assert (found.town, found.town_canonical) == (town, canonical)


@pytest.mark.parametrize(
    "spellings",
    [
        ("八幡一丁目", "八幡1丁目", "八幡", "八幡十一丁目"),
        ("大字古舘", "字古館", "古舘"),
        ("霞ヶ関二丁目", "霞ケ関"),
        ("大字川口字向田", "川口字向田"),
        ("三番町", "3番町"),
        ("十二条", "12条"),
        ("大文字町", "大文字町一丁目"),
    ],
)
def test_all_spellings_of_a_town_are_one_value(spellings: tuple[str, ...]) -> None:
    """A calendar of collection days has one row for each town."""
    assert len({canonical_town("12203", fold(written)) for written in spellings}) == 1


def test_the_table_holds_only_towns_that_the_rule_misses() -> None:
    """Each row is told whole before every way to write a lot; a 丁目 behind it belongs to it."""
    for code, names in EXCEPTIONS.items():
        for name in names:
            assert all(find_town(code, name + lot) == name for lot in LOTS)
            assert find_town(code, f"{name}2丁目3番") == f"{name}2丁目"


@pytest.mark.long
def test_every_town_of_the_postal_data_is_told_whole() -> None:
    """The rule and the table tell each of 119,000 rows whole, and tell nothing of a lot, however it is written."""
    from tools.build_municipalities import read_towns  # noqa: PLC0415 - it opens the postal data

    towns = read_towns()
    wrong = [(code, name) for code, name in towns for lot in LOTS if find_town(code, name + lot) != name]

    assert len(towns) > 100_000
    assert wrong == []
    canonical = [(code, canonical_town(code, name)) for code, name in towns]
    assert [(code, name) for code, name in canonical if name is None or canonical_town(code, name) != name] == []


@pytest.mark.parametrize(
    ("code", "one", "other"),
    [
        ("13101", "霞が関", "霞ヶ関"),
        ("13101", "霞が関", "霞ガ関"),
        ("42201", "魚の町", "魚ノ町"),
        ("13110", "自由が丘一丁目", "自由ヶ丘1丁目"),
        ("14104", "學校町", "学校町"),
    ],
)
def test_a_town_has_one_canonical_name_however_it_is_spelled(code: str, one: str, other: str) -> None:
    """が, ヶ and ケ; の and ノ; old forms of characters."""
    assert canonical_town(code, fold(one)) == canonical_town(code, fold(other))


def test_two_towns_of_one_city_stay_two() -> None:
    """清須市 has 日の出 and 日之出."""
    assert canonical_town("23233", "西枇杷島町日の出") != canonical_town("23233", "西枇杷島町日之出")


@pytest.mark.parametrize(
    ("written", "town"),
    [
        ("八幡", Town("八幡")),
        ("八幡一丁目", Town("八幡", 1)),
        ("八幡１丁目", Town("八幡", 1)),
        ("八幡十一丁目", Town("八幡", 11)),
        ("大字川口", Town("川口")),
        ("南郷通1丁目北", Town("南郷通", 1)),
        ("", None),
        (" ", None),
        ("町" * (LONGEST_TOWN + 1), None),
        ("町" * LONGEST_TOWN, Town("町" * LONGEST_TOWN)),
    ],
)
def test_a_policy_names_a_town_or_one_block_of_it(written: str, town: Town | None) -> None:
    """The number of a 丁目 is a number in any numerals; a text that is too long is no town of Japan."""
    assert town_of("12203", written) == town


@pytest.mark.parametrize(
    ("named", "card", "truth"),
    [
        # The whole town covers each of its blocks, and a card that names no block.
        ("八幡", "八幡", Truth.YES),
        ("八幡", "八幡3丁目", Truth.YES),
        ("八幡", "八幡町", Truth.UNKNOWN),
        ("八幡", "中央", Truth.NO),
        # 八幡1-2-3 may be block 1 or lot 1.
        ("八幡一丁目", "八幡1丁目", Truth.YES),
        ("八幡一丁目", "八幡十一丁目", Truth.NO),
        ("八幡一丁目", "八幡", Truth.UNKNOWN),
        # 字 says that 向田 is a part of 川口; without it 川口向田 may be a town of its own.
        ("川口", "大字川口字向田", Truth.YES),
        ("川口", "川口向田", Truth.UNKNOWN),
        ("川口字向田", "川口", Truth.NO),
        ("川口", "町" * (LONGEST_TOWN + 1), Truth.UNKNOWN),
    ],
)
def test_a_town_covers_an_address_as_far_as_the_card_tells(named: str, card: str, truth: Truth) -> None:
    """A card that leaves a block or a part open is neither a yes nor a no."""
    town = town_of("12203", named)
    assert town is not None

    assert covers(frozenset({town}), "12203", card) is truth
    assert covers(frozenset(), "12203", card) is Truth.NO


def test_a_street_of_kyoto_leads_to_its_town() -> None:
    """The street before the town decides nothing."""
    towns = frozenset({Town("御旅町")})

    assert covers(towns, "26106", "四条通寺町東入2丁目御旅町") is Truth.YES
    assert covers(towns, "26106", "四条通寺町東入2丁目小松町") is Truth.NO


TOWNS = ["八幡", "八幡一丁目", "八幡2丁目", "川口", "大字川口字向田", "川口向田", "中央", "中央第1号"]


@given(st.sets(st.sampled_from(TOWNS)), st.sampled_from(TOWNS))
def test_several_towns_say_what_each_of_them_says(named: set[str], card: str) -> None:
    """A yes of one is a yes, else an unknown of one is unknown: the order in which they stand is no matter."""
    towns = {town for each in named if (town := town_of("12203", each)) is not None}
    each = {covers(frozenset({town}), "12203", card) for town in towns}

    expected = Truth.YES if Truth.YES in each else Truth.UNKNOWN if Truth.UNKNOWN in each else Truth.NO
    assert covers(frozenset(towns), "12203", card) is expected
