"""The charset that systems in Japan call EUC-JP: `eucJP-ms`, with the characters of NEC and IBM in it.

Python's `euc_jp` is the standard's, and has none of 髙, 﨑, 德, ① and ㈱. Names hold them, and so do the systems: PHP
calls the charset `eucJP-win`, Java `x-eucJP-Open`, Ruby `eucJP-ms` and glibc `EUC-JP-MS`. Importing this module makes
the codec `eucjp-ms` known to Python.

The codec writes `eucJP-ms`. It also reads CP51932, which Microsoft and browsers write: that has the same characters of
IBM in rows 89 to 92, where `eucJP-ms` has room for the users' own.
"""

from __future__ import annotations

import codecs
import re
from typing import Any

NAME = "eucjp-ms"
"""The codec's name, for `str.encode` and `bytes.decode`."""

_IBM = (
    "ⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ＇＂㈱№℡炻仼僴凬匇匤﨎咊坙﨏塚增寬峵嵓﨑德悅愠敎昻晥晴朗栁﨓﨔橫櫢淸淲瀨凞猪甁皂皞益礰礼神祥福竧靖精綠緖羽荢﨟薰蘒﨡蠇"
    "諸譿賴赶﨣﨤逸郞都鄕﨧﨨閒隆﨩霻靍靑飯飼館馞髙魲鶴黑"
)
"""IBM's characters that JIS X 0208, NEC's row 13 and JIS X 0212 lack: `8F F3 F3` to `8F F4 FE`, in their order."""

_PLACES = [(0xF3, cell) for cell in range(0xF3, 0xFF)] + [(0xF4, cell) for cell in range(0xA1, 0xFF)]
_SIGN = re.compile(rb"[\x00-\x7f]+|\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe][\xa1-\xfe]|[\xa1-\xfe][\xa1-\xfe]")
_NO_PLACE = frozenset("¥‾")
"""Python's `euc_jp` gives them the places of `\\` and `~`."""


def _of_jis(row: int, cell: int) -> str | None:
    """Return the character of a row and a cell of JIS X 0208 as Windows has it, its extensions included."""
    lead = (row - 1) // 2 + (0x81 if row < 63 else 0xC1)
    trail = cell + 0x9E if row % 2 == 0 else cell + 0x3F + (cell > 63)
    try:
        return bytes((lead, trail)).decode("cp932")
    except UnicodeDecodeError:
        return None


def _standard(sign: str) -> bytes | None:
    """Return a character's bytes in the standard's EUC-JP."""
    try:
        return None if sign in _NO_PLACE else sign.encode("euc_jp")
    except UnicodeEncodeError:
        return None


def _tables() -> tuple[dict[bytes, str], dict[str, bytes]]:
    read: dict[bytes, str] = {}
    written: dict[str, bytes] = {}
    for row in range(1, 95):
        for cell in range(1, 95):
            place = bytes((row + 0xA0, cell + 0xA0))
            sign = _of_jis(row, cell)
            try:
                # The standard's own character where it has one: Windows has ～ for its 〜.
                standard = place.decode("euc_jp")
            except UnicodeDecodeError:
                standard = sign or ""
            if not standard:
                continue
            read[place] = standard
            if row < 85:
                written.setdefault(standard, place)
                if sign is not None:
                    written.setdefault(sign, place)
    for sign, (row, cell) in zip(_IBM, _PLACES, strict=True):
        read[bytes((0x8F, row, cell))] = sign
        if _standard(sign) is None:
            written.setdefault(sign, bytes((0x8F, row, cell)))
    return read, written


_READ, _WRITTEN = _tables()


def _encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
    pieces: list[bytes] = []
    for place, sign in enumerate(text):
        known = _WRITTEN.get(sign) or _standard(sign)
        if known is None:
            if errors == "ignore":
                continue
            if errors != "replace":
                raise UnicodeEncodeError(NAME, text, place, place + 1, "the charset has no place for it")
            known = b"?"
        pieces.append(known)
    return b"".join(pieces), len(text)


def _decode(given: Any, errors: str = "strict") -> tuple[str, int]:  # noqa: ANN401  # whatever holds bytes
    data = bytes(given)
    pieces: list[str] = []
    place = 0
    while place < len(data):
        found = _SIGN.match(data, place)
        sign = None if found is None else _read(found[0])
        if found is None or sign is None:
            if errors not in ("ignore", "replace"):
                raise UnicodeDecodeError(NAME, data, place, place + 1, "the charset has no such character")
            pieces.append("\ufffd" if errors == "replace" else "")
            place += 1
            continue
        pieces.append(sign)
        place = found.end()
    return "".join(pieces), len(data)


def _read(sign: bytes) -> str | None:
    known = _READ.get(sign)
    if known is not None:
        return known
    try:
        return sign.decode("euc_jp")
    except UnicodeDecodeError:
        return None


def _found(name: str) -> codecs.CodecInfo | None:
    return codecs.CodecInfo(_encode, _decode, name=NAME) if name.replace("_", "-") == NAME else None


codecs.register(_found)
