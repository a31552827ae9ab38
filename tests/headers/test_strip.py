from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.headers.strip import outbound, outbound_head, trailer_lines
from gateway.pipeline.visit import OwnPage, RefusalPage, Visit
from gateway.policy.verdict import Deny
from gateway.portal.head import portal_head
from gateway.request.field_names import Family, fold
from gateway.request.section_cache import SectionCache
from gateway.session.session import NoTicket
from gateway.settings.settings import HeaderSettings
from tests.builders import app, inbound, route

SPELLINGS = (str.lower, str.upper, lambda name: name.replace("-", "_"), lambda name: name.replace("-", "."))

OTHERS_IDENTITY = (
    "X-Verified-Subject",
    "X-Verified",
    "X-Verified-Anything-At-All",
    "X-Forwarded-User",
    "X-Forwarded-Prefix",
    "Forwarded",
    "X-Real-IP",
    "Client-IP",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Envoy-Original-Path",
    "X-HTTP-Method-Override",
    "Remote-User",
    "X-Remote-User",
    "OIDC-CLAIM-sub",
    "Cf-Access-Jwt-Assertion",
    "X-Goog-Authenticated-User-Email",
    "Proxy",
    "Proxy-Authorization",
    "Sekisho-Visit",
    "Transfer-Encoding",
    "Content-Length",
    "Expect",
    "TE",
    "HTTP2-Settings",
)


def lines(head: bytes) -> list[bytes]:
    """Return a head's lines; each must have ended in CRLF."""
    assert head.endswith(b"\r\n")
    return head[:-2].split(b"\r\n")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", OTHERS_IDENTITY)
def test_nobody_else_speaks_in_our_name(name: str, spelling: object) -> None:
    """No spelling passes that a server folds onto a header of ours."""
    assert callable(spelling)
    asked = inbound("/", (spelling(name), "attacker"), ("Accept", "text/html"))

    head = outbound_head(asked, route(), b"")

    assert b"attacker" not in head
    assert b"Accept: text/html" in head


@given(st.text("XVERIFDSUBJCTxverifdsubjct-_.!~", min_size=1, max_size=24), st.sampled_from(["-", "_", ".", "~", "|"]))
def test_no_name_that_folds_onto_ours_gets_through(rest: str, sign: str) -> None:
    """Property: under no spelling does a client's field reach the space of our own."""
    asked = inbound("/", (f"x{sign}verified{sign}{rest}", "attacker"))

    head = outbound_head(asked, route(app=app(headers=HeaderSettings(odd_names="keep"))), b"")

    assert not any(fold(line.partition(b":")[0]).startswith(b"x-verified-") for line in lines(head)[1:])
    assert b"attacker" not in head


def test_the_client_cannot_name_our_headers_away() -> None:
    """`Connection` takes the client's own fields and none of ours, nor Host, nor the cookies."""
    asked = inbound(
        "/",
        ("Connection", "close, X-Verified-Subject, X-Forwarded-For, Host, Cookie, X-Own"),
        ("X-Own", "gone"),
        ("Cookie", "JSESSIONID=1"),
    )

    head = outbound_head(asked, route(), b"X-Verified-Subject: hanako\r\n")

    assert lines(head)[0] == b"GET / HTTP/1.1"
    for line in (
        b"Host: app.gw.test",
        b"X-Forwarded-For: 198.51.100.7",
        b"X-Verified-Subject: hanako",
        b"Cookie: JSESSIONID=1",
    ):
        assert line in lines(head)
    assert b"gone" not in head
    assert b"Connection" not in head


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://app.gw.test", b"443"),
        ("https://app.gw.test:8443", b"8443"),
        ("http://app.localhost", b"80"),
        ("http://app.localhost:8080", b"8080"),
    ],
)
def test_an_application_learns_the_public_port(url: str, port: bytes) -> None:
    """One that builds its links of scheme, host and port would else leave the port out."""
    host = url.partition("://")[2]
    sent = lines(
        outbound_head(inbound("/", ("X-Forwarded-Port", "1"), host=host), route(app=app(url=url), host=host), b"")
    )

    assert [line for line in sent if line.lower().startswith(b"x-forwarded-port")] == [b"X-Forwarded-Port: " + port]


def test_other_headers_keep_spelling_order_and_bytes() -> None:
    """The application must not notice us."""
    asked = inbound("/", ("x-LOWER-Upper", "a  b"), ("Accept", "*/*"), ("Accept", "text/html"), ("X-Utf8", "髙"))

    head = outbound_head(asked, route(), b"")

    assert lines(head)[2:6] == [b"x-LOWER-Upper: a  b", b"Accept: */*", b"Accept: text/html", "X-Utf8: 髙".encode()]


@pytest.mark.parametrize(
    ("cookies", "left"),
    [
        ("JSESSIONID=1; __Host-sekisho=T; theme=a", b"JSESSIONID=1; theme=a"),
        ("a=b;;;__Host-sekisho=T", b"a=b;;"),
        ("__HOST-SEKISHO=T;", b""),
        ("sekisho-login=x; a=1", b"a=1"),
        ("=__Host-sekisho=T; a=1", b"a=1"),
        ('"__Host-sekisho=T"; a=1', b"a=1"),
        ("sekisho2009=old", b"sekisho2009=old"),
        ('q="a; __Secure-sekisho=T', b'q="a'),
    ],
)
def test_our_cookies_never_reach_an_application(cookies: str, left: bytes) -> None:
    """Ours are cut out however they are dressed; every other byte stays."""
    asked = inbound("/", ("Cookie", cookies))

    head = outbound_head(asked, route(), b"")

    found = [line.removeprefix(b"Cookie: ") for line in lines(head) if line.startswith(b"Cookie: ")]
    assert found == ([left] if left else [])


@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate", "negotiate"])
def test_a_shared_connection_is_never_signed_in(scheme: str) -> None:
    """NTLM and Negotiate sign in the connection, which the next person uses; other schemes are the application's."""
    asked = inbound("/", ("Authorization", f"{scheme} abc"))
    basic = inbound("/", ("Authorization", "Basic abc"))

    assert b"Authorization" not in outbound_head(asked, route(), b"")
    assert b"Authorization: Basic abc" in outbound_head(basic, route(), b"")


def test_configured_names_and_every_apps_names_are_stripped() -> None:
    """A name that an App gives a fact belongs to us on that App, and on Apps that share its server."""
    settings = HeaderSettings(names={"subject": "X-Citizen"}, strip=("X-Wallet-Owner",))
    asked = inbound("/", ("x_citizen", "attacker"), ("X-WALLET-OWNER", "attacker"), ("X-Citizenship", "kept"))

    head = outbound_head(asked, route(app=app(headers=settings)), b"X-Citizen: hanako\r\n")

    assert b"attacker" not in head
    assert b"X-Citizenship: kept" in head


def test_what_an_app_asks_to_keep_is_never_ours() -> None:
    """`keep` opens other gateways' headers one by one, and neither our space nor forwarding."""
    settings = HeaderSettings(keep=("Remote-User", "X-Verified-Subject", "X-Forwarded-For"))
    asked = inbound("/", ("Remote-User", "batch"), ("X-Verified-Subject", "attacker"), ("X-Forwarded-For", "attacker"))

    head = outbound_head(asked, route(app=app(headers=settings)), b"")

    assert b"Remote-User: batch" in head
    assert b"attacker" not in head


def test_trailers_say_nothing_a_header_must_not() -> None:
    """Servers merge trailers into headers."""
    trailers = (
        (b"X-Checksum", b"1"),
        (b"X_Verified_Subject", b"attacker"),
        (b"Host", b"evil.example"),
        (b"Authorization", b"Basic x"),
        (b"Content-Type", b"text/html"),
        (b"Cookie", b"a=1"),
    )

    assert trailer_lines(trailers, HeaderSettings()) == b"X-Checksum: 1\r\n"


def test_a_challenge_is_asked_for_without_cookies_and_body() -> None:
    """The portal hears of a refused upload by its visit alone, and from the client no token of its own."""
    asked = inbound(
        "/reserve",
        ("Cookie", "__Host-sekisho=T"),
        ("Sekisho-Visit", "forged"),
        ("Accept-Language", "ja"),
        method="POST",
    )
    visit = Visit(route(), asked, NoTicket(), RefusalPage(Deny(None, ())))

    head = portal_head(visit, "token")

    assert lines(head)[0] == b"GET / HTTP/1.1"
    assert b"Cookie" not in head
    assert b"forged" not in head
    assert lines(head).count(b"Sekisho-Visit: token") == 1
    assert b"Accept-Language" not in head


def test_an_own_page_gets_its_method_target_and_type() -> None:
    """A form of ours is sent to the portal as it came; the browser's cookies wait with the visit."""
    asked = inbound("/.sekisho/login", ("Cookie", "__Host-sekisho=T"), ("Content-Type", "text/plain"), method="POST")

    head = portal_head(Visit(route(), asked, NoTicket(), OwnPage()), "token")

    assert lines(head)[0] == b"POST /.sekisho/login HTTP/1.1"
    assert b"Content-Type: text/plain" in lines(head)
    assert b"Cookie" not in head


def test_a_body_of_two_types_has_none() -> None:
    """The portal's server would refuse the request in words of its own, and quote the field."""
    asked = inbound("/.sekisho/login", ("Content-Type", "text/plain"), ("content-type", "text/html"), method="POST")

    head = portal_head(Visit(route(), asked, NoTicket(), OwnPage()), "token")

    assert b"content-type" not in head.lower()


def test_what_is_kept_of_a_client_has_nothing_of_a_person_or_a_request() -> None:
    """The same fields again: another request id, target and person are all in the new head, and none of the old."""
    kept = SectionCache()
    here = route()
    first = inbound("/a", ("Accept", "text/html"), request_id="first-0123456789", section_cache=kept)
    second = inbound("/b", ("Accept", "text/html"), request_id="second-0123456789", method="POST", section_cache=kept)

    outbound_head(first, here, b"X-Verified-Subject: hanako\r\n")
    head = outbound_head(second, here, b"X-Verified-Subject: taro\r\n")

    fresh = inbound("/b", ("Accept", "text/html"), request_id="second-0123456789", method="POST")
    assert head == outbound_head(fresh, here, b"X-Verified-Subject: taro\r\n")
    assert kept.route is here.token


def test_what_is_kept_for_one_app_is_not_sent_to_another() -> None:
    """Each route has settings of its own, and so has the same App's after a reload."""
    kept = SectionCache()
    asked = inbound("/", ("X-Member", "1"), ("Cookie", "__Host-sekisho=x; a=1"), section_cache=kept)
    strict = app(headers=HeaderSettings(strip=("X-Member",)))

    heads = [outbound_head(asked, route(app=settings), b"") for settings in (app(), strict, app(), strict)]

    assert [b"X-Member" in head for head in heads] == [True, False, True, False]
    assert all(b"sekisho=" not in head for head in heads)


def test_what_is_kept_does_not_grow_with_reloads() -> None:
    """A connection may outlive many of them: the newest route's section takes the place of the one before."""
    kept = SectionCache()
    asked = inbound("/", section_cache=kept)
    routes = [route() for _ in range(3)]

    for here in routes:
        outbound_head(asked, here, b"")

    assert kept.route is routes[-1].token
    assert not hasattr(kept, "__dict__")


@pytest.mark.parametrize(
    ("url", "scheme", "port"), [("https://app.gw.test", b"https", b"443"), ("http://app.localhost:81", b"http", b"81")]
)
def test_a_head_is_these_bytes_and_no_others(url: str, scheme: bytes, port: bytes) -> None:
    """The client's fields in their order, then ours, whose scheme is the public origin's and not the last hop's."""
    host = url.partition("://")[2]
    asked = inbound(
        "/a?b=c",
        ("A", "1"),
        ("Authorization", "Basic x"),
        ("B", "2"),
        ("Cookie", "s=1"),
        ("C", "3"),
        host=host,
        scheme="http",
        method="POST",
    )

    head, removed = outbound(asked, route(app=app(url=url), host=host), b"X-Verified-Subject: hanako\r\n")

    assert head == (
        b"POST /a?b=c HTTP/1.1\r\nHost: " + host.encode() + b"\r\nA: 1\r\nAuthorization: Basic x\r\nB: 2\r\nC: 3\r\n"
        b"Cookie: s=1\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: " + scheme + b"\r\n"
        b"X-Forwarded-Host: " + host.encode() + b"\r\nX-Forwarded-Port: " + port + b"\r\n"
        b"X-Request-Id: 0123456789abcdef\r\nX-Verified-Subject: hanako\r\n"
    )
    assert removed == ()


def test_connection_takes_each_field_that_it_names_and_no_other() -> None:
    """However many `Connection` fields there are, and wherever the fields stand among the others."""
    asked = inbound(
        "/",
        ("A", "1"),
        ("X-One", "gone"),
        ("Connection", "X-One, keep-alive"),
        ("B", "2"),
        ("x-two", "gone"),
        ("connection", "X-Two"),
        ("Authorization", "Basic kept"),
        ("C", "3"),
        ("X-One", "gone"),
    )

    head = outbound_head(asked, route(), b"")

    assert lines(head)[2:6] == [b"A: 1", b"B: 2", b"Authorization: Basic kept", b"C: 3"]
    assert lines(head)[6].startswith(b"X-Forwarded-For")
    assert b"gone" not in head


@pytest.mark.parametrize(
    ("name", "family", "from_a_proxy"),
    [
        ("X-Verified-Subject", Family.OURS, Family.OURS),
        ("x_remote_user", Family.IDENTITY, Family.IDENTITY),
        ("X-Original-URL", Family.REWRITING, Family.REWRITING),
        ("X-HTTP-Method-Override", Family.METHOD, Family.METHOD),
        # A trusted proxy writes these on each request, and the report would be of its own making.
        ("X-Forwarded-For", Family.FORWARDING, None),
        # Browsers send these: they are dropped, and nobody is told.
        ("Transfer-Encoding", None, None),
        ("Expect", None, None),
    ],
)
def test_a_removed_field_that_no_browser_sends_is_reported(
    name: str, family: Family | None, from_a_proxy: Family | None
) -> None:
    """By its family and its name as it came, once for each, and never by its value."""
    fields = (("Accept", "*/*"), (name, "secret"), ("X-Own", "1"))
    alone = inbound("/", *fields, peer="198.51.100.7", client_address="198.51.100.7")
    proxied = inbound("/", *fields, peer="10.0.0.2", client_address="198.51.100.7")

    for asked, expected in ((alone, family), (proxied, from_a_proxy)):
        head, removed = outbound(asked, route(), b"")
        assert removed == (() if expected is None else ((expected, name.encode()),))
        assert b"secret" not in head
        assert b"X-Own: 1" in lines(head)


@pytest.mark.parametrize(("setting", "passes"), [("both", True), ("refuse", False)])
def test_an_override_of_the_method_reaches_an_application_where_both_methods_were_judged(
    setting: str, passes: bool
) -> None:
    """Elsewhere the application would act on a method that no rule has seen; other dropped fields stay away."""
    asked = inbound(
        "/", ("X-HTTP-Method-Override", "PUT"), ("X-Verified-Subject", "attacker"), ("Accept", "*/*"), method="POST"
    )

    head, removed = outbound(asked, route(app=app(method_override=setting)), b"")

    assert (b"X-HTTP-Method-Override: PUT" in lines(head)) is passes
    assert (Family.METHOD in {family for family, _ in removed}) is not passes
    assert b"attacker" not in head
    assert b"Accept: */*" in lines(head)


def test_trailers_keep_their_order_behind_one_that_is_left_out() -> None:
    """A forbidden name ends nothing: the trailers behind it go on."""
    trailers = ((b"Connection", b"x"), (b"A", b"1"), (b"Content-Encoding", b"gzip"), (b"B", b"2"), (b"Te", b"x"))

    assert trailer_lines(trailers, HeaderSettings()) == b"A: 1\r\nB: 2\r\n"
