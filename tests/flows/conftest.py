"""The parts that several flows start: gateways on real sockets, and one demo that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.conftest import free_port
from tests.flows.chromium import fresh, launched
from tests.flows.demo_process import Demo, started
from tests.flows.gateway_process import GatewayProcess, application


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """`sekisho demo` on a free port, until the tests are over."""
    with started(free_port()) as demo:
        yield demo


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Run a Chromium; a module whose gateways need loops of their own starts it after them."""
    with launched() as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser nobody has used yet."""
    with fresh(chromium) as context:
        yield context


@pytest.fixture
def prepare(tmp_path: Path, redis_url: str) -> Iterator[Callable[..., GatewayProcess]]:
    """Lay a gateway out with so many workers and a policy, for the test to start; end it with the test."""
    with application() as upstream:
        prepared: list[GatewayProcess] = []

        def prepare_one(workers: int, policy: str) -> GatewayProcess:
            prepared.append(GatewayProcess(tmp_path, upstream, redis_url, workers, policy))
            return prepared[-1]

        yield prepare_one
        for gateway in prepared:
            gateway.stop()


@pytest.fixture
def start(tmp_path: Path, redis_url: str) -> Iterator[Callable[[int], GatewayProcess]]:
    """Start a gateway with so many workers, and end it with the test."""
    with application() as upstream:
        running: list[GatewayProcess] = []

        def start_one(workers: int) -> GatewayProcess:
            gateway = GatewayProcess(tmp_path, upstream, redis_url, workers)
            running.append(gateway)
            gateway.start()
            return gateway

        yield start_one
        for gateway in running:
            gateway.stop()
