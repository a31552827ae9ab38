"""The steps after the first hour, in the reader's language: their commands, and who does each."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.login.login import redirect_uri
from gateway.settings.settings import PORTAL_PREFIX
from gateway.setup.first_files import COMPOSE, CONTAINER_USER, KEYS, POLICIES, SECRET, SETTINGS, STATE
from gateway.setup.questions import EMULATOR_CLIENT, EMULATOR_PORT, Answers, Provider, Question, Service
from gateway.yaml.mistakes import Language, Phrase


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its words, who does it, and its commands."""

    what: Phrase
    who: Phrase
    commands: tuple[str, ...] = ()


HOME = "/etc/sekisho"
"""The folder whose rights and unit the Debian package brings."""

_RIGHTS_OF_PACKAGE = "systemd-tmpfiles --create sekisho.conf"
"""The command gives each file of `HOME` its owner and mode, as the package's file for it says."""

_OPERATOR = Phrase("operator", "運用担当")
_AUTHOR = Phrase("policy author", "ポリシー担当")
_SECTION = Phrase("the section", "担当課")
_OWNER = Phrase("owner of the application", "アプリの担当")


def next_steps(answers: Answers, folder: str, program: str, *, packaged: bool = False) -> tuple[Step, ...]:
    """Return the steps from the written files to people's first sign-in.

    `program` is the path of `sekisho`. `packaged` says that Debian's package brought it, with the account and the unit.
    """
    settings, policy = f"{folder}/{SETTINGS}", f"{folder}/{POLICIES}/{answers[Question.POLICY]}.yaml"
    steps = [
        Step(
            Phrase("Read the policy, and write examples of your own", "ポリシーを読み、自分たちの例を書き足します"),
            _AUTHOR,
            (f"{program} policy words {policy}", f"{program} policy test {policy}"),
        ),
    ]
    if answers[Question.PROVIDER] == Provider.EMULATOR:
        redirect = redirect_uri(answers[Question.URL], PORTAL_PREFIX)
        steps += [
            Step(
                Phrase(
                    "Start the emulator of the provider in a second terminal",
                    "別の端末で、提供側のエミュレーターを起動します",
                ),
                _OPERATOR,
                (
                    f"{program} keys jwks {folder}/{KEYS} > {folder}/public-keys.json",
                    (
                        f"{program} emulator --port {EMULATOR_PORT} --client-id {EMULATOR_CLIENT} "
                        f"--redirect-uri {redirect} --jwks {folder}/public-keys.json"
                    ),
                ),
            ),
            Step(
                Phrase(
                    f"Start the gateway, open {answers[Question.URL]} and sign in with a test card",
                    f"ゲートウェイを起動し、{answers[Question.URL]} を開いて、テストカードでサインインします",
                ),
                _OPERATOR,
                _in_container(folder)
                if answers[Question.RUN] == Service.CONTAINER
                else (f"{program} run -c {settings}",),
            ),
            Step(
                Phrase(
                    "Then write the agency's forms, and run `sekisho init` again with `--provider sandbox`",
                    "その後、デジタル庁への申請書を書き、`--provider sandbox` でもう一度 `sekisho init` を使います",
                ),
                _SECTION,
                (f"{program} registration -c {settings}",),
            ),
        ]
        return tuple(steps)
    steps += [
        Step(
            Phrase(
                "Fill in the agency's forms with what this prints", "次の出力を見て、デジタル庁への申請書に書きます"
            ),
            _SECTION,
            (f"{program} registration -c {settings}",),
        ),
        Step(
            Phrase(
                "Let the application read the headers, and close every other way to it",
                "アプリがヘッダーを読むようにし、アプリへの他の経路をふさぎます（docs/contract.ja.md）",
            ),
            _OWNER,
        ),
        Step(
            Phrase(
                "Try the provider, the store, the keys and the application", "提供側、ストア、鍵、アプリを確かめます"
            ),
            _OPERATOR,
            (f"{program} doctor -c {settings}",),
        ),
    ]
    if answers[Question.RUN] == Service.SYSTEMD:
        as_service = Phrase("Run it as a service", "サービスとして動かします")
        steps.append(
            Step(as_service, _OPERATOR, (_RIGHTS_OF_PACKAGE, "systemctl enable --now sekisho"))
            if packaged and folder == HOME
            else Step(
                as_service,
                _OPERATOR,
                (
                    "useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin sekisho",
                    f"chown -R root:sekisho {folder}",
                    f"chmod -R u=rwX,g=rX,o= {folder}",
                    f"chown sekisho {folder}/{KEYS} {folder}/secret",
                    f"chmod 400 {folder}/{KEYS} {folder}/secret",
                    f"install -m 0644 {folder}/sekisho.service /etc/systemd/system/",
                    "systemctl daemon-reload",
                    "systemctl enable --now sekisho",
                ),
            )
        )
    elif answers[Question.RUN] == Service.CONTAINER:
        in_container = Phrase("Run it in a container", "コンテナーで動かします")
        steps.append(Step(in_container, _OPERATOR, _in_container(folder)))
    else:
        steps.append(Step(Phrase("Start it", "起動します"), _OPERATOR, (f"{program} run -c {settings}",)))
    return tuple(steps)


def _in_container(folder: str) -> tuple[str, ...]:
    """Return the commands that give the files to the image's user, check them with the image, and start it."""
    compose = f"docker compose --file {folder}/{COMPOSE}"
    return (
        f"chown -R root:{CONTAINER_USER} {folder}",
        f"chmod -R u=rwX,g=rX,o= {folder}",
        f"chown {CONTAINER_USER} {folder}/{KEYS} {folder}/{SECRET} {folder}/{STATE}",
        f"chmod 400 {folder}/{KEYS} {folder}/{SECRET}",
        f"{compose} run --rm gateway check",
        f"{compose} up --detach",
    )


def say_steps(steps: tuple[Step, ...], language: Language) -> str:
    """Return the steps as a page of Markdown."""
    lines = ["# " + Phrase("The next steps", "次にすること").say(language), ""]
    for number, step in enumerate(steps, 1):
        lines += [f"{number}. {step.what.say(language)} ({step.who.say(language)})", ""]
        if step.commands:
            lines += ["   ```sh", *(f"   {command}" for command in step.commands), "   ```", ""]
    return "\n".join(lines)
