"""The questions of the first hour, their defaults and their faults."""

from __future__ import annotations

import pytest

from gateway.setup.questions import (
    ASKED,
    OPTIONAL,
    Provider,
    Question,
    asked_in,
    default_of,
    fault_of,
    is_asked,
    option_of,
    town_of,
)
from gateway.yaml.mistakes import Language

POLICIES = {"library": "図書館"}


def test_every_question_has_words_in_both_languages() -> None:
    """Japanese operators read Japanese."""
    assert set(ASKED) == set(Question)
    assert all(asked_in(question, Language.EN) != asked_in(question, Language.JA) for question in Question)
    assert option_of(Question.CLIENT_ID) == "--client-id"


def test_the_emulator_needs_no_contract() -> None:
    """It gives the client a name itself, and begins on this machine without a Redis."""
    answers = {Question.PROVIDER: Provider.EMULATOR}
    assert not is_asked(Question.CLIENT_ID, answers)
    assert is_asked(Question.CLIENT_ID, {Question.PROVIDER: Provider.SANDBOX})
    assert default_of(Question.STORE, answers) == "memory"
    assert default_of(Question.URL, answers) == "http://localhost:8080"


def test_the_agencys_provider_has_no_default_for_what_only_the_city_knows() -> None:
    """A default would be a wrong answer that nobody notices."""
    answers = {Question.PROVIDER: Provider.PRODUCTION}
    assert default_of(Question.URL, answers) is None
    assert default_of(Question.CLIENT_ID, answers) is None
    assert default_of(Question.STORE, answers) == "redis://127.0.0.1:6379/0"
    assert default_of(Question.RUN, answers) == "systemd"


@pytest.mark.parametrize("question", list(Question))
def test_only_an_optional_question_can_be_passed_over(question: Question) -> None:
    """An empty answer is a fault everywhere else."""
    assert (fault_of(question, "", POLICIES) is None) == (question in OPTIONAL)


@pytest.mark.parametrize(
    ("question", "answer", "said"),
    [
        (Question.CITY, "東京都渋谷", "渋谷区"),
        (Question.CITY, "府中市", "広島県府中市"),
        (Question.CITY, "東京都", "is no municipality"),
        (Question.CITY, "横浜市中区", "is no municipality"),
        (Question.CITY, "アトランティス", "prefecture"),
        (Question.PROVIDER, "agency", "`sandbox`"),
        (Question.RUN, "docker", "`systemd`"),
        (Question.POLICY, "nothing", "`library`"),
        (Question.SERVICE, "a\x1b[2J", "cannot be printed"),
        (Question.SERVICE, "a\u202eb", "cannot be printed"),
    ],
)
def test_a_wrong_answer_is_told_with_its_remedy(question: Question, answer: str, said: str) -> None:
    """The person who answers reads the words that are good."""
    fault = fault_of(question, answer, POLICIES)
    assert fault is not None
    assert said in fault.say()
    assert fault.say(Language.JA)


@pytest.mark.parametrize(
    ("question", "answer"),
    [(Question.CITY, "岐阜県高山市"), (Question.CITY, "札幌市"), (Question.POLICY, "library"), (Question.URL, "x")],
)
def test_a_good_answer_has_no_fault(question: Question, answer: str) -> None:
    """The settings' reader judges URLs: this page has no second opinion."""
    assert fault_of(question, answer, POLICIES) is None


def test_the_town_is_the_citys() -> None:
    """A designated city as a whole counts as one."""
    assert town_of({Question.CITY: "札幌市"}).full_name == "北海道札幌市"
    with pytest.raises(ValueError, match="ambiguous"):
        town_of({Question.CITY: "府中市"})
