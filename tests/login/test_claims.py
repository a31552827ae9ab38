"""Whether to believe the provider, and what it means.

Each test of the first part carries the number of the check it guards: `core-N` is step N of OpenID Connect
Core 3.1.3.7, `trap-N` is a thing authlib's ready-made validators let pass. Each names the `Check` it must fail,
so it fails when that check is removed, also where another would still refuse the token.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import date
from typing import Any

import pytest
from authlib.oidc.core import CodeIDToken
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.errors import SignInInvalidError
from gateway.identity import Birthdate, Gender, Scope
from gateway.login.claims import (
    Check,
    Expected,
    Trouble,
    VerificationKey,
    half_hash,
    read_birthdate,
    read_id_token,
    read_signed_userinfo,
    read_userinfo,
    verified_claims,
)

NOW = 1_795_402_800.0
KEY = ECKey.generate_key("P-256", auto_kid=False)
STRANGER = ECKey.generate_key("P-256", auto_kid=False)
RSA = RSAKey.generate_key(2048, auto_kid=False)
CURVE_384 = ECKey.generate_key("P-384", auto_kid=False)
TODAY = date(2026, 11, 23)
ACCESS_TOKEN = "access-token"

EXPECTED = Expected(
    issuer="https://op.example/realms/main",
    client_id="RP00000001",
    nonce="the-nonce",
    access_token=ACCESS_TOKEN,
    algorithms=("ES256",),
    begun_at=NOW - 120,
    now=NOW,
    skew=10.0,
    accepted_acr=("aal3 crl",),
)
KEYS = (
    VerificationKey("k0", "RS256", RSAKey.import_key(RSA.as_dict(private=False))),
    VerificationKey("k1", "ES256", ECKey.import_key(KEY.as_dict(private=False))),
    VerificationKey("k3", None, ECKey.import_key(CURVE_384.as_dict(private=False))),
)

CLAIMS: dict[str, Any] = {
    "iss": "https://op.example/realms/main",
    "sub": "ppid-1",
    "aud": "RP00000001",
    "exp": NOW + 300,
    "iat": NOW - 1,
    "auth_time": NOW - 5,
    "nonce": "the-nonce",
    "acr": "aal3 crl",
    "at_hash": half_hash(ACCESS_TOKEN, "ES256"),
}
HEADER: dict[str, Any] = {"alg": "ES256", "kid": "k1", "typ": "JWT"}


def _part(value: bytes) -> bytes:
    return urlsafe_b64encode(value).rstrip(b"=")


def token(
    claims: dict[str, Any] | None = None,
    header: dict[str, Any] | None = None,
    key: ECKey | RSAKey = KEY,
    payload: bytes = b"",
) -> str:
    """Sign a token, spoiled as told; None leaves a member out. No library checks what is signed."""
    said = {name: value for name, value in {**CLAIMS, **(claims or {})}.items() if value is not None}
    head = {name: value for name, value in {**HEADER, **(header or {})}.items() if value is not None}
    signed = _part(json.dumps(head).encode()) + b"." + _part(payload or json.dumps(said).encode())
    alg = str(head.get("alg", "ES256"))
    algorithm = jws.JWSRegistry(algorithms=[alg if alg in {"ES256", "RS256", "ES384"} else "ES256"]).get_alg(
        alg if alg in {"ES256", "RS256", "ES384"} else "ES256"
    )
    return (signed + b"." + _part(algorithm.sign(signed, key))).decode()


def failing(said: str, expected: Expected = EXPECTED, keys: tuple[VerificationKey, ...] = KEYS) -> str:
    """Return the check that a token fails."""
    with pytest.raises(SignInInvalidError) as refused:
        read_id_token(said, keys, expected)
    return refused.value.check


def test_a_token_that_holds_is_read() -> None:
    """The measure of all below: spoiled in nothing, it is believed."""
    read = read_id_token(token({"sid": "s-1", "azp": "RP00000001", "aud": ["RP00000001"]}), KEYS, EXPECTED)

    assert (read.subject, read.auth_time, read.acr, read.sid) == ("ppid-1", NOW - 5, "aal3 crl", "s-1")


_CORE: list[tuple[str, dict[str, Any], Check]] = [
    ("core-02 names_another_issuer", {"iss": "https://evil-idp.example"}, Check.ISSUER),
    ("core-02 the issuer with a slash", {"iss": "https://op.example/realms/main/"}, Check.ISSUER),
    ("core-02 no issuer", {"iss": None}, Check.ISSUER),
    ("core-02 a list of issuers", {"iss": ["https://op.example/realms/main"]}, Check.ISSUER),
    ("core-03 another audience", {"aud": "other-client"}, Check.AUDIENCE),
    ("core-03 no audience", {"aud": None}, Check.AUDIENCE),
    ("core-03 an empty audience", {"aud": []}, Check.AUDIENCE),
    ("core-03 trap-3 a second audience", {"aud": ["RP00000001", "other"]}, Check.AUDIENCE),
    ("core-03 trap-3 a second audience and azp", {"aud": ["RP00000001", "x"], "azp": "RP00000001"}, Check.AUDIENCE),
    ("core-03 twice the same", {"aud": ["RP00000001", "RP00000001"]}, Check.AUDIENCE),
    ("core-04 core-05 another authorized party", {"azp": "other-client"}, Check.AUTHORIZED_PARTY),
    ("core-05 trap-5 an empty authorized party", {"azp": ""}, Check.AUTHORIZED_PARTY),
    ("core-09 expired", {"exp": NOW - 11}, Check.EXPIRED),
    ("core-09 expired to the second", {"exp": NOW - 10}, Check.EXPIRED),
    ("core-09 no expiry", {"exp": None}, Check.EXPIRED),
    ("core-09 an expiry as text", {"exp": "9999999999"}, Check.EXPIRED),
    ("core-09 an expiry that is true", {"exp": True}, Check.EXPIRED),
    ("core-09 an expiry no clock shows", {"exp": 1e300}, Check.EXPIRED),
    ("core-09 not yet valid", {"nbf": NOW + 11}, Check.NOT_BEFORE),
    ("core-09 not before a text", {"nbf": "now"}, Check.NOT_BEFORE),
    ("core-10 issued in the future", {"iat": NOW + 11}, Check.ISSUED_AT),
    ("core-10 issued before this sign-in began", {"iat": NOW - 200}, Check.ISSUED_AT),
    ("core-10 no moment of issue", {"iat": None}, Check.ISSUED_AT),
    ("core-10 a moment as text", {"iat": "now"}, Check.ISSUED_AT),
    ("core-11 another nonce", {"nonce": "x"}, Check.NONCE),
    ("core-11 no nonce", {"nonce": None}, Check.NONCE),
    ("core-11 an empty nonce", {"nonce": ""}, Check.NONCE),
    ("core-11 a nonce in a list", {"nonce": ["the-nonce"]}, Check.NONCE),
    ("core-12 a lower assurance", {"acr": "low"}, Check.ACR),
    ("core-12 half the assurance", {"acr": "aal3"}, Check.ACR),
    ("core-12 an assurance that only contains it", {"acr": "aal33 crl"}, Check.ACR),
    ("core-12 an assurance as a number", {"acr": 3}, Check.ACR),
    ("core-13 authenticated in the future", {"auth_time": NOW + 7200}, Check.AUTH_TIME),
    ("core-13 authenticated at a text", {"auth_time": "yesterday"}, Check.AUTH_TIME),
    ("core-13 trap-4 authenticated at false", {"auth_time": False}, Check.AUTH_TIME),
    ("trap-1 no at_hash", {"at_hash": None}, Check.AT_HASH),
    ("trap-1 an empty at_hash", {"at_hash": ""}, Check.AT_HASH),
    ("trap-1 another at_hash", {"at_hash": "AAAA"}, Check.AT_HASH),
    ("trap-1 a whole hash", {"at_hash": half_hash(ACCESS_TOKEN, "ES512")}, Check.AT_HASH),
    ("trap-2 an empty sub", {"sub": ""}, Check.SUBJECT),
    ("trap-2 no sub", {"sub": None}, Check.SUBJECT),
    ("trap-2 a sub that is a number", {"sub": 1234}, Check.SUBJECT),
    ("trap-2 a sub of spaces", {"sub": "  "}, Check.SUBJECT),
    ("trap-2 a sub with a line end", {"sub": "a\r\nX-Evil: 1"}, Check.SUBJECT),
    ("trap-2 a sub outside ASCII", {"sub": "花子"}, Check.SUBJECT),
    ("trap-2 a sub of 256", {"sub": "s" * 256}, Check.SUBJECT),
]


@pytest.mark.parametrize(("claims", "check"), [pytest.param(c, check, id=name) for name, c, check in _CORE])
def test_a_claim_that_does_not_hold_is_named(claims: dict[str, Any], check: Check) -> None:
    """One claim wrong, all else right, and the signature good."""
    assert failing(token(claims)) == check


_HEADERS: list[tuple[str, dict[str, Any], Check]] = [
    ("core-07 none", {"alg": "none"}, Check.ALGORITHM),
    ("core-07 none in capitals", {"alg": "NoNe"}, Check.ALGORITHM),
    ("core-07 core-08 a MAC", {"alg": "HS256"}, Check.ALGORITHM),
    ("core-07 another of our own", {"alg": "ES384"}, Check.ALGORITHM),
    ("core-07 an algorithm that is a list", {"alg": ["ES256"]}, Check.HEADER),
    ("core-06 no such key", {"kid": "k9"}, Check.KEY),
    ("core-06 a path as a key", {"kid": "../../dev/null"}, Check.KEY),
    ("core-06 a key of another kind", {"kid": "k0"}, Check.KEY),
    ("core-06 a key of another curve", {"kid": "k3"}, Check.KEY),
    ("core-06 a kid that is a number", {"kid": 1}, Check.HEADER),
    ("core-06 a key by URL", {"jku": "https://evil.example/jwks"}, Check.HEADER),
    ("core-06 a certificate by URL", {"x5u": "https://evil.example/c.pem"}, Check.HEADER),
    ("core-06 a certificate", {"x5c": ["AAAA"]}, Check.HEADER),
    ("core-06 a key of its own", {"jwk": STRANGER.as_dict(private=False)}, Check.HEADER),
    ("core-06 critical and unknown", {"crit": ["x"], "x": 1}, Check.HEADER),
    ("core-06 an unencoded payload", {"b64": True, "crit": ["b64"]}, Check.HEADER),
    ("core-06 a member that nobody knows", {"x": "1"}, Check.HEADER),
    ("core-06 a content type that is a number", {"cty": 1}, Check.HEADER),
    ("core-06 a header without an end", {"cty": "x" * 600}, Check.SHAPE),
    ("core-06 a logout token", {"typ": "logout+jwt"}, Check.HEADER),
    ("core-06 an access token", {"typ": "at+jwt"}, Check.HEADER),
]


@pytest.mark.parametrize(("header", "check"), [pytest.param(h, check, id=name) for name, h, check in _HEADERS])
def test_a_header_that_does_not_hold_is_named(header: dict[str, Any], check: Check) -> None:
    """The token says how it would like to be checked, and is not asked."""
    assert failing(token(header=header)) == check


def test_core_06_a_stranger_cannot_sign() -> None:
    """The right key's name does not help the stranger."""
    assert failing(token(key=STRANGER)) == Check.SIGNATURE


def test_core_06_one_changed_byte_breaks_the_signature() -> None:
    """Claims are what was signed."""
    head, _, signature = token().split(".")
    changed = _part(json.dumps({**CLAIMS, "sub": "ppid-2"}).encode()).decode()

    assert failing(f"{head}.{changed}.{signature}") == Check.SIGNATURE


def test_core_07_the_public_key_is_no_shared_secret() -> None:
    """The classic: HMAC with the public RSA key's PEM, where RS256 is pinned."""
    pem = RSA.as_pem(private=False)
    mac = jws.serialize_compact(
        {"alg": "HS256", "kid": "k0"}, json.dumps(CLAIMS), OctKey.import_key(pem.replace(b"-----", b"")), ["HS256"]
    )

    assert failing(mac, _expecting(algorithms=("RS256",))) == Check.ALGORITHM
    assert failing(mac, _expecting(algorithms=("RS256", "HS256"))) == Check.ALGORITHM


def _expecting(**changes: Any) -> Expected:
    values = {name: getattr(EXPECTED, name) for name in Expected.__slots__}
    return Expected(**(values | changes))


def test_core_06_without_a_kid_one_key_must_fit() -> None:
    """With two that could have signed, it is not said which."""
    other = VerificationKey("k2", "ES256", ECKey.import_key(STRANGER.as_dict(private=False)))

    assert read_id_token(token(header={"kid": None}), KEYS, EXPECTED).subject == "ppid-1"
    assert failing(token(header={"kid": None}), keys=(*KEYS, other)) == Check.KEY


def test_core_12_whether_an_assurance_must_be_there_is_a_setting() -> None:
    """Absent passes, unless `require_acr` says otherwise."""
    assert read_id_token(token({"acr": None}), KEYS, EXPECTED).acr is None
    assert failing(token({"acr": None}), _expecting(require_acr=True)) == Check.ACR


@pytest.mark.parametrize(
    ("accepted", "acr", "passes"),
    [
        (("1",), "1", True),
        (("1",), "0", False),
        (("0", "1"), "0", True),
        (("silver", "gold"), "gold", True),
        (("silver", "gold"), "bronze", False),
        (("silver gold",), "silver", False),
        (("aal3", "urn:mace:incommon:iap:silver"), "urn:mace:incommon:iap:silver", True),
        (("aal3",), "crl aal3", True),
        (("1",), "", False),
        (("1",), "01", False),
        ((), "whatever", True),
        ((), "", True),
    ],
)
def test_one_accepted_acr_is_enough(accepted: tuple[str, ...], acr: str, passes: bool) -> None:
    """All words of one of them; where none is listed, any text will do, and what is no text never."""
    expected = _expecting(accepted_acr=accepted)

    if passes:
        assert read_id_token(token({"acr": acr}), KEYS, expected).acr == acr
    else:
        with pytest.raises(SignInInvalidError) as refused:
            read_id_token(token({"acr": acr}), KEYS, expected)
        assert (refused.value.check, refused.value.found) == (Check.ACR, acr)
    assert failing(token({"acr": 1}), expected) == Check.ACR


@pytest.mark.parametrize(
    "said",
    ["", "a.b", "a.b.c.d", "....", "e30.e30.e30", "\x00.\x00.\x00", "あ.あ.あ", "a" * 20_000 + ".b.c", token() + "\n"],
)
def test_core_01_what_is_no_signed_token_has_not_the_shape(said: str) -> None:
    """An encrypted token, of five parts, has not the shape either."""
    assert failing(said) in {Check.SHAPE, Check.HEADER}


@pytest.mark.parametrize(
    "payload",
    [b"[]", b"null", b'"sub"', b"{", b'{"exp": NaN}', b'{"sub": "a", "sub": "b"}', b"[" * 100_000, b"\xff"],
)
def test_trap_6_a_payload_readers_could_differ_about_is_refused(payload: bytes) -> None:
    """Two members of one name, `NaN`, or no object at all: signed or not."""
    assert failing(token(payload=payload[:10_000])) == Check.PAYLOAD


def test_authlib_lets_pass_what_we_refuse() -> None:
    """Why the checks are written out: should authlib begin to refuse these, this says so."""
    spoiled = {**CLAIMS, "at_hash": None, "sub": "", "aud": ["RP00000001", "other"], "azp": "", "auth_time": False}
    said = {name: value for name, value in spoiled.items() if value is not None}
    options = {"aud": {"values": ["RP00000001"]}}

    believed = CodeIDToken(said, dict(HEADER), options, {"nonce": "the-nonce", "access_token": ACCESS_TOKEN})
    believed.validate(now=int(NOW), leeway=10)

    assert failing(token(spoiled)) == Check.AUDIENCE


FOUR = frozenset(Scope)


def test_the_four_items_come_into_our_form() -> None:
    """As the Digital Authentication service is understood to give them."""
    said = {
        "sub": "s",
        "name": "佐藤　花子",
        "address": "東京都渋谷区神南1-1-1",
        "birthdate": "19860401",
        "gender": "2",
    }

    facts = read_userinfo(said, "s", FOUR, TODAY)

    assert (facts.name, facts.address) == ("佐藤　花子", "東京都渋谷区神南1-1-1")
    assert (facts.birthdate, facts.gender, facts.troubles) == (Birthdate(1986, 4, 1), Gender.FEMALE, ())


@pytest.mark.parametrize("sub", ["t", "", None, 1, ["s"]])
def test_userinfo_of_another_subject_is_not_used(sub: object) -> None:
    """OpenID Connect Core 5.3.2: else tokens could be exchanged for somebody else's facts."""
    with pytest.raises(SignInInvalidError) as refused:
        read_userinfo({"sub": sub, "name": "佐藤"}, "s", FOUR, TODAY)

    assert refused.value.check == Check.USERINFO_SUBJECT


def test_what_was_not_granted_is_not_read() -> None:
    """The reader leaves it out also where the provider says more than it was asked."""
    said = {"sub": "s", "name": "佐藤　花子", "birthdate": "19860401"}

    facts = read_userinfo(said, "s", {Scope.OPENID, Scope.BIRTHDATE}, TODAY)

    assert facts.name is None
    assert facts.birthdate == Birthdate(1986, 4, 1)


@pytest.mark.parametrize(
    ("member", "value", "trouble"),
    [
        (Scope.NAME, None, Trouble.MISSING),
        (Scope.NAME, "", Trouble.MISSING),
        (Scope.NAME, "佐藤\n花子", Trouble.MALFORMED),
        (Scope.NAME, "佐藤\u202e花子", Trouble.MALFORMED),
        (Scope.NAME, "　", Trouble.MALFORMED),
        (Scope.NAME, ["佐藤"], Trouble.MALFORMED),
        (Scope.NAME, "佐" * 201, Trouble.MALFORMED),
        (Scope.ADDRESS, {"region": "東京都", "locality": "渋谷区"}, Trouble.MALFORMED),
        (Scope.ADDRESS, {"formatted": ["東京都渋谷区"]}, Trouble.MALFORMED),
        (Scope.ADDRESS, {"formatted": ""}, Trouble.MALFORMED),
        (Scope.ADDRESS, {"formatted": "東京都\r渋谷区"}, Trouble.MALFORMED),
        (Scope.ADDRESS, {"formatted": "東" * 401}, Trouble.MALFORMED),
        (Scope.ADDRESS, {}, Trouble.MALFORMED),
        (Scope.ADDRESS, "東京都\n渋谷区", Trouble.MALFORMED),
        (Scope.ADDRESS, "東京都\x00渋谷区", Trouble.MALFORMED),
        (Scope.GENDER, "3", Trouble.MALFORMED),
        (Scope.GENDER, "female", Trouble.MALFORMED),
        (Scope.GENDER, 2, Trouble.MALFORMED),
        (Scope.BIRTHDATE, "昭和61年4月1日", Trouble.MALFORMED),
    ],
)
def test_what_cannot_be_read_is_unknown_and_counted(member: Scope, value: object, trouble: Trouble) -> None:
    """Never a guess, and never the value itself."""
    said = {"sub": "s", "name": "a", "address": "b", "birthdate": "20000101", "gender": "1", member.value: value}

    facts = read_userinfo(said, "s", FOUR, TODAY)

    assert getattr(facts, member.value) is None
    assert facts.troubles == ((member, trouble),)


@pytest.mark.parametrize(
    ("formatted", "read"),
    [
        ("東京都渋谷区神南1-1-1", "東京都渋谷区神南1-1-1"),
        ("東京都\n渋谷区神南1-1-1", "東京都 渋谷区神南1-1-1"),
        ("150-0041\r\n東京都渋谷区\r\n神南1-1-1", "150-0041 東京都渋谷区 神南1-1-1"),
    ],
)
def test_the_address_object_of_openid_connect_is_read_whole(formatted: str, read: str) -> None:
    """Core 5.1.1: `formatted` may have several lines. Its other members are not put together."""
    said = {"sub": "s", "address": {"formatted": formatted, "region": "大阪府", "country": "JP"}}

    facts = read_userinfo(said, "s", {Scope.ADDRESS}, TODAY)

    assert (facts.address, facts.troubles) == (read, ())


@pytest.mark.parametrize("name", ["佐藤　花子", "SMITH JOHN (スミス)", "葛\U000e0100城", "\ue000田", "龍"])
def test_a_name_is_kept_as_it_is(name: str) -> None:
    """U+3000, variation selectors and private characters of a municipality's included."""
    assert read_userinfo({"sub": "s", "name": name}, "s", {Scope.NAME}, TODAY).name == name


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("19860401", Birthdate(1986, 4, 1)),
        ("1986-04-01", Birthdate(1986, 4, 1)),
        ("20040229", Birthdate(2004, 2, 29)),
        ("19860000", Birthdate(1986)),
        ("19860400", Birthdate(1986, 4)),
        ("1986-00-00", Birthdate(1986)),
        ("20261123", Birthdate(2026, 11, 23)),
        ("20261124", None),
        ("19860001", None),
        ("20030229", None),
        ("19861301", None),
        ("00000000", None),
        ("18671231", None),
        ("1986-0401", None),
        ("198604-01", None),
        ("1986/04/01", None),
        ("１９８６０４０１", None),
        ("19860401 ", None),
        ("19860401\n", None),
        ("319860401", None),
        ("1986", None),
        ("0000-04-01", None),
        (19860401, None),
        (None, None),
    ],
)
def test_birthdates_are_eight_digits_or_iso_and_nothing_else(said: object, read: Birthdate | None) -> None:
    """`00` is an unknown part; any other form decides nothing."""
    assert read_birthdate(said, TODAY) == read


@given(st.text())
def test_no_text_makes_the_birthdate_reader_stumble(said: str) -> None:
    """It says None or a day not after today."""
    read = read_birthdate(said, TODAY)

    assert read is None or read.earliest <= TODAY


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
        max_leaves=6,
    )
)
def test_no_claim_makes_the_userinfo_reader_stumble(said: object) -> None:
    """Every JSON value of a claim becomes a readable line or unknown."""
    claims = {"sub": "s", "name": said, "address": said, "birthdate": said, "gender": said}

    facts = read_userinfo(claims, "s", FOUR, TODAY)

    for text in (facts.name, facts.address):
        assert text is None or ("\r" not in text and "\n" not in text and "\x00" not in text)


def _encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 9_000,
        b'{"a":' * 2_000,
        b'{"alg": "ES256", "alg": "none"}',
        b'{"alg": "ES256", "kid": "a", "kid": "b"}',
        b'{"alg": "ES256", "kid": "' + b"x" * 300 + b'"}',
        b'{"alg": "ES256", "kid": "\\ud800"}',
        b'{"alg": "ES256", "x": NaN}',
        b'{"alg": "ES256", "x": 1e999}',
        b'["ES256"]',
        b"\xff\xfe",
        b"",
    ],
    # In plain words: pytest escapes a backslash anew at each collection, and mutmut collects twice in one process.
    ids=[
        *("arrays without end", "objects without end", "an algorithm twice", "a key's name twice", "a long name"),
        *("half a surrogate", "NaN", "more than a float", "an array", "bytes that are no text", "nothing"),
    ],
)
def test_a_header_that_readers_read_in_different_ways_is_none(header: bytes) -> None:
    """Nothing but a check that failed leaves the reader, before anything was verified and after."""
    spoiled = f"{_encoded(header) or 'x'}.{_encoded(b'{}')}.{_encoded(b's' * 64)}"

    with pytest.raises(SignInInvalidError):
        verified_claims(spoiled, [VerificationKey("k1", "ES256", KEY)], ("ES256",))


@pytest.mark.parametrize("sid", [1, ["s"], "x" * 300])
def test_a_provider_session_that_cannot_be_kept_is_refused(sid: Any) -> None:
    """A session that the provider may end later must be found again."""
    assert failing(token({**CLAIMS, "sid": sid})) == Check.SID


@pytest.mark.parametrize(
    ("claim", "last_good", "step"),
    [
        ("exp", NOW - 9, -1),
        ("nbf", NOW + 10, 1),
        ("iat", NOW + 10, 1),
        ("iat", NOW - 131, -1),
        ("auth_time", NOW + 10, 1),
    ],
)
def test_a_time_is_believed_up_to_the_skew_and_no_second_more(claim: str, last_good: float, step: int) -> None:
    """Clocks may differ by `skew`; beyond it a token is of another time."""
    assert read_id_token(token({claim: last_good}), KEYS, EXPECTED).subject == "ppid-1"
    with pytest.raises(SignInInvalidError):
        read_id_token(token({claim: last_good + step}), KEYS, EXPECTED)


@pytest.mark.parametrize("sign", ["\x00", "\u200b", "\ud800", "\u2028", "\u2029", "\u202e", "\x85"])
def test_a_sign_that_no_card_prints_makes_a_name_unknown(sign: str) -> None:
    """A control ends a header; a format sign and a lone surrogate show one thing and are another."""
    told = read_userinfo({"sub": "s", "name": f"日本{sign}花子"}, "s", frozenset({Scope.NAME}), TODAY)

    assert told.name is None


ISSUER, CLIENT = EXPECTED.issuer, EXPECTED.client_id


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"iss": None},
        {"aud": None},
        {"iss": None, "aud": None},
        {"aud": [CLIENT]},
        {"aud": ["other", CLIENT]},
    ],
)
def test_signed_userinfo_is_read_where_it_is_ours(claims: dict[str, Any]) -> None:
    """OpenID Connect Core 5.3.2: issuer and audience should be there, and one that is there is right."""
    said = read_signed_userinfo(token(claims), KEYS, ("ES256",), issuer=ISSUER, client_id=CLIENT)

    assert said["sub"] == "ppid-1"


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        ({"iss": "https://evil.example"}, Check.ISSUER),
        ({"iss": ""}, Check.ISSUER),
        ({"iss": [ISSUER]}, Check.ISSUER),
        ({"aud": "other"}, Check.AUDIENCE),
        ({"aud": []}, Check.AUDIENCE),
        ({"aud": ["other"]}, Check.AUDIENCE),
        ({"aud": {CLIENT: 1}}, Check.AUDIENCE),
        ({"aud": f"{CLIENT}2"}, Check.AUDIENCE),
    ],
)
def test_signed_userinfo_of_others_is_not_read(claims: dict[str, Any], check: Check) -> None:
    """A good signature says who wrote it, and neither for whom nor as whom."""
    with pytest.raises(SignInInvalidError) as refused:
        read_signed_userinfo(token(claims), KEYS, ("ES256",), issuer=ISSUER, client_id=CLIENT)

    assert refused.value.check == check


def test_signed_userinfo_has_a_signature_of_the_provider() -> None:
    """By one of its keys, and in an algorithm that was agreed."""
    for said, algorithms, check in (
        (token(key=STRANGER), ("ES256",), Check.SIGNATURE),
        (token(), ("RS256",), Check.ALGORITHM),
        (token(header={"kid": "k9"}), ("ES256",), Check.KEY),
    ):
        with pytest.raises(SignInInvalidError) as refused:
            read_signed_userinfo(said, KEYS, algorithms, issuer=ISSUER, client_id=CLIENT)
        assert refused.value.check == check


@pytest.mark.parametrize(
    ("alg", "key", "algorithm"),
    [
        ("ES256", KEY, "ES256"),
        (None, KEY, "ES256"),
        (None, CURVE_384, "ES384"),
        (None, RSA, "RS256"),
        ("RS512", RSA, "RS512"),
        (None, ECKey.generate_key("secp256k1", auto_kid=False), ""),
    ],
)
def test_a_key_says_its_algorithm_or_has_the_usual_one(alg: str | None, key: ECKey | RSAKey, algorithm: str) -> None:
    """`doctor` compares it with those that are agreed; a curve that nothing here verifies has none."""
    assert VerificationKey("k", alg, key).algorithm == algorithm


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", "APPLICATION/JWT", None])
def test_the_type_of_a_token_may_be_spelled_in_any_case_or_left_out(typ: str | None) -> None:
    """RFC 7515 section 4.1.9: `application/` may stand before it."""
    assert read_id_token(token(header={"typ": typ}), KEYS, EXPECTED).subject == "ppid-1"


def test_the_longest_names_of_a_token_are_read() -> None:
    """255 signs of a key's name, of an assurance and of a subject; one more is refused."""
    longest = "k" * 255
    keys = (VerificationKey(longest, "ES256", KEYS[1].key),)
    any_acr = _expecting(accepted_acr=())

    assert read_id_token(token(header={"kid": longest}), keys, EXPECTED).subject == "ppid-1"
    assert failing(token(header={"kid": longest + "k"}), keys=keys) == Check.HEADER
    assert read_id_token(token({"acr": longest}), KEYS, any_acr).acr == longest
    assert failing(token({"acr": longest + "k"}), any_acr) == Check.ACR
    assert read_id_token(token({"sub": longest}), KEYS, EXPECTED).subject == longest


def test_an_assurance_that_is_not_there_is_told_as_absent() -> None:
    """The operator's log says so, beside the values that other tokens had."""
    with pytest.raises(SignInInvalidError) as refused:
        read_id_token(token({"acr": None}), KEYS, _expecting(require_acr=True))

    assert (refused.value.check, refused.value.found) == (Check.ACR, "absent")


def test_words_of_an_assurance_are_parted_by_single_blanks() -> None:
    """A tab is a part of a word: another reader may take the value for one word."""
    assert failing(token({"acr": "aal3\tcrl"})) == Check.ACR
    assert failing(token({"acr": "crl"}), _expecting(accepted_acr=("aal3\tcrl",))) == Check.ACR


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        ({"auth_time": 0}, None),
        ({"auth_time": 0.5}, None),
        ({"auth_time": -1}, Check.AUTH_TIME),
        ({"exp": 2**40 - 1}, None),
        ({"exp": 2**40}, Check.EXPIRED),
    ],
)
def test_a_time_is_one_that_a_calendar_has(claims: dict[str, Any], check: Check | None) -> None:
    """From the first second of 1970 to the year 36,812."""
    if check is None:
        assert read_id_token(token(claims), KEYS, EXPECTED).subject == "ppid-1"
    else:
        assert failing(token(claims)) == check


def test_a_token_for_one_purpose_is_read_for_no_other() -> None:
    """A logout token is believed where one is expected, and an ID token is not believed there."""
    logout = token(header={"typ": "logout+jwt"})

    assert verified_claims(logout, KEYS, ("ES256",), types=("logout+jwt",))["sub"] == "ppid-1"
    for said, types in ((token(), ("logout+jwt",)), (logout, ("JWT",))):
        with pytest.raises(SignInInvalidError) as refused:
            verified_claims(said, KEYS, ("ES256",), types=types)
        assert refused.value.check == Check.HEADER


def test_at_hash_is_held_to_the_access_token_where_it_is_there() -> None:
    """The specification lets a provider leave it out; a wrong one is wrong, whether it must be there or not."""
    lenient = _expecting(require_at_hash=False)

    assert read_id_token(token({"at_hash": None}), KEYS, lenient).subject == "ppid-1"
    assert read_id_token(token(), KEYS, lenient).subject == "ppid-1"
    assert failing(token({"at_hash": "AAAA"}), lenient) == Check.AT_HASH
    assert failing(token({"at_hash": None})) == Check.AT_HASH


def test_what_a_token_leaves_out_is_not_known() -> None:
    """The time of authentication and the provider's session: nothing stands in their place."""
    read = read_id_token(token({"auth_time": None, "sid": None}), KEYS, EXPECTED)

    assert (read.auth_time, read.sid) == (None, None)


def test_a_session_that_could_not_be_kept_is_refused() -> None:
    """255 signs of its name are; the logout token that names a longer one would not be understood."""
    assert read_id_token(token({"sid": "s" * 255}), KEYS, EXPECTED).sid == "s" * 255
    for sid in ("s" * 256, 5, ["s"]):
        with pytest.raises(SignInInvalidError):
            read_id_token(token({"sid": sid}), KEYS, EXPECTED)
