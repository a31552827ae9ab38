"""A strict provider on a loopback socket, small enough to be wrong on purpose, one point at a time."""

from __future__ import annotations

import json
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

PERSON = {"name": "佐藤　花子", "address": "東京都渋谷区神南1-1-1", "birthdate": "19860401", "gender": "2"}

ANOTHER_KEY = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig", "alg": "RS256"}, auto_kid=False)
"""Of another kind, as the service is understood to publish; made once, for it takes a while."""


def _hash(value: str) -> str:
    return urlsafe_b64encode(sha256(value.encode()).digest()[:16]).rstrip(b"=").decode()


@dataclass
class Spoil:
    """The faults of the next answers. A claim of None is left out."""

    id_token: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[dict[str, Any], dict[str, Any]], str] | None = None
    answer: Callable[[str], web.StreamResponse | None] | None = None
    """Answers an endpoint by its name instead of what is right; None lets it be right."""


class StandIn:
    """The provider. `calls` counts requests by endpoint."""

    def __init__(
        self, client_id: str, client_keys: Callable[[], bytes], clock: Callable[[], float] = time.time
    ) -> None:
        self.client_id = client_id
        self.client_keys = client_keys
        self.clock = clock
        self.key = ECKey.generate_key("P-256", {"kid": "p1", "use": "sig", "alg": "ES256"}, auto_kid=False)
        self.spoil = Spoil()
        self.subject = "sub-hanako"
        self.person = dict(PERSON)
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, dict[str, str]] = {}
        self.jtis: set[str] = set()
        self.calls: list[str] = []
        self.assertions: list[dict[str, Any]] = []
        self.assertion_headers: list[dict[str, Any]] = []
        self.cache_control = "max-age=3600"
        self.signs_userinfo: ECKey | None = None
        self.odd_keys: list[Any] = []
        self.knows: frozenset[str] = frozenset()
        """Parameters that the agency's reference does not list and that this provider takes."""
        self.end_session = False
        self.login_at = ""
        """The address of its page for signing in; if empty, the page is beside everything else."""
        self.auth_age = 0
        self.redirect_uris = {"https://app.gw.test/.sekisho/callback"}
        self.on_token: Callable[[], object] = lambda: None
        self.trace_parents: list[str] = []
        """The `traceparent` of each request that had one."""
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/realms/main"

    @web.middleware
    async def _note_trace(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.trace_parents += request.headers.getall("traceparent", [])
        return await handler(request)

    async def start(self) -> None:
        app = web.Application(middlewares=[self._note_trace])
        base = "/api/realms/main"
        app.router.add_get(f"{base}/.well-known/openid-configuration", self._discovery)
        app.router.add_get(f"{base}/certs", self._certs)
        app.router.add_post(f"{base}/token", self._token)
        app.router.add_get(f"{base}/userinfo", self._userinfo)
        app.router.add_get(f"{base}/auth", self._auth)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Die; `start` comes back on the same port."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def authorize(self, location: str, **extra: str) -> bytes:
        """Sign the person in by the authorization request in `location`; return the callback's query."""
        parts = urlsplit(location)
        asked = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
        assert parts._replace(query="").geturl() == f"{self.issuer}/auth"
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.client_id
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert "openid" in asked["scope"].split()
        assert asked["state"]
        assert asked["nonce"]
        assert not asked.keys() & ({"prompt", "max_age", "claims", "ui_locales"} - self.knows)
        code = secrets.token_urlsafe(24)
        self.codes[code] = asked
        return urlencode({"code": code, "state": asked["state"], "session_state": "ss-1", **extra}).encode()

    async def _spoiled(self, name: str) -> web.StreamResponse | None:
        self.calls.append(name)
        return self.spoil.answer(name) if self.spoil.answer is not None else None

    async def _discovery(self, _: web.Request) -> web.StreamResponse:
        spoiled = await self._spoiled("discovery")
        members = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.login_at or self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/certs",
            "code_challenge_methods_supported": ["S256"],
        }
        if self.end_session:
            members["end_session_endpoint"] = f"{self.issuer}/logout"
        return spoiled or web.json_response(members, headers={"Cache-Control": self.cache_control})

    async def _auth(self, request: web.Request) -> web.StreamResponse:
        known = request.query["redirect_uri"] in self.redirect_uris
        return web.Response(text="card, please" if known else "unknown redirect URI", status=200 if known else 400)

    async def _certs(self, _: web.Request) -> web.StreamResponse:
        spoiled = await self._spoiled("jwks")
        keys = [
            {"kty": "OKP", "crv": "X25519", "x": "AAAA", "use": "enc", "kid": "e1"},
            ANOTHER_KEY.as_dict(private=False),
            self.key.as_dict(private=False),
            *self.odd_keys,
        ]
        return spoiled or web.json_response({"keys": keys}, headers={"Cache-Control": self.cache_control})

    def _check_assertion(self, form: dict[str, str]) -> str | None:
        if form.get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
            return "assertion type"
        keys = KeySet.import_key_set(json.loads(self.client_keys()))
        try:
            token = jwt.decode(form["client_assertion"], keys, algorithms=["ES256", "RS256"])
        except (JoseError, ValueError):
            return "signature"
        claims = token.claims
        self.assertions.append(claims)
        self.assertion_headers.append(token.header)
        if claims["iss"] != self.client_id or claims["sub"] != self.client_id or form["client_id"] != self.client_id:
            return "iss or sub"
        if claims["aud"] != f"{self.issuer}/token":
            return "aud"
        if claims["jti"] in self.jtis:
            return "jti replayed"
        self.jtis.add(claims["jti"])
        now = self.clock()
        if not now - 10 < claims["exp"] <= now + 300:
            return "exp"
        return None

    async def _token(self, request: web.Request) -> web.StreamResponse:
        spoiled = await self._spoiled("token")
        self.on_token()
        if spoiled is not None:
            return spoiled
        form = {name: str(value) for name, value in (await request.post()).items()}
        if self._check_assertion(form) is not None:
            return web.json_response({"error": "invalid_client"}, status=400)
        asked = self.codes.pop(form["code"], None)
        verifier = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if asked is None or verifier != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        access_token = secrets.token_urlsafe(24)
        self.tokens[access_token] = asked
        token = {
            "access_token": access_token,
            "id_token": self.id_token(asked, access_token),
            "token_type": "Bearer",
            "scope": asked["scope"],
            "expires_in": 300,
            "session_state": "ss-1",
            **self.spoil.token,
        }
        return web.json_response({name: value for name, value in token.items() if value is not None})

    def id_token(self, asked: dict[str, str], access_token: str) -> str:
        """Return an ID token, spoiled as told."""
        now = int(self.clock())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.client_id,
            "exp": now + 300,
            "iat": now,
            "auth_time": now - self.auth_age,
            "nonce": asked["nonce"],
            "acr": "aal3 crl",
            "at_hash": _hash(access_token),
            **self.spoil.id_token,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "ES256", "kid": self.key.kid, **self.spoil.header}
        if self.spoil.sign is not None:
            return self.spoil.sign({name: value for name, value in header.items() if value is not None}, claims)
        return jwt.encode({n: v for n, v in header.items() if v is not None}, claims, self.key, algorithms=["ES256"])

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        spoiled = await self._spoiled("userinfo")
        if spoiled is not None:
            return spoiled
        asked = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if asked is None:
            return web.json_response({"error": "invalid_token"}, status=401)
        granted = {name: value for name, value in self.person.items() if name in asked["scope"].split()}
        claims = {"sub": self.subject, **granted, **self.spoil.userinfo}
        if self.signs_userinfo:
            signed = {"iss": self.issuer, "aud": self.client_id, **claims}
            said = {name: value for name, value in signed.items() if value is not None}
            token = jwt.encode({"alg": "ES256", "kid": self.key.kid}, said, self.signs_userinfo, algorithms=["ES256"])
            return web.Response(text=token, content_type="application/jwt")
        return web.json_response({name: value for name, value in claims.items() if value is not None})
