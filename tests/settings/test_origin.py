"""The origin of a URL: one answer for every caller."""

from __future__ import annotations

import pytest

from gateway.settings.origin import ascii_url, authority_of, host_of, is_loopback, origin_of


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://App.example/", "https://app.example"),
        ("https://app.example.", "https://app.example"),
        ("https://app.example.:443/x", "https://app.example"),
        ("https://app.example:8443", "https://app.example:8443"),
        ("http://app.example:80", "http://app.example"),
        ("http://app.example:443", "http://app.example:443"),
        ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_an_origin_has_one_spelling(url: str, origin: str) -> None:
    """Lower case, no final dot, no default port: as a browser writes `Origin` and `Host`."""
    assert origin_of(url) == origin
    assert authority_of(url) == origin.partition("://")[2]


def test_a_port_that_is_none_is_said() -> None:
    """The caller names the URL."""
    with pytest.raises(ValueError, match=r"[Pp]ort"):
        origin_of("https://app.example:99999")


@pytest.mark.parametrize("host", ["localhost", "a.LOCALHOST.", "127.0.0.9", "::1", "[::1]"])
def test_these_are_this_machine(host: str) -> None:
    """RFC 6761 section 6.3."""
    assert is_loopback(host)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("https://予約.example.jp", "https://xn--0kq264i.example.jp"),
        ("https://予約.日本", "https://xn--0kq264i.xn--wgv71a"),
        ("https://予約。日本:8443/app", "https://xn--0kq264i.xn--wgv71a:8443/app"),
        ("https://ＢＯＯＫＩＮＧ.example.jp/", "https://booking.example.jp/"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://booking.example.jp:8443/app", "https://booking.example.jp:8443/app"),
        ("https://straße.example", "https://straße.example"),
        ("https://booking.example.jp/予約", "https://booking.example.jp/予約"),
        (f"https://{'予' * 80}.example", f"https://{'予' * 80}.example"),
        ("unix:/run/予約.sock", "unix:/run/予約.sock"),
        ("https://予約／x", "https://予約／x"),
        ("", ""),
    ],
)
def test_a_host_name_in_any_letters_is_read_as_browsers_send_it(written: str, sent: str) -> None:
    """One that browsers write in another way, or that has no such form, stays as it is and is refused later."""
    assert ascii_url(written) == sent


@pytest.mark.parametrize(
    "host",
    ["localhost.example", "notlocalhost", "example", "128.0.0.1", "192.0.2.1", "::2", "[2001:db8::1]", "0.0.0.0", ""],
)
def test_these_are_others(host: str) -> None:
    """A name that only begins or ends in the same letters may lead anywhere."""
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://App.example.:8443/x", "app.example"),
        ("https://user@app.example", "app.example"),
        ("https://[2001:DB8::1]:443/", "2001:db8::1"),
        ("//app.example/x", "app.example"),
        ("unix:/run/app.sock", ""),
        ("/app.example", ""),
        ("", ""),
        ("https://[::1", ""),
    ],
)
def test_the_host_of_a_url_is_as_it_is_looked_up(url: str, host: str) -> None:
    """Lower case and no final dot; a URL that cannot be read has no host, and raises nothing."""
    assert host_of(url) == host
