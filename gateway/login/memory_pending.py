"""Pending logins in this process's memory: for one worker, gone on restart."""

from __future__ import annotations

from collections import OrderedDict

from gateway.instant import Instant
from gateway.login.pending import (
    BYTES_IN_TOTAL,
    BYTES_PER_ADDRESS,
    FORM_LIVES,
    PENDING_IN_TOTAL,
    PENDING_PER_ADDRESS,
    PENDING_PER_BROWSER,
    PENDING_SECONDS,
    SPENT_SECONDS,
    TARGET_SECONDS,
    TARGETS_UP_TO,
    Cap,
    KeptTarget,
    PendingLogin,
    Round,
    SentForm,
    UsedLogin,
    WaitingForm,
    bytes_of,
    bytes_of_form,
    kept_target,
    state_name,
)
from gateway.login.room import Room, lives
from gateway.request.senders import sender_of


class MemoryPendingStore:
    """A `PendingStore` of dictionaries, each in the order its entries were made."""

    def __init__(
        self,
        *,
        total: int = PENDING_IN_TOTAL,
        per_address: int = PENDING_PER_ADDRESS,
        per_browser: int = PENDING_PER_BROWSER,
        bytes_in_total: int = BYTES_IN_TOTAL,
        bytes_per_address: int = BYTES_PER_ADDRESS,
        life: float = PENDING_SECONDS,
    ) -> None:
        """Begin empty, with the caps of `pending`. `life` is the lifetime of a login, in seconds."""
        self._life = life
        self._total = total
        logins, size = Cap(total, per_address), Cap(bytes_in_total, bytes_per_address)
        self._room = Room(logins, size, per_browser, life)
        self._form_room = Room(logins, size, per_browser, life * FORM_LIVES)
        # Beside each, since when it is kept.
        self._kept: dict[str, tuple[Instant, PendingLogin | UsedLogin]] = {}
        # In the order in which they end.
        self._targets: OrderedDict[str, tuple[Instant, KeptTarget]] = OrderedDict()
        self._forms: OrderedDict[str, tuple[Instant, WaitingForm | SentForm]] = OrderedDict()
        self._rounds: dict[str, tuple[Instant, Round]] = {}
        self._spent: dict[str, Instant] = {}

    async def open(self, state: str, login: PendingLogin, address: str, now: Instant) -> int:
        """See `PendingStore`."""
        self._forget(now)
        name = state_name(state)
        taken = self._room.take(name, login.browser, sender_of(address), bytes_of(login), now)
        if taken is None:
            return 0
        if taken.evicted is not None:
            del self._kept[taken.evicted]
        self._kept[name] = (now, login)
        target = kept_target(login)
        if target is not None and taken.live <= max(1, self._total // TARGETS_UP_TO):
            self._targets[name] = (now, target)
            while len(self._targets) > self._total:
                self._targets.popitem(last=False)
        return taken.place

    async def find(self, state: str, now: Instant) -> PendingLogin | UsedLogin | KeptTarget | None:
        """See `PendingStore`."""
        name = state_name(state)
        since, kept = self._kept.get(name, (0.0, None))
        if self._lives(since, now) and kept is not None:
            return kept
        since, target = self._targets.get(name, (0.0, None))
        return target if lives(since, now, TARGET_SECONDS) else None

    async def use(self, state: str, login: PendingLogin, now: Instant) -> bool:
        """See `PendingStore`."""
        name = state_name(state)
        since, kept = self._kept.get(name, (0.0, None))
        if not isinstance(kept, PendingLogin) or not self._lives(since, now):
            return False
        self._room.leave_browser(name, login.browser)
        # Its place still counts: two requests that make and spend a login are cheaper than one that only makes it.
        self._keep(name, UsedLogin(login.browser, login.host, login.return_to), now)
        return True

    async def waits(self, name: str) -> bool:
        """See `PendingStore`."""
        return isinstance(self._kept.get(name, (0.0, None))[1], PendingLogin)

    async def settle(self, state: str, used: UsedLogin, now: Instant, made: Round | None = None) -> None:
        """See `PendingStore`."""
        name = state_name(state)
        if name in self._kept:
            self._keep(name, used, now)
        if made is None or used.session_name is None:
            return
        self._rounds.pop(used.session_name, None)
        self._rounds[used.session_name] = (now, made)
        while len(self._rounds) > 2 * self._total:
            del self._rounds[next(iter(self._rounds))]

    def _keep(self, name: str, used: UsedLogin, now: Instant) -> None:
        # Taken out first, so that the dictionary stays in the order in which its entries end.
        del self._kept[name]
        self._kept[name] = (now, used)

    async def find_round(self, session_name: str, now: Instant) -> Round | None:
        """See `PendingStore`."""
        since, made = self._rounds.get(session_name, (0.0, None))
        return made if self._lives(since, now) else None

    async def spend(self, name: str, now: Instant) -> bool:
        """See `PendingStore`."""
        self._forget(now)
        if name in self._spent:
            return False
        self._spent[name] = now
        return True

    async def unspend(self, name: str) -> None:
        """See `PendingStore`."""
        self._spent.pop(name, None)

    async def keep_form(self, form_id: str, form: WaitingForm, address: str, now: Instant) -> bool:
        """See `PendingStore`."""
        self._forget(now)
        name = state_name(form_id)
        taken = self._form_room.take(name, form.browser, sender_of(address), bytes_of_form(form), now)
        if taken is None:
            return False
        if taken.evicted is not None:
            self._forms.pop(taken.evicted, None)
        self._forms[name] = (now, form)
        return True

    async def find_form(self, form_id: str, now: Instant) -> WaitingForm | SentForm | None:
        """See `PendingStore`."""
        since, form = self._forms.get(state_name(form_id), (0.0, None))
        return form if lives(since, now, self._life * FORM_LIVES) else None

    async def change_form(self, form_id: str, form: WaitingForm) -> None:
        """See `PendingStore`."""
        name = state_name(form_id)
        since, kept = self._forms.get(name, (0.0, None))
        if isinstance(kept, WaitingForm):
            self._forms[name] = (since, form)

    async def send_form(self, form_id: str, form: WaitingForm, now: Instant) -> bool:
        """See `PendingStore`."""
        if not isinstance(await self.find_form(form_id, now), WaitingForm):
            return False
        name = state_name(form_id)
        self._forms[name] = (self._forms[name][0], SentForm(form.browser, form.host, form.target))
        return True

    def _forget(self, now: Instant) -> None:
        while self._kept and not self._lives(next(iter(self._kept.values()))[0], now):
            del self._kept[next(iter(self._kept))]
        while self._rounds and not self._lives(next(iter(self._rounds.values()))[0], now):
            del self._rounds[next(iter(self._rounds))]
        while self._spent and not lives(next(iter(self._spent.values())), now, SPENT_SECONDS):
            del self._spent[next(iter(self._spent))]
        while self._targets and not lives(next(iter(self._targets.values()))[0], now, TARGET_SECONDS):
            self._targets.popitem(last=False)
        while self._forms and not lives(next(iter(self._forms.values()))[0], now, self._life * FORM_LIVES):
            self._forms.popitem(last=False)

    def _lives(self, since: Instant, now: Instant) -> bool:
        return lives(since, now, self._life)
