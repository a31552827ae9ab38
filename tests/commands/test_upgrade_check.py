"""`sekisho upgrade-check`, with files as an operator has them before an upgrade."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app

INIT = (
    "--yes --city 東京都渋谷区 --section スポーツ振興課 --service 施設予約 --phone 03-0000-0000 "
    "--contact https://www.city.example.lg.jp/contact --privacy https://www.city.example.lg.jp/privacy"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a gateway."""
    made = tmp_path_factory.mktemp("settings") / "sekisho"
    said = CliRunner().invoke(app, ["init", str(made), *INIT.split()])
    assert said.exit_code == 0, said.output
    return made


@pytest.fixture
def config(folder: Path) -> Path:
    return folder / "gateway.yaml"


@pytest.mark.parametrize(("locale", "word"), [("C.UTF-8", "Changes since 0.1.0"), ("ja_JP.UTF-8", "0.1.0 からの変更")])
def test_it_lists_what_changes_for_these_files(
    config: Path, locale: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 3, in the operator's language; items of settings that are not there are left out."""
    monkeypatch.setenv("LC_ALL", locale)

    said = CliRunner().invoke(app, ["upgrade-check", "-c", str(config)])

    assert said.exit_code == 3
    assert word in said.stdout
    assert "SIGUSR1" in said.stdout
    assert "deploy/forward-auth" not in said.stdout


def test_it_names_what_the_version_refuses(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 2 with file, line and remedy, and the list all the same."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    other = config.with_name("refused.yaml")
    other.write_text(config.read_text().replace("contracted:", "contract:"))

    said = CliRunner().invoke(app, ["upgrade-check", "-c", str(other)])

    assert said.exit_code == 2
    assert "refused.yaml:" in said.stderr
    assert "`contract`" in said.stderr
    assert "Changes since" in said.stdout


def test_it_names_the_policy_that_the_version_refuses(folder: Path, config: Path) -> None:
    """A name of a condition that has become a header of ours, such as 0.1.0 allowed."""
    policy = folder / "policies" / "facility-booking.yaml"
    before = policy.read_text()
    policy.write_text(before.replace("adult:", "acting_for:").replace("[adult]", "[acting_for]"))
    try:
        said = CliRunner().invoke(app, ["upgrade-check", "-c", str(config)])
    finally:
        policy.write_text(before)

    assert said.exit_code == 2
    assert "facility-booking.yaml:" in said.stderr
    assert "acting_for" in said.stderr
