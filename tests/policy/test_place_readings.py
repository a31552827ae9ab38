"""A name in kana is read as the places that bear it."""

from __future__ import annotations

import pytest

from gateway.policy.place_readings import places_read_as, readings
from gateway.policy.residence import NotAPlace, find_place, table

PLACES = table().places
PREFECTURES = {place.prefecture: code for code, place in PLACES.items() if not place.municipality}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ヨコハマ市", ["神奈川県横浜市"]),
        ("よこはま市", ["神奈川県横浜市"]),
        ("ﾖｺﾊﾏ市", ["神奈川県横浜市"]),
        ("ヨコハマシ", ["神奈川県横浜市"]),
        ("神奈川県ヨコハマ市", ["神奈川県横浜市"]),
        ("カナガワ県ヨコハマ市", ["神奈川県横浜市"]),
        ("かながわけん　よこはまし", ["神奈川県横浜市"]),
        ("ヨコハマ市ツルミ区", ["神奈川県横浜市鶴見区"]),
        ("シブヤ区", ["東京都渋谷区"]),
        ("しもすわ町", ["長野県諏訪郡下諏訪町"]),
        ("ハチジョウ町", ["東京都八丈島八丈町"]),
        ("しんとう村", ["群馬県北群馬郡榛東村"]),
        ("とうきょう都", ["東京都"]),
        ("ふちゅう市", ["東京都府中市", "広島県府中市"]),
        ("東京都ふちゅう市", ["東京都府中市"]),
        ("大阪府ヨコハマ市", []),
        ("横浜市", []),
        ("ヨコハマ", ["青森県上北郡横浜町", "神奈川県横浜市"]),
        ("神奈川県よこはま", ["神奈川県横浜市"]),
        ("トウキョウ", ["東京都"]),
        ("ヨコハ", []),
        ("アトランティス市", []),
        ("", []),
        ("市" * 30, []),
        ("よ" * 200_000 + "市", []),
    ],
)
def test_a_name_in_kana_is_each_place_that_is_read_so(written: str, meant: list[str]) -> None:
    """In either kana, half width too, with or without its prefecture; a name that nothing has finds nothing."""
    assert [PLACES[code].full_name for code in places_read_as(written, PREFECTURES)] == meant


def test_every_place_is_found_by_its_reading() -> None:
    """Each prefecture, city, town, village and ward has one, and keeps it behind its prefecture's name."""
    assert set(readings()) == set(PLACES)
    for code, reading in readings().items():
        assert code in places_read_as(reading, PREFECTURES), reading
        if len(code) > 2:
            found = places_read_as(PLACES[code].prefecture + reading, PREFECTURES)
            assert code in found, reading
            assert {PLACES[each].prefecture for each in found} == {PLACES[code].prefecture}


def test_a_name_in_kana_is_no_place_of_a_policy() -> None:
    """The author is asked, and nothing is taken for granted."""
    found = find_place("ヨコハマ市")

    assert found == NotAPlace("unknown", ("神奈川県横浜市",))
