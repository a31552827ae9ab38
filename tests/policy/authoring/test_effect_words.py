"""The effects of a change in an official's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.identity import AccountKind, Acting, Birthdate, Gender, Identity, Role, Scope
from gateway.policy.authoring.effect import Comparison, compare
from gateway.policy.authoring.effect_words import as_values, say_comparison, say_world
from gateway.policy.authoring.worlds import World
from gateway.policy.example import EXAMPLE_CLIENT_ID, EXAMPLE_SUBJECT
from gateway.policy.reading.parse import parse_policy
from gateway.yaml.mistakes import Language, Mistakes
from tests.policy.authoring.test_effect import BASE
from tests.policy.random_cases import NOW


def said(new: str, language: Language = Language.EN) -> str:
    old_policy, new_policy = parse_policy(BASE, Mistakes()), parse_policy(new, Mistakes())
    assert old_policy is not None
    assert new_policy is not None
    return say_comparison(compare(old_policy, new_policy, NOW), language)


def test_a_change_names_its_rule_its_verdicts_and_a_person() -> None:
    """The gravest effects come first, and facts have a sign for coming and going."""
    text = said(BASE.replace("at_least: 18", "at_least: 16").replace("disclose: [name]", "disclose: [subject, here]"))

    lines = text.splitlines()
    assert lines[0] == "newly permitted"
    assert lines[1].startswith("  rule `a`: `deny adult` becomes `allow`")
    assert "born 2008-11-24" in text
    assert "newly told to the application" in text
    assert "-name" in text
    assert lines[-1].startswith("tried: ")


def test_an_official_reads_japanese() -> None:
    """The words of the policy's author, and of nobody else."""
    text = said(BASE.replace("at_least: 18", "at_least: 20"), Language.JA)

    assert "新たに断られる" in text
    assert "規則「a」：`allow` → `deny adult`" in text
    assert "生まれ" in text


def test_a_change_without_effect_says_so() -> None:
    """Silence would look like a failure."""
    assert said(BASE).startswith("no effect was found")
    assert said(BASE, Language.JA).startswith("影響は見つかりませんでした")


def test_a_comparison_that_was_cut_says_so() -> None:
    """An official must not take a part for the whole."""
    part = Comparison((), 7, ("GET /", "GET /a", "POST /a", "POST /b"))

    english = say_comparison(part, Language.EN).splitlines()
    assert english[-2:] == [
        "tried: 7 requests of people",
        "not every person and moment was tried for 4 requests, such as GET /, GET /a, POST /a",
    ]
    assert "4 件のリクエスト（GET /, GET /a, POST /a など）" in say_comparison(part, Language.JA)


def test_another_tool_reads_json() -> None:
    """A pipeline decides on `permits_more`."""
    old, new = parse_policy(BASE, Mistakes()), parse_policy(BASE.replace("[横浜市]", "[川崎市]"), Mistakes())
    assert old is not None
    assert new is not None

    values = json.loads(json.dumps(as_values(compare(old, new, NOW))))

    assert values["permits_more"] is True
    assert {effect["kind"] for effect in values["effects"]} >= {"permits", "refuses"}
    assert all(effect["person"] or effect["example"] for effect in values["effects"])


MORNING = 1_796_000_000.0
"""2026-11-30 09:53:20 in Tokyo."""
EVERY = frozenset({Scope.OPENID, Scope.NAME, Scope.BIRTHDATE, Scope.ADDRESS, Scope.GENDER})


def of(subject: str = EXAMPLE_SUBJECT, ago: float = 0.0, **facts: Any) -> Identity:
    return Identity(EXAMPLE_CLIENT_ID, subject, MORNING - ago, frozenset(Scope), **facts)


@pytest.mark.parametrize(
    ("world", "english", "japanese"),
    [
        (World(MORNING, None), "nobody signed in", "ログインなし"),
        (World(MORNING, of()), "signed in", "ログイン済み"),
        (World(MORNING, of(), looked_at=frozenset({Scope.OPENID})), "signed in", "ログイン済み"),
        (
            World(MORNING, of(), looked_at=EVERY),
            "no birthdate, no address, no gender",
            "生年月日なし、住所なし、性別なし",
        ),
        (
            World(
                MORNING,
                of(birthdate=Birthdate(2008, 11), address="横浜市中区", gender=Gender.FEMALE),
                looked_at=EVERY,
            ),
            "born 2008-11, 横浜市中区, female",
            "2008-11 生まれ、横浜市中区、性別は女",
        ),
        (World(MORNING, of("K7QM")), "signed in, on a list as K7QM", "ログイン済み、名簿の K7QM"),
        (
            World(MORNING, of(acting=Acting("hanako"))),
            "signed in, for hanako",
            "ログイン済み、本人のアカウント hanako",
        ),
        (
            World(MORNING, of(acting=Acting("club", AccountKind.GROUP, Role.MEMBER))),
            "signed in, for the group club",
            "ログイン済み、団体のアカウント club",
        ),
        (
            World(MORNING, of(acting=Acting("club", AccountKind.GROUP, Role.REPRESENTATIVE))),
            "signed in, as representative of the group club",
            "ログイン済み、団体の代表者としてアカウント club",
        ),
        (World(MORNING, None, client=""), "nobody signed in, from an unknown address", "ログインなし、接続元 不明"),
        (World(MORNING, of(ago=90.4)), "signed in, signed in 90 s ago", "ログイン済み、ログインから 90 秒"),
        (
            World(MORNING, None, client="192.0.2.7", switches=("a", "b")),
            "nobody signed in, from 192.0.2.7, switched on: a, b",
            "ログインなし、接続元 192.0.2.7、スイッチ a, b",
        ),
    ],
)
def test_a_person_and_a_moment_are_said_by_what_can_matter(world: World, english: str, japanese: str) -> None:
    """Only facts that a rule looks at are named; a fact that is missing is said to be missing."""
    assert say_world(world, Language.EN) == f"2026-11-30 09:53:20, {english}"
    assert say_world(world, Language.JA) == f"2026-11-30 09:53:20、{japanese}"
