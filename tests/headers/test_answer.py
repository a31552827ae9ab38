from __future__ import annotations

import pytest

from gateway.headers.answer import app_answer_headers, portal_answer_headers
from gateway.settings.settings import NextPersonSettings
from tests.builders import app, route


def answered(*headers: tuple[str, str], private: bool = True, **changes: object) -> list[str]:
    raw = tuple((name.encode(), value.encode()) for name, value in headers)
    lines = app_answer_headers(raw, route(app=app(**changes)), private=private)
    assert lines.endswith(b"\r\n") or not lines
    return lines.decode().split("\r\n")[:-1]


@pytest.mark.parametrize(
    "cookie",
    [
        "__Host-sekisho=T; Path=/; Secure",
        "__host-SEKISHO=T",
        "  __Host-sekisho =T",
        "=__Host-sekisho=T",
        "__Host-sekisho; Max-Age=0",
        "sekisho-login=x",
        "__Secure-sekisho=x",
        '"__Host-sekisho=T"',
    ],
)
def test_an_application_can_neither_set_nor_clear_our_cookies(cookie: str) -> None:
    """By no spelling that any browser could take for ours."""
    assert answered(("Set-Cookie", cookie), ("Set-Cookie", "JSESSIONID=1"))[0] == "Set-Cookie: JSESSIONID=1"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ('"*"', 'Clear-Site-Data: "cache", "storage"'),
        ('"cache", "cookies"', 'Clear-Site-Data: "cache"'),
        ('"cookies"', ""),
    ],
)
def test_clear_site_data_leaves_cookies_alone(said: str, left: str) -> None:
    """It has no narrower word than all cookies, and ours are among them."""
    assert answered(("Clear-Site-Data", said), private=False) == ([left] if left else [])


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ([], "private"),
        (["public, max-age=600, s-maxage=900"], "private, max-age=600"),
        (["no-store"], "private, no-store"),
        (['private="set-cookie", max-age=5'], "private, max-age=5"),
        (["max-age=5", "PUBLIC"], "private, max-age=5"),
    ],
)
def test_a_shared_cache_keeps_no_page_of_a_signed_in_person(said: list[str], sent: str) -> None:
    """The browser may keep what the application lets it; nobody in between may."""
    found = answered(
        *(("Cache-Control", value) for value in said),
        ("Surrogate-Control", "max-age=5"),
        ("CDN-Cache-Control", "public"),
        ("X-LiteSpeed-Cache-Control", "public"),
        ("X_Accel_Expires", "600"),
    )

    assert found == [f"Cache-Control: {sent}"]


HTML = ("Content-Type", "text/html; charset=utf-8")


def cache_control(*headers: tuple[str, str], pages: str = "no_cache", personal: bool = True) -> str:
    """Return the Cache-Control of an answer to a person who is signed in."""
    raw = tuple((name.encode(), value.encode()) for name, value in headers)
    here = route(app=app(next_person=NextPersonSettings(pages=pages)))  # type: ignore[arg-type]
    lines = app_answer_headers(raw, here, private=True, personal=personal).decode().split("\r\n")
    (said,) = (line.removeprefix("Cache-Control: ") for line in lines if line.startswith("Cache-Control: "))
    return said


@pytest.mark.parametrize(
    ("headers", "as_sent", "no_cache", "no_store"),
    [
        ([HTML], "private", "private, no-cache", "private, no-store"),
        ([HTML, ("Last-Modified", "x")], "private", "private, no-cache", "private, no-store"),
        ([HTML, ("Cache-Control", "max-age=60")], "private, max-age=60", "private, max-age=60", "private, no-store"),
        ([HTML, ("Expires", "0")], "private", "private", "private, no-store"),
        ([("Content-Type", "application/pdf")], "private", "private, no-cache", "private, no-store"),
        ([("content-type", " APPLICATION/JSON")], "private", "private, no-cache", "private, no-store"),
        ([("Content-Type", "text/css")], "private", "private", "private"),
        ([("Content-Type", "Image/PNG")], "private", "private", "private"),
        ([("Content-Type", "text/javascript"), ("Cache-Control", "max-age=9")], *["private, max-age=9"] * 3),
        ([("ETag", '"a"')], "private", "private", "private"),
    ],
)
def test_a_page_made_for_a_person_is_asked_for_again(
    headers: list[tuple[str, str]], as_sent: str, no_cache: str, no_store: str
) -> None:
    """The next person at this browser does not get it from a cache; what pages are made of is left alone."""
    assert cache_control(*headers, pages="as_sent") == as_sent
    assert cache_control(*headers, pages="no_cache") == no_cache
    assert cache_control(*headers, pages="no_store") == no_store
    assert cache_control(*headers, pages="no_store", personal=False) == as_sent


@pytest.mark.timeout(5)
@pytest.mark.parametrize("sign", [",", '"', ',"', ' "a,'])
def test_a_hostile_answer_costs_little(sign: str) -> None:
    """The time for reading directives is linear in the length of every field of an application."""
    found = answered(("Cache-Control", sign * (60_000 // len(sign)) + ",public"))

    assert found[-1].startswith("Cache-Control: private")


def test_a_public_page_keeps_its_caching() -> None:
    """If the policy gives the page to everybody at any time, the application decides about caching."""
    assert answered(("Cache-Control", "public"), private=False) == ["Cache-Control: public"]


def test_what_belongs_to_the_connection_stays_on_it() -> None:
    """Hop-by-hop fields, those that Connection names, framing, and another address for the same origin."""
    found = answered(
        ("Connection", "X-Foo, keep-alive"),
        ("X-Foo", "1"),
        ("Keep-Alive", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "5"),
        ("Upgrade", "h2c"),
        ("Trailer", "X"),
        ("Proxy-Authenticate", "Basic"),
        ("Alt-Svc", 'h2=":8443"'),
        ("Sekisho-Visit", "x"),
        ("Server", "Apache"),
        private=False,
    )

    assert found == ["Server: Apache"]


@pytest.mark.parametrize("said", ["NTLM", "Negotiate", "Negotiate abc==", "Basic realm=x, negotiate"])
def test_nobody_is_asked_to_sign_in_a_shared_connection(said: str) -> None:
    """Schemes that sign in connections are not offered; others are the application's."""
    assert answered(("WWW-Authenticate", said), ("WWW-Authenticate", "Basic realm=x"), private=False) == [
        "WWW-Authenticate: Basic realm=x"
    ]


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("http://10.0.0.5:8080/x?a=1", "https://app.gw.test/x?a=1"),
        ("http://inner.example/x", "https://app.gw.test/x"),
        ("HTTP://App.gw.test/x", "https://app.gw.test/x"),
        ("http://10.0.0.5:80801/x", "http://10.0.0.5:80801/x"),
        ("https://elsewhere.example/x", "https://elsewhere.example/x"),
        ("/x", "/x"),
        ("http://10.0.0.5:8080", "https://app.gw.test"),
        ("http://10.0.0.5:8080@evil.example/", "http://10.0.0.5:8080@evil.example/"),
        ("http://inner.example:80/x", "https://app.gw.test/x"),
        ("http://inner.example:8080/x", "http://inner.example:8080/x"),
        ("https://inner.example/x", "https://inner.example/x"),
        ("//10.0.0.5:8080/x?a=1", "https://app.gw.test/x?a=1"),
        ("//Inner.Example", "https://app.gw.test"),
        ("//inner.example@evil.example/", "//inner.example@evil.example/"),
        ("//elsewhere.example/x", "//elsewhere.example/x"),
        ("//app.gw.test/x", "//app.gw.test/x"),
        ("///inner.example/x", "///inner.example/x"),
    ],
)
@pytest.mark.parametrize(
    ("name", "before", "behind"),
    [
        ("Location", "", ""),
        ("Content-Location", "", ""),
        ("Refresh", "0; url=", ""),
        ("Refresh", "5;URL = '", "'"),
        ("refresh", '1.5 , "', '" and more'),
        ("Refresh", "5 url=", ""),
    ],
)
def test_an_inner_address_becomes_the_public_one(name: str, before: str, behind: str, location: str, sent: str) -> None:
    """Only whole origins of the App are replaced, in each field that leads a browser on; others are untouched."""
    found = answered(
        (name, f"{before}{location}{behind}"),
        private=False,
        upstream=("http://10.0.0.5:8080",),
        internal_origins=("http://inner.example",),
    )

    assert found == [f"{name}: {before}{sent}{behind}"]


@pytest.mark.parametrize("value", ["5", "", "soon; url=http://10.0.0.5:8080/", "5;", "5; url="])
def test_a_refresh_that_leads_nowhere_stays_as_it_is(value: str) -> None:
    """A browser loads the same page again, or does nothing."""
    assert answered(("Refresh", value), private=False, upstream=("http://10.0.0.5:8080",)) == [f"Refresh: {value}"]


def test_an_inner_cookie_domain_is_left_out() -> None:
    """A browser would refuse a cookie for a host it has never seen."""
    cookie = "JSESSIONID=1; Domain=inner.example; Path=/"

    assert answered(("Set-Cookie", cookie), private=False, internal_origins=("http://inner.example",)) == [
        "Set-Cookie: JSESSIONID=1; Path=/"
    ]


def test_our_own_pages_keep_their_cookies() -> None:
    """The portal may set ours; framing and the date are the listener's."""
    raw = (
        (b"Set-Cookie", b"__Host-sekisho=T"),
        (b"Cache-Control", b"private"),
        (b"Date", b"x"),
        (b"Server", b"y"),
        (b"Content-Length", b"1"),
    )

    assert portal_answer_headers(raw) == b"Set-Cookie: __Host-sekisho=T\r\nCache-Control: private\r\n"


def test_a_page_of_ours_that_says_nothing_of_caches_is_kept_by_none() -> None:
    """A 404 or a redirect for good would else be kept for as long as a cache sees fit."""
    assert portal_answer_headers(((b"Allow", b"GET"),)) == b"Allow: GET\r\nCache-Control: no-store\r\n"


@pytest.mark.parametrize(("value", "passes"), [("/", False), ("/.sekisho/", False), ("/app/", True), ("../", False)])
def test_no_answer_widens_a_workers_scope_over_our_pages(value: str, *, passes: bool) -> None:
    """The browser then allows the script's folder, and refuses the scope."""
    assert (answered(("Service-Worker-Allowed", value), private=False) != []) is passes


def test_a_workers_scope_is_held_against_the_prefix_in_force() -> None:
    """A setting decides the place of our pages."""
    elsewhere = route(app=app(), portal_prefix="/app/auth/")
    lines = app_answer_headers(((b"Service-Worker-Allowed", b"/app/"),), elsewhere, private=False)

    assert lines == b""


def test_the_field_in_which_an_application_speaks_of_entries_reaches_no_browser() -> None:
    """On each answer of the App, by any spelling, also of a page that everybody gets; other fields pass."""
    here = route(for_us=frozenset({b"x-entry-cancelled"}))
    raw = ((b"X-Entry-CANCELLED", b"4711"), (b"x-entry-cancelled", b"4712"), (b"X-Entry", b"1"))

    for private in (False, True):
        lines = app_answer_headers(raw, here, private=private).split(b"\r\n")
        assert b"X-Entry: 1" in lines
        assert not any(b"cancelled" in line.lower() for line in lines)
