"""A small OpenID provider, so that each peer with a login of its own gets a real session.

It signs everybody in at once and believes every client that knows the secret: a stand-in for a provider in a
measurement, of no other use. Our own gateway signs in at the strict emulator instead.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
import time
from collections.abc import Iterator
from urllib.parse import urlencode

from aiohttp import web
from jwcrypto import jwk, jwt

from benchmarks.programs import LOAD_CORE, free_port, running
from benchmarks.surroundings import Surroundings

CLIENT = "measured"
SECRET = "a-secret-of-the-measurement-only"  # noqa: S105 - known to everybody, guards nothing
SUBJECT = "subject-0001"
_LIFETIME = 3600


@contextlib.contextmanager
def provider(around: Surroundings, redirect: str) -> Iterator[tuple[str, int]]:
    """Run it on the load's core for the length of a block; gives its issuer and port."""
    port = free_port()
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "benchmarks.provider", str(port), redirect]
    with running(
        f"provider-{port}", command, core=LOAD_CORE, folder=around.folder, ready=port, environment=environment
    ):
        yield f"http://localhost:{port}", port


def application(issuer: str, redirect: str) -> web.Application:
    """Return the provider."""
    key = jwk.JWK.generate(kty="RSA", size=2048, kid="measured", alg="RS256", use="sig")
    nonces: dict[str, str] = {}

    async def discovery(_: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "userinfo_endpoint": f"{issuer}/userinfo",
                "jwks_uri": f"{issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            }
        )

    async def authorize(request: web.Request) -> web.Response:
        if request.query.get("redirect_uri") != redirect:
            raise web.HTTPBadRequest(text="not the redirect URI of this measurement")
        code = secrets.token_urlsafe(16)
        nonces[code] = request.query.get("nonce", "")
        raise web.HTTPFound(f"{redirect}?{urlencode({'code': code, 'state': request.query.get('state', '')})}")

    async def token(request: web.Request) -> web.Response:
        form = await request.post()
        now = int(time.time())
        claims = {"iss": issuer, "aud": CLIENT, "sub": SUBJECT, "iat": now, "exp": now + _LIFETIME}
        if nonce := nonces.pop(str(form.get("code", "")), ""):
            claims["nonce"] = nonce
        signed = jwt.JWT(header={"alg": "RS256", "kid": "measured", "typ": "JWT"}, claims=claims)
        signed.make_signed_token(key)
        return web.json_response(
            {
                "access_token": secrets.token_urlsafe(32),
                "refresh_token": secrets.token_urlsafe(32),
                "token_type": "Bearer",
                "expires_in": _LIFETIME,
                "id_token": signed.serialize(),
            }
        )

    async def userinfo(_: web.Request) -> web.Response:
        return web.json_response({"sub": SUBJECT})

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [json.loads(key.export_public())]})

    app = web.Application()
    app.router.add_get("/.well-known/openid-configuration", discovery)
    app.router.add_get("/authorize", authorize)
    app.router.add_post("/token", token)
    app.router.add_get("/userinfo", userinfo)
    app.router.add_get("/keys", keys)
    return app


def main() -> None:
    """Serve until terminated: port, redirect URI of the one client."""
    port, redirect = int(sys.argv[1]), sys.argv[2]
    issuer = f"http://localhost:{port}"
    web.run_app(application(issuer, redirect), host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main()
