"""A request whose client has left, until the application has said what became of it.

A safe request ends with its client. Any other that has been sent whole is at work already. Cutting its connection would
neither undo the request nor tell us its outcome. So it runs on to its answer's head, which settles the entries of
limits that it holds. No client gets the answer, so the connection is closed then.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import GatewayError
from gateway.limits.asyncio_entry import Entry
from gateway.limits.limits import AnswerWords, settle_failure
from gateway.upstream.upstream import AnswerHead, Exchanger, Headers, location_of


class LastWord:
    """The `Receiver` in the place of a client that has left."""

    __slots__ = ("_connection", "_entries", "_heard", "over")

    def __init__(self, connection: Exchanger, entries: tuple[Entry, ...], heard: Callable[[], None]) -> None:
        """Take the connection of the request, and the object that is told when the answer's head has come."""
        self._connection = connection
        self._entries = entries
        self._heard = heard
        self.over = False

    def end(self) -> None:
        """Wait no longer: the process ends."""
        self._connection.abandon(self)
        self._settle_failure()

    def _settle_failure(self) -> None:
        if not self.over:
            self.over = True
            for entry in self._entries:
                entry.settle_soon(settle_failure(sent=True))
            self._heard()

    def upstream_ready(self, connection: Exchanger) -> None:
        """Never called: the request has been sent."""

    def upstream_failed(self, error: GatewayError, *, unheard: bool) -> None:  # noqa: ARG002
        """There will be no answer."""
        self._settle_failure()

    def interim_answer(self, status: int, headers: Headers) -> None:
        """Wait for the final one."""

    def answer_begins(self, head: AnswerHead, body: bytes, *, complete: bool) -> None:  # noqa: ARG002
        """Settle the entries by what has become of the request, and let go of the rest."""
        self.over = True
        words = AnswerWords(head.status, location_of(head), head.headers)
        for entry in self._entries:
            entry.settle_by_soon(words)
        if not complete:
            self._connection.abandon(self)
        self._heard()

    def answer_goes_on(self, body: bytes) -> None:
        """The head has said enough."""

    def answer_ends(self, trailers: Headers) -> None:
        """The head has said enough."""

    def upgraded(self, headers: Headers, rest: bytes) -> None:  # noqa: ARG002
        """Close: this tunnel has no client any more."""
        self.end()

    def tunnel_data(self, data: bytes) -> None:
        """There is no tunnel."""

    def tunnel_ends(self) -> None:
        """There is no tunnel."""

    def pause_upload(self) -> None:
        """The upload is over."""

    def resume_upload(self) -> None:
        """The upload is over."""
