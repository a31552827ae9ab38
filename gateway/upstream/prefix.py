"""Maps paths between browser and application: strips a prefix, adds another, and maps answers back.

Policy has decided on the public path by then. The application's own paths, in `Location`, `Content-Location`, `Refresh`
and the `Path` of a cookie, are turned back into the public ones. Paths below the public prefix are public already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from gateway.route.inner_origins import InnerOrigins, parts_of_refresh
from gateway.route.route import Route
from gateway.settings.address import read_address

Headers = tuple[tuple[bytes, bytes], ...]

_COOKIE_PATH = re.compile(rb"(;[ \t]*path[ \t]*=[ \t]*)([^;]*)", re.IGNORECASE)


class PathRewrite:
    """The public prefix of an App that its application does not know, and the inner one we do not show."""

    __slots__ = ("_added", "_origins", "_stripped")

    def __init__(self, stripped: str, added: str, origins: Iterable[str] = ()) -> None:
        """Take both prefixes without a slash behind them, and the origins that mean this application."""
        self._stripped = stripped.encode()
        self._added = added.encode()
        self._origins = InnerOrigins(origins)

    def outbound(self, head: bytes) -> bytes:
        """Return a head whose request line has the inner path.

        The route has found the prefix in the canonical path. The target may spell it otherwise (`/%73trip`), so the
        prefix is counted in segments, of which both spellings have the same number.
        """
        method, target, rest = head.split(b" ", 2)
        return b"%b %b %b" % (method, self.inward(target), rest)

    def inward(self, target: bytes) -> bytes:
        """Return the inner path of a public target, in the same way."""
        return self._added + (_behind(target, self._stripped) if self._stripped else target)

    def answer(self, headers: Headers) -> Headers:
        """Return an answer's headers with public paths."""
        return tuple((name, self._field(name.lower(), value)) for name, value in headers)

    def _field(self, name: bytes, value: bytes) -> bytes:
        if name in (b"location", b"content-location"):
            return self._location(value)
        if name == b"refresh":
            before, url, behind = parts_of_refresh(value)
            return before + self._location(url) + behind
        if name == b"set-cookie":
            return _COOKIE_PATH.sub(lambda found: found[1] + self._public(found[2].strip()), value)
        return value

    def _location(self, url: bytes) -> bytes:
        end = self._origins.end(url)
        if end:
            return url[:end] + self._public(url[end:] or b"/")
        return self._public(url) if url.startswith(b"/") and not url.startswith(b"//") else url

    def _public(self, path: bytes) -> bytes:
        if not path.startswith(b"/"):
            return path
        if self._added:
            if not _is_under(path, self._added):
                return path
            path = path[len(self._added) :]
            if not path.startswith(b"/"):
                path = b"/" + path
        elif self._stripped and _is_under(path, self._stripped):
            # The application was told its public path, as many are (`root_url`, `baseurl`).
            return path
        return self._stripped + path if path != b"/" or not self._stripped else self._stripped + b"/"


def rewrite_of(route: Route) -> PathRewrite | None:
    """Return the mapping of the paths of a route's App; `None` if they are the same on both sides."""
    app = route.app
    stripped = route.prefix.rstrip("/") if app.upstream_options.strip_prefix else ""
    added = read_address(app.upstream[0]).prefix if app.upstream else ""
    if not stripped and not added:
        return None
    return PathRewrite(stripped, added, (route.origin, *route.inner_urls))


def _is_under(path: bytes, prefix: bytes) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/", b"?")


def _behind(target: bytes, prefix: bytes) -> bytes:
    """Return the part of a target behind the prefix, with the query: a path that begins with one slash."""
    path, mark, query = target.partition(b"?")
    depth = prefix.count(b"/")
    pieces = path.split(b"/", depth + 1)
    if unquote_to_bytes(b"/".join(pieces[: depth + 1])).lower() != prefix.lower():
        return target
    inner = pieces[depth + 1].lstrip(b"/") if len(pieces) > depth + 1 else b""
    return b"/" + inner + mark + query
