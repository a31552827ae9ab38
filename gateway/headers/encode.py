"""Facts as header lines: their names, charsets and encodings.

Facts about places and names are text and are encoded as the App wants them; all others (subject,
birthdate, gender, codes, age, moments, `yes` and `no`) are visible ASCII and go as they are. The gateway leaves out a
value that it cannot send faithfully, and counts that. An application must read an absent header as unknown.
docs/contract.md is this page for application owners.
"""

from __future__ import annotations

import codecs
import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from gateway.policy.verdict import ActingFact, Fact, Permit
from gateway.settings.settings import HeaderSettings
from gateway.wire.eucjp_ms import NAME as EUCJP_MS

ASSERTION = "assertion"
"""The assertion's key in `names`."""

_PREFIX = "X-Verified-"
_TEXT = frozenset(
    {Fact.NAME, Fact.ADDRESS, Fact.PREFECTURE, Fact.MUNICIPALITY, Fact.TOWN, Fact.TOWN_CANONICAL, ActingFact.FOR}
)
_VISIBLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_UNSAYABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""The characters of Unicode's categories Cc, Zl, Zp and Cs, to which no version of Unicode adds any."""
_RESERVED = re.compile(rb"[^A-Za-z0-9_.~-]+")
"""The bytes that are not as they are in a URL (RFC 3986 section 2.3)."""

GETA = "〓"
"""Stands for a character that the App's charset has no place for, as printers' type did; in both Japanese charsets."""

_VARIATION_SELECTORS = dict.fromkeys((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
_PAIRS = ((0x301C, 0xFF5E), (0x2016, 0x2225), (0x2212, 0xFF0D), (0x00A2, 0xFFE0), (0x00A3, 0xFFE1), (0x00AC, 0xFFE2))
"""One character of JIS X 0208, two in Unicode: `cp932` has the second, `euc-jp` the first. Addresses hold some."""

_ALIKE = {
    "cp932": {**dict(_PAIRS), 0x2014: 0x2015},
    "euc-jp": {**{second: first for first, second in _PAIRS}, 0x2014: 0x2015},
}


_CODECS = {"cp932": "cp932", "euc-jp": EUCJP_MS}

for _charset in _CODECS.values():
    # Python reads a charset's module when it is first asked for: now, and not while a person waits.
    codecs.lookup(_charset)


class EncodingLosses(NamedTuple):
    """Counts of what header lines could not carry."""

    replaced: int = 0
    """Characters that the App's charset lacks: `〓` replaces them, or a variant was lost."""
    left_out: int = 0
    """Facts left out: control characters in them, too long, or not what their kind of fact looks like."""


NO_LOSSES = EncodingLosses()


class IdentityLines(NamedTuple):
    """Whole header lines, and counts of what they could not carry."""

    lines: bytes
    losses: EncodingLosses = NO_LOSSES


def identity_lines(permit: Permit, settings: HeaderSettings) -> IdentityLines:
    """Return a line for each fact that the permit tells; an unknown fact has none."""
    lines = bytearray()
    replaced = left_out = 0
    for name, text in permit.disclosed:
        value, lost = _value(name, text, settings)
        replaced += lost
        if value is None:
            left_out += 1
            continue
        lines += header_name(name, settings) + b": " + value + b"\r\n"
    return IdentityLines(bytes(lines), EncodingLosses(replaced, left_out))


def signature_lines(facts: Iterable[tuple[str, str]], settings: HeaderSettings) -> bytes:
    """Return the lines that tell the application about a signed form: the signature's id and its short facts."""
    lines = bytearray()
    for name, text in facts:
        value, _ = _value(name, text, settings)
        if value is not None:
            lines += header_name(name, settings) + b": " + value + b"\r\n"
    return bytes(lines)


def encoded_text(text: str, settings: HeaderSettings) -> bytes | None:
    """Return a text in an App's encoding; `None` if the App's charset lacks a character of it, or it cannot be sent."""
    value, lost = _value(ActingFact.FOR, text, settings)
    return None if lost else value


def assertion_line(token: bytes, settings: HeaderSettings) -> bytes:
    """Return the line that carries the signed assertion."""
    return header_name(ASSERTION, settings) + b": " + token + b"\r\n"


def header_name(name: str, settings: HeaderSettings) -> bytes:
    """Return the header name of a fact, a condition or `assertion`."""
    configured = settings.names.get(name)
    return _default_name(name) if configured is None else configured.encode("ascii")


def every_header(conditions: Iterable[str], settings: HeaderSettings) -> tuple[bytes, ...]:
    """Return the names of all headers an App can ever get: facts, the given conditions, the assertion.

    A forward-auth answer carries them all, empty where unknown, so that the outer proxy overwrites the client's.
    """
    names = (*(fact.value for fact in Fact), *conditions, ASSERTION)
    return tuple(dict.fromkeys(header_name(name, settings) for name in names))


@lru_cache(maxsize=1_024)
def _default_name(name: str) -> bytes:
    return (_PREFIX + "-".join(part[:1].upper() + part[1:] for part in re.split("[_-]", name))).encode("ascii")


def sayable(name: str, text: str) -> bool:
    """Say whether a fact can be sent: as text without control characters, or as visible ASCII.

    A decoded value goes into pages, logs and mail headers of an application that never expected a control
    character in a name. Encoded, it would pass every check on the way and arrive there whole.
    """
    if name in _TEXT:
        return bool(text) and _UNSAYABLE.search(text) is None
    return _VISIBLE.fullmatch(text) is not None


def _value(name: str, text: str, settings: HeaderSettings) -> tuple[bytes | None, int]:
    """Return a fact's value as sent, or `None` if it must be left out, and the number of lost characters."""
    if not sayable(name, text):
        return None, 0
    if name not in _TEXT:
        basic = name == Fact.BIRTHDATE and settings.birthdate == "basic"
        encoded, lost = (text.replace("-", "") if basic else text).encode("ascii"), 0
    elif settings.charset == "utf-8" and settings.encoding == "percent":
        # As nearly every App has it. Each byte of a character that is not ASCII is reserved.
        encoded, lost = _RESERVED.sub(_quoted, text.encode()), 0
    else:
        signs, lost = _in_charset(text, settings.charset)
        encoded = b"".join(signs)
        if settings.encoding == "percent":
            encoded = b"".join(map(_percent, signs))
        elif settings.encoding == "base64":
            encoded = b64encode(encoded)
        else:
            # RFC 9110 section 5.5: spaces around a value are no part of it.
            encoded = encoded.strip(b" ")
    if not encoded or len(encoded) > settings.longest:
        return None, 0
    return encoded, lost


def _quoted(bytes_: re.Match[bytes]) -> bytes:
    return b"%" + bytes_[0].hex("%").upper().encode("ascii")


@lru_cache(maxsize=8_192)
def _percent(sign: bytes) -> bytes:
    """Return one character's bytes percent-encoded, all of them or none.

    The second byte of a character in `cp932` can be that of a letter. Left as it is, as RFC 3986 would have it, it
    is a letter of its own to Java's URLDecoder, and both halves are lost.
    """
    if len(sign) == 1:
        return quote_from_bytes(sign, safe="").encode("ascii")
    return b"".join(b"%%%02X" % byte for byte in sign)


def _in_charset(text: str, charset: str) -> tuple[list[bytes], int]:
    """Return each character's bytes in a charset, and how many characters were lost."""
    if charset == "utf-8":
        return [sign.encode() for sign in text], 0
    plain = text.translate(_VARIATION_SELECTORS)
    lost = len(text) - len(plain)
    pieces: list[bytes] = []
    for sign in plain.translate(_ALIKE[charset]):
        try:
            pieces.append(sign.encode(_CODECS[charset]))
        except UnicodeEncodeError:
            pieces.append(GETA.encode(_CODECS[charset]))
            lost += 1
    return pieces, lost
