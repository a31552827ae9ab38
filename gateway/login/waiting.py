"""Forms that were not sent and wait for their person: kept sealed, shown on a page of their own, sent once.

The page's address has the form's name, which nobody can guess. The name opens nothing without the binding cookie of the
browser that the form was filled in with, nor for another person than the one who has signed in for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

import msgspec

from gateway.instant import Instant
from gateway.login.pending import (
    FORM_LIVES,
    PENDING_SECONDS,
    SECRET_BYTES,
    Browser,
    PendingStore,
    SentForm,
    WaitingForm,
    bound_browser,
    find_browser,
    is_state,
    random_name,
)
from gateway.login.return_to import FORM
from gateway.request.inbound import Inbound
from gateway.route.route import Route

_ID = re.compile(r"id=([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Kept:
    """A form waits at `page`; `cookie` is the value of the binding cookie if the browser had none."""

    page: str
    cookie: str | None = None


class WaitingForms:
    """The forms of one gateway that wait. Each method raises `StoreUnavailableError` if the store does not answer."""

    def __init__(
        self,
        store: PendingStore,
        prefix: str,
        *,
        clock: Callable[[], Instant],
        random: Callable[[int], bytes],
        sign_in: float = PENDING_SECONDS,
    ) -> None:
        """`prefix` is the portal's, `sign_in` the seconds that a person has for a sign-in."""
        self._store = store
        self._page = prefix + FORM
        self._clock = clock
        self._random = random
        self._life = sign_in * FORM_LIVES

    def name_in(self, target: str) -> str:
        """Return the name of the form whose page a target is; empty if it is another page."""
        path, _, query = target.partition("?")
        found = _ID.fullmatch(query) if path == self._page else None
        return "" if found is None else found[1]

    def page_of(self, form_id: str) -> str:
        """Return the address of a form's page."""
        return f"{self._page}?id={form_id}"

    async def keep(self, browser: Browser, route: Route, inbound: Inbound, target: str, body: str) -> str | None:
        """Keep a form, and return its page; `None` if too many wait."""
        now = self._clock()
        form_id = random_name(self._random(SECRET_BYTES))
        form = WaitingForm(browser.name, route.host, target, body, now + self._life)
        kept = await self._store.keep_form(form_id, form, inbound.client_address, now)
        return self.page_of(form_id) if kept else None

    async def keep_here(self, route: Route, inbound: Inbound, target: str, body: str) -> Kept | None:
        """Keep a form for a person who need not sign in any more."""
        browser = find_browser(inbound.cookie, route.pending_cookie)
        bound = browser or Browser(random_name(self._random(SECRET_BYTES)))
        page = await self.keep(bound, route, inbound, target, body)
        return None if page is None else Kept(page, bound.cookie if browser is None else None)

    async def find(self, route: Route, inbound: Inbound, form_id: str, person: str) -> WaitingForm | SentForm | None:
        """Return a form of this browser, unless it waits for another person; `person` is a pseudonym, or empty."""
        form = await self._store.find_form(form_id, self._clock()) if is_state(form_id) else None
        if form is None or form.host != route.host:
            return None
        if bound_browser(form, inbound.cookie, route.pending_cookie) is None:
            return None
        if isinstance(form, WaitingForm) and form.person and person and form.person != person:
            return None
        return form

    async def hand_over(self, form_id: str, form: WaitingForm, person: str) -> None:
        """Keep a form for this person alone, or for the next one who signs in for it, if `person` is empty."""
        if form.person != person:
            await self._store.change_form(form_id, msgspec.structs.replace(form, person=person))

    async def send(self, form_id: str, form: WaitingForm) -> bool:
        """Forget a form's body, because it is sent now; True for exactly one caller, ever."""
        return await self._store.send_form(form_id, form, self._clock())


def named_in(query: bytes | None) -> str:
    """Return the name of a form in the query of its page; empty if there is none, or more than one."""
    try:
        names = parse_qs((query or b"").decode("ascii")).get("id", [])
    except ValueError:
        return ""
    return names[0] if len(names) == 1 else ""
