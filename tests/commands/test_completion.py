"""`sekisho completion`, as a shell would source it."""

from __future__ import annotations

import subprocess

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from tests.conftest import program


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_prints_a_script_for_each_shell(shell: str) -> None:
    """The script says which command wrote it."""
    said = CliRunner().invoke(app, ["completion", shell])

    assert said.exit_code == 0
    assert f"`sekisho completion {shell}` writes it." in said.stdout


def test_bash_takes_it_as_printed() -> None:
    """Bash reads the printed script without a complaint, and knows the completion then."""
    script = CliRunner().invoke(app, ["completion", "bash"]).stdout

    said = subprocess.run(
        [program("bash"), "--norc", "--noprofile", "-c", f"{script}\ncomplete -p sekisho"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert (said.stdout, said.stderr) == ("complete -F _sekisho sekisho\n", "")


def test_another_shell_is_refused() -> None:
    """The mistake names the shells that there are."""
    said = CliRunner().invoke(app, ["completion", "csh"])

    assert said.exit_code == 2
    assert "fish" in said.output
