"""`sekisho contract …`, and what `sekisho registration` keeps for it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.login.jwcrypto_keys import new_key
from tests.conftest import free_port

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


def test_a_rotation_is_counted_back_from_its_day() -> None:
    """Each step has its day, and how far it is from today; a day that is over is told as such."""
    coming = sekisho("contract", "calendar", "2099-01-15", "--rotation").stdout.splitlines()
    over = sekisho("contract", "calendar", "2020-01-15", "--rotation").stdout

    assert [line.partition("\t")[0] for line in coming] == ["2098-12-24", "2099-01-15", "2099-01-16"]
    assert all("\tin " in line for line in coming)
    assert over.count("days ago") == 3


@pytest.fixture
def answering() -> Iterator[tuple[str, dict[str, Any], list[str]]]:
    """An address that answers as a Prometheus does, its answers by a word of the question, and what was asked."""
    answers: dict[str, Any] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)["query"][0]
            asked.append(query)
            value = next((value for word, value in answers.items() if word in query), None)
            result = [] if value is None else [{"metric": {}, "value": [1.0, value]}]
            body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", answers, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_more_sign_ins_than_were_filed_are_a_difference(
    folder: Path, answering: tuple[str, dict[str, Any], list[str]]
) -> None:
    """The figures stand side by side; fewer than filed are none, and each App of the client is asked about."""
    prometheus, answers, asked = answering
    config, filed = folder / "gateway.yaml", folder / "filed.json"
    config.write_text(SETTINGS.replace("content:", 'transactions: "5000", content:'), encoding="utf-8")
    sekisho("registration", "-c", config, "--save", filed)

    few = sekisho("contract", "diff", filed, "-c", config, "--prometheus", prometheus)
    answers["sign_in_steps"] = "6200.4"
    many = sekisho("contract", "diff", filed, "-c", config, "--prometheus", prometheus)
    answers["signatures_total"] = "3"
    signed = sekisho("contract", "diff", filed, "-c", config, "--prometheus", prometheus)

    assert few.exit_code == 0, few.output
    assert "filed 5000, counted 0 in the last 30 days" in few.stdout
    assert many.exit_code == 3
    assert "filed 5000, counted 6200 in the last 30 days" in many.stdout
    assert "filed nothing, counted 3" in signed.stdout
    assert all('app=~"booking"' in query for query in asked)


@pytest.mark.parametrize("value", ["NaN", "many", None, {}])
def test_an_answer_that_is_no_number_is_said(
    folder: Path, answering: tuple[str, dict[str, Any], list[str]], value: object
) -> None:
    """Neither a traceback nor a silent zero."""
    prometheus, answers, _ = answering
    answers["sign_in_steps"] = value if value is not None else []
    filed = folder / "filed.json"
    sekisho("registration", "-c", folder / "gateway.yaml", "--save", filed)

    result = sekisho("contract", "diff", filed, "-c", folder / "gateway.yaml", "--prometheus", prometheus)

    assert result.exit_code == 2
    assert prometheus in result.stderr


def test_a_prometheus_that_is_away_is_said(folder: Path) -> None:
    """With its address."""
    filed = folder / "filed.json"
    sekisho("registration", "-c", folder / "gateway.yaml", "--save", filed)
    away = f"http://127.0.0.1:{free_port()}"

    result = sekisho("contract", "diff", filed, "-c", folder / "gateway.yaml", "--prometheus", away)

    assert result.exit_code == 2
    assert away in result.stderr
