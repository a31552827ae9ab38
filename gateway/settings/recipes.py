"""The shipped recipes: how one signs in at well-known applications, each at the root of its host.

A recipe in `gateway.yaml` may name one with `like`, and every key that it writes itself stands in the place of the
shipped one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from gateway.settings.settings import EndedSettings, LogoutSettings, RecipeSettings, SuccessSettings

SHIPPED: Mapping[str, RecipeSettings] = MappingProxyType(
    {
        "redmine": RecipeSettings(
            page="/login",
            post="/login",
            user="username",
            password="password",  # noqa: S106 (the name of a field)
            success=SuccessSettings(status=302, not_location="/login"),
            ended=EndedSettings(location="/login"),
            logout=LogoutSettings(page="/logout", submit=True),
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
            logout=LogoutSettings(page="/wp-login.php?action=logout", link="_wpnonce="),
            closed=("/wp-login.php", "/wp-signup.php", "/wp-activate.php", "/xmlrpc.php"),
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
    return recipe if recipe.post else replace(recipe, post=recipe.page)


_EMPTY = RecipeSettings()


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
