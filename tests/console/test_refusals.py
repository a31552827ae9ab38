from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.console.refusals import BY_DESIGN, MOST_ROWS, REMEDIES, Refusals, remedy
from gateway.instant import rfc3339
from gateway.observe.access_log import AccessLine
from gateway.policy.verdict import ReasonKind
from gateway.request.target import TargetFault
from gateway.settings.settings import AppSettings, PathSettings, TrafficSettings, UpstreamSettings

NOW = 1_795_402_800.0
DOCS = Path(__file__).resolve().parents[2] / "docs"


def line(**changes: Any) -> bytes:
    values: dict[str, Any] = {"time": NOW, "request_id": "r", "client": "192.0.2.1", "method": "GET", "host": "a.test"}
    values |= {"path": "/", "status": 200, "app": "a", "verdict": "permit"}
    written: dict[str, Any] = msgspec.to_builtins(AccessLine(**(values | changes)))
    return msgspec.json.encode(written | {"time": rfc3339(written["time"])})


def rows(*lines: bytes) -> list[tuple[str, str, str, int]]:
    found = Refusals(NOW - 60)
    for each in lines:
        found.take(each)
    return [(row.method, row.place, row.reason, count) for row, count, _ in found.rows()]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": 405, "verdict": "error", "method": "PROPFIND", "path": "/dav/", "reason": "method"}, "method"),
        ({"status": 400, "verdict": "error", "path": "/a//b.png", "reason": "target_empty_segment"}, "target_empty"),
        ({"status": 421, "verdict": "error", "app": "", "reason": "unknown_host"}, "unknown_host"),
        ({"status": 403, "verdict": "deny", "path": "/img/", "reason": "no_rule"}, "no_rule"),
        ({"status": 400, "verdict": "deny", "path": "/ADULT/", "reason": "ambiguous_path"}, "ambiguous_path"),
        ({"status": 400, "verdict": "deny", "path": "/?a&a", "reason": "ambiguous_query"}, "ambiguous_query"),
        ({"status": 401, "verdict": "challenge", "path": "/pay/", "reason": "foreign_form"}, "foreign_form"),
        ({"status": 401, "verdict": "challenge", "path": "/css/a.css", "reason": "sign_in"}, "sign_in"),
        ({"status": 403, "verdict": "deny", "path": "/js/a.js", "reason": "condition_no:adult"}, "condition_no"),
    ],
)
def test_a_refusal_has_a_row(changes: dict[str, Any], expected: str) -> None:
    """By its form, by no rule, or a part of a page that a policy refused to somebody who is not signed in."""
    ((_, _, reason, count),) = rows(line(**changes), line(**changes))

    assert reason.startswith(expected)
    assert count == 2


def test_each_documented_reason_has_a_row_or_is_about_a_person() -> None:
    """A new reason of a refusal must say whether an application's own pages can run into it."""
    audit = (DOCS / "operations.md").read_text(encoding="utf-8").partition("\n## Audit\n")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \|", audit, re.MULTILINE)
    about_a_person = {"nobody_allowed", "condition_no", "condition_unknown", "limit_reached"}
    of_our_pages = {"returned_form", "form_over"}

    unlisted = {
        word
        for word in (*documented, *ReasonKind)
        if not rows(*(line(status=400, verdict=verdict, reason=word) for verdict in ("deny", "challenge")))
    }

    assert len(documented) > len(about_a_person)
    assert unlisted == about_a_person | of_our_pages | {"navigation_only"}
    assert rows(line(status=403, verdict="error", reason="navigation_only"))


def test_a_style_sheet_that_can_be_read_in_two_ways_needs_no_rule_for_everyone() -> None:
    """The row names the remedy of its reason, for a person without a session as well."""
    found = Refusals(0)
    found.take(line(status=400, verdict="deny", path="/css/A./x.css", reason="ambiguous_path"))

    ((row, _, _),) = found.rows()
    assert remedy(row) is REMEDIES["ambiguous_path"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": 404},
        {"status": 401, "verdict": "challenge", "path": "/me", "reason": "sign_in"},
        {"status": 403, "verdict": "deny", "path": "/pay", "reason": "condition_no:adult"},
        {"status": 403, "verdict": "deny", "path": "/a.css", "reason": "condition_no:adult", "session": "p"},
        {"status": 503, "verdict": "error", "reason": "store_unavailable"},
        {"status": 400, "verdict": "error", "reason": "syntax", "time": NOW - 61},
    ],
)
def test_ordinary_requests_have_none(changes: dict[str, Any]) -> None:
    """Answers of the application, sign-ins, a policy's decisions on a person, trouble, and lines of long ago."""
    assert rows(line(**changes)) == []


def test_rows_are_by_kind_of_file() -> None:
    """A hundred pictures of one folder are one row, with one of them for an example."""
    refused = {"status": 400, "verdict": "error", "reason": "target_parameter"}
    found = Refusals(0)
    for number in range(100):
        found.take(line(path=f"/img;v=1/{number}.png", **refused))

    ((row, count, example),) = found.rows()
    assert (row.place, count, example) == ("/img;v=1/*.png", 100, "/img;v=1/0.png")


def test_other_lines_are_counted_and_rows_are_bounded() -> None:
    """Events and halves of lines may stand between; an attacker's many paths cost no memory without end."""
    found = Refusals(0)
    found.take(b'{"event":"started"}')
    found.take(b'{"time": 1')
    found.take(b"\xff")
    for number in range(MOST_ROWS + 5):
        found.take(line(status=400, verdict="error", reason="syntax", path=f"/{number}/"))

    assert (found.unread, found.left_out, len(list(found.rows()))) == (3, 5, MOST_ROWS)


def test_each_remedy_names_a_setting_that_exists() -> None:
    """A renamed setting would send the operator to nothing; every reason of a path has its word."""
    known = {
        *AppSettings.__annotations__,
        *UpstreamSettings.__annotations__,
        *PathSettings.__annotations__,
        *TrafficSettings.__annotations__,
    }
    for reason, phrase in REMEDIES.items():
        words = {word for word in known | {"returns_from"} if word in phrase.en}
        assert words or reason in ("no_rule", "ambiguous_path"), reason
        assert phrase.ja
    assert {fault.value for fault in TargetFault} & REMEDIES.keys()


def test_some_refusals_are_by_design() -> None:
    """No setting admits them, and the report says so."""
    found = Refusals(0)
    found.take(line(status=400, verdict="error", reason="target_dot_segment"))

    ((row, _, _),) = found.rows()
    assert remedy(row) is BY_DESIGN


def test_lines_of_earlier_versions_are_read() -> None:
    """They tell the time as a number, and leave out fields without a value."""
    old = (
        b'{"time":%.1f,"request_id":"r","client":"192.0.2.1","method":"GET","host":"a.test","path":"/a//b","status":400'
    )
    old += b',"app":"a","verdict":"error","reason":"target_empty_segment"}'

    assert rows(old % NOW, old % (NOW - 61)) == [("GET", "/a//*", "target_empty_segment", 1)]


@pytest.mark.parametrize(
    ("method", "admits"),
    [
        ("PROPFIND", True),
        ("BIND", True),
        ("CONNECT", False),
        ("TRACE", False),
        ("FROB", False),
        ("get", False),
        ("", False),
    ],
)
def test_only_a_registered_method_can_be_admitted(method: str, *, admits: bool) -> None:
    """No `methods:` names another, and the report must not advise it."""
    found = Refusals(0)
    found.take(line(status=501, verdict="error", method=method, reason="method"))

    ((row, _, _),) = found.rows()
    assert remedy(row) is (REMEDIES["method"] if admits else BY_DESIGN)
