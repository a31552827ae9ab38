"""Methods beyond those of every App: an App gets what it asks for, and policy judges it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import msgspec
import pytest

from gateway.pipeline.outcome import Answer, Forward, NeedReservation, Step
from gateway.pipeline.step import step
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import parse_policy
from gateway.request.head_reader import Arrival, HeadReader, Refused
from gateway.request.target import DEFAULT_PATHS
from gateway.request.trust import Trust
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, NoTicket, SessionState
from gateway.settings.settings import Mode, TrafficSettings, UpstreamSettings
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
    application = app(**{"name": name, "url": f"https://{name}.gw.test", "methods": WEBDAV, **settings})
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
    """The answer to everybody is 405 with the methods that it accepts; and on our own pages as well."""
    for path, host in (
        ("/files/a", "plain.gw.test"),
        ("/.sekisho/static/x", "dav.gw.test"),
        ("/.sekisho/me", "dav.gw.test"),
    ):
        outcome = ask(table(), f"PROPFIND {path}", host=host, known=here())
        assert isinstance(outcome, Answer)
        assert outcome.status == 405
        assert dict(outcome.headers)[b"Allow"] == ", ".join(METHODS.values()).encode()


def test_a_method_that_no_app_asks_for_is_refused_at_the_door() -> None:
    """The answer is that of an App beside one which asks for it; and what no App can ask for never comes in."""
    for word, status in (*((each.decode(), 405) for each in REGISTERED), ("FROB", 501), ("report", 501)):
        if word in table().methods.values():
            continue
        refused = read(table(), f"{word} /files/a")
        assert isinstance(refused, Refused), word
        assert refused.status == status
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


# --- the further resources that a request names ----------------------------------------------

GUARDED = """\
policy: p
conditions: {office: {network: [192.0.2.0/24]}, away: {not: office}}
rules:
  - name: staff
    match: {path: /files/staff/**}
    require: [office]
  - name: counted
    match: {path: /files/inbox/**, method: PUT}
    allow: signed_in
    limit: {name: parcels, once: day, counted_when: {status: [201, 204]}, times: 3}
    disclose: [subject]
  - name: told
    match: {path: /files/told/**}
    require: [away]
    disclose: [subject, away]
  - name: look
    match: {path: /files/**, method: [GET, HEAD, PROPFIND, COPY]}
    allow: everyone
  - name: write
    match: {path: /files/**}
    allow: signed_in
    disclose: [subject]
"""
HOME = "https://dav.gw.test"

DESTINATIONS = {
    f"{HOME}/files/b": (200, b"http://dav.gw.test/files/b"),
    f"{HOME}:443/files/b": (200, b"http://dav.gw.test/files/b"),
    "HTTPS://DAV.GW.TEST/files/b": (200, b"http://dav.gw.test/files/b"),
    "/files/b": (200, b"/files/b"),
    f"{HOME}/files/%e3%81%82%2Bb?v=1": (200, b"http://dav.gw.test/files/%e3%81%82%2Bb?v=1"),
    f"{HOME}/files/a/../b": (200, b"http://dav.gw.test/files/b"),
    # Guarded places, however they are spelled.
    f"{HOME}/files/staff/b": (403, b""),
    "/files/staff": (403, b""),
    f"{HOME}/files/a/../staff/b": (403, b""),
    f"{HOME}/files/%73taff/b": (403, b""),
    f"{HOME}/files/STAFF/b": (400, b""),
    f"{HOME}/elsewhere": (403, b""),
    # Other Apps, other servers, our own pages.
    "https://plain.gw.test/files/b": (400, b""),
    "https://elsewhere.example/files/b": (400, b""),
    "http://dav.gw.test/files/b": (400, b""),
    f"{HOME}:8443/files/b": (400, b""),
    f"{HOME}/.sekisho/me": (400, b""),
    # Neither one URL nor one reading.
    "": (400, b""),
    "files/b": (400, b""),
    "//dav.gw.test/files/b": (400, b""),
    "https:///files/b": (400, b""),
    "https:/files/b": (400, b""),
    "https://user@dav.gw.test/files/b": (400, b""),
    "https://dav.gw.test@elsewhere.example/files/b": (400, b""),
    "https://dav.gw.test\\@elsewhere.example/files/b": (400, b""),
    "ftp://dav.gw.test/files/b": (400, b""),
    f"{HOME}/files/%2e%2e/staff/b": (400, b""),
    f"{HOME}/files/%252e%252e/staff": (400, b""),
    f"{HOME}/files/a%2Fstaff": (400, b""),
    f"{HOME}/files//staff": (400, b""),
    f"{HOME}/files/b#staff": (400, b""),
    f"{HOME}/files/b c": (400, b""),
    f"{HOME}/files/b, {HOME}/files/c": (400, b""),
    f"<{HOME}/files/b>": (400, b""),
}


@pytest.mark.parametrize("destination", DESTINATIONS)
@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_a_destination_is_one_resource_of_the_same_app(method: str, destination: str) -> None:
    """It is canonical, judged as a write, and sent as the application knows itself."""
    wanted, sent = DESTINATIONS[destination]

    outcome = ask(
        table(dav(GUARDED), dav(name="plain")), f"{method} /files/a", ("Destination", destination), known=here()
    )

    assert status(outcome) == wanted
    if isinstance(outcome, Forward):
        assert [line for line in outcome.head.split(b"\r\n") if line.startswith(b"Destination")] == [
            b"Destination: " + sent
        ]


def test_a_copy_is_a_write_where_it_goes() -> None:
    """Everybody may copy from here, and that lets nobody write."""
    routes = table(dav(GUARDED))
    there = ("Destination", "/files/b")

    assert status(ask(routes, "COPY /files/a", there)) == 401
    assert status(ask(routes, "COPY /files/a", there, known=here())) == 200
    assert status(ask(routes, "COPY /files/a")) == 400
    assert status(ask(routes, "COPY /files/staff/a", there, known=here())) == 403
    assert status(ask(routes, "COPY /files/a", there, there, known=here())) == 400
    assert status(ask(routes, "COPY /files/a", there, ("Connection", "destination"), known=here())) == 400


def test_the_stricter_verdict_holds_and_less_is_told() -> None:
    """Both limits count, and only what both rules disclose is told."""
    routes = table(dav(GUARDED))

    counted = ask(routes, "MOVE /files/a", ("Destination", "/files/inbox/a"), known=here())
    told = ask(routes, "MOVE /files/told/a", ("Destination", "/files/b"), known=here())

    assert isinstance(counted, NeedReservation)
    assert [limit.name for limit in counted.limits] == ["parcels"]
    assert isinstance(told, Forward)
    assert b"X-Verified-Subject: " in told.head
    assert b"X-Verified-Away" not in told.head


def test_what_a_request_names_is_never_remembered_for_the_next_one() -> None:
    """The next one to the same target may name another resource, or none."""
    routes = table(dav(GUARDED))
    for destination, wanted in (("/files/b", 200), ("/files/staff/b", 403), ("/files/b", 200)):
        assert status(ask(routes, "MOVE /files/a", ("Destination", destination), known=here())) == wanted
    for condition, wanted in (("(<urn:x>)", 200), ("</files/staff/b> (<urn:x>)", 403), ("(<urn:x>)", 200)):
        assert status(ask(routes, "PUT /files/a", ("If", condition), known=here())) == wanted
    assert status(ask(routes, "PUT /files/a", known=here())) == 200
    assert status(ask(routes, "PUT /files/a", ("If", "</files/staff/b> (<urn:x>)"), known=here())) == 403


CONDITIONS = {
    "(<urn:uuid:1>)": (200, b"(<urn:uuid:1>)"),
    '(<urn:uuid:1> ["a>b)"]) (Not <DAV:no-lock>)': (200, b'(<urn:uuid:1> ["a>b)"]) (Not <DAV:no-lock>)'),
    '([W/"x"])(not<urn:a>)': (200, b'([W/"x"])(not<urn:a>)'),
    f"<{HOME}/files/b> (<urn:a>)": (200, b"<http://dav.gw.test/files/b> (<urn:a>)"),
    f"<{HOME}/files/b> (<urn:a>) </files/c>(<urn:b>) (<urn:c>)": (
        200,
        b"<http://dav.gw.test/files/b> (<urn:a>) </files/c>(<urn:b>) (<urn:c>)",
    ),
    f"</files/b> (<urn:a>) <{HOME}/files/staff/c> (<urn:b>)": (403, b""),
    "<https://elsewhere.example/files/b> (<urn:a>)": (400, b""),
    "</files/b>": (400, b""),
    "</files/b> </files/c> (<urn:a>)": (400, b""),
    "(<urn:a>) </files/b> (<urn:b>)": (400, b""),
    "(<urn:a>": (400, b""),
    "()": (400, b""),
    "(urn:a)": (400, b""),
    '(["a])': (400, b""),
    "(<urn:a>), (<urn:b>)": (400, b""),
    "<> (<urn:a>)": (400, b""),
    "": (400, b""),
    "x": (400, b""),
    " ".join(["</files/b> (<urn:a>)"] * 65): (400, b""),
}


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "LOCK", "MOVE"])
def test_each_resource_that_a_condition_names_is_judged(method: str, condition: str) -> None:
    """Its answer tells whether that resource is locked, and in which state it is."""
    wanted, sent = CONDITIONS[condition]
    there = [("Destination", "/files/z")] if method == "MOVE" else []

    outcome = ask(table(dav(GUARDED)), f"{method} /files/a", *there, ("if", condition), known=here())

    assert status(outcome) == wanted
    if isinstance(outcome, Forward):
        assert [line for line in outcome.head.split(b"\r\n") if line.startswith(b"if:")] == [b"if: " + sent]


def test_a_further_resource_loses_the_prefix_as_the_target_does() -> None:
    """The further resource gets the scheme that the application takes itself to be reached by."""
    public = UpstreamSettings(strip_prefix=True, references="public")
    for options, scheme in ((UpstreamSettings(strip_prefix=True), b"http"), (public, b"https")):
        shop = replace(dav(GUARDED, url="https://dav.gw.test/files", upstream_options=options), prefix="/files")
        outcome = ask(
            table(shop),
            "MOVE /files/a",
            ("Destination", f"{HOME}/%66iles/b"),
            ("If", f"<{HOME}/files/> (<urn:a>) </files/b> (<urn:b>)"),
            known=here(),
        )
        assert isinstance(outcome, Forward)
        assert b"\r\nDestination: " + scheme + b"://dav.gw.test/b\r\n" in outcome.head
        assert b"\r\nIf: <" + scheme + b"://dav.gw.test/> (<urn:a>) </b> (<urn:b>)\r\n" in outcome.head


def test_an_override_does_not_hide_a_destination() -> None:
    """A POST that asks to be taken for a MOVE is judged with what it names."""
    routes = table(dav(GUARDED, method_override="both"))
    for query, override in (("?_method=MOVE", []), ("", [("X-HTTP-Method-Override", "MOVE")])):
        for destination, wanted in (("/files/b", 200), ("/files/staff/b", 403)):
            fields = [*override, ("Destination", destination)]
            assert status(ask(routes, f"POST /files/a{query}", *fields, known=here())) == wanted


def test_an_app_without_such_methods_gets_the_fields_as_they_are() -> None:
    """They mean nothing to it, and a name of its own scripts may be among them."""
    outcome = ask(table(dav(methods=())), "PUT /files/a", ("Destination", "Kyoto"), ("If", "ready"), known=here())

    assert isinstance(outcome, Forward)
    assert b"\r\nDestination: Kyoto\r\nIf: ready\r\n" in outcome.head


@pytest.mark.parametrize(
    ("destination", "wanted"),
    [
        (f"{HOME}/files/b", 200),
        ("/files/b", 200),
        (f"{HOME}/files/staff/b", 403),
        (f"{HOME}/files/a/../b", 400),
        ("https://elsewhere.example/files/b", 400),
        (None, 400),
    ],
)
def test_an_outer_proxys_question_is_judged_with_what_it_names(destination: str | None, wanted: int) -> None:
    """The proxy forwards the field as it came, so the field must be spelled as it is judged."""
    routes = table(dav(GUARDED, mode=Mode.FORWARD_AUTH))
    fields = [] if destination is None else [("Destination", destination)]
    arrival = read(routes, "MOVE /files/a", ("Accept", "application/json"), *fields)
    assert isinstance(arrival, Arrival)
    question = msgspec.structs.replace(arrival.inbound, forwarded="nginx")

    outcome = step(question, here(), NOON, routes)

    assert status(outcome) == wanted
    if isinstance(outcome, Forward):
        # Our answer has lines of our own alone, so the proxy's field stays as the proxy has it.
        names = [line.partition(b":")[0] for line in outcome.head.split(b"\r\n") if line]
        assert all(name.startswith(b"X-Verified-") for name in names), names
