"""`sekisho fleet`: what every worker of every node runs with, and where they differ."""

from __future__ import annotations

import asyncio
import os
import secrets as randomness
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_OURS, EXIT_USERS, ConfigFile, fail, language, say
from gateway.errors import StoreUnavailableError
from gateway.instant import Instant
from gateway.policy.switches import Switch
from gateway.process.configuration import read_session_store
from gateway.redis_client import RedisOptions
from gateway.session.fleet import Heard, WorkerView
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

APART = 5.0
"""Seconds by which the clock of a node may differ from that of this machine before an operator is told."""

MOST_NAMED = 6
"""Nodes of one content that a line names."""

_ALONE = Phrase(
    "this node has no store of sessions in common with others (`sessions.store: memory`)",
    "このノードには、ほかのノードと共有するセッションストアがありません（`sessions.store: memory`）",
)
_DIFFER = Phrase("the workers differ in: {}", "ワーカーの間で異なるもの：{}")
_SILENCE = Phrase(
    "no worker has said anything lately: is a gateway running with this Redis and these secrets?",
    "新しい情報を出したワーカーがありません。この Redis とシークレットを使うゲートウェイが動いているか確かめてください",
)
_AWAY = Phrase(
    "the store of sessions does not answer (`{}`): look at Redis, and at `sekisho doctor`",
    "セッションストアが応答しません（`{}`）。Redis と `sekisho doctor` を確かめてください",
)
_GONE = Phrase(
    "no worker of these nodes has said anything lately (ended, or cut off from Redis): {}",
    "次のノードのワーカーから、新しい情報がありません（終了したか、Redis に接続できません）：{}",
)
_UNREADABLE = Phrase(
    "{} workers said something that this version and these secrets cannot read",
    "{} 個のワーカーの情報は、この版とこのシークレットでは読めません",
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The words of the nodes, as Redis has them."""

    switches: dict[str, Switch]
    workers: Sequence[Heard]
    unreadable: int
    """Workers whose word cannot be read."""


@dataclass(frozen=True, slots=True)
class FleetAway:
    """The fleet cannot be asked."""

    why: str
    code: int = EXIT_OURS
    """The exit code for it."""


def ask(config: Path, settings: Settings) -> Fleet | FleetAway | None:
    """Ask Redis what the nodes said; `None` if this gateway has no store in common with others."""
    if settings.sessions.store == "memory":
        return None
    mistakes = Mistakes()
    reading = Reading(config.parent, mistakes, {"": Where(str(config))})
    secrets, options = read_session_store(settings, reading, os.environ)
    if len(mistakes) or secrets is None:
        return FleetAway("; ".join(each.say(language()) for each in mistakes) or "sessions.secret", EXIT_USERS)
    try:
        return asyncio.run(_ask(settings.sessions, secrets, options))
    except StoreUnavailableError as error:
        return FleetAway(_AWAY.say(language()).format(error.fault.value))


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


def for_people(heard: Heard, now: Instant) -> tuple[str, ...]:
    """Return a worker as the first fields of a line."""
    view, ahead = heard.view, heard.ahead(now)
    said = f"silent for {heard.ago:.0f} s" if heard.is_silent else f"{heard.ago:.0f} s ago"
    clock = (f"its clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}",) if abs(ahead) > APART else ()
    return (view.node, f"worker {view.worker}", said, *clock)


def differing(views: Sequence[WorkerView]) -> dict[str, dict[str, list[str]]]:
    """Return the names of the things that these workers do not all have alike, each with the nodes of each content."""
    kinds = sorted({kind for view in views for kind in view.adopted})
    has = {
        "version": [view.version for view in views],
        **{kind: [view.adopted.get(kind, "-") for view in views] for kind in kinds},
        "switches": [" ".join(view.switches) or "-" for view in views],
    }
    found: dict[str, dict[str, list[str]]] = {}
    for kind, contents in has.items():
        for content, view in zip(contents, views, strict=True):
            if len(set(contents)) > 1:
                found.setdefault(kind, {}).setdefault(content, []).append(view.node)
    return found


def groups_for_people(differ: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[tuple[str, ...]]:
    """Return a line for each content of each thing that differs; the fewest workers last, with their nodes' names."""
    for kind, contents in differ.items():
        for content, nodes in sorted(contents.items(), key=lambda each: (-len(each[1]), each[0])):
            names = sorted(set(nodes))
            more = f" +{len(names) - MOST_NAMED}" if len(names) > MOST_NAMED else ""
            yield ("differs", kind, content, f"{len(nodes)} workers", ", ".join(names[:MOST_NAMED]) + more)


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
        raise typer.Exit(said.code)
    for each in said.workers:
        view = each.view
        adopted = (f"{kind} {digest}" for kind, digest in sorted(view.adopted.items()))
        on = ", ".join(view.switches) or "none"
        say(*for_people(each, now), f"version {view.version}", *adopted, f"switches on: {on}")
    # A worker that ended is silent, and says nothing of what the others should have.
    heard = [each.view for each in said.workers if not each.is_silent]
    if not heard and not said.unreadable:
        say(f"sekisho fleet: {_SILENCE.say(language())}", error=True)
        raise typer.Exit(EXIT_DIFFERS)
    gone = {each.view.node for each in said.workers} - {view.node for view in heard}
    if gone:
        say(_GONE.say(language()).format(", ".join(sorted(gone))), error=True)
    if said.unreadable:
        say(_UNREADABLE.say(language()).format(said.unreadable), error=True)
    differ = differing(heard)
    for line in groups_for_people(differ):
        say(*line)
    if differ or said.unreadable:
        if differ:
            say(_DIFFER.say(language()).format(", ".join(differ)), error=True)
        raise typer.Exit(EXIT_DIFFERS)
