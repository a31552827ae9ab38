from __future__ import annotations

import pytest

from gateway.console.doors import Sender, Way, is_own_form, may_see, way_of

URL = "https://console.city.example.jp"
LOCAL = Way("http://127.0.0.1:9464", secure=False)


@pytest.mark.parametrize(
    ("host", "url", "way"),
    [
        ("console.city.example.jp", URL, Way(URL, secure=True)),
        ("Console.City.Example.JP", URL, Way(URL, secure=True)),
        ("console.city.example.jp:8443", f"{URL}:8443", Way(f"{URL}:8443", secure=True)),
        ("127.0.0.1:9464", "", LOCAL),
        ("127.0.0.1:9464", URL, LOCAL),
        ("localhost:9464", "", Way("http://localhost:9464", secure=False)),
        ("[::1]:9464", "", Way("http://[::1]:9464", secure=False)),
        ("10.0.0.3:9464", "", None),
        ("10.0.0.3:9464", URL, None),
        ("console.city.example.jp", "", None),
        ("console.city.example.jp:9464", URL, None),
        ("", "", None),
        ("127.0.0.1.evil.example", URL, None),
        ("[::2]", "", None),
        ("[::1].evil", "", None),
        ("[::1", "", None),
        ("::1", "", None),
        ("127.0.0.1:x", "", None),
        ("127.0.0.1:", "", None),
        ("localhost:80@evil.example", "", None),
        ("LOCALHOST.:80", "", Way("http://localhost", secure=False)),
        ("console.city.example.jp:443", URL, Way(URL, secure=True)),
        ("console.city.example.jp.", URL, Way(URL, secure=True)),
        ("console.city.example.jp:x", URL, None),
    ],
)
def test_the_ways_in_are_protected(host: str, url: str, way: Way | None) -> None:
    """The public https origin, or this machine: a token never crosses a network in clear."""
    assert way_of((host,), url) == way


def sender(
    site: str | None = None, mode: str | None = None, destination: str | None = None, origin: str | None = None
) -> Sender:
    return Sender(site, mode, destination, origin)


@pytest.mark.parametrize(
    "own",
    [
        sender("same-origin", origin=LOCAL.origin),
        sender("same-origin"),
        sender(origin=LOCAL.origin),
    ],
)
def test_a_form_of_our_own_page_is_taken(own: Sender) -> None:
    """Browsers of either generation say so."""
    assert is_own_form(own, LOCAL)


@pytest.mark.parametrize(
    "foreign",
    [
        sender(),
        sender("same-site", origin="http://127.0.0.1:8080"),
        sender("cross-site", origin="https://evil.example"),
        sender("none"),
        sender("same-origin", origin="null"),
        sender("same-origin", origin="https://evil.example"),
        sender(origin="null"),
        sender(origin="http://127.0.0.1:8080"),
        sender("cross-site", origin=LOCAL.origin),
        sender("", origin=""),
    ],
)
def test_every_other_form_is_refused(foreign: Sender) -> None:
    """Another port of this machine is the same site, and silence is no yes."""
    assert not is_own_form(foreign, LOCAL)


@pytest.mark.parametrize(
    ("who", "page", "asset"),
    [
        (sender(), True, True),
        (sender("none", "navigate", "document"), True, True),
        (sender("same-origin", "no-cors", "style"), True, True),
        (sender("cross-site", "navigate", "document"), True, False),
        (sender("same-site", "navigate", "document"), True, False),
        (sender("cross-site", "no-cors", "image"), False, False),
        (sender("same-site", "cors", "empty"), False, False),
        (sender("cross-site", "navigate", "iframe"), False, False),
        (sender("same-origin", "navigate", "iframe"), False, False),
        (sender("none", "navigate", "object"), False, False),
        (sender("weird", "navigate", "embed"), False, False),
    ],
)
def test_pages_are_for_people_who_open_them(who: Sender, page: bool, asset: bool) -> None:
    """A link from elsewhere opens a page; no other page holds, reads or embeds one."""
    assert may_see(who) == page
    assert may_see(who, asset=True) == asset
