"""Writes down each action of an operator: the one way through which every action of the console goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import structlog

from gateway.audit.entry import Action, Entry, Outcome
from gateway.audit.trail import AuditTrail
from gateway.errors import AuditUnavailableError
from gateway.instant import Instant
from gateway.observe.events import Event

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One action of an operator."""

    operator: str
    action: Action
    about: str
    """The thing that it is done to; a person by pseudonym or code alone, never a claim."""
    reason: str = ""
    pseudonym: str = ""
    client_id: str = ""
    event_about: str = ""
    """The same thing in the event, where the trail knows it by another name."""
    app: str = ""
    verdict: str = ""
    """The word for a deed that went well, where the action alone does not say it."""


@dataclass(frozen=True, slots=True)
class DeedRecord:
    """Records deeds in the audit trail and among the events."""

    trail: AuditTrail
    clock: Callable[[], Instant]

    async def act(self, deed: Deed, work: Callable[[], Awaitable[int]]) -> int:
        """Do the work and record how it ended; return its number of sessions, entries or switches.

        If the trail is required, the intention is on the disk before the work begins.

        Raises:
            AuditUnavailableError: it could not be, and nothing was done.

        """
        if self.trail.required and not await self.trail.recorded(self._entry(deed, Outcome.BEGUN, None)):
            raise AuditUnavailableError
        try:
            count = await work()
        # An action that is cut off may have been done in part, too.
        except BaseException:
            self._end(deed, Outcome.FAILED, None)
            raise
        self._end(deed, Outcome.DONE if count else Outcome.REFUSED, count)
        return count

    def looked(self, deed: Deed, count: int) -> None:
        """Record that an operator has looked at what belongs to persons."""
        self.trail.record(self._entry(deed, Outcome.DONE, count))

    def console(self, operator: str, about: str) -> None:
        """Record a sign-in or sign-out."""
        self.trail.record(Entry(Action.CONSOLE, self.clock(), operator=operator, object=about))

    def _end(self, deed: Deed, outcome: Outcome, count: int | None) -> None:
        self.trail.record(self._entry(deed, outcome, count))
        _log.info(
            Event.OPERATOR_ACTED,
            operator=deed.operator,
            action=deed.action.value,
            object=deed.event_about or deed.about,
            reason=deed.reason,
            outcome=outcome.value,
            count=count,
        )

    def _entry(self, deed: Deed, outcome: Outcome, count: int | None) -> Entry:
        entry = Entry(deed.action, self.clock(), outcome, operator=deed.operator, object=deed.about, count=count)
        return msgspec.structs.replace(
            entry,
            reason=deed.reason,
            pseudonym=deed.pseudonym,
            client_id=deed.client_id,
            app=deed.app,
            verdict=deed.verdict if outcome is Outcome.DONE else "",
        )
