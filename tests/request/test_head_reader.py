"""The values read from a head; test_httptools_listener tries over sockets that bad heads are refused."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.head_reader import Arrival, HeadReader, Refused, ServerWide
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
    """The stranger cannot say which id its request has either."""
    inbound = arrival(
        (b"X-Forwarded-For", b"10.9.9.9"), (b"X-Forwarded-Proto", b"https"), (b"X-Request-Id", b"0123456789abcdef")
    ).inbound

    assert (inbound.client_address, inbound.scheme, inbound.request_id) == ("198.51.100.7", "http", "ours-0123456789")


def test_a_trusted_proxy_can() -> None:
    """The host's default port follows the scheme that the proxy names."""
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
    """The forwarded host of a trusted proxy chooses nothing either."""
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
    """The request is never taken for one that came before: what was made of that one is not used again."""
    asked = arrival((name, b"script")).inbound

    assert asked.worker_script
    assert asked.section_cache is None
    assert not arrival().inbound.worker_script


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        (b"GET /", Refused(400, "request_line")),
        (b"GET /a b HTTP/1.1", Refused(400, "request_line")),
        (b"GET / HTTP/2.0", Refused(505, "http_version")),
        (b"GET / ICY/1.1", Refused(400, "http_version")),
        (b"get / HTTP/1.1", Refused(501, "method")),
        (b"PROPFIND / HTTP/1.1", Refused(405, "method")),
        (b"CONNECT / HTTP/1.1", Refused(405, "method")),
        (b"TRACE / HTTP/1.1", Refused(405, "method")),
        (b"GET app.gw.test:443 HTTP/1.1", Refused(400, "target_form")),
        (b"GET * HTTP/1.1", Refused(400, "target_form")),
        (b"GET ftp://app.gw.test/ HTTP/1.1", Refused(400, "target_form")),
        (b"GET http://user@app.gw.test/ HTTP/1.1", Refused(400, "target_form")),
        (b"GET http://other.test/ HTTP/1.1", Refused(400, "host")),
        (b"GET http://app.gw.test:8080/ HTTP/1.1", Refused(400, "host")),
    ],
)
def test_a_bad_request_line_is_refused_by_its_fault(line: bytes, refused: Refused) -> None:
    """The client reads from the status whose fault it is: its syntax, its version, its method or its target."""
    assert read(line=line) == refused


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        (((b"host", b"app.gw.test"),), Refused(400, "host")),
        (((b"Content-Length", b"5"), (b"content-length", b"5")), Refused(400, "framing")),
        (((b"Transfer-Encoding", b"chunked"), (b"transfer-encoding", b"chunked")), Refused(400, "framing")),
        (((b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")), Refused(400, "framing")),
        (((b"Transfer-Encoding", b"gzip, chunked"),), Refused(501, "transfer_coding")),
        (((b"Transfer-Encoding", b"chunked, identity"),), Refused(400, "transfer_coding")),
        (((b"Content-Length", b"+5"),), Refused(400, "framing")),
        (((b"Content-Length", b"5, 5"),), Refused(400, "framing")),
        (((b"Content-Length", b""),), Refused(400, "framing")),
        (((b"Content-Length", b"0" * 19),), Refused(400, "framing")),
        (((b"Expect", b"100-continue"), (b"expect", b"100-continue")), Refused(417, "expectation")),
        (((b"Expect", b"gold"),), Refused(417, "expectation")),
    ],
)
def test_a_field_that_can_be_read_in_two_ways_is_refused(
    headers: tuple[tuple[bytes, bytes], ...], refused: Refused
) -> None:
    """Two programs that read one head differently are how a request is smuggled: the reader does not choose."""
    assert read(*headers, line=b"POST / HTTP/1.1") == refused


def test_chunks_of_an_old_client_are_refused() -> None:
    """HTTP/1.0 has no chunks, so a proxy in front has read another body than we would."""
    chunked = (b"Transfer-Encoding", b"chunked")

    assert read(chunked, line=b"POST / HTTP/1.0") == Refused(400, "framing")
    assert arrival(chunked, line=b"POST / HTTP/1.1").inbound.framing is Framing.CHUNKED


def test_the_limits_are_the_last_that_pass() -> None:
    """A head of exactly so many fields, and a body of exactly so many bytes, are read; one more is refused."""
    reader = HeadReader(TrafficSettings(header_count=3, body=10), Trust(()))

    def refusal(*headers: tuple[bytes, bytes]) -> Refused | None:
        got = reader.read(b"POST / HTTP/1.1", (HOST, *headers), "peer", "http", "id", lambda _: DEFAULT_PATHS)
        return got if isinstance(got, Refused) else None

    field = (b"Accept", b"*/*")
    assert [refusal(*[field] * 2), refusal(*[field] * 3)] == [None, Refused(431, "header_count")]
    assert [refusal((b"Content-Length", size)) for size in (b"10", b"11")] == [None, Refused(413, "body")]


def test_a_body_without_a_limit_may_be_of_any_length() -> None:
    """The operator who sets no limit gets none."""
    reader = HeadReader(TrafficSettings(body=None), Trust(()))
    headers = (HOST, (b"Content-Length", b"9" * 18))

    got = reader.read(b"POST / HTTP/1.1", headers, "peer", "http", "id", lambda _: DEFAULT_PATHS)

    assert isinstance(got, Arrival)
    assert got.inbound.length == 10**18 - 1


def options(target: bytes, *headers: tuple[bytes, bytes]) -> Arrival | ServerWide | Refused:
    line = b"OPTIONS " + target + b" HTTP/1.1"
    return HeadReader(TrafficSettings(), Trust(())).read(
        line, (HOST, *headers), "peer", "http", "id", lambda _: DEFAULT_PATHS
    )


def test_options_for_ourselves_go_no_further() -> None:
    """The target `*` and the last hop are ours to answer (RFC 9110 section 7.6.2)."""
    assert options(b"*") == ServerWide()
    assert options(b"/", (b"Max-Forwards", b"0")) == ServerWide()
    assert isinstance(options(b"/"), Arrival)


def test_options_that_go_on_have_one_hop_less() -> None:
    """The count is the only field that changes, however its name is spelled."""
    others = ((b"Accept", b"3"), (b"X-Max-Forwards", b"3"))

    got = options(b"/", (b"max-forwards", b"3"), *others)

    assert isinstance(got, Arrival)
    assert got.inbound.headers == (HOST, (b"max-forwards", b"2"), *others)


@pytest.mark.parametrize("value", [b"", b"-1", b"x", b"1,1", b"1" * 10])
def test_a_count_of_hops_that_is_none_is_refused(value: bytes) -> None:
    """Only for OPTIONS has the count a meaning here; another method's is passed on as it is."""
    assert options(b"/", (b"Max-Forwards", value)) == Refused(400, "max_forwards")
    assert (b"Max-Forwards", value) in arrival((b"Max-Forwards", value)).inbound.headers


@pytest.mark.parametrize(
    ("absolute", "raw"),
    [
        (b"http://app.gw.test/a?b=1", b"/a?b=1"),
        (b"HTTP://APP.gw.test:80/a", b"/a"),
        (b"https://app.gw.test:443/a", b"/a"),
        (b"http://app.gw.test", b"/"),
        (b"http://app.gw.test?b=1", b"/?b=1"),
    ],
)
def test_a_target_with_its_host_is_read_as_one_without(absolute: bytes, raw: bytes) -> None:
    """A client may write the whole URL (RFC 9112 section 3.2.2); its path is the target, if its host is the `Host`."""
    assert arrival(line=b"GET " + absolute + b" HTTP/1.1").inbound.target.raw == raw


@pytest.mark.parametrize(
    ("headers", "overrides"),
    [
        (((b"X-HTTP-Method-Override", b"DELETE"),), (b"DELETE",)),
        (((b"X_HTTP_Method_Override", b"DELETE"),), (b"DELETE", b"")),
        (
            ((b"X-HTTP-Method-Override", b"PUT"), (b"Connection", b"X-HTTP-Method-Override")),
            (b"PUT", b""),
        ),
        (((b"Connection", b"X-HTTP-Method-Override"),), ()),
        (((b"X-HTTP-Method-Override", b"PUT"), (b"Connection", b"close")), (b"PUT",)),
    ],
)
def test_a_method_that_a_field_names_is_known(
    headers: tuple[tuple[bytes, bytes], ...], overrides: tuple[bytes, ...]
) -> None:
    """An empty value stands for one that the application may not get as the client wrote it: no rule permits it."""
    inbound = arrival(*headers, line=b"POST / HTTP/1.1").inbound

    assert inbound.overrides == overrides
    assert (inbound.section_cache is None) == bool(overrides)


@pytest.mark.parametrize("name", [b"Destination", b"destination", b"If"])
def test_a_field_that_names_another_resource_is_known(name: bytes) -> None:
    """WebDAV's fields name a second path, so such a head is never taken for an earlier one."""
    asked = arrival((name, b"/elsewhere")).inbound

    assert asked.references
    assert asked.section_cache is None
    assert not arrival().inbound.references


def test_request_lines_without_end_are_forgotten() -> None:
    """The reader keeps so many lines and no more. Through ever new hosts and names it reads each head as the first."""
    reader = HeadReader(TrafficSettings(), Trust(()))

    def ask(number: int) -> Arrival:
        line = b"GET /%d HTTP/1.1" % number
        headers = ((b"Host", b"h%d.test" % number), (b"X-Name-%d" % number, b"v"))
        got = reader.read(line, headers, "peer", "http", "id", lambda _: DEFAULT_PATHS)
        assert isinstance(got, Arrival)
        return got

    first = ask(0)
    assert reader.again(b"GET /0 HTTP/1.1", first, "id", lambda _: DEFAULT_PATHS) is not None
    for number in range(1, 4097):
        assert ask(number).inbound.host == f"h{number}.test"

    assert reader.again(b"GET /0 HTTP/1.1", first, "id", lambda _: DEFAULT_PATHS) is None
    assert _bare(ask(0)) == _bare(first)
