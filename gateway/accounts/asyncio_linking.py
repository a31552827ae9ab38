"""Links a person to an account of an application, and finds out for which one she acts.

The application's own login proves an account. A wrong name, a wrong password and a limit that is reached have the same
answer, at moments that every answer shares: nobody tries old passwords here, and nobody is locked out through us.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256

import structlog

from gateway.accounts.accounts import (
    CHANGE_SECONDS,
    Account,
    AccountStore,
    Evidence,
    Full,
    Held,
    KeptPassword,
    KeptPasswords,
    Linked,
    Taken,
    counts,
)
from gateway.accounts.application_cookies import Jar, cookie_key, counted, field_of
from gateway.accounts.asyncio_application import Application, LoginResult, Refused, SignedInThere
from gateway.accounts.asyncio_changing import ChangeEnd, ChangeResult, PasswordChange
from gateway.accounts.asyncio_watching import LinkWatches
from gateway.accounts.attempts import Attempt, AttemptLimits, answer_at
from gateway.accounts.marks import Marks, marks_of
from gateway.accounts.names import fold_account, read_account_name, typed_account_name
from gateway.accounts.passwords import LONGEST, NONCE, open_password, seal_password
from gateway.accounts.recipe import RecipeFault
from gateway.errors import (
    GatewayError,
    SignInInvalidError,
    StoreFault,
    StoreUnavailableError,
    UpstreamOverloadedError,
    UpstreamProtocolError,
    UpstreamUnreachableError,
)
from gateway.headers.telling import can_tell
from gateway.identity import Acting
from gateway.instant import Instant
from gateway.observe.events import Event
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.session.seal import Secrets
from gateway.session.session import Found, KnownAccount, Session, SessionStore, Watch
from gateway.session.ticket import Ticket, ticket_name
from gateway.settings.settings import AppAccounts, HeaderSettings

KNOWN_SECONDS = 5.0
"""Seconds for which a worker believes the links that it has read: then the counter's changes take effect."""

TURN_SECONDS = 30.0
"""Seconds for which a login with a kept password waits for others of its account."""
_TURN_AGAIN_SECONDS = 0.2

_MOST_TICKETS = 5
"""Tickets of one session, the one after the other, that are followed during one proof."""

NONE = "none"
"""The word beside a session whose person has said that she has no account."""

log = structlog.get_logger()


class LinkEnd(StrEnum):
    """How an attempt to link an account ended. Word of a log line and of the audit trail."""

    LINKED = "linked"
    WRONG = "wrong"
    """A wrong name or password, or a limit of attempts: a person is not told which."""
    TAKEN = "taken"
    """Another person has the account: the counter decides."""
    FULL = "full"
    """The person or the group has as many as there can be."""
    AWAY = "away"
    """The application did not answer, or not as the recipe says."""
    NOT_CHANGED = "not_changed"
    """The account is hers, and the gateway could not give it a password of its own: she proves it again later."""
    NOT_TELLABLE = "not_tellable"
    """The application could not be told of an account with this name."""
    CHOSEN = "chosen"
    """The person said for which account she acts."""
    DECLINED = "declined"
    """The person said that she has no account."""
    UNLINKED = "unlinked"
    """The person ended her link."""
    SIGNED_OUT = "signed_out"
    """The session ended while the application was asked, and the link was taken back."""


@dataclass(frozen=True, slots=True)
class LinkResult:
    """The end of an attempt, and the accounts and persons that it was about."""

    end: LinkEnd
    account: str = ""
    person: str = ""
    """The person's mark."""
    holder: str = ""
    """The mark of the person who has the account, where another one has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppParts:
    """Everything that one App's accounts need."""

    name: str
    settings: AppAccounts
    headers: HeaderSettings
    store: AccountStore
    keys: Secrets
    application: Application | None
    """Signs in at the application; `None` without a recipe."""
    limits: AttemptLimits


@dataclass(frozen=True, slots=True)
class _NotTried:
    """A limit of attempts is reached, and the application was not asked."""


@dataclass(frozen=True, slots=True)
class _Used:
    """A login with a kept password."""

    kept: KeptPassword
    password: str = field(repr=False)
    login: SignedInThere


@dataclass(slots=True)
class _Proof:
    """A login by which a person has proved an account, and what was kept of the account before it."""

    parts: AppParts
    route: Route
    person: Inbound
    marks: Marks
    login: SignedInThere
    password: str = field(repr=False)
    seen: KeptPasswords
    jar: Jar = field(init=False)
    """The cookies of the session there that is still open."""

    def __post_init__(self) -> None:
        self.jar = self.login.jar


class Linking:
    """The accounts of all Apps that have some, for the pages and for the byte path."""

    def __init__(
        self,
        apps: Mapping[str, AppParts],
        sessions: SessionStore,
        joined_at: Callable[[str, str], Instant | None],
        subjects_of: Callable[[str, str], tuple[str, ...]],
        *,
        clock: Callable[[], Instant],
        random: Callable[[int], bytes],
        watches: LinkWatches,
    ) -> None:
        """`joined_at` returns the moment at which a person became known by an older subject, if she did.

        `subjects_of` returns that subject with those that lead to it: an account that she linked by a new card before
        she was known as the older person is hers, too.
        """
        self._watches = watches
        self.apps = apps
        self._sessions = sessions
        self._joined_at = joined_at
        self._subjects_of = subjects_of
        self._clock = clock
        self._random = random

    async def load(self, route: Route, found: Found, ticket: Ticket) -> None:
        """Find out for which account a session's person acts, and keep it with the session.

        Raises:
            StoreUnavailableError: a store did not answer.

        """
        now = self._clock()
        held = await self.accounts_of(route, found.session)
        notes = await self._sessions.notes(ticket)
        choice = notes.get(_note(route.name), "")
        chosen = self._chosen(route.name, held, choice)
        if len(held) == 1 and choice in ("", NONE):
            # With a choice that is none of hers any more she is asked: a tab may have a form for the former account.
            chosen = held[0]
        acting = None if chosen is None else Acting(chosen.account.name, chosen.account.kind, chosen.link.role)
        known = KnownAccount(acting, len(held), not held and choice == NONE, now, now + KNOWN_SECONDS)
        found.accounts = {**(found.accounts or {}), route.name: known}

    def watch(self, route: Route, found: Found, on_end: Callable[[], None]) -> Watch | None:
        """Call `on_end` once when the account ends for which a session's person acts; `None` if she acts for none."""
        known = None if found.accounts is None else found.accounts.get(route.name)
        if known is None or known.acting is None:
            return None
        return self._watches.add(route, found.session, known.acting, on_end)

    async def revision(self, route: Route) -> int | None:
        """Return a number that grows with every change of the App's links; `None` if it has no accounts any more.

        Raises:
            StoreUnavailableError: the store did not answer.

        """
        parts = self.apps.get(route.name)
        return None if parts is None else await parts.store.revision(route.name)

    async def acting(self, route: Route, found: Found, ticket: Ticket) -> Acting | None:
        """Return the account for which a session's person acts, as it was known a few seconds ago at most.

        Raises:
            StoreUnavailableError: a store did not answer.

        """
        known = (found.accounts or {}).get(route.name)
        if known is None or not known.valid_from <= self._clock() < known.valid_until:
            await self.load(route, found, ticket)
            known = (found.accounts or {}).get(route.name)
        return None if known is None else known.acting

    async def accounts_of(self, route: Route, session: Session) -> tuple[Held, ...]:
        """Return the accounts of a person that she may use now.

        Raises:
            StoreUnavailableError: the store did not answer.

        """
        return tuple(each for each in await self.links_of(route, session) if self.opens(route, session, each))

    async def links_of(self, route: Route, session: Session) -> tuple[Held, ...]:
        """Return every account that a person is linked to, also those that she must prove again before using them.

        Raises:
            StoreUnavailableError: the store did not answer.

        """
        parts = self.apps[route.name]
        return await parts.store.find(parts.name, self.marks(route, session))

    def opens(self, route: Route, session: Session, held: Held) -> bool:
        """Say whether a person may use an account of hers now."""
        parts = self.apps[route.name]
        person = session.identity
        joined_at = self._joined_at(person.client_id, person.subject)
        return counts(held.link, joined_at) and can_tell(parts.settings, parts.headers, held.account.name)

    async def unlink(self, route: Route, session: Session, name: str) -> bool:
        """End a person's link to an account; False if she has none.

        Raises:
            StoreUnavailableError: the store did not answer.

        """
        parts = self.apps[route.name]
        return await parts.store.unlink(parts.name, name, self.marks(route, session)) is not None

    def marks(self, route: Route, session: Session) -> Marks:
        """Return the marks by which the App's links name a person.

        Raises:
            StoreUnavailableError: another hand has changed an alias of hers, and nobody can say which links are hers.

        """
        person = session.identity
        try:
            subjects = self._subjects_of(person.client_id, person.subject)
        except SignInInvalidError:
            raise StoreUnavailableError(StoreFault.PROTOCOL) from None
        return marks_of(self.apps[route.name].keys, route.name, person.client_id, *subjects)

    async def choose(self, route: Route, session: Session, ticket: Ticket, word: str) -> str | None:
        """Have a person act for one of her accounts in this session, and return its name; `None`: she has no such one.

        `word` is the account's `choice`, for the list may have changed since she saw it.

        Raises:
            StoreUnavailableError: a store did not answer.

        """
        chosen = self._chosen(route.name, await self.accounts_of(route, session), word)
        if chosen is None:
            return None
        await self._sessions.note(ticket, _note(route.name), self.choice(route.name, chosen))
        return chosen.account.name

    async def decline(self, route: Route, ticket: Ticket) -> None:
        """Note that a person says that she has no account.

        Raises:
            StoreUnavailableError: the store did not answer.

        """
        await self._sessions.note(ticket, _note(route.name), NONE)

    async def renew(self, old: Ticket, new: Ticket, session: Session) -> bool:
        """Give a session another ticket, so that every worker finds out anew for which account its person acts.

        Raises:
            StoreUnavailableError: the store did not answer.

        """
        return await self._sessions.replace(old, new, session)

    def choice(self, app: str, held: Held) -> str:
        """Return the word on our page, and beside a session, that chooses an account: a keyed hash, and no name."""
        return _choice(self.apps[app].keys.first.value, app, held)

    def _chosen(self, app: str, held: tuple[Held, ...], word: str) -> Held | None:
        """Return the account that a word chooses, also under a key that was the first one before."""
        keys = self.apps[app].keys.all
        return next(
            (
                each
                for each in held
                if any(hmac.compare_digest(word.encode(), _choice(key.value, app, each).encode()) for key in keys)
            ),
            None,
        )

    async def link(
        self, route: Route, person: Inbound, session: Session, ticket: Ticket, typed: str, password: str
    ) -> LinkResult:
        """Prove an account by the application's own login, and link it.

        Raises:
            StoreUnavailableError: a store did not answer.

        """
        parts = self.apps[route.name]
        began = self._clock()
        result = await self._link(parts, route, person, session, ticket, typed, password)
        if result.end is not LinkEnd.LINKED:
            now = self._clock()
            await asyncio.sleep(max(0.0, answer_at(began, now) - now))
        return result

    async def _link(
        self,
        parts: AppParts,
        route: Route,
        person: Inbound,
        session: Session,
        ticket: Ticket,
        typed: str,
        password: str,
    ) -> LinkResult:
        marks = self.marks(route, session)
        name = typed_account_name(typed)
        if parts.application is None or name is None or not password or len(password.encode()) > LONGEST:
            return LinkResult(LinkEnd.WRONG, person=marks.first)
        if not can_tell(parts.settings, parts.headers, name):
            return LinkResult(LinkEnd.NOT_TELLABLE, person=marks.first)
        seen = await parts.store.passwords(parts.name, name)
        login = await self.sign_in(route, person, name, password, marks.first)
        if login is None:
            return LinkResult(LinkEnd.AWAY, name, marks.first)
        if not isinstance(login, SignedInThere):
            return LinkResult(LinkEnd.WRONG, name, marks.first)
        account = read_account_name(login.account or name) or name
        if fold_account(account) != fold_account(name):
            seen = await parts.store.passwords(parts.name, account)
        proof = _Proof(parts, route, person, marks, login, password, seen)
        try:
            return await self._proved(proof, account, ticket)
        finally:
            await self._leave(parts, route, person, proof.jar)

    async def _proved(self, proof: _Proof, name: str, ticket: Ticket) -> LinkResult:
        """Link a person to the account that she has proved."""
        parts, mark = proof.parts, proof.marks.first
        if not can_tell(parts.settings, parts.headers, name):
            return LinkResult(LinkEnd.NOT_TELLABLE, name, mark)
        linked = await parts.store.link(Account(parts.name, name), proof.marks, Evidence.PROOF, self._clock())
        if not (isinstance(linked, Linked) and linked.renewed) and not await self._lives(ticket):
            # A person who is erased in the middle leaves neither a link nor a claim: her sessions end before her links.
            await parts.store.unlink(parts.name, name, proof.marks)
            return LinkResult(LinkEnd.SIGNED_OUT, name, mark)
        match linked:
            case Taken(known, holder):
                return LinkResult(LinkEnd.TAKEN, known.name, mark, holder)
            case Full():
                return LinkResult(LinkEnd.FULL, name, mark)
            case Linked(held):
                account = held.account.name
                await self._sessions.note(ticket, _note(parts.name), self.choice(parts.name, held))
                end = LinkEnd.LINKED if await self._keep(proof, account) else LinkEnd.NOT_CHANGED
                return LinkResult(end, account, mark)

    async def _lives(self, ticket: Ticket) -> bool:
        """Say whether a session has not ended; another tab may have given it other tickets meanwhile."""
        name: str | None = ticket_name(ticket)
        for _ in range(_MOST_TICKETS):
            if name is None:
                break
            if await self._sessions.idle_left(name) is not None:
                return True
            name = await self._sessions.follower(name)
        return False

    async def _keep(self, proof: _Proof, account: str) -> bool:
        """Keep a password for an account that was proved, as the settings say; False if the link cannot count yet."""
        parts = proof.parts
        match parts.settings.passwords if parts.settings.tell == "form" else None:
            case "kept":
                box = seal_password(parts.keys, parts.name, account, proof.password, self._random(NONCE))
                await parts.store.keep_password(parts.name, account, KeptPassword(box, own=True), proof.marks)
            case "changed":
                changed = await self._change(proof, account)
                if changed.login is not None:
                    await self._leave(parts, proof.route, proof.person, changed.login.jar)
                if changed.end in (ChangeEnd.NOT_CHANGED, ChangeEnd.LOST):
                    if not _made(await parts.store.passwords(parts.name, account)):
                        await parts.store.ask_again(parts.name, account, proof.marks)
                    return False
            case None:
                pass
        return True

    async def _change(self, proof: _Proof, account: str) -> ChangeResult:
        """Have the application know the account by a password that the gateway makes."""
        parts = proof.parts
        if parts.application is None:
            raise RuntimeError("a password was proved without an application")

        async def prove(password: str) -> SignedInThere | Refused | None:
            login = await self._tried(proof.route, proof.person, account, password, proof.marks.first)
            return login if isinstance(login, SignedInThere | Refused) else None

        change = PasswordChange(
            app=parts.name,
            account=account,
            store=parts.store,
            keys=parts.keys,
            application=parts.application,
            route=proof.route,
            person=proof.person,
            prove=prove,
            leave=lambda login: self._leave(parts, proof.route, proof.person, login.jar),
            clock=self._clock,
            random=self._random,
        )
        changed = await change.make(proof.login, proof.password, proof.seen)
        proof.jar = changed.jar
        return changed

    async def sign_in(
        self, route: Route, person: Inbound, account: str, password: str, mark: str
    ) -> LoginResult | None:
        """Sign in at the application, counted as an attempt; `None`: the application is away.

        Raises:
            StoreUnavailableError: the store did not answer, so nothing would count the attempt.

        """
        login = await self._tried(route, person, account, password, mark)
        return Refused() if isinstance(login, _NotTried) else login

    async def _tried(
        self, route: Route, person: Inbound, account: str, password: str, mark: str
    ) -> SignedInThere | Refused | _NotTried | None:
        parts = self.apps[route.name]
        application = parts.application
        if application is None:
            return None
        attempt = Attempt(parts.name, fold_account(account), mark, self._random(16).hex())
        if not await parts.store.begin_attempt(attempt, parts.limits, self._clock()):
            return _NotTried()
        try:
            login = await self._logged_in(parts, route, person, attempt, account, password)
        except StoreUnavailableError:
            raise
        except GatewayError as error:
            log.warning(Event.ACCOUNT_LOGIN_FAILED, app=route.name, request_id=person.request_id, error=error.code)
            return None
        return None if isinstance(login, RecipeFault) else login

    async def _logged_in(
        self, parts: AppParts, route: Route, person: Inbound, attempt: Attempt, account: str, password: str
    ) -> LoginResult:
        """Sign in at the application, with an attempt that is counted already, and say what became of the attempt.

        Raises:
            GatewayError: the application did not answer. It may have counted a login that was sent.

        """
        application = parts.application
        if application is None:
            raise RuntimeError("an attempt was counted without an application")
        try:
            form = await application.login_form(route, person)
        except GatewayError:
            await parts.store.withdraw_attempt(attempt)
            raise
        if isinstance(form, RecipeFault):
            log.warning(Event.ACCOUNT_LOGIN_FAILED, app=route.name, request_id=person.request_id, error=form.value)
            await parts.store.withdraw_attempt(attempt)
            return form
        try:
            login = await application.log_in(route, person, form, account, password)
        except (UpstreamUnreachableError, UpstreamOverloadedError):
            # The application got nothing. Any other failure may have come behind the login.
            await parts.store.withdraw_attempt(attempt)
            raise
        if isinstance(login, SignedInThere):
            try:
                await parts.store.attempt_succeeded(attempt)
            except StoreUnavailableError:
                # The session there reaches no browser, and nobody else could end it.
                await self._leave(parts, route, person, login.jar)
                raise
        else:
            await parts.store.attempt_failed(attempt, parts.limits, self._clock())
        return login

    async def sign_in_as(self, route: Route, person: Inbound, session: Session, account: str) -> SignedInThere | None:
        """Sign in for a person with the password that is kept.

        `None`: none is kept that the application takes, so she must prove the account once more; or it is hers no more.

        Raises:
            GatewayError: the application or the store did not answer.

        """
        parts = self.apps[route.name]
        marks = self.marks(route, session)
        kept = await parts.store.passwords(parts.name, account)
        used: _Used | None = None
        if _tries(kept):
            turn = await self._turn(parts, account, marks)
            try:
                # The counter may have ended the link since the request was decided on, and given the account away.
                if not any(_is_of(each, account) for each in await self.accounts_of(route, session)):
                    return None
                # Another login may have found meanwhile that the application does not take it.
                kept = await parts.store.passwords(parts.name, account)
                if kept.current is None and kept.next is not None and self._clock() < kept.next.since + CHANGE_SECONDS:
                    raise UpstreamOverloadedError("the account's password is being changed")
                used = await self._signed_in_with(parts, route, person, account, marks, kept)
            finally:
                await parts.store.end_login(turn)
        if used is None:
            if not _made(kept):
                # Once: from here on the person proves the account herself. She cannot, if the password is ours.
                await parts.store.ask_again(parts.name, account, marks)
            return None
        if used.kept.own and parts.settings.passwords == "changed":
            # It was kept before the settings said so.
            proof = _Proof(parts, route, person, marks, used.login, used.password, kept)
            return (await self._change(proof, account)).login or used.login
        return used.login

    async def _turn(self, parts: AppParts, account: str, marks: Marks) -> Attempt:
        """Wait until this is the account's only login with a kept password, of all workers and machines.

        Raises:
            UpstreamOverloadedError: others took too long.

        """
        turn = Attempt(parts.name, fold_account(account), marks.first, self._random(16).hex())
        until = self._clock() + TURN_SECONDS
        while not await parts.store.begin_login(turn, self._clock()):
            if self._clock() >= until:
                raise UpstreamOverloadedError("other logins at the account took too long")
            await asyncio.sleep(_TURN_AGAIN_SECONDS)
        return turn

    async def _signed_in_with(
        self, parts: AppParts, route: Route, person: Inbound, account: str, marks: Marks, kept: KeptPasswords
    ) -> _Used | None:
        """Sign in with the first kept password that the application takes; the account's turn is ours."""
        for each in _tries(kept):
            password = open_password(parts.keys, parts.name, account, each.box)
            if password is None or parts.application is None:
                continue
            attempt = Attempt(parts.name, fold_account(account), marks.first, self._random(16).hex())
            if not await parts.store.begin_kept_attempt(attempt, parts.limits, self._clock(), again=each.refused):
                if each.refused:
                    continue
                # The password may be good: nobody has to prove the account for it.
                raise UpstreamOverloadedError("as many logins at the account have failed as may fail")
            login = await self._logged_in(parts, route, person, attempt, account, password)
            if isinstance(login, RecipeFault):
                raise UpstreamProtocolError("the application's login page is not as the recipe says")
            if isinstance(login, SignedInThere):
                if each.refused or each is kept.next:
                    await parts.store.keep_password(parts.name, account, replace(each, refused=False))
                return _Used(each, password, login)
            await parts.store.refuse_password(parts.name, account, each)
        return None

    async def open_sessions(self, route: Route, person: Inbound, session: Session, ticket: Ticket) -> tuple[bytes, ...]:
        """Return the cookies of a browser that open sessions at the application, as Cookie fields.

        Raises:
            StoreUnavailableError: the store did not answer.

        """
        parts = self.apps[route.name]
        if parts.application is None or parts.settings.tell != "form" or not person.cookie:
            return ()
        known = await self._sessions.bound(ticket)
        if not known:
            return ()
        key = cookie_key(ticket)
        return tuple(
            field_of(pairs)
            # An account that she must prove again counts as well: its session at the application may be open still.
            for held in await self.links_of(route, session)
            if (pairs := counted(person.cookie, known, key, route.name, held.account.name))
        )

    async def is_alive(self, route: Route, person: Inbound, cookies: bytes) -> bool:
        """Whether these cookies open a session at the application.

        Raises:
            GatewayError: the application did not answer.

        """
        application = self.apps[route.name].application
        return application is None or await application.is_alive(route, person, cookies)

    async def end(self, route: Route, person: Inbound, cookies: bytes) -> None:
        """End a session at the application. It is a courtesy: those cookies count no more in any case."""
        application = self.apps[route.name].application
        if application is None:
            return
        try:
            await application.sign_out(route, person, cookies)
        except GatewayError as error:
            log.warning(Event.ACCOUNT_LOGIN_FAILED, app=route.name, request_id=person.request_id, error=error.code)

    async def bound(self, ticket: Ticket) -> frozenset[str]:
        """Return the hashes of the cookies that count in a session.

        Raises:
            StoreUnavailableError: the store did not answer.

        """
        return await self._sessions.bound(ticket)

    async def bind(self, ticket: Ticket, hashes: tuple[str, ...]) -> None:
        """Have cookies count in a session.

        Raises:
            StoreUnavailableError: the store did not answer.

        """
        if hashes:
            await self._sessions.bind(ticket, hashes)

    def now(self) -> Instant:
        """Return the moment it is."""
        return self._clock()

    async def _leave(self, parts: AppParts, route: Route, person: Inbound, jar: Jar) -> None:
        """End the application's session that only proved the account."""
        if parts.application is None:
            return
        cookies = jar.field_for(parts.application.recipe.logout.page)
        try:
            await parts.application.sign_out(route, person, cookies)
        except GatewayError as error:
            log.warning(Event.ACCOUNT_LOGIN_FAILED, app=route.name, request_id=person.request_id, error=error.code)


def _choice(key: bytes, app: str, held: Held) -> str:
    message = f"sekisho.accounts.choice.v1:{app}:{fold_account(held.account.name)}".encode()
    return hmac.digest(key, message, sha256).hex()[:32]


def _note(app: str) -> str:
    return f"account:{app}"


def _is_of(held: Held, account: str) -> bool:
    return fold_account(held.account.name) == fold_account(account)


def _tries(kept: KeptPasswords) -> tuple[KeptPassword, ...]:
    """Return the passwords to try. A person's own that was refused once is not: she gives it, or another one, again."""
    found = (each for each in (kept.current, kept.next) if each is not None)
    return tuple(each for each in found if not (each.own and each.refused))


def _made(kept: KeptPasswords) -> bool:
    """Whether a password is kept that the gateway has made."""
    return any(each is not None and not each.own for each in (kept.current, kept.next))
