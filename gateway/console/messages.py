"""The sentences of the console, by language and key, in `messages/ja.toml` and `messages/en.toml` as in the portal."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.portal.language import Language
from gateway.portal.messages import filled, read_catalogue

CATALOGUE: Mapping[Language, Mapping[str, str]] = read_catalogue("gateway.console")
"""All sentences. Read once, when the module is."""


def message(language: Language, key: str, /, **values: object) -> str:
    """Return a sentence with its placeholders filled in. Escaping is the template's business.

    Raises:
        KeyError: there is no such sentence, or a placeholder's value is missing.

    """
    return filled(CATALOGUE[language][key], values)
