"""The cache of permits and assertions: typed, and bounded however long a session lasts."""

from gateway.policy.permit_cache import MOST, PermitCache, ReadyPermit, SignedLine
from gateway.policy.verdict import Permit, RuleId
from tests.builders import NOON

RULE = RuleId("test", "rule")
TABLE = object()


def ready() -> ReadyPermit:
    """Return a permit of a rule of its own."""
    return ReadyPermit(object(), None, Permit(RULE, None), b"", NOON, NOON + 1, str(RULE))


def test_a_permit_is_found_by_the_rule_that_gave_it_and_by_no_other_of_its_name() -> None:
    """A reload makes rules of the same name that may say another thing."""
    cache = PermitCache()
    kept = ready()

    cache.keep_permit(kept, TABLE)

    assert cache.permits.get(kept.rule) is kept
    assert cache.permits.get(ready().rule) is None


def test_permits_of_an_earlier_table_go_with_the_first_of_the_next() -> None:
    """A session lasts for days, and may meet many readings of the policies."""
    cache = PermitCache()
    earlier = [ready(), ready()]
    for each in earlier:
        cache.keep_permit(each, TABLE)
    assert len(cache.permits) == len(earlier)

    now = ready()
    cache.keep_permit(now, object())

    assert list(cache.permits.values()) == [now]


def test_a_cache_does_not_grow_without_end() -> None:
    """It starts anew when it is full, while the newest permit and assertion are always in it."""
    cache = PermitCache()
    for number in range(3 * MOST + 1):
        newest = ready()
        cache.keep_permit(newest, TABLE)
        cache.keep_assertion("booking", RuleId("test", f"rule-{number}"), SignedLine(None, (), b"", NOON))

        assert cache.permits[newest.rule] is newest
        assert ("booking", RuleId("test", f"rule-{number}")) in cache.assertions
        assert len(cache.permits) <= MOST
        assert len(cache.assertions) <= MOST
