"""Methods beyond those of every App: an App gets what it asks for, and policy judges it."""

from __future__ import annotations

from itertools import product

import pytest

from gateway.pipeline.outcome import Answer, Forward, Step
from gateway.pipeline.step import step
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import parse_policy
from gateway.request.head_reader import Arrival, HeadReader, Refused
from gateway.request.target import DEFAULT_PATHS
from gateway.request.trust import Trust
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, NoTicket, SessionState
from gateway.settings.settings import TrafficSettings
from gateway.wire.methods import METHODS, NEVER, REGISTERED
from gateway.yaml.mistakes import Mistakes
from tests.builders import NOON, app, route, session

POLICY = """\
policy: p
rules:
  - name: look
    match: {path: /files/**, method: [GET, HEAD, OPTIONS, PROPFIND]}
    allow: everyone
  - name: change
    match: {path: /files/**}
    allow: signed_in
"""
WEBDAV = ("PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK")


def compiled(policy: str = POLICY) -> CompiledPolicy:
    mistakes = Mistakes()
    parsed = parse_policy(policy, mistakes)
    assert parsed is not None, mistakes.say()
    return CompiledPolicy(parsed)


def dav(policy: str = POLICY, name: str = "dav", **settings: object) -> Route:
    """Return an App that asks for WebDAV's methods."""
    application = app(name=name, url=f"https://{name}.gw.test", **{"methods": WEBDAV, **settings})
    return route(compiled(policy), app=application, host=f"{name}.gw.test")  # type: ignore[arg-type]


def table(*routes: Route) -> RouteTable:
    return RouteTable(routes or [dav(), dav(name="plain", methods=())], "/.sekisho/")


def read(
    routes: RouteTable, request: str, *headers: tuple[str, str], host: str = "dav.gw.test"
) -> Arrival | Refused | object:
    """Read a head as the listener does."""
    fields = [("Host", host), ("Accept", "application/json"), *headers]
    raw = tuple((name.encode(), value.encode()) for name, value in fields)
    reader = HeadReader(TrafficSettings(), Trust(()), routes.methods)
    return reader.read(
        f"{request} HTTP/1.1".encode(), raw, "198.51.100.7", "https", "0123456789abcdef", lambda _: DEFAULT_PATHS
    )


def ask(
    routes: RouteTable,
    request: str,
    *headers: tuple[str, str],
    host: str = "dav.gw.test",
    known: SessionState | None = None,
) -> Step:
    """Read a head, and step."""
    arrival = read(routes, request, *headers, host=host)
    assert isinstance(arrival, Arrival), arrival
    return step(arrival.inbound, known or NoTicket(), NOON, routes)


def status(outcome: Step) -> int:
    """Return the status of an answer of ours, and 200 for what goes on to the application."""
    return outcome.status if isinstance(outcome, Answer) else 200 if isinstance(outcome, Forward) else 0


def here() -> Found:
    return Found(session())


def test_a_method_that_the_app_asks_for_is_judged_and_forwarded() -> None:
    """Policy can name it, and a rule that names no method has it as well."""
    forwarded = ask(table(), "PROPFIND /files/a", ("Depth", "1"))

    assert isinstance(forwarded, Forward)
    assert forwarded.head.startswith(b"PROPFIND /files/a HTTP/1.1\r\n")
    assert b"\r\nDepth: 1\r\n" in forwarded.head
    assert status(ask(table(), "MKCOL /files/a")) == 401
    assert status(ask(table(), "MKCOL /files/a", known=here())) == 200
    assert status(ask(table(), "PROPFIND /elsewhere", known=here())) == 403


def test_an_app_that_does_not_ask_for_a_method_refuses_it() -> None:
    """405 with what it takes, whoever asks; and on our own pages as well."""
    for path, host in (
        ("/files/a", "plain.gw.test"),
        ("/.sekisho/static/x", "dav.gw.test"),
        ("/.sekisho/me", "dav.gw.test"),
    ):
        outcome = ask(table(), f"PROPFIND {path}", host=host, known=here())
        assert isinstance(outcome, Answer)
        assert outcome.status == 405
        assert dict(outcome.headers)[b"Allow"] == ", ".join(METHODS.values()).encode()


def test_a_method_that_no_app_asks_for_is_unknown_at_the_door() -> None:
    """As every foreign method is; and what no App can ask for never comes in."""
    refused = read(table(), "REPORT /files/a")
    assert isinstance(refused, Refused)
    assert refused.status == 501
    for word in NEVER:
        refused = read(table(dav(methods=tuple(REGISTERED.values()))), f"{word.decode()} /files/a")
        assert isinstance(refused, Refused)
        assert refused.status == 405
    for target in ("*", "dav.gw.test:443"):
        refused = read(table(), f"PROPFIND {target}")
        assert isinstance(refused, Refused)
        assert refused.status == 400


@pytest.mark.parametrize("name", tuple(REGISTERED.values()))
def test_every_registered_method_can_be_asked_for(name: str) -> None:
    """The registry's, and an App that asks for one gets that one alone."""
    routes = table(dav(methods=(name,), refuse_body=()))

    # A copy says where to.
    there = ("Destination", "https://dav.gw.test/files/b")
    assert status(ask(routes, f"{name} /files/a", there, known=here())) == 200
    assert set(routes.methods.values()) == {*METHODS.values(), name}


@pytest.mark.parametrize(("both", "asked"), list(product([False, True], ["LOCK", "lock"])))
def test_an_override_by_the_query_can_name_what_the_app_gets(both: bool, asked: str) -> None:
    """An unknown word is judged as every method that the App gets; a known one as itself."""
    routes = table(dav(method_override="both" if both else "refuse"))

    anonymous = ask(routes, f"GET /files/a?_method={asked}")

    assert status(anonymous) == (401 if both else 400)
    assert status(ask(routes, "GET /files/a?_method=PROPFIND")) == 200
    assert status(ask(routes, "GET /files/a?_method=FROB")) == 400


def test_a_preflight_can_announce_what_the_app_gets() -> None:
    """An allowed origin's script may ask for a listing; another method's preflight is the application's."""
    routes = table(dav(POLICY.replace("OPTIONS, ", ""), allowed_origins=("https://files.example",)))
    origin = ("Origin", "https://files.example")

    said = ask(routes, "OPTIONS /files/a", origin, ("Access-Control-Request-Method", "PROPFIND"))
    other = ask(routes, "OPTIONS /files/a", origin, ("Access-Control-Request-Method", "REPORT"))

    assert isinstance(said, Answer)
    assert (said.status, dict(said.headers)[b"Access-Control-Allow-Methods"]) == (204, b"PROPFIND")
    assert status(other) == 401
