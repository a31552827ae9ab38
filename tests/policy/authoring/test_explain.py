"""`explain` judges as the gateway does, and says how it came about."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from random import Random

from gateway.identity import AccountKind, Acting, Birthdate, Identity, Role, Scope
from gateway.policy.authoring.explain import Fit, as_values, explain, say_explanation
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy, no_rule_fits
from gateway.policy.example import make_inbound
from gateway.policy.reading.parse import load_policy
from gateway.policy.reading.parse_examples import moment_of
from gateway.policy.verdict import Truth
from gateway.yaml.mistakes import Language, Mistakes
from tests.policy.random_cases import NOW, policy_of, random_moment, random_person, random_request, random_rules

POLICIES = Path(__file__).parents[3] / "policies"


def person(**facts: object) -> Identity:
    return Identity("client", "subject", NOW, frozenset(Scope), **facts)  # type: ignore[arg-type]


def test_explain_and_the_gateway_agree_on_ten_thousand_requests() -> None:
    """The same verdict; and the rule found by looking at each alone is the one the gateway's tree finds."""
    random = Random(20261123)
    for _ in range(200):
        compiled = CompiledPolicy(policy_of(*random_rules(random))).within(
            Surroundings({"disaster": inf} if random.random() < 0.5 else {})
        )
        for _ in range(50):
            inbound = make_inbound(*random_request(random))
            who, now = random_person(random), random_moment(random)
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
        "  1. a: does not fit (the path is different)",
        "  2. b: fits (path, method and all else fit)",
        "  3. c: not asked (an earlier rule has decided)",
        "conditions",
        "  both: no (asked: all of “adult”, “here” hold)",
        "    adult: no (asked: is at least 18, from the birthday)",
        "    here: yes (asked: the card's address is in 東京都渋谷区, 神奈川県横浜市)",
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
    because = "no birthdate was given, or it was unreadable"
    assert values["conditions"] == [{"name": "adult", "says": "unknown", "depth": 0, "because": because}]


def test_a_path_that_servers_read_in_two_ways_is_explained() -> None:
    """The rule that would be the rule, and the reading by which it is not."""
    policy = CompiledPolicy(
        policy_of(
            "name: a, match: {path: /x/**}, require: [adult]", "name: b, match: {path: /open/**}, allow: everyone"
        )
    )

    explanation = explain(policy, make_inbound("GET", "/open/.. /x/1"), None, NOW)

    assert [(trace.name, trace.fit) for trace in explanation.rules] == [
        ("a", Fit.DOES_NOT),
        ("b", Fit.CANNOT_BE_TOLD),
    ]
    assert "read the path as `/x/1`" in explanation.rules[1].because.en
    assert as_values(explanation)["reasons"] == [{"kind": "ambiguous_path", "name": "", "sentence": {}}]


def test_a_site_that_forms_come_back_from_is_explained() -> None:
    """Somebody who looks for a payment that did not arrive asks about the POST."""
    policy = policy_of("name: r, match: {path: /pay}, allow: signed_in, returns_from: https://pay.example")

    explanation = explain(CompiledPolicy(policy), make_inbound("POST", "/pay"), None, 0.0)

    assert "a form that comes back from https://pay.example is sent" in say_explanation(explanation, Language.EN)
    assert "https://pay.example から戻るフォーム" in say_explanation(explanation, Language.JA)


def test_a_form_that_is_signed_is_explained() -> None:
    """A reader of the explanation learns why the form did not arrive at once."""
    policy = policy_of("name: r, match: {method: POST}, allow: signed_in, sign: {document: form, title: {ja: 申請書}}")

    explanation = explain(CompiledPolicy(policy), make_inbound("POST", "/pay"), None, 0.0)

    assert "the form is signed as “申請書”" in say_explanation(explanation, Language.EN)
    assert "「申請書」として電子署名" in say_explanation(explanation, Language.JA)
    assert as_values(explanation)["signs"] == {"ja": "申請書"}


def test_the_way_to_a_permit_says_what_is_counted_and_what_gives_it_back() -> None:
    """An author who asks about the page that cancels reads the answer that frees an entry."""
    policy = load_policy(POLICIES / "lottery.yaml", Mistakes())
    assert policy is not None
    compiled = CompiledPolicy(policy)

    def said(request: str, language: Language) -> str:
        here = person(address="広島県府中市府川町315番地")
        moment = moment_of("2026-12-05 10:00")
        assert moment is not None
        return say_explanation(explain(compiled, make_inbound("POST", request), here, moment), language)

    assert "counted: at most 1 time(s)" in said("/enter", Language.EN)
    assert "given back: when the application's answer has the status 303" in said("/cancel", Language.EN)
    assert "取消: アプリケーションの応答が「状態コードが 303" in said("/cancel", Language.JA)
    assert "counted" not in said("/cancel", Language.EN)


def test_the_account_that_a_rule_needs_is_told() -> None:
    """The gateway asks for it once the policy has said yes. A person who acts for one goes on, and a refusal stands."""
    policy = CompiledPolicy(
        policy_of(
            "name: need, match: {path: /need}, allow: signed_in, accounts: required",
            "name: may, match: {path: /may}, allow: signed_in, accounts: offered",
            "name: never, match: {path: /never}, allow: nobody",
            "name: rest, allow: everyone",
        )
    )
    member = person(acting=Acting("tennis", AccountKind.GROUP, Role.MEMBER))
    said = {
        (path, who is member): explain(policy, make_inbound("GET", path), who, NOW)
        for path in ("/need", "/may", "/never", "/rest")
        for who in (person(), member)
    }

    assert "account: needed" in say_explanation(said["/need", False], Language.EN)
    assert "アカウント: 必要" in say_explanation(said["/need", False], Language.JA)
    assert "account: offered" in say_explanation(said["/may", False], Language.EN)
    assert "account: the person acts for `tennis`" in say_explanation(said["/may", True], Language.EN)
    assert said["/never", True].account is None
    assert said["/rest", True].account is None
    assert as_values(said["/need", True])["account"] == "the person acts for `tennis`"
