from __future__ import annotations

from typing import Any

import pytest

from gateway.console.oidc import LIFETIME, MOST_PENDING, Pending, PendingLogins, operator_of
from gateway.portal.operators import Operator, Role
from gateway.settings.settings import ConsoleOidcSettings, SecretSource
from tests.builders import NOON

SETTINGS = ConsoleOidcSettings(
    "https://idp.example", "console", SecretSource(), look=("staff", "lead"), act=("lead",), audit=("auditor",)
)
PENDING = Pending("state", "nonce", "verifier", NOON)


@pytest.mark.parametrize(
    ("roles", "given"),
    [
        (["staff"], {Role.LOOK}),
        (["lead", "x"], {Role.LOOK, Role.ACT}),
        ("auditor", {Role.AUDIT}),
        (["staff", 7, None], {Role.LOOK}),
    ],
)
def test_words_of_the_provider_give_roles(roles: object, given: set[Role]) -> None:
    """As the settings say, whether the claim is a list or one text."""
    found = operator_of({"preferred_username": "sato", "roles": roles}, SETTINGS)

    assert found == Operator("sato (OIDC)", frozenset(given))


@pytest.mark.parametrize(
    "claims",
    [
        {"preferred_username": "sato"},
        {"preferred_username": "sato", "roles": []},
        {"preferred_username": "sato", "roles": ["Staff", "staf"]},
        {"preferred_username": "sato", "roles": {"staff": True}},
        {"preferred_username": "", "roles": ["staff"]},
        {"preferred_username": "sa to", "roles": ["staff"]},
        {"preferred_username": "ota\u202es", "roles": ["staff"]},
        {"preferred_username": "sato\u200b", "roles": ["staff"]},
        {"preferred_username": "s" * 65, "roles": ["staff"]},
        {"preferred_username": ["sato"], "roles": ["staff"]},
        {"roles": ["staff"]},
    ],
    ids=str,
)
def test_nobody_comes_in_without_a_name_and_a_role(claims: dict[str, Any]) -> None:
    """Empty, unknown and unreadable are never a yes."""
    assert operator_of(claims, SETTINGS) is None


def test_a_login_is_taken_once_by_its_browser_and_state() -> None:
    """Another browser or state takes none; and a wrong state uses the login up."""
    logins = PendingLogins(lambda: NOON)
    for browser in ("b1", "b2"):
        logins.keep(browser, PENDING)

    assert logins.take("b3", "state") is None
    assert logins.take("b1", "state") == PENDING
    assert logins.take("b1", "state") is None
    assert logins.take("b2", "other") is None
    assert logins.take("b2", "state") is None


@pytest.mark.parametrize("later", [LIFETIME, -3_600.0])
def test_a_login_ends(later: float) -> None:
    """After its time, and where the clock was set back so far that its age is unknown."""
    now = [NOON]
    logins = PendingLogins(lambda: now[0])
    logins.keep("b", PENDING)
    now[0] += later

    assert logins.take("b", "state") is None


def test_logins_under_way_are_bounded() -> None:
    """The oldest one gives way."""
    logins = PendingLogins(lambda: NOON)
    for number in range(MOST_PENDING + 1):
        logins.keep(str(number), PENDING)

    assert logins.take("0", "state") is None
    assert logins.take("1", "state") == PENDING
