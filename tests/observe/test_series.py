"""The number of series is bounded, and Prometheus's own tool finds nothing to say."""

from __future__ import annotations

import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gateway.observe.prometheus_text import expose
from tests.conftest import program
from tests.observe.many_apps import gateway_numbers


def series(apps: int) -> int:
    return sum(len(family.samples) for family in gateway_numbers(apps))


def test_one_app_has_few_series() -> None:
    """The page of operations says how many."""
    assert 500 < series(1) < 1_200


@pytest.mark.long
def test_a_thousand_apps_have_as_many_series_as_the_page_says() -> None:
    """Each App has had every end of a request that is usual, and many people signed in."""
    assert 100_000 < series(1_000) <= 140_000


def test_the_number_of_series_grows_with_the_apps_and_no_faster() -> None:
    """Ten Apps more are ten times the series of one App more."""
    one, ten, twenty = series(1), series(10), series(20)

    assert abs((twenty - ten) / 10 - (ten - one) / 9) < 40


@pytest.mark.long
def test_promtool_finds_nothing_to_say() -> None:
    """Names, units and help are as Prometheus's conventions want them."""
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=expose(gateway_numbers(2)),
        capture_output=True,
        timeout=30,
        check=False,
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_openmetrics_reads_every_metric() -> None:
    """A parser that knows the standard accepts the whole text, with units and exemplars."""
    text = expose(gateway_numbers(2), as_openmetrics=True).decode()

    read = {family.name for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]

    assert read == {family.name for family in gateway_numbers(2)}
