"""The pages of limits: the entries of a person by the code that she reads out, and giving one back."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web

from gateway.audit.entry import Action, person_by_code
from gateway.console.aiohttp_visitor import Visitor, refusal
from gateway.console.limits import entry_token, limits_page
from gateway.console.node import Node
from gateway.console.routes import Place
from gateway.console.structlog_record import Deed
from gateway.instant import Instant
from gateway.policy.subject_code import fold_code


class LimitPages:
    """Shows entries of limits and gives them back."""

    def __init__(self, node: Node, clock: Callable[[], Instant]) -> None:
        self._node = node
        self._clock = clock

    async def show(self, visitor: Visitor) -> web.StreamResponse:
        """Show the form."""
        return visitor.page(limits_page(there=await self._node.limits() is not None), Place.LIMITS)

    async def find(self, visitor: Visitor) -> web.StreamResponse:
        """List the entries of a person."""
        code = _code(visitor)
        store = await self._node.limits()
        entries = () if store is None else await store.show(code, self._clock())
        looked = Deed(operator=visitor.operator, action=Action.CONSOLE, about="limits", pseudonym=person_by_code(code))
        visitor.record.looked(looked, len(entries))
        return visitor.page(limits_page(code, entries, there=store is not None), Place.LIMITS)

    async def give_back(self, visitor: Visitor) -> web.StreamResponse:
        """Give back one entry."""
        code, token = _code(visitor), visitor.asked("entry")
        store = await self._node.limits()
        entries = () if store is None else await store.show(code, self._clock())
        entry = next((each for each in entries if entry_token(each) == token), None)

        async def work() -> int:
            return int(store is not None and entry is not None and await store.give_back(entry))

        about = "an entry" if entry is None else str(entry.use)
        return await visitor.act(
            Place.LIMITS_GIVE_BACK,
            Action.LIMIT_GIVEN_BACK,
            work,
            about=about,
            then=Place.LIMITS,
            pseudonym=person_by_code(code),
            event_about=f"{about} {code}",
        )


def _code(visitor: Visitor) -> str:
    code = fold_code(visitor.asked("code"))
    if code is None:
        raise refusal("code", HTTPStatus.BAD_REQUEST)
    return code
