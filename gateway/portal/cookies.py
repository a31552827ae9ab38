"""The Set-Cookie lines of our pages (RFC 6265bis section 4.1), and the lines that expire an application's cookies.

Written by hand because one answer may have to expire one name at several paths, which the
standard library's cookie jar cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from gateway.wire.http1 import WHOLE_TOKEN

_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_PATH = re.compile(r"[!-:<-~]+")
DEEPEST = 8
"""Parts of a path for which a cookie of ours is ended: deeper ones are a developer's, on loopback, to clear by hand."""
_EXPIRED = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"


def set_cookie(
    name: str,
    value: str,
    *,
    secure: bool,
    max_age: int | None = None,
    same_site: Literal["None", "Lax", "Strict"] = "Lax",
) -> str:
    """Return the line that sets a cookie of ours; without `max_age` (seconds) it ends with the browser.

    `Lax`, not `Strict`, for what a sign-in needs: the provider's redirect back to us is a cross-site navigation.

    Raises:
        ValueError: the name or the value has a character that a cookie cannot carry.

    """
    if WHOLE_TOKEN.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
        raise ValueError(f"cookie `{name}` cannot carry its name or its value")
    line = f"{name}={value}; Path=/; HttpOnly; SameSite={same_site}"
    if max_age is not None:
        line += f"; Max-Age={max_age}"
    return f"{line}; Secure" if secure else line


def expire_cookie(name: str, *, secure: bool) -> str:
    """Return the line that ends a cookie of ours. A `__Host-` name is only heard with Secure and Path=/."""
    line = f"{name}=; Path=/; HttpOnly; SameSite=Lax; {_EXPIRED}"
    return f"{line}; Secure" if secure else line


def expire_other_forms(name: str, path: str, host: str, *, secure: bool) -> list[str]:
    """Return the lines that expire every cookie of this name that a browser sends to `path` and that we did not set.

    A script of the application can put one beside ours, which is HttpOnly and cannot be overwritten. Of a `__Host-`
    name a browser then has two (tried in Chromium 156): ours, and a partitioned one. Of a name without the prefix,
    over plain HTTP on loopback, it can have one more for each path above the page, with or without the host as Domain.
    """
    ending = f"; HttpOnly; SameSite=Lax; {_EXPIRED}"
    partitioned = f"{name}=; Path=/{ending}; Secure; Partitioned"
    if secure:
        return [partitioned]
    domain = f"; Domain={host}"
    paths = _paths_above(path)
    return [
        partitioned,
        f"{name}=; Path=/{domain}{ending}",
        *(f"{name}=; Path={each}{attribute}{ending}" for each in paths for attribute in ("", domain)),
    ]


def _paths_above(path: str) -> list[str]:
    """Return the paths but `/` of which a cookie is sent to this path (RFC 6265 section 5.1.4), the shortest first."""
    steps = path.split("/")[1 : DEEPEST + 1]
    above = ["/" + "/".join(steps[: number + 1]) for number in range(len(steps)) if steps[number]]
    return [form for each in above if _PATH.fullmatch(each) for form in (each, f"{each}/")]


def clear_site_data(kinds: Iterable[Literal["cache", "storage"]]) -> str | None:
    """Return the data of this origin that a browser must forget (W3C Clear Site Data), or `None` if there is none.

    Never `"cookies"` nor `"*"`: they would end the cookies of every application of the whole site.
    """
    return ", ".join(f'"{kind}"' for kind in sorted(set(kinds))) or None


def expire_application_cookies(names: tuple[str, ...], prefix: str, *, secure: bool) -> list[str]:
    """Return the lines that end an App's own cookies where it is known to set them.

    A browser only ends a cookie of the same path: the root, where most frameworks set theirs, and the
    path the App lives under, with and without its slash. One set for a parent domain is beyond us.
    """
    paths = ["/"] if prefix == "/" else ["/", prefix, f"{prefix}/"]
    ending = f"; {_EXPIRED}; Secure" if secure else f"; {_EXPIRED}"
    return [f"{name}=; Path={path}{ending}" for name in names if WHOLE_TOKEN.fullmatch(name) for path in paths]
