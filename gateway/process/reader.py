"""Reads a configuration in a process of its own, with less claim to the processor than requests have.

The forker forks it for one task, which the process that asks for it (`read_beside`) sends on a line between the two.
"""

from __future__ import annotations

import os
import pickle
import socket
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gateway.process.configuration import Configuration, read_configuration, reread_policies
from gateway.process.packed import Packed, packing, unpacked_known, unpacking
from gateway.process.slices import at_once
from gateway.yaml.mistakes import Mistake, Mistakes

PATIENT = 10
"""The niceness of a reader: on a busy machine it gets a tenth of the time that a worker gets."""


class Task(NamedTuple):
    """The files that a reader shall read."""

    path: Path
    """The file of settings."""
    known: tuple[bytes, ...]
    """The policies that the asking process knows, as `packing_known` packs them."""
    adopted: Packed | None = None
    """The settings that are in force, if the policies alone shall be read, by these settings."""


class Outcome(NamedTuple):
    """The result of a task: a configuration, or the mistakes in its files."""

    packed: Packed | None
    mistakes: tuple[Mistake, ...] = ()
    fault: str = ""
    """The kind of the exception that ended the reading, if one did."""


def read(task: Task) -> Outcome:
    """Read what a task says, and pack the policies that the asking process does not have."""
    mistakes = Mistakes()
    known = unpacked_known(task.known)
    configuration: Configuration | None
    if task.adopted is None:
        configuration = read_configuration(task.path, mistakes, os.environ, known, remarking=False)
    else:
        settings = at_once(unpacking(task.adopted, None))
        configuration = reread_policies(settings, mistakes, known)
    if configuration is None or len(mistakes):
        return Outcome(None, tuple(mistakes))
    return Outcome(at_once(packing(configuration)))


def serve_one(line: socket.socket) -> None:
    """Carry out the one task that comes in on the line, and answer with its outcome."""
    # A service manager's filter of system calls may forbid it: then the reader reads with the workers' priority.
    with suppress(OSError):
        os.nice(PATIENT)
    with line.makefile("rb") as asked:
        task: Task = pickle.load(asked)  # noqa: S301 - it comes from the process that had us forked
    try:
        outcome = read(task)
    # The process that asked tells the operator; a traceback could quote what the files hold.
    except Exception as error:  # noqa: BLE001
        outcome = Outcome(None, (), type(error).__name__)
    line.sendall(pickle.dumps(outcome))
