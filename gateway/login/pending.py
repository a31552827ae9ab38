"""A pending login: the values that are remembered until its callback, under a state that nobody can guess.

The state goes through the provider and the browser's address bar; the return target, the nonce and the PKCE
verifier do not: they wait here. A pending login is bound to the browser that began it by one small cookie, whose
secret all of that browser's logins share, so that two tabs work. On a browser's first visit each tab has a cookie of
its own beside it. A login is used once. Its result is remembered for the login's lifetime, so that a callback that
arrives twice leads to the same page as the first. Keeping them is `memory_pending` or `redis_pending`, behind one
contract.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import msgspec

from gateway.instant import Instant
from gateway.login.sign_in import LoginFailure
from gateway.policy.verdict import ChallengeReason
from gateway.session.ticket import MOST_COOKIES, cookies_named

SECRET_BYTES = 32
"""Random bytes of a state, a nonce, a PKCE verifier and a browser's secret: 43 characters of base64url."""

PENDING_SECONDS = 1_800.0
"""The lifetime of a pending login, unless settings say another. People install an app, type two PINs and hold a card to
a phone meanwhile."""

SPENT_SECONDS = 3_600.0
"""The time for which a name that was spent is remembered: longer than any pending login may live."""

TARGET_SECONDS = 86_400.0
"""The time for which the target of a login is remembered after its beginning, without the login's secrets."""

LONGEST_TARGET = 1_024
"""Bytes of a target that is remembered so long."""

TARGETS_UP_TO = 8
"""A store that holds more than this part of its pending logins (one in eight) remembers no more targets: it may be
under a flood, and a day is long."""

FORM_LIVES = 4
"""A form waits as long as so many logins would: its sign-in may fail, and begin again."""

PENDING_PER_BROWSER = 32
"""Live pending logins of one browser; one more ends its own oldest, so that the newest always works."""

PENDING_IN_TOTAL = 20_000
"""Live pending logins from which on an address with more than its share is refused; at twice that, everybody."""

PENDING_PER_ADDRESS = 10_000
"""Live pending logins of one address: alone it never fills what all share."""

BYTES_IN_TOTAL = 128 * 1024 * 1024
"""Bytes of live pending logins, by the same rule; the store never holds more than twice as many."""

BYTES_PER_ADDRESS = 16 * 1024 * 1024
"""Bytes of live pending logins of one address: the size of 250 of the largest kept forms."""

BYTES_OF_A_LOGIN = 1_024
"""Bytes that a pending login takes beside its target: the sealed record, its names and their places."""

MOST_TABS = 6
"""Cookies of tabs that a browser keeps at most, beside its binding cookie: a head has room for few."""

_STATE = re.compile(r"[A-Za-z0-9_-]{43}")
_COOKIE = re.compile(rb"([A-Za-z0-9_-]{43})(?:\.([A-Za-z0-9_-]{22}))?")


class PendingLogin(msgspec.Struct, frozen=True):
    """The values that a callback must find again. Sealed wherever it leaves this process."""

    browser: str
    """Name of the browser that may come back: a hash of the secret in its cookie."""
    host: str
    """The same as `Route.host`: a state of one App is not valid on another's host."""
    client_id: str
    nonce: str
    verifier: str
    return_to: str
    rule: str
    """The rule that asked, as text: the loop breaker compares it."""
    scopes: tuple[str, ...]
    begun_at: Instant
    fresh_within: float | None = None
    rounds: int = 1
    """How many sign-ins in a row, this one included, the same rule has asked for at once."""
    app: str = ""
    """The App whose rule asked: Apps of one host share a callback."""
    reason: ChallengeReason = ChallengeReason.SIGN_IN
    in_app: bool = False
    """Whether the browser that began it is a window inside another app."""


class UsedLogin(msgspec.Struct, frozen=True):
    """A pending login that was used: enough to send its second callback where the first went, and no more."""

    browser: str
    host: str
    return_to: str
    session_name: str | None = None
    """`ticket_name` of the session it became; None while it is being redeemed, or where it failed."""
    failure: LoginFailure | None = None
    error: str = ""
    person: str = ""
    """The pseudonym of who signed in: her later sessions in this browser are hers as well."""


class KeptTarget(msgspec.Struct, frozen=True):
    """The target of a login that has ended, for a day: a person who was slow begins again where she wanted to be."""

    browser: str
    host: str
    return_to: str
    begun_at: Instant
    app: str = ""


class WaitingForm(msgspec.Struct, frozen=True):
    """A form that was not sent, and that its person can send once the identity is confirmed."""

    browser: str
    """As in `PendingLogin`: another browser does not see it."""
    host: str
    target: str
    """Path and query that the form goes to."""
    body: str
    until: Instant
    """The end of its time, for the person."""
    person: str = ""
    """The pseudonym of the person for whom it waits; empty until somebody has signed in for it."""


class SentForm(msgspec.Struct, frozen=True):
    """A form that has been sent; its body is gone."""

    browser: str
    host: str
    target: str


class Round(msgspec.Struct, frozen=True):
    """The loop breaker's memory of a sign-in, by the session it made."""

    rule: str
    rounds: int
    at: Instant


@dataclass(frozen=True, slots=True)
class Browser:
    """The binding cookie's content: the browser's secret, and a hash of the last person who signed in."""

    secret: str
    last: str = ""

    @property
    def name(self) -> str:
        """The browser that a pending login is bound to, as the secret's hash, which opens nothing."""
        return sha256(b"sekisho.browser.name.v1:" + self.secret.encode()).hexdigest()

    @property
    def cookie(self) -> str:
        """The cookie's value."""
        return f"{self.secret}.{self.last}" if self.last else self.secret

    def mark_of(self, client_id: str, subject: str) -> str:
        """Return the hash that remembers a person in this cookie alone: without the secret it identifies nobody."""
        person = client_id.encode() + b"\0" + subject.encode()
        digest = hmac.digest(self.secret.encode(), b"sekisho.browser.last.v1:" + person, "sha256")
        return urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def random_name(random: bytes) -> str:
    """Return 32 random bytes as base64url: never a `;`, which a provider has been seen to break on."""
    if len(random) != SECRET_BYTES:
        raise ValueError(f"a secret name is made of {SECRET_BYTES} bytes, not {len(random)}")
    return urlsafe_b64encode(random).rstrip(b"=").decode()


def is_state(value: str) -> bool:
    """Whether a value has a state's shape. Anything else is not worth a look-up."""
    return _STATE.fullmatch(value) is not None


def state_name(state: str) -> str:
    """Return the name a pending login is kept under: the state's hash."""
    return sha256(b"sekisho.pending.name.v1:" + state.encode()).hexdigest()


def read_browser(cookie: bytes | None) -> Browser | None:
    """Return what the binding cookie says, or None where it has not its shape."""
    match = _COOKIE.fullmatch(cookie or b"")
    if match is None:
        return None
    return Browser(match[1].decode(), (match[2] or b"").decode())


def find_browser(cookies: bytes, name: bytes) -> Browser | None:
    """Return the one browser that the cookies of this name identify, or `None` if there is none or more than one.

    As with tickets (`session.ticket.find_brought`): a cookie of another form is ignored, and of two neither is
    believed. Otherwise a cookie that a script put there could make this browser finish another person's sign-in.
    """
    values = cookies_named(cookies, name)
    browsers = {browser for value in values[:MOST_COOKIES] if (browser := read_browser(value)) is not None}
    return browsers.pop() if len(browsers) == 1 and len(values) <= MOST_COOKIES else None


def tab_cookie(name: bytes, place: int) -> bytes:
    """Return the name of the cookie that binds one login alone, where `name` is the browser's binding cookie.

    Several tabs that a browser restores on its first visit begin before any has a cookie, and the browser keeps the
    last of their binding cookies. Each login has one of these beside it, by its place among those of its address, so
    that the browser keeps as many as there are names.
    """
    return b"%b-%d" % (name, place % MOST_TABS)


def tab_cookies(cookies: bytes, name: bytes) -> list[bytes]:
    """Return the names of the cookies here that bind one login each."""
    return [tab for place in range(MOST_TABS) if cookies_named(cookies, tab := tab_cookie(name, place))]


def bound_browser(
    login: PendingLogin | UsedLogin | KeptTarget | WaitingForm | SentForm, cookies: bytes, name: bytes
) -> Browser | None:
    """Return the browser whose cookies these are if the login began in it, else `None`.

    A tab's cookie is believed only beside the one binding cookie of a browser in which nobody has signed in yet. A
    script cannot overwrite that one, but it can invent any tab's cookie, and make the browser finish another person's
    sign-in.
    """
    browser = find_browser(cookies, name)
    if browser is None or same_browser(login.browser, browser):
        return browser
    if browser.last:
        return None
    tabs = (find_browser(cookies, tab) for tab in tab_cookies(cookies, name))
    return browser if any(same_browser(login.browser, tab) for tab in tabs) else None


def same_browser(expected: str, browser: Browser | None) -> bool:
    """Whether this is the browser a pending login is bound to; compared in constant time."""
    return browser is not None and hmac.compare_digest(expected, browser.name)


def bytes_of(login: PendingLogin) -> int:
    """Return the bytes that a pending login counts for, in every store alike, until it ends."""
    return BYTES_OF_A_LOGIN + len(login.return_to.encode())


def bytes_of_form(form: WaitingForm) -> int:
    """Return the bytes that a waiting form counts for, by the same rule."""
    return BYTES_OF_A_LOGIN + len(form.target.encode()) + len(form.body.encode())


def kept_target(login: PendingLogin) -> KeptTarget | None:
    """Return the part of a login that is remembered for a day, or `None` if its target is not worth it."""
    if login.return_to == "/" or len(login.return_to.encode()) > LONGEST_TARGET:
        return None
    return KeptTarget(login.browser, login.host, login.return_to, login.begun_at, login.app)


def may_open(live: int, addresses: int, of_address: int, total: int, more: int = 1) -> bool:
    """Whether `more` may wait for an address: one login among logins, or its bytes among bytes.

    Up to `total` live ones, every address may open one. From there on an address that already has its share (`total`
    divided by the addresses that have any, at least one login) may not; at twice `total`, nobody. A live one never
    gives way to a stranger.
    """
    if live + more <= total:
        return True
    return live + more <= 2 * total and of_address + more <= max(more, total // max(1, addresses))


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that may wait by one measure, in all and for one address."""

    total: int
    per_address: int

    def admits(self, more: int, *, live: int, addresses: int, of_address: int) -> bool:
        """Whether `more` may wait beside what already does."""
        if of_address + more > self.per_address:
            return False
        return may_open(live, addresses, of_address, self.total, more)


class PendingStore(Protocol):
    """The store of pending logins. One test suite holds every implementation to this.

    Each method raises `StoreUnavailableError` if the store does not answer. Entries end by themselves after
    their lifetime, which the store is made with (`PENDING_SECONDS`).
    """

    async def open(self, state: str, login: PendingLogin, address: str, now: Instant) -> int:
        """Keep a pending login, and return its place among those of its address, from 1.

        Return 0 and keep nothing if the number or the bytes exceed a `Cap`.
        """

    async def find(self, state: str, now: Instant) -> PendingLogin | UsedLogin | KeptTarget | None:
        """Return what waits under a state: an unused login, a used one, the target of an ended one, or nothing."""

    async def use(self, state: str, login: PendingLogin, now: Instant) -> bool:
        """Mark a login that `find` returned as used; True for exactly one caller, ever."""

    async def waits(self, name: str) -> bool:
        """Return whether a login of this name (`state_name`) is kept and has not been used."""

    async def settle(self, state: str, used: UsedLogin, now: Instant, made: Round | None = None) -> None:
        """Remember what came of a used login, and of a session that it made which sign-in that was."""

    async def find_round(self, session_name: str, now: Instant) -> Round | None:
        """Return the sign-in that made a session, if that was within a login's lifetime."""

    async def keep_form(self, form_id: str, form: WaitingForm, address: str, now: Instant) -> bool:
        """Keep a form under a name that nobody can guess; False, and nothing kept, if the forms exceed a `Cap`."""

    async def find_form(self, form_id: str, now: Instant) -> WaitingForm | SentForm | None:
        """Return the form that waits under this name, or the one that has been sent."""

    async def change_form(self, form_id: str, form: WaitingForm) -> None:
        """Keep the same form for another person. It lives no longer for that."""

    async def send_form(self, form_id: str, form: WaitingForm, now: Instant) -> bool:
        """Forget the body of a form that `find_form` returned; True for exactly one caller, ever."""

    async def spend(self, name: str, now: Instant) -> bool:
        """Remember a name that is for one use; True for exactly one caller within `SPENT_SECONDS`."""

    async def unspend(self, name: str) -> None:
        """Forget that a name was spent, because the action failed."""
