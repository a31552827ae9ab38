"""The tables of `docs/threat-model.md`, as values."""

from __future__ import annotations

from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "threat-model.md").read_text(encoding="utf-8")

COLUMNS = ("proxy mode", "nginx", "Traefik", "Caddy", "Envoy", "HAProxy")
CELLS = frozenset({"held", "not held", "not ours"})


def guarantees() -> list[list[str]]:
    """Return the rows of the table of guarantees: what is promised, and what holds it."""
    return _rows("## Guarantees", "## The same behind another proxy")


def table() -> dict[str, list[str]]:
    """Return what is said of each row in proxy mode and behind each outer proxy, in the order of `COLUMNS`."""
    return {row[0]: row[1:] for row in _rows("## The same behind another proxy", "## Promises to operators")}


def _rows(begin: str, end: str) -> list[list[str]]:
    section = PAGE.partition(begin)[2].partition(end)[0]
    lines = [line for line in section.splitlines() if line[:2] == "| "][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
