from __future__ import annotations

import pytest

from gateway.accounts.accounts import Account, Claim, Evidence, Held, Link, Record
from gateway.accounts.counter import Hindrance
from gateway.accounts.marks import Marks
from gateway.accounts.sheet import Row
from gateway.console.accounts import MOST_SHOWN, AccountRow, By, Sought, accounts_page, refused_rows, row_of, sought
from gateway.identity import AccountKind, Role
from gateway.policy.subject_code import show_code, subject_code
from tests.builders import CLIENT, NOON

CODE = subject_code(CLIENT, "hanako")
CLUB = Account("booking", "club", AccountKind.GROUP, "卓球クラブ")
LINK = Link("k-1", Role.MEMBER, Evidence.PROOF, NOON, NOON)
RECORD = Record(CLUB, (LINK,), (Claim("k-2", NOON),), has_password=True)


@pytest.mark.parametrize(
    ("by", "value", "found"),
    [
        ("account", " tanaka ", Sought(By.ACCOUNT, "tanaka")),
        ("account", "", None),
        ("code", show_code(CODE), Sought(By.CODE, CODE)),
        ("code", "7K2M-9QRS", None),
        ("claimed", "", Sought(By.CLAIMED)),
        ("all", "ignored", Sought(By.ALL)),
        ("subject", "hanako", None),
    ],
)
def test_a_form_names_an_account_or_a_person(by: str, value: str, found: Sought | None) -> None:
    """By a code and never by a subject; a code with one wrong character names nobody."""
    assert sought(by, value) == found


def test_a_code_is_shown_as_people_read_it() -> None:
    """An account is shown as it is written."""
    assert Sought(By.CODE, CODE).shown == show_code(CODE)
    assert Sought(By.ACCOUNT, "tanaka").shown == "tanaka"


def test_a_record_has_its_links_and_claims() -> None:
    """A list has the numbers of both, and whether a password is kept, never the password."""
    assert row_of(RECORD) == AccountRow("club", AccountKind.GROUP, "卓球クラブ", 1, 1, password=True)
    values = accounts_page(["booking"], "booking", Sought(By.ACCOUNT, "club"), record=RECORD).values

    assert values["rows"] == [row_of(RECORD)]
    links = [(each.account, each.mark, each.role) for each in values["links"]]  # type: ignore[attr-defined]
    assert links == [("club", "k-1", Role.MEMBER)]
    assert [mark for mark, _ in values["claims"]] == ["k-2"]  # type: ignore[attr-defined]


def test_a_persons_accounts_are_links_each_with_its_account() -> None:
    """Found by her code."""
    values = accounts_page(["booking", "pool"], "pool", Sought(By.CODE, CODE), held=[Held(CLUB, LINK)]).values

    assert [each.account for each in values["links"]] == ["club"]  # type: ignore[attr-defined]
    assert values["app"] == "pool"


def test_a_page_begins_with_the_first_app() -> None:
    """Without any App there is none."""
    assert accounts_page(["booking", "pool"]).values["app"] == "booking"
    assert accounts_page([]).values["app"] == ""


def test_a_page_shows_as_many_rows_as_it_can() -> None:
    """A list of thousands with the same mistake does not make a page of thousands."""
    row = Row(2, CLUB, Marks(("k-1",)), Role.MEMBER)

    shown = refused_rows([(row, Hindrance.TAKEN)] * (MOST_SHOWN + 1))

    assert len(shown) == MOST_SHOWN
    assert (shown[0].line, shown[0].account, shown[0].why) == (2, "club", Hindrance.TAKEN)
