"""Which requests are a form that comes back from another site, and which are the press of our button."""

from __future__ import annotations

import pytest

from gateway.request.inbound import Framing, Inbound
from gateway.request.returned_form import COOKIE, LARGEST_PRESS, LARGEST_RETURNED, LONGEST_TYPE, is_press, returnable
from tests.builders import inbound

OURS = "https://app.gw.test"
FORM = ("Content-Type", "application/x-www-form-urlencoded")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=x")
NAVIGATES = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))


def form(*headers: tuple[str, str], **changes: object) -> Inbound:
    values: dict[str, object] = {"method": "POST", "framing": Framing.COUNTED, "length": 20}
    return inbound("/pay", *headers, **(values | changes))


@pytest.mark.parametrize("content_type", [FORM, MULTIPART, ("content-type", "TEXT/plain")])
def test_a_form_of_a_page_may_come_back(content_type: tuple[str, str]) -> None:
    """Each type that a page's form can have."""
    assert returnable(form(*NAVIGATES, content_type))
    assert returnable(form(*NAVIGATES, content_type, length=LARGEST_RETURNED))


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        ((FORM,), {"method": "PUT"}),
        ((FORM,), {"method": "GET"}),
        ((FORM,), {"framing": Framing.CHUNKED}),
        ((FORM,), {"length": 0}),
        ((FORM,), {"length": LARGEST_RETURNED + 1}),
        ((("Content-Type", "application/json"),), {}),
        ((), {}),
        ((FORM, MULTIPART), {}),
        ((("Content-Type", f"multipart/form-data; boundary={'x' * LONGEST_TYPE}"),), {}),
    ],
)
def test_any_other_request_does_not_come_back(headers: tuple[tuple[str, str], ...], changes: dict[str, object]) -> None:
    """A body of unknown length, of two types or of a type that only scripts send is not kept."""
    assert not returnable(form(*NAVIGATES, *headers, **changes))


def test_a_script_gets_no_page_of_ours() -> None:
    """Neither a fetch nor a service worker that passes a navigation on."""
    assert not returnable(form(("Sec-Fetch-Mode", "cors"), FORM))
    assert not returnable(form(("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty"), FORM))


def press(*headers: tuple[str, str], **changes: object) -> Inbound:
    own = (("Sec-Fetch-Site", "same-origin"), ("Origin", OURS), *NAVIGATES, FORM)
    return form(*(headers or own), **({"cookie": b"a=1; __Host-" + COOKIE + b"x=y"} | changes))


def test_a_press_comes_from_our_own_page() -> None:
    """With the cookie that binds the page to its browser."""
    assert is_press(press(), OURS)
    assert is_press(press(length=LARGEST_PRESS), OURS)


@pytest.mark.parametrize(
    ("headers", "changes"),
    [
        ((), {"cookie": b"a=1"}),
        ((), {"method": "PUT"}),
        ((), {"framing": Framing.CHUNKED}),
        ((), {"length": 0}),
        ((), {"length": LARGEST_PRESS + 1}),
        ((("Sec-Fetch-Site", "cross-site"), ("Origin", "https://pay.example"), *NAVIGATES, FORM), {}),
        ((("Sec-Fetch-Site", "same-origin"), ("Origin", OURS), *NAVIGATES, MULTIPART), {}),
        ((("Sec-Fetch-Site", "same-origin"), ("Origin", OURS), ("Sec-Fetch-Mode", "cors"), FORM), {}),
        ((*NAVIGATES, FORM), {}),
    ],
)
def test_any_other_request_is_no_press(headers: tuple[tuple[str, str], ...], changes: dict[str, object]) -> None:
    """A foreign page, a script, and a browser that does not say who sends."""
    assert not is_press(press(*headers, **changes), OURS)
