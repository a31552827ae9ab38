"""Lists from Excel: both encodings, both languages of heads, and a place for each slip."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.reading.sheets import is_sheet, read_sheet
from gateway.yaml.mistakes import Mistakes
from gateway.yaml.tree import Items, Scalar, Table


def read(data: bytes) -> tuple[list[dict[str, str]], list[str]]:
    mistakes = Mistakes()
    root = read_sheet(data, "list.csv", mistakes)
    rows: list[dict[str, str]] = []
    if isinstance(root, Items):
        for item in root:
            assert isinstance(item, Table)
            rows.append({entry.key: entry.value.text for entry in item if isinstance(entry.value, Scalar)})
    return rows, [str(mistake) for mistake in mistakes]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_excels_encodings_and_days_are_read(encoding: str) -> None:
    """Heads in Japanese or English, days with slashes, empty rows and empty cells."""
    text = "コード,期限,備考\r\nK7QM,2027/3/31,在勤 \r\n,,\r\nABCD,2027-04-01,\r\n"
    assert read(text.encode(encoding)) == (
        [
            {"subject": "K7QM", "until": "2027-03-31", "note": "在勤"},
            {"subject": "ABCD", "until": "2027-04-01"},
        ],
        [],
    )
    assert read("town,note\n八幡,2027/3/31 から\n".encode(encoding))[0] == [{"town": "八幡", "note": "2027/3/31 から"}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "list.csv:1:1: the list is empty, name the columns in the first row"),
        (b"\n\n", "list.csv:1:1: the list is empty, name the columns in the first row"),
        ("丁目\n八幡\n".encode(), "list.csv:1:1: unknown column `丁目`"),
        ("町名\n八幡,もう一つ\n".encode(), "list.csv:2:2: `もう一つ` stands in no column"),
        (b"\x81\x20\xff", "list.csv:1:1: this file is neither UTF-8 nor CP932, save it as CSV UTF-8"),
        (b"town\n" + b"a" * 200_000 + b"\n", "list.csv:2:1: this line is not a line of CSV, save it as CSV anew"),
    ],
)
def test_a_slip_names_its_cell(data: bytes, said: str) -> None:
    """The file, the row, the cell and the remedy."""
    assert any(mistake.startswith(said) for mistake in read(data)[1])


def test_a_sheet_is_known_by_its_name() -> None:
    """Excel writes the suffix in either case."""
    assert is_sheet(Path("lists/towns.CSV"))
    assert not is_sheet(Path("lists/towns.yaml"))
