"""`sekisho operators …`: the file of people who may use the console."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.portal.operators import Role, read_operators


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Settings that name a file of operators, which is not there yet."""
    (tmp_path / "gateway.yaml").write_text(
        """\
listen: 127.0.0.1:8080
provider: {environment: emulator, issuer: 'http://localhost:1/x', client_id: c, keys: {file: keys.jwks}}
sessions: {store: memory}
apps: [{name: app, url: 'http://app.localhost:8080', upstream: 'http://127.0.0.1:1', policy: policy.yaml}]
operators: {file: operators}
"""
    )
    return tmp_path


def sekisho(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["operators", *arguments, "-c", str(folder / "gateway.yaml")])


def test_a_token_is_shown_once_and_kept_as_a_hash(folder: Path) -> None:
    """The file knows the token again, with its roles; only its owner reads it, and the token is not in it."""
    answer = sekisho(folder, "add", "hanako", "--role", "look", "--role", "act")
    file = folder / "operators"
    token = answer.stdout.split()[-1]
    operator = read_operators(file.read_text()).who(token)

    assert answer.exit_code == 0
    assert operator is not None
    assert (operator.name, operator.roles) == ("hanako", frozenset({Role.LOOK, Role.ACT}))
    assert token not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_person_without_a_role_may_look(folder: Path) -> None:
    """The least is the default."""
    sekisho(folder, "add", "taro")

    assert sekisho(folder, "list").stdout.split() == ["taro", "look"]


def test_the_others_and_the_comments_stay(folder: Path) -> None:
    """Adding and removing one person changes nobody else's line."""
    sekisho(folder, "add", "hanako", "--role", "audit")
    before = (folder / "operators").read_text()
    (folder / "operators").write_text(f"# the office\n{before.rstrip()}")

    sekisho(folder, "add", "taro")
    sekisho(folder, "remove", "taro")

    assert (folder / "operators").read_text() == f"# the office\n{before}"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("add", "hanako"), "already"),
        (("add", "ha na"), "no name"),
        (("remove", "taro"), "there is no `taro`"),
        (("add", "taro", "--role", "boss"), "boss"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(folder: Path, arguments: tuple[str, ...], word: str) -> None:
    """Exit 2, with the reason, and the file as it was."""
    sekisho(folder, "add", "hanako")
    before = (folder / "operators").read_bytes()

    answer = sekisho(folder, *arguments)

    assert answer.exit_code == 2
    assert word in answer.output
    assert (folder / "operators").read_bytes() == before


def test_settings_without_a_file_are_told_what_to_write(folder: Path) -> None:
    """The remedy is the line that is missing."""
    settings = folder / "gateway.yaml"
    settings.write_text(settings.read_text().replace("operators: {file: operators}\n", ""))

    answer = sekisho(folder, "add", "hanako")

    assert answer.exit_code == 2
    assert "operators: {file: operators}" in answer.output
