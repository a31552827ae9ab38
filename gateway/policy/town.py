"""The town of an address: what stands between the municipality and the lot (番地), and one spelling for all of its own.

A rule finds the end of nearly every town of Japan. `towns.tsv`, built from the postal code data by
`tools/build_municipalities.py`, keeps the towns whose names look like a lot (市中一番甲, 象潟町1丁目塩越, 23号).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from gateway.policy.numerals import number_of
from gateway.policy.place_names import fold
from gateway.policy.verdict import Truth

_NUMERALS = "〇一二三四五六七八九十百千"
_CHOME = re.compile(rf"(?<![\d{_NUMERALS}])[\d{_NUMERALS}]++丁目")
_LOT = re.compile(
    r"(?<![\d第])\d++(?!条|線|区|町|丁|部|地割|号線|番[町丁通川沢]|の通|号[東西南北])"
    rf"|(?<![{_NUMERALS}第])[{_NUMERALS}]++(?:番地|番(?![町丁通川沢堀堰])|号(?![東西南北地]))"
    r"|無番地|番外地|番地|番戸"
)
"""The beginning of the lot: a number that is no part of a town's name (北1条, 西3線, 中央第1号, 三番町, 東11号北)."""

_LOT_LETTER = re.compile(
    r"(?<![ァ-ヶー])[イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス][のノ]?$"
)
"""A letter of the iroha before the lot's number is a part of the lot: ラの174番地, イ25番地."""

_SIDE = re.compile("[東西南北上下中]")
"""One direction between 丁目 and the lot belongs to the town's name: 南郷通1丁目南8番."""

_STREETS = re.compile(r".+?(?:[上下](?:が?る|ル)|[東西]入[るル]?)(?:[\d〇一二三四五六七八九十]+丁目)?")
"""How Kyoto finds a house: streets and directions before the name of the town."""

_KYOTO = "261"
"""Every code of a ward of 京都市 begins with it."""


def find_town(code: str, rest: str) -> str | None:
    """Return 町名 and, where it is written as one, 丁目.

    In 神南1-1-1 the first number may be 丁目 or 番地: only what is written as 丁目 is told. Without
    any number nothing says where the town ends and a building's name (方書) begins, so there is none.

    `code` is the municipality's, five digits. `rest` is what follows the municipality in a folded address.
    """
    for name in EXCEPTIONS.get(code, ()):
        if rest.startswith(name):
            chome = _CHOME.match(rest, len(name))
            return rest[: len(name) if chome is None else chome.end()]
    return town_by_rule(code, rest)


def town_by_rule(code: str, rest: str) -> str | None:
    """Return the town as the rule alone finds it; the table is made of the towns that it does not find."""
    lot = _LOT.search(rest)
    chome = _CHOME.search(rest)
    if chome is not None and (lot is None or chome.end() <= lot.start() or chome.start() == lot.start()):
        between = "" if lot is None else rest[chome.end() : lot.start()]
        if _is_streets(code, rest, chome.end()):
            # This 丁目 counts along a street; the town stands behind it, and without a lot nothing says how far.
            return rest[: lot.start()] if lot is not None and between.endswith("町") else None
        if lot is not None and _SIDE.fullmatch(between):
            return rest[: lot.start()]
        return rest[: chome.end()]
    town = "" if lot is None else _LOT_LETTER.sub("", rest[: lot.start()])
    return None if town in {"", "字", "大字"} else town


def _is_streets(code: str, rest: str, end: int) -> bool:
    """Whether Kyoto's way along the streets leads up to this place: 四条通寺町東入2丁目."""
    streets = _STREETS.match(rest) if code.startswith(_KYOTO) else None
    return streets is not None and streets.end() >= end


def _read_exceptions() -> Mapping[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line in files(__package__).joinpath("towns.tsv").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            code, name = line.split("\t")
            found[code].append(name)
    return {code: tuple(sorted(names, key=len, reverse=True)) for code, names in found.items()}


EXCEPTIONS: Mapping[str, tuple[str, ...]] = _read_exceptions()
"""The towns that the rule does not find, longest first, by the code of their municipality. They are read with the
program, and never in the middle of a request."""

# --- the towns that a policy names ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class Town:
    """A town as a policy names it, in canonical spelling."""

    name: str
    block: int | None = None
    """The number of its 丁目; `None`: the whole town."""


def town_of(code: str, written: str) -> Town | None:
    """Return the town that a policy or a list names: 八幡, 八幡一丁目, 大字川口; `None` for no town."""
    folded = fold(written)
    name = canonical_town(code, folded)
    return None if name is None or not folded else Town(name, _block(folded))


def covers(towns: frozenset[Town], code: str, town: str) -> Truth:
    """Say whether a town on a card (`find_town`) lies in one of the towns of a policy.

    A card that says 八幡1-2-3 tells no 丁目, so 八幡一丁目 is unknown for it, and 八幡 is a yes. A town that begins
    with the name of another (川口向田 and 川口) is unknown too, unless 字 says that it is a part of it.
    """
    folded = fold(town)
    name, block = canonical_town(code, folded), _block(folded)
    whole = canonical_town(code, _PART.sub("", folded))
    truth = Truth.NO
    for named in towns:
        if named.name in (name, whole):
            if named.block is None or named.block == block:
                return Truth.YES
            if block is None:
                truth = Truth.UNKNOWN
        elif name is None or name.startswith(named.name):
            truth = Truth.UNKNOWN
    return truth


def _block(folded: str) -> int | None:
    found = _BLOCK.search(folded)
    if found is None:
        return None
    digits = found[0].partition("丁目")[0]
    return int(digits) if digits.isascii() else number_of(digits)


# --- one spelling --------------------------------------------------------------------

LONGEST_TOWN = 40
"""Characters of a canonical town; a longer one is no town of Japan and is not told."""

_BLOCK = re.compile(rf"(?<=.)(?<![\d{_NUMERALS}])[\d{_NUMERALS}]+丁目[東西南北上下中]?$")
_AZA = re.compile(rf"^大?字|(?<=[^大文{_NUMERALS}])(?:大字|字)(?=.)")
"""大字 and 字 where they only say what follows; 大文字町 and 十文字 keep theirs."""

_PART = re.compile(rf"(?<=[^大文{_NUMERALS}])字.+$")
"""A smaller part of a town behind 字: 川口字向田."""

_GA = re.compile("(?<=[一-鿿々])[がガケカ](?=[一-鿿])")
_NO = re.compile("(?<=[一-鿿々])[のノ乃](?=[一-鿿])")
"""霞が関 is 霞ヶ関, and 魚の町 is 魚ノ町. 之 stays: 清須市 has both 日の出 and 日之出."""

_COUNTED = re.compile(rf"(?<![{_NUMERALS}])[{_NUMERALS}]++(?=条|線|番町|番丁|番通|丁目|丁|地割|区|号)")


def canonical_town(code: str, town: str) -> str | None:
    """Return the one spelling of a town, without 丁目: 八幡一丁目, 八幡1丁目 and 八幡 are 八幡; `None` for no town.

    A card says 八幡1-2-3 as well, where nobody can tell a 丁目 from a lot. So the name without it is what all
    spellings share. 大字 and 字 are left out, counted names have Arabic digits, が is ケ and ノ is の,
    and Kyoto's streets are left out.
    """
    if code.startswith(_KYOTO):
        while (streets := _STREETS.match(town)) is not None and streets.end() < len(town):
            town = town[streets.end() :]
    name = _AZA.sub("", _BLOCK.sub("", town)) or town
    spelled = _COUNTED.sub(lambda counted: str(number_of(counted[0])), name)
    spelled = _NO.sub("の", _GA.sub("ケ", spelled))
    return spelled if len(spelled) <= LONGEST_TOWN else None
