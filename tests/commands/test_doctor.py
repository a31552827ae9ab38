"""`sekisho check` and `sekisho doctor`, as an operator types them."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.login.jwcrypto_keys import new_key
from tests.upstream.certificates import certify

DAY = timedelta(days=1)


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Path:
    """Settings with nothing behind them, and no certificate yet."""
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    (tmp_path / "policy.yaml").write_text("policy: p\nrules: [{name: all, allow: everyone}]\n")
    new_key(tmp_path / "keys.jwks", "ES256")
    file = tmp_path / "gateway.yaml"
    file.write_text(
        """\
listen: 127.0.0.1:8080
provider: {environment: emulator, issuer: 'http://localhost:1/x', client_id: R, keys: {file: keys.jwks}}
sessions: {secret: {file: secret}, store: memory}
apps: [{name: a, url: 'http://localhost:8080', upstream: UPSTREAM, policy: policy.yaml}]
""",
        encoding="utf-8",
    )
    return file


LISTENER = ("'http://127.0.0.1:1'", "tls: {certificate: app.pem, key: app.key}\n")
TO_UPSTREAM = (
    "'https://127.0.0.1:1', upstream_options: {ca: app.pem, certificate: app.pem, key: app.key}",
    "",
)


@pytest.mark.parametrize("place", [LISTENER, TO_UPSTREAM], ids=["listener", "upstream"])
@pytest.mark.parametrize(
    ("begins", "ends", "code", "said", "level"),
    [
        (-60 * DAY, 60 * DAY, 0, "", "pass"),
        (-60 * DAY, 3 * DAY, 0, "remark: ", "warn"),
        (-60 * DAY, -DAY, 2, "the certificate expired on", "fail"),
        (DAY, 60 * DAY, 2, "the certificate is not valid before", "fail"),
    ],
    ids=["valid", "soon", "expired", "early"],
)
def test_a_certificate_that_browsers_or_applications_refuse_is_said(
    settings: Path, place: tuple[str, str], begins: timedelta, ends: timedelta, code: int, said: str, level: str
) -> None:
    """`check` names the file, the line and the remedy; `doctor` has a finding with the same words."""
    certify(settings.parent, "app", begins, ends)
    written = settings.read_text(encoding="utf-8").replace("UPSTREAM", place[0]) + place[1]
    settings.write_text(written, encoding="utf-8")

    checked = CliRunner().invoke(app, ["check", "-c", str(settings)])
    examined = CliRunner().invoke(app, ["doctor", "-c", str(settings)])

    assert checked.exit_code == code, checked.output
    assert said in checked.output
    assert (": good; " in checked.output) is (code == 0)
    assert ("send SIGHUP" in checked.output) is (level != "pass")
    assert f"{level}\tcertificate\t{settings.parent / 'app.pem'}\t" in examined.output


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_the_findings_are_json_for_other_tools(settings: Path, quiet: tuple[str, ...]) -> None:
    """One document with the same findings as the lines, in the same order, and the same exit code."""
    written = settings.read_text(encoding="utf-8").replace("UPSTREAM", "'http://127.0.0.1:1'")
    settings.write_text(written, encoding="utf-8")

    lines = CliRunner().invoke(app, ["doctor", *quiet, "-c", str(settings)])
    result = CliRunner().invoke(app, ["doctor", "--json", *quiet, "-c", str(settings)])
    document = json.loads(result.stdout)

    assert result.exit_code == lines.exit_code == 2
    assert document["failed"] is True
    assert [[found[key] for key in ("level", "check", "subject", "said")] for found in document["findings"]] == [
        line.split("\t") for line in lines.stdout.splitlines() if not line.startswith("\t")
    ]
    assert any(found["level"] == "pass" for found in document["findings"]) is not bool(quiet)
    assert all(bool(found["remedy"]) for found in document["findings"] if found["level"] == "fail")
