from __future__ import annotations

import ast
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

import gateway
from gateway.errors import GatewayError
from gateway.login.sign_in import LoginFailure
from gateway.observe.causes import FAULTS, REASONS, Cause, cause_of
from gateway.pipeline.visit import Trouble
from gateway.signing.signature import SignOutcome

ROOT = Path(gateway.__file__).parent
PAGE = (ROOT.parent / "docs" / "operations.md").read_text()


def every_error(kind: type[GatewayError] = GatewayError) -> Iterator[type[GatewayError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from every_error(each)


def spoken_reasons() -> Iterator[tuple[int, str]]:
    """Yield each status of 500 and above that the code answers with a reason of its own, and the reason."""
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            match node:
                case ast.Call(
                    func=ast.Name(id="Refused" | "problem" | "_problem" | "problem_for")
                    | ast.Attribute(attr="_bad_upload"),
                    args=args,
                ):
                    words = [each.value for each in args if isinstance(each, ast.Constant)]
                    reasons = [word for word in words if isinstance(word, str)]
                    for status in _statuses(args):
                        for reason in reasons[:1]:
                            yield status, reason
                case _:
                    pass


def _statuses(args: list[ast.expr]) -> Iterator[int]:
    for each in (inner for arg in args for inner in ast.walk(arg)):
        match each:
            case ast.Constant(value=int(status)) if 100 <= status <= 599:
                yield status
            case ast.Attribute(value=ast.Name(id="HTTPStatus"), attr=name):
                yield HTTPStatus[name].value
            case _:
                pass


def test_every_5xx_that_the_code_speaks_of_has_a_cause() -> None:
    """Codes of errors, pages about trouble, failed sign-ins, refused heads and problem documents."""
    spoken = {reason for status, reason in spoken_reasons() if status >= 500}
    errors = {error.code for error in every_error() if error.status >= 500}
    troubles = {trouble.value for trouble in Trouble}
    failures = {failure.value for failure in LoginFailure if failure.status >= 500}
    failures |= {outcome.value for outcome in SignOutcome if outcome.status >= 500}

    assert {"method", "http_version", "connections", "fetched_ahead"} <= spoken
    assert (spoken | errors | troubles | failures) - REASONS.keys() == set()


@pytest.mark.parametrize(
    ("status", "verdict", "reason", "cause"),
    [
        (200, "permit", "", Cause.UPSTREAM),
        (404, "permit", "", Cause.UPSTREAM),
        (500, "permit", "upstream_status", Cause.UPSTREAM),
        (504, "error", "upstream_timeout", Cause.UPSTREAM),
        (403, "deny", "condition_no:adult,condition_unknown:resident", Cause.POLICY),
        (503, "deny", "nobody_allowed:closed at night", Cause.POLICY),
        (401, "challenge", "sign_in", Cause.POLICY),
        (200, "portal", "", Cause.PORTAL),
        (400, "portal", "expired", Cause.PORTAL),
        (503, "portal", "provider_down", Cause.PROVIDER),
        (503, "portal", "store_down", Cause.STORE),
        (503, "error", "store_unavailable", Cause.STORE),
        (503, "error", "maintenance", Cause.MAINTENANCE),
        (503, "error", "overloaded", Cause.OVERLOAD),
        (429, "error", "forged_tickets", Cause.OVERLOAD),
        (501, "error", "method", Cause.CLIENT),
        (505, "error", "http_version", Cause.CLIENT),
        (400, "error", "target_escape", Cause.CLIENT),
        (499, "permit", "client_gone", Cause.CLIENT),
        (503, "permit", "gateway_stopped", Cause.GATEWAY),
        (500, "error", "internal_error", Cause.GATEWAY),
        (500, "error", "", Cause.GATEWAY),
        # A look-up that was refused decides nothing about a page that everybody may read.
        (200, "permit", "ended_tickets", Cause.UPSTREAM),
    ],
)
def test_an_answer_has_one_cause(status: int, verdict: str, reason: str, cause: Cause) -> None:
    """By its access line alone."""
    assert cause_of(status, verdict, reason) is cause


def test_what_somebody_asked_for_is_no_fault() -> None:
    """Maintenance, scanners, browsers that left and the rules' own words wake nobody."""
    assert set(Cause) - FAULTS == {Cause.MAINTENANCE, Cause.CLIENT, Cause.POLICY, Cause.PORTAL}


def test_every_cause_and_reason_is_on_the_page() -> None:
    """With the sentence that the code has."""
    missing = [cause for cause in Cause if f"| `{cause}` |" not in PAGE]
    untold = [
        reason for reason, (cause, words) in REASONS.items() if f"| `{reason}` | `{cause}` | {words} |" not in PAGE
    ]

    assert missing == []
    assert untold == []
