"""A node's readiness, as `/readyz` tells it to operators and to alerts.

A node fails where nobody could sign in. It is degraded where a part of its service is away. A load balancer asks
neither: a shared fault would take the public pages of every node away (`HEALTH` on the public port is for it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec


class Readiness(msgspec.Struct, frozen=True):
    """The parts that do not work, each with the reason in a word."""

    failed: Mapping[str, str] = {}
    """The parts without which nobody can sign in."""
    degraded: Mapping[str, str] = {}
    """The other parts."""

    @property
    def status(self) -> str:
        """`ok`, `degraded` or `fail`."""
        return "fail" if self.failed else "degraded" if self.degraded else "ok"


def of_workers(each: Iterable[Readiness | None]) -> Readiness:
    """Return a node's readiness: it has failed where each of its workers has. `None` is one that did not answer."""
    answers = list(each)
    workers = [answer for answer in answers if answer is not None]
    if not workers:
        return Readiness(failed={"worker": "no_worker"})
    degraded = {
        name: why for worker in workers for part in (worker.failed, worker.degraded) for name, why in part.items()
    }
    if len(workers) < len(answers):
        degraded["worker"] = "no_answer"
    if all(worker.failed for worker in workers):
        failed = {name: why for worker in workers for name, why in worker.failed.items()}
        return Readiness(failed, {name: why for name, why in degraded.items() if name not in failed})
    return Readiness({}, degraded)
