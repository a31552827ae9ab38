"""`sekisho accounts …`, on a file of accounts as the counter uses it."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner, Result

from gateway.accounts.accounts import Account, AccountStore, Evidence, KeptPassword, LinkState
from gateway.accounts.attempts import Attempt, AttemptLimits
from gateway.accounts.marks import Marks, marks_of
from gateway.accounts.passwords import NONCE, open_password, seal_password
from gateway.accounts.sqlite_accounts import SqliteAccounts
from gateway.cli import app
from gateway.commands.accounts import WORDS_OF
from gateway.console.messages import CATALOGUE
from gateway.identity import AccountKind, Role
from gateway.language import Language
from gateway.login.jwcrypto_keys import new_key
from gateway.policy.subject_code import show_code, subject_code
from gateway.session.seal import Secrets
from tests.redis_server import redis_server

CLIENT = "RP00000001"
CANARY = "canary-password-5f1c"
NOW = 1_800_000_000.0
_T = TypeVar("_T")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gateway with one App whose accounts are linked, and nobody linked yet."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    (tmp_path / "accounts.key").write_text(secrets.token_hex(32))
    for name in ("secret", "accounts.key"):
        (tmp_path / name).chmod(0o600)
    (tmp_path / "policy.yaml").write_text("policy: p\nrules: [{name: all, allow: signed_in, disclose: [subject]}]\n")
    new_key(tmp_path / "keys.jwks", "ES256")
    (tmp_path / "gateway.yaml").write_text(
        f"""\
listen: 127.0.0.1:8080
provider: {{environment: emulator, issuer: 'http://localhost:1/x', client_id: {CLIENT}, keys: {{file: keys.jwks}}}}
sessions: {{store: memory, secret: {{file: secret}}}}
workers: 1
apps:
  - name: booking
    url: http://localhost:8080
    upstream: http://127.0.0.1:1
    policy: policy.yaml
    accounts:
      store: sqlite:{tmp_path}/accounts.db
      key: {{file: accounts.key}}
      tell: header
      header: X-Account
"""
    )
    return tmp_path


def accounts(folder: Path, *arguments: str, typed: str | None = None) -> Result:
    """Run `sekisho accounts`."""
    return CliRunner().invoke(app, ["accounts", *arguments, "-c", str(folder / "gateway.yaml")], input=typed)


def keys(folder: Path) -> Secrets:
    return Secrets.parse((folder / "accounts.key").read_text())


def form_mode(folder: Path, passwords: str) -> None:
    """Have the gateway sign in at the application for the person."""
    settings = folder / "gateway.yaml"
    change = "        change: {page: /password, new: new}\n" if passwords == "changed" else ""
    recipe = (
        f"tell: form\n      passwords: {passwords}\n      recipe:\n"
        "        page: /login\n        user: id\n        password: pw\n        success: {status: 302}\n"
        f"        ended: /login\n        closed: [/login, /password]\n{change}"
    )
    settings.write_text(settings.read_text().replace("tell: header\n      header: X-Account\n", recipe))


def person(folder: Path, subject: str) -> Marks:
    return marks_of(keys(folder), "booking", CLIENT, subject)


def code(subject: str) -> str:
    return show_code(subject_code(CLIENT, subject))


def on(folder: Path, work: Callable[[AccountStore], Coroutine[Any, Any, _T]]) -> _T:
    """Do something with the store as a worker would."""

    async def run() -> _T:
        store = SqliteAccounts(folder / "accounts.db", keys(folder))
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def names(folder: Path, subject: str) -> list[str]:
    return [held.account.name for held in on(folder, lambda store: store.find("booking", person(folder, subject)))]


def test_the_counter_links_and_unlinks_by_the_code(folder: Path) -> None:
    """The worker finds the person by her subject; no subject is typed or shown."""
    linked = accounts(folder, "link", "tanaka", code("anna-subject"), "--reason", "窓口で確認")

    assert linked.exit_code == 0, linked.output
    assert names(folder, "anna-subject") == ["tanaka"]
    assert "tanaka\tperson" in accounts(folder, "list").stdout
    assert "counter" in accounts(folder, "show", "Tanaka").stdout
    assert "\ntanaka\t" in accounts(folder, "find", code("anna-subject")).stdout
    ended = accounts(folder, "unlink", "tanaka", code("anna-subject"), "--reason", "本人の希望")
    assert ended.exit_code == 0, ended.output
    assert names(folder, "anna-subject") == []
    assert accounts(folder, "unlink", "tanaka", code("anna-subject"), "--reason", "r").exit_code == 2


def test_a_subject_comes_from_standard_input_alone(folder: Path) -> None:
    """Typed as an argument it is no code; a wrong character is found."""
    assert accounts(folder, "link", "tanaka", "-", "--reason", "r", typed="subject: anna\n").exit_code == 0
    assert names(folder, "anna") == ["tanaka"]

    for written in ("subject:bert", "bert", code("bert")[:-1] + "2"):
        refused = accounts(folder, "link", "suzuki", written, "--reason", "r")
        assert refused.exit_code == 2
        assert "bert" not in refused.output


def test_a_second_person_needs_a_hand_over(folder: Path) -> None:
    """Linking takes nothing from anybody; handing over does, and says from whom."""
    accounts(folder, "link", "tanaka", code("anna"), "--reason", "r")

    bert = person(folder, "bert")
    on(folder, lambda store: store.link(Account("booking", "tanaka"), bert, Evidence.PROOF, NOW))

    taken = accounts(folder, "link", "tanaka", code("bert"), "--reason", "r")
    claimed = accounts(folder, "list", "--claimed")
    handed = accounts(folder, "hand-over", "tanaka", code("bert"), "--reason", "相続")

    assert taken.exit_code == 2
    assert "hand-over" in taken.output
    assert claimed.stdout.startswith("account\tkind\t")
    assert "\ntanaka\t" in claimed.stdout
    assert handed.exit_code == 0, handed.output
    assert person(folder, "anna").first in handed.stdout
    assert (names(folder, "anna"), names(folder, "bert")) == ([], ["tanaka"])
    assert accounts(folder, "list", "--claimed").stdout == ""


def test_a_japanese_table_has_the_words_of_the_console_and_json_the_values(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person reads the table, a program reads JSON."""
    accounts(folder, "put", "club", "group", "--reason", "r")
    accounts(folder, "link", "club", code("anna"), "--role", "representative", "--reason", "r")
    accounts(folder, "ask-again", "club", code("anna"), "--reason", "r")
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    say = CATALOGUE[Language.JA]

    tables = [accounts(folder, *words).stdout for words in (["list"], ["show", "club"], ["find", code("anna")])]
    told = json.loads(accounts(folder, "show", "club", "--json").stdout)

    assert all(say["accounts.kind_group"] in table and "group" not in table for table in tables)
    for table in tables[1:]:
        cells = {cell for line in table.splitlines() for cell in line.split("\t")}
        keys = ("role_representative", "evidence_counter", "state_ask_again")
        assert cells >= {say[f"accounts.{key}"] for key in keys}
    assert (told["kind"], told["links"][0]["role"], told["links"][0]["state"]) == (
        "group",
        "representative",
        "ask_again",
    )


@pytest.mark.parametrize(
    ("values", "key"), [(AccountKind, "kind"), (Role, "role"), (Evidence, "evidence"), (LinkState, "state")]
)
def test_a_value_has_one_japanese_word_in_both_places(values: type[StrEnum], key: str) -> None:
    """On the console and in a terminal."""
    for value in values:
        assert WORDS_OF[value] == CATALOGUE[Language.JA][f"accounts.{key}_{value}"]


def test_the_counter_dismisses_a_claim_by_the_mark_that_it_sees(folder: Path) -> None:
    """The second person need not be there; a program reads the mark from JSON."""
    accounts(folder, "link", "tanaka", code("anna"), "--reason", "r")
    assert accounts(folder, "link", "tanaka", code("bert"), "--reason", "r").exit_code == 2
    assert json.loads(accounts(folder, "show", "tanaka", "--json").stdout)["claims"] == [], "nobody has proved anything"
    bert = person(folder, "bert")
    on(folder, lambda store: store.link(Account("booking", "tanaka"), bert, Evidence.PROOF, NOW))
    shown = json.loads(accounts(folder, "show", "tanaka", "--json").stdout)
    (claim,) = shown["claims"]

    dismissed = accounts(folder, "dismiss", "tanaka", claim["mark"], "--reason", "取り違え")

    assert dismissed.exit_code == 0, dismissed.output
    assert claim["mark"] == person(folder, "bert").first
    assert json.loads(accounts(folder, "list", "--json").stdout) == [shown | {"claims": []}]
    assert json.loads(accounts(folder, "list", "--claimed", "--json").stdout) == []
    assert [each["account"] for each in json.loads(accounts(folder, "find", code("anna"), "--json").stdout)] == [
        "tanaka"
    ]
    assert accounts(folder, "dismiss", "tanaka", code("bert"), "--reason", "r").exit_code == 2
    assert names(folder, "anna") == ["tanaka"]
    assert accounts(folder, "unlink", "tanaka", person(folder, "anna").first, "--reason", "r").exit_code == 0


def test_an_account_that_is_new_here_is_said_to_be_new(folder: Path) -> None:
    """Nearly the name of a known one is refused until the counter says that it is right; nothing is handed over yet."""
    first = accounts(folder, "link", "tanaka", code("anna"), "--reason", "r")
    near = accounts(folder, "link", "tanka", code("bert"), "--reason", "r")
    known = accounts(folder, "link", "Tanaka", code("anna"), "--reason", "r")
    handed = accounts(folder, "hand-over", "tanka", code("bert"), "--reason", "r")

    assert "new here" in first.stderr
    assert near.exit_code == 2
    assert "`tanaka`" in near.stderr
    assert "--new" in near.stderr
    assert "new here" not in known.stderr
    assert handed.exit_code == 2
    assert names(folder, "bert") == []
    assert accounts(folder, "link", "tanka", code("bert"), "--new", "--reason", "r").exit_code == 0
    assert names(folder, "bert") == ["tanka"]


@pytest.mark.parametrize(("passwords", "then"), [("changed", "replaces it"), ("kept", "keeps it")])
def test_the_counter_hears_who_is_asked_for_a_password(folder: Path, passwords: str, then: str) -> None:
    """With `tell: form` and no kept password: by a link, a hand-over and a list, before and after."""
    form_mode(folder, passwords)
    sheet = folder / "list.csv"
    sheet.write_text(f"account,code\nsuzuki,{code('bert')}\nsato,\n")

    linked = accounts(folder, "link", "tanaka", code("anna"), "--reason", "r")
    handed = accounts(folder, "hand-over", "tanaka", code("bert"), "--reason", "r")
    tried = accounts(folder, "import", str(sheet), "--dry-run", "--reason", "r")
    imported = accounts(folder, "import", str(sheet), "--reason", "r")

    for each in (linked, handed, tried, imported):
        assert each.exit_code == 0, each.output
        assert "asks the person" in each.stderr
        assert then in each.stderr
    assert all("links without a kept password: 1\n" in each.stderr for each in (tried, imported))
    box = seal_password(keys(folder), "booking", "tanaka", CANARY, bytes(NONCE))
    on(folder, lambda store: store.keep_password("booking", "tanaka", KeptPassword(box, own=False)))
    again = accounts(folder, "hand-over", "tanaka", code("anna"), "--reason", "r")
    assert "asks the person" not in again.stderr


def test_a_list_says_which_accounts_are_new_and_which_may_be_misspelt(folder: Path) -> None:
    """In a dry run as well, by the line; a list is not refused for it."""
    accounts(folder, "link", "tanaka", code("anna"), "--reason", "r")
    sheet = folder / "list.csv"
    sheet.write_text(f"account,code\nTANAKA,{code('anna')}\ntanka,{code('bert')}\nsuzuki,{code('cara')}\n")

    tried = accounts(folder, "import", str(sheet), "--dry-run", "--reason", "r")
    imported = accounts(folder, "import", str(sheet), "--reason", "r")

    for each in (tried, imported):
        assert each.exit_code == 0, each.output
        assert f"{sheet}:3\ttanka\t" in each.stderr
        assert each.stderr.count("nearly the same") == 1
        assert "new here: 2." in each.stderr


def test_a_group_has_its_roles(folder: Path) -> None:
    """Made known, joined, and led by one."""
    assert accounts(folder, "put", "club", "group", "--title", "卓球クラブ", "--reason", "r").exit_code == 0
    for subject in ("anna", "bert"):
        assert accounts(folder, "link", "club", code(subject), "--reason", "r").exit_code == 0

    led = accounts(folder, "role", "club", code("bert"), "representative", "--reason", "総会")

    assert led.exit_code == 0, led.output
    assert accounts(folder, "show", "club").stdout.count("representative") == 1
    assert "卓球クラブ" in accounts(folder, "list").stdout
    assert accounts(folder, "put", "club", "person", "--reason", "r").exit_code == 2
    assert accounts(folder, "ask-again", "club", code("anna"), "--reason", "r").exit_code == 0
    assert "ask_again" in accounts(folder, "show", "club").stdout


def test_a_link_with_a_role_gives_it_or_is_refused(folder: Path) -> None:
    """To a known member as well; an account of one person has no roles, and nobody takes another representative's."""

    def led_by(name: str, subject: str) -> int:
        return accounts(
            folder, "link", name, code(subject), "--role", "representative", "--reason", "r", "--new"
        ).exit_code

    accounts(folder, "put", "club", "group", "--reason", "r")
    accounts(folder, "link", "club", code("anna"), "--reason", "r")

    assert led_by("club", "anna") == 0
    assert accounts(folder, "show", "club").stdout.count("representative") == 1
    assert led_by("club", "bert") == 2
    assert led_by("tanaka", "bert") == 2
    assert accounts(folder, "show", "tanaka").exit_code == 2


def test_a_title_stays_until_another_one_is_given(folder: Path) -> None:
    """A change of kind alone keeps it; one that no list could bring back is refused."""
    accounts(folder, "put", "club", "group", "--title", "卓球クラブ", "--reason", "r")
    accounts(folder, "put", "club", "person", "--reason", "r")
    for bad in ("x" * 256, "a\x1b[31mb"):
        refused = accounts(folder, "put", "club", "group", "--title", bad, "--reason", "r")
        assert (refused.exit_code, "too long, or not printable" in refused.output) == (2, True)

    (club,) = json.loads(accounts(folder, "list", "--json").stdout)
    assert (club["kind"], club["title"]) == ("person", "卓球クラブ")
    accounts(folder, "put", "club", "group", "--title", "", "--reason", "r")
    (club,) = json.loads(accounts(folder, "list", "--json").stdout)
    assert (club["kind"], club["title"]) == ("group", "")


def test_the_counter_unlocks_and_removes(folder: Path) -> None:
    """Attempts count anew after the application has unlocked the account."""
    limits = AttemptLimits(account=1)

    def begin(id_: str) -> bool:
        attempt = Attempt("booking", "tanaka", "m", id_)

        async def fail(store: AccountStore) -> bool:
            begun = await store.begin_attempt(attempt, limits, NOW)
            await store.attempt_failed(attempt, limits, NOW)
            return begun

        return on(folder, fail)

    assert begin("1")
    assert not begin("2")
    assert accounts(folder, "unlock", "tanaka", "--reason", "r").exit_code == 0
    assert begin("2")
    assert accounts(folder, "remove", "tanaka", "--reason", "r").exit_code == 2
    accounts(folder, "put", "tanaka", "person", "--reason", "r")
    assert accounts(folder, "remove", "tanaka", "--reason", "r").exit_code == 0
    assert accounts(folder, "show", "tanaka").exit_code == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
def test_the_offices_list_is_imported_and_exported(folder: Path, encoding: str) -> None:
    """A dry run changes nothing; rows that would take an account from another person are named and refused."""
    accounts(folder, "link", "suzuki", code("cara"), "--reason", "r")
    sheet = folder / "list.csv"
    text = (
        "アカウント,コード,種別,名義,役割\n"
        f"tanaka,{code('anna')},,,\nclub,{code('anna')},団体,卓球クラブ,代表者\nsuzuki,{code('bert')},,,\n"
    )
    sheet.write_bytes(text.encode(encoding))
    tried = accounts(folder, "import", str(sheet), "--dry-run", "--reason", "r")
    assert (tried.stdout, tried.exit_code) == ("2 rows can be imported, 1 refused\n", 2)
    assert f"{sheet}:4" in tried.stderr
    assert names(folder, "anna") == []

    imported = accounts(folder, "import", str(sheet), "--reason", "r")

    assert imported.exit_code == 2
    assert f"{sheet}:4\tsuzuki" in imported.stderr
    assert imported.stdout == "2 rows imported, 1 refused\n"
    assert (names(folder, "anna"), names(folder, "bert")) == (["club", "tanaka"], [])
    exported = accounts(folder, "export", "--reason", "r")
    assert "卓球クラブ" in exported.stdout
    assert person(folder, "anna").first in exported.stdout
    assert code("anna") not in exported.stdout


def test_a_list_is_answered_in_the_operators_language(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of an import, of its dry run, of a mistake in it, and of a new sealing."""
    accounts(folder, "link", "suzuki", code("cara"), "--reason", "r")
    sheet = folder / "list.csv"
    sheet.write_text(f"account,code\ntanaka,{code('anna')}\nsuzuki,{code('bert')}\n")
    wrong = folder / "wrong.csv"
    wrong.write_text(f"account,code,mark\ntanaka,{code('anna')},{person(folder, 'anna').first}\n")
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")

    said = [
        accounts(folder, "import", str(sheet), "--dry-run", "--reason", "r"),
        accounts(folder, "import", str(sheet), "--reason", "r"),
        accounts(folder, "import", str(wrong), "--reason", "r"),
        accounts(folder, "reseal"),
    ]

    assert [each.exit_code for each in said] == [2, 2, 2, 0]
    assert "1 行は取り込めます。1 行は取り込めません" in said[0].stdout
    for result in said:
        for line in result.output.splitlines():
            assert re.search("[\u3041-\u30ff\u4e00-\u9fff]", line), line


def test_a_list_with_a_mistake_changes_nothing(folder: Path) -> None:
    """The command leaves out the good rows of the list as well."""
    sheet = folder / "list.csv"
    sheet.write_text(f"account,code\ntanaka,{code('anna')}\nsuzuki,XXXX\n")

    result = accounts(folder, "import", str(sheet), "--reason", "r")

    assert result.exit_code == 2
    assert "list.csv:3" in result.output
    assert names(folder, "anna") == []


def test_a_rotation_of_the_key_keeps_links_and_passwords(folder: Path) -> None:
    """Sealed under the new key at once; marks follow when their persons come, and the rest is counted."""
    old = (folder / "accounts.key").read_text()
    accounts(folder, "link", "tanaka", code("anna"), "--reason", "r")
    box = seal_password(keys(folder), "booking", "tanaka", CANARY, bytes(NONCE))
    on(folder, lambda store: store.keep_password("booking", "tanaka", KeptPassword(box, own=True)))
    new = secrets.token_hex(32)
    (folder / "accounts.key").write_text(f"{new}\n{old}\n")

    first = accounts(folder, "reseal")

    assert first.stdout == "1 accounts sealed anew; 1 links still bear an older key's mark\n"
    assert names(folder, "anna") == ["tanaka"]
    assert accounts(folder, "reseal").stdout == "0 accounts sealed anew; 0 links still bear an older key's mark\n"
    (folder / "accounts.key").write_text(new)
    kept = on(folder, lambda store: store.passwords("booking", "tanaka")).current
    assert kept is not None
    assert open_password(keys(folder), "booking", "tanaka", kept.box) == CANARY
    assert names(folder, "anna") == ["tanaka"]


def test_no_password_is_ever_shown(folder: Path) -> None:
    """By no command, and in no file of the store."""
    accounts(folder, "link", "tanaka", code("anna"), "--reason", "r")
    box = seal_password(keys(folder), "booking", "tanaka", CANARY, bytes(NONCE))
    on(folder, lambda store: store.keep_password("booking", "tanaka", KeptPassword(box, own=True)))

    said = [accounts(folder, *arguments) for arguments in (["list"], ["show", "tanaka"], ["export", "--reason", "r"])]

    assert all(each.exit_code == 0 for each in said)
    assert not any(CANARY in each.output for each in said)
    assert not any(CANARY.encode() in file.read_bytes() for file in folder.iterdir() if file.is_file())
    assert CANARY not in repr(KeptPassword(box, own=True))


def test_a_store_that_others_may_read_is_refused(folder: Path) -> None:
    """With the remedy, and as our failure."""
    accounts(folder, "link", "tanaka", code("anna"), "--reason", "r")
    (folder / "accounts.db").chmod(0o644)

    result = accounts(folder, "list")

    assert result.exit_code == 1
    assert "chmod 600" in result.output


def test_erasing_a_person_takes_her_links_along(folder: Path) -> None:
    """At every App of her client; another person's stay."""
    settings = folder / "gateway.yaml"
    with redis_server("--appendonly", "yes") as server:
        settings.write_text(
            settings.read_text().replace("sessions: {store: memory", f"sessions: {{store: '{server.url}'")
        )
        _shown_and_erased(folder)


def _shown_and_erased(folder: Path) -> None:
    on(folder, lambda store: store.link(Account("booking", "tanaka"), person(folder, "anna"), Evidence.PROOF, NOW))
    on(folder, lambda store: store.link(Account("booking", "suzuki"), person(folder, "bert"), Evidence.PROOF, NOW))
    config = ["-c", str(folder / "gateway.yaml")]

    shown = CliRunner().invoke(app, ["subjects", "show", CLIENT, "-", *config], input="anna\n")
    erased = CliRunner().invoke(app, ["subjects", "erase", CLIENT, "-", "--reason", "r", *config], input="anna\n")

    assert "account\tbooking\ttanaka\tperson\tactive" in shown.stdout, shown.output
    assert erased.exit_code == 0, erased.output
    assert "1 links to accounts ended" in erased.stdout
    assert (names(folder, "anna"), names(folder, "bert")) == ([], ["suzuki"])
