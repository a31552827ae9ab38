"""Tokens as cases direct them: each directive does what it says, and nothing else is said of a token."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.errors import SignInInvalidError
from gateway.login.claims import VerificationKey, verified_claims
from tests.security.provider import new_key
from tests.security.tokens import DIRECTIVES, SIGNATURES, TOKENS, as_written_before, make_token, token_faults

KEY, STRANGER = new_key("idp-1"), new_key("stranger")
PUBLISHED = VerificationKey("idp-1", "ES256", ECKey.import_key(KEY.export_public(as_dict=True)))
CLAIMS = {"iss": "https://idp.gw.test", "sub": "hanako", "iat": 1000}


def made(**directed: Any) -> str:
    return make_token(dict(CLAIMS), directed, typ="JWT", key=KEY, stranger=STRANGER, now=1000.0)


def holds(token: str) -> bool:
    """Say whether the gateway believes its signature."""
    try:
        verified_claims(token, [PUBLISHED], ("ES256",))
    except SignInInvalidError:
        return False
    return True


def parts(token: str) -> list[bytes]:
    return [
        base64.urlsafe_b64decode(part.rstrip("=") + "=" * (-len(part.rstrip("=")) % 4)) for part in token.split(".")
    ]


def test_a_token_of_which_nothing_is_directed_is_right() -> None:
    """The gateway believes it, so that a case that expects a refusal shows what the directive did."""
    assert verified_claims(made(), [PUBLISHED], ("ES256",)) == CLAIMS


def test_claims_replace_remove_and_count_from_now() -> None:
    """Null removes; a small whole number for a time is seconds from now."""
    token = made(claims={"sub": None, "iat": -60, "x": 1})

    assert verified_claims(token, [PUBLISHED], ("ES256",)) == {"iss": "https://idp.gw.test", "iat": 940, "x": 1}


@pytest.mark.parametrize("word", SIGNATURES)
def test_no_deformed_signature_holds(word: str) -> None:
    """Each is another one than the right one, and none is believed."""
    token = made(sig=word)

    assert token.rpartition(".")[0].count(".") == 1
    assert not holds(token)


@pytest.mark.parametrize(
    ("directed", "last"),
    [({"sig": None}, b""), ({"sig": False}, b""), ({"sig": 3}, b"\0\0\0"), ({"sig": "AAAA"}, b"\0\0\0"),
     ({"signature": "AAAA"}, b"\0\0\0"), ({"alg": "none"}, b""), ({"alg": "nOnE", "sig": "AAAA"}, b"\0\0\0")],
)  # fmt: skip
def test_a_signature_can_be_none_or_any_text(directed: dict[str, Any], last: bytes) -> None:
    """This holds for every name of the algorithm."""
    assert parts(made(**directed))[2] == last


def test_a_header_says_what_the_case_says() -> None:
    """`alg` and `typ` by their own names, all else under `header`."""
    header = json.loads(parts(made(alg="ES384", typ="at+jwt", header={"kid": None, "x": 1}))[0])

    assert header == {"alg": "ES384", "typ": "at+jwt", "x": 1}
    assert "typ" not in json.loads(parts(made(typ=None))[0])


@pytest.mark.parametrize("payload", ["", "[]", '{"a": 1, "a": 2}', "髙橋"])
def test_a_payload_stands_as_it_is_written_and_is_signed(payload: str) -> None:
    """The token has no other fault than the one that the test puts into it."""
    token = made(raw_payload=payload)

    assert parts(token)[1] == payload.encode()
    assert holds(make_token({}, {"raw_payload": '{"a": 1}'}, typ="JWT", key=KEY, stranger=STRANGER, now=0))


@pytest.mark.parametrize(
    ("said", "count"), [(0, 1), (1, 1), (2, 2), (4, 4), (5, 5), (["header", "x"], 2), ("header.payload.payload.x", 4)]
)
def test_segments_can_be_fewer_and_more(said: object, count: int) -> None:
    """The segments can come in any order."""
    token = made(segments=said)

    assert len(token.split(".")) == count
    assert not holds(token)


@pytest.mark.parametrize(("pad", "ends"), [(True, "=="), (1, "="), ("===", "==="), ("signature", "=="), ("yes", "==")])
def test_padding_is_visible(pad: object, ends: str) -> None:
    """A signature of 64 bytes is never a multiple of three, so at least one segment shows it; and it is refused."""
    token = made(pad=pad)

    assert token.endswith(ends)
    assert not token.endswith(ends + "=")
    assert not holds(token)


@pytest.mark.parametrize("secret", ["rsa-public-pem", "anything"])
def test_a_shared_secret_signs_as_asked(secret: str) -> None:
    """The key confusion of RFC 8725 section 2.1, ready to be tried."""
    assert len(parts(made(alg="HS256", key=secret))[2]) == 32
    assert not holds(made(alg="HS256", key=secret))


def test_any_key_but_ours_is_not_published() -> None:
    """This holds for every name in a case."""
    assert not holds(made(key="other"))
    assert not holds(made(key="somebody"))


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("name", ["iss", "nonce", "sigs", "payload", "Alg"])
def test_any_other_name_is_a_fault(token: str, name: str) -> None:
    """A claim that stands beside the directives changes nothing, and its case would test a right token."""
    (fault,) = token_faults("X-1", token, {name: "x"})

    assert f"unknown name `{name}`" in fault
    assert token_faults("X-1", token, {"claims": {name: "x"}}) == []


@pytest.mark.parametrize(
    "said", [{"claims": []}, {"header": "x"}, {"segments": -1}, {"segments": True}, {"pad": []}, {"key": 1}, []]
)
def test_a_directive_of_another_kind_is_a_fault(said: object) -> None:
    """It would else stop the harness in the midst of a case."""
    assert len(token_faults("X-1", "id_token", said)) == 1


def test_an_older_files_claims_are_moved_and_nothing_else_is() -> None:
    """Only names that such a file has; a directive stays where it is."""
    before = {"iss": "x", "alg": "none", "sgi": "y"}

    assert as_written_before(before) == {"alg": "none", "sgi": "y", "claims": {"iss": "x"}}
    assert token_faults("X-1", "id_token", as_written_before(before)) != []


def test_every_directive_is_described_in_the_cases_file() -> None:
    """The head of the file is the format's own description."""
    from tests.security.test_case_format import HERE  # noqa: PLC0415 (where the file is)

    head = "".join(
        line for line in (HERE / "cases.yaml").read_text(encoding="utf-8").splitlines() if line.startswith("#")
    )
    assert [name for name in DIRECTIVES if name not in head] == []
