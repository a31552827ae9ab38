"""The provider stand-in: correct by default, and wrong in exactly the way a case says.

It answers on TLS as `https://idp.gw.test`, which exists nowhere: the gateway reaches it through a
forward proxy that writes down every name it is asked to connect to, so that a case can say which it
must not be.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from jwcrypto.jwk import JWK

from tests.security.tokens import b64, make_token, replace_values

ISSUER = "https://idp.gw.test"
HOST = "idp.gw.test"
ACR = "aal3 crl"

KNOWN = frozenset(
    {
        "claims",
        "id_token",
        "logout_token",
        "userinfo",
        "userinfo_status",
        "userinfo_body",
        "userinfo_jwt",
        "userinfo_redirect",
        "token",
        "token_status",
        "token_body",
        "token_type",
        "token_redirect",
        "jwks",
        "jwks_status",
        "discovery",
        "discovery_status",
        "delay",
        "enforce_pkce",
        "rotate_refresh",
        "refresh_error",
    }
)
"""Keys of `idp` that this stand-in can do."""


@dataclass
class Login:
    """One authorization request, and what its code is worth."""

    params: dict[str, str]
    person: dict[str, Any]
    auth_age: float = 0.0

    @property
    def nonce(self) -> str:
        return self.params.get("nonce", "")


@dataclass
class Call:
    """One request that the gateway made."""

    endpoint: str
    form: dict[str, str] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)


def new_key(kid: str) -> JWK:
    return JWK.generate(kty="EC", crv="P-256", kid=kid, use="sig", alg="ES256")


def signed(claims: dict[str, Any], header: dict[str, Any], key: JWK) -> str:
    """Sign with any header, also one no library would write."""
    return make_token(claims, {"header": header}, typ="JWT", key=key, stranger=key, now=0.0)


class Provider:
    """Endpoints, behaviour, and a record of both."""

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self.directory = directory
        self.clock = clock
        self.key = new_key("idp-1")
        self.stranger = new_key("stranger")
        self.behaviour: dict[str, Any] = {}
        self.calls: list[Call] = []
        self.connects: list[str] = []
        self.codes: dict[str, Login] = {}
        self.tokens: dict[str, Login] = {}
        self.id_tokens: list[str] = []
        self.person: dict[str, Any] = {}
        self.auth_age = 0.0
        self.current: Login | None = None
        self.ca = directory / "idp-ca.pem"
        self._runner: web.AppRunner | None = None
        self._proxy: asyncio.Server | None = None
        self._tunnels: set[asyncio.Task[None]] = set()
        self.port = 0
        self.proxy_port = 0

    async def start(self) -> None:
        application = web.Application()
        application.add_routes(
            [
                web.get("/.well-known/openid-configuration", self._discovery),
                web.get("/jwks", self._jwks),
                web.post("/token", self._token),
                web.get("/userinfo", self._userinfo),
                web.get("/logout", self._logged_out),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._certificate())
        await site.start()
        server = site._server
        assert isinstance(server, asyncio.Server)
        self.port = server.sockets[0].getsockname()[1]
        self._proxy = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.proxy_port = self._proxy.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._proxy is not None:
            self._proxy.close()
        for tunnel in list(self._tunnels):
            tunnel.cancel()
        await asyncio.gather(*self._tunnels, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    def reset(self) -> None:
        self.behaviour = {}
        self.person = {}
        self.auth_age = 0.0
        self.current = None

    # --- what the browser does there ---

    def authorize(self, location: str, person: dict[str, Any], auth_age: float = 0.0) -> str:
        """Return the redirect after the person has signed in with her card."""
        login = Login(dict(parse_qsl(urlsplit(location).query)), person, auth_age)
        code = secrets.token_urlsafe(24)
        self.codes[code] = login
        separator = "&" if "?" in login.params["redirect_uri"] else "?"
        answer = urlencode({"code": code, "state": login.params.get("state", ""), "iss": ISSUER})
        return f"{login.params['redirect_uri']}{separator}{answer}"

    def expect(self, location: str, person: dict[str, Any]) -> Login:
        """Let any code a case makes up stand for this authorization request."""
        self.current = Login(dict(parse_qsl(urlsplit(location).query)), person)
        return self.current

    # --- endpoints ---

    async def _discovery(self, request: web.Request) -> web.Response:
        self.calls.append(Call("discovery"))
        document = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "end_session_endpoint": f"{ISSUER}/logout",
            "jwks_uri": f"{ISSUER}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "backchannel_logout_supported": True,
        }
        replace_values(document, self.behaviour.get("discovery", {}), self.clock())
        return web.json_response(document, status=self.behaviour.get("discovery_status", 200))

    async def _jwks(self, request: web.Request) -> web.Response:
        self.calls.append(Call("jwks"))
        keys = self.behaviour.get("jwks", {"keys": [self.key.export_public(as_dict=True)]})
        return web.json_response(keys, status=self.behaviour.get("jwks_status", 200))

    async def _token(self, request: web.Request) -> web.Response:
        form = {str(name): str(value) for name, value in (await request.post()).items()}
        call = Call("token", form)
        self.calls.append(call)
        await asyncio.sleep(float(self.behaviour.get("delay", 0)))
        if "token_redirect" in self.behaviour:
            return web.Response(status=307, headers={"Location": self.behaviour["token_redirect"]})
        if "token_body" in self.behaviour:
            return web.Response(text=self.behaviour["token_body"], content_type="text/html")
        if "token_status" in self.behaviour:
            return web.json_response({"error": "server_error"}, status=self.behaviour["token_status"])
        if form.get("grant_type") == "refresh_token" and "refresh_error" in self.behaviour:
            return web.json_response({"error": self.behaviour["refresh_error"]}, status=400)
        login = self.codes.pop(form.get("code", ""), None) or self.current
        if login is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if challenge != login.params.get("code_challenge") or form.get("redirect_uri") != login.params["redirect_uri"]:
            return web.json_response({"error": "invalid_grant", "error_description": "PKCE"}, status=400)
        access = secrets.token_urlsafe(24)
        self.tokens[access] = login
        answer: dict[str, Any] = {
            "access_token": access,
            "token_type": self.behaviour.get("token_type", "Bearer"),
            "expires_in": 300,
            "id_token": self.id_token(login, access),
        }
        replace_values(answer, self.behaviour.get("token", {}), self.clock())
        call.answer = answer
        return web.json_response(answer)

    async def _userinfo(self, request: web.Request) -> web.Response:
        self.calls.append(Call("userinfo"))
        if "userinfo_redirect" in self.behaviour:
            return web.Response(status=307, headers={"Location": self.behaviour["userinfo_redirect"]})
        if "userinfo_body" in self.behaviour:
            return web.Response(text=self.behaviour["userinfo_body"], content_type="text/html")
        login = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if login is None:
            return web.json_response({"error": "invalid_token"}, status=401)
        if "userinfo_status" in self.behaviour:
            return web.json_response({"error": "server_error"}, status=self.behaviour["userinfo_status"])
        claims = dict(login.person)
        asked = set(login.params.get("scope", "").split()) | {"sub"}
        claims = {name: value for name, value in claims.items() if name in asked or name not in _SCOPED}
        claims = {name: value for name, value in claims.items() if value is not None}
        subject = self.behaviour.get("id_token", {}).get("claims", {}).get("sub")
        if isinstance(subject, str):
            claims["sub"] = subject
        replace_values(claims, self.behaviour.get("userinfo", {}), self.clock())
        if "userinfo_jwt" in self.behaviour:
            answered = {**claims, "iss": ISSUER, "aud": login.params["client_id"], **self.behaviour["userinfo_jwt"]}
            token = signed(answered, {"typ": None}, self.key)
            return web.Response(text=token, content_type="application/jwt")
        return web.json_response(claims)

    async def _logged_out(self, request: web.Request) -> web.Response:
        self.calls.append(Call("end_session"))
        return web.Response(text="signed out at the provider")

    # --- tokens ---

    def id_token(self, login: Login, access: str) -> str:
        now = self.clock()
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": login.params["client_id"],
            "sub": login.person["sub"],
            "iat": int(now),
            "exp": int(now + 300),
            "auth_time": int(now - login.auth_age),
            "nonce": login.nonce,
            "acr": ACR,
            "at_hash": b64(hashlib.sha256(access.encode()).digest()[:16]),
            "sid": hashlib.sha256(json.dumps(login.params, sort_keys=True).encode()).hexdigest()[:16],
        }
        token = self._made(claims, dict(self.behaviour.get("id_token", {})))
        self.id_tokens.append(token)
        return token

    def logout_token(self, client_id: str, subject: str, sid: str | None) -> str:
        """Return a Logout Token (OpenID Connect Back-Channel Logout 1.0 section 2.4)."""
        now = self.clock()
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": client_id,
            "iat": int(now),
            "exp": int(now + 120),
            "jti": secrets.token_urlsafe(16),
            "sub": subject,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        if sid is not None:
            claims["sid"] = sid
        return self._made(claims, dict(self.behaviour.get("logout_token", {})), typ="logout+jwt")

    def _made(self, claims: dict[str, Any], directed: dict[str, Any], typ: str = "JWT") -> str:
        return make_token(claims, directed, typ=typ, key=self.key, stranger=self.stranger, now=self.clock())

    # --- TLS and the way here ---

    def _certificate(self) -> ssl.SSLContext:
        now = datetime.now(UTC)
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "security cases")])

        def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
            builder = (
                x509.CertificateBuilder()
                .subject_name(subject)
                .issuer_name(ca_name)
                .public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - timedelta(days=400))
                .not_valid_after(now + timedelta(days=400))
                .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
                .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            )
            if ca:
                usage = x509.KeyUsage(
                    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                    key_encipherment=False, data_encipherment=False, key_agreement=False,
                    encipher_only=False, decipher_only=False,
                )  # fmt: skip
                builder = builder.add_extension(usage, critical=True)
            else:
                builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
            return builder.sign(ca_key, hashes.SHA256())

        pem = serialization.Encoding.PEM
        self.ca.write_bytes(certificate(ca_name, ca_key.public_key(), ca=True).public_bytes(pem))
        chain = self.directory / "idp.pem"
        leaf = certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]), key.public_key(), ca=False)
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        chain.write_bytes(leaf.public_bytes(pem) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tunnel to the stand-in for every name, and write each name down."""
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            authority = head.split(b" ")[1].decode("latin-1")
            self.connects.append(authority)
            if authority.rpartition(":")[0] != HOST:
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._tunnels.discard(task)
            writer.close()


_SCOPED = frozenset({"name", "address", "birthdate", "gender"})


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError):
        writer.close()


__all__ = ["ISSUER", "KNOWN", "Call", "Login", "Provider", "new_key", "parse_qs", "quote", "signed"]
