"""The guide, run: every snippet of it is a policy, a condition or a rule that works, in both languages."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from gateway.policy.age import CountedFrom
from gateway.policy.authoring.examples import run_examples
from gateway.policy.reading.descriptions import DESCRIPTIONS
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import Fact
from gateway.yaml.mistakes import Mistakes

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "docs" / "policy-guide.ja.md", ROOT / "docs" / "policy-guide.md"]
BLOCK = re.compile(r"^```yaml ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(guide: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"": [], "condition": [], "rule": []}
    for kind, body in BLOCK.findall(guide.read_text("utf-8")):
        found[kind].append(body)
    return found


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_whole_policy_of_the_guide_does_what_it_says(guide: Path) -> None:
    """It is read without a mistake, and its examples pass."""
    wholes = blocks(guide)[""]

    assert wholes
    for text in wholes:
        mistakes = Mistakes()
        policy = parse_policy(text, mistakes)
        assert policy is not None, mistakes.say()
        outcomes = run_examples(policy)
        assert outcomes
        assert all(outcome.passed for outcome in outcomes)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_condition_and_rule_of_the_guide_works_together(guide: Path) -> None:
    """All of them make one policy: each name that a rule uses is a condition the guide has shown."""
    found = blocks(guide)
    conditions = "".join(textwrap.indent(body, "  ") for body in found["condition"])
    rules = "".join("  - " + textwrap.indent(body, "    ").lstrip() for body in found["rule"])
    mistakes = Mistakes()

    policy = parse_policy(
        f"policy: guide\npurpose: {{ja: 案内のため}}\nconditions:\n{conditions}rules:\n{rules}",
        mistakes,
        folder=ROOT / "policies",
    )

    assert policy is not None, mistakes.say()
    assert len(policy.rules) == len(found["rule"]) >= 4


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_the_guide_knows_every_way_to_count_an_age(guide: Path) -> None:
    """A new way of counting is a row in both tables."""
    text = guide.read_text("utf-8")

    assert [way for way in CountedFrom if f"`counted_from: {way}`" not in text] == []


def test_the_guide_says_what_can_be_disclosed_instead() -> None:
    """The lesser facts are named where the greater ones are."""
    for guide in GUIDES:
        text = guide.read_text("utf-8")
        assert all(f"`{fact}`" in text for fact in (Fact.SUBJECT, Fact.AGE, Fact.TOWN, Fact.MUNICIPALITY, Fact.ADDRESS))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_the_guide_has_every_key_of_the_schema(guide: Path) -> None:
    """A key that the schema describes is a word of both pages."""
    page = guide.read_text(encoding="utf-8")
    keys = {path.rpartition(".")[2] for path in DESCRIPTIONS}

    assert {key for key in keys if not re.search(rf"\b{re.escape(key)}\b", page, re.ASCII)} == set()
    assert "`LANG=ja_JP.UTF-8`" in page
