"""The effect of a change of policy, found before it is made."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest

from gateway.identity import Identity, Scope
from gateway.instant import Instant
from gateway.policy.authoring.effect import Comparison, EffectKind, compare
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy, FittingRule, no_rule_fits
from gateway.policy.example import make_inbound
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import Permit
from gateway.request.inbound import Inbound
from gateway.yaml.mistakes import Mistakes
from tests.policy.random_cases import NOW, policy_of, random_moment, random_person, random_request, random_rules

BASE = """policy: p
purpose: {ja: 確認のため}
conditions:
  adult: {age: {at_least: 18}}
  here: {residence: {in: [横浜市]}}
  open: {dates: {hours: {from: 9:00, until: 17:00}}}
  office: {network: [192.0.2.0/24]}
  shut: {switch: storm}
rules:
  - {name: closed, match: {path: /a/**}, when: shut, allow: nobody}
  - {name: a, match: {path: /a/**}, require: [adult, here], disclose: [name]}
  - {name: b, match: {path: /b, method: [GET, POST]}, require: [open]}
  - {name: c, match: {path: /c}, require: [office]}
  - {name: rest, allow: signed_in}
examples:
  - {title: a child, at: 2026-11-23, who: {birthdate: 2010-01-01}, request: GET /a, expect: deny adult}
"""


def read(text: str) -> Policy:
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes)
    assert policy is not None, mistakes.say()
    return policy


def between(old: str, new: str) -> Comparison:
    return compare(read(old), read(new), NOW)


def test_the_same_policy_has_no_effect() -> None:
    """A comment, or the order of keys, changes nothing for anybody."""
    found = between(BASE, BASE + "# a comment\n")

    assert found.effects == ()
    assert not found.permits_more
    assert found.tried > 50


@pytest.mark.parametrize(
    ("old", "new", "kind", "path"),
    [
        ("at_least: 18", "at_least: 16", EffectKind.PERMITS, "/a"),
        ("at_least: 18", "at_least: 20", EffectKind.REFUSES, "/a"),
        ("[横浜市]", "[横浜市, 川崎市]", EffectKind.PERMITS, "/a"),
        ("[横浜市]", "[横浜市中区]", EffectKind.REFUSES, "/a"),
        ("disclose: [name]", "disclose: [name, here]", EffectKind.TELLS, "/a"),
        (", disclose: [name]", "", EffectKind.WITHHOLDS, "/a"),
        ("disclose: [name]", "disclose: [name, gender]", EffectKind.ASKS, "/a"),
        ("until: 17:00", "until: 20:00", EffectKind.PERMITS, "/b"),
        ("from: 9:00", "from: 9:30", EffectKind.REFUSES, "/b"),
        ("192.0.2.0/24", "192.0.2.0/23", EffectKind.PERMITS, "/c"),
        ("when: shut, allow: nobody", "when: shut, allow: everyone", EffectKind.PERMITS, "/a"),
        ("when: shut, allow: nobody", "when: shut, allow: nobody, say: {status: 503}", EffectKind.OTHERWISE, "/a"),
        ("name: rest, allow: signed_in", "name: rest, allow: everyone", EffectKind.PERMITS, "/"),
        ("name: rest, allow: signed_in", "name: rest, allow: signed_in, signed_in_within: 5m", EffectKind.ASKS, "/"),
        ("method: [GET, POST]", "method: [GET]", EffectKind.PERMITS, "/b"),
        ("path: /c}", "path: /d}", EffectKind.PERMITS, "/c"),
    ],
)
def test_one_change_is_found_with_somebody_whom_it_concerns(old: str, new: str, kind: EffectKind, path: str) -> None:
    """Ages, places, facts, hours, networks, switches, methods and paths."""
    changed = BASE.replace(old, new)
    assert changed != BASE

    found = between(BASE, changed)

    effects = [effect for effect in found.effects if effect.kind is kind]
    assert any(path in effect.request for effect in effects), found.effects
    assert found.permits_more == any(each.kind in (EffectKind.PERMITS, EffectKind.TELLS) for each in found.effects)


def limited(*rules: str) -> str:
    """Return a policy of rules for signed-in people, each given by its further keys."""
    lines = [
        f"  - {{name: r{number}, match: {{path: /{number}}}, allow: signed_in{keys}}}\n"
        for number, keys in enumerate(rules)
    ]
    return "policy: p\nrules:\n" + "".join(lines)


ONCE = ", limit: {name: l, once: day, counted_when: {status: 303}}"
TWICE = ONCE.replace("once: day", "once: day, times: 2")
SAID = ONCE.replace("status: 303}", "status: 303}, if_over: {ja: 済みです。}")
OTHER = ONCE.replace("303", "302")
BACK = ", gives_back: {limit: l, when: {header: X-Cancelled}}"


@pytest.mark.parametrize(
    ("old", "new", "kind", "more", "less"),
    [
        (limited(ONCE), limited(""), EffectKind.PERMITS, (), ("limit l",)),
        (limited(ONCE), limited(TWICE), EffectKind.PERMITS, ("limit l",), ("limit l",)),
        (limited(ONCE), limited(OTHER), EffectKind.PERMITS, ("limit l",), ("limit l",)),
        (limited(ONCE, ""), limited(ONCE, BACK), EffectKind.PERMITS, ("gives_back l",), ()),
        (limited(""), limited(ONCE), EffectKind.REFUSES, ("limit l",), ()),
        (limited(TWICE), limited(ONCE), EffectKind.REFUSES, ("limit l",), ("limit l",)),
        (limited(ONCE, BACK), limited(ONCE, ""), EffectKind.REFUSES, (), ("gives_back l",)),
        (limited(ONCE), limited(SAID), None, (), ()),
    ],
)
def test_a_limit_that_changes_is_an_effect(
    old: str, new: str, kind: EffectKind | None, more: tuple[str, ...], less: tuple[str, ...]
) -> None:
    """A pipeline that lets nothing be newly permitted must see a limit that goes, and not a sentence that changes."""
    found = between(old, new)

    assert {(effect.kind, effect.more, effect.less) for effect in found.effects} == (
        set() if kind is None else {(kind, more, less)}
    )
    assert found.permits_more is (kind is EffectKind.PERMITS)


RULES = """policy: p
purpose: {ja: 確認のため}
conditions:
  here: {residence: {in: [横浜市]}}
  linked: {account: linked}
  group: {account: {kind: group}}
  head: {account: {kind: group, role: representative}}
  one: {account: {in: [a1]}}
  two: {account: {in: [a1, a2]}}
rules:
  - {name: enter, match: {path: /enter, method: POST}, require: [here], limit: {name: x, once: ever, counted_when: {status: 303, location: /done}}}
  - {name: r, match: {path: /r, method: POST}, %s}
"""  # noqa: E501


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("allow: signed_in, accounts: required", "allow: signed_in", EffectKind.PERMITS),
        ("allow: signed_in, accounts: required", "allow: signed_in, accounts: offered", EffectKind.PERMITS),
        ("allow: signed_in, accounts: offered", "allow: signed_in, accounts: required", EffectKind.REFUSES),
        ("allow: signed_in", "allow: signed_in, accounts: offered", EffectKind.TELLS),
        ("require: [head]", "require: [group]", EffectKind.PERMITS),
        ("require: [group]", "require: [head]", EffectKind.REFUSES),
        ("require: [one]", "require: [two]", EffectKind.PERMITS),
        ("require: [two]", "require: [one]", EffectKind.REFUSES),
        ("require: [linked]", "allow: signed_in", EffectKind.PERMITS),
        ("allow: signed_in, sign: {document: form, title: {ja: 申請}}", "allow: signed_in", EffectKind.PERMITS),
        ("allow: signed_in", "allow: signed_in, sign: {document: form, title: {ja: 申請}}", EffectKind.REFUSES),
        ("allow: signed_in", "allow: signed_in, returns_from: [https://pay.example]", EffectKind.PERMITS),
        ("allow: signed_in, returns_from: [https://pay.example]", "allow: signed_in", EffectKind.REFUSES),
        (
            "allow: signed_in, gives_back: {limit: x, when: {status: 303, header: X-C}}",
            "allow: signed_in, gives_back: {limit: x, when: {status: 303}}",
            EffectKind.PERMITS,
        ),
        (
            "allow: signed_in, gives_back: {limit: x, when: {status: [200, 303]}}",
            "allow: signed_in, gives_back: {limit: x, when: {status: 303, location: /c}}",
            EffectKind.REFUSES,
        ),
        (
            "allow: signed_in, gives_back: {limit: x, when: {status: 303}}",
            "allow: signed_in, gives_back: {limit: x, when: {status: 200}}",
            EffectKind.PERMITS,
        ),
    ],
)
def test_a_demand_beside_the_verdict_is_an_effect(old: str, new: str, kind: EffectKind) -> None:
    """An account, a signature, a site that may send forms, an answer that gives entries back: both verdicts allow."""
    found = between(RULES % old, RULES % new)

    assert found.effects[0].kind is kind
    assert found.permits_more is (kind in (EffectKind.PERMITS, EffectKind.TELLS))


FAR = """policy: p
purpose: {ja: 確認のため}
conditions:
  here: {residence: {in: [横浜市]}}
  then: {dates: {%s}}
rules:
  - {name: r, match: {path: /r}, require: [%s]}
"""


@pytest.mark.parametrize(
    "dates",
    [
        "from: 2028-04-01, until: 2028-04-10, hours: {from: 9:00, until: 17:00}",
        "from: 2028-04-01, until: 2028-04-10, days: [水]",
        "from: 2028-06-01, until: 2028-09-30, days: [祝日]",
        "from: 2020-04-01 9:00, until: 2029-05-31 17:00, days: [第5日曜], hours: {from: 22:00, until: 5:00}",
        "in: [2028-04-05], hours: {from: 9:00, until: 17:00}",
        "from: 02-29, until: 02-29",
    ],
)
def test_a_period_far_ahead_is_looked_into(dates: str) -> None:
    """A change that shows itself in more than a year is no smaller one."""
    assert between(FAR % (dates, "then, here"), FAR % (dates, "then")).permits_more
    assert not between(FAR % (dates, "then"), FAR % (dates, "then, here")).permits_more


def test_an_hour_more_at_the_end_of_a_far_period_is_newly_permitted() -> None:
    """On its last days, too."""
    dates = "from: 2020-04-01, until: 2029-05-31, hours: {from: 9:00, until: 17:00}"
    assert between(FAR % (dates, "then"), FAR % (dates.replace("05-31", "06-30"), "then")).permits_more


GROWING = """policy: p
purpose: {ja: 確認のため}
conditions:
  c: {%s}
  then: {dates: {%s}}
rules:
  - {name: r, match: {path: /r}, require: [c, then]}
"""
ALWAYS = "from: 2026-01-01"
IN_MAY = "from: 2027-05-01, until: 2027-05-10, hours: {from: 20:00, until: 22:00}"


@pytest.mark.parametrize(
    ("fixed", "growing", "dates", "longer"),
    [
        ("born: {until: 2008-11-23}", "age: {at_least: 18}", ALWAYS, True),
        ("born: {from: 2008-11-24}", "age: {below: 18}", ALWAYS, False),
        ("age: {at_least: 18, on: 2026-11-23}", "age: {at_least: 18}", ALWAYS, True),
        ("age: {at_least: 40, on: 2027-03-31}", "age: {at_least: 40, counted_from: fiscal_year}", ALWAYS, True),
        ("born: {until: 2009-05-01}", "age: {at_least: 18}", IN_MAY, True),
    ],
)
def test_a_permission_that_comes_with_the_years_is_told(fixed: str, growing: str, dates: str, *, longer: bool) -> None:
    """Today both permit the same people; on a later day others are 18, and births between two days are the same."""
    first, then = (GROWING % (each, dates) for each in ((fixed, growing) if longer else (growing, fixed)))
    assert between(first, then).permits_more


def listed(folder: Path, entries: str) -> Policy:
    folder.mkdir()
    (folder / "list.yaml").write_text(entries, encoding="utf-8")
    mistakes = Mistakes()
    text = "policy: p\nconditions: {c: {subject: {in: list.yaml}}}\nrules: [{name: r, require: [c]}]\n"
    policy = parse_policy(text, mistakes, folder=folder)
    assert policy is not None, mistakes.say()
    return policy


@pytest.mark.parametrize(
    ("old", "new", "more"),
    [
        (", until: 2027-03-31", ", until: 2028-03-31", True),
        (", until: 2027-03-31", "", True),
        (", until: 2026-01-31", ", until: 2026-12-31", True),
        (", until: 2028-03-31", ", until: 2027-03-31", False),
        ("", ", until: 2027-03-31", False),
        (", until: 2026-01-31", ", until: 2026-02-28", False),
    ],
)
def test_an_entry_that_ends_later_is_newly_permitted(tmp_path: Path, old: str, new: str, *, more: bool) -> None:
    """The code is on both lists, and today both entries hold."""
    first, then = (
        listed(tmp_path / name, f"- {{subject: K7QM-2XHD-9TRC-4WBN{until}}}\n")
        for name, until in (("old", old), ("new", new))
    )
    assert compare(first, then, NOW).permits_more is more


def test_the_person_is_the_one_on_the_border() -> None:
    """From 18 to 16, the youngest is named who newly passes, or the oldest."""
    effect = next(e for e in between(BASE, BASE.replace("at_least: 18", "at_least: 16")).effects if e.world)

    assert effect.kind is EffectKind.PERMITS
    assert effect.world is not None
    assert effect.world.person is not None
    assert str(effect.world.person.birthdate) == "Birthdate(year=2008, month=11, day=24)"
    assert effect.after.verdict == "allow"
    assert effect.before.verdict == "deny adult"


def test_an_example_that_changes_its_verdict_is_an_effect() -> None:
    """The author wrote it because it matters."""
    found = between(BASE, BASE.replace("at_least: 18", "at_least: 16"))

    assert any(effect.example == "a child" or effect.count > 1 for effect in found.effects)


def test_a_session_without_a_fact_that_is_asked_for_no_more_is_told_as_that() -> None:
    """The person who gave the fact passed before, too: nothing is newly permitted, and the fact that goes is named."""
    old = limited(", disclose: [subject, address]").replace("rules:", "purpose: {ja: x}\nrules:")
    new = old.replace(", address", "")

    found = between(old, new)

    assert {(effect.kind, effect.less) for effect in found.effects} == {
        (EffectKind.ASKS, ("address",)),
        (EffectKind.WITHHOLDS, ("address",)),
    }
    assert not found.permits_more


def _kinds_that_tell(
    fitting: FittingRule | None, inbound: Inbound, who: Identity | None, now: Instant
) -> set[EffectKind]:
    """Return the kinds of effect that tell a permission which the rule that was in force did not give.

    A session may only lack a fact that the rule asked for: the same person passed, as soon as she had been asked.
    """
    if fitting is not None and who is not None:
        asked = fitting.decide(inbound, msgspec.structs.replace(who, asked=frozenset(Scope)), now).verdict
        if isinstance(asked, Permit):
            return {EffectKind.PERMITS, EffectKind.ASKS}
    return {EffectKind.PERMITS}


def _missed(random: Random, policies: int, requests: int) -> tuple[int, int]:
    """Return how many newly permitted requests at random no effect tells, and how many there were."""
    missed = total = 0
    for _ in range(policies):
        rules = random_rules(random)
        changed = list(rules)
        changed[random.randrange(len(changed))] = random_rules(random)[0].replace("name: r0", "name: changed")
        old, new = policy_of(*rules), policy_of(*changed)
        told: set[tuple[EffectKind, str, str]] | None = None
        for _ in range(requests):
            switches = Surroundings({"disaster": float("inf")} if random.random() < 0.5 else {})
            inbound, who, now = make_inbound(*random_request(random)), random_person(random), random_moment(random)
            rules_of = [CompiledPolicy(policy).within(switches).fitting(inbound, now) for policy in (old, new)]
            before, after = (
                no_rule_fits() if rule is None else rule.decide(inbound, who, now).verdict for rule in rules_of
            )
            if isinstance(after, Permit) and not isinstance(before, Permit):
                total += 1
                if told is None:
                    told = {(e.kind, e.before.rule, e.after.rule) for e in compare(old, new, NOW).effects}
                was, becomes = ("" if rule is None else rule.id.rule for rule in rules_of)
                kinds = _kinds_that_tell(rules_of[0], inbound, who, now)
                missed += not any((kind, was, becomes) in told for kind in kinds)
    return missed, total


def test_no_request_at_random_is_newly_permitted_without_a_word() -> None:
    """Brute force over people, requests and moments finds no permission that the comparison does not tell."""
    missed, total = _missed(Random(20261129), 6, 150)
    assert total > 10
    assert missed == 0


CROSSED = """\
policy: p
rules:
  - {name: strict, match: {path: STRICT}, allow: nobody}
  - {name: crossed, match: {path: LOOSE}, allow: everyone}
"""


@pytest.mark.parametrize(
    ("strict", "loose"),
    [("/*/c", "/a/**"), ("/a/*", "/*/c"), ("/**/c", "/a/b/**"), ("/a/*/c", "/**/b/c"), ("/*/b/**", "/a/**/c")],
)
def test_a_page_of_two_patterns_is_tried(strict: str, loose: str) -> None:
    """The strict rule goes, and the page of both is the other rule's."""
    old = CROSSED.replace("STRICT", strict).replace("LOOSE", loose)
    new = old.replace(f"  - {{name: strict, match: {{path: {strict}}}, allow: nobody}}\n", "")

    assert ("strict", "crossed") in {
        (effect.before.rule, effect.after.rule)
        for effect in between(old, new).effects
        if effect.kind is EffectKind.PERMITS
    }


def test_a_client_without_an_address_is_tried() -> None:
    """A rule for an office refuses her, since nobody knows where she is; the rule behind it lets her in."""
    old = (
        "policy: p\nconditions: {office: {network: [192.0.2.0/24]}}\nrules:\n"
        "  - {name: office, when: office, allow: everyone}\n  - {name: rest, allow: everyone}\n"
    )
    new = old.replace("  - {name: office, when: office, allow: everyone}\n", "")

    (effect,) = (effect for effect in between(old, new).effects if effect.kind is EffectKind.PERMITS)

    assert effect.world is not None
    assert effect.world.client == ""


QUERIED = """\
policy: p
rules:
  - {name: strict, match: {path: /a, query: {do: x}}, allow: nobody}
  - {name: other, match: {path: /a, query: {act: y}}, allow: nobody}
  - {name: rest, allow: everyone}
"""


@pytest.mark.parametrize(
    ("line", "before"),
    [
        ("  - {name: strict, match: {path: /a, query: {do: x}}, allow: nobody}\n", "strict"),
        ("  - {name: other, match: {path: /a, query: {act: y}}, allow: nobody}\n", "other"),
    ],
)
def test_a_parameter_that_no_rule_names_any_more_is_newly_permitted(line: str, before: str) -> None:
    """A request with the parameter twice, or with two of them, is newly permitted as well: the gateway refused it."""
    found = between(QUERIED, QUERIED.replace(line, ""))

    requests = {effect.request for effect in found.effects if effect.before.rule == before}
    assert requests
    assert found.permits_more


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_no_request_of_many_is_newly_permitted_without_a_word() -> None:
    """The same with many more policies, and requests whose parameters are there twice or with other signs between."""
    missed, total = _missed(Random(7), 60, 400)
    assert total > 1000
    assert missed == 0
