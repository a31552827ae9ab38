from __future__ import annotations

import pytest

from gateway.console.csrf import is_token, token_of

KEY, OTHER = bytes(32), bytes([1]) * 32


def test_a_form_of_this_sign_in_and_button_is_known() -> None:
    """Its token opens that button."""
    assert is_token(token_of(KEY, "revoke"), KEY, "revoke")


@pytest.mark.parametrize(
    "presented",
    ["", token_of(OTHER, "revoke"), token_of(KEY, "give_back"), token_of(KEY, "revoke")[:-1], "é" * 64, "\udcff"],
)
def test_every_other_token_is_wrong(presented: str) -> None:
    """Of another sign-in, of another button, cut, or no text at all."""
    assert not is_token(presented, KEY, "revoke")
