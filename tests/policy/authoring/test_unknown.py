"""An unknown answer names the fact that is missing."""

from __future__ import annotations

import pytest

from gateway.identity import Birthdate, Identity, Scope
from gateway.policy.authoring.examples import run_examples
from gateway.policy.authoring.explain import explain, say_explanation
from gateway.policy.authoring.unknown import say_gap, why_unknown
from gateway.policy.conditions import Context, ListEntry, SubjectTest, Surroundings
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import make_inbound
from gateway.policy.reading.parse import parse_policy
from gateway.policy.residence import Gap, residence_of
from gateway.policy.verdict import Truth
from gateway.yaml.mistakes import Language, Mistakes

NOW = 1_796_000_000.0
POLICY = """policy: p
conditions:
  adult: {age: {at_least: 18}}
  born: {born: {from: 2006-04-02, until: 2007-04-01}}
  city: {residence: {in: [横浜市]}}
  ward: {residence: {in: [横浜市中区]}}
  district: {town: {of: 横浜市中区, in: [山下町]}}
  block: {town: {of: 千葉県市川市, in: [八幡一丁目]}}
  woman: {gender: female}
  office: {network: [192.0.2.0/24]}
  acting: {account: {kind: group}}
  away: {not: city}
  both: {all: [adult, city]}
rules:
  - {name: r, allow: everyone}
"""


def why(name: str, person: Identity | None, client: str = "192.0.2.1") -> str | None:
    mistakes = Mistakes()
    policy = parse_policy(POLICY, mistakes)
    assert policy is not None, mistakes.say()
    found = why_unknown(policy.conditions[name].test, Context(person, NOW, client, Surroundings()))
    return None if found is None else found.en


def person(**facts: object) -> Identity:
    return Identity("client", "subject", NOW, frozenset(Scope), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "who", "said"),
    [
        ("city", person(address="アトランティス市1-1"), "the address begins with no place of this name"),
        ("city", person(address="府中市1-1"), "the address begins with a name that several places bear"),
        ("city", person(address="東京都横浜市1-1"), "the municipality of the address does not lie in its prefecture"),
        ("city", person(), "no address was given, or it was unreadable"),
        ("city", person(address="神奈川県横濱村1-1"), "the address begins with no place of this name"),
        ("ward", person(address="横浜市1-1"), "the address does not say which part of it is meant"),
        ("district", person(address="横浜市中区"), "the address names no town"),
        ("district", person(address="府中市1-1"), "the address begins with a name that several places bear"),
        ("adult", person(), "no birthdate was given, or it was unreadable"),
        ("adult", person(birthdate=Birthdate(2008)), "the month or the day of birth is unknown, and decides"),
        ("born", person(birthdate=Birthdate(2007)), "the month or the day of birth is unknown, and decides"),
        ("woman", person(), "no gender was given, or it was unreadable"),
        ("woman", None, "nobody is signed in"),
        ("acting", None, "nobody is signed in"),
        ("acting", person(), None),
        ("district", person(address="横浜市1-1"), "the address does not say which part of it is meant"),
        ("block", person(address="千葉県市川市八幡1-2-3"), "the address does not say which part of it is meant"),
        ("block", person(address="千葉県市川市八幡1丁目2-3"), None),
        ("block", person(address="千葉県市川市八幡2丁目2-3"), None),
        ("away", None, None),
        ("both", None, None),
        ("city", person(address="横浜市中区1-1"), None),
        ("adult", person(birthdate=Birthdate(1980)), None),
    ],
)
def test_the_reason_is_the_fact_that_is_missing(name: str, who: Identity | None, said: str | None) -> None:
    """A known answer has no reason, and the parts of `not` and `all` say theirs themselves."""
    assert why(name, who) == said


def test_a_list_that_could_not_be_read_is_the_reason() -> None:
    """The operator mends the file; the person can do nothing."""
    test, entries = SubjectTest("people"), {"x": ListEntry("x")}

    def reason(who: Identity | None, surroundings: Surroundings) -> str | None:
        found = why_unknown(test, Context(who, NOW, "", surroundings))
        return None if found is None else found.en

    assert reason(person(), Surroundings()) == "the list could not be read"
    assert reason(person(), Surroundings(lists={"people": entries})) is None
    assert reason(None, Surroundings()) == "nobody is signed in"


def test_a_browser_without_an_address_is_the_networks_reason() -> None:
    """A proxy in front sent none."""
    assert why("office", None, client="") == "the browser's address is unknown"
    assert why("office", None) is None


@pytest.mark.parametrize("gap", list(Gap))
def test_every_gap_has_words_in_both_languages(gap: Gap) -> None:
    """Officials read Japanese."""
    assert say_gap(gap).say(Language.JA) != say_gap(gap).say()


@pytest.mark.parametrize("address", ["東京都渋谷区神南1-1", "札幌市中央区北1条", "京都市下京区四条通", "海外転出"])
def test_an_address_that_decides_has_no_gap(address: str) -> None:
    """Overseas is an answer, too."""
    assert residence_of(address).gap is None


OUTSIDE = """policy: p
purpose: {ja: 確認のため}
conditions:
  市民: {residence: {in: [横浜市]}}
  市外: {not: 市民}
  都民: {residence: {in: [東京都]}}
  どちらか: {any: [市外, 都民]}
  どちらも: {all: [市外, 都民]}
  どちらでもない: {not: どちらか}
rules:
  - {name: r, match: {path: /r}, require: [NAME]}
examples:
  - {title: x, at: 2026-11-29, who: {address: 東京都横浜市中区本町1-1}, request: GET /r, expect: deny NAME (unknown)}
"""


@pytest.mark.parametrize("name", ["市民", "市外", "都民", "どちらか", "どちらも", "どちらでもない"])
@pytest.mark.parametrize("address", ["東京都横浜市中区本町1-1", "横浜市東京都千代田区1-1", "大阪府横浜市1-1"])
def test_a_contradictory_address_is_unknown_also_under_not(name: str, address: str) -> None:
    """It is outside of nothing either; the reason is said, and an example can expect it."""
    mistakes = Mistakes()
    policy = parse_policy(OUTSIDE.replace("NAME", name).replace("東京都横浜市中区本町1-1", address), mistakes)
    assert policy is not None, mistakes.say()
    context = Context(person(address=address), NOW, "192.0.2.1", Surroundings())

    assert policy.conditions[name].test.ask(context).truth is Truth.UNKNOWN
    assert all(outcome.passed for outcome in run_examples(policy))
    said = say_explanation(
        explain(CompiledPolicy(policy), make_inbound("GET", "/r"), person(address=address), NOW), Language.JA
    )
    assert "不明：住所の都道府県と市区町村が食い違う" in said
