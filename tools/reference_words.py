"""The sentences of the reference pages in a language: English from the code, Japanese from `reference.ja.toml`.

The catalogue has one line a sentence. It holds a digest of the English sentence that was translated, so a sentence
that has changed since is known, and its translation is looked at again.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CATALOGUE = Path(__file__).with_name("reference.ja.toml")


def digest(english: str) -> str:
    """Return the digest by which a changed sentence is known."""
    return hashlib.sha256(english.encode()).hexdigest()[:8]


@dataclass(slots=True)
class Words:
    """The sentences of one language, and which of them were asked for."""

    translated: Mapping[str, Mapping[str, Mapping[str, str]]] | None = None
    """Group, key, and the sentence (`ja`) with the digest of its English (`en`). None: the language is English."""
    missing: dict[str, str] = field(default_factory=dict)
    """Lines for the catalogue, by group and key, of sentences that it lacks or has for another English sentence."""
    used: set[tuple[str, str]] = field(default_factory=set)

    @property
    def japanese(self) -> bool:
        """Whether the pages are Japanese."""
        return self.translated is not None

    def say(self, english: str, japanese: str) -> str:
        """Return one of two fixed words of a page."""
        return japanese if self.japanese else english

    def of(self, group: str, key: str, english: str) -> str:
        """Return a sentence of the code in this language, or in English if it has no valid translation."""
        if self.translated is None or not english:
            return english
        self.used.add((group, key))
        entry = self.translated.get(group, {}).get(key)
        if entry is None or entry["en"] != digest(english):
            old = entry["ja"] if entry else ""
            self.missing[f"[{group}] {key}"] = f'{key} = {{ en = "{digest(english)}", ja = "{old}" }}  # {english}'
            return english
        return entry["ja"]

    def stale(self) -> list[str]:
        """Return the entries that no page has asked for."""
        entries = self.translated or {}
        return [f"[{group}] {key}" for group, keys in entries.items() for key in keys if (group, key) not in self.used]


def english() -> Words:
    """Return the words of the English pages."""
    return Words()


def japanese() -> Words:
    """Return the words of the Japanese pages."""
    return Words(tomllib.loads(CATALOGUE.read_text(encoding="utf-8")))
