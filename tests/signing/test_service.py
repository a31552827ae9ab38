"""The order of the steps of a signature, against a provider that a test scripts."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.errors import (
    AuditUnavailableError,
    ProviderRefusedError,
    ProviderUnavailableError,
    StoreFault,
    StoreUnavailableError,
)
from gateway.login.claims import VerificationKey, half_hash
from gateway.login.login import LONGEST_CODE
from gateway.login.profile import Metadata
from gateway.redis_client import RedisOptions, close_redis, make_redis, parse_redis_url
from gateway.request.target import Target
from gateway.session.seal import Secrets
from gateway.settings.settings import ProviderSettings
from gateway.signing.evidence import KeptEvidence
from gateway.signing.memory_store import MemoryByteStore
from gateway.signing.profile import SHIPPED, Validity, read_profile
from gateway.signing.records import Records, RecordStore
from gateway.signing.redis_store import RedisByteStore
from gateway.signing.service import (
    CLAIM_SECONDS,
    Ended,
    NotAdded,
    Recorder,
    SentToSign,
    SigningClient,
    SigningService,
    SigningTerms,
    Verify,
)
from gateway.signing.signature import MOST_ATTEMPTS, Progress, SignOutcome
from tests.builders import CLIENT, inbound, route
from tests.login.test_claims import KEY, token
from tests.signing.test_answers import JWE
from tests.signing.test_asked import signature

ISSUER = "https://op.example/api/realms/main"
NOW = 1_700_000_000.0
METADATA = Metadata(ISSUER, f"{ISSUER}/auth", f"{ISSUER}/token", f"{ISSUER}/certs")
SIGNED = {"state": "signed", "signature": "c2ln", "sign_certificate_jwe": JWE}
BROWSER = b"__Host-sekisho-login=" + b"b" * 43


@dataclass
class Provider:
    """Answers as it was told to; an exception is raised once."""

    now: float = NOW
    subject: str | None = "hanako"
    nonce: str = ""
    result: Any = field(default_factory=lambda: dict(SIGNED))
    faults: dict[str, list[Exception]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    slow: dict[str, asyncio.Event] = field(default_factory=dict)
    """Endpoints that answer as soon as their event is set."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as a slow endpoint was asked."""

    async def metadata(self) -> Metadata:
        if self.faults.get("metadata"):
            raise self.faults["metadata"].pop(0)
        return METADATA

    async def reachable(self) -> Metadata:
        return METADATA

    async def signing_keys(self) -> tuple[VerificationKey, ...]:
        return (VerificationKey("k1", "ES256", KEY),)

    async def newer_signing_keys(self) -> tuple[VerificationKey, ...]:
        return await self.signing_keys()

    async def post_token(self, endpoint: str, form: Callable[[str], str]) -> Mapping[str, Any]:
        self._called(endpoint)
        await self._slowly(endpoint)
        said = parse_qs(form("a.b.c"))
        if said["grant_type"] == ["client_credentials"]:
            return {"access_token": "own", "expires_in": 300}
        answer: dict[str, Any] = {"access_token": "hers", "token_type": "Bearer"}
        if self.subject is not None:
            claims = {
                "iss": ISSUER,
                "aud": CLIENT,
                "sub": self.subject,
                "nonce": self.nonce,
                "iat": int(self.now),
                "exp": int(self.now) + 300,
                "auth_time": int(self.now),
                "at_hash": half_hash("hers", "ES256"),
            }
            answer["id_token"] = token(claims, {"kid": "k1"})
        return answer

    async def ask(self, endpoint: str, url: str, bearer: str, json: bytes | None = None) -> Mapping[str, Any]:
        self._called(endpoint)
        await self._slowly(endpoint)
        assert url.startswith("https://op.example/api/sign-transactions")
        if json is not None:
            assert bearer == "own"
            return {"sign_transaction_id": f"t-{self.calls.count(endpoint)}"}
        assert bearer == "hers"
        return dict(self.result)

    async def _slowly(self, endpoint: str) -> None:
        if endpoint in self.slow:
            self.asked.set()
            await self.slow[endpoint].wait()

    def _called(self, endpoint: str) -> None:
        self.calls.append(endpoint)
        if self.faults.get(endpoint):
            raise self.faults[endpoint].pop(0)


class AwayStore(MemoryByteStore):
    """A store in memory that is away for the calls that a test names."""

    away: frozenset[str] = frozenset()

    async def get(self, name: str, now: float) -> bytes | None:
        self._answer("get")
        return await super().get(name, now)

    async def swap(self, name: str, old: bytes, new: bytes, seconds: float, now: float) -> bool:
        self._answer("swap")
        return await super().swap(name, old, new, seconds, now)

    def _answer(self, call: str) -> None:
        if call in self.away:
            raise StoreUnavailableError(StoreFault.PROTOCOL)


def nothing_wrong(**_: object) -> str:
    """Believe every result."""
    return ""


class House:
    """A service over a provider, with one signature of hanako's."""

    def __init__(
        self,
        *,
        person_required: bool = True,
        room: int = 64 * 1024**2,
        public: bool = False,
        verify: Verify = nothing_wrong,
        evidence: KeptEvidence | None = None,
        evidence_for: float = 0.0,
        store: RecordStore | None = None,
    ) -> None:
        self.provider = Provider()
        self.store = AwayStore()
        self.now = NOW
        self.route = route()
        self.recorded: list[Ended] = []
        self.trail_is_full = False
        settings = ProviderSettings(client_id=CLIENT, issuer=ISSUER, acr_values=None)
        terms = SigningTerms(
            prefix="/.sekisho/",
            profile=read_profile(SHIPPED.read_text("utf-8"), "profile.toml"),
            keep=600.0,
            public=public,
            person_required=person_required,
            evidence_for=evidence_for,
        )
        self.service = SigningService(
            {CLIENT: SigningClient(settings, self.provider)},
            Records(store or self.store, Secrets.single(b"s" * 32), os.urandom, room),
            terms,
            clock=lambda: self.now,
            random=os.urandom,
            known_as=lambda _client, subject: subject,
            verify=verify,
            evidence=evidence,
        )

    async def record(self, ended: Ended) -> None:
        """Record an end as the audit trail does."""
        if self.trail_is_full:
            raise AuditUnavailableError
        self.recorded.append(ended)

    async def collect(self) -> Ended:
        return await self.service.collect(self.route, "i" * 43, self.record)

    async def begin(self) -> SentToSign:
        await self.service.add(signature(client_id=CLIENT, created_at=NOW, ends_at=NOW + 900))
        return await self.start()

    async def start(self) -> SentToSign:
        sent = await self.service.start(self.route, inbound(cookie=BROWSER), "i" * 43)
        assert isinstance(sent, SentToSign), sent
        self.provider.nonce = parse_qs(urlsplit(sent.location).query)["nonce"][0]
        return sent

    async def back(self, sent: SentToSign, cookie: bytes = BROWSER, **answer: str) -> Ended:
        state = parse_qs(urlsplit(sent.location).query)["state"][0]
        query = "&".join(f"{name}={value}" for name, value in ({"state": state, "code": "c"} | answer).items())
        target = Target("/.sekisho/callback", b"/.sekisho/callback?" + query.encode(), query.encode())
        return await self.service.finish(self.route, inbound(target=target, cookie=cookie), query.encode(), self.record)

    async def progress(self) -> Progress:
        found = await self.service.find("i" * 43)
        assert found is not None
        return found.progress


async def test_the_person_is_sent_with_the_transaction_and_comes_back_with_a_signature() -> None:
    """The request has the scope, the transaction, PKCE, state and nonce; the result is kept for the application."""
    house = House()

    sent = await house.begin()
    asked = parse_qs(urlsplit(sent.location).query)
    ended = await house.back(sent)

    assert (asked["scope"], asked["sign_transaction_id"]) == (["openid sign"], ["t-1"])
    assert {"code_challenge", "nonce", "state"} <= asked.keys()
    assert (ended.outcome, ended.transaction) == (SignOutcome.SIGNED, "t-1")
    found = await house.service.find("i" * 43)
    assert found is not None
    assert found.result is not None
    assert (found.result.certificate_jwe, found.attempts) == (JWE, ())
    assert (await house.back(sent)).outcome is SignOutcome.SIGNED
    assert house.provider.calls.count("token") == 1
    house.now += 600
    assert await house.service.find("i" * 43) is None


@pytest.mark.parametrize(("subject", "outcome"), [("taro", "other_person"), (None, "person_unknown")])
async def test_a_strangers_certificate_is_never_fetched(subject: str | None, outcome: str) -> None:
    """The certificate of somebody whom the provider does not name is not fetched either."""
    house = House()
    house.provider.subject = subject
    sent = await house.begin()

    ended = await house.back(sent)

    assert ended.outcome == outcome
    assert "sign_result" not in house.provider.calls
    assert await house.progress() is Progress.FAILED
    house.provider.subject = "hanako"
    assert (await house.back(await house.start())).outcome is SignOutcome.SIGNED


async def test_the_settings_may_accept_that_nobody_says_who_signed() -> None:
    """Then the result says so."""
    house = House(person_required=False)
    house.provider.subject = None

    ended = await house.back(await house.begin())

    assert ended.signature is not None
    assert ended.signature.result is not None
    assert ended.signature.result.person_told is False


@pytest.mark.parametrize("endpoint", ["token", "sign_result"])
async def test_a_fault_after_the_card_costs_no_second_signature(endpoint: str) -> None:
    """Code or token are kept until the result is there, however often it fails."""
    house = House()
    house.provider.faults = {endpoint: [ProviderUnavailableError(endpoint, "timeout") for _ in range(3)]}
    sent = await house.begin()

    first = await house.back(sent)
    others = [await house.collect() for _ in range(2)]
    assert await house.progress() is Progress.COLLECTING
    last = await house.collect()

    assert {first.outcome, *(each.outcome for each in others)} == {SignOutcome.PROVIDER_DOWN}
    assert last.outcome is SignOutcome.SIGNED
    assert house.provider.calls.count("sign_start") == 1


@pytest.mark.parametrize(
    ("result", "outcome", "progress"),
    [
        ({"state": "waiting"}, SignOutcome.NOT_READY, Progress.COLLECTING),
        ({"state": "odd"}, SignOutcome.RESULT_INVALID, Progress.COLLECTING),
        ({"state": "cancelled"}, SignOutcome.CANCELLED, Progress.CANCELLED),
        ({"state": "expired"}, SignOutcome.TRANSACTION_EXPIRED, Progress.FAILED),
        ({"state": "failed"}, SignOutcome.TRANSACTION_FAILED, Progress.FAILED),
    ],
)
async def test_every_state_of_a_result_has_an_outcome(
    result: dict[str, str], outcome: SignOutcome, progress: Progress
) -> None:
    """A result that may still come is waited for."""
    house = House()
    house.provider.result = result

    ended = await house.back(await house.begin())

    assert ended.outcome is outcome
    assert await house.progress() is progress


@pytest.mark.parametrize(
    ("endpoint", "error", "outcome"),
    [
        ("sign_token", ProviderRefusedError("invalid_client", "sign_token"), SignOutcome.START_REFUSED),
        ("sign_start", ProviderRefusedError("hash_wrong", "sign_start"), SignOutcome.START_REFUSED),
        ("sign_start", ProviderUnavailableError("sign_start", "timeout"), SignOutcome.PROVIDER_DOWN),
    ],
)
async def test_a_provider_that_takes_no_transaction_has_an_outcome(
    endpoint: str, error: Exception, outcome: SignOutcome
) -> None:
    """The person is told, and nothing has begun."""
    house = House()
    house.provider.faults = {endpoint: [error]}
    await house.service.add(signature(client_id=CLIENT, created_at=NOW, ends_at=NOW + 900))

    ended = await house.service.start(house.route, inbound(cookie=BROWSER), "i" * 43)

    assert isinstance(ended, Ended)
    assert ended.outcome is outcome
    assert await house.progress() is Progress.WAITING


async def test_a_kept_token_that_is_refused_is_fetched_anew_once() -> None:
    """The provider may end our token before its time."""
    house = House()
    await house.begin()
    house.provider.faults = {"sign_start": [ProviderRefusedError("status_401", "sign_start")]}

    await house.start()

    assert house.provider.calls.count("sign_token") == 2


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("access_denied", SignOutcome.CANCELLED),
        ("server_error", SignOutcome.PROVIDER_DOWN),
        ("unmet_authentication_requirements", SignOutcome.REFUSED),
        ("invalid_request", SignOutcome.START_REFUSED),
    ],
)
async def test_every_error_of_the_authorization_has_an_outcome(error: str, outcome: SignOutcome) -> None:
    """Only an error that is about the card blames it."""
    house = House()

    ended = await house.back(await house.begin(), error=error)

    assert ended.outcome is outcome
    assert "token" not in house.provider.calls


async def test_an_answer_that_is_not_this_browsers_changes_nothing() -> None:
    """Another browser's, another state's, another issuer's and an empty code."""
    house = House()
    sent = await house.begin()

    other = await house.back(sent, cookie=b"__Host-sekisho-login=" + b"x" * 43)
    unknown = await house.back(sent, state="sign-" + "z" * 43)
    shapeless = await house.back(sent, state="x")

    assert (other.outcome, other.signature) == (SignOutcome.OTHER_BROWSER, None)
    assert unknown.outcome is SignOutcome.OVER
    assert (shapeless.outcome, shapeless.check) == (SignOutcome.INVALID, "state")
    assert (await house.back(sent)).outcome is SignOutcome.SIGNED
    assert (await house.back(await House().begin(), iss="https://evil.example")).outcome is SignOutcome.OVER


async def test_two_tabs_bring_one_signature() -> None:
    """The first that comes back counts, and the other learns of it."""
    house = House()
    first = await house.begin()
    nonce = house.provider.nonce
    second = await house.start()
    house.provider.nonce = nonce

    one = await house.back(first)
    two = await house.back(second)

    assert (one.outcome, two.outcome) == (SignOutcome.SIGNED, SignOutcome.SIGNED)
    assert house.provider.calls.count("token") == 1


@pytest.mark.parametrize("endpoint", ["token", "sign_result"])
async def test_of_two_callbacks_at_once_one_alone_collects(endpoint: str) -> None:
    """A code that is exchanged twice may cost its tokens: the second caller is told to fetch it soon."""
    house = House()
    sent = await house.begin()
    house.provider.slow[endpoint] = asyncio.Event()

    first = asyncio.create_task(house.back(sent))
    await house.provider.asked.wait()
    second = await house.back(sent)
    house.provider.slow[endpoint].set()

    assert (second.outcome, second.repeated) == (SignOutcome.NOT_READY, True)
    assert (await first).outcome is SignOutcome.SIGNED
    assert house.provider.calls.count(endpoint) == 1


async def test_a_worker_that_dies_while_it_collects_holds_the_result_for_a_minute() -> None:
    """Then another one has it."""
    house = House()
    sent = await house.begin()
    house.provider.slow["sign_result"] = asyncio.Event()
    first = asyncio.create_task(house.back(sent))
    await house.provider.asked.wait()
    del house.provider.slow["sign_result"]

    early = await house.collect()
    house.now += CLAIM_SECONDS
    late = await house.collect()
    first.cancel()

    assert (early.outcome, late.outcome) == (SignOutcome.NOT_READY, SignOutcome.SIGNED)


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        ("begun_again", SignOutcome.INVALID),
        ("cancelled", SignOutcome.CANCELLED),
        ("collecting", SignOutcome.NOT_READY),
        ("signed", SignOutcome.SIGNED),
        ("declined", SignOutcome.DECLINED),
    ],
)
async def test_a_callback_of_an_attempt_that_is_over_never_tells_of_a_signature_again(
    how: str, outcome: SignOutcome
) -> None:
    """It says what the signature has come to, and the trail hears of each signature and each refusal once."""
    house = House()
    sent = await house.begin()
    match how:
        case "begun_again" | "cancelled":
            await house.back(sent, error="access_denied")
            if how == "begun_again":
                await house.start()
        case "collecting":
            house.provider.result = {"state": "waiting"}
            await house.back(await house.start())
            await house.service.start(house.route, inbound(cookie=BROWSER), "i" * 43)
        case "signed":
            await house.back(sent)
        case _:
            await house.service.decline("i" * 43, house.record)
    recorded = len(house.recorded)

    again = (
        await house.back(sent)
        if how != "collecting"
        else await house.service.start(house.route, inbound(cookie=BROWSER), "i" * 43)
    )

    assert isinstance(again, Ended)
    assert again.outcome is outcome
    assert again.repeated is (how != "begun_again")
    assert len(house.recorded) == recorded == (1 if how in {"signed", "declined"} else 0)


async def test_nothing_ends_that_the_trail_cannot_record() -> None:
    """The application reads no result and no refusal before the trail has it, and the person signs no second time."""
    house = House()
    sent = await house.begin()
    house.trail_is_full = True

    with pytest.raises(AuditUnavailableError):
        await house.service.decline("i" * 43, house.record)
    assert await house.progress() is Progress.WAITING
    with pytest.raises(AuditUnavailableError):
        await house.back(sent)
    assert await house.progress() is Progress.COLLECTING
    house.trail_is_full = False

    assert (await house.collect()).outcome is SignOutcome.SIGNED
    assert [(each.outcome, each.transaction) for each in house.recorded] == [(SignOutcome.SIGNED, "t-1")]
    assert house.provider.calls.count("token") == 1


@pytest.mark.parametrize(
    ("refusal", "outcome"),
    [
        ("", SignOutcome.SIGNED),
        ("certificate_expired", SignOutcome.CERTIFICATE_INVALID),
        ("certificate_not_yet_valid", SignOutcome.CERTIFICATE_INVALID),
        ("revoked", SignOutcome.CERTIFICATE_INVALID),
        ("reported_expired", SignOutcome.CERTIFICATE_INVALID),
        ("signature_wrong", SignOutcome.RESULT_INVALID),
        ("issuer_unknown", SignOutcome.RESULT_INVALID),
        ("validity_unknown", SignOutcome.RESULT_INVALID),
    ],
)
async def test_only_a_certificate_that_is_over_sends_a_person_to_her_municipality(
    refusal: str, outcome: SignOutcome
) -> None:
    """Every other fault of a result is the service's or ours, and nobody needs a new certificate for it."""
    house = House(public=True, verify=lambda **_: refusal)
    house.provider.result = SIGNED | {"sign_certificate": "MIIB", "certificate_validity": "good"}

    ended = await house.back(await house.begin())

    assert (ended.outcome, ended.check) == (outcome, refusal)


@pytest.mark.parametrize("step", ["start", "callback", "collect", "decline"])
async def test_a_signature_that_is_over_begins_and_brings_nothing(step: str) -> None:
    """At each step: the provider is asked for nothing more, and nothing is recorded."""
    house = House()
    sent = await house.begin()
    if step == "collect":
        house.provider.result = {"state": "waiting"}
        assert (await house.back(sent)).outcome is SignOutcome.NOT_READY
    calls = len(house.provider.calls)
    house.now += 2 * 3_600

    match step:
        case "start":
            ended: SentToSign | Ended = await house.service.start(house.route, inbound(cookie=BROWSER), "i" * 43)
        case "callback":
            ended = await house.back(sent)
        case "collect":
            ended = await house.collect()
        case _:
            ended = await house.service.decline("i" * 43, house.record)

    assert isinstance(ended, Ended)
    assert ended.outcome is SignOutcome.OVER
    assert len(house.provider.calls) == calls
    assert house.recorded == []


async def test_attempts_are_bounded_and_a_refusal_is_final() -> None:
    """A person who does not consent is not asked again."""
    house = House()
    await house.begin()
    for _ in range(MOST_ATTEMPTS - 1):
        await house.start()

    over = await house.service.start(house.route, inbound(cookie=BROWSER), "i" * 43)
    declined = await house.service.decline("i" * 43, house.record)
    again = await house.service.start(house.route, inbound(cookie=BROWSER), "i" * 43)

    assert isinstance(over, Ended)
    assert isinstance(again, Ended)
    assert (over.outcome, declined.outcome, again.outcome) == (
        SignOutcome.TOO_MANY,
        SignOutcome.DECLINED,
        SignOutcome.DECLINED,
    )
    assert (await house.service.decline("j" * 43, house.record)).outcome is SignOutcome.OVER


async def test_an_idempotency_key_leads_to_one_signature() -> None:
    """The same request again gets the same one, another request none."""
    house = House()
    one = signature(ends_at=NOW + 900)

    first = await house.service.add_once(one, "order-12345678", "hash")
    same = await house.service.add_once(signature(id="j" * 43, ends_at=NOW + 900), "order-12345678", "hash")
    other = await house.service.add_once(signature(id="k" * 43, ends_at=NOW + 900), "order-12345678", "another")

    assert first == same == one
    assert other is NotAdded.OTHER_REQUEST
    assert await house.service.find("j" * 43) is None
    await house.service.remove(one)
    assert await house.service.add_once(one, "order-12345678", "hash") is NotAdded.OVER
    full = House(room=2_500)
    told = [
        await full.service.add_once(signature(id=each * 43, ends_at=NOW + 900), f"order-{each * 8}", "h")
        for each in "abc"
    ]
    assert told[2] is NotAdded.NO_ROOM
    assert await full.service.add_once(one, "order-aaaaaaaa", "h") == told[0], (
        "a request that is sent again needs no room"
    )


async def test_a_signature_belongs_to_who_opens_it_first_and_to_nobody_once_it_is_confirmed() -> None:
    """The application may leave open who signs."""
    house = House()
    await house.service.add(signature(subject="", ends_at=NOW + 900))

    first = await house.service.bind("i" * 43, "hanako", "p1")
    second = await house.service.bind("i" * 43, "taro", "p2")

    assert first is not None
    assert (first.subject, first.pseudonym) == ("hanako", "p1")
    assert second == first
    assert await house.service.remove(first)
    assert not await house.service.remove(first)


async def test_a_person_whom_the_application_has_named_brings_her_pseudonym_and_nobody_else_does() -> None:
    """The trail, the evidence and an erasure find her by it."""
    house = House()
    await house.service.add(signature(subject="hanako", pseudonym="", ends_at=NOW + 900))

    other = await house.service.bind("i" * 43, "taro", "p2")
    named = await house.service.bind("i" * 43, "hanako", "p1")

    assert other is not None
    assert named is not None
    assert (other.subject, other.pseudonym) == ("hanako", "")
    assert (named.subject, named.pseudonym) == ("hanako", "p1")


async def test_a_browser_without_a_name_gets_one_and_only_it_comes_back() -> None:
    """The cookie binds the browser, and the second one the tab; a browser that has a name keeps it."""
    house = House()
    await house.service.add(signature(client_id=CLIENT, created_at=NOW, ends_at=NOW + 900))

    sent = await house.service.start(house.route, inbound(), "i" * 43)
    assert isinstance(sent, SentToSign)
    assert sent.cookie is not None
    house.provider.nonce = parse_qs(urlsplit(sent.location).query)["nonce"][0]

    assert sent.tab
    assert (await house.back(sent)).outcome is SignOutcome.OTHER_BROWSER
    assert (await house.back(sent, cookie=b"__Host-sekisho-login=" + sent.cookie.encode())).outcome is (
        SignOutcome.SIGNED
    )
    assert (await House().begin()).cookie is None


@pytest.mark.parametrize("call", ["get", "swap"])
@pytest.mark.parametrize("step", ["start", "callback", "collect", "decline"])
async def test_a_store_that_is_away_ends_no_signature(step: str, call: str) -> None:
    """The person reads that we are at fault, and goes on with the same signature once the store is back."""
    house = House()
    sent = await house.begin()
    if step == "collect":
        house.provider.result = {"state": "waiting"}
        await house.back(sent)
        house.provider.result = dict(SIGNED)
    before = await house.progress()
    house.store.away = frozenset({call})

    match step:
        case "start":
            ended: SentToSign | Ended = await house.service.start(house.route, inbound(cookie=BROWSER), "i" * 43)
        case "callback":
            ended = await house.back(sent)
        case "collect":
            ended = await house.collect()
        case _:
            with pytest.raises(StoreUnavailableError):
                await house.service.decline("i" * 43, house.record)
            ended = Ended(SignOutcome.STORE_DOWN, error=StoreFault.PROTOCOL)
    house.store.away = frozenset()

    assert isinstance(ended, Ended)
    assert (ended.outcome, ended.error) == (SignOutcome.STORE_DOWN, StoreFault.PROTOCOL)
    assert await house.progress() is before
    assert (await (house.collect() if step == "collect" else house.back(sent))).outcome is SignOutcome.SIGNED


async def test_a_claim_that_cannot_be_given_back_is_over_by_itself() -> None:
    """The caller tells of its own end, though the store went away just then."""
    house = House()
    sent = await house.begin()
    house.provider.slow["sign_result"] = asyncio.Event()
    collecting = asyncio.create_task(house.back(sent))
    await house.provider.asked.wait()
    house.provider.result = {"state": "waiting"}
    house.store.away = frozenset({"swap"})
    house.provider.slow.pop("sign_result").set()

    first = await collecting
    house.store.away = frozenset()
    house.provider.result = dict(SIGNED)
    at_once = await house.collect()
    house.now += CLAIM_SECONDS
    later = await house.collect()

    assert [each.outcome for each in (first, at_once, later)] == [
        SignOutcome.NOT_READY,
        SignOutcome.NOT_READY,
        SignOutcome.SIGNED,
    ]


@pytest.mark.parametrize(
    ("answer", "outcome", "check"),
    [
        ({"iss": "https://evil.example"}, SignOutcome.INVALID, "iss_parameter"),
        ({"code": ""}, SignOutcome.INVALID, "code"),
        ({"code": "c" * (LONGEST_CODE + 1)}, SignOutcome.INVALID, "code"),
        ({"iss": ISSUER}, SignOutcome.SIGNED, ""),
        ({"code": "c" * LONGEST_CODE}, SignOutcome.SIGNED, ""),
    ],
)
async def test_an_answer_that_no_provider_of_ours_gives_ends_the_attempt(
    answer: dict[str, str], outcome: SignOutcome, check: str
) -> None:
    """Another issuer's answer is a mix-up (RFC 9207), and nothing is fetched for it."""
    house = House()

    ended = await house.back(await house.begin(), BROWSER, **answer)

    assert (ended.outcome, ended.check) == (outcome, check)
    assert ("token" in house.provider.calls) is (outcome is SignOutcome.SIGNED)


async def test_an_issuer_that_is_not_known_yet_costs_no_attempt() -> None:
    """The provider's metadata cannot be fetched: the same answer counts a moment later."""
    house = House()
    sent = await house.begin()
    house.provider.faults = {"metadata": [ProviderUnavailableError("discovery", "timeout")]}

    first = await house.back(sent, iss=ISSUER)
    second = await house.back(sent, iss=ISSUER)

    assert (first.outcome, first.error, first.endpoint) == (SignOutcome.PROVIDER_DOWN, "timeout", "discovery")
    assert second.outcome is SignOutcome.SIGNED


async def test_an_answer_that_comes_to_another_apps_host_is_none() -> None:
    """A browser that was sent from one App brings nothing to another one."""
    house = House()
    sent = await house.begin()
    here, house.route = house.route, route(host="other.gw.test")

    elsewhere = await house.back(sent)
    house.route = here

    assert (elsewhere.outcome, elsewhere.check, elsewhere.signature) == (SignOutcome.INVALID, "state", None)
    assert (await house.back(sent)).outcome is SignOutcome.SIGNED


@pytest.mark.parametrize(
    ("endpoint", "error", "outcome"),
    [
        ("token", "invalid_grant", SignOutcome.INVALID),
        ("sign_result", "status_404", SignOutcome.RESULT_REFUSED),
    ],
)
async def test_a_refusal_after_the_card_ends_the_attempt_and_not_the_signature(
    endpoint: str, error: str, outcome: SignOutcome
) -> None:
    """The code or the token is good no more, so the person may begin again."""
    house = House()
    house.provider.faults = {endpoint: [ProviderRefusedError(error, endpoint)]}

    ended = await house.back(await house.begin())

    assert (ended.outcome, ended.error, ended.endpoint) == (outcome, error, endpoint)
    assert await house.progress() is Progress.FAILED
    assert (await house.back(await house.start())).outcome is SignOutcome.SIGNED


@pytest.mark.parametrize("validity", [Validity.REVOKED, Validity.EXPIRED])
async def test_a_certificate_that_the_provider_calls_over_hands_nothing_over(validity: Validity) -> None:
    """The person goes to her municipality, and the application gets no signature."""
    house = House(public=True)
    house.provider.result = SIGNED | {"sign_certificate": "MIIB", "certificate_validity": str(validity)}

    ended = await house.back(await house.begin())

    assert (ended.outcome, ended.error) == (SignOutcome.CERTIFICATE_INVALID, validity)
    assert house.recorded == []
    assert await house.progress() is Progress.FAILED


async def test_an_id_token_that_fails_a_check_ends_the_attempt() -> None:
    """The nonce is another attempt's, so nobody knows whose result it would be."""
    house = House()
    sent = await house.begin()
    house.provider.nonce = "of another attempt"

    ended = await house.back(sent)

    assert (ended.outcome, ended.check) == (SignOutcome.INVALID, "nonce")
    assert "sign_result" not in house.provider.calls


async def test_a_result_may_be_fetched_after_its_id_token_has_ended() -> None:
    """The person was known before the provider went away, so the token is not asked again."""
    house = House()
    house.provider.result = {"state": "waiting"}
    await house.back(await house.begin())
    house.now += 500
    house.provider.result = dict(SIGNED)

    ended = await house.collect()

    assert ended.signature is not None
    assert ended.signature.result is not None
    assert (ended.outcome, ended.signature.result.person_told) == (SignOutcome.SIGNED, True)


async def test_a_signature_that_is_removed_while_it_is_collected_is_over() -> None:
    """The application has confirmed it in another tab, or an erasure took it: the result is handed to nobody."""
    house = House()
    sent = await house.begin()
    house.provider.slow["sign_result"] = asyncio.Event()
    collecting = asyncio.create_task(house.back(sent))
    await house.provider.asked.wait()
    found = await house.service.find("i" * 43)
    assert found is not None
    await house.service.remove(found)
    house.provider.slow["sign_result"].set()

    assert (await collecting).outcome is SignOutcome.OVER
    assert await house.service.find("i" * 43) is None


async def test_a_person_who_declines_in_another_tab_has_the_last_word() -> None:
    """The result that comes afterwards is kept nowhere."""
    house = House()
    sent = await house.begin()
    house.provider.slow["sign_result"] = asyncio.Event()
    collecting = asyncio.create_task(house.back(sent))
    await house.provider.asked.wait()
    await house.service.decline("i" * 43, house.record)
    house.provider.slow["sign_result"].set()

    late = await collecting

    assert (late.outcome, late.repeated) == (SignOutcome.DECLINED, True)
    found = await house.service.find("i" * 43)
    assert found is not None
    assert (found.progress, found.result) == (Progress.DECLINED, None)


@pytest.fixture(params=["memory", "redis"])
async def two_workers(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """A house whose record is in memory, or in a real Redis."""
    if request.param == "memory":
        yield House()
        return
    redis = make_redis(parse_redis_url(request.getfixturevalue("redis_url")), RedisOptions())
    yield House(store=RedisByteStore(redis, timeout=30.0))
    await close_redis(redis)


@pytest.mark.parametrize("first", ["collect", "decline"])
async def test_a_decline_while_a_result_is_recorded_leaves_one_end(two_workers: House, first: str) -> None:
    """The trail and the application have the end that came first, however slow its record is, and nothing else."""
    house = two_workers
    sent = await house.begin()
    house.provider.result = {"state": "waiting"}
    await house.back(sent)
    house.provider.result = dict(SIGNED)
    recording, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(ended: Ended) -> None:
        recording.set()
        await go_on.wait()
        await house.record(ended)

    steps: dict[str, Callable[[Recorder], Awaitable[Ended]]] = {
        "collect": partial(house.service.collect, house.route, "i" * 43),
        "decline": partial(house.service.decline, "i" * 43),
    }
    slow = asyncio.ensure_future(steps.pop(first)(slowly))
    await recording.wait()
    ((_, other),) = steps.items()
    late = await other(house.record)
    again = await house.service.start(house.route, inbound(cookie=BROWSER), "i" * 43)
    before = await house.progress()
    go_on.set()
    ended = await slow
    known = await other(house.record)

    end = SignOutcome.SIGNED if first == "collect" else SignOutcome.DECLINED
    assert isinstance(again, Ended)
    assert {(each.outcome, each.repeated) for each in (late, again)} == {(SignOutcome.NOT_READY, True)}
    assert before is Progress.COLLECTING
    assert (ended.outcome, known.outcome, known.repeated) == (end, end, True)
    assert [each.outcome for each in house.recorded] == [end]
    found = await house.service.find("i" * 43)
    assert found is not None
    assert (found.progress.value, found.result is not None, found.ending) == (end.value, first == "collect", None)


@pytest.mark.parametrize("first", ["collect", "decline"])
async def test_an_end_that_a_dead_worker_has_decided_is_brought_about_by_another(
    two_workers: House, first: str
) -> None:
    """The trail may have it already, so the other end can come no more."""
    house = two_workers
    sent = await house.begin()
    house.provider.result = {"state": "waiting"}
    await house.back(sent)
    house.provider.result = dict(SIGNED)
    end = Progress.SIGNED if first == "collect" else Progress.DECLINED
    await house.service._decide("i" * 43, end)

    early = [await house.collect(), await house.service.decline("i" * 43, house.record)]
    house.now += CLAIM_SECONDS
    if first == "collect":
        early.append(await house.service.decline("i" * 43, house.record))
    late = await house.collect()

    assert {each.outcome for each in early} == {SignOutcome.NOT_READY}
    assert late.outcome.value == end.value
    assert [each.outcome.value for each in house.recorded] == [end.value]


async def test_a_signature_that_is_removed_while_it_is_recorded_has_its_loss_in_the_trail() -> None:
    """The trail has a signature that nobody was handed, so it says of the same document that it is over."""
    house = House()
    sent = await house.begin()

    async def remove(ended: Ended) -> None:
        await house.record(ended)
        assert ended.signature is not None
        await house.service.remove(ended.signature)

    query = f"state={parse_qs(urlsplit(sent.location).query)['state'][0]}&code=c".encode()
    target = Target("/.sekisho/callback", b"/.sekisho/callback?" + query, query)
    ended = await house.service.finish(house.route, inbound(target=target, cookie=BROWSER), query, remove)

    assert (ended.outcome, ended.repeated, ended.transaction) == (SignOutcome.OVER, False, "t-1")
    assert ended.signature is not None
    assert ended.signature.hash == house.recorded[0].signature.hash  # type: ignore[union-attr]
