from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from jwcrypto.jwk import JWK

from gateway.headers.assertion import (
    AssertionKeys,
    AssertionKeysError,
    AssertionRefusedError,
    Assertions,
    verify,
)
from gateway.policy.permit_cache import PermitCache
from gateway.policy.verdict import Permit, RuleId
from gateway.settings.settings import AssertionSettings
from tests.builders import NOON, app, route

AUDIENCE = "https://app.gw.test"


def jwks(*kids: str) -> str:
    return json.dumps(
        {"keys": [json.loads(JWK.generate(kty="EC", crv="P-256", kid=kid).export_private()) for kid in kids]}
    )


def counting() -> Callable[[int], bytes]:
    counter = iter(range(1000))
    return lambda size: next(counter).to_bytes(size)


def permit(*disclosed: tuple[str, str]) -> Permit:
    return Permit(RuleId("booking", "reserve"), None, disclosed)


@pytest.fixture
def keys() -> AssertionKeys:
    return AssertionKeys(jwks("new", "old"))


@pytest.fixture
def assertions(keys: AssertionKeys) -> Assertions:
    return Assertions(keys, AssertionSettings(), counting())


def token_of(assertions: Assertions, *disclosed: tuple[str, str], now: float = NOON) -> str:
    line, _ = assertions.line_for(permit(*disclosed), route(), PermitCache(), now)
    return line.removeprefix(b"X-Verified-Assertion: ").strip().decode()


def checked(token: str, keys: AssertionKeys, **changes: Any) -> dict[str, Any]:
    expected: dict[str, Any] = {"audience": AUDIENCE, "issuer": AUDIENCE, "now": NOON}
    return verify(token, keys.published.decode(), **(expected | changes))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_an_assertion_says_what_the_headers_say(assertions: Assertions, keys: AssertionKeys) -> None:
    """Registered claims, the rule, the disclosed facts as plain text, and nothing else."""
    token = token_of(assertions, ("subject", "hanako"), ("name", "髙橋　花子"), ("exp", "yes"), ("town", "a\nb"))

    claims = checked(token, keys)

    assert claims == {
        "iss": AUDIENCE,
        "aud": AUDIENCE,
        "sub": "hanako",
        "iat": int(NOON),
        "exp": int(NOON) + 60,
        "jti": base64.urlsafe_b64encode(bytes(16)).rstrip(b"=").decode(),
        "rule": "booking/reserve",
        "facts": {"name": "髙橋　花子", "exp": "yes"},
    }


def test_without_a_disclosed_subject_there_is_none(assertions: Assertions, keys: AssertionKeys) -> None:
    """`sub` is told where the rule tells the subject, and only there."""
    assert "sub" not in checked(token_of(assertions, ("may_drink", "yes")), keys)


def test_one_is_used_for_half_of_its_life(assertions: Assertions) -> None:
    """Signing costs more than the whole request: the same line serves the same facts until it is half over."""
    keep = PermitCache()
    facts = permit(("subject", "hanako"))

    first, renew_at = assertions.line_for(facts, route(), keep, NOON)

    assert renew_at == NOON + 30
    assert assertions.line_for(facts, route(), keep, NOON + 29)[0] is first
    assert assertions.line_for(facts, route(), keep, NOON + 30)[0] != first
    assert assertions.line_for(permit(("subject", "taro")), route(), keep, NOON + 30)[0] != first


def test_apps_of_one_origin_have_tokens_of_their_own(assertions: Assertions, keys: AssertionKeys) -> None:
    """They share the browser's session and may share a policy; a token for one must not open the other."""
    keep = PermitCache()
    facts = permit(("subject", "hanako"))
    wallet = route(app=app(name="wallet", url=f"{AUDIENCE}/wallet"), prefix="/wallet")
    assertions.line_for(facts, route(), keep, NOON)

    line, _ = assertions.line_for(facts, wallet, keep, NOON + 1)

    token = line.removeprefix(b"X-Verified-Assertion: ").strip().decode()
    assert checked(token, keys, audience=f"{AUDIENCE}/wallet")["aud"] == f"{AUDIENCE}/wallet"


def test_other_keys_make_another_one(assertions: Assertions) -> None:
    """An assertion from before a rotation is not sent after it."""
    keep = PermitCache()
    facts = permit(("subject", "hanako"))
    first, _ = assertions.line_for(facts, route(), keep, NOON)

    rotated = Assertions(AssertionKeys(jwks("newer")), AssertionSettings(), counting())

    assert rotated.line_for(facts, route(), keep, NOON)[0] != first


def test_all_keys_are_published_and_none_of_their_secrets(keys: AssertionKeys) -> None:
    """The old key stays while its last assertions live; private members are never served."""
    published = json.loads(keys.published)["keys"]

    assert [key["kid"] for key in published] == ["new", "old"]
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"} for key in published)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": "EC"}',
        '{"keys": {"kty": "EC"}}',
        '{"keys": [[]]}',
        '{"keys": [{}]}',
        '{"keys": [{"x": "kty"}]}',
        '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}',
        json.dumps({"keys": [json.loads(JWK.generate(kty="RSA", size=2048).export_private())]}),
        json.dumps({"keys": [json.loads(JWK.generate(kty="EC", crv="P-384").export_private())]}),
        json.dumps({"keys": [json.loads(JWK.generate(kty="EC", crv="P-256").export_public())]}),
        jwks("same", "same"),
    ],
)
def test_a_file_that_cannot_sign_is_refused(text: str) -> None:
    """Every mistake of a key file is ours to name, and its text is never in the message."""
    with pytest.raises(AssertionKeysError) as refused:
        AssertionKeys(text)

    assert not text or "c2VjcmV0" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"audience": "https://other.gw.test"}, "another application"),
        ({"issuer": "https://evil.example"}, "another gateway"),
        ({"now": NOON + 66}, "expired"),
        ({"now": NOON - 6}, "in the future"),
    ],
)
def test_an_assertion_is_for_one_app_now(
    assertions: Assertions, keys: AssertionKeys, changes: dict[str, Any], why: str
) -> None:
    """A replay at another App, or later, is refused."""
    with pytest.raises(AssertionRefusedError, match=why):
        checked(token_of(assertions, ("subject", "hanako")), keys, **changes)


def test_forgeries_are_refused(assertions: Assertions, keys: AssertionKeys) -> None:
    """Another key under a known `kid`, no signature, a public key as shared secret, changed claims."""
    good = token_of(assertions, ("subject", "hanako"))
    header, payload, signature = good.split(".")
    stranger = token_of(Assertions(AssertionKeys(jwks("new")), AssertionSettings(), counting()), ("subject", "admin"))
    unsigned = f"{part({'alg': 'none', 'kid': 'new'})}.{payload}."
    public = JWK(**json.loads(keys.published)["keys"][0]).export_to_pem()
    signing = f"{part({'alg': 'HS256', 'kid': 'new'})}.{payload}"
    digest = hmac.new(public, signing.encode(), hashlib.sha256).digest()
    shared = f"{signing}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
    changed = f"{header}.{part({'aud': AUDIENCE, 'iss': AUDIENCE, 'iat': 0, 'exp': 2**40})}.{signature}"

    assert checked(good, keys)["sub"] == "hanako"
    for forged in (stranger, unsigned, shared, changed, "", "a.b.c", good[:-4]):
        with pytest.raises(AssertionRefusedError):
            checked(forged, keys)
