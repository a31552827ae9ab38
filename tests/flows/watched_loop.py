"""Runs `sekisho` and watches its event loop: the watch writes down every wait for a disk or a name server.

`WATCH_FLAG` names a file that begins the watch by being there, `WATCH_LOG` the file to write to. CPython
tells of each open, import, look-up and folder that is read, by audit events (PEP 578).
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from types import FrameType

WAITS = frozenset(
    {"open", "import", "os.listdir", "os.scandir", "os.rename", "os.remove", "os.mkdir", "subprocess.Popen"}
    | {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo", "shutil.copyfile"}
)

_flag, _log = os.environ["WATCH_FLAG"], os.open(os.environ["WATCH_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _watch(name: str, args: tuple[object, ...]) -> None:
    if name not in WAITS or threading.current_thread() is not threading.main_thread():
        return
    # A module that is loaded already is only looked up.
    if name == "import" and args[0] in sys.modules:
        return
    # The kernel answers for `/proc/self` from its own memory.
    if str(args[0]).startswith("/proc/self/"):
        return
    if asyncio._get_running_loop() is None or not os.path.exists(_flag):  # noqa: PTH110
        return
    frame: FrameType | None = sys._getframe(1)
    places: list[str] = []
    while frame is not None and len(places) < 12:
        places.append(f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}:{frame.f_code.co_name}")
        frame = frame.f_back
    os.write(_log, f"{name} {args[0]!r} by {' < '.join(places)}\n".encode())


if __name__ == "__main__":
    sys.addaudithook(_watch)
    from gateway.cli import main

    main()
