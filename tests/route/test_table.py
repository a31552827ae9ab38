"""Which App a request belongs to."""

from typing import cast

import pytest

from gateway.policy.decide import FittingRule
from gateway.policy.matching import MEMO_SIZE
from gateway.request.brought import Brought
from gateway.request.section_cache import SectionCache
from gateway.request.target import DEFAULT_PATHS
from gateway.route.table import RouteTable
from gateway.route.traffic import RouteTraffic
from gateway.settings.settings import AppTraffic, PathSettings, PathTraffic, TrafficSettings
from tests.builders import FixedPolicy, FixedRule, app, identity, inbound, route, session

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
    """The host of an App with something behind it belongs to nobody, and so does another port."""
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


def test_a_host_without_an_app_brings_no_ticket() -> None:
    """The browser's cookie is read by the name of the host's App, and there is none; no cookie is no ticket."""
    cookie = ("Cookie", f"__Host-sekisho={'A' * 43}")

    assert TABLE.brought(inbound("/", cookie)) is not None
    assert TABLE.brought(inbound("/", cookie, host="evil.example")) is None
    assert TABLE.brought(inbound("/")) is None


def test_our_pages_speak_for_the_app_nearest_the_root() -> None:
    """On a host without an App at its root they speak for the one with the shortest prefix."""
    deep, deeper = (
        route(app=app(name=prefix, url=f"https://deep.test{prefix}"), host="deep.test", prefix=prefix)
        for prefix in ("/a", "/a/b")
    )
    table = RouteTable([ROOT, WALLET, deeper, deep], "/.sekisho/")

    assert table.home("app.gw.test") is ROOT
    assert table.home("app.gw.test:443") is ROOT
    assert table.home("deep.test") is deep
    assert table.home("evil.example") is None


LOOSE = PathSettings(ignore_case=True)


@pytest.mark.parametrize(
    ("spellings", "expected"),
    [
        ((LOOSE,), LOOSE),
        ((LOOSE, LOOSE), LOOSE),
        ((LOOSE, DEFAULT_PATHS), DEFAULT_PATHS),
        ((DEFAULT_PATHS,), DEFAULT_PATHS),
    ],
)
def test_the_spellings_of_a_host_are_those_that_its_apps_share(
    spellings: tuple[PathSettings, ...], expected: PathSettings
) -> None:
    """The App is found by the path, so no App's own spelling can hold before: the strict ones do if they differ."""
    apps = [app(name=f"a{number}", paths=paths) for number, paths in enumerate(spellings)]
    table = RouteTable([route(app=each, prefix=f"/{each.name}") for each in apps], "/.sekisho/")

    for host in ("app.gw.test", "app.gw.test:443"):
        assert table.paths_of(host) == expected
    assert table.paths_of("evil.example") == DEFAULT_PATHS


@pytest.mark.parametrize(
    ("common", "own", "longest"),
    [
        (10, (), 10),
        (10, (AppTraffic(body=5),), 10),
        (10, (AppTraffic(body=20), AppTraffic(body=15)), 20),
        (10, (AppTraffic(paths=(PathTraffic(path=("/up/*",), body=30),)), AppTraffic(body=20)), 30),
        (None, (AppTraffic(body=20),), None),
    ],
)
def test_the_door_takes_the_longest_body_that_any_app_takes(
    common: int | None, own: tuple[AppTraffic, ...], longest: int | None
) -> None:
    """A body must not be refused for its length before the App that would take it is known; nothing else changes."""
    limits = TrafficSettings(body=common, header_count=7)
    hosts = [route(host=f"{n}.test", traffic=RouteTraffic(limits, each)) for n, each in enumerate(own)]

    found = RouteTable([ROOT, *hosts], "/.sekisho/").at_the_door(limits)

    assert found == TrafficSettings(body=longest, header_count=7)


def test_an_app_without_a_limit_opens_the_door() -> None:
    """One that was set up while bodies had no limit takes any length, so the door must let any length in."""
    free = route(traffic=RouteTraffic(TrafficSettings(body=None), AppTraffic()))

    assert RouteTable([free], "/.sekisho/").at_the_door(TrafficSettings(body=10)).body is None


def test_only_a_rule_of_every_such_request_is_remembered() -> None:
    """A rule that the policy found for this request alone must not answer the next one."""
    fixed = FixedRule()
    always, other = cast("FittingRule", fixed), cast("FittingRule", FixedRule())
    here = route(FixedPolicy(fixed))
    table = RouteTable([here], "/.sekisho/")

    table.remember(inbound("/once"), here, other)
    table.remember(inbound("/always"), here, always)

    assert table.rule_cache == {("app.gw.test", "GET", "/always"): (here, always)}


def test_the_remembered_rules_are_bounded() -> None:
    """A client that asks for ever new paths fills no memory, and its last path is remembered as the first was."""
    always = FixedRule()
    here = route(FixedPolicy(always))
    table = RouteTable([here], "/.sekisho/")

    sizes = []
    for number in range(MEMO_SIZE + 1):
        table.remember(inbound(f"/{number}"), here, cast("FittingRule", always))
        sizes.append(len(table.rule_cache))

    assert max(sizes) == MEMO_SIZE
    assert list(table.rule_cache) == [("app.gw.test", "GET", f"/{MEMO_SIZE}")]
