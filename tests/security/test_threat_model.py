"""The threat model, held to the tests it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.security.case_format import read_cases

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
GUARANTEES = [
    line
    for line in PAGE.partition("## Guarantees")[2].partition("## What we do not")[0].splitlines()
    if line[:2] == "| "
][1:]
NAMED = sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_test_it_names_exists(path: str, name: str) -> None:
    """A guarantee without its test is a hope."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}

    assert name in names


def test_each_guarantee_is_held_by_something() -> None:
    """By a test, or by a class of cases that is in the project's own file."""
    kinds = {case.kind for case in read_cases(ROOT / "tests" / "security" / "cases.yaml")}

    for line in GUARANTEES:
        held_by = line.split("|")[2]
        classes = re.findall(r"`([a-z0-9-]+)`", held_by.partition("cases")[2])
        assert "::" in held_by or classes, line
        assert set(classes) <= kinds, line
