"""The emulator on a real socket, and a relying party registered with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import aiohttp
import pytest

from gateway.demo.emulator import EMULATOR, REALM, EmulatorKeys, EmulatorSettings, make_emulator, start_emulator
from gateway.demo.legacy import LegacyApplication, serving
from tests.demo.relying_party import RelyingParty

StartEmulator = Callable[..., Awaitable[RelyingParty]]


@pytest.fixture(scope="session")
def emulator_keys() -> EmulatorKeys:
    """One set for all emulators of a run: RSA keys take a moment to make."""
    return EmulatorKeys.generate()


@pytest.fixture
async def start(free_port: int, emulator_keys: EmulatorKeys) -> AsyncIterator[StartEmulator]:
    """Start an emulator with settings of the test's choice; it is stopped at the test's end."""
    async with AsyncExitStack() as stack:

        async def begin(registration: dict[str, Any] | None = None, **settings: Any) -> RelyingParty:
            issuer = f"http://localhost:{free_port}{REALM}"
            app = make_emulator(EmulatorSettings(issuer, (), **settings), emulator_keys)
            runner = await start_emulator(app, free_port)
            stack.push_async_callback(runner.cleanup)
            http = await stack.enter_async_context(aiohttp.ClientSession())
            party = RelyingParty(http, issuer, app[EMULATOR])
            app[EMULATOR].register(party.registration(**(registration or {})))
            return party

        yield begin


@pytest.fixture
async def party(start: StartEmulator) -> RelyingParty:
    """A relying party whose emulator is as it comes."""
    return await start()


@pytest.fixture
def serve() -> Iterator[Callable[[LegacyApplication], int]]:
    """Serve legacy applications on ports of their own, until the test ends."""
    with ExitStack() as stack:
        yield lambda application: stack.enter_context(serving(application))
