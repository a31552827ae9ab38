from __future__ import annotations

import pytest

from gateway.portal.readiness import Readiness, of_workers

WELL = Readiness()
AWAY = Readiness(failed={"sign_in": "refused"}, degraded={"limits": "timeout"})
ENDING = Readiness(failed={"worker": "draining"})


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        ([WELL, WELL], WELL),
        ([AWAY, AWAY], AWAY),
        ([AWAY, WELL], Readiness(degraded={"sign_in": "refused", "limits": "timeout"})),
        ([ENDING, AWAY], Readiness({"worker": "draining", "sign_in": "refused"}, {"limits": "timeout"})),
        ([WELL, None], Readiness(degraded={"worker": "no_answer"})),
        ([None, None], Readiness(failed={"worker": "no_worker"})),
        ([], Readiness(failed={"worker": "no_worker"})),
    ],
)
def test_a_node_fails_where_each_of_its_workers_does(workers: list[Readiness | None], expected: Readiness) -> None:
    """One worker that can sign people in keeps it out of the red, and the trouble of the others is named."""
    assert of_workers(workers) == expected


@pytest.mark.parametrize(
    ("readiness", "status"),
    [
        (WELL, "ok"),
        (Readiness(degraded={"limits": "timeout"}), "degraded"),
        (ENDING, "fail"),
        (AWAY, "fail"),
    ],
)
def test_the_word_is_that_of_the_gravest_part(readiness: Readiness, status: str) -> None:
    """An alert on `fail` rings if nobody can sign in. A part without which people still sign in does not ring it."""
    assert readiness.status == status
