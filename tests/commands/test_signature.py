from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.signing.digest import digest_info_base64
from gateway.signing.document import canonical

FIELDS = [("氏名", "髙橋 花子"), ("memo", "one\r\ntwo\\")]
TITLE = "児童手当の申請"


def document(*arguments: str, body: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["signature", "document", *arguments, "--title", TITLE], input=body)


def test_an_application_makes_the_document_again(tmp_path: Path) -> None:
    """The command writes the same bytes, from a file or from standard input, for a form in any charset."""
    old = tmp_path / "form"
    old.write_bytes(urlencode(FIELDS, encoding="cp932").encode() + b"\n")

    shown = document(str(old), "--charset", "cp932")
    piped = document("-", body=urlencode(FIELDS).encode())

    assert shown.exit_code == piped.exit_code == 0
    assert shown.stdout_bytes == piped.stdout_bytes == canonical(FIELDS, TITLE)


def test_its_hash_is_told_in_both_forms() -> None:
    """In Base64, as the application hands it over."""
    body = urlencode(FIELDS).encode()
    made = canonical(FIELDS, TITLE)

    plain = document("-", "--write", "sha256", body=body)
    wrapped = document("-", "--write", "digest-info", body=body)

    assert plain.stdout == f"{base64.b64encode(hashlib.sha256(made).digest()).decode()}\n"
    assert wrapped.stdout == f"{digest_info_base64(made)}\n"


@pytest.mark.parametrize("body", [b"", b"a=%ff", b"a=\xe9", b"a=%00", b"a=" + b"x" * 70_000])
def test_a_body_that_the_gateway_would_not_keep_has_no_document(body: bytes) -> None:
    """Exit 2, a reason, and nothing on standard output that could be hashed."""
    refused = document("-", body=body)

    assert refused.exit_code == 2
    assert refused.stdout_bytes == b""
    assert "urlencoded" in refused.stderr


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Exit 2."""
    refused = document(str(tmp_path / "none"))

    assert refused.exit_code == 2
    assert "cannot be read" in refused.stderr
