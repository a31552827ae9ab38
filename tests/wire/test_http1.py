"""The grammar of a token, character by character."""

from __future__ import annotations

import re
import string

import pytest

from gateway.wire.http1 import TOKEN, WHOLE_TOKEN

_ALLOWED = frozenset("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters)
"""RFC 9110 section 5.6.2."""


def test_a_token_has_the_characters_of_the_standard_and_no_others() -> None:
    """Both forms, over bytes and over text, agree on each of 256 characters."""
    in_bytes = {chr(code) for code in range(256) if re.fullmatch(TOKEN, bytes([code]))}
    in_text = {chr(code) for code in range(256) if WHOLE_TOKEN.fullmatch(chr(code))}

    assert in_bytes == in_text == _ALLOWED


@pytest.mark.parametrize("text", ["", "a b", "a\n", "é", "ａ", "a\N{ARABIC-INDIC DIGIT ONE}"])
def test_another_text_is_no_token(text: str) -> None:
    """A word of several letters is one whole, without a line end behind it or a wide letter in it."""
    assert WHOLE_TOKEN.fullmatch("X-Remote-User")
    assert not WHOLE_TOKEN.fullmatch(text)
