"""A form that a person signs before the application gets it, where a rule says `sign`: which requests these are.

`signing/document.py` makes the text that is signed, and `login/returned.py` seals the form for the press that sends it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl

from gateway.request.inbound import Framing, Inbound
from gateway.request.kept_form import CODECS, MOST_FIELDS
from gateway.request.media_type import FORM_TYPE, content_type, media_type
from gateway.request.returned_form import LARGEST_RETURNED
from gateway.request.same_site import Sender, sender

_AS_BROWSERS_WRITE: Final = re.compile(rb"(?:[A-Za-z0-9*._+&=~!'()-]|%[0-9A-Fa-f]{2})+")
"""The body of a form as browsers write it: everything else is escaped (WHATWG URL, section 5.2).

Servers read other bodies in different ways: some cut at `;`, and some keep an escape that is none.
"""


class Unsignable(StrEnum):
    """The reason why a request cannot be signed. Word of a page and of the access line."""

    MULTIPART = "multipart"
    """A form with files: the person cannot be shown in full what she would sign."""
    TYPE = "type"
    """Its body is no form of a page, or not as browsers write one in the App's charset."""
    LENGTH = "length"
    """It is empty, too long, or does not say its length."""
    SENDER = "sender"
    """It is not certain that a page of the App's own sent it."""


def unsignable(inbound: Inbound, origin: str) -> Unsignable | None:
    """Return why a request's body cannot be signed, as far as its head tells; `None` where it can."""
    field = content_type(inbound.headers).decode("latin-1")
    kind = media_type(field)
    if kind == "multipart/form-data":
        return Unsignable.MULTIPART
    # No browser writes a parameter there. A server that obeys `charset` would read another text than the person.
    if inbound.method != "POST" or kind != FORM_TYPE or ";" in field or inbound.forwarded:
        return Unsignable.TYPE
    if inbound.framing is not Framing.COUNTED or not 0 < inbound.length <= LARGEST_RETURNED:
        return Unsignable.LENGTH
    return None if sender(inbound, origin) is Sender.OURS else Unsignable.SENDER


def signed_fields(body: bytes, charset: str) -> tuple[tuple[str, str], ...] | None:
    """Return a form's fields in the App's charset, as settings spell it; `None` where servers could read others.

    No other charset is tried: the application reads the same bytes in its own, and must come to the same text.
    """
    if len(body) > LARGEST_RETURNED or _AS_BROWSERS_WRITE.fullmatch(body) is None:
        return None
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            encoding=CODECS.get(charset, charset),
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        return None
    # A server written in C ends a text there.
    return tuple(fields) if fields and not any("\0" in name or "\0" in value for name, value in fields) else None
