"""The representatives by which two policies are told apart."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from gateway.identity import Birthdate, Identity, Scope
from gateway.instant import Instant, tokyo_day
from gateway.policy.authoring.worlds import Kinds, arounds, kinds_of, people, surroundings_in
from gateway.policy.conditions import Context, Needs, Surroundings
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.subject_code import show_code, subject_code
from gateway.yaml.mistakes import Mistakes
from tests.policy.random_cases import NOW


def read(conditions: str) -> Policy:
    mistakes = Mistakes()
    rules = "rules:\n  - {name: r, allow: everyone}\n"
    policy = parse_policy(f"policy: p\nconditions:\n{conditions}{rules}", mistakes)
    assert policy is not None, mistakes.say()
    return policy


def answers(policy: Policy, birth: Birthdate | None, now: Instant = NOW) -> tuple[str, ...]:
    who = Identity("client", "subject", NOW, frozenset(Scope), birthdate=birth)
    context = Context(who, now, "", Surroundings())
    return tuple(condition.test.ask(context).truth.value for condition in policy.conditions.values())


AGES = [
    "  a: {age: {at_least: 18}}\n",
    "  a: {age: {at_least: 65, counted_from: eve}}\n",
    "  a: {age: {below: 15, counted_from: next_april}}\n",
    "  a: {age: {in: [40, 45, 50]}}\n",
    "  a: {age: {at_least: 18, on: 2027-04-11}}\n",
    "  a: {born: {from: 2006-04-02, until: 2006-04-09}}\n",
    "  a: {age: {at_least: 18}}\n  b: {age: {at_least: 20, below: 25}}\n  c: {born: {until: 1986-12-31}}\n",
]


@pytest.mark.parametrize("conditions", AGES)
def test_every_birthdate_of_a_century_has_its_representative(conditions: str) -> None:
    """No day of birth gets answers that no representative gets."""
    policy = read(conditions)
    found = {answers(policy, birth) for birth in kinds_of([policy], NOW).births}
    day = tokyo_day(NOW)

    for number in range(0, 365 * 101, 5):
        born = day - timedelta(days=number)
        assert answers(policy, Birthdate(born.year, born.month, born.day)) in found, born


@pytest.mark.parametrize(
    ("conditions", "truths"),
    [
        ("  a: {born: {from: 0001-01-01, until: 9999-12-31}}\n", {"yes", "unknown"}),
        ("  a: {dates: {from: 0001-01-01, until: 9999-12-31}}\n", {"yes"}),
        ("  a: {dates: {until: 9999-12-31, hours: {from: 22:00, until: 2:00}}}\n", {"yes", "no"}),
        ("  a: {dates: {from: 2026-12-01 10:00, until: 9999-12-31}}\n", {"no", "yes"}),
        ("  a: {age: {at_least: 150, on: 9999-12-31, counted_from: next_april}}\n", {"yes", "unknown"}),
    ],
)
def test_a_period_may_reach_both_ends_of_the_calendar(conditions: str, truths: set[str]) -> None:
    """An office writes 9999-12-31 where a right never ends: each kind of person and each moment has its answer."""
    policy = read(conditions)
    kinds = kinds_of([policy], NOW)

    found = {answers(policy, birth, moment) for birth in kinds.births for moment in kinds.moments}

    assert found == {(truth,) for truth in truths}


def test_the_representative_stands_at_the_edge() -> None:
    """The youngest who is not of age is born on the day after the birthday."""
    births = kinds_of([read("  a: {age: {at_least: 18}}\n")], NOW).births
    assert Birthdate(2008, 11, 24) in births


def test_two_policies_share_their_kinds() -> None:
    """A person of 17 is one kind for both policies' ages, 16 and 18."""
    births = kinds_of([read("  a: {age: {at_least: 18}}\n"), read("  a: {age: {at_least: 16}}\n")], NOW).births
    known = [birth for birth in births if birth is not None and birth.exact is not None]
    assert len(known) == 4, "above 18, between, below 16, not born yet"


def test_hours_days_and_holidays_have_their_moments() -> None:
    """Both sides of an hour, and a holiday within the year."""
    policy = read("  a: {dates: {hours: {from: 9:00, until: 17:00}}}\n  b: {dates: {days: [祝日]}}\n")
    seen = {
        tuple(c.test.ask(Context(None, moment, "", Surroundings())).truth.value for c in policy.conditions.values())
        for moment in kinds_of([policy], NOW).moments
    }
    assert seen == {("yes", "no"), ("no", "no"), ("yes", "yes"), ("no", "yes")}


def test_a_fact_that_no_rule_looks_at_stays_as_it_is() -> None:
    """Otherwise every page would be tried with every birthdate."""
    kinds: Kinds = kinds_of([read("  a: {age: {at_least: 18}}\n  b: {residence: {in: [横浜市]}}\n")], NOW)

    (around,) = arounds(kinds, Needs())
    by_age = Needs(person=True, scopes=frozenset({Scope.BIRTHDATE}))

    assert [world.person is None for world in people(kinds, around, Needs(), frozenset(), 1000)] == [True, False]
    assert len(list(people(kinds, around, by_age, frozenset(), 1000))) == 1 + len(kinds.births)
    assert len(list(people(kinds, around, Needs(), frozenset(Scope), 3))) == 1 + 3


def test_what_rules_see_of_the_surroundings_is_what_they_need() -> None:
    """A rule without a clock meets the same world in the morning and in the evening."""
    policy = read(
        "  a: {dates: {hours: {from: 9:00, until: 17:00}}}\n  b: {switch: storm}\n  c: {network: [192.0.2.0/24]}\n"
    )
    kinds = kinds_of([policy], NOW)

    assert len(list(arounds(kinds, Needs()))) == 1
    assert len(list(arounds(kinds, Needs(clock=True)))) == 2
    assert len(list(arounds(kinds, Needs(clock=True, request=True, switches=frozenset({"storm"}))))) == 12
    assert {world.seen_by(Needs()) for world in arounds(kinds, Needs(clock=True))} == {(None, None, None)}


def test_a_person_of_a_list_is_on_it(tmp_path: Path) -> None:
    """The representative's subject is the code that the list has."""
    code = show_code(subject_code("client", "somebody"))
    (tmp_path / "list.yaml").write_text(f"count: 1\nentries:\n  - {{subject: {code}}}\n", encoding="utf-8")
    text = "policy: p\nconditions:\n  a: {subject: {in: list.yaml}}\nrules:\n  - {name: r, allow: everyone}\n"
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes, folder=tmp_path)
    assert policy is not None, mistakes.say()
    kinds = kinds_of([policy], NOW)
    (around,) = arounds(kinds, Needs())

    answers = [
        policy.conditions["a"]
        .test.ask(Context(world.person, world.now, "", surroundings_in(world, policy)))
        .truth.value
        for world in people(kinds, around, Needs(lists=frozenset(policy.lists)), frozenset(), 9)
    ]

    assert answers == ["unknown", "no", "yes"]


def test_random_moments_have_their_representative() -> None:
    """A season, its hours and its days of the week together."""
    policy = read("  a: {dates: {from: 12-01, until: 01-10, hours: {from: 10:00, until: 16:30}, days: [mon, wed]}}\n")
    test = policy.conditions["a"].test
    kinds = {test.ask(Context(None, m, "", Surroundings())).truth for m in kinds_of([policy], NOW).moments}
    random = Random(7)
    for _ in range(2000):
        moment = NOW + random.randint(0, 360 * 86400)
        assert test.ask(Context(None, moment, "", Surroundings())).truth in kinds
    assert date(2026, 11, 23) == tokyo_day(NOW)
