"""The pages of switches: those that are on, and turning one on for a while or off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import web

from gateway.audit.entry import Action
from gateway.console.aiohttp_visitor import Visitor, refusal
from gateway.console.node import Node, NodeFacts
from gateway.console.routes import Place
from gateway.console.switches import MESSAGES, length_of, switches_page
from gateway.instant import Instant
from gateway.policy.switches import LONGEST_MESSAGE, Switch, SwitchesError, merged, on_now, turned_off, turned_on
from gateway.policy.system_switches import change_switches, load_switches


def _known(facts: NodeFacts) -> dict[str, Switch]:
    return merged(load_switches(facts.switches_file), _of_others(facts))


def _of_others(facts: NodeFacts) -> dict[str, Switch]:
    return {} if facts.fleet_file is None else load_switches(facts.fleet_file)


def _change(facts: NodeFacts, change: Callable[[dict[str, Switch]], dict[str, Switch]]) -> None:
    change_switches(facts.switches_file, change, _of_others(facts))


class SwitchPages:
    """Shows and turns the switches of this node, which every worker watches and the other nodes follow."""

    def __init__(self, node: Node, clock: Callable[[], Instant]) -> None:
        self._node = node
        self._clock = clock

    async def show(self, visitor: Visitor) -> web.StreamResponse:
        """Show the switches."""
        facts = self._node.facts()
        try:
            switches = await asyncio.to_thread(_known, facts)
        except SwitchesError:
            return visitor.page(switches_page(facts, None, self._clock()), Place.SWITCHES)
        return visitor.page(switches_page(facts, on_now(switches, self._clock()), self._clock()), Place.SWITCHES)

    async def turn_on(self, visitor: Visitor) -> web.StreamResponse:
        """Turn a switch on for the chosen time."""
        name, seconds = visitor.asked("name"), length_of(visitor.asked("for"))
        if name not in self._node.facts().switches or seconds is None:
            raise refusal("switch", HTTPStatus.BAD_REQUEST)
        words = {language.value: text for language in MESSAGES if (text := visitor.asked(f"message-{language}"))}
        if any(len(text) > LONGEST_MESSAGE for text in words.values()):
            raise refusal("long_message", HTTPStatus.BAD_REQUEST)
        now = self._clock()
        switch = Switch(now, now + seconds, visitor.operator, visitor.reason, words)
        return await self._turn(
            visitor, Place.SWITCH_ON, Action.SWITCH_ON, name, lambda switches: turned_on(switches, name, switch)
        )

    async def turn_off(self, visitor: Visitor) -> web.StreamResponse:
        """Turn a switch off."""
        name, now = visitor.asked("name"), self._clock()
        return await self._turn(
            visitor,
            Place.SWITCH_OFF,
            Action.SWITCH_OFF,
            name,
            lambda switches: turned_off(switches, name, now, visitor.operator, visitor.reason),
        )

    async def _turn(
        self,
        visitor: Visitor,
        place: Place,
        action: Action,
        name: str,
        change: Callable[[dict[str, Switch]], dict[str, Switch]],
    ) -> web.Response:
        facts = self._node.facts()

        async def work() -> int:
            await asyncio.to_thread(_change, facts, change)
            return 1

        try:
            return await visitor.act(place, action, work, about=name, then=Place.SWITCHES)
        # Already off, a file that nobody can read, a folder that the gateway's user may not write.
        except SwitchesError:
            raise refusal("switch", HTTPStatus.CONFLICT) from None
        except OSError:
            raise refusal("file", HTTPStatus.SERVICE_UNAVAILABLE) from None
