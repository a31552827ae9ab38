"""A client's connection that notes when a head begins: the connection of a gateway with `traces`, and of no other."""

from __future__ import annotations

from gateway.listen.asyncio_client import Acceptor
from gateway.listen.httptools_connection import ClientConnection


class TracedConnection(ClientConnection):
    """One client's connection."""

    __slots__ = ("_head_began",)

    def __init__(self, listener: Acceptor, scheme: str) -> None:
        super().__init__(listener, scheme)
        self._head_began = 0.0

    def data_received(self, data: bytes) -> None:
        """Note the moment, if a head may begin here, and pass the bytes on."""
        if not self._head_began and not self.busy:
            self._head_began = self._services.stopwatch()
        super().data_received(data)

    def take_head_began(self) -> float:
        """Return when the first bytes of the head came that has just been accepted; 0 for one that came behind another.

        By the stopwatch of the services.
        """
        began, self._head_began = self._head_began, 0.0
        return began
