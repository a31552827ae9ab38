"""Which requests can be signed before they go on."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.request.inbound import Framing
from gateway.request.returned_form import LARGEST_RETURNED
from gateway.request.signed_form import Unsignable, signed_fields, unsignable
from tests.builders import inbound

ORIGIN = "https://app.gw.test"
OWN = ("Origin", ORIGIN)
FORM = ("Content-Type", "application/x-www-form-urlencoded")
FILES = ("Content-Type", "multipart/form-data; boundary=x")


@pytest.mark.parametrize(
    ("headers", "changes", "why"),
    [
        ((OWN, FORM), {}, None),
        ((OWN, ("Content-Type", "Application/X-WWW-form-urlencoded")), {}, None),
        ((OWN, ("Content-Type", "application/x-www-form-urlencoded; charset=Shift_JIS")), {}, Unsignable.TYPE),
        ((OWN, ("Content-Type", "application/x-www-form-urlencoded;")), {}, Unsignable.TYPE),
        ((OWN, FILES), {}, Unsignable.MULTIPART),
        ((OWN, ("Content-Type", "application/json")), {}, Unsignable.TYPE),
        ((OWN,), {}, Unsignable.TYPE),
        ((OWN, FORM, FORM), {}, Unsignable.TYPE),
        ((OWN, FORM), {"method": "PUT"}, Unsignable.TYPE),
        ((OWN, FORM), {"forwarded": "traefik"}, Unsignable.TYPE),
        ((OWN, FORM), {"framing": Framing.CHUNKED, "length": 0}, Unsignable.LENGTH),
        ((OWN, FORM), {"framing": Framing.EMPTY, "length": 0}, Unsignable.LENGTH),
        ((OWN, FORM), {"length": LARGEST_RETURNED + 1}, Unsignable.LENGTH),
        ((FORM, ("Origin", "https://other.example")), {}, Unsignable.SENDER),
        ((FORM,), {}, Unsignable.SENDER),
    ],
)
def test_only_a_form_of_the_apps_own_page_is_signed(
    headers: tuple[tuple[str, str], ...], changes: dict[str, Any], why: Unsignable | None
) -> None:
    """A form with files, another body, and another site's form are each refused for their own reason."""
    said: dict[str, Any] = {"method": "POST", "framing": Framing.COUNTED, "length": 3}

    assert unsignable(inbound("/apply", *headers, **(said | changes)), ORIGIN) is why


@pytest.mark.parametrize(
    "body",
    [
        b"a=1;b=2",
        b"a=%zz",
        b"a=%",
        b"a=1%4",
        b"a=b c",
        b'a="',
        b"a=<b>",
        b"a=\xe9",
        b"a=%00",
        b"a%00b=1",
        b"a=1\r\nb=2",
        b"a=1\n",
        b"a=[1]",
        b"",
        b"&&",
        b"a=%ff",
        b"a=%ed%a0%80",
        b"a=" + b"x" * LARGEST_RETURNED,
        b"&".join(b"a=" for _ in range(1_001)),
    ],
)
def test_a_body_that_servers_could_read_in_two_ways_is_not_signed(body: bytes) -> None:
    """The person would read one form, and the application another: no browser writes such a body."""
    assert signed_fields(body, "utf-8") is None


def test_the_fields_are_those_of_the_apps_charset_alone() -> None:
    """Bytes that are UTF-8 as well are another text in Shift_JIS, which is what the application reads."""
    assert signed_fields(b"a=%C2%A9", "cp932") == (("a", "\uff82\uff69"),)
    assert signed_fields(b"a=%C2%A9", "utf-8") == (("a", "\xa9"),)
    assert signed_fields(b"a=%E9%AB%99", "cp932") is None
    assert signed_fields(b"a=%AD%A1", "euc-jp") == (("a", "\u2460"),)


def test_every_field_comes_in_its_order_with_plus_and_escapes_undone() -> None:
    """Fields of one name, without a name and without a value are there as well."""
    body = b"b=1&a=x+y%20z%2B&b=2&=n&e&f=&g=1=2&h=*-._~!'()"

    assert signed_fields(body, "utf-8") == (
        ("b", "1"),
        ("a", "x y z+"),
        ("b", "2"),
        ("", "n"),
        ("e", ""),
        ("f", ""),
        ("g", "1=2"),
        ("h", "*-._~!'()"),
    )
