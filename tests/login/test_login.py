"""The requests a sign-in makes."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.errors import SignInInvalidError
from gateway.identity import Scope
from gateway.login.claims import Check
from gateway.login.keys import signing_key
from gateway.login.login import (
    LONGEST_CODE,
    asked_assurance,
    authorization_url,
    client_assertion,
    end_session_url,
    oauth_error,
    post_logout_redirect_uri,
    read_token_answer,
    redirect_uri,
    scope_text,
    shown_value,
    token_form,
)
from gateway.login.profile import Metadata
from gateway.settings.settings import ProviderSettings, Reauthenticate

METADATA = Metadata(
    "https://op.example", "https://op.example/auth?x=1", "https://op.example/token", "https://op.example/c"
)


def test_the_authorization_request_says_all_that_is_required_and_nothing_else() -> None:
    """State, nonce and an S256 challenge; the verifier itself stays here."""
    url = authorization_url(
        METADATA,
        client_id="RP00000001",
        redirect_uri="https://app.gw.test/.sekisho/callback",
        scopes={Scope.GENDER, Scope.NAME},
        state="the-state",
        nonce="the-nonce",
        verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        assurance={"acr_values": "aal3 crl"},
    )

    assert parse_qs(urlsplit(url).query) == {
        "x": ["1"],
        "response_type": ["code"],
        "client_id": ["RP00000001"],
        "redirect_uri": ["https://app.gw.test/.sekisho/callback"],
        "scope": ["openid name gender"],
        "state": ["the-state"],
        "nonce": ["the-nonce"],
        # RFC 7636 appendix B.
        "code_challenge": ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
        "code_challenge_method": ["S256"],
        "acr_values": ["aal3 crl"],
    }


def test_without_acr_values_none_are_sent() -> None:
    """An empty parameter would be another request."""
    url = authorization_url(
        METADATA, client_id="c", redirect_uri="r", scopes=(), state="s", nonce="n", verifier="v", assurance={}
    )

    assert "acr_values" not in url
    assert "scope=openid&" in url


def test_scopes_have_one_order() -> None:
    """Two requests for the same scopes are the same."""
    assert scope_text(Scope) == scope_text(reversed(list(Scope))) == "openid name address birthdate gender"


@pytest.mark.parametrize(
    "url", ["https://app.gw.test", "https://app.gw.test/", "https://APP.gw.test:443/", "https://app.gw.test/booking/"]
)
def test_the_redirect_uri_follows_from_the_origin(url: str) -> None:
    """However it was written, and on the origin's root where the App has but a part of it."""
    assert redirect_uri(url, "/.sekisho/") == "https://app.gw.test/.sekisho/callback"


def test_an_assertion_says_who_to_whom_and_for_how_long() -> None:
    """OpenID Connect Core section 9, with the `kid` that rotation needs."""
    key = signing_key(ECKey.generate_key("P-256", auto_kid=False), "k1", "ES256")

    assertion = client_assertion(
        key, client_id="c", audience="https://op.example/token", algorithm=None, now=1.0e9, lifetime=60, jti="j1"
    )

    token = jwt.decode(assertion, key.key, algorithms=["ES256"])
    assert (token.header["alg"], token.header["kid"]) == ("ES256", "k1")
    assert token.claims == {
        "iss": "c",
        "sub": "c",
        "aud": "https://op.example/token",
        "iat": 1_000_000_000,
        "exp": 1_000_000_060,
        "jti": "j1",
    }


def test_the_token_request_has_every_part() -> None:
    """As a form."""
    form = parse_qs(token_form(client_id="c", code="a b", redirect_uri="r", verifier="v", assertion="x.y.z"))

    assert form == {
        "grant_type": ["authorization_code"],
        "code": ["a b"],
        "redirect_uri": ["r"],
        "code_verifier": ["v"],
        "client_id": ["c"],
        "client_assertion_type": ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"],
        "client_assertion": ["x.y.z"],
    }


ANSWER = {"access_token": "at", "id_token": "a.b.c", "token_type": "Bearer"}
ASKED = frozenset({Scope.OPENID, Scope.NAME, Scope.GENDER})


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        (None, ASKED),
        ("openid name", {Scope.OPENID, Scope.NAME}),
        ("openid name gender address profile", ASKED),
        ("", set()),
    ],
)
def test_what_was_not_granted_is_told(scope: str | None, granted: set[Scope]) -> None:
    """Never more than was asked for; all of it where the answer does not say."""
    said = {**ANSWER, **({} if scope is None else {"scope": scope})}

    assert read_token_answer(said, ASKED).granted == granted


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"access_token": None}, Check.TOKEN_ANSWER),
        ({"access_token": ""}, Check.TOKEN_ANSWER),
        ({"access_token": "a\r\nb"}, Check.TOKEN_ANSWER),
        ({"access_token": "a b"}, Check.TOKEN_ANSWER),
        ({"access_token": "a" * 20_000}, Check.TOKEN_ANSWER),
        ({"id_token": None}, Check.TOKEN_ANSWER),
        ({"id_token": {}}, Check.TOKEN_ANSWER),
        ({"scope": ["openid"]}, Check.TOKEN_ANSWER),
        ({"session_state": 1}, Check.TOKEN_ANSWER),
        ({"session_state": "x" * (LONGEST_CODE + 1)}, Check.TOKEN_ANSWER),
        ({"token_type": "mac"}, Check.TOKEN_TYPE),
        ({"token_type": 1}, Check.TOKEN_TYPE),
    ],
)
def test_a_token_answer_that_cannot_be_used_is_named(changes: dict[str, Any], check: Check) -> None:
    """Before anything in it is used."""
    with pytest.raises(SignInInvalidError) as refused:
        read_token_answer({**ANSWER, **changes}, ASKED)

    assert refused.value.check == check


def test_tokens_show_nowhere() -> None:
    """The `repr` that a traceback prints shows none."""
    assert "a.b.c" not in repr(read_token_answer(ANSWER, ASKED))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("access_denied", "access_denied"),
        ("<b>x", "bx"),
        ("x" * 100, "x" * 64),
        (None, ""),
        (["a"], ""),
        ("エラー", ""),
    ],
)
def test_an_error_code_is_made_safe(said: object, shown: str) -> None:
    """It goes on a page and into a label."""
    assert oauth_error(said) == shown


@pytest.mark.parametrize("endpoint", ["https://op.example/end", "https://op.example/end?realm=x"])
def test_the_providers_sign_out_is_asked_with_client_and_way_back(endpoint: str) -> None:
    """RP-Initiated Logout 1.0 section 2, beside a query that the endpoint has already, and without an ID token."""
    back = post_logout_redirect_uri("https://APP.gw.test:443/booking/", "/.sekisho/")

    url = urlsplit(end_session_url(endpoint, client_id="a&b", back=back))

    own = parse_qs(urlsplit(endpoint).query)
    assert (url.netloc, url.path) == ("op.example", "/end")
    assert parse_qs(url.query) == {
        **own,
        "client_id": ["a&b"],
        "post_logout_redirect_uri": ["https://app.gw.test/.sekisho/signed-out"],
    }


@given(st.text(), st.text())
def test_every_value_is_escaped_as_a_form_escapes_it(client_id: str, back: str) -> None:
    """No value, a line break's or another language's neither, says anything beside itself."""
    assume(not any("\ud800" <= sign <= "\udfff" for sign in client_id + back))

    url = end_session_url("https://op.example/end", client_id=client_id, back=back)

    assert url == "https://op.example/end?" + urlencode({"client_id": client_id, "post_logout_redirect_uri": back})


@pytest.mark.parametrize(
    ("way", "within", "asked"),
    [
        (Reauthenticate.MAX_AGE, None, {}),
        (Reauthenticate.MAX_AGE, 300.0, {"max_age": "150"}),
        (Reauthenticate.MAX_AGE, 1.0, {"max_age": "0"}),
        (Reauthenticate.PROMPT, None, {}),
        (Reauthenticate.PROMPT, 300.0, {"prompt": "login"}),
    ],
)
def test_a_fresh_sign_in_is_asked_for_as_the_provider_reads_it(
    way: Reauthenticate, within: float | None, asked: dict[str, str]
) -> None:
    """Only where a rule asks for it, by `max_age` of half the time or by `prompt`, and beside the assurance."""
    settings = ProviderSettings(issuer="https://op.example", acr_values="aal3 crl", reauthenticate=way)

    assert asked_assurance(settings, within) == {"acr_values": "aal3 crl", **asked}


def test_the_session_state_of_an_answer_is_kept() -> None:
    """As long as a code may be; an answer without one has none."""
    longest = "x" * LONGEST_CODE

    assert read_token_answer({**ANSWER, "session_state": longest}, ASKED).session_state == longest
    assert read_token_answer(ANSWER, ASKED).session_state is None


@pytest.mark.parametrize(
    ("said", "shown"), [("aal3 crl", "aal3 crl"), ("a\r\nb\x1b[0m", "ab[0m"), ("x" * 100, "x" * 64), ("高", "")]
)
def test_a_value_of_the_providers_is_shown_as_one_line(said: str, shown: str) -> None:
    """No sign of it begins a line of the log or speaks to a terminal."""
    assert shown_value(said) == shown
