"""The emulator under TLS, as a provider on another machine.

`python -m tests.deploy.provider ISSUER KEYS CERTIFICATE KEY REDIRECT_URI`
"""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from gateway.demo.emulator import EmulatorClient, EmulatorSettings
from tests.builders import CLIENT
from tests.flows.crowd import Crowd


async def serve(issuer: str, keys: str, certificate: str, key: str, redirect: str) -> None:
    """Serve until terminated, on every address of this place."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    client = EmulatorClient(CLIENT, (redirect,), json.loads(keys))
    runner = web.AppRunner(Crowd(EmulatorSettings(issuer, (client,))).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", urlsplit(issuer).port, ssl_context=context).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    issuer, keys, certificate, key, redirect = sys.argv[1:]
    asyncio.run(serve(issuer, Path(keys).read_text(encoding="utf-8"), certificate, key, redirect))
