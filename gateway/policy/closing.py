"""Takes pages of an application out of its policy's hands, before any of its rules is looked at.

The closed ones are the login, the change of a password and its reset, where the gateway knows the accounts. They are
closed by a rule like any other, so that every spelling that leads a server there is closed with them.

The application's own sign-out links have a rule as well, which stands before: the gateway answers them by its own
sign-out (`pipeline/step`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.policy.policy import Allow, Match, Policy, Rule
from gateway.policy.verdict import RuleId

CLOSED = "closed"
"""The name of the rule that closes."""
SIGN_OUT = "sign out"
"""The name of the rule that takes the sign-out links."""


def closing(policy: Policy, patterns: Iterable[str]) -> Policy:
    """Return a policy whose first rule closes these pages, and everything below them."""
    paths = tuple(dict.fromkeys(path for pattern in patterns for path in (pattern, _below(pattern))))
    if not paths:
        return policy
    rule = Rule(RuleId(policy.name, CLOSED), Match(paths), allow=Allow.NOBODY)
    return replace(policy, rules=(rule, *policy.rules))


def signing_out(policy: Policy, links: Iterable[str]) -> Policy:
    """Return a policy whose first rules take these sign-out links. They have one name, the very same object."""
    rule = RuleId(policy.name, SIGN_OUT)
    rules = tuple(Rule(rule, _match(link), allow=Allow.NOBODY) for link in links)
    return replace(policy, rules=(*rules, *policy.rules)) if rules else policy


def _match(link: str) -> Match:
    """Return the requests of a link: a path with all below it, or one parameter of a path."""
    path, _, parameter = link.partition("?")
    name, _, value = parameter.partition("=")
    return Match((path,), query={name: frozenset({value})}) if name else Match((path, _below(path)))


def _below(pattern: str) -> str:
    """Return the pattern of what a server may serve by the same program: `/login.php/x`."""
    return pattern if pattern.endswith("/**") else f"{pattern.rstrip('/')}/**"
