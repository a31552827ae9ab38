"""Addresses that cannot be listened on: the operator reads which, why, and what to do."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from gateway.process.sockets import CannotListenError, bind
from gateway.yaml.mistakes import Language


def test_a_port_that_is_taken_is_told_with_the_way_to_its_owner() -> None:
    """A second gateway, most often."""
    with bind("127.0.0.1:0") as first:
        address = f"127.0.0.1:{first.getsockname()[1]}"
        with pytest.raises(CannotListenError) as raised:
            bind(address)

    assert raised.value.what.en == f"cannot listen on `{address}`: Address already in use"
    assert f"`{address}` で待ち受けできません" in raised.value.what.ja
    assert "ss --listening" in raised.value.remedy.en
    assert "ss --listening" in raised.value.remedy.ja


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (errno.EACCES, "`sekisho.socket`"),
        (errno.EADDRNOTAVAIL, "`ip address`"),
        (errno.EADDRINUSE, "ss --listening"),
        (errno.EMFILE, "another"),
    ],
)
def test_each_fault_has_its_remedy(monkeypatch: pytest.MonkeyPatch, fault: int, remedy: str) -> None:
    """In both languages, with the fault in the system's words."""

    def bind_of(_: socket.socket, __: object) -> None:
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(socket.socket, "bind", bind_of)
    with pytest.raises(CannotListenError) as raised:
        bind("127.0.0.1:80")

    assert os.strerror(fault) in str(raised.value)
    assert remedy in raised.value.remedy.say(Language.EN)
    assert raised.value.remedy.ja


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:", "sekisho.invalid:80"])
def test_a_name_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """No resolver's exception gets through."""

    def nobody(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(CannotListenError, match=address):
        bind(address)
