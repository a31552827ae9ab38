from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.provider_rules import (
    RefusedError,
    assertion_lasts,
    assertion_of,
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
    """The emulator remembers it for ten seconds at least, however short the assertion lives."""
    claims = {"iss": "RP1", "sub": "RP1", "aud": "here", "jti": "x"}

    def until(**times: float) -> float:
        return assertion_lasts({**claims, **times}, client_id="RP1", form={}, audiences=("here",), now=1000)[1]

    assert until(exp=1060) == 1060
    assert until(exp=1001) == 1010
    assert until(iat=995) == 1015


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"client_id": "RP2"}, {"client_id_unknown"}),
        ({"client_id": "RP 1"}, {"client_id_characters", "client_id_unknown"}),
        ({"redirect_uri": "http://localhost/cb/"}, {"redirect_uri_unregistered"}),
        ({"redirect_uri": "http://localhost:80/cb"}, {"redirect_uri_unregistered"}),
        ({"response_type": "token"}, {"response_type_wrong"}),
        ({"code_challenge_method": "plain"}, {"code_challenge_method_wrong"}),
        ({"code_challenge": "é"}, {"code_challenge_characters"}),
        ({"code_challenge": "a" * 129}, {"code_challenge_too_long"}),
        ({"nonce": ""}, {"nonce_missing"}),
        ({"scope": "name"}, {"scope_without_openid"}),
        ({"scope": "openid address"}, {"scope_not_contracted"}),
        ({"scope": "openid sign"}, {"scope_not_contracted", "sign_transaction_id_missing"}),
        ({"scope": "openid email"}, {"scope_unknown"}),
        ({"sign_transaction_id": "x"}, {"sign_transaction_id_alone"}),
        ({"scope": "openid sign", "sign_transaction_id": "あ"}, {"scope_not_contracted", "sign_transaction_id_form"}),
        ({"acr_values": "水準"}, {"acr_values_characters"}),
        ({"state": "あ", "scope": "email"}, {"state_characters", "scope_without_openid", "scope_unknown"}),
    ],
)
def test_a_request_hears_of_each_mistake(changes: dict[str, str], codes: set[str]) -> None:
    """All of them at once: a relying party's developer mends them in one go."""
    with pytest.raises(RefusedError) as refusal:
        read_authorization_request([*{**_REQUEST, **changes}.items()], _REGISTERED)

    assert {mistake.code for mistake in refusal.value.mistakes} == codes


def test_a_parameter_that_comes_twice_is_named() -> None:
    """A known one by its name; any other one is somebody's text."""
    with pytest.raises(RefusedError) as refusal:
        read_authorization_request([*_REQUEST.items(), ("state", "s"), ("x", "1"), ("x", "2")], _REGISTERED)

    assert {mistake.code for mistake in refusal.value.mistakes} == {"state_twice", "twice"}


def test_what_the_reference_does_not_list_is_told_and_ignored() -> None:
    """The requested assurance is kept, an empty one is none, and `max_age` promises nothing."""
    request = read_authorization_request(
        [*_REQUEST.items(), ("acr_values", "aal3 crl"), ("max_age", "0"), ("ui_locales", "ja")], _REGISTERED
    )

    assert request.acr_values == "aal3 crl"
    assert request.ignored == ("max_age", "ui_locales")
    assert read_authorization_request([*_REQUEST.items(), ("acr_values", "")], _REGISTERED).acr_values is None


JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.mark.parametrize(
    ("form", "authorization", "code"),
    [
        ({"client_secret": "x"}, None, "client_authentication_method"),
        ({"client_assertion_type": JWT_BEARER, "client_assertion": "a"}, "Basic x", "client_authentication_method"),
        ({}, None, "client_assertion_type_missing"),
        ({"client_assertion_type": "jwt", "client_assertion": "a"}, None, "client_assertion_type_wrong"),
        ({"client_assertion_type": JWT_BEARER}, None, "client_assertion_missing"),
        ({"client_assertion_type": JWT_BEARER, "client_assertion": ""}, None, "client_assertion_missing"),
    ],
)
def test_a_client_shows_its_key_and_nothing_else(form: dict[str, str], authorization: str | None, code: str) -> None:
    """`private_key_jwt` is the only way; a secret beside it is another way still."""
    with pytest.raises(RefusedError) as refusal:
        assertion_of(form, authorization)

    assert [(mistake.code, refusal.value.error) for mistake in refusal.value.mistakes] == [(code, "invalid_client")]


def test_a_clients_assertion_is_taken_from_its_form() -> None:
    """As it is; its signature is checked elsewhere."""
    form = read_form([("client_assertion_type", JWT_BEARER), ("client_assertion", "a.b.c")])

    assert assertion_of(form, None) == "a.b.c"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "RP2"}, "assertion_subject"),
        ({"sub": None}, "assertion_subject"),
        ({"aud": "there"}, "assertion_audience"),
        ({"aud": ["here", "there"]}, "assertion_audience"),
        ({"aud": []}, "assertion_audience"),
        ({"jti": None}, "assertion_jti"),
        ({"jti": ""}, "assertion_jti"),
        ({"jti": 5}, "assertion_jti"),
        ({"jti": "x" * 256}, "assertion_jti"),
        ({"iat": 1_010.5}, "assertion_iat"),
        ({"nbf": 1_010.5}, "assertion_nbf"),
        ({"exp": 1_000}, "assertion_expired"),
        ({"exp": 1_000 + 86_461}, "assertion_exp"),
        ({"exp": None}, "assertion_exp"),
        ({"exp": None, "iat": 989}, "assertion_exp"),
        ({"exp": True}, "assertion_exp"),
        ({"exp": float("nan")}, "assertion_exp"),
        ({"exp": "1060"}, "assertion_exp"),
        ({"iat": float("inf")}, "assertion_iat"),
    ],
)
def test_an_assertion_with_a_claim_that_does_not_hold_is_named(changes: dict[str, object], code: str) -> None:
    """RFC 7523 section 3: it is the client's own, for this endpoint, for now, and told apart from every other."""
    claims = {"iss": "RP1", "sub": "RP1", "aud": "here", "jti": "x", "exp": 1_060}
    said = {name: value for name, value in {**claims, **changes}.items() if value is not None}

    with pytest.raises(RefusedError) as refusal:
        assertion_lasts(said, client_id="RP1", form={}, audiences=("here", "issuer"), now=1_000)

    assert [mistake.code for mistake in refusal.value.mistakes] == [code]


def test_an_assertion_of_another_client_than_the_forms_is_refused() -> None:
    """The same one, and none in the form, is right; the audience may be a list of one."""
    claims = {"iss": "RP1", "sub": "RP1", "aud": ["here"], "jti": "x", "exp": 1_060, "iat": 1_010, "nbf": 1_010}

    def read(form: dict[str, str]) -> str:
        return assertion_lasts(claims, client_id="RP1", form=form, audiences=("here",), now=1_000)[0]

    assert read({}) == read({"client_id": "RP1"}) == "x"
    with pytest.raises(RefusedError, match="differs from the assertion's `sub`"):
        read({"client_id": "RP2"})


@pytest.mark.parametrize(
    ("verifier", "code"),
    [
        (None, "code_verifier_missing"),
        ("", "code_verifier_missing"),
        ("a" * 42, "code_verifier_form"),
        ("a" * 129, "code_verifier_form"),
        ("é" * 43, "code_verifier_form"),
        ("a" * 42 + "\n", "code_verifier_form"),
        ("a" * 43, "code_verifier_wrong"),
    ],
)
def test_a_verifier_that_is_none_is_told_apart_from_another_requests(verifier: str | None, code: str) -> None:
    """Each by a code of its own; all are `invalid_grant`."""
    with pytest.raises(RefusedError) as refusal:
        check_verifier(verifier, _REQUEST["code_challenge"])

    assert [(mistake.code, refusal.value.error) for mistake in refusal.value.mistakes] == [(code, "invalid_grant")]
