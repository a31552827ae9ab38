from __future__ import annotations

from urllib.parse import urljoin

import pytest

from gateway.headers.answer import app_answer_headers
from gateway.settings.settings import AppSettings, UpstreamSettings
from gateway.upstream.prefix import PathRewrite, rewrite_of
from tests.builders import app, route

INNER = b"http://10.0.0.5:8080"
BARE = b"//10.0.0.5:8080"


def rewrite(stripped: str = "/booking", added: str = "/app") -> PathRewrite:
    return PathRewrite(stripped, added, (INNER.decode(),))


@pytest.mark.parametrize(
    ("public", "inner"),
    [
        (b"/booking/rooms?a=/b", b"/app/rooms?a=/b"),
        (b"/booking", b"/app/"),
        (b"/booking?a", b"/app/?a"),
        (b"/booking/", b"/app/"),
        (b"/bookings/x", b"/app/bookings/x"),
        (b"/%62ooking/a%2Bb?c=%62", b"/app/a%2Bb?c=%62"),
        (b"/b%6F%6fking", b"/app/"),
        (b"/BOOKING/x", b"/app/x"),
        (b"/booking//evil", b"/app/evil"),
    ],
)
def test_a_request_gets_the_inner_path(public: bytes, inner: bytes) -> None:
    """The prefix is removed however it is spelled, and nothing else is: `/bookings` is not under `/booking`."""
    head = b"GET " + public + b" HTTP/1.1\r\nHost: a b\r\n"

    assert rewrite().outbound(head) == b"GET " + inner + b" HTTP/1.1\r\nHost: a b\r\n"


@pytest.mark.parametrize(
    ("inner", "public"),
    [
        (b"/app/rooms?x", b"/booking/rooms?x"),
        (b"/app", b"/booking/"),
        (b"/apple", b"/apple"),
        (b"/elsewhere", b"/elsewhere"),
        (b"rooms", b"rooms"),
        (b"//evil.example/app", b"//evil.example/app"),
        (INNER + b"/app/rooms", INNER + b"/booking/rooms"),
        (BARE + b"/app/rooms?x", BARE + b"/booking/rooms?x"),
        (BARE, BARE + b"/"),
        (b"https://other.example/app/x", b"https://other.example/app/x"),
    ],
)
def test_a_location_gets_the_public_path(inner: bytes, public: bytes) -> None:
    """This holds for the application's own location; another site's is left alone."""
    assert rewrite().answer(((b"Location", inner),)) == ((b"Location", public),)
    assert rewrite().answer(((b"Refresh", b"3; url='" + inner + b"'"),)) == ((b"Refresh", b"3; url='" + public + b"'"),)


def test_a_cookie_gets_the_public_path() -> None:
    """The browser would otherwise never send it back."""
    headers = ((b"Set-Cookie", b"JSESSIONID=1; Path=/app; HttpOnly"),)

    assert rewrite().answer(headers) == ((b"Set-Cookie", b"JSESSIONID=1; Path=/booking/; HttpOnly"),)


def test_a_prefix_only_stripped_is_put_back() -> None:
    """The application at its root knows nothing of ours."""
    only = rewrite(added="")

    assert only.outbound(b"GET /booking/a HTTP/1.1\r\n") == b"GET /a HTTP/1.1\r\n"
    assert only.answer(((b"location", b"/a"),)) == ((b"location", b"/booking/a"),)


@pytest.mark.parametrize("path", ["/booking", "/booking/", "/booking/rooms", "/booking?a"])
@pytest.mark.parametrize("origin", ["", INNER.decode(), BARE.decode()])
def test_an_application_that_knows_its_public_path_is_left_alone(origin: str, path: str) -> None:
    """Many are told their public address, also where the prefix is stripped: they write it into links and cookies."""
    only = rewrite(added="")
    headers = (
        (b"Location", f"{origin}{path}".encode()),
        (b"Set-Cookie", f"a=1; Path={path.partition('?')[0]}".encode()),
    )

    assert only.answer(headers) == headers
    assert only.answer(((b"Location", b"/bookings"),)) == ((b"Location", b"/booking/bookings"),)


def test_a_prefix_only_added_is_taken_off() -> None:
    """The application below a path shows none of it."""
    only = rewrite(stripped="")

    assert only.outbound(b"GET /a HTTP/1.1\r\n") == b"GET /app/a HTTP/1.1\r\n"
    assert only.answer(((b"Location", b"/app/a"),)) == ((b"Location", b"/a"),)


def test_other_fields_stay() -> None:
    """Nothing else names paths we know how to read."""
    headers = ((b"Link", b"</app/a>"), (b"X", b"/app"))

    assert rewrite().answer(headers) == headers


@pytest.mark.parametrize(
    "own",
    ["http://app.gw.test", "https://app.gw.test", "//app.gw.test", "http://10.0.0.5:8080", "https://old.example", ""],
)
@pytest.mark.parametrize(("name", "before"), [("Location", ""), ("Content-Location", ""), ("Refresh", "3; url=")])
def test_an_address_of_its_own_leads_to_the_public_page(own: str, name: str, before: str) -> None:
    """An application behind TLS says `http` of the public host: it gets scheme and prefix, as every other origin."""
    here = route(
        app=AppSettings(
            "booking",
            "https://app.gw.test/booking",
            upstream=("http://10.0.0.5:8080/app",),
            internal_origins=("https://old.example",),
            upstream_options=UpstreamSettings(strip_prefix=True),
        ),
        prefix="/booking",
    )
    mapping = rewrite_of(here)
    assert mapping is not None

    answer = mapping.answer(((name.encode(), f"{before}{own}/app/rooms/".encode()),))

    (line,) = app_answer_headers(answer, here, private=False).decode().splitlines()
    shown = urljoin("https://app.gw.test/booking/", line.removeprefix(f"{name}: {before}"))
    assert shown == "https://app.gw.test/booking/rooms/"


@pytest.mark.parametrize(
    ("url", "upstreams", "strip", "public", "inner"),
    [
        ("https://a.test/booking", ("http://10.0.0.5:8080",), True, b"/booking/x", b"/x"),
        ("https://a.test/booking", ("http://10.0.0.5:8080/app/",), True, b"/booking/x", b"/app/x"),
        ("https://a.test", ("http://10.0.0.5:8080/app",), False, b"/x", b"/app/x"),
        ("https://a.test", ("http://10.0.0.5/app", "http://10.0.0.6/app"), True, b"/x", b"/app/x"),
        ("https://a.test/booking", ("http://10.0.0.5/app",), False, b"/booking/x", b"/app/booking/x"),
    ],
)
def test_an_app_has_its_paths_mapped_as_it_is_configured(
    url: str, upstreams: tuple[str, ...], strip: bool, public: bytes, inner: bytes
) -> None:
    """`strip_prefix` takes the public prefix away, a path of the upstream is put before, and answers are led back."""
    settings = app(url=url, upstream=upstreams, upstream_options=UpstreamSettings(strip_prefix=strip))
    prefix = url.removeprefix("https://a.test") or "/"

    found = rewrite_of(route(app=settings, host="a.test", prefix=prefix))

    assert found is not None
    assert found.inward(public) == inner
    assert found.answer(((b"Location", inner),)) == ((b"Location", public),)


@pytest.mark.parametrize("upstreams", [(), ("http://10.0.0.5:8080",), ("http://10.0.0.5/",), ("unix:/run/a.sock",)])
@pytest.mark.parametrize("strip", [False, True])
def test_an_app_whose_paths_are_the_same_on_both_sides_has_none_mapped(upstreams: tuple[str, ...], strip: bool) -> None:
    """A host of its own has no prefix to take away, and most Apps have one."""
    settings = app(upstream=upstreams, upstream_options=UpstreamSettings(strip_prefix=strip))

    assert rewrite_of(route(app=settings)) is None


def test_a_cookie_of_another_path_keeps_it() -> None:
    """The application may mean a place of its own outside of its prefix, and a relative path is none of ours."""
    headers = ((b"Set-Cookie", b"a=1; Path=/apple"), (b"Set-Cookie", b"b=1; path=x"), (b"Set-Cookie", b"c=1"))

    assert rewrite().answer(headers) == headers
