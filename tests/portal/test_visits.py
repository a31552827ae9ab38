from __future__ import annotations

import os
from itertools import count

from gateway.pipeline.visit import OwnPage, Visit
from gateway.portal.visits import VisitTable
from gateway.session.session import NoTicket
from tests import builders


def visit(path: str = "/") -> Visit:
    return Visit(builders.route(), builders.inbound(path), NoTicket(), OwnPage())


def test_a_token_is_worth_its_visit_once() -> None:
    """Used, it is worth nothing; made up, it never was."""
    table = VisitTable(os.urandom)
    waiting = visit("/a")
    token = table.issue(waiting)

    first, second = table.take(token), table.take(token)

    assert first is waiting
    assert second is None
    assert table.take("") is None


def test_tokens_are_as_random_as_what_comes_in() -> None:
    """Sixteen bytes are asked for, and all of them are in the token."""
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return bytes(range(size))

    token = VisitTable(random).issue(visit())

    assert asked == [16]
    assert bytes.fromhex(token) == bytes(range(16))


def test_visits_nobody_comes_for_do_not_pile_up() -> None:
    """The oldest makes room."""
    numbers = count()
    table = VisitTable(lambda size: next(numbers).to_bytes(size, "big"), capacity=2)

    waiting = [visit(f"/{number}") for number in range(3)]

    tokens = [table.issue(one) for one in waiting]

    assert len(table) == 2
    assert table.take(tokens[0]) is None
    assert table.take(tokens[2]) is waiting[2]
