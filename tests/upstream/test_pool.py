from __future__ import annotations

from gateway.upstream.pool import IdleConnections


def test_the_last_one_used_is_the_first_taken() -> None:
    """The surplus connections grow old."""
    idle: IdleConnections[str] = IdleConnections(idle=2.0)
    idle.put("old", 0.0)
    idle.put("new", 1.0)

    assert idle.take(1.5, within=2.0) == "new"


def test_one_too_old_is_not_taken() -> None:
    """Neither older than the limit, nor than the request bears."""
    idle: IdleConnections[str] = IdleConnections(idle=2.0)
    idle.put("a", 0.0)

    assert idle.take(1.0, within=1.0) is None
    assert idle.take(2.0, within=9.0) is None
    assert idle.take(1.9, within=9.0) == "a"


def test_one_taken_is_gone() -> None:
    """A connection serves one request at a time."""
    idle: IdleConnections[str] = IdleConnections()
    idle.put("a", 0.0)
    idle.take(0.0, within=1.0)

    assert idle.take(0.0, within=1.0) is None


def test_there_are_enough() -> None:
    """The caller closes what is not kept."""
    idle: IdleConnections[str] = IdleConnections(limit=1)

    assert idle.put("a", 0.0)
    assert not idle.put("b", 0.0)
    assert len(idle) == 1


def test_one_that_closed_is_forgotten() -> None:
    """It cannot be taken any more."""
    idle: IdleConnections[str] = IdleConnections()
    idle.put("a", 0.0)

    idle.discard("a")

    assert idle.take(0.0, within=1.0) is None


def test_all_can_be_let_go() -> None:
    """At the end."""
    idle: IdleConnections[str] = IdleConnections()
    idle.put("a", 0.0)
    idle.put("b", 0.0)

    assert idle.empty() == ["a", "b"]
    assert len(idle) == 0
