"""The one writer of problem+json."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from pathlib import Path

import pytest

from gateway.pipeline.problem import FIELDS, RETRY_AFTER, problem, problem_body

GATEWAY = Path(__file__).parents[2] / "gateway"


def test_every_answer_has_the_same_fields() -> None:
    """No sniffing, no keeping, the code for machines and the id for the operator."""
    answer = problem(HTTPStatus.FORBIDDEN, "forbidden_origin", "abc123")

    assert answer.headers == FIELDS
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": "forbidden_origin",
        "request_id": "abc123",
    }


@pytest.mark.parametrize(("given", "said"), [(None, RETRY_AFTER), (90, 90)])
def test_a_503_says_when_to_come_back(given: int | None, said: int) -> None:
    """The caller's time, or the usual one."""
    answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "abc123", retry_after=given)

    assert (b"Retry-After", b"%d" % said) in answer.headers


def test_names_are_told_as_they_are() -> None:
    """Conditions have Japanese names."""
    assert json.loads(problem_body(HTTPStatus.FORBIDDEN, "condition_no", "", ("区民",)))["names"] == ["区民"]


def test_nobody_else_writes_problem_json() -> None:
    """The media type stands in one place of the code, and so does the document's `about:blank`."""
    written = re.compile(r'"(?:about:blank|application/problem\+json)"')
    found = {
        str(path.relative_to(GATEWAY)) for path in GATEWAY.rglob("*.py") if written.search(path.read_text("utf-8"))
    }

    assert found == {"pipeline/problem.py"}
