"""An operator is read a number over the telephone, and finds what became of the request."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.audit.chain import BEGINNING, make_line
from gateway.cli import app
from gateway.commands.support import of_number
from gateway.request.support import support_number

REQUEST = "5f0c9a3be1d24c77a0b1"
NUMBER = support_number(REQUEST)
ACCESS = {"time": "2026-11-29T03:00:00Z", "request_id": REQUEST, "path": "/reserve", "status": 403}
OTHER = {**ACCESS, "request_id": "0123456789abcdef0123"}


def sekisho(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, ["support", *arguments], input=typed)


def settings(folder: Path, more: str) -> Path:
    (folder / "gateway.yaml").write_text(
        "listen: 127.0.0.1:8080\n"
        "provider: {environment: emulator, issuer: 'http://localhost:1/x', client_id: c, keys: {file: keys.jwks}}\n"
        "apps: [{name: a, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:1', policy: policy.yaml}]\n" + more
    )
    return folder / "gateway.yaml"


def test_the_access_line_and_the_trails_entry_are_found(tmp_path: Path) -> None:
    """Without a word about files: the settings name them. The number may be typed in any way."""
    (tmp_path / "access.log").write_text(f"{json.dumps(OTHER)}\n{json.dumps(ACCESS)}\n")
    (tmp_path / "trail").mkdir()
    line, _ = make_line({"action": "decision", "request_id": REQUEST}, BEGINNING)
    (tmp_path / "trail" / "worker-1.000001.jsonl").write_bytes(line)
    config = settings(tmp_path, "access_log: access.log\naudit: {directory: trail, keys: {file: audit.jwks}}\n")

    result = sekisho(NUMBER.lower().replace("-", " "), "-c", str(config))

    access, entry = map(json.loads, result.stdout.splitlines())
    assert (result.exit_code, access, entry["action"]) == (0, ACCESS, "decision")


def test_a_journal_is_piped_in(tmp_path: Path) -> None:
    """The journal may write its own words in front; an older file is read as it was packed."""
    packed = tmp_path / "access.log.1.gz"
    packed.write_bytes(gzip.compress(json.dumps(ACCESS).encode()))
    typed = (
        f"Nov 29 gw1 sekisho[7]: {json.dumps(ACCESS)}\n2026-11-29 [info] sign_in request_id={REQUEST} outcome=begun\n"
    )

    result = sekisho(NUMBER, str(packed), "-", typed=f"{json.dumps(OTHER)}\n{typed}")

    assert result.stdout.splitlines() == [json.dumps(ACCESS), *typed.splitlines()]


@pytest.mark.parametrize(("number", "said"), [(support_number("x"), "no line is about"), ("K7QM-2XH0", "no number")])
def test_what_is_not_found_is_said(tmp_path: Path, number: str, said: str) -> None:
    """A number that cannot be one is told from one that no line has: the person reads it out once more."""
    (tmp_path / "access.log").write_text(json.dumps(ACCESS))

    result = sekisho(number, str(tmp_path / "access.log"))

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_lines_on_standard_error_must_be_piped(tmp_path: Path) -> None:
    """The command says so, and gives the line to type; a file that is not there is named."""
    config = settings(tmp_path, "")

    piped, missing = sekisho(NUMBER, "-c", str(config)), sekisho(NUMBER, str(tmp_path / "no.log"))

    assert "journalctl -u sekisho" in piped.stderr
    assert "no.log" in missing.stderr
    assert (piped.exit_code, missing.exit_code) == (2, 2)


def test_a_number_inside_another_fields_value_is_not_taken_for_the_id() -> None:
    """The request's id stands under its name; a longer id is not read by its beginning."""
    lines = [f'{{"path": "{REQUEST}"}}'.encode(), f'{{"request_id": "{REQUEST}0"}}'.encode(), b'{"request_id": ""}']

    assert list(of_number(lines, NUMBER)) == []
