"""A person whose terminal speaks Japanese reads the help of `policy` and `accounts` in Japanese."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli import app
from gateway.commands.accounts import app as accounts_app
from gateway.commands.japanese_help import WORDS
from gateway.commands.policy import app as policy_app
from tests.conftest import program

_JAPANESE = re.compile("[\u3041-\u30ff\u4e00-\u9fff]")


def sentences() -> set[str]:
    """Return every sentence of the help of the groups, their commands and the parameters."""
    groups: list[Any] = [typer.main.get_command(each) for each in (policy_app, accounts_app)]
    commands = [command for group in groups for command in (group, *group.commands.values())]
    said = [command.help for command in commands]
    said += [getattr(parameter, "help", None) for command in commands for parameter in command.params]
    # The options of completion are there only if the group stands alone.
    return {each for each in said if each and "ompletion" not in each.split(" for ")[0]}


def test_every_sentence_has_japanese_words() -> None:
    """A new option without them fails here, and so do words for a sentence that is gone."""
    assert sentences() <= WORDS.keys()
    assert WORDS.keys() - sentences() == {"Show this message and exit."}
    assert all(_JAPANESE.search(each) for each in WORDS.values())


@pytest.mark.parametrize(
    "command",
    [
        *(("policy", *each) for each in ((), ("test",), ("fmt",), ("explain",), ("check",), ("adopt",))),
        *(("accounts", *each) for each in ((), ("list",), ("link",), ("hand-over",), ("put",), ("import",))),
    ],
    ids=" ".join,
)
def test_help_speaks_the_language_of_the_terminal(command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """By LC_ALL and LANG, as every other word of these commands."""
    # The tree of commands that other tests share must keep its words.
    monkeypatch.setattr("typer.testing._get_command", typer.main.get_command)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LC_ALL", "")
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")

    result = CliRunner().invoke(app, [*command, "--help"])

    assert result.exit_code == 0
    assert "この説明を表示します。" in result.stdout
    assert "オプション" in result.stdout
    assert not re.search(r"Show|Write|The policy|account,|The account|The reason|Link|Give", result.stdout), (
        result.stdout
    )


def test_another_terminal_reads_english() -> None:
    """A process of its own, as a terminal has one language."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "200"}

    found = subprocess.run(
        [program("sekisho"), "policy", "fmt", "--help"], env=environment, capture_output=True, text=True, check=True
    )

    assert "Write nothing; show the difference" in found.stdout
    assert _JAPANESE.search(found.stdout) is None
