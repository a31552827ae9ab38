"""Which App a request belongs to."""

import pytest

from gateway.request.brought import Brought
from gateway.request.section_cache import SectionCache
from gateway.route.table import RouteTable
from tests.builders import app, identity, inbound, route, session

ROOT = route()
WALLET = route(app=app(name="wallet", url="https://app.gw.test/wallet"), prefix="/wallet")
PLAIN = route(
    app=app(name="plain", url="http://localhost:8080"),
    host="localhost:8080",
    session_cookie=b"sekisho",
    pending_cookie=b"sekisho-login",
)
TABLE = RouteTable([ROOT, WALLET, PLAIN], "/.sekisho/")


def test_the_longest_prefix_wins() -> None:
    """An App below another's path is reached, and its name alone does not reach it."""
    assert TABLE.match("app.gw.test", "/wallet/pay") is WALLET
    assert TABLE.match("app.gw.test", "/wallet") is WALLET
    assert TABLE.match("app.gw.test", "/wallets") is ROOT


def test_an_unknown_host_is_nobodys() -> None:
    """Not even the host of an App with something behind it, or another port."""
    for host in ("evil.example", "app.gw.test.evil.example", "app.gw.test:8443", "", "localhost"):
        assert TABLE.match(host, "/") is None
        assert not TABLE.knows(host)


def test_the_default_port_may_be_written() -> None:
    """`:443` on an https App is the same App; `:80` is not."""
    assert TABLE.match("app.gw.test:443", "/") is ROOT
    assert TABLE.match("app.gw.test:80", "/") is None


def test_our_pages_are_at_the_prefix_and_below_only() -> None:
    """A path that merely begins with the same letters is the App's."""
    assert TABLE.is_portal("/.sekisho")
    assert TABLE.is_portal("/.sekisho/login")
    assert not TABLE.is_portal("/.sekishox/admin/secret")


def test_a_ticket_is_read_from_the_cookie_of_the_host() -> None:
    """The name without its prefix is nobody's on an https host."""
    ticket = "A" * 43
    found = TABLE.brought(inbound("/", ("Cookie", f"a=b; __Host-sekisho={ticket}")))
    bare = TABLE.brought(inbound("/", ("Cookie", f"sekisho={ticket}")))
    plain = TABLE.brought(inbound("/", ("Cookie", f"sekisho={ticket}"), host="localhost:8080"))

    assert (found, bare, plain) == (Brought(ticket, sealed=False), None, Brought(ticket, sealed=False))


@pytest.mark.parametrize(
    ("host", "cookies"),
    [("app.gw.test", "app.gw.test"), ("app.gw.test:8443", "app.gw.test"), ("[::1]", "[::1]"), ("[::1]:80", "[::1]")],
)
def test_a_cookie_knows_no_port(host: str, cookies: str) -> None:
    """A browser sends one cookie to every port of a host, so a session is good at all of them and nowhere else."""
    here = route(host=host)

    assert here.cookie_host == cookies
    assert here.accepts(session(host=cookies))
    assert here.accepts(session(host=""))
    assert not here.accepts(session(host=f"x{cookies}"))
    assert not here.accepts(session(identity(client_id="RP00000002"), host=cookies))


def test_two_apps_at_one_url_are_refused() -> None:
    """Which of the two policies would hold cannot be said."""
    with pytest.raises(ValueError, match="share the URL"):
        RouteTable([ROOT, route()], "/.sekisho/")


def test_a_ticket_is_read_once_of_the_same_fields_and_by_its_cookies_name() -> None:
    """A ticket remembered under one cookie name is not used for another: a reload may have changed the name."""
    ticket = "t" * 43
    kept = SectionCache()
    asked = inbound("/", ("Cookie", f"a=b; __Host-sekisho={ticket}"), section_cache=kept)
    other = RouteTable([route(session_cookie=b"another")], "/.sekisho/")

    found = [table.brought(asked) for table in (TABLE, other, TABLE, other)]

    assert found == [Brought(ticket, sealed=False), None] * 2
