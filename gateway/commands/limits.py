"""`sekisho limits …`: what is counted for a person, and giving an entry back. At the counter, by her code."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer

from gateway.audit.entry import Action, person_by_code
from gateway.commands.recorded import Operator, Reason, recorded
from gateway.commands.terminal import DEFAULT_CONFIG, EXIT_USERS, ConfigFile, fail, language, log_here, say, store_away
from gateway.errors import StoreUnavailableError
from gateway.instant import tokyo_time
from gateway.limits.limits import Entry, EntryState, LimitStore
from gateway.limits.redis_limits import RedisLimits
from gateway.observe.events import Event
from gateway.policy.subject_code import fold_code
from gateway.process.configuration import read_limit_options
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from gateway.settings.check import read_settings
from gateway.settings.settings import Settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes, Phrase

app = typer.Typer(
    name="limits", help="Show and give back the entries that limits have counted for a person.", no_args_is_help=True
)

Code = Annotated[str, typer.Argument(help="The person's code, as she reads it from her page.", metavar="CODE")]

_log = structlog.get_logger()

_STATES = {
    EntryState.IN_FLIGHT: Phrase("in flight", "処理中"),
    EntryState.COUNTED: Phrase("counted", "計上済み"),
    EntryState.UNKNOWN: Phrase("outcome unknown", "結果不明"),
}


@asynccontextmanager
async def _store(config: Path) -> AsyncIterator[LimitStore]:
    mistakes = Mistakes()
    reading = Reading(config.parent, mistakes)
    settings: Settings | None = read_settings(config, reading)
    if settings is None:
        raise fail(mistakes)
    if settings.limits.store is None or settings.limits.store == "memory":
        raise _refused(Phrase("`limits.store` names no Redis", "`limits.store` に Redis が書かれていません"))
    options = read_limit_options(settings, reading, os.environ)
    if len(mistakes):
        raise fail(mistakes)
    store = open_store(settings.limits.store, options)
    try:
        yield store
    except StoreUnavailableError as error:
        raise store_away("limits", error) from None
    finally:
        await store.close()


def open_store(url: str, options: RedisOptions) -> LimitStore:
    """Return the store in a Redis; it connects when first asked.

    Raises:
        ValueError: the options contradict the URL.

    """
    return RedisLimits(make_redis(parse_redis_url(url), options), timeout=options.timeout)


def _refused(why: Phrase) -> typer.Exit:
    say(f"sekisho limits: {why.say(language())}", error=True)
    return typer.Exit(EXIT_USERS)


def _folded(written: str) -> str:
    code = fold_code(written)
    if code is None:
        raise _refused(
            Phrase(
                f"`{written}` is not the code of a person: one character is wrong",
                f"`{written}` は本人のコードではありません。一文字違っています",
            )
        )
    return code


def entry_fields(number: int, entry: Entry) -> tuple[str, ...]:
    """Return an entry as the fields of a line of a listing."""
    since = f"{tokyo_time(entry.since):%Y-%m-%d %H:%M} JST" if entry.since else "-"
    state = _STATES[entry.state].say(language())
    return (str(number), entry.use.policy, entry.use.limit, entry.use.period, since, state)


async def _entries(config: Path, code: str) -> Sequence[Entry]:
    async with _store(config) as store:
        return await store.show(code, time.time())


@app.command()
def show(code: Code, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """List a person's entries: number, policy, limit, period, beginning, and state of each."""
    folded = _folded(code)
    for number, entry in enumerate(asyncio.run(_entries(config, folded)), 1):
        say(*entry_fields(number, entry))


@app.command("give-back")
def give_back(
    code: Code,
    number: Annotated[int, typer.Argument(help="The entry's number, as `show` lists it.", min=1)],
    reason: Reason,
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Give one entry back, so that the person may try again."""
    folded = _folded(code)
    if not reason.strip():
        raise _refused(Phrase("give the reason", "理由を書いてください"))
    log_here(config)
    with recorded(config, Action.LIMIT_GIVEN_BACK, operator=operator, reason=reason) as deed:
        deed.tell(pseudonym=person_by_code(folded))
        entry = asyncio.run(_give_back(config, folded, number))
        deed.tell(object=str(entry.use))
    # The code identifies her to nobody, and the audit must name the owner of the entry.
    _log.warning(
        Event.LIMIT_GIVEN_BACK,
        policy=entry.use.policy,
        limit=entry.use.limit,
        period=entry.use.period,
        code=entry.use.code,
        state=entry.state.value,
        operator=os.environ.get("SUDO_USER") or getpass.getuser(),
        reason=reason,
    )
    say(*entry_fields(number, entry))


async def _give_back(config: Path, code: str, number: int) -> Entry:
    async with _store(config) as store:
        entries = await store.show(code, time.time())
        if number > len(entries):
            raise _refused(Phrase(f"there is no entry {number}", f"{number} 番の記録はありません"))
        entry = entries[number - 1]
        if not await store.give_back(entry):
            raise _refused(Phrase(f"entry {number} is gone already", f"{number} 番の記録はもうありません"))
        return entry
