"""The doors of the console, over real sockets."""

from __future__ import annotations

from dataclasses import replace

import pytest
import structlog

from gateway.console.routes import ROUTES, Admits, ConsoleRoute, Place, may
from gateway.portal.attempts import WRONG_PER_ADDRESS
from gateway.portal.operators import Operators
from tests.console.conftest import PEOPLE, House


async def test_an_operator_signs_in_and_out(house: House) -> None:
    """The cookie is for this path alone, for no script and no other site; after the sign-out it opens nothing."""
    before = await house.get("")
    answer = await house.post("sign-in", {"token": house.tokens["sato"]})
    cookie = answer.headers["Set-Cookie"]
    page = await house.get("health")
    kept = dict(house.cookies)
    out = await house.post("sign-out", {"csrf": await house.csrf("", "sign-out")})
    house.cookies = kept
    after = await house.get("health")

    assert (before.status, answer.status, page.status, out.status, after.status) == (401, 303, 200, 303, 401)
    assert answer.headers["Location"] == "/console/"
    assert "; Path=/console/; HttpOnly; SameSite=Strict" in cookie
    assert "sato" in await page.text()
    assert house.tokens["sato"] not in cookie


async def test_behind_tls_the_cookie_is_for_this_host_alone(public_house: House) -> None:
    """`__Host-` and `Secure`: no other host of the domain can plant one."""
    answer = await public_house.post("sign-in", {"token": public_house.tokens["sato"]})

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-sekisho-console=")
    assert "; Path=/; HttpOnly; SameSite=Strict" in cookie
    assert "; Secure" in cookie
    assert (await public_house.get("health")).status == 200


async def test_a_planted_cookie_gains_nothing(house: House) -> None:
    """A sign-in makes a new secret, and ends the one that was there."""
    await house.sign_in("sato")
    planted = dict(house.cookies)
    await house.sign_in("ito")
    own = dict(house.cookies)
    house.cookies = planted
    answer = await house.get("health")

    assert own != planted
    assert answer.status == 401


@pytest.mark.parametrize("token", ["", "wrong", "sekisho_" + "x" * 43, "\N{HIRAGANA LETTER A}" * 20, "x" * 10_000])
async def test_a_wrong_token_opens_nothing(house: House, token: str) -> None:
    """401, no cookie, and an event that does not quote it."""
    with structlog.testing.capture_logs() as events:
        answer = await house.post("sign-in", {"token": token})

    assert answer.status == 401
    assert "Set-Cookie" not in answer.headers
    assert [event["reason"] for event in events] == ["no_known_token"]
    assert len(token) < 5 or token not in str(events)


async def test_guesses_are_told_to_wait_and_operators_are_not(house: House) -> None:
    """After a minute's worth of wrong tokens a wrong one gets 429; an operator of the same address signs in."""
    wrong = [await house.post("sign-in", {"token": f"w{number}"}) for number in range(WRONG_PER_ADDRESS)]
    more = await house.post("sign-in", {"token": "w"})
    right = await house.post("sign-in", {"token": house.tokens["sato"]})

    assert {answer.status for answer in wrong} == {401}
    assert (more.status, right.status) == (429, 303)
    assert 1 <= int(more.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("name", [*PEOPLE, None])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.place)
async def test_a_route_admits_whom_the_table_names(house: House, route: ConsoleRoute, name: str | None) -> None:
    """Every route by every person, with a good form: 401 for strangers, 403 for other roles."""
    path = route.path.replace("{name}", "base.css")
    roles = None if name is None else PEOPLE[name]
    if name is not None:
        await house.sign_in(name)
    form = {"token": "wrong"}
    if name is not None and route.method == "POST":
        form |= {"csrf": house.token_of(route.place), "reason": "a test"}

    with structlog.testing.capture_logs() as events:
        answer = await (house.get(path) if route.method == "GET" else house.post(path, form))

    if may(route.needs, roles):
        assert answer.status not in {403, 405, 500}, await answer.text()
    else:
        assert answer.status == (401 if name is None else 403)
        assert not [event for event in events if event["event"] == "operator_acted"]
        assert name is None or [event["reason"] for event in events] == ["role"]


@pytest.mark.parametrize("route", [each for each in ROUTES if each.method == "POST"], ids=lambda route: route.place)
@pytest.mark.parametrize(
    "changes",
    [
        {"Sec_Fetch_Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site", "Origin": None},
        {"Sec_Fetch_Site": None, "Origin": "null"},
        {"Sec_Fetch_Site": None, "Origin": None},
    ],
    ids=str,
)
async def test_no_other_page_presses_a_button(
    house: House, route: ConsoleRoute, changes: dict[str, str | None]
) -> None:
    """403 for the strongest role with the right token of the form, and nothing is done."""
    await house.sign_in("ono")
    form = {"csrf": house.token_of(route.place), "reason": "a test", "token": house.tokens["ono"]}
    with structlog.testing.capture_logs() as events:
        answer = await house.post(route.path, form, **changes)

    assert answer.status == 403
    assert [(event["event"], event["reason"]) for event in events] == [("management_refused", "foreign_page")]


@pytest.mark.parametrize(
    "route",
    [each for each in ROUTES if each.method == "POST" and each.needs is not Admits.EVERYBODY],
    ids=lambda route: route.place,
)
async def test_a_button_needs_its_own_token(house: House, route: ConsoleRoute) -> None:
    """None, another button's, and another sign-in's are 403."""
    await house.sign_in("ono")
    others = house.token_of(Place.HEALTH)
    with structlog.testing.capture_logs() as events:
        answers = [
            await house.post(route.path, {"csrf": token, "reason": "a test"}) for token in ("", others, "0" * 64)
        ]

    assert [answer.status for answer in answers] == [403, 403, 403]
    assert {event["reason"] for event in events} == {"csrf"}


@pytest.mark.parametrize("route", [each for each in ROUTES if each.changes], ids=lambda route: route.place)
@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
async def test_an_action_needs_a_reason(house: House, route: ConsoleRoute, reason: str) -> None:
    """Without one, or with one that a log line would cut, nothing is done."""
    await house.sign_in("ono")
    with structlog.testing.capture_logs() as events:
        answer = await house.post(route.path, {"csrf": house.token_of(route.place), "reason": reason})

    assert answer.status == 400
    assert events == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"csrf=a&csrf=b", "application/x-www-form-urlencoded"),
        (b"&".join(b"f%d=1" % number for number in range(30)), "application/x-www-form-urlencoded"),
        (b"a=%FF%FE", "application/x-www-form-urlencoded"),
        (b"a=\xe3\x81\x82", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"csrf=a", "text/plain"),
        (b"", ""),
    ],
    ids=repr,
)
async def test_what_no_form_of_ours_sends_is_not_read(house: House, body: bytes, kind: str) -> None:
    """400, and never a 500."""
    await house.sign_in("ono")
    fields = house.fields("POST") | {"Content-Type": kind}
    answer = await house.client.post("/console/sign-out", data=body, headers=fields)

    assert answer.status == 400


async def test_a_body_without_end_is_not_read(house: House) -> None:
    """More than any form has is 413."""
    answer = await house.post("sign-in", {"token": "x" * 100_000})

    assert answer.status == 413


@pytest.mark.parametrize(
    ("host", "status"),
    [("evil.example", 421), ("127.0.0.1.evil.example", 421), ("10.0.0.3", 421), ("localhost", 401)],
)
@pytest.mark.parametrize("path", ["", "health", "static/base.css", "nowhere"])
async def test_a_foreign_name_and_an_open_network_are_misdirected(
    house: House, path: str, host: str, status: int
) -> None:
    """A page's own name that leads here gets nothing; neither does a token cross a network in clear."""
    await house.sign_in("ono")
    house.cookies.clear()
    answer = await house.get(path, Host=host)

    assert answer.status == ({"static/base.css": 200, "nowhere": 404}.get(path, status) if status == 401 else status)


@pytest.mark.parametrize(
    "changes",
    [
        {"Sec_Fetch_Dest": "iframe", "Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Dest": "iframe"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
    ],
    ids=str,
)
async def test_no_page_frames_or_reads_the_console(house: House, changes: dict[str, str | None]) -> None:
    """403 with the cookie and all."""
    await house.sign_in("ono")

    assert (await house.get("health", **changes)).status == 403


@pytest.mark.parametrize("path", ["", "health", "nowhere", "sign-in"])
@pytest.mark.parametrize("name", ["ono", None])
async def test_every_answer_is_kept_nowhere_and_framed_nowhere(house: House, path: str, name: str | None) -> None:
    """The headers stand on pages, refusals and errors."""
    if name is not None:
        await house.sign_in(name)
    answer = await house.get(path)

    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = answer.headers.get("Content-Security-Policy", "")
    if path != "sign-in":
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script" not in policy


async def test_the_file_of_operators_decides_at_once(house: House) -> None:
    """A role that is taken away closes the page, and a person who is removed is signed out."""
    await house.sign_in("ito")
    people = {operator.name: operator for operator in house.file.all}
    house.file = Operators((replace(people["ito"], roles=people["mori"].roles),))
    narrowed = await house.get("health")
    house.file = Operators((people["sato"],))
    removed = await house.get("")

    assert (narrowed.status, removed.status) == (403, 401)


async def test_pages_speak_japanese_first(house: House) -> None:
    """English is for browsers that ask for it."""
    english = await house.get("")
    house.language = "fr"
    other = await house.get("")

    assert '<html lang="en">' in await english.text()
    assert '<html lang="ja">' in await other.text()
    assert other.headers["Content-Language"] == "ja"


async def test_a_mistake_of_ours_quotes_nothing(house: House) -> None:
    """A 500 without the error's words, in the answer and in the log."""
    await house.sign_in("ono")

    async def broken() -> object:
        raise ValueError("hanako's address")

    house.node.readiness = broken  # type: ignore[assignment,method-assign]
    with structlog.testing.capture_logs() as events:
        answer = await house.get("health")

    assert answer.status == 500
    assert "hanako" not in await answer.text() + str(events)
    assert events[0]["event"] == "uncaught"


async def test_static_files_are_kept(house: House) -> None:
    """Their address changes with their content."""
    answer = await house.get("static/console.css", Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="style")

    assert answer.status == 200
    assert "immutable" in answer.headers["Cache-Control"]


async def test_the_slash_may_be_left_out(house: House) -> None:
    """As people type an address."""
    answer = await house.client.get("/console", allow_redirects=False)

    assert (answer.status, answer.headers["Location"]) == (303, "/console/")
