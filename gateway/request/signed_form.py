"""A form that a person signs before the application gets it, where a rule says `sign`: which requests these are.

`signing/document.py` makes the text that is signed, and `login/returned.py` seals the form for the press that sends it.
"""

from __future__ import annotations

from enum import StrEnum

from gateway.request.inbound import Framing, Inbound
from gateway.request.media_type import FORM_TYPE, media_type
from gateway.request.returned_form import LARGEST_RETURNED
from gateway.request.same_site import Sender, sender


class Unsignable(StrEnum):
    """The reason why a request cannot be signed. Word of a page and of the access line."""

    MULTIPART = "multipart"
    """A form with files: the person cannot be shown in full what she would sign."""
    TYPE = "type"
    """Its body is no form of a page."""
    LENGTH = "length"
    """It is empty, too long, or does not say its length."""
    SENDER = "sender"
    """It is not certain that a page of the App's own sent it."""


def unsignable(inbound: Inbound, origin: str) -> Unsignable | None:
    """Return why a request's body cannot be signed, as far as its head tells; `None` where it can."""
    types = [value for name, value in inbound.headers if name.lower() == b"content-type"]
    kind = media_type(types[0].decode("latin-1")) if len(types) == 1 else ""
    if kind == "multipart/form-data":
        return Unsignable.MULTIPART
    if inbound.method != "POST" or kind != FORM_TYPE or inbound.forwarded:
        return Unsignable.TYPE
    if inbound.framing is not Framing.COUNTED or not 0 < inbound.length <= LARGEST_RETURNED:
        return Unsignable.LENGTH
    return None if sender(inbound, origin) is Sender.OURS else Unsignable.SENDER
