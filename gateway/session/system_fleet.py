"""The file in which a node keeps the fleet's switches, so that it knows them without Redis."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gateway.instant import Instant
from gateway.policy.switches import Switch, merged
from gateway.policy.system_switches import change_switches, load_switches


class FleetFile:
    """The file, one for all workers of a node. Blocks: call it in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._exchanged = path.with_name(f".{path.name}.heard")

    def known(self) -> dict[str, Switch] | None:
        """Return the switches that the node has heard of; `None` if it never asked the fleet.

        Raises:
            SwitchesError: it cannot be read.

        """
        return load_switches(self.path) if self.path.exists() else None

    def keep(self, switches: dict[str, Switch]) -> None:
        """Keep these beside those that another worker kept meanwhile.

        Raises:
            SwitchesError: the file holds something else.
            OSError: it cannot be written.

        """
        change_switches(self.path, lambda before: merged(before, switches))

    def heard(self, now: Instant) -> None:
        """Remember that the node has exchanged its switches.

        Raises:
            OSError: the folder cannot be written.

        """
        self._exchanged.touch(0o600)
        os.utime(self._exchanged, (now, now))

    def heard_at(self) -> Instant:
        """Return the time of the last exchange; 0 if there was none."""
        with suppress(OSError):
            return self._exchanged.stat().st_mtime
        return 0.0
