"""Listening sockets: bound here, or inherited from the service manager."""

from __future__ import annotations

import os
import socket

from gateway.settings.check import split_address

BACKLOG = 4_096
"""Connections that may wait to be accepted: a morning rush arrives in less than a second."""
_FIRST_INHERITED = 3
"""sd_listen_fds(3): where inherited sockets begin."""


# --- sockets -------------------------------------------------------------------------


def bind(address: str) -> socket.socket:
    """Return a socket that listens on `host:port`.

    Raises:
        OSError: it cannot be bound; the message names the address.

    """
    parts = split_address(address)
    if parts is None:
        raise OSError(0, f"`{address}` is no address")
    host, port = parts
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        resolved = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on `{address}`: {error.strerror}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(resolved)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on `{address}`: {error.strerror}") from error
    listener.settimeout(0)
    return listener


def inherited_sockets() -> dict[str, socket.socket]:
    """Return the listening sockets the service manager hands over, by name (sd_listen_fds(3)).

    They outlive us: while the program is replaced, connections wait in them and none is lost.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    names = os.environ.get("LISTEN_FDNAMES", "listen:management").split(":")
    sockets: dict[str, socket.socket] = {}
    for number in range(int(os.environ.get("LISTEN_FDS", "0"))):
        handed = socket.socket(fileno=_FIRST_INHERITED + number)
        handed.settimeout(0)
        sockets[names[number] if number < len(names) else f"unnamed-{number}"] = handed
    return sockets
