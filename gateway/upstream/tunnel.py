"""Streams that outlive one read: WebSocket tunnels, event streams, long downloads.

They are kept by ticket, so that the end of a session ends them at once, and so that a step-up,
which changes the ticket, can carry them over. What a stream is made of is the listener's business.
"""

from __future__ import annotations

from typing import Protocol

from gateway.session.ticket import Ticket


class Stream(Protocol):
    """Something open that a session's end must cut."""

    def cut(self) -> None:
        """End it now, both sides, without ceremony. May be called once it is over."""


class OpenStreams:
    """The open streams of one worker, by the ticket they were opened with."""

    __slots__ = ("_by_ticket", "_tickets")

    def __init__(self) -> None:
        self._by_ticket: dict[Ticket, set[Stream]] = {}
        self._tickets: dict[Stream, Ticket] = {}

    def __len__(self) -> int:
        return len(self._tickets)

    def add(self, ticket: Ticket, stream: Stream) -> None:
        """Remember a stream that was opened with this ticket."""
        self._by_ticket.setdefault(ticket, set()).add(stream)
        self._tickets[stream] = ticket

    def remove(self, stream: Stream) -> None:
        """Forget a stream that is over; one that was never here is no matter."""
        ticket = self._tickets.pop(stream, None)
        if ticket is None:
            return
        streams = self._by_ticket[ticket]
        streams.discard(stream)
        if not streams:
            del self._by_ticket[ticket]

    def cut(self, ticket: Ticket) -> int:
        """End every stream of a ticket, and return how many there were."""
        streams = tuple(self._by_ticket.get(ticket, ()))
        for stream in streams:
            self.remove(stream)
            stream.cut()
        return len(streams)

    def cut_all(self) -> int:
        """End every stream of every ticket, and return how many there were."""
        return sum(self.cut(ticket) for ticket in tuple(self._by_ticket))

    def carry(self, old: Ticket, new: Ticket) -> None:
        """Let the streams of the old ticket live, and die, with the new one: a step-up of the same person."""
        for stream in tuple(self._by_ticket.get(old, ())):
            self.remove(stream)
            self.add(new, stream)

    def tickets(self) -> tuple[Ticket, ...]:
        """Return the tickets that have open streams: whoever revokes by name asks which they are."""
        return tuple(self._by_ticket)
