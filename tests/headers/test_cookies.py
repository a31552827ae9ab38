from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.headers.cookies import is_ours, without_ours

TICKET = b"Rk9VUlRZLVRIUkVFIGNoYXJhY3RlcnMgb2YgYSB0aWNrZXQ"
OURS = (
    b"__Host-sekisho",
    b"__Host-sekisho-login",
    b"sekisho",
    b"sekisho-login",
    b"__host-Sekisho",
    b"__Secure-sekisho",
)
JOINTS = (b"; ", b";", b", ", b",", b" ,", b" ", b"\t", b";,", b",;", b"; ,", b'" ', b"' ")
"""How a field of several cookies arrives: as browsers join them, and as proxies and HTTP/2 hops have joined them."""


@given(st.lists(st.text("abcSEKISHOsekisho_-=;\"' ,\t", max_size=20), max_size=6))
def test_nothing_ours_is_left(pairs: list[str]) -> None:
    """Property: no pair that is left of any Cookie field can be taken for a cookie of ours."""
    cookies = ";".join(pairs).encode()

    left = without_ours(cookies)

    assert not any(is_ours(pair) for pair in left.split(b";"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(JOINTS),
            st.sampled_from(
                [*(name + b"=" + TICKET for name in OURS), b"a=1", b"b=x,y", b"JSESSIONID=0A", b"theme=sekisho"]
            ),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_our_cookie_is_cut_out_however_it_was_joined(pairs: list[tuple[bytes, bytes]]) -> None:
    """Property: no joint that any hop puts between two cookies lets an application read a ticket."""
    cookies = b"".join(joint + pair for joint, pair in pairs).strip(b" \t")

    left = without_ours(cookies)

    assert TICKET not in left
    assert without_ours(left) == left


@pytest.mark.parametrize("joint", [b"; ", b";", b", ", b","])
@pytest.mark.parametrize("place", range(3))
def test_the_cookies_beside_ours_stay(joint: bytes, place: int) -> None:
    """The application receives its own cookies that a proxy joined to ours."""
    pairs = [b"JSESSIONID=0A", b"theme=dark"]
    pairs.insert(place, b"__Host-sekisho=" + TICKET)

    left = without_ours(joint.join(pairs))

    assert re.split(rb"[;,] *", left) == [b"JSESSIONID=0A", b"theme=dark"]


@given(st.lists(st.text("abcdefghij=1 ", max_size=12), max_size=6))
def test_other_cookies_keep_every_byte(pairs: list[str]) -> None:
    """Property: without a cookie of ours nothing is touched."""
    cookies = ";".join(pairs).encode()

    assert without_ours(cookies) == cookies


@pytest.mark.parametrize(
    "cookies",
    [
        b"theme=sekisho",
        b"recent=aso,sekisho,ito",
        b"x__Host-sekisho=1; y=2",
        b"my-sekisho=1",
        b"sekisho2009=1, a=2",
        b'note="to sekisho, by train"',
    ],
)
def test_a_word_of_somebody_elses_is_not_ours(cookies: bytes) -> None:
    """The name of the product in another cookie's value or name takes nothing away from the application."""
    assert without_ours(cookies) == cookies


def test_a_field_full_of_our_name_costs_little() -> None:
    """Cutting is linear: 32 KiB of our name and separators take milliseconds, not minutes."""
    cookies = b"'sekisho" * 4_096

    assert without_ours(cookies) == b""
