"""The order of the steps of a signature, from the button to the result.

No socket, clock or randomness here: store, provider, moment and random bytes come in. The order is the point:

1. a transaction is started with the hash, and the browser is bound to it before it goes to the provider.
2. the answer's code is kept before it is exchanged, and the access token before the result is fetched, so that a
   broken connection costs the person no second signature.
3. the person is known by the ID token before the result is fetched: a stranger's certificate never comes here.
4. an end is decided in the store, then recorded in the trail, then handed over: a person who declines while her
   signature is fetched leaves one end in the trail, and the application reads the same one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, NoReturn, Protocol

import msgspec

from gateway.errors import ProviderRefusedError, ProviderUnavailableError, SignInInvalidError, StoreUnavailableError
from gateway.instant import Instant
from gateway.login.claims import read_id_token
from gateway.login.login import (
    LONGEST_CODE,
    asked_assurance,
    authorization_url,
    oauth_error,
    read_access_token,
    redirect_uri,
    token_form,
)
from gateway.login.pending import (
    SECRET_BYTES,
    Browser,
    UsedLogin,
    bound_browser,
    find_browser,
    random_name,
    state_name,
    tab_cookie,
)
from gateway.login.profile import Metadata
from gateway.login.provider_defaults import expected_token
from gateway.login.service import KeySource, read_callback, verified
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.settings.settings import ProviderSettings
from gateway.signing.answers import (
    SIGN_RESULT,
    SIGN_START,
    SIGN_TOKEN,
    TOKEN_MARGIN,
    Fetched,
    client_token_form,
    read_client_token,
    read_result,
    read_start,
    start_request,
)
from gateway.signing.digest import hash_base64
from gateway.signing.evidence import KeptEvidence, evidence_of
from gateway.signing.profile import HashForm, Profile, State, Validity
from gateway.signing.records import Kept, Pointer, Records
from gateway.signing.signature import (
    MOST_ATTEMPTS,
    PENDING_SECONDS,
    Attempt,
    Ending,
    Progress,
    Result,
    Signature,
    SignOutcome,
    is_signing_state,
    same_subject,
)
from gateway.signing.verification import OF_THE_CERTIFICATE

_OF_STATE: Mapping[State, SignOutcome] = {
    State.WAITING: SignOutcome.NOT_READY,
    State.CANCELLED: SignOutcome.CANCELLED,
    State.EXPIRED: SignOutcome.TRANSACTION_EXPIRED,
    State.FAILED: SignOutcome.TRANSACTION_FAILED,
}

_OF_ERROR: Mapping[str, SignOutcome] = {
    "access_denied": SignOutcome.CANCELLED,
    "server_error": SignOutcome.PROVIDER_DOWN,
    "temporarily_unavailable": SignOutcome.PROVIDER_DOWN,
}
"""The meaning of the provider's error codes to a person; any other refuses."""

_TOKEN_REFUSED = frozenset({"invalid_token", "status_401"})
"""The answers to a token that is good no more (RFC 6750 section 3.1); any other refuses what was asked for."""

CLAIM_SECONDS = 60.0
"""Seconds for which one caller alone collects a result. A worker that dies meanwhile holds it no longer than this."""

_TRIES = 5
"""Times that a change is tried again because somebody else changed the record meanwhile."""


class SigningProvider(KeySource, Protocol):
    """The calls that a signature makes to the provider. `login/aiohttp_provider` says what each raises."""

    async def metadata(self) -> Metadata:
        """Return the endpoints."""

    async def reachable(self) -> Metadata:
        """Return the endpoints, after a check that the provider has answered recently."""

    async def post_token(self, endpoint: str, form: Callable[[str], str]) -> Mapping[str, Any]:
        """Return the token endpoint's answer to a form that takes a fresh assertion."""

    async def ask(self, endpoint: str, url: str, bearer: str, json: bytes | None = None) -> Mapping[str, Any]:
        """Return what another API of the provider's answers to a GET, or to a POST of JSON."""


@dataclass(frozen=True, slots=True)
class SigningClient:
    """One client of the provider."""

    settings: ProviderSettings
    provider: SigningProvider


@dataclass(frozen=True, slots=True)
class SigningTerms:
    """The gateway's settings that the signatures go by."""

    prefix: str
    profile: Profile
    keep: float
    """Seconds for which a result waits for the application."""
    public: bool
    """Whether we are a public body, which gets the certificate itself."""
    person_required: bool
    """Whether the provider must say who signed."""
    evidence_for: float = 0.0
    """Seconds for which evidence is kept after the hand-over; nothing is kept where it is 0."""


@dataclass(frozen=True, slots=True)
class SentToSign:
    """The browser goes to `location`, by 303; `cookie` and `tab` as in `login.sign_in.Begun`."""

    signature: Signature
    transaction: str
    location: str
    cookie: str | None
    tab: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a step: the outcome, the signature it is about, and words for our log."""

    outcome: SignOutcome
    signature: Signature | None = None
    error: str = ""
    """The provider's error code, or the fault in a word of ours."""
    endpoint: str = ""
    check: str = ""
    transaction: str = ""
    repeated: bool = False
    """The signature had come to this before, so nobody is told of it again."""


class NotAdded(Enum):
    """The reason why a signature was not kept for an idempotency key."""

    NO_ROOM = "no_room"
    """The App has as many signatures as may be kept."""
    OTHER_REQUEST = "other_request"
    """The key stands for another request."""
    OVER = "over"
    """The signature of the key is over, or its application has confirmed it."""


Recorder = Callable[[Ended], Awaitable[None]]
"""Records an end before the application can read it. If it raises, the end does not come about."""


class _EndError(Exception):
    """An outcome on its way out; `args[0]` is the value."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.outcome.value)
        self.ended = ended


class Verify(Protocol):
    """`verification.refused_for`, with the authorities that the settings name."""

    def __call__(
        self, *, hash_: str, document: bytes, signature: str, certificate: str, at: Instant, reported: Validity | None
    ) -> str:
        """Return why a result must not be believed, in one word; empty where it holds."""


class SigningService:
    """Keeps signatures, and brings a person to the provider and back."""

    def __init__(
        self,
        clients: Mapping[str, SigningClient],
        records: Records,
        terms: SigningTerms,
        *,
        clock: Callable[[], Instant],
        random: Callable[[int], bytes],
        known_as: Callable[[str, str], str],
        verify: Verify | None = None,
        evidence: KeptEvidence | None = None,
    ) -> None:
        """Take clients by `client_id`. `known_as` gives the subject by which applications know a person."""
        self._clients = clients
        self._records = records
        self._terms = terms
        self._clock = clock
        self._random = random
        self._known_as = known_as
        self._verify = verify
        self._evidence = evidence
        self._tokens: dict[str, tuple[str, Instant]] = {}
        """Our own tokens by client, each with its end."""

    @property
    def keep(self) -> float:
        """Seconds for which a result waits for the application."""
        return self._terms.keep

    def new_id(self) -> str:
        """Return an id that nobody can guess."""
        return self._secret()

    async def add(self, signature: Signature) -> bool:
        """Keep a new signature; False where there is no room.

        Raises:
            StoreUnavailableError: the store does not answer.

        """
        return await self._records.add(signature, self._clock())

    async def add_once(self, signature: Signature, key: str, request: str) -> Signature | NotAdded:
        """Keep a new signature for an idempotency key, or return the one that the key led to before.

        `request` is the hash of the request.

        Raises:
            StoreUnavailableError: the store does not answer.

        """
        now = self._clock()
        opener = f"idempotency\0{signature.app}\0{key}"
        known = await self._records.follow(opener, now)
        if known is None:
            if not await self._records.add(signature, now):
                return NotAdded.NO_ROOM
            pointer = Pointer(signature.id, request)
            if await self._records.point(opener, pointer, PENDING_SECONDS + self._terms.keep, now):
                return signature
            # The same request came twice at once, or there is no room for the pointer.
            await self._records.remove(signature)
            known = await self._records.follow(opener, now)
        if known is None:
            return NotAdded.NO_ROOM
        if known.request != request:
            return NotAdded.OTHER_REQUEST
        kept = await self._records.find(known.id, now)
        return NotAdded.OVER if kept is None else kept.signature

    async def find(self, id_: str) -> Signature | None:
        """Return a signature; None where it is unknown or over.

        Raises:
            StoreUnavailableError: the store does not answer.

        """
        kept = await self._records.find(id_, self._clock())
        return None if kept is None else kept.signature

    async def remove(self, signature: Signature) -> bool:
        """Forget a signature, because its application has confirmed it; True for exactly one caller.

        Raises:
            StoreUnavailableError: the store does not answer.

        """
        return await self._records.remove(signature)

    async def bind(self, id_: str, subject: str, pseudonym: str) -> Signature | None:
        """Return a signature for the first person who opens it, or for the one whom its application has named.

        The signature stays as it is for anybody else, and for a person whose pseudonym it has.

        Raises:
            StoreUnavailableError: the store does not answer.

        """

        def bound(signature: Signature) -> Signature:
            if signature.pseudonym or (signature.subject and not same_subject(signature, subject)):
                return signature
            return msgspec.structs.replace(signature, subject=subject, pseudonym=pseudonym)

        return await self._change(id_, bound)

    async def decline(self, id_: str, record: Recorder) -> Ended:
        """Keep that the person does not consent.

        Raises:
            StoreUnavailableError: the store does not answer.

        """
        decided, claim = await self._decide(id_, Progress.DECLINED)
        if decided is None:
            return Ended(SignOutcome.OVER)
        if not claim:
            return _known(decided)
        recorded = False
        try:
            await record(Ended(SignOutcome.DECLINED, decided))
            recorded = True
        finally:
            if not recorded:
                await self._undecide(id_, claim)

        def declined(signature: Signature) -> Signature:
            if signature.is_final:
                return signature
            return self._ended_as(signature, Progress.DECLINED, SignOutcome.DECLINED)

        signature = await self._change(id_, declined)
        return Ended(SignOutcome.OVER if signature is None else SignOutcome.DECLINED, signature or decided)

    async def _decide(self, id_: str, progress: Progress) -> tuple[Signature | None, str]:
        """Decide the end of a signature; return it with the caller's claim, which is empty if another end comes first.

        The signature is `None` where it is over.
        """
        claim, now = self._secret(), self._clock()

        def decided(each: Signature) -> Signature:
            if each.is_final or (
                each.ending is not None and (each.ending.progress is not progress or _is_live(each.ending, now))
            ):
                return each
            ends_at = max(each.ends_at, now + CLAIM_SECONDS)
            ending = Ending(progress, claim, now + CLAIM_SECONDS)
            return msgspec.structs.replace(each, ending=ending, ends_at=ends_at)

        changed = await self._change(id_, decided)
        ours = changed is not None and changed.ending is not None and changed.ending.claim == claim
        return changed, claim if ours else ""

    async def _undecide(self, id_: str, claim: str) -> None:
        """Take back an end that is not recorded, so that the person may still choose the other one."""

        def undecided(each: Signature) -> Signature:
            if each.ending is None or each.ending.claim != claim:
                return each
            return msgspec.structs.replace(each, ending=None)

        try:
            await self._change(id_, undecided)
        except StoreUnavailableError:
            # The caller tells of its own fault. The same end may be asked for again, after `CLAIM_SECONDS`.
            return

    async def start(self, route: Route, inbound: Inbound, id_: str) -> SentToSign | Ended:
        """Start a transaction, and return the URL for the browser."""
        signature: Signature | None = None
        try:
            kept = await self._records.find(id_, self._clock())
            if kept is None:
                return Ended(SignOutcome.OVER)
            signature = kept.signature
            return await self._start(route, inbound, signature)
        except StoreUnavailableError as error:
            return Ended(SignOutcome.STORE_DOWN, signature, error=error.fault)
        except ProviderUnavailableError as error:
            return Ended(SignOutcome.PROVIDER_DOWN, signature, error=error.fault, endpoint=error.endpoint)
        except ProviderRefusedError as refused:
            return Ended(SignOutcome.START_REFUSED, signature, error=refused.error, endpoint=refused.endpoint)

    async def _start(self, route: Route, inbound: Inbound, signature: Signature) -> SentToSign | Ended:
        if _takes_no_attempt(signature):
            return _known(signature)
        if len(signature.attempts) >= MOST_ATTEMPTS:
            return Ended(SignOutcome.TOO_MANY, signature)
        client = self._clients[signature.client_id]
        metadata = await client.provider.reachable()
        form = HashForm.DIGEST_INFO if signature.digest_info else HashForm.SHA256
        profile = self._terms.profile
        request = start_request(profile, hash_base64(signature.hash, digest_info=signature.digest_info), form)
        said = await self._with_own_token(
            client, lambda token: client.provider.ask(SIGN_START, profile.start_url(metadata.issuer), token, request)
        )
        started = read_start(said, profile)
        browser = find_browser(inbound.cookie, route.pending_cookie)
        fresh = browser is None
        browser = browser or Browser(self._secret())
        state = f"sign-{self._secret()}"
        now = self._clock()
        attempt = Attempt(
            state_name(state), started.id, browser.name, nonce=self._secret(), verifier=self._secret(), begun_at=now
        )

        def with_attempt(each: Signature) -> Signature:
            if _takes_no_attempt(each):
                return each
            attempts = (*each.attempts, attempt)
            # The provider's own time begins now: a person who hesitated over the document has as long as another one.
            ends_at = max(each.ends_at, now + PENDING_SECONDS)
            return msgspec.structs.replace(
                each, attempts=attempts, progress=Progress.WAITING, reason=None, ends_at=ends_at
            )

        changed = await self._change(signature.id, with_attempt)
        if changed is None:
            return Ended(SignOutcome.OVER)
        if attempt not in changed.attempts:
            return _known(changed)
        await self._records.point(state, Pointer(signature.id), PENDING_SECONDS, now)
        location = authorization_url(
            metadata,
            client_id=signature.client_id,
            redirect_uri=redirect_uri(route.app.url, self._terms.prefix),
            scopes=(),
            state=state,
            nonce=attempt.nonce,
            verifier=attempt.verifier,
            assurance={
                **asked_assurance(client.settings, None),
                profile.authorization_transaction_id: started.id,
            },
            signing_scope=profile.authorization_scope,
        )
        if not fresh:
            return SentToSign(changed, started.id, location, None)
        place = len(changed.attempts)
        return SentToSign(
            changed, started.id, location, browser.cookie, tab_cookie(route.pending_cookie, place).decode()
        )

    async def finish(self, route: Route, inbound: Inbound, query: bytes | None, record: Recorder) -> Ended:
        """Answer the provider's callback, and fetch the result."""
        try:
            return await self._finish(route, inbound, query, record)
        except _EndError as end:
            return end.ended
        except StoreUnavailableError as error:
            return Ended(SignOutcome.STORE_DOWN, error=error.fault)

    async def _finish(self, route: Route, inbound: Inbound, query: bytes | None, record: Recorder) -> Ended:
        answer = read_callback(query) or {}
        state = answer.get("state", "")
        if not is_signing_state(state):
            return Ended(SignOutcome.INVALID, check="state")
        pointer = await self._records.follow(state, self._clock())
        kept = None if pointer is None else await self._records.find(pointer.id, self._clock())
        if kept is None:
            return Ended(SignOutcome.OVER)
        signature = kept.signature
        attempt = _attempt_of(signature, state_name(state))
        if signature.host != route.host:
            return Ended(SignOutcome.INVALID, check="state")
        if attempt is None:
            # This attempt is over: the callback came twice, or another tab was faster.
            return _known(signature)
        used = UsedLogin(attempt.browser, signature.host, "")
        if bound_browser(used, inbound.cookie, route.pending_cookie) is None:
            return Ended(SignOutcome.OTHER_BROWSER, transaction=attempt.transaction)
        if attempt.code or attempt.access_token:
            return await self.collect(route, signature.id, record)
        if "iss" in answer and answer["iss"] != await self._issuer(signature):
            return await self._fail(signature.id, attempt, Ended(SignOutcome.INVALID, check="iss_parameter"))
        if "error" in answer:
            code = oauth_error(answer["error"])
            # Only a code that is about the card may send a person to a counter; any other is a fault of ours.
            card = code in self._clients[signature.client_id].settings.card_errors
            outcome = _OF_ERROR.get(code, SignOutcome.REFUSED if card else SignOutcome.START_REFUSED)
            return await self._fail(signature.id, attempt, Ended(outcome, error=code, endpoint="authorization"))
        code = answer.get("code", "")
        if not 0 < len(code) <= LONGEST_CODE:
            return await self._fail(signature.id, attempt, Ended(SignOutcome.INVALID, check="code"))
        await self._update(signature.id, attempt, code=code)
        return await self.collect(route, signature.id, record)

    async def _issuer(self, signature: Signature) -> str:
        try:
            return (await self._clients[signature.client_id].provider.metadata()).issuer
        except ProviderUnavailableError as error:
            ended = Ended(SignOutcome.PROVIDER_DOWN, signature, error=error.fault, endpoint=error.endpoint)
            raise _EndError(ended) from None

    async def collect(self, route: Route, id_: str, record: Recorder) -> Ended:
        """Fetch the result of a signature whose person came back; call it again where the provider was away."""
        try:
            kept = await self._records.find(id_, self._clock())
            if kept is None:
                return Ended(SignOutcome.OVER)
            signature = kept.signature
            ending = signature.ending
            if ending is not None and ending.progress is Progress.DECLINED and not _is_live(ending, self._clock()):
                # A worker has died while it recorded that the person declines.
                return await self.decline(id_, record)
            attempt = next((each for each in signature.attempts if each.code or each.access_token), None)
            if signature.progress is not Progress.COLLECTING or attempt is None:
                return _known(signature)
            claimed = await self._claim(signature.id, attempt)
            try:
                return await self._collect(route, signature, claimed, record)
            finally:
                await self._release(signature.id, claimed)
        except _EndError as end:
            return end.ended
        except StoreUnavailableError as error:
            return Ended(SignOutcome.STORE_DOWN, error=error.fault)

    async def _claim(self, id_: str, attempt: Attempt) -> Attempt:
        """Return an attempt that this caller alone collects: a code that is exchanged twice may cost its tokens."""
        claim = self._secret()
        now = self._clock()

        def claimed(each: Signature) -> Signature:
            known = _attempt_of(each, attempt.state_name)
            # A wall clock that was set back must not make a claim last longer.
            if known is None or (known.claim and 0 < known.claimed_until - now <= CLAIM_SECONDS):
                return each
            return _with(each, msgspec.structs.replace(known, claim=claim, claimed_until=now + CLAIM_SECONDS))

        changed = await self._change(id_, claimed)
        if changed is None:
            raise _EndError(Ended(SignOutcome.OVER, transaction=attempt.transaction))
        known = _attempt_of(changed, attempt.state_name)
        if known is None or known.claim != claim:
            raise _EndError(_known(changed))
        return known

    async def _release(self, id_: str, attempt: Attempt) -> None:
        """Let another caller collect, if this one has not come to an end."""

        def released(each: Signature) -> Signature:
            known = _attempt_of(each, attempt.state_name)
            if known is None or known.claim != attempt.claim:
                return each
            return _with(each, msgspec.structs.replace(known, claim="", claimed_until=0.0))

        try:
            await self._change(id_, released)
        except StoreUnavailableError:
            # The caller tells of its own end. The claim is over by itself, after `CLAIM_SECONDS`.
            return

    async def _collect(self, route: Route, signature: Signature, attempt: Attempt, record: Recorder) -> Ended:
        client = self._clients[signature.client_id]
        try:
            if not attempt.access_token:
                attempt = await self._exchange(client, route, signature, attempt)
            told = await self._check_person(client, signature, attempt)
            fetched = await self._fetch(client, attempt)
        except ProviderUnavailableError as error:
            # Code or token are kept, so the person need not sign again.
            known = error.endpoint == SIGN_RESULT and error.fault.startswith(("lacks_", "unknown_state"))
            outcome = SignOutcome.RESULT_INVALID if known else SignOutcome.PROVIDER_DOWN
            return await self._wait(signature, attempt, outcome, error.fault, error.endpoint)
        except ProviderRefusedError as refused:
            return await self._refused(signature, attempt, refused)
        except SignInInvalidError as invalid:
            return await self._fail(signature.id, attempt, Ended(SignOutcome.INVALID, check=invalid.check))
        if fetched.state is State.WAITING:
            return await self._wait(signature, attempt, SignOutcome.NOT_READY, "", SIGN_RESULT)
        if fetched.state is not State.SIGNED:
            return await self._fail(signature.id, attempt, Ended(_OF_STATE[fetched.state]))
        if fetched.validity in {Validity.REVOKED, Validity.EXPIRED}:
            ended = Ended(SignOutcome.CERTIFICATE_INVALID, error=str(fetched.validity))
            return await self._fail(signature.id, attempt, ended)
        wrong = self._wrong(signature, fetched)
        if wrong:
            of_hers = wrong in OF_THE_CERTIFICATE
            outcome = SignOutcome.CERTIFICATE_INVALID if of_hers else SignOutcome.RESULT_INVALID
            return await self._fail(signature.id, attempt, Ended(outcome, check=wrong))
        return await self._keep(signature, attempt, fetched, record, person_told=told)

    def _wrong(self, signature: Signature, fetched: Fetched) -> str:
        """Return why a result must not be believed; only a public body gets a certificate that can be looked at."""
        if self._verify is None or not fetched.certificate:
            return ""
        return self._verify(
            hash_=signature.hash,
            document=signature.document,
            signature=fetched.signature,
            certificate=fetched.certificate,
            at=self._clock(),
            reported=fetched.validity,
        )

    async def _exchange(self, client: SigningClient, route: Route, signature: Signature, attempt: Attempt) -> Attempt:
        """Exchange the code, once, and keep the tokens before anything else is done with them."""
        form = partial(
            _code_form,
            client_id=signature.client_id,
            code=attempt.code,
            redirect_uri=redirect_uri(route.app.url, self._terms.prefix),
            verifier=attempt.verifier,
        )
        said = await client.provider.post_token("token", form)
        id_token = said.get("id_token", "")
        tokens = {
            "code": "",
            "access_token": read_access_token(said),
            "id_token": id_token if isinstance(id_token, str) else "",
        }
        await self._update(signature.id, attempt, **tokens)
        return msgspec.structs.replace(attempt, **tokens)

    async def _check_person(self, client: SigningClient, signature: Signature, attempt: Attempt) -> bool:
        """Return whether the provider said who signed; end the attempt where it was another person.

        Raises:
            ProviderUnavailableError: the keys that verify the ID token are not known.
            SignInInvalidError: the ID token fails a check.

        """
        if attempt.person:
            return True
        if not attempt.id_token:
            if self._terms.person_required:
                await self._end(signature.id, attempt, Ended(SignOutcome.PERSON_UNKNOWN))
            return False
        settings, issuer = client.settings, (await client.provider.metadata()).issuer
        expected = expected_token(
            settings, issuer, attempt.nonce, attempt.access_token, begun_at=attempt.begun_at, now=self._clock()
        )
        id_token = await verified(client.provider, lambda keys: read_id_token(attempt.id_token, keys, expected))
        subject = self._known_as(settings.client_id, id_token.subject)
        if subject != signature.subject:
            await self._end(signature.id, attempt, Ended(SignOutcome.OTHER_PERSON))
        # The result may be fetched later than the token lives.
        await self._update(signature.id, attempt, person=id_token.subject, id_token="")
        return True

    async def _fetch(self, client: SigningClient, attempt: Attempt) -> Fetched:
        profile = self._terms.profile
        metadata = await client.provider.metadata()
        url = profile.result_url(metadata.issuer, attempt.transaction)
        said = await client.provider.ask(SIGN_RESULT, url, attempt.access_token)
        return read_result(said, profile, public=self._terms.public)

    async def _refused(self, signature: Signature, attempt: Attempt, refused: ProviderRefusedError) -> Ended:
        fresh = await self._records.find(signature.id, self._clock())
        now_known = None if fresh is None else _attempt_of(fresh.signature, attempt.state_name)
        if fresh is not None and (now_known is None or now_known.access_token != attempt.access_token):
            # Another worker was faster with the same code, and has its tokens or the result.
            return _known(fresh.signature)
        outcome = SignOutcome.RESULT_REFUSED if refused.endpoint == SIGN_RESULT else SignOutcome.INVALID
        return await self._fail(signature.id, attempt, Ended(outcome, error=refused.error, endpoint=refused.endpoint))

    async def _keep(
        self, signature: Signature, attempt: Attempt, fetched: Fetched, record: Recorder, *, person_told: bool
    ) -> Ended:
        now = self._clock()
        result = Result(
            transaction=attempt.transaction,
            signature=fetched.signature,
            signed_at=now,
            certificate=fetched.certificate,
            certificate_jwe=fetched.certificate_jwe,
            validity=fetched.validity,
            person_told=person_told,
        )

        def signed(each: Signature) -> Signature:
            if each.is_final:
                return each
            return msgspec.structs.replace(
                each,
                progress=Progress.SIGNED,
                reason=SignOutcome.SIGNED,
                result=result,
                attempts=(),
                ends_at=now + self._terms.keep,
                ending=None,
            )

        decided, claim = await self._decide(signature.id, Progress.SIGNED)
        if decided is None:
            return Ended(SignOutcome.OVER, transaction=attempt.transaction)
        if not claim:
            return _known(decided)
        recorded = False
        try:
            # The person fetches the result again if its evidence cannot be kept, and signs no second time.
            if self._terms.evidence_for:
                evidence = evidence_of(signature, result, now + self._terms.evidence_for)
                if self._evidence is None or not await self._evidence.keep(evidence, now):
                    raise StoreUnavailableError
            await record(Ended(SignOutcome.SIGNED, signature, transaction=attempt.transaction))
            recorded = True
        finally:
            if not recorded:
                await self._undecide(signature.id, claim)
        changed = await self._change(signature.id, signed)
        if changed is not None and changed.result == result:
            return Ended(SignOutcome.SIGNED, changed, transaction=attempt.transaction)
        if self._evidence is not None:
            # Nobody waits any more, or another caller had to take over: evidence is of what is handed over.
            if changed is None or changed.result is None:
                await self._evidence.erase(signature.id)
            else:
                ends_at = changed.result.signed_at + self._terms.evidence_for
                await self._evidence.keep(evidence_of(changed, changed.result, ends_at), now)
        if changed is None:
            # The trail has the signature, so it must have its loss too, with the document that it is about.
            return Ended(SignOutcome.OVER, signature, transaction=attempt.transaction)
        return _known(changed)

    async def _wait(
        self, signature: Signature, attempt: Attempt, outcome: SignOutcome, fault: str, endpoint: str
    ) -> Ended:
        """Leave the code or the token where it is, for the next try."""
        found = await self._records.find(signature.id, self._clock())
        known = signature if found is None else found.signature
        if known.is_final:
            return _known(known)
        return Ended(outcome, known, error=fault, endpoint=endpoint, transaction=attempt.transaction)

    async def _fail(self, id_: str, attempt: Attempt, ended: Ended) -> Ended:
        """Keep how an attempt ended, unless another one has brought a signature."""

        def failed(each: Signature) -> Signature:
            if each.is_final or _attempt_of(each, attempt.state_name) is None:
                return each
            others = tuple(other for other in each.attempts if other.state_name != attempt.state_name)
            if any(other.code or other.access_token for other in others):
                return msgspec.structs.replace(each, attempts=others)
            stopped = ended.outcome is SignOutcome.CANCELLED
            progress = Progress.CANCELLED if stopped else Progress.FAILED
            return msgspec.structs.replace(each, attempts=others, progress=progress, reason=ended.outcome)

        changed = await self._change(id_, failed)
        return Ended(ended.outcome, changed, ended.error, ended.endpoint, ended.check, transaction=attempt.transaction)

    async def _end(self, id_: str, attempt: Attempt, ended: Ended) -> NoReturn:
        raise _EndError(await self._fail(id_, attempt, ended))

    def _ended_as(self, signature: Signature, progress: Progress, outcome: SignOutcome) -> Signature:
        ends_at = self._clock() + self._terms.keep
        return msgspec.structs.replace(
            signature, progress=progress, reason=outcome, attempts=(), ends_at=ends_at, ending=None
        )

    async def _update(self, id_: str, attempt: Attempt, **values: str) -> None:
        """Keep what an attempt brought: the record is in the state `collecting` from then on."""

        def updated(each: Signature) -> Signature:
            known = _attempt_of(each, attempt.state_name)
            if each.is_final or known is None:
                return each
            ends_at = max(each.ends_at, self._clock() + self._terms.keep)
            newer = _with(each, msgspec.structs.replace(known, **values))
            return msgspec.structs.replace(newer, progress=Progress.COLLECTING, reason=None, ends_at=ends_at)

        changed = await self._change(id_, updated)
        if changed is None:
            raise _EndError(Ended(SignOutcome.OVER, transaction=attempt.transaction))
        if _attempt_of(changed, attempt.state_name) is None:
            raise _EndError(_known(changed))

    async def _change(self, id_: str, change: Callable[[Signature], Signature]) -> Signature | None:
        """Replace a record by what `change` makes of it; None where it is over, or removed meanwhile."""
        for _ in range(_TRIES):
            kept: Kept | None = await self._records.find(id_, self._clock())
            if kept is None:
                return None
            changed = change(kept.signature)
            if changed == kept.signature:
                return changed
            if await self._records.replace(kept, changed, self._clock()) is not None:
                return changed
        raise StoreUnavailableError

    async def _with_own_token(
        self, client: SigningClient, call: Callable[[str], Awaitable[Mapping[str, Any]]]
    ) -> Mapping[str, Any]:
        """Make a call with our own token, and once more with a new one where the kept one is refused."""
        token, kept = await self._own_token(client)
        try:
            return await call(token)
        except ProviderRefusedError as refused:
            if not kept or refused.error not in _TOKEN_REFUSED:
                raise
        self._tokens.pop(client.settings.client_id, None)
        token, _ = await self._own_token(client)
        return await call(token)

    async def _own_token(self, client: SigningClient) -> tuple[str, bool]:
        """Return our token, and whether it was kept from before."""
        client_id, now = client.settings.client_id, self._clock()
        token, ends = self._tokens.get(client_id, ("", now))
        # A wall clock that was set back must not make a token good for longer.
        if token and now < ends and ends - now <= 86_400.0:
            return token, True
        form = partial(_client_form, client_id=client_id, scope=self._terms.profile.token_scope)
        made = read_client_token(await client.provider.post_token(SIGN_TOKEN, form))
        self._tokens[client_id] = (made.token, now + made.seconds - TOKEN_MARGIN)
        return made.token, False

    def _secret(self) -> str:
        return random_name(self._random(SECRET_BYTES))


def _attempt_of(signature: Signature, name: str) -> Attempt | None:
    return next((each for each in signature.attempts if each.state_name == name), None)


def _with(signature: Signature, attempt: Attempt) -> Signature:
    """Return a signature with an attempt in place of the one of the same state."""
    attempts = tuple(attempt if each.state_name == attempt.state_name else each for each in signature.attempts)
    return msgspec.structs.replace(signature, attempts=attempts)


def _is_live(ending: Ending, now: Instant) -> bool:
    """Whether the caller who records an end may still be at it; a clock that was set back makes it no longer."""
    return 0 < ending.claimed_until - now <= CLAIM_SECONDS


def _takes_no_attempt(signature: Signature) -> bool:
    return signature.is_final or signature.ending is not None or signature.progress is Progress.COLLECTING


def _known(signature: Signature) -> Ended:
    """Return what a signature has come to before; a callback of an attempt that is over brings nothing new."""
    if signature.ending is not None:
        return Ended(SignOutcome.NOT_READY, signature, repeated=True)
    match signature.progress:
        case Progress.WAITING:
            return Ended(SignOutcome.INVALID, signature, check="state")
        case Progress.COLLECTING:
            return Ended(SignOutcome.NOT_READY, signature, repeated=True)
        case Progress.SIGNED:
            return Ended(SignOutcome.SIGNED, signature, repeated=True)
        case Progress.DECLINED:
            return Ended(SignOutcome.DECLINED, signature, repeated=True)
        case Progress.CANCELLED | Progress.FAILED:
            return Ended(signature.reason or SignOutcome.INVALID, signature, repeated=True)


def _code_form(assertion: str, *, client_id: str, code: str, redirect_uri: str, verifier: str) -> str:
    return token_form(client_id=client_id, code=code, redirect_uri=redirect_uri, verifier=verifier, assertion=assertion)


def _client_form(assertion: str, *, client_id: str, scope: str) -> str:
    return client_token_form(client_id=client_id, scope=scope, assertion=assertion)
