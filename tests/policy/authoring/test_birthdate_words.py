"""The birthdates that pass, as an official reads them beside her notice."""

from datetime import date

import pytest

from gateway.policy.age import AgeRange
from gateway.policy.authoring.birthdate_words import say_birthdates
from gateway.policy.conditions import Age, Condition
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.yaml.mistakes import Language, Mistakes

TODAY = date(2026, 11, 23)


def policy_of(condition: str) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(
        f"policy: p\nconditions:\n  条件: {condition}\nrules:\n  - {{name: all, allow: signed_in}}\n", mistakes
    )
    assert policy is not None, mistakes.say()
    return policy


@pytest.mark.parametrize(
    ("condition", "japanese", "english"),
    [
        (
            "{age: {at_least: 18}}",
            ["    2008-11-23（平成20年11月23日・18歳） 以前に生まれた方"],
            ["    born on 2008-11-23 (18 years) or earlier"],
        ),
        (
            "{age: {at_least: 65, counted_from: eve}}",
            ["    1961-11-24（昭和36年11月24日・64歳） 以前に生まれた方"],
            ["    born on 1961-11-24 (64 years) or earlier"],
        ),
        (
            "{age: {below: 18}}",
            ["    2008-11-24（平成20年11月24日・17歳） 以後に生まれた方"],
            ["    born on 2008-11-24 (17 years) or later"],
        ),
        (
            "{age: {in: [40, 45]}}",
            [
                "    1980-11-24（昭和55年11月24日・45歳） から 1981-11-23（昭和56年11月23日・45歳） までに生まれた方",
                "    1985-11-24（昭和60年11月24日・40歳） から 1986-11-23（昭和61年11月23日・40歳） までに生まれた方",
            ],
            [
                "    born from 1980-11-24 (45 years) to 1981-11-23 (45 years)",
                "    born from 1985-11-24 (40 years) to 1986-11-23 (40 years)",
            ],
        ),
        (
            "{born: {from: 1989-01-07, until: 2019-05-01}}",
            ["    1989-01-07（昭和64年1月7日・37歳） から 2019-05-01（令和元年5月1日・7歳） までに生まれた方"],
            ["    born from 1989-01-07 (37 years) to 2019-05-01 (7 years)"],
        ),
        ("{age: {at_least: 0}}", ["    すべての方"], ["    everybody"]),
    ],
)
def test_each_condition_of_age_has_its_birthdates(condition: str, japanese: list[str], english: list[str]) -> None:
    """Both ends, in the era's year and in the year of the file, with the age by the birthday."""
    policy = policy_of(condition)

    assert say_birthdates(policy, TODAY, Language.JA).splitlines()[2:] == japanese
    assert say_birthdates(policy, TODAY, Language.EN).splitlines()[2:] == english


def test_an_age_on_a_stated_day_says_the_day() -> None:
    """The ages beside the birthdates are those of the day of the election, not of today."""
    policy = policy_of("{age: {at_least: 18, on: 2027-04-11}}")

    said = say_birthdates(policy, TODAY, Language.JA)

    assert "（年齢は 2027-04-11 のもの）" in said
    assert "2009-04-11（平成21年4月11日・18歳） 以前" in said
    assert "(ages on 2027-04-11)" in say_birthdates(policy, TODAY, Language.EN)


def test_a_condition_that_nobody_passes_says_so() -> None:
    """A file cannot say it, and a mistake in the search must not read as everybody."""
    policy = Policy("p", (), conditions={"a": Condition("a", Age(AgeRange(18, 18)))})

    assert say_birthdates(policy, TODAY, Language.JA).splitlines()[2:] == ["    満たす方はいない"]
    assert say_birthdates(policy, TODAY, Language.EN).splitlines()[2:] == ["    nobody passes"]


def test_a_policy_without_ages_says_nothing() -> None:
    """A condition about something else has no birthdates."""
    assert say_birthdates(policy_of("{switch: 災害}"), TODAY, Language.JA) == ""
