"""What a process does with signals, without a process; real ones are in flows."""

from typing import cast

from gateway.process import single
from gateway.process.configuration import Configuration
from gateway.process.worker import Worker


class _Breaking:
    """A worker that cannot open what it is told to."""

    def __init__(self) -> None:
        self.access_log = self

    def reopen(self) -> None:
        """Do nothing."""

    async def weigh(self, _configuration: object) -> dict[str, object]:
        """Hold nothing back."""
        return {}

    async def reload(self, _configuration: object) -> None:
        """Find a file gone."""
        raise FileNotFoundError(2, "gone since it was checked", "ca.pem")


async def test_a_reload_that_breaks_ends_nobody() -> None:
    """The process goes on with what it has, and says that it was not reloaded."""
    fresh = cast("Configuration", object())

    reloaded = await single.reload_worker(cast("Worker", _Breaking()), lambda: fresh)

    assert reloaded is False
