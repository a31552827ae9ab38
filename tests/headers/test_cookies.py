from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.headers.cookies import is_ours, without_ours


@given(st.lists(st.text("abcSEKISHOsekisho_-=;\"' ,\t", max_size=20), max_size=6))
def test_nothing_ours_is_left(pairs: list[str]) -> None:
    """Property: whatever a Cookie field holds, no pair left of it can be taken for a cookie of ours."""
    cookies = ";".join(pairs).encode()

    left = without_ours(cookies)

    assert not any(is_ours(pair) for pair in left.split(b";"))


@given(st.lists(st.text("abcdefghij=1 ", max_size=12), max_size=6))
def test_other_cookies_keep_every_byte(pairs: list[str]) -> None:
    """Property: without a cookie of ours nothing is touched."""
    cookies = ";".join(pairs).encode()

    assert without_ours(cookies) == cookies
