"""Chinese numerals are numbers, by units or digit by digit."""

from __future__ import annotations

import pytest

from gateway.policy.numerals import number_of


@pytest.mark.parametrize(
    ("numerals", "number"),
    [
        ("一", 1),
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("六十四", 64),
        ("一〇", 10),
        ("百二十三", 123),
        ("千九百八十六", 1986),
        ("二〇二六", 2026),
        ("零", 0),
    ],
)
def test_a_number_is_read(numerals: str, number: int) -> None:
    """Units and digits are never mixed by an author."""
    assert number_of(numerals) == number
