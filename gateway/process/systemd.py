"""Reports the state of the gateway to the service manager (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket


def notify(state: str) -> None:
    """Tell the service manager (sd_notify(3)), where one listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(0)
        # A service manager that is away or busy is no reason to fail: the gateway does not wait for an answer, as in
        # sd_notify(3).
        with contextlib.suppress(OSError):
            manager.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            manager.sendall(state.encode())
