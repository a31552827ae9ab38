"""The order of the steps of a sign-in: checks come before the state is spent, and before anything is stored.

No socket, clock or randomness here: the stores, the provider, the moment and the random bytes come in. Each method
returns one of the outcomes in `sign_in`. The order is the point:

1. the state is looked up, and its App, its browser and its single use are settled, before any code is redeemed.
2. the token answer is believed only after `claims` has checked it, UserInfo only if it is the same person's.
3. a session is kept under a new ticket before the browser is told of it, and a step-up ends the old one in the
   same breath.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from math import ceil
from typing import Any, NoReturn, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec

from gateway.errors import (
    ProviderRefusedError,
    ProviderUnavailableError,
    SignInInvalidError,
    StoreUnavailableError,
)
from gateway.identity import NOT_TOLD, Identity, Scope
from gateway.instant import Instant, began, tokyo_day
from gateway.login.claims import (
    Check,
    Facts,
    IdToken,
    Trouble,
    VerificationKey,
    read_id_token,
    read_signed_userinfo,
    read_userinfo,
)
from gateway.login.funnel import Attempt, attempt
from gateway.login.keys import KeySet
from gateway.login.login import (
    LONGEST_CODE,
    TokenAnswer,
    asked_assurance,
    authorization_url,
    callback_at,
    end_session_url,
    oauth_error,
    post_logout_redirect_uri,
    shown_value,
)
from gateway.login.logout import LogoutExpected, LogoutToken, read_logout_form, read_logout_token
from gateway.login.pending import (
    PENDING_SECONDS,
    SECRET_BYTES,
    Browser,
    KeptTarget,
    PendingLogin,
    PendingStore,
    Round,
    UsedLogin,
    bound_browser,
    find_browser,
    is_state,
    random_name,
    state_name,
    tab_cookie,
)
from gateway.login.profile import Metadata
from gateway.login.provider_defaults import expected_token
from gateway.login.return_to import LONGEST_RETURN, fragment_of, rebuild
from gateway.login.sign_in import (
    AlreadySignedIn,
    BeginOutcome,
    Begun,
    Failed,
    FinishOutcome,
    LoggedOut,
    LoginFailure,
    LogoutOutcome,
    LogoutRefused,
    SignedIn,
    SignedOut,
)
from gateway.login.waiting import WaitingForms
from gateway.policy.verdict import Challenge
from gateway.request.in_app import in_app_browser
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.session.owed import Owed, OwedSignOuts, Owing
from gateway.session.session import EndCause, ProviderSessions, Session, SessionStore, SubjectSessions
from gateway.session.ticket import (
    PLAIN,
    TICKET_BYTES,
    Ticket,
    TicketSeals,
    every_brought,
    find_ticket,
    new_ticket,
    ticket_name,
)
from gateway.settings.settings import Freshness, ProviderSettings

T = TypeVar("T")

MOST_ROUNDS = 3
"""Sign-ins in a row that the same rule may ask for at once, before we say that something is wrong."""

ROUND_GAP = 60.0
"""Seconds after a sign-in within which being asked again by the same rule is a round, and not a new wish."""

LONGEST_CALLBACK = 8 * 1024
"""Bytes of a callback's query."""

_SINGLE = frozenset({"state", "code", "error", "error_description", "iss", "session_state"})

_OF_ERROR: Mapping[str, LoginFailure] = {
    "access_denied": LoginFailure.CANCELLED,
    # The provider has failed: no page must send a person with a valid card to a counter.
    "server_error": LoginFailure.PROVIDER_DOWN,
    "temporarily_unavailable": LoginFailure.PROVIDER_DOWN,
}
"""The meaning of the provider's error codes to a person (RFC 6749 section 4.1.2.1). Any other blames no card."""


class KeySource(Protocol):
    """The provider's keys. `aiohttp_provider` says what each raises."""

    async def signing_keys(self) -> tuple[VerificationKey, ...]:
        """Return the keys."""

    async def newer_signing_keys(self) -> tuple[VerificationKey, ...]:
        """Return the keys as they are from this moment on."""


class Provider(KeySource, Protocol):
    """The calls that the sign-in service makes to the provider. `aiohttp_provider` says what each raises."""

    async def metadata(self) -> Metadata:
        """Return the endpoints."""

    async def reachable(self) -> Metadata:
        """Return the endpoints, after a check that the provider has answered recently."""

    async def redeem(self, *, code: str, verifier: str, redirect_uri: str, asked: frozenset[Scope]) -> TokenAnswer:
        """Exchange a code, once."""

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """Return the UserInfo claims, unchecked."""

    async def signed_userinfo(self, access_token: str) -> str:
        """Return the UserInfo answer of a provider that signs it, unchecked."""


class SharedTasks(Protocol):
    """Work that several ask for at the same time, and that is done once: `asyncio_shared_tasks`."""

    def under_way(self, name: str) -> Awaitable[FinishOutcome] | None:
        """Return the future result of the work under way by this name, or None."""

    async def run_once(self, name: str, begin: Callable[[], Coroutine[Any, Any, FinishOutcome]]) -> FinishOutcome:
        """Return the result of the work under way by this name, or begin it."""


class SignInObserver(Protocol):
    """Counts what an outcome does not show."""

    def sent(self, name: str, attempt: Attempt) -> None:
        """A browser was sent to the provider with the login that is kept under this name."""

    def returned(self, name: str, attempt: Attempt) -> None:
        """It came back, for the first time."""

    def ended(self, attempt: Attempt, seconds: float | None) -> None:
        """It ended in a session after so many seconds; `None`: in a failure."""

    def claim_troubled(self, scope: str, trouble: str) -> None:
        """One of the four items was asked for and is `missing`, `malformed` or `not_granted`; never its value."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client of the provider: its settings, its keys, and the way to call."""

    settings: ProviderSettings
    keys: KeySet
    provider: Provider


@dataclass(frozen=True, slots=True)
class Terms:
    """The gateway's settings that the sign-in service goes by."""

    prefix: str
    """The portal's, with both slashes."""
    absolute: float
    """Seconds a session lives at most."""
    seals: TicketSeals = PLAIN
    """Distinguishes a ticket that we issued from an invented one."""
    sign_in: float = PENDING_SECONDS
    """Seconds from the beginning of a sign-in within which the provider's answer is taken."""
    longest_return: int = LONGEST_RETURN
    """Bytes of a target to come back to: those of a request line that the listener takes."""


class SignInService:
    """Keeps the promise of `sign_in.SignIn`."""

    def __init__(  # noqa: PLR0913 (what it must not find for itself comes in)
        self,
        clients: Mapping[str, Client],
        pending: PendingStore,
        sessions: SessionStore,
        terms: Terms,
        *,
        pseudonyms: Callable[[str, str], tuple[str, ...]],
        clock: Callable[[], Instant],
        random: Callable[[int], bytes],
        observer: SignInObserver,
        known_as: Callable[[str, str], str],
        shared_tasks: SharedTasks,
        owed: OwedSignOuts | None = None,
    ) -> None:
        """Take clients by `client_id`, and everything else that is not decided here.

        `pseudonyms` makes the pseudonyms of client and subject; the first one is for new sessions. `random`
        returns that many unguessable bytes. `known_as` gives the subject by which a client's applications know a
        person. `shared_tasks` lets a callback that is sent again before it was answered wait for the first one's
        answer. `owed` keeps sign-outs while the store is away; without it they are not kept.
        """
        self._clients = clients
        self._pending = pending
        self._sessions = sessions
        self._terms = terms
        self._pseudonyms = pseudonyms
        self._clock = clock
        self._random = random
        self._observer = observer
        self._known_as = known_as
        self._shared_tasks = shared_tasks
        self._owed = owed
        self._forms = WaitingForms(pending, terms.prefix, clock=clock, random=random, sign_in=terms.sign_in)

    async def begin(
        self,
        route: Route,
        inbound: Inbound,
        challenge: Challenge,
        return_to: str | None,
        form: str = "",
        *,
        app: str = "",
        anew: bool = False,
    ) -> BeginOutcome:
        """Open a pending login and return the URL for the browser; see `sign_in.SignIn`."""
        target = inbound.target.raw.decode("ascii") if return_to is None else return_to
        back = self.safe_return(route, target)
        try:
            return await self._begin(route, inbound, challenge, back, form, app or route.name, anew=anew)
        except ProviderUnavailableError as error:
            return Failed(LoginFailure.PROVIDER_DOWN, back, endpoint=error.endpoint, fault=error.fault)
        except StoreUnavailableError as error:
            return Failed(LoginFailure.STORE_DOWN, back, fault=error.fault)

    async def _begin(
        self, route: Route, inbound: Inbound, challenge: Challenge, back: str, form: str, app: str, *, anew: bool
    ) -> BeginOutcome:
        now = self._clock()
        client = self._clients[route.client_id]
        # Another person is no round of the same one.
        rounds = 1 if anew else await self._rounds(route, inbound, challenge, now)
        if rounds > MOST_ROUNDS:
            return Failed(LoginFailure.LOOP, back)
        metadata = await client.provider.reachable()
        browser = find_browser(inbound.cookie, route.pending_cookie)
        fresh = browser is None
        browser = browser or Browser(self._secret())
        if form:
            page = await self._forms.keep(browser, route, inbound, back, form)
            if page is None:
                return Failed(LoginFailure.TOO_MANY, back, retry_after=60)
            back = page
        state = self._secret()
        login = PendingLogin(
            browser=browser.name,
            host=route.host,
            client_id=route.client_id,
            nonce=self._secret(),
            verifier=self._secret(),
            return_to=back,
            rule=str(challenge.rule),
            scopes=tuple(sorted({Scope.OPENID.value, *(scope.value for scope in challenge.scopes)})),
            begun_at=now,
            fresh_within=challenge.fresh_within,
            rounds=rounds,
            app=app,
            reason=challenge.reason,
            in_app=in_app_browser(inbound) is not None,
        )
        place = await self._pending.open(state, login, inbound.client_address, now)
        if not place:
            return Failed(LoginFailure.TOO_MANY, back, retry_after=60)
        location = authorization_url(
            metadata,
            client_id=route.client_id,
            redirect_uri=callback_at(route.origin, self._terms.prefix),
            scopes=challenge.scopes,
            state=state,
            nonce=login.nonce,
            verifier=login.verifier,
            assurance=asked_assurance(client.settings, 0.0 if anew else challenge.fresh_within),
        )
        self._observer.sent(state_name(state), _attempt(login))
        if not fresh:
            return Begun(location, None)
        return Begun(location, browser.cookie, tab_cookie(route.pending_cookie, place).decode())

    async def finish(self, route: Route, inbound: Inbound, query: bytes | None) -> FinishOutcome:
        """Answer the provider's callback; see `sign_in.SignIn`."""
        try:
            return await self._finish(route, inbound, query)
        except StoreUnavailableError as error:
            return Failed(LoginFailure.STORE_DOWN, fault=error.fault)

    async def _finish(self, route: Route, inbound: Inbound, query: bytes | None) -> FinishOutcome:
        now = self._clock()
        answer = read_callback(query)
        state = answer.get("state", "") if answer is not None else ""
        if answer is None or not is_state(state):
            return Failed(LoginFailure.INVALID, check=Check.STATE)
        waiting = await self._pending.find(state, now)
        if waiting is None:
            return Failed(LoginFailure.EXPIRED)
        # A state of one App at another's callback is always a mix-up.
        if waiting.host != route.host:
            return Failed(LoginFailure.INVALID, check=Check.STATE)
        browser = bound_browser(waiting, inbound.cookie, route.pending_cookie)
        # The state is not spent: a person with another person's state must not be able to spend it.
        if browser is None:
            # A browser that is signed in does not need the code. The target is one of the App's own, as any link's.
            if await self._here(route, inbound) is not None:
                return AlreadySignedIn(waiting.return_to)
            return Failed(LoginFailure.OTHER_BROWSER, waiting.return_to)
        if isinstance(waiting, KeptTarget):
            return await self._ended(route, inbound, waiting, now)
        under_way = self._shared_tasks.under_way(state)
        if under_way is not None:
            return await under_way
        if isinstance(waiting, UsedLogin):
            return await self._answered(route, inbound, waiting)
        if waiting.client_id != route.client_id:
            return Failed(LoginFailure.INVALID, waiting.return_to, check=Check.STATE)
        return await self._shared_tasks.run_once(state, lambda: self._spend(route, inbound, answer, waiting, browser))

    async def _ended(self, route: Route, inbound: Inbound, kept: KeptTarget, now: Instant) -> FinishOutcome:
        """Answer a callback whose login has ended, and of which only the target is left."""
        if await self._here(route, inbound) is not None:
            return AlreadySignedIn(kept.return_to)
        # It ended before its time: newer logins of the same browser have taken its place.
        early = began(kept.begun_at, now) and now < kept.begun_at + self._terms.sign_in
        return Failed(LoginFailure.DISPLACED if early else LoginFailure.EXPIRED, kept.return_to, app=kept.app)

    async def _spend(
        self, route: Route, inbound: Inbound, answer: Mapping[str, str], login: PendingLogin, browser: Browser
    ) -> FinishOutcome:
        """Use a login up, and remember what came of it."""
        state = answer["state"]
        if not await self._pending.use(state, login, self._clock()):
            return Failed(LoginFailure.EXPIRED, login.return_to)
        begun = _attempt(login)
        self._observer.returned(state_name(state), begun)
        try:
            outcome, used = await self._redeem(route, inbound, answer, login, browser)
        except StoreUnavailableError:
            self._observer.ended(begun, None)
            raise
        self._observer.ended(begun, outcome.seconds if isinstance(outcome, SignedIn) else None)
        now = self._clock()
        made = Round(login.rule, login.rounds, now) if isinstance(outcome, SignedIn) else None
        await self._pending.settle(state, used, now, made)
        return outcome

    async def _answered(self, route: Route, inbound: Inbound, used: UsedLogin) -> FinishOutcome:
        """Answer a callback that came before."""
        if used.failure is not None:
            return Failed(used.failure, used.return_to, used.error)
        ticket = self._ticket(route, inbound)
        held = await self._here(route, inbound)
        if ticket is None or held is None:
            return Failed(LoginFailure.EXPIRED, used.return_to)
        # After a step-up the same person has another ticket, and is still to come where this sign-in led.
        if used.session_name != ticket_name(ticket) and (not used.person or used.person != held.pseudonym):
            return Failed(LoginFailure.EXPIRED, used.return_to)
        return AlreadySignedIn(used.return_to)

    async def _redeem(
        self, route: Route, inbound: Inbound, answer: Mapping[str, str], login: PendingLogin, browser: Browser
    ) -> tuple[SignedIn | Failed, UsedLogin]:
        """Make a session of a callback with a valid state, or say why not; return the values to remember too."""
        used = UsedLogin(login.browser, login.host, login.return_to)
        try:
            signed_in = await self._sign_in(route, inbound, answer, login, browser)
        except _SignInFailure as failure:
            failed = replace(failure.failed, app=login.app)
            return failed, replace_used(used, failed)
        session_name, person = ticket_name(signed_in.ticket), signed_in.session.pseudonym
        return signed_in, UsedLogin(login.browser, login.host, login.return_to, session_name, person=person)

    async def _sign_in(
        self, route: Route, inbound: Inbound, answer: Mapping[str, str], login: PendingLogin, browser: Browser
    ) -> SignedIn:
        client = self._clients[route.client_id]
        back = login.return_to
        try:
            metadata = await client.provider.metadata()
            # RFC 9207 section 2.4: where the answer names its issuer, it is the one that was asked.
            if "iss" in answer and answer["iss"] != metadata.issuer:
                _fail(LoginFailure.INVALID, back, check=Check.ISSUER_PARAMETER)
            if "error" in answer:
                code = oauth_error(answer["error"])
                failure = _OF_ERROR.get(code, LoginFailure.MISCONFIGURED)
                if code in client.settings.card_errors:
                    failure = LoginFailure.REFUSED
                own = failure in {LoginFailure.PROVIDER_DOWN, LoginFailure.MISCONFIGURED}
                endpoint = "authorization" if own else ""
                raise _SignInFailure(Failed(failure, back, code, endpoint=endpoint))
            code = answer.get("code", "")
            if not 0 < len(code) <= LONGEST_CODE:
                _fail(LoginFailure.INVALID, back, check=Check.CODE)
            asked = frozenset(Scope(word) for word in login.scopes)
            tokens = await client.provider.redeem(
                code=code,
                verifier=login.verifier,
                redirect_uri=callback_at(route.origin, self._terms.prefix),
                asked=asked,
            )
            id_token = await self._believe(client, metadata, tokens, login)
            facts = await self._facts(client, tokens, id_token)
        except ProviderUnavailableError as error:
            raise _SignInFailure(
                Failed(LoginFailure.PROVIDER_DOWN, back, endpoint=error.endpoint, fault=error.fault)
            ) from None
        except ProviderRefusedError as refused:
            # A code that is spent, expired or another client's: starting again helps. Anything else is between
            # the provider and us, and nothing the person can do.
            spent = refused.error == "invalid_grant"
            failure = LoginFailure.INVALID if spent else LoginFailure.PROVIDER_DOWN
            failed = Failed(failure, back, refused.error, Check.TOKEN, endpoint=refused.endpoint)
            raise _SignInFailure(failed) from None
        except SignInInvalidError as invalid:
            missing = invalid.check == Check.TOKEN_ANSWER
            failure = LoginFailure.CLAIM_MISSING if missing else LoginFailure.INVALID
            _fail(failure, back, check=invalid.check, found=shown_value(invalid.found))
        for scope, trouble in facts.troubles:
            self._observer.claim_troubled(scope, trouble)
        for scope in sorted(asked - tokens.granted - {Scope.OPENID}):
            self._observer.claim_troubled(scope, Trouble.NOT_GRANTED)
        identity = self._identity(client, login, id_token, facts)
        # Not the callback's own `session_state`: that went through the browser, which could name a stranger's
        # session there and end it with its own.
        provider_session = id_token.sid or tokens.session_state
        return await self._keep(route, inbound, login, browser, identity, provider_session)

    async def _believe(self, client: Client, metadata: Metadata, tokens: TokenAnswer, login: PendingLogin) -> IdToken:
        expected = expected_token(
            client.settings,
            metadata.issuer,
            login.nonce,
            tokens.access_token,
            begun_at=login.begun_at,
            now=self._clock(),
        )
        return await verified(client.provider, lambda keys: read_id_token(tokens.id_token, keys, expected))

    async def _facts(self, client: Client, tokens: TokenAnswer, id_token: IdToken) -> Facts:
        # If only the subject was asked for, UserInfo has nothing that we need.
        if not tokens.granted - {Scope.OPENID}:
            return Facts()
        claims = await self._claims(client, tokens.access_token)
        return read_userinfo(claims, id_token.subject, tokens.granted, tokyo_day(self._clock()))

    async def _claims(self, client: Client, access_token: str) -> Mapping[str, Any]:
        settings = client.settings
        if not settings.userinfo_algorithms:
            return await client.provider.userinfo(access_token)
        token = await client.provider.signed_userinfo(access_token)
        issuer = (await client.provider.metadata()).issuer
        return await verified(
            client.provider,
            lambda keys: read_signed_userinfo(
                token, keys, settings.userinfo_algorithms, issuer=issuer, client_id=settings.client_id
            ),
        )

    def _identity(self, client: Client, login: PendingLogin, id_token: IdToken, facts: Facts) -> Identity:
        now = self._clock()
        settings = client.settings
        authenticated_at = now if settings.freshness is Freshness.CALLBACK else NOT_TOLD
        # The rule holds with `freshness: callback`, too: nobody counts from a moment that the provider denies.
        if id_token.auth_time is not None:
            authenticated_at = min(id_token.auth_time, now)
        # The provider may answer from a session of its own. The rule wants a recent reading of the card.
        if login.fresh_within is not None and now - authenticated_at > login.fresh_within:
            check = Check.AUTH_TIME_MISSING if authenticated_at == NOT_TOLD else Check.AUTH_TIME_OLD
            _fail(LoginFailure.NOT_FRESH, login.return_to, check=check)
        return Identity(
            client_id=settings.client_id,
            # UserInfo was held to the provider's own subject before; from here on it is the one we know her by.
            subject=self._known_as(settings.client_id, id_token.subject),
            authenticated_at=authenticated_at,
            asked=frozenset(Scope(word) for word in login.scopes),
            name=facts.name,
            address=facts.address,
            birthdate=facts.birthdate,
            gender=facts.gender,
            acr=id_token.acr,
        )

    async def _keep(
        self,
        route: Route,
        inbound: Inbound,
        login: PendingLogin,
        browser: Browser,
        identity: Identity,
        provider_session: str | None,
    ) -> SignedIn:
        now = self._clock()
        old_ticket = self._ticket(route, inbound)
        held = await self._held(route, old_ticket) if old_ticket is not None else None
        same = held is not None and held.identity.subject == identity.subject
        session = Session(
            identity=identity,
            created_at=now,
            expires_at=now + self._terms.absolute,
            pseudonym=self._pseudonyms(identity.client_id, identity.subject)[0],
            provider_session=provider_session_name(identity.client_id, provider_session) if provider_session else None,
            host=route.cookie_host,
        )
        # The ticket changes at sign-in. If the old one were kept, an attacker who planted it in this browser would be
        # signed in by this person's login.
        ticket = new_ticket(self._random(TICKET_BYTES))
        carried_over = False
        if held is not None and old_ticket is not None and same:
            stepped_up = carry_over(held, session)
            carried_over = await self._sessions.replace(old_ticket, ticket, stepped_up, begun_at=login.begun_at)
            session = stepped_up if carried_over else session
        if not carried_over:
            # This also holds if the old one was ended in the meantime: then the new session keeps nothing of it, and
            # has only the items just read from the card.
            if not await self._sessions.create(ticket, session, begun_at=login.begun_at):
                # A revocation of this person's sessions is meant for the sign-in under way as well.
                _fail(LoginFailure.EXPIRED, login.return_to, check=Check.REVOKED)
            if held is not None and old_ticket is not None:
                await self._sessions.delete(old_ticket, EndCause.ANOTHER)
        mark = browser.mark_of(identity.client_id, identity.subject)
        other_person = (held is not None and not same) or (bool(browser.last) and browser.last != mark)
        return SignedIn(
            ticket,
            session,
            login.return_to,
            other_person,
            cookie=replace(browser, last=mark).cookie,
            app=login.app,
            seconds=max(0.0, now - login.begun_at),
            carried_over=carried_over,
        )

    async def sign_out(self, route: Route, inbound: Inbound) -> SignedOut:
        """End this browser's session; see `sign_in.SignIn`."""
        now = self._clock()
        until = now + self._terms.absolute
        ended, unheard, kept = 0, False, True
        # All tickets that the browser brought, in case a script put one beside ours: the holder of a ticket may end its
        # session.
        for brought in every_brought(inbound.cookie, route.session_cookie, self._terms.seals):
            # The news for the store, should it go away at this point.
            owing, name = Owing.SESSION, ticket_name(brought.ticket)
            try:
                held = await self._held(route, brought.ticket)
                if held is None:
                    continue
                ended += int(await self._sessions.delete(brought.ticket))
                if held.provider_session is not None:
                    # The provider's session ends with ours: what else began in it must not live on.
                    owing, name = Owing.PROVIDER, held.provider_session
                    ended += await self._sessions.revoke(ProviderSessions(name), EndCause.ELSEWHERE)
            except StoreUnavailableError:
                unheard = True
                owed = Owed(owing, name, ceil(now), ceil(until))
                keeps = self._owed
                if keeps is None or not await keeps.keep(
                    (owed,), sealed=brought.sealed, address=inbound.client_address
                ):
                    kept = False
        if unheard:
            return SignedOut(None, ended, until, kept)
        return SignedOut(await self._end_session_url(route) if ended else None, ended)

    async def back_channel_logout(self, route: Route, body: bytes) -> LogoutOutcome:
        """End the sessions that a logout token of the provider names; see `sign_in.SignIn`."""
        client = self._clients[route.client_id]
        named: LogoutToken | None = None
        try:
            token = read_logout_form(body)
            issuer = (await client.provider.metadata()).issuer
            expected = LogoutExpected(
                issuer,
                client.settings.client_id,
                client.settings.id_token_algorithms,
                self._clock(),
                client.settings.clock_skew,
            )
            named = await verified(client.provider, lambda keys: read_logout_token(token, keys, expected))
            token_name = f"{client.settings.client_id}\0{named.jti}"
            if not await self._pending.spend(token_name, self._clock()):
                return LogoutRefused(Check.REPLAYED)
            try:
                return LoggedOut(await self._end(client.settings.client_id, named))
            except StoreUnavailableError:
                # The provider will try again, with the same token: it must not find it spent and the session alive.
                await self._pending.unspend(token_name)
                raise
        except SignInInvalidError as invalid:
            return LogoutRefused(invalid.check)
        except ProviderUnavailableError as error:
            return LogoutRefused(error.code)
        except StoreUnavailableError as error:
            if named is not None:
                await self._owe(client.settings.client_id, named)
            return LogoutRefused(error.code)

    async def _owe(self, client_id: str, named: LogoutToken) -> None:
        """Keep the end of what a logout token names until the store is back: the provider may not tell it twice."""
        if self._owed is None:
            return
        owing, names = Owing.SUBJECT, self._pseudonyms_of(client_id, named)
        if named.sid is not None:
            owing, names = Owing.PROVIDER, (provider_session_name(client_id, named.sid),)
        now = self._clock()
        owed = tuple(Owed(owing, name, ceil(now), ceil(now + self._terms.absolute)) for name in names)
        # Its signature was checked, so nobody has made it up.
        await self._owed.keep(owed, sealed=True, address=None)

    async def _end(self, client_id: str, named: LogoutToken) -> int:
        if named.sid is not None:
            name = provider_session_name(client_id, named.sid)
            return await self._sessions.revoke(ProviderSessions(name), EndCause.ELSEWHERE)
        # Every session of the subject, not only the newest: section 2.7.
        return await self._sessions.revoke(SubjectSessions(self._pseudonyms_of(client_id, named)), EndCause.ELSEWHERE)

    def _pseudonyms_of(self, client_id: str, named: LogoutToken) -> tuple[str, ...]:
        return self._pseudonyms(client_id, self._known_as(client_id, named.subject or ""))

    async def _end_session_url(self, route: Route) -> str | None:
        """Return the URL that ends the provider's own session (RP-Initiated Logout 1.0 section 2), if any."""
        try:
            metadata = await self._clients[route.client_id].provider.metadata()
        except ProviderUnavailableError:
            return None
        if metadata.end_session_endpoint is None:
            return None
        back = post_logout_redirect_uri(route.app.url, self._terms.prefix)
        return end_session_url(metadata.end_session_endpoint, client_id=route.client_id, back=back)

    def client_jwks(self, route: Route) -> bytes:
        """Return the public JWKS of the App's client as JSON."""
        return self._clients[route.client_id].keys.public_jwks()

    def safe_return(self, route: Route, return_to: str | None) -> str:
        """Return the target rebuilt on the App's origin, or `/`."""
        rebuilt = rebuild(
            return_to or "/",
            origin=route.origin,
            prefix=self._terms.prefix,
            paths=route.app.paths,
            longest=self._terms.longest_return,
        )
        if rebuilt is None:
            return "/"
        fragment = fragment_of(return_to or "")
        return rebuilt + fragment if len(rebuilt) + len(fragment) <= self._terms.longest_return else rebuilt

    def _ticket(self, route: Route, inbound: Inbound) -> Ticket | None:
        return find_ticket(inbound.cookie, route.session_cookie, self._terms.seals)

    async def _here(self, route: Route, inbound: Inbound) -> Session | None:
        """Return the session that this browser's cookie opens here."""
        ticket = self._ticket(route, inbound)
        return None if ticket is None else await self._held(route, ticket)

    async def _held(self, route: Route, ticket: Ticket) -> Session | None:
        """Return this browser's session, if it is of this client and was issued at this host.

        It asks the store and not memory, because its callers end and make sessions.
        """
        held = await self._sessions.find(ticket)
        return held if held is not None and route.accepts(held) else None

    async def _rounds(self, route: Route, inbound: Inbound, challenge: Challenge, now: Instant) -> int:
        """Return which sign-in in a row this one is, that the same rule asks for at once.

        Told by the ticket, not by the session: a session that is lost right after each sign-in is a loop as well.
        """
        ticket = self._ticket(route, inbound)
        if ticket is None:
            return 1
        last = await self._pending.find_round(ticket_name(ticket), now)
        # Within `fresh_within` a fresh session is not asked again, unless something is wrong; after it, it is
        # a person who pays a second time.
        gap = min(ROUND_GAP, challenge.fresh_within if challenge.fresh_within is not None else ROUND_GAP)
        if last is None or last.rule != str(challenge.rule) or now - last.at > gap or not began(last.at, now):
            return 1
        return last.rounds + 1

    def _secret(self) -> str:
        return random_name(self._random(SECRET_BYTES))


async def verified(provider: KeySource, read: Callable[[tuple[VerificationKey, ...]], T]) -> T:
    """Return what a token says, by the keys that are kept or, where none of them fits, by those of this moment.

    A provider may sign with a key a moment after it published it (OpenID Connect Core 10.1.1): neither the person who
    has just held up her card nor the sign-out that was sent once is to pay for that.
    """
    try:
        return read(await provider.signing_keys())
    except SignInInvalidError as invalid:
        if invalid.check not in {Check.KEY, Check.SIGNATURE}:
            raise
    return read(await provider.newer_signing_keys())


def _attempt(login: PendingLogin) -> Attempt:
    return attempt(login.app, login.reason, in_app=login.in_app)


class _SignInFailure(Exception):  # noqa: N818 (an outcome on its way out, not an error)
    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.failure.value)
        self.failed = failed


def _fail(failure: LoginFailure, return_to: str, *, error: str = "", check: str = "", found: str = "") -> NoReturn:
    raise _SignInFailure(Failed(failure, return_to, error, check, found=found))


def replace_used(used: UsedLogin, failed: Failed) -> UsedLogin:
    """Return the values that are remembered of a failed login."""
    return UsedLogin(used.browser, used.host, used.return_to, None, failed.failure, failed.error)


def read_callback(query: bytes | None) -> Mapping[str, str] | None:
    """Return a callback's parameters, or None if one of them comes twice.

    RFC 6749 section 3.1: no parameter comes twice. One we do not know may be there, and is not looked at.
    """
    if query is None or len(query) > LONGEST_CALLBACK:
        return None
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError:
        return None
    answer: dict[str, str] = {}
    for name, value in pairs:
        if name not in _SINGLE:
            continue
        if name in answer:
            return None
        answer[name] = value
    return answer


def carry_over(held: Session, session: Session) -> Session:
    """Return a step-up's session: the items asked now with their new values, and the items that only the old one had.

    An item that was asked again and not given is unknown, even if the old session had it. With an older item
    on board the absolute clock is the old one: no chain of step-ups makes a reading of the card live longer.
    """
    new, old = session.identity, held.identity
    kept = old.asked - new.asked
    if not kept - {Scope.OPENID}:
        return session
    merged = msgspec.structs.replace(
        new,
        asked=new.asked | kept,
        name=old.name if Scope.NAME in kept else new.name,
        address=old.address if Scope.ADDRESS in kept else new.address,
        birthdate=old.birthdate if Scope.BIRTHDATE in kept else new.birthdate,
        gender=old.gender if Scope.GENDER in kept else new.gender,
    )
    return msgspec.structs.replace(session, identity=merged, expires_at=min(session.expires_at, held.expires_at))


def provider_session_name(client_id: str, sid: str) -> str:
    """Return the hash a provider's session of a client is known by here."""
    return sha256(b"sekisho.provider.session.v1:" + f"{client_id}\0{sid[:1024]}".encode("utf-8", "replace")).hexdigest()
