"""`sekisho init`: from a few questions to the files of a gateway that starts."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from gateway import __version__
from gateway.commands.terminal import EXIT_USERS, ask, fail, language, say, say_text
from gateway.login.jwcrypto_keys import new_key
from gateway.process.configuration import Configuration, read_configuration
from gateway.setup.first_files import (
    COMPOSE,
    KEYS,
    NEXT_STEPS,
    POLICIES,
    SCHEMA,
    SECRET,
    SETTINGS,
    STATE,
    Line,
    compose_file,
    draft_settings,
    question_at,
    text_of,
)
from gateway.setup.moved_policy import move_policy
from gateway.setup.next_steps import HOME, next_steps, say_steps
from gateway.setup.pack import POLICIES as PACK
from gateway.setup.pack import UNIT, pack_files, pack_needs, pack_titles
from gateway.setup.questions import (
    Answers,
    Provider,
    Question,
    Service,
    asked_in,
    default_of,
    fault_of,
    is_asked,
    option_of,
    town_of,
)
from gateway.yaml.mistakes import Language, Mistakes, Phrase

Answered = dict[Question, str]


def init(  # noqa: PLR0913, PLR0917 - one option a question, as typer reads them from the signature
    folder: Annotated[Path, typer.Argument(help="The folder to write, which must not exist or be empty.")],
    city: Annotated[str | None, typer.Option(help="The municipality, such as 東京都渋谷区.")] = None,
    section: Annotated[str | None, typer.Option(help="The section that receives the facts.")] = None,
    section_en: Annotated[str | None, typer.Option(help="The same in English.")] = None,
    service: Annotated[str | None, typer.Option(help="The name of the service.")] = None,
    service_en: Annotated[str | None, typer.Option(help="The same in English.")] = None,
    provider: Annotated[str | None, typer.Option(help="`emulator`, `sandbox` or `production`.")] = None,
    client_id: Annotated[str | None, typer.Option(help="The client ID that the agency gave.")] = None,
    url: Annotated[str | None, typer.Option(help="The address that citizens open.")] = None,
    upstream: Annotated[str | None, typer.Option(help="The application's address, `http://host:port`.")] = None,
    policy: Annotated[str | None, typer.Option(help="The shipped policy to begin with.")] = None,
    cookie: Annotated[str | None, typer.Option(help="The name of the application's session cookie.")] = None,
    contact: Annotated[str | None, typer.Option(help="URL of the page with help.")] = None,
    phone: Annotated[str | None, typer.Option(help="Telephone for questions.")] = None,
    privacy: Annotated[str | None, typer.Option(help="URL of the privacy policy.")] = None,
    store: Annotated[str | None, typer.Option(help="The store of sessions: `redis://host:port/0` or `memory`.")] = None,
    run: Annotated[str | None, typer.Option(help="Files for a service: `systemd`, `container` or `none`.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take the options, and the defaults.")] = False,
) -> None:
    """Ask for what a gateway needs, and write its settings, keys, secret and policy, with what to do next."""
    said = language()
    given: Mapping[Question, str | None] = {
        Question.CITY: city,
        Question.SECTION: section,
        Question.SECTION_EN: section_en,
        Question.SERVICE: service,
        Question.SERVICE_EN: service_en,
        Question.PROVIDER: provider,
        Question.CLIENT_ID: client_id,
        Question.URL: url,
        Question.UPSTREAM: upstream,
        Question.POLICY: policy,
        Question.COOKIE: cookie,
        Question.CONTACT: contact,
        Question.PHONE: phone,
        Question.PRIVACY: privacy,
        Question.STORE: store,
        Question.RUN: run,
    }
    _refuse_used(folder, said)
    titles = pack_titles(said)
    with tempfile.TemporaryDirectory(prefix="sekisho-init-") as scratch:
        draft = Path(scratch) / "new"
        answers = (
            _all_given(given, titles, said)
            if yes
            else _asked({q: a for q, a in given.items() if a is not None}, titles, said)
        )
        while True:
            lines = _write(draft, answers, said)
            mistakes = Mistakes()
            configuration = read_configuration(draft / SETTINGS, mistakes, os.environ)
            if configuration is not None and not len(mistakes):
                break
            wrong = _questions_of(mistakes, lines, draft / SETTINGS, said)
            if not wrong:
                raise fail(mistakes)
            if yes:
                raise _refused(wrong, said)
            for question, words in wrong.items():
                say(words, error=True)
                answers[question] = _ask(question, answers, titles, said)
        _write_next(draft, answers, folder, said)
        _hand_over(draft, folder, said)
    _say_done(folder, draft, configuration, answers, said)


def _refuse_used(folder: Path, said: Language) -> None:
    """End if the folder holds anything: `init` replaces no file."""
    try:
        is_free = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    except OSError as error:
        say(f"{folder}: {error.strerror}", error=True)
        raise typer.Exit(EXIT_USERS) from None
    if not is_free:
        used = Phrase(
            f"{folder} is not empty, and nothing in it is replaced: name another folder",
            f"{folder} は空ではありません。中のものを置き換えないので、別のフォルダーを指定してください",
        )
        say(used.say(said), error=True)
        raise typer.Exit(EXIT_USERS)


def _all_given(given: Mapping[Question, str | None], titles: Mapping[str, str], said: Language) -> Answered:
    """Return the answers of the options and defaults; end with every one that is missing or wrong."""
    answers: Answered = {}
    faults: list[str] = []
    for question in Question:
        written = given[question]
        answer = (default_of(question, answers) or "") if written is None else written
        fault = fault_of(question, answer, titles)
        if fault is not None:
            faults.append(f"{option_of(question)}: {fault.say(said)} — {asked_in(question, said)}")
        answers[question] = answer
    if faults:
        say_text("\n".join(faults), error=True)
        raise typer.Exit(EXIT_USERS)
    return answers


def _asked(given: Mapping[Question, str], titles: Mapping[str, str], said: Language) -> Answered:
    """Ask every question that no option answers."""
    answers: Answered = {}
    for question in Question:
        if question in given and fault_of(question, given[question], titles) is None:
            answers[question] = given[question]
        elif is_asked(question, answers):
            answers[question] = _ask(question, answers, titles, said)
        else:
            answers[question] = default_of(question, answers) or ""
    return answers


def _ask(question: Question, answers: Answers, titles: Mapping[str, str], said: Language) -> str:
    """Ask until an answer has no fault that `fault_of` knows."""
    names = list(titles)
    if question is Question.POLICY:
        say_text("\n".join(f"{number:3} {name}  {title}" for number, (name, title) in enumerate(titles.items(), 1)))
    default = default_of(question, answers)
    while True:
        hint = f" [{default}]" if default else ""
        line = ask(f"{asked_in(question, said)}{hint}: ")
        if line is None:
            ended = Phrase(
                f"the input ended before {option_of(question)}; with `--yes`, options answer the questions",
                f"{option_of(question)} の答えの前に入力が終わりました。`--yes` とオプションでも答えられます",
            )
            say("")
            say(ended.say(said), error=True)
            raise typer.Exit(EXIT_USERS)
        answer = line or default or ""
        if question is Question.POLICY and answer.isascii() and answer.isdigit() and 0 < int(answer) <= len(names):
            answer = names[int(answer) - 1]
        fault = fault_of(question, answer, titles)
        if fault is None:
            return answer
        say(fault.say(said), error=True)


def _write(draft: Path, answers: Answers, said: Language) -> tuple[Line, ...]:
    """Write every file that the gateway reads into a folder that nobody else sees; return the settings' lines."""
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    name = answers[Question.POLICY]
    lines = draft_settings(answers, pack_needs(name), said)
    (draft / SETTINGS).write_text(text_of(lines), encoding="utf-8")
    policies = draft / POLICIES
    for file in pack_files(name):
        target = policies / file.relative_to(PACK)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".yaml":
            target.write_text(move_policy(file.read_text("utf-8"), town_of(answers)), encoding="utf-8")
        else:
            shutil.copyfile(file, target)
    shutil.copyfile(PACK / SCHEMA, policies / SCHEMA)
    new_key(draft / KEYS, "ES256")
    if answers[Question.RUN] == Service.CONTAINER:
        (draft / STATE).mkdir(mode=0o700)
    secret = draft / SECRET
    secret.touch(mode=0o600)
    secret.write_text(secrets.token_urlsafe(48) + "\n", encoding="utf-8")
    return lines


def _questions_of(mistakes: Mistakes, lines: tuple[Line, ...], file: Path, said: Language) -> dict[Question, str]:
    """Return the questions whose answers the mistakes are about, each with the words of its first mistake."""
    wrong: dict[Question, str] = {}
    for mistake in mistakes:
        question = question_at(lines, mistake.line) if mistake.file == str(file) else None
        if question is not None:
            wrong.setdefault(question, mistake.say(said).partition(": ")[2])
    return wrong


def _refused(wrong: Mapping[Question, str], said: Language) -> typer.Exit:
    """Say every mistake by its option; the caller raises the returned exit."""
    for question, words in wrong.items():
        say(f"{option_of(question)}: {words} — {asked_in(question, said)}", error=True)
    return typer.Exit(EXIT_USERS)


def _write_next(draft: Path, answers: Answers, folder: Path, said: Language) -> None:
    """Write the files of the service that is wanted, and the page of next steps."""
    program = _program()
    place = str(folder.resolve())
    if answers[Question.RUN] == Service.SYSTEMD and not (_is_packaged() and place == HOME):
        unit = UNIT.read_text("utf-8").replace("/opt/sekisho/bin/sekisho", program).replace("/opt/sekisho", sys.prefix)
        unit = unit.replace(HOME, place)
        (draft / UNIT.name).write_text(unit, encoding="utf-8")
    if answers[Question.RUN] == Service.CONTAINER:
        (draft / COMPOSE).write_text(compose_file(answers, __version__, said), encoding="utf-8")
    steps = next_steps(answers, place, program, packaged=_is_packaged())
    (draft / NEXT_STEPS).write_text(say_steps(steps, said), encoding="utf-8")


def _program() -> str:
    """Return the path of `sekisho` of this installation."""
    if _is_packaged():
        return "sekisho"
    beside = Path(sys.executable).with_name("sekisho")
    return str(beside) if beside.exists() else "sekisho"


def _is_packaged() -> bool:
    """Say whether the Debian package brought this program, and with it the account and the unit."""
    return sys.prefix == "/usr/lib/sekisho"


def _hand_over(draft: Path, folder: Path, said: Language) -> None:
    """Let the folder appear whole: it is copied beside its place, and takes it by one rename."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            shutil.copytree(draft, beside, dirs_exist_ok=True)
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        reason = Phrase(f"{folder} cannot be written: {error.strerror}", f"{folder} に書けません（{error.strerror}）")
        say(reason.say(said), error=True)
        raise typer.Exit(EXIT_USERS) from None


def _say_done(folder: Path, draft: Path, configuration: Configuration, answers: Answers, said: Language) -> None:
    """Say what was written, what `check` remarks, and what to do next."""
    say(Phrase(f"wrote {folder}:", f"{folder} に書きました。").say(said))
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        say(f"  {file.relative_to(folder)}")
    for remark in configuration.remarks:
        say("remark: " + remark.say(said).replace(str(draft), str(folder)))
    steps = next_steps(answers, str(folder.resolve()), _program(), packaged=_is_packaged())
    say_text(say_steps(steps, said))
    if answers[Question.PROVIDER] != Provider.EMULATOR:
        forms = Phrase("The page is also in", "この手順は次のファイルにもあります：").say(said)
        say(f"{forms} {folder / NEXT_STEPS}")
