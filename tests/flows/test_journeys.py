"""The way of a person through the booking and the wallet, in a headless Chromium without special trust."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, ViewportSize, expect
from redis import Redis

from tests.flows.chromium import SECONDS, at_provider, fresh, hold
from tests.flows.demo_process import Demo


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def sign_in(page: Page, url: str, card: int, response: str = "normal") -> None:
    page.goto(url)
    hold(page, card, response)


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(words))


def open_account(page: Page) -> None:
    """Register with the booking application, where this person has not done so."""
    button = page.get_by_role("button", name="新しく登録する")
    if button.count():
        button.click()
    expect(page.get_by_role("link", name="予約する").last).to_be_visible()


def book(page: Page, demo: Demo, facility: int, slot: str) -> None:
    page.goto(f"{demo.booking}/reserve/{facility}")
    page.select_option("select[name=slot]", slot)
    page.get_by_role("button", name="予約を確定する").click()
    heading(page, "予約を受け付けました")


def without_accounts(demo: Demo) -> None:
    """Close every account of the wallet, as one card alone may open one and several tests do."""
    with closing(sqlite3.connect(demo.settings.parent / "currency.db", timeout=10)) as accounts, accounts:
        accounts.execute("DELETE FROM entries")
        accounts.execute("DELETE FROM accounts")


def forget(demo: Demo, pattern: str) -> None:
    """Take records out of Redis: what time would have done."""
    with Redis(unix_socket_path=demo.redis_path) as redis:
        keys = list(redis.scan_iter(pattern, count=1000))
        assert keys
        redis.delete(*keys)


def end_sessions(page: Page, demo: Demo, *, changed: str = "") -> None:
    """End every session there is, and wait until the gateway knows.

    With `changed` the clocks have run down already, and only the workers are to look again.
    """
    if changed:
        with Redis(unix_socket_path=demo.redis_path) as redis:
            for key in redis.scan_iter(changed, count=1000):
                redis.pexpire(key, 3_600_000)
    else:
        forget(demo, "sekisho:t:{*")
    end = time.monotonic() + SECONDS
    while page.request.get(f"{demo.booking}/mypage", max_redirects=0).status == 200:
        assert time.monotonic() < end, "the ended session is still honoured"


# The demo's promises


def test_looking_around_needs_no_sign_in(page: Page, demo: Demo) -> None:
    """Rooms and availability are there for anybody."""
    page.goto(demo.booking)
    page.get_by_role("link", name="文化センター 第1会議室").click()

    heading(page, "文化センター 第1会議室")
    expect(page.get_by_text("ログアウト")).to_have_count(0)


def test_the_resident_is_told_greeted_and_pays_less(page: Page, demo: Demo) -> None:
    """/reserve, the notice in place, the test screen, card 1: greeted by name, at the resident's fee."""
    answer = page.goto(f"{demo.booking}/reserve")

    assert answer is not None
    assert answer.status == 401
    assert page.url == f"{demo.booking}/reserve"
    heading(page, "本人確認のお願い")
    for words in ("氏名", "住所", "生年月日", "施設の予約受付と使用料の区分のため", "プライバシーポリシー"):
        expect(page.get_by_text(words).first).to_be_visible()
    hold(page, 1)
    expect(page).to_have_url(f"{demo.booking}/reserve")
    expect(page.locator(".greeting")).to_contain_text("髙橋　花子 様")
    expect(page.locator(".greeting")).to_contain_text("区民料金")
    expect(page.get_by_role("cell", name="600円")).to_be_visible()


def test_the_commuter_pays_the_outside_fee(page: Page, demo: Demo) -> None:
    """The outside fee is for the same room and a person who lives elsewhere."""
    sign_in(page, f"{demo.booking}/reserve", 5)

    expect(page.locator(".greeting")).to_contain_text("山田　太郎 様")
    expect(page.locator(".greeting")).to_contain_text("区外料金")
    expect(page.get_by_role("cell", name="1,200円")).to_be_visible()


@pytest.mark.parametrize("card", [2, 3])
def test_a_card_that_is_not_valid_ends_on_a_clear_refusal(page: Page, demo: Demo, card: int) -> None:
    """Expired and revoked: what happened and what to do, and nobody is signed in."""
    sign_in(page, f"{demo.booking}/reserve", card)

    heading(page, "認証できませんでした")
    expect(page.get_by_text("カードの有効期限")).to_be_visible()
    page.goto(f"{demo.booking}/reserve")
    heading(page, "本人確認のお願い")


def test_cancelling_has_a_page_of_its_own(page: Page, demo: Demo) -> None:
    """Nothing was received, says the page; one button begins again and leads where she wanted to go."""
    sign_in(page, f"{demo.booking}/reserve/42", 1, "access_denied")

    heading(page, "認証を中止しました")
    hold(page, 15)
    expect(page).to_have_url(re.compile(r"/reserve(/42)?$"))
    expect(page.locator(".greeting")).to_be_visible()


def test_a_person_of_17_is_refused_in_the_policys_words(page: Page, demo: Demo) -> None:
    """By `adult`, and told so."""
    sign_in(page, f"{demo.booking}/reserve", 10)

    heading(page, "18歳以上の方が予約できます。")
    expect(page.get_by_text("年齢の条件に当てはまりません")).to_be_visible()
    expect(page.get_by_text("adult")).to_have_count(0)


def test_a_date_of_birth_that_cannot_be_read_is_said_to_be_that(page: Page, demo: Demo) -> None:
    """Unknown is a refusal, and not the reproach of being too young."""
    sign_in(page, f"{demo.booking}/reserve", 26)

    heading(page, "カードの情報を確認できませんでした")
    expect(page.get_by_text("確認できませんでした").first).to_be_visible()


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable"])
def test_the_providers_trouble_is_not_blamed_on_the_card(page: Page, demo: Demo, error: str) -> None:
    """Nobody is sent to the counter with a card that is in order; a new start is one press away."""
    sign_in(page, f"{demo.booking}/reserve", 1, error)

    heading(page, "認証サービスに接続できません")
    expect(page.get_by_text("カードの有効期限")).to_have_count(0)
    hold(page, 1)
    expect(page.locator(".greeting")).to_be_visible()


@pytest.mark.parametrize(("card", "passes"), [(6, False), (7, True)])
def test_the_birthday_is_the_first_day(page: Page, demo: Demo, card: int, *, passes: bool) -> None:
    """Eighteen today may book; eighteen tomorrow may not, today."""
    sign_in(page, f"{demo.booking}/reserve", card)

    if passes:
        expect(page.locator(".greeting")).to_be_visible()
    else:
        heading(page, "18歳以上の方が予約できます。")


def test_the_old_login_is_linked_once(page: Page, demo: Demo, chromium: Browser) -> None:
    """The old account's booking is there, and the next visit asks for no password."""
    sign_in(page, f"{demo.booking}/reserve", 14)
    page.fill("input[name=login]", "hanako")
    page.fill("input[name=password]", "sakura-2009")
    page.get_by_role("button", name="結び付ける").click()
    expect(page.get_by_role("cell", name="区民プラザ 和室").last).to_be_visible()

    with fresh(chromium) as another:
        elsewhere = another.new_page()
        sign_in(elsewhere, f"{demo.booking}/reserve", 14)

        expect(elsewhere.locator("input[name=password]")).to_have_count(0)
        expect(elsewhere.get_by_role("heading", name="髙橋　花子 様の予約")).to_be_visible()


def test_a_second_person_on_the_same_browser_sees_nothing_of_the_first(page: Page, demo: Demo) -> None:
    """Sign out, sign in as somebody else: another greeting, no bookings; the application's cookie has changed."""
    sign_in(page, f"{demo.booking}/reserve", 24)
    open_account(page)
    book(page, demo, 51, "night")
    first = cookie(page, demo, "YOYAKU_SESSION")
    page.goto(f"{demo.booking}/mypage")
    expect(page.get_by_role("cell", name="総合体育館 多目的ホール")).to_be_visible()

    page.get_by_role("link", name="ログアウト").click()
    page.locator("form[method=post] button").first.click()
    heading(page, "ログアウトしました")
    assert cookie(page, demo, "YOYAKU_SESSION") is None
    sign_in(page, f"{demo.booking}/reserve", 11)

    expect(page.locator(".greeting")).to_contain_text("閏間　光 様")
    expect(page.get_by_text("総合体育館 多目的ホール").first).to_be_visible()
    open_account(page)
    page.goto(f"{demo.booking}/mypage")
    expect(page.get_by_text("予約はありません。")).to_be_visible()
    assert cookie(page, demo, "YOYAKU_SESSION") not in (None, first)


def test_a_resident_of_the_town_opens_an_account_and_pays_a_shop(page: Page, demo: Demo) -> None:
    """The wallet on its own host name: the form waits for the sign-in, and a button sends it."""
    without_accounts(demo)
    sign_in(page, f"{demo.wallet}/", 4)
    page.get_by_role("link", name="口座を開く").click()
    page.check("input[name=agree]")
    page.get_by_role("button", name="口座を開く").click()

    heading(page, "まだ送信されていません")
    page.locator("form[method=post] button").first.click()
    hold(page, 4)
    heading(page, "入力した内容を送信しますか")
    page.get_by_role("button", name="送信する").click()

    expect(page).to_have_url(f"{demo.wallet}/account/done")
    expect(page.get_by_text("鈴木　一郎 様の口座番号")).to_be_visible()
    page.get_by_role("link", name="支払う").click()
    page.fill("input[name=amount]", "1200")
    page.get_by_role("button", name="支払う").click()
    heading(page, "支払いました")
    page.get_by_role("link", name="財布へ戻る").click()
    expect(page.locator(".balance")).to_have_text("1,800ポイント")


@pytest.mark.long
def test_a_form_survives_a_cancel_a_reload_and_a_retry(page: Page, demo: Demo) -> None:
    """Cancelled in the app and loaded again, the page's one button goes on to the same form; its page can be reloaded.

    Once it is sent, Back offers nothing to send.
    """
    without_accounts(demo)
    sign_in(page, f"{demo.wallet}/", 4)
    page.get_by_role("link", name="口座を開く").click()
    page.check("input[name=agree]")
    page.get_by_role("button", name="口座を開く").click()
    page.locator("form[method=post] button").first.click()
    hold(page, 4, "access_denied")
    heading(page, "認証を中止しました")
    page.reload()
    heading(page, "認証を中止しました")
    expect(page.get_by_text("まだ送信されていません")).to_be_visible()
    hold(page, 4)

    heading(page, "入力した内容を送信しますか")
    form = page.url
    page.reload()
    heading(page, "入力した内容を送信しますか")
    page.get_by_role("button", name="送信する").click()
    expect(page).to_have_url(f"{demo.wallet}/account/done")
    page.goto(form)
    heading(page, "この内容は送信できません")
    expect(page.get_by_role("button", name="送信する")).to_have_count(0)


@pytest.mark.long
def test_another_card_is_one_press_away(page: Page, demo: Demo) -> None:
    """A person of 17 is refused, and a parent goes on to the same page."""
    sign_in(page, f"{demo.booking}/reserve/42", 10)
    heading(page, "18歳以上の方が予約できます。")

    page.get_by_role("button", name="別のカードでやり直す").click()
    hold(page, 1)

    # The application leads a person who is new to it from a facility to its front desk.
    expect(page).to_have_url(re.compile(r"/reserve(/42)?$"))
    expect(page.locator(".greeting")).to_contain_text("髙橋　花子 様")


@pytest.mark.long
@pytest.mark.parametrize("error", ["invalid_request", "unauthorized_client"])
def test_our_own_mistake_sends_nobody_to_a_counter(page: Page, demo: Demo, error: str) -> None:
    """It is called a fault of the system, and a new start is one press away."""
    sign_in(page, f"{demo.booking}/reserve", 1, error)

    heading(page, "システムの不具合")
    expect(page.get_by_text("有効期限")).to_have_count(0)
    hold(page, 1)
    expect(page.locator(".greeting")).to_be_visible()


@pytest.mark.long
def test_after_signing_out_of_the_wallet_the_way_home_needs_no_sign_in(page: Page, demo: Demo) -> None:
    """Its front page asks for a sign-in, so that the App's `home` is linked in its place."""
    sign_in(page, f"{demo.wallet}/", 4)
    page.goto(f"{demo.wallet}/.sekisho/logout")
    page.locator("form[method=post] button").first.click()

    heading(page, "ログアウトしました")
    expect(page.locator("main a[href='/']")).to_have_count(0)
    page.locator("main a[href='/about']").click()
    expect(page).to_have_url(f"{demo.wallet}/about")
    heading(page, "まちポイントとは")


@pytest.mark.long
def test_a_session_that_has_ended_is_no_first_visit(page: Page, demo: Demo) -> None:
    """The notice says that nothing was done for a while."""
    sign_in(page, f"{demo.booking}/reserve", 1)
    forget(demo, "sekisho:i:{*")
    end_sessions(page, demo, changed="sekisho:t:{*")

    page.goto(f"{demo.booking}/reserve")

    expect(page.get_by_text("しばらく操作がなかったため")).to_be_visible()


def test_a_resident_of_another_city_opens_no_account(page: Page, demo: Demo) -> None:
    """Refused by `resident`, in the words of the policy; no account is there afterwards."""
    sign_in(page, f"{demo.wallet}/account/new", 1)
    page.check("input[name=agree]")
    page.get_by_role("button", name="口座を開く").click()
    page.locator("form[method=post] button").first.click()
    hold(page, 1)

    heading(page, "高山市にお住まいの方が口座を開けます。")
    expect(page.get_by_text("預かっています")).to_be_visible()
    expect(page.get_by_role("button", name="送信する")).to_have_count(0)
    page.goto(f"{demo.wallet}/wallet")
    heading(page, "口座を開く")


def test_the_hosts_do_not_share_a_session(page: Page, demo: Demo) -> None:
    """Signed in at the booking, the wallet still asks."""
    sign_in(page, f"{demo.booking}/reserve", 1)
    page.goto(f"{demo.wallet}/wallet")

    expect(page).to_have_title("デジタル認証アプリ 認証API/署名APIテストレスポンス設定画面")


# The habits of people


def test_two_tabs_both_arrive(context: BrowserContext, demo: Demo) -> None:
    """Each pending login keeps its own target, in either order of the callbacks."""
    first, second = context.new_page(), context.new_page()
    first.goto(f"{demo.booking}/reserve")
    second.goto(f"{demo.booking}/mypage")
    at_provider(first)
    at_provider(second)

    hold(second, 16)
    # She has no account with the application yet, so that it leads her from /mypage to /reserve itself.
    expect(second.locator(".greeting, h1").first).to_be_visible()
    hold(first, 16)

    expect(first).to_have_url(f"{demo.booking}/reserve")
    expect(first.locator(".greeting")).to_contain_text("博多　みなみ 様")


def test_the_back_button_leads_into_no_trap(page: Page, demo: Demo) -> None:
    """Back from the application to the test screen and the notice; forward again she is still signed in."""
    sign_in(page, f"{demo.booking}/reserve", 17)
    expect(page.locator(".greeting")).to_be_visible()

    page.go_back()
    page.go_back()
    page.goto(f"{demo.booking}/reserve")

    expect(page.locator(".greeting")).to_contain_text("安芸　守 様")


def test_a_callback_that_arrives_twice_lands_where_the_first_did(page: Page, demo: Demo) -> None:
    """No error, no second exchange, no new cookie."""
    callbacks: list[str] = []
    page.on("request", lambda request: _note_callback(request, callbacks))
    sign_in(page, f"{demo.booking}/reserve", 18)
    expect(page.locator(".greeting")).to_be_visible()
    ticket, calls = cookie(page, demo, "sekisho"), redeemed(demo)
    assert calls

    page.goto(callbacks[0])

    expect(page).to_have_url(f"{demo.booking}/reserve")
    expect(page.locator(".greeting")).to_contain_text("白川　郷子 様")
    assert cookie(page, demo, "sekisho") == ticket
    assert redeemed(demo) == calls


def test_a_callback_in_another_browser_begins_anew_there(page: Page, chromium: Browser, demo: Demo) -> None:
    """Never a session from a foreign callback; one tap leads through a sign-in of its own to the same page."""
    # The provider's redirect never arrives here: the app on the phone opens another browser with it.
    page.route("**/.sekisho/callback*", lambda route: route.fulfill(status=204))
    page.goto(f"{demo.booking}/reserve")
    with page.expect_request("**/.sekisho/callback*") as sent:
        hold(page, 21)
    with fresh(chromium) as other:
        elsewhere = other.new_page()
        elsewhere.goto(sent.value.url)

        heading(elsewhere, "別のブラウザで開かれました")
        assert cookie(elsewhere, demo, "sekisho") is None
        hold(elsewhere, 21)
        expect(elsewhere).to_have_url(f"{demo.booking}/reserve")
        expect(elsewhere.locator(".greeting")).to_contain_text("NGUYEN VAN AN")


def test_a_sign_in_that_took_too_long_can_begin_again(page: Page, demo: Demo) -> None:
    """The page says so and offers a fresh start."""
    page.goto(f"{demo.booking}/reserve")
    at_provider(page)
    forget(demo, "sekisho:l:s:*")

    hold(page, 22)

    heading(page, "時間切れです|確認できませんでした|ほかのタブの手続き")
    expect(page.get_by_role("button", name="もう一度はじめる")).to_be_visible()


def test_a_form_sent_after_the_session_ended_is_not_lost(page: Page, demo: Demo) -> None:
    """The page says it was not sent; after a sign-in in a new tab, reloading sends it."""
    sign_in(page, f"{demo.booking}/reserve", 15)
    open_account(page)
    page.goto(f"{demo.booking}/reserve/43")
    page.select_option("select[name=slot]", "pm")
    end_sessions(page, demo)

    page.get_by_role("button", name="予約を確定する").click()
    heading(page, "まだ送信されていません")
    with page.expect_popup() as popup:
        page.locator("form[method=post] button").first.click()
    hold(popup.value, 15)
    heading(popup.value, "本人確認が終わりました")
    page.reload()

    heading(page, "予約を受け付けました")
    expect(page.get_by_role("cell", name="文化センター 音楽室")).to_be_visible()


def test_the_next_person_at_a_familys_pc_gets_nothing_of_the_first(page: Page, demo: Demo) -> None:
    """No sign-out between the two, the first session just ran out: the application's own session ends with it."""
    sign_in(page, f"{demo.booking}/reserve", 23)
    open_account(page)
    book(page, demo, 60, "pm")
    first = cookie(page, demo, "YOYAKU_SESSION")
    end_sessions(page, demo)
    expired: list[str] = []
    page.on("response", lambda answer: expired.extend(_expired_by(answer)))

    sign_in(page, f"{demo.booking}/reserve", 20)

    expect(page.locator(".greeting")).to_contain_text("長井　長子 様")
    assert "YOYAKU_SESSION" in expired
    assert cookie(page, demo, "YOYAKU_SESSION") not in (None, first)
    page.goto(f"{demo.booking}/mypage")
    expect(page.get_by_text("渡〓　翔")).to_have_count(0)


def test_pages_work_without_a_script_and_fit_a_phone(chromium: Browser, demo: Demo) -> None:
    """No JavaScript, 320 pixels: nothing to scroll sideways, the button in reach."""
    phone = ViewportSize(width=320, height=640)
    with chromium.new_context(java_script_enabled=False, locale="ja-JP", viewport=phone) as small:
        small.set_default_timeout(SECONDS * 1000)
        page = small.new_page()
        sign_in(page, f"{demo.booking}/reserve", 10)
        heading(page, "18歳以上の方が予約できます。")
    with chromium.new_context(locale="en-US", viewport=phone) as english:
        page = english.new_page()
        page.goto(f"{demo.booking}/reserve")

        heading(page, "confirm your identity")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def cookie(page: Page, demo: Demo, name: str) -> str | None:
    """Return a cookie's value, as the booking's host would get it."""
    return next((str(each["value"]) for each in page.context.cookies(demo.booking) if each["name"] == name), None)


def redeemed(demo: Demo) -> float:
    """Return how many codes the gateway has taken to the provider."""
    return demo.metric("sekisho_provider_calls_total", 'endpoint="token"')


def _note_callback(request: Request, seen: list[str]) -> None:
    if "/.sekisho/callback?" in request.url:
        seen.append(request.url)


def _expired_by(answer: Response) -> list[str]:
    """Return the names of the cookies an answer takes away."""
    lines = [each["value"] for each in answer.headers_array() if each["name"].lower() == "set-cookie"]
    return [line.partition("=")[0] for line in lines if "max-age=0" in line.lower()]
