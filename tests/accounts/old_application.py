"""An application of 2009 without a socket: its login form, its sessions, and a form to fill in.

It is the App's `Upstreams` itself. Each request that is sent to it is answered in the next turn of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from gateway.accounts.accounts import AccountStore
from gateway.accounts.asyncio_application import Application
from gateway.accounts.asyncio_linking import AppParts, Linking
from gateway.accounts.asyncio_watching import LinkWatches
from gateway.accounts.attempts import attempt_limits
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.errors import GatewayError, UpstreamUnreachableError
from gateway.instant import Instant
from gateway.session.memory_store import MemoryStore
from gateway.session.seal import Secrets
from gateway.settings.settings import (
    AppAccounts,
    EndedSettings,
    HeaderSettings,
    LogoutSettings,
    RecipeSettings,
    SuccessSettings,
)
from gateway.upstream.upstream import AnswerFraming, AnswerHead, Exchanger, Headers, Receiver, Upstreams
from tests.builders import NOON

if TYPE_CHECKING:
    from gateway.settings.settings import TrafficSettings

RECIPE = RecipeSettings(
    page="/login.php",
    post="/login.php",
    user="id",
    password="pw",
    success=SuccessSettings(status=302, not_location="/login.php"),
    ended=EndedSettings(location="/login.php"),
    logout=LogoutSettings(page="/logout.php"),
    closed=("/login.php",),
    locks_after=5,
)
KEYS = Secrets.single(b"k" * 32)
FORM = b'<form method="post"><input type="hidden" name="marker" value="m1"><input name="id"><input name="pw"></form>'


@dataclass
class Asked:
    """One request that the application got."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """Its body as a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass
class OldApplication:
    """The application, and its connections."""

    passwords: dict[str, str] = field(default_factory=lambda: {"yamada": "old-Canary-1", "club": "old-Canary-2"})
    asked: list[Asked] = field(default_factory=list)
    sessions: dict[str, str] = field(default_factory=dict)
    """The account of each session's cookie."""
    fails: GatewayError | None = None
    """The error in the place of an answer, if there is one."""
    fails_only: str = ""
    """The method of the requests that fail; all of them without one."""
    fails_unheard: bool = False
    """No connection can be made."""
    page: tuple[int, bytes] = (200, FORM)
    """The status and the body of the login page."""
    over: tuple[int, Headers, bytes] = (302, ((b"Location", b"/login.php?from=/mine"),), b"")
    """The answer to a request without a session."""
    pages: dict[str, tuple[int, Headers, bytes]] = field(default_factory=dict)
    """Other answers to a person, by their targets."""
    refusal: tuple[int, Headers, bytes] = (200, (), b"wrong")
    """The answer to a login that is not good."""
    silent: bool = False
    """It says nothing at all."""
    more_cookies: tuple[bytes, ...] = ()
    """Lines of `Set-Cookie` that every page of a person's has."""
    abandoned: int = 0
    left: int = 0
    made: int = 0

    rewrite = None

    def take(self, receiver: Receiver, *, repeatable: bool) -> Exchanger | None:
        """Give a connection at once."""
        del receiver, repeatable
        return _Connection(self)

    def take_fresh(self, receiver: Receiver) -> None:
        """Give a connection soon."""
        loop = asyncio.get_running_loop()
        if self.fails_unheard:
            loop.call_soon(lambda: receiver.upstream_failed(UpstreamUnreachableError("old"), unheard=True))
        elif not self.silent:
            loop.call_soon(lambda: receiver.upstream_ready(_Connection(self)))

    def leave(self, receiver: Receiver) -> None:
        """Count those who no longer wait."""
        del receiver
        self.left += 1

    def logins(self) -> int:
        """Return how many logins have been tried."""
        return sum(each.method == "POST" and each.target == "/login.php" for each in self.asked)

    def end_sessions(self) -> None:
        """Forget every session, as a restart does."""
        self.sessions.clear()

    def answer(self, asked: Asked) -> tuple[int, Headers, bytes]:
        """Answer one request."""
        self.asked.append(asked)
        pairs = dict(each.partition("=")[::2] for each in asked.headers.get("cookie", "").split("; "))
        person = self.sessions.get(pairs.get("OLDSID", ""))
        match asked.method, asked.target:
            case "GET", "/login.php":
                return self.page[0], ((b"Set-Cookie", b"PRE=p1; Path=/"),), self.page[1]
            case "POST", "/login.php":
                name, good = asked.form.get("id", ""), self.passwords.get(asked.form.get("id", ""))
                if asked.form.get("marker") != "m1" or pairs.get("PRE") != "p1":
                    return 400, (), b"no marker"
                if good is None or asked.form.get("pw") != good:
                    return self.refusal
                self.made += 1
                value = f"s{self.made}"
                self.sessions[value] = name
                return 302, ((b"Location", b"/mine"), (b"Set-Cookie", f"OLDSID={value}; Path=/".encode())), b""
            case _, "/logout.php":
                self.sessions.pop(pairs.get("OLDSID", ""), None)
                return 302, ((b"Location", b"/login.php"),), b""
            case _, "/open":
                return 200, (), f"open, {person or 'nobody'}".encode()
            case _ if person is None:
                return self.over
            case _, target if target in self.pages:
                return self.pages[target]
            case method, _:
                lines = tuple((b"Set-Cookie", line) for line in self.more_cookies)
                return 200, lines, f"{method} by {person}: ".encode() + asked.body


class _Connection:
    """One connection: it takes one request."""

    def __init__(self, owner: OldApplication) -> None:
        self.last = True
        self._owner = owner
        self._holder: Receiver | None = None
        self._head = b""
        self._body = b""

    def send(self, holder: Receiver, head: bytes, *, is_head: bool, uploading: bool, with_body: bool = False) -> None:
        """Take the request, and answer once it is whole."""
        del is_head
        self._holder = holder
        self._head, _, rest = head.partition(b"\r\n\r\n")
        assert bool(rest) == with_body
        self._body = rest
        if not uploading:
            self._answer_soon()

    def send_body(self, holder: Receiver, data: bytes) -> None:
        """Take more of the body."""
        assert holder is self._holder
        self._body += data

    def upload_done(self, holder: Receiver) -> None:
        """Answer."""
        assert holder is self._holder
        self._answer_soon()

    def _answer_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._answer)

    def _answer(self) -> None:
        holder, owner = self._holder, self._owner
        if holder is None:
            return
        if owner.fails is not None and self._head.startswith(owner.fails_only.encode()):
            self._holder = None
            holder.upstream_failed(owner.fails, unheard=False)
            return
        lines = self._head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        status, headers, body = owner.answer(Asked(method, target, fields, self._body))
        head = AnswerHead(status, headers, AnswerFraming.COUNTED, len(body))
        if body:
            holder.answer_begins(head, body[:4], complete=False)
            if self._holder is not None:
                holder.answer_goes_on(body[4:])
            if self._holder is not None:
                self._holder = None
                holder.answer_ends(())
        else:
            self._holder = None
            holder.answer_begins(head, b"", complete=True)

    def within(self, holder: Receiver, limits: TrafficSettings) -> None:
        """There are no clocks."""

    def end_tunnel(self, holder: Receiver) -> None:
        """There is no tunnel."""

    def pause(self, holder: Receiver) -> None:
        """The answer is there already."""

    def resume(self, holder: Receiver) -> None:
        """The answer is there already."""

    def pass_on(self, holder: Receiver, heir: Receiver) -> None:
        """Answer another receiver."""
        if holder is self._holder:
            self._holder = heir

    def abandon(self, holder: Receiver) -> None:
        """Say nothing more."""
        if holder is self._holder:
            self._holder = None
            self._owner.abandoned += 1


@dataclass
class Clock:
    """A moment that a test moves."""

    now: Instant = NOON

    def __call__(self) -> Instant:
        return self.now


def linking(
    old: OldApplication | None,
    *,
    store: AccountStore | None = None,
    sessions: MemoryStore,
    clock: Clock | None = None,
    joined_at: Callable[[str, str], Instant | None] = lambda _client, _subject: None,
    subjects_of: Callable[[str, str], tuple[str, ...]] = lambda _client, subject: (subject,),
    settings: AppAccounts | None = None,
    recipe: RecipeSettings = RECIPE,
    watches: LinkWatches | None = None,
    keys: Secrets = KEYS,
) -> Linking:
    """Return the accounts of the App `booking`; without an application, only the office links."""
    known = clock or Clock()
    numbers = iter(range(1, 10_000))
    application = None if old is None else Application(lambda: _checked(old), recipe, known)
    parts = AppParts(
        name="booking",
        settings=settings or AppAccounts(tell="form", passwords="kept", recipe=recipe),
        headers=HeaderSettings(),
        store=store or MemoryAccounts(),
        keys=keys,
        application=application,
        limits=attempt_limits(recipe.locks_after, recipe.forgets_after),
    )
    return Linking(
        {"booking": parts},
        sessions,
        joined_at,
        subjects_of,
        clock=known,
        random=lambda count: next(numbers).to_bytes(count, "big"),
        watches=LinkWatches(lambda: 0.0) if watches is None else watches,
    )


def _checked(old: OldApplication) -> Upstreams:
    return old
