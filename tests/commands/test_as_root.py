"""Commands that root types: the gateway's user reads and writes afterwards what it read and wrote before."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.login.jwcrypto_keys import make_key, save_keys
from gateway.login.keys import KeySet
from gateway.policy.subject_code import show_code, subject_code

SETTINGS = """\
listen: 127.0.0.1:8080
provider: {environment: emulator, issuer: 'http://localhost:1/x', client_id: c, keys: {file: keys.jwks}}
sessions: {store: memory, secret: {file: secret}}
apps: [{name: app, url: 'http://app.localhost:8080', upstream: 'http://127.0.0.1:1', policy: policy.yaml}]
operators: {file: operators}
switches: state/switches.json
aliases: aliases
audit: {directory: state/trail, keys: {file: trail.jwks}}
"""
POLICY = "policy: p\nconditions: {invited: {subject: {in: list.yaml}}}\nrules: [{name: all, require: [invited]}]\n"
CODE = show_code(subject_code("c", "hanako"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a gateway, in which nothing was ever switched, signed or recorded."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    (tmp_path / "gateway.yaml").write_text(SETTINGS)
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "list.yaml").write_text("[]\n")
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state").mkdir()
    (tmp_path / "operators").touch(0o600)
    first, second, trail = (make_key("ES256") for _ in range(3))
    save_keys(tmp_path / "keys.jwks", KeySet((first, second)))
    save_keys(tmp_path / "trail.jwks", KeySet((trail,)))
    return tmp_path


COMMANDS = [
    (["keys", "new", "new.jwks"], "", ["new.jwks"]),
    (["keys", "rotate", "keys.jwks"], "", ["keys.jwks"]),
    (["operators", "add", "hanako"], "", ["operators", ".operators.lock"]),
    (
        ["switch", "on", "maintenance-app", "--for", "1h", "--reason", "r"],
        "",
        ["state/switches.json", "state/.switches.json.lock"],
    ),
    (["subjects", "alias", "new", "old", "--reason", "r"], "", ["aliases", "state/trail", "state/trail/.command.lock"]),
    (["subjects", "list", "add", "list.yaml"], f"{CODE}\n", ["list.yaml"]),
    (["policy", "fmt", "policy.yaml"], "", ["policy.yaml"]),
]


@pytest.mark.parametrize(("command", "typed", "files"), COMMANDS, ids=[" ".join(each[0][:3]) for each in COMMANDS])
def test_what_root_writes_belongs_to_the_account_of_the_gateway(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], typed: str, files: list[str]
) -> None:
    """Of each file that a command makes or replaces, so that the next reload reads it."""
    given: dict[tuple[int, int], tuple[int, int]] = {}

    def give(descriptor: int, user: int, group: int) -> None:
        about = os.fstat(descriptor)
        given[about.st_dev, about.st_ino] = (user, group)

    about = folder.stat()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", give)

    done = CliRunner().invoke(app, command, input=typed)

    assert done.exit_code == 0, done.output
    for name in files:
        file = (folder / name).stat()
        assert given.get((file.st_dev, file.st_ino)) == (about.st_uid, about.st_gid), name


def test_every_file_of_a_command_that_fails_is_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the command says so in a line and exits with 2."""
    before = (folder / "policy.yaml").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    for command in (["keys", "rotate", "keys.jwks"], ["policy", "fmt", "policy.yaml"], ["operators", "add", "taro"]):
        done = CliRunner().invoke(app, command)

        assert done.exit_code == 2
        assert "No space left on device" in done.output
    assert (folder / "policy.yaml").read_bytes() == before
