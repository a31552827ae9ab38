"""An upstream's URL is read as what it is, or refused with what would be right."""

from __future__ import annotations

import pytest

from gateway.settings.address import Address, read_address


@pytest.mark.parametrize(
    ("url", "address", "said"),
    [
        ("http://app.internal:8080", Address("app.internal", 8080), "http://app.internal:8080"),
        ("http://app.internal", Address("app.internal", 80), "http://app.internal:80"),
        ("https://app.internal", Address("app.internal", 443, tls=True), "https://app.internal:443"),
        ("http://[2001:db8::1]:8080", Address("2001:db8::1", 8080), "http://[2001:db8::1]:8080"),
        ("http://app.internal/legacy/", Address("app.internal", 80, prefix="/legacy"), "http://app.internal:80"),
        ("unix:/run/app.sock", Address("localhost", 0, unix="/run/app.sock"), "unix:/run/app.sock"),
    ],
)
def test_an_address_is_read_and_said(url: str, address: Address, said: str) -> None:
    """The words are those of the operator's file: scheme, host in brackets where it has colons, and port."""
    assert read_address(url) == address
    assert str(read_address(url)) == said


@pytest.mark.parametrize(
    "url",
    [
        "app.internal:8080",
        "ftp://app.internal",
        "http://",
        "http:///path",
        "unix:app.sock",
        "unix:",
        "http://app.internal/?a=1",
        "http://app.internal/#top",
        "http://user@app.internal",
        "http://user:secret@app.internal",
        "http://:secret@app.internal",
        "http://app.internal:99999",
    ],
)
def test_what_is_no_upstream_is_refused(url: str) -> None:
    """Credentials in a URL would end in a log."""
    with pytest.raises(ValueError, match=r"."):
        read_address(url)
