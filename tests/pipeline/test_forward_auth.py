from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import Scope
from gateway.pipeline.forward_auth import AuthFault, Dialect, original, step
from gateway.pipeline.outcome import Answer, NeedAccount
from gateway.policy.policy import Accounts
from gateway.policy.verdict import (
    Challenge,
    ChallengeReason,
    Deny,
    GivesBack,
    Limit,
    Once,
    Permit,
    Reason,
    ReasonKind,
    RuleId,
    Sign,
    Verdict,
)
from gateway.request.inbound import Inbound
from gateway.request.section_cache import SectionCache
from gateway.request.trust import Trust
from gateway.route.table import RouteTable
from gateway.session.session import Found, KnownAccount, NoTicket, Unavailable
from gateway.settings.settings import HeaderSettings, Mode
from tests.builders import NOON, FixedPolicy, FixedRule, app, identity, inbound, route, session

RULE = RuleId("test", "rule")
TRUST = Trust(["10.0.0.2"])
BROWSER = (("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))

TOLD = {
    Dialect.NGINX: ("X-Original-Method", "X-Original-Scheme", "X-Original-Host", "X-Original-URI"),
    Dialect.HAPROXY: ("X-Original-Method", "X-Original-Scheme", "X-Original-Host", "X-Original-URI"),
    Dialect.TRAEFIK: ("X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"),
    Dialect.CADDY: ("X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"),
}


def table(somebody: Verdict | None = None, nobody: Verdict | None = None, **changes: object) -> RouteTable:
    policy = FixedPolicy(FixedRule(nobody=nobody, somebody=somebody))
    policy.disclosed = ("subject", "may_drink")
    return RouteTable([route(policy, app=app(mode=Mode.FORWARD_AUTH, upstream=(), **changes))], "/.sekisho/")


def question(
    dialect: Dialect,
    uri: str = "/reserve",
    *headers: tuple[str, str],
    method: str = "GET",
    host: str = "app.gw.test",
    peer: str = "10.0.0.2",
) -> Inbound:
    """Ask about a request as that proxy does."""
    if dialect is Dialect.ENVOY:
        path = f"/.sekisho/auth/envoy{uri}"
        return inbound(path, ("X-Forwarded-Proto", "https"), *headers, method=method, host=host, peer=peer)
    disclosed = tuple(zip(TOLD[dialect], (method, "https", host, uri), strict=True))
    return inbound(f"/.sekisho/auth/{dialect}", *disclosed, *headers, host="gateway:8080", peer=peer)


@pytest.mark.parametrize("dialect", Dialect)
def test_each_proxy_is_understood(dialect: Dialect) -> None:
    """The gateway judges the browser's request through every proxy: method, host, target, headers and address."""
    asked = original(question(dialect, "/reserve/42", ("Accept", "text/html"), method="POST"), table(), TRUST)

    assert isinstance(asked, Inbound)
    assert (asked.method, asked.host, asked.scheme, asked.target.path) == (
        "POST",
        "app.gw.test",
        "https",
        "/reserve/42",
    )
    assert asked.client_address == "198.51.100.7"
    assert asked.forwarded == dialect
    assert (b"Accept", b"text/html") in asked.headers


@pytest.mark.parametrize("dialect", Dialect)
def test_an_upgrade_is_asked_about_in_either_word(dialect: Dialect) -> None:
    """Traefik says `wss` where another proxy says `https`: the origin is the same."""
    said = question(dialect)
    renamed = tuple((name, b"wss" if value == b"https" else value) for name, value in said.headers)

    asked = original(_with(said, renamed), table(), TRUST)

    assert isinstance(asked, Inbound)
    assert asked.scheme == "https"


def test_an_ordinary_request_is_itself() -> None:
    """Nothing is made of what no proxy asks about."""
    came = inbound("/reserve")

    assert original(came, table(), TRUST) is came


@pytest.mark.parametrize("dialect", Dialect)
def test_only_listed_peers_are_believed(dialect: Dialect) -> None:
    """The same words from anybody else are refused."""
    asked = original(question(dialect, peer="198.51.100.7"), table(), TRUST)

    assert isinstance(asked, Answer)
    assert (asked.status, asked.reason) == (403, AuthFault.PEER)


def test_what_is_kept_of_a_sub_request_is_not_the_original_requests() -> None:
    """It was made of the outer proxy's host and fields."""
    cache = SectionCache()
    asked = original(msgspec.structs.replace(question(Dialect.NGINX), section_cache=cache), table(), TRUST)

    assert isinstance(asked, Inbound)
    assert asked.section_cache is not cache


@pytest.mark.parametrize("dialect", [Dialect.NGINX, Dialect.HAPROXY, Dialect.TRAEFIK, Dialect.CADDY])
@pytest.mark.parametrize("place", range(4))
def test_every_field_is_required_once(dialect: Dialect, place: int) -> None:
    """A field that is missing, empty or there twice makes no question."""
    name = TOLD[dialect][place].encode()
    good = question(dialect)
    without = tuple(field for field in good.headers if field[0] != name)
    (value,) = [said for field, said in good.headers if field == name]

    for headers in (without, (*without, (name, b"")), (*good.headers, (name.lower(), value))):
        asked = original(_with(good, headers), table(), TRUST)
        assert isinstance(asked, Answer)
        assert asked.status == 403


@pytest.mark.parametrize("dialect", [Dialect.NGINX, Dialect.HAPROXY, Dialect.TRAEFIK, Dialect.CADDY])
def test_a_dialect_is_believed_in_its_own_words_alone(dialect: Dialect) -> None:
    """The dialect of another proxy means nothing here: a browser may have written it."""
    foreign = tuple((name, "/public/") for names in TOLD.values() for name in names if name not in TOLD[dialect])
    asked = original(question(dialect, "/reserve", *foreign), table(), TRUST)

    assert isinstance(asked, Inbound)
    assert asked.target.path == "/reserve"


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/public/%e6%97%a5%e6%9c%ac", "/public/日本"),
        ("/public/%E6%97%A5%e6%9c%ac", "/public/日本"),
        ("/a[1]", "/a[1]"),
        ("/a|b", "/a|b"),
        ("/a%2Bb", "/a+b"),
        ("/foo%27bar", "/foo'bar"),
        ("/a%2Cb?c=%2c", "/a,b"),
        ("/%7Euser", "/~user"),
    ],
)
def test_every_spelling_that_is_forwarded_as_it_is_is_judged(dialect: Dialect, uri: str, path: str) -> None:
    """The outer proxy forwards its own string, and so would we: an escape more or less changes nothing."""
    came = question(dialect, uri)
    if dialect is Dialect.ENVOY:
        came = _received(came, f"/.sekisho/auth/envoy{uri}".encode())

    asked = original(came, table(), TRUST)

    assert isinstance(asked, Inbound)
    assert (asked.target.path, asked.target.raw) == (path, uri.encode())


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "uri",
    [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "//admin",
        "/a%2Fb",
        "/a/./b",
        "/a;b",
        "/a\\b",
        "/a#b",
        "*",
        "http://app.gw.test/",
        "reserve",
    ],
)
def test_what_we_would_forward_otherwise_is_refused(dialect: Dialect, uri: str) -> None:
    """The outer proxy forwards its own string, so it must be the one we decided on."""
    came = question(dialect, uri)
    if dialect is Dialect.ENVOY:
        came = _received(came, f"/.sekisho/auth/envoy{uri}".encode())

    asked = original(came, table(), TRUST)

    assert isinstance(asked, Answer)
    assert asked.status == 403


@given(st.binary(max_size=40), st.sampled_from([Dialect.TRAEFIK, Dialect.NGINX]))
def test_no_target_is_decided_on_that_is_not_the_one_told(uri: bytes, dialect: Dialect) -> None:
    """Property: either refused, or the very bytes that the outer proxy will forward."""
    name = TOLD[dialect][3].encode()
    good = question(dialect)
    came = _with(good, tuple((field, uri if field == name else said) for field, said in good.headers))

    asked = original(came, table(), TRUST)

    assert isinstance(asked, Answer) or asked.target.raw == uri


@pytest.mark.parametrize(
    "path", ["/.sekisho/auth/", "/.sekisho/auth/apache", "/.sekisho/auth/traefik/x", "/.sekisho/auth/envoy"]
)
def test_there_are_four_endpoints(path: str) -> None:
    """Anything beside them is refused, and never a page of the portal's."""
    asked = original(inbound(path, peer="10.0.0.2"), table(), TRUST)

    assert isinstance(asked, Answer)
    assert asked.status == 403


def test_an_unknown_host_or_method_is_refused() -> None:
    """421 and 501 of our own door mean nothing to an outer proxy: no is 403."""
    for came in (
        question(Dialect.TRAEFIK, host="evil.example"),
        question(Dialect.TRAEFIK, host="app.gw.test, evil.example"),
        question(Dialect.TRAEFIK, method="PROPFIND"),
    ):
        asked = original(came, table(), TRUST)
        assert isinstance(asked, Answer)
        assert asked.status == 403


def decided(
    dialect: Dialect, verdict: Verdict, *headers: tuple[str, str], uri: str = "/reserve", method: str = "GET"
) -> Answer:
    routes = table(somebody=verdict, nobody=verdict)
    asked = original(question(dialect, uri, *headers, method=method), routes, TRUST)
    assert isinstance(asked, Inbound)
    answer = step(asked, Found(session()), NOON, routes)
    assert isinstance(answer, Answer)
    return answer


@pytest.mark.parametrize("dialect", Dialect)
def test_allowed_is_200_and_names_every_header(dialect: Dialect) -> None:
    """A disclosed fact has a value and every other header is empty, so that the proxy overwrites a client's headers."""
    permit = Permit(RULE, None, (("subject", "hanako"), ("may_drink", "yes")))

    answer = decided(dialect, permit)

    disclosed = dict(answer.headers)
    assert answer.status == 200
    assert (answer.app, answer.pseudonym) == ("booking", "p-hanako")
    assert disclosed[b"X-Verified-Subject"] == b"hanako"
    assert disclosed[b"X-Verified-May-Drink"] == b"yes"
    assert disclosed[b"X-Verified-Name"] == disclosed[b"X-Verified-Assertion"] == b""
    assert len([name for name in disclosed if name.startswith(b"X-Verified-")]) == 14


@pytest.mark.parametrize(
    "name", ["X_Verified_Subject", "x.verified.name", "X-Verified_May-Drink", "X_Verified_Anything"]
)
def test_an_alias_of_our_headers_is_refused(name: str) -> None:
    """We cannot cut a header from a request we only hear of."""
    answer = decided(Dialect.CADDY, Permit(RULE, None, ()), (name, "attacker"))

    assert (answer.status, answer.reason) == (403, AuthFault.ALIAS)


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("name", ["X-Verified-Subject", "x-verified-adult", "X-Verified", "Sekisho-Visit", "X-Citizen"])
def test_an_identity_header_of_ours_is_refused(dialect: Dialect, name: str) -> None:
    """No honest client sends one: a minor's `X-Verified-Adult: yes` would pass where a sample has no line for it."""
    routes = table(headers=HeaderSettings(names={"subject": "X-Citizen"}))
    asked = original(question(dialect, "/reserve", (name, "yes")), routes, TRUST)
    assert isinstance(asked, Inbound)

    answer = step(asked, NoTicket(), NOON, routes)

    assert isinstance(answer, Answer)
    assert (answer.status, answer.reason, answer.app) == (403, AuthFault.IDENTITY, "booking")
    assert [given for _, given in answer.removed] == [name.encode()]


def beside(fields: tuple[tuple[str, str], ...]) -> list[tuple[Dialect, str, str]]:
    """Return each field with each dialect of which it is no word of its own, which must come once."""
    return [
        (dialect, name, value)
        for dialect in Dialect
        for name, value in fields
        if name.lower().encode() not in {own.lower() for own, _ in question(dialect).headers}
    ]


CHANGING = (
    ("X-Script-Name", "/public"),
    ("X-Rewrite-URL", "/public"),
    ("X-Forwarded-Prefix", "/public"),
    ("X-Original-Path", "/public"),
    ("X-Forwarded-Uri", "/public"),
    ("X-Original-URL", "/public"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Original-Method", "OPTIONS"),
    ("X-Forwarded-Port", "8443"),
    ("X-Url-Scheme", "http"),
    ("Front-End-Https", "off"),
    ("X-Real-IP", "192.0.2.1"),
    ("X-Custom-IP-Authorization", "127.0.0.1"),
    ("Forwarded", "host=evil.example"),
    ("X_Forwarded_For", "192.0.2.1"),
    ("Remote-User", "root"),
    ("X-User-Id", "1"),
    ("X-SSL-Client-DN", "CN=root"),
    ("X-Envoy-Original-Path", "/public"),
)


@pytest.mark.parametrize(("dialect", "name", "value"), beside(CHANGING))
def test_a_field_that_changes_who_or_where_is_refused(dialect: Dialect, name: str, value: str) -> None:
    """We cannot cut it, and the application behind the outer proxy may believe it."""
    answer = decided(dialect, Permit(RULE, None, ()), (name, value))

    assert (answer.status, answer.reason) == (403, AuthFault.HEADER)
    assert [given for _, given in answer.removed] == [name.encode()]


TRUE = (
    ("X-Real-IP", "198.51.100.7"),
    ("X-Forwarded-For", "198.51.100.7"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Ssl", "on"),
    ("X-Forwarded-Host", "app.gw.test"),
    ("X-Original-URI", "/reserve"),
    ("CF-Connecting-IP", "198.51.100.7"),
    ("CF-IPCountry", "JP"),
    ("X-Requested-With", "XMLHttpRequest"),
    ("X-CSRF-Token", "t"),
    ("Proxy-Connection", "keep-alive"),
    ("Via", "1.1 Caddy"),
)


@pytest.mark.parametrize(("dialect", "name", "value"), beside(TRUE))
def test_what_a_proxy_says_and_is_true_does_no_harm(dialect: Dialect, name: str, value: str) -> None:
    """An outer proxy writes more than its dialect's own words; what agrees with the question changes nothing."""
    assert decided(dialect, Permit(RULE, None, ()), (name, value)).status == 200


@pytest.mark.parametrize(("dialect", "name"), [("traefik", "X-Forwarded-Server"), ("envoy", "X-Envoy-Internal")])
def test_a_proxys_own_fields_pass(dialect: str, name: str) -> None:
    """A field that the proxy itself writes into every question is no client's field."""
    assert decided(Dialect(dialect), Permit(RULE, None, ()), (name, "value")).status == 200
    other = Dialect.CADDY
    assert decided(other, Permit(RULE, None, ()), (name, "value")).status == 403


def test_a_kept_name_passes() -> None:
    """`headers.keep` says of an App that its own scripts send it."""
    routes = table(headers=HeaderSettings(keep=("X-User-Id",)))
    asked = original(question(Dialect.NGINX, "/reserve", ("X-User-Id", "7")), routes, TRUST)
    assert isinstance(asked, Inbound)

    answer = step(asked, NoTicket(), NOON, routes)

    assert isinstance(answer, Answer)
    assert answer.status == 200


def test_a_method_override_is_judged_here_as_well() -> None:
    """The application behind the outer proxy would act on it."""
    came = msgspec.structs.replace(
        question(Dialect.TRAEFIK, "/reserve", ("X-HTTP-Method-Override", "DELETE"), method="POST"),
        overrides=(b"DELETE",),
    )
    asked = original(came, table(), TRUST)
    assert isinstance(asked, Inbound)

    answer = step(asked, Found(session()), NOON, table())

    assert isinstance(answer, Answer)
    assert (answer.status, answer.reason) == (400, "method_override")


@pytest.mark.parametrize(
    ("cookies", "seen"),
    [
        ("a=1; __Host-sekisho=T; theme=b", b"a=1; theme=b"),
        ("x__Host-sekisho=1; __Host-sekisho=T", b"x__Host-sekisho=1"),
        ("__Host-sekisho=T", b""),
        ("a=1", b"a=1"),
    ],
)
def test_the_answer_says_the_cookies_as_the_application_may_see_them(cookies: str, seen: bytes) -> None:
    """A pattern in the outer proxy's configuration can be led astray by a cookie named like ours; the answer cannot."""
    answer = decided(Dialect.NGINX, Permit(RULE, None, ()), ("Cookie", cookies))

    assert dict(answer.headers)[b"Cookie"] == seen


def test_the_answer_says_whether_a_shared_cache_may_keep_the_applications() -> None:
    """The outer proxy sees the application's answer, and we do not."""
    routes = table(nobody=Permit(RULE, None, (), shared=True))
    asked = original(question(Dialect.NGINX), routes, TRUST)
    assert isinstance(asked, Inbound)
    nobody, somebody = step(asked, NoTicket(), NOON, routes), decided(Dialect.NGINX, Permit(RULE, identity(), ()))

    assert isinstance(nobody, Answer)
    assert dict(nobody.headers)[b"Sekisho-Cache"] == b"shared"
    assert dict(somebody.headers)[b"Sekisho-Cache"] == b"private"


@pytest.mark.parametrize(("dialect", "status"), [("nginx", 401), ("traefik", 303), ("caddy", 303), ("envoy", 303)])
def test_a_page_is_sent_to_sign_in(dialect: str, status: int) -> None:
    """With the way back, percent-encoded; nginx can pass on the Location of a 401 alone."""
    challenge = Challenge(RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))

    answer = decided(Dialect(dialect), challenge, *BROWSER, uri="/reserve/42")

    assert answer.status == status
    assert dict(answer.headers)[b"Location"] == b"https://app.gw.test/.sekisho/login?rd=%2Freserve%2F42"


FRAME = (("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe"))
SIGN_IN = Challenge(RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))
REFUSED = Deny(RULE, (Reason(ReasonKind.CONDITION_NO, "adult", {"ja": "18歳以上"}),))


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(("verdict", "method"), [(SIGN_IN, "POST"), (REFUSED, "GET"), (REFUSED, "POST")])
def test_a_frame_gets_a_page_that_leads_out_of_it(dialect: Dialect, verdict: Verdict, method: str) -> None:
    """The outer proxy shows our page in the frame, so that it must admit one; a link opens the page at the top."""
    form = ("Content-Type", "application/x-www-form-urlencoded")
    answer = decided(dialect, verdict, *FRAME, form, method=method, uri="/reserve/42?d=1&e=2")
    headers = dict(answer.headers)

    assert b'<a href="/reserve/42?d=1&amp;e=2" target="_top">' in answer.body
    assert b"frame-ancestors *" in headers[b"Content-Security-Policy"]
    assert b"X-Frame-Options" not in headers


@pytest.mark.parametrize(("dialect", "status"), [("nginx", 401), ("traefik", 303), ("caddy", 303), ("envoy", 303)])
def test_a_frame_that_must_sign_in_goes_to_our_page(dialect: str, status: int) -> None:
    """The page there says how to leave the frame, in the portal's design."""
    answer = decided(Dialect(dialect), SIGN_IN, *FRAME, uri="/reserve/42")

    assert answer.status == status
    assert dict(answer.headers)[b"Location"].endswith(b"/.sekisho/login?rd=%2Freserve%2F42")


@pytest.mark.parametrize("dialect", Dialect)
def test_a_form_is_told_that_it_was_not_sent(dialect: Dialect) -> None:
    """No redirect: the browser would send a GET and lose what the person wrote."""
    challenge = Challenge(RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))

    answer = decided(dialect, challenge, *BROWSER, ("Content-Type", "application/x-www-form-urlencoded"), method="POST")

    assert answer.status == 401
    assert b"Location" not in dict(answer.headers)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_refusal_says_why_and_runs_nothing(dialect: Dialect) -> None:
    """The condition's own sentence, escaped, on a page that loads nothing and cannot be framed."""
    sentence = {"ja": "18歳以上の方が<b>予約</b>できます。", "en": "For adults."}
    deny = Deny(RULE, (Reason(ReasonKind.CONDITION_NO, "adult", sentence),), 403)

    answer = decided(dialect, deny, *BROWSER)

    assert answer.status == 403
    assert (answer.app, answer.pseudonym) == ("booking", "p-hanako")
    assert "18歳以上の方が&lt;b&gt;予約&lt;/b&gt;できます。" in answer.body.decode()
    assert b"frame-ancestors 'none'" in dict(answer.headers)[b"Content-Security-Policy"]


@pytest.mark.parametrize(
    ("accepted", "said"),
    [
        ("en", '<span lang="ja">18歳以上の方。 市民の方。</span>'),
        ("ja-simple", "18さい から。 この まちの 人。"),
        ("ja", "18歳以上の方。 市民の方。"),
    ],
)
def test_a_refusal_leaves_no_reason_out(accepted: str, said: str) -> None:
    """A page in a language that one of the sentences does not have says all of them in Japanese."""
    adult = {"ja": "18歳以上の方。", "ja-simple": "18さい から。", "en": "For adults."}
    here = {"ja": "市民の方。", "ja-simple": "この まちの 人。"}
    reasons = (Reason(ReasonKind.CONDITION_NO, "adult", adult), Reason(ReasonKind.CONDITION_NO, "here", here))

    answer = decided(Dialect.NGINX, Deny(RULE, reasons, 403), *BROWSER, ("Accept-Language", accepted))

    assert said in answer.body.decode()


@pytest.mark.parametrize("dialect", Dialect)
def test_a_store_that_fails_lets_nobody_pass(dialect: Dialect) -> None:
    """503 where a session is needed and cannot be read."""
    challenge = Challenge(RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))
    routes = table(somebody=Permit(RULE, None), nobody=challenge)
    asked = original(question(dialect, "/reserve", *BROWSER), routes, TRUST)
    assert isinstance(asked, Inbound)

    answer = step(asked, Unavailable(), NOON, routes)

    assert isinstance(answer, Answer)
    assert answer.status == 503


@pytest.mark.parametrize("path", ["/.sekisho", "/.sekisho/login", "/.sekisho/auth/traefik"])
def test_our_own_pages_are_never_allowed_here(path: str) -> None:
    """The outer proxy sends them to us; a yes would hold for every reading of the path by the proxy."""
    routes = table()
    asked = original(question(Dialect.TRAEFIK, path), routes, TRUST)
    assert isinstance(asked, Inbound)

    answer = step(asked, NoTicket(), NOON, routes)

    assert isinstance(answer, Answer)
    assert answer.status == 403


def test_an_app_that_is_proxied_is_not_asked_about() -> None:
    """One App, one way in."""
    routes = RouteTable([route()], "/.sekisho/")
    asked = original(question(Dialect.TRAEFIK), routes, TRUST)
    assert isinstance(asked, Inbound)

    answer = step(asked, NoTicket(), NOON, routes)

    assert isinstance(answer, Answer)
    assert (answer.status, answer.reason) == (403, AuthFault.MODE)


def _with(came: Inbound, headers: tuple[tuple[bytes, bytes], ...]) -> Inbound:
    return type(came)(**{**{name: getattr(came, name) for name in came.__struct_fields__}, "headers": headers})


def _received(came: Inbound, received: bytes) -> Inbound:
    return type(came)(**{**{name: getattr(came, name) for name in came.__struct_fields__}, "received": received})


def judged(dialect: Dialect, rule: FixedRule, found: Found, *headers: tuple[str, str], method: str = "GET") -> object:
    """Return what becomes of a question under one rule."""
    routes = RouteTable([route(FixedPolicy(rule), app=app(mode=Mode.FORWARD_AUTH, upstream=()))], "/.sekisho/")
    asked = original(question(dialect, "/reserve", *headers, method=method), routes, TRUST)
    assert isinstance(asked, Inbound)
    return step(asked, found, NOON, routes)


@pytest.mark.parametrize(("dialect", "status"), [(Dialect.NGINX, 401), (Dialect.CADDY, 303), (Dialect.ENVOY, 303)])
def test_a_person_is_sent_to_the_page_that_asks_for_her_account(dialect: Dialect, status: int) -> None:
    """The gateway first looks who she is at the application, and then asks her on a page of its own."""
    rule = FixedRule(somebody=Permit(RULE, identity()))
    rule.accounts, rule.needs_account = Accounts.REQUIRED, True
    nobody_yet = KnownAccount(None, 0, declined=False, valid_from=NOON - 1, valid_until=NOON + 1)

    unknown = judged(dialect, rule, Found(session()), *BROWSER)
    asked = judged(dialect, rule, Found(session(), accounts={"booking": nobody_yet}), *BROWSER)

    assert isinstance(unknown, NeedAccount)
    assert isinstance(asked, Answer)
    assert (asked.status, asked.verdict, asked.reason) == (status, "challenge", "account_link")
    assert (b"Location", b"https://app.gw.test/.sekisho/account?app=booking") in asked.headers


@pytest.mark.parametrize("dialect", Dialect)
def test_a_form_that_must_be_signed_is_refused(dialect: Dialect) -> None:
    """The outer proxy has the form, so nobody could sign it here."""
    rule = FixedRule(somebody=Permit(RULE, identity()))
    rule.sign = Sign({"ja": "申請書"})
    form = ("Content-Type", "application/x-www-form-urlencoded"), ("Origin", "https://app.gw.test")

    answer = judged(dialect, rule, Found(session()), *BROWSER, *form, method="POST")

    assert isinstance(answer, Answer)
    assert (answer.status, answer.verdict, answer.reason) == (403, "deny", "signature")


LIMIT = Limit("draw", Once.EVER, frozenset({303}))


@pytest.mark.parametrize(
    "permit",
    [
        Permit(RULE, identity(), limit=LIMIT),
        Permit(RULE, identity(), gives_back=GivesBack(LIMIT, header="x-cancelled")),
    ],
)
@pytest.mark.parametrize("dialect", Dialect)
def test_what_is_counted_by_the_answer_is_refused(dialect: Dialect, permit: Permit) -> None:
    """The gateway never sees the application's answer, so it cannot count, and lets nobody pass uncounted."""
    answer = judged(dialect, FixedRule(somebody=permit), Found(session()), *BROWSER)

    assert isinstance(answer, Answer)
    assert (answer.status, answer.reason) == (403, AuthFault.MODE)
