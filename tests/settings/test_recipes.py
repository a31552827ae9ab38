"""Shipped recipes, and what a written one takes of them."""

from __future__ import annotations

import pytest

from gateway.settings.recipes import SHIPPED, bits_of, covers, path_of, whole_recipe
from gateway.settings.settings import ChangeSettings, RecipeSettings


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_recipe_closes_its_own_login(name: str) -> None:
    """No shipped recipe leaves its login page to people."""
    recipe = SHIPPED[name]

    assert all(
        any(covers(pattern, path_of(target)) for pattern in recipe.closed) for target in (recipe.page, recipe.post)
    )


def test_what_is_written_stands_in_the_place_of_what_is_shipped() -> None:
    """An application below a path of its host writes its own paths, and keeps the rest."""
    recipe = whole_recipe(RecipeSettings(like="wordpress", page="/blog/wp-login.php", post="/blog/wp-login.php"))

    assert recipe.page == recipe.post == "/blog/wp-login.php"
    assert recipe.user == SHIPPED["wordpress"].user


def test_a_form_is_sent_to_its_own_page_without_another() -> None:
    """`post` is the login page itself where nothing else is written."""
    assert whole_recipe(RecipeSettings(page="/login.php")).post == "/login.php"
    changed = whole_recipe(RecipeSettings(page="/login.php", change=ChangeSettings(page="/password.php")))
    assert changed.change.post == "/password.php"


def test_bits_count_each_sign_once() -> None:
    """An alphabet that says a sign twice is not larger for it."""
    assert bits_of("aabb", 10) == bits_of("ab", 10) == 10
    assert bits_of("", 10) == 0


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/login.php", "/login.php", True),
        ("/login.php", "/loginxphp", False),
        ("/password/**", "/password", True),
        ("/password/**", "/password/a/b", True),
        ("/password/*", "/password/a/b", False),
        ("/**/reset", "/a/b/reset", True),
        ("/**", "/anything", True),
    ],
)
def test_patterns_cover_paths_as_in_a_policy(pattern: str, path: str, fits: bool) -> None:
    """One star is one segment, two are any number."""
    assert covers(pattern, path) is fits
