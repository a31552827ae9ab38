"""Our client keys: published, rotated, retired, and never shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.login.keys import KeySet, KeySetError, read_key_set, signing_key

EC = ECKey.generate_key("P-256", auto_kid=False)
EC2 = ECKey.generate_key("P-256", auto_kid=False)
RSA = RSAKey.generate_key(2048, auto_kid=False)
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


def both() -> KeySet:
    """A set of one key of each kind."""
    return KeySet((signing_key(EC, "a", "ES256"), signing_key(RSA, "b", "RS256")))


def member(key: Any, **changes: Any) -> dict[str, Any]:
    """A key as a file has it."""
    return {**key.as_dict(private=True), "kid": "a", "alg": "ES256", "use": "sig", **changes}


def test_the_public_view_has_public_members_only() -> None:
    """Picked by name: what nobody thought of stays inside."""
    published = json.loads(both().public_jwks())["keys"]

    assert [set(key) for key in published] == [
        {"kty", "crv", "x", "y", "kid", "use", "alg"},
        {"kty", "n", "e", "kid", "use", "alg"},
    ]
    assert not any(PRIVATE & set(key) for key in published)


def test_no_private_member_shows_by_accident() -> None:
    """A traceback's `repr` and a format string show none."""
    secret = str(EC.as_dict(private=True)["d"])

    assert secret not in f"{both()!r} {both()} {both().keys[0]!r}"


def test_a_file_gives_back_what_was_written() -> None:
    """Order included: the first signs."""
    read = read_key_set(both().private_jwks())

    assert [key.public for key in read.keys] == [key.public for key in both().keys]
    assert read.signing.kid == "a"


def test_rotation_overlaps() -> None:
    """A new key is published before it signs, an old one after."""
    new = signing_key(EC2, "c", "ES256")
    with_new = both().with_new(new)
    rotated = with_new.rotated()
    retired = rotated.retired("a")

    assert (with_new.signing.kid, rotated.signing.kid, retired.signing.kid) == ("a", "c", "c")
    assert [key.kid for key in rotated.keys] == ["c", "a", "b"]
    assert [key.kid for key in retired.keys] == ["c", "b"]


def test_what_would_leave_us_without_a_key_is_refused() -> None:
    """The refusal says what to do first."""
    one = KeySet((signing_key(EC, "a", "ES256"),))

    with pytest.raises(KeySetError, match="keys new"):
        one.rotated()
    with pytest.raises(KeySetError, match="keys rotate"):
        both().retired("a")
    with pytest.raises(KeySetError, match="no key `x`"):
        both().retired("x")
    with pytest.raises(KeySetError, match="already"):
        one.with_new(signing_key(EC2, "a", "ES256"))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member(EC, alg="HS256")], "`alg` is none of"),
        ([member(EC, alg="RS256")], "not of the type"),
        ([member(ECKey.generate_key("P-384", auto_kid=False))], "not of the type"),
        ([member(OctKey.generate_key(256, auto_kid=False))], "not of the type"),
        ([{**EC.as_dict(private=False), "kid": "a", "alg": "ES256"}], "no private members"),
        ([member(EC, kid="")], "no `kid`"),
        ([member(EC, use="enc")], "`use` is not"),
        ([member(EC), member(EC2)], "two keys have the kid `a`"),
        ([member(RSA, alg="RS256", n="w" * 170)], "at least 2048"),
        ([member(RSA, alg="RS256", n="あ")], "at least 2048"),
        ([member(EC, x="AAAA")], "are not a valid key"),
        (["text"], "not an object"),
        ([], "not a JWKS"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(members: list[Any], said: str) -> None:
    """The words quote no member of a key."""
    with pytest.raises(KeySetError, match=said) as refused:
        read_key_set(json.dumps({"keys": members}).encode())

    assert str(EC.as_dict(private=True)["d"]) not in str(refused.value)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"keys": {}}', b"\xff\xfe"])
def test_what_is_no_jwks_is_refused(text: bytes) -> None:
    """With words, not with a traceback."""
    with pytest.raises(KeySetError):
        read_key_set(text)


def test_every_mistake_is_told_at_once() -> None:
    """One a line, by position."""
    with pytest.raises(KeySetError) as refused:
        read_key_set(json.dumps({"keys": [member(EC, kid=None), member(EC, alg="none")]}).encode())

    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == ["key 1", "key 2"]
