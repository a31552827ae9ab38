"""A section's cache is empty at first, and holds one result of each kind."""

from gateway.request.brought import Brought
from gateway.request.section_cache import SectionCache


def test_a_new_cache_answers_nothing() -> None:
    """No cookie's name and no route is the one that its results were made for."""
    cache = SectionCache()

    assert (cache.cookie_name, cache.brought, cache.route) == (None, None, None)
    assert cache.section == (b"", ())


def test_a_cache_has_room_for_one_result_of_each_kind() -> None:
    """It cannot grow, for it has four places and no more; another connection's is another."""
    cache, other = SectionCache(), SectionCache()

    for number in range(3):
        cache.cookie_name, cache.brought = b"%d" % number, Brought("t", sealed=True)
        cache.route, cache.section = object(), (b"%d" % number, ())

    assert cache.section[0] == b"2"
    assert not hasattr(cache, "__dict__")
    assert other.route is None
