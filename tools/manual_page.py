"""Writes the manual page `sekisho(1)` from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from gateway import __version__
from gateway.commands.completion_scripts import Command


def manual_page(program: Command, moment: int) -> str:
    """Return the page in the language of man(7). It has every command with its options."""
    day = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
    lines = [
        f'.TH SEKISHO 1 {day} "sekisho {__version__}" "Sekisho"',
        ".SH NAME",
        "sekisho \\- identity-aware gateway for Japan's public services",
        ".SH SYNOPSIS",
        ".B sekisho",
        "[\\fIcommand\\fR] [\\fIoptions\\fR]",
        ".SH DESCRIPTION",
        *_paragraph(program.help),
        ".SH COMMANDS",
    ]
    for command in _leaves(program):
        lines += [".SS " + _plain(f"sekisho {command.path}"), *_paragraph(command.help)]
        for option in command.options:
            if option.names[0] != "--help":
                value = "" if option.value is None else " \\fIvalue\\fR"
                lines += [".TP", f"\\fB{_plain(', '.join(option.names))}\\fR{value}", _plain(option.help) or "\\&"]
    lines += [
        ".SH FILES",
        *(".TP", ".I /etc/sekisho/gateway.yaml", "The settings. `sekisho init /etc/sekisho` writes them."),
        *(".TP", ".I /etc/default/sekisho", "The environment of the service."),
        *(".TP", ".I /var/lib/sekisho", "The state: sign\\-outs that wait for Redis, and the audit trail."),
        *(".TP", ".I /var/log/sekisho", "The access log, if the settings name it."),
        ".SH EXIT STATUS",
        "0 on success, 2 for a mistake of the person or her files, 1 for a fault of sekisho.",
    ]
    return "\n".join(lines) + "\n"


def _leaves(command: Command) -> Iterator[Command]:
    if command.words and not command.inner:
        yield command
    for inner in command.inner:
        yield from _leaves(inner)


def _paragraph(text: str) -> list[str]:
    """Return the lines of a help text, with a break of the page's where it has an empty line."""
    return [_plain(line) or ".PP" for line in text.strip().splitlines()]


def _plain(text: str) -> str:
    """Return a line in which roff finds nothing to obey."""
    line = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{line}" if line.startswith((".", "'")) else line
