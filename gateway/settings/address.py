"""The address of an application: host and port, or a Unix socket, and a path before all others."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec


class Address(msgspec.Struct, frozen=True):
    """The address of an upstream: `host` and `port`, or the path of a Unix socket in `unix`."""

    host: str
    port: int
    tls: bool = False
    unix: str = ""
    prefix: str = ""
    """Put before each path, without a slash behind it; empty for none."""

    def __str__(self) -> str:
        if self.unix:
            return f"unix:{self.unix}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def read_address(url: str) -> Address:
    """Read an upstream's URL: `http://host:port`, `https://host`, `unix:/path`.

    Raises:
        ValueError: it is none of these, or has a query, a fragment or credentials.

    """
    if url.startswith("unix:"):
        path = url.removeprefix("unix:")
        if not path.startswith("/"):
            raise ValueError(f"`{url}` is no upstream: a Unix socket is named as `unix:/path`")
        return Address("localhost", 0, unix=path)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"`{url}` is no upstream: `http://host:port`, `https://host:port` or `unix:/path` is")
    if parts.query or parts.fragment or parts.username is not None or parts.password is not None:
        raise ValueError(f"`{url}` is no upstream: it must have no credentials, query or fragment")
    tls = parts.scheme == "https"
    return Address(parts.hostname, parts.port or (443 if tls else 80), tls, prefix=parts.path.rstrip("/"))
