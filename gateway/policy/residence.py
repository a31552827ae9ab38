"""The place of an address: prefecture, municipality, ward, code and town, or unknown where the address does not decide.

The table is built from the postal code data (`tools/build_municipalities.py`); what those do
not have, the codes of prefectures and of designated cities as a whole and former names, is kept by
hand in `places.tsv`. `place_names.fold` folds every text first, addresses and policies alike; `town` finds the town.

The address is the one recorded on the card (カードに記録された住所); a sign-in does not prove it current.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from unicodedata import normalize

from gateway.policy.place_names import fold, in_hiragana, unfolded
from gateway.policy.place_readings import places_read_as
from gateway.policy.town import canonical_town, find_town
from gateway.policy.verdict import Truth

Code = str
"""The first digits of a 全国地方公共団体コード: 2 for a prefecture, 5 for any other place."""


@dataclass(frozen=True, slots=True)
class Place:
    """A prefecture, a municipality, a designated city as a whole or one of its wards."""

    code: Code
    prefecture: str
    municipality: str = ""
    """市区町村 without its 郡, a ward with its city (横浜市中区); empty for a prefecture."""
    county: str = ""
    city: Code = ""
    """The code of a ward's designated city."""
    is_city: bool = False
    """A designated city as a whole: which ward is not said."""

    @property
    def chain(self) -> tuple[Code, ...]:
        """The codes of all it lies in, itself included."""
        if not self.municipality:
            return (self.code,)
        return (self.code[:2], self.city, self.code) if self.city else (self.code[:2], self.code)

    @property
    def full_code(self) -> str:
        """The code with its check digit, six digits."""
        stem = self.code.ljust(5, "0")
        return stem + check_digit(stem)

    @property
    def full_name(self) -> str:
        """The whole name: prefecture, county, municipality."""
        return self.prefecture + self.county + self.municipality


def check_digit(code: str) -> str:
    """Return the sixth digit that belongs to five (総務省, 全国地方公共団体コードの検査数字)."""
    total = sum(int(digit) * weight for digit, weight in zip(code, (6, 5, 4, 3, 2), strict=True))
    return str((11 - total % 11) % 10)


@dataclass(frozen=True, slots=True)
class Former:
    """A name that cards may still bear and no municipality bears today."""

    until: date
    """The last day it was in use."""
    name: str
    prefecture: str
    now: tuple[Code, ...]
    """Its codes now; several if the name alone does not decide."""


@dataclass(frozen=True, slots=True)
class Table:
    """All places of Japan, by code and by every way of writing them."""

    places: Mapping[Code, Place]
    spelled: Mapping[str, frozenset[Code]]
    """Folded spellings, with and without prefecture and county, to all they can mean. More than one: ambiguous."""
    lengths: tuple[int, ...]
    """Lengths of the spellings, longest first."""
    wards: Mapping[str, frozenset[Code]]
    """Folded names of wards without their city: not a valid spelling, but the probable meaning of a mistake."""
    former: Mapping[str, Former]
    """Folded former names, with and without prefecture and county."""


def _rows(name: str) -> Iterable[list[str]]:
    text = files(__package__).joinpath(name).read_text("utf-8")
    return (line.split("\t") for line in text.split("\n") if line and not line.startswith("#"))


@cache
def table() -> Table:
    """Return the table of this version, read once."""
    places: dict[Code, Place] = {}
    cities: dict[str, Code] = {}
    former_rows: list[list[str]] = []
    for kind, *row in _rows("places.tsv"):
        if kind == "prefecture":
            places[row[0][:2]] = Place(row[0][:2], row[1])
        elif kind == "city":
            code = row[0][:5]
            cities[row[1]] = code
            places[code] = Place(code, places[code[:2]].prefecture, row[1], is_city=True)
        else:
            former_rows.append(row)
    for full_code, prefecture, county, city, ward in _rows("municipalities.tsv"):
        code = full_code[:5]
        places[code] = Place(code, prefecture, city + ward, county, cities[city] if ward else "")
    spelled: defaultdict[str, set[Code]] = defaultdict(set)
    wards: defaultdict[str, set[Code]] = defaultdict(set)
    for place in places.values():
        for spelling in _spellings(place.prefecture, place.county, place.municipality):
            spelled[spelling].add(place.code)
        if place.city:
            wards[fold(place.municipality.removeprefix(places[place.city].municipality))].add(place.code)
    former: dict[str, Former] = {}
    for until, prefecture, county, name, codes in former_rows:
        entry = Former(date.fromisoformat(until), name, prefecture, tuple(code[:5] for code in codes.split(" ")))
        for spelling in _spellings(prefecture, county, name):
            if spelling not in spelled:
                former[spelling] = entry
            elif not spelling.startswith(fold(prefecture)):
                # An old name that another place bears today: without its prefecture it means either.
                spelled[spelling].update(entry.now)
    return Table(
        places=places,
        spelled={spelling: frozenset(codes) for spelling, codes in spelled.items()},
        lengths=tuple(sorted({len(spelling) for spelling in [*spelled, *former]}, reverse=True)),
        wards={name: frozenset(codes) for name, codes in wards.items()},
        former=former,
    )


def _spellings(prefecture: str, county: str, name: str) -> set[str]:
    return {fold(before + between + name) for before in (prefecture, "") for between in (county, "")} - {""}


# --- an address ----------------------------------------------------------------------


class Gap(StrEnum):
    """The reason for which an address does not decide a place."""

    NOT_GIVEN = "not_given"
    NO_PLACE = "no_place"
    """It begins with the name of no place of Japan."""
    SEVERAL = "several"
    """Several places bear the name that it begins with."""
    CONTRADICTION = "contradiction"
    """Its municipality does not lie in its prefecture."""


@dataclass(frozen=True, slots=True)
class Residence:
    """The parts of a place that an address decides. A part that it does not decide is `None`."""

    prefecture: str | None = None
    municipality: str | None = None
    municipality_code: str | None = None
    """Six digits."""
    town: str | None = None
    """町名 and 丁目 as the card spells them, without 番地 and without the rest (方書)."""
    town_canonical: str | None = None
    """町名 without 丁目, in the one spelling that all spellings of it share."""
    chain: tuple[Code, ...] = ()
    """The codes of all it certainly lies in."""
    open_within: Code | None = None
    """The place's code if the address does not say which part of it is meant. Empty means anywhere."""
    gap: Gap | None = field(default=None, compare=False)
    """The reason for which it decides nothing, or no more than its prefecture; none if it decides a municipality."""

    def lies_in(self, places: frozenset[Code]) -> Truth:
        """Say whether it lies in one of the places."""
        if not places.isdisjoint(self.chain):
            return Truth.YES
        if self.open_within is None:
            return Truth.NO
        within = table().places
        undecided = any(self.open_within in within[code].chain for code in places) if self.open_within else True
        return Truth.UNKNOWN if undecided else Truth.NO


UNKNOWN_RESIDENCE = Residence(open_within="", gap=Gap.NOT_GIVEN)
_NO_PLACE = Residence(open_within="", gap=Gap.NO_PLACE)
_SEVERAL_PLACES = Residence(open_within="", gap=Gap.SEVERAL)
_CONTRADICTION = Residence(open_within="", gap=Gap.CONTRADICTION)
NOWHERE = Residence()
"""Overseas: resident of no municipality of Japan."""

_OVERSEAS = re.compile(r"\(?(?:日本国外|国外|海外(?:転出|居住|$|\W))")
_POSTAL_CODE = re.compile(r"〒?\d{3}-\d{4}|〒\d{7}")


@lru_cache(maxsize=512)
def residence_of(address: str | None) -> Residence:
    """Return what an address as the card bears it decides."""
    if address is None:
        return UNKNOWN_RESIDENCE
    if address[:1] in "〒0123456789０１２３４５６７８９":
        address = _POSTAL_CODE.sub("", normalize("NFKC", address), count=1)
    text = fold(address)
    if _OVERSEAS.match(text):
        return NOWHERE
    places = table()
    for length in places.lengths:
        spelling = text[:length]
        if len(spelling) < length:
            continue
        former = places.former.get(spelling)
        codes = frozenset(former.now) if former is not None else places.spelled.get(spelling)
        if codes is None:
            continue
        # 中央区 is in Tokyo, and a ward's name elsewhere: alone it decides nothing.
        codes |= places.wards.get(spelling, frozenset())
        return _settle(places, codes, text[length:], address)
    return _NO_PLACE


def _settle(places: Table, codes: frozenset[Code], rest: str, address: str) -> Residence:
    if len(codes) == 1:
        (code,) = codes
        return _at(places.places[code], rest, address)
    # Several: they agree on nothing, or on a designated city whose former ward was divided.
    common = frozenset.intersection(*(frozenset(places.places[code].chain) for code in codes))
    if not common:
        return _SEVERAL_PLACES
    return _at(places.places[max(common, key=len)], rest, address)


def _names_another(prefecture: Place, rest: str) -> bool:
    """Whether a place of another prefecture follows a prefecture's name: 東京都横浜市 contradicts itself."""
    places = table()
    for length in places.lengths:
        former = places.former.get(rest[:length])
        codes = frozenset(former.now) if former is not None else places.spelled.get(rest[:length])
        if codes is not None:
            return all(not code.startswith(prefecture.code) for code in codes)
    return False


@lru_cache(maxsize=1)
def _prefectures() -> tuple[str, ...]:
    """Return the folded names of all prefectures: no town begins with one, so 横浜市東京都 contradicts itself."""
    return tuple(fold(place.prefecture) for place in table().places.values() if not place.municipality)


def _at(place: Place, rest: str, address: str) -> Residence:
    if not place.municipality:
        if _names_another(place, rest):
            return _CONTRADICTION
        return Residence(
            prefecture=place.prefecture, chain=place.chain, open_within=place.code, gap=Gap.NO_PLACE if rest else None
        )
    if any(rest.startswith(name) for name in _prefectures() if name != fold(place.prefecture)):
        return _CONTRADICTION
    if place.is_city:
        # A ward we do not know: old or very new. It counts as the city, and its name is no town.
        ward = re.match(r"[^\d市町村]{1,6}?区", rest)
        rest = rest[ward.end() :] if ward else rest
    town = find_town(place.code, rest)
    return Residence(
        prefecture=place.prefecture,
        municipality=place.municipality,
        municipality_code=place.full_code,
        town=None if town is None else unfolded(address, len(fold(address)) - len(rest), len(town)),
        town_canonical=None if town is None else canonical_town(place.code, town),
        chain=place.chain,
        open_within=place.code if place.is_city else None,
    )


# --- a place in a policy -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NotAPlace:
    """The text names no place, or more than one."""

    reason: str
    """`unknown`, `ambiguous`, `ward`, `check_digit`, `zero`, `two_codes`, `former` or `several`."""
    candidates: tuple[str, ...] = ()
    """The places that can have been meant, in words a policy accepts."""


_CODE = re.compile(r"\d{4,6}")


_LONGEST_NAME = 60
"""Signs of a text that is compared with every name; the longest name of a place has 17."""


def find_place(written: str) -> Place | NotAPlace:
    """Return the place a policy means by a name or a code of 5 or 6 digits."""
    places = table()
    if len(written) > _LONGEST_NAME:
        return NotAPlace("unknown")
    if written.isascii() and _CODE.fullmatch(written):
        return _by_code(places, written)
    name = fold(written)
    codes = places.spelled.get(name, frozenset())
    lone_wards = places.wards.get(name, frozenset())
    if len(codes) == 1 and not lone_wards:
        (code,) = codes
        return places.places[code]
    if codes:
        return NotAPlace("ambiguous", _names(places, codes | lone_wards))
    if lone_wards:
        return NotAPlace("ward", _names(places, lone_wards))
    former = places.former.get(name)
    if former is not None:
        return NotAPlace("former", _names(places, former.now))
    if several := _several(places, written):
        return NotAPlace("several", several)
    prefectures = tuple(place.prefecture for place in places.places.values() if not place.municipality)
    shortened = tuple(full for full in prefectures if full[:-1] == name)
    # Both sides in hiragana: ツクバ市 for つくば市, and さっぽろ is still too far from 札幌.
    kana = tuple(spelling for spelling in places.spelled if in_hiragana(spelling) == in_hiragana(name))
    if not shortened and not kana:
        codes_of = {place.prefecture: code for code, place in places.places.items() if not place.municipality}
        if read := places_read_as(written, codes_of):
            return NotAPlace("unknown", _names(places, read))
    close = shortened or kana or _of_people(places, name) or get_close_matches(name, places.spelled, n=3, cutoff=0.6)
    return NotAPlace("unknown", tuple(dict.fromkeys(_as_written(places, spelling) for spelling in close)))


_OF_PEOPLE = re.compile(r"(?:民|内|全域|の全域|在住|在住者|に住む方|に在住の方|居住|居住者|役所|役場|のみ|限定)$")


def _of_people(places: Table, name: str) -> tuple[str, ...]:
    """Return the place whose people or whole area a text names: 川越市民, 埼玉県内, 横浜市在住."""
    place = _OF_PEOPLE.sub("", name)
    return (place,) if place != name and len(places.spelled.get(place, ())) == 1 else ()


_SPECIAL_WARDS = re.compile(r"(?:東京都?)?の?(?:23|二十三)?(?:特別区|区)(?:部|内|全域)?")
_PREFECTURES = {
    "東北": "青森県 岩手県 宮城県 秋田県 山形県 福島県",
    "関東": "茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県",
    "1都6県": "茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県",
    "1都3県": "埼玉県 千葉県 東京都 神奈川県",
    "四国": "徳島県 香川県 愛媛県 高知県",
    "北陸3県": "富山県 石川県 福井県",
    "東海3県": "岐阜県 愛知県 三重県",
    "東海4県": "岐阜県 静岡県 愛知県 三重県",
}
"""Names of several prefectures that mean the same ones to everybody; 首都圏, 近畿 and 九州 do not."""


def _several(places: Table, written: str) -> tuple[str, ...]:
    """Return the places that one name of several means, such as 東京23区 or 一都三県; none if it is no such name."""
    half = normalize("NFKC", written).strip()
    named = _SPECIAL_WARDS.fullmatch(half)
    if named is not None and ("23" in half or "三" in half or "特別" in half):
        return _names(places, (code for code in places.places if re.fullmatch("131[0-2][0-9]", code)))
    counted = half.translate(str.maketrans("一二三四五六", "123456"))
    names = (half.removesuffix("地方"), counted, re.sub("(?<=東北|関東)[67]県$|(?<=4国)4県$", "", counted))
    return tuple(next((_PREFECTURES[name] for name in names if name in _PREFECTURES), "").split())


def _by_code(places: Table, written: str) -> Place | NotAPlace:
    stem = written[:5]
    code = stem[:2] if stem.endswith("000") else stem
    place = places.places.get(code)
    lost = _with_lost_zero(places, written)
    if place is None:
        return NotAPlace("unknown") if lost is None else NotAPlace("zero", (lost.full_code,))
    if lost is not None:
        # 12203 is 市川市 without its check digit, or 士別市 (012203) from a table that has lost its zero.
        return NotAPlace("two_codes", (place.full_code, lost.full_code))
    if written not in {stem, place.full_code}:
        return NotAPlace("check_digit", (place.full_code,))
    return place


def _with_lost_zero(places: Table, written: str) -> Place | None:
    """Return the place whose code of six digits this is, if a spreadsheet has dropped its leading zero."""
    code = "0" + written[:4]
    place = places.places.get(code[:2] if code.endswith("000") else code)
    return place if place is not None and place.full_code == "0" + written else None


def _as_written(places: Table, spelling: str) -> str:
    codes = places.spelled.get(spelling, frozenset())
    return places.places[min(codes)].full_name if codes else spelling


def _names(places: Table, codes: Iterable[Code]) -> tuple[str, ...]:
    return tuple(places.places[code].full_name for code in sorted(codes))
