"""A shared cache in front of us gives no page to anybody whom policy refuses: each kind of rule, each wish to be kept.

The cache here is the most willing that RFC 9111 and its vendors' fields allow; a real one is in `tests/flows`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.headers.answer import app_answer_headers
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import make_inbound
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import Permit
from gateway.yaml.mistakes import Mistakes
from tests.builders import NOON, route
from tests.shared_caches import KINDS, LISTED, SWITCHED_OFF_AT, VARIANTS, Asked, Days, Kind

DAYS = Days.after(NOON)
_FORBIDS = re.compile(r"(?:^|,)\s*(?:private|no-store)\s*(?:,|$)")


def compiled(tmp_path: Path) -> CompiledPolicy:
    (tmp_path / "listed.yaml").write_text(LISTED)
    mistakes = Mistakes()
    policy = parse_policy(DAYS.policy, mistakes, folder=tmp_path)
    assert policy is not None, mistakes.say()
    return CompiledPolicy(policy, Surroundings({"disaster": DAYS.moment(SWITCHED_OFF_AT)}, policy.lists))


def permit_of(policy: CompiledPolicy, kind: str, asked: Asked) -> Permit | None:
    inbound = make_inbound("GET", f"/{kind}/page", asked.query.removeprefix("?") or None, asked.client)
    now = DAYS.moment(asked.hours)
    rule = policy.fitting(inbound, now)
    verdict = None if rule is None else rule.decide(inbound, asked.person, now).verdict
    return verdict if isinstance(verdict, Permit) else None


def keeps(lines: bytes) -> bool:
    """Say whether the most willing shared cache keeps an answer: a field meant for it wins, and silence is a yes."""
    fields = [line.partition(": ") for line in lines.decode().split("\r\n")[:-1]]
    said = [(name.lower(), value.lower()) for name, _, value in fields]
    if any(name not in ("cache-control", "expires") and "cache-control" in name for name, _ in said):
        return True
    if any(name in ("surrogate-control", "x-accel-expires") for name, _ in said):
        return True
    return not _FORBIDS.search(",".join(value for name, value in said if name == "cache-control"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_page_is_kept_that_policy_refuses_to_anybody(kind: Kind, variant: str, tmp_path: Path) -> None:
    """One permitted request of the page may not answer the refused one, nor another person's."""
    policy = compiled(tmp_path)
    raw = tuple((name.encode(), value.encode()) for name, value in VARIANTS[variant])

    permit = permit_of(policy, kind.name, kind.permitted)

    assert permit is not None
    assert permit_of(policy, kind.name, kind.refused) is None
    kept = keeps(app_answer_headers(raw, route(), private=not permit.shared))
    # A query is part of what a cache keeps a page under, so its rule may let it.
    assert not kept or kind.permitted.query != kind.refused.query


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_everybody_may_have_at_any_time_may_be_kept(variant: str, tmp_path: Path) -> None:
    """Style sheets and notices stay as fast as they were: the application's own words go through."""
    permit = permit_of(compiled(tmp_path), "public", Asked())
    raw = tuple((name.encode(), value.encode()) for name, value in VARIANTS[variant])

    assert permit is not None
    assert permit.shared
    assert app_answer_headers(raw, route(), private=False) == b"".join(b"%b: %b\r\n" % field for field in raw)
