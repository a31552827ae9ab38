"""Accounts and links: when a link counts."""

from __future__ import annotations

import pytest

from gateway.accounts.accounts import Evidence, Link, LinkState, counts

LINK = Link("key1-anna", None, Evidence.PROOF, 100.0, 200.0)


@pytest.mark.parametrize(("joined_at", "expected"), [(None, True), (199.0, True), (200.0, False), (201.0, False)])
def test_an_alias_asks_for_the_password_again(joined_at: float | None, expected: bool) -> None:
    """A link from before the alias was the other card's."""
    assert counts(LINK, joined_at) is expected


def test_a_link_that_must_be_proved_again_does_not_count() -> None:
    """A recent one neither."""
    assert not counts(Link("key1-anna", None, Evidence.PROOF, 100.0, 200.0, LinkState.ASK_AGAIN), None)
