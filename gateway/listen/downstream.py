"""The connection a request came on, as its exchange uses it."""

from __future__ import annotations

from typing import Protocol


class Heir(Protocol):
    """A request that goes on without its client."""

    def end(self) -> None:
        """Wait no longer: the process ends."""


class Downstream(Protocol):
    """The connection a request came on."""

    def write(self, data: bytes) -> None:
        """Send bytes, if the client is still there."""

    def write_whole(self, answer: bytes) -> None:
        """Send a whole answer, with those of others when the loop's turn ends."""

    def pause_upload(self) -> None:
        """Read no more of the body for now."""

    def resume_upload(self) -> None:
        """Read on."""

    def answered(self) -> None:
        """The answer is sent: serve the next request."""

    def answered_last(self) -> None:
        """The answer is sent, and the connection ends with it."""

    def outlived_by(self, heir: Heir) -> None:
        """The request goes on without this client."""

    def heard_last_word(self) -> None:
        """Such a request has come to its end."""

    def hang_up(self) -> None:
        """Close at once and without ceremony: the answer cannot be completed, and the client must see that."""

    def date_line(self) -> bytes:
        """Return a `Date` line with the present second."""

    def tunnelling(self) -> bool:
        """Tunnel bytes from now on; False if the client has not waited for the 101."""

    def tunnel_over(self) -> None:
        """Send what is left and close."""

    def tunnel_data(self, data: bytes) -> None:
        """Send bytes of a tunnel, which is not silent then."""

    def tunnel_half_over(self) -> None:
        """Send what is left and say that nothing more follows."""

    @property
    def draining(self) -> bool:
        """Whether connections are to be closed as their requests end."""

    @property
    def congested(self) -> bool:
        """Whether the client reads slower than the answer comes."""
