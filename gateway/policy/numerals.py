"""Numbers written with Chinese numerals: 十二, 二十, 一〇, 二〇二六."""

from __future__ import annotations

NUMERALS = "〇零一二三四五六七八九十百千"

_VALUES = {"零": 0} | {numeral: value for value, numeral in enumerate("〇一二三四五六七八九")}
_UNITS = {"十": 10, "百": 100, "千": 1000}


def number_of(numerals: str) -> int:
    """Return the number that Chinese numerals write, by units (二十一) or digit by digit (二〇二六)."""
    if not any(numeral in _UNITS for numeral in numerals):
        return int("".join(str(_VALUES[numeral]) for numeral in numerals))
    total, digit = 0, 0
    for numeral in numerals:
        if numeral in _UNITS:
            total += (digit or 1) * _UNITS[numeral]
            digit = 0
        else:
            digit = _VALUES[numeral]
    return total + digit
