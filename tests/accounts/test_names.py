"""Names of accounts: what is one, and which spellings are one account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.accounts.names import LONGEST, fold_account, read_account_name, typed_account_name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (" tanaka\n", "tanaka"),
        ("田中　太郎", None),
        ("taro tanaka", "taro tanaka"),
        ("", None),
        ("  ", None),
        ("a\0b", None),
        ("a\r\nb", None),
        ("a\u202eb", None),
        ("a" * LONGEST, "a" * LONGEST),
        ("a" * (LONGEST + 1), None),
    ],
)
def test_a_name_is_what_people_can_type(written: str, name: str | None) -> None:
    """Blanks around it are a slip; a control or an invisible sign is no part of a name."""
    assert read_account_name(written) == name


@pytest.mark.parametrize(
    "spellings",
    [
        ("tanaka", "Tanaka", "TANAKA ", "ｔａｎａｋａ", "TANAKA\u3000"),
        ("たなか", "タナカ", "ﾀﾅｶ"),
        ("がっき", "ガッキ", "ｶﾞｯｷ", "かっき"),
        ("きょう", "キヨウ", "ｷｮｳ"),
        ("josé", "JOSE", "jose\u0301"),
        ("straße", "STRASSE"),
        ("sato", "satø", "SATØ"),
        ("yamada", "yamađa"),
        ("kliment", "kłiment"),
        ("hid", "hıd"),
        ("ⅷ", "viii"),
    ],
)
def test_what_a_database_may_take_for_one_name_is_one(spellings: tuple[str, ...]) -> None:
    """Capitals, width, blanks, accents, voiced marks, both kana, and small ones."""
    assert len({fold_account(spelling) for spelling in spellings}) == 1


def test_other_names_are_others() -> None:
    """A digit, a letter, a kanji, or a separator."""
    names = ("tanaka", "tanaka1", "tanako", "田中", "田仲", "ta.naka", "ta-naka", "tanaka@example.jp")

    assert len({fold_account(name) for name in names}) == len(names)


@given(st.text(max_size=50))
def test_folding_twice_is_as_once(name: str) -> None:
    """So a folded name may be handed on as a name."""
    assert fold_account(fold_account(name)) == fold_account(name)
    assert fold_account(name.upper()) == fold_account(name.upper().lower())


@pytest.mark.parametrize("name", ["tan%00aka", "%11guessed", "guessed&a;", "guessed<i>", "＜b＞tanaka", "tan\\aka"])
def test_a_name_that_an_application_rewrites_proves_nothing(name: str) -> None:
    """Reproduced before: `tan%00aka` was another account here and `tanaka` there. A counter can still link it."""
    assert typed_account_name(name) is None
    assert read_account_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "straße",
        "λόγος",
        "ivan\u043ev",
        "a\u0661",
        "a\u034f",
        "a\u0345",
        "ægir",
        "\U0001d42danaka",
        "😀",
        "\u2ebe",
        "\u3164a",
        "a\u0369",
    ],
)
def test_a_name_that_databases_compare_in_their_own_ways_proves_nothing(name: str) -> None:
    """A sharp s, other scripts and their digits, ligatures, signs beyond the kanji, radicals, fillers, odd marks."""
    assert typed_account_name(name) is None


def test_signs_beyond_the_first_plane_are_one() -> None:
    """As databases have it; a kanji there can be typed."""
    assert fold_account("𠮷田") == fold_account("𠮟田") != fold_account("吉田")
    assert typed_account_name("𠮷田") == "𠮷田"


def test_an_ordinary_name_can_be_typed() -> None:
    """Mail addresses and Japanese names among them."""
    for name in (
        "tanaka",
        "taro.tanaka+booking@example.jp",
        "田中 太郎",
        "O'Brien",
        "José",
        "Łukasz",
        "ﾔﾏﾀﾞ",
        "ｱｲｺ１２",
    ):
        assert typed_account_name(f" {name} ") == name
