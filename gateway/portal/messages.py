"""The sentences of our own pages, by language and key: `messages/ja.toml` and `messages/en.toml`.

A key is `section.name`. Both files have the same keys with the same placeholders; a test
holds that. Sentences of an App's policy or settings are not here: see `language.said`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from gateway.portal.language import Language


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


def read_catalogue(package: str) -> Mapping[Language, Mapping[str, str]]:
    """Return the sentences that lie in `messages/` of a package, by language and key."""

    def read(language: Language) -> Mapping[str, str]:
        text = (files(package) / "messages" / f"{language}.toml").read_text(encoding="utf-8")
        return MappingProxyType(_flat(tomllib.loads(text)))

    return MappingProxyType({language: read(language) for language in Language})


CATALOGUE: Mapping[Language, Mapping[str, str]] = read_catalogue("gateway.portal")
"""All sentences of the portal. Read once, when the module is."""


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
