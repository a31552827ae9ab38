from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from gateway.observe.merge import Families
from gateway.portal.aiohttp_management import make_management
from gateway.portal.hosts import management_names, may_ask
from gateway.portal.readiness import Readiness
from gateway.settings.settings import ProviderSettings, SessionSettings, Settings

NAMES = frozenset({"sekisho.internal"})


@pytest.mark.parametrize(
    "host",
    [
        None,
        "localhost",
        "localhost:9464",
        "a.localhost",
        "127.0.0.1:9464",
        "10.0.0.3",
        "[::1]:9464",
        "[fe80::1]",
        "sekisho.internal",
        "SEKISHO.Internal.:9464",
    ],
)
def test_addresses_localhost_and_given_names_may_ask(host: str | None) -> None:
    """None of them can be the name of a page on the internet."""
    assert may_ask(() if host is None else (host,), NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9464",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "sekisho.internal.evil.example",
        "evil.example@127.0.0.1",
        "",
        " ",
        "127.0.0.1, evil.example",
        "0x7f.1",
        "2130706433",
        "[evil.example]",
        "\udcff",
        "[::1].evil",
        "[::1]evil",
        "[::1",
        "::1",
        "[127.0.0.1]",
        "127.0.0.1:x",
        "127.0.0.1:",
        "127.0.0.1:99999",
        "127.0.0.1:80:80",
        "localhost:80@evil.example",
        "localhost:\u0661",
        "localhost/",
        "localhost\t",
        "..localhost",
        "sekisho.internal..",
    ],
)
def test_a_name_that_was_not_given_may_not(host: str) -> None:
    """A page's name leads here, and its browser says so."""
    assert not may_ask((host,), NAMES)


def test_two_host_fields_are_no_host() -> None:
    """A proxy in front and the listener may each read another one."""
    assert not may_ask(("localhost", "evil.example"), NAMES)
    assert not may_ask(("localhost", "localhost"), NAMES)


def test_the_name_it_listens_on_is_one_of_its_names() -> None:
    """The names that the settings give beside it are its names as well."""
    made = Settings(
        listen="127.0.0.1:1",
        provider=ProviderSettings(),
        sessions=SessionSettings(store="memory"),
        apps=(),
        management="metrics.city.test:9464",
        management_hosts=("Sekisho.Internal.",),
    )

    assert management_names(made) == {"metrics.city.test", "sekisho.internal"}


async def well() -> Readiness:
    return Readiness()


async def nothing() -> Families:
    return ()


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz", "/sessions/list", "/nowhere"])
async def test_the_listener_answers_no_other_name(path: str, aiohttp_client: AiohttpClient) -> None:
    """421 and the setting's name, with nothing of what the page would have been; by its own name it answers."""
    app: web.Application = make_management(metrics=nothing, readiness=well, names=lambda: NAMES)
    client: Any = await aiohttp_client(app)

    foreign = await client.get(path, headers={"Host": "evil.example"})
    own = await client.get(path, headers={"Host": "sekisho.internal:9464"})

    assert foreign.status == 421
    assert "management_hosts" in await foreign.text()
    assert own.status == (404 if path in ("/sessions/list", "/nowhere") else 200)
