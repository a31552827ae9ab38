"""The forms of the provider, filled in from our own settings: one sheet a client and environment.

The agency has forms of its own. Another provider registers a client by the names of OpenID Connect.

Field names are the forms' own (テスト環境・本番環境設定書 and サービス基本情報). The policies say which of
the four items are asked for. An entry that the settings do not give is marked as missing. The forms' own text was not
available to us: 「Signed Jwt」 in particular is listed without a known meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.identity import Scope
from gateway.login.agency_forms import (
    BASICS,
    FIELDS,
    OPEN_DAYS_BEFORE,
    SETUP,
    SIGNATURES,
    latest_filing_day,
    wished_day,
)
from gateway.login.keys import KeySet
from gateway.login.login import BACKCHANNEL_LOGOUT, post_logout_redirect_uri, redirect_uri, scope_text
from gateway.login.profile import issuer_of
from gateway.login.provider_defaults import asked_acr, is_agencys
from gateway.settings.origin import origin_of
from gateway.settings.settings import AppSettings, Environment, ProviderSettings, SigningSettings
from gateway.strict_json import Json

CLIENT_KEYS = "keys/client"
"""The portal's page of a client's public keys, under its prefix."""

MISSING = "（未記入）"

_FORMS = (BASICS, SETUP, "")
_WISHED = frozenset({"start", "setup_date"})
"""Dates before which the agency needs its days."""

ITEMS: Mapping[Scope, str] = {
    Scope.NAME: "氏名",
    Scope.ADDRESS: "住所",
    Scope.BIRTHDATE: "生年月日",
    Scope.GENDER: "性別",
}
"""The four items of サービス基本情報, each contracted by itself."""

_ENVIRONMENTS = {
    Environment.PRODUCTION: "本番環境",
    Environment.SANDBOX: "テスト環境",
    Environment.EMULATOR: "エミュレーター（申請不要）",
    Environment.OTHER: "その他",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of a form."""

    name: str
    """The name on the form."""
    values: tuple[str, ...]
    """The text to write, one line each; empty if it is missing."""
    note: str = ""
    """A remark to read before writing it."""
    required: bool = True
    form: str = ""
    """The form of the agency's that it stands on."""
    fault: str = ""
    """The fault of the value that is written; empty if there is none."""

    @property
    def missing(self) -> bool:
        """Whether an operator must still fill it in."""
        return self.required and not self.values


@dataclass(frozen=True, slots=True)
class Sheet:
    """All fields of one client in one environment."""

    client_id: str
    environment: Environment
    issuer: str
    apps: tuple[str, ...]
    entries: tuple[Entry, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the fields that an operator must still fill in."""
        return tuple(entry.name for entry in self.entries if entry.missing)


def registration_sheet(
    client: ProviderSettings,
    apps: Sequence[AppSettings],
    used: Mapping[str, frozenset[Scope]],
    keys: KeySet,
    prefix: str,
    signing: SigningSettings | None = None,
) -> Sheet:
    """Return what to write on the forms for one client.

    `apps` are those that share the client; `used` says for each App's name which scopes its policy can ask for.
    """
    every = frozenset[Scope]().union(*(used.get(app.name, frozenset()) for app in apps))
    entries = (_agencys if is_agencys(client) else _of_openid_connect)(client, apps, used, every, keys, prefix)
    entries += _signing(signing, agencys=is_agencys(client))
    entries.sort(key=lambda entry: _FORMS.index(entry.form))
    return Sheet(
        client.client_id, client.environment, issuer_of(client), tuple(app.name for app in apps), tuple(entries)
    )


def _of_openid_connect(
    client: ProviderSettings,
    apps: Sequence[AppSettings],
    used: Mapping[str, frozenset[Scope]],
    every: frozenset[Scope],
    keys: KeySet,
    prefix: str,
) -> list[Entry]:
    """Return what another provider registers (OpenID Connect Dynamic Client Registration 1.0, and both logouts)."""
    origins = _once(origin_of(app.url) for app in apps)
    signing = client.assertion_algorithm or (keys.signing.alg if keys.keys else "")
    scopes = "、".join(
        f"{scope}：{'、'.join(app.name for app in apps if scope in used.get(app.name, ()))}"
        for scope in ITEMS
        if scope in every
    )
    userinfo = client.userinfo_algorithms[:1]
    entries = [
        Entry("client_id", _once((client.client_id,)), "提供側が決める場合は、決まった値を設定に書きます"),
        Entry("redirect_uris", _once(redirect_uri(app.url, prefix) for app in apps), "一字一句このまま登録します"),
        Entry(
            "post_logout_redirect_uris",
            _once(post_logout_redirect_uri(app.url, prefix) for app in apps),
            "提供側でのサインアウトのあとに戻る画面です",
        ),
        Entry(
            "backchannel_logout_uri",
            tuple(f"{origin}{prefix}{BACKCHANNEL_LOGOUT}" for origin in origins[:1]),
            "提供側のサーバーから届く必要があります。同じクライアントの他のアプリのオリジンでもかまいません",
        ),
        Entry("backchannel_logout_session_required", ("true",)),
        Entry("application_type", ("web",)),
        Entry("response_types", ("code",)),
        Entry("grant_types", ("authorization_code",)),
        Entry("code_challenge_method", ("S256",), "PKCEを必須にします"),
        Entry("token_endpoint_auth_method", ("private_key_jwt",)),
        Entry("token_endpoint_auth_signing_alg", _once((signing,))),
        Entry(
            "jwks_uri",
            tuple(f"{origin}{prefix}{CLIENT_KEYS}" for origin in origins[:1]),
            "または次の jwks を登録します",
        ),
        Entry("jwks", (keys.public_jwks().decode(),) if keys.keys else (), "公開鍵だけです"),
        Entry("id_token_signed_response_alg", client.id_token_algorithms[:1]),
        Entry(
            "userinfo_signed_response_alg",
            userinfo or ("none",),
            "" if userinfo else "署名のないJSONで返すという意味です",
        ),
        Entry("subject_type", ("pairwise",), "提供側が対応していれば"),
        Entry("require_auth_time", ("true",), "signed_in_within のあるルールに必要です"),
        Entry("scope", (scope_text(every),), f"使うアプリ：{scopes}" if scopes else ""),
        Entry("client_name", _said(apps, "service"), required=False),
        Entry("client_uri", _said(apps, "home") or tuple(f"{origin}/" for origin in origins), required=False),
        Entry("policy_uri", _once(app.privacy_policy for app in apps), required=False),
        Entry("tos_uri", _said(apps, "terms"), required=False),
        Entry("logo_uri", _said(apps, "logo"), required=False),
    ]
    acr_values = asked_acr(client)
    if acr_values:
        entries.append(Entry("default_acr_values", (acr_values,), "認証要求の acr_values でも求めます"))
    return entries


def _agencys(
    client: ProviderSettings,
    apps: Sequence[AppSettings],
    used: Mapping[str, frozenset[Scope]],
    every: frozenset[Scope],
    keys: KeySet,
    prefix: str,
) -> list[Entry]:
    """Return the fields of the agency's forms."""
    origins = _once(origin_of(app.url) for app in apps)
    return [
        Entry(
            "サービス名", _said(apps, "service") or _once(app.brand.service.get("ja", "") for app in apps), form=BASICS
        ),
        Entry("サービス提供者名", _once(app.operator.get("ja", "") for app in apps), form=BASICS),
        Entry("認証API利用", ("利用する",), form=BASICS),
        Entry(
            "利用形態",
            _said(apps, "use") or ("PCWEB", "スマホWEB"),
            "ブラウザーからだけ使えます（アプリは使えません）",
            form=BASICS,
        ),
        *_written(apps, BASICS),
        *(_item(scope, name, every, client, apps, used) for scope, name in ITEMS.items()),
        *_written(apps, SETUP),
        Entry("ホームURI", _said(apps, "home") or tuple(f"{origin}/" for origin in origins), form=SETUP),
        Entry(
            "リダイレクトURI",
            _once(redirect_uri(app.url, prefix) for app in apps),
            "一字一句このまま登録します",
            form=SETUP,
        ),
        Entry(
            "クライアント認証用のJWKS",
            (keys.public_jwks().decode(),),
            f"公開鍵だけです。同じものを {origins[0] if origins else ''}{prefix}{CLIENT_KEYS} でも公開しています",
            form=SETUP,
        ),
        Entry(
            "Signed Jwt",
            _said(apps, "signed_jwt"),
            "意味は未確認です。デジタル庁に確認してください",
            required=False,
            form=SETUP,
        ),
        Entry("ポリシーURI", _once(app.privacy_policy for app in apps), form=SETUP),
        Entry("サマリーURI", _said(apps, "summary"), form=SETUP),
        Entry("利用規約URI", _said(apps, "terms"), form=SETUP),
        Entry("ロゴ画像", _said(apps, "logo"), form=SETUP),
        Entry(
            "サインアウト後のリダイレクトURI",
            _once(post_logout_redirect_uri(app.url, prefix) for app in apps),
            "用紙に欄があるかは未確認です。提供側にサインアウトの機能がある場合に登録します",
            required=False,
        ),
        Entry(
            "バックチャネルログアウトURI",
            tuple(f"{origin}{prefix}{BACKCHANNEL_LOGOUT}" for origin in origins[:1]),
            "用紙に欄があるかは未確認です。提供側にサインアウト通知の機能がある場合に登録します",
            required=False,
        ),
    ]


def _written(apps: Sequence[AppSettings], form: str) -> list[Entry]:
    """Return the fields of a form that only the Apps' `registration` gives, each with its fault."""
    entries = []
    for field in FIELDS:
        if field.form == form:
            values = _said(apps, field.key)
            fault = next((found for value in values if (found := field.check(value))), "")
            note = field.note
            if field.key in _WISHED and values and not fault and (wished := wished_day(values[0])) is not None:
                note = f"{latest_filing_day(wished)} までに提出します（{OPEN_DAYS_BEFORE}開庁日前）"
            entries.append(Entry(field.name, values, note, required=field.required, form=form, fault=fault))
    return entries


def _signing(signing: SigningSettings | None, *, agencys: bool) -> list[Entry]:
    """Return the fields about the signature API (preview); where no setting uses it, the agency's form says so."""
    if signing is None:
        return [Entry("署名API利用", ("利用しない",), form=BASICS)] if agencys else []
    private = signing.operator == "private"
    return [
        Entry(
            "署名API利用",
            ("利用する",),
            "プレビュー機能です。認証要求の scope に sign が加わります",
            form=BASICS,
        ),
        Entry(
            SIGNATURES,
            () if signing.monthly is None else (str(signing.monthly),),
            "設定の signing.monthly",
            form=BASICS,
        ),
        Entry(
            "PF事業者",
            (signing.pf_operator,) if signing.pf_operator else (),
            "設定の signing.pf_operator。民間事業者は、署名の検証をPF事業者に委託します"
            if private
            else "行政機関等は不要です",
            required=private,
            form=BASICS,
        ),
    ]


def _item(
    scope: Scope,
    name: str,
    every: frozenset[Scope],
    client: ProviderSettings,
    apps: Sequence[AppSettings],
    used: Mapping[str, frozenset[Scope]],
) -> Entry:
    """Return whether one of the four items is used: by which Apps, and whether that is what was contracted."""
    label = f"券面事項入力補助APの利用：{name}"
    users = "、".join(app.name for app in apps if scope in used.get(app.name, frozenset()))
    if scope in every:
        note = f"使うアプリ：{users}"
        if scope.value not in client.contracted:
            note += f"。provider.contracted に {scope.value} がありません：契約が要ります"
        return Entry(label, ("利用する",), note, form=BASICS)
    unneeded = (
        f"provider.contracted に {scope.value} がありますが、どのポリシーも使いません"
        if scope.value in client.contracted
        else ""
    )
    return Entry(label, ("利用しない",), unneeded, form=BASICS)


def _said(apps: Sequence[AppSettings], key: str) -> tuple[str, ...]:
    return _once(app.registration.get(key, "") for app in apps)


def _once(values: Iterable[str]) -> tuple[str, ...]:
    """Return what is not empty, each once, in order."""
    return tuple(dict.fromkeys(value for value in values if value))


def sheet_text(sheet: Sheet) -> str:
    """Return a sheet as a person copies it into the forms, in Japanese."""
    lines = [
        f"■ クライアント {sheet.client_id or MISSING}（{_ENVIRONMENTS[sheet.environment]}）",
        f"　発行者：{sheet.issuer}",
        f"　アプリ：{'、'.join(sheet.apps)}",
        "",
    ]
    form = ""
    for entry in sheet.entries:
        if entry.form and entry.form != form:
            form = entry.form
            lines.append(f"［{form}］")
        values = entry.values or (MISSING if entry.required else "（任意）",)
        lines.append(f"{entry.name}：{values[0]}")
        lines += [f"　　{value}" for value in values[1:]]
        if entry.note:
            lines.append(f"　　※ {entry.note}")
        if entry.fault:
            lines.append(f"　　✕ {entry.fault}")
    lines.append("")
    lines.append(f"未記入の項目：{'、'.join(sheet.missing) or 'なし'}")
    return "\n".join(lines) + "\n"


def sheets_json(sheets: Sequence[Sheet]) -> str:
    """Return sheets for machines; a missing field is null."""
    said = [
        {
            "client_id": sheet.client_id,
            "environment": sheet.environment.value,
            "issuer": sheet.issuer,
            "apps": list(sheet.apps),
            "fields": {
                entry.name: {
                    "values": list(entry.values) or None,
                    "note": entry.note,
                    "missing": entry.missing,
                    **({"fault": entry.fault} if entry.fault else {}),
                }
                for entry in sheet.entries
            },
            "missing": list(sheet.missing),
        }
        for sheet in sheets
    ]
    return json.dumps(said, ensure_ascii=False, indent=2)


def fields_of(sheets: Json) -> dict[str, dict[str, object]]:
    """Return the fields of each client in a document of `sheets_json`.

    Raises:
        ValueError: it is another document.

    """
    found: dict[str, dict[str, object]] = {}
    for sheet in sheets if isinstance(sheets, list) else [None]:
        match sheet:
            case {"client_id": str(client), "fields": dict(fields)}:
                found[client] = dict(fields)
            case _:
                raise ValueError("not a file of `sekisho registration --save`")
    return found
