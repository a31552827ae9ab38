"""The office's list of accounts: read in two languages and two encodings, and written without a code."""

from __future__ import annotations

import pytest

from gateway.accounts.accounts import Account, Evidence, Link, LinkState, Record
from gateway.accounts.marks import marks_of_code
from gateway.accounts.sheet import Row, read_accounts, write_accounts
from gateway.identity import AccountKind, Role
from gateway.policy.subject_code import show_code, subject_code
from gateway.session.seal import Secrets
from gateway.yaml.mistakes import Language, Mistakes

KEYS = Secrets.parse("0123456789abcdef" * 4)
CODE = subject_code("RP1", "anna")
ANNA = marks_of_code(KEYS, "booking", CODE)
SHEET = f"""\
アカウント,コード,種別,名義,役割
tanaka,{show_code(CODE)},個人,,
club,{show_code(CODE).lower()},団体,卓球クラブ,代表者

,,,,
empty,,,,
"""


def read(data: bytes) -> tuple[list[Row], list[str]]:
    mistakes = Mistakes()
    rows = read_accounts(data, "a.csv", "booking", KEYS, mistakes)
    return rows, [each.say(Language.EN) for each in mistakes]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_list_says_who_has_what(encoding: str) -> None:
    """By the code that she reads out; a row without a code makes the account known."""
    rows, mistakes = read(SHEET.encode(encoding))

    assert mistakes == []
    assert rows == [
        Row(2, Account("booking", "tanaka"), ANNA, None, title_said=False),
        Row(3, Account("booking", "club", AccountKind.GROUP, "卓球クラブ"), ANNA, Role.REPRESENTATIVE),
        Row(6, Account("booking", "empty"), None, None, kind_said=False, title_said=False),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("code\nx\n", "no column names the account"),
        ("account,phone\na,1\n", "unknown column `phone`"),
        ("account,アカウント\na,b\n", "is here twice"),
        ("account,code\na,7K2M\n", "not the code of a person"),
        ("account,mark\na,ffffffff-00\n", "no key of this App"),
        (f"account,code,mark\na,{CODE},{ANNA.first}\n", "twice: by a code and by a mark"),
        (f"account,code,mark\na,{CODE},ffffffff-00\n", "twice: by a code and by a mark"),
        (f"account,code,mark\na,7K2M,{ANNA.first}\n", "twice: by a code and by a mark"),
        ("account,role\na,member\n", "names no person"),
        ("account,state\na,ask_again\n", "names no person"),
        (f"account,code\na,{CODE},representative\n", "a.csv:2:3: `representative` stands in no column"),
        (f"account,code,\na,{CODE},member\n", "a.csv:2:3: `member` stands in no column"),
        (f"一覧\n\naccount,code\na,{CODE}\n", "a.csv:1:1: this row names no column; row 3 does"),
        ("account,title\na,x\nA,y\n", "a.csv:3:1: another row gives this account another title"),
        (f"account,code,role\na,{CODE},member\nA,{CODE},代表者\n", "a.csv:3:1: another row gives this person another"),
        ("account,kind\na,club\n", "`club` is none of them"),
        ("account,role\na,boss\n", "`boss` is none of them"),
        ("account,kind,role\na,person,member\n", "only a group has roles"),
        ("account\n\x07\n", "no account's name"),
        ("account,title\na," + "x" * 256 + "\n", "too long"),
        ("account,kind\na,person\nＡ,group\n", "another kind"),
        ('account\n"a\nb"\n', "no account's name"),
        ("account\n1.23457E+11\n", "has shortened"),
        ("account\n#N/A\n", "an error of Excel"),
        ("account\n########\n", "an error of Excel"),
        ("account\n=A1+1\n", "a formula"),
        ("account,title\na,#REF!\n", "an error of Excel"),
        ("account,state\na,maybe\n", "`maybe` is none of them"),
    ],
)
def test_a_mistake_is_named_by_its_line(text: str, said: str) -> None:
    """Of any kind; a name that is no name shows in no message."""
    _, mistakes = read(text.encode())

    assert any(said in each for each in mistakes), mistakes
    assert all("a.csv" in each for each in mistakes)


@pytest.mark.parametrize(
    ("cell", "name"),
    [('"=""0012"""', "0012"), ("'0012", "'0012"), ("１２３", "１２３"), ("1e5", "1e5"), ("a=b", "a=b")],
)
def test_a_name_is_read_as_its_author_sees_it(cell: str, name: str) -> None:
    """Excel keeps a number's zeros by `="0012"`; a name's own signs stay as they are."""
    (row,), mistakes = read(f"account\n{cell}\n".encode())

    assert (row.account.name, mistakes) == (name, [])


@pytest.mark.parametrize("above", ["\n", "sep=,\n", ",,\n\n"])
def test_blank_lines_above_the_names_are_none(above: str) -> None:
    """Excel's line of its separator stands above them, and rows keep their numbers."""
    rows, mistakes = read(f"{above}account,code\nclub,{CODE}\n".encode())

    assert mistakes == []
    assert [(row.line, row.account.name) for row in rows] == [(above.count("\n") + 2, "club")]


def test_a_link_that_must_be_proved_again_comes_back_as_such() -> None:
    """A store that moves by an export opens no account that was closed."""
    links = (Link(ANNA.first, None, Evidence.PROOF, 1.8e9, 1.8e9, LinkState.ASK_AGAIN),)

    text = "".join(write_accounts([Record(Account("booking", "tanaka"), links)]))

    (row,), mistakes = read(text.encode())
    assert (row.state, mistakes) == (LinkState.ASK_AGAIN, [])


def test_bytes_of_neither_encoding_are_refused() -> None:
    """With the remedy."""
    assert "neither UTF-8 nor CP932" in read(b"account\n\x81\xff\n")[1][0]


def test_an_export_can_be_imported_and_names_nobody() -> None:
    """Accounts with and without persons; no formula for a spreadsheet."""
    links = (Link(ANNA.first, Role.REPRESENTATIVE, Evidence.PROOF, 1.8e9, 1.8e9),)
    club = Account("booking", "club", AccountKind.GROUP, "=1+1")
    records = [Record(club, links), Record(Account("booking", "-x"))]

    text = "".join(write_accounts(records))

    assert CODE not in text.replace("-", "")
    assert ",=1+1" not in text
    assert "\n-x" not in text
    rows, mistakes = read(text.encode())
    assert mistakes == []
    assert rows == [
        Row(2, club, ANNA, Role.REPRESENTATIVE),
        Row(3, Account("booking", "-x"), None, None, title_said=False),
    ]


@pytest.mark.parametrize("sign", [*"=+-@'", *"＝＋－＠", *"﹦﹢﹣﹫", "\N{MINUS SIGN}"])
def test_no_cell_of_an_export_begins_a_formula(sign: str) -> None:
    """Neither a name nor a title, in signs of any width; an import has them as they were."""
    account = Account("booking", f"{sign}1", AccountKind.GROUP, f"{sign}{sign}cmd|' /C calc'!A0")

    text = "".join(write_accounts([Record(account)]))

    cells = text.splitlines()[1].split(",")
    assert {cells[0][0], cells[2][0]} == {"'"}
    assert read(text.encode()) == ([Row(2, account, None, None)], [])
