"""The gateway's own command, under a clock the harness can move.

The first argument is a file of eight bytes: how many seconds the wall clock is off. It is mapped into
every process, so the hands can be moved while the gateway runs; durations are measured by other clocks
and are not touched.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from pathlib import Path

_true_time = time.time


def install(path: Path) -> None:
    with path.open("r+b") as file:
        hands = mmap.mmap(file.fileno(), 8)
    unpack = struct.Struct("<d").unpack_from

    def moved() -> float:
        return _true_time() + float(unpack(hands)[0])

    time.time = moved


if __name__ == "__main__":
    install(Path(sys.argv.pop(1)))
    # The import is late on purpose: a module that imports `time` must find the moved one.
    from gateway.cli import main

    main()
