from __future__ import annotations

import pytest

from gateway.settings.address import Address, read_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://10.0.0.5:8080", Address("10.0.0.5", 8080)),
        ("http://app", Address("app", 80)),
        ("https://app.example/inner/", Address("app.example", 443, tls=True, prefix="/inner")),
        ("http://[::1]:81", Address("::1", 81)),
        ("unix:/run/app.sock", Address("localhost", 0, unix="/run/app.sock")),
    ],
)
def test_an_upstream_is_read_from_its_url(url: str, address: Address) -> None:
    """Host, port, TLS, path or socket."""
    assert read_address(url) == address


@pytest.mark.parametrize("url", ["app:8080", "ftp://app", "http://", "unix:app.sock", "http://u:p@app", "http://a/?x"])
def test_what_is_no_upstream_is_named(url: str) -> None:
    """The message has the value."""
    with pytest.raises(ValueError, match="is no upstream"):
        read_address(url)


def test_an_address_names_itself() -> None:
    """In logs, as people write it."""
    assert str(read_address("http://[::1]:81")) == "http://[::1]:81"
    assert str(read_address("unix:/a")) == "unix:/a"
