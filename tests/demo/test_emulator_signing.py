"""The emulator's signature API, on a real socket: each step, each end, and each refusal."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe, jwk
from yarl import URL

from gateway.demo.emulator_signing import SigningContract, digest_of
from gateway.demo.faults import Alterations, CardSignature, Fault
from gateway.signing.digest import digest_info_base64, sha256_base64
from gateway.signing.profile import SHIPPED, HashForm, read_profile
from tests.demo.conftest import StartEmulator
from tests.demo.relying_party import RelyingParty

DOCUMENT = "同意します。\n".encode()
PLAIN = {"hash": sha256_base64(DOCUMENT), "hash_type": "sha256"}
SIGN = "openid sign"


@pytest.fixture
async def public_body(start: StartEmulator) -> RelyingParty:
    return await start({"signing": SigningContract(government=True)})


@pytest.fixture
async def private(start: StartEmulator) -> RelyingParty:
    return await start({"signing": SigningContract()})


async def begun(party: RelyingParty, said: Any = None) -> str:
    status, answer = await party.start_signing(PLAIN if said is None else said)
    assert status == 200, answer
    return str(answer["sign_transaction_id"])


async def signed(party: RelyingParty, card: int = 1, said: Any = None) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return the transaction, the tokens of the person's code, and the result."""
    transaction = await begun(party, said)
    tokens = await party.tokens(card, scope=SIGN, sign_transaction_id=transaction)
    status, result = await party.sign_result(transaction, tokens["access_token"])
    assert status == 200, result
    return transaction, tokens, result


def certificate_of(result: dict[str, Any]) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(result["sign_certificate"]))


def names(certificate: x509.Certificate) -> dict[str, str]:
    """The holder's names in a signing certificate, by the last number of their type; short texts only."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {
        name.type_id.dotted_string.rpartition(".")[2]: name.value[2:].decode()
        for name in found
        if isinstance(name, x509.OtherName)
    }


# The way that goes well


@pytest.mark.parametrize(
    ("said", "document"),
    [(PLAIN, DOCUMENT), ({"hash": digest_info_base64(DOCUMENT), "hash_type": "digest_info"}, DOCUMENT)],
)
async def test_openssl_verifies_the_signature_over_the_document(
    public_body: RelyingParty, said: dict[str, str], document: bytes, tmp_path: Path
) -> None:
    """With the certificate that comes with it, which leads to the authority; one changed byte does not verify."""
    _, _, result = await signed(public_body, said=said)
    async with public_body.http.get(f"{public_body.issuer}/signing-ca.pem") as answer:
        (tmp_path / "ca.pem").write_bytes(await answer.read())
    (tmp_path / "leaf.der").write_bytes(base64.b64decode(result["sign_certificate"]))
    (tmp_path / "signature").write_bytes(base64.b64decode(result["signature"]))
    (tmp_path / "document").write_bytes(document)
    (tmp_path / "changed").write_bytes(bytes([document[0] ^ 1]) + document[1:])

    def openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["openssl", *arguments], cwd=tmp_path, capture_output=True, check=False)

    made = openssl("x509", "-inform", "DER", "-in", "leaf.der", "-out", "leaf.pem")
    taken = openssl("x509", "-in", "leaf.pem", "-noout", "-pubkey", "-out", "key.pem")
    chain = openssl("verify", "-CAfile", "ca.pem", "-policy_check", "leaf.pem")
    right = openssl("dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "document")
    wrong = openssl("dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "changed")

    assert (made.returncode, taken.returncode, chain.returncode) == (0, 0, 0), chain.stderr
    assert (right.returncode, wrong.returncode) == (0, 1)
    assert result["state"] == "signed"
    assert result["certificate_validity"] == "good"


async def test_a_certificate_names_its_holder_as_a_real_one_does(public_body: RelyingParty) -> None:
    """Name, gender, date of birth with its era, address; key usage and policy of a signing certificate."""
    _, _, result = await signed(public_body)

    certificate = certificate_of(result)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    policies = certificate.extensions.get_extension_for_class(x509.CertificatePolicies)
    assert names(certificate) == {
        "1": "髙橋　花子",
        "3": "2",
        "4": "319850401",
        "5": "東京都渋谷区神南１丁目１９番１１号",
    }
    assert (usage.digital_signature, usage.content_commitment, usage.key_cert_sign) == (True, True, False)
    assert policies.critical
    assert isinstance(key := certificate.public_key(), rsa.RSAPublicKey)
    assert key.key_size == 2048
    assert certificate.serial_number == 0x7F00D012


async def test_every_card_with_a_certificate_can_sign(public_body: RelyingParty) -> None:
    """The longest address and the date that cannot be read have a certificate, too."""
    for card in (12, 20, 26):
        _, _, result = await signed(public_body, card)
        assert certificate_of(result).extensions.get_extension_for_class(x509.SubjectAlternativeName) is not None


async def test_a_private_operator_gets_what_only_its_platform_opens(private: RelyingParty) -> None:
    """A JWE and no certificate, and no word of revocation."""
    _, _, result = await signed(private)

    key = private.emulator.keys.cards.platform_key()
    opened = jwe.decrypt_compact(result["sign_certificate_jwe"], key, algorithms=["RSA-OAEP-256", "A256GCM"])
    assert opened.plaintext is not None
    certificate = x509.load_der_x509_certificate(base64.b64decode(opened.plaintext))
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(base64.b64decode(result["signature"]), DOCUMENT, padding.PKCS1v15(), hashes.SHA256())
    assert result.keys() == {"state", "signature", "sign_certificate_jwe"}


async def test_a_platform_has_a_key_of_its_own(start: StartEmulator) -> None:
    """The registration names it, and the emulator cannot open what it encrypts."""
    key = jwk.RSAKey.generate_key(2048, {"kid": "theirs"})
    party = await start({"signing": SigningContract(platform_key=key.as_dict(private=False))})

    _, _, result = await signed(party)

    assert jwe.decrypt_compact(result["sign_certificate_jwe"], key, algorithms=["RSA-OAEP-256", "A256GCM"]).plaintext


@pytest.mark.parametrize("changes", [{"government": True}, {}])
def test_a_platform_key_must_fit(changes: dict[str, Any]) -> None:
    """A public body has none, and nobody registers a private key."""
    key = jwk.RSAKey.generate_key(2048).as_dict(private=not changes)

    with pytest.raises(ValueError, match="platform_key"):
        SigningContract(platform_key=key, **changes)


async def test_the_screen_shows_what_is_signed(public_body: RelyingParty) -> None:
    """The hash in hexadecimal and as it came, both serials of each card; and no hash at a plain sign-in."""
    transaction = await begun(public_body)

    _, page = await public_body.authorize(scope=SIGN, sign_transaction_id=transaction)
    _, plain = await public_body.authorize()

    assert hashlib.sha256(DOCUMENT).hexdigest() in page
    assert base64.b64encode(hashlib.sha256(DOCUMENT).digest()).decode() in page.replace("&#43;", "+")
    assert transaction in page
    assert "7F00D012" in page
    assert "署名するもの" not in plain


async def test_the_subject_is_the_same_as_at_a_sign_in(public_body: RelyingParty) -> None:
    """A relying party can tell whether the person who signs is the person who is signed in."""
    _, tokens, _ = await signed(public_body)

    assert (await public_body.userinfo(tokens["access_token"]))[1]["sub"] == public_body.emulator.subject(
        public_body.client_id, 1
    )


async def test_other_names_are_a_matter_of_the_profile(start: StartEmulator) -> None:
    """A relying party with a corrected profile can be tried."""
    text = (
        SHIPPED.read_text("utf-8").replace('"sign_certificate"', '"cert"').replace('signed = "signed"', 'signed = "OK"')
    )
    party = await start({"signing": SigningContract(government=True)}, signing_profile=read_profile(text, "other.toml"))

    _, _, result = await signed(party)

    assert result["state"] == "OK"
    assert "cert" in result


# Ends without a signature


@pytest.mark.parametrize(
    ("response", "state"), [("access_denied", "cancelled"), ("server_error", "failed"), ("x_unknown_error", "failed")]
)
async def test_an_error_ends_the_transaction(public_body: RelyingParty, response: str, state: str) -> None:
    """The browser comes back with the code, and the transaction cannot be signed any more."""
    transaction = await begun(public_body)

    callback = await public_body.callback(1, response, scope=SIGN, sign_transaction_id=transaction)
    status, page = await public_body.authorize(scope=SIGN, sign_transaction_id=transaction)

    assert callback["error"] == response
    assert status == 400
    assert "sign_transaction_used" in page
    assert public_body.emulator.signing.result(transaction, public_body.client_id, 0) == {"state": state}


@pytest.mark.parametrize(("card", "words"), [(2, "has expired"), (28, "has no digital signature certificate")])
async def test_a_card_that_cannot_sign_fails_back(public_body: RelyingParty, card: int, words: str) -> None:
    """An expired certificate, and a child of 14 who has none."""
    transaction = await begun(public_body)

    callback = await public_body.callback(card, scope=SIGN, sign_transaction_id=transaction)

    assert callback["error"] == "unmet_authentication_requirements"
    assert words in callback["error_description"]
    assert "code" not in callback


@pytest.mark.parametrize("card", [3, 27])
async def test_revocation_is_reported_to_a_public_body(public_body: RelyingParty, card: int) -> None:
    """The signature is there; what it is worth is the public body's decision."""
    _, _, result = await signed(public_body, card)

    assert result["certificate_validity"] == "revoked"
    assert result["signature"]


async def test_a_card_whose_signing_certificate_lapsed_still_signs_in(public_body: RelyingParty) -> None:
    """A move ends the signing certificate alone."""
    assert "code" in await public_body.callback(27)


async def test_time_runs_out(start: StartEmulator) -> None:
    """An expired transaction cannot be opened, and a page that is already open cannot sign it."""
    now = [1_795_402_800.0]
    party = await start(
        {"signing": SigningContract(government=True)}, now=lambda: now[0], sign_lifetime=60.0, token_lifetime=3600.0
    )
    token = party.assertion(iat=int(now[0]), exp=int(now[0]) + 60)
    own = (await party.own_token(client_assertion=token))[1]["access_token"]
    _, answer = await party.start_signing(PLAIN, own)
    transaction = answer["sign_transaction_id"]
    _, page = await party.authorize(scope=SIGN, sign_transaction_id=transaction)

    now[0] += 60
    status, late = await party.authorize(scope=SIGN, sign_transaction_id=transaction)
    chosen = await party.choose(page, response="normal", card="1")

    assert answer["expires_in"] == 60
    assert (status, chosen.status) == (400, 400)
    assert "sign_transaction_expired" in late
    assert party.emulator.signing.result(transaction, party.client_id, now[0]) == {"state": "expired"}


async def test_a_transaction_is_signed_once(public_body: RelyingParty) -> None:
    """Two tabs open it; the second one to choose is refused, and so is a third that comes later."""
    transaction = await begun(public_body)
    _, first = await public_body.authorize(scope=SIGN, sign_transaction_id=transaction)
    _, second = await public_body.authorize(scope=SIGN, sign_transaction_id=transaction)

    signing = await public_body.choose(first, response="normal", card="1")
    late = await public_body.choose(second, response="normal", card="4")
    status, page = await public_body.authorize(scope=SIGN, sign_transaction_id=transaction)

    assert (signing.status, late.status, status) == (302, 400, 400)
    assert "sign_transaction_used" in page


# The result


async def test_a_result_is_given_again(public_body: RelyingParty) -> None:
    """A connection that broke costs nobody a second signature."""
    transaction, tokens, result = await signed(public_body)

    assert await public_body.sign_result(transaction, tokens["access_token"]) == (200, result)


async def test_a_result_can_be_a_single_one(start: StartEmulator) -> None:
    """It is not established of the real service, so a relying party should be tried with both."""
    party = await start({"signing": SigningContract(government=True)}, sign_result_once=True)

    transaction, tokens, _ = await signed(party)

    assert (await party.sign_result(transaction, tokens["access_token"]))[0] == 404


async def test_a_result_needs_the_tokens_of_its_own_code(public_body: RelyingParty) -> None:
    """The emulator takes neither the client's token, nor a sign-in's, nor another transaction's."""
    transaction, tokens, _ = await signed(public_body)
    other, others, _ = await signed(public_body, 4)
    own = (await public_body.own_token())[1]["access_token"]
    plain = (await public_body.tokens())["access_token"]

    assert (await public_body.sign_result(transaction, own))[0] == 401
    assert (await public_body.sign_result(transaction, "made up"))[0] == 401
    assert (await public_body.sign_result(transaction, plain))[0] == 403
    assert (await public_body.sign_result(transaction, others["access_token"]))[0] == 403
    assert (await public_body.sign_result(other, tokens["access_token"]))[0] == 403


# Refusals


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([], "body_form"),
        ({}, "hash_form_wrong"),
        ({"hash_type": "sha256"}, "hash_wrong"),
        ({**PLAIN, "hash_type": "sha1"}, "hash_form_wrong"),
        ({**PLAIN, "hash_type": "digest_info"}, "hash_wrong"),
        ({**PLAIN, "hash": hashlib.sha256(DOCUMENT).hexdigest()}, "hash_wrong"),
        ({**PLAIN, "hash": PLAIN["hash"].rstrip("=")}, "hash_wrong"),
        ({**PLAIN, "hash": 7}, "hash_wrong"),
        ({**PLAIN, "document": "同意します"}, "member_unknown"),
    ],
)
async def test_a_start_that_is_wrong_is_refused_by_name(public_body: RelyingParty, said: Any, reason: str) -> None:
    """The service takes a hash of one of two forms, and never a document."""
    status, answer = await public_body.start_signing(said)

    assert status == 400
    assert answer["error_description"].startswith(f"{reason}: ")


async def test_a_start_needs_the_clients_own_token(public_body: RelyingParty) -> None:
    """A person's access token, and none, are refused."""
    person = (await public_body.tokens())["access_token"]

    assert (await public_body.start_signing(PLAIN, person))[0] == 401
    assert (await public_body.start_signing(PLAIN, "made up"))[0] == 401


async def test_signing_is_contracted(party: RelyingParty) -> None:
    """A client without it gets no token for it, and cannot ask a person."""
    status, answer = await party.own_token()
    refused, page = await party.authorize(scope=SIGN, sign_transaction_id="x")

    assert (status, answer["error"]) == (400, "unauthorized_client")
    assert refused == 400
    assert "scope_not_contracted" in page


async def test_the_clients_token_is_for_signing_alone(public_body: RelyingParty) -> None:
    """No other scope, and UserInfo knows nobody by it."""
    status, answer = await public_body.own_token(client_assertion=public_body.assertion(), scope="openid")
    own = (await public_body.own_token())[1]

    assert (status, answer["error"]) == (400, "invalid_scope")
    assert own.keys() == {"access_token", "expires_in", "token_type", "scope"}
    assert (await public_body.userinfo(own["access_token"]))[0] == 401


async def test_another_clients_transaction_is_unknown(public_body: RelyingParty) -> None:
    """An id that leaks helps nobody else."""
    transaction = await begun(public_body)
    public_body.emulator.register(public_body.registration(client_id="RP2", signing=SigningContract()))

    status, page = await public_body.authorize(client_id="RP2", scope=SIGN, sign_transaction_id=transaction)

    assert status == 400
    assert "sign_transaction_unknown" in page


# Faults


@pytest.mark.parametrize("endpoint", ["sign_start", "sign_result"])
async def test_both_endpoints_can_fail(public_body: RelyingParty, endpoint: str) -> None:
    """Once, and then rightly."""
    transaction, tokens, _ = await signed(public_body)
    public_body.emulator.fail(Fault(endpoint, status=503, times=1))

    if endpoint == "sign_start":
        answers = [(await public_body.start_signing(PLAIN))[0] for _ in range(2)]
    else:
        answers = [(await public_body.sign_result(transaction, tokens["access_token"]))[0] for _ in range(2)]

    assert answers == [503, 200]


async def test_answers_can_be_altered(public_body: RelyingParty) -> None:
    """A member taken away, and another one's word changed."""
    public_body.emulator.alter(
        Alterations(sign_start={"expires_in": None}, sign_result={"certificate_validity": "expired", "signature": None})
    )

    status, answer = await public_body.start_signing(PLAIN)
    _, _, result = await signed(public_body)

    assert status == 200
    assert set(answer) == {"sign_transaction_id"}
    assert result["certificate_validity"] == "expired"
    assert "signature" not in result


@pytest.mark.parametrize("how", [CardSignature.BROKEN, CardSignature.OTHER_DOCUMENT, CardSignature.BARE_HASH])
async def test_a_signature_can_be_wrong(public_body: RelyingParty, how: CardSignature) -> None:
    """None of these verifies by RSASSA-PKCS1-v1_5 over the document."""
    public_body.emulator.alter(Alterations(card_signature=how))

    _, _, result = await signed(public_body)

    key = certificate_of(result).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature = base64.b64decode(result["signature"])
    with pytest.raises(InvalidSignature):
        key.verify(signature, DOCUMENT, padding.PKCS1v15(), hashes.SHA256())
    if how is CardSignature.BARE_HASH:
        recovered = key.recover_data_from_signature(signature, padding.PKCS1v15(), None)
        assert recovered == hashlib.sha256(DOCUMENT).digest()


async def test_the_control_registers_signing(start: StartEmulator) -> None:
    """As JSON, with the names of the registration."""
    party = await start(control=True)
    origin = URL(party.issuer).origin()
    client = party.registration()
    order = {
        "client_id": party.client_id,
        "redirect_uris": list(client.redirect_uris),
        "jwks": client.jwks,
        "signing": {"government": True},
    }

    async with party.http.post(origin / "control/clients", json=order) as answer:
        assert answer.status == 200

    assert (await signed(party))[2]["certificate_validity"] == "good"


@given(st.binary(max_size=60))
def test_only_a_hash_is_a_hash(data: bytes) -> None:
    """32 bytes, plain; the same in a DigestInfo; nothing else."""
    said = base64.b64encode(data).decode()

    assert digest_of(said, HashForm.SHA256) == (data if len(data) == 32 else None)
    assert digest_of(said, HashForm.DIGEST_INFO) is None
    assert digest_of(digest_info_base64(data), HashForm.DIGEST_INFO) == hashlib.sha256(data).digest()
