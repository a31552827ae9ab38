from __future__ import annotations

from itertools import chain, combinations

import pytest

from gateway.console.routes import MENU, ROUTES, Admits, ConsoleRoute, Place, may, menu_for, route_of
from gateway.portal.operators import Role

EVERY_SET_OF_ROLES = [frozenset(roles) for n in range(len(Role) + 1) for roles in combinations(Role, n)]


def test_every_place_has_one_route() -> None:
    """No place is forgotten, and none is reached in two ways."""
    assert [route.place for route in ROUTES] == list(dict.fromkeys(route.place for route in ROUTES))
    assert {route.place for route in ROUTES} == set(Place)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.place)
def test_nothing_is_changed_by_looking(route: ConsoleRoute) -> None:
    """A change is a POST, and none is open to a token that may only look or search the audit."""
    if route.changes:
        assert route.method == "POST"
        assert route.needs in {Role.ACT, Role.AUTHOR, Role.ACCOUNTS}
    if route.method == "GET":
        assert not route.changes


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.place)
def test_a_role_opens_what_names_it_and_nothing_else(route: ConsoleRoute) -> None:
    """For every set of roles, and for nobody."""
    for roles in EVERY_SET_OF_ROLES:
        assert may(route.needs, roles) == (route.needs in {*Admits} or route.needs in roles)
    assert may(route.needs, None) == (route.needs is Admits.EVERYBODY)


def test_the_menu_shows_what_opens() -> None:
    """No link of the menu leads to a refusal, and each of its pages is a GET."""
    for roles in EVERY_SET_OF_ROLES:
        assert all(may(route.needs, roles) for route in menu_for(roles))
    assert {route_of(place).method for place in MENU} == {"GET"}
    assert set(chain(menu_for(set(Role)))) == {route_of(place) for place in MENU}
