from __future__ import annotations

import re

from gateway.pipeline.support import support_number


def test_a_number_is_the_requests_own_and_can_be_read_out() -> None:
    """Eight signs, none of which sounds or looks like another, in two groups; the same for the same request."""
    numbers = {support_number(f"{count:020x}") for count in range(2_000)}

    assert len(numbers) == 2_000
    assert all(re.fullmatch("[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}", number) for number in numbers)
    assert support_number("0123456789abcdef") == "QKUR-B2L7"
