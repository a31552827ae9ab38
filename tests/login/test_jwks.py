"""The provider's published keys: one that is odd, in any way, costs none of the others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from gateway.login.jwks import MOST_KEYS, Jwks, PassedOver, Unfit, read_jwks
from gateway.strict_json import NotJsonError

KEY = ECKey.generate_key("P-256", auto_kid=False)
GOOD = {**KEY.as_dict(private=False), "kid": "k1", "use": "sig", "alg": "ES256"}
LONGEST = 256 * 1024


def read(members: list[Any]) -> Jwks:
    """Return what a JWKS of these members says."""
    return read_jwks(json.dumps({"keys": members}).encode(), LONGEST)


def test_one_odd_key_costs_none_of_the_others() -> None:
    """A JWKS may hold kinds of keys, uses and members we never heard of; each that is odd is named with the reason."""
    good = {**KEY.as_dict(private=False), "kid": "k1", "use": "sig", "alg": "ES256"}
    members: list[Any] = [
        {**good, "kid": "k2", "use": "enc"},
        {**good, "kid": "k3", "key_ops": ["sign"]},
        {**good, "kid": 4},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "k5"},
        {"kty": "oct", "k": "AAAA", "kid": "k6"},
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "k7"},
        {"kty": "RSA", "kid": "k8"},
        {"kty": "RSA", "n": "w" * 170, "e": "AQAB", "kid": "k9"},
        {"kty": ["EC"], "kid": "k10"},
        {"kty": {}, "kid": "k11"},
        {**good, "kid": "k12", "key_ops": 7},
        {**good, "kid": "k13", "key_ops": "verify"},
        {**good, "kid": "k14", "crv": ["P-256"]},
        {**good, "kid": "k15", "crv": "P-999"},
        {**good, "kid": "k16", "x": 5},
        {**good, "kid": "k17", "x": "é"},
        {**good, "kid": "k18", "x": "A" * 10_000},
        {**good, "kid": "k" * 300},
        {**good, "kid": "k19", "alg": {"a": 1}},
        {**good, "kid": "k20", "y": "AA"},
        {"kty": "RSA", "n": "x" * 50_000, "e": "AQAB", "kid": "k21"},
        {"kty": "RSA", "n": "w" * 343, "e": "x" * 300, "kid": "k22"},
        {"kty": "RSA", "n": "w" * 343, "e": "", "kid": "k23"},
        {"kty": "RSA", "n": ["w"], "e": "AQAB", "kid": "k24"},
        [[]],
        "text",
        None,
        good,
    ]

    found = read(members)

    assert [key.kid for key in found.keys] == ["k1"]
    # One for encryption and one that only signs are for others: nothing is wrong with them.
    assert len(found.passed_over) == len(members) - 3
    assert PassedOver("k7", Unfit.PARAMETERS) in found.passed_over
    assert PassedOver("k9", Unfit.SIZE) in found.passed_over


@pytest.mark.parametrize(
    ("member", "kid", "why"),
    [
        ('{"kty":"EC","key_ops":null}', "", Unfit.PURPOSE),
        ('{"kty":"EC","kid":"a","kid":"b"}', "", Unfit.NOT_JSON),
        ('{"kid":"a","exp":NaN}', "", Unfit.NOT_JSON),
        ('{"kid":"a","exp":1e999}', "", Unfit.NOT_JSON),
        ('{"kid":"a","x":' + "[" * 5_000 + "]" * 5_000 + "}", "", Unfit.NOT_JSON),
        ('{"kid":"\\ud800"}', "", Unfit.NOT_JSON),
        ("nonsense", "", Unfit.NOT_JSON),
        ("", "", Unfit.NOT_JSON),
        ('"},]"', "", Unfit.NOT_AN_OBJECT),
        ('{"kty":"OKP","crv":"Ed25519","x":"AAAA","kid":"ed"}', "ed", Unfit.TYPE),
        ('{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA","kid":"k"}', "k", Unfit.TYPE),
        ("{}", "", Unfit.TYPE),
    ],
)
@pytest.mark.parametrize("place", ["before", "behind"])
def test_a_key_that_cannot_be_understood_is_passed_over(member: str, kid: str, why: Unfit, place: str) -> None:
    """A key whose text alone no reader would take is passed over as well: its other members are read by themselves."""
    both = [member, json.dumps(GOOD)] if place == "before" else [json.dumps(GOOD), member]

    found = read_jwks(f'{{"keys": [{", ".join(both)}]}}'.encode(), LONGEST)

    assert [key.kid for key in found.keys] == ["k1"]
    assert found.passed_over == (PassedOver(kid, why),)


def test_bytes_that_are_no_text_cost_their_own_key() -> None:
    """A name in another charset is the provider's slip, not the end of its sign-ins."""
    document = b'{"keys": [{"kid": "\xff"}, ' + json.dumps(GOOD).encode() + b"]}"

    found = read_jwks(document, LONGEST)

    assert ([key.kid for key in found.keys], found.passed_over) == (["k1"], (PassedOver("", Unfit.NOT_JSON),))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [}',
        b'{"keys": [], "keys": []}',
        b'{"keys": []',
        b"\xff",
        b"[" * 9_000,
    ],
)
def test_a_document_without_a_list_of_keys_is_none(document: bytes) -> None:
    """Nothing of it is guessed."""
    with pytest.raises(NotJsonError):
        read_jwks(document, LONGEST)


def test_no_number_of_odd_keys_hides_the_good_one() -> None:
    """The number of keys that are kept is bounded, not the number of those passed over."""
    assert [key.kid for key in read([{"kid": str(n)} for n in range(500)] + [GOOD]).keys] == ["k1"]
    assert len(read([GOOD] * 200).keys) == MOST_KEYS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops", "x5c", "d", "k"])


@given(st.dictionaries(MEMBERS, VALUES | st.sampled_from([*GOOD.values(), "RSA", "oct", "w" * 343])))
@example({"kty": "EC", "key_ops": None})
@example({**GOOD, "kid": "k2", "x": "AAAA"})
@example({"kty": "RSA", "n": "w" * 343, "e": "AA", "kid": "k"})
def test_whatever_stands_beside_a_good_key_the_good_key_is_read(odd: dict[str, Any]) -> None:
    """A property of all members that JSON can write."""
    assert GOOD["kid"] in [key.kid for key in read([odd, GOOD]).keys]
