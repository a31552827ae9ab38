"""`sekisho completion`: print the script by which a shell completes our commands."""

from __future__ import annotations

import typing
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gateway.commands.completion_scripts import Command, Option, Shell, Value, completion_script
from gateway.commands.terminal import say_text


def completion(
    context: typer.Context, shell: Annotated[Shell, typer.Argument(help="`bash`, `zsh` or `fish`.")]
) -> None:
    """Print the script by which a shell completes commands, options and files.

    For bash: `source <(sekisho completion bash)`. The Debian package brings the scripts of all three shells.
    """
    script = completion_script(shell, read_command(context.find_root().command))
    say_text(script.removesuffix("\n"))


def read_command(command: Any, words: tuple[str, ...] = ()) -> Command:  # noqa: ANN401 - typer's tree has no public type
    """Return a command of typer's tree, with every command beneath it."""
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    options = tuple(
        Option(
            tuple(each.opts) + tuple(each.secondary_opts),
            each.help or "",
            None if each.is_flag else _value_of(each.type_descriptor.annotation),
        )
        for each in shown
        if each.param_type_name == "option"
    )
    arguments = [_value_of(each.type_descriptor.annotation) for each in shown if each.param_type_name == "argument"]
    inner = tuple(read_command(each, (*words, name)) for name, each in getattr(command, "commands", {}).items())
    named = Option(("--help", "-h"), "Show this message and exit.")
    return Command(words, command.help or "", (*options, named), inner, _first_known(arguments))


def _first_known(values: list[Value]) -> Value | None:
    """Return the value of a command's arguments that a shell can complete; their order is left to the person."""
    return next((value for value in values if value.is_file or value.choices), None)


def _value_of(annotation: Any) -> Value:  # noqa: ANN401 - an annotation has no type
    """Return the values that an annotated parameter takes."""
    inner = [each for each in typing.get_args(annotation) if each is not type(None)]
    if typing.get_origin(annotation) is Literal:
        return Value(tuple(map(str, inner)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Value(tuple(str(each.value) for each in annotation))
    if isinstance(annotation, type) and issubclass(annotation, Path):
        return Value(is_file=True)
    return _value_of(inner[0]) if inner else Value()
