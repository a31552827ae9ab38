from __future__ import annotations

import asyncio
import hashlib
import json
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web
from joserfc import jwk, jws, jwt
from joserfc.errors import BadSignatureError, JoseError

from gateway.demo.emulator import EMULATOR, REALM, EmulatorClient, EmulatorSettings, make_emulator, start_emulator
from gateway.demo.emulator_pages import TITLE
from gateway.demo.faults import Alterations, Fault
from tests.demo.conftest import StartEmulator
from tests.demo.relying_party import CALLBACK, RelyingParty, new_key, public

# The way that goes well


async def test_discovery_names_the_documented_paths_under_an_exact_issuer(party: RelyingParty) -> None:
    """Issuer without a slash at the end, endpoints under protocol/openid-connect, one client authentication."""
    async with party.http.get(f"{party.issuer}/.well-known/openid-configuration") as answer:
        document = await answer.json()

    base = f"{party.issuer}/protocol/openid-connect"
    assert document["issuer"] == party.issuer
    assert party.issuer.endswith("/api/realms/main")
    assert {
        name: document[name].removeprefix(base) for name in document if name.endswith(("_endpoint", "jwks_uri"))
    } == {
        "authorization_endpoint": "/auth",
        "token_endpoint": "/token",
        "userinfo_endpoint": "/userinfo",
        "jwks_uri": "/certs",
    }
    assert document["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert document["code_challenge_methods_supported"] == ["S256"]


async def test_the_page_is_one_form_with_the_documented_title(party: RelyingParty) -> None:
    """A script finds one post form with inputs `response` and `card`; nothing names the 12-digit number."""
    status, page = await party.authorize()

    assert status == 200
    assert TITLE in page
    assert TITLE == "デジタル認証アプリ 認証API/署名APIテストレスポンス設定画面"
    assert page.count("<form") == 1
    assert 'name="response" value="normal" checked' in page
    assert 'name="card" value="1" checked' in page
    for words in ("正常", "エラー", "テストカード情報一覧", "有効期限切れ", "失効", "認証"):
        assert words in page
    assert "マイナンバー" not in page


async def test_a_valid_card_ends_in_verified_claims(party: RelyingParty) -> None:
    """Redirect with code, state, session_state; ES256 ID token; RS256 access token; UserInfo with the same subject."""
    callback = await party.callback()
    status, tokens = await party.redeem(party.form(callback["code"]))
    keys = await party.keys()
    token = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"])
    access = jwt.decode(tokens["access_token"], keys, algorithms=["RS256"])
    _, person = await party.userinfo(tokens["access_token"])

    assert (status, set(callback), callback["state"]) == (200, {"code", "state", "session_state"}, "the state")
    assert tokens.keys() >= {"access_token", "id_token", "scope", "refresh_token", "expires_in", "session_state"}
    assert tokens["scope"] == "openid name address birthdate gender"
    assert token.header.keys() >= {"kid", "alg"}
    half = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert token.claims["at_hash"] == urlsafe_b64encode(half).rstrip(b"=").decode()
    assert (token.claims["iss"], token.claims["aud"], token.claims["nonce"]) == (
        party.issuer,
        party.client_id,
        "the nonce",
    )
    assert token.claims["exp"] > time.time() >= token.claims["iat"] == token.claims["auth_time"]
    assert token.claims["acr"] == "aal3 crl"
    assert not token.claims.keys() & {"name", "address", "birthdate", "gender"}
    assert access.claims["sub"] == token.claims["sub"] == person.pop("sub")
    assert person == {
        "name": "髙橋　花子",
        "address": "東京都渋谷区神南１丁目１９番１１号",
        "birthdate": "19850401",
        "gender": "2",
    }


async def test_only_what_was_asked_is_given(party: RelyingParty) -> None:
    """UserInfo holds the granted claims and no other."""
    tokens = await party.tokens(scope="openid birthdate")
    _, person = await party.userinfo(tokens["access_token"])

    assert tokens["scope"] == "openid birthdate"
    assert person.keys() == {"sub", "birthdate"}


async def test_auth_time_and_acr_can_be_left_out(start: StartEmulator) -> None:
    """A test can try each point that is not established of the real service in both ways."""
    party = await start(auth_time=False, acr=False)

    token = jwt.decode((await party.tokens())["id_token"], await party.keys(), algorithms=["ES256"])

    assert not token.claims.keys() & {"auth_time", "acr"}


async def test_a_refresh_token_works_once(party: RelyingParty) -> None:
    """The code flow's refresh gives new tokens of the same person and uses the old one up."""
    first = await party.tokens()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "code": None}
    again = party.form("", **form)
    status, second = await party.redeem(again)
    replay, _ = await party.redeem(party.form("", **form))

    assert (status, replay) == (200, 400)
    assert (await party.userinfo(second["access_token"]))[1]["name"] == "髙橋　花子"


# Identities


async def test_the_same_person_is_another_subject_at_another_client(party: RelyingParty) -> None:
    """PPIDs differ by client, and are the same for all cards of one person."""
    subject = party.emulator.subject

    assert subject("RP1", 1) == subject("RP1", 2) == subject("RP1", 3)
    assert subject("RP1", 1) != subject("RP2", 1)
    assert subject("RP1", 1) != subject("RP1", 4)


@pytest.mark.parametrize(("card", "words"), [(2, "has expired"), (3, "has been revoked")])
async def test_a_card_that_is_not_valid_fails_back(party: RelyingParty, card: int, words: str) -> None:
    """Expired and revoked cards come back to the relying party with error, error_description and state; no code."""
    callback = await party.callback(card)

    assert callback["error"] == "unmet_authentication_requirements"
    assert words in callback["error_description"]
    assert callback["state"] == "the state"
    assert "code" not in callback


@pytest.mark.parametrize("error", ["access_denied", "server_error", "x_unknown_error"])
async def test_the_tester_can_choose_an_error(party: RelyingParty, error: str) -> None:
    """The error radios answer with that code for every card."""
    callback = await party.callback(response=error)

    assert (callback["error"], callback["state"]) == (error, "the state")
    assert "code" not in callback


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"card": "1"}, "response_missing"),
        ({"response": 'a"b', "card": "1"}, "response_missing"),
        ({"response": "normal"}, "card_unknown"),
        ({"response": "normal", "card": "999"}, "card_unknown"),
    ],
)
async def test_a_form_that_chooses_nothing_is_refused_and_can_be_repeated(
    party: RelyingParty, inputs: dict[str, str], reason: str
) -> None:
    """A slip in the form names the input and does not cost the transaction."""
    _, page = await party.authorize()

    slip = await party.choose(page, **inputs)
    second = await party.choose(page, response="normal", card="1")
    third = await party.choose(page, response="normal", card="1")

    assert (slip.status, second.status, third.status) == (400, 302, 400)
    assert reason in await slip.text()
    assert "transaction_over" in await third.text()


# The rules for an authorization request


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"response_type": None}, "response_type_missing"),
        ({"response_type": "token"}, "response_type_wrong"),
        ({"response_type": "code id_token"}, "response_type_wrong"),
        ({"scope": None}, "scope_missing"),
        ({"scope": "name"}, "scope_without_openid"),
        ({"scope": "openid Name"}, "scope_unknown"),
        ({"scope": "openid email"}, "scope_unknown"),
        ({"scope": "openid sign"}, "scope_not_contracted"),
        ({"client_id": None}, "client_id_missing"),
        ({"client_id": "RP-1"}, "client_id_characters"),
        ({"client_id": "A" * 256}, "client_id_too_long"),
        ({"client_id": "RP99999999"}, "client_id_unknown"),
        ({"redirect_uri": None}, "redirect_uri_missing"),
        ({"redirect_uri": CALLBACK + "/"}, "redirect_uri_unregistered"),
        ({"redirect_uri": CALLBACK.replace("8080", "8081")}, "redirect_uri_unregistered"),
        ({"redirect_uri": CALLBACK + "?a=" + "b" * 255}, "redirect_uri_too_long"),
        ({"state": None}, "state_missing"),
        ({"state": ""}, "state_missing"),
        ({"state": "s" * 256}, "state_too_long"),
        ({"state": "状態"}, "state_characters"),
        ({"nonce": None}, "nonce_missing"),
        ({"nonce": "n" * 256}, "nonce_too_long"),
        ({"nonce": "a\tb"}, "nonce_characters"),
        ({"code_challenge": None}, "code_challenge_missing"),
        ({"code_challenge": "c" * 129}, "code_challenge_too_long"),
        ({"code_challenge": "abc="}, "code_challenge_characters"),
        ({"code_challenge_method": None}, "code_challenge_method_missing"),
        ({"code_challenge_method": "plain"}, "code_challenge_method_wrong"),
        ({"sign_transaction_id": "b2f6"}, "sign_transaction_id_alone"),
    ],
)
async def test_what_is_required_is_refused_by_name(
    party: RelyingParty, changes: dict[str, str | None], reason: str
) -> None:
    """Each documented requirement, when not kept to, is on the page and in the log; the browser goes nowhere."""
    with structlog.testing.capture_logs() as log:
        status, page = await party.authorize(**changes)

    assert status == 400
    assert f"<code>{reason}</code>" in page
    assert [line["event"] for line in log] == ["emulator_refused"]
    assert any(words.startswith(f"{reason}: ") for words in log[0]["reasons"])


async def test_every_mistake_is_named_at_once(party: RelyingParty) -> None:
    """Nobody mends one parameter after the other."""
    _, page = await party.authorize(state=None, nonce=None, code_challenge_method="plain")

    for reason in ("state_missing", "nonce_missing", "code_challenge_method_wrong"):
        assert reason in page


async def test_a_scope_that_is_not_contracted_is_refused(start: StartEmulator) -> None:
    """The four attribute scopes are contracted one by one."""
    party = await start({"contracted": frozenset({"name"})})

    refused, page = await party.authorize(scope="openid name address")
    granted, _ = await party.authorize(scope="openid name")

    assert (refused, granted) == (400, 200)
    assert "scope `address` is not contracted" in page


async def test_a_parameter_given_twice_is_refused(party: RelyingParty) -> None:
    """RFC 6749 section 3.1."""
    pairs = [*party.request().items(), ("state", "another")]

    async with party.http.get(party.url("auth"), params=pairs) as answer:
        page = await answer.text()

    assert answer.status == 400
    assert "state_twice" in page


async def test_what_the_reference_does_not_list_is_ignored_aloud(party: RelyingParty) -> None:
    """`prompt` and `max_age` are in no list: they do nothing, and the page and the log say so."""
    with structlog.testing.capture_logs() as log:
        status, page = await party.authorize(prompt="login", max_age="0")

    assert status == 200
    assert "<code>prompt</code>" in page
    assert {"event": "emulator_ignored", "parameters": ["max_age", "prompt"]}.items() <= log[0].items()


# The rules for a token request


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"client_assertion_type": None}, "invalid_client", "client_assertion_type_missing"),
        ({"client_assertion_type": "jwt"}, "invalid_client", "client_assertion_type_wrong"),
        ({"client_assertion": None}, "invalid_client", "client_assertion_missing"),
        ({"client_assertion": "a.b"}, "invalid_client", "assertion_form"),
        ({"client_secret": "secret"}, "invalid_client", "client_authentication_method"),
        ({"client_id": "RP2"}, "invalid_client", "client_id_differs"),
        ({"grant_type": "password"}, "unsupported_grant_type", "grant_type_wrong"),
        ({"grant_type": "client_credentials"}, "unauthorized_client", "signing_not_contracted"),
        ({"code": None}, "invalid_request", "code_missing"),
        ({"code": "made up"}, "invalid_grant", "code_unknown"),
        ({"redirect_uri": None}, "invalid_grant", "redirect_uri_differs"),
        ({"redirect_uri": CALLBACK + "?x=1"}, "invalid_grant", "redirect_uri_differs"),
        ({"code_verifier": None}, "invalid_grant", "code_verifier_missing"),
        ({"code_verifier": "short"}, "invalid_grant", "code_verifier_form"),
        ({"code_verifier": "v" * 43}, "invalid_grant", "code_verifier_wrong"),
    ],
)
async def test_a_token_request_that_is_wrong_is_refused_by_name(
    party: RelyingParty, changes: dict[str, str | None], error: str, reason: str
) -> None:
    """Each requirement of the token endpoint answers 400 with the OAuth code and the reason."""
    code = await party.code()

    status, answer = await party.redeem(party.form(code, **changes))

    assert status == 400
    assert answer["error"] == error
    assert answer["error_description"].startswith(f"{reason}: ")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "RP2"}, "assertion_subject"),
        ({"sub": "RP2"}, "client_unknown"),
        ({"aud": "https://elsewhere.example/token"}, "assertion_audience"),
        ({"aud": None}, "assertion_audience"),
        ({"aud": ["http://localhost/a", "http://localhost/b"]}, "assertion_audience"),
        ({"jti": None}, "assertion_jti"),
        ({"jti": ""}, "assertion_jti"),
        ({"exp": 1}, "assertion_expired"),
        ({"exp": None, "iat": None}, "assertion_exp"),
        ({"exp": None, "iat": 1}, "assertion_exp"),
        ({"exp": 9_999_999_999}, "assertion_exp"),
        ({"exp": float("nan")}, "assertion_exp"),
        ({"iat": 9_999_999_999}, "assertion_iat"),
        ({"nbf": 9_999_999_999}, "assertion_nbf"),
    ],
)
async def test_a_client_assertion_that_is_wrong_is_refused_by_name(
    party: RelyingParty, changes: dict[str, Any], reason: str
) -> None:
    """RFC 7523 section 3, with the strictness of Keycloak's validator."""
    form = party.form(await party.code(), client_assertion=party.assertion(**changes))

    status, answer = await party.redeem(form)

    assert (status, answer["error"]) == (400, "invalid_client")
    assert answer["error_description"].startswith(f"{reason}: ")


async def test_an_assertion_is_accepted_once(party: RelyingParty) -> None:
    """`jti` is single-use until `exp`; the issuer is an audience too, and `kid` may be missing."""
    assertion = party.assertion({"alg": "ES256"}, aud=party.issuer)

    first, _ = await party.redeem(party.form(await party.code(), client_assertion=assertion))
    second, answer = await party.redeem(party.form(await party.code(), client_assertion=assertion))

    assert (first, second) == (200, 400)
    assert answer["error_description"].startswith("assertion_replayed: ")


async def test_an_assertion_by_another_key_is_refused(party: RelyingParty) -> None:
    """A key that is not registered signs nothing; nor does one of another kid, nor no key at all."""
    code = await party.code()
    own, stranger = party.key, new_key("one")
    party.key = stranger
    forged = party.form(code)
    party.key = own
    unknown = party.form(code, client_assertion=party.assertion({"alg": "ES256", "kid": "two"}))
    head, body, _ = party.assertion().split(".")
    none = urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()

    reasons = []
    for form in (forged, unknown, party.form(code, client_assertion=f"{none}.{body}.")):
        status, answer = await party.redeem(form)
        assert (status, answer["error"]) == (400, "invalid_client")
        reasons.append(answer["error_description"].partition(":")[0])

    assert head
    assert reasons == ["assertion_signature", "assertion_key", "assertion_algorithm"]


async def test_an_rsa_key_signs_assertions_too(start: StartEmulator) -> None:
    """Sources disagree on the algorithm: it follows the registered key."""
    party = await start()
    party.key = jwk.RSAKey.generate_key(2048, {"kid": "rsa", "alg": "RS256", "use": "sig"})
    party.emulator.register(party.registration())

    assert (await party.tokens())["token_type"] == "Bearer"


async def test_a_code_is_redeemed_once_and_its_tokens_die_with_a_second_use(party: RelyingParty) -> None:
    """RFC 6749 section 4.1.2."""
    code = await party.code()
    _, tokens = await party.redeem(party.form(code))
    before, _ = await party.userinfo(tokens["access_token"])

    status, answer = await party.redeem(party.form(code))
    after, _ = await party.userinfo(tokens["access_token"])

    assert (before, status, after) == (200, 400, 401)
    assert answer["error_description"].startswith("code_used: ")


async def test_a_code_is_used_up_by_a_wrong_verifier(party: RelyingParty) -> None:
    """Nobody may guess on."""
    code = await party.code()
    await party.redeem(party.form(code, code_verifier="v" * 43))

    status, answer = await party.redeem(party.form(code))

    assert status == 400
    assert answer["error_description"].startswith("code_used: ")


async def test_a_code_belongs_to_its_client(party: RelyingParty) -> None:
    """Another registered client cannot redeem it."""
    other = RelyingParty(party.http, party.issuer, party.emulator, "RP00000002", new_key("two"), party.verifier)
    party.emulator.register(other.registration())

    status, answer = await other.redeem(other.form(await party.code()))

    assert status == 400
    assert answer["error_description"].startswith("code_unknown: ")


async def test_codes_and_tokens_run_out(start: StartEmulator) -> None:
    """A code lives a minute, an access token five: by the emulator's clock."""
    clock = [time.time()]
    party = await start(now=lambda: clock[0])
    late = await party.code()
    tokens = await party.tokens()

    clock[0] += 61
    status, answer = await party.redeem(party.form(late, client_assertion=party.assertion(exp=int(clock[0]) + 60)))
    alive, _ = await party.userinfo(tokens["access_token"])
    clock[0] += 300
    dead, _ = await party.userinfo(tokens["access_token"])

    assert answer["error_description"].startswith("code_expired: ")
    assert (status, alive, dead) == (400, 200, 401)


async def test_the_token_endpoint_takes_forms_by_post_only(party: RelyingParty) -> None:
    """JSON, a query and a GET are refused."""
    form = party.form(await party.code())

    async with party.http.get(party.url("token"), params=form) as by_get:
        pass
    async with party.http.post(party.url("token"), json=form) as by_json:
        json_reason = (await by_json.json())["error_description"]
    async with party.http.post(party.url("token") + "?a=b", data=form) as by_query:
        pass
    async with party.http.post(party.url("token"), data=[*form.items(), ("code", "x")]) as twice:
        pass

    assert (by_get.status, by_json.status, by_query.status, twice.status) == (405, 400, 400, 400)
    assert json_reason.startswith("content_type: ")


async def test_userinfo_wants_a_bearer(party: RelyingParty) -> None:
    """RFC 6750: 401 with a challenge, which says `invalid_token` where one was sent."""
    async with party.http.get(party.url("userinfo")) as without:
        pass
    async with party.http.get(party.url("userinfo"), headers={"Authorization": "Bearer x"}) as wrong:
        pass

    assert (without.status, wrong.status) == (401, 401)
    assert "invalid_token" not in without.headers["WWW-Authenticate"]
    assert "invalid_token" in wrong.headers["WWW-Authenticate"]


# Registrations


async def test_keys_can_be_registered_as_a_file_and_as_a_url(
    party: RelyingParty, tmp_path: Path, unused_tcp_port: int
) -> None:
    """A file is read anew each time, so that a rotation needs no restart; a URL is asked."""
    file = tmp_path / "jwks.json"
    file.write_text("not yet")
    party.emulator.register(party.registration(jwks=file))
    early, answer = await party.redeem(party.form(await party.code()))
    file.write_text(json.dumps(public(party.key)))
    by_file, _ = await party.redeem(party.form(await party.code()))

    app = web.Application()

    async def keys(_request: web.Request) -> web.Response:
        return web.json_response(public(party.key))

    app.router.add_get("/keys", keys)
    runner = await start_emulator(app, unused_tcp_port)
    try:
        party.emulator.register(party.registration(jwks=f"http://localhost:{unused_tcp_port}/keys"))
        by_url, _ = await party.redeem(party.form(await party.code()))
    finally:
        await runner.cleanup()

    assert (early, by_file, by_url) == (400, 200, 200)
    assert answer["error_description"].startswith("client_jwks: ")


def test_a_registration_with_a_private_key_is_refused() -> None:
    """The emulator refuses the wrong file before it is used."""
    key = new_key()
    client = EmulatorClient("RP1", (CALLBACK,), {"keys": [key.as_dict(private=True)]})

    with pytest.raises(ValueError, match="public keys only"):
        make_emulator(EmulatorSettings(f"http://localhost:1{REALM}", (client,)))


@pytest.mark.parametrize(
    "issuer", [f"http://localhost:1{REALM}/", "http://localhost:1", f"http://localhost:1{REALM}?a=b"]
)
def test_an_issuer_of_another_shape_is_refused(issuer: str) -> None:
    """The issuer is compared exactly, so it cannot be nearly right."""
    with pytest.raises(ValueError, match="without a slash"):
        EmulatorSettings(issuer, ())


async def test_a_busy_port_is_an_error(party: RelyingParty) -> None:
    """The emulator leaves nothing behind."""
    port = int(party.issuer.split(":")[2].partition("/")[0])

    with pytest.raises(OSError, match="Address already in use"):
        await start_emulator(make_emulator(EmulatorSettings(party.issuer, ())), port)


# Made to fail


async def test_a_fault_spoils_the_next_answers_of_its_endpoint(party: RelyingParty) -> None:
    """Status, body and count as told; then all is well again."""
    party.emulator.fail(Fault(endpoint="token", status=503, body="down", content_type="text/plain", times=1))
    form = party.form(await party.code())

    async with party.http.post(party.url("token"), data=form) as spoiled:
        body = await spoiled.text()
    status, _ = await party.redeem(form)

    assert (spoiled.status, body, status) == (503, "down", 200)
    assert party.emulator.count("token") == 2


async def test_an_endpoint_can_drop_the_connection_or_dawdle(party: RelyingParty) -> None:
    """A client sees a closed connection, or nothing until its own time-out."""
    party.emulator.fail(Fault(endpoint="certs", drop=True))
    with pytest.raises(aiohttp.ClientConnectionError):
        await party.http.get(party.url("certs"))
    party.emulator.mend()

    party.emulator.fail(Fault(endpoint="certs", delay=60))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await party.http.get(party.url("certs"))
    party.emulator.mend()

    assert len((await party.keys()).keys) == 3


async def test_claims_can_be_altered_and_still_be_signed(party: RelyingParty) -> None:
    """A relying party's checks are tried one by one: the signature is right, the claim is not."""
    party.emulator.alter(
        Alterations(
            id_token={"nonce": "another", "acr": None, "exp": -5},
            userinfo={"sub": "somebody else"},
            token_response={"scope": "openid"},
            authorization_response={"iss": "https://evil.example"},
        )
    )
    callback = await party.callback()
    _, tokens = await party.redeem(party.form(callback["code"]))
    claims = json.loads(jws.deserialize_compact(tokens["id_token"], await party.keys(), algorithms=["ES256"]).payload)
    _, person = await party.userinfo(tokens["access_token"])

    assert callback["iss"] == "https://evil.example"
    assert claims["nonce"] == "another"
    assert "acr" not in claims
    assert claims["exp"] < time.time()
    assert (person["sub"], tokens["scope"]) == ("somebody else", "openid")


@pytest.mark.parametrize("signature", ["broken", "stranger"])
async def test_a_signature_can_be_spoiled(party: RelyingParty, signature: str) -> None:
    """No published key verifies it."""
    party.emulator.alter(Alterations(signature=signature))
    tokens = await party.tokens()

    with pytest.raises(BadSignatureError):
        jwt.decode(tokens["id_token"], await party.keys(), algorithms=["ES256"])


async def test_a_scope_can_be_withheld(party: RelyingParty) -> None:
    """The token response's `scope` says what was granted, and UserInfo holds no more."""
    party.emulator.alter(Alterations(withheld=["address"]))
    tokens = await party.tokens()
    _, person = await party.userinfo(tokens["access_token"])

    assert "address" not in tokens["scope"]
    assert "address" not in person


async def test_keys_rotate_with_overlap_or_without(party: RelyingParty) -> None:
    """Old tokens verify while the old key is published, and not once it is withdrawn."""
    old = (await party.tokens())["id_token"]
    party.emulator.rotate_keys()
    jwt.decode(old, await party.keys(), algorithms=["ES256"])
    new = (await party.tokens())["id_token"]
    jwt.decode(new, await party.keys(), algorithms=["ES256"])
    party.emulator.rotate_keys(withdraw=True)

    with pytest.raises(JoseError):
        jwt.decode(old, await party.keys(), algorithms=["ES256"])


async def test_published_keys_are_of_several_types_and_public(party: RelyingParty) -> None:
    """An EC key for ID tokens, an RSA key for access tokens, one that only encrypts; no private member."""
    party.emulator.alter(Alterations(extra_keys=[{"kty": "XYZ", "kid": "odd"}]))

    async with party.http.get(party.url("certs")) as answer:
        keys = (await answer.json())["keys"]

    assert [(key["kty"], key.get("use")) for key in keys] == [
        ("EC", "sig"),
        ("RSA", "sig"),
        ("RSA", "enc"),
        ("XYZ", None),
    ]
    assert not any(key.keys() & {"d", "p", "q", "dp", "dq", "qi"} for key in keys)


async def test_the_control_api_is_there_only_when_asked_for(party: RelyingParty) -> None:
    """Without the setting, nobody who reaches the port can make it lie."""
    origin = party.issuer.removesuffix(REALM)

    async with party.http.post(f"{origin}/control/faults", json={"endpoint": "token", "status": 500}) as answer:
        pass

    assert answer.status == 404
    assert party.emulator.faults == []


async def test_the_control_api_does_what_the_object_does(start: StartEmulator) -> None:
    """Faults, alterations, clients, rotation and calls, over HTTP; nonsense is refused."""
    party = await start(control=True)
    control = f"{party.issuer.removesuffix(REALM)}/control"
    client = {"client_id": "RP2", "redirect_uris": [CALLBACK], "jwks": public(new_key())}

    results = []
    for what, body in (
        ("faults", {"endpoint": "userinfo", "status": 500, "times": 1}),
        ("alterations", {"userinfo": {"name": None}}),
        ("clients", client),
        ("rotate", {"withdraw": True}),
        ("faults", {"endpoint": "nowhere"}),
        ("faults", {"endpoint": "token", "status": 99}),
        ("alterations", {"id_tokens": {}}),
        ("logout", {"client_id": "RP2", "card": 1}),
        ("nothing", {}),
    ):
        async with party.http.post(f"{control}/{what}", json=body) as answer:
            results.append(answer.status)
    async with party.http.post(f"{control}/mend", data={"a": "b"}) as by_form:
        results.append(by_form.status)
    tokens = await party.tokens()
    spoiled, _ = await party.userinfo(tokens["access_token"])
    _, person = await party.userinfo(tokens["access_token"])
    async with party.http.get(f"{control}/calls") as answer:
        calls = await answer.json()

    assert results == [200, 200, 200, 200, 400, 400, 400, 400, 404, 415]
    assert "RP2" in party.emulator.clients
    assert spoiled == 500
    assert "name" not in person
    assert ["userinfo", party.client_id, "ok"] in calls


# Signing out


async def test_end_session_leads_only_to_registered_addresses(start: StartEmulator) -> None:
    """None is documented, so it is off; switched on, it is no open redirect."""
    target = "http://localhost:8080/.sekisho/signed-out"
    party = await start({"post_logout_redirect_uris": (target,)}, end_session=True)
    url = party.url("logout")

    good = {"client_id": party.client_id, "post_logout_redirect_uri": target, "state": "s"}
    async with party.http.get(url, params=good, allow_redirects=False) as led:
        pass
    async with party.http.get(url, params=good | {"post_logout_redirect_uri": "https://evil.example/"}) as refused:
        pass

    assert (led.status, led.headers["Location"]) == (302, f"{target}?state=s")
    assert refused.status == 400


async def test_a_logout_token_is_sent_to_the_client(start: StartEmulator, unused_tcp_port: int) -> None:
    """Back-Channel Logout 1.0 section 2.4: events, no nonce, signed with the ID token's key."""
    party = await start(control=True)
    received: list[str] = []
    app = web.Application()

    async def take(request: web.Request) -> web.Response:
        received.append(str((await request.post())["logout_token"]))
        return web.Response()

    app.router.add_post("/logout", take)
    runner = await start_emulator(app, unused_tcp_port)
    party.emulator.register(party.registration(backchannel_logout_uri=f"http://localhost:{unused_tcp_port}/logout"))
    try:
        order = {"client_id": party.client_id, "card": 1, "sid": "a session"}
        async with party.http.post(f"{party.issuer.removesuffix(REALM)}/control/logout", json=order) as answer:
            status = (await answer.json())["status"]
    finally:
        await runner.cleanup()
    token = jwt.decode(received[0], await party.keys(), algorithms=["ES256"])

    assert status == 200
    assert token.claims["sub"] == party.emulator.subject(party.client_id, 1)
    assert token.claims["sid"] == "a session"
    assert "http://schemas.openid.net/event/backchannel-logout" in token.claims["events"]
    assert "nonce" not in token.claims


def test_the_emulator_is_found_from_its_application() -> None:
    """Tests reach the handles through `app[EMULATOR]`."""
    app = make_emulator(EmulatorSettings(f"http://localhost:1{REALM}", ()))

    assert app[EMULATOR].count("token") == 0


async def test_a_transaction_goes_on_in_another_browser(party: RelyingParty) -> None:
    """The phone may answer what the computer began: the form needs no cookie."""
    _, page = await party.authorize()

    async with aiohttp.ClientSession() as another:
        elsewhere = RelyingParty(another, party.issuer, party.emulator)
        answer = await elsewhere.choose(page, response="normal", card="1")

    assert answer.status == 302
    assert answer.headers["Location"].startswith(CALLBACK)
