"""Listening sockets: bound here, or inherited from the service manager."""

from __future__ import annotations

import errno
import os
import socket

from gateway.settings.check import split_address
from gateway.yaml.mistakes import Phrase

BACKLOG = 4_096
"""Connections that may wait to be accepted: a morning rush arrives in less than a second."""
_FIRST_INHERITED = 3
"""sd_listen_fds(3): where inherited sockets begin."""


_REMEDIES = {
    errno.EADDRINUSE: Phrase(
        "a gateway or another program listens there: `ss --listening --tcp --processes` names it; end it, or write "
        "another port",
        "そのポートは、ほかのプログラムか別の Sekisho が使用中です。`ss --listening --tcp --processes` で確かめ、"
        "止めるか別のポートを書いてください",
    ),
    errno.EACCES: Phrase(
        "ports below 1024 are root's: write a higher one, or let systemd listen (`sekisho.socket`)",
        "1024 未満のポートは root だけが使えます。大きい番号を書くか、`sekisho.socket` で systemd に待ち受けさせて"
        "ください",
    ),
    errno.EADDRNOTAVAIL: Phrase(
        "no interface of this machine has the address: `ip address` lists them",
        "このマシンにそのアドレスはありません。`ip address` で確かめてください",
    ),
    socket.EAI_NONAME: Phrase(
        "the name has no address: write one, such as `127.0.0.1:8080`",
        "名前からアドレスを引けません。`127.0.0.1:8080` のようにアドレスを書いてください",
    ),
}
_OTHERWISE = Phrase("write another address or port", "別のアドレスかポートを書いてください")


class CannotListenError(OSError):
    """An address that cannot be listened on."""

    def __init__(self, address: str, error: OSError) -> None:
        super().__init__(error.errno, f"cannot listen on `{address}`: {error.strerror}")
        self.what = Phrase(str(self.strerror), f"`{address}` で待ち受けできません（{error.strerror}）")
        self.remedy = _REMEDIES.get(error.errno or 0, _OTHERWISE)


def bind(address: str) -> socket.socket:
    """Return a socket that listens on `host:port`.

    Raises:
        CannotListenError: it cannot be bound; the message names the address.

    """
    parts = split_address(address)
    if parts is None:
        raise CannotListenError(address, OSError(errno.EINVAL, os.strerror(errno.EINVAL)))
    host, port = parts
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        resolved = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise CannotListenError(address, error) from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(resolved)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListenError(address, error) from error
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
