"""The origin of a URL, and whether its host is this machine: one answer for every caller.

Plain HTTP and a stand-in for the provider are for this machine alone.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

DEFAULT_PORTS = {"https": 443, "http": 80}


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own (RFC 6761 section 6.3 for `localhost` names)."""
    name = host.lower().rstrip(".").removeprefix("[").removesuffix("]")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


_DIFFERENT = frozenset("ßς\u200c\u200d")
"""Letters that IDNA of 2003, Python's, and browsers (UTS #46) write in different ways: such a name is left as it is."""


def ascii_name(host: str) -> str:
    """Return a host name as browsers and resolvers send it (RFC 5890): `xn--…` where it has other letters.

    A name that cannot be written so is returned as it is.
    """
    if host.isascii() or _DIFFERENT.intersection(host):
        return host
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host


def ascii_url(url: str) -> str:
    """Return a URL with its host as `ascii_name` has it; one that cannot be read is returned as it is."""
    if url.isascii():
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    host, colon, port = parts.netloc.partition(":")
    return parts._replace(netloc=f"{ascii_name(host)}{colon}{port}").geturl()


def host_of(url: str) -> str:
    """Return the host of a URL in lower case and without a final dot; empty where it has none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def authority_of(url: str) -> str:
    """Return host and port of a public URL as browsers write them in `Host`: lower case, no final dot, no default port.

    Raises:
        ValueError: the URL's port is no port, or its host is no host.

    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in {None, DEFAULT_PORTS.get(parts.scheme)} else f"{host}:{parts.port}"


def origin_of(url: str) -> str:
    """Return the origin of a public URL as browsers write it (RFC 6454 section 6.2): no default port, no path.

    Raises:
        ValueError: as `authority_of`.

    """
    return f"{urlsplit(url).scheme}://{authority_of(url)}"
