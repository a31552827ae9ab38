"""The workbench alone, over real sockets: the printed address opens it once, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from gateway.console.aiohttp_alone import Alone, make_workbench
from tests.builders import NOON
from tests.console.conftest import AnalystHere, Random

TOKEN = "t" * 43
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    (tmp_path / "a.yaml").write_text("policy: a\nrules:\n  - {name: all, allow: signed_in}\n")
    alone = Alone(
        folder=tmp_path,
        in_force=(),
        token=TOKEN,
        author="abe",
        clock=lambda: NOON,
        random=Random(),
        analyst=AnalystHere(),
    )
    made: Any = TestClient(TestServer(make_workbench(alone)), cookie_jar=DummyCookieJar())
    await made.start_server()
    yield made
    await made.close()


async def get(client: Client, path: str, **fields: str) -> tuple[int, str, str]:
    """Open a page, and return its status, its text and the cookie that it sets."""
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    answer = await client.get(f"/console/{path}", headers=headers, allow_redirects=False)
    return answer.status, await answer.text(), answer.headers.get("Set-Cookie", "").partition(";")[0]


async def test_the_address_is_exchanged_once_for_a_cookie(client: Client) -> None:
    """The cookie opens the pages; a second use of the address opens nothing."""
    status, _, cookie = await get(client, f"enter?token={TOKEN}")
    assert status == 303
    assert re.match(r"sekisho-console-[0-9]+=", cookie)

    status, text, _ = await get(client, "workbench", Cookie=cookie)
    assert status == 200
    assert "a.yaml" in text
    assert (await get(client, "workbench/edit?file=a.yaml", Cookie=cookie))[0] == 200
    assert (await get(client, f"enter?token={TOKEN}"))[::2] == (403, "")


@pytest.mark.parametrize("path", ["", "workbench", "workbench/edit?file=a.yaml"])
async def test_nobody_comes_in_without_the_cookie(client: Client, path: str) -> None:
    """Another user of the machine reaches the port as well."""
    status, text, _ = await get(client, path)

    assert status == 401
    assert "a.yaml" not in text


async def test_two_workbenches_of_one_machine_keep_their_sign_ins(client: Client) -> None:
    """A browser sends a cookie to every port of a host: another workbench, or a tunnel to a console."""
    _, _, ours = await get(client, f"enter?token={TOKEN}", Host="127.0.0.1:8001")
    name, _, secret = ours.partition("=")

    both = f"{name.replace('8001', '8002')}=other; {name}={secret}"
    assert (await get(client, "workbench", Host="127.0.0.1:8001", Cookie=both))[0] == 200
    assert (await get(client, "workbench", Host="127.0.0.1:8002", Cookie=both))[0] == 401


@pytest.mark.parametrize("token", ["", "x" * 43, TOKEN[:-1], "あ"])
async def test_a_wrong_token_is_refused_and_uses_nothing_up(client: Client, token: str) -> None:
    """The right one still opens."""
    assert (await get(client, f"enter?token={token}"))[0] == 403
    assert (await get(client, f"enter?token={TOKEN}"))[0] == 303


async def test_a_name_that_leads_to_loopback_is_refused(client: Client) -> None:
    """As of a page that points its own name at this machine."""
    assert (await get(client, f"enter?token={TOKEN}", Host="rebound.example"))[0] == 421
    assert (await get(client, f"enter?token={TOKEN}", Host="localhost:1"))[0] == 303


@pytest.mark.parametrize("path", ["health", "sessions", "audit", "policies", "sign-in"])
async def test_no_page_of_a_gateway_is_there(client: Client, path: str) -> None:
    """There is no gateway behind it."""
    _, _, cookie = await get(client, f"enter?token={TOKEN}")

    assert (await get(client, path, Cookie=cookie))[0] == 404
