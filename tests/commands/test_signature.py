from __future__ import annotations

import base64
import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.demo.deck import deck
from gateway.demo.signing_cards import SigningCards, as_base64
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


# Verification


CARDS = SigningCards()
HANAKO = deck(datetime.now(UTC).date())[0]
SETTINGS = """\
listen: 127.0.0.1:8080
provider: {environment: emulator, issuer: 'http://localhost:1/api/realms/main', client_id: RP1, keys: {file: k}}
sessions: {store: memory}
apps: [{name: a, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:1', policy: p.yaml}]
"""


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A folder with a document that a card has signed, as an application keeps it, and settings of a public body."""
    made = canonical(FIELDS, TITLE)
    now = datetime.now(UTC)
    (tmp_path / "document").write_bytes(made)
    (tmp_path / "signature").write_bytes(base64.b64encode(CARDS.sign(HANAKO, hashlib.sha256(made).digest())))
    (tmp_path / "certificate").write_text(as_base64(CARDS.certificate(HANAKO, now)))
    (tmp_path / "ca.pem").write_bytes(CARDS.authority(now).public_bytes(Encoding.PEM))
    (tmp_path / "gateway.yaml").write_text(f"{SETTINGS}signing: {{verify: {{statement: public_body, ca: ca.pem}}}}\n")
    return tmp_path


def verified(folder: Path, *arguments: str, certificate: str = "certificate") -> Result:
    files = ["--signature", str(folder / "signature"), "--certificate", str(folder / certificate)]
    command = ["signature", "verify", str(folder / "document"), *files, "--config", str(folder / "gateway.yaml")]
    return CliRunner().invoke(app, [*command, *arguments])


def test_a_good_signature_is_told_with_its_certificate(signed: Path) -> None:
    """Exit 0, the serial number and the document's hash."""
    found = verified(signed, "--validity", "good")

    made = (signed / "document").read_bytes()
    assert found.exit_code == 0, found.stderr
    assert found.stdout == f"good\t7F00D012\t{base64.b64encode(hashlib.sha256(made).digest()).decode()}\n"


def test_a_signature_and_a_certificate_are_read_in_every_form(signed: Path) -> None:
    """Base64 as the provider gives it, DER and PEM as OpenSSL writes them."""
    der = base64.b64decode((signed / "certificate").read_bytes())
    (signed / "leaf.der").write_bytes(der)
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", "leaf.der", "-out", "leaf.pem"], cwd=signed, check=True)
    (signed / "signature").write_bytes(base64.b64decode((signed / "signature").read_bytes()))

    for name in ("leaf.der", "leaf.pem"):
        assert verified(signed, "--validity", "good", certificate=name).exit_code == 0


def test_openssl_agrees_over_the_document_that_the_application_makes_again(signed: Path) -> None:
    """From the form alone; with one changed byte it does not verify."""
    (signed / "form").write_text(urlencode(FIELDS))
    again = document(str(signed / "form")).stdout_bytes
    (signed / "again").write_bytes(again)
    (signed / "changed").write_bytes(again.replace(b"one", b"One"))
    (signed / "leaf.der").write_bytes(base64.b64decode((signed / "certificate").read_bytes()))
    (signed / "raw").write_bytes(base64.b64decode((signed / "signature").read_bytes()))

    def openssl(*arguments: str) -> int:
        return subprocess.run(["openssl", *arguments], cwd=signed, capture_output=True, check=False).returncode

    assert openssl("x509", "-inform", "DER", "-in", "leaf.der", "-noout", "-pubkey", "-out", "key.pem") == 0
    assert openssl("dgst", "-sha256", "-verify", "key.pem", "-signature", "raw", "again") == 0
    assert openssl("dgst", "-sha256", "-verify", "key.pem", "-signature", "raw", "changed") == 1


def test_each_reason_is_told(signed: Path) -> None:
    """Exit 2; the word for programs, and a sentence."""
    (signed / "document").write_bytes(b"another")

    found = verified(signed)

    assert found.exit_code == 2
    assert found.stdout == ""
    assert [line.split("\t")[0] for line in found.stderr.splitlines()] == ["signature_wrong", "validity_unknown"]


def test_the_time_of_the_signature_is_the_operators_to_say(signed: Path) -> None:
    """A document may be verified years later."""
    before = (datetime.now(UTC) - timedelta(days=3650)).isoformat()

    early = verified(signed, "--validity", "good", "--at", before)
    unclear = verified(signed, "--validity", "good", "--at", "2026-11-29T12:00:00")

    assert (early.exit_code, unclear.exit_code) == (2, 2)
    assert early.stderr.startswith("certificate_not_yet_valid\t")
    assert "with its offset" in unclear.stderr


@pytest.mark.parametrize(
    ("signing", "said"),
    [
        ("", "主務大臣認定"),
        ("signing: {verify: {ca: ca.pem}}", "`statement` is missing"),
        ("signing: {verify: {statement: approved, ca: none.pem}}", "cannot be read"),
        ("signing: {verify: {statement: approved, ca: certificate}}", "file of certificates in PEM"),
    ],
)
def test_no_one_verifies_without_a_statement_and_an_authority(signed: Path, signing: str, said: str) -> None:
    """The law says who may; and without an authority there is nothing to believe."""
    (signed / "gateway.yaml").write_text(f"{SETTINGS}{signing}\n")

    found = verified(signed, "--validity", "good")

    assert found.exit_code == 2
    assert said in found.stderr
    assert found.stdout == ""
