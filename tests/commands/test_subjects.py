"""`sekisho subjects show | erase | alias`, on a real Redis that keeps limits as well."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.identity import Identity, Scope
from gateway.limits.limits import LimitUse
from gateway.limits.redis_limits import RedisLimits
from gateway.login.aliases import Alias, read_aliases
from gateway.login.jwcrypto_keys import new_key
from gateway.policy.subject_code import show_code, subject_code
from gateway.redis_client import RedisOptions, close_redis, make_redis, parse_redis_url
from gateway.session.redis_sessions import open_sessions
from gateway.session.seal import Secrets
from gateway.session.session import Session
from gateway.session.ticket import new_ticket
from gateway.settings.settings import SessionSettings
from gateway.signing.evidence import KeptEvidence, evidence_of
from gateway.signing.redis_store import EVIDENCE, RedisByteStore
from gateway.signing.signature import Result as Signed
from tests.redis_server import redis_server
from tests.signing.test_asked import signature

CLIENT = "RP00000001"
NAME = "髙橋　花子"
POLICY = """\
policy: p
conditions: {invited: {subject: {in: invited.yaml}}}
rules: [{name: all, require: [invited]}]
"""


def code_of(subject: str) -> str:
    """Return a person's code."""
    return subject_code(CLIENT, subject)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A Redis that forgets nothing."""
    with redis_server("--appendonly", "yes", "--maxmemory-policy", "noeviction") as server:
        yield server.url


@pytest.fixture
def folder(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hanako and Taro, each with a session, an entry and a line in a list."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    (tmp_path / "policy.yaml").write_text(POLICY)
    people = ("taro", "hanako")
    lines = [f"- {{subject: {show_code(code_of(subject))}, note: 三丁目の花子さん}}\n" for subject in people]
    (tmp_path / "invited.yaml").write_text("".join(lines))
    new_key(tmp_path / "keys.jwks", "ES256")
    (tmp_path / "gateway.yaml").write_text(
        f"""\
listen: 127.0.0.1:8080
provider: {{environment: emulator, issuer: 'http://localhost:1/x', client_id: {CLIENT}, keys: {{file: keys.jwks}}}}
sessions: {{store: '{url}', secret: {{file: secret}}}}
limits: {{store: '{url}'}}
aliases: aliases
apps: [{{name: a, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:1', policy: policy.yaml}}]
"""
    )
    asyncio.run(enter(tmp_path, url, people))
    return tmp_path


async def enter(folder: Path, url: str, people: tuple[str, ...]) -> None:
    """Keep a session and an entry of each, and nothing of anybody else."""
    redis = make_redis(parse_redis_url(url), RedisOptions(timeout=5.0))
    await redis.flushall()
    limits = RedisLimits(redis, timeout=5.0)
    secret = Secrets.parse((folder / "secret").read_text())
    sessions = await open_sessions(
        SessionSettings(store=url), secret, clock=time.time, random=secrets.token_bytes, background=False
    )
    now = time.time()
    for subject in people:
        person = Identity(CLIENT, subject, now, frozenset({Scope.OPENID, Scope.NAME}), name=NAME)
        kept = Session(person, now, now + 3600, secret.pseudonym(CLIENT, subject))
        assert await sessions.store.create(new_ticket(secrets.token_bytes(32)), kept)
        assert await limits.reserve(LimitUse("lottery", "draw", "ever", code_of(subject)), "one", now)
    await sessions.close()
    await limits.close()


async def keep_evidence(folder: Path, url: str) -> None:
    """Keep evidence of a signature of hanako's."""
    secret = Secrets.parse((folder / "secret").read_text())
    redis = make_redis(parse_redis_url(url), RedisOptions(timeout=5.0))
    signed = signature(client_id=CLIENT, pseudonym=secret.pseudonym(CLIENT, "hanako"))
    result = Signed("t-1", "c2ln", time.time(), certificate="Q0VSVA==")
    store = RedisByteStore(redis, timeout=5.0, prefix=EVIDENCE)
    evidence = evidence_of(signed, result, time.time() + 86_400.0)
    assert await KeptEvidence(store, secret, secrets.token_bytes).keep(evidence, time.time())
    await close_redis(redis)


def subjects(folder: Path, *arguments: str, typed: str | None = None) -> Result:
    """Run `sekisho subjects`."""
    return CliRunner().invoke(app, ["subjects", *arguments, "-c", str(folder / "gateway.yaml")], input=typed)


def kinds(result: Result) -> list[str]:
    """Return what each line of `show` is about."""
    return [line.partition("\t")[0] for line in result.stdout.splitlines()]


def test_everything_kept_of_a_person_is_shown_and_no_claim(folder: Path) -> None:
    """Her code, sessions, entries, and the line that names her; not her name, and no note of the office's."""
    result = subjects(folder, "show", CLIENT, "hanako")

    assert result.exit_code == 0, result.output
    assert kinds(result) == ["code", "session", "limit", "written"]
    assert show_code(code_of("hanako")) in result.stdout
    assert f"{folder}/invited.yaml:2\tlist entry" in result.stdout
    assert "花子" not in result.output
    assert "hanako" not in result.output


def test_erasing_a_person_leaves_what_people_wrote(folder: Path) -> None:
    """Sessions and entries go, nobody else's do; the lines to take out are named, and the audit says who and why."""
    result = subjects(folder, "erase", CLIENT, "hanako", "--reason", "本人の請求による")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("1 sessions ended, 1 entries of limits erased, 0 links to accounts ended\n")
    assert f"{folder}/invited.yaml:2" in result.stdout
    said = next(json.loads(line) for line in result.stderr.splitlines() if "subject_erased" in line)
    assert (said["code"], said["sessions"], said["entries"]) == (code_of("hanako"), 1, 1)
    assert (said["reason"], said["complete"]) == ("本人の請求による", True)
    assert said["by"]
    assert "dropped" not in said
    assert kinds(subjects(folder, "show", CLIENT, "hanako")) == ["code", "written"]
    assert kinds(subjects(folder, "show", CLIENT, "taro")) == ["code", "session", "limit", "written"]


def test_evidence_of_a_persons_signatures_is_told_and_stays(folder: Path, url: str) -> None:
    """It is kept for a period that the operator has stated, so one command shows it, and another one erases it."""
    asyncio.run(keep_evidence(folder, url))

    shown = subjects(folder, "show", CLIENT, "hanako")
    erased = subjects(folder, "erase", CLIENT, "hanako", "--reason", "本人の請求による")

    assert kinds(shown) == ["code", "session", "limit", "evidence", "written"]
    assert "Q0VSVA" not in shown.output
    assert "evidence of 1 signatures stays until " in erased.stdout
    assert f"sekisho signature erase --client {CLIENT} --subject - --reason …" in erased.stdout
    assert kinds(subjects(folder, "show", CLIENT, "hanako")) == ["code", "evidence", "written"]
    assert "evidence of" not in subjects(folder, "erase", CLIENT, "taro", "--reason", "r").stdout


def test_a_person_of_two_subjects_is_one(folder: Path) -> None:
    """Each of her two subjects finds the entries kept under the old one, and the line that joins both."""
    kept = subjects(folder, "alias", "hanako-2", "hanako", "--reason", "窓口で確認した")

    assert kept.exit_code == 0, kept.output
    assert kinds(subjects(folder, "show", CLIENT, "hanako-2")) == [
        *("code", "code", "session", "limit", "written", "written")
    ]
    assert f"{folder}/aliases:1\talias" in subjects(folder, "show", CLIENT, "hanako").stdout
    assert subjects(folder, "erase", CLIENT, "hanako-2", "--reason", "r").stdout.startswith("1 sessions ended, 1 ")


def test_an_alias_names_who_said_so_behind_sudo_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It hands over an account: `root` would say nobody's name."""
    monkeypatch.setenv("SUDO_USER", "tantou")

    subjects(folder, "alias", "hanako-2", "hanako", "--reason", "窓口で確認した")

    assert json.loads((folder / "aliases").read_text(encoding="utf-8"))["by"] == "tantou"


def test_nothing_is_erased_without_a_reason_or_of_a_client_there_is_not(folder: Path) -> None:
    """Exit 2, and everything is still there."""
    assert subjects(folder, "erase", CLIENT, "hanako", "--reason", " ").exit_code == 2
    assert "there is no client `RP9`" in subjects(folder, "erase", "RP9", "hanako", "--reason", "r").stderr
    assert kinds(subjects(folder, "show", CLIENT, "hanako")) == ["code", "session", "limit", "written"]


def test_what_was_done_before_a_store_went_away_is_in_the_audit(folder: Path) -> None:
    """The audit says that the work is not complete, and the command ends with 1."""
    settings = folder / "gateway.yaml"
    text = settings.read_text()
    start = text.index("limits: {store: '")
    settings.write_text(text[:start] + "limits: {store: 'redis://127.0.0.1:1/0'}\n" + text[text.index("aliases:") :])

    result = subjects(folder, "erase", CLIENT, "hanako", "--reason", "r")

    assert result.exit_code == 1, result.output
    said = next(json.loads(line) for line in result.stderr.splitlines() if "subject_erased" in line)
    assert (said["sessions"], said["entries"], said["complete"]) == (1, 0, False)


def test_subjects_are_read_from_standard_input(folder: Path) -> None:
    """No process listing shows them: `show` and `erase` read one line, `alias` reads two."""
    shown = subjects(folder, "show", CLIENT, "-", typed="hanako\n")
    joined = subjects(folder, "alias", "-", "-", "--reason", "r", typed="hanako2\nhanako\n")
    erased = subjects(folder, "erase", CLIENT, "-", "--reason", "r", typed="hanako\n")

    assert shown.stdout == shown.stdout.replace("hanako", "")
    assert show_code(code_of("hanako")) in shown.stdout
    assert joined.exit_code == 0, joined.output
    written = (folder / "aliases").read_bytes()
    assert b"hanako" not in written
    assert read_aliases(written.splitlines()).known_as(CLIENT, "hanako2") == "hanako"
    assert erased.stdout.startswith("1 sessions ended, 1 entries of limits erased")


def test_lines_in_clear_are_sealed(folder: Path) -> None:
    """The old form is in force with a remark; the command replaces it and changes nothing else."""
    file = folder / "aliases"
    old = Alias(CLIENT, "hanako-2", "hanako", "窓口", "tantou", 1_800_000_000.0)
    file.write_bytes(msgspec.json.encode(old) + b"\n")
    file.chmod(0o640)
    assert subjects(folder, "alias", "taro-2", "taro", "--reason", "窓口").exit_code == 0
    checked = CliRunner().invoke(app, ["check", "-c", str(folder / "gateway.yaml")])
    assert "seal-aliases" in checked.output, checked.output
    assert f"{file}:1\talias" in subjects(folder, "show", CLIENT, "hanako").stdout

    sealed = subjects(folder, "seal-aliases")

    assert sealed.exit_code == 0, sealed.output
    assert sealed.stdout.startswith("1 lines sealed\n")
    written = file.read_bytes()
    assert b"hanako" not in written
    assert b"taro" not in written
    assert file.stat().st_mode & 0o777 == 0o640
    aliases = read_aliases(written.splitlines())
    assert (aliases.known_as(CLIENT, "hanako-2"), aliases.known_as(CLIENT, "taro-2")) == ("hanako", "taro")
    assert aliases.joined_at(CLIENT, "hanako") == old.at
    assert f"{file}:1\talias" in subjects(folder, "show", CLIENT, "hanako-2").stdout
    assert subjects(folder, "seal-aliases").stdout == "0 lines sealed\n"
    assert "seal-aliases" not in CliRunner().invoke(app, ["check", "-c", str(folder / "gateway.yaml")]).output
    assert [each.name for each in folder.iterdir() if each.name.startswith(".")] == []


def test_a_file_with_a_mistake_is_not_replaced(folder: Path) -> None:
    """The command names its lines, and the file stays."""
    (folder / "aliases").write_text("nonsense\n")

    result = subjects(folder, "seal-aliases")

    assert result.exit_code == 2
    assert "line 1" in result.output
    assert (folder / "aliases").read_text() == "nonsense\n"
