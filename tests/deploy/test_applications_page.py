"""The page of recipes for known applications, held to the code, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.policy.authoring.examples import run_examples
from gateway.policy.reading.parse import parse_policy
from gateway.request.kept_form import LARGEST_KEPT, MOST_FIELDS
from gateway.request.target import MOST_QUERY_PARTS, MOST_SEGMENTS, TargetFault
from gateway.yaml.mistakes import Mistakes
from tests.deploy.applications_page import DOCS, PAGES, Recipe, recipes

ALL = [recipe for page in PAGES for recipe in recipes(page).values()]


@pytest.mark.parametrize("page", PAGES)
def test_every_fault_of_a_target_is_explained(page: str) -> None:
    """Each reason has its row, and no row is about a reason that does not exist."""
    text = (DOCS / page).read_text(encoding="utf-8")

    rows = re.findall(r"^\| `(target_\w+)` \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)

    assert sorted(rows) == sorted(fault.value for fault in TargetFault)
    for fault, line in re.findall(r"^\| `(target_\w+)` (.+)$", text, re.MULTILINE):
        assert ("414" in line) == (TargetFault(fault).status == 414)
    assert str(MOST_SEGMENTS) in text
    assert f"{MOST_QUERY_PARTS:,}" in text


@pytest.mark.parametrize("page", PAGES)
def test_the_size_of_a_kept_form_is_the_codes(page: str) -> None:
    """The page says up to which size and how many fields a form is kept."""
    text = (DOCS / page).read_text(encoding="utf-8")

    assert f"{LARGEST_KEPT // 1024} KiB" in text
    assert f"{MOST_FIELDS:,}" in text


def test_both_languages_have_the_same_recipes() -> None:
    """An operator who reads the other page gets the same settings."""
    japanese, english = (recipes(page) for page in PAGES)

    assert japanese
    assert japanese.keys() == english.keys()
    for name, recipe in japanese.items():
        assert (recipe.app, recipe.policy, recipe.own) == (english[name].app, english[name].policy, english[name].own)


@pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)
def test_a_recipes_policy_does_what_it_says(recipe: Recipe) -> None:
    """It is read without a mistake, and its examples pass."""
    mistakes = Mistakes()
    policy = parse_policy(recipe.policy, mistakes)
    assert policy is not None, mistakes.say()

    outcomes = run_examples(policy)

    assert outcomes
    assert all(outcome.passed for outcome in outcomes), outcomes


@pytest.mark.parametrize("page", PAGES)
def test_a_recipe_says_whether_it_was_run(page: str) -> None:
    """A recipe that no test runs says so, and each other one has its test."""
    tests = (Path(__file__).parent / "test_real_applications.py").read_text(encoding="utf-8")

    for name, recipe in recipes(page).items():
        line = re.search(r"^(?:試験: |Test: )(.+)$", recipe.text, re.MULTILINE)
        assert line is not None, name
        run = not re.search(r"していません|not run", line[1])
        assert run == (f'["{name}"]' in tests), name
