"""The emulator: a strict stand-in for the Digital Authentication service, for development and tests.

It refuses a request that breaks a documented requirement, and shows each reason on its page and in its log.
`provider_rules` has the requirements, `deck` the cards, and `faults` the ways to make it fail. It never verifies a real
card, and must only ever listen on loopback.

docs/emulator.md tells official facts from those that relying parties have seen of the sandbox. If nothing is
established, a setting chooses.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import signal
import socket
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec
import structlog
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from gateway.demo import emulator_pages
from gateway.demo.deck import Card, CardState, deck
from gateway.demo.emulator_signing import SigningContract, SignTransaction, SignTransactions
from gateway.demo.faults import Alterations, Fault, altered
from gateway.demo.provider_rules import (
    ATTRIBUTES,
    SIGN,
    AuthorizationRequest,
    Mistake,
    RefusedError,
    assertion_lasts,
    assertion_of,
    check_verifier,
    read_authorization_request,
    read_form,
    refused,
)
from gateway.demo.signing_cards import SigningCards
from gateway.instant import Instant, tokyo_day
from gateway.language import preferred
from gateway.observe.events import Event
from gateway.signing.profile import SHIPPED, Profile, read_profile

REALM = "/api/realms/main"
_PROTOCOL = f"{REALM}/protocol/openid-connect"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
_ASSERTION_ALGORITHMS = ("ES256", "RS256")
_log = structlog.get_logger()

JwksSource = Mapping[str, Any] | Path | str
"""A client's public keys: the JWKS itself, a file of it, or a URL that serves it."""


@dataclass(frozen=True, slots=True)
class EmulatorClient:
    """One registration: what a relying party filled in on the agency's forms."""

    client_id: str
    redirect_uris: tuple[str, ...]
    jwks: JwksSource
    contracted: frozenset[str] = frozenset(ATTRIBUTES)
    """Of `name`, `address`, `birthdate`, `gender`."""
    name: str = "テストサービス"
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    signing: SigningContract | None = None
    """The use of the signature API (署名API); None: it is not contracted."""


@dataclass(frozen=True, slots=True)
class EmulatorSettings:
    """The choices of the emulator."""

    issuer: str
    """`http://HOST:PORT/api/realms/main`, no slash at the end."""
    clients: tuple[EmulatorClient, ...]
    control: bool = False
    """Serve `/control/…`; every client that reaches it can make the emulator fail or lie."""
    auth_time: bool = True
    """Whether ID tokens say when the card was read; not established for the real service."""
    acr: bool = True
    """Whether ID tokens repeat the requested `acr_values` as `acr`; not established either."""
    iss_parameter: bool = False
    """Whether the redirect back carries `iss` (RFC 9207); unknown for the real service."""
    end_session: bool = False
    """Whether there is an end-session endpoint; none is documented."""
    card_error: str = "unmet_authentication_requirements"
    """The error code of an expired or revoked card; the real one is not established."""
    code_lifetime: float = 60.0
    token_lifetime: float = 300.0
    transaction_lifetime: float = 900.0
    """Seconds a person may take in front of the test screen."""
    sign_lifetime: float = 600.0
    """Seconds in which a signing transaction can be signed; not established for the real service."""
    sign_result_once: bool = False
    """Whether a signature can be fetched a single time; not established either."""
    signing_profile: Profile | None = None
    """The names of the signature API's fields; None: those of the shipped profile."""
    cache_seconds: int = 300
    """`max-age` of discovery and JWKS; 0 sends `no-store`."""
    now: Callable[[], Instant] = time.time
    today: Callable[[], Instant] | None = None
    """The clock that birthdays are counted from, where it is not `now`."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.issuer)
        if parts.scheme not in {"http", "https"} or parts.path != REALM or parts.query or parts.fragment:
            raise ValueError(f"issuer `{self.issuer}` must be an origin and `{REALM}`, without a slash at the end")


@dataclass(frozen=True, slots=True)
class EmulatorKeys:
    """The service's keys: ID tokens are signed with ES256, access tokens with RS256, and one only encrypts."""

    id_token: jwk.ECKey
    access: jwk.RSAKey
    encryption: jwk.RSAKey
    retired: tuple[jwk.ECKey | jwk.RSAKey, ...] = ()
    """Still published, no longer signing."""
    cards: SigningCards = field(default_factory=SigningCards)
    """The keys and the authority of the test cards' signing certificates."""

    @classmethod
    def generate(cls) -> EmulatorKeys:
        """Make new ones. Two are RSA, which takes a moment: tests that start many emulators may share a set."""
        return cls(_ec_key(), _rsa_key("RS256", "sig"), _rsa_key("RSA-OAEP", "enc"))

    def rotated(self, *, withdraw: bool) -> EmulatorKeys:
        """Return keys of which both signing ones are new."""
        retired = () if withdraw else (*self.retired, self.id_token, self.access)
        return EmulatorKeys(_ec_key(), _rsa_key("RS256", "sig"), self.encryption, retired, self.cards)


def _ec_key() -> jwk.ECKey:
    return jwk.ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256", "kid": secrets.token_urlsafe(32)})


def _rsa_key(alg: str, use: str) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"use": use, "alg": alg, "kid": secrets.token_urlsafe(32)})


@dataclass(frozen=True, slots=True)
class _Transaction:
    """A person in front of the test screen."""

    request: AuthorizationRequest
    expires_at: Instant
    signing: SignTransaction | None


@dataclass(slots=True)
class _Grant:
    """The result of one card reading. `token_ids` are the access and refresh tokens that die with it."""

    request: AuthorizationRequest
    subject: str
    card: Card
    authenticated_at: Instant
    session_state: str
    scopes: tuple[str, ...]
    expires_at: Instant
    redeemed: bool = False
    token_ids: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Call:
    """One request the emulator answered, as tests ask after it."""

    endpoint: str
    client_id: str
    outcome: str
    """`ok`, or the code of the first mistake or fault."""


class Emulator:
    """The service's state, its endpoints, and the handles by which a test makes it fail."""

    def __init__(self, settings: EmulatorSettings, keys: EmulatorKeys | None = None) -> None:
        self.settings = settings
        self.clients: dict[str, EmulatorClient] = {}
        self.keys = keys or EmulatorKeys.generate()
        self.alterations = Alterations()
        self.faults: list[tuple[Fault, int]] = []
        self.calls: list[Call] = []
        self._stranger = _ec_key()
        self._transactions: dict[str, _Transaction] = {}
        self._codes: dict[str, _Grant] = {}
        self._access: dict[str, tuple[_Grant, Instant]] = {}
        self._refresh: dict[str, tuple[_Grant, Instant]] = {}
        self._used_jti: dict[tuple[str, str], Instant] = {}
        self._own_access: dict[str, tuple[str, Instant]] = {}
        self.profile = settings.signing_profile or read_profile(SHIPPED.read_text("utf-8"), str(SHIPPED))
        self.signing = SignTransactions(self.profile, self.keys.cards, lifetime=settings.sign_lifetime)
        self._http: aiohttp.ClientSession | None = None
        for client in settings.clients:
            self.register(client)

    # Handles

    def register(self, client: EmulatorClient) -> None:
        """Add a client, or replace one of the same id."""
        if isinstance(client.jwks, Mapping):
            _public_keys(client.jwks)
        unknown = client.contracted - set(ATTRIBUTES)
        if unknown:
            raise ValueError(f"`{min(unknown)}` cannot be contracted: one of {', '.join(ATTRIBUTES)}")
        self.clients[client.client_id] = client

    def fail(self, fault: Fault) -> None:
        """Let an endpoint's next answers go wrong; a later fault of the same endpoint waits its turn."""
        self.faults.append((fault, -1 if fault.times is None else fault.times))

    def alter(self, alterations: Alterations) -> None:
        """Change the content of tokens and UserInfo from now on; replaces earlier alterations."""
        self.alterations = alterations

    def mend(self) -> None:
        """Lift every fault and alteration, and forget the calls."""
        self.faults.clear()
        self.calls.clear()
        self.alterations = Alterations()

    def rotate_keys(self, *, withdraw: bool = False) -> None:
        """Sign with new keys. The old ones stay published, unless they are withdrawn at once."""
        self.keys = self.keys.rotated(withdraw=withdraw)

    def count(self, endpoint: str) -> int:
        """Return how many requests an endpoint got since the start or the last `mend`."""
        return Counter(call.endpoint for call in self.calls)[endpoint]

    def subject(self, client_id: str, card: int) -> str:
        """Return the PPID that a card's holder has at a client."""
        return _ppid(client_id, self._card(card).person.key)

    # Endpoints

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        app = web.Application(client_max_size=256 * 1024)
        app[EMULATOR] = self
        routes: list[tuple[str, str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
            ("GET", f"{REALM}/.well-known/openid-configuration", "discovery", self._discovery),
            ("GET", f"{_PROTOCOL}/auth", "auth", self._authorize),
            ("POST", f"{_PROTOCOL}/auth/test-response", "auth", self._choose),
            ("POST", f"{_PROTOCOL}/token", "token", self._token),
            ("GET", f"{_PROTOCOL}/userinfo", "userinfo", self._userinfo),
            ("GET", f"{_PROTOCOL}/certs", "certs", self._certs),
            ("POST", _path(self.profile.start_path), "sign_start", self._start_signing),
            ("GET", _path(self.profile.result_path), "sign_result", self._sign_result),
        ]
        if self.settings.end_session:
            routes.append(("GET", f"{_PROTOCOL}/logout", "end_session", self._end_session))
        for method, path, endpoint, handler in routes:
            app.router.add_route(method, path, self._with_faults(endpoint, handler))
        app.router.add_get(f"{REALM}/signing-ca.pem", self._signing_authority)
        if self.settings.control:
            app.router.add_route("*", "/control/{what}", self._control)
        app.cleanup_ctx.append(self._client_session)
        return app

    async def _client_session(self, _app: web.Application) -> Any:  # noqa: ANN401 - an async generator, typed by aiohttp
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            self._http = session
            yield
        self._http = None

    def _with_faults(
        self, endpoint: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            fault = self._next_fault(endpoint)
            if fault is None:
                return await handler(request)
            await asyncio.sleep(fault.delay)
            if fault.drop:
                self._note(endpoint, "", "dropped")
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            if fault.status is None and fault.body is None:
                return await handler(request)
            self._note(endpoint, "", "fault")
            return web.Response(
                status=fault.status or HTTPStatus.OK,
                body=(fault.body or "").encode("utf-8", "surrogateescape"),
                headers={"Content-Type": fault.content_type, **fault.headers},
            )

        return answer

    def _next_fault(self, endpoint: str) -> Fault | None:
        for index, (fault, left) in enumerate(self.faults):
            if fault.endpoint == endpoint:
                if left == 1:
                    del self.faults[index]
                elif left > 1:
                    self.faults[index] = (fault, left - 1)
                return fault
        return None

    async def _discovery(self, _request: web.Request) -> web.Response:
        origin = self.settings.issuer.removesuffix(REALM)
        document: dict[str, object] = {
            "issuer": self.settings.issuer,
            "authorization_endpoint": f"{origin}{_PROTOCOL}/auth",
            "token_endpoint": f"{origin}{_PROTOCOL}/token",
            "userinfo_endpoint": f"{origin}{_PROTOCOL}/userinfo",
            "jwks_uri": f"{origin}{_PROTOCOL}/certs",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "subject_types_supported": ["pairwise"],
            "scopes_supported": ["openid", *ATTRIBUTES, SIGN],
            "claims_supported": ["sub", *ATTRIBUTES],
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
            "authorization_response_iss_parameter_supported": self.settings.iss_parameter,
        }
        if self.settings.end_session:
            document["end_session_endpoint"] = f"{origin}{_PROTOCOL}/logout"
        self._note("discovery", "", "ok")
        return self._cacheable(altered(document, self.alterations.discovery))

    async def _certs(self, _request: web.Request) -> web.Response:
        keys = [self.keys.id_token, self.keys.access, *self.keys.retired, self.keys.encryption]
        published = [key.as_dict(private=False) for key in keys]
        self._note("certs", "", "ok")
        return self._cacheable({"keys": [*published, *self.alterations.extra_keys]})

    def _cacheable(self, document: dict[str, object]) -> web.Response:
        seconds = self.settings.cache_seconds
        control = f"public, max-age={seconds}" if seconds else "no-store"
        return web.json_response(document, headers={"Cache-Control": control})

    async def _authorize(self, request: web.Request) -> web.Response:
        registered = {
            name: (client.redirect_uris, client.contracted if client.signing is None else {*client.contracted, SIGN})
            for name, client in self.clients.items()
        }
        now = self.settings.now()
        signing = None
        try:
            asked = read_authorization_request(list(request.query.items()), registered)
            if asked.sign_transaction_id is not None:
                signing = self.signing.waiting(asked.sign_transaction_id, asked.client_id, now)
        except RefusedError as error:
            return self._refusal_page("auth", error, request.query.get("client_id", ""))
        if asked.ignored:
            _log.warning(Event.EMULATOR_IGNORED, parameters=list(asked.ignored), client_id=asked.client_id)
        self._forget(now)
        transaction = secrets.token_urlsafe(24)
        self._transactions[transaction] = _Transaction(asked, now + self.settings.transaction_lifetime, signing)
        self._note("auth", asked.client_id, "ok")
        page = emulator_pages.choice_page(
            client_id=asked.client_id,
            client_name=self.clients[asked.client_id].name,
            scopes=asked.scopes,
            ignored=asked.ignored,
            action=f"{_PROTOCOL}/auth/test-response?{urlencode({'transaction': transaction})}",
            cards=self._deck(),
            signing=signing,
            language=preferred(request.headers.get("Accept-Language", "")),
        )
        return _page(page, HTTPStatus.OK)

    async def _choose(self, request: web.Request) -> web.Response:
        now = self.settings.now()
        self._forget(now)
        form = await request.post()
        try:
            # Looked at before it is taken: a slip in the form must not cost the person the transaction.
            key = request.query.get("transaction", "")
            transaction = self._transactions.get(key)
            if transaction is None:
                raise refused("transaction_over", "this transaction is unknown, answered already, or too old")
            response = str(form.get("response", ""))
            if not _is_error_code(response):
                raise refused("response_missing", "`response` must be `normal` or an OAuth error code")
            card = self._card(str(form.get("card", ""))) if response == "normal" else None
            asked, signing = transaction.request, transaction.signing
            if signing is not None:
                # Another tab may have signed it meanwhile.
                self.signing.waiting(signing.id, asked.client_id, now)
        except RefusedError as error:
            return self._refusal_page("auth", error, "")
        del self._transactions[key]
        if card is None:
            if signing is not None:
                self.signing.end(signing, cancelled=response == "access_denied")
            return self._back(
                asked, {"error": response, "error_description": f"{response} was chosen on the test screen"}
            )
        contract = self.clients[asked.client_id].signing
        if signing is not None and contract is not None:
            failure = self.signing.sign(signing, card, contract, now, self.alterations.card_signature)
            if failure is not None:
                return self._back(asked, {"error": self.settings.card_error, "error_description": failure})
        elif card.state is not CardState.VALID:
            what = "has expired" if card.state is CardState.EXPIRED else "has been revoked"
            described = f"the user authentication certificate {what}"
            return self._back(asked, {"error": self.settings.card_error, "error_description": described})
        code = f"{uuid.uuid4()}.{secrets.token_urlsafe(24)}"
        grant = _Grant(
            request=asked,
            subject=_ppid(asked.client_id, card.person.key),
            card=card,
            authenticated_at=now,
            session_state=str(uuid.uuid4()),
            scopes=tuple(scope for scope in asked.scopes if scope not in self.alterations.withheld),
            expires_at=now + self.settings.code_lifetime,
        )
        self._codes[code] = grant
        return self._back(asked, {"session_state": grant.session_state, "code": code})

    def _back(self, asked: AuthorizationRequest, parameters: dict[str, str]) -> web.Response:
        answer: dict[str, object] = {"state": asked.state, **parameters}
        if self.settings.iss_parameter:
            answer["iss"] = self.settings.issuer
        answer = altered(answer, dict(self.alterations.authorization_response))
        outcome = parameters.get("error", "ok")
        self._note("choice", asked.client_id, outcome)
        _log.info(Event.EMULATOR_ANSWERED, client_id=asked.client_id, outcome=outcome)
        joint = "&" if urlsplit(asked.redirect_uri).query else "?"
        location = f"{asked.redirect_uri}{joint}{urlencode(answer)}"
        return web.Response(status=HTTPStatus.FOUND, headers={"Location": location, "Cache-Control": "no-store"})

    async def _token(self, request: web.Request) -> web.Response:
        client_id = ""
        try:
            if request.content_type != "application/x-www-form-urlencoded":
                raise refused("content_type", "the body must be application/x-www-form-urlencoded")
            if request.query_string:
                raise refused("query", "a token request has no query: parameters go into the body")
            body = await request.post()
            form = read_form([(name, str(value)) for name, value in body.items()])
            client_id = await self._authenticate(form, request.headers.get("Authorization"))
            kind = form.get("grant_type", "")
            if kind == "authorization_code":
                answer = self._redeem(form, client_id)
            elif kind == "refresh_token":
                answer = self._refreshed(form, client_id)
            elif kind == "client_credentials":
                answer = self._own_token(form, client_id)
            else:
                raise refused(
                    "grant_type_wrong",
                    "`grant_type` must be `authorization_code`, `refresh_token` or `client_credentials`",
                    "unsupported_grant_type",
                )
        except RefusedError as error:
            return self._json_refusal("token", error, client_id, HTTPStatus.BAD_REQUEST)
        self._note("token", client_id, "ok")
        return web.json_response(altered(answer, self.alterations.token_response), headers=_NO_STORE)

    def _own_token(self, form: Mapping[str, str], client_id: str) -> dict[str, object]:
        """Return a token of the client itself (RFC 6749 section 4.4), which starts signing transactions."""
        if self.clients[client_id].signing is None:
            raise refused("signing_not_contracted", "this client has no use of the 署名API", "unauthorized_client")
        wanted = self.profile.token_scope
        if form.get("scope", "") != wanted:
            raise refused("scope_wrong", f"`scope` must be `{wanted}`", "invalid_scope")
        now = self.settings.now()
        lifetime = self.settings.token_lifetime
        claims: dict[str, object] = {
            "iss": self.settings.issuer,
            "sub": client_id,
            "azp": client_id,
            "typ": "Bearer",
            "scope": wanted,
        }
        claims |= {"iat": int(now), "exp": int(now + lifetime), "jti": str(uuid.uuid4())}
        header = {"alg": "RS256", "typ": "JWT", "kid": self.keys.access.kid}
        access = jwt.encode(header, claims, self.keys.access, algorithms=["RS256"])
        self._own_access[access] = (client_id, now + lifetime)
        answer = {"access_token": access, "expires_in": int(lifetime), "token_type": "Bearer", "scope": wanted}
        return {name: value for name, value in answer.items() if value != ""}

    async def _authenticate(self, form: Mapping[str, str], authorization: str | None) -> str:
        assertion = assertion_of(form, authorization)
        claimed = _claims_unverified(assertion).get("sub")
        client = self.clients.get(claimed) if isinstance(claimed, str) else None
        if client is None:
            raise refused("client_unknown", "client assertion: `sub` is not a registered client_id", "invalid_client")
        keys = await self._client_keys(client)
        claims = _verified(assertion, keys)
        origin = self.settings.issuer.removesuffix(REALM)
        now = self.settings.now()
        audiences = (f"{origin}{_PROTOCOL}/token", self.settings.issuer)
        jti, until = assertion_lasts(claims, client_id=client.client_id, form=form, audiences=audiences, now=now)
        self._forget(now)
        if (client.client_id, jti) in self._used_jti:
            raise refused("assertion_replayed", "client assertion: this `jti` has been used", "invalid_client")
        self._used_jti[client.client_id, jti] = until
        return client.client_id

    async def _client_keys(self, client: EmulatorClient) -> jwk.KeySet:
        source = client.jwks
        try:
            if isinstance(source, Path):
                source = json.loads(await asyncio.to_thread(source.read_bytes))
            elif isinstance(source, str):
                if self._http is None:
                    raise RuntimeError("the emulator has not been started")
                async with self._http.get(source, allow_redirects=False) as answer:
                    answer.raise_for_status()
                    source = json.loads(await answer.content.read(64 * 1024))
            return _public_keys(source)
        except (OSError, ValueError, aiohttp.ClientError, TimeoutError) as error:
            words = f"the client's registered JWKS cannot be used: {type(error).__name__}"
            raise refused("client_jwks", words, "invalid_client") from error

    def _redeem(self, form: Mapping[str, str], client_id: str) -> dict[str, object]:
        if not form.get("code"):
            raise refused("code_missing", "`code` is missing")
        grant = self._codes.get(form["code"])
        if grant is None or grant.request.client_id != client_id:
            raise refused("code_unknown", "`code` is not one of this client's", "invalid_grant")
        if grant.redeemed:
            # RFC 6749 section 4.1.2: what the first use gave is taken back, since one of the two users is a thief.
            self._revoke(grant)
            raise refused("code_used", "`code` has been used; its tokens are revoked", "invalid_grant")
        grant.redeemed = True
        if grant.expires_at <= self.settings.now():
            raise refused("code_expired", "`code` has expired", "invalid_grant")
        if form.get("redirect_uri") != grant.request.redirect_uri:
            raise refused(
                "redirect_uri_differs", "`redirect_uri` is not that of the authorization request", "invalid_grant"
            )
        check_verifier(form.get("code_verifier"), grant.request.code_challenge)
        return self._tokens(grant, nonce=grant.request.nonce)

    def _refreshed(self, form: Mapping[str, str], client_id: str) -> dict[str, object]:
        grant, expires_at = self._refresh.pop(form.get("refresh_token", ""), (None, 0.0))
        if grant is None or grant.request.client_id != client_id or expires_at <= self.settings.now():
            raise refused("refresh_token_wrong", "`refresh_token` is not valid", "invalid_grant")
        return self._tokens(grant, nonce=grant.request.nonce)

    def _tokens(self, grant: _Grant, *, nonce: str) -> dict[str, object]:
        now = self.settings.now()
        lifetime = self.settings.token_lifetime
        issuer = self.settings.issuer
        common = {
            "iss": issuer,
            "sub": grant.subject,
            "azp": grant.request.client_id,
            "session_state": grant.session_state,
        }
        common |= {"sid": grant.session_state}
        times = {"iat": int(now), "exp": int(now + lifetime)}
        access = jwt.encode(
            {"alg": "RS256", "typ": "JWT", "kid": self.keys.access.kid},
            {**times, **common, "jti": str(uuid.uuid4()), "typ": "Bearer", "scope": " ".join(grant.scopes)},
            self.keys.access,
            algorithms=["RS256"],
        )
        refresh = secrets.token_urlsafe(48)
        claims: dict[str, object] = {**times, **common, "jti": str(uuid.uuid4()), "typ": "ID"}
        claims |= {"aud": grant.request.client_id, "nonce": nonce, "at_hash": _half_hash(access)}
        if self.settings.auth_time:
            claims["auth_time"] = int(grant.authenticated_at)
        if self.settings.acr and grant.request.acr_values is not None:
            claims["acr"] = grant.request.acr_values
        grant.token_ids |= {access, refresh}
        self._access[access] = (grant, now + lifetime)
        self._refresh[refresh] = (grant, now + 6 * lifetime)
        return {
            "access_token": access,
            "expires_in": int(lifetime),
            "refresh_expires_in": int(6 * lifetime),
            "refresh_token": refresh,
            "token_type": "Bearer",
            "id_token": self._id_token(altered(claims, self.alterations.id_token, now)),
            "not-before-policy": 0,
            "session_state": grant.session_state,
            "scope": " ".join(grant.scopes),
        }

    def _id_token(self, claims: dict[str, object]) -> str:
        own: dict[str, object] = {"alg": "ES256", "typ": "JWT", "kid": self.keys.id_token.kid}
        header = altered(own, self.alterations.id_token_header)
        signed = f"{_segment(header)}.{_segment(claims)}"
        if header.get("alg") == "none":
            return f"{signed}."
        key = self._stranger if self.alterations.signature == "stranger" else self.keys.id_token
        signature = bytearray(_sign_es256(key, signed.encode("ascii")))
        if self.alterations.signature == "broken":
            signature[0] ^= 1
        return f"{signed}.{_base64url(bytes(signature))}"

    async def _userinfo(self, request: web.Request) -> web.Response:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token or kind.lower() != "bearer":
            self._refused("userinfo", (Mistake("bearer_missing", "an access token is required as Bearer"),), "")
            return _unauthorized('Bearer realm="main"')
        grant, expires_at = self._access.get(token, (None, 0.0))
        if grant is None or expires_at <= self.settings.now():
            self._refused(
                "userinfo", (Mistake("access_token_wrong", "the access token is unknown, expired or revoked"),), ""
            )
            return _unauthorized('Bearer realm="main", error="invalid_token"')
        held = grant.card.person.claims
        claims: dict[str, object] = {"sub": grant.subject}
        claims |= {scope: held[scope] for scope in ATTRIBUTES if scope in grant.scopes and scope in held}
        self._note("userinfo", grant.request.client_id, "ok")
        return web.json_response(altered(claims, self.alterations.userinfo), headers=_NO_STORE)

    async def _start_signing(self, request: web.Request) -> web.Response:
        client_id, expires_at = self._own_access.get(_bearer(request), ("", 0.0))
        now = self.settings.now()
        if not client_id or expires_at <= now:
            wrong = Mistake("access_token_wrong", "a token of the client itself is required as Bearer")
            self._refused("sign_start", (wrong,), client_id)
            return _unauthorized('Bearer realm="main", error="invalid_token"')
        try:
            if request.content_type != "application/json":
                raise refused("content_type", "the body must be application/json")
            answer = self.signing.start(client_id, await request.read(), now)
        except RefusedError as error:
            return self._json_refusal("sign_start", error, client_id, HTTPStatus.BAD_REQUEST)
        self._note("sign_start", client_id, "ok")
        return web.json_response(altered(answer, self.alterations.sign_start), headers=_NO_STORE)

    async def _sign_result(self, request: web.Request) -> web.Response:
        grant, expires_at = self._access.get(_bearer(request), (None, 0.0))
        now = self.settings.now()
        if grant is None or expires_at <= now:
            wrong = Mistake("access_token_wrong", "the access token of the person's code is required as Bearer")
            self._refused("sign_result", (wrong,), "")
            return _unauthorized('Bearer realm="main", error="invalid_token"')
        client_id = grant.request.client_id
        transaction = request.match_info["id"]
        if SIGN not in grant.scopes or grant.request.sign_transaction_id != transaction:
            error = refused("access_token_other", "the access token is not for this transaction", "insufficient_scope")
            return self._json_refusal("sign_result", error, client_id, HTTPStatus.FORBIDDEN)
        again = self.settings.sign_result_once and self.signing.fetched(transaction)
        answer = None if again else self.signing.result(transaction, client_id, now)
        if answer is None:
            error = refused("sign_transaction_unknown", "there is no such transaction, or its result was fetched")
            return self._json_refusal("sign_result", error, client_id, HTTPStatus.NOT_FOUND)
        self._note("sign_result", client_id, "ok")
        return web.json_response(altered(answer, self.alterations.sign_result), headers=_NO_STORE)

    async def _signing_authority(self, _request: web.Request) -> web.Response:
        """Serve the authority of the test cards' signing certificates, as a relying party configures it."""
        authority = self.keys.cards.authority(datetime.fromtimestamp(self.settings.now(), UTC))
        return web.Response(body=authority.public_bytes(Encoding.PEM), content_type="application/x-pem-file")

    def _json_refusal(self, endpoint: str, error: RefusedError, client_id: str, status: HTTPStatus) -> web.Response:
        first = error.mistakes[0]
        self._refused(endpoint, error.mistakes, client_id)
        document = {"error": error.error, "error_description": _ascii(f"{first.code}: {first.words}")}
        return web.json_response(document, status=status, headers=_NO_STORE)

    async def _end_session(self, request: web.Request) -> web.Response:
        """RP-initiated logout; no such endpoint is documented for the real service."""
        client = self.clients.get(request.query.get("client_id", ""))
        target = request.query.get("post_logout_redirect_uri", "")
        if client is None or target not in client.post_logout_redirect_uris:
            wrong = refused("post_logout_redirect_uri_unregistered", "`post_logout_redirect_uri` is not registered")
            return self._refusal_page("end_session", wrong, request.query.get("client_id", ""))
        state = request.query.get("state")
        location = target if state is None else f"{target}{'&' if '?' in target else '?'}{urlencode({'state': state})}"
        self._note("end_session", client.client_id, "ok")
        return web.Response(status=HTTPStatus.FOUND, headers={"Location": location, **_NO_STORE})

    async def log_out(self, client_id: str, card: int, *, sid: str | None = None) -> int:
        """Send a client a logout token for a card's holder (Back-Channel Logout 1.0); return its answer's status."""
        client = self.clients[client_id]
        if client.backchannel_logout_uri is None or self._http is None:
            raise ValueError(f"client `{client_id}` has no backchannel_logout_uri, or the emulator is not running")
        now = int(self.settings.now())
        claims: dict[str, Any] = {
            "iss": self.settings.issuer,
            "aud": client_id,
            "iat": now,
            "exp": now + 120,
            "jti": str(uuid.uuid4()),
            "sub": self.subject(client_id, card),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        if sid is not None:
            claims["sid"] = sid
        header = {"alg": "ES256", "typ": "logout+jwt", "kid": self.keys.id_token.kid}
        token = jwt.encode(header, claims, self.keys.id_token, algorithms=["ES256"])
        async with self._http.post(client.backchannel_logout_uri, data={"logout_token": token}) as answer:
            return answer.status

    async def _control(self, request: web.Request) -> web.Response:
        """Serve the control API: POST faults, alterations, rotate, clients, mend, logout; GET calls."""
        what = request.match_info["what"]
        if request.method == "POST" and request.content_type != "application/json":
            # A page of any site can have a browser post a form here, but not this content type without asking first.
            return web.json_response({"error": "send JSON"}, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        body = await request.read()
        try:
            match request.method, what:
                case "POST", "faults":
                    self.fail(msgspec.json.decode(body, type=Fault))
                case "POST", "alterations":
                    self.alter(msgspec.json.decode(body, type=Alterations))
                case "POST", "rotate":
                    self.rotate_keys(withdraw=bool(msgspec.json.decode(body or b"{}").get("withdraw", False)))
                case "POST", "clients":
                    self.register(msgspec.json.decode(body, type=_Registration).client())
                case "POST", "mend":
                    self.mend()
                case "POST", "logout":
                    order = msgspec.json.decode(body, type=_LogoutOrder)
                    status = await self.log_out(order.client_id, order.card, sid=order.sid)
                    return web.json_response({"status": status})
                case "GET", "calls":
                    return web.json_response([[call.endpoint, call.client_id, call.outcome] for call in self.calls])
                case _:
                    return web.json_response({"error": "no such control"}, status=HTTPStatus.NOT_FOUND)
        except (ValueError, AttributeError, msgspec.MsgspecError) as error:
            return web.json_response({"error": str(error)}, status=HTTPStatus.BAD_REQUEST)
        return web.json_response({})

    # Helpers

    def _deck(self) -> tuple[Card, ...]:
        return deck(tokyo_day((self.settings.today or self.settings.now)()))

    def _card(self, number: int | str) -> Card:
        for card in self._deck():
            if str(card.number) == str(number):
                return card
        raise refused("card_unknown", "`card` must be the number of one of the test cards")

    def _forget(self, now: Instant) -> None:
        """Drop what has run out, so that a long demo does not grow."""
        for key in [key for key, transaction in self._transactions.items() if transaction.expires_at <= now]:
            del self._transactions[key]
        self.signing.forget(now)
        for own in [token for token, (_client, until) in self._own_access.items() if until <= now]:
            del self._own_access[own]
        for jti in [jti for jti, until in self._used_jti.items() if until <= now]:
            del self._used_jti[jti]
        for tokens in (self._access, self._refresh):
            for token in [token for token, (_grant, until) in tokens.items() if until <= now]:
                del tokens[token]
        # A used code is remembered while its tokens may live, so that a second use can revoke them.
        kept = 7 * self.settings.token_lifetime
        for code in [code for code, grant in self._codes.items() if grant.expires_at + kept <= now]:
            del self._codes[code]

    def _revoke(self, grant: _Grant) -> None:
        for token in grant.token_ids:
            self._access.pop(token, None)
            self._refresh.pop(token, None)

    def _note(self, endpoint: str, client_id: str, outcome: str) -> None:
        self.calls.append(Call(endpoint, client_id, outcome))
        # Tests ask after the last few; a demo left running must not keep them all.
        del self.calls[:-10_000]

    def _refused(self, endpoint: str, mistakes: Collection[Mistake], client_id: str) -> None:
        first = next(iter(mistakes))
        self._note(endpoint, client_id, first.code)
        reasons = [f"{mistake.code}: {mistake.words}" for mistake in mistakes]
        _log.warning(Event.EMULATOR_REFUSED, endpoint=endpoint, client_id=client_id[:255], reasons=reasons)

    def _refusal_page(self, endpoint: str, error: RefusedError, client_id: str) -> web.Response:
        self._refused(endpoint, error.mistakes, client_id)
        return _page(emulator_pages.refusal(error.mistakes), HTTPStatus.BAD_REQUEST)


EMULATOR: web.AppKey[Emulator] = web.AppKey("emulator", Emulator)
"""A test finds the `Emulator` of an application under this key."""


def make_emulator(settings: EmulatorSettings, keys: EmulatorKeys | None = None) -> web.Application:
    """Return the emulator as an aiohttp application; its keys are made now, unless it is given some.

    `app[EMULATOR]` is the `Emulator`, by which tests make it fail.

    Raises:
        ValueError: a client's registration cannot be used.

    """
    return Emulator(settings, keys).application()


class _LogoutOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The client that gets the logout token of a card's holder."""

    client_id: str
    card: int
    sid: str | None = None


class _Signing(msgspec.Struct, forbid_unknown_fields=True):
    """The signature API's part of such a client."""

    government: bool = False
    platform_key: dict[str, Any] | None = None


class _Registration(msgspec.Struct, forbid_unknown_fields=True):
    """A client as the control API takes it."""

    client_id: str
    redirect_uris: list[str]
    jwks: dict[str, Any] | str
    contracted: tuple[str, ...] = ATTRIBUTES
    name: str = "テストサービス"
    post_logout_redirect_uris: list[str] = []
    backchannel_logout_uri: str | None = None
    signing: _Signing | None = None

    def client(self) -> EmulatorClient:
        return EmulatorClient(
            self.client_id,
            tuple(self.redirect_uris),
            self.jwks,
            frozenset(self.contracted),
            self.name,
            tuple(self.post_logout_redirect_uris),
            self.backchannel_logout_uri,
            None if self.signing is None else SigningContract(self.signing.government, self.signing.platform_key),
        )


def _path(place: str) -> str:
    """Return the path of a profile's place, which may be a whole URL."""
    return place if place.startswith("/") else "/" + place.split("/", 3)[3]


def _bearer(request: web.Request) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _page(text: str, status: HTTPStatus) -> web.Response:
    headers = {
        "Cache-Control": "no-store",
        # The real authorization page refuses to be framed, and so a relying party must not count on it.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8", headers=headers)


def _unauthorized(challenge: str) -> web.Response:
    return web.Response(status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": challenge, **_NO_STORE})


def _is_error_code(text: str) -> bool:
    """Say whether it can stand as `error` (RFC 6749 appendix A.7), `normal` included."""
    return 0 < len(text) <= 100 and all(0x20 <= ord(sign) <= 0x7E and sign not in '"\\' for sign in text)


def _ascii(text: str) -> str:
    """Return text as `error_description` may be (RFC 6749 appendix A.8)."""
    return "".join(sign if " " <= sign <= "~" and sign not in '"\\' else "?" for sign in text)


def _ppid(client_id: str, person: str) -> str:
    # The same after a restart, or every account linked in an earlier trial would be lost with the process.
    digest = hmac.new(b"sekisho emulator ppid", f"{client_id}\0{person}".encode(), hashlib.sha256).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _public_keys(document: object) -> jwk.KeySet:
    """Read a registered JWKS.

    Raises:
        ValueError: it is none, is empty, or holds a private key.

    """
    keys = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        raise ValueError("a client's JWKS must be an object with a non-empty list `keys`")
    if any(_PRIVATE_MEMBERS & key.keys() for key in keys):
        raise ValueError("a client's JWKS must hold public keys only")
    try:
        return jwk.KeySet.import_key_set({"keys": keys})
    except JoseError as error:
        raise ValueError("a client's JWKS holds a key that cannot be read") from error


def _claims_unverified(assertion: str) -> dict[str, Any]:
    return _json_segment(assertion, 1)


def _json_segment(token: str, index: int) -> dict[str, Any]:
    parts = token.split(".")
    value: object = None
    if len(parts) == 3:
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(base64.urlsafe_b64decode(parts[index] + "=" * (-len(parts[index]) % 4)))
    if not isinstance(value, dict):
        raise refused("assertion_form", "`client_assertion` is not a signed JWT", "invalid_client")
    return value


def _verified(assertion: str, keys: jwk.KeySet) -> dict[str, Any]:
    header = _json_segment(assertion, 0)
    algorithm = header.get("alg")
    if algorithm not in _ASSERTION_ALGORITHMS:
        raise refused("assertion_algorithm", "client assertion: `alg` must be ES256 or RS256", "invalid_client")
    kid = header.get("kid")
    family = jwk.ECKey if algorithm == "ES256" else jwk.RSAKey
    # A relying party was accepted without `kid`, so its absence means: any registered key of the algorithm's type.
    fitting = [
        key
        for key in keys.keys
        if isinstance(key, family)
        and kid in (None, key.kid)
        and key.get("alg") in (None, algorithm)
        and key.get("use") in (None, "sig")
    ]
    if not fitting:
        raise refused("assertion_key", "client assertion: no registered key has its `kid` and `alg`", "invalid_client")
    for key in fitting:
        try:
            return jwt.decode(assertion, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError):
            continue
    raise refused("assertion_signature", "client assertion: the signature is not by a registered key", "invalid_client")


def _half_hash(token: str) -> str:
    """Return an at_hash (OpenID Connect Core 3.1.3.6)."""
    return _base64url(hashlib.sha256(token.encode("ascii")).digest()[:16])


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _segment(members: dict[str, object]) -> str:
    return _base64url(json.dumps(members, separators=(",", ":")).encode())


def _sign_es256(key: jwk.ECKey, data: bytes) -> bytes:
    """Sign as RFC 7518 section 3.4 says. Done here because a spoiled header must be signed as it is."""
    if key.private_key is None:
        raise TypeError("a public key cannot sign")
    r, s = decode_dss_signature(key.private_key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


async def serve_emulator(app: web.Application, door: socket.socket) -> web.AppRunner:
    """Serve an emulator on a bound socket; the caller cleans the runner up."""
    # A fault may dawdle for minutes; neither its client's going away nor our stopping waits for it.
    runner = web.AppRunner(app, access_log=None, handle_signals=False, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.SockSite(runner, door).start()
    return runner


async def start_emulator(app: web.Application, port: int) -> web.AppRunner:
    """Serve an emulator on a port of loopback; the caller cleans the runner up.

    Raises:
        OSError: the port cannot be had.

    """
    # Never on another interface: a person who reaches the emulator can sign in as anybody.
    return await serve_emulator(app, socket.create_server(("127.0.0.1", port)))


async def run_emulator(
    port: int,
    clients: tuple[EmulatorClient, ...],
    *,
    control: bool = False,
    ready: Callable[[str], None] = lambda _issuer: None,
) -> None:
    """Serve an emulator until SIGINT or SIGTERM: `sekisho emulator`. `ready` is told the issuer once it listens.

    Raises:
        OSError: the port cannot be had.
        ValueError: a client's registration cannot be used.

    """
    issuer = f"http://localhost:{port}{REALM}"
    runner = await start_emulator(make_emulator(EmulatorSettings(issuer, clients, control=control)), port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        ready(issuer)
        await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        await runner.cleanup()
