"""The emulator's pages: the test screen, and the page of a refused request.

The title and the wording 「レスポンス」「正常」「テストカード情報一覧」「認証」 are those of the agency's test screen;
its column for the 12-digit number is left out, since that number has no place in this system.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.demo.deck import Card
from gateway.demo.emulator_signing import SignTransaction
from gateway.demo.provider_rules import Mistake
from gateway.language import Language

TITLE = "デジタル認証アプリ 認証API/署名APIテストレスポンス設定画面"

ERRORS = (
    ("access_denied", "利用者が認証を中止した"),
    ("invalid_request", "リクエストが不正"),
    ("unauthorized_client", "クライアントに権限がない"),
    ("unsupported_response_type", "レスポンスタイプが不正"),
    ("invalid_scope", "スコープが不正"),
    ("login_required", "ログインが必要"),
    ("interaction_required", "利用者の操作が必要"),
    ("unmet_authentication_requirements", "求められた認証ができない"),
    ("server_error", "サーバーエラー"),
    ("temporarily_unavailable", "一時的に利用できない"),
    ("x_unknown_error", "定義のないコード"),
)
"""OAuth and OpenID Connect error codes; which of them the real service sends is not established."""

_ERRORS_EN = (
    "the person stopped the sign-in",
    "the request is not correct",
    "the client may not do this",
    "the response type is not correct",
    "the scope is not correct",
    "a sign-in is needed",
    "the person must do something",
    "the wanted way of authentication is not possible",
    "the server has failed",
    "not available for the moment",
    "a code that nobody has defined",
)

_WORDS = {
    Language.JA: {
        "client": "接続元サービス",
        "asked": "求められている情報",
        "ignored": "定義のないパラメータ（無視されます）",
        "response": "レスポンス",
        "normal": "正常",
        "errors": "エラー",
        "deck": "テストカード情報一覧",
        "number": "番号",
        "card": "テストカード",
        "serial": "利用者証明用シリアル番号",
        "state": "状態",
        "signing_serial": "署名用シリアル番号",
        "none": "なし",
        "people": "さまざまな人のカード",
        "about": "内容",
        "name": "氏名",
        "birthdate": "生年月日",
        "address": "住所",
        "sign": "署名",
        "authenticate": "認証",
    },
    Language.EN: {
        "client": "Client",
        "asked": "Asked for",
        "ignored": "Parameters that are not defined, and ignored",
        "response": "Response",
        "normal": "Normal",
        "errors": "Errors",
        "deck": "Test cards",
        "number": "Number",
        "card": "Card",
        "serial": "Serial number for authentication",
        "state": "State",
        "signing_serial": "Serial number for signing",
        "none": "none",
        "people": "Cards of various people",
        "about": "About",
        "name": "Name",
        "birthdate": "Date of birth",
        "address": "Address",
        "sign": "Sign",
        "authenticate": "Authenticate",
    },
}

_DECK = 4

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def choice_page(
    *,
    client_id: str,
    client_name: str,
    scopes: Sequence[str],
    ignored: Sequence[str],
    action: str,
    cards: Sequence[Card],
    signing: SignTransaction | None = None,
    language: Language = Language.JA,
) -> str:
    """Return the page on which a tester chooses the answer: one post form, inputs `response` and `card`."""
    english = language is Language.EN
    errors = [(code, other if english else words) for (code, words), other in zip(ERRORS, _ERRORS_EN, strict=True)]
    return _PAGES.get_template("emulator/choice.html").render(
        title=TITLE,
        client_id=client_id,
        client_name=client_name,
        scopes=scopes,
        ignored=ignored,
        action=action,
        errors=errors,
        language=language.value,
        words=_WORDS[language],
        cards=cards,
        deck=_DECK,
        signing=signing,
    )


def refusal(mistakes: Sequence[Mistake]) -> str:
    """Return the page of a refused request, with every reason on it."""
    return _PAGES.get_template("emulator/refused.html").render(mistakes=mistakes, language=Language.JA.value)
