from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.addresses import REMEMBERED, Addresses, Place

SIX, FOUR = 10, 2
A6, B6, C6 = (Place(f"2001:db8::{number}", 80, SIX) for number in (1, 2, 3))
A4, B4 = (Place(f"192.0.2.{number}", 80, FOUR) for number in (1, 2))


def found(*places: Place) -> Addresses:
    addresses = Addresses()
    addresses.found = places
    return addresses


def test_families_take_turns() -> None:
    """A network without one of the families costs one attempt, for either preference of the resolver."""
    assert tuple(found(A6, B6, C6, A4, B4).in_order(0.0)) == (A6, A4, B6, B4, C6)
    assert tuple(found(A4, A6).in_order(0.0)) == (A4, A6)


def test_an_address_that_did_not_answer_is_tried_last_for_a_while() -> None:
    """The next request does not pay for it again; later, it may have come back."""
    addresses = found(A6, A4, B4)
    addresses.tried(A4, [A6], 100.0)

    soon = tuple(addresses.in_order(100.0 + REMEMBERED - 1))
    later = tuple(addresses.in_order(100.0 + REMEMBERED))

    assert soon == (A4, B4, A6)
    assert later == (A6, A4, B4)


def test_one_that_answers_is_good_again() -> None:
    """At once."""
    addresses = found(A6, A4)
    addresses.tried(None, [A6, A4], 0.0)

    addresses.tried(A6, [], 1.0)

    assert tuple(addresses.in_order(1.0)) == (A6, A4)


PLACES = st.lists(st.builds(Place, st.sampled_from("abcdef"), st.just(80), st.sampled_from([SIX, FOUR])), unique=True)


@given(PLACES, st.data())
def test_every_address_is_tried_once(places: list[Place], data: st.DataObject) -> None:
    """This holds for everything that is known of them."""
    addresses = found(*places)
    if places:
        addresses.tried(
            data.draw(st.sampled_from(places) | st.none()), data.draw(st.lists(st.sampled_from(places))), 0.0
        )

    assert sorted(addresses.in_order(data.draw(st.floats(0, 200)))) == sorted(places)
