"""Gives an account a password that the gateway has made, so that nobody keeps or knows a person's own.

The store has the new password before the application hears of it, and has both until a login has shown which one
counts. So an end in the middle, at any point, leaves a password in the store or in the person's head that opens the
account. `docs/accounts.md` has the table of those ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

import structlog

from gateway.accounts.accounts import CHANGE_SECONDS, AccountStore, KeptPassword, KeptPasswords
from gateway.accounts.application_cookies import Jar
from gateway.accounts.asyncio_application import Application, NotAsked, Prepared, Refused, SignedInThere
from gateway.accounts.made_passwords import SHORTEST, make_password
from gateway.accounts.passwords import NONCE, seal_password
from gateway.accounts.recipe import RecipeFault
from gateway.errors import GatewayError
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.session.seal import Secrets

MOST_SECONDS = CHANGE_SECONDS / 2
"""Seconds for a whole change, so that another one can only begin when this one is over."""

log = structlog.get_logger()


class ChangeEnd(StrEnum):
    """How a change of an account's password ended. Word of a log line."""

    CHANGED = "changed"
    """A login with the new password has shown that it counts."""
    UNDER_WAY = "under_way"
    """Another change came first."""
    NOT_CHANGED = "not_changed"
    """The old password counts."""
    UNKNOWN = "unknown"
    """The application did not answer: the next login tries the new password."""
    LOST = "lost"
    """The application takes neither: the office gives the account a password there, and the person proves it."""


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """The end of a change."""

    end: ChangeEnd
    jar: Jar
    """The cookies of the session in which it was made."""
    login: SignedInThere | None = None
    """The login with the new password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChange:
    """The change of one account's password, on the request of one browser."""

    app: str
    account: str
    store: AccountStore
    keys: Secrets
    application: Application
    route: Route
    person: Inbound
    prove: Callable[[str], Awaitable[SignedInThere | Refused | None]]
    """Signs in with a password, counted as an attempt; `None`: it was not tried, or the application is away."""
    leave: Callable[[SignedInThere], Awaitable[None]]
    """Ends a session that only proved a password."""
    clock: Callable[[], Instant]
    random: Callable[[int], bytes]

    async def make(self, login: SignedInThere, password: str, seen: KeptPasswords) -> ChangeResult:
        """Change the password that has just signed in; `seen` are the kept ones from before that login.

        Raises:
            StoreUnavailableError: the store did not answer. What it has is safe.

        """
        form = await self.application.prepare_change(self.route, self.person, login.jar)
        if isinstance(form, NotAsked):
            return self._ended(ChangeEnd.NOT_CHANGED, login.jar, fault=form.fault)
        if form.longest < SHORTEST:
            return self._ended(ChangeEnd.NOT_CHANGED, form.jar, fault=RecipeFault.TOO_SHORT)
        length = min(form.longest, self.application.recipe.change.length)
        made = make_password(self.application.recipe.change.alphabet, length, self.random)
        box = seal_password(self.keys, self.app, self.account, made, self.random(NONCE))
        kept = KeptPassword(box, own=False, since=self.clock())
        if not await self.store.prepare_password(self.app, self.account, kept, seen):
            return self._ended(ChangeEnd.UNDER_WAY, form.jar)
        try:
            async with asyncio.timeout(MOST_SECONDS):
                return await self._asked(form, password, made, kept)
        except TimeoutError:
            return self._ended(ChangeEnd.UNKNOWN, form.jar, fault="timeout")

    async def _asked(self, form: Prepared, old: str, made: str, kept: KeptPassword) -> ChangeResult:
        try:
            jar = await self.application.change_password(self.route, self.person, form, old, made)
        except GatewayError:
            # The application may have heard it: the login says so.
            jar = form.jar
        login = None if jar is None else await self.prove(made)
        if isinstance(login, SignedInThere):
            await self.store.keep_password(self.app, self.account, kept)
            return self._ended(ChangeEnd.CHANGED, jar or form.jar, login)
        if jar is not None and login is None:
            return self._ended(ChangeEnd.UNKNOWN, jar)
        return await self._refused(jar or form.jar, old, made, kept)

    async def _refused(self, jar: Jar, old: str, made: str, kept: KeptPassword) -> ChangeResult:
        """Find out whether the old password counts still; if neither does, ask the application to go back to it."""
        before = await self.prove(old)
        if isinstance(before, Refused):
            back = await self.application.prepare_change(self.route, self.person, jar)
            if isinstance(back, Prepared):
                try:
                    jar = await self.application.change_password(self.route, self.person, back, made, old) or jar
                except GatewayError:
                    return self._ended(ChangeEnd.UNKNOWN, jar)
                before = await self.prove(old)
        if isinstance(before, SignedInThere):
            await self.leave(before)
            await self.store.withdraw_password(self.app, self.account, kept)
            return self._ended(ChangeEnd.NOT_CHANGED, jar, fault="refused")
        if before is None:
            return self._ended(ChangeEnd.UNKNOWN, jar)
        return self._ended(ChangeEnd.LOST, jar, fault="refused")

    def _ended(self, end: ChangeEnd, jar: Jar, login: SignedInThere | None = None, *, fault: str = "") -> ChangeResult:
        number = self.person.request_id
        if end in (ChangeEnd.CHANGED, ChangeEnd.UNDER_WAY):
            log.info(Event.ACCOUNT_PASSWORD, request_id=number, app=self.app, outcome=end.value)
        else:
            log.warning(Event.ACCOUNT_PASSWORD, request_id=number, app=self.app, outcome=end.value, error=fault)
        return ChangeResult(end, jar, login)
