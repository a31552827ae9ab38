from __future__ import annotations

from gateway.pipeline.to_https import hsts_line, to_https
from gateway.route.table import RouteTable
from gateway.session.session import NoTicket
from tests.builders import NOON, app, inbound, route

TABLE = RouteTable((route(),), "/.sekisho/")


def test_a_browser_is_sent_to_the_same_page() -> None:
    """By the App's public origin, never by what the client said; keeping its method."""
    answer = to_https(inbound("/rooms", scheme="http"), NoTicket(), NOON, TABLE)

    assert answer.status == 308
    assert dict(answer.headers)[b"Location"] == b"https://app.gw.test/rooms"


def test_an_unknown_host_is_sent_nowhere() -> None:
    """421, as on the other port."""
    assert to_https(inbound("/", host="evil.example"), NoTicket(), NOON, TABLE).status == 421


def test_an_app_on_plain_http_is_not_here() -> None:
    """There is no https to send to."""
    plain = RouteTable((route(app=app(url="http://app.gw.test")),), "/.sekisho/")

    assert to_https(inbound("/"), NoTicket(), NOON, plain).status == 421


def test_browsers_are_told_to_stay_with_https_where_that_is_configured() -> None:
    """RFC 6797 section 6.1."""
    assert hsts_line(31_536_000.0) == b"Strict-Transport-Security: max-age=31536000\r\n"
    assert hsts_line(None) == b""


def test_a_load_balancer_may_ask_the_plain_port_whether_we_are_well() -> None:
    """Its check says no host of ours, and it is neither sent away nor refused."""
    answer = to_https(inbound("/.sekisho/health", host="10.0.0.7"), NoTicket(), NOON, TABLE)

    assert answer.status == 200


def test_a_path_that_no_app_has_is_sent_to_https_where_its_host_is_ours() -> None:
    """The 404 is said there, and no network on the way reads the path."""
    below = RouteTable((route(app=app(url="https://app.gw.test/booking"), prefix="/booking"),), "/.sekisho/")

    answer = to_https(inbound("/elsewhere"), NoTicket(), NOON, below)

    assert answer.status == 308
    assert dict(answer.headers)[b"Location"] == b"https://app.gw.test/elsewhere"


def test_no_cache_keeps_the_way_to_https() -> None:
    """A redirect that was kept would outlive the settings; and the connection ends, as a form may have been begun."""
    answer = to_https(inbound("/rooms"), NoTicket(), NOON, TABLE)

    assert dict(answer.headers)[b"Cache-Control"] == b"no-store"
    assert answer.close
    assert (answer.verdict, answer.reason) == ("portal", "to_https")
