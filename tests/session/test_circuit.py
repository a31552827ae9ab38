"""A store that failed a few times in a row is left alone until a probe succeeds."""

from gateway.errors import StoreFault
from gateway.session.circuit import FAILURES, Circuit


def test_it_opens_after_failures_in_a_row() -> None:
    """One lost connection is not an outage; three are."""
    circuit = Circuit()
    for _ in range(FAILURES - 1):
        circuit.failed(StoreFault.UNREACHABLE)
    early = circuit.is_open

    circuit.failed(StoreFault.TIMEOUT)

    assert not early
    assert circuit.is_open
    assert circuit.opened == 1


def test_a_success_begins_the_count_anew() -> None:
    """Failures with successes between them open nothing; a success closes it."""
    circuit = Circuit()
    for _ in range(FAILURES * 2):
        circuit.failed(StoreFault.UNREACHABLE)
        circuit.succeeded()
    assert not circuit.is_open
    for _ in range(FAILURES):
        circuit.failed(StoreFault.UNREACHABLE)

    circuit.succeeded()

    assert not circuit.is_open


def test_what_one_key_met_is_no_outage() -> None:
    """If the store has no memory left for writing, it can still read records."""
    circuit = Circuit()

    for _ in range(FAILURES * 2):
        circuit.failed(StoreFault.OUT_OF_MEMORY)
        circuit.failed(StoreFault.WRONG_TYPE)
        circuit.failed(StoreFault.CIRCUIT_OPEN)

    assert not circuit.is_open
