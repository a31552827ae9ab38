"""A trial of a recipe says which step of it does not fit the application."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.accounts.asyncio_trial import LEAST_LOCK, try_recipe
from gateway.accounts.recipe import TrialStep
from gateway.settings.settings import (
    ChangeSettings,
    EndedSettings,
    LogoutSettings,
    RecipeSettings,
    SuccessSettings,
)
from tests.accounts.test_asyncio_changing import OLD, RECIPE, ROUTE, Clock, Old
from tests.builders import inbound

WHOLE = replace(RECIPE, alive="/change", ended=EndedSettings("/login"), logout=LogoutSettings("/logout"))
ALL = (
    TrialStep.WRONG_REFUSED,
    TrialStep.SIGNED_IN,
    TrialStep.ALIVE,
    TrialStep.CHANGE_READY,
    TrialStep.SIGNED_OUT,
)


async def steps(recipe: RecipeSettings, password: str = OLD, *, changes: bool = True) -> tuple[list[TrialStep], Old]:
    application = Old(Clock(), recipe)
    found = [
        step
        async for step in try_recipe(
            application, ROUTE, inbound(), "tanaka", password, wrong="nobody-has-this", changes=changes
        )
    ]
    return found, application


async def test_a_recipe_that_fits_is_signed_in_and_out() -> None:
    """Nothing at the application is as before but a session that is over, and no wrong password is left counted."""
    found, application = await steps(WHOLE)

    assert tuple(found) == ALL
    assert (application.password, application.wrong, application.sessions) == (OLD, 0, set())


@pytest.mark.parametrize(
    ("recipe", "ends"),
    [
        (replace(WHOLE, page="/nowhere"), (TrialStep.NO_PAGE,)),
        (replace(WHOLE, user="name"), (TrialStep.NO_FORM,)),
        (replace(WHOLE, success=SuccessSettings(text_absent="sorry")), (TrialStep.ANY_PASSWORD,)),
        (replace(WHOLE, success=SuccessSettings(status=303)), (TrialStep.WRONG_REFUSED, TrialStep.REFUSED)),
        (replace(WHOLE, account_cookie="name_*"), (*ALL[:2], TrialStep.NO_NAME, *ALL[2:])),
        (
            replace(WHOLE, ended=EndedSettings(status=200)),
            (*ALL[:2], TrialStep.NOT_ALIVE, ALL[3], TrialStep.LOGOUT_ASKED),
        ),
        (replace(WHOLE, ended=EndedSettings("/x")), (*ALL[:2], TrialStep.NEVER_ENDS, ALL[3], TrialStep.LOGOUT_ASKED)),
        (replace(WHOLE, alive=""), (*ALL[:2], ALL[3], TrialStep.LOGOUT_ASKED)),
        (replace(WHOLE, change=replace(RECIPE.change, new="other")), (*ALL[:3], TrialStep.NO_CHANGE, ALL[4])),
        (replace(WHOLE, change=ChangeSettings(page="/no", new="x")), (*ALL[:3], TrialStep.CHANGE_AWAY, ALL[4])),
        (replace(WHOLE, logout=LogoutSettings()), (*ALL[:4], TrialStep.NO_LOGOUT)),
        (replace(WHOLE, logout=LogoutSettings("/login")), (*ALL[:4], TrialStep.STILL_IN)),
    ],
)
async def test_a_recipe_that_does_not_fit_is_told_by_its_step(
    recipe: RecipeSettings, ends: tuple[TrialStep, ...]
) -> None:
    """Each mistake has its own word, and the trial signs out of what it has signed in."""
    found, application = await steps(recipe)

    assert tuple(found) == ends
    assert application.password == OLD


async def test_a_wrong_password_in_the_settings_is_said() -> None:
    """The trial account's password is not the one that the file has."""
    assert (await steps(WHOLE, "not-hers"))[0] == [TrialStep.WRONG_REFUSED, TrialStep.REFUSED]


async def test_no_wrong_password_is_tried_where_the_application_locks_at_once() -> None:
    """The trial account must not be locked by its trial."""
    found, application = await steps(replace(WHOLE, locks_after=LEAST_LOCK - 1))

    assert tuple(found) == ALL[1:]
    assert application.most_wrong == 0


async def test_an_application_that_is_away_is_said() -> None:
    """The trial ends with it."""
    application = Old(Clock(), WHOLE)
    application.faults = {3: "unreachable"}
    found = [
        step async for step in try_recipe(application, ROUTE, inbound(), "tanaka", OLD, wrong="none", changes=False)
    ]

    assert found == [TrialStep.WRONG_REFUSED, TrialStep.AWAY]
