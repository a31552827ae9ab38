"""The text of a consent that a person signs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.settings.settings import ConsentSettings
from gateway.signing.consent import consent_text, version_of

CONSENT = ConsentSettings(
    "newest",
    {"ja": "カナリア\n銀行", "en": "Canary Bank"},
    {"ja": "住所変更の手続き"},
    ("birthdate", "name"),
    "https://bank.example/withdraw",
    "https://bank.example/details",
)


def test_the_text_says_who_gets_what_why_and_where_to_withdraw() -> None:
    """With its version and its time, each part on one line of its own."""
    text = consent_text(CONSENT, 0.0).decode()

    for line in (
        "提供先：カナリア 銀行",
        "提供される情報：氏名、生年月日",
        "利用目的：住所変更の手続き",
        "同意の撤回：https://bank.example/withdraw",
        f"同意の版：newest {version_of(CONSENT)}",
        "同意の日時：1970-01-01T09:00:00+09:00",
    ):
        assert f"\n{line}\n" in text


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"receiver": {"ja": "別の銀行"}},
        {"purpose": {"ja": "別"}},
        {"items": ("name",)},
        {"withdraw": "https://bank.example/other"},
        {"details": ""},
    ],
)
def test_a_changed_word_is_another_version(changes: dict[str, object]) -> None:
    """The order of the items in the settings is none."""
    assert version_of(replace(CONSENT, **changes)) != version_of(CONSENT)  # type: ignore[arg-type] # by the parameter
    assert version_of(replace(CONSENT, items=("name", "birthdate"))) == version_of(CONSENT)
