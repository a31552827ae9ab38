"""`sekisho policy …`: tools for those who write policies, in the language of their terminal."""

from __future__ import annotations

import getpass
import json
import os
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

import structlog
import typer

from gateway.audit.entry import Action
from gateway.bounded_files import read_file
from gateway.commands.at_app import AppName, say_turned, settings_with, split_request, strict_remark, turned_values
from gateway.commands.japanese_help import JapaneseHelp
from gateway.commands.policy_fmt import fmt
from gateway.commands.policy_logs import EXIT_PERMITS_MORE, candidate, replay
from gateway.commands.recorded import Operator, Reason, recorded
from gateway.commands.terminal import (
    DEFAULT_CONFIG,
    EXIT_USERS,
    AsJson,
    ConfigFile,
    fail,
    language,
    log_here,
    policy_files,
    say,
    say_json,
    say_text,
)
from gateway.instant import tokyo_day
from gateway.observe.events import Event
from gateway.pipeline.at_the_door import Door, TurnedAway
from gateway.policy.authoring.birthdate_words import say_birthdates
from gateway.policy.authoring.check import remarks
from gateway.policy.authoring.coverage import coverage, say_coverage
from gateway.policy.authoring.effect import compare
from gateway.policy.authoring.effect_words import as_values as effects_as_values
from gateway.policy.authoring.effect_words import say_comparison
from gateway.policy.authoring.examples import Outcome, run_example, surroundings_of
from gateway.policy.authoring.explain import Explanation, as_values, explain, say_explanation
from gateway.policy.authoring.names import NameRemark, switch_remarks, unnamed_lists
from gateway.policy.authoring.questions import read_question
from gateway.policy.authoring.sibling_words import say_proof
from gateway.policy.authoring.siblings import Siblings
from gateway.policy.authoring.tables import read_table
from gateway.policy.authoring.words import say_data_map, say_policy
from gateway.policy.conditions import Surroundings
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import Example
from gateway.policy.losses import ADOPTIONS_FILE, Adopted, AdoptionsError, as_read
from gateway.policy.policy import Policy
from gateway.policy.reading.meant import day_of, meant_day
from gateway.policy.reading.parse import load_policy
from gateway.policy.reading.parse_examples import moment_of
from gateway.policy.reading.schema import schema_text
from gateway.policy.system_adoptions import adopt as write_adopted
from gateway.process.configuration import door_of
from gateway.settings.check import read_settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Language, Mistakes, Phrase, Where
from gateway.yaml.read import MAX_BYTES

app = typer.Typer(name="policy", help="Read, test and explain policies.", no_args_is_help=True, cls=JapaneseHelp)
app.command()(replay)
app.command()(candidate)

app.command("fmt")(fmt)

_log = structlog.get_logger()

PolicyFile = Annotated[Path, typer.Argument(help="A policy file.", metavar="FILE")]
PolicyFiles = Annotated[list[Path], typer.Argument(help="Policy files, or folders of them.", metavar="FILE…")]


Day = Annotated[
    str | None, typer.Option("--day", help="The day for which birthdates are listed: 2027-04-01.", metavar="DAY")
]


def _day(text: str) -> date:
    found = day_of(text)
    if found is None:
        wrong = Phrase(
            f"`{text}` is not a day: write `{meant_day(text) or '2027-04-01'}`",
            f"`{text}` は日付ではありません。`{meant_day(text) or '2027-04-01'}` のように書いてください",
        )
        say(wrong.say(language()), error=True)
        raise typer.Exit(EXIT_USERS)
    return found


@app.command("test")
def run_tests(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Policy files, or folders of them; with `--app` its own policy.", metavar="FILE…"),
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--table", help="A CSV table of further examples, for one policy.", metavar="CSV")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the examples that pass, too.")] = False,
    covers: Annotated[
        bool, typer.Option("--coverage", help="Show which rules, conditions and outcomes the examples try.")
    ] = False,
    at_least: Annotated[
        int, typer.Option("--at-least", help="With `--coverage`: exit 2 below so many percent.", min=0, max=100)
    ] = 0,
    app_name: AppName = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Run the examples of each policy: exit 2 if one fails, or if a file has a mistake."""
    said = language()
    mistakes = Mistakes()
    passed = failed = 0
    too_little = False
    settings, own = (None, None) if app_name is None else settings_with(config, app_name)
    found = policy_files(files or ([] if own is None else [own]))
    if not found:
        none = Phrase("name a policy file, or an App with `--app`", "ポリシーのファイルか `--app` を指定してください")
        say(none.say(said), error=True)
        raise typer.Exit(EXIT_USERS)
    if table is not None and len(found) != 1:
        say(Phrase("a table needs one policy", "表で試すポリシーは一つだけ指定してください").say(said), error=True)
        raise typer.Exit(EXIT_USERS)
    for file in found:
        policy = load_policy(file, mistakes)
        if policy is None:
            continue
        examples = [*policy.examples, *(_rows(table, policy, mistakes) if table is not None else ())]
        compiled = CompiledPolicy(policy)
        door = None if settings is None or app_name is None else door_of(config, settings, app_name, policy)
        outcomes = [door.run(each) if door else run_example(policy, each, compiled) for each in examples]
        for outcome in outcomes:
            if verbose or not outcome.passed:
                say_text(f"{outcome.example.where}: {outcome.say(said)}")
            if not outcome.passed:
                say_text(_trace(policy, compiled, outcome, said, door))
        passed += sum(outcome.passed for outcome in outcomes)
        failed += sum(not outcome.passed for outcome in outcomes)
        if covers:
            tried = coverage(policy, outcomes, compiled if door is None else door.route.policy)
            say_text(f"{file}\n{say_coverage(tried, said)}")
            too_little = too_little or tried.percent < at_least
        if not outcomes:
            nothing = Phrase("no examples: nothing shows that the policy does what its author means", "例がありません")
            say(f"{file}: {nothing.say(said)}", error=True)
    if len(mistakes):
        say_text(mistakes.say(said), error=True)
    say(Phrase(f"{passed} passed, {failed} failed", f"成功 {passed} 件、失敗 {failed} 件").say(said))
    if failed or too_little or len(mistakes):
        raise typer.Exit(EXIT_USERS)


def _rows(table: Path, policy: Policy, mistakes: Mistakes) -> tuple[Example, ...]:
    try:
        data = read_file(table, MAX_BYTES)
    except OSError as error:
        reason = error.strerror or "unreadable"
        mistakes.add(Where(str(table)), Phrase(f"cannot be read: {reason}", f"読めません（{reason}）"))
        return ()
    return read_table(data, str(table), policy, mistakes)


def _trace(policy: Policy, compiled: CompiledPolicy, outcome: Outcome, said: Language, door: Door | None = None) -> str:
    """Return how a failing example came to its verdict, indented below it."""
    example = outcome.example
    if door is None:
        person = example.person
        snapshot = compiled.within(surroundings_of(policy, example))
        text = say_explanation(explain(snapshot, example.inbound(snapshot.paths), person, example.at), said)
    else:
        asked = door.ask(example)
        text = (
            say_turned(asked, said)
            if isinstance(asked, TurnedAway)
            else say_explanation(
                replace(explain(asked.policy, asked.inbound, asked.person, example.at), verdict=asked.verdict), said
            )
        )
    return "\n".join(f"    {line}" for line in text.splitlines())


@app.command()
def check(files: PolicyFiles, day: Day = None) -> None:
    """Name every mistake in the policies, with its place and what would be right; say the rest in words."""
    said = language()
    today = tokyo_day(time.time()) if day is None else _day(day)
    mistakes = Mistakes()
    read = [(file, load_policy(file, mistakes)) for file in policy_files(files)]
    if len(mistakes):
        raise fail(mistakes)
    for file, policy in read:
        if policy is None:
            continue
        good = Phrase(f"{policy.name}: good, {len(policy.rules)} rules", f"{policy.name}: 規則 {len(policy.rules)} 件")
        say(good.say(said))
        for remark in remarks(policy, today=tokyo_day(time.time())):
            say_text(remark.say(said, str(file)), error=True)
        say_text(say_policy(policy, said))
        if birthdates := say_birthdates(policy, today, said):
            say_text(birthdates)
        say_text(say_proof(Siblings(CompiledPolicy(policy)), said))
    policies = {str(file): policy for file, policy in read if policy is not None}
    lists = [(folder, _lists_in(folder)) for folder in files if folder.is_dir()]
    for found in (
        *switch_remarks(policies),
        *(each for folder, below in lists for each in unnamed_lists(folder, below, policies.values())),
    ):
        say_text(f"{found.file}{f':{found.line}' if found.line else ''}: {_joined(found, said)}", error=True)


def _joined(found: NameRemark, said: Language) -> str:
    """Return a remark and its remedy as one sentence."""
    return ("、" if said is Language.JA else ", ").join((found.what.say(said), found.wiser.say(said)))


def _lists_in(folder: Path) -> list[Path]:
    """Return the files below a folder of policies that can only be lists: CSV, and YAML in folders of their own."""
    return [
        file
        for file in folder.rglob("*")
        if file.is_file()
        and (file.suffix.lower() == ".csv" or (file.suffix in (".yaml", ".yml") and "lists" in file.parent.parts))
    ]


@app.command()
def words(
    files: PolicyFiles,
    data: Annotated[bool, typer.Option("--data-map", help="Print the table of personal data instead.")] = False,
    lang: Annotated[
        Language | None, typer.Option("--lang", help="The language of the output, instead of the terminal's.")
    ] = None,
    day: Day = None,
) -> None:
    """Say the policies in plain sentences, for somebody who signs them; with a day, also who is of age on it."""
    said = lang or language()
    today = None if day is None else _day(day)
    for policy in _load(files):
        say_text(say_data_map(policy, said) if data else say_policy(policy, said))
        if today is not None and (birthdates := say_birthdates(policy, today, said)):
            say_text(birthdates)


@app.command("explain")
def explain_request(  # noqa: PLR0913, PLR0917 - one parameter an option
    file: PolicyFile,
    request: Annotated[str, typer.Argument(help="The request, such as `GET /reserve/42`.", metavar="REQUEST")],
    at: Annotated[str | None, typer.Option("--at", help="A day or a time in Japan; the default is now.")] = None,
    who: Annotated[
        list[str] | None,
        typer.Option("--who", help="`nobody`, or a fact such as `birthdate=1986-04-01`; several times."),
    ] = None,
    signed_in: Annotated[
        str | None, typer.Option("--signed-in", help="The time since the sign-in, such as `20m ago`.")
    ] = None,
    client: Annotated[str | None, typer.Option("--from", help="The browser's address.")] = None,
    switch: Annotated[list[str] | None, typer.Option("--switch", help="A switch that is on; several times.")] = None,
    as_json: AsJson = False,
    app_name: AppName = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Explain the verdict on one request of one person: the rule, the reasons, the items asked, the facts told.

    With `--app` the request is judged as the gateway would for that App: its spelling, its host and its path too.
    """
    said = language()
    (policy,) = _load([file])
    now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 9 * 3600))
    facts = [fact for fact in who or [] if fact != "nobody"]
    mistakes = Mistakes()
    method, host, target = split_request(request)
    example = read_question(
        policy,
        mistakes,
        place="explain",
        # The App's own door reads the target.
        asked={
            "request": f"{method} /" if app_name and method else request,
            "at": at or now,
            "signed_in": signed_in or "",
            "from": client or "",
        },
        who=None if not who or "nobody" in who else {key: text for key, _, text in (f.partition("=") for f in facts)},
        switches=switch or (),
    )
    if example is None:
        raise fail(mistakes)
    if app_name is None:
        person = example.person
        snapshot = CompiledPolicy(policy, Surroundings()).within(surroundings_of(policy, example))
        explanation = explain(snapshot, example.inbound(snapshot.paths), person, example.at)
        if strict := strict_remark(target, said):
            say(strict, error=True)
        _say_explained(explanation, {}, "", as_json=as_json)
        return
    settings, _ = settings_with(config, app_name)
    asked = door_of(config, settings, app_name, policy).ask(replace(example, written=target), host)
    if isinstance(asked, TurnedAway):
        if as_json:
            say_json(json.dumps(turned_values(asked), ensure_ascii=False, indent=2))
        else:
            say_text(say_turned(asked, said))
        return
    explanation = explain(asked.policy, asked.inbound, asked.person, example.at)
    _say_explained(replace(explanation, verdict=asked.verdict), {"door": None}, asked.inner, as_json=as_json)


def _say_explained(explanation: Explanation, more: dict[str, object], inner: str, *, as_json: bool) -> None:
    """Print the way to a verdict, and the request that the application gets."""
    if as_json:
        values = as_values(explanation) | more | ({"request": inner} if inner else {})
        say_json(json.dumps(values, ensure_ascii=False, indent=2))
        return
    said = language()
    say_text(say_explanation(explanation, said))
    if inner:
        say(Phrase(f"the application gets `{inner}`", f"アプリケーションに届くリクエスト: `{inner}`").say(said))


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The policy that is in force.", metavar="OLD")],
    new: Annotated[Path, typer.Argument(help="The policy that would replace it.", metavar="NEW")],
    at: Annotated[str | None, typer.Option("--at", help="A day or a time in Japan; the default is now.")] = None,
    as_json: AsJson = False,
    app_name: AppName = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show the effect of a change on people: exit 3 if anything is newly permitted or told."""
    (before,), (after,) = _load([old]), _load([new])
    now = time.time() if at is None else moment_of(at)
    if now is None:
        wrong = Phrase(
            f"`{at}` is not a day or a moment: write `2026-11-23 10:00`", f"`{at}` は日付でも日時でもありません"
        )
        say(wrong.say(language()), error=True)
        raise typer.Exit(EXIT_USERS)
    if app_name is None:
        comparison = compare(before, after, now)
    else:
        settings, _ = settings_with(config, app_name)
        old_door, new_door = (door_of(config, settings, app_name, policy) for policy in (before, after))
        comparison = compare(
            before, after, now, ready=(old_door.route.policy, new_door.route.policy), takes=new_door.takes
        )
    if as_json:
        say_json(json.dumps(effects_as_values(comparison), ensure_ascii=False, indent=2))
    else:
        say_text(say_comparison(comparison, language()))
    if comparison.permits_more:
        raise typer.Exit(EXIT_PERMITS_MORE)


@app.command()
def adopt(
    reason: Reason,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Subject lists and policy files to take as they are.", metavar="FILE…")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every file of every App's policies.")] = False,
    operator: Operator = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Take files as they are that lost much at once: the gateway holds them, since they may be half written."""
    mistakes = Mistakes()
    settings = read_settings(config, Reading(config.parent, mistakes))
    if settings is None:
        raise fail(mistakes)
    if not reason.strip() or bool(files) is everything:
        need = Phrase("name the files, or --all, and the reason", "ファイルか --all と、理由を指定してください")
        say(f"sekisho policy: {need.say(language())}", error=True)
        raise typer.Exit(EXIT_USERS)
    named = [file for each in settings.apps for file in (each.policy.file, each.policy.candidate) if file is not None]
    there = as_read([policy for file in named if (policy := load_policy(file, mistakes)) is not None])
    if len(mistakes):
        raise fail(mistakes)
    wanted = {str(path.resolve()) for path in files or ()}
    chosen = {file: each for file, each in there.items() if everything or file in wanted}
    if unknown := wanted - chosen.keys():
        unused = Phrase("no App's policy uses these files", "どのアプリのポリシーでも使われていないファイルです")
        say(f"sekisho policy: {unused.say(language())}", *sorted(unknown), error=True)
        raise typer.Exit(EXIT_USERS)
    by = os.environ.get("SUDO_USER") or getpass.getuser()
    now = time.time()
    target = (settings.switches or config.parent / "switches.json").with_name(ADOPTIONS_FILE)
    with recorded(config, Action.FILE_ADOPTED, operator=operator, reason=reason, settings=settings) as deed:
        deed.tell(names=tuple(sorted(chosen)), count=len(chosen))
        try:
            write_adopted(
                target, {file: Adopted(each.digest, each.entries, by, reason, now) for file, each in chosen.items()}
            )
        except (AdoptionsError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else error.said.say(language())
            say(f"sekisho policy: {target}: {why}", error=True)
            raise typer.Exit(EXIT_USERS) from None
    log_here(config)
    for file, each in sorted(chosen.items()):
        say(file, "" if each.entries is None else f"{each.entries} entries")
        _log.info(Event.FILE_ADOPTED, file=file, entries=each.entries, operator=by, reason=reason)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a policy file, for completion in editors."""
    say_text(schema_text().removesuffix("\n"))


def _load(files: list[Path]) -> list[Policy]:
    mistakes = Mistakes()
    read = [load_policy(file, mistakes) for file in policy_files(files)]
    if len(mistakes):
        raise fail(mistakes)
    return [policy for policy in read if policy is not None]
