"""The sentences of our own pages, by language and key: one file a language in `messages/`, such as `messages/ja.toml`.

A key is `section.name`. All files have the same keys with the same placeholders; a test
holds that. The section `catalogue` is about the file itself: the language's own name, and whether a speaker of it has
read the file through. Sentences of an App's policy or settings are not here: see `language.said`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from gateway.portal.language import Language


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The sentences of one language."""

    name: str
    """The language's own name for itself, on the switch."""
    reviewed: bool
    """A speaker has read all of it. Another one is shown by no App that does not name it."""
    sentences: Mapping[str, str]


def _flat(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            found[prefix + key] = value
        else:
            raise TypeError(f"`{prefix}{key}` is no sentence")
    return found


def _read(package: str, language: Language) -> Catalogue:
    table = tomllib.loads((files(package) / "messages" / f"{language}.toml").read_text(encoding="utf-8"))
    about = table.pop("catalogue", {})
    return Catalogue(about.get("name", ""), about.get("reviewed") is True, MappingProxyType(_flat(table)))


def read_catalogue(package: str) -> Mapping[Language, Mapping[str, str]]:
    """Return the sentences that lie in `messages/` of a package, by language and key; in Japanese and English alone."""
    return MappingProxyType({language: _read(package, language).sentences for language in (Language.JA, Language.EN)})


CATALOGUES: Mapping[Language, Catalogue] = MappingProxyType(
    {language: _read("gateway.portal", language) for language in Language}
)
"""All sentences of the portal. Read once, when the module is."""

CATALOGUE: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {language: catalogue.sentences for language, catalogue in CATALOGUES.items()}
)

REVIEWED: tuple[Language, ...] = tuple(language for language, each in CATALOGUES.items() if each.reviewed)
"""The languages of an App that names none."""


def offered(listed: Sequence[Language]) -> tuple[Language, ...]:
    """Return the languages of an App's pages: those it lists, or all that are reviewed."""
    return tuple(listed) or REVIEWED


def message(language: Language, key: str, /, **values: object) -> str:
    """Return a sentence with its placeholders filled in. Escaping is the template's business.

    Raises:
        KeyError: there is no such sentence, or a placeholder's value is missing.

    """
    return filled(CATALOGUE[language][key], values)


def filled(sentence: str, values: Mapping[str, object]) -> str:
    """Return a sentence with its placeholders filled in.

    Raises:
        KeyError: a placeholder's value is missing.

    """
    return sentence.format_map(values) if values else sentence
