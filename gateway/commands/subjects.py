"""`sekisho subjects …`: one person across every place that keeps something of her, and persons whose subject changed.

The commands name kept things by times, counts, files and lines. They never show a claim or a note of the office's.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets as randomness
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import structlog
import typer

from gateway.accounts.accounts import AccountStore
from gateway.accounts.marks import Marks, marks_of
from gateway.audit.entry import Action
from gateway.bounded_files import read_file
from gateway.commands import subject_lists
from gateway.commands.limits import entry_fields, open_store
from gateway.commands.recorded import Deed, Operator, recorded
from gateway.commands.sessions import no_client, opened, session_fields
from gateway.commands.terminal import (
    DEFAULT_CONFIG,
    EXIT_USERS,
    ConfigFile,
    fail,
    language,
    log_here,
    say,
    say_text,
    store_away,
    typed_or_read,
)
from gateway.errors import StoreUnavailableError
from gateway.instant import Instant, tokyo_day
from gateway.limits.limits import Entry, LimitStore
from gateway.login.aliases import LONGEST_FILE, Alias, AliasError, lines_naming, sealed_lines
from gateway.observe.events import Event
from gateway.policy.subject_code import show_code, subject_code
from gateway.process.account_stores import open_account_store
from gateway.process.configuration import Configuration, apps_of, read_configuration
from gateway.redis_client import close_redis, make_redis, parse_redis_url
from gateway.session.redis_sessions import Sessions
from gateway.session.session import SubjectSessions
from gateway.signing.evidence import Evidence, KeptEvidence
from gateway.signing.redis_store import EVIDENCE, RedisByteStore
from gateway.whole_files import held, replace_whole
from gateway.yaml.mistakes import Mistakes, Phrase

app = typer.Typer(name="subjects", help="Show, erase and join the data that is kept of a person.", no_args_is_help=True)
app.add_typer(subject_lists.app)

Client = Annotated[str, typer.Argument(help="The client whose subject it is.", metavar="CLIENT")]
Subject = Annotated[
    str, typer.Argument(help="The subject, as the provider sends it; `-` reads it from stdin.", metavar="SUBJECT")
]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Person:
    """One person of one client, and what keeps something of her."""

    configuration: Configuration
    sessions: Sessions
    limits: LimitStore | None
    evidence: KeptEvidence | None
    client: str
    subjects: tuple[str, ...]
    """All her subjects; the first is the one that applications know."""
    accounts: Mapping[str, AccountStore] = field(default_factory=dict)
    """The stores of accounts of the client's Apps, by the App's name."""

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(subject_code(self.client, subject) for subject in self.subjects)

    @property
    def selector(self) -> SubjectSessions:
        made = (self.sessions.secrets.pseudonyms(self.client, subject) for subject in self.subjects)
        return SubjectSessions(tuple(pseudonym for pseudonyms in made for pseudonym in pseudonyms))

    async def entries(self) -> Sequence[Entry]:
        """Return what limits have counted for her."""
        if self.limits is None:
            return ()
        now = time.time()
        return [entry for code in self.codes for entry in await self.limits.show(code, now)]

    async def signed(self) -> list[Evidence]:
        """Return the evidence of her signatures, also where the settings keep none any more."""
        if self.evidence is None:
            return []
        pseudonyms = frozenset(self.selector.pseudonyms)
        return [each async for each in self.evidence.of_person(pseudonyms, time.time())]

    def marks(self, app: str) -> Marks:
        """Return her marks at an App, under all her subjects."""
        return marks_of(self.configuration.account_keys[app], app, self.client, *self.subjects)

    def written(self) -> list[tuple[str, str]]:
        """Return the lines of files in which people named her; only people may change them."""
        # Lists that several policies use are one file.
        lists = {
            file: entries for policy in self.configuration.policies.values() for file, entries in policy.lists.items()
        }
        places = [
            (f"{file}:{entries[code].line}", f"list entry {show_code(code)}")
            for file, entries in sorted(lists.items())
            for code in self.codes
            if code in entries
        ]
        file = self.configuration.settings.aliases
        if file is not None and file.exists():
            numbers = lines_naming(read_file(file, LONGEST_FILE).splitlines(), self.client, self.subjects)
            places += [(f"{file}:{number}", "alias") for number in numbers]
        return places


@asynccontextmanager
async def _person(config: Path, client: str, subject: str) -> AsyncIterator[_Person]:
    async with opened(config) as (configuration, sessions):
        clients = configuration.clients()
        if client not in clients:
            raise _refused(no_client(client, clients))
        settings = configuration.settings
        # Limits in a gateway's memory cannot be reached from here, and end with it.
        kept = settings.limits.store not in (None, "memory")
        url, options = str(settings.limits.store), configuration.limits_redis
        limits = open_store(url, options) if kept else None
        redis = make_redis(parse_redis_url(url), options) if kept else None
        evidence = None
        if redis is not None:
            bytes_ = RedisByteStore(redis, timeout=options.timeout, prefix=EVIDENCE)
            evidence = KeptEvidence(bytes_, sessions.secrets, randomness.token_bytes)
        accounts = _account_stores(configuration, client)
        people = configuration.aliases.same_person(client, subject)
        try:
            yield _Person(configuration, sessions, limits, evidence, client, people, accounts)
        finally:
            for store in accounts.values():
                await store.close()
            if limits is not None:
                await limits.close()
            if redis is not None:
                await close_redis(redis)


def _account_stores(configuration: Configuration, client: str) -> dict[str, AccountStore]:
    """Return the stores of accounts of a client's Apps; those in a gateway's memory end with it."""
    settings = configuration.settings
    return {
        app.name: open_account_store(
            app.accounts.store, configuration.account_keys[app.name], configuration.account_redis[app.name]
        )
        for app in apps_of(settings, client)
        if app.accounts is not None and app.accounts.store.url != "memory"
    }


@app.command()
def show(client: Client, subject: Subject, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show the data kept of a person: sessions, limits, linked accounts, evidence, and lists and aliases with her."""
    try:
        asyncio.run(_show(config, client, typed_or_read(subject)))
    except StoreUnavailableError as error:
        raise store_away("subjects", error) from None


async def _show(config: Path, client: str, subject: str) -> None:
    async with _person(config, client, subject) as person:
        for code in person.codes:
            say("code", show_code(code))
        async for listed in person.sessions.store.sessions(person.selector):
            say("session", *session_fields(listed))
        for number, entry in enumerate(await person.entries(), 1):
            say("limit", *entry_fields(number, entry))
        for evidence in await person.signed():
            say("evidence", evidence.app, f"signed {_day(evidence.signed_at)}", f"kept until {_day(evidence.ends_at)}")
        for app, store in person.accounts.items():
            for held in await store.find(app, person.marks(app)):
                say("account", app, held.account.name, held.account.kind.value, held.link.state.value)
        for place in person.written():
            say("written", *place)


def _day(at: Instant) -> str:
    return tokyo_day(at).isoformat()


@app.command()
def erase(
    client: Client,
    subject: Subject,
    reason: Annotated[str, typer.Option("--reason", help="The reason, and who requested it; the audit records it.")],
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """End a person's sessions and links, erase her entries of limits; say what stays, and how it is erased."""
    if not reason.strip():
        raise _refused(Phrase("give the reason", "理由を --reason で指定してください"))
    log_here(config)
    try:
        asyncio.run(_erase(config, client, typed_or_read(subject), reason, operator))
    except StoreUnavailableError as error:
        raise store_away("subjects", error) from None


async def _erase(config: Path, client: str, subject: str, reason: str, operator: str) -> None:
    async with _person(config, client, subject) as person:
        with recorded(
            config,
            Action.SUBJECT_ERASED,
            operator=operator,
            reason=reason,
            settings=person.configuration.settings,
        ) as deed:
            deed.tell(client_id=client, pseudonym=person.selector.pseudonyms[0])
            await _erase_person(person, client, reason, deed)


async def _erase_person(person: _Person, client: str, reason: str, deed: Deed) -> None:
    ended = erased = unlinked = 0
    complete = False
    try:
        # Sessions end first, because a person who is signed in could have another entry counted meanwhile.
        ended = await person.sessions.store.revoke(person.selector)
        for entry in await person.entries():
            if person.limits is not None and await person.limits.give_back(entry):
                erased += 1
        for app, store in person.accounts.items():
            unlinked += await store.erase(app, person.marks(app))
        complete = True
    finally:
        deed.tell(count=ended + erased + unlinked)
        # The event also records a part that was done before a store went away: the operator must do the rest.
        _log.warning(
            Event.SUBJECT_ERASED,
            client_id=client,
            code=person.codes[0],
            sessions=ended,
            entries=erased,
            links=unlinked,
            complete=complete,
            operator=os.environ.get("SUDO_USER") or getpass.getuser(),
            reason=reason,
        )
    said = language()
    done = Phrase(
        f"{ended} sessions ended, {erased} entries of limits erased, {unlinked} links to accounts ended",
        f"終了したセッション {ended} 件、消去した利用回数の記録 {erased} 件、終了したアカウントの連携 {unlinked} 件",
    )
    say(done.say(said))
    if signed := await person.signed():
        until = _day(max(each.ends_at for each in signed))
        stays = Phrase(
            f"evidence of {len(signed)} signatures stays until {until} at the latest, the period that you have stated;"
            "\n"
            "this command erases it earlier, and reads the subject from standard input:",
            f"署名 {len(signed)} 件の証拠は、定められた期間（遅くとも {until}）まで残ります。\n"
            "早く消すには次のコマンドを使います。識別子は標準入力から読みます。",
        )
        say_text(stays.say(said))
        say(f"sekisho signature erase --client {client} --subject - --reason …")
    if places := person.written():
        by_hand = Phrase(
            "people wrote these lines, and must remove them by hand:",
            "次の行は人が書いたものです。手で消してください。",
        )
        say(by_hand.say(said))
        for place in places:
            say(*place)


@app.command()
def alias(
    new: Annotated[str, typer.Argument(help="The subject that the provider sends now; `-` reads it from stdin.")],
    old: Annotated[str, typer.Argument(help="The subject that the application knows; `-` reads it too.")],
    reason: Annotated[str, typer.Option("--reason", help="The reason, and how the person's identity was verified.")],
    client: Annotated[str | None, typer.Option("--client", help="The client, if there are several.")] = None,
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Let a person whose subject changed be known by her old one, from her next sign-in on."""
    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes, os.environ)
    if configuration is None:
        raise fail(mistakes)
    file = configuration.settings.aliases
    clients = configuration.clients()
    if file is None:
        raise _refused(
            Phrase(
                "`aliases` is not set in the settings: name a file there",
                "設定に `aliases` がありません。ファイルを指定してください",
            )
        )
    if client is None and len(clients) > 1:
        raise _refused(
            Phrase(
                f"there are several clients: say which with --client, of {', '.join(clients)}",
                f"クライアントが複数あります。--client で指定してください（{'、'.join(clients)}）",
            )
        )
    if client is not None and client not in clients:
        raise _refused(no_client(client, clients))
    by = os.environ.get("SUDO_USER") or getpass.getuser()
    new, old = typed_or_read(new), typed_or_read(old)
    said = Alias(client or next(iter(clients)), new, old, reason, by, time.time())
    with recorded(
        config, Action.SUBJECT_JOINED, operator=operator, reason=reason, settings=configuration.settings
    ) as deed:
        secrets = configuration.secrets
        known = () if secrets is None else secrets.pseudonyms(said.client_id, old)
        deed.tell(client_id=said.client_id, pseudonym=next(iter(known), ""))
        try:
            configuration.aliases.and_(said)
            with held(file, create=True) as descriptor:
                os.write(descriptor, said.line)
                os.fsync(descriptor)
        except AliasError as error:
            raise _refused(error.said) from None
        except OSError as error:
            raise _refused(Phrase(f"{file}: {error.strerror}")) from None
    kept = Phrase(
        "kept; reload the gateway, and end the person's sessions under the new subject",
        "登録しました。ゲートウェイを再読み込みし、新しい識別子でのセッションを終了してください",
    )
    say(kept.say(language()))


@app.command("seal-aliases")
def seal_aliases(operator: Operator = "", config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Replace the lines of the file `aliases` that name subjects in clear, as earlier versions wrote them."""
    mistakes = Mistakes()
    configuration = read_configuration(config, mistakes, os.environ)
    if configuration is None:
        raise fail(mistakes)
    file = configuration.settings.aliases
    if file is None or not file.exists():
        raise _refused(Phrase("there is no file of aliases", "別名のファイルがありません"))
    with recorded(config, Action.ALIASES_SEALED, operator=operator, settings=configuration.settings) as deed:
        try:
            with held(file):
                content, number = sealed_lines(read_file(file, LONGEST_FILE).splitlines())
                if number:
                    replace_whole(file, content)
        except AliasError as error:
            raise _refused(error.said) from None
        except OSError as error:
            raise _refused(Phrase(f"{file}: {error.strerror}")) from None
        deed.tell(count=number)
    say(Phrase(f"{number} lines sealed", f"{number} 行に封をしました").say(language()))
    if number:
        still = Phrase(
            "backups and earlier copies of the file still name subjects: erase them",
            "バックアップと以前の控えには識別子が残っています。消してください",
        )
        say(still.say(language()))


def _refused(why: Phrase) -> typer.Exit:
    say(f"sekisho subjects: {why.say(language())}", error=True)
    return typer.Exit(EXIT_USERS)
