"""A body where there must be none is refused before anything else is asked; the App says where that is."""

from __future__ import annotations

import json
from itertools import product

import pytest

from gateway.observe.access_log import AccessLine
from gateway.observe.metrics import Metrics
from gateway.pipeline.outcome import Answer, AskPortal, Forward, Step
from gateway.pipeline.step import step
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import parse_policy
from gateway.request.inbound import Framing, Inbound
from gateway.route.table import RouteTable
from gateway.session.session import NoTicket, SessionState, Unread
from gateway.session.ticket import Ticket
from gateway.settings.settings import AppSettings
from gateway.wire.methods import METHODS
from gateway.yaml.mistakes import Mistakes
from tests.builders import NOON, app, inbound, route

POLICY = """\
policy: p
rules:
  - name: open
    match: {path: /open/**}
    allow: everyone
  - name: once
    match: {path: /once/**}
    allow: signed_in
    limit: {name: draws, once: day, counted_when: {status: [200]}, times: 1}
  - name: the rest
    allow: signed_in
"""
BODIES = {Framing.EMPTY: 0, Framing.COUNTED: 5, Framing.CHUNKED: 0}
REFUSALS = [("GET", "HEAD"), (), ("GET", "HEAD", "DELETE", "OPTIONS"), ("DELETE",)]


def table(**settings: object) -> RouteTable:
    """Return a table of one App."""
    mistakes = Mistakes()
    parsed = parse_policy(POLICY, mistakes)
    assert parsed is not None, mistakes.say()
    return RouteTable([route(CompiledPolicy(parsed), app=app(**settings))], "/.sekisho/")  # type: ignore[arg-type]


def ask(there: RouteTable, path: str, method: str, framing: Framing, known: SessionState | None = None) -> Step:
    request = inbound(path, method=method, framing=framing, length=BODIES[framing])
    return step(request, known or NoTicket(), NOON, there)


def is_refused(result: Step) -> bool:
    if not isinstance(result, Answer) or result.reason != "unexpected_body":
        return False
    assert (result.status, result.verdict, result.close, result.app) == (400, "deny", True, "booking")
    assert json.loads(result.body)["code"] == "unexpected_body"
    return True


@pytest.mark.parametrize("refuse", REFUSALS)
def test_a_body_is_refused_where_the_app_refuses_it(refuse: tuple[str, ...]) -> None:
    """This holds for every method and framing, independent of remembered requests; and nowhere else."""
    there = table(refuse_body=refuse)

    for _ in range(2):
        for method, framing in product(METHODS.values(), (Framing.EMPTY, Framing.COUNTED, Framing.CHUNKED)):
            result = ask(there, "/open/x", method, framing)

            refused = method in refuse and framing is not Framing.EMPTY
            assert is_refused(result) is refused, (method, framing)
            assert isinstance(result, Forward) is not refused, (method, framing)


def test_get_and_head_have_none_where_nothing_is_said() -> None:
    """The default."""
    assert AppSettings("a", "https://a.test").refuse_body == ("GET", "HEAD")


@pytest.mark.parametrize("path", ["/open/x", "/once/x", "/x", "/.sekisho/me", "/.sekisho/jwks.json", "/.sekisho/x"])
def test_nobody_is_asked_about_a_request_that_is_refused_for_its_body(path: str) -> None:
    """Neither the store for the session, nor the policy, nor the portal; signed in or not."""
    there = table()

    for known in (NoTicket(), Unread(Ticket("t" * 43))):
        assert is_refused(ask(there, path, "GET", Framing.COUNTED, known))
        assert is_refused(ask(there, path, "HEAD", Framing.CHUNKED, known))


def test_our_own_pages_take_no_body_whatever_the_app_takes() -> None:
    """A POST's they do: the button on a page is a form."""
    there = table(refuse_body=())

    assert is_refused(ask(there, "/.sekisho/health", "GET", Framing.COUNTED))
    assert isinstance(ask(there, "/.sekisho/backchannel-logout", "POST", Framing.COUNTED), AskPortal)


def test_a_host_without_an_app_is_told_so_first() -> None:
    """421: nobody is there whose settings would count."""
    request: Inbound = inbound("/x", host="other.test", framing=Framing.COUNTED, length=5)

    result = step(request, NoTicket(), NOON, table())

    assert isinstance(result, Answer)
    assert result.status == 421


def test_the_refusal_is_counted() -> None:
    """By App and reason, as each refusal is."""
    result = ask(table(), "/open/x", "GET", Framing.COUNTED)
    assert isinstance(result, Answer)
    metrics = Metrics("1")

    line = AccessLine(0.0, "id", "client", "GET", "host", "/open/x", 400, result.app, result.verdict, "", result.reason)
    metrics.finished(line)

    (denials,) = (family for family in metrics.collect() if family.name == "sekisho_denials")
    (sample,) = denials.samples
    assert (sample.labels, sample.value) == ((("app", "booking"), ("reason", "unexpected_body"), ("rule", "")), 1)
