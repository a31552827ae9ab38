"""Reads who publishes a build: the maintainer of the packages, and the address for reports of vulnerabilities."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import NamedTuple

FILE = "publisher.toml"


class Publisher(NamedTuple):
    """The fields of the file. An empty one is not decided yet."""

    name: str = ""
    email: str = ""
    security: str = ""
    promised_on: str = ""

    @property
    def maintainer(self) -> str:
        """Return the maintainer, as Debian writes one."""
        return f"{self.name or 'Sekisho maintainers'} <{self.email or 'maintainers@sekisho.invalid'}>"

    @property
    def faults(self) -> list[str]:
        """The fields that stand in the way of a release."""
        return [
            f"{FILE}: `{name}` is {'empty' if not value else f'{value!r}'}: {remedy}"
            for name, (shape, remedy) in _SHAPES.items()
            if not shape.fullmatch(value := getattr(self, name)) or (name == "promised_on" and not _is_day(value))
        ]

    @property
    def notice(self) -> str:
        """Return the lines of the notes for people who found a vulnerability; empty before it is decided."""
        if not self.security:
            return ""
        return (
            f"\nPlease report a vulnerability privately to {self.security}. "
            f"The times of SECURITY.md are promised since {self.promised_on}.\n"
        )


_SHAPES = {
    "name": (re.compile(r"[^<>\n]*\w[^<>\n]*"), "the name of the publisher"),
    "email": (re.compile(r"[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+"), "a mail address that somebody reads"),
    "security": (
        re.compile(r"mailto:[^\s<>@]+@[^\s<>@]+\.[^\s<>@]+|https://[^\s/]+(/\S*)?"),
        "`mailto:…` or `https://…`, at which somebody reads reports that are not public",
    ),
    "promised_on": (
        re.compile(r"\d{4}-\d{2}-\d{2}"),
        "the day (YYYY-MM-DD) on which the publisher took on the times of SECURITY.md",
    ),
}


def read_publisher(text: str) -> Publisher:
    """Return what the file says.

    Raises:
        ValueError: it is no TOML, or has a field that is none of ours.

    """
    said = tomllib.loads(text)
    unknown = sorted(name for name, value in said.items() if name not in _SHAPES or not isinstance(value, str))
    if unknown:
        raise ValueError(f"{FILE}: `{unknown[0]}` is none of the texts {', '.join(f'`{name}`' for name in _SHAPES)}")
    return Publisher(**said)


def publisher_of(folder: Path) -> Publisher:
    """Return the publisher of a tree."""
    return read_publisher((folder / FILE).read_text("utf-8"))


def _is_day(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
