"""The files of a gateway's first hour, made from the answers: settings, service, and what to do next.

Each line of the settings knows the question that it comes from. A mistake that the settings' reader finds on a line is
so said of the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.setup.pack import Needs
from gateway.setup.questions import EMULATOR_PORT, Answers, Provider, Question, Service
from gateway.yaml.mistakes import Language, Phrase

SETTINGS = "gateway.yaml"
KEYS = "client-keys.jwks"
SECRET = "secret"  # noqa: S105 - the name of the file
POLICIES = "policies"
SCHEMA = "policy.schema.json"
NEXT_STEPS = "next-steps.md"
COMPOSE = "compose.yaml"
STATE = "state"
"""The folder for the state of a container: its switches, and the sign-outs that wait."""
CONTAINER_USER = 10001
"""The user of the image, by its number."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the settings, with the question whose answer it bears."""

    text: str
    question: Question | None = None


def draft_settings(answers: Answers, needs: Needs, language: Language) -> tuple[Line, ...]:
    """Return the lines of `gateway.yaml`, with the settings that the policy needs."""

    def note(en: str, ja: str) -> str:
        return "# " + Phrase(en, ja).say(language)

    tries_out = answers[Question.PROVIDER] == Provider.EMULATOR
    section = _words(answers, Question.SECTION, Question.SECTION_EN)
    service = _words(answers, Question.SERVICE, Question.SERVICE_EN)
    cookie = answers.get(Question.COOKIE, "")
    lines = [
        Line(
            note(
                "Every setting with its default: docs/settings.md.",
                "すべての設定と既定値は docs/settings.md にあります。",
            )
        ),
        Line(f"listen: {_door(answers)}", Question.URL),
        Line("management: 127.0.0.1:9464      " + note("never to be published", "外に公開しないこと")),
    ]
    if not tries_out:
        lines.append(
            Line("trusted_proxies: [127.0.0.1]    " + note("the server with TLS in front", "前段のTLSサーバー"))
        )
    lines += [
        Line(""),
        Line("provider:"),
        Line(f"  environment: {answers[Question.PROVIDER]}", Question.PROVIDER),
        *([Line(f"  issuer: http://localhost:{EMULATOR_PORT}/api/realms/main")] if tries_out else ()),
        Line(f"  client_id: {quoted(answers[Question.CLIENT_ID])}", Question.CLIENT_ID),
        Line(f"  keys: {{file: {KEYS}}}"),
        Line(f"  contracted: [{', '.join(needs.contracted)}]"),
        Line(""),
        Line("sessions:"),
        Line(f"  store: {quoted(answers[Question.STORE])}", Question.STORE),
        Line(f"  secret: {{file: {SECRET}}}"),
        Line(""),
        *_limits(answers, needs, language),
        *([Line("signing: {}"), Line("")] if needs.signs else ()),
        Line("access_log: stderr"),
        *_switches(answers, language),
        Line(""),
        Line("apps:"),
        Line(f"  - name: {name_of(answers)}"),
        Line(f"    url: {quoted(answers[Question.URL])}", Question.URL),
        Line(f"    upstream: {quoted(answers[Question.UPSTREAM])}", Question.UPSTREAM),
        Line(f"    policy: {POLICIES}/{answers[Question.POLICY]}.yaml", Question.POLICY),
        Line(f"    operator: {section}", Question.SECTION),
        Line(f"    brand: {{service: {service}}}", Question.SERVICE),
        Line(f"    privacy_policy: {quoted(answers[Question.PRIVACY])}", Question.PRIVACY),
        Line("    contact:"),
        Line(f"      url: {quoted(answers[Question.CONTACT])}", Question.CONTACT),
        Line(f"      phone: {quoted(answers[Question.PHONE])}", Question.PHONE),
    ]
    if cookie:
        lines.append(Line(f"    application_cookies: [{quoted(cookie)}]", Question.COOKIE))
    return tuple(lines)


def text_of(lines: Iterable[Line]) -> str:
    """Return the file that the lines make."""
    return "".join(f"{line.text}\n" for line in lines)


def question_at(lines: Sequence[Line], number: int) -> Question | None:
    """Return the question of a line, counted from 1; None if no answer is on it."""
    return lines[number - 1].question if 0 < number <= len(lines) else None


def name_of(answers: Answers) -> str:
    """Return the App's short name: the policy's, which has only letters and hyphens."""
    return answers[Question.POLICY]


def _limits(answers: Answers, needs: Needs, language: Language) -> tuple[Line, ...]:
    """Return the store of limits, if a rule counts: beside the sessions', and never where entries are evicted."""
    if not needs.counts:
        return ()
    note = Phrase(
        "noeviction and persistence: a lost entry lets a person enter twice",
        "noeviction と永続化が必要です。記録が失われると、同じ人がもう一度使えます",
    )
    store = answers[Question.STORE]
    own = re.sub(r"/\d+$", "/1", store) if store.startswith(("redis://", "rediss://")) else store
    return (
        Line("# " + note.say(language)),
        Line("limits:"),
        Line(f"  store: {quoted(own)}", Question.STORE),
        Line(""),
    )


def _switches(answers: Answers, language: Language) -> tuple[Line, ...]:
    """Return the place of the switches in a container, which cannot write the folder of the settings."""
    if answers.get(Question.RUN) != Service.CONTAINER:
        return ()
    note = Phrase("the one folder that the container writes", "コンテナーが書く唯一のフォルダー")
    return (Line(f"switches: {STATE}/switches.json    # {note.say(language)}"),)


def compose_file(answers: Answers, version: str, language: Language) -> str:
    """Return the file by which Compose runs one gateway of the image, on the machine's own network.

    The addresses in the settings are the machine's, so they hold in the container, too.
    """
    said = Phrase(
        "One gateway in a container. `docker compose up -d` in this folder starts it; docs/containers.md explains it.",
        "コンテナーのゲートウェイ一つ。このフォルダーの `docker compose up -d` で起動します（docs/containers.ja.md）。",
    )
    return f"""\
# {said.say(language)}

services:
  gateway:
    image: ${{SEKISHO_IMAGE:-localhost/sekisho:{version}}}
    network_mode: host
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    restart: unless-stopped
    stop_grace_period: 45s
    ulimits: {{nofile: 131072}}
    tmpfs: ["/tmp:size=16m"]
    environment:
      SEKISHO_HEALTH: http://{_door(answers)}/.sekisho/health
      STATE_DIRECTORY: /etc/sekisho/{STATE}
    volumes:
      - .:/etc/sekisho:ro
      - ./{STATE}:/etc/sekisho/{STATE}
"""


def quoted(text: str) -> str:
    """Return a text in the double quotes of YAML, which are JSON's."""
    return json.dumps(text, ensure_ascii=False)


def _words(answers: Answers, ja: Question, en: Question) -> str:
    english = answers.get(en, "")
    return f"{{ja: {quoted(answers[ja])}" + (f", en: {quoted(english)}" if english else "") + "}"


def _door(answers: Answers) -> str:
    """Return the address to listen on: the URL's own port where no server stands in front."""
    port = re.fullmatch(r"http://(?:localhost|127\.0\.0\.1)(?::(\d{1,5}))?/?", answers[Question.URL])
    return f"127.0.0.1:{port[1] or 80}" if port else "127.0.0.1:8080"
