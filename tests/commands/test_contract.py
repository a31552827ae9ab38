"""`sekisho contract …`, and what `sekisho registration` keeps for it."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.login.jwcrypto_keys import new_key

SETTINGS = """\
listen: 127.0.0.1:8080
provider: {environment: sandbox, client_id: RP00000001, keys: {file: keys.jwks}, contracted: [name]}
sessions: {store: memory, secret: {file: secret}}
apps:
  - name: booking
    url: https://yoyaku.city.example.lg.jp
    upstream: http://127.0.0.1:8081
    policy: policy.yaml
    registration: {corporate_number: "1000012050002", setup_date: 2027-01-15, content: 施設の予約}
"""
POLICY = "policy: p\npurpose: {ja: 予約のため}\nrules:\n  - {name: r, allow: signed_in, disclose: [name]}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    (tmp_path / "secret").chmod(0o600)
    new_key(tmp_path / "keys.jwks", "ES256")
    return tmp_path


def sekisho(*arguments: object) -> Result:
    return CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(app, [str(each) for each in arguments])


def test_what_was_filed_is_kept_and_compared(folder: Path) -> None:
    """Nothing differs at first; a new address of the application does, and the file is never replaced."""
    config, filed = folder / "gateway.yaml", folder / "filed.json"

    saved = sekisho("registration", "-c", config, "--save", filed)
    same = sekisho("contract", "diff", filed, "-c", config)
    config.write_text(SETTINGS.replace("yoyaku.city", "booking.city"), encoding="utf-8")
    other = sekisho("contract", "diff", filed, "-c", config)
    again = sekisho("registration", "-c", config, "--save", filed)

    assert saved.exit_code == 0, saved.output
    assert "検査用数字が合いません" in saved.stdout
    assert "2026-12-25 までに提出します" in saved.stdout
    assert "［④サービス基本情報］" in saved.stdout
    assert same.exit_code == 0
    assert other.exit_code == 3
    assert "リダイレクトURI" in other.stdout
    assert "booking.city.example.lg.jp" in other.stdout
    assert again.exit_code == 2


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"client_id": 1, "fields": {}}]', "[" * 100])
def test_another_file_is_refused(folder: Path, text: str) -> None:
    """With the file's name, and without a traceback."""
    (folder / "odd.json").write_text(text)

    result = sekisho("contract", "diff", folder / "odd.json", "-c", folder / "gateway.yaml")

    assert result.exit_code == 2
    assert "odd.json" in result.stderr


def test_the_keys_are_listed() -> None:
    """An operator sees what she can write into `registration`."""
    listed = sekisho("registration", "--keys").stdout
    assert "corporate_number\t④サービス基本情報\t法人番号\n" in listed
    assert "home\t⑤テスト環境・本番環境設定書\tホームURI\n" in listed


def test_a_key_that_no_form_has_is_remarked(folder: Path) -> None:
    """A slip would leave a field empty, weeks before anybody sees it."""
    config = folder / "gateway.yaml"
    config.write_text(SETTINGS.replace("content:", "contnet:"), encoding="utf-8")

    result = sekisho("check", "-c", config)

    assert "`registration` has no key `contnet`" in result.stdout
    assert "`content`" in result.stdout


def test_the_calendar_counts_open_days() -> None:
    """A wished date in January is filed before New Year."""
    assert "file the forms by 2026-12-25" in sekisho("contract", "calendar", "2027-01-15").stdout
    assert sekisho("contract", "calendar", "1月15日").exit_code == 2


def test_the_forms_are_whole_in_json(folder: Path) -> None:
    """A program sees each field, and the fault of a wrong one."""
    fields = json.loads(sekisho("registration", "-c", folder / "gateway.yaml", "--json").stdout)[0]["fields"]

    assert fields["法人番号"]["fault"].startswith("検査用数字")
    assert fields["署名API利用"]["values"] == ["利用しない"]
    assert fields["緊急連絡先（メールアドレス）"]["missing"]
