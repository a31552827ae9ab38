"""The emulator for a crowd, in a process of its own: every card number is another person's.

`python -m tests.flows.crowd PORT KEYS REDIRECT_URI`
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from gateway.demo.deck import Card
from gateway.demo.emulator import REALM, Emulator, EmulatorClient, EmulatorSettings, start_emulator
from tests.builders import CLIENT


class Crowd(Emulator):
    """An emulator that knows as many people as there are numbers."""

    def _card(self, number: int | str) -> Card:
        card = super()._card(1)
        return replace(card, number=int(number), person=replace(card.person, key=f"person {number}"))


async def serve(port: int, keys: str, redirect: str) -> None:
    """Serve until terminated."""
    client = EmulatorClient(CLIENT, (redirect,), json.loads(keys))
    emulator = Crowd(EmulatorSettings(f"http://127.0.0.1:{port}{REALM}", (client,)))
    runner = await start_emulator(emulator.application(), port)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_text(encoding="utf-8"), sys.argv[3]))
