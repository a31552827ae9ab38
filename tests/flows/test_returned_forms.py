"""A form that another site sends: sent on with the person's sign-in where its rule names the site, and only there."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gateway.login.returned import RETURNED_SECONDS
from tests import builders
from tests.conftest import free_port
from tests.flows.gateway_process import HOST, GatewayProcess
from tests.flows.in_process import gateway_in_process
from tests.flows.paying import Site, site

PAY = "https://pay.example"
EVIL = "https://evil.example"
POLICY = f"""\
policy: shop
rules:
  - name: payment returns
    match: {{path: /pay/return}}
    allow: signed_in
    returns_from: [{PAY}]
  - name: news
    match: {{path: /news}}
    allow: everyone
  - name: the rest
    allow: signed_in
"""
FORM = b"result=%8F%94&order=42&note=a%20b+c"
"""In Shift_JIS, and with two ways to write a blank: sent again as a form of ours it would be other bytes."""
NAVIGATES = {
    "Accept": "text/html",
    "Accept-Language": "ja",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Content-Type": "application/x-www-form-urlencoded",
}
FROM_PAY = NAVIGATES | {"Origin": PAY, "Sec-Fetch-Site": "cross-site", "Referer": f"{PAY}/"}


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


@dataclass
class Browser:
    """A browser as far as these flows need one: it leaves our cookies out of what other sites send."""

    gateway: GatewayProcess
    session: str
    cookies: dict[str, str] = field(default_factory=dict)

    async def post(self, path: str, body: bytes, headers: dict[str, str], *, cookies: bool) -> Answer:
        sent = {"Host": f"{HOST}:{self.gateway.port}", "Connection": "close", **headers}
        if cookies:
            ours = [f"{name}={value}" for name, value in self.cookies.items()]
            sent["Cookie"] = "; ".join([*([self.session] if self.session else []), "app=1", *ours])
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        writer.write(f"POST {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        raw = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        before, _, after = raw.partition(b"\r\n\r\n")
        first, *lines = before.decode("latin-1").split("\r\n")
        answer = Answer(
            int(first[9:12]), [(n, v) for n, _, v in (line.partition(": ") for line in lines)], after.decode()
        )
        for line in answer.all("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if name.startswith("sekisho-return"):
                self.cookies[name] = value
        return answer

    async def sent_by(
        self, origin: str, path: str = "/pay/return", body: bytes = FORM, kind: str = NAVIGATES["Content-Type"]
    ) -> Answer:
        """Be sent here by another site's form."""
        headers = FROM_PAY | {"Origin": origin, "Referer": f"{origin}/", "Content-Type": kind}
        return await self.post(path, body, headers, cookies=False)

    async def press(self, page: Answer, path: str = "/pay/return", **headers: str) -> Answer:
        """Press the button of our page."""
        own = f"http://{HOST}:{self.gateway.port}"
        said = NAVIGATES | {"Origin": own, "Sec-Fetch-Site": "same-origin", "Referer": f"{own}/"}
        body = urlencode({"sekisho-return": sealed(page)}).encode()
        return await self.post(path, body, said | {n.replace("_", "-"): v for n, v in headers.items()}, cookies=True)


def sealed(page: Answer) -> str:
    """Return what the button of our page carries, or nothing."""
    found = re.search(r'name="sekisho-return" value="([^"]*)"', page.body)
    return "" if found is None else html.unescape(found[1])


@pytest.fixture(name="shop")
async def shop_fixture(tmp_path: Path, redis_url: str) -> AsyncIterator[tuple[Browser, Site]]:
    """A gateway in front of a shop, and the browser of a person who is signed in."""
    async with shop_of(tmp_path, redis_url) as pair:
        yield pair


@asynccontextmanager
async def shop_of(
    folder: Path, redis_url: str, policy: str = POLICY, upstream: int | None = None
) -> AsyncIterator[tuple[Browser, Site]]:
    with site() as served:

        def change(text: str) -> str:
            return re.sub(r"upstream: http://\S+", f"upstream: http://127.0.0.1:{upstream or served.port}", text)

        async with gateway_in_process(folder, redis_url, policy, change) as gateway:
            yield Browser(gateway, await gateway.sign_in(builders.identity())), served


async def test_a_form_that_comes_back_is_sent_on_by_one_press(shop: tuple[Browser, Site]) -> None:
    """Byte for byte, with the person's sign-in and cookies, and by its fields as the other site's."""
    browser, application = shop

    page = await browser.sent_by(PAY)
    before = list(application.came)
    answer = await browser.press(page)

    assert page.status == 401
    assert PAY in page.body
    assert "order" not in page.body
    assert not before
    assert answer.status == 200
    (came,) = application.came
    assert (came.method, came.path, came.body) == ("POST", "/pay/return", FORM)
    assert came.headers["origin"] == PAY
    assert came.headers["referer"] == f"{PAY}/"
    assert came.headers["sec-fetch-site"] == "cross-site"
    assert came.headers["content-type"] == "application/x-www-form-urlencoded"
    assert came.headers["cookie"] == "app=1"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (NAVIGATES["Content-Type"], b""),
        pytest.param("text/plain", b"result=\x8f\x94\r\n", marks=pytest.mark.long),
        pytest.param(
            "multipart/form-data; boundary=----x",
            b'------x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\x8f\x94\r\n------x--\r\n',
            marks=pytest.mark.long,
        ),
    ],
    ids=["no field", "plain", "boundary"],
)
async def test_a_form_of_any_kind_is_sent_on_as_it_came(shop: tuple[Browser, Site], kind: str, body: bytes) -> None:
    """The kind is part of a form: the application reads the body by it. A form without fields has its URL alone."""
    browser, application = shop

    answer = await browser.press(await browser.sent_by(PAY, body=body, kind=kind))

    assert answer.status == 200
    (came,) = application.came
    assert (came.headers["content-type"], came.headers["content-length"]) == (kind, str(len(body)))
    assert (came.method, came.headers["origin"], came.body) == ("POST", PAY, body)


async def test_a_site_that_no_rule_names_changes_nothing(shop: tuple[Browser, Site]) -> None:
    """Its form is told apart, never kept, and the page is offered by a link; pressing on it is in vain."""
    browser, application = shop

    for origin in (
        EVIL,
        "null",
        f"{PAY}:8443",
        "http://pay.example",
        "https://PAY.example",
        "https://pay.example.",
        "",
    ):
        page = await browser.sent_by(origin)
        again = await browser.press(page)

        assert (page.status, sealed(page)) == (401, ""), origin
        assert 'href="/pay/return"' in page.body
        assert "<form" not in page.body
        assert again.status == 200

    assert not browser.cookies
    # Without a form of ours to press on, the press is one of the application's own, and empty.
    assert {came.body for came in application.sent()} == {b"sekisho-return="}
    assert all(PAY not in str(came.headers) for came in application.came)


async def test_a_named_site_changes_nothing_elsewhere(shop: tuple[Browser, Site]) -> None:
    """Neither by its own form, nor with a form that our page holds for the place where it may come back."""
    browser, application = shop

    for path in ("/account/delete", "/pay/return/x", "/pay", "/"):
        elsewhere = await browser.sent_by(PAY, path)
        moved = await browser.press(await browser.sent_by(PAY), path)

        assert (elsewhere.status, sealed(elsewhere)) == (401, ""), path
        assert moved.status == 200

    assert all(FORM not in came.body for came in application.sent())
    assert all(came.headers["origin"] != PAY for came in application.sent())


@pytest.mark.long
async def test_another_query_is_another_place(shop: tuple[Browser, Site]) -> None:
    """The application may do something else there."""
    browser, application = shop

    moved = await browser.press(await browser.sent_by(PAY), "/pay/return?do=cancel")

    assert moved.status == 409
    assert application.came == []


async def test_a_form_is_sent_on_once(shop: tuple[Browser, Site]) -> None:
    """One of two presses at the same moment sends it."""
    browser, application = shop
    page = await browser.sent_by(PAY)

    answers = await asyncio.gather(*(browser.press(page) for _ in range(4)))
    late = await browser.press(page)

    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    assert late.status == 409
    assert 'href="/pay/return"' in late.body
    assert len(application.sent()) == 1


async def test_only_the_browser_that_was_sent_here_can_press(shop: tuple[Browser, Site]) -> None:
    """A page that an attacker fetched, with a form of the attacker's, opens nothing in another's browser."""
    browser, application = shop
    attacker = Browser(browser.gateway, "")
    theirs = await attacker.sent_by(PAY, body=b"order=13")
    await browser.sent_by(PAY)
    # Her browser has cookies of every name.
    browser.cookies |= {f"sekisho-return-{slot:x}": "A" * 43 for slot in range(16)}

    pressed = await browser.press(theirs)

    assert pressed.status == 409
    assert application.came == []


@pytest.mark.long
async def test_only_our_own_page_can_press(shop: tuple[Browser, Site]) -> None:
    """No other site that got hold of the form, no script and no frame can press: the form inside is never sent on."""
    browser, application = shop
    page = await browser.sent_by(PAY)

    for headers in (
        {"Sec_Fetch_Site": "cross-site", "Origin": EVIL},
        {"Sec_Fetch_Site": "cross-site", "Origin": PAY},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://other.localhost"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
        {"Sec_Fetch_Dest": "iframe"},
    ):
        await browser.press(page, **headers)

    # The browser leaves the cookies out of what another site sends. Had it sent them, the form would come sealed.
    assert all(came.body != FORM for came in application.came)


@pytest.mark.long
async def test_what_is_altered_opens_nothing(shop: tuple[Browser, Site]) -> None:
    """Of each part of what our page carries."""
    browser, application = shop
    page = await browser.sent_by(PAY)
    text = sealed(page)

    for place in (0, 5, 25, 30, 60, len(text) - 2):
        changed = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1 :]
        answer = await browser.press(Answer(200, [], f'name="sekisho-return" value="{changed}"'))
        assert answer.status == 409

    assert application.came == []


@pytest.mark.long
async def test_the_applications_own_form_at_the_same_place_goes_on(shop: tuple[Browser, Site]) -> None:
    """A person who has come back before has the cookie still; the form is no press, and is sent as it is."""
    browser, application = shop
    await browser.sent_by(PAY)
    own = f"http://{HOST}:{browser.gateway.port}"

    answer = await browser.post(
        "/pay/return", b"do=cancel", NAVIGATES | {"Origin": own, "Sec-Fetch-Site": "same-origin"}, cookies=True
    )

    assert answer.status == 200
    (came,) = application.came
    assert (came.body, came.headers["origin"], came.headers["cookie"]) == (b"do=cancel", own, "app=1")


@pytest.mark.long
async def test_a_person_who_must_sign_in_first_keeps_the_form(shop: tuple[Browser, Site]) -> None:
    """The sign-in's button carries it, sealed as it is, and it has not been used up."""
    browser, application = shop
    page = await browser.sent_by(PAY)
    session, browser.session = browser.session, ""

    notice = await browser.press(page)
    browser.session = session
    answer = await browser.press(page)

    assert notice.status == 401
    carried = re.search(r'name="form" value="([^"]*)"', notice.body)
    assert carried is not None
    assert html.unescape(carried[1]) == urlencode({"sekisho-return": sealed(page)})
    assert "order" not in notice.body
    assert answer.status == 200
    assert [came.body for came in application.sent()] == [FORM]


@pytest.mark.long
async def test_a_form_that_never_reached_the_application_can_be_pressed_again(tmp_path: Path, redis_url: str) -> None:
    """The application was away: nothing was sent, so nothing was used up."""
    async with shop_of(tmp_path, redis_url, upstream=free_port()) as (browser, _):
        page = await browser.sent_by(PAY)

        answers = [await browser.press(page) for _ in range(2)]

    assert [answer.status for answer in answers] == [502, 502]


@pytest.mark.long
async def test_a_long_form_does_not_come_back(shop: tuple[Browser, Site]) -> None:
    """The largest one does; the next is told apart like any other site's."""
    browser, application = shop
    largest = b"a=" + b"x" * (32 * 1024 - 2)

    too_long = await browser.sent_by(PAY, body=largest + b"x")
    answer = await browser.press(await browser.sent_by(PAY, body=largest))

    assert (too_long.status, sealed(too_long)) == (401, "")
    assert answer.status == 200
    assert [came.body for came in application.sent()] == [largest]
    assert len(browser.cookies) == 1


@pytest.mark.long
async def test_a_page_for_everyone_takes_forms_of_other_sites_as_before(shop: tuple[Browser, Site]) -> None:
    """Nobody is known there, and the application judges them by itself."""
    browser, application = shop

    answer = await browser.sent_by(EVIL, "/news")

    assert answer.status == 200
    assert application.sent()[0].body == FORM


@pytest.mark.long
async def test_what_waits_in_a_browser_is_bounded(shop: tuple[Browser, Site]) -> None:
    """However often somebody comes back, the cookies are sixteen, and end by themselves."""
    browser, _ = shop

    pages = [await browser.sent_by(PAY) for _ in range(60)]

    assert len(browser.cookies) <= 16
    for page in pages[:3]:
        (line,) = page.all("set-cookie")
        assert re.fullmatch(
            r"sekisho-return-[0-9a-f]=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Strict; "
            f"Max-Age={RETURNED_SECONDS:.0f}",
            line,
        )
