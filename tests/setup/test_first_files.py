"""The settings of the first hour, line by line."""

from __future__ import annotations

import pytest
from ruamel.yaml import YAML

from gateway.setup.first_files import compose_file, draft_settings, question_at, quoted, text_of
from gateway.setup.pack import Needs
from gateway.setup.questions import Answers, Provider, Question
from gateway.yaml.mistakes import Language

ANSWERS: Answers = {
    Question.CITY: "東京都渋谷区",
    Question.SECTION: '渋谷区 "スポーツ": #振興課',
    Question.SECTION_EN: "",
    Question.SERVICE: "施設予約",
    Question.SERVICE_EN: "Facility booking",
    Question.PROVIDER: Provider.SANDBOX,
    Question.CLIENT_ID: "RP00000001",
    Question.URL: "https://yoyaku.city.example.lg.jp",
    Question.UPSTREAM: "http://10.0.0.5:8080",
    Question.POLICY: "facility-booking",
    Question.COOKIE: "JSESSIONID",
    Question.CONTACT: "https://www.city.example.lg.jp/contact",
    Question.PHONE: "03-1234-5678",
    Question.PRIVACY: "https://www.city.example.lg.jp/privacy",
    Question.STORE: "redis://127.0.0.1:6379/0",
    Question.RUN: "systemd",
}


NEEDS = Needs(("name", "address"), counts=True, signs=True)


def read(answers: Answers) -> dict[str, object]:
    read = YAML(typ="safe", pure=True).load(text_of(draft_settings(answers, NEEDS, Language.JA)))
    assert isinstance(read, dict)
    return read


def test_yaml_reads_every_answer_as_it_was_given() -> None:
    """Quotes, colons and hashes in a section's name change nothing around it."""
    settings = read(ANSWERS)

    assert settings["provider"] == {
        "environment": "sandbox",
        "client_id": "RP00000001",
        "keys": {"file": "client-keys.jwks"},
        "contracted": ["name", "address"],
    }
    assert settings["apps"] == [
        {
            "name": "facility-booking",
            "url": "https://yoyaku.city.example.lg.jp",
            "upstream": "http://10.0.0.5:8080",
            "policy": "policies/facility-booking.yaml",
            "operator": {"ja": '渋谷区 "スポーツ": #振興課'},
            "brand": {"service": {"ja": "施設予約", "en": "Facility booking"}},
            "privacy_policy": "https://www.city.example.lg.jp/privacy",
            "contact": {"url": "https://www.city.example.lg.jp/contact", "phone": "03-1234-5678"},
            "application_cookies": ["JSESSIONID"],
        }
    ]
    assert settings["trusted_proxies"] == ["127.0.0.1"]
    assert settings["limits"] == {"store": "redis://127.0.0.1:6379/1"}
    assert settings["signing"] == {}


@pytest.mark.parametrize(
    ("url", "listen"),
    [
        ("http://localhost:8080", "127.0.0.1:8080"),
        ("http://localhost:9999/", "127.0.0.1:9999"),
        ("http://localhost", "127.0.0.1:80"),
        ("https://yoyaku.example.jp", "127.0.0.1:8080"),
    ],
)
def test_the_gateway_listens_where_the_browser_comes(url: str, listen: str) -> None:
    """On this machine it is the URL's own port; a server with TLS in front comes to 8080."""
    assert read({**ANSWERS, Question.URL: url})["listen"] == listen


def test_the_emulator_is_this_machines() -> None:
    """Nothing stands in front, so nobody's forwarding headers are believed."""
    settings = read({**ANSWERS, Question.PROVIDER: Provider.EMULATOR, Question.COOKIE: ""})

    assert "trusted_proxies" not in settings
    assert settings["provider"]["issuer"] == "http://localhost:9000/api/realms/main"  # type: ignore[index]
    assert "application_cookies" not in settings["apps"][0]  # type: ignore[index]


def test_a_line_knows_its_question() -> None:
    """A mistake on it is so said of the answer."""
    lines = draft_settings(ANSWERS, NEEDS, Language.EN)
    upstream = next(number for number, line in enumerate(lines, 1) if "upstream:" in line.text)

    assert question_at(lines, upstream) is Question.UPSTREAM
    assert question_at(lines, 1) is None
    assert question_at(lines, 0) is None
    assert question_at(lines, len(lines) + 1) is None


@pytest.mark.parametrize("text", ["no", "1", "null", "a: b", "- a", '"', "\\", "*a", "#", "{a}", "渋谷区", "\u3000"])
def test_a_quoted_text_is_itself(text: str) -> None:
    """YAML reads many a text as something else."""
    assert YAML(typ="safe", pure=True).load(quoted(text)) == text


@pytest.mark.parametrize("language", list(Language))
def test_a_container_has_the_settings_and_writes_nowhere_else(language: Language) -> None:
    """The folder is read-only, the switches lie in the one that it may write, and its health is asked at the door."""
    answers = {**ANSWERS, Question.RUN: "container"}

    gateway = YAML(typ="safe", pure=True).load(compose_file(answers, "0.2.0", language))["services"]["gateway"]

    assert gateway["image"] == "${SEKISHO_IMAGE:-localhost/sekisho:0.2.0}"
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert gateway["volumes"] == [".:/etc/sekisho:ro", "./state:/etc/sekisho/state"]
    assert gateway["environment"] == {
        "SEKISHO_HEALTH": "http://127.0.0.1:8080/.sekisho/health",
        "STATE_DIRECTORY": "/etc/sekisho/state",
    }
    assert read(answers)["switches"] == "state/switches.json"
    assert "switches" not in read(ANSWERS)
