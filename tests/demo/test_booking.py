from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.demo.booking import OLD_ACCOUNTS, Booking
from gateway.demo.legacy import LegacyApplication
from tests.demo.browser import Browser, Seen

_NOW = 1_795_400_000.0


@pytest.fixture
def booking(tmp_path: Path, serve: Callable[[LegacyApplication], int]) -> int:
    return serve(Booking(tmp_path / "booking.db", logout_url="/out", now=lambda: _NOW))


def resident(port: int, subject: str = "s1") -> Browser:
    return Browser(port, subject=subject, name="髙橋　花子", resident="yes")


def opened(browser: Browser) -> Seen:
    return browser.post("/reserve/open", {"token": browser.get("/reserve").value("token")})


def book(browser: Browser, facility: int = 42, slot: str = "am") -> Seen:
    form = browser.get(f"/reserve/{facility}")
    choice = {"token": form.value("token"), "day": form.options("day")[0], "slot": slot}
    return browser.post(f"/reserve/{facility}", choice)


@pytest.mark.parametrize("path", ["/", "/facilities/", "/facilities/42", "/static/style.css", "/static/help.html"])
def test_anybody_may_look_around(booking: int, path: str) -> None:
    """Rooms, availability and help, without a name; no session is begun."""
    browser = Browser(booking)

    assert browser.get(path).status == 200
    assert browser.cookies == {}


@pytest.mark.parametrize("path", ["/reserve", "/reserve/42", "/reserve/done/1", "/mypage"])
def test_what_is_personal_needs_somebody(booking: int, path: str) -> None:
    """Straight to the application, without the gateway's word, there is nothing to see."""
    assert Browser(booking).get(path).status == 403


@pytest.mark.parametrize("path", ["/nowhere", "/facilities/99", "/facilities/42/x", "/reserve/99"])
def test_what_is_not_there_is_404(booking: int, path: str) -> None:
    """A person who is signed in gets 404 as well."""
    assert resident(booking).get(path).status == 404


def test_the_resident_is_greeted_and_pays_the_residents_fee(booking: int) -> None:
    """By the name and the word in the headers; logging out is one press away."""
    page = resident(booking).get("/reserve")

    assert "髙橋　花子 様" in page.text
    assert "区民料金" in page.text
    assert "600円" in page.text
    assert "1,200円" not in page.text
    assert 'href="/out"' in page.text


@pytest.mark.parametrize("word", ["no", None, "YES", "maybe"])
def test_whoever_is_not_known_to_be_a_resident_pays_the_outside_fee(booking: int, word: str | None) -> None:
    """Unknown is not a yes."""
    facts = {"subject": "s1", "name": "山田　太郎"} | ({} if word is None else {"resident": word})
    browser = Browser(booking, **facts)
    opened(browser)

    done = book(browser)

    assert "1,200円" in done.text
    assert "区外料金" in browser.get("/reserve").text


def test_the_old_login_is_asked_once_and_brings_its_bookings(booking: int) -> None:
    """Linked to the subject; the next visit, from any browser, needs no password."""
    browser = resident(booking)
    login, password, _ = OLD_ACCOUNTS[0]
    form = {"token": browser.get("/reserve").value("token"), "login": login, "password": password}

    linked = browser.post("/reserve/link", form)
    elsewhere = resident(booking).get("/reserve")

    assert "区民プラザ 和室" in linked.text
    assert "パスワード" not in elsewhere.text
    assert "区民プラザ 和室" in resident(booking).get("/mypage").text


def test_an_old_account_belongs_to_one_person(booking: int) -> None:
    """A second subject with the right password does not get in; until the first lets go."""
    login, password, _ = OLD_ACCOUNTS[0]

    def link(browser: Browser) -> Seen:
        token = browser.get("/reserve").value("token")
        return browser.post("/reserve/link", {"token": token, "login": login, "password": password})

    first, second = resident(booking), resident(booking, "s2")
    link(first)
    refused = link(second)
    first.post("/mypage/unlink", {"token": first.get("/mypage").value("token")})
    granted = link(second)

    assert "別の方" in refused.text
    assert "区民プラザ 和室" in granted.text
    assert "はじめに一度だけ" in first.get("/reserve").text


def test_five_wrong_passwords_lock_the_account_for_five_minutes(
    tmp_path: Path, serve: Callable[[LegacyApplication], int]
) -> None:
    """Even the right one does not open it until then; nobody learns which logins there are."""
    clock = [_NOW]
    browser = resident(serve(Booking(tmp_path / "booking.db", now=lambda: clock[0])))
    login, password, _ = OLD_ACCOUNTS[0]
    token = browser.get("/reserve").value("token")
    wrong = {"token": token, "login": login, "password": "wrong"}
    nobody = browser.post("/reserve/link", wrong | {"login": "nobody"})
    answers = {browser.post("/reserve/link", wrong).text for _ in range(5)}

    locked = browser.post("/reserve/link", wrong | {"password": password})
    clock[0] += 301
    free = browser.post("/reserve/link", wrong | {"password": password})

    assert answers == {nobody.text}
    assert "一時的に使えません" in locked.text
    assert "区民プラザ 和室" in free.text


def test_a_room_is_booked_and_cancelled(booking: int) -> None:
    """The whole errand of a person without an old login."""
    browser = resident(booking)
    opened(browser)

    done = book(browser)
    mine = browser.get("/mypage")
    number = mine.options("booking")[0]
    after = browser.post("/mypage/cancel", {"token": mine.value("token"), "booking": number})

    assert "予約を受け付けました" in done.text
    assert "600円" in done.text
    assert "文化センター 第1会議室" in mine.text
    assert "予約はありません" in after.text


def test_nobody_sees_or_cancels_the_bookings_of_another(booking: int) -> None:
    """The number of a booking opens it to nobody else, and a form does not either."""
    mine, theirs = resident(booking), resident(booking, "s2")
    opened(mine)
    opened(theirs)
    done = book(mine)

    page = theirs.get("/mypage")
    theirs.post("/mypage/cancel", {"token": page.value("token"), "booking": done.path.rpartition("/")[2]})

    assert theirs.get(done.path).status == 404
    assert "文化センター" not in page.text
    assert "文化センター 第1会議室" in mine.get("/mypage").text


def test_a_room_is_given_once_however_many_press_at_a_time(booking: int) -> None:
    """Twelve people, one slot: one booking, eleven apologies, no error."""
    browsers = [resident(booking, f"s{number}") for number in range(12)]
    for browser in browsers:
        opened(browser)

    with ThreadPoolExecutor(12) as pool:
        pages = list(pool.map(book, browsers))

    assert sum("予約を受け付けました" in page.text for page in pages) == 1
    assert sum("先に予約が入りました" in page.text for page in pages) == 11


@pytest.mark.parametrize("choice", [{"day": "1999-01-01"}, {"day": "x"}, {"slot": "midnight"}, {"slot": ""}])
def test_only_what_is_offered_can_be_booked(booking: int, choice: dict[str, str]) -> None:
    """A form that was bent is shown again."""
    browser = resident(booking)
    opened(browser)
    form = browser.get("/reserve/42")
    good = {"token": form.value("token"), "day": form.options("day")[0], "slot": "am"}

    page = browser.post("/reserve/42", good | choice)

    assert "日と時間帯を選んでください" in page.text
    assert "予約はありません" in browser.get("/mypage").text


def test_unlinking_an_account_without_a_login_closes_it(booking: int) -> None:
    """As the page says: its bookings are gone, and the slot is free again."""
    browser = resident(booking)
    opened(browser)
    book(browser)
    page = browser.get("/mypage")

    browser.post("/mypage/unlink", {"token": page.value("token")})
    other = resident(booking, "s2")
    opened(other)

    assert "予約はすべて取り消されます" in page.text
    assert "予約を受け付けました" in book(other).text


def test_names_are_escaped(booking: int) -> None:
    """A name is text, even if it contains markup."""
    browser = Browser(booking, subject="s1", name="<script>alert(1)</script>")
    opened(browser)

    for path in ("/reserve", "/mypage", "/reserve/42"):
        page = browser.get(path)
        assert "<script>" not in page.text
        assert "&lt;script&gt;" in page.text


def test_what_was_booked_outlives_a_restart(tmp_path: Path, serve: Callable[[LegacyApplication], int]) -> None:
    """The file is the application's; opening it again neither empties nor doubles it."""
    first = resident(serve(Booking(tmp_path / "booking.db", now=lambda: _NOW)))
    opened(first)
    book(first)

    again = resident(serve(Booking(tmp_path / "booking.db", now=lambda: _NOW)))

    assert again.get("/mypage").text.count("文化センター 第1会議室") == 2  # in the table and in the form
    assert again.get("/").text.count("/facilities/42") == 1
