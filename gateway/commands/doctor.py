"""`sekisho doctor`: looks at everything between us, the provider, the store and the applications."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gateway.accounts.asyncio_application import Application
from gateway.accounts.asyncio_trial import try_recipe
from gateway.bounded_files import read_file
from gateway.commands.limits import open_store
from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, AsJson, ConfigFile, fail, language, say, say_json
from gateway.listen.system_tls import authority_dates, certificate_dates
from gateway.login.aiohttp_doctor import (
    examine_accounts,
    examine_app,
    examine_client,
    examine_files,
    examine_limits,
    examine_store,
)
from gateway.login.doctor import Finding, Level, certificate_finding, passed, sentinels_finding, trial_finding
from gateway.login.redis_pending import RedisPendingStore
from gateway.process.account_stores import open_account_store
from gateway.process.configuration import Configuration, apps_of, read_configuration
from gateway.redis_client import Kind, ask_sentinels, close_redis, make_redis, parse_redis_url
from gateway.request.inbound import Inbound
from gateway.request.target import Target
from gateway.route.route import Route
from gateway.session.redis_sessions import open_sessions
from gateway.settings.recipes import whole_recipe
from gateway.settings.settings import AccountKey, SecretSource
from gateway.upstream.asyncio_upstreams import Upstreams, client_contexts, upstreams_of
from gateway.wire.deadlines import Deadlines
from gateway.yaml.mistakes import Language, Mistakes, Phrase


def doctor(
    config: ConfigFile = DEFAULT_CONFIG,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show only what is not well.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at the provider, our keys and clock, the store, applications and files: exit 2 if anything fails."""
    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes, os.environ)
    if configuration is None:
        raise fail(mistakes)
    failed = asyncio.run(_show(configuration, quiet=quiet, as_json=as_json))
    if failed:
        raise typer.Exit(EXIT_USERS)


async def _show(configuration: Configuration, *, quiet: bool, as_json: bool) -> bool:
    failed, said = False, language()
    shown: list[dict[str, str]] = []
    async for finding in examine(configuration):
        failed = failed or finding.level is Level.FAIL
        if quiet and finding.level is Level.PASS:
            continue
        if as_json:
            shown.append(_as_values(finding, said))
        else:
            _tell(finding, said)
    if as_json:
        say_json(json.dumps({"failed": failed, "findings": shown}, ensure_ascii=False, indent=2))
    return failed


def _as_values(finding: Finding, said: Language) -> dict[str, str]:
    """Return a finding for other tools: `level` and `check` never change, `said` and `remedy` are for people."""
    return {
        "level": finding.level.value,
        "check": finding.check,
        "subject": finding.subject,
        "said": finding.said.say(said),
        "remedy": finding.remedy.say(said),
    }


def _tell(finding: Finding, said: Language) -> None:
    say(finding.level.value, finding.check, finding.subject, finding.said.say(said))
    remedy = finding.remedy.say(said)
    if remedy:
        say("", f"→ {remedy}")


async def examine(configuration: Configuration) -> AsyncIterator[Finding]:
    """Look at everything a configuration names, one finding after the other."""
    settings = configuration.settings
    for finding in examine_files(secret_files(configuration)):
        yield finding
    for _, finding in examine_certificates(configuration):
        yield finding
    for client_id, client in configuration.clients().items():
        keys = configuration.client_keys.get(client_id)
        if keys is None:
            continue
        apps = apps_of(settings, client_id)
        credentials = configuration.via_credentials.get(client_id)
        async for finding in examine_client(client, keys, apps, settings.prefix, credentials):
            yield finding
    async for finding in _stores(configuration):
        yield finding
    for app in settings.apps:
        async for finding in examine_app(app):
            yield finding
    async for finding in _recipes(configuration):
        yield finding


async def _recipes(configuration: Configuration) -> AsyncIterator[Finding]:
    """Try every recipe that has a trial account."""
    settings = configuration.settings
    tried = [app for app in settings.apps if app.accounts is not None and app.accounts.trial is not None]
    if not tried:
        return
    table = configuration.table(None, {})
    contexts = await asyncio.to_thread(client_contexts, tried)
    for app in tried:
        route, accounts = table.named[app.name], app.accounts
        if accounts is None or accounts.trial is None or accounts.recipe is None:
            continue
        user, password = _word(accounts.trial.user), _word(accounts.trial.password)
        if user is None or password is None:
            source = accounts.trial.user if user is None else accounts.trial.password
            place = f"`{source.file or source.env}`"
            said = Phrase(
                f"the trial account cannot be read: {place} has no line for it",
                f"試験用アカウントを読み取れません：{place} に値がありません",
            )
            remedy = Phrase(
                f"write the {'name' if user is None else 'password'} of an account that is nobody's into it",
                f"だれのものでもないアカウントの{'名前' if user is None else 'パスワード'}を入れてください",
            )
            yield Finding("recipe", app.name, Level.FAIL, said, remedy)
            continue
        way = upstreams_of(route, settings.traffic, Deadlines(time.monotonic()), tls=contexts.get(app.name))
        application = Application(partial(_same, way), whole_recipe(accounts.recipe), time.time)
        try:
            async for step in try_recipe(
                application,
                route,
                _nobody(route),
                user,
                password,
                wrong=secrets.token_urlsafe(24),
                changes=accounts.passwords == "changed",
            ):
                yield trial_finding(app.name, step)
        finally:
            way.close()


def _same(way: Upstreams) -> Upstreams:
    return way


def _word(source: SecretSource) -> str | None:
    """Return the one line that a source has; `None` if it has none."""
    try:
        data = os.environ.get(source.env or "", "").encode() if source.file is None else read_file(source.file, 4_096)
        return data.decode().strip("\r\n") or None
    except (OSError, UnicodeDecodeError):
        return None


def _nobody(route: Route) -> Inbound:
    """Return the request of a browser that is nobody's."""
    return Inbound(
        method="GET",
        target=Target("/", b"/", None),
        host=route.host,
        headers=((b"User-Agent", b"sekisho-doctor"), (b"Accept-Language", b"ja, en;q=0.5")),
        request_id=secrets.token_hex(8),
        peer="127.0.0.1",
        client_address="127.0.0.1",
        scheme="https" if route.app.secure else "http",
    )


def examine_certificates(configuration: Configuration) -> Iterator[tuple[str, Finding]]:
    """Judge the dates of our own certificates and of authorities, each with the setting that names it."""
    settings, now = configuration.settings, time.time()
    syslog = settings.audit.syslog
    own = [
        ("tls.certificate", None if settings.tls is None else settings.tls.certificate),
        ("audit.syslog.certificate", None if syslog is None else syslog.certificate),
    ]
    authorities = [
        ("provider.ca", settings.provider.ca),
        ("sessions.ca", settings.sessions.ca),
        ("limits.ca", settings.limits.ca),
        ("traces.ca", settings.traces.ca),
        ("audit.syslog.ca", None if syslog is None else syslog.ca),
    ]
    for number, app in enumerate(settings.apps):
        at, options = f"apps[{number}]", app.upstream_options
        own.append((f"{at}.upstream_options.certificate", options.certificate))
        authorities.append((f"{at}.upstream_options.ca", options.ca))
        if app.accounts is not None:
            authorities.append((f"{at}.accounts.store.ca", app.accounts.store.ca))
        if app.client is not None:
            authorities.append((f"{at}.client.ca", app.client.ca))
    for key, file in own:
        if file is not None:
            yield key, certificate_finding(str(file), certificate_dates(file), now)
    for key, file in authorities:
        # OpenSSL also takes forms of which this reader knows no dates; they were tried when the settings were read.
        dates = None if file is None else authority_dates(file)
        if dates is not None:
            yield key, certificate_finding(str(file), dates, now)


async def _stores(configuration: Configuration) -> AsyncIterator[Finding]:
    """Look at the stores of sessions, of limits and of accounts, and the sentinels of them all."""
    settings = configuration.settings
    yield await _sessions(configuration)
    stores = [(settings.sessions.store, configuration.redis)]
    if settings.limits.store is not None and settings.limits.store != "memory":
        limits = open_store(settings.limits.store, configuration.limits_redis)
        try:
            yield await examine_limits(limits, settings.limits.store)
        finally:
            await limits.close()
        stores.append((settings.limits.store, configuration.limits_redis))
    for app in settings.apps:
        if app.accounts is not None and app.accounts.store.url != "memory":
            place, options = app.accounts.store.url, configuration.account_redis[app.name]
            accounts = open_account_store(app.accounts.store, configuration.account_keys[app.name], options)
            try:
                yield await examine_accounts(accounts, place)
            finally:
                await accounts.close()
            if not place.startswith("sqlite:"):
                stores.append((place, options))
    for store, options in stores:
        if store != "memory" and (url := parse_redis_url(store)).kind is Kind.SENTINEL:
            yield sentinels_finding(store, await ask_sentinels(url, options))


async def _sessions(configuration: Configuration) -> Finding:
    settings, keys = configuration.settings.sessions, configuration.secrets
    if settings.store == "memory" or keys is None:
        said = Phrase("sessions live in the gateway's memory", "セッションはゲートウェイのメモリーにあります")
        return passed("store", settings.store, said)
    sessions = await open_sessions(
        settings, keys, clock=time.time, random=os.urandom, options=configuration.redis, background=False
    )
    redis = make_redis(parse_redis_url(settings.store), configuration.redis)
    try:
        pending = RedisPendingStore(redis, keys, random=os.urandom, timeout=settings.timeout)
        return await examine_store(pending, sessions.store, settings.store)
    finally:
        await close_redis(redis)
        await sessions.close()


def secret_files(configuration: Configuration) -> Iterator[Path]:
    """Return the files whose content must stay ours: every secret and private key that a setting names."""
    settings = configuration.settings
    yield from dict.fromkeys(_named_secrets(settings))
    for kept in (settings.aliases, configuration.sign_outs_file):
        if kept is not None and kept.exists():
            yield kept


def _named_secrets(value: object) -> Iterator[Path]:
    """Walk settings for sources of secrets and for private keys, so that a new setting is looked at without a word."""
    if isinstance(value, SecretSource | AccountKey):
        if value.file is not None:
            yield value.file
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _named_secrets(each)
    elif isinstance(value, tuple):
        for each in value:
            yield from _named_secrets(each)
    elif is_dataclass(value):
        # A certificate's file without a key beside it holds both.
        certificate = getattr(value, "certificate", None)
        key = getattr(value, "key", None) or certificate
        if isinstance(certificate, Path) and isinstance(key, Path):
            yield key
        for each in fields(value):
            yield from _named_secrets(getattr(value, each.name))
