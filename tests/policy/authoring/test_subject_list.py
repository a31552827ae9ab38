"""A subject list is changed in place: what was not meant to change stays, in every form that a list can have."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.authoring.subject_list import Listed, SubjectList, read_list, with_entries, without_entries
from gateway.policy.subject_code import show_code, subject_code
from gateway.yaml.mistakes import Mistakes

CODES = [subject_code("RP00000001", f"person {number}") for number in range(8)]
LAST = date(2027, 3, 31)
Meant = dict[str, tuple[date | None, str]]


def read(data: bytes, file: str) -> SubjectList:
    mistakes = Mistakes()
    found = read_list(data, file, mistakes)
    assert found is not None, list(map(str, mistakes))
    return found


def meant(data: bytes, file: str) -> Meant:
    return {code: (entry.until, entry.note) for code, entry in read(data, file).entries.items()}


def flow(entries: Meant) -> bytes:
    """One line an entry, comments between."""
    lines = ["# of the office, by hand"]
    for number, (code, (until, note)) in enumerate(entries.items()):
        lines.append(f"# entry {number}")
        more = "" if until is None else f", until: {until}"
        lines.append(f"- {{subject: {show_code(code)}{more}" + (f", note: '{note}'}}" if note else "}"))
    return "\n".join(lines or ["[]"]).encode() + (b"\n" if entries else b"\n[]\n")


def block(entries: Meant) -> bytes:
    """Several lines an entry, with Windows' line ends."""
    text = ""
    for code, (until, note) in entries.items():
        text += f"- subject: {show_code(code)}  # read out\r\n"
        text += "" if until is None else f"  until: {until}\r\n"
        text += f"  note: {note}\r\n" if note else ""
    return (text or "[]\r\n").encode()


def counted(entries: Meant) -> bytes:
    """A list that says how many it has."""
    text = "".join(
        f"  - {{subject: {show_code(code)}"
        + ("" if until is None else f", until: {until}")
        + (f", note: {note}" if note else "")
        + "}\n"
        for code, (until, note) in entries.items()
    )
    head = f"count: {len(entries)}  # checked\nentries:"
    return (head + ("\n" + text if entries else " []\n")).encode()


def sheet(entries: Meant) -> bytes:
    """As Excel in Japan saves it."""
    rows = "".join(
        f"{note},{show_code(code)},{'' if until is None else until.strftime('%Y/%m/%d')}\r\n"
        for code, (until, note) in entries.items()
    )
    return ("備考,本人のコード,期限\r\n" + rows).encode("cp932")


def utf8_sheet(entries: Meant) -> bytes:
    """With the mark that Excel puts in front, and a column less."""
    rows = "".join(f"{show_code(code)},{until or ''}\n" for code, (until, _) in entries.items())
    return b"\xef\xbb\xbf" + f"subject,until\n{rows}".encode()


FORMS = {
    "flow.yaml": flow,
    "block.yaml": block,
    "counted.yaml": counted,
    "excel.csv": sheet,
    "utf8.csv": utf8_sheet,
}
DAYS = st.one_of(st.none(), st.dates(date(2026, 1, 1), date(2030, 12, 31)))
ENTRIES = st.dictionaries(
    st.sampled_from(CODES), st.tuples(DAYS, st.sampled_from(["", "窓口2", "在勤証明"])), max_size=6
)


@pytest.mark.parametrize("file", FORMS)
@given(before=ENTRIES, wanted=st.sets(st.sampled_from(CODES), min_size=1), until=DAYS)
def test_who_is_added_is_there_and_nobody_else_changes(
    file: str, before: Meant, wanted: set[str], until: date | None
) -> None:
    """In each form: new persons behind the last one, persons who are there with the new day and their own note."""
    if file == "utf8.csv":
        before = {code: (day, "") for code, (day, _) in before.items()}
    data = FORMS[file](before)
    mistakes = Mistakes()

    written = with_entries(read(data, file), sorted(wanted), until, "", mistakes)

    assert written is not None, list(map(str, mistakes))
    expected = before | {code: (until, before.get(code, (None, ""))[1]) for code in wanted}
    assert meant(written, file) == expected
    assert list(meant(written, file))[: len(before)] == list(before)


@pytest.mark.parametrize("file", FORMS)
@given(before=ENTRIES, gone=st.sets(st.sampled_from(CODES)))
def test_who_is_removed_is_gone_and_nobody_else_changes(file: str, before: Meant, gone: set[str]) -> None:
    """A list without anybody is still a list, to which somebody can be added."""
    if file == "utf8.csv":
        before = {code: (day, "") for code, (day, _) in before.items()}
    data = FORMS[file](before)

    written = without_entries(read(data, file), gone, Mistakes())

    assert written is not None
    assert meant(written, file) == {code: entry for code, entry in before.items() if code not in gone}
    again = with_entries(read(written, file), CODES[:1], LAST, "", Mistakes())
    assert again is not None
    assert meant(again, file)[CODES[0]][0] == LAST


def test_comments_line_ends_and_encoding_stay() -> None:
    """A change has the lines that it is about, and no others."""
    entries: Meant = {CODES[0]: (None, ""), CODES[1]: (LAST, "窓口2")}

    added = with_entries(read(flow(entries), "a.yaml"), [CODES[2]], LAST, '在勤 "証明"', Mistakes())
    excel = with_entries(read(sheet(entries), "a.csv"), [CODES[2]], LAST, "窓口, 2", Mistakes())

    assert added is not None
    assert excel is not None
    new = f'- {{subject: {show_code(CODES[2])}, until: 2027-03-31, note: "在勤 \\"証明\\""}}\n'
    assert added == flow(entries) + new.encode()
    assert excel == sheet(entries) + f'"窓口, 2",{show_code(CODES[2])},2027-03-31\r\n'.encode("cp932")


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("a.yaml", b"- {subject: K7QM-2XHD-9TRC-4WBN}\n- nonsense\n"),
        ("a.yaml", b"subject: K7QM\n"),
        ("a.yaml", f"- {{subject: {show_code(CODES[0])}}}\n- {{subject: {show_code(CODES[0])}}}\n".encode()),
        ("a.yaml", f"- {{subject: {show_code(CODES[0])}, until: soon}}\n".encode()),
        ("a.yaml", "登録".encode("utf-16")),
        ("a.csv", b""),
        ("a.csv", b"note,until\n,2027-03-31\n"),
        ("a.csv", b"subject\nAAAA-AAAA-AAAA-AAAB\n"),
        ("a.csv", b"\xff\xff\xff"),
    ],
)
def test_a_list_with_mistakes_is_not_changed(file: str, data: bytes) -> None:
    """Each has its place; nothing is repaired in passing."""
    mistakes = Mistakes()

    assert read_list(data, file, mistakes) is None
    assert mistakes
    assert all(str(mistake).startswith(file) for mistake in mistakes)


def test_a_form_that_a_line_cannot_change_is_refused() -> None:
    """All entries in one pair of brackets: a text that would be read as something else is never written."""
    data = f"[{{subject: {show_code(CODES[0])}}}, {{subject: {show_code(CODES[1])}}}]\n".encode()
    listed = read(data, "a.yaml")
    mistakes = Mistakes()

    assert without_entries(listed, [CODES[0]], mistakes) is None
    assert with_entries(listed, [CODES[2]], None, "", mistakes) is None
    assert "by hand" in str(next(iter(mistakes)))


def test_a_note_that_the_encoding_lacks_is_a_mistake() -> None:
    """A file of CP932 stays one."""
    mistakes = Mistakes()

    assert with_entries(read(sheet({}), "a.csv"), [CODES[0]], None, "👍", mistakes) is None
    assert "CP932" in str(next(iter(mistakes)))


def test_an_entry_knows_its_lines() -> None:
    """From its first to its last one, as an editor counts."""
    listed = read(block({CODES[0]: (LAST, "n"), CODES[1]: (None, "")}), "a.yaml")

    assert list(listed.entries.values()) == [Listed(CODES[0], LAST, "n", 1, 3), Listed(CODES[1], None, "", 4, 4)]
