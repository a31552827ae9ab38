"""The loop these tests run on is the one the product runs on: its transports have quirks of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.listen.byte_path import Application, Door


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """A door not yet open, so that a test can set what it needs; closed at the end in any case."""
    door = Door(Application())
    await door.application.start()
    yield door
    await door.close()
