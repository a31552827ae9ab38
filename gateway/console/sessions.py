"""The pages of sessions, from values to values: how an operator names sessions, and what a page shows of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.console.screen import Moment, Screen, moment
from gateway.policy.subject_code import fold_code, show_code
from gateway.session.session import PSEUDONYM, SESSION_NAME, ListedSession

MOST_SHOWN = 200
"""Sessions on one page. The command line lists all of them."""


class By(StrEnum):
    """The ways to name sessions on a page. Everybody's are ended by the command line alone."""

    CODE = "code"
    PSEUDONYM = "pseudonym"
    SESSION = "session"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Sought:
    """The sessions that an operator names."""

    by: By
    value: str

    @property
    def shown(self) -> str:
        """The value as people read it."""
        return show_code(self.value) if self.by is By.CODE else self.value


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session on a page."""

    name: str
    client: str
    pseudonym: str
    since: Moment
    until: Moment
    idle_minutes: int


def sought(by: str, value: str, clients: Collection[str]) -> Sought | None:
    """Return what a form names, or `None` if it can name no session of ours."""
    match by:
        case By.CODE:
            code = fold_code(value)
            return None if code is None else Sought(By.CODE, code)
        case By.PSEUDONYM:
            return Sought(By.PSEUDONYM, value) if PSEUDONYM.fullmatch(value) else None
        case By.SESSION:
            return Sought(By.SESSION, value) if SESSION_NAME.fullmatch(value) else None
        case By.CLIENT:
            return Sought(By.CLIENT, value) if value in clients else None
        case _:
            return None


def sessions_page(
    clients: Sequence[str],
    wanted: Sought | None = None,
    found: Sequence[ListedSession] = (),
    *,
    more: bool = False,
) -> Screen:
    """Return the page with the form, and the sessions that were found for it."""
    rows = [
        SessionRow(
            each.name,
            each.client_id,
            each.pseudonym,
            moment(each.created_at),
            moment(each.expires_at),
            max(0, round(each.idle_left / 60)),
        )
        for each in sorted(found, key=lambda each: -each.created_at)
    ]
    values = {"ways": list(By), "clients": clients, "wanted": wanted, "rows": rows, "more": more, "most": MOST_SHOWN}
    return Screen("sessions", "sessions.title", values)
