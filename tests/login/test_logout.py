"""Signing out by the provider's word: each check of Back-Channel Logout 1.0 section 2.6, numbered."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.errors import SignInInvalidError, StoreFault, StoreUnavailableError
from gateway.login.claims import Check
from gateway.login.logout import EVENT, read_logout_form
from gateway.login.service import provider_session_name
from gateway.login.sign_in import LoggedOut, LogoutRefused, SignedIn
from gateway.session.owed import Owed, Owing
from tests.builders import CLIENT
from tests.login.conftest import Browser, House, challenge

pytestmark = pytest.mark.usefixtures("soon_fetched_again")


@dataclass
class Waiting:
    """The file of sign-outs that wait for the store."""

    kept: list[Owed] = field(default_factory=list)

    async def keep(self, owed: tuple[Owed, ...], *, sealed: bool, address: str | None) -> bool:
        assert sealed
        assert address is None
        self.kept += owed
        return True


def logout_token(house: House, header: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """Return the provider's form; None leaves a claim out."""
    claims: dict[str, Any] = {
        "iss": house.stand_in.issuer,
        "aud": CLIENT,
        "iat": int(time.time()),
        "exp": int(time.time()) + 120,
        "jti": f"jti-{time.monotonic_ns()}",
        "sub": "sub-hanako",
        "sid": "ss-1",
        "events": {EVENT: {}},
        **changes,
    }
    said = {name: value for name, value in claims.items() if value is not None}
    head = {"alg": "ES256", "kid": "p1", "typ": "logout+jwt", **(header or {})}
    return urlencode({"logout_token": jwt.encode(head, said, house.stand_in.key)}).encode()


async def test_a_believed_token_ends_the_session_at_the_provider(house: House) -> None:
    """Everywhere it was used, by `sid`; another person's stays."""
    await house.sign_in()
    ours = house.browser.cookies["__Host-sekisho"]
    house.browser.cookies.clear()
    house.stand_in.subject = "sub-taro"
    house.stand_in.spoil.token = {"session_state": "ss-2"}
    await house.sign_in()

    outcome = await house.service.back_channel_logout(house.browser.route, logout_token(house))

    assert outcome == LoggedOut(1)
    assert await house.sessions.find(ours) is None
    assert await house.session() is not None


async def test_a_token_with_a_subject_alone_ends_all_of_that_subject(house: House) -> None:
    """Three devices, not only the newest (LOGOUT-021)."""
    tickets = []
    for number in range(3):
        house.browser.cookies.clear()
        house.stand_in.spoil.token = {"session_state": f"ss-{number}"}
        await house.sign_in()
        tickets.append(house.browser.cookies["__Host-sekisho"])

    outcome = await house.service.back_channel_logout(house.browser.route, logout_token(house, sid=None))

    assert outcome == LoggedOut(3)
    assert [await house.sessions.find(ticket) for ticket in tickets] == [None, None, None]


async def test_a_token_without_a_subject_ends_by_sid(house: House) -> None:
    """Section 2.4: one of the two is enough."""
    await house.sign_in()

    assert await house.service.back_channel_logout(house.browser.route, logout_token(house, sub=None)) == LoggedOut(1)


async def test_a_type_is_recommended_and_not_required(house: House) -> None:
    """Older providers say JWT."""
    await house.sign_in()

    assert await house.service.back_channel_logout(
        house.browser.route, logout_token(house, {"typ": "JWT"})
    ) == LoggedOut(1)


_DAY = 86_400


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": [CLIENT]}, id="2.6-3 a list of us alone"),
        pytest.param({"sub": None}, id="2.6-4 a session alone"),
        pytest.param({"events": {EVENT: {"x": 1}, "http://other.example/e": {}}}, id="2.4 events may have others"),
        pytest.param({"trace_id": "x", "azp": "other", "typ": "Logout"}, id="2.4 claims not understood are ignored"),
    ],
)
async def test_a_token_that_holds_in_another_form_is_believed(house: House, changes: dict[str, Any]) -> None:
    """The specification leaves these to the provider."""
    await house.sign_in()

    assert await house.service.back_channel_logout(house.browser.route, logout_token(house, **changes)) == LoggedOut(1)


async def test_2_7_a_person_who_is_signed_out_already_is_a_success(house: House) -> None:
    """The provider is not told to try again."""
    assert await house.service.back_channel_logout(house.browser.route, logout_token(house)) == LoggedOut(0)


@pytest.mark.parametrize(
    "beside",
    [b"x=1", b"x", b"&&", b"x=\xff", b"x=%FF", b"state=%E3%81%82", b"&".join(b"x=%d" % n for n in range(100))],
)
def test_2_5_what_else_the_form_holds_is_ignored(beside: bytes) -> None:
    """Values that are not understood must be ignored, in front of the token and behind it."""
    assert read_logout_form(beside + b"&logout_token=a.b.c") == "a.b.c"
    assert read_logout_form(b"logout_token=a.b.c&" + beside) == "a.b.c"


async def test_2_6_2_a_key_of_a_moment_ago_loses_no_sign_out(house: House) -> None:
    """The provider signs with a key that was published after our last fetch: the token waits for one fetch."""
    await house.sign_in()
    house.stand_in.key = ECKey.generate_key("P-256", {"kid": "p2", "use": "sig"}, auto_kid=False)

    outcome = await house.service.back_channel_logout(house.browser.route, logout_token(house, {"kid": "p2"}))

    assert outcome == LoggedOut(1)


@pytest.mark.parametrize(
    ("header", "changes", "check"),
    [
        pytest.param({"typ": "at+jwt"}, {}, Check.HEADER, id="2.6-1 an access token"),
        pytest.param({"kid": "made-up"}, {}, Check.KEY, id="2.6-2 another key"),
        pytest.param({}, {"iss": "https://evil.example"}, Check.ISSUER, id="2.6-3 another issuer"),
        pytest.param({}, {"aud": "other"}, Check.AUDIENCE, id="2.6-3 another audience"),
        pytest.param({}, {"aud": ["other"]}, Check.AUDIENCE, id="2.6-3 other audiences"),
        pytest.param({}, {"aud": [CLIENT, "other"]}, Check.AUDIENCE, id="2.6-3 an audience beside us"),
        pytest.param({}, {"aud": []}, Check.AUDIENCE, id="2.6-3 no audience at all"),
        pytest.param({}, {"aud": None}, Check.AUDIENCE, id="2.4 aud is required"),
        pytest.param({}, {"iss": None}, Check.ISSUER, id="2.4 iss is required"),
        pytest.param({}, {"exp": None}, Check.EXPIRED, id="2.4 exp is required"),
        pytest.param({}, {"exp": "soon"}, Check.EXPIRED, id="2.6-3 a time that is none"),
        pytest.param({}, {"iat": None}, Check.ISSUED_AT, id="2.6-3 LOGOUT-011 no iat"),
        pytest.param({}, {"iat": int(time.time()) - _DAY}, Check.ISSUED_AT, id="2.6-3 LOGOUT-013 a day old"),
        pytest.param({}, {"iat": int(time.time()) + _DAY}, Check.ISSUED_AT, id="2.6-3 of tomorrow"),
        pytest.param({}, {"exp": int(time.time()) - 60}, Check.EXPIRED, id="2.6-3 expired"),
        pytest.param({}, {"sub": None, "sid": None}, Check.SUBJECT, id="2.6-4 names nobody"),
        pytest.param({}, {"sub": 12}, Check.SUBJECT, id="2.6-4 a number"),
        pytest.param({}, {"sid": ["ss-1"]}, Check.SID, id="2.6-4 a list of sessions"),
        pytest.param({}, {"sid": ""}, Check.SID, id="2.6-4 an empty session"),
        pytest.param({}, {"events": {"http://evil.example/e": {}}}, Check.EVENTS, id="2.6-5 LOGOUT-010 other event"),
        pytest.param({}, {"events": None}, Check.EVENTS, id="2.6-5 no event"),
        pytest.param({}, {"events": {EVENT: True}}, Check.EVENTS, id="2.6-5 not an object"),
        pytest.param({}, {"events": []}, Check.EVENTS, id="2.4 events is no object"),
        pytest.param({}, {"events": {EVENT: None}}, Check.EVENTS, id="2.6-5 the event is null"),
        pytest.param({}, {"nonce": "n"}, Check.NONCE, id="2.6-6 a nonce"),
        pytest.param({}, {"nonce": ""}, Check.NONCE, id="2.6-6 an empty nonce"),
        pytest.param({}, {"jti": None}, Check.JTI, id="2.6-7 LOGOUT-012 no jti"),
        pytest.param({}, {"jti": "j" * 300}, Check.JTI, id="2.6-7 a jti too long"),
    ],
)
async def test_a_token_that_does_not_hold_ends_nothing(
    house: House, header: dict[str, Any], changes: dict[str, Any], check: Check
) -> None:
    """The refusal names the first check that the token fails."""
    await house.sign_in()

    outcome = await house.service.back_channel_logout(house.browser.route, logout_token(house, header, **changes))

    assert outcome == LogoutRefused(check)
    assert await house.session() is not None


async def test_an_id_token_is_no_logout_token(house: House) -> None:
    """An ID token names a person and has a valid signature; every reader of it could otherwise end her session."""
    await house.sign_in()
    token = house.stand_in.id_token({"nonce": "n"}, "at")

    outcome = await house.service.back_channel_logout(house.browser.route, urlencode({"logout_token": token}).encode())

    assert outcome == LogoutRefused(Check.EVENTS)
    assert await house.session() is not None


async def test_a_token_is_for_one_use(house: House) -> None:
    """Replayed, it ends nobody's next session."""
    await house.sign_in()
    body = logout_token(house)
    first = await house.service.back_channel_logout(house.browser.route, body)
    house.clock.ahead = 1
    assert isinstance(await house.sign_in(challenge(rule="again")), SignedIn)

    second = await house.service.back_channel_logout(house.browser.route, body)

    assert first == LoggedOut(1)
    assert second == LogoutRefused(Check.REPLAYED)
    assert await house.session() is not None


async def test_2_8_a_token_that_cannot_be_checked_has_failed(house: House) -> None:
    """The specification has one status for all that fails, 400."""
    await house.stand_in.stop()

    outcome = await house.service.back_channel_logout(house.browser.route, logout_token(house))

    assert outcome == LogoutRefused("provider_unavailable")


@pytest.mark.parametrize("named", ["sid", "sub", "both"])
async def test_a_store_that_is_away_is_not_an_end(house: House, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """Nothing is said to have ended, and the provider's next try, with the same token, is believed.

    The provider may not try again: the end of what it names is kept until the store is back.
    """
    waiting = house.service._owed = Waiting()
    await house.sign_in()
    held = await house.session()
    assert held is not None
    body = logout_token(house, **{"sid": {"sub": None}, "sub": {"sid": None}, "both": {}}[named])

    async def away(*_: object) -> int:
        raise StoreUnavailableError(StoreFault.UNREACHABLE)

    with monkeypatch.context() as patched:
        patched.setattr(house.sessions, "revoke", away)
        first = await house.service.back_channel_logout(house.browser.route, body)
    second = await house.service.back_channel_logout(house.browser.route, body)

    assert first == LogoutRefused("store_unavailable")
    assert second == LoggedOut(1)
    by_sid = (Owing.PROVIDER, provider_session_name(CLIENT, "ss-1"))
    kept = (Owing.SUBJECT, held.pseudonym) if named == "sub" else by_sid
    assert [(each.owing, each.name) for each in waiting.kept] == [kept]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"logout_token",
        b"token=a.b.c",
        b"logout_token=a.b.c&logout_token=a.b.c",
        b"&".join(b"x=%d" % n for n in range(300)) + b"&logout_token=a.b.c",
        b"logout_token=" + b"a" * 40_000,
    ],
)
def test_a_form_without_exactly_one_token_is_refused(body: bytes) -> None:
    """LOGOUT-020: two tokens are nobody's word."""
    with pytest.raises(SignInInvalidError) as refused:
        read_logout_form(body)

    assert refused.value.check == Check.SHAPE


async def test_a_browser_cannot_name_its_provider_session(house: House) -> None:
    """A `session_state` that went through the browser joins nobody's session."""
    await house.sign_in()
    victim = house.browser.cookies["__Host-sekisho"]
    attacker = Browser(house.browser.route)
    house.stand_in.subject = "sub-eve"
    house.stand_in.spoil.token = {"session_state": None}
    house.browser = attacker
    query = house.stand_in.authorize(await house.begin(), session_state="ss-1")
    await house.finish(query)

    signed_out = await house.service.sign_out(*attacker.visit())

    assert signed_out.ended == 1
    assert await house.sessions.find(victim) is not None
