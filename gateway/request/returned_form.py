"""A form that another site's page sent, where a rule names that site (`returns_from`): a payment that comes back.

The browser sends it without the person's cookies. The gateway seals the body into a page of its own, and the person
goes on with a press. Here is which requests these are, by their heads; `login/returned.py` seals and opens.
"""

from __future__ import annotations

from gateway.request.inbound import Framing, Inbound
from gateway.request.media_type import FORM_TYPE, content_type, media_type
from gateway.request.navigation import Navigation, navigation
from gateway.request.same_site import Sender, sender

LARGEST_RETURNED = 32 * 1024
"""Bytes of a form that may come back. Sealed and pressed on it is a third longer, and fits what the byte path holds."""

LARGEST_PRESS = 48 * 1024
"""Bytes of the form with which our page goes on."""

LONGEST_TYPE = 256
"""Bytes of its Content-Type: a boundary has at most 70 (RFC 2046 section 5.1.1)."""

FIELD = "sekisho-return"
"""The one field of that form."""

COOKIE = b"sekisho-return-"
"""The beginning of the cookies that bind such a page to its browser."""

_TYPES = frozenset({FORM_TYPE, "multipart/form-data", "text/plain"})
"""The types that a form of a page can have (HTML section 4.10.21.6)."""


def returnable(inbound: Inbound) -> bool:
    """Whether a request's body may be kept and sent again by a press, as far as its head tells.

    A form without fields has an empty body, and says all in its URL. No form comes back through a service worker: a
    script of the application would get our page.
    """
    return (
        inbound.method == "POST"
        and inbound.framing is not Framing.CHUNKED
        and inbound.length <= LARGEST_RETURNED
        and media_type(_content_type(inbound)) in _TYPES
        and navigation(inbound) is Navigation.FORM
    )


def is_press(inbound: Inbound, origin: str) -> bool:
    """Whether a request can be the button of our page, as far as its head tells: only its body says that it is."""
    return (
        COOKIE in inbound.cookie
        and inbound.method == "POST"
        and inbound.framing is Framing.COUNTED
        and 0 < inbound.length <= LARGEST_PRESS
        and media_type(_content_type(inbound)) == FORM_TYPE
        and navigation(inbound) in (Navigation.FORM, Navigation.RELAYED)
        and sender(inbound, origin) is Sender.OURS
    )


def _content_type(inbound: Inbound) -> str:
    said = content_type(inbound.headers)
    return said.decode("latin-1") if len(said) <= LONGEST_TYPE else ""
