"""One spelling of a place's name: cards and policies mix several, and both are folded before they are compared."""

from __future__ import annotations

import re
from unicodedata import combining, normalize

_OLD_FORMS = (
    "區区縣県圓円齊斉鐵鉄關関舊旧驛駅黑黒德徳惠恵榮栄眞真靜静豐豊寶宝壽寿應応學学藝芸佛仏來来會会樂楽氣気當当發発淺浅藏蔵瀨瀬增増"
    "緖緒圖図壹壱萬万號号臺台龜亀彌弥澁渋戶戸靑青淸清嶽岳濵浜桒桑廳庁轉転鄕郷巢巣槪概祿禄舩船檢検經経莊荘圍囲蠶蚕蟲虫獨独讀読釀醸"
    "醬醤顯顕鷄鶏麥麦點点齒歯龝秋"
)
"""Old forms of characters (旧字体), each before its form of today. 嶋 stays: 鹿嶋市 and 鹿島市 are two cities."""

_FOLDS = str.maketrans(
    dict(zip(_OLD_FORMS[::2], _OLD_FORMS[1::2], strict=True))
    | {
        "ヶ": "ケ",
        "ヵ": "カ",
        "ヱ": "エ",
        "檜": "桧",
        "梼": "檮",
        "龍": "竜",
        "竈": "釜",
        "瀧": "滝",
        "澤": "沢",
        "濱": "浜",
        "邊": "辺",
        "邉": "辺",
        "齋": "斎",
        "廣": "広",
        "國": "国",
        "曾": "曽",
        "淵": "渕",
        "條": "条",
        "櫻": "桜",
        "舘": "館",
        "峯": "峰",
        "鰺": "鯵",
        "籠": "篭",
        "麴": "麹",
        "與": "与",
        "槇": "槙",
        "鹽": "塩",
        "髙": "高",
        "﨑": "崎",
        "𠮷": "吉",
    }
)
"""Spellings of one name that cards and policies mix. No two places of the table fold to the same."""

_SPACES = re.compile(r"[\s\u200b\u200c\u200d\u2060\ufeff]+")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_VOICING = "\uff9e\uff9f"
"""The half-width marks ﾞ and ﾟ: NFKC joins each to the kana before it."""


def fold(text: str) -> str:
    """Return the spelling that addresses and names are compared in: half-width digits, no spaces, ケ for ヶ."""
    # Spaces go first: a sign that is not seen may stand between a kana and its mark, and NFKC makes spaces of its own.
    seen = _SELECTORS.sub("", _SPACES.sub("", text))
    return _SPACES.sub("", normalize("NFKC", seen)).translate(_FOLDS)


def unfolded(text: str, start: int, length: int) -> str:
    """Return the part of a text that folds to `length` characters from `start` of the folded text.

    The part keeps the text's own letters; digits and signs are half-width, and spaces are left out.
    """
    found: list[str] = []
    place = 0
    for letter in _letters(_SPACES.sub("", text)):
        width = len(fold(letter))
        if start <= place and place + width <= start + length:
            found.append(letter if _is_kanji_or_kana(letter) else normalize("NFKC", letter))
        place += width
    return _SPACES.sub("", "".join(found))


def in_hiragana(name: str) -> str:
    """Return a name with its katakana as hiragana: ツクバ市 is つくば市."""
    return "".join(chr(ord(sign) - 0x60) if "ァ" <= sign <= "ヶ" else sign for sign in name)


def _letters(text: str) -> list[str]:
    """Split a text into letters, each with the marks that NFKC joins to it."""
    letters: list[str] = []
    for sign in text:
        if letters and (combining(sign) or sign in _VOICING or _SELECTORS.match(sign)):
            letters[-1] += sign
        else:
            letters.append(sign)
    return letters


def _is_kanji_or_kana(letter: str) -> bool:
    return "\u3041" <= letter[0] <= "\ufaff" or letter[0] >= "\U00020000"
