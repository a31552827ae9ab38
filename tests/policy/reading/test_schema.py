"""The schema that editors complete by is the one the parser's keys make, and lies beside the policies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.reading.schema import policy_schema, schema_text

FILE_NAME = "policy.schema.json"
FOLDER = Path(__file__).parents[3] / "policies"


def test_the_schema_describes_every_key_the_parser_knows() -> None:
    """The schema has no other key: making it compares the two."""
    schema = policy_schema()

    assert schema["properties"]["rules"]["items"]["oneOf"] == [{"required": ["allow"]}, {"required": ["require"]}]


def test_the_file_in_the_repository_is_what_the_classes_make() -> None:
    """Nobody has edited it by hand, and nobody has forgotten to make it again."""
    assert (FOLDER / FILE_NAME).read_text("utf-8") == schema_text()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_policy_points_to_the_schema(path: Path) -> None:
    """In its first line, where editors look."""
    assert path.read_text("utf-8").splitlines()[0] == f"# yaml-language-server: $schema={FILE_NAME}"


def _keys(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the description of every key, however deep."""
    for key, inner in schema.get("properties", {}).items():
        yield f"{path}.{key}", inner.get("description", "")
        yield from _keys(inner, f"{path}.{key}")
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from _keys(schema[word], path)
    for inner in schema.get("anyOf", ()):
        yield from _keys(inner, path)


@pytest.mark.parametrize(("path", "text"), list(_keys(policy_schema())))
def test_every_key_has_a_description_in_japanese_and_in_english(path: str, text: str) -> None:
    """An editor shows the whole text: the Japanese paragraph first, and then the English one."""
    japanese, _, english = text.partition("\n\n")

    assert re.search(r"[ぁ-んァ-ヶ一-龠]", japanese), path
    assert re.search(r"[A-Za-z]{2}", english), path
    assert english.endswith("."), path
