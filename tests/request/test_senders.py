"""Which addresses count as one sender."""

from __future__ import annotations

import pytest

from gateway.request.senders import sender_of


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "?"),
    ],
)
def test_an_address_counts_as_its_line(address: str, sender: str) -> None:
    """One household has 2^64 addresses of IPv6."""
    assert sender_of(address) == sender


def test_one_line_is_one_sender() -> None:
    """Its 2^64 addresses count together, and a neighbour's do not."""
    assert sender_of("2001:db8:1:2::1") == sender_of("2001:db8:1:2:ffff::9%eth0")
    assert sender_of("2001:db8:1:2::1") != sender_of("2001:db8:1:3::1")
    assert sender_of("192.0.2.1") == sender_of("::ffff:192.0.2.1")
