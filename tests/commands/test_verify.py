from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from jwcrypto.jwk import JWK
from typer.testing import CliRunner

from gateway.cli import app
from gateway.headers.assertion import AssertionKeys, Assertions
from gateway.policy.permit_cache import PermitCache
from gateway.policy.verdict import Permit, RuleId
from gateway.settings.settings import AssertionSettings
from tests.builders import route

AUDIENCE = "https://app.gw.test"


@pytest.fixture
def assertion(tmp_path: Path) -> tuple[str, Path]:
    """A token of this moment, and the keys that hold it."""
    private = json.loads(JWK.generate(kty="EC", crv="P-256", kid="one").export_private())
    keys = AssertionKeys(json.dumps({"keys": [private]}))
    permit = Permit(RuleId("booking", "reserve"), None, (("subject", "hanako"), ("name", "髙橋　花子")))
    line, _ = Assertions(keys, AssertionSettings(), bytes).line_for(permit, route(), PermitCache(), time.time())
    path = tmp_path / "keys.jwks"
    path.write_bytes(keys.published)
    return line.removeprefix(b"X-Verified-Assertion: ").strip().decode(), path


def test_a_true_assertion_is_shown(assertion: tuple[str, Path]) -> None:
    """Claims as JSON on standard output, from an argument or from standard input."""
    token, keys = assertion

    shown = CliRunner().invoke(app, ["verify", token, "--keys", str(keys), "--audience", AUDIENCE])
    piped = CliRunner().invoke(app, ["verify", "-", "--keys", str(keys), "--audience", AUDIENCE], input=f"{token}\n")

    assert shown.exit_code == piped.exit_code == 0
    assert json.loads(shown.stdout) == json.loads(piped.stdout)
    assert json.loads(shown.stdout)["facts"] == {"name": "髙橋　花子"}


def test_any_other_is_refused(assertion: tuple[str, Path], tmp_path: Path) -> None:
    """Exit 2 and a reason, and nothing of what the token says."""
    token, keys = assertion

    for arguments in (
        [token, "--keys", str(keys), "--audience", "https://other.gw.test"],
        [token[:-6], "--keys", str(keys), "--audience", AUDIENCE],
        [token, "--keys", str(keys), "--audience", AUDIENCE, "--issuer", "https://evil.example"],
        [token, "--keys", str(tmp_path / "none"), "--audience", AUDIENCE],
    ):
        refused = CliRunner().invoke(app, ["verify", *arguments])
        assert refused.exit_code == 2
        assert refused.stdout == ""
        assert "hanako" not in refused.output
