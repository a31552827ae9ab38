"""A flood of forged session cookies from one address, and a person of that address (a library's, a carrier's)."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Self

import pytest

from gateway.identity import Identity, Scope
from gateway.session.seal import Secrets, ticket_seals
from gateway.session.ticket import new_ticket
from tests.builders import CLIENT
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.flows.in_process import gateway_in_process

POLICY = """\
policy: p
rules:
  - name: for everybody
    match: {path: /open/**}
    allow: everyone
    disclose: [subject]
  - name: the rest
    allow: signed_in
    disclose: [subject]
"""
FLOOD = 1_320
"""The number of requests from one address in a second: more than the limit for a minute."""
ROUNDS = 10
HANAKO = Identity(CLIENT, "hanako", time.time(), frozenset({Scope.OPENID}))
TOLD = b"X-Verified-Subject: hanako"


@asynccontextmanager
async def gateway_with(tickets: str, folder: Path, redis_url: str) -> AsyncIterator[tuple[GatewayProcess, str]]:
    """Run a gateway that writes tickets in this form, and yield it with the cookie of a person who is signed in."""

    def change(text: str) -> str:
        return text.replace("secret: {file: secret}", f"secret: {{file: secret}}\n  tickets: {tickets}")

    async with gateway_in_process(folder, redis_url, POLICY, change) as gateway:
        plain = (await gateway.sign_in(HANAKO)).partition("=")[2]
        secret = Secrets.parse((folder / "secret").read_text())
        yield gateway, plain if tickets == "plain" else ticket_seals(secret, "sealed").cookie(plain)


class Address:
    """One kept-alive connection of the address everything comes from."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._host = f"{HOST}:{gateway.port}"

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._gateway.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def ask(self, path: str, value: str, accept: str = "application/json") -> tuple[int, bytes, bytes]:
        """Send a request with this session cookie, and return its answer: status, head and body."""
        fields = f"Host: {self._host}\r\nAccept: {accept}\r\nCookie: sekisho={value}\r\n"
        self._writer.write(f"GET {path} HTTP/1.1\r\n{fields}\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        (length,) = (int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: "))
        return int(head.split(b" ", 2)[1]), head, await self._reader.readexactly(length)

    async def flood(self, *values: str) -> None:
        """Ask for a page for everybody with each of these cookies; none of them may be refused, nor let in."""
        for value in values:
            status, _, body = await self.ask("/open/x", value)
            assert status == 200
            assert b"X-Verified-Subject" not in body


@pytest.mark.parametrize("tickets", ["plain", "sealed"])
async def test_forged_tickets_take_nothing_from_others(tickets: str, tmp_path: Path, redis_url: str) -> None:
    """1,320 forged tickets in a second: the page for everybody is there for each, and for a person with a session."""
    async with gateway_with(tickets, tmp_path, redis_url) as (gateway, first), Address(gateway) as here:
        mine, rounds = first, 0
        while True:
            rounds += 1
            await here.flood(*(new_ticket(secrets.token_bytes(32)) for _ in range(FLOOD)))
            status, _, asked = await here.ask("/open/x", mine)
            there, head, page = await here.ask("/mine", mine, accept="text/html")
            if tickets == "sealed" or rounds == ROUNDS or not (TOLD in asked or there == HTTPStatus.OK):
                break
            # A slow machine left her a look-up, and the gateway knows her now: another session of hers is unknown.
            mine = (await gateway.sign_in(HANAKO)).partition("=")[2]

    assert status == 200
    if tickets == "sealed":
        assert (TOLD in asked, there, TOLD in page) == (True, 200, True)
    else:
        # Her ticket cannot be told from a forged one: without an identity where none is needed, else in a moment.
        assert (TOLD in asked, there) == (False, 429)
        assert b"\r\nRetry-After: 1\r\n" in head
        assert b"Set-Cookie" not in head
        assert "ログアウトはされていません" in page.decode()


@pytest.mark.parametrize("tickets", ["plain", "sealed", "sealed_only"])
async def test_a_forged_seal_costs_no_look_up(tickets: str, tmp_path: Path, redis_url: str) -> None:
    """In every form: a seal that is not ours is known before anybody is asked, and counts for nothing."""
    async with gateway_with(tickets, tmp_path, redis_url) as (gateway, mine), Address(gateway) as here:
        forged = [f"{new_ticket(secrets.token_bytes(32))}.{secrets.token_urlsafe(12)}" for _ in range(FLOOD)]
        if tickets == "sealed_only":
            forged += [new_ticket(secrets.token_bytes(32)) for _ in range(FLOOD)]

        await here.flood(*forged)
        status, _, asked = await here.ask("/mine", mine)

    assert (status, TOLD in asked) == (200, True)
