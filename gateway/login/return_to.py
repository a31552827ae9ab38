r"""The page on which a person lands after signing in or out: a target on the App's own origin, rebuilt from its parts.

A browser reads a `Location` by the WHATWG URL standard, which drops tabs and line ends, takes `\\` for `/`, resolves
dot segments and treats `//` as the start of a host. So the function echoes no input: it splits the text, checks the
characters of each part, and writes the result anew. The door's own canonicaliser reads the result, as it will when the
browser comes there. The function refuses a text that is not clearly a target of ours, and never shortens or repairs it.
The caller falls back to `/`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from functools import lru_cache
from urllib.parse import quote

from gateway.request.target import DEFAULT_PATHS, Target, canonical
from gateway.settings.settings import PathSettings, TrafficSettings

LONGEST_RETURN = TrafficSettings().request_line
"""Bytes of a rebuilt target, unless the listener takes others. A longer one is refused, not cut: half a target is
another target."""

END_OF_TAB = "signed-in"
"""A page of the portal that may be returned to: it changes nothing, and sends a person back to another tab."""

FORM = "form"
"""The page of a form that waits, the other one that may be returned to: it shows the form to its person, and sends
nothing."""

SIGN = "sign"
"""The page of a document that a person is to sign. It may be returned to as well: a GET of it changes nothing."""

_PATH_KEEPS = "/%:@!$&'()*+,;=-._~[]|^"
_QUERY_KEEPS = "/%:@!$&()*+,;=-._~?[]|{}^`"
_FOREIGN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Controls, invisible format characters, lone surrogates, and what ends a line."""
_JOINERS = "\u200c\u200d"
"""Format characters of ordinary text: Persian words and families of emoji are written with them."""


def rebuild(
    raw: str, *, origin: str, prefix: str, paths: PathSettings = DEFAULT_PATHS, longest: int = LONGEST_RETURN
) -> str | None:
    """Return path and query to go to, in ASCII, or None where `raw` is not plainly a target of `origin`.

    `raw` is a target (`/a?b`) or an absolute URL of `origin` (`https://host[:port]`), percent-decoded once if
    it came in a query. `prefix` is the portal's: its pages are never a place to return to, or a link could sign a
    person out, or send a callback twice. A fragment is dropped; `fragment_of` has it.
    `paths` are the spellings that the App's host admits. Parameters and empty segments inside a path are always kept:
    they lead to no other origin, and the listener judges them itself.
    """
    if not raw or len(raw) > longest or _has_foreign(raw):
        return None
    if raw.startswith(origin) and raw[len(origin) : len(origin) + 1] in {"", "/", "?", "#"}:
        raw = raw[len(origin) :]
        raw = raw if raw.startswith("/") else "/" + raw
    spelled, _, _ = raw.partition("#")
    path, has_query, query = spelled.partition("?")
    # A browser sends a backslash in a query as it is, and takes one in a path for a slash.
    if not path.startswith("/") or path.startswith("//") or "\\" in path:
        return None
    rebuilt = quote(path, safe=_PATH_KEEPS)
    if has_query:
        rebuilt += "?" + quote(query, safe=_QUERY_KEEPS)
    if len(rebuilt) > longest:
        return None
    plain = rebuilt if paths.merge_slashes else _without_empty_segments(rebuilt)
    if plain is None:
        return None
    target = canonical(plain.encode("ascii"), _keeping_parameters(paths))
    if not isinstance(target, Target):
        return None
    if _is_ours(target.path, prefix) and target.path not in {prefix + END_OF_TAB, prefix + FORM, prefix + SIGN}:
        return None
    return target.raw.decode("ascii") if plain == rebuilt else rebuilt


@lru_cache(maxsize=64)
def _keeping_parameters(paths: PathSettings) -> PathSettings:
    """Return the spellings with parameters kept. There are few in one gateway, and each rebuilt target needs one."""
    return replace(paths, parameters="keep")


def fragment_of(raw: str) -> str:
    """Return the fragment of a text that leads somewhere, with its `#`; nothing where there is none, or an odd one.

    An application that knows the whole address may say it. No browser sends one by itself.
    """
    _, mark, fragment = raw.partition("#")
    if not mark or _has_foreign(fragment):
        return ""
    return mark + quote(fragment, safe=_QUERY_KEEPS)


def _has_foreign(text: str) -> bool:
    # Printable ASCII, which most targets are, has none.
    return not (text.isascii() and text.isprintable()) and any(
        unicodedata.category(character) in _FOREIGN_CATEGORIES and character not in _JOINERS for character in text
    )


def _without_empty_segments(target: str) -> str | None:
    """Return a target with checked parts, or None if an empty segment stands beside a dot segment.

    A browser takes `..` for the way back out of the empty one, and a server may not.
    """
    path, mark, query = target.partition("?")
    if "//" not in path:
        return target
    if any(segment.lower().replace("%2e", ".") in {".", ".."} for segment in path.split("/")):
        return None
    return re.sub("/{2,}", "/", path) + mark + query


def _is_ours(path: str, prefix: str) -> bool:
    """Whether a canonical path is one of the portal's own, in any spelling an application or we might take for it."""
    segments = [segment.partition(";")[0].casefold() for segment in path.split("/") if segment]
    own = [segment.casefold() for segment in prefix.split("/") if segment]
    return bool(own) and segments[: len(own)] == own
