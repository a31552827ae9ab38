"""The schema that editors complete by is the one the parser's keys make, and lies beside the policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.reading.schema import policy_schema, schema_text

FILE_NAME = "policy.schema.json"
FOLDER = Path(__file__).parents[3] / "policies"


def test_the_schema_describes_every_key_the_parser_knows() -> None:
    """And no other: making it compares the two."""
    schema = policy_schema()

    assert schema["properties"]["rules"]["items"]["oneOf"] == [{"required": ["allow"]}, {"required": ["require"]}]


def test_the_file_in_the_repository_is_what_the_classes_make() -> None:
    """Nobody has edited it by hand, and nobody has forgotten to make it again."""
    assert (FOLDER / FILE_NAME).read_text("utf-8") == schema_text()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_policy_points_to_the_schema(path: Path) -> None:
    """In its first line, where editors look."""
    assert path.read_text("utf-8").splitlines()[0] == f"# yaml-language-server: $schema={FILE_NAME}"
