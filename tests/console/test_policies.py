from __future__ import annotations

from gateway.console.node import AppState, HeldFile, UpstreamState, WorkerState
from gateway.console.numbers import Numbers
from gateway.console.policies import Counted, UpstreamRow, applications_page, policies_page
from gateway.console.today import SinceThen
from gateway.observe.merge import Family, Sample
from gateway.portal.language import Language
from tests.builders import NOON
from tests.console.conftest import FakeNode

FACTS = FakeNode().facts()


def worker(pid: int, version: str, *, takes_requests: bool = True) -> WorkerState:
    upstreams = (UpstreamState("10.0.0.5:80", takes_requests),)
    return WorkerState(pid, {"booking": AppState(version, "c1", upstreams)}, (HeldFile("list.txt", 100, 3),))


def family(name: str, *samples: tuple[dict[str, str], float]) -> Family:
    return Family(name, "counter", "", tuple(Sample(name, tuple(labels.items()), value) for labels, value in samples))


def test_versions_are_those_of_the_workers() -> None:
    """Two where they differ; a worker that does not answer says nothing."""
    screen = policies_page(FACTS, [worker(1, "v1"), None, worker(2, "v2")], SinceThen(Numbers(()), NOON))

    (row,) = screen.values["rows"]  # type: ignore[misc]
    assert (row.versions, row.candidates) == (("v1", "v2"), ("c1",))  # type: ignore[has-type]
    assert screen.values["held"] == [HeldFile("list.txt", 100, 3)]


def test_refusals_and_differences_are_counted_by_reason() -> None:
    """The most frequent first, and those of today's zero left out."""
    numbers = Numbers(
        (
            family(
                "sekisho_denials_total",
                ({"app": "booking", "rule": "p/a", "reason": "no_rule"}, 2),
                ({"app": "booking", "rule": "p/b", "reason": "condition_no:adult"}, 5),
                ({"app": "booking", "rule": "p/c", "reason": "nobody"}, 0),
                ({"app": "other", "rule": "q/a", "reason": "no_rule"}, 7),
            ),
            family("sekisho_candidate_differences_total", ({"app": "booking", "verdict": "deny", "reason": "r"}, 3)),
        )
    )

    (row,) = policies_page(FACTS, [], SinceThen(numbers, NOON)).values["rows"]  # type: ignore[misc]

    assert row.refusals == (Counted("condition_no:adult", "p/b", 5), Counted("no_rule", "p/a", 2))  # type: ignore[has-type]
    assert row.differences == (Counted("deny", "r", 3),)  # type: ignore[has-type]


def test_an_upstream_is_as_the_workers_find_it() -> None:
    """Each finds out for itself, so that the page counts them; without a log nothing is counted as refused."""
    workers = [worker(1, "v"), worker(2, "v", takes_requests=False)]

    screen = applications_page(FACTS, workers, None, whole=True, language=Language.JA)

    assert [row.upstreams for row in screen.values["rows"]] == [(UpstreamRow("10.0.0.5:80", 1, 2),)]  # type: ignore[attr-defined]
    assert (screen.values["read"], screen.values["refused"]) == (False, [])
