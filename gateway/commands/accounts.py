"""`sekisho accounts …`: the accounts of an application that cannot be changed, and the persons linked to them.

The counter names a person by the code that she reads out. A subject comes from standard input alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar
from unicodedata import normalize

import typer

from gateway.accounts.accounts import (
    Account,
    AccountStore,
    Evidence,
    Link,
    Linked,
    LinkState,
    Record,
    is_title,
)
from gateway.accounts.counter import Hindrance, dismiss_claim, hindrance_of, import_row
from gateway.accounts.kept_accounts import KeptAccounts
from gateway.accounts.marks import Marks, is_mark, marks_of_code
from gateway.accounts.memory_foreseen import ForeseenAccounts
from gateway.accounts.names import fold_account, read_account_name
from gateway.accounts.passwords import NONCE, resealed_password
from gateway.accounts.sheet import LONGEST_FILE, Row, read_accounts, write_accounts
from gateway.accounts.survey import Asked, Survey, asked, survey
from gateway.audit.entry import Action, person_by_code
from gateway.bounded_files import read_file
from gateway.commands.japanese_help import JapaneseHelp
from gateway.commands.recorded import Deed, Operator, Reason, recorded
from gateway.commands.terminal import (
    DEFAULT_CONFIG,
    EXIT_OURS,
    EXIT_USERS,
    AsJson,
    ConfigFile,
    fail,
    language,
    say,
    say_json,
    say_text,
    store_away,
    typed_or_read,
)
from gateway.errors import StoreUnavailableError, UnfitAccountStoreError
from gateway.identity import AccountKind, Role
from gateway.instant import rfc3339, tokyo_time
from gateway.policy.subject_code import fold_code, subject_code
from gateway.process.account_stores import open_account_store
from gateway.process.configuration import client_of, read_account_stores
from gateway.session.seal import Secrets
from gateway.settings.check import read_settings
from gateway.settings.settings import AppSettings, Settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes, Phrase

app = typer.Typer(
    name="accounts",
    help="Linked accounts of an application that cannot be changed: show, link, hand over, import and export.",
    no_args_is_help=True,
    cls=JapaneseHelp,
)

AppName = Annotated[str, typer.Option("--app", help="The App; it may be left out if only one has accounts.")]
Name = Annotated[str, typer.Argument(help="The account, as the application names it.", metavar="ACCOUNT")]
Person = Annotated[
    str,
    typer.Argument(
        help="The person's code, as she reads it from her page, or her mark, as `show` prints it. `-` reads it from "
        "standard input; a line `subject:…` there is her subject instead.",
        metavar="CODE",
    ),
]

_SUBJECT = "subject:"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Opened:
    """One App's accounts."""

    settings: Settings
    app: AppSettings
    keys: Secrets
    store: AccountStore

    def person(self, written: str) -> tuple[Marks, str]:
        """Return the marks of the person that an operator names, and the name by which the audit knows her.

        A mark, as `show` prints it, has no such name.
        """
        text = typed_or_read(written)
        if written == "-" and text.startswith(_SUBJECT):
            code: str | None = subject_code(client_of(self.settings, self.app), text.removeprefix(_SUBJECT).strip())
        else:
            code = fold_code(normalize("NFKC", text))
        if code is None and is_mark(self.keys, text):
            return Marks((text,)), ""
        if code is None:
            raise _refused(
                Phrase(
                    "this is not the code of a person: one character is wrong",
                    "本人のコードではありません。一文字違っています",
                )
            )
        return marks_of_code(self.keys, self.app.name, code), person_by_code(code)

    async def survey(self, rows: Iterable[str]) -> Survey:
        """Look at accounts before they are linked."""
        return await survey(self.store, self.app.name, rows)

    def asked(self, *, has_password: bool) -> Asked | None:
        """Return the reason why a person of an account is asked for its password at her next visit, if she is."""
        return None if self.app.accounts is None else asked(self.app.accounts, has_password=has_password)

    async def note_asked(self, name: str) -> None:
        """Say that the person who has been linked is asked for the account's password, if she is."""
        record = await self.store.record(self.app.name, name)
        why = self.asked(has_password=record is not None and record.has_password)
        if why is not None:
            _note(_WILL_ASK[why])


@asynccontextmanager
async def _opened(config: Path, wanted: str) -> AsyncIterator[_Opened]:
    mistakes = Mistakes()
    reading = Reading(config.parent, mistakes)
    settings = read_settings(config, reading)
    if settings is None:
        raise fail(mistakes)
    app = _app(settings, wanted)
    keys, options = read_account_stores(settings, reading, os.environ)
    if len(mistakes):
        raise fail(mistakes)
    if app.accounts is None or app.accounts.store.url == "memory":
        raise _refused(
            Phrase("links in a gateway's memory end with it", "メモリ上の連携はほかのコマンドからは見えません")
        )
    store = open_account_store(app.accounts.store, keys[app.name], options[app.name])
    try:
        await store.check()
        yield _Opened(settings, app, keys[app.name], store)
    except StoreUnavailableError as error:
        raise store_away("accounts", error) from None
    except UnfitAccountStoreError as error:
        say(f"sekisho accounts: {error}", error=True)
        raise typer.Exit(EXIT_OURS) from None
    finally:
        await store.close()


def _app(settings: Settings, wanted: str) -> AppSettings:
    found = [each for each in settings.apps if each.accounts is not None]
    named = [each for each in found if wanted in ("", each.name)]
    if len(named) == 1:
        return named[0]
    names = ", ".join(each.name for each in found) or "-"
    raise _refused(
        Phrase(f"say which App with --app, of those with `accounts`: {names}", f"--app で選んでください：{names}")
    )


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


_ACCOUNT_HEADS = (
    Phrase("account", "アカウント"),
    Phrase("kind", "種別"),
    Phrase("title", "名義"),
    Phrase("persons", "人数"),
    Phrase("claims", "申し出"),
    Phrase("password", "パスワード"),
)
_LINK_HEADS = (
    Phrase("mark", "しるし"),
    Phrase("role", "役割"),
    Phrase("evidence", "根拠"),
    Phrase("since", "連携日時"),
    Phrase("latest evidence", "最後の証明"),
    Phrase("state", "状態"),
)
WORDS_OF: Mapping[StrEnum, str] = {
    AccountKind.PERSON: "個人",
    AccountKind.GROUP: "団体",
    Role.REPRESENTATIVE: "代表者",
    Role.MEMBER: "構成員",
    Evidence.PROOF: "本人がパスワードで証明",
    Evidence.IMPORT: "一覧の取り込み",
    Evidence.COUNTER: "窓口で確認",
    LinkState.ACTIVE: "有効",
    LinkState.ASK_AGAIN: "パスワードの再確認待ち",
}
"""The Japanese words of a table; JSON and CSV have the values themselves."""


@app.command("list")
def list_accounts(
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
    *,
    claimed: Annotated[bool, typer.Option("--claimed", help="Only accounts that a second person has proved.")] = False,
    as_json: AsJson = False,
) -> None:
    """List accounts: name, kind, title, numbers of persons and of claims, and whether a password is kept."""

    async def work() -> None:
        async with _opened(config, app_name) as opened:
            with recorded(config, Action.ACCOUNTS_LISTED, operator=operator, settings=opened.settings) as deed:
                found: list[dict[str, object]] = []
                count = 0
                async for record in opened.store.records(opened.app.name):
                    if not record.claims and claimed:
                        continue
                    if as_json:
                        found.append(_as_json(record))
                    else:
                        if not count:
                            _say_heads(_ACCOUNT_HEADS)
                        say(*_fields(record))
                    count += 1
                deed.tell(app=opened.app.name, count=count)
                if as_json:
                    say_json(json.dumps(found, ensure_ascii=False))
                elif not count:
                    _note(Phrase("there is none", "該当するアカウントはありません"))

    _run(work())


def _fields(record: Record) -> tuple[object, ...]:
    password = Phrase("password", "あり").say(language()) if record.has_password else "-"
    account = record.account
    return account.name, _word(account.kind), account.title or "-", len(record.links), len(record.claims), password


def _word(value: AccountKind | Role | Evidence | LinkState) -> str:
    """Return what a table calls a value in the operator's language."""
    return Phrase(value.value, WORDS_OF[value]).say(language())


def _say_heads(heads: Iterable[Phrase]) -> None:
    """Print the headings of a table."""
    say(*(head.say(language()) for head in heads))


def _as_json(record: Record) -> dict[str, object]:
    """Return an account with its persons and claims, for other tools."""
    account = record.account
    return {
        "account": account.name,
        "kind": account.kind.value,
        "title": account.title,
        "password": record.has_password,
        "links": [_link_as_json(link) for link in record.links],
        "claims": [{"mark": claim.mark, "at": rfc3339(claim.at)} for claim in record.claims],
    }


def _link_as_json(link: Link) -> dict[str, object]:
    return {
        "mark": link.mark,
        "role": None if link.role is None else link.role.value,
        "evidence": link.evidence.value,
        "since": rfc3339(link.since),
        "proven_at": rfc3339(link.proven_at),
        "state": link.state.value,
    }


@app.command()
def show(
    name: Name,
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one account: the persons who have it, by their marks, and those who have proved it as a second person."""

    async def work() -> None:
        async with _opened(config, app_name) as opened:
            with recorded(config, Action.ACCOUNTS_LISTED, operator=operator, settings=opened.settings) as deed:
                deed.tell(app=opened.app.name, object=name, count=1)
                record = await opened.store.record(opened.app.name, name)
                if record is None:
                    raise _unknown(name)
                if as_json:
                    say_json(json.dumps(_as_json(record), ensure_ascii=False))
                    return
                _say_heads((Phrase("", ""), *_ACCOUNT_HEADS))
                say(Phrase("account", "アカウント").say(language()), *_fields(record))
                if record.links:
                    _say_heads((Phrase("", ""), *_LINK_HEADS))
                for link in record.links:
                    say(Phrase("link", "連携").say(language()), *_link_fields(link))
                for claim in record.claims:
                    say(Phrase("claim", "申し出").say(language()), claim.mark, _time(claim.at))

    _run(work())


def _link_fields(link: Link) -> tuple[object, ...]:
    role = "-" if link.role is None else _word(link.role)
    return link.mark, role, _word(link.evidence), _time(link.since), _time(link.proven_at), _word(link.state)


def _time(at: float) -> str:
    return f"{tokyo_time(at):%Y-%m-%d %H:%M} JST"


@app.command()
def find(
    person: Person,
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """List the accounts of one person."""

    async def work() -> None:
        async with _opened(config, app_name) as opened:
            marks, known_as = opened.person(person)
            with recorded(config, Action.ACCOUNTS_LISTED, operator=operator, settings=opened.settings) as deed:
                found = await opened.store.find(opened.app.name, marks)
                deed.tell(app=opened.app.name, pseudonym=known_as, count=len(found))
                if as_json:
                    accounts = [
                        {
                            "account": each.account.name,
                            "kind": each.account.kind.value,
                            "title": each.account.title,
                            **_link_as_json(each.link),
                        }
                        for each in found
                    ]
                    say_json(json.dumps(accounts, ensure_ascii=False))
                    return
                if found:
                    _say_heads((*_ACCOUNT_HEADS[:3], *_LINK_HEADS))
                for held in found:
                    say(
                        held.account.name, _word(held.account.kind), held.account.title or "-", *_link_fields(held.link)
                    )

    _run(work())


@app.command()
def link(
    name: Name,
    person: Person,
    reason: Reason,
    app_name: AppName = "",
    role: Annotated[
        Role | None, typer.Option("--role", help="The role in a group. Without it, a known member keeps hers.")
    ] = None,
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
    *,
    new: Annotated[
        bool, typer.Option("--new", help="The account is new here, although a known one has nearly the same name.")
    ] = False,
) -> None:
    """Link a person to an account without its password: the counter has seen her. Nobody loses it by this.

    A new account is a person's; `put` makes a group's known first. One whose name is nearly that of a known account
    needs `--new`. With `tell: form`, a page asks the person for the application's password at her next visit, unless
    one is kept already (`show`).
    """

    async def work(opened: _Opened, marks: Marks) -> str:
        account = Account(opened.app.name, _read(name))
        near = (await opened.survey((account.name,))).near(account.name)
        if near and not new:
            said = _nearly(account.name, near)
            raise _refused(
                Phrase(f"{said.en}. Write `--new` if it is right", f"{said.ja}。正しければ `--new` を付けてください")
            )
        known = await opened.store.record(account.app, account.name)
        if role is not None and (known is None or known.account.kind is not AccountKind.GROUP):
            raise _refused(
                Phrase(
                    "only a group has roles: `put` makes one known",
                    "役割は団体のアカウントだけにあります。団体は `put` で登録してください",
                )
            )
        outcome = await opened.store.link(account, marks, Evidence.COUNTER, time.time(), role)
        if not isinstance(outcome, Linked):
            raise _refused(_WORDS[hindrance_of(outcome) or Hindrance.FULL])
        if near is not None:
            _note(
                Phrase(
                    f"`{account.name}` is new here: nobody has had it before. If it is misspelt, `remove` it",
                    f"`{account.name}` はここでは初めてのアカウントです。つづりの誤りなら `remove` で消してください",
                )
            )
        await opened.note_asked(account.name)
        return "renewed" if outcome.renewed else "linked"

    _change(config, app_name, name, reason, operator, work, person)


def _nearly(name: str, near: tuple[str, ...]) -> Phrase:
    """Return the sentence about an account that is new here, and nearly has the name of a known one."""
    listed = ", ".join(f"`{each}`" for each in near)
    return Phrase(
        f"`{name}` is new here, and nearly the same as {listed}",
        f"`{name}` はここでは初めてのアカウントですが、{listed} とよく似ています",
    )


def _note(said: Phrase) -> None:
    """Say something that the operator should know, beside the command's result."""
    say(f"note: {said.say(language())}", error=True)


_WILL_ASK: Mapping[Asked, Phrase] = {
    Asked.THEN_CHANGED: Phrase(
        "no password is kept: a page asks the person for the application's own at the next visit, once, and the "
        "gateway then replaces it. If the person does not know it, set a new one in the application",
        "パスワードは保存されていません。次の利用のとき、アプリケーションのパスワードを一度だけ尋ね、"
        "そのあと新しいものに取り替えます。本人が知らないときは、アプリケーションで設定し直して本人に伝えてください",
    ),
    Asked.THEN_KEPT: Phrase(
        "no password is kept: a page asks the person for the application's own at the next visit, once, and the "
        "gateway then keeps it, sealed. If the person does not know it, set a new one in the application",
        "パスワードは保存されていません。次の利用のとき、アプリケーションのパスワードを一度だけ尋ね、"
        "暗号化して保存します。本人が知らないときは、アプリケーションで設定し直して本人に伝えてください",
    ),
}


_WORDS: Mapping[Hindrance, Phrase] = {
    Hindrance.TAKEN: Phrase(
        "another person has this account: `hand-over` gives it to this one",
        "ほかの人が連携しています。移すには `hand-over` を使ってください",
    ),
    Hindrance.FULL: Phrase(
        "there is no room: too many accounts or members, or another representative",
        "これ以上連携できません（件数の上限か、別の代表者がいます）",
    ),
    Hindrance.SEVERAL: Phrase("several persons have this account", "複数の人が連携しています"),
}


@app.command()
def unlink(
    name: Name,
    person: Person,
    reason: Reason,
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """End a person's link to an account. Her own password, if it was kept, goes with the last link."""

    async def work(opened: _Opened, marks: Marks) -> str:
        if await opened.store.unlink(opened.app.name, name, marks) is None:
            raise _no_link()
        return "unlinked"

    _change(config, app_name, name, reason, operator, work, person)


@app.command()
def dismiss(
    name: Name,
    person: Person,
    reason: Reason,
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Dismiss the claim of a second person, who has proved an account that stays another one's.

    `show` prints her mark. If she proves the account again, there is a new claim.
    """

    async def work(opened: _Opened, marks: Marks) -> str:
        if not await dismiss_claim(opened.store, opened.app.name, name, marks):
            raise _refused(Phrase("this person has no claim to it", "この人の申し出はありません"))
        return "dismissed"

    _change(config, app_name, name, reason, operator, work, person)


@app.command("hand-over")
def hand_over(
    name: Name,
    person: Person,
    reason: Reason,
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Give an account to a person: the former one loses it. In a group, she becomes the representative.

    With `tell: form`, a person's own password is forgotten with the former link, and the new person is asked for it.
    """

    async def work(opened: _Opened, marks: Marks) -> str:
        account = Account(opened.app.name, _read(name))
        if await opened.store.record(account.app, account.name) is None:
            raise _unknown(account.name)
        former = await opened.store.hand_over(account, marks, Evidence.COUNTER, time.time())
        if former is None:
            raise _refused(_WORDS[Hindrance.FULL])
        for each in former:
            say(Phrase("former", "前の連携").say(language()), *_link_fields(each))
        await opened.note_asked(account.name)
        return "handed_over"

    _change(config, app_name, name, reason, operator, work, person)


@app.command("role")
def set_role(
    name: Name,
    person: Person,
    role: Annotated[Role, typer.Argument(help="The role; a group has one representative.")],
    reason: Reason,
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Give a member of a group a role; a former representative becomes a member."""

    async def work(opened: _Opened, marks: Marks) -> str:
        if not await opened.store.set_role(opened.app.name, name, marks, role):
            raise _no_link()
        return role.value

    _change(config, app_name, name, reason, operator, work, person)


@app.command("ask-again")
def ask_again(
    name: Name,
    person: Person,
    reason: Reason,
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Have a person prove an account again before her link counts."""

    async def work(opened: _Opened, marks: Marks) -> str:
        if not await opened.store.ask_again(opened.app.name, name, marks):
            raise _no_link()
        return "ask_again"

    _change(config, app_name, name, reason, operator, work, person)


@app.command()
def put(
    name: Name,
    kind: Annotated[AccountKind, typer.Argument(help="A person's account or a group's.")],
    reason: Reason,
    title: Annotated[
        str | None,
        typer.Option("--title", help="The name that people know it by. Without it, the one of before stays."),
    ] = None,
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make an account known, or change its kind and title."""

    async def work(opened: _Opened, _marks: Marks) -> str:
        account = Account(opened.app.name, _read(name), kind, title or "")
        if not is_title(account.title):
            raise _refused(
                Phrase("the title is too long, or not printable", "名義が長すぎるか、使えない文字があります")
            )
        if title is None and (known := await opened.store.record(account.app, account.name)) is not None:
            account = replace(account, title=known.account.title)
        if await opened.store.put(account) is None:
            raise _refused(
                Phrase(
                    "several persons have this account: unlink them first",
                    "複数の人が連携しています。先に解除してください",
                )
            )
        return kind.value

    _change(config, app_name, name, reason, operator, work)


@app.command()
def unlock(
    name: Name, reason: Reason, app_name: AppName = "", operator: Operator = "", config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Forget the failed attempts at an account, after the application has unlocked it."""

    async def work(opened: _Opened, _marks: Marks) -> str:
        await opened.store.forget_attempts(opened.app.name, name, time.time())
        return "unlocked"

    _change(config, app_name, name, reason, operator, work)


@app.command()
def remove(
    name: Name, reason: Reason, app_name: AppName = "", operator: Operator = "", config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Forget an account with its links and its password. A password that the gateway made is then lost."""

    async def work(opened: _Opened, _marks: Marks) -> str:
        if not await opened.store.remove(opened.app.name, name):
            raise _unknown(name)
        return "removed"

    _change(config, app_name, name, reason, operator, work)


def _change(
    config: Path,
    app_name: str,
    name: str,
    reason: str,
    operator: str,
    work: Callable[[_Opened, Marks], Coroutine[Any, Any, str]],
    person: str = "",
) -> None:
    """Do one change at the counter, and record it; `work` returns the word for what was done."""
    if not reason.strip():
        raise _refused(Phrase("give the reason", "理由を書いてください"))

    async def run() -> None:
        async with _opened(config, app_name) as opened:
            marks, known_as = opened.person(person) if person else (Marks(()), "")
            with recorded(
                config, Action.ACCOUNT_CHANGED, operator=operator, about=name, reason=reason, settings=opened.settings
            ) as deed:
                deed.tell(app=opened.app.name, pseudonym=known_as, names=() if known_as else marks.all)
                done = await work(opened, marks)
                deed.tell(verdict=done)
        say(done, name)

    _run(run())


@app.command("import")
def import_accounts(
    file: Annotated[Path, typer.Argument(help="A CSV file in UTF-8 or CP932; its first row names the columns.")],
    reason: Reason,
    app_name: AppName = "",
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say of each row what an import would say, and change nothing.")
    ] = False,
) -> None:
    """Link persons to accounts by the office's list: columns account, code, kind, title and role.

    A list with a mistake changes nothing. An account that another person has is named, and stays as it is.
    """
    if not reason.strip():
        raise _refused(Phrase("give the reason", "理由を書いてください"))

    async def work() -> None:
        async with _opened(config, app_name) as opened:
            mistakes = Mistakes()
            try:
                data = read_file(file, LONGEST_FILE)
            except OSError as error:
                raise _refused(Phrase(f"{file}: {error.strerror}")) from None
            rows = read_accounts(data, str(file), opened.app.name, opened.keys, mistakes)
            if len(mistakes):
                raise fail(mistakes)
            before = await opened.survey(row.account.name for row in rows)
            if dry_run:
                if not isinstance(opened.store, KeptAccounts):
                    raise TypeError("the store cannot be rehearsed on")
                good: list[Row] = []
                await _import_each(ForeseenAccounts(opened.store), rows, file, good)
                _end_import(opened, before, rows, file, good, _CAN_BE_IMPORTED)
                return
            with recorded(
                config,
                Action.ACCOUNTS_IMPORTED,
                operator=operator,
                about=str(file),
                reason=reason,
                settings=opened.settings,
            ) as deed:
                await _import(opened, before, rows, file, deed)

    _run(work())


_CAN_BE_IMPORTED = Phrase("{} rows can be imported, {} refused", "{} 行は取り込めます。{} 行は取り込めません")
_IMPORTED = Phrase("{} rows imported, {} refused", "{} 行を取り込みました。{} 行は取り込みませんでした")


async def _import(opened: _Opened, before: Survey, rows: list[Row], file: Path, deed: Deed) -> None:
    done: list[Row] = []
    deed.tell(app=opened.app.name)
    try:
        await _import_each(opened.store, rows, file, done)
    finally:
        deed.tell(count=len(done))
    _end_import(opened, before, rows, file, done, _IMPORTED)


async def _import_each(store: AccountStore, rows: list[Row], file: Path, done: list[Row]) -> None:
    """Import row after row, or rehearse it, and name each that is refused."""
    for row in rows:
        wrong = await import_row(store, row, time.time())
        if wrong is None:
            done.append(row)
        else:
            say(f"{file}:{row.line}", row.account.name, _WORDS[wrong].say(language()), error=True)


def _end_import(opened: _Opened, before: Survey, rows: list[Row], file: Path, done: list[Row], words: Phrase) -> None:
    refused = len(rows) - len(done)
    say(words.say(language()).format(len(done), refused))
    _note_rows(opened, before, done, file)
    if refused:
        raise typer.Exit(EXIT_USERS)


def _note_rows(opened: _Opened, before: Survey, rows: list[Row], file: Path) -> None:
    """Say which accounts of a list are new, which of them may be misspelt, and how many persons are asked."""
    new: dict[str, str] = {}
    for row in rows:
        name = row.account.name
        near = before.near(name)
        if near is None or fold_account(name) in new:
            continue
        new[fold_account(name)] = name
        if near:
            say(f"{file}:{row.line}", name, _nearly(name, near).say(language()), error=True)
    if new:
        _note(
            Phrase(
                f"accounts that are new here: {len(new)}. `remove` one that is misspelt",
                f"ここでは初めてのアカウント：{len(new)} 件。つづりの誤りがあれば `remove` で消してください",
            )
        )
    waiting = sum(row.person is not None and before.lacks_password(row.account.name) for row in rows)
    why = opened.asked(has_password=False)
    if waiting and why is not None:
        _note(Phrase(f"links without a kept password: {waiting}", f"パスワードが保存されていない連携：{waiting} 件"))
        _note(_WILL_ASK[why])


@app.command("export")
def export_accounts(
    reason: Reason, app_name: AppName = "", operator: Operator = "", config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Write accounts and links as CSV to standard output: by marks, without codes, subjects and passwords."""
    if not reason.strip():
        raise _refused(Phrase("give the reason", "理由を書いてください"))

    async def work() -> None:
        async with _opened(config, app_name) as opened:
            with recorded(
                config, Action.ACCOUNTS_EXPORTED, operator=operator, reason=reason, settings=opened.settings
            ) as deed:
                records = [record async for record in opened.store.records(opened.app.name)]
                deed.tell(app=opened.app.name, count=len(records))
                for line in write_accounts(records):
                    say_text(line.rstrip("\r\n"))

    _run(work())


@app.command()
def reseal(app_name: AppName = "", operator: Operator = "", config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Seal accounts and passwords under the first key of `accounts.key`, before an older key is retired.

    Links by an older key's marks are counted: each moves when its person comes, and is lost if the key goes first.
    """

    async def work() -> None:
        async with _opened(config, app_name) as opened:
            name, keys = opened.app.name, opened.keys

            def box(account: str, old: bytes) -> bytes | None:
                return resealed_password(keys, name, account, old, os.urandom(NONCE))

            with recorded(config, Action.ACCOUNTS_RESEALED, operator=operator, settings=opened.settings) as deed:
                count = await opened.store.reseal(name, box)
                deed.tell(app=name, count=count)
            older = 0
            async for record in opened.store.records(name):
                older += sum(not is_mark(Secrets((keys.first,)), link.mark) for link in record.links)
            said = Phrase(
                f"{count} accounts sealed anew; {older} links still bear an older key's mark",
                f"{count} 件のアカウントを暗号化し直しました。古い鍵のしるしのままの連携：{older} 件",
            )
            say(said.say(language()))

    _run(work())


def _read(name: str) -> str:
    read = read_account_name(name)
    if read is None:
        raise _refused(Phrase("this is no account's name", "アカウント名として読めません"))
    return read


def _unknown(name: str) -> typer.Exit:
    return _refused(Phrase(f"there is no account `{name}`", f"`{name}` というアカウントはありません"))


def _no_link() -> typer.Exit:
    return _refused(
        Phrase("this person has no such link", "この人の連携はありません"),
    )


def _refused(why: Phrase) -> typer.Exit:
    say(f"sekisho accounts: {why.say(language())}", error=True)
    return typer.Exit(EXIT_USERS)
