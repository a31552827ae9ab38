"""Values for tests: each builder makes a plausible whole from the part a test is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.identity import Identity, Scope
from gateway.instant import Instant
from gateway.policy.policy import Accounts
from gateway.policy.verdict import Permit, RuleId, Sign, Verdict
from gateway.request.inbound import Inbound
from gateway.request.target import Target
from gateway.route.route import Route
from gateway.session.session import Session
from gateway.settings.settings import AppSettings

NOON = 1_795_402_800.0
"""2026-11-23T12:00:00+09:00."""

CLIENT = "RP00000001"


def inbound(path: str = "/", *headers: tuple[str, str], **changes: Any) -> Inbound:
    """Return a GET of `path` on the booking App's host."""
    raw = tuple((name.encode(), value.encode()) for name, value in headers)
    cookie = b"; ".join(value for name, value in raw if name.lower() == b"cookie")
    values: dict[str, Any] = {
        "method": "GET",
        "target": Target(path, path.encode(), None),
        "host": "app.gw.test",
        "headers": raw,
        "request_id": "0123456789abcdef",
        "peer": "127.0.0.1",
        "client_address": "198.51.100.7",
        "scheme": "https",
        "cookie": cookie,
    }
    return Inbound(**(values | changes))


def identity(subject: str = "hanako", **changes: Any) -> Identity:
    """Return a person who signed in a minute before noon and was asked for nothing."""
    values: dict[str, Any] = {
        "client_id": CLIENT,
        "subject": subject,
        "authenticated_at": NOON - 60,
        "asked": frozenset({Scope.OPENID}),
    }
    return Identity(**(values | changes))


def session(person: Identity | None = None, **changes: Any) -> Session:
    """Return a session of that person, begun a minute before noon."""
    values: dict[str, Any] = {
        "identity": person or identity(),
        "created_at": NOON - 60,
        "expires_at": NOON + 8 * 3600,
        "pseudonym": "p-hanako",
    }
    return Session(**(values | changes))


@dataclass(frozen=True)
class FixedDecision:
    """A fixed verdict for every request."""

    verdict: Verdict
    valid_until: Instant = float("inf")


class FixedRule:
    """A rule that answers nobody and somebody as it was told to, and counts how often it was asked."""

    def __init__(
        self, nobody: Verdict | None = None, somebody: Verdict | None = None, until: Instant = float("inf")
    ) -> None:
        self.id = RuleId("test", "rule")
        self.token = object()
        self.needs_session = somebody is not None
        self.returns_from: tuple[str, ...] = ()
        self.sign: Sign | None = None
        self.accounts: Accounts | None = None
        self.account_conditions: frozenset[str] = frozenset()
        self.needs_account = False
        self.asked = 0
        self._nobody = nobody or Permit(self.id, None)
        self._somebody = somebody or self._nobody
        self._until = until

    def decide(self, inbound: Inbound, person: Identity | None, now: Instant) -> FixedDecision:
        """Answer by whether there is a person."""
        self.asked += 1
        return FixedDecision(self._nobody if person is None else self._somebody, self._until)


class FixedPolicy:
    """A policy of one rule, or of none."""

    def __init__(self, rule: FixedRule | None) -> None:
        self.name = "test"
        self.version = "v1"
        self.disclosed: tuple[str, ...] = ()
        self.by_method = False
        self.rule = rule

    def told_by(self, rule: RuleId) -> tuple[str, ...]:
        """Tell what it discloses."""
        del rule
        return self.disclosed

    def condition(self, name: str) -> None:
        """Have none."""
        del name

    def always(self, method: str, path: str) -> FixedRule | None:
        """Return the one rule."""
        del method, path
        return self.rule

    def fitting(self, inbound: Inbound, now: Instant) -> FixedRule | None:
        """Return the one rule."""
        return self.rule


def app(**changes: Any) -> AppSettings:
    """Return the booking App's settings."""
    values: dict[str, Any] = {"name": "booking", "url": "https://app.gw.test", "upstream": ("http://127.0.0.1:1",)}
    return AppSettings(**(values | changes))


def route(policy: FixedPolicy | None = None, **changes: Any) -> Route:
    """Return the booking App's route under a policy that lets everybody in."""
    values: dict[str, Any] = {
        "app": app(),
        "host": "app.gw.test",
        "client_id": CLIENT,
        "policy": policy or FixedPolicy(FixedRule()),
        "session_cookie": b"__Host-sekisho",
        "pending_cookie": b"__Host-sekisho-login",
    }
    return Route(**(values | changes))
