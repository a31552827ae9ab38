"""Examples: a moment, a person, a request and what is expected, or a mistake that says what would be right."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import Birthdate, Gender
from gateway.instant import TOKYO, start_of
from gateway.policy.age import HIGHEST_AGE, CountedFrom
from gateway.policy.authoring.examples import run_example
from gateway.policy.example import EXAMPLE_CLIENT, Example, Expect, Who
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.reading.parse_examples import NO_MOMENT, birthdate_of, example_reader, meant_verdict, moment_of
from gateway.yaml.mistakes import Mistakes
from gateway.yaml.read import read_yaml

TIMELESS = """\
policy: p
conditions:
  adult: {age: {at_least: 18}}
  office: {network: [192.0.2.0/24]}
rules:
  - {name: r, allow: signed_in, limit: {name: once, once: day, counted_when: {status: [302]}}}
"""
CLOCKED = TIMELESS.replace("allow: signed_in", "require: [adult]").replace("rules:", "purpose: {ja: x}\nrules:")


def policy(text: str = TIMELESS) -> Policy:
    mistakes = Mistakes()
    found = parse_policy(text, mistakes)
    assert found is not None, mistakes.say()
    return found


def read(text: str, of: str = TIMELESS) -> tuple[tuple[Example, ...], list[str]]:
    mistakes = Mistakes()
    node = read_yaml(text, "e.yaml", mistakes)
    assert node is not None, mistakes.say()
    found = example_reader(policy(of), mistakes).examples(node)
    return found, [str(mistake).removeprefix("e.yaml:") for mistake in mistakes]


def one(more: str = "", of: str = TIMELESS) -> Example:
    found, said = read(f"- {{title: t, request: GET /, expect: allow{more}}}\n", of)
    assert not said
    (example,) = found
    return example


def test_an_example_is_what_it_says() -> None:
    """Every key arrives in the value."""
    text = """\
- title: {ja: 予約, en: booking}
  at: 2026-11-23 10:00
  who: {subject: hanako, name: 日本花子, address: 東京都, birthdate: 1990-04, gender: female}
  signed_in: 20m ago
  from: 192.0.2.7
  switch: [水害, b]
  entries: 3
  request: POST /予約/%41?a=1
  expect: deny adult
  told: {adult: "yes", name: nothing}
"""

    ((example,), said) = read(text)

    assert not said
    assert example.title == "予約"
    assert example.at == datetime(2026, 11, 23, 10, tzinfo=TOKYO).timestamp()
    assert example.who == Who("hanako", "日本花子", "東京都", Birthdate(1990, 4), Gender.FEMALE)
    assert (example.signed_in_ago, example.client, example.switches, example.entries) == (
        1200.0,
        "192.0.2.7",
        ("水害", "b"),
        3,
    )
    assert (example.method, example.path, example.query) == ("POST", "/予約/A", "a=1")
    assert (example.expect, example.name) == (Expect.DENY, "adult")
    assert example.disclosed == {"adult": "yes", "name": "nothing"}


def test_what_is_left_out_has_a_meaning() -> None:
    """Nobody is signed in, the request comes from a documentation address, and nothing is said of what is told."""
    example = one()

    assert (example.who, example.client, example.switches, example.entries) == (None, EXAMPLE_CLIENT, (), 0)
    assert example.at == NO_MOMENT
    assert example.disclosed is None
    assert one(", told: nothing").disclosed == {}
    assert one(", who: nobody").who is None
    assert one(", who: {}").who == Who()


def test_a_policy_that_looks_at_days_needs_a_moment() -> None:
    """The example would else change its meaning with the calendar."""
    _, said = read("- {title: t, request: GET /, expect: allow}\n", CLOCKED)

    assert said == ["1:3: `at` is missing in an example, add `at: …`"]
    assert one(", at: 2026-11-23", CLOCKED).at == start_of(datetime(2026, 11, 23, tzinfo=TOKYO).date())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "expected a list of examples"),
        ("[x]", "expected an example, found `x`"),
        ("[{request: GET /, expect: allow}]", "`title` is missing in an example"),
        ("[{title: t, expect: allow}]", "`request` is missing in an example"),
        ("[{title: t, request: GET /}]", "`expect` is missing in an example"),
        ("[{title: [t], request: GET /, expect: allow}]", "expected a title, found a list"),
        ("[{title: t, request: /, expect: allow}]", "`/` is not a request, write `GET /`"),
        ("[{title: t, request: [a], expect: allow}]", "expected a request, found a list"),
        ("[{title: t, request: GET /a/../../b, expect: allow}]", "write a path that can arrive"),
        ("[{title: t, request: GET /, expect: alow}]", "did you mean `allow`?"),
        (
            "[{title: t, request: GET /, expect: zzz}]",
            "write `allow`, `sign in`, `sign in again`, `deny NAME` or `deny NAME (unknown)`",
        ),
        ("[{title: t, request: GET /, expect: deny adlt}]", "did you mean `adult`?"),
        ("[{title: t, request: GET /, expect: [a]}]", "expected `expect`, found a list"),
        ("[{title: t, at: noon, request: GET /, expect: allow}]", "`noon` is not a day or a moment"),
        ("[{title: t, at: [a], request: GET /, expect: allow}]", "expected a day or a moment"),
        ("[{title: t, who: hanako, request: GET /, expect: allow}]", "expected facts, or `nobody`"),
        ("[{title: t, who: [a], request: GET /, expect: allow}]", "expected facts of a person, found a list"),
        ("[{title: t, who: {name: ''}, request: GET /, expect: allow}]", "expected `name`"),
        ("[{title: t, who: {nme: x}, request: GET /, expect: allow}]", "did you mean `name`?"),
        ("[{title: t, who: {gender: x}, request: GET /, expect: allow}]", "unknown gender `x`"),
        ("[{title: t, who: {birthdate: x}, request: GET /, expect: allow}]", "`x` is not a birthdate"),
        ("[{title: t, signed_in: 20m, request: GET /, expect: allow}]", "write `20m ago`"),
        ("[{title: t, signed_in: soon ago, request: GET /, expect: allow}]", "write `20m ago`"),
        ("[{title: t, from: office, request: GET /, expect: allow}]", "`office` is not an address"),
        ("[{title: t, entries: many, request: GET /, expect: allow}]", "`many` is not a number of entries"),
        ("[{title: t, told: x, request: GET /, expect: allow}]", "expected names and values, or `nothing`"),
        ("[{title: t, told: {adlt: x}, request: GET /, expect: allow}]", "did you mean `adult`?"),
        ("[{title: t, told: {adult: [x]}, request: GET /, expect: allow}]", "expected a value or `nothing`"),
    ],
)
def test_a_mistake_in_an_example_is_named(text: str, said: str) -> None:
    """An example with a mistake is none: half of it could pass by chance."""
    found, mistakes = read(text + "\n")

    assert not found
    assert any(said in mistake for mistake in mistakes), mistakes


def test_a_limit_and_a_rule_can_refuse_too() -> None:
    """`deny` alone means that no rule fits."""
    for name in ("", "adult", "once", "r"):
        ((example,), said) = read(f"- {{title: t, request: GET /, expect: deny {name}}}\n")
        assert not said
        assert (example.expect, example.name) == (Expect.DENY, name)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-04-01", "2026-04-01T00:00+09:00"),
        ("2026-04-01 9:30", "2026-04-01T09:30+09:00"),
        ("2026-04-01T09:30:15", "2026-04-01T09:30:15+09:00"),
        ("2026-04-01 00:30Z", "2026-04-01T00:30+00:00"),
        ("2026-04-01 00:30-05:00", "2026-04-01T00:30-05:00"),
        ("2026-02-30", None),
        ("2026-04-01 25:00", None),
        ("2026-04-01 9", None),
        ("", None),
        ("1868-01-01", "1868-01-01T00:00+09:00"),
        ("8999-12-31 23:59", "8999-12-31T23:59+09:00"),
        ("1867-12-31 23:59", None),
        ("9000-01-01", None),
        ("0001-01-01 00:00+14:00", None),
        ("9999-12-31 23:59-12:00", None),
    ],
)
def test_a_moment_without_an_offset_is_tokyos(text: str, moment: str | None) -> None:
    """A day is its beginning."""
    assert moment_of(text) == (None if moment is None else datetime.fromisoformat(moment).timestamp())


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "9999-12-31 23:59", "9999年12月31日"])
def test_a_moment_from_which_ages_leave_the_calendar_is_named(text: str) -> None:
    """A child of that day would reach an age in a year that no calendar has."""
    examples, said = read(f"- {{title: t, at: {text}, request: GET /, expect: allow}}\n")

    assert examples == ()
    assert said == [f"1:18: `{text}` is not a day or a moment, write a year from 1868 to 8999"]


@pytest.mark.parametrize("counted_from", list(CountedFrom))
@pytest.mark.parametrize("born", ["1868-01-01", "8848-12-31", "8999-12-31", "8999-??-??", "9999-12-31"])
def test_every_age_of_an_example_has_a_day_in_the_calendar(counted_from: CountedFrom, born: str) -> None:
    """The oldest age of a policy, on the last day that an example can be of."""
    text = CLOCKED.replace("at_least: 18", f"at_least: {HIGHEST_AGE}, counted_from: {counted_from}")

    for at in ("1868-01-01", "8999-12-31 23:59"):
        (example,), said = read(
            f"- {{title: t, at: {at}, who: {{birthdate: '{born}'}}, request: GET /, expect: allow}}\n", text
        )
        assert not said
        assert run_example(policy(text), example).rule == "r"


@pytest.mark.parametrize(
    ("text", "born"),
    [
        ("1986-04-01", Birthdate(1986, 4, 1)),
        ("1986/4/1", Birthdate(1986, 4, 1)),
        ("19860401", Birthdate(1986, 4, 1)),
        ("1986-04", Birthdate(1986, 4)),
        ("1986-04-00", Birthdate(1986, 4)),
        ("1986-04-??", Birthdate(1986, 4)),
        ("19860000", Birthdate(1986)),
        ("1986-??-??", Birthdate(1986)),
        ("1986", Birthdate(1986)),
        ("1868", Birthdate(1868)),
        ("1867-12-31", None),
        ("1986-00-01", None),
        ("1986-02-30", None),
        ("1986-0-1", None),
        ("1986-4-0", None),
        ("86-04-01", None),
        ("198604", None),
    ],
)
def test_a_birthdate_may_have_unknown_parts(text: str, born: Birthdate | None) -> None:
    """A month or a day that is missing, `00` or `??` is unknown; a day without its month says nothing."""
    assert birthdate_of(text) == born


@given(st.text(max_size=12))
def test_no_text_makes_the_readers_stumble(text: str) -> None:
    """A text is a moment or none, a birthdate or none."""
    assert moment_of(text) is None or isinstance(moment_of(text), float)
    assert birthdate_of(text) is None or isinstance(birthdate_of(text), Birthdate)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("拒否 市民（市内）", "deny 市民（市内）"),
        ("拒否（大人）", "deny 大人"),
        ("拒否「大人」", "deny 大人"),
        ("拒否：大人", "deny 大人"),
        ("拒否（子ども）", None),
        ("（許可）", "allow"),
        ("許可 大人", None),
    ],
)
def test_a_verdict_names_its_condition_with_or_within_brackets(text: str, meant: str | None) -> None:
    """Brackets stand around a name, or are a part of it."""
    assert meant_verdict(text, ("市民（市内）", "大人")) == meant
