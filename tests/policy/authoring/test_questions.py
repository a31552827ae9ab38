from __future__ import annotations

from gateway.policy.authoring.questions import read_question
from gateway.policy.example import Example
from gateway.policy.reading.parse import parse_policy
from gateway.yaml.mistakes import Mistakes

POLICY = "policy: p\nrules:\n  - {name: all, allow: signed_in}\n"


def ask(mistakes: Mistakes, who: dict[str, str] | None = None, **asked: str) -> Example | None:
    policy = parse_policy(POLICY, Mistakes())
    assert policy is not None
    return read_question(policy, mistakes, place="question", asked=asked, who=who, switches=["rain"])


def test_a_question_is_an_example_without_an_expectation() -> None:
    """Each part means what it means in an example, and an empty text is no key."""
    example = ask(Mistakes(), {"birthdate": "1986-04-01"}, request="POST /a?b=c", at="2026-11-23", entries="")

    assert example is not None
    assert (example.method, example.path, example.query) == ("POST", "/a", "b=c")
    assert example.who is not None
    assert example.who.birthdate is not None
    assert example.who.birthdate.year == 1986
    assert example.switches == ("rain",)
    assert example.entries == 0


def test_nobody_is_not_a_person_who_gave_nothing() -> None:
    """An empty table of facts is a person who has signed in."""
    nobody, somebody = ask(Mistakes(), None, request="GET /"), ask(Mistakes(), {}, request="GET /")

    assert nobody is not None
    assert nobody.who is None
    assert somebody is not None
    assert somebody.who is not None


def test_a_part_that_cannot_be_read_is_a_mistake_with_its_remedy() -> None:
    """The mistake stands also if another part is right."""
    mistakes = Mistakes()

    assert ask(mistakes, {"birthdate": "yesterday"}, request="GET /") is None
    assert [mistake.file for mistake in mistakes] == ["question"]
