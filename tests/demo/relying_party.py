"""A relying party that does everything right, so that a test can do one thing wrong."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from joserfc import jwk, jwt
from yarl import URL

from gateway.demo.emulator import REALM, Emulator, EmulatorClient

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CALLBACK = "http://localhost:8080/.sekisho/callback"


def new_key(kid: str = "one") -> jwk.ECKey:
    return jwk.ECKey.generate_key("P-256", {"kid": kid, "alg": "ES256", "use": "sig"})


def public(*keys: jwk.ECKey | jwk.RSAKey) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


@dataclass
class RelyingParty:
    http: aiohttp.ClientSession
    issuer: str
    emulator: Emulator
    client_id: str = "RP00000001"
    key: jwk.ECKey | jwk.RSAKey = field(default_factory=new_key)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def registration(self, **changes: Any) -> EmulatorClient:
        return EmulatorClient(
            **{"client_id": self.client_id, "redirect_uris": (CALLBACK,), "jwks": public(self.key), **changes}
        )

    def url(self, endpoint: str) -> str:
        return f"{self.issuer}/protocol/openid-connect/{endpoint}"

    def request(self, **changes: str | None) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "scope": "openid name address birthdate gender",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "state": "the state",
            "nonce": "the nonce",
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "acr_values": "aal3 crl",
        }
        return {name: value for name, value in (parameters | changes).items() if value is not None}

    async def authorize(self, **changes: str | None) -> tuple[int, str]:
        async with self.http.get(self.url("auth"), params=self.request(**changes)) as answer:
            return answer.status, await answer.text()

    async def choose(self, page: str, **inputs: str) -> aiohttp.ClientResponse:
        actions = re.findall(r'<form method="post" action="([^"]+)"', page)
        assert len(actions) == 1
        target = URL(self.issuer).origin().join(URL(html.unescape(actions[0]), encoded=True))
        answer = await self.http.post(target, data=inputs, allow_redirects=False)
        await answer.read()
        return answer

    async def callback(self, card: int = 1, response: str = "normal", **changes: str | None) -> dict[str, str]:
        _, page = await self.authorize(**changes)
        answer = await self.choose(page, response=response, card=str(card))
        return dict(URL(answer.headers["Location"]).query)

    async def code(self, card: int = 1, **changes: str | None) -> str:
        return (await self.callback(card, "normal", **changes))["code"]

    def assertion(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.url("token"),
            "jti": secrets.token_urlsafe(12),
            "iat": now,
            "exp": now + 60,
        }
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        algorithm = "RS256" if isinstance(self.key, jwk.RSAKey) else "ES256"
        return jwt.encode(header or {"alg": algorithm, "kid": self.key.kid}, claims, self.key, algorithms=[algorithm])

    def form(self, code: str, /, **changes: str | None) -> dict[str, str]:
        parameters: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(),
        }
        return {name: value for name, value in (parameters | changes).items() if value is not None}

    async def redeem(self, form: dict[str, str], **options: Any) -> tuple[int, dict[str, Any]]:
        async with self.http.post(self.url("token"), data=form, **options) as answer:
            return answer.status, await answer.json()

    async def tokens(self, card: int = 1, **changes: str | None) -> dict[str, Any]:
        status, tokens = await self.redeem(self.form(await self.code(card, **changes)))
        assert status == 200, tokens
        return tokens

    async def userinfo(self, access_token: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {access_token}"}
        async with self.http.get(self.url("userinfo"), headers=headers) as answer:
            return answer.status, await answer.json() if answer.status == 200 else {}

    async def own_token(self, **changes: str | None) -> tuple[int, dict[str, Any]]:
        """Ask for a token of the client itself, which starts signing transactions."""
        asked: dict[str, str | None] = {"grant_type": "client_credentials", "scope": "sign", "code": None}
        form = self.form("", **(asked | changes))
        return await self.redeem({name: form[name] for name in form.keys() - {"redirect_uri", "code_verifier"}})

    async def start_signing(self, said: Any, token: str | None = None) -> tuple[int, dict[str, Any]]:
        if token is None:
            token = (await self.own_token())[1]["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        url = URL(self.issuer).with_path("/api/sign-transactions")
        async with self.http.post(url, json=said, headers=headers) as answer:
            return answer.status, await answer.json() if answer.content_type == "application/json" else {}

    async def sign_result(self, transaction: str, token: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"}
        url = URL(self.issuer).with_path(f"/api/sign-transactions/{transaction}/result")
        async with self.http.get(url, headers=headers) as answer:
            return answer.status, await answer.json() if answer.content_type == "application/json" else {}

    async def keys(self) -> jwk.KeySet:
        async with self.http.get(self.url("certs")) as answer:
            return jwk.KeySet.import_key_set(await answer.json())


__all__ = ["ASSERTION_TYPE", "CALLBACK", "REALM", "RelyingParty", "new_key", "public"]
