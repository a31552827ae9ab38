from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.demo.currency import WELCOME_GIFT, Currency
from gateway.demo.legacy import LegacyApplication
from tests.demo.browser import Browser, Seen


@pytest.fixture
def currency(tmp_path: Path, serve: Callable[[LegacyApplication], int]) -> int:
    return serve(Currency(tmp_path / "currency.db"))


def person(port: int, subject: str = "s1") -> Browser:
    return Browser(port, subject=subject, name="鈴木　一郎")


def opened(browser: Browser) -> Seen:
    return browser.post("/account/new", {"token": browser.get("/account/new").value("token"), "agree": "yes"})


def pay(browser: Browser, amount: str, shop: str = "2") -> Seen:
    form = browser.get("/wallet/pay")
    filled = {"token": form.value("token"), "payment": form.value("payment"), "shop": shop, "amount": amount}
    return browser.post("/wallet/pay", filled)


def test_an_account_is_opened_once(currency: int) -> None:
    """303 to /account/done, in the name of the headers, with a gift; a second time leads to the wallet."""
    browser = person(currency)

    first = opened(browser)
    token = browser.get("/wallet/pay").value("token")
    second = browser.post("/account/new", {"token": token, "agree": "yes"})

    assert (first.path, second.path) == ("/account/done", "/wallet")
    assert "鈴木　一郎 様" in first.text
    assert f"{WELCOME_GIFT:,}ポイント" in second.text


def test_a_stranger_reads_about_the_currency(currency: int) -> None:
    """The page that the gateway's own pages lead home to asks for nobody's identity."""
    page = Browser(currency).get("/about")

    assert page.status == 200
    assert f"{WELCOME_GIFT:,}ポイント" in page.text
    assert "財布を開く" in page.text


@pytest.mark.parametrize("lacking", ["agree", "name"])
def test_a_failed_opening_is_answered_200_and_opens_nothing(currency: int, lacking: str) -> None:
    """Applications of 2009 answered so: a test that counts accounts must look at more than the request."""
    browser = person(currency)
    if lacking == "name":
        del browser.headers["X-Verified-Name"]
    form = {"token": browser.get("/account/new").value("token")} | ({} if lacking == "agree" else {"agree": "yes"})

    page = browser.post("/account/new", form)

    assert (page.status, page.path) == (200, "/account/new")
    assert "problem" in page.text
    assert browser.get("/wallet").path == "/account/new"


def test_a_shop_is_paid(currency: int) -> None:
    """Receipt, balance and history agree."""
    browser = person(currency)
    opened(browser)

    receipt = pay(browser, "1200")
    wallet = browser.get("/wallet")

    assert "高山食堂" in receipt.text
    assert "1,200ポイント" in receipt.text
    assert f"{WELCOME_GIFT - 1200:,}ポイント" in wallet.text
    assert "-1,200" in wallet.text


@pytest.mark.parametrize("amount", ["0", "-5", "１００", "1.5", "", "x", "100001", "9" * 5000, "1e3"])
def test_an_amount_is_digits_within_bounds(currency: int, amount: str) -> None:
    """Anything else is said so, and moves nothing."""
    browser = person(currency)
    opened(browser)

    page = pay(browser, amount)

    assert "半角数字" in page.text
    assert f"{WELCOME_GIFT:,}ポイント" in browser.get("/wallet").text


@pytest.mark.parametrize(("amount", "shop", "words"), [("3001", "2", "残高が足りません"), ("1", "99", "お店を選んで")])
def test_what_cannot_be_paid_is_not(currency: int, amount: str, shop: str, words: str) -> None:
    """More than there is, and nobody's shop."""
    browser = person(currency)
    opened(browser)

    assert words in pay(browser, amount, shop).text
    assert f"{WELCOME_GIFT:,}ポイント" in browser.get("/wallet").text


def test_pressing_twice_pays_once(currency: int) -> None:
    """One page is one payment, even when both presses arrive together."""
    browser = person(currency)
    opened(browser)
    form = browser.get("/wallet/pay")
    filled = {"token": form.value("token"), "payment": form.value("payment"), "shop": "1", "amount": "100"}

    with ThreadPoolExecutor(8) as pool:
        paths = {page.path for page in pool.map(lambda _: browser.post("/wallet/pay", filled), range(8))}

    assert len(paths) == 1
    assert f"{WELCOME_GIFT - 100:,}ポイント" in browser.get("/wallet").text


def test_nobody_spends_what_is_not_there_by_paying_at_once(currency: int) -> None:
    """Sixteen payments of 500 out of 3,000: six go through."""
    browser = person(currency)
    opened(browser)

    with ThreadPoolExecutor(16) as pool:
        pages = list(pool.map(lambda _: pay(browser, "500"), range(16)))

    assert sum("支払いました" in page.text for page in pages) == 6
    assert sum("残高が足りません" in page.text for page in pages) == 10
    assert ">0ポイント<" in browser.get("/wallet").text


def test_wallets_are_apart(currency: int) -> None:
    """Another subject has another account, and no way to read a receipt of this one."""
    mine, theirs = person(currency), person(currency, "s2")
    opened(mine)
    opened(theirs)
    receipt = pay(mine, "100")

    assert theirs.get(receipt.path).status == 404
    assert f"{WELCOME_GIFT:,}ポイント" in theirs.get("/wallet").text


@pytest.mark.parametrize("path", ["/", "/wallet", "/account/new", "/wallet/pay", "/wallet/receipt/1"])
def test_everything_needs_somebody(currency: int, path: str) -> None:
    """There is nothing to look at without a subject."""
    assert Browser(currency).get(path).status == 403
