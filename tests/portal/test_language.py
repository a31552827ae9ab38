from __future__ import annotations

from gateway.portal.language import Language, Said, said


def test_words_fall_back_to_japanese_and_say_so() -> None:
    """A policy need not be in English; the page must know which language it then speaks."""
    assert said({"ja": "満員です。", "en": "Full."}, Language.EN) == Said("Full.", "en")
    assert said({"ja": "満員です。", "en": ""}, Language.EN) == Said("満員です。", "ja")
    assert said({"zh": "客满"}, Language.JA) == Said("客满", "zh")
    assert not said({}, Language.JA)
    assert said({"ja": "満員です。"}, Language.EASY) == Said("満員です。", "ja")
