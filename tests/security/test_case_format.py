"""The harness itself: it never lets pass what it does not understand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.security.__main__ import check
from tests.security.case_format import FormatError, read_case, read_cases, read_not_applicable
from tests.security.predicates import PREDICATES, WITH_ARGUMENT
from tests.security.whatwg import Url, parse

HERE = Path(__file__).resolve().parent
BASE = Url("https", "app.gw.test", "", "/a/b")


def entry(**changes: Any) -> dict[str, Any]:
    request = {"method": "GET", "target": "/app/echo", "headers": []} | changes.pop("request", {})
    return {
        "id": "X-1",
        "class": "x",
        "source": "x",
        "expect": "x",
        "request": request,
        "assert": ["not_5xx"],
    } | changes


def test_the_projects_own_cases_are_in_the_format() -> None:
    """Every key, placeholder and predicate of the file is known, and every class of the table is there."""
    cases = read_cases(HERE / "cases.yaml")

    assert check(cases) == []
    assert set(read_not_applicable(HERE / "not_applicable.yaml")) <= {case.kind for case in cases}


@pytest.mark.parametrize(
    "changes",
    [
        {"asserts": ["not_5xx"]},
        {"assert": []},
        {"assert": "not_5xx"},
        {"request": {"methods": "GET"}},
        {"request": {"headers": {"a": "b"}}},
        {"request": {"protocol": "h3"}},
        {"peer": "somebody"},
        {"browser": "chromium"},
        {"upstream": {"status": 500}},
        {"upstream": {"reads": "everything"}},
        {"files": "gone"},
        {"repeat": 0},
    ],
)
def test_an_unknown_key_or_kind_is_an_error(changes: dict[str, Any]) -> None:
    """A misspelled key would else be a case that tests less than it says."""
    with pytest.raises(FormatError):
        read_case(entry(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"assert": ["not_6xx"]},
        {"assert": ["status"]},
        {"assert": ["not_5xx:200"]},
        {"assert": ["log_lacks:{NOTHING}"]},
        {"request": {"target": "{NOWHERE}"}},
        {"request": {"target": "/{SID:minor|reverse}"}},
        {"request": {"headers": [["{H_NOTHING}", "x"]]}},
        {"request": {"target": "{CALLBACK}?state={STATE:stolen}"}},
        {"session": "toddler"},
        {"idp": {"mood": "bad"}},
        {"idp": {"id_token": {"sub": "{REPEATED:s:3}"}}},
        {"store": "on fire"},
        {"clock": "yesterday"},
    ],
)
def test_an_unknown_word_is_an_error(changes: dict[str, Any]) -> None:
    """Predicates, placeholders, sessions and behaviours: what the fixture cannot do, it does not pretend to."""
    assert check([read_case(entry(**changes))])


def test_two_cases_of_one_id_are_an_error(tmp_path: Path) -> None:
    """A report by id must mean one case."""
    path = tmp_path / "cases.yaml"
    one = "- {id: A, class: x, request: {method: GET, target: /}, assert: [not_5xx]}\n"
    path.write_text(one + one)

    with pytest.raises(FormatError, match="A"):
        read_cases(path)


def test_a_class_without_a_reason_is_an_error(tmp_path: Path) -> None:
    """Nothing is left out without saying why."""
    path = tmp_path / "table.yaml"
    path.write_text("h2-downgrade:\n")

    with pytest.raises(FormatError):
        read_not_applicable(path)


def test_predicates_that_take_an_argument_exist() -> None:
    """The list of those with arguments names no predicate that there is none of."""
    assert set(PREDICATES) >= WITH_ARGUMENT


def test_every_predicate_is_described_in_the_cases_file() -> None:
    """The head of the file is the format's own description: what a case can ask for is read there."""
    lines = (HERE / "cases.yaml").read_text(encoding="utf-8").splitlines()
    head = "".join(line for line in lines if line.startswith("#"))

    assert [name for name in PREDICATES if name not in head] == []


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("/ok", "https://app.gw.test"),
        ("ok", "https://app.gw.test"),
        ("//evil.example", "https://evil.example"),
        ("/\\evil.example", "https://evil.example"),
        ("\\\\evil.example", "https://evil.example"),
        ("/\t/evil.example", "https://evil.example"),
        ("\x01//evil.example", "https://evil.example"),
        ("https:evil.example", "https://app.gw.test"),
        ("https:/evil.example", "https://app.gw.test"),
        ("http:evil.example", "http://evil.example"),
        ("https:\\\\evil.example", "https://evil.example"),
        ("///evil.example", "https://evil.example"),
        ("https://app.gw.test@evil.example/", "https://evil.example"),
        ("https://app.gw.test:8443/", "https://app.gw.test:8443"),
        ("https://app.gw.test:443/", "https://app.gw.test"),
        ("https://APP.gw.test./", "https://app.gw.test"),
        ("java\tscript:alert(1)", "null"),
        ("data:text/html,x", "null"),
        ("/.//evil.example", "https://app.gw.test"),
    ],
)
def test_urls_are_read_as_a_browser_reads_them(text: str, origin: str) -> None:
    """Judging redirects by any other standard would miss what browsers follow."""
    url = parse(text, BASE)

    assert url is not None
    assert url.origin == origin
