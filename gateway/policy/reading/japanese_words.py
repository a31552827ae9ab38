"""Words by which an author knows a key or a value of the language, and the one that a policy has for it."""

from __future__ import annotations

from collections.abc import Collection
from unicodedata import normalize

_KEYS = {
    "ポリシー": ("policy",),
    "題": ("title",),
    "題名": ("title",),
    "タイトル": ("title",),
    "目的": ("purpose",),
    "利用目的": ("purpose",),
    "条件": ("conditions",),
    "規則": ("rules",),
    "ルール": ("rules",),
    "例": ("examples",),
    "名前": ("name",),
    "名称": ("name",),
    "規則名": ("name",),
    "対象": ("match",),
    "パス": ("path",),
    "メソッド": ("method",),
    "必須": ("require",),
    "要件": ("require",),
    "許可": ("allow",),
    "伝達": ("disclose", "told"),
    "開示": ("disclose",),
    "回数": ("times", "entries", "limit"),
    "年齢": ("age",),
    "以上": ("at_least",),
    "以下": ("at_most",),
    "未満": ("below",),
    "生年月日": ("born", "birthdate"),
    "居住地": ("residence",),
    "住所": ("residence", "address"),
    "町": ("town",),
    "町名": ("town",),
    "性別": ("gender",),
    "名簿": ("subject",),
    "ネットワーク": ("network",),
    "期間": ("dates",),
    "日付": ("dates", "at"),
    "曜日": ("days",),
    "時間": ("hours",),
    "時間帯": ("hours",),
    "開始": ("from",),
    "終了": ("until",),
    "期限": ("until",),
    "スイッチ": ("switch",),
    "断り文": ("if_not",),
    "日時": ("at",),
    "本人": ("who",),
    "氏名": ("name",),
    "接続元": ("from",),
    "リクエスト": ("request",),
    "期待": ("expect",),
    "結果": ("expect",),
    "状態": ("status",),
}

_WORDS = {
    "全員": ("everyone",),
    "誰でも": ("everyone",),
    "だれでも": ("everyone",),
    "すべて": ("everyone",),
    "公開": ("everyone",),
    "all": ("everyone",),
    "ログイン": ("signed_in", "sign in"),
    "ログイン済み": ("signed_in",),
    "本人": ("signed_in",),
    "再ログイン": ("sign in again",),
    "禁止": ("nobody", "deny"),
    "不可": ("nobody", "deny"),
    "誰も": ("nobody",),
    "許可": ("allow",),
    "可": ("allow",),
    "拒否": ("deny",),
    "はい": ("true", "yes"),
    "いいえ": ("false", "no"),
    "なし": ("nothing",),
    "する": ("true",),
    "しない": ("false",),
    "yes": ("true",),
    "on": ("true",),
    "true": ("true", "yes"),
    "no": ("false",),
    "off": ("false",),
    "false": ("false", "no"),
    "誕生日": ("birthday",),
    "誕生日の前日": ("eve",),
    "前日": ("eve",),
    "達した日": ("eve",),
    "達する日": ("eve",),
    "誕生月": ("birth_month",),
    "翌月": ("next_month",),
    "年度": ("fiscal_year",),
    "年度末": ("fiscal_year",),
    "学年": ("next_april",),
    "日": ("day",),
    "毎日": ("day",),
    "月": ("month",),
    "毎月": ("month",),
    "年": ("year",),
    "毎年": ("year",),
    "一度": ("ever",),
    "一回": ("ever",),
    "男": ("male",),
    "男性": ("male",),
    "男子": ("male",),
    "m": ("male",),
    "女": ("female",),
    "女性": ("female",),
    "女子": ("female",),
    "f": ("female",),
    "その他": ("other",),
    "氏名": ("name",),
    "名前": ("name",),
    "住所": ("address",),
    "生年月日": ("birthdate",),
    "性別": ("gender",),
    "都道府県": ("prefecture",),
    "市区町村": ("municipality",),
    "町名": ("town",),
    "年齢": ("age",),
    "個人": ("person",),
    "団体": ("group",),
}


def key_for(written: str, keys: Collection[str]) -> str | None:
    """Return the key that a Japanese word means where these keys can stand; `None`: it means none, or several."""
    return _only(_KEYS.get(normalize("NFKC", written).strip(), ()), keys)


def word_for(written: str, words: Collection[str]) -> str | None:
    """Return the value that another word means where these values can stand; `None`: it means none, or several."""
    folded = normalize("NFKC", written).strip().lower()
    same = next((word for word in words if word.lower() == folded), None)
    return same or _only(_WORDS.get(folded, ()), words)


def _only(meant: tuple[str, ...], known: Collection[str]) -> str | None:
    found = [word for word in meant if word in known]
    return found[0] if len(found) == 1 else None
