"""A wall clock that steps: every decision is the one that a gateway without memory would make."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK

from gateway.headers.assertion import AssertionKeys, Assertions, verify
from gateway.identity import Birthdate, Identity, Scope
from gateway.instant import CLOCKS_DIFFER, Instant, tokyo_day
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.pending import PENDING_SECONDS, PendingLogin
from gateway.pipeline.outcome import Answer, AskPortal, Forward, Step
from gateway.pipeline.step import step
from gateway.policy.conditions import ListEntry, Surroundings
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.subject_code import subject_code
from gateway.route.table import RouteTable
from gateway.session.memory_store import MemoryStore
from gateway.session.session import Found, NoTicket, SessionState, is_revoked
from gateway.session.ticket import new_ticket
from gateway.settings.settings import AssertionSettings
from gateway.yaml.mistakes import Mistakes
from tests.builders import CLIENT, NOON, identity, inbound, route, session

TODAY = tokyo_day(NOON)
POLICY = f"""\
policy: p
purpose: {{ja: 確認のため}}
conditions:
  adult: {{age: {{at_least: 20}}}}
  teen: {{age: {{at_least: 12, below: 20}}}}
  listed: {{subject: {{in: listed.yaml}}}}
  opening: {{dates: {{hours: {{from: 9:00, until: 17:00}}}}}}
  period: {{dates: {{from: {TODAY}, until: {TODAY + timedelta(days=9)}}}}}
  emergency: {{switch: disaster}}
  open: {{all: [opening, period]}}
rules:
  - {{name: shut, match: {{path: /shut/**}}, when: emergency, allow: nobody, say: {{ja: 休止中, retry_after: end}}}}
  - {{name: emergency, match: {{path: /help/**}}, when: emergency, allow: everyone}}
  - {{name: opening, match: {{path: /open/**}}, when: open, allow: everyone}}
  - {{name: adult, match: {{path: /adult/**}}, require: [adult], disclose: [subject, adult, age]}}
  - {{name: teen, match: {{path: /teen/**}}, require: [teen], disclose: [teen]}}
  - {{name: listed, match: {{path: /listed/**}}, require: [listed], disclose: [listed]}}
  - {{name: during, match: {{path: /during/**}}, require: [adult, open], disclose: [opening]}}
  - {{name: fresh, match: {{path: /fresh/**}}, allow: signed_in, signed_in_within: 10m, disclose: [signed_in_at]}}
  - {{name: told, match: {{path: /told/**}}, allow: everyone, disclose: [subject, adult, period]}}
  - {{name: rest, allow: everyone}}
"""
PATHS = ("shut", "help", "open", "adult", "teen", "listed", "during", "fresh", "told", "x")
KEYS = AssertionKeys(json.dumps({"keys": [json.loads(JWK.generate(kty="EC", crv="P-256", kid="k").export_private())]}))

ALMOST_TWENTY = Birthdate(TODAY.year - 20, TODAY.month, TODAY.day + 3)
PERSON = Identity(CLIENT, "hanako", NOON - 60, frozenset({Scope.OPENID, Scope.BIRTHDATE}), birthdate=ALMOST_TWENTY)
SURROUNDINGS = Surroundings(
    {"disaster": NOON + 7200.0},
    {
        "listed.yaml": {
            subject_code(CLIENT, "hanako"): ListEntry(subject_code(CLIENT, "hanako"), TODAY + timedelta(days=2))
        }
    },
)


def compiled() -> CompiledPolicy:
    mistakes = Mistakes()
    with TemporaryDirectory() as folder:
        (Path(folder) / "listed.yaml").write_text(f"- {{subject: {subject_code(CLIENT, 'hanako')}}}\n")
        policy = parse_policy(POLICY, mistakes, folder=Path(folder))
    assert policy is not None, mistakes.say()
    return CompiledPolicy(policy, SURROUNDINGS)


POLICY_READ = compiled()


def new_table() -> RouteTable:
    """Return a table of which nothing has been asked."""
    fresh = POLICY_READ.within(SURROUNDINGS)
    assertions = Assertions(KEYS, AssertionSettings(), lambda size: b"r" * size)
    return RouteTable([replace(route(), policy=fresh, closed_until=NOON + 3600.0)], "/.sekisho/", assertions)


def said(result: Step, now: Instant) -> object:
    """Return what a step comes to, with the assertion's claims checked and its times left out."""
    match result:
        case Forward():
            lines = result.head.split(b"\r\n")
            (token,) = (line.partition(b": ")[2] for line in lines if line.startswith(b"X-Verified-Assertion: "))
            origin = result.route.origin
            claims = verify(token.decode(), KEYS.published.decode(), audience=origin, issuer=origin, now=now, skew=0)
            kept = {name: value for name, value in claims.items() if name not in ("iat", "exp", "jti")}
            return [line for line in lines if not line.startswith(b"X-Verified-Assertion")], result.permit, kept
        case AskPortal():
            return result.visit.purpose
        case Answer():
            return result
        case _:
            return msgspec.structs.asdict(result)


STEPS = st.one_of(
    st.floats(-90, 90),
    st.integers(-40, 40).map(lambda quarters: quarters * 900.0),
    st.integers(-12, 12).map(lambda days: days * 86_400.0),
    st.sampled_from([-400 * 86_400.0, 400 * 86_400.0]),
)


@given(st.lists(st.tuples(STEPS, st.sampled_from(PATHS), st.booleans()), min_size=2, max_size=25))
def test_the_decision_is_always_the_fresh_one(moves: list[tuple[float, str, bool]]) -> None:
    """Verdict, headers and assertion, of a table and a session that remember, at any moment in any order."""
    kept_table, kept_session = new_table(), Found(session(PERSON))
    now = NOON
    for move, path, signed_in in moves:
        now += move
        asked = inbound(f"/{path}/1")

        def known(found: Found, *, somebody: bool = signed_in) -> SessionState:
            return found if somebody else NoTicket()

        kept = step(asked, known(kept_session), now, kept_table)
        fresh = step(asked, known(Found(session(PERSON))), now, new_table())

        assert said(kept, now) == said(fresh, now)


def test_a_clock_that_was_set_right_keeps_no_yes() -> None:
    """Nineteen years old: permitted while the clock is ten days ahead, and not a request longer."""
    routes, found, page = new_table(), Found(session(PERSON)), inbound("/adult/1")
    moments = [NOON + 3601, NOON + 10 * 86_400.0, NOON + 3602]

    assert [isinstance(step(page, found, now, routes), Forward) for now in moments] == [False, True, False]


def test_a_sign_in_from_the_future_is_no_recent_one() -> None:
    """It was made while the clock was ahead; a second or two are another machine's clock."""
    page, routes, now = inbound("/fresh/1"), new_table(), NOON + 3601
    ahead = [0.0, CLOCKS_DIFFER, CLOCKS_DIFFER + 1, 86_400.0]

    passed = [
        isinstance(step(page, Found(session(identity(authenticated_at=now + by))), now, routes), Forward)
        for by in ahead
    ]

    assert passed == [True, True, False, False]


@pytest.mark.parametrize(
    ("begun_at", "revoked_at", "now", "ended"),
    [
        (NOON, -1.0, NOON, False),
        (NOON, NOON, NOON, True),
        (NOON + 1, NOON, NOON + 1, False),
        # Begun while the clock was ahead, revoked after it was set right.
        (NOON + 86_400, NOON, NOON + 1, True),
        (NOON + 86_400, -1.0, NOON + 1, False),
        (NOON + CLOCKS_DIFFER, NOON - 1, NOON, False),
        (NOON, float("nan"), NOON, True),
        (float("nan"), NOON, NOON, True),
    ],
)
def test_a_revocation_ends_what_a_clock_ahead_has_begun(
    begun_at: Instant, revoked_at: Instant, now: Instant, ended: bool
) -> None:
    """Nobody knows what was first; and what is no number pardons nothing."""
    assert is_revoked(begun_at, revoked_at, now) is ended


IDLE, ABSOLUTE = 1_800.0, 28_800.0


@given(st.lists(st.tuples(st.integers(0, 12_000).map(lambda quarters: quarters / 4), STEPS), min_size=1, max_size=20))
def test_a_session_in_memory_ages_by_the_time_that_has_passed(moves: list[tuple[float, float]]) -> None:
    """A step of the wall clock makes none live longer, and brings none to its end for good."""
    passed, wall = 0.0, NOON
    store = MemoryStore(idle=IDLE, clock=lambda: wall, monotonic=lambda: passed)
    ticket, last_used = new_ticket(b"t" * 32), 0.0
    person = session(identity(), created_at=NOON, expires_at=NOON + ABSOLUTE)
    asyncio.run(store.create(ticket, person))

    for time, move in moves:
        passed, wall = passed + time, wall + time + move
        store.sweep()
        lives = passed < ABSOLUTE and passed - last_used < IDLE
        found = isinstance(store.peek(ticket, wall), Found)
        assert found is (lives and wall < NOON + ABSOLUTE)
        if found:
            last_used = passed
        if not lives:
            return


@given(st.lists(st.tuples(STEPS, st.booleans()), min_size=1, max_size=12))
def test_a_login_in_memory_lives_no_longer_because_the_clock_was_set_back(moves: list[tuple[float, bool]]) -> None:
    """A login from the future does not count against the caps either."""
    store = MemoryPendingStore(total=1, per_browser=1)
    login = PendingLogin("browser", "app.gw.test", CLIENT, "n" * 43, "v" * 43, "/", "p/r", ("openid",), NOON)
    opened: float | None = None
    now = NOON
    for move, again in moves:
        now += move
        lives = opened is not None and opened - CLOCKS_DIFFER <= now < opened + PENDING_SECONDS
        assert (asyncio.run(store.find("state", now)) is not None) is lives
        if again:
            assert asyncio.run(store.open("state", login, "198.51.100.7", now))
            opened = now
