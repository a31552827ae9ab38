"""The audit trail as the rest of the gateway sees it: something that takes entries.

`thread_trail` writes the entries of a process that serves, `system_command` those of the command line.
"""

from __future__ import annotations

from typing import Protocol

from gateway.audit.entry import Action, Entry, Outcome
from gateway.instant import Instant


class AuditTrail(Protocol):
    """Takes entries. Nothing here blocks the event loop, and nothing raises."""

    @property
    def required(self) -> bool:
        """Whether an action that cannot be recorded must be refused (`audit.required`)."""

    def record(self, entry: Entry) -> None:
        """Have an entry written soon, or count it as lost."""

    async def recorded(self, entry: Entry) -> bool:
        """Have an entry written, and say whether the action may go on.

        If the trail is required, this returns True once the entry is on the disk, and False if it cannot be written in
        a bounded time. Otherwise it returns True at once.
        """


class NoTrail:
    """The trail of a gateway without `audit.directory`: it keeps nothing."""

    required = False

    def record(self, entry: Entry) -> None:
        """Keep nothing."""

    async def recorded(self, entry: Entry) -> bool:
        """Let the action go on."""
        self.record(entry)
        return True


async def always_recorded(_entry: Entry) -> bool:
    """Let a decision go on that waits for no trail."""
    return True


def operators_action(
    now: Instant,
    action: Action,
    operator: str,
    *,
    about: str = "",
    reason: str = "",
    outcome: Outcome = Outcome.DONE,
    count: int | None = None,
) -> Entry:
    """Return the entry of an operator's action on `about`: a session's name, a switch, an App, a page."""
    return Entry(action, now, outcome, operator=operator, object=about, reason=reason, count=count)
