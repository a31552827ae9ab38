"""A request that asks to be taken for one of another method: by a field, or by a parameter of its query.

Frameworks take `POST` with `X-HTTP-Method-Override: DELETE`, or `POST /x?_method=DELETE`, for `DELETE /x`. Field names
are in `field_names`. A `_method` in a body cannot be seen: bodies are never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import unquote_to_bytes

_PARAMETERS = re.compile(
    r"__?method|_?method_?override|_override|[_$]?http_?method|http_?method_?override|x_http_method(?:_override)?"
    r"|x_method_override|x_http_verb(?:_override)?|x_tunnel(?:ed|led)?_method",
)
"""Names of parameters by which Symfony, Laravel, Express, WordPress, ASP.NET and others are asked, as `_parameter` says
them."""

_MAYBE = re.compile(rb"method|override|verb|%", re.IGNORECASE)
_CUT_OFF = re.compile(r"[\[\]\0:]")
_ODD = re.compile(r"[^a-z0-9$]+")


@lru_cache(maxsize=1_024)
def query_overrides(query: bytes) -> tuple[bytes, ...]:
    """Return the value of each parameter of a query that a framework may take for the method."""
    if _MAYBE.search(query) is None:
        return ()
    found: list[bytes] = []
    for part in re.split(rb"[&;]", query):
        name, _, value = part.partition(b"=")
        if _PARAMETERS.fullmatch(_parameter(name)):
            found.append(unquote_to_bytes(value.replace(b"+", b" ")))
    return tuple(found)


def _parameter(raw: bytes) -> str:
    """Return a parameter's name as a careless application may read it."""
    text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("latin-1").lower()
    return _ODD.sub("_", _CUT_OFF.split(text.lstrip("[]"), maxsplit=1)[0].strip())


def the_method(values: Iterable[bytes], methods: Mapping[bytes, str]) -> str | None:
    """Return the method that overrides name; `None` where it is not of these, or there is more than one."""
    listed = tuple(values)
    if len(listed) != 1:
        return None
    # Frameworks write it in capitals themselves.
    return methods.get(listed[0].strip(b" \t").upper())
