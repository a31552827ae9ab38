"""`sekisho registration`, `doctor` and `subjects`: what an operator asks the login for."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.login.aliases import read_aliases
from gateway.login.jwcrypto_keys import new_key
from tests.conftest import free_port

SETTINGS = """\
listen: 127.0.0.1:8080
provider:
  environment: emulator
  issuer: http://localhost:{port}/api/realms/main
  client_id: RP00000001
  keys: {{file: keys.jwks}}
  contracted: [name, address, birthdate]
sessions: {{store: memory, secret: {{file: secret}}}}
aliases: aliases.jsonl
apps:
  - name: booking
    url: http://localhost:8080
    upstream: http://127.0.0.1:{port}
    policy: policy.yaml
"""
POLICY = """\
policy: booking
purpose: {ja: 予約のため}
conditions:
  adult: {age: {at_least: 18}}
rules:
  - name: reserve
    require: [adult]
    disclose: [subject, name]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Settings whose provider and application are not there."""
    (tmp_path / "gateway.yaml").write_text(SETTINGS.format(port=free_port()), encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    (tmp_path / "secret").chmod(0o600)
    new_key(tmp_path / "keys.jwks", "ES256")
    return tmp_path


def sekisho(folder: Path, *arguments: str) -> Result:
    """Run a command on the folder's settings."""
    runner = CliRunner(env={"LC_ALL": "C.UTF-8"})
    return runner.invoke(app, [*arguments, "-c", str(folder / "gateway.yaml")])


def test_the_forms_are_filled_in(folder: Path) -> None:
    """For people in Japanese, for machines as JSON; what the policies use is what is asked for."""
    text = sekisho(folder, "registration")
    said = json.loads(sekisho(folder, "registration", "--json").stdout)[0]

    assert text.exit_code == 0, text.output
    assert "リダイレクトURI：http://localhost:8080/.sekisho/callback" in text.stdout
    assert said["fields"]["券面事項入力補助APの利用：氏名"]["values"] == ["利用する"]
    assert said["fields"]["券面事項入力補助APの利用：住所"]["values"] == ["利用しない"]
    assert '"d"' not in text.stdout


def test_a_doctor_without_a_provider_says_so_and_fails(folder: Path) -> None:
    """Exit 2, each failure with its remedy; what is well is shown unless `--quiet`."""
    (folder / "keys.jwks").chmod(0o644)

    result = sekisho(folder, "doctor")
    quiet = sekisho(folder, "doctor", "--quiet")

    assert result.exit_code == quiet.exit_code == 2
    found = {tuple(line.split("\t")[:2]) for line in result.stdout.splitlines() if not line.startswith("\t")}
    assert found == {
        ("fail", "file_mode"),
        ("pass", "file_mode"),
        ("fail", "discovery"),
        ("pass", "store"),
        ("fail", "upstream"),
    }
    assert "chmod 600" in result.stdout
    assert "pass" not in quiet.stdout


def test_an_alias_is_kept_and_read(folder: Path) -> None:
    """Appended to a file of its owner's alone; the next one is held to it."""
    first = sekisho(folder, "subjects", "alias", "sub-new", "sub-old", "--reason", "case 12")
    again = sekisho(folder, "subjects", "alias", "sub-new", "sub-other", "--reason", "case 13")
    file = folder / "aliases.jsonl"

    assert first.exit_code == 0, first.output
    assert again.exit_code == 2
    assert "already has an alias" in again.output
    said = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["client_id"], line["reason"]) for line in said] == [("RP00000001", "case 12")]
    assert read_aliases(file.read_bytes().splitlines()).known_as("RP00000001", "sub-new") == "sub-old"
    assert not any(subject in file.read_text() for subject in ("sub-new", "sub-old"))
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_broken_file_of_aliases_is_a_mistake_in_the_settings(folder: Path) -> None:
    """Nothing starts on half of it."""
    (folder / "aliases.jsonl").write_text("{}\n")

    result = sekisho(folder, "check")

    assert result.exit_code == 2
    assert "line 1" in result.output


def test_an_unknown_client_is_named(folder: Path) -> None:
    """With those there are."""
    result = sekisho(folder, "subjects", "alias", "a", "b", "--reason", "r", "--client", "RP9")

    assert result.exit_code == 2
    assert "RP00000001" in result.output
