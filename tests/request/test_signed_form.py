"""Which requests can be signed before they go on."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.request.inbound import Framing
from gateway.request.returned_form import LARGEST_RETURNED
from gateway.request.signed_form import Unsignable, unsignable
from tests.builders import inbound

ORIGIN = "https://app.gw.test"
OWN = ("Origin", ORIGIN)
FORM = ("Content-Type", "application/x-www-form-urlencoded")
FILES = ("Content-Type", "multipart/form-data; boundary=x")


@pytest.mark.parametrize(
    ("headers", "changes", "why"),
    [
        ((OWN, FORM), {}, None),
        ((OWN, ("Content-Type", "Application/X-WWW-form-urlencoded; charset=utf-8")), {}, None),
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
