"""The agency's forms, filled in from our own settings."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.identity import Scope
from gateway.login.agency_forms import FIELDS, SIGNATURES
from gateway.login.registration import (
    MISSING,
    Sheet,
    fields_of,
    registration_sheet,
    sheet_text,
    sheets_json,
)
from gateway.settings.settings import AppSettings, Environment, ProviderSettings, SigningSettings
from tests.login.conftest import new_keys

BOOKING = AppSettings(
    "booking",
    "https://yoyaku.city.example.lg.jp",
    operator={"ja": "渋谷区 スポーツ振興課"},
    privacy_policy="https://www.city.example.lg.jp/privacy",
    registration={"summary": "https://www.city.example.lg.jp/summary", "logo": "logo.png"},
)
CURRENCY = AppSettings("currency", "https://coin.city.example.lg.jp/", operator={"ja": "渋谷区 産業振興課"})
CLIENT = ProviderSettings(
    environment=Environment.SANDBOX, client_id="RP00000001", contracted=frozenset({"name", "gender"})
)
USED = {"booking": frozenset({Scope.OPENID, Scope.NAME, Scope.BIRTHDATE}), "currency": frozenset({Scope.OPENID})}


@pytest.fixture
def sheet() -> Sheet:
    """The sheet of two Apps that share a client."""
    return registration_sheet(CLIENT, [BOOKING, CURRENCY], USED, new_keys(), "/.sekisho/")


def field(sheet: Sheet, name: str) -> Any:
    """Return one field."""
    return next(entry for entry in sheet.entries if entry.name.endswith(name))


def test_what_follows_from_our_settings_is_filled_in(sheet: Sheet) -> None:
    """Redirect URIs of every App of the client, to the letter."""
    assert field(sheet, "リダイレクトURI").values == (
        "https://yoyaku.city.example.lg.jp/.sekisho/callback",
        "https://coin.city.example.lg.jp/.sekisho/callback",
    )
    assert field(sheet, "サービス提供者名").values == ("渋谷区 スポーツ振興課", "渋谷区 産業振興課")
    assert sheet.issuer.startswith("https://sb-")


def test_the_four_items_are_those_the_policies_use(sheet: Sheet) -> None:
    """The sheet names items that are used and not contracted, and items that are contracted and not used."""
    assert field(sheet, "：氏名").values == ("利用する",)
    assert "使うアプリ：booking" in field(sheet, "：氏名").note
    assert "契約が要ります" in field(sheet, "：生年月日").note
    assert field(sheet, "：住所").values == ("利用しない",)
    assert "どのポリシーも使いません" in field(sheet, "：性別").note


def test_what_nobody_said_is_marked(sheet: Sheet) -> None:
    """By name, at the field and at the end; what is optional is not missing."""
    needed = {field.name for field in FIELDS if field.required}
    assert set(sheet.missing) == needed | {"サービス名", "利用規約URI"}
    text = sheet_text(sheet)
    assert text.count(MISSING) == len(sheet.missing)
    assert "未記入の項目：サービス名、" in text
    assert "意味は未確認です" in text


def test_the_fields_stand_in_the_order_of_the_forms(sheet: Sheet) -> None:
    """All of ④ first, then ⑤; both forms are whole."""
    forms = [entry.form for entry in sheet.entries]
    assert forms == sorted(forms, key=["④サービス基本情報", "⑤テスト環境・本番環境設定書", ""].index)
    assert {field.name for field in FIELDS} <= {entry.name for entry in sheet.entries}
    assert "［④サービス基本情報］" in sheet_text(sheet)


def test_a_wrong_value_and_a_wished_date_are_remarked() -> None:
    """Before the form comes back from the agency."""
    app = replace(BOOKING, registration={"corporate_number": "123", "setup_date": "2027-01-15"})

    text = sheet_text(registration_sheet(CLIENT, [app], USED, new_keys(), "/.sekisho/"))

    assert "✕ 13桁の半角数字で書いてください" in text
    assert "※ 2026-12-25 までに提出します（10開庁日前）" in text


def test_the_keys_are_the_public_ones(sheet: Sheet) -> None:
    """Nothing that signs leaves by a form."""
    published = json.loads(field(sheet, "クライアント認証用のJWKS").values[0])

    assert set(published["keys"][0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert "/.sekisho/keys/client" in sheet_text(sheet)


def test_the_json_says_the_same(sheet: Sheet) -> None:
    """A program that fills in forms reads the JSON."""
    said = json.loads(sheets_json([sheet]))[0]

    assert said["fields"]["利用規約URI"] == {"values": None, "note": "", "missing": True}
    assert said["fields"]["ロゴ画像"]["values"] == ["logo.png"]
    assert said["environment"] == "sandbox"


def test_the_ways_back_from_a_sign_out_are_on_the_sheet(sheet: Sheet) -> None:
    """The agency's forms may have no field for them: none is counted as missing."""
    assert field(sheet, "サインアウト後のリダイレクトURI").values == (
        "https://yoyaku.city.example.lg.jp/.sekisho/signed-out",
        "https://coin.city.example.lg.jp/.sekisho/signed-out",
    )
    assert field(sheet, "バックチャネルログアウトURI").values == (
        "https://yoyaku.city.example.lg.jp/.sekisho/backchannel-logout",
    )


def test_another_provider_is_told_in_the_words_of_openid_connect() -> None:
    """A Keycloak's administrator has no field 「クライアント認証用のJWKS」, and needs what the agency does not ask."""
    client = ProviderSettings(issuer="https://login.town.example/realms/town", client_id="sekisho", acr_values="gold")

    made = registration_sheet(client, [BOOKING, CURRENCY], USED, new_keys(), "/.sekisho/")

    said = {entry.name: entry.values for entry in made.entries}
    assert made.missing == ()
    assert said["redirect_uris"] == field(made, "redirect_uris").values
    assert said["post_logout_redirect_uris"][1] == "https://coin.city.example.lg.jp/.sekisho/signed-out"
    assert said["backchannel_logout_uri"] == ("https://yoyaku.city.example.lg.jp/.sekisho/backchannel-logout",)
    assert said["token_endpoint_auth_method"] == ("private_key_jwt",)
    assert said["token_endpoint_auth_signing_alg"] == said["id_token_signed_response_alg"] == ("ES256",)
    assert said["jwks_uri"] == ("https://yoyaku.city.example.lg.jp/.sekisho/keys/client",)
    assert said["scope"] == ("openid name birthdate",)
    assert said["default_acr_values"] == ("gold",)
    assert "サービス名" not in said
    assert set(json.loads(said["jwks"][0])["keys"][0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


@pytest.mark.parametrize(
    ("signing", "monthly", "pf_operator", "missing"),
    [
        (SigningSettings(), (), (), {SIGNATURES, "PF事業者"}),
        (SigningSettings(monthly=300, pf_operator="検証株式会社"), ("300",), ("検証株式会社",), set()),
        (SigningSettings(operator="public", monthly=300), ("300",), (), set()),
    ],
)
def test_signatures_are_applied_for_as_they_are_set(
    signing: SigningSettings, monthly: tuple[str, ...], pf_operator: tuple[str, ...], missing: set[str]
) -> None:
    """A private operator must name the company that verifies for it; a public body names none."""
    made = registration_sheet(CLIENT, [BOOKING], USED, new_keys(), "/.sekisho/", signing)

    assert field(made, "署名API利用").values == ("利用する",)
    assert field(made, SIGNATURES).values == monthly
    assert field(made, "PF事業者").values == pf_operator
    assert {SIGNATURES, "PF事業者"}.intersection(made.missing) == missing


def test_a_saved_document_is_read_back(sheet: Sheet) -> None:
    """Each client's fields, as they were when it was written: the next run compares them."""
    other = replace(sheet, client_id="RP00000002")

    found = fields_of(json.loads(sheets_json([sheet, other])))

    assert list(found) == ["RP00000001", "RP00000002"]
    assert set(found["RP00000001"]) == {entry.name for entry in sheet.entries}


@pytest.mark.parametrize(
    "document", [None, "x", {}, [1], [None], [{"client_id": "a"}], [{"client_id": 1, "fields": {}}], [{"fields": {}}]]
)
def test_another_document_is_refused(document: Any) -> None:
    """A file that is no saved sheet is never taken for one without differences."""
    with pytest.raises(ValueError, match="registration --save"):
        fields_of(document)
