"""A form that waits while the person who sent it signs in, where a rule says `keep_form`.

It travels in a hidden field of our own page, then sealed with the pending login, and comes back
once: to a page whose button sends it. The page sends nothing by itself. It keeps only a form of one of the App's own
pages: otherwise a foreign page's form would come back as if it were the App's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from gateway.request.inbound import Framing, Inbound
from gateway.request.media_type import FORM_TYPE, content_type, media_type
from gateway.request.same_site import Sender, sender
from gateway.wire.eucjp_ms import NAME as EUCJP_MS

LARGEST_KEPT = 64 * 1024
"""Bytes of a form that is kept."""

MOST_FIELDS = 1_000
"""Fields of a form that is kept."""

_LABELS = {"utf-8": "UTF-8", "cp932": "Shift_JIS", "euc-jp": "EUC-JP"}
"""Our names of charsets, and those a browser knows (WHATWG Encoding Standard)."""

CODECS = {"euc-jp": EUCJP_MS}
"""Codecs that have what browsers write under a name, if Python's codec of that name lacks it."""


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form that our page can send again, byte for byte as the browser first did."""

    fields: tuple[tuple[str, str], ...]
    charset: str
    """For `accept-charset`: a form of an old application is not in UTF-8."""


def keepable(inbound: Inbound, origin: str) -> bool:
    """Whether this request's body is a form that may be kept, as far as its head tells."""
    return (
        inbound.method == "POST"
        and inbound.framing is Framing.COUNTED
        and 0 < inbound.length <= LARGEST_KEPT
        and media_type(content_type(inbound.headers).decode("latin-1")) == FORM_TYPE
        and sender(inbound, origin) is Sender.OURS
    )


def read_form(body: str, charset: str) -> KeptForm | None:
    """Return a body's text, in UTF-8 or the App's charset, or None if it could not be sent again unchanged.

    `charset` is the App's, as settings spell it.
    """
    if not body.isascii() or len(body) > LARGEST_KEPT:
        return None
    for encoding in dict.fromkeys(("utf-8", charset)):
        try:
            fields = parse_qsl(
                body,
                keep_blank_values=True,
                encoding=CODECS.get(encoding, encoding),
                errors="strict",
                max_num_fields=MOST_FIELDS,
            )
        except (UnicodeDecodeError, ValueError):
            continue
        # A hidden field cannot hold these: a parser of HTML drops or changes them.
        if fields and all(_plain(text) for text in _texts(fields)):
            return KeptForm(tuple(fields), _LABELS.get(encoding, "UTF-8"))
    return None


def _texts(fields: Iterable[tuple[str, str]]) -> Iterable[str]:
    for name, value in fields:
        yield name
        yield value


def _plain(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
