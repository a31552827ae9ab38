"""Reads folders of a trail in tests."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gateway.audit.chain import place_of, read_line
from gateway.audit.checkpoint import Checkpoint, Verifier, checkpoints_in
from gateway.audit.system_segments import lines_of, segments_in
from gateway.audit.verification import Report, compared, read_segment, wanted_of
from tests.audit.trails import NOON, verifier


class Copied:
    """Keeps what other places get."""

    def __init__(self) -> None:
        self.text = b""
        self.signatures: list[str] = []

    def lines(self, text: bytes) -> None:
        self.text += text

    def signature(self, signed: str) -> None:
        self.signatures.append(signed)

    def checkpoints(self) -> list[Checkpoint]:
        return [verifier().read(each) for each in self.signatures]


def said(folder: Path, writer: str = "") -> list[dict[str, Any]]:
    """Return the fields of all lines of the folder, or of one writer's."""
    paths = [path for path in segments_in(folder) if path.name.startswith(writer)]
    return [read_line(line).fields for path in paths for line in lines_of(path) if line.endswith(b"\n")]


def actions(folder: Path, writer: str = "") -> list[str]:
    return [fields["action"] for fields in said(folder, writer)]


def verified(
    folder: Path, checkpoints: Iterable[Checkpoint] = (), by: Verifier | None = None, now: float = NOON
) -> Report:
    wanted = wanted_of(checkpoints)
    found = []
    for path in segments_in(folder):
        place = place_of(path.name)
        assert place is not None
        found.append(read_segment(place, lines_of(path), by or verifier(), wanted.get(path.name)))
    return compared(found, wanted, now)


def mirrored(mirror: Path, by: Verifier) -> list[Checkpoint]:
    return [by.read(signed) for signed in checkpoints_in(mirror.read_text())]


def until(holds: Any, patience: float = 20.0) -> None:
    """Look again and again until something holds."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)  # noqa: TID251 - a thread is looked at from outside
