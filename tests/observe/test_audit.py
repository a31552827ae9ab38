from __future__ import annotations

import msgspec

from gateway.observe.access_log import AccessLine
from gateway.observe.audit import AuditEntry, audit_entry


def line(**changes: object) -> AccessLine:
    values: dict[str, object] = {
        "time": 1_795_402_800.0,
        "request_id": "r1",
        "client": "198.51.100.7",
        "method": "POST",
        "host": "app.gw.test",
        "path": "/reserve/42",
        "status": 403,
        "app": "booking",
        "verdict": "deny",
        "rule": "booking/reserve",
        "reason": "condition_no:adult,condition_unknown:resident",
        "session": "p-hanako",
    }
    return AccessLine(**(values | changes))  # type: ignore[arg-type]


def never(_rule: str) -> bool:
    return False


def test_every_refusal_is_audited() -> None:
    """The audit records every refusal with person, object and reason, independent of the rule's `audit`."""
    entry = audit_entry(line(), never)

    assert entry == AuditEntry(
        time=1_795_402_800.0,
        request_id="r1",
        app="booking",
        rule="booking/reserve",
        verdict="deny",
        reasons=("condition_no:adult", "condition_unknown:resident"),
        pseudonym="p-hanako",
    )


def test_a_permit_is_audited_where_the_rule_says_so() -> None:
    """`audit: true` records every permit of its rule, and of no other."""
    permit = line(verdict="permit", reason="", status=200)

    assert audit_entry(permit, never) is None
    assert audit_entry(permit, "booking/other".__eq__) is None
    assert audit_entry(permit, "booking/reserve".__eq__) is not None


def test_a_challenge_is_no_decision() -> None:
    """A challenge has not refused the person."""
    assert audit_entry(line(verdict="challenge"), lambda _: True) is None


def test_the_audit_tells_no_more_than_it_must() -> None:
    """No path, address or method: the access line has those under the same request id."""
    assert set(msgspec.structs.asdict(audit_entry(line(), never))) == {  # type: ignore[arg-type]
        "time",
        "request_id",
        "app",
        "rule",
        "verdict",
        "reasons",
        "pseudonym",
        "policy_version",
    }


def test_an_entry_says_which_version_of_the_policy_spoke() -> None:
    """By the App: what a rule's name means changes with its file."""
    line = AccessLine(1.0, "id", "198.51.100.7", "GET", "app.gw.test", "/", 403, app="booking", verdict="deny")

    entry = audit_entry(line, lambda _: False, {"booking": "0123456789abcdef"}.__getitem__)

    assert entry is not None
    assert entry.policy_version == "0123456789abcdef"
