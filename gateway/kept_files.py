"""Keeps the content of files of certificates and keys, as they were when the configuration was adopted.

OpenSSL reads such files by their names alone. A worker that is started later must not read what nobody adopted, so its
names lead to the kept content until it has started.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

_kept: dict[Path, Path] = {}


@contextmanager
def in_memory(content: bytes) -> Iterator[Path]:
    """Yield a path by which this process reads the content, which stands in no file system."""
    place = os.memfd_create("sekisho-kept", os.MFD_CLOEXEC)
    try:
        with open(place, "wb", closefd=False) as memory:
            memory.write(content)
        yield Path(f"/proc/self/fd/{place}")
    finally:
        os.close(place)


@contextmanager
def keeping(files: Mapping[Path, bytes]) -> Iterator[None]:
    """Have `kept` lead to this content for as long as the block lasts."""
    with ExitStack() as places:
        _kept.update({path: places.enter_context(in_memory(content)) for path, content in files.items()})
        try:
            yield
        finally:
            _kept.clear()


def kept(path: Path) -> Path:
    """Return the path of a file's kept content; the file's own path where nothing is kept."""
    return _kept.get(path, path)
