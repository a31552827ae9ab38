"""The person who waits for an answer, and her language: programs get problem+json, and a person gets a page.

`navigation` asks whether a page of ours may be shown, and gives a client the benefit of the doubt. Here a client must
say that it wants HTML: `curl` and the scripts of an application do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gateway.language import COOKIE, Language, preferred

_CHOSEN = re.compile(rb"(?:\A|;)[ \t]*(?:__Host-)?" + COOKIE + rb"=([A-Za-z-]{2,16})(?=[ \t]*(?:;|\Z))")
_PAGES = frozenset({b"document", b"iframe", b"frame", b"fencedframe"})
"""Destinations of a navigation (Fetch section 2.2.5)."""
_HTML = re.compile(
    rb"(?:\A|,)[ \t]*(?:text/html|application/xhtml\+xml)[ \t]*(?=[;,]|\Z)(?![ \t]*;[ \t]*q=0(?:\.0*)?[ \t]*(?:,|\Z))"
)


def reader_of(headers: Iterable[tuple[bytes, bytes]]) -> Language | None:
    """Return the language of the person who navigates with these fields, or `None` for a program or a script."""
    sent: dict[bytes, bytes] = {}
    for name, value in headers:
        folded = name.lower()
        between = b"; " if folded == b"cookie" else b", "
        sent[folded] = sent[folded] + between + value if folded in sent else value
    if _HTML.search(sent.get(b"accept", b"").lower()) is None:
        return None
    if sent.get(b"sec-fetch-dest", b"document").strip().lower() not in _PAGES:
        return None
    if sent.get(b"sec-fetch-mode", b"navigate").strip().lower() != b"navigate":
        return None
    if b"sec-purpose" in sent or sent.get(b"x-requested-with", b"").strip().lower() == b"xmlhttprequest":
        return None
    return language_of(sent.get(b"cookie", b""), sent.get(b"accept-language", b""))


def accepted_languages(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the languages that a browser accepts: its fields in one line (RFC 9110 section 5.3)."""
    return b",".join(value for name, value in headers if name.lower() == b"accept-language")


def language_of(cookie: bytes, accept_language: bytes) -> Language:
    """Return the language that a person has chosen, or else the one that the browser prefers."""
    chosen = set(_CHOSEN.findall(cookie))
    known = [language for language in Language if {language.encode()} == chosen]
    return known[0] if known else preferred(accept_language.decode("latin-1"), tuple(Language))
