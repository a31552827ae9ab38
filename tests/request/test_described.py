from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.language import Language
from gateway.request.described import LONGEST_PATH, UNREAD, Described, described, described_start
from gateway.request.host import canonical_host
from gateway.route.table import RouteTable
from tests.builders import app, route


@pytest.mark.parametrize(
    ("line", "headers", "expected"),
    [
        (
            b"PROPFIND /dav/a%2fb?password=x HTTP/1.1",
            ((b"HOST", b"App.Gw.Test:8080"),),
            Described("PROPFIND", "app.gw.test:8080", "/dav/a%2fb"),
        ),
        (b"GET /a//b HTTP/1.1", (), Described("GET", "", "/a//b")),
        (b"GET /a HTTP/1.1", ((b"Host", b"a"), (b"Host", b"b")), Described("GET", "", "/a")),
        (b"GET /a HTTP/1.1", ((b"Host", b"a b"),), Described("GET", "", "/a")),
        (b"GET http://a/b?c HTTP/1.1", ((b"Host", b"a"),), Described("GET", "a", "/b")),
        (b"GET HTTPS://A:443//b HTTP/1.1", (), Described("GET", "", "//b")),
        (b"GET http://a HTTP/1.1", (), Described("GET", "", "")),
        (b"GET ftp://a/b HTTP/1.1", (), Described("GET", "", "")),
        (b"G\xffT \x1b[2J HTTP/1.1", (), UNREAD),
        (b"", (), UNREAD),
    ],
)
def test_a_head_is_called_by_what_can_be_read(
    line: bytes, headers: tuple[tuple[bytes, bytes], ...], expected: Described
) -> None:
    """Without its query, which may hold what nobody should log."""
    assert described(line, headers) == expected


@given(
    name=st.sampled_from(["app.gw.test", "App.GW.test", "app.gw.test.", "[::1]", "a_b.gw.test"]),
    port=st.sampled_from(["", ":443", ":0443", ":80", ":8443", ":08443"]),
    scheme=st.sampled_from(["http", "https"]),
    secure=st.booleans(),
)
def test_a_refused_head_names_the_app_of_an_accepted_one(name: str, port: str, scheme: str, secure: bool) -> None:
    """A refused head is logged under the App that gets a request with the same `Host`, in every spelling."""
    host = f"{name}{port}".encode()
    # No App is at `http://…:443`.
    assume(secure or "443" not in port)
    accepted = canonical_host(host, scheme)
    assert accepted is not None
    public = canonical_host(host, "https" if secure else "http")
    table = RouteTable([route(host=public, app=app(url=f"http{'s' * secure}://{public}"))], "/.sekisho/")

    found = table.match(described(b"GET //x HTTP/1.1", [(b"Host", host)]).host, "/")

    assert table.match(accepted, "/") in (found, None)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"", UNREAD),
        (b"GE", UNREAD),
        (b"GET ", Described("GET", "", "")),
        (b"GET /long", Described("GET", "", "/long", Language.JA)),
        (b"GET /long?secret", Described("GET", "", "/long", Language.JA)),
        (b"GET /long HTT", Described("GET", "", "/long", Language.JA)),
        (b"POST /long", Described("POST", "", "/long")),
        (
            b"GET /a HTTP/1.1\r\nAccept: text/html\r\nAccept-Language: en\r\nX: 1",
            Described("GET", "", "/a", Language.EN),
        ),
        (b"GET /a HTTP/1.1\r\nAccept: */*\r\nX: 1", Described("GET", "", "/a")),
        (b"GET /long HTTP/1.1\r\nHost: a.te", Described("GET", "", "/long")),
        (b"GET /long HTTP/1.1\r\nhost:\ta.test \r\nX: " + b"x" * 99, Described("GET", "a.test", "/long")),
        (b"GET /" + b"x" * 20_000, Described("GET", "", "/" + "x" * (LONGEST_PATH - 1), Language.JA)),
        (b"\x16\x03\x01\x02\x00\x01\x00", UNREAD),
    ],
)
def test_a_head_that_did_not_come_whole_is_called_by_what_came(start: bytes, expected: Described) -> None:
    """A host that was cut off would be another host, so it is left out; a path is shown as far as it came."""
    assert described_start(start) == expected


@given(st.binary(max_size=2000))
def test_nothing_unprintable_of_a_part_reaches_a_log(start: bytes) -> None:
    """The words are ASCII that shows, and no query is among them."""
    for text in described_start(start)[:3]:
        assert text.isascii()
        assert text.isprintable()
    assert "?" not in described_start(start).path


@given(st.binary(max_size=2000), st.lists(st.tuples(st.just(b"Host"), st.binary(max_size=300)), max_size=3))
def test_nothing_unprintable_reaches_a_log(line: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """The words are ASCII that shows, and they end."""
    for text in described(line, headers)[:3]:
        assert text.isascii()
        assert text.isprintable()
        assert "?" not in text or text == described(line, headers).method
        assert len(text) <= LONGEST_PATH
