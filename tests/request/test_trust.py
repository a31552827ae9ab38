from __future__ import annotations

import pytest

from gateway.request.trust import Distrust, Origin, Trust, acceptable_request_id, plain_address

PROXY = "10.0.0.2"
trust = Trust(["10.0.0.2", "10.1.0.0/16", "fd00::/8"])


def origin(*chain: bytes, proto: tuple[bytes, ...] = ()) -> Origin | Distrust:
    return trust.origin(PROXY, "http", chain, proto)


def test_nobody_is_trusted_by_default() -> None:
    """The rule holds for loopback, too."""
    assert not Trust([]).trusts("127.0.0.1")


@pytest.mark.parametrize(
    ("address", "trusted"),
    [("10.0.0.2", True), ("10.1.255.1", True), ("10.0.0.3", False), ("fd00::1", True), ("::ffff:10.0.0.2", True)],
)
def test_addresses_and_networks_are_trusted(address: str, trusted: bool) -> None:
    """In either family, however a dual socket spells them; and a Unix socket is no address."""
    assert trust.trusts(address) is trusted
    assert not trust.trusts("unix")


def test_a_wrong_network_is_named() -> None:
    """At the start, not with the first request."""
    with pytest.raises(ValueError, match=r"10\.0\.0\.256"):
        Trust(["10.0.0.256"])


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ((b"198.51.100.7",), "198.51.100.7"),
        ((b"192.0.2.10, 198.51.100.7",), "198.51.100.7"),
        ((b"192.0.2.10", b"198.51.100.7"), "198.51.100.7"),
        ((b"192.0.2.10, 198.51.100.7, 10.1.2.3",), "198.51.100.7"),
        ((b"10.1.2.3",), "10.1.2.3"),
        ((b"not an address, 198.51.100.7",), "198.51.100.7"),
        ((b"198.51.100.7:4711",), "198.51.100.7"),
        ((b"[2001:db8::7]:4711",), "2001:db8::7"),
        ((b"2001:DB8:0::7",), "2001:db8::7"),
        ((), PROXY),
        ((b"",), PROXY),
    ],
)
def test_the_chain_is_read_from_the_right(chain: tuple[bytes, ...], client: str) -> None:
    """To the first address that is not one of ours: what stands left of it anybody may have written."""
    assert origin(*chain) == Origin(client, "http")


@pytest.mark.parametrize(
    "chain", [b"unknown", b"198.51.100.7, _hidden", b", ", b"1.2.3", b"fe80::1%eth0", b",".join([b"1.1.1.1"] * 33)]
)
def test_a_chain_that_says_nothing_is_no_address(chain: bytes) -> None:
    """Never the proxy's own, which an address rule may let in."""
    assert origin(chain) is Distrust.CHAIN


def test_the_scheme_is_the_nearest_proxys_word() -> None:
    """`https` or `http`, and nothing else."""
    assert origin(proto=(b"HTTPS",)) == Origin(PROXY, "https")
    assert origin(proto=(b"https, http",)) == Origin(PROXY, "http")
    assert origin(proto=(b"ftp",)) is Distrust.SCHEME


@pytest.mark.parametrize(("said", "meant"), [(b"ws", "http"), (b"wss", "https"), (b"https, WSS", "https")])
def test_an_upgrade_has_the_scheme_of_the_request_that_asks_for_it(said: bytes, meant: str) -> None:
    """Traefik says `wss` of it, which is no other origin."""
    assert origin(proto=(said,)) == Origin(PROXY, meant)


@pytest.mark.parametrize(
    ("value", "acceptable"),
    [
        (b"0123456789abcdef", True),
        (b"a" * 64, True),
        (b"a" * 65, False),
        (b"short", False),
        (b"<script>alert(1)", False),
    ],
)
def test_a_request_id_is_taken_over_if_it_looks_like_one(value: bytes, acceptable: bool) -> None:
    """It stands in logs, headers and pages."""
    assert acceptable_request_id(value) is acceptable


def test_a_peer_has_one_spelling() -> None:
    """The limits and the logs count one address as one."""
    assert plain_address("::ffff:192.0.2.1") == "192.0.2.1"
    assert plain_address("unix") == "unix"
