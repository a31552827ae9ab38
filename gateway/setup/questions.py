"""The questions of the first hour, in the order in which they are asked, each with the option that answers it.

An answer is a text. `default_of` gives the answer of a person who presses Enter: it can depend on earlier answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.policy.residence import NotAPlace, Place, find_place
from gateway.yaml.mistakes import Language, Phrase, one_of

EMULATOR_PORT = 9000
"""The port of `sekisho emulator`, if nothing else is said."""

EMULATOR_CLIENT = "RP00000001"
"""The client that the emulator knows by itself."""

_LOCAL = "http://localhost:8080"


class Provider(StrEnum):
    """The provider that the gateway begins with."""

    EMULATOR = "emulator"
    SANDBOX = "sandbox"
    PRODUCTION = "production"


class Service(StrEnum):
    """The program that starts the gateway."""

    SYSTEMD = "systemd"
    CONTAINER = "container"
    NONE = "none"


class Question(StrEnum):
    """A question, by the name of its option: `city` is `--city`."""

    CITY = "city"
    SECTION = "section"
    SECTION_EN = "section-en"
    SERVICE = "service"
    SERVICE_EN = "service-en"
    PROVIDER = "provider"
    CLIENT_ID = "client-id"
    URL = "url"
    UPSTREAM = "upstream"
    POLICY = "policy"
    COOKIE = "cookie"
    CONTACT = "contact"
    PHONE = "phone"
    PRIVACY = "privacy"
    STORE = "store"
    RUN = "run"


Answers = Mapping[Question, str]
"""The answers so far; an empty text is a question that was passed over."""

ASKED: Mapping[Question, Phrase] = {
    Question.CITY: Phrase("Municipality (such as 東京都渋谷区)", "市区町村（例：東京都渋谷区）"),
    Question.SECTION: Phrase(
        "Section that receives the facts, as citizens know it", "情報を受け取る部署（住民に見える名前）"
    ),
    Question.SECTION_EN: Phrase("The same in English (Enter: none)", "その英語名（なければEnter）"),
    Question.SERVICE: Phrase("Name of the service", "サービスの名前（例：施設予約）"),
    Question.SERVICE_EN: Phrase("The same in English (Enter: none)", "その英語名（なければEnter）"),
    Question.PROVIDER: Phrase(
        "Provider: emulator (no contract needed), sandbox or production",
        "提供側：emulator（契約なしで試す）、sandbox（テスト環境）、production（本番環境）",
    ),
    Question.CLIENT_ID: Phrase("Client ID that the agency gave you", "デジタル庁から届いたクライアントID"),
    Question.URL: Phrase("Address that citizens open", "住民が開くアドレス"),
    Question.UPSTREAM: Phrase("Address of the application, seen from here", "このマシンから見たアプリのアドレス"),
    Question.POLICY: Phrase("Policy to begin with (its number or name)", "はじめに使うポリシー（番号または名前）"),
    Question.COOKIE: Phrase(
        "Name of the application's session cookie, such as JSESSIONID or PHPSESSID (Enter: none)",
        "アプリのセッション用クッキーの名前（JSESSIONID、PHPSESSIDなど。なければEnter）",
    ),
    Question.CONTACT: Phrase("URL of the page with help", "お問い合わせページのURL"),
    Question.PHONE: Phrase("Telephone for questions, such as 03-0000-0000", "お問い合わせの電話（例：03-0000-0000）"),
    Question.PRIVACY: Phrase("URL of the privacy policy", "プライバシーポリシーのURL"),
    Question.STORE: Phrase(
        "Store of sessions: redis://host:port/0, or memory",
        "セッションの置き場所：redis://ホスト:ポート/0 または memory",
    ),
    Question.RUN: Phrase(
        "Files for a service: systemd, container or none",
        "サービス用のファイル：systemd、container（コンテナー）、none",
    ),
}

OPTIONAL = frozenset({Question.SECTION_EN, Question.SERVICE_EN, Question.COOKIE})
"""Questions that may be passed over."""


def is_asked(question: Question, answers: Answers) -> bool:
    """Say whether the answers before leave the question open: the emulator gives its client a name itself."""
    return question is not Question.CLIENT_ID or answers.get(Question.PROVIDER) != Provider.EMULATOR


def default_of(question: Question, answers: Answers) -> str | None:
    """Return the answer of a person who presses Enter; None if there must be one."""
    tries_out = answers.get(Question.PROVIDER, Provider.EMULATOR) == Provider.EMULATOR
    match question:
        case Question.PROVIDER:
            return Provider.EMULATOR
        case Question.CLIENT_ID:
            return EMULATOR_CLIENT if tries_out else None
        case Question.URL:
            return _LOCAL if tries_out else None
        case Question.UPSTREAM:
            return "http://127.0.0.1:8000"
        case Question.POLICY:
            return "facility-booking"
        case Question.STORE:
            return "memory" if tries_out else "redis://127.0.0.1:6379/0"
        case Question.RUN:
            return Service.NONE if tries_out else Service.SYSTEMD
        case _:
            return "" if question in OPTIONAL else None


def fault_of(question: Question, answer: str, policies: Mapping[str, str]) -> Phrase | None:
    """Return the fault of an answer that only this page can judge; the settings' reader judges the others.

    `policies` has the names of the shipped policies.
    """
    if not answer:
        return None if question in OPTIONAL else Phrase("an answer is needed", "答えが必要です")
    if any(not sign.isprintable() for sign in answer):
        return Phrase("the answer has a character that cannot be printed", "印字できない文字が入っています")
    match question:
        case Question.CITY:
            return _fault_of_city(answer)
        case Question.PROVIDER:
            return None if answer in set(Provider) else one_of(list(Provider))
        case Question.RUN:
            return None if answer in set(Service) else one_of(list(Service))
        case Question.POLICY:
            return None if answer in policies else one_of(list(policies))
        case _:
            return None


def _fault_of_city(answer: str) -> Phrase | None:
    place = find_place(answer)
    if isinstance(place, NotAPlace):
        meant = place.candidates[:3]
        en = f"; did you mean {' or '.join(meant)}?" if meant else "; write it with its prefecture"
        ja = f"（{'、'.join(meant)} のことですか）" if meant else "（都道府県から書いてください）"
        return Phrase(
            f"`{answer}` is no municipality, or several{en}", f"`{answer}` という市区町村は一つに決まりません{ja}"
        )
    if not place.municipality or place.city:
        return Phrase(
            f"`{answer}` is no municipality: write a city, a special ward, a town or a village",
            f"`{answer}` は市区町村ではありません。市、特別区、町、村を書いてください（政令市の区は市の名前で）",
        )
    return None


def town_of(answers: Answers) -> Place:
    """Return the municipality of answers without a fault.

    Raises:
        ValueError: the answer names none.

    """
    place = find_place(answers[Question.CITY])
    if isinstance(place, NotAPlace):
        raise ValueError(place.reason)  # noqa: TRY004 - the answer is wrong, not its type
    return place


def option_of(question: Question) -> str:
    """Return the option of the command line that answers a question."""
    return f"--{question}"


def asked_in(question: Question, language: Language) -> str:
    """Return the words of a question."""
    return ASKED[question].say(language)
