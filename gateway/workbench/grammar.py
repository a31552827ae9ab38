"""The keys and words of a policy file, for completion and hover in the workbench's editor: made of the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gateway.policy.reading.schema import policy_schema
from gateway.yaml.mistakes import Language

NAMED = "*"
"""Stands for a name that the author chooses."""

NAMES_OF = {
    "rules.require": "conditions",
    "rules.when": "conditions",
    "rules.disclose": "conditions",
    "conditions.*.any": "conditions",
    "conditions.*.all": "conditions",
    "conditions.*.not": "conditions",
    "examples.switch": "switches",
    "conditions.*.switch": "switches",
}
"""Keys whose values are names from the draft itself."""


class Key(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key, or one word that may be a value."""

    name: str
    about: str = ""
    values: tuple[str, ...] = ()
    """The words that may stand behind the key."""
    names: str = ""
    """The names from the draft that may: `conditions` or `switches`."""


def grammar(language: Language) -> Mapping[str, tuple[Key, ...]]:
    """Return the keys at each place, by the keys that lead there: `rules.limit`, `conditions.*.age`."""
    found: dict[str, tuple[Key, ...]] = {}
    _gather(policy_schema(), "", language, found)
    return found


def _gather(schema: Mapping[str, Any], path: str, language: Language, found: dict[str, tuple[Key, ...]]) -> None:
    for table in _tables(schema):
        if "properties" in table:
            keys = []
            for name, inner in table["properties"].items():
                below = f"{path}.{name}" if path else name
                keys.append(
                    Key(
                        name,
                        _about(inner.get("description", ""), language),
                        tuple(dict.fromkeys(_values(inner))),
                        NAMES_OF.get(below, ""),
                    )
                )
                _gather(inner, below, language, found)
            found[path] = (*found.get(path, ()), *keys)
        named = table.get("additionalProperties")
        if isinstance(named, dict):
            _gather(named, f"{path}.{NAMED}", language, found)


def _tables(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the tables that may stand at a place, alone or in a list."""
    if schema.get("type") == "object":
        yield schema
    for inner in (*schema.get("anyOf", ()), *((schema["items"],) if "items" in schema else ())):
        yield from _tables(inner)


def _values(schema: Mapping[str, Any]) -> Iterator[str]:
    """Give the words that the schema lists for a value."""
    yield from map(str, schema.get("enum", ()))
    if "const" in schema:
        yield str(schema["const"])
    if schema.get("type") == "boolean":
        yield from ("true", "false")
    for inner in (*schema.get("anyOf", ()), *((schema["items"],) if "items" in schema else ())):
        yield from _values(inner)


def _about(description: str, language: Language) -> str:
    japanese, _, english = description.partition("\n\n")
    return japanese if language is Language.JA else english
