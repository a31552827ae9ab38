"""The workbench answers a question as the gateway decides the request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import pytest

from gateway.identity import Birthdate, Identity, Scope
from gateway.instant import TOKYO, Instant
from gateway.pipeline.outcome import Answer, Forward
from gateway.pipeline.step import step
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.request.target import Target
from gateway.route.table import RouteTable
from gateway.session.session import Found, NoTicket
from gateway.workbench.analysis import judge, question_of
from gateway.workbench.draft import Judged, WhatIf
from gateway.yaml.mistakes import Language, Mistakes
from tests.builders import inbound, route, session
from tests.policy.random_cases import random_moment, random_request, random_rules, text_of

ADDRESSES = ("", "東京都渋谷区神南1-1-1", "横浜市中区本町1-1", "府中市1-1", "大阪市北区1")


class Case(NamedTuple):
    """One question as an author types it, and as the world has it."""

    asked: WhatIf
    now: Instant
    person: Identity | None
    switches: dict[str, Instant]


def case_of(random: Random) -> Case:
    request = random_request(random)
    now = random_moment(random)
    nobody = random.random() < 0.25
    born = datetime(random.randint(1930, 2025), 1, 1, tzinfo=UTC).date() + timedelta(days=random.randint(0, 364))
    known = random.random() < 0.8
    address = random.choice(ADDRESSES)
    ago = random.choice([0, 200, 400])
    on = random.random() < 0.3
    asked = WhatIf(
        request=f"{request.method} {request.path}{'' if request.query is None else '?' + request.query}",
        at=datetime.fromtimestamp(now, TOKYO).strftime("%Y-%m-%d %H:%M:%S"),
        nobody=nobody,
        birthdate=born.isoformat() if known and not nobody else "",
        address="" if nobody else address,
        signed_in=f"{ago}s ago" if ago else "",
        client=request.client,
        switches=("disaster",) if on else (),
    )
    person = Identity(
        "RP00000001",
        "example-person",
        now - ago,
        frozenset(Scope),
        birthdate=Birthdate(born.year, born.month, born.day) if known else None,
        address=address or None,
    )
    return Case(asked, now, None if nobody else person, {"disaster": float("inf")} if on else {})


def policy_of(text: str) -> Policy:
    policy = parse_policy(text, Mistakes())
    assert policy is not None
    return policy


def gateway_says(policy: Policy, case: Case) -> tuple[str, str, dict[str, str]]:
    """Let the pipeline treat the request, and return its verdict, the rule and what the application is told."""
    method, _, target = case.asked.request.partition(" ")
    path, mark, query = target.partition("?")
    asked = inbound(
        path,
        ("Accept", "application/json"),
        method=method,
        target=Target(path, path.encode(), query.encode() if mark else None),
        client_address=case.asked.client or "198.51.100.1",
        peer=case.asked.client or "198.51.100.1",
    )
    compiled: Any = CompiledPolicy(policy, Surroundings(case.switches, policy.lists))
    held = route(compiled)
    known = NoTicket() if case.person is None else Found(session(case.person, expires_at=case.now + 3600))
    outcome = step(asked, known, case.now, RouteTable([held], "/.sekisho/"))
    match outcome:
        case Forward(permit=permit):
            return "allow", permit.rule.rule, dict(permit.disclosed)
        case Answer(verdict=verdict, rule=rule):
            return verdict, rule.rpartition("/")[2], {}
        case _:
            raise AssertionError(outcome)


def workbench_says(policy: Policy, case: Case) -> Judged:
    mistakes = Mistakes()
    example = question_of(policy, case.asked, mistakes)
    assert example is not None, mistakes.say()
    return judge(CompiledPolicy(policy), example, Language.EN, case.asked)


WORDS = {"allow": "allow", "sign_in": "challenge", "sign_in_again": "challenge", "deny": "deny"}


def compare(policies: int, questions: int, seed: int) -> dict[str, int]:
    """Compare the two for random policies, and count the verdicts that came."""
    random = Random(seed)
    seen: dict[str, int] = {}
    for _ in range(policies):
        text = text_of(*random_rules(random))
        # Each side reads the text by itself.
        mine, its = policy_of(text), policy_of(text)
        for _ in range(questions):
            case = case_of(random)
            ours, theirs = workbench_says(mine, case), gateway_says(its, case)
            assert (WORDS[ours.verdict], ours.rule, dict(ours.told)) == theirs, (text, case)
            seen[ours.verdict] = seen.get(ours.verdict, 0) + 1
    return seen


def test_the_workbench_and_the_gateway_agree() -> None:
    """For random policies, people, moments and requests, and every verdict is among them."""
    seen = compare(30, 10, 20)

    assert set(seen) == set(WORDS)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_questions_have_one_answer() -> None:
    """As above, for ten thousand."""
    seen = compare(1_000, 10, 7)

    assert min(seen[word] for word in WORDS) > 100, seen
