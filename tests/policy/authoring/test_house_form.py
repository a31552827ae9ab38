"""A policy in the house's form means the same, keeps its comments, and stays as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from gateway.policy.authoring import house_form as module
from gateway.policy.authoring.house_form import NotTheSameError, house_form, mended
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.yaml.layout import comments_of
from gateway.yaml.mistakes import Mistakes
from tests.policy.random_cases import random_rules, text_of
from tests.test_architecture import ROOT

SHIPPED = sorted((ROOT / "policies").glob("*.yaml"))


def policy_of(text: str, folder: Path = ROOT / "policies") -> Policy:
    """Return a policy without the places and digests of its text."""
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes, folder=folder)
    assert policy is not None, f"{mistakes.say()}\n{text}"
    return policy


def said(text: str) -> object:
    """Return all that a policy says: its rules, conditions and examples, without places in the file."""
    policy = policy_of(text)
    return (
        policy.name,
        policy.title,
        policy.purpose,
        policy.rules,
        [(name, replace(each, line=0) if hasattr(each, "line") else each) for name, each in policy.conditions.items()],
        policy.examples,
        policy.lists,
    )


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_shipped_policies_are_in_the_form(file: Path) -> None:
    """An author who copies one begins with the form."""
    text = file.read_text(encoding="utf-8")

    assert house_form(text) == text


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_policy_that_was_written_otherwise_says_the_same(file: Path) -> None:
    """Comments at every line, other indents and quotes change nothing that the gateway reads."""
    text = file.read_text(encoding="utf-8")
    lines = [
        f"{line}   # {number}" if line.strip() and "#" not in line else line
        for number, line in enumerate(text.split("\n"))
    ]
    odd = "\n\n".join(lines)

    formed = house_form(odd)

    assert said(formed) == said(text)
    assert sorted(comments_of(formed)) == sorted(comments_of(odd))
    assert house_form(formed) == formed


def test_random_policies_say_the_same_in_the_form() -> None:
    """A second pass changes nothing."""
    random = Random(20261129)
    for _ in range(15):
        text = text_of(*random_rules(random))
        formed = house_form(text)
        assert said(formed) == said(text), formed
        assert house_form(formed) == formed


def test_rules_keep_their_order_and_keys_get_theirs() -> None:
    """The first fitting rule decides, so no rule moves; a name comes first, and `ja` before `en`."""
    text = """\
rules:
  - {allow: signed_in, name: b}
  - match: {method: GET, path: /x}
    allow: nobody
    say: {status: 503, en: Closed., ja: 休止中です。}
    name: a
examples:
  - {expect: allow, request: GET /, title: t, who: {birthdate: 1990-01-01, name: 花子}, told: {subject: nothing}}
policy: p
"""

    assert (
        house_form(text)
        == """\
policy: p
rules:
  - name: b
    allow: signed_in
  - name: a
    match: {path: /x, method: GET}
    allow: nobody
    say: {ja: 休止中です。, en: Closed., status: 503}
examples:
  - title: t
    who: {name: 花子, birthdate: 1990-01-01}
    request: GET /
    expect: allow
    told: {subject: nothing}
"""
    )


def test_a_form_that_would_say_something_else_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is read again before anybody gets it."""
    text = "policy: p\nrules: [{name: all, allow: signed_in}]\n"
    for wrong in (text.replace("signed_in", "everyone"), text + "# more\n"):
        monkeypatch.setattr(module, "lay_out", lambda *_, wrong=wrong: wrong)
        with pytest.raises(NotTheSameError):
            house_form(text)


def mistakes_of(text: str) -> Mistakes:
    mistakes = Mistakes()
    parse_policy(text, mistakes)
    return mistakes


@pytest.mark.parametrize(
    ("slip", "plain"),
    [
        ("age： {at_least: 18}", "age: {at_least: 18}"),
        ("age: ｛at_least： １８｝", "age: {at_least: 18}"),
        ("age: {at_least: １８}", "age: {at_least: 18}"),
        ("\u3000\u3000\u3000age: {at_least: 18}", "age: {at_least: 18}"),
        ("dates: {from: ２０２６－１２－０１}", "dates: {from: 2026-12-01}"),
        ("age: {at_least: 18\u00a0}", "age: {at_least: 18 }"),
        ("residence: {in: [横浜市、川崎市]}", "residence: {in: [横浜市, 川崎市]}"),
    ],
)
def test_the_slips_of_a_keyboard_are_mended(slip: str, plain: str) -> None:
    """Sign by sign, where the sign is a mistake."""

    def text(condition: str) -> str:
        indent = "" if condition.startswith("\u3000") else "    "
        above = "policy: p\npurpose: {ja: 確認： 全角、１８}\nconditions:\n  c:\n"
        return f"{above}{indent}{condition}\nrules: [{{name: r, require: [c]}}]\n"

    found = mended(text(slip), mistakes_of)

    assert not len(mistakes_of(found)), mistakes_of(found).say()
    assert house_form(found) == house_form(text(plain))
    assert "確認： 全角、１８" in found


def test_a_text_that_no_sign_mends_is_left() -> None:
    """Other mistakes are for their author."""
    text = "policy: p\nrules: [{name: all, alow: everyone}]\n"

    assert mended(text, mistakes_of) == text
