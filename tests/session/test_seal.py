"""A record opens for its own ticket and a secret we still have, and for nobody else."""

from __future__ import annotations

import hmac
import os
import pickle

import msgspec
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity import Birthdate, Gender, Identity, Scope
from gateway.plain_text import OBEYED
from gateway.policy.subject_code import subject_code
from gateway.session.seal import Header, Secret, Secrets, _associated, _key, read_header, seal, unseal
from gateway.session.sealed_box import NONCE_BYTES, close_box, open_box
from gateway.session.session import Session
from gateway.session.ticket import new_ticket
from tests.builders import CLIENT, NOON

OLD = "an old secret of more than thirty-two bytes"
NEW = "a new secret of more than thirty-two bytes!"
SECRETS = Secrets.parse(NEW)
TICKET = new_ticket(bytes(range(32)))
NONCE = bytes(NONCE_BYTES)

PERSON = Identity(
    client_id=CLIENT,
    subject="ppid-0001",
    authenticated_at=NOON - 3.25,
    asked=frozenset(Scope),
    name="関所 花子",
    address="東京都渋谷区神南一丁目19番11号",
    birthdate=Birthdate(1986, 4, 1),
    gender=Gender.FEMALE,
    acr="aal3",
)
SESSION = Session(PERSON, NOON, NOON + 28_800, SECRETS.pseudonym(CLIENT, "ppid-0001"), "hash-of-sid", "a.example")

BEFORE = (
    "01005296a83431623361663132aa52503030303030303031cb41dac0eb0c000000cb41dac0eb0b300000cb41dac1072c000000d9"
    "2066353365636563366162386139353535636135626466613439356566383966610000000000000000000000005ef7bcda97ef0e"
    "16a3b28330f1a578e07877690cb3ad159857447b93a3e0e5088cf768c454cdf2a246028858c893bdc138c420b35a7b53f649e0cc"
    "d0552639789429631e98fafe49c00f0f580111161f21e0ad8d45c1c2c5163d614a4a9da37449fe9d1f74870edde388730aabf325"
    "79cba68e2eae728ba38898778ee1de800d03f53036ea07712fd65bd401242172641e443a049ec56cc4bdbd41c30a2c3c0443cd74"
    "930b6909e25ccba6b9573f08da9075e52751db37309983a4f3b554642f7bbb72ab6e7b70dd5f6fbf97145fdc90"
)
"""`SESSION`, but for its host, as the version sealed it that kept none."""


texts = st.none() | st.text(max_size=200)
birthdates = st.none() | st.builds(
    Birthdate, st.integers(1868, 2100), st.integers(1, 12), st.none() | st.integers(1, 28)
)
identities = st.builds(
    Identity,
    client_id=st.text(max_size=40).filter(lambda name: not OBEYED.search(name)),
    subject=st.text(max_size=200),
    authenticated_at=st.floats(0, 4e9),
    asked=st.frozensets(st.sampled_from(Scope)),
    name=texts,
    address=texts,
    birthdate=birthdates,
    gender=st.none() | st.sampled_from(Gender),
    acr=texts,
)
sessions = st.builds(
    Session,
    identities,
    st.floats(0, 4e9),
    st.floats(0, 4e9),
    st.text("0123456789abcdef", min_size=32, max_size=32),
    texts,
    st.text(max_size=60),
)


@given(sessions)
def test_what_is_sealed_comes_back(session: Session) -> None:
    """Every session opens as it was."""
    record = seal(session, TICKET, SECRETS.first, NONCE)

    assert unseal(record, TICKET, SECRETS) == session


@given(st.integers(0), st.integers(0, 7))
def test_one_flipped_bit_closes_it(place: int, bit: int) -> None:
    """No bit of a record can be changed, the header in clear included."""
    record = bytearray(seal(SESSION, TICKET, SECRETS.first, NONCE))
    record[place % len(record)] ^= 1 << bit

    assert unseal(bytes(record), TICKET, SECRETS) is None


@given(st.data())
def test_a_part_of_it_opens_nothing(data: st.DataObject) -> None:
    """A truncated record is nobody's session, and no crash."""
    record = seal(SESSION, TICKET, SECRETS.first, NONCE)
    cut = data.draw(st.integers(0, len(record) - 1))

    assert unseal(record[:cut], TICKET, SECRETS) is None
    assert unseal(record + b"\x00", TICKET, SECRETS) is None


@given(st.binary(max_size=400))
def test_any_bytes_open_nothing(noise: bytes) -> None:
    """Bytes that we never wrote are absent."""
    assert unseal(noise, TICKET, SECRETS) is None
    assert unseal(b"\x01" + noise, TICKET, SECRETS) is None
    read_header(noise)


def test_another_ticket_opens_nothing() -> None:
    """A record put under another session's name is nobody's, though the secret is the same."""
    record = seal(SESSION, TICKET, SECRETS.first, NONCE)

    assert unseal(record, new_ticket(bytes(32)), SECRETS) is None


def test_a_dump_and_the_secret_show_no_claim() -> None:
    """Neither the record nor its header holds a claim in clear."""
    record = seal(SESSION, TICKET, SECRETS.first, NONCE)

    for claim in ("ppid-0001", "花子", "渋谷", "aal3", "hash-of-sid", "female", TICKET):
        assert claim.encode() not in record
    header = read_header(record)
    assert header is not None
    assert (header.client_id, header.created_at, header.expires_at) == (CLIENT, NOON, NOON + 28_800)


def test_the_length_of_an_address_does_not_show() -> None:
    """Records of persons whose claims differ a little in length are as long as each other."""
    person = msgspec.structs.replace(PERSON, address="東京都渋谷区神南一丁目19番11号2")
    short = msgspec.structs.replace(SESSION, identity=person)

    lengths = {len(seal(one, TICKET, SECRETS.first, NONCE)) for one in (SESSION, short)}

    assert len(lengths) == 1


def test_versions_read_each_others_records() -> None:
    """A version from before seals and hosts wrote shorter lists, and passes over what stands behind them."""

    class Before(msgspec.Struct, frozen=True, array_like=True):
        secret_id: str
        client_id: str
        created_at: float
        authenticated_at: float
        expires_at: float
        pseudonym: str

    old = Before("0a", "RP00000001", 1.0, 2.0, 3.0, "p")

    read = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=Header)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(read), type=Before)

    assert read.ticket_secret_id == ""
    assert again == old


def test_a_session_of_the_version_before_is_opened_and_belongs_to_no_host() -> None:
    """A record as that version sealed it: nobody is signed out by the upgrade, and a clock ends it."""
    session = unseal(bytes.fromhex(BEFORE), TICKET, SECRETS)

    assert session == msgspec.structs.replace(SESSION, host="")


def test_every_secret_opens_and_the_first_seals() -> None:
    """Rotation with overlap: the old secret's records open until it is taken out."""
    old, both, new = Secrets.parse(OLD), Secrets.parse(f"{NEW}\n{OLD}\n"), Secrets.parse(NEW)
    record = seal(SESSION, TICKET, old.first, NONCE)

    assert unseal(record, TICKET, both) == SESSION
    assert unseal(record, TICKET, new) is None
    assert both.first == new.first


@given(secret=st.binary(min_size=1, max_size=100), info=st.binary(max_size=200))
def test_a_derived_key_is_the_one_of_the_standard(secret: bytes, info: bytes) -> None:
    """The part that is kept with the secret changes no key: records of every version open (RFC 5869)."""
    assert Secret("s", secret).derived(info) == HKDF(SHA256(), 32, salt=None, info=info).derive(secret)


@given(secret=st.binary(min_size=1, max_size=200), message=st.binary(max_size=300))
def test_a_mac_is_the_one_of_the_standard(secret: bytes, message: bytes) -> None:
    """Names and keys of earlier versions stay what they are, also by a secret of more than one block (RFC 2104)."""
    kept = Secret("s", secret)

    assert kept.mac(message) == hmac.digest(secret, message, "sha256")
    # Once more: what is kept is not used up.
    assert kept.mac(message) == hmac.digest(secret, message, "sha256")
    assert pickle.loads(pickle.dumps(kept)) == kept  # noqa: S301 (it is ours)
    key = HKDF(SHA256(), 32, salt=secret, info=b"sekisho.session.seal.v1").derive(b"t" * 43)
    assert _key(kept, "t" * 43) == key


def test_a_secret_does_not_show_itself() -> None:
    """Neither a representation nor a mistake's words hold a secret."""
    assert NEW not in repr(SECRETS)
    assert repr(SECRETS.first) == f"Secret({SECRETS.first.id})"
    with pytest.raises(ValueError, match="line 1") as caught:
        Secrets.parse("too-short-but-still-secret")
    assert "too-short" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no secret"),
        ("# only a comment\n\n", "no secret"),
        ("short", "line 1: a secret of 5 bytes"),
        ("a" * 40, "line 1: a secret this regular"),
        (f"{NEW}\n{NEW}", "line 2: a secret that is there already"),
        (f"# first\n{NEW}\nshort\n{'ab' * 20}", "line 3: a secret of 5 bytes, 32 or more are needed; line 4:"),
    ],
)
def test_a_weak_secret_is_refused_with_its_line(text: str, says: str) -> None:
    """Every mistake is told at once, each with its line."""
    with pytest.raises(ValueError, match="secret") as caught:
        Secrets.parse(text)

    assert says in str(caught.value)


def test_a_pseudonym_is_one_persons_of_one_client() -> None:
    """Client and subject cannot be shifted into each other, and each secret names anew."""
    both = Secrets.parse(f"{NEW}\n{OLD}")
    names = {both.pseudonym("a", "bc"), both.pseudonym("ab", "c"), both.pseudonym("", "abc")}

    assert len(names) == 3
    assert both.pseudonyms("a", "bc") == (
        Secrets.parse(NEW).pseudonym("a", "bc"),
        Secrets.parse(OLD).pseudonym("a", "bc"),
    )


def test_random_secrets_need_their_length() -> None:
    """A process-only secret is made of 32 bytes or more."""
    assert Secrets.single(os.urandom(32)).first.value
    with pytest.raises(ValueError, match="32 bytes"):
        Secrets.single(b"x")


@pytest.mark.parametrize("field", ["created_at", "authenticated_at", "expires_at"])
@pytest.mark.parametrize("moment", [float("nan"), float("inf"), float("-inf"), -1.0, 1e300, 253_402_300_800.0])
def test_a_header_with_a_moment_that_is_none_is_no_header(field: str, moment: float) -> None:
    """No listing has to show the year 10^292, and `nan` is neither before nor after anything."""
    header = Header("5e3f1a2b", CLIENT, NOON, NOON, NOON + 60, "0" * 32)

    assert read_header(_record(msgspec.structs.replace(header, **{field: moment}))) is None


@pytest.mark.parametrize("field", ["secret_id", "client_id", "pseudonym", "ticket_secret_id"])
@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb", "\x9b31m", "\u202eabc", "x" * 300])
def test_a_header_with_a_name_that_a_terminal_would_obey_is_no_header(field: str, name: str) -> None:
    """A writer in the store chooses its content."""
    header = Header("5e3f1a2b", CLIENT, NOON, NOON, NOON + 60, "0" * 32)

    assert read_header(_record(msgspec.structs.replace(header, **{field: name}))) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_header_or_none(rest: bytes) -> None:
    """No content of a store raises an exception."""
    for record in (rest, b"\x01" + len(rest).to_bytes(2) + rest):
        read_header(record)
        assert unseal(record, TICKET, SECRETS) is None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 1),
        (1, ["openid", "shoe size"]),
        (4, [2001, 2, 30]),
        (4, [2001, None, 3]),
        (4, [2001, "2", 3]),
        (4, [0, 0, 0]),
        (5, "unknown"),
        (7, 5),
        (8, None),
    ],
)
def test_claims_that_no_version_of_ours_writes_are_no_session(place: int, value: object) -> None:
    """A record that opens with a day, a gender or a scope that does not exist is not half a person."""
    record = seal(SESSION, TICKET, SECRETS.first, NONCE)
    end = 3 + int.from_bytes(record[1:3])
    key, bound_to = _key(SECRETS.first, TICKET), _associated(record[:end])
    content = open_box(key, record[end:], bound_to)
    assert content is not None

    def sealed(claims: list[object]) -> bytes:
        return record[:end] + close_box(key, NONCE, msgspec.msgpack.encode(claims), bound_to, padding=64)

    claims = msgspec.msgpack.decode(content)
    assert unseal(sealed(claims), TICKET, SECRETS) == SESSION
    claims[place] = value
    assert unseal(sealed(claims), TICKET, SECRETS) is None


def _record(header: Header) -> bytes:
    """Return a record with this header and nothing that opens."""
    packed = msgspec.msgpack.encode(header)
    return b"\x01" + len(packed).to_bytes(2) + packed + bytes(64)


def test_a_counter_finds_a_session_by_the_code_that_is_read_out() -> None:
    """The header has a mark of the code under the secret that sealed it: any of ours finds it, and no other secret."""
    both = Secrets((*Secrets.parse(NEW).all, *Secrets.parse(OLD).all))
    code = subject_code(CLIENT, "ppid-0001")
    headers = [read_header(seal(SESSION, TICKET, secret, NONCE)) for secret in both.all]

    marks = [header.code_mark for header in headers if header is not None]

    assert set(marks) < set(both.code_marks(code))
    assert len(set(marks)) == 2
    assert code not in marks
    assert not set(marks) & set(Secrets.parse("another secret of more than thirty-two bytes").code_marks(code))
    assert not set(marks) & set(both.code_marks(subject_code(CLIENT, "ppid-0002")))
