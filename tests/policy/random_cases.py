"""Random policies that make sense, and people, requests and moments to judge by them."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from gateway.identity import Birthdate, Identity, Scope
from gateway.instant import Instant
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.reading.parse_examples import moment_of
from gateway.yaml.mistakes import Mistakes

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


class Asked(NamedTuple):
    """The parts of a request that policies look at."""

    method: str
    path: str
    query: str | None
    client: str


def text_of(*rules: str) -> str:
    """Return a policy file of these rules, each the inside of a flow mapping."""
    return CONDITIONS + "".join(f"  - {{{rule}}}\n" for rule in rules)


def policy_of(*rules: str) -> Policy:
    """Read a policy of these rules."""
    mistakes = Mistakes()
    policy = parse_policy(text_of(*rules), mistakes)
    assert policy is not None, mistakes.say()
    return policy


def random_rules(random: Random) -> list[str]:
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
        if kind == "nobody" and random.random() < 0.4:
            parts.append("say: {ja: 休止中です, status: 503, retry_after: 3600}")
        if kind in ("signed_in", "require") and random.random() < 0.3:
            parts.append("signed_in_within: 5m")
        if kind != "nobody" and random.random() < 0.6:
            parts.append(
                f"disclose: [{', '.join(random.sample(['subject', 'name', 'age', 'town', 'here', 'either'], 2))}]"
            )
        rules.append(", ".join(parts))
    return rules


def random_person(random: Random, client_id: str = "client", subject: str = "subject") -> Identity | None:
    """Return somebody who signed in shortly before `NOW` and was asked for some of it; `None` is nobody."""
    if random.random() < 0.25:
        return None
    asked = frozenset({Scope.OPENID, *random.sample(sorted(Scope), random.randint(0, 5))})
    year = random.randint(1930, 2025)
    birthdate = random.choice([Birthdate(year, random.randint(1, 12), random.randint(1, 28)), Birthdate(year), None])
    address = random.choice(["東京都渋谷区神南1-1-1", "横浜市中区本町1-1", "府中市1-1", "大阪市北区1", None])
    return Identity(
        client_id,
        subject,
        NOW - random.choice([0, 200, 400]),
        asked,
        birthdate=birthdate if Scope.BIRTHDATE in asked else None,
        address=address if Scope.ADDRESS in asked else None,
    )


def random_request(random: Random, nowhere: str = "") -> Asked:
    """Return a request; `nowhere` is the client's address where it is neither of the office nor of anybody."""
    return Asked(
        random.choice(["GET", "POST", "HEAD"]),
        random.choice(["/", "/a", "/a/", "/a/b", "/a/c", "/b", "/b/x/y", "/c", "/x/c"]),
        random.choice([None, "do=x", "do=y&act=x", "do=x&do=y", "act=x;do=x", "other=1"]),
        random.choice(["192.0.2.7", "198.51.100.1", nowhere]),
    )


def random_moment(random: Random) -> Instant:
    """Return a quarter of an hour within a month of `NOW`, or a second within ten minutes of it."""
    if random.random() < 0.3:
        return NOW + random.randint(-600, 600)
    return NOW + random.randint(-30 * 96, 30 * 96) * 900
