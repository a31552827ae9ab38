"""The guard every test stands behind: loopback, and nothing else."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.conftest import NotLoopbackError, free_port, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "wallet.localhost", b"127.0.0.1", ""])
def test_loopback_stays_on_this_machine(host: object) -> None:
    """The addresses that tests use are permitted."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "10.0.0.1", "0.0.0.1", "2001:db8::1", "example.jp", "localhost.jp", None]
)
def test_everything_else_does_not(host: object) -> None:
    """An address that only looks like loopback is refused."""
    assert not is_loopback(host)


def test_a_connection_beyond_loopback_is_refused_before_the_kernel_is_asked() -> None:
    """No packet leaves, even if the machine's network would allow it."""
    with socket.socket() as connection, pytest.raises(NotLoopbackError, match=r"192\.0\.2\.1"):
        connection.connect(("192.0.2.1", 80))


def test_a_datagram_beyond_loopback_is_refused() -> None:
    """Datagrams need no connection, and are refused as well."""
    with socket.socket(type=socket.SOCK_DGRAM) as connection, pytest.raises(NotLoopbackError):
        connection.sendto(b"", ("192.0.2.1", 9))


def test_a_name_beyond_loopback_is_not_looked_up() -> None:
    """A look-up tells a resolver what is being tested."""
    with pytest.raises(NotLoopbackError, match="example"):
        socket.getaddrinfo("example.jp", 443)


async def test_asyncio_is_guarded_too() -> None:
    """The loop's own connections pass the same guard."""
    with pytest.raises(NotLoopbackError):
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, "192.0.2.1", 80)


def test_a_free_port_can_be_bound() -> None:
    """The port is free when it is handed out."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1] > 1023
