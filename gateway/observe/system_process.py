"""Reads what this process uses of the machine, from the kernel and from the garbage collector."""

from __future__ import annotations

import gc
import resource
import time
from pathlib import Path

from gateway.observe.worker_metrics import Usage

_SELF = Path("/proc/self")
_PAGE = resource.getpagesize()
_STARTED = time.time()


def usage() -> Usage:
    """Return it; memory and descriptors are 0 on a system that has no `/proc`."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Usage(
        cpu=used.ru_utime + used.ru_stime,
        memory=_resident(),
        descriptors=_descriptors(),
        most_descriptors=most,
        started=_STARTED,
        collections=tuple(each["collections"] for each in gc.get_stats()),
    )


def _resident() -> int:
    try:
        return int((_SELF / "statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def _descriptors() -> int:
    try:
        # The listing has a descriptor of its own.
        return sum(1 for _ in (_SELF / "fd").iterdir()) - 1
    except OSError:
        return 0
