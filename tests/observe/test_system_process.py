"""A process reads its own use of the machine."""

from __future__ import annotations

import tempfile
import time

from gateway.observe.system_process import usage


def test_a_process_knows_its_own_use() -> None:
    """Memory and time are of this process, and an open file is a descriptor more."""
    before = usage()
    with tempfile.TemporaryFile():
        during = usage()

    assert during.descriptors == before.descriptors + 1
    assert 1_000_000 < before.memory < 100_000_000_000
    assert 0 < before.cpu <= during.cpu
    assert before.descriptors < before.most_descriptors
    assert before.started <= time.time()
    assert len(before.collections) == 3
