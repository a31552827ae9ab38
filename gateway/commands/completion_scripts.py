"""Writes the scripts by which bash, zsh and fish complete a command line of `sekisho`.

The scripts have the commands and options in them. A shell that asked the program at each press of Tab would wait for
Python to start each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never


class Shell(StrEnum):
    """A shell that can complete our commands."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@dataclass(frozen=True, slots=True)
class Value:
    """A value that a person types: one of some words, a file, or words that no shell can know."""

    choices: tuple[str, ...] = ()
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """An option of one command, with its value; None if it takes none."""

    names: tuple[str, ...]
    help: str
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A command or a group of commands by its words, such as `policy test`; the program itself has no word."""

    words: tuple[str, ...]
    help: str
    options: tuple[Option, ...]
    inner: tuple[Command, ...] = ()
    argument: Value | None = None

    @property
    def path(self) -> str:
        """Return the words as they are typed."""
        return " ".join(self.words)


def completion_script(shell: Shell, program: Command) -> str:
    """Return the script for a shell. `program` has every command beneath it."""
    commands = tuple(_all_of(program))
    match shell:
        case Shell.BASH:
            return _bash(commands)
        case Shell.ZSH:
            return _zsh(commands)
        case Shell.FISH:
            return _fish(commands)
        case _:
            assert_never(shell)


def _all_of(command: Command) -> Iterable[Command]:
    yield command
    for inner in command.inner:
        yield from _all_of(inner)


def _quoted(text: str) -> str:
    """Return a text in single quotes, as bash and zsh read it."""
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    """Return a text in single quotes, as fish reads it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _summary(text: str) -> str:
    """Return the first sentence of a help text, on one line and without the marks of code."""
    line = " ".join(text.split()).replace("`", "")
    return line.partition(". ")[0].removesuffix(".")


def _key(command: Command, word: str) -> str:
    return " ".join((*command.words, word))


def _valued(commands: Sequence[Command]) -> list[tuple[str, Value]]:
    """Return every option that takes a value, each with its command's words before it."""
    return [
        (_key(command, name), option.value)
        for command in commands
        for option in command.options
        if option.value is not None
        for name in option.names
    ]


def _cases(keys: Iterable[str]) -> str:
    return "|".join(map(_quoted, keys))


_WALK = """\
        [[ -n $expects && $word == "=" ]] && continue
        if [[ -n $expects ]]; then expects=""; continue; fi
        key="${{at:+$at }}$word"
        case "$key" in
            {commands}) at="$key" ;;
            {valued}) expects="$key" ;;
        esac
"""
"""bash and zsh go from word to word: the command so far, and the option whose value stands next."""


def _walk(commands: Sequence[Command]) -> str:
    return _WALK.format(
        commands=_cases(command.path for command in commands if command.words),
        valued=_cases(key for key, _ in _valued(commands)),
    )


def _bash(commands: Sequence[Command]) -> str:
    lines = [
        "# Completes the commands of sekisho in bash. `sekisho completion bash` writes it.",
        "_sekisho() {",
        '    local at="" expects="" word key i words="" current="${COMP_WORDS[COMP_CWORD]}"',
        "    COMPREPLY=()",
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        '        word="${COMP_WORDS[i]}"',
        _walk(commands).rstrip("\n"),
        "    done",
        '    [[ -n $expects && $current == "=" ]] && current=""',
        '    case "$expects" in',
        "        '') ;;",
    ]
    lines += [f"        {_quoted(key)}) {_bash_value(value)}; return ;;" for key, value in _valued(commands)]
    lines += ["    esac", "    if [[ $current == -* ]]; then", '        case "$at" in']
    for command in commands:
        names = [name for option in command.options for name in option.names]
        lines.append(f"            {_quoted(command.path)}) words={_quoted(' '.join(names))} ;;")
    lines += ["        esac", "    else", '        case "$at" in']
    for command in commands:
        if command.inner:
            lines.append(
                f"            {_quoted(command.path)}) words={_quoted(' '.join(c.words[-1] for c in command.inner))} ;;"
            )
        elif command.argument is not None:
            lines.append(f"            {_quoted(command.path)}) {_bash_value(command.argument)}; return ;;")
    lines += [
        "        esac",
        "    fi",
        '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")',
        "}",
        "complete -F _sekisho sekisho",
    ]
    return "\n".join(lines) + "\n"


def _bash_value(value: Value) -> str:
    if value.is_file:
        return 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current")'
    if value.choices:
        return f'mapfile -t COMPREPLY < <(compgen -W {_quoted(" ".join(value.choices))} -- "$current")'
    return ":"


def _zsh(commands: Sequence[Command]) -> str:
    lines = [
        "#compdef sekisho",
        "# Completes the commands of sekisho in zsh. `sekisho completion zsh` writes it.",
        "_sekisho() {",
        '    local at="" expects="" word key i current="${words[CURRENT]}"',
        "    local -a found",
        "    for ((i = 2; i < CURRENT; i++)); do",
        '        word="${words[i]}"',
        _walk(commands).rstrip("\n"),
        "    done",
        "    if [[ $current == --*=* ]]; then",
        '        expects="${at:+$at }${current%%=*}"',
        "        compset -P 1 '*='",
        "    fi",
        '    case "$expects" in',
        "        '') ;;",
    ]
    lines += [f"        {_quoted(key)}) {_zsh_value(value)}; return ;;" for key, value in _valued(commands)]
    lines += ["        *) return ;;", "    esac", "    if [[ $current == -* ]]; then", '        case "$at" in']
    for command in commands:
        names = [
            f"{name}:{_summary(option.help)}" if option.help else name
            for option in command.options
            for name in option.names
        ]
        lines.append(f"            {_quoted(command.path)}) found=({' '.join(map(_quoted, names))}) ;;")
    lines += ["        esac", "    else", '        case "$at" in']
    for command in commands:
        if command.inner:
            inner = (f"{each.words[-1]}:{_summary(each.help)}" for each in command.inner)
            lines.append(f"            {_quoted(command.path)}) found=({' '.join(map(_quoted, inner))}) ;;")
        elif command.argument is not None:
            lines.append(f"            {_quoted(command.path)}) {_zsh_value(command.argument)}; return ;;")
    lines += [
        "        esac",
        "    fi",
        "    (( ${#found} )) && _describe 'sekisho' found",
        "}",
        'if [[ "${funcstack[1]}" == _sekisho ]]; then _sekisho "$@"; else compdef _sekisho sekisho; fi',
    ]
    return "\n".join(lines) + "\n"


def _zsh_value(value: Value) -> str:
    if value.is_file:
        return "_files"
    if value.choices:
        return f"compadd -- {' '.join(map(_quoted, value.choices))}"
    return ":"


def _fish(commands: Sequence[Command]) -> str:
    lines = [
        "# Completes the commands of sekisho in fish. `sekisho completion fish` writes it.",
        f"set -g __sekisho_commands {' '.join(_fish_quoted(each.path) for each in commands if each.words)}",
        f"set -g __sekisho_valued {' '.join(_fish_quoted(key) for key, _ in _valued(commands))}",
        "function __sekisho_at",
        "    set -l at",
        "    set -l skips 0",
        "    for word in (commandline -opc)[2..-1]",
        "        set -l key (string join ' ' -- $at $word)",
        "        if test $skips -eq 1",
        "            set skips 0",
        '        else if contains -- "$key" $__sekisho_commands',
        "            set at $at $word",
        '        else if contains -- "$key" $__sekisho_valued',
        "            set skips 1",
        "        end",
        "    end",
        """    test (string join ' ' -- $at '') = (string join ' ' -- $argv '')""",
        "end",
        "complete -c sekisho -f",
    ]
    for command in commands:
        at = f"complete -c sekisho -n {_fish_quoted(' '.join(('__sekisho_at', *command.words)))}"
        lines += [
            f"{at} -a {_fish_quoted(inner.words[-1])} -d {_fish_quoted(_summary(inner.help))}"
            for inner in command.inner
        ]
        if command.argument is not None and not command.inner:
            lines += [f"{at}{_fish_value(command.argument)}"] if _fish_value(command.argument) else []
        lines += [f"{at} {_fish_option(option)}" for option in command.options]
    return "\n".join(lines) + "\n"


def _fish_option(option: Option) -> str:
    names = [
        f"-l {_fish_quoted(name[2:])}" if name.startswith("--") else f"-s {_fish_quoted(name[1:])}"
        for name in option.names
    ]
    value = "" if option.value is None else " -r" + _fish_value(option.value)
    said = f" -d {_fish_quoted(_summary(option.help))}" if option.help else ""
    return " ".join(names) + value + said


def _fish_value(value: Value) -> str:
    if value.is_file:
        return " -F"
    if value.choices:
        return f" -f -a {_fish_quoted(' '.join(value.choices))}"
    return ""
