from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.support import fold_support, support_number


def test_a_number_is_the_requests_own_and_can_be_read_out() -> None:
    """Eight signs, none of which sounds or looks like another, in two groups; the same for the same request."""
    numbers = {support_number(f"{count:020x}") for count in range(2_000)}

    assert len(numbers) == 2_000
    assert all(re.fullmatch("[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}", number) for number in numbers)
    assert support_number("0123456789abcdef") == "QKUR-B2L7"


@given(st.text(max_size=40))
def test_a_number_leads_back_to_its_request_however_it_is_typed(request_id: str) -> None:
    """In small letters, in full-width ones, with a space or a long hyphen: the operator types what she hears."""
    number = support_number(request_id)
    wide = number.translate({ord(sign): ord(sign) + 0xFEE0 for sign in number if sign != "-"}).replace("-", "ー")

    for written in (number, number.lower(), number.replace("-", ""), number.replace("-", " "), wide, f" {number}\n"):
        assert fold_support(written.replace("ー", "−")) == number


@pytest.mark.parametrize(
    "written",
    ["", "K7QM", "K7QM-2XHD-2", "K7QM-2XH0", "K7QM-2XHI", "k7qm-2xhl1", "0123456789abcdef", "あいうえおかきく"],
)
def test_no_other_text_is_a_number(written: str) -> None:
    """It is said to be none, rather than found nowhere."""
    assert fold_support(written) is None
