"""The place of an address: every municipality of Japan in several spellings, and spellings that are hard to read."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from gateway.policy.place_names import fold
from gateway.policy.residence import (
    NOWHERE,
    Gap,
    NotAPlace,
    Place,
    check_digit,
    find_place,
    residence_of,
    table,
)
from gateway.policy.verdict import Truth

PLACES = table().places
LOWEST = [place for place in PLACES.values() if place.municipality and not place.is_city]
OWN_NAMES = {place.prefecture + place.county + place.municipality for place in PLACES.values()}
TAIL = "本町１丁目２番３号"


def codes_of(*names: str) -> frozenset[str]:
    places = [find_place(name) for name in names]
    assert all(isinstance(place, Place) for place in places), places
    return frozenset(place.code for place in places if isinstance(place, Place))


def test_the_table_is_whole() -> None:
    """47 prefectures, 20 designated cities, 1,892 municipalities and wards; every ward has its city."""
    assert Counter("city" if p.is_city else "low" if p.municipality else "prefecture" for p in PLACES.values()) == {
        "prefecture": 47,
        "city": 20,
        "low": 1892,
    }
    assert all(PLACES[place.city].is_city for place in LOWEST if place.city)


def test_every_check_digit_in_the_files_is_right() -> None:
    """The sixth digit of each row follows from the five before it."""
    folder = Path(sys.modules["gateway.policy.residence"].__file__ or "").parent
    rows = [
        line.split("\t")
        for name in ("municipalities.tsv", "places.tsv")
        for line in (folder / name).read_text("utf-8").splitlines()
    ]
    codes = [field for row in rows for field in " ".join(row).split() if field.isdigit() and len(field) == 6]

    assert len(codes) > 1892 + 67
    assert [code for code in codes if check_digit(code[:5]) != code[5]] == []


def test_known_codes_are_the_ministrys() -> None:
    """Spot checks against 全国地方公共団体コード as published."""
    known = {
        "北海道": "010006",
        "札幌市": "011002",
        "東京都渋谷区": "131130",
        "大阪市": "271004",
        "札幌市中央区": "011011",
    }

    for name, code in known.items():
        place = find_place(name)
        assert isinstance(place, Place)
        assert place.full_code == code


def spellings(place: Place) -> set[str]:
    name, county, prefecture = place.municipality, place.county, place.prefecture
    full = {prefecture + county + name, prefecture + name}
    full |= {f"{prefecture}　{county}　{name} ", f" {prefecture} {county}{name}　"}
    full |= {text.replace("ケ", "ヶ") for text in full} | {text.replace("ヶ", "ケ") for text in full}
    return full


def test_no_address_is_misplaced() -> None:
    """Each row, with and without its county, with spaces and with either ヶ: its code, and its own town."""
    for place in LOWEST:
        for written in spellings(place):
            found = residence_of.__wrapped__(written + TAIL)
            assert (found.municipality_code, found.town) == (place.full_code, "本町1丁目"), written
            assert found.lies_in(frozenset({place.code})) is Truth.YES
            assert found.lies_in(frozenset({place.code[:2]})) is Truth.YES


def test_without_a_prefecture_an_address_is_right_or_unknown() -> None:
    """Each row without its prefecture: its own code, or nothing where another place bears the name."""
    bearers = Counter(fold(place.municipality) for place in LOWEST)
    unknown = set()
    for place in LOWEST:
        found = residence_of.__wrapped__(place.municipality + TAIL)
        assert found.municipality_code in (place.full_code, None)
        if found.municipality_code is None:
            unknown.add(place.municipality)
            assert found.lies_in(frozenset({place.code})) is Truth.UNKNOWN
    twice = {place.municipality for place in LOWEST if bearers[fold(place.municipality)] > 1}
    assert len(twice) == 25
    assert unknown - twice == {"中央区", "北区", "港区", "那珂川町"}


def test_no_two_places_fold_to_one_spelling() -> None:
    """Folding variants of a sign must not make one place of two (鹿嶋市 and 鹿島市)."""
    full = Counter(fold(place.full_name) for place in PLACES.values())

    assert [name for name, times in full.items() if times > 1] == []
    assert isinstance(find_place("鹿嶋市"), Place)
    assert isinstance(find_place("鹿島市"), Place)


def test_every_ward_lies_in_its_city() -> None:
    """A designated city means all its wards, and no other city's."""
    for city in (place for place in PLACES.values() if place.is_city):
        inside = frozenset({city.code})
        for ward in (place for place in LOWEST if place.city):
            truth = residence_of.__wrapped__(ward.full_name + TAIL).lies_in(inside)
            assert truth is (Truth.YES if ward.city == city.code else Truth.NO)


@pytest.mark.parametrize(
    ("address", "places", "truth"),
    [
        ("東京都渋谷区神南1-1-1", ["東京都渋谷区"], Truth.YES),
        ("東京都渋谷区神南1-1-1", ["東京都"], Truth.YES),
        ("埼玉県川口市青木2-1-1", ["東京都渋谷区"], Truth.NO),
        ("神奈川県横浜市新区1-1", ["横浜市"], Truth.YES),
        ("神奈川県横浜市新区1-1", ["横浜市中区"], Truth.UNKNOWN),
        ("神奈川県横浜市新区1-1", ["川崎市"], Truth.NO),
        ("静岡県浜松市中区元城町103-2", ["浜松市中央区"], Truth.YES),
        ("静岡県浜松市中区元城町103-2", ["浜松市"], Truth.YES),
        ("静岡県浜松市北区細江町気賀305", ["浜松市"], Truth.YES),
        ("静岡県浜松市北区細江町気賀305", ["浜松市浜名区"], Truth.UNKNOWN),
        ("静岡県浜松市浜北区貴布祢3000", ["浜松市浜名区"], Truth.YES),
        ("兵庫県篠山市北新町41", ["兵庫県丹波篠山市"], Truth.YES),
        ("宮城県黒川郡富谷町富谷坂松田30", ["宮城県富谷市"], Truth.YES),
        ("福岡県筑紫郡那珂川町西隈1-1-1", ["福岡県那珂川市"], Truth.YES),
        ("栃木県那須郡那珂川町馬頭555", ["福岡県那珂川市"], Truth.NO),
        ("府中市宮西町2-24", ["東京都府中市"], Truth.UNKNOWN),
        ("広島県府中市府川町315", ["東京都府中市"], Truth.NO),
        ("広島県安芸郡府中町大通3-5-1", ["広島県府中市"], Truth.NO),
        ("中央区銀座1-1", ["東京都中央区"], Truth.UNKNOWN),
        ("札幌市中央区北1条西2丁目", ["東京都中央区"], Truth.NO),
        ("東京都新しい市1-1", ["東京都"], Truth.YES),
        ("東京都新しい市1-1", ["東京都渋谷区"], Truth.UNKNOWN),
        ("東京都新しい市1-1", ["大阪市"], Truth.NO),
        ("国外転出", ["東京都渋谷区"], Truth.NO),
        ("海外", ["東京都"], Truth.NO),
        ("神奈川県三浦市海外町3-1", ["神奈川県三浦市"], Truth.YES),
        ("1600 Pennsylvania Avenue", ["東京都"], Truth.UNKNOWN),
        ("", ["東京都"], Truth.UNKNOWN),
        ("〒150-8010東京都渋谷区宇田川町1-1", ["東京都渋谷区"], Truth.YES),
        ("茨城県龍ヶ崎市3710番地", ["龍ケ崎市"], Truth.YES),
        ("三重県四日市市諏訪町1-5", ["四日市市"], Truth.YES),
        ("東京都三宅島三宅村阿古497", ["東京都三宅村"], Truth.YES),
        ("奈良県大和郡山市北郡山町248-4", ["奈良県大和郡山市"], Truth.YES),
    ],
)
def test_an_address_decides_what_it_says_and_no_more(address: str, places: list[str], truth: Truth) -> None:
    """Spellings as cards bear them: old wards, no prefecture, overseas, places nobody knows."""
    assert residence_of(address).lies_in(codes_of(*places)) is truth


def test_no_address_is_unknown_everywhere_and_overseas_is_nowhere() -> None:
    """An address that is not given is not the same as one abroad."""
    assert residence_of(None).lies_in(frozenset({"13"})) is Truth.UNKNOWN
    assert residence_of("国外転出") == NOWHERE


@pytest.mark.parametrize(
    ("prefecture", "elsewhere"),
    [("東京都", "横浜市"), ("京都府", "札幌市中央区"), ("大阪府", "愛知郡東郷町"), ("東京都", "静岡県")],
)
def test_an_address_that_contradicts_itself_is_unknown(prefecture: str, elsewhere: str) -> None:
    """A prefecture with another's municipality decides nothing, so `not` cannot turn it into a yes."""
    found = residence_of(f"{prefecture}{elsewhere}本町1-1")

    assert found.prefecture is None
    assert all(found.lies_in(frozenset({code})) is Truth.UNKNOWN for code in PLACES)


def test_no_municipality_behind_another_prefecture_decides_anything() -> None:
    """Every municipality of Japan behind a prefecture that it does not lie in, unless that one has its name too."""
    prefectures = [place for place in PLACES.values() if not place.municipality]
    for number, place in enumerate(LOWEST):
        other = prefectures[number % len(prefectures)]
        written = other.prefecture + place.county + place.municipality
        if other.code == place.code[:2] or written in OWN_NAMES:
            continue
        assert residence_of(written + TAIL).lies_in(frozenset({place.code})) is Truth.UNKNOWN, written


def test_another_prefecture_behind_a_municipality_contradicts_it() -> None:
    """横浜市東京都 begins with a place of Japan and decides nothing; the own prefecture's name is told by no town."""
    prefectures = sorted({place.prefecture for place in table().places.values()})
    for prefecture in prefectures:
        found = residence_of(f"横浜市{prefecture}1-1")
        assert (found.gap is Gap.CONTRADICTION) is (prefecture != "神奈川県"), prefecture
    assert residence_of("横浜市中区東京ビル1-1").municipality == "横浜市中区"


def test_a_town_is_told_as_the_card_spells_it() -> None:
    """Folded for comparing, never for telling: 古舘 stays 古舘, and only digits become half-width."""
    for written in ("字古舘", "北檜山区徳島", "霞ヶ関", "龍ケ崎町", "髙岡", "葛\U000e0100城町"):
        for lot in ("１２番地", " 12-3"):
            assert residence_of(f"岩手県八幡平市{written}{lot}").town == written
    assert residence_of("岩手県　八幡平市　大更 第３５地割 ６２番地").town == "大更第35地割"


@pytest.mark.parametrize(
    ("written", "reason", "candidate"),
    [
        ("中央区", "ambiguous", "東京都中央区"),
        ("港区", "ambiguous", "東京都港区"),
        ("府中市", "ambiguous", "広島県府中市"),
        ("池田町", "ambiguous", "長野県北安曇郡池田町"),
        ("西京区", "ward", "京都府京都市西京区"),
        ("浜松市中区", "former", "静岡県浜松市中央区"),
        ("131131", "check_digit", "131130"),
        ("東京", "unknown", "東京都"),
        ("渋谷", "unknown", "東京都渋谷区"),
        ("999999", "unknown", ""),
    ],
)
def test_what_names_no_place_or_two_is_refused(written: str, reason: str, candidate: str) -> None:
    """Each with what can have been meant."""
    found = find_place(written)

    assert isinstance(found, NotAPlace)
    assert found.reason == reason
    assert candidate in (*found.candidates, "")


@pytest.mark.parametrize(
    ("written", "code"),
    [("横浜市", "14100"), ("011002", "01100"), ("01100", "01100"), ("130001", "13"), ("東京都中央区", "13102")],
)
def test_a_place_is_named_by_name_or_code(written: str, code: str) -> None:
    """Five or six digits, a designated city as a whole, a prefecture."""
    found = find_place(written)

    assert isinstance(found, Place)
    assert found.code == code


def test_every_row_is_found_by_its_full_name_and_by_both_codes() -> None:
    """Every name that a policy may write for a place of Japan means that place."""
    for place in PLACES.values():
        for written in (place.full_name, place.full_code):
            assert find_place(written) == place
        short = find_place(place.full_code[:5])
        assert short == place or (isinstance(short, NotAPlace) and short.reason == "two_codes")


def test_a_code_that_may_have_lost_its_zero_is_no_code() -> None:
    """12203 is 市川市 in five digits, and 士別市 (012203) from a spreadsheet: neither is taken silently."""
    lost = {place.full_code[1:]: place for place in PLACES.values() if place.full_code.startswith("0")}
    both = {code for code in lost if code in PLACES}

    assert len(both) == 15
    for code, place in lost.items():
        found = find_place(code)
        assert isinstance(found, NotAPlace)
        assert place.full_code in found.candidates
        assert found.reason == ("two_codes" if code in both else "zero")


@pytest.mark.long
def test_the_table_in_the_repository_is_what_the_script_makes() -> None:
    """Nobody has edited the built file by hand."""
    done = subprocess.run([sys.executable, "-m", "tools.build_municipalities", "--check"], check=False, timeout=120)

    assert done.returncode == 0


def test_a_text_too_long_for_a_name_is_compared_with_none() -> None:
    """A column of Excel pasted into one value took half a minute: each name was compared with all of it."""
    assert find_place("横浜市 " * 1_000) == NotAPlace("unknown")
