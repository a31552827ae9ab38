"""Questions of another proxy that were asked before: what the gateway remembers of them must answer no other one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import msgspec
import pytest

from gateway.identity import Scope
from gateway.pipeline.forward_auth import LONGEST_KNOWN, original, step
from gateway.pipeline.outcome import Answer, Forward, NeedSession, Step
from gateway.policy.matching import MEMO_SIZE
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Permit, Reason, ReasonKind, RuleId
from gateway.request.inbound import Inbound
from gateway.request.section_cache import SectionCache
from gateway.request.trust import Trust
from gateway.route.table import RouteTable
from gateway.session.session import Found, Gone, NoTicket, SessionState, Unread
from gateway.session.ticket import Ticket
from gateway.settings.settings import Mode
from tests.builders import NOON, FixedPolicy, FixedRule, app, identity, inbound, route, session

RULE = RuleId("test", "rule")
TRUST = Trust(["10.0.0.2"])
SIGN_IN = Challenge(RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))
HANAKO = Permit(RULE, None, (("subject", "hanako"),))
JIRO = Permit(RULE, None, (("subject", "jiro"),))


class ByPerson(FixedRule):
    """A rule that permits a person with her own facts, and asks nobody to sign in."""

    def __init__(self) -> None:
        super().__init__(nobody=SIGN_IN, somebody=HANAKO)

    def decide(self, inbound: Inbound, person, now):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        self._somebody = JIRO if person is not None and person.subject == "jiro" else HANAKO
        return super().decide(inbound, person, now)


def here(rule: FixedRule | None = None, host: str = "app.gw.test", mode: Mode = Mode.FORWARD_AUTH) -> RouteTable:
    """Return a table of one App whose bytes are with another proxy."""
    policy = FixedPolicy(rule or ByPerson())
    policy.disclosed = ("subject",)
    upstream = ("http://127.0.0.1:1",) if mode is Mode.PROXY else ()
    return RouteTable(
        [route(policy, host=host, app=app(url=f"https://{host}", mode=mode, upstream=upstream))], "/.sekisho/"
    )


def asked(
    uri: str = "/reserve",
    *more: tuple[str, str],
    method: str = "GET",
    host: str = "app.gw.test",
    peer: str = "10.0.0.2",
    request_id: str = "0123456789abcdef",
    client: str = "198.51.100.7",
) -> Inbound:
    """Return nginx's question about a request, as a connection that repeats its fields brings it."""
    told = (("X-Original-Method", method), ("X-Original-Scheme", "https"))
    said = inbound(
        "/.sekisho/auth/nginx",
        *told,
        ("X-Original-Host", host),
        ("X-Original-URI", uri),
        *more,
        host="gateway:8080",
        peer=peer,
        request_id=request_id,
        client_address=client,
    )
    return msgspec.structs.replace(said, section_cache=SectionCache())


def answered(question: Inbound, known: SessionState, table: RouteTable, trust: Trust = TRUST) -> Step:
    """Have a question answered."""
    found = original(question, table, trust)
    return found if isinstance(found, Answer) else step(found, known, NOON, table)


def every_question() -> Iterator[Inbound]:
    """Questions that differ in one thing or several."""
    more: tuple[tuple[tuple[str, str], ...], ...] = (
        (),
        (("Cookie", "__Host-sekisho=a; app=1"),),
        (("Cookie", "__Host-sekisho=b; app=2"),),
        (("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")),
        (("X_Verified_Subject", "jiro"),),
        (("X-Original-URI", "/other"),),
    )
    places = ("app.gw.test", "other.gw.test")
    for uri, method, fields, host in product(("/reserve", "/reserve?a=1", "/%2e"), ("GET", "POST"), more, places):
        yield asked(uri, *fields, method=method, host=host)
    yield asked(peer="10.0.0.3")
    yield asked(client="203.0.113.9")


def test_a_remembered_question_is_answered_as_if_it_were_new() -> None:
    """A table that knows many questions answers as one that knows none."""
    people: list[SessionState] = [
        Found(session()),
        NoTicket(),
        Found(session(identity("jiro"), pseudonym="p-jiro")),
        Gone(),
        Unread(Ticket("a" * 43)),
    ]
    warm = here()
    for _ in range(2):
        for question, known in product(every_question(), people):
            assert answered(question, known, warm) == answered(question, known, here()), (question, known)
    assert warm.questions
    assert warm.question_rules


def test_each_person_gets_her_own_facts() -> None:
    """The same question, under one cookie's name, for two sessions in turn."""
    table = here()
    hanako, jiro = Found(session()), Found(session(identity("jiro"), pseudonym="p-jiro"))

    for known, name in ((hanako, b"hanako"), (jiro, b"jiro"), (hanako, b"hanako"), (jiro, b"jiro")):
        answer = answered(asked(), known, table)
        assert isinstance(answer, Answer)
        assert dict(answer.headers)[b"X-Verified-Subject"] == name
        assert b"X-Verified-Subject: %b\r\n" % name in answer.lines
        assert answer.pseudonym == f"p-{name.decode()}"


def test_an_ended_session_is_asked_to_sign_in() -> None:
    """The yes before it is no answer to the next question."""
    table = here()
    assert _status(answered(asked(), Found(session()), table)) == 200

    assert _status(answered(asked(), Gone(), table)) == 401
    assert _status(answered(asked(), NoTicket(), table)) == 401
    assert isinstance(answered(asked(), Unread(Ticket("a" * 43)), table), NeedSession)


def test_a_changed_policy_holds_at_once() -> None:
    """A reload makes another table, which knows no question; a session keeps no permit of the policy before."""
    known = Found(session())
    assert _status(answered(asked(), known, here())) == 200

    refusing = here(FixedRule(somebody=Deny(RULE, (Reason(ReasonKind.CONDITION_NO, "adult"),))))

    assert _status(answered(asked(), known, refusing)) == 403


def test_a_verdict_that_is_over_is_made_anew() -> None:
    """The remembered head belongs to that verdict alone: a token or a fact in it may be another one."""
    rule = FixedRule(nobody=SIGN_IN, somebody=HANAKO, until=NOON + 1)
    table = here(rule)
    known = Found(session())
    first = original(asked(), table, TRUST)
    assert isinstance(first, Inbound)
    step(first, known, NOON, table)
    rule._somebody = JIRO

    later = step(first, known, NOON + 2, table)

    assert isinstance(later, Answer)
    assert dict(later.headers)[b"X-Verified-Subject"] == b"jiro"


def test_what_is_remembered_of_questions_lets_no_direct_request_pass() -> None:
    """The application is reached through the other proxy alone, by what was remembered, too."""
    table = here()
    for _ in range(3):
        assert _status(answered(asked(), Found(session()), table)) == 200

    direct = msgspec.structs.replace(inbound("/reserve"), section_cache=SectionCache())

    assert table.question_rules
    assert not table.rule_cache
    assert _status(step(direct, Found(session()), NOON, table)) == 421


def test_a_rule_that_was_remembered_of_requests_answers_no_question() -> None:
    """An App that we proxy is not asked about."""
    table = here(mode=Mode.PROXY)
    direct = msgspec.structs.replace(inbound("/reserve"), section_cache=SectionCache())
    for _ in range(2):
        assert isinstance(step(direct, Found(session()), NOON, table), Forward)
    assert table.rule_cache

    answer = answered(asked(), Found(session()), table)

    assert isinstance(answer, Answer)
    assert (answer.status, answer.reason) == (403, "forward_auth_mode")


def test_a_peer_that_is_not_listed_gets_nothing_of_what_another_asked() -> None:
    """It is believed in no field; nor is the listed one any more, once it is taken off the list."""
    table = here()
    assert _status(answered(asked(), Found(session()), table)) == 200

    for question, trust in ((asked(peer="10.0.0.9"), TRUST), (asked(), Trust([]))):
        answer = answered(question, Found(session()), table, trust)
        assert isinstance(answer, Answer)
        assert (answer.status, answer.reason) == (403, "forward_auth_peer")


def test_each_question_has_an_id_of_its_own() -> None:
    """The application's log and ours name one request alike."""
    table = here()

    for number in ("1" * 16, "2" * 16):
        answer = answered(asked(request_id=number), Found(session()), table)
        assert isinstance(answer, Answer)
        assert dict(answer.headers)[b"X-Request-Id"] == number.encode()
        assert b"X-Request-Id: %b\r\n" % number.encode() in answer.lines


def test_the_rendered_head_is_the_fields() -> None:
    """The listener sends the very fields of the answer."""
    table = here()
    for known in (Found(session()), Found(session(identity("jiro")))):
        answer = answered(asked("/reserve", ("Cookie", "app=1; __Host-sekisho=a")), known, table)
        assert isinstance(answer, Answer)
        lines = sorted(answer.lines.split(b"\r\n")[:-1])
        assert lines == sorted(b"%b: %b" % field for field in answer.headers)


def test_questions_do_not_fill_the_memory() -> None:
    """A client can make up targets and fields: the number is bounded, and a long one is not kept."""
    table = here()
    for number in range(MEMO_SIZE + 10):
        original(asked(f"/{number}"), table, TRUST)
    assert len(table.questions) <= MEMO_SIZE

    before = len(table.questions)
    assert _status(answered(asked("/long", ("X-Long", "x" * LONGEST_KNOWN)), Found(session()), table)) == 200
    assert len(table.questions) == before


@pytest.mark.parametrize("field", ["X-Original-Method", "X-Original-Scheme", "X-Original-Host", "X-Original-URI"])
def test_a_second_word_beside_a_remembered_question_is_refused(field: str) -> None:
    """The proxy may have forwarded by the other one."""
    table = here()
    assert _status(answered(asked(), Found(session()), table)) == 200

    assert _status(answered(asked("/reserve", (field, "GET")), Found(session()), table)) == 403


def _status(found: Step) -> int:
    assert isinstance(found, Answer), found
    return found.status
