"""The verifiers we hand to application owners, each run as they would run it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from pathlib import Path

import pytest
from jwcrypto.jwk import JWK

from gateway.headers.assertion import AssertionKeys, Assertions
from gateway.policy.permit_cache import PermitCache
from gateway.policy.verdict import Permit, RuleId
from gateway.settings.settings import AssertionSettings
from tests.builders import NOON, route
from tests.conftest import program

VERIFIERS = Path(__file__).resolve().parents[2] / "deploy" / "verifiers"
AUDIENCE = "https://app.gw.test"
SAMPLES = ("verify.py", "verify.php", "verify.mjs", "Verify.java")

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


def command(sample: str, folder: Path) -> list[str]:
    """Return what runs a sample; Java is compiled once."""
    path = VERIFIERS / sample
    match path.suffix:
        case ".py":
            return [sys.executable, str(path)]
        case ".php":
            return [program("php"), str(path)]
        case ".mjs":
            return [program("node"), str(path)]
        case _:
            compiler = [program("javac"), "-encoding", "UTF-8", "-Werror", "-Xlint:all", "-d", str(folder), str(path)]
            subprocess.run(compiler, check=True, capture_output=True, timeout=120)
            return [program("java"), "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8", "-cp", str(folder), "Verify"]


def new_keys(kid: str = "one") -> AssertionKeys:
    key = json.loads(JWK.generate(kty="EC", crv="P-256", kid=kid).export_private())
    return AssertionKeys(json.dumps({"keys": [key]}))


def token_of(keys: AssertionKeys, now: float = NOON) -> str:
    permit = Permit(RuleId("booking", "reserve"), None, (("subject", "hanako"), ("name", "髙橋　花子")))
    line, _ = Assertions(keys, AssertionSettings(), bytes).line_for(permit, route(), PermitCache(), now)
    return line.removeprefix(b"X-Verified-Assertion: ").strip().decode()


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forgeries(keys: AssertionKeys, good: str) -> dict[str, str]:
    """Return tokens that no application may believe, by what is wrong with them."""
    header, payload, signature = good.split(".")
    nothing = base64.urlsafe_b64encode(bytes(64)).rstrip(b"=").decode()
    public = JWK(**json.loads(keys.published)["keys"][0]).export_to_pem()
    signing = f"{part({'alg': 'HS256', 'kid': 'one'})}.{payload}"
    shared = base64.urlsafe_b64encode(hmac.new(public, signing.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    claims = {"iss": AUDIENCE, "aud": AUDIENCE, "iat": int(NOON), "exp": int(NOON) + 60, "sub": "admin"}
    return {
        "another key under a known kid": token_of(new_keys()),
        "an unknown kid": token_of(new_keys("two")),
        "alg none": f"{part({'alg': 'none', 'kid': 'one'})}.{payload}.",
        "alg none with a signature": f"{part({'alg': 'none', 'kid': 'one'})}.{payload}.{signature}",
        "HS256 with the public key": f"{signing}.{shared}",
        "changed claims": f"{header}.{part(claims)}.{signature}",
        "a zero signature": f"{header}.{payload}.{nothing}",
        "cut": good[:-6],
        "two parts": f"{header}.{payload}",
        "no token": "no token",
    }


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_verifier_believes_what_is_true_and_nothing_else(sample: str, tmp_path: Path) -> None:
    """Right: the claims come back, 髙橋 and U+3000 whole. Wrong key, App, gateway or time: exit 1, nothing said."""
    keys = new_keys()
    file = tmp_path / "jwks.json"
    file.write_bytes(keys.published)
    run = command(sample, tmp_path)
    good = token_of(keys)

    def verify(token: str, audience: str = AUDIENCE, issuer: str = AUDIENCE, now: float = NOON) -> tuple[int, str]:
        arguments = [token, str(file), audience, issuer, str(int(now))]
        done = subprocess.run([*run, *arguments], capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout.decode()

    code, said = verify(good)
    refused = {wrong: verify(token) for wrong, token in forgeries(keys, good).items()}
    refused["another App's"] = verify(good, audience="https://other.gw.test")
    refused["another gateway's"] = verify(good, issuer="https://other.gw.test")
    refused["expired"] = verify(good, now=NOON + 120)
    refused["of the future"] = verify(good, now=NOON - 120)

    assert code == 0
    assert "hanako" in said
    assert "髙橋　花子" in said
    assert {wrong: outcome for wrong, outcome in refused.items() if outcome != (1, "")} == {}
