"""A worker that has no time for its supervisor, with real processes."""

import os
import signal
from pathlib import Path

import pytest

from tests.flows.gateway_process import GatewayProcess, application


@pytest.mark.long
def test_a_worker_that_stood_still_for_a_moment_is_not_killed(tmp_path: Path, redis_url: str) -> None:
    """The worker goes on serving its client, and does not take a late answer for that of the next question."""
    with application() as upstream:
        gateway = GatewayProcess(tmp_path, upstream, redis_url, workers=2)
        gateway.start()
        try:
            before = sorted(gateway.workers())
            os.kill(before[0], signal.SIGSTOP)
            # Returns when the supervisor has waited for it in vain.
            during = gateway.ask_management("/metrics")
            os.kill(before[0], signal.SIGCONT)
            after = gateway.ask_management("/metrics")
            health = gateway.ask_management("/livez")

            assert (during[0], after[0], health[0]) == (200, 200, 200)
            assert sorted(gateway.workers()) == before
            assert not [event for event in gateway.events() if event.get("event") == "worker_died"]
        finally:
            gateway.stop()
