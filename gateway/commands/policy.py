"""`sekisho policy …`: tools for those who write policies, in the language of their terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.terminal import EXIT_USERS, fail, language
from gateway.policy.examples import run_examples
from gateway.policy.parse import load_policy
from gateway.yaml_files import Mistakes, Phrase

app = typer.Typer(name="policy", help="Read, test and explain policies.", no_args_is_help=True)

PolicyFiles = Annotated[list[Path], typer.Argument(help="Policy files, or folders of them.", metavar="FILE…")]


def find_files(named: list[Path]) -> list[Path]:
    """Return the files themselves; of a folder, the policies that lie in it."""
    return [file for path in named for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]


@app.command("test")
def run_tests(
    files: PolicyFiles,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the examples that pass, too.")] = False,
) -> None:
    """Run the examples of each policy: exit 2 if one fails, or if a file has a mistake."""
    said = language()
    mistakes = Mistakes()
    passed = failed = 0
    for file in find_files(files):
        policy = load_policy(file, mistakes)
        if policy is None:
            continue
        outcomes = run_examples(policy)
        for outcome in outcomes:
            if verbose or not outcome.passed:
                typer.echo(f"{outcome.example.where}: {outcome.say(said)}")
        passed += sum(outcome.passed for outcome in outcomes)
        failed += sum(not outcome.passed for outcome in outcomes)
        if not outcomes:
            nothing = Phrase("no examples: nothing shows that it does what is meant", "例がありません")
            typer.echo(f"{file}: {nothing.say(said)}", err=True)
    if len(mistakes):
        typer.echo(mistakes.say(said), err=True)
    typer.echo(Phrase(f"{passed} passed, {failed} failed", f"成功 {passed} 件、失敗 {failed} 件").say(said))
    if failed or len(mistakes):
        raise typer.Exit(EXIT_USERS)


@app.command()
def check(files: PolicyFiles) -> None:
    """Name every mistake in the policies, with its place and what would be right."""
    mistakes = Mistakes()
    read = [load_policy(file, mistakes) for file in find_files(files)]
    if len(mistakes):
        raise fail(mistakes)
    for policy in read:
        if policy is not None:
            good = Phrase(
                f"{policy.name}: good, {len(policy.rules)} rules", f"{policy.name}: 規則 {len(policy.rules)} 件"
            )
            typer.echo(good.say(language()))
