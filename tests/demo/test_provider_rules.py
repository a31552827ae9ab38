from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.provider_rules import (
    RefusedError,
    assertion_lasts,
    check_verifier,
    read_authorization_request,
    read_form,
)

_REGISTERED = {"RP1": (("http://localhost/cb",), frozenset({"name"}))}
_REQUEST = {
    "response_type": "code",
    "scope": "openid name",
    "client_id": "RP1",
    "redirect_uri": "http://localhost/cb",
    "state": "s",
    "nonce": "n",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


def test_a_request_that_keeps_to_everything_is_read() -> None:
    """All that the answer will need, and the scopes once each."""
    request = read_authorization_request([*{**_REQUEST, "scope": "openid name openid"}.items()], _REGISTERED)

    assert request.scopes == ("openid", "name")
    assert request.acr_values is None
    assert request.ignored == ()


@given(st.sampled_from(sorted(_REQUEST)))
def test_no_required_parameter_can_be_left_out(name: str) -> None:
    """The refusal names the missing parameter."""
    pairs = [(key, value) for key, value in _REQUEST.items() if key != name]

    with pytest.raises(RefusedError) as refusal:
        read_authorization_request(pairs, _REGISTERED)

    assert f"{name}_missing" in {mistake.code for mistake in refusal.value.mistakes}


@given(st.text(max_size=300))
def test_state_is_taken_exactly_as_documented(state: str) -> None:
    """1 to 255 printable ASCII characters; anything else is refused."""
    fits = 1 <= len(state) <= 255 and all("\x20" <= sign <= "\x7e" for sign in state)

    try:
        read = read_authorization_request([*{**_REQUEST, "state": state}.items()], _REGISTERED).state
    except RefusedError:
        assert not fits
    else:
        assert fits
        assert read == state


@pytest.mark.parametrize("wanted", [255, 256])
def test_the_longest_client_id(wanted: int) -> None:
    """255 characters are one of the documented limits; 256 are not."""
    client_id = "a" * wanted
    registered = {client_id: _REGISTERED["RP1"]}
    pairs = [*{**_REQUEST, "client_id": client_id}.items()]

    if wanted == 255:
        assert read_authorization_request(pairs, registered).client_id == client_id
    else:
        with pytest.raises(RefusedError, match="at most 255"):
            read_authorization_request(pairs, registered)


def test_the_verifier_of_rfc_7636_appendix_b() -> None:
    """The specification's own example; with one sign changed it is somebody else's."""
    check_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", _REQUEST["code_challenge"])

    with pytest.raises(RefusedError, match="does not belong"):
        check_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", _REQUEST["code_challenge"])


def test_a_form_may_say_a_thing_once() -> None:
    """RFC 6749 section 3.2."""
    with pytest.raises(RefusedError, match="more than once"):
        read_form([("code", "a"), ("code", "b")])


def test_a_jti_is_remembered_until_the_assertion_has_expired() -> None:
    """And for ten seconds at least, however short it lives."""
    claims = {"iss": "RP1", "sub": "RP1", "aud": "here", "jti": "x"}

    def until(**times: float) -> float:
        return assertion_lasts({**claims, **times}, client_id="RP1", form={}, audiences=("here",), now=1000)[1]

    assert until(exp=1060) == 1060
    assert until(exp=1001) == 1010
    assert until(iat=995) == 1015
