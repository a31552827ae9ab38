"""The threat model, held to the tests it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.security.case_format import read_cases
from tests.security.test_guarantees import PROBES
from tests.security.threat_model import CELLS, COLUMNS, PAGE, guarantees, table

ROOT = Path(__file__).resolve().parents[2]
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

    for line, held_by in guarantees():
        classes = re.findall(r"`([a-z0-9-]+)`", held_by.partition("cases")[2])
        assert "::" in held_by or classes, line
        assert set(classes) <= kinds, line


def test_each_guarantee_has_its_row_behind_another_proxy() -> None:
    """A new promise says where it holds: in proxy mode, and behind each outer proxy."""
    rows = table()
    begins = {row: row.partition(": ")[0] for row in rows}

    for promise, _ in guarantees():
        assert any(promise.startswith(begin) for begin in begins.values()), f"no row for `{promise}`"
    for row, begin in begins.items():
        assert sum(promise.startswith(begin) for promise, _ in guarantees()) == 1, row
        assert len(rows[row]) == len(COLUMNS), row
        assert set(rows[row]) <= CELLS, row
        assert rows[row][0] == "held", f"what does not hold in proxy mode is no guarantee: {row}"


def test_each_row_is_tried() -> None:
    """No cell of the table is a hope."""
    assert set(PROBES) == set(table())
