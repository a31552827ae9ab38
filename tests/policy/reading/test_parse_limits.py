"""The limits of a policy, and the answer that gives an entry back."""

import pytest

from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import GivesBack, Limit, Once
from gateway.yaml.mistakes import Mistakes

COUNTED = "limit: {name: draw, once: ever, counted_when: {status: 303, location: /entered}}"
NAMED = "limit: {name: draw, once: ever, counted_when: {status: 303, header: X-Entry}}"


def read(*rules: str) -> tuple[Policy | None, list[str]]:
    """Read a policy of these rules, each given by its keys beside name and allow."""
    lines = [f"  - {{name: r{number}, allow: signed_in, {keys}}}\n" for number, keys in enumerate(rules)]
    mistakes = Mistakes()
    policy = parse_policy("policy: p\nrules:\n" + "".join(lines), mistakes)
    return policy, [str(mistake).partition(": ")[2] for mistake in mistakes]


def test_an_answer_that_gives_back_names_a_limit_of_the_policy() -> None:
    """By a redirect, by a header, or by both; the rule that counts may come later."""
    policy, said = read(
        "gives_back: {limit: draw, when: {status: [302, 303], location: /cancelled}}",
        COUNTED,
        "gives_back: {limit: draw, when: {header: X-Entry-Cancelled}}",
    )

    assert said == []
    assert policy is not None
    draw = Limit("draw", Once.EVER, frozenset({303}), "/entered")
    assert [rule.gives_back for rule in policy.rules] == [
        GivesBack(draw, frozenset({302, 303}), "/cancelled"),
        None,
        GivesBack(draw, header="x-entry-cancelled"),
    ]


def test_a_limit_may_have_its_entries_named() -> None:
    """The header's name is kept as fields are compared."""
    policy, said = read(NAMED, "gives_back: {limit: draw, when: {header: X-Cancelled}}")

    assert said == []
    assert policy is not None
    assert policy.rules[0].limit is not None
    assert policy.rules[0].limit.header == "x-entry"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            COUNTED,
            "gives_back: {limit: drow, when: {header: X-C}}",
            "no rule has the limit `drow`, write one",
        ),
        (
            "audit: true",
            "gives_back: {limit: draw, when: {header: X-C}}",
            "no rule has the limit `draw`, write the `limit` at the rule that counts",
        ),
        (COUNTED, "gives_back: {limit: draw}", "`when` is missing in `gives_back`"),
        (COUNTED, "gives_back: {when: {header: X-C}}", "`limit` is missing in `gives_back`"),
        (COUNTED, "gives_back: {limit: draw, when: {}}", "nothing here says that an entry was cancelled"),
        (
            COUNTED,
            "gives_back: {limit: draw, when: {location: /cancelled}}",
            "nothing here says that an entry was cancelled",
        ),
        (COUNTED, "gives_back: {limit: draw, when: {status: 502}}", "`502` is not a status, write 200 to 499"),
        (COUNTED, "gives_back: {limit: draw, when: {header: Set-Cookie}}", "browsers need `Set-Cookie`"),
        (COUNTED, "gives_back: {limit: draw, when: {header: X Cancelled}}", "`X Cancelled` is no name of a header"),
        (COUNTED, "gives_back: {limit: draw, when: {header: X-取消}}", "`X-取消` is no name of a header"),
        (
            COUNTED,
            "gives_back: {limit: draw, when: {status: 303, location: cancelled}}",
            "`cancelled` does not begin with `/`",
        ),
        (NAMED, "gives_back: {limit: draw, when: {status: 303}}", "the entries of `draw` have names"),
        (
            COUNTED + ", gives_back: {limit: draw, when: {header: X-C}}",
            "audit: true",
            "this rule counts and gives back the limit `draw`",
        ),
        (COUNTED, NAMED.replace("}}", ", location: /entered}}"), "the limit `draw` counts differently in another rule"),
        (COUNTED, "gives_back: {limit: draw, when: {header: X-C}, if_over: x}", "unknown key `if_over`"),
    ],
)
def test_what_could_give_back_the_wrong_entry_is_a_mistake(first: str, second: str, said: str) -> None:
    """One that names nothing, or that no answer of the application's own can say."""
    policy, mistakes = read(first, second)

    assert policy is None
    assert len(mistakes) == 1
    assert said in mistakes[0]


@pytest.mark.parametrize("who", ["allow: everyone", "allow: nobody"])
def test_only_a_rule_with_a_person_gives_back(who: str) -> None:
    """Nobody else has an entry."""
    mistakes = Mistakes()
    parse_policy(
        f"policy: p\nrules:\n  - {{name: a, allow: signed_in, {COUNTED}}}\n"
        f"  - {{name: b, {who}, gives_back: {{limit: draw, when: {{header: X-C}}}}}}\n",
        mistakes,
    )

    assert ["`gives_back` has no effect" in str(mistake) for mistake in mistakes] == [True]
