"""The address to which a browser goes: the WHATWG URL standard, as far as `Location`, `href` and `action` need it.

Servers read RFC 3986, browsers this. The difference is where open redirects live.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_DOT = {".", "%2e"}
_DOT_DOT = {"..", ".%2e", "%2e.", "%2e%2e"}


@dataclass(frozen=True)
class Url:
    """A parsed URL; `host` is empty where the scheme has none."""

    scheme: str
    host: str
    port: str
    path: str
    query: str | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port; `null` for schemes without an origin."""
        if self.scheme not in _DEFAULT_PORTS:
            return "null"
        return f"{self.scheme}://{self.host}" + (f":{self.port}" if self.port else "")

    @property
    def target(self) -> str:
        """Path and query."""
        return self.path if self.query is None else f"{self.path}?{self.query}"

    @property
    def is_script(self) -> bool:
        """Whether following it runs something here instead of going somewhere."""
        return self.scheme in ("javascript", "data", "vbscript", "blob", "view-source")


def parse(text: str, base: Url | None = None) -> Url | None:
    """Return what a browser makes of `text` on a page at `base`; `None` where it goes nowhere."""
    text = text.strip("".join(map(chr, range(0x21))))
    text = re.sub(r"[\t\n\r]", "", text)
    text = text.partition("#")[0]
    scheme = _SCHEME.match(text)
    if scheme is not None:
        name = scheme[1].lower()
        rest = text[scheme.end() :]
        if name not in _DEFAULT_PORTS:
            return Url(name, "", "", rest)
        rest = _slashes(rest)
        # "special relative or authority state": with the page's own scheme, only `//` begins a host.
        if base is not None and name == base.scheme and not rest.startswith("//"):
            return _relative(rest, base)
        return _absolute(name, rest.lstrip("/"))
    if base is None:
        return None
    text = _slashes(text)
    if text.startswith("//"):
        return _absolute(base.scheme, text.lstrip("/"))
    return _relative(text, base)


def _slashes(text: str) -> str:
    path, mark, query = text.partition("?")
    return path.replace("\\", "/") + mark + query


def _absolute(scheme: str, rest: str) -> Url | None:
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    after = rest[len(authority) :]
    host_port = authority.rpartition("@")[2]
    host, _, port = host_port.partition(":") if not host_port.startswith("[") else (host_port, "", "")
    if not host:
        return None
    host = re.sub(r"%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), host).lower()
    if re.search(r"[\x00-\x20#/<>?@\\^|%]", host):
        return None
    path, mark, query = after.partition("?")
    return Url(
        scheme,
        host.rstrip("."),
        "" if port == _DEFAULT_PORTS[scheme] else port,
        _dots(path or "/"),
        query if mark else None,
    )


def _relative(text: str, base: Url) -> Url:
    path, mark, query = text.partition("?")
    if not path:
        return Url(base.scheme, base.host, base.port, base.path, query if mark else base.query)
    if not path.startswith("/"):
        path = base.path.rpartition("/")[0] + "/" + path
    return Url(base.scheme, base.host, base.port, _dots(path), query if mark else None)


def _dots(path: str) -> str:
    kept: list[str] = []
    segments = path.split("/")[1:]
    for position, segment in enumerate(segments):
        last = position == len(segments) - 1
        if segment.lower() in _DOT_DOT:
            if kept:
                kept.pop()
            if last:
                kept.append("")
        elif segment.lower() in _DOT:
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return "/" + "/".join(kept)
