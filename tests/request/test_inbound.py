"""A request's head as the later steps see it."""

from __future__ import annotations

from tests.builders import inbound


def test_an_address_that_nobody_knows_is_in_no_network() -> None:
    """A trusted proxy that names no client stands before browsers of anywhere: policy sees no address."""
    assert inbound(client_address="198.51.100.7").seen_from == "198.51.100.7"
    assert inbound(client_address="198.51.100.7", client_known=False).seen_from == ""
