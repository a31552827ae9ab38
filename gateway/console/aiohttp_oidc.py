"""Signs operators in by the office's OpenID provider: code flow, PKCE, `private_key_jwt`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import hdrs, web

from gateway.console.aiohttp_doors import cookie_name
from gateway.console.aiohttp_visitor import Visitor, refusal
from gateway.console.oidc import LIFETIME, Pending, PendingLogins, operator_of
from gateway.console.routes import Place, route_of
from gateway.errors import ProviderRefusedError, SignInInvalidError
from gateway.instant import Instant
from gateway.login.aiohttp_provider import AiohttpProvider
from gateway.login.claims import Expected, VerificationKey, read_id_token, verified_claims
from gateway.login.keys import KeySet
from gateway.login.login import LONGEST_CODE, authorization_url
from gateway.login.pending import SECRET_BYTES, random_name
from gateway.login.service import verified
from gateway.observe.events import Event
from gateway.portal.aiohttp_management import CONSOLE
from gateway.portal.aiohttp_pages import redirect
from gateway.portal.cookies import expire_cookie, set_cookie
from gateway.portal.operators import Operator
from gateway.settings.settings import ConsoleOidcSettings, ProviderSettings

LOGIN_COOKIE = "sekisho-console-login"
"""The cookie of a sign-in that has begun."""

_log = structlog.get_logger()


class _Meter:
    """Counts nothing: operators' sign-ins are events, and no part of the citizens' numbers."""

    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Count nothing."""

    def key_passed_over(self, kid: str, why: str) -> None:
        """Tell the operator of a key that the provider publishes and nobody can use."""
        _log.warning(Event.PROVIDER_KEY_PASSED_OVER, kid=kid, why=why)


class OidcSignIn:
    """The way to the office's provider and back."""

    def __init__(
        self,
        settings: ConsoleOidcSettings,
        keys: KeySet,
        url: str,
        clock: Callable[[], Instant],
        random: Callable[[int], bytes],
    ) -> None:
        """`url` is the console's public origin."""
        self._settings = settings
        self._redirect_uri = url.rstrip("/") + CONSOLE + route_of(Place.CALLBACK).path
        self._clock = clock
        self._random = random
        self._pending = PendingLogins(clock)
        self._provider_settings = ProviderSettings(
            issuer=settings.issuer,
            client_id=settings.client_id,
            ca=settings.ca,
            id_token_algorithms=settings.algorithms,
        )
        self._provider = AiohttpProvider(
            self._provider_settings, keys, clock=clock, monotonic=time.monotonic, random=random, meter=_Meter()
        )

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins to which the button of the sign-in leads."""
        return self._provider.origins

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """Keep the provider's metadata and keys ready, for as long as the application runs."""
        await self._provider.start()
        yield
        await self._provider.close()

    async def begin(self, visitor: Visitor) -> web.StreamResponse:
        """Send the browser to the provider."""
        metadata = await self._provider.reachable()
        state, nonce, verifier, browser = (random_name(self._random(SECRET_BYTES)) for _ in range(4))
        self._pending.keep(browser, Pending(state, nonce, verifier, self._clock()))
        url = authorization_url(
            metadata,
            client_id=self._settings.client_id,
            redirect_uri=self._redirect_uri,
            scopes=(),
            state=state,
            nonce=nonce,
            verifier=verifier,
            assurance={},
        )
        response = redirect(url)
        # `Lax`: the provider's redirect back is a navigation from another site.
        line = set_cookie(
            cookie_name(visitor.way, LOGIN_COOKIE), browser, secure=visitor.way.secure, max_age=int(LIFETIME)
        )
        response.headers.add(hdrs.SET_COOKIE, line)
        return response

    async def finish(self, visitor: Visitor) -> Operator:
        """Return who has come back.

        Raises:
            RefusedError: the provider confirms no operator, or the operator has no role.
            ProviderUnavailableError: the provider does not answer.

        """
        query = visitor.request.query
        said = {name: query.getall(name, []) for name in ("state", "code", "iss")}
        browser = visitor.request.cookies.get(cookie_name(visitor.way, LOGIN_COOKIE), "")
        refused = refusal("oidc", HTTPStatus.FORBIDDEN)
        # RFC 6749 section 3.1: no parameter comes twice.
        if any(len(values) > 1 for values in said.values()):
            raise refused
        pending = self._pending.take(browser, "".join(said["state"]))
        code = "".join(said["code"])
        # RFC 9207 section 2.4: another provider's answer is not for us.
        if pending is None or not 0 < len(code) <= LONGEST_CODE or said["iss"] not in ([], [self._settings.issuer]):
            raise refused
        try:
            operator = await self._redeem(code, pending)
        except (ProviderRefusedError, SignInInvalidError):
            raise refused from None
        if operator is None:
            raise refusal("no_role", HTTPStatus.FORBIDDEN)
        return operator

    async def _redeem(self, code: str, pending: Pending) -> Operator | None:
        provider, settings = self._provider, self._settings
        answer = await provider.redeem(
            code=code, verifier=pending.verifier, redirect_uri=self._redirect_uri, asked=frozenset()
        )
        expected = Expected(
            issuer=settings.issuer,
            client_id=settings.client_id,
            nonce=pending.nonce,
            access_token=answer.access_token,
            algorithms=settings.algorithms,
            begun_at=pending.began_at,
            now=self._clock(),
            skew=self._provider_settings.clock_skew,
            require_at_hash=False,
        )

        def claims_by(keys: tuple[VerificationKey, ...]) -> Mapping[str, Any]:
            read_id_token(answer.id_token, keys, expected)
            return verified_claims(answer.id_token, keys, settings.algorithms)

        return operator_of(await verified(provider, claims_by), settings)

    def forget(self, visitor: Visitor, response: web.StreamResponse) -> None:
        """End the cookie of the login."""
        line = expire_cookie(cookie_name(visitor.way, LOGIN_COOKIE), secure=visitor.way.secure)
        response.headers.add(hdrs.SET_COOKIE, line)
