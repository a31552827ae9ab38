"""The cost of a decision without any cache: `python -m benchmarks.decide`.

Processor microseconds for finding the rule and deciding, per request: a 100-rule policy, residents and
ages, known and new paths; and the same beside 20 policies of other Apps, which must make no difference.
The best of several rounds: what else the machine does can only add.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

from gateway.identity import Birthdate, Identity, Scope
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import make_inbound
from gateway.policy.reading.parse import parse_policy
from gateway.request.inbound import Inbound
from gateway.yaml.mistakes import Mistakes

RULES = 100
OTHER_APPS = 20
REQUESTS = 10_000
ROUNDS = 7

HEAD = """\
policy: {name}
purpose: {{ja: 計測のため}}
conditions:
  adult: {{age: {{at_least: 18}}}}
  here: {{residence: {{in: [東京都渋谷区]}}}}
rules:
"""
RULE = "  - {{name: r{n}, match: {{path: /area{n}/**}}, require: [adult, here], disclose: [subject, here]}}\n"


def policy_of(name: str, rules: int) -> CompiledPolicy:
    """Return a policy with so many rules."""
    mistakes = Mistakes()
    policy = parse_policy(HEAD.format(name=name) + "".join(RULE.format(n=n) for n in range(rules)), mistakes)
    if policy is None:
        raise ValueError(mistakes.say())
    return CompiledPolicy(policy)


def best(work: Callable[[], None]) -> float:
    """Return the least processor microseconds a request took, of several rounds."""
    found = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        found.append((time.process_time() - begun) / REQUESTS * 1e6)
    return min(found)


def deciding(policy: CompiledPolicy, requests: Sequence[Inbound], people: Sequence[Identity], now: float) -> None:
    """Judge each request of each person in turn."""
    for inbound, person in zip(requests, people, strict=True):
        rule = policy.fitting(inbound, now)
        if rule is not None:
            rule.decide(inbound, person, now)


def measure() -> dict[str, float]:
    """Return microseconds by what was measured."""
    now = time.time()
    people = [
        Identity(
            "client",
            f"subject-{number}",
            now,
            frozenset(Scope),
            address=f"東京都渋谷区神南1-1-{number}",
            birthdate=Birthdate(1960 + number % 40, 1 + number % 12, 1 + number % 28),
        )
        for number in range(300)
    ]
    many = [people[number % len(people)] for number in range(REQUESTS)]
    known = [make_inbound("GET", f"/area{number % RULES}/page") for number in range(REQUESTS)]
    new = [make_inbound("GET", f"/area{number % RULES}/{number}/" + "x" * 200) for number in range(REQUESTS)]
    alone = policy_of("p", RULES)
    one, first = policy_of("one", 1), [known[0]] * REQUESTS
    found = {
        "known_path": best(lambda: deciding(alone, known, many, now)),
        "new_path": best(lambda: deciding(alone, new, many, now)),
        "one_rule": best(lambda: deciding(one, first, many, now)),
    }
    others = [policy_of(f"other-{number}", RULES) for number in range(OTHER_APPS)]
    found["beside_other_apps"] = best(lambda: deciding(alone, known, many, now))
    del others
    return found


if __name__ == "__main__":
    print(json.dumps({name: round(value, 2) for name, value in measure().items()}))
