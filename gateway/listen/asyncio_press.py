"""The byte path's part in the press on a form that came back: its whole body, and the name that it uses up.

`login/returned.py` says what such a form is; `asyncio_exchange` sends it on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gateway.errors import StoreUnavailableError
from gateway.limits.limits import AnswerWords, Settlement
from gateway.listen.services import OneUse
from gateway.observe.events import Event
from gateway.settings.settings import TrafficSettings
from gateway.upstream.upstream import Receiver

log = structlog.get_logger()

_under_way: set[asyncio.Task[None]] = set()
"""Names on their way back, which nobody waits for; a task that nothing holds may be collected before it is done."""


class WholeBody:
    """An `Exchanger` that takes a request's body and hands it over whole. The head limits its length."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        """Take who gets the body."""
        self.last = False
        self._take = take
        self._body = bytearray()

    def send(self, holder: Receiver, head: bytes, *, is_head: bool, uploading: bool, with_body: bool = False) -> None:
        """Wait for the body, and send nothing before."""

    def within(self, holder: Receiver, limits: TrafficSettings) -> None:
        """Heed no clock: a form in memory takes no time."""

    def send_body(self, holder: Receiver, data: bytes) -> None:
        """Take a part of it."""
        del holder
        self._body += data

    def upload_done(self, holder: Receiver) -> None:
        """Hand it over."""
        del holder
        self._take(bytes(self._body))

    def end_tunnel(self, holder: Receiver) -> None:
        """There is no tunnel."""

    def pause(self, holder: Receiver) -> None:
        """There is no answer to pause."""

    def resume(self, holder: Receiver) -> None:
        """There is no answer to pause."""

    def pass_on(self, holder: Receiver, heir: Receiver) -> None:
        """There is no answer to inherit."""

    def abandon(self, holder: Receiver) -> None:
        """Forget it: the client has left."""
        del holder
        self._body.clear()


class SpentName:
    """A name that was used up for a request, given back where that request was never sent."""

    def __init__(self, store: OneUse, name: str) -> None:
        self._store = store
        self._name = name

    async def settle_by(self, answer: AnswerWords) -> None:
        """The application has answered, so the name stays used."""

    def settle_by_soon(self, answer: AnswerWords) -> None:
        """The application has answered, so the name stays used."""

    def settle_soon(self, settlement: Settlement) -> None:
        """Give the name back if nothing was sent: the person may press again."""
        if settlement is Settlement.GIVE_BACK:
            task = asyncio.get_running_loop().create_task(self._unspend())
            _under_way.add(task)
            task.add_done_callback(_under_way.discard)

    async def _unspend(self) -> None:
        try:
            await self._store.unspend(self._name)
        except StoreUnavailableError:
            # It ends by itself; until then the form counts as sent.
            log.warning(Event.PRESS_NOT_GIVEN_BACK)
