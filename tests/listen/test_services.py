"""Services that were left out do nothing, and change nothing."""

from __future__ import annotations

from typing import Any

from gateway.listen.services import RequestServices
from tests.builders import inbound

GIVEN: dict[str, Any] = dict.fromkeys(
    (
        "table",
        "step",
        "sessions",
        "upstreams",
        "portal",
        "visits",
        "portal_head",
        "app_answer",
        "portal_answer",
        "trailers",
        "observer",
        "clock",
        "stopwatch",
    )
)


def test_without_forward_auth_a_request_is_itself() -> None:
    """Only `forward_auth` puts another request in the place of the one that came."""
    services = RequestServices(**GIVEN)
    asked = inbound("/reserve")

    assert services.original(asked, services.table) is asked  # type: ignore[arg-type]


def test_each_value_has_limits_of_its_own() -> None:
    """Two values do not share the memory of how many tickets were looked up."""
    one, other = RequestServices(**GIVEN), RequestServices(**GIVEN)

    assert one.lookups is not other.lookups
    assert one.entries is None
    assert one.hsts == b""
