"""The requests of the signature API, and what its answers mean."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.signing.answers import (
    LONGEST_TRANSACTION,
    USUAL_TOKEN_SECONDS,
    USUAL_TRANSACTION_SECONDS,
    client_token_form,
    read_client_token,
    read_result,
    read_start,
    start_request,
)
from gateway.signing.profile import SHIPPED, HashForm, State, Validity, read_profile

PROFILE = read_profile(SHIPPED.read_text("utf-8"), "profile.toml")
JWE = "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0.eyJr.aXY.Y2lwaGVy.dGFn"
"""Its header is `{"alg":"RSA-OAEP-256","enc":"A256GCM"}`."""
SIGNED = {"state": "signed", "signature": "c2ln", "sign_certificate": "MIIB", "sign_certificate_jwe": JWE}


def test_a_token_is_asked_for_by_client_credentials() -> None:
    """With the profile's scope, and with none where the profile has none."""
    form = parse_qs(client_token_form(client_id="RP1", scope="sign", assertion="a.b.c"))

    assert form["grant_type"] == ["client_credentials"]
    assert (form["scope"], form["client_id"], form["client_assertion"]) == (["sign"], ["RP1"], ["a.b.c"])
    assert "scope" not in parse_qs(client_token_form(client_id="RP1", scope="", assertion="a.b.c"))


@pytest.mark.parametrize(
    "said",
    [
        {},
        *({"access_token": token} for token in ("", "a b", "あ", 5, "a" * 20_000)),
        {"access_token": "a", "token_type": "mac"},
    ],
)
def test_a_token_that_no_header_can_carry_is_none(said: dict[str, Any]) -> None:
    """It goes into a header of ours."""
    with pytest.raises(ProviderUnavailableError):
        read_client_token(said)


@pytest.mark.parametrize(("seconds", "kept"), [(60, 60.0), (None, USUAL_TOKEN_SECONDS), (True, 60.0), (-1, 60.0)])
def test_a_token_is_kept_for_its_time(seconds: object, kept: float) -> None:
    """An odd time is the usual one."""
    assert read_client_token({"access_token": "t", "token_type": "Bearer", "expires_in": seconds}).seconds == kept


def test_a_transaction_is_started_by_the_profiles_names() -> None:
    """The hash and its form; the answer names the transaction and its time, within our bounds."""
    said = json.loads(start_request(PROFILE, "aGFzaA==", HashForm.DIGEST_INFO))

    assert said == {"hash": "aGFzaA==", "hash_type": "digest_info"}
    assert read_start({"sign_transaction_id": "a-1", "expires_in": 60}, PROFILE).seconds == 60
    assert read_start({"sign_transaction_id": "a-1"}, PROFILE).seconds == USUAL_TRANSACTION_SECONDS
    assert read_start({"sign_transaction_id": "a-1", "expires_in": 10**9}, PROFILE).seconds == LONGEST_TRANSACTION


@pytest.mark.parametrize("said", [{}, {"sign_transaction_id": "../x"}, {"sign_transaction_id": 5}])
def test_a_transaction_without_an_id_is_none(said: dict[str, Any]) -> None:
    """The fault names the field of the profile, for the operator."""
    with pytest.raises(ProviderUnavailableError, match="lacks_sign_transaction_id"):
        read_start(said, PROFILE)


def test_a_private_operator_gets_the_jwe_and_a_public_body_the_certificate() -> None:
    """Neither gets the other's."""
    private = read_result(SIGNED, PROFILE, public=False)
    public = read_result(SIGNED | {"certificate_validity": "good"}, PROFILE, public=True)

    assert (private.state, private.certificate, private.certificate_jwe) == (State.SIGNED, "", JWE)
    assert (public.certificate, public.certificate_jwe, public.validity) == ("MIIB", "", Validity.GOOD)


def test_an_unknown_report_is_not_a_good_one() -> None:
    """A report of another kind is not a good one either, and no report at all is told as such."""
    for said in ("GOOD", 5, ["good"]):
        assert read_result(SIGNED | {"certificate_validity": said}, PROFILE, public=True).validity is Validity.UNKNOWN
    assert read_result(SIGNED, PROFILE, public=True).validity is None


@pytest.mark.parametrize("state", [state for state in State if state is not State.SIGNED])
def test_every_other_state_brings_nothing(state: State) -> None:
    """Even if a signature came with it."""
    assert read_result(SIGNED | {"state": state.value}, PROFILE, public=False).signature == ""


def header(content: bytes) -> str:
    """Return a header as a JWE has it."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("changes", "public", "fault"),
    [
        ({"state": "SIGNED"}, False, "unknown_state"),
        ({"state": None}, False, "unknown_state"),
        ({"signature": ""}, False, "lacks_signature"),
        ({"signature": "not base64!"}, False, "lacks_signature"),
        ({"sign_certificate": None}, True, "lacks_sign_certificate"),
        ({"sign_certificate": "A" * 100_000}, True, "lacks_sign_certificate"),
        ({"sign_certificate_jwe": "a.b.c"}, False, "lacks_sign_certificate_jwe"),
        *(
            ({"sign_certificate_jwe": f"{header(head)}.a.b.c.d"}, False, "lacks_sign_certificate_jwe")
            for head in (
                b"",
                b"[]",
                b"{}",
                b"not json",
                b'{"alg":"none","enc":"A256GCM"}',
                b'{"alg":"RSA-OAEP-256"}',
                b'{"alg":"RSA-OAEP-256","enc":""}',
                b'{"alg":5,"enc":"A256GCM"}',
                b'{"alg":"RS256","alg":"RSA-OAEP-256","enc":"A256GCM"}',
            )
        ),
        ({"sign_certificate_jwe": JWE.replace("eyJr", "ey+/")}, False, "lacks_sign_certificate_jwe"),
        ({"sign_certificate_jwe": JWE + "A" * 70_000}, False, "lacks_sign_certificate_jwe"),
        ({"sign_certificate_jwe": JWE + "\n"}, False, "lacks_sign_certificate_jwe"),
    ],
)
def test_a_result_that_lacks_a_part_says_which(changes: dict[str, Any], public: bool, fault: str) -> None:
    """The fault names the field, and quotes no value."""
    with pytest.raises(ProviderUnavailableError, match=fault):
        read_result(SIGNED | changes, PROFILE, public=public)
