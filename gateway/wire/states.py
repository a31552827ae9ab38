"""State machines as tables: the states, the events, and which event leads from which state to which.

An event that the table does not name raises: it is a bug of ours, and the state does not change. An event that may come
and changes nothing is named harmless. `docs/states.md` draws each table.

The owner of a machine looks a move up before it acts. It keeps the result of `after` under a module's name, as a
look-up in one mapping is all that each event may cost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


class IllegalEventError(RuntimeError):
    """An event came that its state does not have. The state is as it was."""


class _After(dict[State, State]):
    """The next states by the present one, for one event."""

    __slots__ = ("_event", "_machine")

    def __init__(self, machine: str, event: str, moves: Mapping[State, State]) -> None:
        super().__init__(moves)
        self._machine = machine
        self._event = event

    def __missing__(self, state: State) -> State:
        raise IllegalEventError(f"`{self._event}` is no event of `{state}` in the states of {self._machine}")


class States(Generic[State, Event]):
    """One machine: its table, read by the code that obeys it and by the page that draws it."""

    def __init__(
        self,
        name: str,
        *,
        starts: Iterable[State],
        moves: Mapping[State, Mapping[Event, State]],
        harmless: Mapping[State, Collection[Event]],
    ) -> None:
        """`starts` are the states that a machine may begin in.

        Raises:
            ValueError: a state is missing in the table, is never reached, or an event is both a move and harmless.

        """
        self.name = name
        self.starts = tuple(starts)
        self.moves = moves
        self.harmless = harmless
        first = self.starts[0]
        missing = set(type(first)) - set(moves)
        unreached = set(type(first)) - set(self.starts) - {after for row in moves.values() for after in row.values()}
        if missing or unreached:
            raise ValueError(f"the states of {name} miss or never reach {sorted(missing | unreached)}")
        for state, events in harmless.items():
            if both := set(events) & set(moves[state]):
                raise ValueError(f"in the states of {name}, `{state}` has {sorted(both)} twice")

    def after(self, event: Event) -> Mapping[State, State]:
        """Return the next state by the present one; a harmless event leads nowhere else.

        The mapping raises `IllegalEventError` for a state that does not have the event.
        """
        moves = {state: row[event] for state, row in self.moves.items() if event in row}
        stays = {state: state for state, events in self.harmless.items() if event in events}
        return _After(self.name, event, moves | stays)
