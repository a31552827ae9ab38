from __future__ import annotations

import ast
from pathlib import Path

import pytest

import gateway
from gateway.observe.redact import FIELDS, LONGEST, allowed, where_it_failed

GATEWAY = Path(gateway.__file__).parent
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def test_a_field_that_is_not_allowed_is_dropped_and_named() -> None:
    """Forgetting to list a field loses a number, never a person's secret."""
    line = allowed({"event": "sign_in", "app": "booking", "birthdate": "2004-02-29", "ticket": "secret"})

    assert line == {"event": "sign_in", "app": "booking", "dropped": ["birthdate", "ticket"]}


def test_what_is_allowed_is_plain_and_short() -> None:
    """No object gets to print itself whole, and no text floods the log."""

    class Talkative:
        def __str__(self) -> str:
            return "x" * 10_000

    line = allowed({"event": "sign_in", "error": Talkative(), "reasons": ("a", "b"), "count": 3, "until": None})

    assert line["error"] == "x" * LONGEST
    assert line["reasons"] == ["a", "b"]
    assert line["count"] == 3
    assert line["until"] is None


def test_a_place_is_told_without_the_errors_words() -> None:
    """A library's error may quote a token; where it happened cannot."""

    def fails() -> None:
        raise ValueError("code=SECRETCODE")

    with pytest.raises(ValueError, match="SECRETCODE") as caught:
        fails()
    where = where_it_failed(caught.value)

    assert "fails" in where
    assert "test_redact.py" in where
    assert "SECRETCODE" not in where


def logged_fields() -> list[tuple[str, str]]:
    """Return (place, field) of every keyword in a log call of the gateway."""
    found = []
    for path in sorted(GATEWAY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=level), args=[first, *_]) if (
                    owner in {"_log", "log", "logger"} and level in LEVELS
                ):
                    event = ast.unparse(first)
                    found += [(f"{path.name}:{node.lineno}", event)] if not event.startswith("Event.") else []
                    found += [
                        (f"{path.name}:{node.lineno}", keyword.arg)
                        for keyword in node.keywords
                        if keyword.arg is not None
                    ]
                case _:
                    pass
    return found


def test_what_we_log_is_on_the_list() -> None:
    """Each field of each log call is allowed, and each call names an event, or its line would come out bare."""
    found = logged_fields()

    assert found
    assert [entry for entry in found if entry[1] not in FIELDS] == []
