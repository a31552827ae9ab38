"""Both text formats, read back by the library's own parsers."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from gateway.observe.instruments import Counter, Declared, Histogram, Kind
from gateway.observe.merge import Exemplar, Families
from gateway.observe.prometheus_text import expose, wants_openmetrics


def numbers() -> Families:
    counter = Counter(Declared(name="sekisho_doors", kind=Kind.COUNTER, meaning="Doors", labels=("door",)))
    counter.add(('a "quoted"\\name\n',))
    wait = Histogram(
        Declared(name="sekisho_wait_seconds", kind=Kind.HISTOGRAM, meaning="Wait", unit="seconds", buckets=(0.1, 1.0))
    )
    wait.add((), 0.5, Exemplar((("request_id", "r1"),), 0.5, 1_795_402_800.0))
    return (counter.family(), wait.family())


def test_both_formats_say_the_same_numbers() -> None:
    """Names with quotes and line ends too."""
    families = numbers()
    told = [(sample.name, dict(sample.labels), sample.value) for family in families for sample in family.samples]

    for read, text in (
        (read_text, expose(families)),
        (read_openmetrics, expose(families, as_openmetrics=True)),
    ):
        samples = [
            (sample.name, sample.labels, sample.value) for family in read(text.decode()) for sample in family.samples
        ]
        assert samples == told


def test_openmetrics_has_the_unit_and_the_exemplar() -> None:
    """The older format has no place for them."""
    _, wait = read_openmetrics(expose(numbers(), as_openmetrics=True).decode())  # type: ignore[no-untyped-call]

    (exemplar,) = (sample.exemplar for sample in wait.samples if sample.exemplar is not None)

    assert wait.unit == "seconds"
    assert exemplar.labels == {"request_id": "r1"}
    assert b"r1" not in expose(numbers())


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", True),
        ("application/openmetrics-text; version=1.0.0; q=0.2, text/plain; q=0.5", False),
        ("application/openmetrics-text;version=2.0.0", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=much", False),
        ("APPLICATION/OpenMetrics-Text;VERSION=1.0.0", True),
        (";;,=,", False),
    ],
)
def test_a_client_chooses_the_format(accept: str, wanted: bool) -> None:
    """A browser and curl get the older text, which people read."""
    assert wants_openmetrics(accept) is wanted
