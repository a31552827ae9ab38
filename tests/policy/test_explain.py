"""`explain` judges as the gateway does, and says how it came about."""

from __future__ import annotations

import json
from math import inf
from random import Random

from gateway.identity import Birthdate, Identity, Scope
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy, no_rule_fits
from gateway.policy.examples import make_inbound
from gateway.policy.explain import Fit, as_values, explain, say_explanation
from gateway.policy.parse import parse_policy
from gateway.policy.parse_examples import moment_of
from gateway.policy.policy import Policy, Truth
from gateway.yaml_files import Language, Mistakes

NOW = moment_of("2026-11-23 12:00") or 0.0

CONDITIONS = """\
policy: p
purpose: {ja: 予約のため}
conditions:
  adult: {age: {at_least: 18}, if_not: {ja: 18歳以上の方}}
  child: {not: adult}
  here: {residence: {in: [東京都渋谷区, 横浜市]}}
  either: {any: [child, here]}
  both: {all: [adult, here]}
  office: {network: [192.0.2.0/24]}
  away: {not: office}
  open: {dates: {from: 11-20, until: 12-10, hours: {from: 9:00, until: 17:00}}}
  emergency: {switch: disaster}
rules:
"""


def policy_of(*rules: str) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(CONDITIONS + "".join(f"  - {{{rule}}}\n" for rule in rules), mistakes)
    assert policy is not None, mistakes.say()
    return policy


def person(**facts: object) -> Identity:
    return Identity("client", "subject", NOW, frozenset(Scope), **facts)  # type: ignore[arg-type]


def random_policy(random: Random) -> Policy:
    """Return some rules that make sense, in a random order."""
    names = ["adult", "child", "here", "either", "both", "office", "away", "open", "emergency"]
    rules = []
    for number in range(random.randint(1, 8)):
        parts = [f"name: r{number}"]
        match = []
        if random.random() < 0.8:
            paths = random.sample(["/", "/a", "/a/**", "/a/*", "/b/**", "/**", "/*/c"], random.randint(1, 2))
            match.append(f"path: [{', '.join(paths)}]")
        if random.random() < 0.4:
            match.append(f"method: {random.choice(['GET', 'POST', '[GET, HEAD]'])}")
        if random.random() < 0.3:
            match.append(f"query: {{{random.choice(['do', 'act'])}: {random.choice(['x', '[x, y]'])}}}")
        if match:
            parts.append(f"match: {{{', '.join(match)}}}")
        if random.random() < 0.4:
            parts.append(f"when: {random.choice(['office', 'away', 'open', 'emergency'])}")
        kind = random.choice(["everyone", "signed_in", "nobody", "require", "require", "require"])
        if kind == "require":
            parts.append(f"require: [{', '.join(random.sample(names, random.randint(1, 3)))}]")
        else:
            parts.append(f"allow: {kind}")
        if kind in ("signed_in", "require") and random.random() < 0.3:
            parts.append("signed_in_within: 5m")
        if kind != "nobody" and random.random() < 0.6:
            parts.append(
                f"disclose: [{', '.join(random.sample(['subject', 'name', 'age', 'town', 'here', 'either'], 2))}]"
            )
        rules.append(", ".join(parts))
    return policy_of(*rules)


def random_person(random: Random) -> Identity | None:
    if random.random() < 0.25:
        return None
    asked = frozenset({Scope.OPENID, *random.sample(sorted(Scope), random.randint(0, 5))})
    year = random.randint(1930, 2025)
    birthdate = random.choice([Birthdate(year, random.randint(1, 12), random.randint(1, 28)), Birthdate(year), None])
    address = random.choice(["東京都渋谷区神南1-1-1", "横浜市中区本町1-1", "府中市1-1", "大阪市北区1", None])
    return Identity(
        "client",
        "subject",
        NOW - random.choice([0, 200, 400]),
        asked,
        birthdate=birthdate if Scope.BIRTHDATE in asked else None,
        address=address if Scope.ADDRESS in asked else None,
    )


def test_explain_and_the_gateway_agree_on_ten_thousand_requests() -> None:
    """The same verdict; and the rule found by looking at each alone is the one the gateway's tree finds."""
    random = Random(20261123)
    for _ in range(200):
        compiled = CompiledPolicy(random_policy(random)).within(
            Surroundings({"disaster": inf} if random.random() < 0.5 else {})
        )
        for _ in range(50):
            path = random.choice(["/", "/a", "/a/", "/a/b", "/a/c", "/b", "/b/x/y", "/c", "/x/c"])
            query = random.choice([None, "do=x", "do=y&act=x", "do=x&do=y", "act=x;do=x", "other=1"])
            client = random.choice(["192.0.2.7", "198.51.100.1", ""])
            inbound = make_inbound(random.choice(["GET", "POST", "HEAD"]), path, query, client)
            who, now = random_person(random), NOW + random.randint(-30 * 96, 30 * 96) * 900
            rule = compiled.fitting(inbound, now)
            expected = no_rule_fits() if rule is None else rule.decide(inbound, who, now).verdict

            explanation = explain(compiled, inbound, who, now)

            assert explanation.verdict == expected
            named = next(
                (trace.name for trace in explanation.rules if trace.fit in (Fit.FITS, Fit.CANNOT_BE_TOLD)), None
            )
            assert named == (None if rule is None else rule.id.rule)


def test_the_way_to_a_refusal_is_told() -> None:
    """Each rule, each condition and what it is made of, and the sentence."""
    policy = CompiledPolicy(
        policy_of("name: a, match: {path: /x}, allow: everyone", "name: b, require: [both]", "name: c, allow: everyone")
    )
    who = person(birthdate=Birthdate(2010, 1, 1), address="横浜市中区1-1")

    explanation = explain(policy, make_inbound("GET", "/y"), who, NOW)

    assert [(trace.name, trace.fit) for trace in explanation.rules] == [
        ("a", Fit.DOES_NOT),
        ("b", Fit.FITS),
        ("c", Fit.NOT_ASKED),
    ]
    assert [(trace.name, trace.truth, trace.depth) for trace in explanation.conditions] == [
        ("both", Truth.NO, 0),
        ("adult", Truth.NO, 1),
        ("here", Truth.YES, 1),
    ]
    assert say_explanation(explanation, Language.EN).splitlines() == [
        "rules",
        "  1. a: does not fit (the path is another)",
        "  2. b: fits (path, method and all else fit)",
        "  3. c: not asked (an earlier rule is the rule)",
        "conditions",
        "  both: no (all of “adult”, “here” hold)",
        "    adult: no (is at least 18)",
        "    here: yes (the card's address is in 東京都渋谷区, 神奈川県横浜市)",
        "verdict: deny both",
    ]


def test_what_would_be_asked_and_told_is_told() -> None:
    """Before sign-in what the card is asked for; after it what the application learns."""
    policy = CompiledPolicy(policy_of("name: a, require: [adult], disclose: [age, here]"))

    before = explain(policy, make_inbound("GET", "/"), None, NOW)
    after = explain(policy, make_inbound("GET", "/"), person(birthdate=Birthdate(1986, 4, 1)), NOW)

    assert "求める項目: 住所、生年月日" in say_explanation(before, Language.JA)
    assert say_explanation(after, Language.JA).endswith("アプリケーションに伝わること\n  age: 40")


def test_the_same_as_json() -> None:
    """For other tools; every value is plain."""
    policy = CompiledPolicy(policy_of("name: a, require: [adult]"))

    values = json.loads(json.dumps(as_values(explain(policy, make_inbound("GET", "/"), person(), NOW))))

    assert values["rule"] == "a"
    assert values["verdict"] == "deny"
    assert values["reasons"] == [{"kind": "condition_unknown", "name": "adult", "sentence": {"ja": "18歳以上の方"}}]
    assert values["conditions"] == [{"name": "adult", "says": "unknown", "depth": 0}]
