"""`sekisho fleet`: what every worker of every node runs with, and where they differ."""

from __future__ import annotations

import asyncio
import os
import secrets as randomness
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_OURS, EXIT_USERS, ConfigFile, fail, language, say
from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.policy.switches import Switch
from gateway.process.configuration import read_session_store
from gateway.redis_client import RedisOptions
from gateway.session.fleet import SILENT, WorkerView
from gateway.session.redis_fleet import ask_fleet, ask_workers
from gateway.session.redis_sessions import open_sessions
from gateway.session.redis_store import RedisStore
from gateway.session.seal import Secrets
from gateway.settings.check import read_settings
from gateway.settings.settings import SessionSettings, Settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes, Phrase, Where

EXIT_DIFFERS = 3
"""Two workers run with something else."""

_ALONE = Phrase(
    "this node has no store of sessions in common with others (`sessions.store: memory`)",
    "このノードには、ほかのノードと共有するセッションストアがありません（`sessions.store: memory`）",
)
_DIFFER = Phrase("the workers differ in: {}", "ワーカーの間で異なるもの：{}")
_SILENCE = Phrase(
    "no worker has said anything lately: is a gateway running with this Redis and these secrets?",
    "新しい情報を出したワーカーがありません。この Redis とシークレットを使うゲートウェイが動いているか確かめてください",
)
_UNREADABLE = Phrase(
    "{} workers said something that this version and these secrets cannot read",
    "{} 個のワーカーの情報は、この版とこのシークレットでは読めません",
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The words of the nodes, as Redis has them."""

    switches: dict[str, Switch]
    views: Sequence[WorkerView]
    unreadable: int
    """Workers whose word cannot be read."""


@dataclass(frozen=True, slots=True)
class FleetAway:
    """The fleet cannot be asked."""

    why: str


def ask(config: Path, settings: Settings) -> Fleet | FleetAway | None:
    """Ask Redis what the nodes said; `None` if this gateway has no store in common with others."""
    if settings.sessions.store == "memory":
        return None
    mistakes = Mistakes()
    reading = Reading(config.parent, mistakes, {"": Where(str(config))})
    secrets, options = read_session_store(settings, reading, os.environ)
    if len(mistakes) or secrets is None:
        return FleetAway("; ".join(each.say(language()) for each in mistakes) or "sessions.secret")
    try:
        return asyncio.run(_ask(settings.sessions, secrets, options))
    except StoreUnavailableError as error:
        return FleetAway(str(error))


async def _ask(settings: SessionSettings, secrets: Secrets, options: RedisOptions) -> Fleet | None:
    sessions = await open_sessions(
        settings, secrets, clock=time.time, random=randomness.token_bytes, options=options, background=False
    )
    try:
        if not isinstance(sessions.store, RedisStore):
            return None
        switches = await ask_fleet(sessions.store, secrets, time.time())
        return Fleet(switches, *await ask_workers(sessions.store, secrets))
    finally:
        await sessions.close()


def for_people(view: WorkerView, now: Instant) -> tuple[str, ...]:
    """Return a worker as the first fields of a line."""
    ago = max(0.0, now - view.at)
    said = f"silent for {ago:.0f} s" if ago > SILENT else f"{ago:.0f} s ago"
    return (view.node, f"worker {view.worker}", said)


def differing(views: Sequence[WorkerView]) -> tuple[str, ...]:
    """Return the names of the things that these workers do not all have alike."""
    kinds = sorted({kind for view in views for kind in view.adopted})
    found = [kind for kind in kinds if len({view.adopted.get(kind) for view in views}) > 1]
    if len({view.version for view in views}) > 1:
        found.insert(0, "version")
    if len({view.switches for view in views}) > 1:
        found.append("switches")
    return tuple(found)


def fleet(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show what every worker of every node runs with. Exit code 3: they differ, or none says anything."""
    mistakes = Mistakes()
    settings: Settings | None = read_settings(config, Reading(config.parent, mistakes))
    if settings is None:
        raise fail(mistakes)
    said, now = ask(config, settings), time.time()
    if said is None:
        say(f"sekisho fleet: {_ALONE.say(language())}", error=True)
        raise typer.Exit(EXIT_USERS)
    if isinstance(said, FleetAway):
        say(f"sekisho fleet: {said.why}", error=True)
        raise typer.Exit(EXIT_OURS)
    for view in said.views:
        adopted = (f"{kind} {digest}" for kind, digest in sorted(view.adopted.items()))
        on = ", ".join(view.switches) or "none"
        say(*for_people(view, now), f"version {view.version}", *adopted, f"switches on: {on}")
    # A worker that ended is silent, and says nothing of what the others should have.
    heard = [view for view in said.views if now - view.at <= SILENT]
    if not heard and not said.unreadable:
        say(f"sekisho fleet: {_SILENCE.say(language())}", error=True)
        raise typer.Exit(EXIT_DIFFERS)
    if said.unreadable:
        say(_UNREADABLE.say(language()).format(said.unreadable), error=True)
    differ = differing(heard)
    if differ or said.unreadable:
        if differ:
            say(_DIFFER.say(language()).format(", ".join(differ)), error=True)
        raise typer.Exit(EXIT_DIFFERS)
