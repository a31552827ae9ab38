"""One request to the console: who asks, by which way, in which language, and with which form."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import hdrs, web

from gateway.audit.entry import Action
from gateway.console.aiohttp_render import render, render_text, see_other
from gateway.console.doors import Sender, Way
from gateway.console.routes import Place
from gateway.console.screen import Screen
from gateway.console.sign_ins import SignIn
from gateway.console.structlog_record import Deed, DeedRecord
from gateway.portal.language import Language
from gateway.request.media_type import FORM_TYPE, media_type

MOST_FIELDS = 20
"""Fields of a form; the longest form of ours has half as many."""

LONG_FORM = 16 * 1024
"""Bytes from which a form is read beside the loop."""

REASON = "reason"
"""The field in which an operator says why."""


class RefusedError(Exception):
    """The console does not do it, and shows this page instead."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen.title)
        self.screen = screen


def refusal(kind: str, status: HTTPStatus) -> RefusedError:
    """Return the refusal of a kind, for which `messages/` have the words."""
    return RefusedError(Screen("refused", f"refused.{kind}", {"kind": kind}, status))


@dataclass(slots=True)
class Visitor:
    """Somebody who asks for a page or presses a button."""

    request: web.Request
    way: Way
    language: Language
    sign_in: SignIn | None
    record: DeedRecord
    form: dict[str, str] = field(default_factory=dict)
    file: bytes = field(default=b"", repr=False)
    """The file of a form that has one."""

    @property
    def operator(self) -> str:
        """The operator's name; only for places that admit nobody without one."""
        if self.sign_in is None:
            raise RuntimeError("nobody has signed in")
        return self.sign_in.operator.name

    @property
    def address(self) -> str:
        """The address of the client, or of the proxy in front."""
        return str(self.request.remote or "")

    @property
    def reason(self) -> str:
        """The reason that the operator gave, without spaces around it."""
        return self.form.get(REASON, "").strip()

    def asked(self, name: str) -> str:
        """Return a field of the form, without spaces around it; empty if it is not there."""
        return self.form.get(name, "").strip()

    def page(self, screen: Screen, here: Place | None = None) -> web.Response:
        """Return a page in this visitor's language. It shows once how her last button ended."""
        return render(screen, self.language, here, self.sign_in)

    def text(self, name: str) -> str:
        """Return a field of the form as it is, with plain line ends."""
        return self.form.get(name, "").replace("\r\n", "\n")

    @property
    def wants_json(self) -> bool:
        """Whether a script of ours asks, which shows the answer in the page that is open."""
        return self.request.headers.get(hdrs.ACCEPT, "") == "application/json"

    def fragment(self, screen: Screen) -> str:
        """Return a part of a page, in this visitor's language."""
        return render_text(screen, self.language, None, self.sign_in)

    async def act(
        self,
        place: Place,
        action: Action,
        work: Callable[[], Awaitable[int]],
        *,
        about: str,
        then: Place,
        pseudonym: str = "",
        client_id: str = "",
        event_about: str = "",
    ) -> web.Response:
        """Do what this operator asked for, record it, and lead her to the page that says how it ended."""
        deed = Deed(
            operator=self.operator,
            action=action,
            about=about,
            reason=self.reason,
            pseudonym=pseudonym,
            client_id=client_id,
            event_about=event_about,
        )
        return await self.carry_out(place, deed, work, then=then)

    async def carry_out(
        self, place: Place, deed: Deed, work: Callable[[], Awaitable[int]], *, then: Place
    ) -> web.Response:
        """Do the work of a deed, record it, and lead this operator to the page that says how it ended."""
        count = await self.record.act(deed, work)
        if self.sign_in is not None:
            self.sign_in.done = (place if count else "nothing", count)
        return see_other(then)


Handler = Callable[[Visitor], Awaitable[web.StreamResponse]]


def sender_of(request: web.Request) -> Sender:
    """Return which page has made a request, as the browser says."""
    fields = request.headers
    return Sender(
        fields.get("Sec-Fetch-Site"),
        fields.get("Sec-Fetch-Mode"),
        fields.get("Sec-Fetch-Dest"),
        fields.get(hdrs.ORIGIN),
    )


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        RefusedError: it is no form of a browser, or has a field twice.

    """
    refused = refusal("form", HTTPStatus.BAD_REQUEST)
    if media_type(request.headers.get(hdrs.CONTENT_TYPE, "")) != FORM_TYPE:
        raise refused
    try:
        data = await request.read()
        # A draft of a policy takes a while to read, and this loop may serve requests.
        pairs = await asyncio.to_thread(_pairs, data) if len(data) > LONG_FORM else _pairs(data)
    except ValueError:
        raise refused from None
    found = dict(pairs)
    # Two readers of a field that comes twice may take different ones.
    if len(found) != len(pairs):
        raise refused
    return found


async def read_file_form(request: web.Request) -> tuple[dict[str, str], bytes]:
    """Return the fields of a form with one file, and the file's bytes; a form without one has an empty file.

    Raises:
        RefusedError: it is no such form, or has a field twice.

    """
    refused = refusal("form", HTTPStatus.BAD_REQUEST)
    if media_type(request.headers.get(hdrs.CONTENT_TYPE, "")) != "multipart/form-data":
        return await read_form(request), b""
    try:
        fields = await request.post()
    except ValueError:
        raise refused from None
    if len(fields) > MOST_FIELDS or len(set(fields)) != len(fields):
        raise refused
    form: dict[str, str] = {}
    files: list[bytes] = []
    for name, value in fields.items():
        if isinstance(value, str):
            form[name] = value
        elif isinstance(value, web.FileField):
            with value.file:
                files.append(value.file.read())
        else:
            raise refused
    if len(files) != 1:
        raise refused
    return form, files[0]


def _pairs(data: bytes) -> list[tuple[str, str]]:
    return parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
