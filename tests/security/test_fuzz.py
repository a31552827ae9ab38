"""An attacker's text for every reader: first the seeds, then the mutations of hypothesis.

A reader may refuse. It may not raise what nobody expects, take two readings of one thing, or let through what the
next reader takes for something else.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.headers.cookies import is_ours, without_ours
from gateway.headers.strip import outbound_head
from gateway.login.return_to import rebuild
from gateway.pipeline.forward_auth import original
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import load_policy
from gateway.request.field_names import fold
from gateway.request.head_reader import Arrival, HeadReader
from gateway.request.host import canonical_host
from gateway.request.inbound import Inbound
from gateway.request.target import Target, canonical
from gateway.request.trust import Trust
from gateway.route.table import RouteTable
from gateway.session.ticket import find_ticket
from gateway.settings.settings import HeaderSettings, PathSettings, TrafficSettings
from gateway.yaml.mistakes import Mistakes
from tests.builders import app, inbound, route
from tests.security.whatwg import Url, parse

SEEDS = Path(__file__).resolve().parent / "seeds"
ORIGIN = "https://app.gw.test"
LENIENT = PathSettings(ignore_case=True, parameters="keep", encoded_slash="keep", merge_slashes=True)


def seeds(name: str) -> list[str]:
    return (SEEDS / f"{name}.txt").read_text(encoding="utf-8").split("\n")[:-1]


def mutated(name: str, alphabet: str) -> st.SearchStrategy[str]:
    """Pieces of seeds and of the alphabet, put together anew."""
    pieces = st.one_of(st.sampled_from(seeds(name)), st.text(alphabet, max_size=6))
    return st.lists(pieces, min_size=1, max_size=4).map("".join)


# --- targets ---


def target_holds(raw: bytes, paths: PathSettings) -> None:
    """A canonical form is its own canonical form, is plain ASCII, and decodes to what was judged, once and for all."""
    found = canonical(raw, paths)
    if not isinstance(found, Target):
        return
    assert found.path.startswith("/")
    assert all(0x21 <= byte <= 0x7E for byte in found.raw)
    assert canonical(found.raw, paths) == found
    segments = found.path.split("/")
    assert ".." not in segments
    assert "." not in segments
    assert "\\" not in found.path or "%5C" in found.raw_path.decode().upper()
    if paths.encoded_slash != "keep":
        assert unquote(found.raw_path.decode()) == found.path
        assert "//" not in found.path


@pytest.mark.parametrize("paths", [PathSettings(), LENIENT], ids=["strict", "lenient"])
@pytest.mark.parametrize("seed", seeds("targets"))
def test_seed_targets(seed: str, paths: PathSettings) -> None:
    """Every spelling that ever bypassed somebody has one form here, or none."""
    target_holds(seed.encode(), paths)


@given(mutated("targets", "/.%2eEfF5cC;\\\\?#aA\x00 é"), st.sampled_from([PathSettings(), LENIENT]))
def test_targets(raw: str, paths: PathSettings) -> None:
    """Property: the same holds for all their mutations."""
    target_holds(raw.encode(), paths)


# --- heads ---

NAMES = st.sampled_from(
    b"Host host Cookie Content-Length Transfer-Encoding Connection Upgrade Expect X-Forwarded-For X-Forwarded-Proto "
    b"X-Verified-Subject X_Verified_Subject Max-Forwards TE".split()
)
VALUES = st.one_of(
    st.sampled_from(
        b"app.gw.test||0|5|-1|chunked|gzip, chunked|close, X-Verified-Subject|websocket|h2c|100-continue|192.0.2.1|"
        b"192.0.2.1, 127.0.0.1|https|__Host-sekisho=x; a=b".split(b"|")
    ),
    st.binary(max_size=12).map(lambda value: bytes(byte for byte in value if byte >= 0x20 and byte != 0x7F)),
)
LINES = st.one_of(
    st.sampled_from(
        b"GET / HTTP/1.1|POST /a HTTP/1.1|GET /a HTTP/1.0|OPTIONS * HTTP/1.1|GET  / HTTP/1.1|CONNECT a:1 HTTP/1.1|"
        b"GET http://app.gw.test/ HTTP/1.1|GET http://evil/ HTTP/1.1".split(b"|")
    ),
    st.binary(max_size=30),
)


@given(LINES, st.lists(st.tuples(NAMES, VALUES), max_size=8), st.sampled_from(["127.0.0.1", "198.51.100.7"]))
def test_heads(line: bytes, headers: list[tuple[bytes, bytes]], peer: str) -> None:
    """Property: a head is refused or understood, and what is understood speaks in nobody's name to the application."""
    reader = HeadReader(TrafficSettings(), Trust(["127.0.0.1"]))

    found = reader.read(line, tuple(headers), peer, "http", "0123456789abcdef", lambda _: PathSettings())

    if not isinstance(found, Arrival):
        return
    came = found.inbound
    assert canonical_host(came.host.encode(), came.scheme) == came.host
    assert peer == "127.0.0.1" or came.client_address == peer
    assert not came.websocket or came.length == 0
    head = outbound_head(came, route(), b"X-Verified-Subject: hanako\r\n")
    names = [fold(part.partition(b":")[0]) for part in head.split(b"\r\n")[1:-1]]
    assert names.count(b"host") == names.count(b"x-forwarded-for") == names.count(b"x-verified-subject") == 1
    assert not {b"connection", b"transfer-encoding", b"content-length", b"upgrade", b"te"} & set(names)


@pytest.mark.parametrize("seed", seeds("hosts"))
def test_seed_hosts(seed: str) -> None:
    """A host has one spelling, which is its own, or is none."""
    found = canonical_host(seed.encode(), "https")

    assert found is None or (canonical_host(found.encode(), "https") == found and found == found.lower())


# --- cookies ---


def cookie_holds(cookies: bytes) -> None:
    """A ticket has a ticket's shape and is never passed on; of two, neither is believed."""
    ticket = find_ticket(cookies, b"__Host-sekisho")
    left = without_ours(cookies)
    assert not any(is_ours(pair) for pair in left.split(b";"))
    if ticket is not None:
        assert len(ticket) == 43
        assert b"__Host-sekisho=" + ticket.encode() in cookies
        assert find_ticket(cookies + b"; __Host-sekisho=" + b"Z" * 43, b"__Host-sekisho") in (None, "Z" * 43)
    assert find_ticket(left, b"__Host-sekisho") is None


@pytest.mark.parametrize("seed", seeds("cookies"))
def test_seed_cookies(seed: str) -> None:
    """Each of these was a ticket to some parser."""
    cookie_holds(seed.encode())


@given(mutated("cookies", "_-HostsekiAB=;\"', \t"))
def test_cookies(cookies: str) -> None:
    """Property: as above."""
    cookie_holds(cookies.encode())


# --- where a callback leads ---


def return_holds(raw: str) -> None:
    """The result is on our origin for a browser, is not one of our own pages, and comes out the same again."""
    found = rebuild(raw, origin=ORIGIN, prefix="/.sekisho/")
    if found is None:
        return
    url = parse(found, Url("https", "app.gw.test", "", "/.sekisho/callback"))
    assert url is not None
    assert url.origin == ORIGIN
    assert not unquote(url.path).casefold().startswith("/.sekisho/")
    assert found.isascii()
    assert not any(sign in found for sign in "\r\n\t \\")
    assert rebuild(found, origin=ORIGIN, prefix="/.sekisho/") == found


@pytest.mark.parametrize("seed", seeds("return_targets"))
def test_seed_return_targets(seed: str) -> None:
    """Each of these left some gateway's origin."""
    return_holds(seed)
    return_holds(unquote(seed))


@given(mutated("return_targets", "/\\.:@%2fF5c?#;\t\r\n \x01a\u202e"))
def test_return_targets(raw: str) -> None:
    """Property: as above."""
    return_holds(raw)


# --- forward-auth, as a proxy that is confused would ask ---


class ConfusedProxy(RuleBasedStateMachine):
    """Builds a question field by field, in any order, any number of times; every answer must be a no or the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: list[tuple[str, str]] = []
        self.endpoint = "traefik"
        self.table = RouteTable([route(app=app(headers=HeaderSettings()))], "/.sekisho/")

    @rule(endpoint=st.sampled_from(["nginx", "traefik", "caddy", "envoy", "apache", ""]))
    def choose(self, endpoint: str) -> None:
        self.endpoint = endpoint

    @rule(
        name=st.sampled_from(["X-Forwarded-", "X-Original-", "x-forwarded-", "X_Forwarded_"]),
        what=st.sampled_from(["Method", "Proto", "Scheme", "Host", "Uri", "URI"]),
        value=st.sampled_from(
            ["GET", "get", "https", "http", "app.gw.test", "APP.gw.test:443", "evil.example", "/", "/a/../b", "//a", ""]
        ),
    )
    def say(self, name: str, what: str, value: str) -> None:
        self.headers.append((name + what, value))

    @rule()
    def forget(self) -> None:
        self.headers.clear()

    @invariant()
    def a_no_or_the_truth(self) -> None:
        came = inbound(f"/.sekisho/auth/{self.endpoint}", *self.headers, peer="10.0.0.2", host="gateway")
        asked = original(came, self.table, Trust(["10.0.0.2"]))
        if not isinstance(asked, Inbound):
            assert asked.status == 403
            return
        said = [
            value for name, value in self.headers if name.lower().endswith("uri") and value == asked.target.raw.decode()
        ]
        assert said
        assert asked.host == "app.gw.test"
        assert canonical(asked.target.raw, PathSettings()) == asked.target


TestConfusedProxy = ConfusedProxy.TestCase
TestConfusedProxy.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)


# --- policies ---


@pytest.mark.parametrize("seed", sorted(SEEDS.glob("policy-*.yaml")), ids=lambda path: path.stem)
def test_seed_policies(seed: Path) -> None:
    """A policy is whole, or there is at least one mistake with a place; never both, never neither."""
    mistakes = Mistakes()

    policy = load_policy(seed, mistakes)

    assert isinstance(policy, Policy) is (len(mistakes) == 0)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(SEEDS.glob("policy-*.yaml"))),
    st.integers(0, 200),
    st.sampled_from(
        ["", " ", "\t", "：", "１", "&a ", "*a", "!!python/object:os.system ", "{", "]", "<<: ", "\x00", "\r", "- "]
    ),
)
def test_policies(tmp_path_factory: pytest.TempPathFactory, seed: Path, place: int, slip: str) -> None:
    """Property: one slip anywhere is a mistake with a place, or harmless; it is never an exception."""
    data = seed.read_bytes()
    place = min(place, len(data))
    path = tmp_path_factory.mktemp("policy") / "policy.yaml"
    path.write_bytes(data[:place] + slip.encode() + data[place:])
    mistakes = Mistakes()

    policy = load_policy(path, mistakes)

    assert policy is not None or len(mistakes) > 0
