"""Sealed boxes: only their key, their binding and their whole bytes open them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.session.sealed_box import NONCE_BYTES, close_box, open_box

KEY, OTHER = bytes(32), bytes([1]) * 32
NONCE = bytes(range(NONCE_BYTES))


@given(content=st.binary(max_size=700), bound_to=st.binary(max_size=40), padding=st.sampled_from([16, 64, 256]))
def test_what_goes_in_comes_out(content: bytes, bound_to: bytes, padding: int) -> None:
    """The box tells its content's length in steps of the padding alone."""
    box = close_box(KEY, NONCE, content, bound_to, padding=padding)

    assert open_box(KEY, box, bound_to) == content
    assert (len(box) - NONCE_BYTES - 16) % padding == 0


@given(place=st.integers(min_value=0, max_value=91), bit=st.integers(min_value=0, max_value=7))
def test_a_changed_box_opens_nothing(place: int, bit: int) -> None:
    """Nonce, content and tag: no bit of them can be another."""
    box = bytearray(close_box(KEY, NONCE, b"a citizen", b"name", padding=64))
    box[place] ^= 1 << bit

    assert open_box(KEY, bytes(box), b"name") is None


def test_another_key_another_binding_or_a_cut_box_opens_nothing() -> None:
    """A record cannot be exchanged for another one's."""
    box = close_box(KEY, NONCE, b"a citizen", b"name", padding=64)

    assert open_box(OTHER, box, b"name") is None
    assert open_box(KEY, box, b"another") is None
    assert [open_box(KEY, box[:end], b"name") for end in range(len(box))] == [None] * len(box)


def test_a_nonce_has_one_length() -> None:
    """A shorter one would be a mistake of ours."""
    with pytest.raises(ValueError, match="12 bytes"):
        close_box(KEY, b"short", b"", b"", padding=64)
