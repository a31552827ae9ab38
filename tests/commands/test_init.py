"""`sekisho init`, as a stranger types it."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.process.configuration import read_configuration
from gateway.setup.pack import POLICIES
from gateway.yaml.mistakes import Mistakes
from tests.conftest import program

GIVEN = {
    "--city": "岐阜県高山市",
    "--section": "高山市 市民課",
    "--section-en": "Citizens' section, Takayama City",
    "--service": "施設予約",
    "--service-en": "Facility booking",
    "--contact": "https://www.city.example.lg.jp/contact",
    "--phone": "03-1234-5678",
    "--privacy": "https://www.city.example.lg.jp/privacy",
}
AGENCY = {
    "--provider": "sandbox",
    "--client-id": "RP00000001",
    "--url": "https://yoyaku.city.example.lg.jp",
    "--upstream": "http://10.0.0.5:8080",
    "--cookie": "JSESSIONID",
}


def sekisho_init(folder: Path, options: dict[str, str], *flags: str, typed: str | None = None) -> Result:
    words = [word for pair in options.items() for word in pair]
    return CliRunner().invoke(app, ["init", str(folder), *words, *flags], input=typed)


@pytest.mark.parametrize("policy", sorted(path.stem for path in POLICIES.glob("*.yaml")))
def test_every_shipped_policy_gives_a_gateway_that_starts(policy: str, tmp_path: Path) -> None:
    """The written files have no mistake, and each secret is its owner's alone."""
    folder = tmp_path / "new"

    result = sekisho_init(folder, {**GIVEN, **AGENCY, "--policy": policy, "--store": "memory"}, "--yes")

    assert result.exit_code == 0, result.output
    mistakes = Mistakes()
    assert read_configuration(folder / "gateway.yaml", mistakes, os.environ) is not None, mistakes.say()
    assert not len(mistakes)
    for secret in ("secret", "client-keys.jwks"):
        assert stat.S_IMODE((folder / secret).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_every_missing_and_wrong_option_is_named_at_once(tmp_path: Path) -> None:
    """A script's author mends them in one go, and nothing was written."""
    result = sekisho_init(tmp_path / "new", {"--city": "府中市", "--provider": "agency"}, "--yes")

    assert result.exit_code == 2
    for option in ("--city", "--provider", "--section", "--service", "--contact", "--phone", "--privacy"):
        assert option in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_that_the_settings_find_is_said_of_the_option(tmp_path: Path) -> None:
    """A URL is judged by the settings' own reader."""
    result = sekisho_init(tmp_path / "new", {**GIVEN, "--upstream": "ftp://x", "--contact": "javascript:1"}, "--yes")

    assert result.exit_code == 2
    assert "--upstream: `ftp://x`" in result.stderr
    assert "--contact: " in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_person_is_asked_again_where_the_answer_was_wrong(tmp_path: Path) -> None:
    """Only the wrong question comes back; Enter takes each default."""
    typed = "府中市\n岐阜県高山市\n\n\nftp://x\nlibrary\n\n\n\nhttp://127.0.0.1:8000\n"
    options = {name: value for name, value in GIVEN.items() if name != "--city"}

    result = sekisho_init(tmp_path / "new", options, typed=typed)

    assert result.exit_code == 0, result.output
    assert "東京都府中市" in result.stderr
    assert "`ftp://x`" in result.stderr
    settings = (tmp_path / "new" / "gateway.yaml").read_text("utf-8")
    assert 'upstream: "http://127.0.0.1:8000"' in settings
    assert "policies/library.yaml" in settings


def test_a_number_chooses_a_policy(tmp_path: Path) -> None:
    """The list is numbered, so that nobody types a name."""
    result = sekisho_init(tmp_path / "new", GIVEN, typed="\n\n\n5\n\n\n\n")

    assert result.exit_code == 0, result.output
    assert (tmp_path / "new" / "policies" / "closed.yaml").exists()


def test_an_input_that_ends_writes_nothing(tmp_path: Path) -> None:
    """The words name the question and the way without questions."""
    result = sekisho_init(tmp_path / "new", {}, typed="岐阜県高山市\n")

    assert result.exit_code == 2
    assert "--section" in result.stderr
    assert "--yes" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """Keys and secrets of a running gateway are replaced by nobody."""
    (tmp_path / "gateway.yaml").write_text("mine")

    result = sekisho_init(tmp_path, GIVEN, "--yes")

    assert result.exit_code == 2
    assert "is not empty" in result.stderr
    assert (tmp_path / "gateway.yaml").read_text() == "mine"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """An operator may have made it with the right owner."""
    assert sekisho_init(tmp_path, GIVEN, "--yes").exit_code == 0
    assert (tmp_path / "gateway.yaml").exists()


def test_a_service_gets_its_unit(tmp_path: Path) -> None:
    """It names this installation and this folder."""
    folder = tmp_path / "new"

    assert sekisho_init(folder, {**GIVEN, **AGENCY}, "--yes").exit_code == 0

    unit = (folder / "sekisho.service").read_text("utf-8")
    assert f"run -c {folder}/gateway.yaml" in unit
    assert "/opt/sekisho" not in unit
    assert "systemctl enable --now sekisho" in (folder / "next-steps.md").read_text("utf-8")


@pytest.mark.long
def test_compose_takes_the_file_of_a_container(tmp_path: Path) -> None:
    """The real program reads it without a complaint, and finds the folder where the person is told to start it."""
    folder = tmp_path / "new"
    assert sekisho_init(folder, {**GIVEN, **AGENCY, "--run": "container"}, "--yes").exit_code == 0

    said = subprocess.run(
        [program("docker-compose"), "--file", folder / "compose.yaml", "config"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert said.returncode == 0, said.stderr
    assert str(folder) in said.stdout
    assert "docker compose --file" in (folder / "next-steps.md").read_text("utf-8")
