from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.eucjp_ms import NAME
from tests.conftest import program

NAMES = "髙﨑德①㈱橋花子塚彅濵ⅳ№℡ｱあー〜～－−∥‖￢¬"


def by_iconv(text: str) -> bytes:
    """Return what glibc makes of a text."""
    command = [program("iconv"), "-f", "UTF-8", "-t", "EUC-JP-MS"]
    return subprocess.run(command, check=True, input=text.encode(), capture_output=True).stdout


@pytest.mark.parametrize("sign", NAMES)
def test_a_character_is_written_as_everywhere(sign: str) -> None:
    """As glibc's `EUC-JP-MS`, which is PHP's `eucJP-win` and Java's `x-eucJP-Open`."""
    assert sign.encode(NAME) == by_iconv(sign)


def test_every_character_of_the_charset_is_written_as_everywhere() -> None:
    """All that Windows has of Japanese, and JIS X 0212; and what is written is read as it was."""
    signs = [chr(code) for code in range(0x80, 0x10000) if not 0xD800 <= code < 0xF900 and _has(chr(code))]

    assert len(signs) > 13_000
    assert "".join(signs).encode(NAME) == by_iconv("".join(signs))
    for sign in signs:
        assert sign.encode(NAME).decode(NAME) in (sign, _TWINS.get(sign))


_TWINS = {
    "～": "〜",
    "－": "−",
    "∥": "‖",
    "￢": "¬",
    "￠": "¢",
    "￡": "£",
    "―": "—",
    "—": "―",
    "￣": "‾",
    "￤": "¦",
    "＼": "\\",
}


def _has(sign: str) -> bool:
    try:
        sign.encode(NAME)
    except UnicodeEncodeError:
        return False
    return True


def test_what_browsers_write_is_read() -> None:
    """CP51932 has IBM's characters where `eucJP-ms` has room for the users' own."""
    assert b"\xfc\xe2\xfa\xb1".decode(NAME)[0] == "髙"
    assert b"\xad\xa1\xa1\xc1".decode(NAME) == "①〜"
    assert b"\x8f\xf4\xfb".decode(NAME) == "髙"


@given(st.binary(max_size=20))
def test_bytes_are_characters_or_nothing(data: bytes) -> None:
    """All bytes are read as text, and ASCII stays the same."""
    try:
        text = data.decode(NAME)
    except UnicodeDecodeError:
        assert not data.isascii()
        return
    assert [sign for sign in text if sign.isascii()] == [chr(byte) for byte in data if byte < 0x80]
    assert data.decode(NAME, "replace") == text


@pytest.mark.parametrize("sign", ["¥", "‾", "𠮷", "€", "\ud800"])
def test_what_has_no_place_is_refused(sign: str) -> None:
    """No yen sign becomes a backslash."""
    with pytest.raises(UnicodeEncodeError):
        sign.encode(NAME)
    assert sign.encode(NAME, "replace") == b"?"
