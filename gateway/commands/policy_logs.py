"""`sekisho policy replay` and `policy candidate`: what the requests of an access log say about a policy to come."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.at_app import settings_with
from gateway.commands.log_files import opened_log, whole_lines
from gateway.commands.terminal import EXIT_USERS, AsJson, fail, language, say, say_json, say_text
from gateway.policy.authoring.access_lines import LONGEST_LINE, Logged, read_line
from gateway.policy.authoring.replay import CandidateReport
from gateway.policy.authoring.replay import replay as make_replay
from gateway.policy.authoring.replay_words import as_values, candidate_as_values, say_candidate, say_replay
from gateway.policy.policy import Policy
from gateway.policy.reading.parse import load_policy
from gateway.process.configuration import door_of
from gateway.yaml.mistakes import Mistakes, Phrase

EXIT_PERMITS_MORE = 3
"""As of `policy diff`: something is newly permitted, or newly told to the application."""

EXIT_MAY_PERMIT_MORE = 4
"""Nothing is certainly permitted that was not, but something may be: the log does not tell."""

PROGRESS_EVERY = 5.0
"""Seconds between two words about a long log, on standard error."""

_LOOK_EVERY = 4_096
"""Lines between two looks at the clock."""

Logs = Annotated[
    list[Path] | None,
    typer.Argument(help="Files of the access log, `.gz` too; `-`, or none, is standard input.", metavar="[LOG…]"),
]
App = Annotated[str, typer.Option("--app", help="The lines of this App alone.", metavar="NAME")]
AppsConfig = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="With `--app`: the settings that say how it reads paths.", metavar="gateway.yaml"
    ),
]


def replay(
    policy: Annotated[Path, typer.Argument(help="The policy that would be put in force.", metavar="POLICY")],
    logs: Logs = None,
    in_force: Annotated[
        Path | None,
        typer.Option("--in-force", help="The policy in force when it was written.", metavar="FILE"),
    ] = None,
    app: App = "",
    config: AppsConfig = None,
    as_json: AsJson = False,
) -> None:
    """Judge the requests of an access log by a policy: exit 3 if one is newly permitted or told, 4 if one may be.

    With `--app` and `-c` the paths are read as that App reads them: its `paths`, `stack` and prefix.
    """
    new, old = _read(policy), None if in_force is None else _read(in_force)
    if config is None:
        found = make_replay(new, old, app)
    elif not app:
        said = Phrase("`-c` needs the App: write `--app NAME`", "`-c` には `--app NAME` も必要です")
        say(said.say(language()), error=True)
        raise typer.Exit(EXIT_USERS)
    else:
        settings, _ = settings_with(config, app)
        found = make_replay(new, old, app, lambda each: door_of(config, settings, app, each).route.policy)
    for logged in _lines(logs):
        found.take(logged)
    if as_json:
        say_json(json.dumps(as_values(found), ensure_ascii=False, indent=2))
    else:
        say_text(say_replay(found, language()))
    if found.certain:
        raise typer.Exit(EXIT_PERMITS_MORE)
    if found.possible:
        raise typer.Exit(EXIT_MAY_PERMIT_MORE)


def candidate(
    logs: Logs = None,
    app: App = "",
    as_json: AsJson = False,
) -> None:
    """Report by rule and reason where candidate policies judged otherwise: exit 3 if one permitted more."""
    report = CandidateReport(app)
    for logged in _lines(logs):
        report.take(logged)
    if as_json:
        say_json(json.dumps(candidate_as_values(report), ensure_ascii=False, indent=2))
    else:
        say_text(say_candidate(report, language()))
    if report.permits_more:
        raise typer.Exit(EXIT_PERMITS_MORE)


def _read(file: Path) -> Policy:
    mistakes = Mistakes()
    policy = load_policy(file, mistakes)
    if policy is None:
        raise fail(mistakes)
    return policy


def _lines(logs: list[Path] | None) -> Iterator[Logged | None]:
    """Yield every line of the logs, and tell on standard error how far it is."""
    last = time.monotonic()
    for number, line in enumerate(line for file in logs or [Path("-")] for line in _of_file(file)):
        yield read_line(line)
        if number % _LOOK_EVERY == 0 and (now := time.monotonic()) - last >= PROGRESS_EVERY:
            last = now
            say(Phrase(f"… {number} lines", f"… {number} 行").say(language()), error=True)


def _of_file(file: Path) -> Iterator[bytes]:
    with opened_log(file, "policy") as lines:
        yield from whole_lines(lines, LONGEST_LINE)
