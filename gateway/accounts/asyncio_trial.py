"""Tries a recipe with an account that is nobody's: it signs in and out, and changes nothing.

`sekisho doctor` shows the steps. One login with a wrong password comes first, and a good one ends its count.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from gateway.accounts.application_cookies import Jar
from gateway.accounts.asyncio_application import Application, Prepared, Refused, SignedInThere
from gateway.accounts.made_passwords import SHORTEST
from gateway.accounts.recipe import RecipeFault, TrialStep
from gateway.errors import GatewayError
from gateway.request.inbound import Inbound
from gateway.route.route import Route

LEAST_LOCK = 3
"""Wrong passwords before a lock, below which none is tried."""

_FAULTS = {RecipeFault.NO_PAGE: TrialStep.NO_PAGE, RecipeFault.NO_FORM: TrialStep.NO_FORM}


async def try_recipe(
    application: Application, route: Route, person: Inbound, user: str, password: str, *, wrong: str, changes: bool
) -> AsyncIterator[TrialStep]:
    """Sign in and out, and say how each step ended. `wrong` is a password that nobody has."""
    trial = _Trial(application, route, person)
    try:
        async for step in trial.steps(user, password, wrong, changes=changes):
            yield step
    except GatewayError:
        yield TrialStep.AWAY


class _Trial:
    """One trial."""

    def __init__(self, application: Application, route: Route, person: Inbound) -> None:
        self._application = application
        self._recipe = application.recipe
        self._route = route
        self._person = person

    async def steps(self, user: str, password: str, wrong: str, *, changes: bool) -> AsyncIterator[TrialStep]:
        """Go through all of it, as far as it goes."""
        if self._recipe.locks_after is None or self._recipe.locks_after >= LEAST_LOCK:
            step = await self._wrong(user, wrong)
            yield step
            if step is not TrialStep.WRONG_REFUSED:
                return
        login = await self._application.sign_in(self._route, self._person, user, password)
        if not isinstance(login, SignedInThere):
            yield TrialStep.REFUSED if isinstance(login, Refused) else _FAULTS[login]
            return
        yield TrialStep.SIGNED_IN
        if self._recipe.account_cookie and login.account is None:
            yield TrialStep.NO_NAME
        async for step in self._in_session(login.jar, changes=changes):
            yield step

    async def _wrong(self, user: str, wrong: str) -> TrialStep:
        login = await self._application.sign_in(self._route, self._person, user, wrong)
        if isinstance(login, SignedInThere):
            await self._leave(login.jar)
            return TrialStep.ANY_PASSWORD
        return TrialStep.WRONG_REFUSED if isinstance(login, Refused) else _FAULTS[login]

    async def _in_session(self, jar: Jar, *, changes: bool) -> AsyncIterator[TrialStep]:
        alive = await self._alive(jar)
        if alive is not None:
            yield alive
        if changes:
            yield await self._change(jar)
        await self._leave(jar)
        if not self._recipe.logout.page:
            yield TrialStep.NO_LOGOUT
        elif alive is not TrialStep.ALIVE:
            yield TrialStep.LOGOUT_ASKED
        else:
            yield TrialStep.STILL_IN if await self._opens(jar) else TrialStep.SIGNED_OUT

    async def _change(self, jar: Jar) -> TrialStep:
        form = await self._application.prepare_change(self._route, self._person, jar)
        if isinstance(form, Prepared):
            return TrialStep.CHANGE_READY if form.longest >= SHORTEST else TrialStep.CHANGE_SHORT
        return TrialStep.NO_CHANGE if form.fault == RecipeFault.NO_FORM else TrialStep.CHANGE_AWAY

    async def _alive(self, jar: Jar) -> TrialStep | None:
        if not self._recipe.alive:
            return None
        if not await self._opens(jar):
            return TrialStep.NOT_ALIVE
        return TrialStep.NEVER_ENDS if await self._opens(Jar()) else TrialStep.ALIVE

    async def _opens(self, jar: Jar) -> bool:
        cookies = jar.field_for(self._recipe.alive)
        return await self._application.is_alive(self._route, self._person, cookies)

    async def _leave(self, jar: Jar) -> None:
        await self._application.sign_out(self._route, self._person, jar.field_for(self._recipe.logout.page))
