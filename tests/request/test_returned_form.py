"""Which requests are forms that came back, and which can be the press on one: by their heads alone."""

from __future__ import annotations

import pytest

from gateway.request.inbound import Framing, Inbound
from gateway.request.returned_form import (
    LARGEST_PRESS,
    LARGEST_RETURNED,
    LONGEST_TYPE,
    is_press,
    returnable,
)
from tests import builders

ORIGIN = "https://app.gw.test"
NAVIGATES = (("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
KIND = ("Content-Type", "application/x-www-form-urlencoded")
OURS = ("Sec-Fetch-Site", "same-origin")
COOKIE = b"a=1; __Host-sekisho-return-3=x"


def sent(*headers: tuple[str, str], **changes: object) -> Inbound:
    values: dict[str, object] = {"method": "POST", "framing": Framing.COUNTED, "length": 9}
    return builders.inbound("/pay/return", *NAVIGATES, *headers, **(values | changes))


@pytest.mark.parametrize(
    ("inbound", "may"),
    [
        (sent(KIND), True),
        (sent(("Content-Type", "multipart/form-data; boundary=x")), True),
        (sent(("Content-Type", "TEXT/PLAIN")), True),
        (sent(("Content-Type", "application/json")), False),
        (sent(), False),
        (sent(KIND, KIND), False),
        (sent(("Content-Type", "text/plain;" + "a" * LONGEST_TYPE)), False),
        (sent(KIND, length=LARGEST_RETURNED), True),
        (sent(KIND, length=LARGEST_RETURNED + 1), False),
        (sent(KIND, framing=Framing.CHUNKED), False),
        (sent(KIND, framing=Framing.EMPTY, length=0), True),
        (sent(framing=Framing.EMPTY, length=0), False),
        (sent(KIND, method="PUT"), False),
        (sent(KIND, ("Sec-Fetch-Dest", "iframe")), False),
        (sent(KIND, ("Sec-Fetch-Dest", "empty")), False),
        (sent(KIND, ("Sec-Fetch-Mode", "cors")), False),
    ],
)
def test_a_form_may_come_back_if_its_head_says_what_it_is(inbound: Inbound, *, may: bool) -> None:
    """A kind that a page's form has, a length that is bounded, and a person who waits in a tab."""
    assert returnable(inbound) is may


@pytest.mark.parametrize(
    ("inbound", "can"),
    [
        (sent(KIND, OURS, cookie=COOKIE), True),
        (sent(KIND, ("Origin", ORIGIN), cookie=COOKIE), True),
        (sent(KIND, OURS, cookie=COOKIE, length=LARGEST_PRESS), True),
        (sent(KIND, OURS, cookie=COOKIE, length=LARGEST_PRESS + 1), False),
        (sent(KIND, OURS, cookie=b"a=1; __Host-sekisho=x"), False),
        (sent(KIND, cookie=COOKIE), False),
        (sent(KIND, ("Sec-Fetch-Site", "cross-site"), cookie=COOKIE), False),
        (sent(KIND, ("Sec-Fetch-Site", "same-site"), cookie=COOKIE), False),
        (sent(KIND, ("Origin", "https://pay.example"), cookie=COOKIE), False),
        (sent(("Content-Type", "text/plain"), OURS, cookie=COOKIE), False),
        (sent(KIND, OURS, cookie=COOKIE, method="GET"), False),
        (sent(KIND, OURS, cookie=COOKIE, framing=Framing.CHUNKED), False),
        (sent(KIND, OURS, ("Sec-Fetch-Mode", "cors"), cookie=COOKIE), False),
        (sent(KIND, OURS, ("Sec-Fetch-Dest", "iframe"), cookie=COOKIE), False),
    ],
)
def test_a_press_comes_from_a_page_of_this_origin_with_our_cookie(inbound: Inbound, *, can: bool) -> None:
    """Any other request is the application's own, and its body is not read for ours."""
    assert is_press(inbound, ORIGIN) is can
