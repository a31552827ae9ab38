"""The field names of an outer proxy's question about a request, as one App must take them (`pipeline/forward_auth`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from gateway.request.field_names import Family
from gateway.request.spellings import Spellings


class NameFault(NamedTuple):
    """The reason why a field of this name may speak for itself at the application, where nobody can cut it."""

    alias: bool
    """Whether a server reads one of our headers in it, and the outer proxy does not."""
    family: Family | None
    """The family of names that no browser sends and that the application would believe."""
    repeats: bytes
    """The lower-case name if a proxy may repeat with it a value that the question has; empty if none may."""


@dataclass(frozen=True, slots=True)
class QuestionNames:
    """The names of one App's questions in one dialect."""

    ours: tuple[bytes, ...]
    """The names of all headers that the App can ever get from us."""
    faults: Spellings[NameFault | None]
