"""The numbers of the gateway as a whole."""

from __future__ import annotations

from gateway.observe.gateway_metrics import RELOADS
from gateway.observe.supervision_metrics import Death, Reloaded, SupervisionMetrics


def numbers(metrics: SupervisionMetrics, file: str = "aaa") -> dict[tuple[str, ...], float]:
    """Return each number by its name and the values of its labels."""
    return {
        (sample.name, *(value for _, value in sample.labels)): sample.value
        for family in metrics.families(wanted=2, workers=1, leaving=1, file=file)
        for sample in family.samples
    }


def test_a_start_has_adopted_its_settings() -> None:
    """Every counter is there from 0, so that the first death is an increase."""
    found = numbers(SupervisionMetrics("aaa", lambda: 100.0))

    assert found["sekisho_configuration_info", "aaa"] == 1
    assert found["sekisho_configuration_current",] == 1
    assert found["sekisho_reload_last_successful",] == 1
    assert found["sekisho_reload_last_success_timestamp_seconds",] == 100
    assert found["sekisho_clock_timestamp_seconds",] == 100
    assert [found["sekisho_worker_deaths_total", cause] for cause in Death] == [0] * len(Death)
    assert (found["sekisho_workers_wanted",], found["sekisho_workers",], found["sekisho_workers_leaving",]) == (2, 1, 1)


def test_a_refused_reload_leaves_what_was_adopted() -> None:
    """The time of the last success stands, and the file is not the one that is in force."""
    now = [100.0]
    metrics = SupervisionMetrics("aaa", lambda: now[0])
    now[0] = 200.0

    metrics.reloaded(Reloaded.REFUSED, "bbb")
    refused = numbers(metrics, file="bbb")
    metrics.reloaded(Reloaded.ADOPTED, "bbb")
    adopted = numbers(metrics, file="bbb")

    assert refused["sekisho_reloads_total", "refused", "settings"] == 1
    assert refused["sekisho_reload_last_successful",] == 0
    assert refused["sekisho_reload_last_success_timestamp_seconds",] == 100
    assert refused["sekisho_configuration_current",] == 0
    assert refused["sekisho_configuration_info", "aaa"] == 1
    assert adopted["sekisho_reload_last_success_timestamp_seconds",] == 200
    assert adopted["sekisho_configuration_info", "bbb"] == 1
    assert adopted["sekisho_configuration_current",] == 1


def test_a_replacement_counts_by_its_outcome() -> None:
    """One that failed adopts nothing."""
    metrics = SupervisionMetrics("aaa", lambda: 100.0)

    metrics.replaced("bbb")
    metrics.replaced("")
    metrics.died(Death.SIGNAL)
    metrics.unserved()

    found = numbers(metrics)
    assert found["sekisho_replacements_total", "done"] == found["sekisho_replacements_total", "failed"] == 1
    assert found["sekisho_configuration_info", "bbb"] == 1
    assert found["sekisho_reload_last_successful",] == 0
    assert found["sekisho_worker_deaths_total", "signal"] == 1
    assert found["sekisho_unserved_connections_total",] == 1


def test_the_outcomes_of_a_reload_are_those_of_the_metric() -> None:
    """A reload of the settings has no outcome that does not start at 0."""
    assert set(Reloaded) == set(RELOADS.closed["outcome"])
