"""The lines that tell an old application of an account: no two accounts are told alike, and none is guessed."""

from __future__ import annotations

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.headers.telling import ACCOUNT_FIELD, can_tell, read_account, telling
from gateway.identity import Acting
from gateway.settings.settings import AppAccounts, HeaderSettings

BY_HEADER = AppAccounts(tell="header", header="X-User")
BY_BASIC = AppAccounts(tell="basic")
BY_FORM = AppAccounts(tell="form")
PLAIN = HeaderSettings()


@pytest.mark.parametrize(
    ("account", "line"),
    [
        ("yamada", b"X-User: yamada\r\n"),
        ("a@b.example", b"X-User: a@b.example\r\n"),
        ("two words", b"X-User: two words\r\n"),
        ("50%", b"X-User: 50%25\r\n"),
        ("山田", b"X-User: %E5%B1%B1%E7%94%B0\r\n"),
    ],
)
def test_a_header_has_the_account_as_old_applications_read_it(account: str, line: bytes) -> None:
    """Visible ASCII goes as it is, and anything else in the App's encoding."""
    assert telling(BY_HEADER, PLAIN, "")(Acting(account)) == line


def test_basic_has_the_account_and_the_secret() -> None:
    """RFC 7617: both in UTF-8, with a colon between."""
    line = telling(BY_BASIC, PLAIN, "s3cret")(Acting("山田"))

    assert line.startswith(b"Authorization: Basic ")
    assert b64decode(line.split()[-1]).decode() == "山田:s3cret"


@pytest.mark.parametrize(
    ("accounts", "headers", "account", "good"),
    [
        (BY_HEADER, PLAIN, "yamada", True),
        (BY_HEADER, PLAIN, "a\tb", False),
        (BY_HEADER, HeaderSettings(longest=3), "yamada", False),
        (BY_HEADER, HeaderSettings(charset="cp932"), "山田", True),
        (BY_HEADER, HeaderSettings(charset="cp932"), "😀", False),
        (BY_BASIC, PLAIN, "yamada", True),
        (BY_BASIC, PLAIN, "a:b", False),
        (BY_FORM, PLAIN, "a:b", True),
    ],
)
def test_what_cannot_be_told_is_known_before(
    accounts: AppAccounts, headers: HeaderSettings, account: str, good: bool
) -> None:
    """Such an account is not linked, so that no person acts for another one."""
    assert can_tell(accounts, headers, account) is good


@given(st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=2, unique=True))
def test_no_two_accounts_are_told_alike(names: list[str]) -> None:
    """The application can tell any two people apart."""
    tell = telling(BY_HEADER, PLAIN, "")
    first, second = (name.strip() for name in names)
    if first != second and all(can_tell(BY_HEADER, PLAIN, name) for name in (first, second)):
        assert tell(Acting(first)) != tell(Acting(second))


def test_the_way_to_the_application_reads_the_account_and_no_application_does() -> None:
    """The field of our own is taken out of the head."""
    line = telling(BY_FORM, PLAIN, "")(Acting("山田"))
    head = b"GET / HTTP/1.1\r\nHost: h\r\n" + line + b"X: y\r\n\r\n"

    account, rest = read_account(head)

    assert account == "山田"
    assert ACCOUNT_FIELD not in rest
    assert read_account(rest) == (None, rest)
