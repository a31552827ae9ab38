"""The remark on a sibling: its reader can act on it, and what she writes then ends it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from gateway.policy.authoring import sibling_words
from gateway.policy.authoring.path_words import TooManyWays
from gateway.policy.authoring.sibling_words import corrected, open_siblings, say_proof, written
from gateway.policy.authoring.siblings import Sibling, Siblings, Way
from gateway.policy.decide import CompiledPolicy, Undecidable
from gateway.policy.example import make_inbound
from gateway.policy.policy import Match, Policy
from gateway.settings.settings import Stack
from gateway.yaml.mistakes import Language
from tests.policy.authoring.sibling_cases import random_policy
from tests.policy.random_cases import policy_of

STRICT = "name: 夜間, match: {path: /y/**, query: {kubun: yakan}}, require: [office]"
LOOSE = "name: 昼間, match: {path: /y/**}, allow: everyone"


def said(policy: Policy, stacks: tuple[Stack, ...] = ()) -> list[tuple[str, str]]:
    """Return each remark: the fault and the remedy."""
    siblings = Siblings(CompiledPolicy(policy, stacks=stacks))
    return [(what.en, wiser.en) for _, what, wiser in open_siblings(siblings)]


def test_a_remark_names_rules_request_reason_and_the_line_to_write() -> None:
    """All that its reader needs to act."""
    ((what, wiser),) = said(policy_of(STRICT, LOOSE))

    assert what == (
        "`GET /y` reaches the weaker `昼間` (line 15) and may be `GET /y?kubun=yakan` of `夜間`: "
        "an application may supply a parameter that is missing"
    )
    assert "write `match: {path: /y/**}` in `夜間`" in wiser
    assert "`weaker_than: {夜間: …}`" in wiser


def test_an_author_who_means_it_says_so() -> None:
    """The statement ends the remark, and stands in the words that are signed."""
    policy = policy_of(STRICT, LOOSE + ", weaker_than: {夜間: 昼間の一覧は公開している}")

    assert said(policy) == []
    assert "昼間の一覧は公開している" in say_proof(Siblings(CompiledPolicy(policy)), Language.JA)


def test_a_statement_that_nothing_needs_is_remarked() -> None:
    """It would hide what a later change opens; an App whose stack does not read so may need it elsewhere."""
    policy = policy_of("name: a, match: {path: /a}, require: [office]", "name: b, allow: everyone, weaker_than: {a: x}")

    assert "no request of `a` reaches it" in said(policy)[0][0]
    assert said(policy, (Stack.RAILS,)) == []


def test_patterns_that_are_too_many_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is proved, and the author hears so."""

    def too_many(_: Siblings) -> tuple[Sibling, ...]:
        raise TooManyWays

    monkeypatch.setattr(Siblings, "open", too_many)

    assert "it is not proved" in said(policy_of(STRICT, LOOSE))[0][0]


def test_the_line_that_is_proposed_ends_the_remark() -> None:
    """For random policies: the stricter rule as proposed, in front of the weaker one, takes the request."""
    tried = 0
    for number in range(100):
        policy = random_policy(Random(50_000 + number))
        if any(rule.when for rule in policy.rules):
            continue
        for sibling in Siblings(CompiledPolicy(policy)).open():
            mended = replace(sibling.strict, match=corrected(sibling))
            rules = [mended if rule is sibling.strict else rule for rule in policy.rules]
            if policy.rules.index(sibling.strict) > policy.rules.index(sibling.weaker):
                rules.remove(mended)
                rules.insert(policy.rules.index(sibling.weaker), mended)
            after = CompiledPolicy(replace(policy, rules=tuple(rules)))
            path, _, query = sibling.request.partition(" ")[2].partition("?")
            found = after.fitting(make_inbound(sibling.method, path, query or None), 0.0)
            tried += 1
            assert found is not None
            assert found.id != sibling.weaker.id or isinstance(found, Undecidable), (number, sibling)
    assert tried >= 8


@pytest.mark.parametrize(
    ("match", "line"),
    [
        (Match(path=("/a",)), "match: {path: /a}"),
        (
            Match(path=("/a", "/b/**"), method=frozenset({"HEAD", "GET"})),
            "match: {path: [/a, /b/**], method: [GET, HEAD]}",
        ),
        (Match(query={"title": frozenset({"特別:ログイン"})}), 'match: {query: {title: "特別:ログイン"}}'),
    ],
)
def test_a_line_is_written_as_an_author_writes_it(match: Match, line: str) -> None:
    """She can copy it."""
    assert written(match) == line


def test_the_proof_says_what_was_not_compared() -> None:
    """An App that states its stack is not compared for what that does not do."""
    policy = policy_of(STRICT, LOOSE)

    assert "Not compared" in say_proof(Siblings(CompiledPolicy(policy, stacks=(Stack.RAILS,))), Language.EN)
    assert "Not compared" not in say_proof(Siblings(CompiledPolicy(policy)), Language.EN)


def test_every_way_has_its_sentence() -> None:
    """In both languages."""
    assert all(sibling_words._WAYS[way].en and sibling_words._WAYS[way].ja for way in Way)
