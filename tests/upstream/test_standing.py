"""An App whose server speaks out of turn is put apart for a while, and doubted ever after."""

from __future__ import annotations

from gateway.upstream.standing import Standing


def test_a_server_that_speaks_out_of_turn_is_put_apart_for_a_while() -> None:
    """The first byte out of turn begins it, a further one makes it longer, and it ends by itself."""
    standing = Standing()
    assert not standing.is_apart(0.0)
    assert not standing.caught

    assert standing.spoke_out_of_turn(100.0, apart_for=60.0)
    assert standing.is_apart(159.9)
    assert not standing.spoke_out_of_turn(150.0, apart_for=60.0)
    assert standing.is_apart(209.9)
    assert not standing.is_apart(210.0)
    assert standing.out_of_turn == 2


def test_it_begins_anew_after_it_has_ended() -> None:
    """Each beginning is told, so that the operator hears of it again."""
    standing = Standing()

    assert standing.spoke_out_of_turn(0.0, apart_for=10.0)
    assert standing.spoke_out_of_turn(10.0, apart_for=10.0)
    assert standing.caught


def test_another_workers_word_is_believed_and_never_shortens() -> None:
    """A worker that saw less does not end what another has begun."""
    standing = Standing()

    standing.follow(100.0)
    standing.follow(50.0)

    assert standing.is_apart(99.0)
    assert standing.caught
    assert standing.out_of_turn == 0
