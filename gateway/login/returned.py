"""A form that came back from a site that its rule names, sealed until the person presses the button of our page.

The page carries the sealed form, so the gateway itself keeps nothing of a stranger's. The key is made of our secret
*and* the secret in a cookie that the same answer sets: the form opens for this browser alone, for the App's host and
for the URL that it was sent to. It is sent on once. Until then its one-time name waits to be spent in the store of
pending logins (`PendingStore.spend`), which remembers a spent name for longer than a sealed form can be opened.

The application gets the request as the other site had the browser send it: its `Origin`, `Referer` and
`Sec-Fetch-Site` are those of that time, not those of the press, which comes from a page of our own.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

import msgspec

from gateway.instant import CLOCKS_DIFFER, Instant, began
from gateway.login.pending import SPENT_SECONDS
from gateway.request.inbound import Framing, Inbound
from gateway.request.returned_form import COOKIE, FIELD, LARGEST_RETURNED
from gateway.session.seal import Secret, Secrets
from gateway.session.sealed_box import NONCE_BYTES, close_box, open_box
from gateway.session.ticket import cookies_named

RETURNED_SECONDS = SPENT_SECONDS - 2 * CLOCKS_DIFFER
"""How long a form may wait for the press. A spent name outlives it, also where two machines' clocks differ."""

NAME_BYTES = 16
SECRET_BYTES = 32
LONGEST_REFERER = 1_024
"""Bytes; a longer one is left out, as a browser may leave it out itself."""
_PADDING = 256
"""Records are padded to a multiple of this: the length of a form could tell an amount."""

_SEALED = re.compile(r"([0-9a-f])([A-Za-z0-9_-]{22})\.([0-9a-f]{8})([A-Za-z0-9_-]{40,48000})")
_SECRET = re.compile(rb"[A-Za-z0-9_-]{43}")
_FROM_THERE = frozenset({b"origin", b"referer", b"sec-fetch-site", b"content-type", b"content-length"})
"""The fields by which an application recognises the sender and the kind of a form."""


class SignedForm(msgspec.Struct, frozen=True):
    """The signature of a form of the App's own (`sign`), which waits for the press that sends the form on."""

    subject: str
    """The person who signed, as the applications know her: nobody else sends the form."""
    facts: tuple[tuple[str, str], ...]
    """The facts of the signature that the application is told, by header words."""


class _Form(msgspec.Struct, frozen=True):
    at: Instant
    site: str
    sec_fetch_site: bytes
    referer: bytes
    content_type: bytes
    body: bytes
    signature: SignedForm | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A form for our page to carry, and the cookie that opens it."""

    text: str
    cookie: str
    """The name, without the prefix that a cookie of a secure origin has."""
    secret: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The request that the press stands for, and the name that it uses up."""

    inbound: Inbound
    body: bytes
    site: str
    name: str
    signature: SignedForm | None = None


class ReturnedForms:
    """Seals and opens forms that came back."""

    def __init__(self, secrets: Secrets, random: Callable[[int], bytes]) -> None:
        """Take our secrets: the first seals, all open. `random` returns that many unguessable bytes."""
        self._secrets = secrets
        self._random = random

    def seal(
        self,
        inbound: Inbound,
        site: str,
        body: bytes,
        now: Instant,
        *,
        signature: SignedForm | None = None,
        name: bytes | None = None,
    ) -> Sealed:
        """Return a form sealed for the browser that sent it.

        A form that is sealed twice under one `name` (17 bytes) is sent on once all the same, from either page: two tabs
        have one cookie of that name, so both pages open with the same secret.

        Raises:
            ValueError: the body is longer than `LARGEST_RETURNED`.

        """
        if len(body) > LARGEST_RETURNED:
            raise ValueError(f"a form of {len(body)} bytes does not come back, at most {LARGEST_RETURNED} do")
        sent = {name.lower(): value for name, value in inbound.headers}
        referer, kind = sent.get(b"referer", b""), sent.get(b"content-type", b"")
        form = _Form(
            now,
            site,
            # A browser without Fetch Metadata does not say it. The application must not take that for its own page's.
            sent.get(b"sec-fetch-site", b"cross-site"),
            referer if len(referer) <= LONGEST_REFERER else b"",
            kind,
            body,
            signature,
        )
        named = name or self._random(1 + NAME_BYTES)
        slot = f"{named[0] & 0xF:x}"
        one_time = slot + _text(named[1 : 1 + NAME_BYTES])
        secret = self._secrets.first
        cookie_secret = _text(self._random(SECRET_BYTES) if name is None else _shared(secret, name))
        box = close_box(
            _key(secret, cookie_secret),
            self._random(NONCE_BYTES),
            msgspec.msgpack.encode(form),
            _bound_to(inbound, one_time),
            padding=_PADDING,
        )
        return Sealed(f"{one_time}.{secret.id}{_text(box)}", COOKIE.decode() + slot, cookie_secret)

    def open(self, press: Inbound, cookie_prefix: bytes, body: bytes, now: Instant) -> Opened | None:
        """Return the request that a press stands for, or `None` where nothing of that kind can be opened.

        `cookie_prefix` stands before the names of our cookies on a secure origin.
        """
        found = _SEALED.fullmatch(_field(body))
        if found is None:
            return None
        slot, rest, secret_id, sealed = found.groups()
        values = set(cookies_named(press.cookie, cookie_prefix + COOKIE + slot.encode()))
        cookie_secret = values.pop() if len(values) == 1 else b""
        secret = self._secrets.get(secret_id)
        if secret is None or _SECRET.fullmatch(cookie_secret) is None:
            return None
        name = slot + rest
        try:
            box = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except ValueError:
            return None
        content = open_box(_key(secret, cookie_secret.decode()), box, _bound_to(press, name))
        if content is None:
            return None
        form = msgspec.msgpack.decode(content, type=_Form)
        if not began(form.at, now) or now >= form.at + RETURNED_SECONDS:
            return None
        return Opened(_as_sent(press, form), form.body, form.site, f"returned\0{name}", form.signature)


def is_of_our_page(body: bytes) -> bool:
    """Whether a press's body comes from our page; any other is the application's own form."""
    return body.startswith(f"{FIELD}=".encode())


def unpressed(inbound: Inbound) -> Inbound:
    """Return a request without the cookies by which it could be a press."""
    kept = [pair for pair in inbound.cookie.split(b";") if COOKIE not in pair]
    return msgspec.structs.replace(inbound, cookie=b";".join(kept).strip(b" \t"), section_cache=None)


def _as_sent(press: Inbound, form: _Form) -> Inbound:
    """Return the press as the other site's page would have sent it, had the browser sent our cookies with that."""
    headers = [field for field in press.headers if field[0].lower() not in _FROM_THERE]
    headers += [
        (b"Content-Type", form.content_type),
        (b"Origin", form.site.encode()),
        (b"Sec-Fetch-Site", form.sec_fetch_site),
    ]
    if form.referer:
        headers.append((b"Referer", form.referer))
    framing = Framing.COUNTED if form.body else Framing.EMPTY
    return msgspec.structs.replace(unpressed(press), headers=tuple(headers), framing=framing, length=len(form.body))


def _field(body: bytes) -> str:
    """Return the value of the one field of our page's form, or an empty text."""
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=1)
    except ValueError:
        return ""
    return fields[0][1] if [name for name, _ in fields] == [FIELD] else ""


def _text(random: bytes) -> str:
    return urlsafe_b64encode(random).rstrip(b"=").decode()


def _shared(secret: Secret, name: bytes) -> bytes:
    """Return the secret in the cookie of every page of a name: the page shows the name, and our secret it does not."""
    return secret.derived(b"sekisho.returned.cookie.v1:" + name)


def _key(secret: Secret, cookie_secret: str) -> bytes:
    return secret.derived(b"sekisho.returned.v1:" + cookie_secret.encode())


def _bound_to(inbound: Inbound, name: str) -> bytes:
    """The host and the URL, so that a form opens nowhere else; and the name that is spent with it."""
    return b"\0".join((b"sekisho.returned.v1", name.encode(), inbound.host.encode(), inbound.target.raw))
