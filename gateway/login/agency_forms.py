"""The agency's forms ③, ④ (サービス基本情報) and ⑤ (設定書): the fields that no setting gives, and their checks.

An App's `registration` gives these fields by the keys below. The names are the forms' own. Which days count before a
wished date is the agency's rule of ten 開庁日; a holiday is one by the law, and 29 December to 3 January is closed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta

from gateway.policy.calendar import is_holiday

BASICS = "④サービス基本情報"
SETUP = "⑤テスト環境・本番環境設定書"

SIGN_INS, SIGNATURES = "月間トランザクション数（認証）", "月間トランザクション数（署名）"
"""The fields of ④ that say how often the provider is asked in a month."""

OPEN_DAYS_BEFORE = 10
"""開庁日 before the wished date, by which the forms must be with the agency."""

LONGEST_CONTENT = 100
"""Characters of サービス内容."""

Check = Callable[[str], str]
"""Returns the fault of a value in Japanese; an empty text if there is none."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form that an App's `registration` gives."""

    key: str
    name: str
    form: str
    check: Check
    note: str = ""
    required: bool = True


def _anything(_: str) -> str:
    return ""


def wished_day(text: str) -> date | None:
    """Return a wished date; `None`: it is no day, or one at an end of the calendar, where no day lies beside it."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if MINYEAR < day.year < MAXYEAR else None


def _day(value: str) -> str:
    return "" if wished_day(value) else "日付ではありません。2027-01-15 のように書いてください"


def _mail(value: str) -> str:
    good = re.fullmatch(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+", value)
    return "" if good else "メールアドレスを一つだけ書いてください"


def _content(value: str) -> str:
    return "" if len(value) <= LONGEST_CONTENT else f"{LONGEST_CONTENT}文字までです（{len(value)}文字あります）"


def _kind(value: str) -> str:
    return "" if value in {"行政機関", "民間事業者"} else "行政機関 か 民間事業者 と書いてください"


def _number(value: str) -> str:
    return "" if re.fullmatch(r"[0-9]{1,12}", value) else "件数を半角の数字で書いてください"


def corporate_number_fault(value: str) -> str:
    """Return the fault of a 法人番号: 13 digits, the first a check digit (法人番号の指定等に関する省令 2条)."""
    if not re.fullmatch(r"[0-9]{13}", value):
        return "13桁の半角数字で書いてください"
    # From the lowest digit on, every other one counts twice.
    total = sum(int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(value[1:])))
    expected = 9 - total % 9
    return "" if int(value[0]) == expected else f"検査用数字が合いません（先頭は {expected} のはずです）"


FIELDS: tuple[Field, ...] = (
    Field("start", "運用開始希望日", BASICS, _day),
    Field("develop_from", "開発開始予定日", BASICS, _day),
    Field("develop_until", "開発終了予定日", BASICS, _day),
    Field("transactions", SIGN_INS, BASICS, _number, "サインインと追加確認の回数の見込み"),
    Field("embedded_service", "組込みサービス名", BASICS, _anything, "ほかのサービスに組み込む場合", required=False),
    Field("kind", "行政機関又は民間事業者", BASICS, _kind, "行政機関は公的個人認証法17条1項1号のものです"),
    Field("corporate_number", "法人番号", BASICS, corporate_number_fault),
    Field("content", "サービス内容", BASICS, _content),
    Field("contact_name", "連絡先（氏名）", BASICS, _anything),
    Field("contact_mail", "連絡先（メールアドレス）", BASICS, _mail),
    Field("emergency_name", "緊急連絡先（氏名）", BASICS, _anything),
    Field("emergency_mail", "緊急連絡先（メールアドレス）", BASICS, _mail),
    Field("foreign", "外資状況", BASICS, _anything, "行政機関は記入不要です", required=False),
    Field("foreign_country", "外資国名", BASICS, _anything, required=False),
    Field("remarks", "備考", BASICS, _anything, required=False),
    Field("business", "活用業種", SETUP, _anything),
    Field("setup_date", "設定完了希望日", SETUP, _day),
    Field(
        "test_cards",
        "利用するテストカードのシリアル番号",
        SETUP,
        _anything,
        "個人のカードは書けません。テストカード代替機能を使うなら空欄です",
        required=False,
    ),
    Field(
        "test_devices",
        "テスト用アプリを配布するApple ID・Googleアカウント",
        SETUP,
        _anything,
        "テストカード代替機能を使うなら空欄です",
        required=False,
    ),
)
"""Every field of ④ and ⑤ that the settings do not give otherwise."""

KEYS: Mapping[str, tuple[str, str]] = {
    "service": (BASICS, "サービス名"),
    "use": (BASICS, "利用形態"),
    "home": (SETUP, "ホームURI"),
    "signed_jwt": (SETUP, "Signed Jwt"),
    "summary": (SETUP, "サマリーURI"),
    "terms": (SETUP, "利用規約URI"),
    "logo": (SETUP, "ロゴ画像"),
    **{each.key: (each.form, each.name) for each in FIELDS},
}
"""Every key that an App's `registration` may have, with its form and field."""

PREPARATION: tuple[str, ...] = (
    "申込者（サービス提供者名）と代表者の役職・氏名が、④と同じ表記になっている",
    "①API利用規約 と ②秘密保持遵守事項 を、決裁者が読んで同意した",
    "利用規約4条3項の欠格事由（過去5年の刑罰・公的個人認証の認定取消しなど）に当たらない",
    "情報セキュリティ要求事項を満たす手順と記録がある",
    "共通IDとして複数の事業者で使うか、事業者ごとに分けるかを決めた（識別子の範囲が変わる）",
)
"""Points to look at before ③事前準備契約申込書 is sent: what the deck says of it, not the form's own fields."""


def latest_filing_day(wished: date) -> date:
    """Return the last day on which the forms can be filed for a wished date: ten 開庁日 lie before it."""
    day = wished
    for _ in range(OPEN_DAYS_BEFORE):
        day -= timedelta(days=1)
        while not is_open(day):
            day -= timedelta(days=1)
    return day


def rotation_days(day: date) -> tuple[date, date]:
    """Return the last day on which a new public key can be filed that is to sign on a day, and when the old one goes.

    The new key is filed in ⑤ as part of the JWKS. The old one stays a day longer, for sign-ins that are under way.
    """
    return latest_filing_day(day), day + timedelta(days=1)


def is_open(day: date) -> bool:
    """Say whether offices are open: no weekend, no holiday, and not 29 December to 3 January (行政機関の休日)."""
    closed = (day.month, day.day) >= (12, 29) or (day.month, day.day) <= (1, 3)
    return day.weekday() < 5 and not closed and not is_holiday(day)


def filed_number(filed: Mapping[str, object], name: str) -> int | None:
    """Return the number that was filed in a field; `None` if there is none."""
    values = _values(filed.get(name))
    return int(values[0]) if len(values) == 1 and re.fullmatch(r"[0-9]{1,12}", values[0]) else None


def differences(filed: Mapping[str, object], now: Mapping[str, object]) -> tuple[tuple[str, str, str], ...]:
    """Return each field whose values are not those that were filed: its name, the filed and the present values."""
    found = []
    for name in dict.fromkeys((*filed, *now)):
        before, after = _values(filed.get(name)), _values(now.get(name))
        if before != after:
            found.append((name, "、".join(before) or "（なし）", "、".join(after) or "（なし）"))
    return tuple(found)


def _values(field: object) -> tuple[str, ...]:
    """Return the values of a field of `registration --json`; nothing if it has another shape."""
    values = field.get("values") if isinstance(field, dict) else None
    return tuple(str(value) for value in values) if isinstance(values, list) else ()
