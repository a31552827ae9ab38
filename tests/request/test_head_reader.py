"""The values read from a head; test_httptools_listener tries over sockets that bad heads are refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.head_reader import Arrival, HeadReader, Refused, canonical_host
from gateway.request.inbound import Framing
from gateway.request.target import DEFAULT_PATHS
from gateway.request.trust import Trust
from gateway.settings.settings import PathSettings, TrafficSettings

HOST = (b"Host", b"app.gw.test")


def read(
    *headers: tuple[bytes, bytes], line: bytes = b"GET / HTTP/1.1", peer: str = "198.51.100.7", scheme: str = "http"
) -> Arrival | Refused:
    reader = HeadReader(TrafficSettings(), Trust(["10.0.0.2"]))
    arrival = reader.read(line, (HOST, *headers), peer, scheme, "ours-0123456789", lambda _: DEFAULT_PATHS)
    assert isinstance(arrival, (Arrival, Refused))
    return arrival


def arrival(*headers: tuple[bytes, bytes], **changes: str | bytes) -> Arrival:
    got = read(*headers, **changes)  # type: ignore[arg-type]
    assert isinstance(got, Arrival)
    return got


@pytest.mark.parametrize(
    ("value", "scheme", "host"),
    [
        (b"App.GW.test", "https", "app.gw.test"),
        (b"app.gw.test.", "https", "app.gw.test"),
        (b"app.gw.test:443", "https", "app.gw.test"),
        (b"app.gw.test:0443", "https", "app.gw.test"),
        (b"app.gw.test:80", "https", "app.gw.test:80"),
        (b"app.gw.test:80", "http", "app.gw.test"),
        (b"[2001:DB8::1]:8080", "http", "[2001:db8::1]:8080"),
        (b"a_b.gw.test", "http", "a_b.gw.test"),
    ],
)
def test_a_host_has_one_spelling(value: bytes, scheme: str, host: str) -> None:
    """Case, a trailing dot and the default port make no other host."""
    assert canonical_host(value, scheme) == host


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b".",
        b"a..b",
        b"-a",
        b"a b",
        b"a,b",
        b"a@b",
        b"a/b",
        b"a:b",
        b"a:0",
        b"a:65536",
        b"a:",
        b"a\\b",
        b"[::1",
        b"a" * 300,
    ],
)
def test_what_is_no_host_is_none(value: bytes) -> None:
    """It is refused, not repaired."""
    assert canonical_host(value, "https") is None


def test_cookies_are_one() -> None:
    """RFC 9113 splits them, RFC 9110 section 5.3 lets us join them."""
    assert arrival((b"Cookie", b"a=1"), (b"cookie", b"b=2")).inbound.cookie == b"a=1; b=2"


def test_framing_is_read() -> None:
    """A length of zero is no body."""
    assert arrival((b"Content-Length", b"5")).inbound.framing is Framing.COUNTED
    assert arrival((b"Content-Length", b"0")).inbound.framing is Framing.EMPTY
    assert arrival((b"Transfer-Encoding", b"Chunked")).inbound.framing is Framing.CHUNKED


UPGRADE = ((b"Connection", b"keep-alive, Upgrade"), (b"Upgrade", b"WebSocket"))


@pytest.mark.parametrize(
    ("headers", "line", "websocket"),
    [
        (UPGRADE, b"GET /ws HTTP/1.1", True),
        (UPGRADE, b"POST /ws HTTP/1.1", False),
        (UPGRADE, b"GET /ws HTTP/1.0", False),
        (UPGRADE[1:], b"GET /ws HTTP/1.1", False),
        (((b"Connection", b"Upgrade"), (b"Upgrade", b"h2c")), b"GET /ws HTTP/1.1", False),
        (((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket, h2c")), b"GET /ws HTTP/1.1", False),
        ((*UPGRADE, (b"Content-Length", b"0")), b"GET /ws HTTP/1.1", False),
        ((*UPGRADE, (b"Content-Length", b"5")), b"GET /ws HTTP/1.1", False),
    ],
)
def test_one_upgrade_is_a_websocket(headers: tuple[tuple[bytes, bytes], ...], line: bytes, websocket: bool) -> None:
    """A GET without a body, of HTTP/1.1, to `websocket` alone."""
    assert arrival(*headers, line=line).inbound.websocket is websocket


def test_a_stranger_cannot_say_where_it_comes_from() -> None:
    """Nor which id its request has."""
    inbound = arrival(
        (b"X-Forwarded-For", b"10.9.9.9"), (b"X-Forwarded-Proto", b"https"), (b"X-Request-Id", b"0123456789abcdef")
    ).inbound

    assert (inbound.client_address, inbound.scheme, inbound.request_id) == ("198.51.100.7", "http", "ours-0123456789")


def test_a_trusted_proxy_can() -> None:
    """And the host's default port follows the scheme it names."""
    inbound = arrival(
        (b"X-Forwarded-For", b"192.0.2.1"),
        (b"X-Forwarded-Proto", b"https"),
        (b"X-Request-Id", b"0123456789abcdef"),
        peer="10.0.0.2",
    ).inbound

    assert (inbound.client_address, inbound.peer, inbound.scheme) == ("192.0.2.1", "10.0.0.2", "https")
    assert inbound.request_id == "0123456789abcdef"


def test_a_trusted_proxy_that_says_nonsense_is_refused() -> None:
    """It is set up wrongly, and guessing would let somebody in."""
    assert read((b"X-Forwarded-For", b"nobody"), peer="10.0.0.2") == Refused(400, "forwarded_for")


def test_a_forwarded_host_chooses_nothing() -> None:
    """Not even a trusted proxy's."""
    assert arrival((b"X-Forwarded-Host", b"evil.example"), peer="10.0.0.2").inbound.host == "app.gw.test"


def test_spellings_follow_the_host() -> None:
    """The reader asks how the paths of this host are spelled."""
    reader = HeadReader(TrafficSettings(), Trust(()))
    asked: list[str] = []

    def paths_of(host: str) -> PathSettings:
        asked.append(host)
        return PathSettings(ignore_case=True)

    got = reader.read(b"GET /A HTTP/1.1", (HOST,), "peer", "http", "id", paths_of)

    assert isinstance(got, Arrival)
    assert (asked, got.inbound.target.path) == (["app.gw.test"], "/a")


@pytest.mark.parametrize("headers", [(), ((b"Host", b""),), ((b"Host", b"192.0.2.7:8443"),)])
@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_balancer_may_name_no_host(version: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """On its own path alone: everywhere else a request without a `Host` is refused."""
    reader = HeadReader(TrafficSettings(), Trust(()), hostless="/.s/health")

    def read(target: bytes) -> object:
        line = b"GET " + target + b" " + version
        return reader.read(line, headers, "peer", "http", "id", lambda _: PathSettings())

    assert isinstance(read(b"/.s/health"), Arrival)
    for other in (b"/", b"/.s/health?x", b"/.s/health/", b"/.s/healthy", b"//.s/health", b"http://a/.s/health"):
        assert isinstance(read(other), Refused) or (headers and headers[0][1]), other


def test_who_stays_is_read() -> None:
    """HTTP/1.1 stays unless it says no; HTTP/1.0 goes unless it asks."""
    assert arrival().keep_alive
    assert not arrival((b"Connection", b"foo, CLOSE")).keep_alive
    assert not arrival(line=b"GET / HTTP/1.0").keep_alive
    assert arrival((b"Connection", b"Keep-Alive"), line=b"GET / HTTP/1.0").keep_alive
    assert not arrival((b"Connection", b"keep-alive"), (b"Connection", b"close")).keep_alive


def test_100_is_expected_of_a_body() -> None:
    """Without one there is nothing to wait with; of HTTP/1.0 nobody expects anything."""
    expect = (b"Expect", b"100-Continue")

    assert arrival(expect, (b"Content-Length", b"5")).expects_continue
    assert not arrival(expect).expects_continue
    assert not arrival(expect, (b"Content-Length", b"5"), line=b"POST / HTTP/1.0").expects_continue


LINES = (
    b"GET / HTTP/1.1",
    b"GET /a?b=%41 HTTP/1.1",
    b"POST /%61 HTTP/1.1",
    b"GET http://app.gw.test/c HTTP/1.1",
    b"GET http://other.test/c HTTP/1.1",
    b"HEAD /a/../b HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"OPTIONS / HTTP/1.1",
    b"GET / HTTP/1.0",
    b"GET / HTTP/2.0",
    b"GET  / HTTP/1.1",
    b"get / HTTP/1.1",
    b"TRACE / HTTP/1.1",
    b"GET /../x HTTP/1.1",
    b"GET /a;b HTTP/1.1",
    b"GET /" + b"x" * 600 + b" HTTP/1.1",
)
FIELDS = (
    (b"Accept", b"text/html"),
    (b"Cookie", b"a=1"),
    (b"Cookie", b"b=2"),
    (b"Connection", b"close"),
    (b"Connection", b"keep-alive, Upgrade"),
    (b"Upgrade", b"websocket"),
    (b"Upgrade", b"h2c"),
    (b"Content-Length", b"0"),
    (b"Content-Length", b"3"),
    (b"Transfer-Encoding", b"chunked"),
    (b"Expect", b"100-continue"),
    (b"Max-Forwards", b"1"),
    (b"X-Forwarded-For", b"192.0.2.9"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Request-Id", b"theirs-0123456789"),
)


@given(
    lines=st.lists(st.sampled_from(LINES), min_size=2, max_size=5),
    fields=st.lists(st.sampled_from(FIELDS), max_size=4, unique=True),
    peer=st.sampled_from(("198.51.100.7", "10.0.0.2")),
    odd=st.booleans(),
)
def test_a_head_read_again_is_read_as_if_for_the_first_time(
    lines: list[bytes], fields: list[tuple[bytes, bytes]], peer: str, odd: bool
) -> None:
    """For every earlier head of this or another connection, the value is the same, or the head is read anew."""
    headers = (HOST, *fields)
    paths = PathSettings(ignore_case=True) if odd else DEFAULT_PATHS
    used = HeadReader(TrafficSettings(), Trust(["10.0.0.2"]))
    before: Arrival | None = None
    for number, line in enumerate(lines):
        fresh = HeadReader(TrafficSettings(), Trust(["10.0.0.2"])).read(
            line, headers, peer, "http", f"{number}", lambda _: paths
        )

        if before is not None and (again := used.again(line, before, f"{number}", lambda _: paths)) is not None:
            assert isinstance(fresh, Arrival)
            assert again.inbound.section_cache is before.inbound.section_cache
            assert _bare(again) == _bare(fresh)
        got = used.read(line, headers, peer, "http", f"{number}", lambda _: paths)
        assert (_bare(got) if isinstance(got, Arrival) else got) == (
            _bare(fresh) if isinstance(fresh, Arrival) else fresh
        )
        if before is None and isinstance(got, Arrival) and got.inbound.section_cache is not None:
            before = got


def _bare(arrival: Arrival) -> Arrival:
    return msgspec.structs.replace(arrival, inbound=msgspec.structs.replace(arrival.inbound, section_cache=None))


def test_what_is_kept_is_one_connections() -> None:
    """Two clients with the same bytes share nothing, nor do two readings of one client's."""
    reader = HeadReader(TrafficSettings(), Trust(()))
    one, other = (
        reader.read(b"GET / HTTP/1.1", (HOST,), peer, "http", "id", lambda _: DEFAULT_PATHS)
        for peer in ("198.51.100.7", "198.51.100.8")
    )

    assert isinstance(one, Arrival)
    assert isinstance(other, Arrival)
    assert one.inbound.section_cache is not None
    assert other.inbound.section_cache is not None
    assert one.inbound.section_cache is not other.inbound.section_cache


def test_a_request_id_that_a_proxy_gave_is_not_given_twice() -> None:
    """It is the proxy's to say, for each request."""
    got = arrival((b"X-Request-Id", b"theirs-0123456789"), peer="10.0.0.2")

    assert got.inbound.request_id == "theirs-0123456789"
    assert got.inbound.section_cache is None


def test_a_proxy_that_names_nobody_is_no_address_to_policy() -> None:
    """Its browsers may be anywhere: they are counted as its own address, and no network condition holds for it."""
    silent, empty = arrival(peer="10.0.0.2"), arrival((b"X-Forwarded-For", b" "), peer="10.0.0.2")
    named = arrival((b"X-Forwarded-For", b"198.51.100.9"), peer="10.0.0.2")
    stranger = arrival((b"X-Forwarded-For", b"192.0.2.1"))

    assert [(one.inbound.client_address, one.inbound.seen_from) for one in (silent, empty)] == [("10.0.0.2", "")] * 2
    assert (named.inbound.client_address, named.inbound.seen_from) == ("198.51.100.9", "198.51.100.9")
    assert stranger.inbound.seen_from == "198.51.100.7"


def test_a_proxy_that_names_nobody_stays_so_on_its_connection() -> None:
    """The second head of a connection is read by what is kept of the first."""
    reader = HeadReader(TrafficSettings(), Trust(["10.0.0.2"]))
    first = reader.read(b"GET / HTTP/1.1", (HOST,), "10.0.0.2", "http", "ours-0123456789", lambda _: DEFAULT_PATHS)
    assert isinstance(first, Arrival)

    second = reader.again(b"GET / HTTP/1.1", first, "ours-0123456780", lambda _: DEFAULT_PATHS)

    assert second is not None
    assert second.inbound.seen_from == ""


@pytest.mark.parametrize("name", [b"Service-Worker", b"service-worker"])
def test_the_script_of_a_worker_is_known(name: bytes) -> None:
    """And is never taken for a request that came before: what was made of that one is not used again."""
    asked = arrival((name, b"script")).inbound

    assert asked.worker_script
    assert asked.section_cache is None
    assert not arrival().inbound.worker_script
