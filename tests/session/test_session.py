"""The parts of a session that it shows."""

import gc
from math import nan

import msgspec
import pytest

from gateway.policy.permit_cache import ReadyPermit
from gateway.policy.verdict import Permit, RuleId
from gateway.session.ledger import Ledger
from gateway.session.session import (
    NEVER_REVOKED,
    AllSessions,
    ClientSessions,
    Found,
    OneSession,
    ProviderSessions,
    Selector,
    Session,
    SubjectSessions,
    is_revoked,
    selector_fields,
)
from tests.builders import NOON, session


def permit_of(session: Session) -> ReadyPermit:
    permit = Permit(RuleId("policy", "rule"), session.identity, (("name", "関所 花子"),))
    return ReadyPermit(object(), object(), permit, b"X-Name: x\r\n", NOON, NOON + 60, "policy/rule")


def test_a_session_shows_no_claim_of_itself() -> None:
    """Printed by mistake, in a log line or a traceback, it names nobody."""
    one = session()
    person = msgspec.structs.replace(one.identity, subject="ppid-1", name="関所 花子", address="神南一丁目")
    named = msgspec.structs.replace(one, identity=person)

    found = Found(named, ledger=Ledger("the-ticket"))
    found.permit_cache.keep_permit(permit_of(named), object())
    found.ledger.tell("booking", ("name",), NOON)

    shown = repr(found)

    assert "pseudonym" in shown
    for claim in ("ppid-1", "花子", "神南", "the-ticket", "booking"):
        assert claim not in shown


def test_a_remembered_session_is_no_work_for_the_garbage_collector() -> None:
    """A worker remembers a hundred thousand, and each collection would visit all of their parts."""
    one = session()
    found = Found(one, ledger=Ledger("the-ticket"))
    ready = permit_of(one)
    found.permit_cache.keep_permit(ready, object())
    found.ledger.tell("booking", tuple([name for name, _ in ready.permit.disclosed]), NOON)
    # Each collection gives up what has texts, numbers and earlier ones of these alone: names, then keys, then both.
    for _ in range(3):
        gc.collect()

    parts = [found, found.permit_cache, found.permit_cache.permits, ready, found.ledger, found.ledger._told]
    parts += [one, one.identity, one.identity.birthdate]
    assert [part for part in parts if gc.is_tracked(part)] == []


@pytest.mark.parametrize(
    ("selector", "fields"),
    [
        (OneSession("n1"), {"selector": "session", "session": "n1"}),
        (SubjectSessions(("p1", "p2")), {"selector": "subject", "pseudonym": "p1"}),
        (ProviderSessions("hash-of-sid"), {"selector": "provider_session"}),
        (ClientSessions("RP00000001"), {"selector": "client", "client_id": "RP00000001"}),
        (AllSessions(), {"selector": "all"}),
    ],
)
def test_a_log_says_which_sessions_were_meant(selector: Selector, fields: dict[str, object]) -> None:
    """By names and pseudonyms of ours; the provider's session stays out of the log."""
    assert selector_fields(selector) == fields


def test_a_session_belongs_to_the_client_of_its_identity() -> None:
    """A subject means a person only together with the client."""
    one = session()

    assert one.client_id == one.identity.client_id


@pytest.mark.parametrize(
    ("begun", "revoked", "ended"),
    [
        (NOON - 10, NEVER_REVOKED, False),
        (NOON - 10, NOON - 20, False),
        (NOON - 10, NOON - 10, True),
        (NOON - 10, NOON - 5, True),
        # A clock was ahead, so the session may have begun before the revocation.
        (NOON + 3_600, NOON - 5, True),
        (NOON + 3_600, NEVER_REVOKED, False),
        # A mark without a valid time revokes.
        (NOON - 10, nan, True),
        (nan, NOON - 5, True),
    ],
)
def test_a_revocation_ends_what_began_before_it(begun: float, revoked: float, *, ended: bool) -> None:
    """Any doubt about a time ends the session."""
    assert is_revoked(begun, revoked, NOON) is ended
