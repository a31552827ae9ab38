"""The byte path alone in a process of its own, so that its memory can be read: `PORT` in, until its input ends."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from gateway.route.route import Route
from tests.builders import app
from tests.listen.byte_path import Application, Door


class PortalServices(Application):
    """An application in another process, on this port."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port


async def main(port: int) -> None:
    door = Door(PortalServices(port))
    door.app = app()
    await door.open(connections_per_address=100_000, connections=100_000)
    assert isinstance(door.route, Route)
    # A harness remembers what it saw; this one must not.
    door.seen = Forgetful()
    door.observed.lines = Forgetful()
    print(door.port, flush=True)  # noqa: T201  # the parent reads it
    await asyncio.to_thread(sys.stdin.read)
    await door.close()


class Forgetful(list):  # type: ignore[type-arg]
    def append(self, _item: object) -> None:
        """Keep nothing."""


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
