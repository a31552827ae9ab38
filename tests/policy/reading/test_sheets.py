"""Lists from Excel: both encodings, both languages of heads, and a place for each slip."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.reading.sheets import cell_text, columns_of, dashed_day, is_sheet, read_sheet
from gateway.yaml.mistakes import Mistakes, Where
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


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04...", "list.csv:1:1: this file is an Excel workbook, not CSV, save it as CSV UTF-8"),
        (b"\xd0\xcf\x11\xe0...", "list.csv:1:1: this file is an Excel workbook, not CSV, save it as CSV UTF-8"),
        (b" <!DOCTYPE html><table>", "list.csv:1:1: this file is a page, not CSV, save it as CSV UTF-8"),
        ("町名，備考\n八幡，x\n".encode(), "list.csv:1:1: a full-width `，` does not separate columns"),
        ('町名,備考\n"八幡,x\n'.encode(), "list.csv:2:1: a quotation mark that is never closed begins here"),
        ("町の一覧\n町名\n八幡\n".encode(), "list.csv:1:1: this row names no column; row 2 does"),
        ("町名,町名\n八幡,x\n".encode(), "list.csv:1:2: the column `町名` is here twice, keep one of them"),
    ],
)
def test_a_file_that_is_no_list_says_why(data: bytes, said: str) -> None:
    """The office saves it anew, or mends the row that is named."""
    said_of = read(data)[1]

    assert any(mistake.startswith(said) for mistake in said_of), said_of


@pytest.mark.parametrize(
    "data",
    [
        "町名\t備考\n八幡\tx\n",
        "町名;備考\n八幡;x\n",
        "sep=;\n町名;備考\n八幡;x\n",
        "sep=,\n町名,備考\n八幡,x\n",
        "\n\n町名,備考\n八幡,x\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp932"])
def test_a_list_has_any_separator_of_excel(data: str, encoding: str) -> None:
    """The first line that is not blank decides, and `sep=` before it."""
    assert read(data.encode(encoding)) == ([{"town": "八幡", "note": "x"}], [])


HERE = Where("list.csv", 2, 1)


@pytest.mark.parametrize(
    ("cell", "free", "text", "said"),
    [
        ("#N/A", False, "", "an error of Excel, not a value, mend the formula"),
        ("＃ＲＥＦ！", True, "", "an error of Excel, not a value, mend the formula"),
        ("########", True, "", "an error of Excel, not a value, make its column wider"),
        ("=A1+1", False, "", "a formula, not its value, write the value"),
        ("=A1+1", True, "=A1+1", ""),
        ("1.2E+10", False, "", "a number that Excel has shortened, make the column text"),
        ("1.2E+10", True, "1.2E+10", ""),
        ('="0012"', False, "0012", ""),
        ("'0012", False, "0012", ""),
        (" ＡＢ１２\u200b ", False, "AB12", ""),
        ("ＡＢ１２", True, "ＡＢ１２", ""),
        ("\0", False, "", ""),
    ],
)
def test_a_cell_is_read_as_its_author_sees_it(
    cell: str,
    free: bool,
    text: str,
    said: str,
) -> None:
    """A note keeps its signs; a code, a day or a number has those that were meant."""
    mistakes = Mistakes()

    assert cell_text(cell, HERE, mistakes, free=free) == text
    assert [said in str(mistake) for mistake in mistakes] == ([True] if said else [])


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2027/3/31", "2027-03-31"),
        ("2027/3/31 0:00:00", "2027-03-31"),
        ("令和9年3月31日", "2027-03-31"),
        ("R9.3.31", "2027-03-31"),
        ("2027/2/30", "2027/2/30"),
        ("3月31日", "3月31日"),
        ("2027/3/31まで", "2027/3/31まで"),
        ("", ""),
    ],
)
def test_a_day_of_excel_is_a_day_of_ours(written: str, day: str) -> None:
    """A text that is no day, or says more than a day, stays for the reader that names the mistake."""
    assert dashed_day(written) == day


def test_a_head_by_another_word_is_read_and_corrected() -> None:
    """The column counts, so its cells are looked at as well."""
    mistakes = Mistakes()
    heads, others = {"until": ("期限",), "note": ("備考",)}, {"until": ("終了日",)}

    found = columns_of(["終了日", "備 考", "", "備孝"], heads, others, Where("list.csv", 1), mistakes)

    assert found == ["until", "note", "", ""]
    assert [str(mistake) for mistake in mistakes] == [
        "list.csv:1:1: unknown column `終了日`, write `until`",
        "list.csv:1:4: unknown column `備孝`, write one of `until`, `note`",
    ]
