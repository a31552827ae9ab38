"""Reads a file that another program has written: the whole file, or nothing if it is too long.

A name may lead to a device that never ends. Without a bound it would take the memory of the machine.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB


def read_file(path: Path, most: int) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: it cannot be read, or has more than `most` bytes (`EFBIG`).

    """
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data
