"""The pages of sessions: find them by name, pseudonym, client or code, and end them."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from gateway.audit.entry import Action, person_by_code
from gateway.console.aiohttp_visitor import Visitor, refusal
from gateway.console.node import Node, SessionsAtHand
from gateway.console.routes import Place
from gateway.console.sessions import MOST_SHOWN, By, Sought, sessions_page, sought
from gateway.console.structlog_record import Deed
from gateway.session.session import AllSessions, ClientSessions, ListedSession, OneSession, Selector, SubjectSessions


class SessionPages:
    """Lists sessions and ends them. Nothing on these pages is a claim."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def show(self, visitor: Visitor) -> web.StreamResponse:
        """Show the form."""
        return visitor.page(sessions_page(self._node.facts().clients), Place.SESSIONS)

    async def find(self, visitor: Visitor) -> web.StreamResponse:
        """List the sessions that the form names."""
        wanted = self._sought(visitor)
        at_hand = await self._node.sessions()
        found: list[ListedSession] = []
        more = False
        async for listed in at_hand.store.sessions(_selector(wanted)):
            if wanted.by is By.CODE and listed.code_mark not in at_hand.code_marks(wanted.value):
                continue
            if len(found) == MOST_SHOWN:
                more = True
                break
            found.append(listed)
        visitor.record.looked(_deed(visitor, Action.SESSIONS_LISTED, wanted), len(found))
        return visitor.page(sessions_page(self._node.facts().clients, wanted, found, more=more), Place.SESSIONS)

    async def revoke(self, visitor: Visitor) -> web.StreamResponse:
        """End the sessions that the form names."""
        wanted = self._sought(visitor)
        at_hand = await self._node.sessions()

        async def work() -> int:
            return await _revoke(at_hand, wanted)

        deed = _deed(visitor, Action.SESSIONS_REVOKED, wanted)
        return await visitor.act(
            Place.SESSIONS_REVOKE,
            deed.action,
            work,
            about=deed.about,
            then=Place.SESSIONS,
            pseudonym=deed.pseudonym,
            client_id=deed.client_id,
            event_about=f"{wanted.by} {wanted.value}",
        )

    def _sought(self, visitor: Visitor) -> Sought:
        found = sought(visitor.asked("by"), visitor.asked("value"), self._node.facts().clients)
        if found is None:
            raise refusal("sought", HTTPStatus.BAD_REQUEST)
        return found


def _selector(wanted: Sought) -> Selector:
    match wanted.by:
        case By.SESSION:
            return OneSession(wanted.value)
        case By.PSEUDONYM:
            return SubjectSessions((wanted.value,))
        case By.CLIENT:
            return ClientSessions(wanted.value)
        case By.CODE:
            # The store has no index by code: a counter asks seldom, and one walk through the store finds her.
            return AllSessions()


async def _revoke(at_hand: SessionsAtHand, wanted: Sought) -> int:
    if wanted.by is not By.CODE:
        return await at_hand.store.revoke(_selector(wanted))
    marks = at_hand.code_marks(wanted.value)
    pseudonyms = {
        listed.pseudonym async for listed in at_hand.store.sessions(AllSessions()) if listed.code_mark in marks
    }
    # By pseudonym and not one by one: a sign-in of hers that is under way ends as well.
    return await at_hand.store.revoke(SubjectSessions(tuple(sorted(pseudonyms)))) if pseudonyms else 0


def _deed(visitor: Visitor, action: Action, wanted: Sought) -> Deed:
    """Return the deed as the trail tells it: it knows a person who is named by her code by a name of its own."""
    pseudonym = {By.PSEUDONYM: wanted.value, By.CODE: person_by_code(wanted.value)}.get(wanted.by, "")
    return Deed(
        operator=visitor.operator,
        action=action,
        about=f"session {wanted.value}" if wanted.by is By.SESSION else wanted.by.value,
        reason=visitor.reason,
        pseudonym=pseudonym,
        client_id=wanted.value if wanted.by is By.CLIENT else "",
    )
