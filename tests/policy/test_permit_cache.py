"""The cache of permits and assertions: typed, and bounded however long a session lasts."""

from typing import cast

from gateway.policy.decide import FittingRule
from gateway.policy.permit_cache import MOST, PermitCache, ReadyPermit, SignedLine
from gateway.policy.verdict import Permit, RuleId
from tests.builders import NOON, FixedRule

RULE = RuleId("test", "rule")


def ready() -> ReadyPermit:
    """Return a permit of a rule of its own."""
    return ReadyPermit(cast("FittingRule", FixedRule()), None, Permit(RULE, None), b"", NOON, NOON + 1, str(RULE))


def test_a_permit_is_found_by_the_rule_that_gave_it_and_by_no_other_of_its_name() -> None:
    """A reload makes rules of the same name that may say another thing."""
    cache = PermitCache()
    kept = ready()

    cache.keep_permit(kept)

    assert cache.permits.get(kept.rule) is kept
    assert cache.permits.get(ready().rule) is None


def test_a_cache_does_not_grow_with_reloads() -> None:
    """Rules of earlier readings leave it, while the newest permit and assertion are always in it."""
    cache = PermitCache()
    for number in range(3 * MOST + 1):
        newest = ready()
        cache.keep_permit(newest)
        cache.keep_assertion("booking", RuleId("test", f"rule-{number}"), SignedLine(None, (), b"", NOON))

        assert cache.permits[newest.rule] is newest
        assert ("booking", RuleId("test", f"rule-{number}")) in cache.assertions
        assert len(cache.permits) <= MOST
        assert len(cache.assertions) <= MOST
