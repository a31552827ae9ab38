"""Examples are tests: those of every policy in the repository pass, and a wrong one is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.policy.authoring.examples import Outcome, run_examples
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import load_policy, parse_policy
from gateway.yaml.mistakes import Language, Mistakes

POLICIES = sorted((Path(__file__).parents[3] / "policies").glob("*.yaml"))


def load(path: Path) -> Policy:
    mistakes = Mistakes()
    policy = load_policy(path, mistakes)
    assert policy is not None, mistakes.say()
    return policy


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_every_policy_of_the_repository_does_what_its_author_expects(path: Path) -> None:
    """Each has examples, each rule is the rule of one of them, and all pass."""
    policy = load(path)

    outcomes = run_examples(policy)

    assert [outcome.say() for outcome in outcomes if not outcome.passed] == []
    assert {rule.name for rule in policy.rules} <= {outcome.rule for outcome in outcomes}


def run(example: str) -> Outcome:
    mistakes = Mistakes()
    policy = parse_policy(
        "policy: p\npurpose: {ja: x}\nconditions:\n  adult: {age: {at_least: 18}}\n  night: {switch: night}\nrules:\n"
        "  - {name: shut, when: night, allow: nobody}\n"
        "  - {name: in, match: {path: /in/**}, require: [adult], signed_in_within: 5m, disclose: [adult, name], "
        "limit: {name: once a day, once: day, counted_when: {status: 303}}}\n"
        f"examples:\n  - {{title: t, at: 2026-11-23, {example}}}\n",
        mistakes,
    )
    assert policy is not None, mistakes.say()
    (outcome,) = run_examples(policy)
    return outcome


@pytest.mark.parametrize(
    "example",
    [
        "request: GET /in, expect: sign in",
        "request: GET /in, who: nobody, expect: sign in",
        "request: GET /in, who: {birthdate: 1980-01-01}, expect: allow",
        "request: GET /in, who: {birthdate: 1980-01-01}, expect: allow, told: {adult: yes, name: nothing}",
        "request: GET /in, who: {birthdate: 1980}, expect: allow",
        "request: GET /in, who: {birthdate: 1980-01-01}, signed_in: 20m ago, expect: sign in again",
        "request: GET /in, who: {birthdate: 2008-11-24}, expect: deny adult",
        "request: GET /in, who: {}, expect: deny adult",
        "request: GET /in, who: {}, expect: deny adult (unknown)",
        "request: GET /in, who: {}, expect: deny adult（不明）",
        "request: GET /out, expect: deny",
        "request: GET /in, who: {birthdate: 1980-01-01}, entries: 1, expect: deny once a day",
        "request: GET /in, switch: night, expect: deny shut",
    ],
)
def test_an_example_that_is_right_passes(example: str) -> None:
    """Every way to expect something."""
    assert run(example).passed


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("request: GET /in, expect: allow", "FAILED: t\n  verdict: expected `allow`, found `sign in`"),
        (
            "request: GET /in, who: {birthdate: 1980-01-01}, expect: allow, told: {adult: no}",
            "FAILED: t\n  told adult: expected `no`, found `yes`",
        ),
        (
            "request: GET /in, who: {birthdate: 1980-01-01}, expect: allow, told: nothing",
            "FAILED: t\n  told adult: expected `nothing`, found `yes`",
        ),
        (
            "request: GET /in, who: {birthdate: 1980-01-01, name: 山田}, expect: allow, told: {name: nothing}",
            "FAILED: t\n  told name: expected `nothing`, found `山田`",
        ),
        (
            "request: GET /in, who: {birthdate: 2010-01-01}, expect: deny",
            "FAILED: t\n  verdict: expected `deny`, found `deny adult`",
        ),
        (
            "request: GET /in, who: {}, expect: sign in",
            "FAILED: t\n  verdict: expected `sign in`, found `deny adult (unknown)`",
        ),
        ("request: GET /out, expect: deny adult", "FAILED: t\n  verdict: expected `deny adult`, found `deny`"),
        (
            "request: GET /in, who: {birthdate: 2010-01-01}, expect: deny adult (unknown)",
            "FAILED: t\n  verdict: expected `deny adult (unknown)`, found `deny adult`",
        ),
    ],
)
def test_an_example_that_is_wrong_fails_and_says_how(example: str, said: str) -> None:
    """The output has the expected and the found result; a lawyer can also test that a fact is not told."""
    assert run(example).say() == said


def test_a_failing_example_speaks_japanese() -> None:
    """For the author under a Japanese locale."""
    assert run("request: GET /in, expect: allow").say(Language.JA).endswith("判断: 期待 `allow`、実際 `sign in`")


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ("request: /in, expect: allow", "`/in` is not a request, write `GET /in`"),
        ("request: GET /in, expect: alow", "`alow` cannot be expected, did you mean `allow`?"),
        ("request: GET /in, expect: deny adlt (unknown)", "there is no condition, limit or rule `adlt`, did you mean"),
        ("request: GET /in, expect: deny adlt", "there is no condition, limit or rule `adlt`, did you mean `adult`?"),
        ("request: GET /in, expect: allow, told: {adlt: yes}", "unknown key `adlt`, did you mean `adult`?"),
        ("request: GET /in, expect: allow, who: somebody", "expected facts, or `nobody`, found `somebody`"),
        ("request: GET /in, expect: allow, who: {birthdate: 昭和}", "`昭和` is not a birthdate"),
        (
            "request: GET /in, expect: allow, who: {brithdate: 1980-01-01}",
            "unknown key `brithdate`, did you mean `birthdate`?",
        ),
        ("request: GET /in, expect: allow, signed_in: 20 minutes", "`20 minutes` is not the time since a sign-in"),
        ("request: GET /in, expect: allow, from: office", "`office` is not an address"),
        ("expect: allow", "`request` is missing in an example"),
    ],
)
def test_a_mistake_in_an_example_is_named(example: str, said: str) -> None:
    """An example that cannot be read proves nothing, so it is refused like any other mistake."""
    mistakes = Mistakes()

    policy = parse_policy(
        "policy: p\npurpose: {ja: x}\nconditions:\n  adult: {age: {at_least: 18}}\n"
        f"rules:\n  - {{name: r, require: [adult]}}\nexamples:\n  - {{title: t, at: 2026-11-23, {example}}}\n",
        mistakes,
    )

    assert policy is None
    assert said in mistakes.say()


def test_an_example_about_days_says_its_day() -> None:
    """An example that passes today and fails next year is useless."""
    mistakes = Mistakes()
    text = (
        "policy: p\npurpose: {ja: x}\nconditions:\n  adult: {age: {at_least: 18}}\n"
        "rules:\n  - {name: r, require: [adult]}\nexamples:\n  - {title: t, request: GET /, expect: sign in}\n"
    )

    parse_policy(text, mistakes)

    assert "`at` is missing in an example" in mistakes.say()
    assert parse_policy(text.replace("age: {at_least: 18}", "residence: {in: [東京都]}"), Mistakes()) is not None
