"""Closes pages of an application to everybody, before any rule of its policy is looked at.

These are the login, the change of a password and its reset, where the gateway knows the accounts. They are closed by a
rule like any other, so that every spelling that leads a server there is closed with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.policy.policy import Allow, Match, Policy, Rule
from gateway.policy.verdict import RuleId

CLOSED = "closed"
"""The name of the rule."""


def closing(policy: Policy, patterns: Iterable[str]) -> Policy:
    """Return a policy whose first rule closes these pages, and everything below them."""
    paths = tuple(dict.fromkeys(path for pattern in patterns for path in (pattern, _below(pattern))))
    if not paths:
        return policy
    rule = Rule(RuleId(policy.name, CLOSED), Match(paths), allow=Allow.NOBODY)
    return replace(policy, rules=(rule, *policy.rules))


def _below(pattern: str) -> str:
    """Return the pattern of what a server may serve by the same program: `/login.php/x`."""
    return pattern if pattern.endswith("/**") else f"{pattern.rstrip('/')}/**"
