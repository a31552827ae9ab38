"""The audit records each refusal with person, page and reason, and each permit of a rule that asks for it.

An entry names a person by pseudonym and a rule by name. It never holds a claim, a query or an
address: the policy says which facts a rule uses, and their values stay with the person.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gateway.observe.access_log import AccessLine


class AuditEntry(msgspec.Struct, frozen=True):
    """One decision. The same fields as the log line it becomes."""

    time: float
    """Unix seconds."""
    request_id: str
    app: str
    rule: str
    """`policy/rule`; empty where no rule fits."""
    verdict: str
    """`deny` or `permit`."""
    reasons: tuple[str, ...]
    """Closed words: `ReasonKind`s and error codes, each with the condition's name where there is one."""
    pseudonym: str
    """Empty where nobody is signed in."""
    policy_version: str = ""
    """The content hash of the App's policy in force when the request was over."""


def audit_entry(
    line: AccessLine, audited: Callable[[str], bool], version: Callable[[str], str] = lambda _: ""
) -> AuditEntry | None:
    """Return what the audit says of a finished request: each refusal, and permits that `audited` wants.

    `version` returns the version of an App's policy.
    """
    if line.verdict == "deny" or (line.verdict == "permit" and audited(line.rule)):
        return AuditEntry(
            time=line.time,
            request_id=line.request_id,
            app=line.app,
            rule=line.rule,
            verdict=line.verdict,
            reasons=tuple(line.reason.split(",")) if line.reason else (),
            pseudonym=line.session,
            policy_version=version(line.app),
        )
    return None
