"""Measures what `doctor` judges: a few calls to the provider, a connection to each application, the files' modes.

The doctor signs nobody in and changes nothing: it sends a code that cannot exist.
"""

from __future__ import annotations

import asyncio
import secrets
import stat
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from gateway.accounts.accounts import AccountStore
from gateway.accounts.rehearsal import rehearse_accounts
from gateway.errors import (
    GatewayError,
    ProviderRefusedError,
    ProviderUnavailableError,
    StoreUnavailableError,
    UnfitAccountStoreError,
    UnfitLimitStoreError,
)
from gateway.identity import Scope
from gateway.limits.limits import LimitStore
from gateway.limits.rehearsal import rehearse as rehearse_entry
from gateway.login.aiohttp_provider import AiohttpProvider
from gateway.login.doctor import (
    Finding,
    acr_finding,
    assertion_finding,
    bypass_finding,
    clock_finding,
    keys_finding,
    mode_finding,
    outer_proxy_finding,
    passed,
    post_logout_finding,
    redirect_finding,
    store_finding,
    unfit_finding,
    unreachable,
    upstream_finding,
)
from gateway.login.keys import KeySet
from gateway.login.login import (
    asked_assurance,
    authorization_url,
    end_session_url,
    post_logout_redirect_uri,
    redirect_uri,
)
from gateway.login.pending import PENDING_PER_BROWSER, SECRET_BYTES, PendingStore, random_name
from gateway.login.profile import Metadata, issuer_of
from gateway.login.provider_defaults import accepted_acr, requires_acr
from gateway.login.rehearsal import rehearse as rehearse_sign_in
from gateway.session.session import SessionStore
from gateway.settings.settings import AppSettings, Mode, ProviderSettings
from gateway.yaml.mistakes import Phrase

CONNECT_SECONDS = 3.0

SPOOFED = "X-Verified-Doctor"
"""A header of ours that no sample configuration names and no browser sends."""


class _Unmetered:
    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """See `CallMeter`: these calls belong to no sign-in."""

    def key_passed_over(self, kid: str, why: str) -> None:
        """See `CallMeter`."""


async def examine_client(
    settings: ProviderSettings,
    keys: KeySet,
    apps: Sequence[AppSettings],
    prefix: str,
    via_credentials: tuple[str, str] | None = None,
) -> AsyncIterator[Finding]:
    """Look at everything between one client and the provider."""
    subject = settings.client_id
    provider = AiohttpProvider(
        settings,
        keys,
        clock=time.time,
        monotonic=time.monotonic,
        random=secrets.token_bytes,
        meter=_Unmetered(),
        via_credentials=via_credentials,
    )
    try:
        try:
            metadata = await provider.metadata()
        except ProviderUnavailableError as error:
            yield unreachable("discovery", issuer_of(settings), str(error))
            return
        yield passed("discovery", metadata.issuer, Phrase("it is the issuer's own", "発行者自身のものです"))
        async for finding in _examine(provider, settings, metadata, apps, prefix, subject):
            yield finding
    finally:
        await provider.close()


async def _examine(
    provider: AiohttpProvider,
    settings: ProviderSettings,
    metadata: Metadata,
    apps: Sequence[AppSettings],
    prefix: str,
    subject: str,
) -> AsyncIterator[Finding]:
    try:
        published = await provider.signing_keys()
        yield keys_finding(subject, tuple(key.algorithm for key in published), settings.id_token_algorithms)
    except ProviderUnavailableError as error:
        yield unreachable("provider_keys", subject, str(error))
    yield acr_finding(subject, accepted_acr(settings), metadata.acr_values, requires=requires_acr(settings))
    before = time.time()
    try:
        date = await provider.date()
        yield clock_finding(subject, date, before, time.time(), settings.clock_skew)
    except ProviderUnavailableError as error:
        yield unreachable("clock", subject, str(error))
    uris = tuple(dict.fromkeys(redirect_uri(app.url, prefix) for app in apps))
    for uri in uris[:1]:
        try:
            await provider.redeem(
                code=random_name(secrets.token_bytes(SECRET_BYTES)),
                verifier=random_name(secrets.token_bytes(SECRET_BYTES)),
                redirect_uri=uri,
                asked=frozenset({Scope.OPENID}),
            )
            yield assertion_finding(subject, 200, "")
        except ProviderRefusedError as refused:
            yield assertion_finding(subject, 400, refused.error)
        except GatewayError as error:
            yield unreachable("assertion", subject, str(error))
    for uri in uris:
        url = authorization_url(
            metadata,
            client_id=settings.client_id,
            redirect_uri=uri,
            scopes=(Scope.OPENID,),
            state=random_name(secrets.token_bytes(SECRET_BYTES)),
            nonce=random_name(secrets.token_bytes(SECRET_BYTES)),
            verifier=random_name(secrets.token_bytes(SECRET_BYTES)),
            assurance=asked_assurance(settings, None),
        )
        try:
            status, location = await provider.look(url)
            yield redirect_finding(subject, uri, status, location)
        except ProviderUnavailableError as error:
            yield unreachable("redirect_uri", subject, str(error))
    if metadata.end_session_endpoint is None:
        return
    for back in dict.fromkeys(post_logout_redirect_uri(app.url, prefix) for app in apps):
        url = end_session_url(metadata.end_session_endpoint, client_id=settings.client_id, back=back)
        try:
            status, _ = await provider.look(url)
            yield post_logout_finding(subject, back, status)
        except ProviderUnavailableError as error:
            yield unreachable("post_logout_redirect_uri", subject, str(error))


async def examine_app(app: AppSettings) -> AsyncIterator[Finding]:
    """Check whether an App's servers answer only the gateway, and which headers a proxy in front lets pass."""
    if app.mode is Mode.FORWARD_AUTH:
        yield outer_proxy_finding(app.name, app.url, await _status(app.url), await _status(app.url, spoofed=True))
    public = urlsplit(app.url).hostname or ""
    for url in app.upstream:
        parts = urlsplit(url)
        if parts.hostname is None:
            continue
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = await _connect(parts.hostname, port)
        yield upstream_finding(app.name, url, answers=address is not None)
        if address is None:
            continue
        own = urlsplit(app.url).port or (443 if app.secure else 80)
        beside = await _connect(public, port) if port != own else None
        # On one machine the public name leads to loopback, and there to the application's port as well.
        local = (beside is not None and beside.startswith("127.")) or beside == "::1"
        yield bypass_finding(app.name, address, answers_publicly=beside is not None and not local)


async def _status(url: str, *, spoofed: bool = False) -> int | None:
    """Return the status of an anonymous request, as a script would send it; None if there is no answer."""
    headers = {"Accept": "application/json", "Sec-Fetch-Mode": "cors"}
    if spoofed:
        headers[SPOOFED] = "yes"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CONNECT_SECONDS)) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None


async def _connect(host: str, port: int) -> str | None:
    """Return the address that took a connection, or None."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return None
    address = str(writer.get_extra_info("peername")[0])
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return address


async def examine_store(pending: PendingStore, sessions: SessionStore, name: str) -> Finding:
    """Take sign-ins by nobody through the stores of sessions and of pending logins.

    The last one finds its browser at its cap, since making room takes commands that no other sign-in needs.
    """
    try:
        for _ in range(PENDING_PER_BROWSER + 1):
            await rehearse_sign_in(pending, sessions, time.time(), secrets.token_bytes)
    except StoreUnavailableError as error:
        return store_finding(name, error.fault)
    return store_finding(name, None)


async def examine_limits(store: LimitStore, name: str) -> Finding:
    """Look whether the store of limits forgets nothing, and take an entry by nobody through it."""
    try:
        await rehearse_entry(store, time.time(), secrets.token_bytes)
    except StoreUnavailableError as error:
        return store_finding(name, error.fault, check="limit_store")
    except UnfitLimitStoreError as error:
        return unfit_finding(name, error)
    return store_finding(name, None, check="limit_store")


async def examine_accounts(store: AccountStore, name: str) -> Finding:
    """Look whether a store of accounts forgets nothing and is ours alone, and take an account of nobody through it."""
    try:
        await rehearse_accounts(store, time.time(), secrets.token_bytes)
    except StoreUnavailableError as error:
        return store_finding(name, error.fault, check="account_store")
    except UnfitAccountStoreError as error:
        return unfit_finding(name, error, check="account_store")
    return store_finding(name, None, check="account_store")


def examine_files(paths: Iterable[Path]) -> Iterable[Finding]:
    """Look who may read the files that hold secrets."""
    for path in paths:
        try:
            about = path.stat()
        except OSError:
            yield mode_finding(str(path), None)
        else:
            roots_for_group = about.st_uid == 0 and about.st_gid != 0
            yield mode_finding(str(path), stat.S_IMODE(about.st_mode), roots_for_group=roots_for_group)
