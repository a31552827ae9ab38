"""Entries are found by what an auditor knows, and handed over so that no program takes them for orders."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.search import CHAIN, COLUMNS, Query, cells_of, csv_line, guarded, told
from gateway.request.support import support_number

ENTRY: dict[str, Any] = {
    "time": "2026-11-23T03:00:00.000000Z",
    "node": "gw1",
    "action": "decision",
    "outcome": "refused",
    "pseudonym": "p1",
    "app": "booking",
    "rule": "booking/reserve",
    "conditions": {"adult": "no", "resident": "unknown"},
    "reasons": ["condition_no:adult", "condition_unknown:resident"],
    "request_id": "r1",
    "count": 0,
}
DEED: dict[str, Any] = {
    "time": "2026-11-23T04:00:00.000000Z",
    "action": "sessions_revoked",
    "outcome": "done",
    "operator": "sato",
    "user": "root",
    "sudo_user": "hsato",
    "reason": "lost phone",
    "pseudonym": "p1",
    "count": 2,
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), (True, True)),
        (Query(app="booking"), (True, False)),
        (Query(rule="booking/reserve"), (True, False)),
        (Query(rule="booking"), (True, False)),
        (Query(rule="book"), (False, False)),
        (Query(pseudonym="p1"), (True, True)),
        (Query(pseudonym="p2"), (False, False)),
        (Query(operator="sato"), (False, True)),
        (Query(operator="root"), (False, True)),
        (Query(operator="hsato"), (False, True)),
        (Query(action="decision"), (True, False)),
        (Query(request_id="r1"), (True, False)),
        (Query(support=support_number("r1")), (True, False)),
        (Query(support=support_number("r2")), (False, False)),
        (Query(since=1_795_402_800.0), (True, True)),
        (Query(since=1_795_402_801.0), (False, True)),
        (Query(until=1_795_402_801.0), (True, False)),
        (Query(until=1_795_402_800.0), (False, False)),
        (Query(app="booking", pseudonym="p2"), (False, False)),
    ],
)
def test_an_entry_is_found_by_each_of_its_parts(query: Query, found: tuple[bool, bool]) -> None:
    """All given parts must fit."""
    assert (query.fits(ENTRY), query.fits(DEED)) == found


def test_the_chain_is_shown_to_those_who_ask_for_it() -> None:
    """A signature a minute would hide what people did."""
    assert not any(Query().fits({"action": action, "time": ENTRY["time"]}) for action in CHAIN)
    assert Query(action="checkpoint").fits({"action": "checkpoint"})
    assert not Query(since=0.0).fits({"action": "decision", "time": "soon"})


def test_a_line_for_people_says_who_and_why() -> None:
    """An operator has her names, a person her pseudonym."""
    assert told(DEED)[2:6] == ("sato/root/hsato", "sessions_revoked", "done", "p1")
    assert told(ENTRY)[2:8] == (
        "p1",
        "decision",
        "refused",
        "",
        "booking booking/reserve",
        "adult=no resident=unknown condition_no:adult condition_unknown:resident",
    )
    assert told(ENTRY)[8:] == ("0", "r1")
    assert told({})[2] == "-"


def test_a_table_has_a_cell_for_each_column() -> None:
    """Other programs read it by its columns."""
    (row,) = csv.DictReader(io.StringIO(csv_line(list(COLUMNS)) + "\n" + csv_line(cells_of(ENTRY))))

    assert row["conditions"] == "adult=no resident=unknown"
    assert row["count"] == "0"
    assert row["operator"] == ""


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", '=HYPERLINK("http://x")']
)
def test_no_cell_is_a_formula(formula: str) -> None:
    """An operator types the reason, and a spreadsheet would compute it."""
    assert guarded(formula) == f"'{formula}"


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0")), min_size=1, max_size=5))
def test_every_cell_comes_back(cells: list[str]) -> None:
    """Quotes and commas survive; nothing begins with a sign of a formula."""
    (row,) = csv.reader(io.StringIO(csv_line(cells)))

    assert [
        cell.removeprefix("'") if guarded(was) != was else cell for cell, was in zip(row, cells, strict=True)
    ] == cells
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
