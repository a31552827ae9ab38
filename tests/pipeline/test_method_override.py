"""A request that asks to be taken for one of another method: refused, or judged by both."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from gateway.pipeline.outcome import Answer, Forward, NeedReservation, Step
from gateway.pipeline.step import step
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import parse_policy
from gateway.request.head_reader import Arrival, HeadReader
from gateway.request.target import DEFAULT_PATHS
from gateway.request.trust import Trust
from gateway.route.table import RouteTable
from gateway.session.session import Found, NoTicket, SessionState
from gateway.settings.settings import HeaderSettings, TrafficSettings
from gateway.yaml.mistakes import Mistakes
from tests.builders import NOON, app, route, session

POLICY = """\
policy: p
conditions: {office: {network: [192.0.2.0/24]}, away: {not: office}}
rules:
  - name: erase
    match: {path: /posts/**, method: DELETE}
    allow: signed_in
    limit: {name: erasures, once: day, counted_when: {status: [200, 204]}, times: 1}
    disclose: [subject]
  - name: replace
    match: {path: /posts/**, method: PUT}
    require: [away]
    disclose: [subject, away]
  - name: never
    match: {path: /posts/**, method: PATCH}
    allow: nobody
  - name: write
    match: {path: /posts/**, method: POST}
    allow: signed_in
    limit: {name: writings, once: day, counted_when: {status: [200, 201]}, times: 5}
    disclose: [subject, away]
  - name: read
    match: {path: /posts/**}
    allow: everyone
"""
PLAIN = "policy: p\nrules: [{name: all, allow: everyone}]\n"


def table(policy: str = POLICY, *, both: bool = False, **settings: object) -> RouteTable:
    """Return a table of one App under that policy."""
    mistakes = Mistakes()
    parsed = parse_policy(policy, mistakes)
    assert parsed is not None, mistakes.say()
    application = app(method_override="both" if both else "refuse", **settings)
    return RouteTable([route(CompiledPolicy(parsed), app=application)], "/.sekisho/")  # type: ignore[arg-type]


def ask(
    routes: RouteTable,
    request: str,
    *headers: tuple[str, str],
    known: SessionState | None = None,
) -> Step:
    """Read a head as the listener does, and step."""
    fields = [("Host", "app.gw.test"), ("Accept", "application/json"), *headers]
    raw = tuple((name.encode(), value.encode()) for name, value in fields)
    reader = HeadReader(TrafficSettings(), Trust(()))
    line = f"{request} HTTP/1.1".encode()
    arrival = reader.read(line, raw, "198.51.100.7", "https", "0123456789abcdef", lambda _: DEFAULT_PATHS)
    assert isinstance(arrival, Arrival)
    return step(arrival.inbound, NoTicket() if known is None else known, NOON, routes)


def reason(outcome: Step) -> tuple[int, str, str]:
    assert isinstance(outcome, Answer)
    return outcome.status, outcome.reason, json.loads(outcome.body)["code"]


def heads(outcome: Step) -> Iterable[bytes]:
    """Yield the head that is sent once every entry is taken, where it comes to that."""
    while isinstance(outcome, NeedReservation):
        outcome = outcome.taken
    if isinstance(outcome, Forward):
        yield outcome.head


OVERRIDE = ("X-HTTP-Method-Override", "DELETE")
REFUSED = (400, "method_override", "method_override")


@pytest.mark.parametrize(
    "field", [OVERRIDE, ("x-http-method", "DELETE"), ("X-Method-Override", "GET"), ("X_HTTP_Method_Override", "DELETE")]
)
@pytest.mark.parametrize("policy", [POLICY, PLAIN])
def test_it_is_refused_by_default(field: tuple[str, str], policy: str) -> None:
    """WordPress's `Move to trash` must not silently become `Save`: the person hears that it was not done."""
    assert reason(ask(table(policy), "POST /posts/12", field, known=Found(session()))) == REFUSED


def test_no_setting_of_headers_lets_it_pass_unjudged() -> None:
    """Neither `keep`, `pass` nor `odd_names` has the application act on a method that nobody judged."""
    headers = HeaderSettings(keep=("X-HTTP-Method-Override",), passed=("X-HTTP-Method-Override",), odd_names="keep")

    assert reason(ask(table(headers=headers), "GET /posts/1", OVERRIDE)) == REFUSED
    assert reason(ask(table(headers=headers), "GET /posts/1", ("X_HTTP_Method_Override", "DELETE"))) == REFUSED


def test_it_is_refused_again_on_a_path_that_is_usual() -> None:
    """The second request of a path takes a shorter way, and none around this."""
    routes = table()
    assert isinstance(ask(routes, "GET /posts/1"), Forward)
    assert routes.rule_cache

    assert reason(ask(routes, "GET /posts/1", OVERRIDE)) == REFUSED
    assert reason(ask(routes, "GET /posts/1?_method=DELETE")) == REFUSED


def test_a_query_is_refused_only_where_it_makes_a_difference() -> None:
    """`?_method=` is seen as well: it opens nothing, and where both methods have one rule, nothing changes."""
    person = Found(session())

    assert reason(ask(table(), "POST /posts/1?_method=DELETE", known=person)) == REFUSED
    assert reason(ask(table(), "GET /posts/1?_method=delete")) == REFUSED
    # Unknown or doubled: any of them may be meant.
    assert reason(ask(table(), "GET /posts/1?_method=WHAT")) == REFUSED
    assert reason(ask(table(), "GET /posts/1?_method=GET&_method=DELETE")) == REFUSED
    assert isinstance(ask(table(), "GET /posts/1?_method=HEAD"), Forward)
    assert isinstance(ask(table(PLAIN), "POST /posts/1?_method=DELETE"), Forward)


def test_both_must_be_permitted() -> None:
    """The stricter verdict holds for either order of the two methods."""
    routes = table(both=True)

    stranger = ask(routes, "GET /posts/1", OVERRIDE)
    refused = ask(routes, "POST /posts/1", ("X-HTTP-Method-Override", "PATCH"), known=Found(session()))

    assert isinstance(stranger, Answer)
    assert (stranger.status, stranger.verdict) == (401, "challenge")
    assert reason(refused) == (403, "nobody_allowed:never", "nobody_allowed")
    # The other way round: what the received method may not do, no override makes good.
    assert reason(ask(routes, "PATCH /posts/1", ("X-HTTP-Method", "GET")))[0] == 403


def test_both_limits_count_and_only_what_both_disclose_is_told() -> None:
    """An entry of each limit is taken before the application hears of it, and it hears of the override."""
    outcome = ask(table(both=True), "POST /posts/1", OVERRIDE, known=Found(session()))

    uses = []
    inner: object = outcome
    while isinstance(inner, NeedReservation):
        uses.append((inner.use.limit, inner.use.times))
        inner = inner.taken
    (head,) = heads(outcome)
    assert sorted(uses) == [("erasures", 1), ("writings", 5)]
    assert b"X-HTTP-Method-Override: DELETE\r\n" in head
    assert b"X-Verified-Subject: hanako" in head
    assert b"X-Verified-Away" not in head


def test_one_rule_for_both_is_judged_as_any_request() -> None:
    """If both methods have the same rule, there is one verdict, and one limit counts once."""
    outcome = ask(table(both=True), "POST /posts/1", ("X-HTTP-Method-Override", "post"), known=Found(session()))

    assert isinstance(outcome, NeedReservation)
    assert isinstance(outcome.taken, Forward)


def test_a_query_is_judged_by_both_as_well() -> None:
    """`?_method=DELETE` counts as the field does."""
    outcome = ask(table(both=True), "POST /posts/1?_method=DELETE", known=Found(session()))

    (head,) = heads(outcome)
    assert head.startswith(b"POST /posts/1?_method=DELETE HTTP/1.1\r\n")
    assert b"X-Verified-Away" not in head


@pytest.mark.parametrize(
    ("request_line", "fields"),
    [
        ("POST /posts/1", [("X-HTTP-Method-Override", "PROPFIND")]),
        ("POST /posts/1", [("X-HTTP-Method-Override", "")]),
        ("POST /posts/1", [("X-HTTP-Method-Override", "GET, DELETE")]),
        ("POST /posts/1", [("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE")]),
        ("POST /posts/1?_method=DELETE", [("X-HTTP-Method-Override", "DELETE")]),
        ("POST /posts/1?_method=DELETE&_method=DELETE", []),
        ("POST /posts/1?_method=WHAT", []),
        ("POST /posts/1", [("X_HTTP_Method_Override", "DELETE")]),
        ("POST /posts/1", [("X-HTTP-Method-Override", "DELETE"), ("Connection", "X-HTTP-Method-Override")]),
    ],
)
def test_unknown_doubled_and_half_heard_overrides_are_refused(request_line: str, fields: list[tuple[str, str]]) -> None:
    """The rule holds where the App has opted in as well: nobody knows which method the application would take."""
    assert reason(ask(table(both=True), request_line, *fields, known=Found(session()))) == REFUSED


def test_an_override_is_nothing_that_a_shared_cache_may_answer() -> None:
    """A cache knows method and URL, and not the field."""
    outcome = ask(table(both=True), "GET /posts/1", ("X-HTTP-Method-Override", "HEAD"))
    plain = ask(table(both=True), "GET /posts/1")

    assert isinstance(outcome, Forward)
    assert isinstance(plain, Forward)
    assert plain.permit.shared
    assert not outcome.permit.shared
