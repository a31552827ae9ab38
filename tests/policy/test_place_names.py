"""One spelling of a place's name, and the way back to the text it was made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.place_names import fold, unfolded


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("霞ヶ関　１丁目", "霞ケ関1丁目"),
        ("髙輪\U000e0100", "高輪"),
        ("ｶﾞﾗｽ町", "ガラス町"),
        ("字古舘", "字古館"),
        ("北\u200b檜山区", "北桧山区"),
    ],
)
def test_spellings_of_a_name_fold_to_one(written: str, folded: str) -> None:
    """Width, spaces, variants and signs that are not seen."""
    assert fold(written) == folded
    assert fold(folded) == folded


@given(st.text(alphabet="霞ヶ関　１丁目髙舘北檜山ｶﾞﾊﾟがか\u3099 \u200b\U000e0100①㍿A-", max_size=20), st.data())
def test_a_part_goes_back_to_its_own_letters(text: str, data: st.DataObject) -> None:
    """The part folds to what was asked for wherever its ends are ends of letters, and keeps the text's kanji."""
    whole = fold(text)
    assert fold(unfolded(text, 0, len(whole))) == whole
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, len(whole) - start))
    part = unfolded(text, start, length)
    assert fold(part) in whole[start : start + length]
    assert not set(part) & set(" 　\u200b")


def test_digits_become_half_width_and_kanji_stay() -> None:
    """An application compares 1丁目 with its own tables, and shows the citizen her own 舘."""
    assert unfolded("岩手県　字古舘１丁目", 3, 6) == "字古舘1丁目"


def test_old_forms_of_characters_are_folded() -> None:
    """A card may say 中區 and 縣; 鹿嶋市 is not 鹿島市."""
    assert fold("神奈川縣横濱市中區學校町") == "神奈川県横浜市中区学校町"
    assert fold("鹿嶋市") != fold("鹿島市")
