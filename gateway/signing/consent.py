"""The canonical text of a consent that a person signs: her newest items may be given to a receiver (preview).

J-LIS's service 最新の利用者情報提供 takes a consent that is signed in the DigestInfo form. The text says who receives
which items for which purpose, where the person withdraws it, and which version of the settings it was made from. It is
in Japanese in every language of the page, because it is what the person signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from gateway.instant import Instant, tokyo_time
from gateway.settings.settings import ConsentSettings

TITLE = "最新の利用者情報（基本4情報等）の提供に関する同意書"

ITEMS: Mapping[str, str] = {
    "name": "氏名",
    "address": "住所",
    "gender": "性別",
    "birthdate": "生年月日",
    "certificate_serial": "署名用電子証明書の発行番号",
}
"""The items in the text's words, in its order."""


def version_of(consent: ConsentSettings) -> str:
    """Return what names the words of a consent: 12 hexadecimal digits, which change with any of them."""
    parts = (
        consent.name,
        consent.receiver.get("ja", ""),
        consent.purpose.get("ja", ""),
        *sorted(consent.items),
        consent.withdraw,
        consent.details,
    )
    return sha256("\0".join(parts).encode()).hexdigest()[:12]


def consent_text(consent: ConsentSettings, now: Instant) -> bytes:
    """Return the document that a person signs."""
    items = "、".join(text for name, text in ITEMS.items() if name in consent.items)
    at = tokyo_time(now)
    lines = [
        TITLE,
        "",
        "私は、地方公共団体情報システム機構が、私の次の情報の最新のものを、次の提供先に提供することに同意します。",
        "",
        f"提供先：{_one_line(consent.receiver.get('ja', ''))}",
        f"提供される情報：{items}",
        f"利用目的：{_one_line(consent.purpose.get('ja', ''))}",
        f"同意の撤回：{consent.withdraw}",
        *([f"詳しい説明：{consent.details}"] if consent.details else []),
        "",
        f"同意の版：{consent.name} {version_of(consent)}",
        f"同意の日時：{at.isoformat(timespec='seconds')}",
    ]
    return ("\n".join(lines) + "\n").encode()


def _one_line(text: str) -> str:
    return " ".join(text.split())
