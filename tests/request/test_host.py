from __future__ import annotations

import pytest

from gateway.request.host import Host, canonical_host


@pytest.mark.parametrize(
    ("value", "scheme", "host"),
    [
        (b"App.GW.test", "https", "app.gw.test"),
        (b"app.gw.test.", "https", "app.gw.test"),
        (b"app.gw.test:443", "https", "app.gw.test"),
        (b"app.gw.test:0443", "https", "app.gw.test"),
        (b"app.gw.test:80", "https", "app.gw.test:80"),
        (b"app.gw.test:80", "http", "app.gw.test"),
        (b"[2001:DB8::1]:8080", "http", "[2001:db8::1]:8080"),
        (b"a_b.gw.test", "http", "a_b.gw.test"),
    ],
)
def test_a_host_has_one_spelling(value: bytes, scheme: str, host: str) -> None:
    """Case, a trailing dot and the default port make no other host."""
    assert canonical_host(value, scheme) == host


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b".",
        b"a..b",
        b"-a",
        b"a b",
        b"a,b",
        b"a@b",
        b"a/b",
        b"a:b",
        b"a:0",
        b"a:65536",
        b"a:",
        b"a\\b",
        b"[::1",
        b"[::1].evil",
        b"[::1]evil:80",
        b"[::1]:x",
        b"[::1]:",
        b"[:::1]",
        b"[127.0.0.1]",
        b"[fe80::1%25eth0]",
        b"::1",
        b"127.0.0.1:x",
        b"127.0.0.1:80:80",
        b"127.0.0.1:+80",
        b"127.0.0.1:\xd9\xa1",
        b"localhost\x00",
        b"localhost\n",
        b"localhost, evil.example",
        b"a" * 300,
    ],
)
def test_what_is_no_host_is_none(value: bytes) -> None:
    """It is refused, not repaired."""
    assert canonical_host(value, "https") is None


@pytest.mark.parametrize(
    ("host", "scheme", "authority"),
    [
        (Host("a.test", None), "https", "a.test"),
        (Host("a.test", 443), "https", "a.test"),
        (Host("a.test", 443), "http", "a.test:443"),
        (Host("[::1]", 8080), "http", "[::1]:8080"),
    ],
)
def test_an_authority_has_the_port_that_its_scheme_does_not_imply(host: Host, scheme: str, authority: str) -> None:
    """A browser writes `Origin` in this way, so the two can be compared."""
    assert host.authority(scheme) == authority
