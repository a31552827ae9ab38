"""The shipped recipes: how one signs in at well-known applications, each at the root of its host.

A recipe in `gateway.yaml` may name one with `like`, and every key that it writes itself stands in the place of the
shipped one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from math import log2
from types import MappingProxyType
from typing import Any

from gateway.settings.settings import (
    AppSettings,
    ChangeSettings,
    EndedSettings,
    LogoutSettings,
    RecipeSettings,
    SuccessSettings,
)

SHIPPED: Mapping[str, RecipeSettings] = MappingProxyType(
    {
        "redmine": RecipeSettings(
            page="/login",
            post="/login",
            user="username",
            password="password",  # noqa: S106 (the name of a field)
            success=SuccessSettings(status=302, not_location="/login"),
            ended=EndedSettings(location="/login"),
            alive="/my/account",
            logout=LogoutSettings(page="/logout", submit=True),
            signs_out=("/logout",),
            change=ChangeSettings(
                page="/my/password",
                post="/my/password",
                old="password",
                new="new_password",
                repeat="new_password_confirmation",
            ),
            closed=("/login", "/account/**", "/my/password", "/my/api_key/**"),
        ),
        "wordpress": RecipeSettings(
            page="/wp-login.php",
            post="/wp-login.php",
            user="log",
            password="pwd",  # noqa: S106 (the name of a field)
            account_cookie="wordpress_logged_in_*",
            success=SuccessSettings(status=302, not_location="/wp-login.php", cookie="wordpress_logged_in_*"),
            ended=EndedSettings(location="/wp-login.php"),
            alive="/wp-admin/about.php",
            logout=LogoutSettings(page="/wp-login.php?action=logout", link="_wpnonce="),
            signs_out=("/wp-login.php?action=logout",),
            change=ChangeSettings(
                page="/wp-admin/profile.php", post="/wp-admin/profile.php", new="pass1", repeat="pass2"
            ),
            closed=(
                "/wp-login.php",
                "/wp-signup.php",
                "/wp-activate.php",
                "/xmlrpc.php",
                "/wp-admin/profile.php",
                "/wp-admin/user/profile.php",
            ),
        ),
    }
)
"""The recipes by name. The policy decides on everything that an application offers behind its login."""


def whole_recipe(recipe: RecipeSettings) -> RecipeSettings:
    """Return a recipe with the values of the shipped one that it names, and with its `post`."""
    if recipe.like is not None:
        own: dict[str, Any] = {
            each.name: value
            for each in fields(recipe)
            if (value := getattr(recipe, each.name)) != getattr(_EMPTY, each.name)
        }
        recipe = replace(SHIPPED[recipe.like], **own)
    change = recipe.change if recipe.change.post else replace(recipe.change, post=recipe.change.page)
    return replace(recipe, post=recipe.post or recipe.page, change=change)


_EMPTY = RecipeSettings()


def signs_out_of(app: AppSettings) -> tuple[str, ...]:
    """Return the sign-out links of an application: those of its App, and those of its recipe."""
    recipe = None if app.accounts is None else app.accounts.recipe
    return tuple(dict.fromkeys((*app.signs_out, *(() if recipe is None else whole_recipe(recipe).signs_out))))


LEAST_BITS = 64
"""Bits of chance in a new password below which a recipe is refused."""


def bits_of(alphabet: str, length: int) -> float:
    """Return the bits of chance in a password of so many signs."""
    return length * log2(max(1, len(set(alphabet))))


def path_of(target: str) -> str:
    """Return the path of a target that may have a query."""
    return target.partition("?")[0]


def covers(pattern: str, path: str) -> bool:
    """Whether a pattern of paths fits a path: `*` is one segment, `**` any number."""
    return _covers(pattern.split("/")[1:], path.split("/")[1:])


def _covers(pattern: list[str], path: list[str]) -> bool:
    if not pattern:
        return not path
    first, *rest = pattern
    if first == "**":
        return any(_covers(rest, path[taken:]) for taken in range(len(path) + 1))
    if not path or not (path[0] if first == "*" else path[0] == first):
        return False
    return _covers(rest, path[1:])
