"""`sekisho sessions …`, on a real Redis."""

import asyncio
import secrets
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.identity import Identity, Scope
from gateway.login.jwcrypto_keys import new_key
from gateway.session.redis_sessions import open_sessions
from gateway.session.seal import Secrets
from gateway.session.session import Session
from gateway.session.ticket import new_ticket, ticket_name
from gateway.settings.settings import SessionSettings

CLIENT = "RP00000001"
NAME = "髙橋　花子"


def sekisho(folder: Path, *arguments: str, typed: bytes | None = None) -> Result:
    """Run `sekisho sessions`."""
    return CliRunner().invoke(app, ["sessions", *arguments, "-c", str(folder / "gateway.yaml")], input=typed)


@pytest.fixture
def folder(tmp_path: Path, redis_url: str) -> Path:
    """Settings whose sessions are in Redis."""
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    (tmp_path / "policy.yaml").write_text("policy: p\nrules: [{name: all, allow: everyone}]\n")
    new_key(tmp_path / "keys.jwks", "ES256")
    (tmp_path / "gateway.yaml").write_text(
        f"""\
listen: 127.0.0.1:8080
provider: {{environment: emulator, issuer: 'http://localhost:1/x', client_id: {CLIENT}, keys: {{file: keys.jwks}}}}
sessions: {{store: '{redis_url}', secret: {{file: secret}}}}
apps: [{{name: a, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:1', policy: policy.yaml}}]
""",
        encoding="utf-8",
    )
    return tmp_path


def sign_in(folder: Path, redis_url: str, subject: str) -> str:
    """Keep a session of a person, and return its name."""

    async def work() -> str:
        secret = Secrets.parse((folder / "secret").read_text())
        settings = SessionSettings(store=redis_url)
        sessions = await open_sessions(settings, secret, clock=time.time, random=secrets.token_bytes, background=False)
        ticket, now = new_ticket(secrets.token_bytes(32)), time.time()
        person = Identity(CLIENT, subject, now, frozenset({Scope.OPENID, Scope.NAME}), name=NAME)
        kept = Session(person, now, now + 3600, secret.pseudonym(CLIENT, subject))
        assert await sessions.store.create(ticket, kept)
        await sessions.close()
        return ticket_name(ticket)

    return asyncio.run(work())


def test_sessions_are_listed_without_what_they_hold(folder: Path, redis_url: str) -> None:
    """Name, client, pseudonym and times; no subject and no claim."""
    name = sign_in(folder, redis_url, "hanako")

    result = sekisho(folder, "list", "--all")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{name}\t{CLIENT}\t")
    assert "hanako" not in result.output
    assert NAME not in result.output
    assert "sealed by " in sekisho(folder, "show", name).stdout


def test_a_persons_sessions_end_and_nobody_elses(folder: Path, redis_url: str) -> None:
    """All of hers, by subject; the audit says who did it, and why."""
    first, second = sign_in(folder, redis_url, "hanako"), sign_in(folder, redis_url, "hanako")
    taro = sign_in(folder, redis_url, "taro")

    result = sekisho(folder, "revoke", "--client", CLIENT, "--subject", "hanako", "--reason", "lost phone")
    left = sekisho(folder, "list", "--all").stdout

    assert result.stdout == "2 ended\n"
    assert '"event":"sessions_revoked"' in result.stderr
    assert "lost phone" in result.stderr
    assert taro in left
    assert first not in left
    assert second not in left


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--all", "--client", CLIENT),
        ("--subject", "hanako"),
        ("--client", CLIENT, "--subject", "a", "--sid", "b"),
        ("--session", "Yamada Hanako"),
        ("--session", "0" * 65),
        ("--pseudonym", "Yamada Hanako"),
    ],
)
def test_whose_must_be_said_in_one_way(folder: Path, redis_url: str, arguments: tuple[str, ...]) -> None:
    """Nobody's session ends by a slip of the hand."""
    sign_in(folder, redis_url, "hanako")

    result = sekisho(folder, "revoke", "--reason", "r", *arguments)

    assert result.exit_code == 2
    assert sekisho(folder, "list", "--all").stdout


def test_a_secret_may_go_once_it_seals_nothing(folder: Path, redis_url: str) -> None:
    """The old one still counts its records after a new one took its place."""
    sign_in(folder, redis_url, "hanako")
    old = (folder / "secret").read_text()
    (folder / "secret").write_text(f"{secrets.token_hex(32)}\n{old}\n")

    lines = sekisho(folder, "secrets").stdout.splitlines()

    assert [line.split("\t")[1:] for line in lines] == [["seals", "0 records"], ["opens", "1 records"]]


def test_a_person_is_named_by_standard_input_or_her_pseudonym(folder: Path, redis_url: str) -> None:
    """No process listing shows her subject; the pseudonym of the audit ends her sessions and nobody else's."""
    hanako, taro = (sign_in(folder, redis_url, subject) for subject in ("hanako", "taro"))
    pseudonym = Secrets.parse((folder / "secret").read_text()).pseudonym(CLIENT, "hanako")

    read = sekisho(folder, "list", "--client", CLIENT, "--subject", "-", typed=b"hanako\r\n")
    by_pseudonym = sekisho(folder, "list", "--pseudonym", pseudonym)
    revoked = sekisho(folder, "revoke", "--pseudonym", pseudonym, "--reason", "r")

    for listed in (read, by_pseudonym):
        assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == [hanako]
    assert revoked.stdout.startswith("1 ended")
    assert sekisho(folder, "show", taro).exit_code == 0


@pytest.mark.parametrize("typed", [b"", b"\n", b"\xff\n", b"x" * 5000 + b"\n"], ids=["end", "empty", "bytes", "long"])
def test_standard_input_without_a_subject_names_nobody(folder: Path, typed: bytes) -> None:
    """Exit 2 and a sentence."""
    result = sekisho(folder, "revoke", "--client", CLIENT, "--subject", "-", "--reason", "r", typed=typed)

    assert result.exit_code == 2
    assert "one line of UTF-8" in result.output


@pytest.mark.parametrize(
    "arguments", [("--pseudonym", "x"), ("--pseudonym", "a" * 31 + "*"), ("--pseudonym", "a" * 32, "--all")]
)
def test_a_pseudonym_that_cannot_be_meant_ends_nothing(folder: Path, arguments: tuple[str, ...]) -> None:
    """Exit 2 and a sentence."""
    result = sekisho(folder, "revoke", *arguments, "--reason", "r")

    assert result.exit_code == 2
    assert "pseudonym" in result.output
