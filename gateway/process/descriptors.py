"""The process's descriptors: how many it may have, and the standard ones, which must be open."""

from __future__ import annotations

import os
import resource

from gateway.observe.lines import LineKind
from gateway.observe.thread_lines import STANDARD_ERROR, LineWriter
from gateway.plain_text import printable


def occupy_standard_descriptors() -> None:
    """Lead standard input, output and error to nowhere if our parent has closed them.

    Otherwise the next socket would be descriptor 2, and a log line would go to its other end.
    """
    for number in (0, 1, STANDARD_ERROR):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, which is this one.
            os.open(os.devnull, os.O_RDWR)


def say(lines: LineWriter, words: str) -> None:
    """Say on standard error why the gateway does not start."""
    said = [printable(line) for line in words.split("\n")]
    lines.put("".join(f"{line}\n" for line in said).encode(), len(said), LineKind.EVENT)


def raise_file_limit() -> None:
    """Take as many descriptors as the system allows: a connection costs two, and shells hand out 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
