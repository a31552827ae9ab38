"""`sekisho sessions …`: list and end sessions, by times, client and pseudonym; never a claim, never a ticket."""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets as randomness
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from gateway.audit.entry import Action
from gateway.commands.recorded import Operator, Reason, recorded
from gateway.commands.terminal import (
    DEFAULT_CONFIG,
    EXIT_USERS,
    ConfigFile,
    fail,
    language,
    log_here,
    say,
    store_away,
    typed_or_read,
)
from gateway.errors import StoreUnavailableError
from gateway.instant import tokyo_time
from gateway.login.service import provider_session_name
from gateway.observe.events import Event
from gateway.process.configuration import Configuration, read_configuration
from gateway.session.redis_sessions import Sessions, open_sessions
from gateway.session.redis_store import RedisStore
from gateway.session.session import (
    CLIENT_ID,
    PSEUDONYM,
    SESSION_NAME,
    AllSessions,
    ClientSessions,
    ListedSession,
    OneSession,
    ProviderSessions,
    Selector,
    SubjectSessions,
    selector_fields,
)
from gateway.yaml.mistakes import Mistakes, Phrase

app = typer.Typer(name="sessions", help="List and end sessions.", no_args_is_help=True)

Name = Annotated[str | None, typer.Option("--session", help="One session, by its name in a listing.")]
Client = Annotated[str | None, typer.Option("--client", help="All sessions of a client.")]
Subject = Annotated[
    str | None, typer.Option("--subject", help="With --client: all sessions of this person; `-` reads it from stdin.")
]
Pseudonym = Annotated[
    str | None,
    typer.Option("--pseudonym", help="All sessions with this pseudonym, as a listing and the audit show it."),
]
Sid = Annotated[
    str | None, typer.Option("--sid", help="With --client: all sessions that began in one session at the provider.")
]
Everybody = Annotated[bool, typer.Option("--all", help="Everybody's.")]


_log = structlog.get_logger()


def no_client(name: str, clients: Iterable[str]) -> Phrase:
    """Say that no client has the name, and which there are."""
    known = list(clients)
    return Phrase(
        f"there is no client `{name}`, but {', '.join(known)}",
        f"クライアント `{name}` はありません。あるのは {'、'.join(known)} です",
    )


def no_pseudonym() -> Phrase:
    """Say that a word is no pseudonym."""
    return Phrase(
        "a pseudonym has 32 hexadecimal digits, as `sekisho sessions list` and the audit show it",
        "仮名は、`sekisho sessions list` や監査記録が表示する 32 桁の 16 進数です",
    )


def _refused(reason: Phrase) -> typer.Exit:
    say(f"sekisho sessions: {reason.say(language())}", error=True)
    return typer.Exit(EXIT_USERS)


@asynccontextmanager
async def opened(config: Path) -> AsyncIterator[tuple[Configuration, Sessions]]:
    """Yield the settings and the session store they name."""
    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes, os.environ)
    if configuration is None:
        raise fail(mistakes)
    settings = configuration.settings.sessions
    if settings.store == "memory" or configuration.secrets is None:
        raise _refused(
            Phrase(
                "sessions are in the gateway's memory (`store: memory`): only a restart ends them",
                "セッションはゲートウェイのメモリーにあります（`store: memory`）。再起動で終わります",
            )
        )
    sessions = await open_sessions(
        settings,
        configuration.secrets,
        clock=time.time,
        random=randomness.token_bytes,
        options=configuration.redis,
        background=False,
    )
    try:
        yield configuration, sessions
    finally:
        await sessions.close()


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a command that asks the store, and report a store that does not answer."""
    try:
        asyncio.run(work())
    except StoreUnavailableError as error:
        raise store_away("sessions", error) from None


def _selector(
    sessions: Sessions,
    name: str | None,
    client: str | None,
    subject: str | None,
    sid: str | None,
    pseudonym: str | None,
    *,
    everybody: bool,
) -> Selector:
    if client is not None and not CLIENT_ID.fullmatch(client):
        raise _refused(
            Phrase(
                "a client's ID has 1 to 255 letters, digits and signs of ASCII, and no space",
                "クライアントの ID は、空白を除く ASCII の 1 から 255 文字です",
            )
        )
    if pseudonym is not None:
        if name is None and client is None and subject is None and sid is None and not everybody:
            if not PSEUDONYM.fullmatch(pseudonym):
                raise _refused(no_pseudonym())
            return SubjectSessions((pseudonym,))
    elif subject is not None or sid is not None:
        if client is None:
            raise _refused(
                Phrase(
                    "--subject and --sid belong to a client: name it with --client",
                    "--subject と --sid には --client も必要です",
                )
            )
        if subject is not None and sid is None and name is None and not everybody:
            return SubjectSessions(sessions.secrets.pseudonyms(client, typed_or_read(subject)))
        if sid is not None and subject is None and name is None and not everybody:
            return ProviderSessions(provider_session_name(client, sid))
    elif [name is not None, client is not None, everybody].count(True) == 1:
        if name is not None:
            # Another text may be a person's name, and the trail keeps what was asked for.
            if not SESSION_NAME.fullmatch(name):
                raise _refused(
                    Phrase(
                        "a session's name has 64 hexadecimal digits, as `sekisho sessions list` shows it",
                        "セッションの名前は、`sekisho sessions list` が表示する 64 桁の 16 進数です",
                    )
                )
            return OneSession(name)
        return AllSessions() if client is None else ClientSessions(client)
    raise _refused(
        Phrase(
            "name the sessions in one way: --session, --client (with --subject or --sid), --pseudonym, or --all",
            "--session、--client（--subject か --sid も可）、--pseudonym、--all のいずれか一つを指定してください",
        )
    )


def session_fields(listed: ListedSession) -> tuple[str, ...]:
    """Return a session as the fields of a line of a listing."""
    created, ends = tokyo_time(listed.created_at), tokyo_time(listed.expires_at)
    return (
        listed.name,
        listed.client_id,
        listed.pseudonym,
        f"since {created:%Y-%m-%d %H:%M:%S}",
        f"until {ends:%Y-%m-%d %H:%M:%S}",
        f"idle in {listed.idle_left:.0f}s",
    )


def say_unreadable(sessions: Sessions) -> None:
    """Say how many keys of the store are no record of ours: of another program, a later version or a forger."""
    count = sessions.store.unreadable if isinstance(sessions.store, RedisStore) else 0
    if count:
        passed = Phrase(
            f"{count} keys hold no record that this version reads; they were passed over",
            f"この版では読めない記録が {count} 件あり、読み飛ばしました",
        )
        say(passed.say(language()), error=True)


@app.command("list")
def list_sessions(
    name: Name = None,
    client: Client = None,
    subject: Subject = None,
    sid: Sid = None,
    pseudonym: Pseudonym = None,
    everybody: Everybody = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show sessions: name, client, pseudonym and times."""

    async def work() -> None:
        async with opened(config) as (_, sessions):
            selector = _selector(sessions, name, client, subject, sid, pseudonym, everybody=everybody)
            async for listed in sessions.store.sessions(selector):
                say(*session_fields(listed))
            say_unreadable(sessions)

    run(work)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="The session's name, as a listing shows it.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show one session, with the secret that seals it."""

    async def work() -> None:
        async with opened(config) as (_, sessions):
            found = [listed async for listed in sessions.store.sessions(OneSession(name))]
            if not found:
                raise _refused(Phrase(f"there is no session `{name}`", f"セッション `{name}` はありません"))
            say(*session_fields(found[0]), f"sealed by {found[0].secret_id}")

    run(work)


@app.command()
def revoke(  # noqa: PLR0913, PLR0917 - one parameter an option
    reason: Reason,
    name: Name = None,
    client: Client = None,
    subject: Subject = None,
    sid: Sid = None,
    pseudonym: Pseudonym = None,
    everybody: Everybody = False,
    operator_name: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """End sessions now and everywhere, with their open streams and the sign-ins under way."""

    async def work() -> None:
        async with opened(config) as (configuration, sessions):
            selector = _selector(sessions, name, client, subject, sid, pseudonym, everybody=everybody)
            told = {field: str(value) for field, value in selector_fields(selector).items() if value}
            with recorded(
                config,
                Action.SESSIONS_REVOKED,
                operator=operator_name,
                about=f"{told['selector']} {told.get('session', '')}".strip(),
                reason=reason,
                settings=configuration.settings,
            ) as deed:
                deed.tell(pseudonym=told.get("pseudonym", ""), client_id=told.get("client_id", ""))
                ended = await sessions.store.revoke(selector)
                deed.tell(count=ended)
        say(Phrase(f"{ended} ended", f"{ended} 件を終了しました").say(language()))
        log_here(config)
        operator = os.environ.get("SUDO_USER") or getpass.getuser()
        _log.info(Event.SESSIONS_REVOKED, operator=operator, reason=reason, ended=ended, **selector_fields(selector))

    run(work)


@app.command()
def secrets(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Say how many sessions need each secret: an old one may go once none does."""

    async def work() -> None:
        async with opened(config) as (_, sessions):
            if not isinstance(sessions.store, RedisStore):
                raise _refused(
                    Phrase("records are sealed in Redis alone", "記録に封をするのは Redis を使うときだけです")
                )
            sealed = await sessions.store.sealed_by()
            for secret in sessions.secrets.all:
                role = "seals" if secret is sessions.secrets.first else "opens"
                say(secret.id, role, f"{sealed.pop(secret.id, 0)} records")
            for secret_id, count in sealed.items():
                say(secret_id, "not in the file", f"{count} records that no secret opens")

    run(work)
