"""Every page and every button of the console, and the role that each needs.

This table is the one place that says who may do what. `aiohttp_console` registers the routes from it and asks `may`
before any handler runs, so that no handler can forget to.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from gateway.portal.operators import Role
from gateway.workbench.draft import LONGEST_TEXT

LONGEST_DRAFT = 3 * LONGEST_TEXT + 16 * 1024
"""Bytes of a form with a draft: a browser writes each byte of Japanese as three."""

LONGEST_LIST = 8 * 1024 * 1024
"""Bytes of a form with the office's list of accounts; the command takes longer ones."""


class Place(StrEnum):
    """The name of a route: of a page, or of a form's target."""

    STATIC = "static"
    SIGN_IN = "sign_in"
    OIDC = "oidc"
    CALLBACK = "callback"
    HOME = "home"
    SIGN_OUT = "sign_out"
    HEALTH = "health"
    SESSIONS = "sessions"
    SESSIONS_FIND = "sessions_find"
    SESSIONS_REVOKE = "sessions_revoke"
    LIMITS = "limits"
    LIMITS_FIND = "limits_find"
    LIMITS_GIVE_BACK = "limits_give_back"
    ACCOUNTS = "accounts"
    ACCOUNTS_FIND = "accounts_find"
    ACCOUNTS_LINK = "accounts_link"
    ACCOUNTS_UNLINK = "accounts_unlink"
    ACCOUNTS_IMPORT = "accounts_import"
    ACCOUNTS_EXPORT = "accounts_export"
    SWITCHES = "switches"
    SWITCH_ON = "switch_on"
    SWITCH_OFF = "switch_off"
    POLICIES = "policies"
    APPLICATIONS = "applications"
    AUDIT = "audit"
    AUDIT_FIND = "audit_find"
    WORKBENCH = "workbench"
    WORKBENCH_EDIT = "workbench_edit"
    WORKBENCH_WORK = "workbench_work"
    WORKBENCH_SAVE = "workbench_save"


class Admits(StrEnum):
    """The people that a route admits without a role."""

    EVERYBODY = "everybody"
    """Everybody, signed in or not."""
    SIGNED_IN = "signed_in"
    """Each operator who has signed in, with any role."""


@dataclass(frozen=True, slots=True)
class ConsoleRoute:
    """One page or one button."""

    place: Place
    method: str
    path: str
    """Below the console's place, without a slash in front."""
    needs: Role | Admits
    changes: bool = False
    """Whether it changes the gateway, a store or a file: then it is a POST with a reason and is in the audit trail."""
    longest_body: int = 0
    """Bytes of its form, where that may be longer than others."""
    takes_file: bool = False
    """Whether its form has a file (multipart/form-data, RFC 7578)."""


ROUTES: tuple[ConsoleRoute, ...] = (
    ConsoleRoute(Place.STATIC, "GET", "static/{name}", Admits.EVERYBODY),
    ConsoleRoute(Place.SIGN_IN, "POST", "sign-in", Admits.EVERYBODY),
    ConsoleRoute(Place.OIDC, "POST", "oidc", Admits.EVERYBODY),
    ConsoleRoute(Place.CALLBACK, "GET", "callback", Admits.EVERYBODY),
    ConsoleRoute(Place.HOME, "GET", "", Admits.SIGNED_IN),
    ConsoleRoute(Place.SIGN_OUT, "POST", "sign-out", Admits.SIGNED_IN),
    ConsoleRoute(Place.HEALTH, "GET", "health", Role.LOOK),
    ConsoleRoute(Place.SESSIONS, "GET", "sessions", Role.LOOK),
    # The search is a form: its words may name a person, and a URL stays in histories and logs.
    ConsoleRoute(Place.SESSIONS_FIND, "POST", "sessions/find", Role.LOOK),
    ConsoleRoute(Place.SESSIONS_REVOKE, "POST", "sessions/revoke", Role.ACT, changes=True),
    ConsoleRoute(Place.LIMITS, "GET", "limits", Role.LOOK),
    ConsoleRoute(Place.LIMITS_FIND, "POST", "limits/find", Role.LOOK),
    ConsoleRoute(Place.LIMITS_GIVE_BACK, "POST", "limits/give-back", Role.ACT, changes=True),
    ConsoleRoute(Place.ACCOUNTS, "GET", "accounts", Role.ACCOUNTS),
    ConsoleRoute(Place.ACCOUNTS_FIND, "POST", "accounts/find", Role.ACCOUNTS),
    ConsoleRoute(Place.ACCOUNTS_LINK, "POST", "accounts/link", Role.ACCOUNTS, changes=True),
    ConsoleRoute(Place.ACCOUNTS_UNLINK, "POST", "accounts/unlink", Role.ACCOUNTS, changes=True),
    ConsoleRoute(
        Place.ACCOUNTS_IMPORT,
        "POST",
        "accounts/import",
        Role.ACCOUNTS,
        changes=True,
        longest_body=LONGEST_LIST,
        takes_file=True,
    ),
    # It changes nothing, and takes every account out of the gateway: so it needs a reason, as the command does.
    ConsoleRoute(Place.ACCOUNTS_EXPORT, "POST", "accounts/export", Role.ACCOUNTS, changes=True),
    ConsoleRoute(Place.SWITCHES, "GET", "switches", Role.LOOK),
    ConsoleRoute(Place.SWITCH_ON, "POST", "switches/on", Role.ACT, changes=True),
    ConsoleRoute(Place.SWITCH_OFF, "POST", "switches/off", Role.ACT, changes=True),
    ConsoleRoute(Place.POLICIES, "GET", "policies", Role.LOOK),
    ConsoleRoute(Place.APPLICATIONS, "GET", "applications", Role.LOOK),
    ConsoleRoute(Place.AUDIT, "GET", "audit", Role.AUDIT),
    ConsoleRoute(Place.AUDIT_FIND, "POST", "audit/find", Role.AUDIT),
    ConsoleRoute(Place.WORKBENCH, "GET", "workbench", Role.AUTHOR),
    ConsoleRoute(Place.WORKBENCH_EDIT, "GET", "workbench/edit", Role.AUTHOR),
    ConsoleRoute(Place.WORKBENCH_WORK, "POST", "workbench/work", Role.AUTHOR, longest_body=LONGEST_DRAFT),
    ConsoleRoute(Place.WORKBENCH_SAVE, "POST", "workbench/save", Role.AUTHOR, changes=True, longest_body=LONGEST_DRAFT),
)

MENU: tuple[Place, ...] = (
    Place.HEALTH,
    Place.SESSIONS,
    Place.LIMITS,
    Place.ACCOUNTS,
    Place.SWITCHES,
    Place.POLICIES,
    Place.APPLICATIONS,
    Place.AUDIT,
    Place.WORKBENCH,
)
"""The pages of the menu, in order."""


def route_of(place: Place) -> ConsoleRoute:
    """Return the route of a place."""
    return next(route for route in ROUTES if route.place is place)


def may(needs: Role | Admits, roles: Collection[Role] | None) -> bool:
    """Say whether somebody with these roles is admitted; `None` is somebody who has not signed in."""
    match needs:
        case Admits.EVERYBODY:
            return True
        case Admits.SIGNED_IN:
            return roles is not None
        case Role():
            return roles is not None and needs in roles


def menu_for(roles: Collection[Role]) -> tuple[ConsoleRoute, ...]:
    """Return the pages that somebody with these roles finds in the menu."""
    return tuple(route for route in map(route_of, MENU) if may(route.needs, roles))
