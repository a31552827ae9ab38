"""The scripts by which shells complete our commands, as the shells themselves run them."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import typer

from gateway.cli import app
from gateway.commands.completion import read_command
from gateway.commands.completion_scripts import Command, Option, Shell, Value, completion_script
from tests.conftest import program

SMALL = Command(
    (),
    "",
    (Option(("--version",), "Show the version."),),
    (
        Command(("run",), "Run it. Then stop.", (Option(("--config", "-c"), "", Value(is_file=True)),)),
        Command(("read",), "Read.", (), argument=Value(is_file=True)),
        Command(
            ("keys",),
            "Keep keys: it's `safe`.",
            (),
            (Command(("keys", "new"), "Make one.", (Option(("--alg",), "How.", Value(("ES256", "RS256"))),)),),
        ),
    ),
)


def everything(command: Command) -> Iterator[Command]:
    yield command
    for inner in command.inner:
        yield from everything(inner)


def ask_bash(script: str, lines: Sequence[Sequence[str]], folder: Path) -> list[list[str]]:
    """Return what bash offers at the end of each line, in one run of it."""
    show = 'printf "%s\\t" "${COMPREPLY[@]}"; echo'
    asks = "".join(f"COMP_WORDS=({shlex.join(line)}); COMP_CWORD={len(line) - 1}; _sekisho; {show}\n" for line in lines)
    (folder / ".asks").write_text(f"{script}\n{asks}")
    said = subprocess.run(
        [program("bash"), "--norc", "--noprofile", ".asks"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert not said.stderr
    return [[word for word in line.split("\t") if word] for line in said.stdout.splitlines()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["sekisho", ""], ["run", "read", "keys"]),
        (["sekisho", "r"], ["run", "read"]),
        (["sekisho", "-"], ["--version"]),
        (["sekisho", "keys", ""], ["new"]),
        (["sekisho", "keys", "new", "--alg", ""], ["ES256", "RS256"]),
        (["sekisho", "keys", "new", "--alg", "=", "R"], ["RS256"]),
        (["sekisho", "keys", "new", "--alg", "RS256", "-"], ["--alg"]),
        (["sekisho", "run", "-c", "a "], ["a file.yaml"]),
        (["sekisho", "run", "-c", "keys", "-"], ["--config", "-c"]),
        (["sekisho", "read", "a"], ["a file.yaml"]),
        (["sekisho", "run", ""], []),
    ],
    ids=" ".join,
)
def test_bash_offers_what_may_stand_there(line: list[str], offered: list[str], tmp_path: Path) -> None:
    """Commands, options, choices and files; the value of an option is not read as a command."""
    (tmp_path / "a file.yaml").touch()

    assert ask_bash(completion_script(Shell.BASH, SMALL), [line], tmp_path) == [offered]


def test_bash_completes_every_command_and_option_of_ours(tmp_path: Path) -> None:
    """No command is missing, and no option of one."""
    root = read_command(typer.main.get_command(app))
    asked: list[tuple[list[str], str]] = []
    for command in everything(root):
        asked += [(["sekisho", *inner.words[:-1], inner.words[-1]], inner.words[-1]) for inner in command.inner]
        asked += [(["sekisho", *command.words, name], name) for option in command.options for name in option.names]

    answers = ask_bash(completion_script(Shell.BASH, root), [line for line, _ in asked], tmp_path)

    assert len(asked) > 200
    missing = [line for (line, word), answer in zip(asked, answers, strict=True) if word not in answer]
    assert not missing


PLAIN = Command((), "", (), (Command(("say",), "Say it.", (Option(("--to",), "Whom.", Value()),), argument=Value()),))
"""A command whose values no shell can know."""


@pytest.mark.parametrize(
    ("shell", "tree", "lines"),
    [
        (
            Shell.ZSH,
            SMALL,
            [
                r"'') found=('run:Run it' 'read:Read' 'keys:Keep keys: it'\''s safe') ;;",
                "'') found=('--version:Show the version') ;;",
                "'run') found=('--config' '-c') ;;",
                "'run -c') _files; return ;;",
                "'read') _files; return ;;",
                "'keys new') found=('--alg:How') ;;",
                "'keys new --alg') compadd -- 'ES256' 'RS256'; return ;;",
                "'run'|'read'|'keys'|'keys new') at=\"$key\" ;;",
                "'run --config'|'run -c'|'keys new --alg') expects=\"$key\" ;;",
            ],
        ),
        (Shell.ZSH, PLAIN, ["'say --to') :; return ;;", "'say') :; return ;;"]),
        (
            Shell.FISH,
            SMALL,
            [
                "complete -c sekisho -n '__sekisho_at' -a 'run' -d 'Run it'",
                r"complete -c sekisho -n '__sekisho_at' -a 'keys' -d 'Keep keys: it\'s safe'",
                "complete -c sekisho -n '__sekisho_at' -l 'version' -d 'Show the version'",
                "complete -c sekisho -n '__sekisho_at run' -l 'config' -s 'c' -r -F",
                "complete -c sekisho -n '__sekisho_at read' -F",
                "complete -c sekisho -n '__sekisho_at keys' -a 'new' -d 'Make one'",
                "complete -c sekisho -n '__sekisho_at keys new' -l 'alg' -r -f -a 'ES256 RS256' -d 'How'",
                "set -g __sekisho_commands 'run' 'read' 'keys' 'keys new'",
                "set -g __sekisho_valued 'run --config' 'run -c' 'keys new --alg'",
            ],
        ),
        (Shell.FISH, PLAIN, ["complete -c sekisho -n '__sekisho_at say' -l 'to' -r -d 'Whom'"]),
    ],
)
def test_a_script_says_each_word_in_its_shells_way(shell: Shell, tree: Command, lines: list[str]) -> None:
    """Commands, options, choices and files are quoted as that shell reads them; long tests have the shells run them."""
    written = [line.strip() for line in completion_script(shell, tree).splitlines()]

    assert not [line for line in lines if line not in written]


@pytest.mark.parametrize("shell", Shell)
def test_no_script_leaves_a_command_or_an_option_out(shell: Shell) -> None:
    """The scripts are written from the one tree of commands."""
    root = read_command(typer.main.get_command(app))
    script = completion_script(shell, root)
    names = {name for command in everything(root) for option in command.options for name in option.names}
    written = {name.lstrip("-") if shell is Shell.FISH else name for name in names}

    assert len(written) > 50
    assert not [command.path for command in everything(root) if command.path not in script]
    assert not [name for name in written if name not in script]


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("sekisho ", {"run", "read", "keys"}),
        ("sekisho keys ", {"new"}),
        ("sekisho keys new --alg ", {"ES256", "RS256"}),
        ("sekisho run -c keys --co", {"--config"}),
        ("sekisho read a", {"a file.yaml"}),
    ],
)
def test_fish_offers_what_may_stand_there(line: str, offered: set[str], tmp_path: Path) -> None:
    """The same in fish, which says each offer with its description."""
    (tmp_path / "a file.yaml").touch()
    (tmp_path / "script.fish").write_text(completion_script(Shell.FISH, SMALL))

    said = subprocess.run(
        [program("fish"), "--no-config", "-c", f"source script.fish; complete -C {shlex.quote(line)}"],
        cwd=tmp_path,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert {each.partition("\t")[0].replace("\\ ", " ") for each in said.stdout.splitlines()} == offered


_ZSH_ECHOES = """\
compdef() { :; }
compset() { :; }
compadd() { shift; print -l -- "$@"; }
_files() { print -l -- *; }
_describe() { local name="$2"; print -l -- "${(@P)name%%:*}"; }
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["sekisho", ""], {"run", "read", "keys"}),
        (["sekisho", "keys", ""], {"new"}),
        (["sekisho", "keys", "new", "--alg", ""], {"ES256", "RS256"}),
        (["sekisho", "keys", "new", "--alg=R"], {"ES256", "RS256"}),
        (["sekisho", "run", "-c", "keys", "-"], {"--config", "-c"}),
    ],
)
def test_zsh_is_told_what_may_stand_there(line: list[str], offered: set[str], tmp_path: Path) -> None:
    """The function calls zsh's own helpers with these words; zsh then keeps the ones that fit."""
    script = completion_script(Shell.ZSH, SMALL)
    ask = f"words=({shlex.join(line)}); CURRENT={len(line)}; _sekisho\n"
    (tmp_path / "asks").write_text(f"{_ZSH_ECHOES}{script}\n{ask}")

    said = subprocess.run(
        [program("zsh"), "-f", "asks"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30
    )

    assert not said.stderr
    assert set(said.stdout.splitlines()) == offered
