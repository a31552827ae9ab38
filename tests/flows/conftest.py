"""One demo for all who walk through it: provider, gateway, applications and Redis, on real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import free_port
from tests.flows.demo_process import Demo, started


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """`sekisho demo` on a free port, until the tests are over."""
    with started(free_port()) as demo:
        yield demo
