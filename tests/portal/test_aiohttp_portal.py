from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import structlog
from aiohttp import ClientResponse
from pytest_aiohttp.plugin import AiohttpClient

from gateway.headers.worst_case import return_answer
from gateway.identity import Birthdate, Scope
from gateway.instant import Instant
from gateway.login.pending import Browser
from gateway.login.sign_in import (
    AlreadySignedIn,
    Begun,
    Failed,
    LoggedOut,
    LoginFailure,
    LogoutRefused,
    SignedIn,
    SignedOut,
)
from gateway.pipeline.visit import (
    ForeignFormPage,
    FormNotSentPage,
    Purpose,
    RefusalPage,
    SignInPage,
    Trouble,
    TroublePage,
    WorkerPage,
)
from gateway.policy.subject_code import show_code, subject_code
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Permit, Reason, ReasonKind
from gateway.portal import aiohttp_portal
from gateway.portal.aiohttp_portal import logout_token
from gateway.portal.language import Language
from gateway.portal.messages import message
from gateway.request.inbound import Inbound
from gateway.request.target import Target
from gateway.route.logo import read_logo
from gateway.session.ledger import Disclosure
from gateway.session.session import EndCause, Found, Gone, Unavailable, Unread
from gateway.settings.settings import NextPersonSettings
from tests import builders
from tests.portal.conftest import BARE, KEEPING, NOTICED, PREFIX, RULE, TOO_YOUNG, House, Starter, make_house, settings
from tests.portal.fakes import PROVIDER

TICKET = "T" * 43
TICKET_COOKIE = ("Cookie", f"__Host-sekisho={TICKET}")
FOREIGN = ("Sec-Fetch-Site", "cross-site")
SIGNED_IN = SignedIn(TICKET, builders.session(), "/reserve/42", other_person=False, cookie="browser-value")


def cookies(answer: ClientResponse) -> list[str]:
    return answer.headers.getall("Set-Cookie", [])


def first_form(text: str) -> dict[str, str]:
    """Return the hidden fields of the page's first form, and its method and action."""
    form = re.search(r"<form\b.*?</form>", text, re.DOTALL)
    assert form is not None
    fields = dict(re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)">', form[0]))
    method = re.search(r'method="(\w+)"', form[0])
    action = re.search(r'action="([^"]+)"', form[0])
    assert method is not None
    assert action is not None
    return fields | {"_method": method[1], "_action": action[1]}


async def test_nothing_is_answered_without_a_visit(house: House) -> None:
    """A client that reaches the socket without the byte path gets no page."""
    answer = await house.client.get(f"{PREFIX}logout", headers={"Sekisho-Visit": "made-up"})

    assert answer.status == 403
    assert "<text" not in await answer.text()


async def test_a_token_is_worth_one_visit(house: House) -> None:
    """A token that was used opens nothing."""
    token = house.visits.issue(house.visit(f"{PREFIX}signed-out"))
    headers = {"Sekisho-Visit": token}

    first = await house.client.get(f"{PREFIX}signed-out", headers=headers)
    second = await house.client.get(f"{PREFIX}signed-out", headers=headers)

    assert (first.status, second.status) == (200, 403)


async def test_the_notice_says_what_why_and_for_whom_before_anything_is_asked(house: House) -> None:
    """401 in place, with the items, the purpose, the operator, the ways out, and one button; nothing has begun."""
    answer = await house.send(house.visit("/reserve/42", purpose=SignInPage(NOTICED)))
    text = await answer.text()

    assert answer.status == 401
    for said in (
        "氏名",
        "住所",
        "生年月日",
        "施設の予約受付と使用料の区分のため",
        "渋谷区 スポーツ振興課",
        "https://www.city.example.lg.jp/privacy",
        "https://www.city.example.lg.jp/contact",
        "窓口での申込み",
        "マイナンバーカードで認証",
        "券面事項入力補助用の暗証番号",
    ):
        assert said in text
    assert "性別" not in text
    form = first_form(text)
    assert form["_method"] == "post"
    assert form["_action"] == f"{PREFIX}login"
    assert text.count("<form") == 1
    assert house.sign_in_service.begun == []
    assert cookies(answer) == []


async def test_openid_alone_goes_to_the_provider_at_once(house: House) -> None:
    """Nothing of the 4情報 is asked, so there is nothing to give notice of."""
    answer = await house.send(house.visit("/wallet", purpose=SignInPage(BARE)))

    assert answer.status == 303
    assert answer.headers["Location"].startswith(PROVIDER)
    assert house.sign_in_service.begun[0][1:] == (BARE, None)
    assert cookies(answer) == [
        "__Host-sekisho-login=pending-value; Path=/; HttpOnly; SameSite=Lax; Max-Age=34560000; Secure"
    ]


async def test_a_tab_of_a_first_visit_has_a_cookie_of_its_own(house: House) -> None:
    """It lives as long as the login it binds, and is ended when somebody has signed in."""
    tab = "__Host-sekisho-login-3"
    house.sign_in_service.begins = Begun(f"{PROVIDER}/auth", "pending-value", tab)
    house.sign_in_service.finishes = SIGNED_IN

    begun = await house.send(house.visit("/wallet", purpose=SignInPage(BARE)))
    ended = await house.get("callback", ("Cookie", f"{tab}=pending-value"), query="code=c&state=s")

    assert cookies(begun) == [
        "__Host-sekisho-login=pending-value; Path=/; HttpOnly; SameSite=Lax; Max-Age=34560000; Secure",
        f"{tab}=pending-value; Path=/; HttpOnly; SameSite=Lax; Max-Age=1800; Secure",
    ]
    assert (
        f"{tab}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure"
        in cookies(ended)
    )


async def test_the_way_back_to_the_longest_link_is_as_long_as_check_says(start: Starter) -> None:
    """The head of the answer holds the link, and ends the cookies of six tabs and of another person's application."""
    names = tuple(f"SESSION_OF_A_LONG_NAME_{number}" for number in range(10))
    app = settings(url="https://app.gw.test/booking", application_cookies=names)
    house = await start(builders.route(app=app, prefix="/booking"))
    # The client of these tests takes fields of 8,190 bytes.
    longest = 8_000
    back = "/" + "a" * (longest - 1)
    house.sign_in_service.finishes = SignedIn(TICKET, builders.session(), back, other_person=True, cookie="b" * 66)
    tabs = "; ".join(f"__Host-sekisho-login-{number}={'c' * 66}" for number in range(6))

    answer = await house.get("callback", ("Cookie", tabs), query="code=c&state=s")

    head = len("HTTP/1.1 303 See Other\r\n\r\n") + sum(len(name) + len(value) + 4 for name, value in answer.raw_headers)
    assert answer.headers["Location"] == back
    assert len([line for line in cookies(answer) if "Max-Age=0" in line]) >= 6 + 3 * len(names)
    assert head <= return_answer(app.url, longest, names)


PREVIEW = ("User-Agent", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)")


@pytest.mark.parametrize(("method", "headers"), [("HEAD", ()), ("GET", (PREVIEW,))])
async def test_what_only_looks_opens_no_pending_login(
    house: House, method: str, headers: tuple[tuple[str, str], ...]
) -> None:
    """A request for the head and a preview get the page with the button, at a guarded page and at the login link."""
    answer = await house.send(house.visit("/wallet", *headers, purpose=SignInPage(BARE), method=method))

    assert answer.status == 401
    assert cookies(answer) == []
    assert house.sign_in_service.begun == []


async def test_a_preview_of_the_login_link_opens_no_pending_login(start: Starter) -> None:
    """The page with the button, whose press begins the sign-in as ever."""
    house = await start(builders.route(builders.FixedPolicy(builders.FixedRule(BARE)), app=settings()))

    looked = await house.get("login", PREVIEW, query="rd=/wallet")
    fields = {name: value for name, value in first_form(await looked.text()).items() if not name.startswith("_")}
    begun_by_looking = list(house.sign_in_service.begun)
    pressed = await house.post("login", fields, PREVIEW, ("Sec-Fetch-Site", "same-origin"))

    assert (looked.status, begun_by_looking) == (401, [])
    assert pressed.status == 303
    assert house.sign_in_service.begun[0][1:] == (BARE, "/wallet")


async def test_an_in_app_browser_is_told_before_it_leaves(house: House) -> None:
    """From LINE's browser the person cannot come back, so even `openid` alone stops at a page first."""
    agent = ("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Safari Line/15.1")

    answer = await house.send(house.visit("/wallet", agent, purpose=SignInPage(BARE)))

    assert answer.status == 401
    assert "LINEの中のブラウザ" in await answer.text()
    assert house.sign_in_service.begun == []


async def test_the_notices_button_begins_what_was_shown(house: House) -> None:
    """The policy is asked again for the page the person wanted; the form only says which page."""
    page = await house.send(house.visit("/reserve/42", purpose=SignInPage(NOTICED), query="d=1"))
    form = first_form(await page.text())
    fields = {name: value for name, value in form.items() if not name.startswith("_")}

    answer = await house.post("login", fields)

    assert answer.status == 303
    assert house.sign_in_service.begun[0][1:] == (NOTICED, "/reserve/42?d=1")


async def test_what_grew_since_the_notice_is_shown_again(house: House) -> None:
    """A form that showed less than would be asked now begins nothing."""
    answer = await house.post("login", {"rd": "/reserve/42", "shown": "name address"})

    assert answer.status == 401
    assert "生年月日" in await answer.text()
    assert house.sign_in_service.begun == []


async def test_another_sites_button_shows_the_notice(house: House) -> None:
    """A foreign page cannot press the button for a person who has seen nothing."""
    answer = await house.post("login", {"rd": "/reserve/42", "shown": "name address birthdate"}, FOREIGN)

    assert answer.status == 401
    assert house.sign_in_service.begun == []


async def test_a_form_that_was_not_sent_is_said_not_to_be(house: House) -> None:
    """The sign-in opens in a new tab and ends on a page that sends the person back to the form."""
    page = await house.send(house.visit("/reserve/42", purpose=FormNotSentPage(NOTICED), method="POST"))
    text = await page.text()
    fields = {name: value for name, value in first_form(text).items() if not name.startswith("_")}

    answer = await house.post("login", fields)

    assert page.status == 401
    assert "まだ送信されていません" in text
    assert 'target="_blank"' in text
    assert answer.status == 303
    assert house.sign_in_service.begun[0][1:] == (NOTICED, f"{PREFIX}signed-in?for=%2Freserve%2F42")


FRAME = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe"), ("Sec-Fetch-Site", "same-origin"))


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(
    ("purpose", "status"),
    [
        (SignInPage(NOTICED), 401),
        (SignInPage(BARE), 401),
        (FormNotSentPage(KEEPING), 401),
        (RefusalPage(TOO_YOUNG), 403),
        (TroublePage(Trouble.UPSTREAM_UNREACHABLE, 502), 502),
        (TroublePage(Trouble.MAINTENANCE, 503, 60), 503),
    ],
)
async def test_a_frame_gets_one_link_that_leaves_it(
    house: House, purpose: Purpose, status: int, language: str, method: str
) -> None:
    """Any page may hold it, since nothing on it can be pressed by mistake, and nothing about the person is on it."""
    headers = (*FRAME, ("Accept-Language", language))
    answer = await house.send(house.visit("/reserve/42", *headers, purpose=purpose, query="d=1&e=2", method=method))
    text = await answer.text()

    assert answer.status == status
    assert answer.headers["Content-Language"] == language
    assert re.findall(r"<a\b[^>]*>", text) == ['<a class="button" href="/reserve/42?d=1&amp;e=2" target="_top">']
    assert "<form" not in text
    assert "18歳" not in text
    assert ("送信されていません" in text or "has not been sent" in text) is (method == "POST")
    assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
    assert "form-action 'none'" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers
    assert house.sign_in_service.begun == []
    assert cookies(answer) == []


@pytest.mark.parametrize(
    ("name", "method"),
    [("me", "GET"), ("me", "POST"), ("logout", "GET"), ("logout", "POST"), ("login", "GET"), ("callback", "GET")],
)
async def test_no_page_of_ours_does_anything_in_a_frame(house: House, name: str, method: str) -> None:
    """It is asked for at the top: no sign-in begins or ends there, nothing is shown, and no code is on the page."""
    house.sessions.answer = Found(builders.session())
    asked = house.visit(f"{PREFIX}{name}", *FRAME, TICKET_COOKIE, method=method, query="code=c0de&state=s")
    answer = await house.send(asked)
    text = await answer.text()

    assert answer.status == 403
    assert len(re.findall(r'<a class="button" href="/[^"]*" target="_top">', text)) == 1
    assert "<form" not in text
    assert "c0de" not in text or name != "callback"
    assert (house.sign_in_service.begun, house.sign_in_service.finished, house.sign_in_service.ended) == ([], [], 0)
    assert cookies(answer) == []


async def test_a_style_sheet_is_served_in_any_frame(house: House) -> None:
    """The framed page itself needs it, and an old page may hold anything in an object."""
    answer = await house.get("static/sekisho.css", ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "object"))

    assert answer.status == 200


async def test_a_refusal_speaks_the_conditions_own_words(house: House) -> None:
    """The status is the policy's; the sentence is the author's."""
    answer = await house.send(house.visit("/reserve/42", purpose=RefusalPage(TOO_YOUNG)))
    text = await answer.text()

    assert answer.status == 403
    assert "18歳以上の方が予約できます。" in text
    assert "0123456789abcdef" in text


async def test_what_could_not_be_read_is_not_told_as_a_no(house: House) -> None:
    """The author's sentence stands, and beside it that the card did not say."""
    unread = replace(TOO_YOUNG, reasons=(replace(TOO_YOUNG.reasons[0], kind=ReasonKind.CONDITION_UNKNOWN),))
    reported = "カードの情報からは、利用できる条件に当てはまるか確認できませんでした。"

    unknown = await (await house.send(house.visit("/reserve/42", purpose=RefusalPage(unread)))).text()
    known = await (await house.send(house.visit("/reserve/42", purpose=RefusalPage(TOO_YOUNG)))).text()

    assert "18歳以上の方が予約できます。" in unknown
    assert reported in unknown
    assert reported not in known


async def test_a_japanese_sentence_on_an_english_page_is_marked(house: House) -> None:
    """A screen reader must know which language to speak."""
    visit = house.visit("/reserve/42", ("Accept-Language", "en-GB,en;q=0.9"), purpose=RefusalPage(TOO_YOUNG))

    answer = await house.send(visit)
    text = await answer.text()

    assert answer.headers["Content-Language"] == "en"
    assert '<html lang="en">' in text
    assert '<span lang="ja">18歳以上の方が予約できます。</span>' in text


async def test_trouble_comes_with_a_number_and_a_time(house: House) -> None:
    """The page says what to do, the answer when to retry, and a person who sent a form is warned of doing it twice."""
    purpose = TroublePage(Trouble.UPSTREAM_TIMEOUT, 504, 10)

    answer = await house.send(house.visit("/pay", purpose=purpose, method="POST"))
    text = await answer.text()

    assert answer.status == 504
    assert answer.headers["Retry-After"] == "10"
    assert "0123456789abcdef" in text
    assert "二重にならないよう" in text


@pytest.mark.parametrize("trouble", list(Trouble))
async def test_every_trouble_has_its_page(house: House, trouble: Trouble) -> None:
    """No trouble ends on a missing sentence."""
    answer = await house.send(house.visit("/x", purpose=TroublePage(trouble, 503)))

    assert answer.status == 503
    assert "<h1>" in await answer.text()


async def test_signing_in_sets_the_cookies_and_goes_on(house: House) -> None:
    """The session cookie ends with the browser, is out of scripts' reach, and goes over TLS alone."""
    house.sign_in_service.finishes = SIGNED_IN

    answer = await house.get("callback", query="code=c&state=s")

    assert answer.status == 303
    assert answer.headers["Location"] == "/reserve/42"
    assert house.sign_in_service.finished == [b"code=c&state=s"]
    assert cookies(answer) == [
        f"__Host-sekisho={TICKET}; Path=/; HttpOnly; SameSite=Lax; Secure",
        "__Host-sekisho-login=browser-value; Path=/; HttpOnly; SameSite=Lax; Max-Age=34560000; Secure",
    ]
    assert house.counted.reported == [("booking", "signed_in")]


async def test_another_person_takes_over_no_application_session(house: House) -> None:
    """At a family's computer the next person would else be the last one in the application's eyes."""
    house.sign_in_service.finishes = SignedIn(TICKET, builders.session(), "/", other_person=True)

    answer = await house.get("callback", query="code=c&state=s")

    expired = [line for line in cookies(answer) if line.startswith("JSESSIONID=;")]
    assert len(expired) == 1
    assert "Path=/;" in expired[0]
    assert "Max-Age=0" in expired[0]


async def test_on_loopback_cookies_have_neither_prefix_nor_secure(start: Starter) -> None:
    """A browser would refuse both over plain HTTP."""
    house = await start(
        builders.route(
            app=settings(url="http://localhost:8080"),
            host="localhost:8080",
            session_cookie=b"sekisho",
            pending_cookie=b"sekisho-login",
        )
    )
    house.sign_in_service.finishes = SIGNED_IN

    answer = await house.get("callback", host="localhost:8080")

    assert [line.split(";")[0] for line in cookies(answer)] == [f"sekisho={TICKET}", "sekisho-login=browser-value"]
    assert not any("Secure" in line for line in cookies(answer))


async def test_a_callback_that_was_answered_before_sets_nothing(house: House) -> None:
    """Reloading the callback lands where the first one did."""
    house.sign_in_service.finishes = AlreadySignedIn("/reserve/42")

    answer = await house.get("callback", query="code=c&state=s")

    assert (answer.status, answer.headers["Location"]) == (303, "/reserve/42")
    assert cookies(answer) == []


async def test_asking_for_the_head_alone_consumes_nothing(house: House) -> None:
    """A link checker is no person."""
    answer = await house.get("callback", query="code=c&state=s", method="HEAD")

    assert answer.status == 405
    assert house.sign_in_service.finished == []


@pytest.mark.parametrize("failure", list(LoginFailure))
async def test_every_failure_has_its_page_and_its_label(house: House, failure: LoginFailure) -> None:
    """The page says the fault, the remedy and the number to quote, and has a button that starts again."""
    house.sign_in_service.finishes = Failed(failure, "/reserve/42", error="interaction_required", retry_after=7)

    answer = await house.get("callback", query="error=x&state=s")
    text = await answer.text()

    assert answer.status == failure.status
    assert house.counted.reported == [("booking", failure.value)]
    assert "0123456789abcdef" in text
    assert "<form" in text
    assert answer.headers["Retry-After"] == "7"


async def test_a_fresh_start_in_the_other_browser_is_one_tap(house: House) -> None:
    """The page holds the notice, so its button leads to the provider and not to another page."""
    house.sign_in_service.finishes = Failed(LoginFailure.OTHER_BROWSER, "/reserve/42")
    page = await house.get("callback", query="code=c&state=s")
    text = await page.text()
    fields = {name: value for name, value in first_form(text).items() if not name.startswith("_")}

    answer = await house.post("login", fields)

    assert "施設の予約受付と使用料の区分のため" in text
    assert answer.status == 303
    assert house.sign_in_service.begun[0][1:] == (NOTICED, "/reserve/42")


async def test_an_unknown_error_code_is_for_the_log_and_does_no_harm(house: House) -> None:
    """A person can do nothing with a provider's code, and the page quotes none."""
    house.sign_in_service.finishes = Failed(LoginFailure.REFUSED, "/", error="<script>alert(1)</script>")

    text = await (await house.get("callback", query="error=x&state=s")).text()

    assert "alert(1)" not in text


async def test_a_login_that_cannot_begin_gets_the_failures_page(house: House) -> None:
    """A provider that is down is a 503 page, not a redirect into nowhere."""
    house.sign_in_service.begins = Failed(LoginFailure.PROVIDER_DOWN, "/wallet", retry_after=30)

    answer = await house.send(house.visit("/wallet", purpose=SignInPage(BARE)))

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "30"
    assert "認証サービスに接続できません" in await answer.text()


async def test_the_login_link_leads_where_the_policy_says(house: House) -> None:
    """A link to a page that needs 4情報 shows its notice; foreign targets become the front page."""
    answer = await house.get("login", query="rd=https%3A%2F%2Fevil.example%2F")

    assert answer.status == 401
    assert first_form(await answer.text())["rd"] == "/"


async def test_the_login_link_may_say_a_long_target_as_it_is(start: Starter) -> None:
    """All that follows `back=` is the target, with every `&` and `=` of it."""
    house = await start(builders.route(builders.FixedPolicy(builders.FixedRule(BARE)), app=settings()))
    target = "/d?rd=/x&back=/y&q=" + "%E3%81%82" * 700

    answer = await house.get("login", query=f"back={target}")

    assert answer.status == 303
    assert house.sign_in_service.begun[0][2] == target


async def test_a_notice_carries_the_longest_target_and_the_largest_form(keeping: House) -> None:
    """In fields of its form, each encoded once more by the browser."""
    target = ("/reserve/42?q=" + "%E3%81%82" * 1_000)[:8_192]
    fields = {"rd": target, "method": "POST", "shown": "name address birthdate", "form": "a=" + "%26" * 21_800}

    answer = await keeping.post("login", fields)

    assert answer.status == 303
    assert keeping.sign_in_service.begun[0][2] == target
    assert keeping.sign_in_service.forms == [fields["form"]]


async def test_the_login_link_of_an_open_page_signs_in_all_the_same(start: Starter) -> None:
    """If nobody has to sign in, everybody still can."""
    house = await start(builders.route(app=settings()))

    answer = await house.get("login", query="rd=%2Fnews")

    assert answer.status == 303
    _, challenge, return_to = house.sign_in_service.begun[0]
    assert challenge.scopes == {Scope.OPENID}
    assert return_to == "/news"


async def test_the_login_link_of_somebody_signed_in_goes_on(start: Starter) -> None:
    """Nobody reads a card for what they already have; an unread ticket is looked up first."""
    house = await start(
        builders.route(builders.FixedPolicy(builders.FixedRule(BARE, Permit(RULE, None))), app=settings())
    )
    house.sessions.answer = Found(builders.session())

    answer = await house.get("login", query="rd=%2Fwallet", session=Unread(TICKET))

    assert (answer.status, answer.headers["Location"]) == (303, "/wallet")
    assert house.sessions.asked == [TICKET]


async def test_a_session_of_another_client_is_nobody(start: Starter) -> None:
    """A ticket carried over from another App's client signs nobody in here."""
    house = await start(
        builders.route(builders.FixedPolicy(builders.FixedRule(BARE, Permit(RULE, None))), app=settings())
    )
    stranger = Found(builders.session(builders.identity(client_id="RP00000002")))

    answer = await house.get("login", query="rd=%2Fwallet", session=stranger)

    assert answer.headers["Location"].startswith(PROVIDER)


async def test_the_login_link_to_a_refusal_is_the_refusal(start: Starter) -> None:
    """Nobody touches a card for nothing; and like every no, it is audited and counted."""
    refusing = builders.FixedPolicy(builders.FixedRule(Deny(RULE, TOO_YOUNG.reasons)))
    house = await start(builders.route(refusing, app=settings()))

    with structlog.testing.capture_logs() as events:
        answer = await house.get("login", query="rd=%2Freserve")

    assert answer.status == 403
    assert house.sign_in_service.begun == []
    assert house.counted.refusals == [("booking", "booking/reserve", ["condition_no:adult"])]
    assert [(event["event"], event["rule"], event["reasons"]) for event in events] == [
        ("audit", "booking/reserve", ["condition_no:adult"])
    ]


async def test_a_get_signs_nobody_out(house: House) -> None:
    """An image on another site cannot end a session."""
    answer = await house.get("logout", FOREIGN, TICKET_COOKIE)

    assert answer.status == 200
    assert first_form(await answer.text())["_method"] == "post"
    assert house.sign_in_service.ended == 0
    assert cookies(answer) == []


async def test_signing_out_ends_every_cookie(house: House) -> None:
    """It ends our cookies and the application's, in every earlier state."""
    answer = await house.post("logout", {}, ("Sec-Fetch-Site", "same-origin"), TICKET_COOKIE)

    assert (answer.status, answer.headers["Location"]) == (303, f"{PREFIX}signed-out")
    assert house.sign_in_service.ended == 1
    names = [line.split("=")[0] for line in cookies(answer)]
    assert names == ["__Host-sekisho", "JSESSIONID"]
    assert all("Max-Age=0" in line for line in cookies(answer))


PLANTED = [("junk", [TICKET, "junk"]), ("junk", ["junk", TICKET]), ("another", [TICKET, "S" * 43])]


def brought(*values: str) -> tuple[str, str]:
    """Return the Cookie field of a browser in which a script put a cookie beside ours."""
    return "Cookie", "; ".join(f"__Host-sekisho={value}" for value in values)


def partitioned(line: str) -> bool:
    """Whether a line ends the one other form a `__Host-` cookie has."""
    return line.startswith("__Host-sekisho=; ") and "Max-Age=0" in line and line.endswith("; Secure; Partitioned")


@pytest.mark.parametrize(("kind", "values"), PLANTED)
async def test_a_page_of_ours_ends_what_a_script_put_beside_our_cookie(
    house: House, kind: str, values: list[str]
) -> None:
    """A junk cookie is ended and ours stays; of two that may be ours both are ended, or nobody could sign in again."""
    for page in (
        await house.send(house.visit("/reserve/42", brought(*values), purpose=SignInPage(NOTICED))),
        await house.get("me", brought(*values)),
        await house.send(house.visit("/x", brought(*values), purpose=TroublePage(Trouble.STORE_UNAVAILABLE, 503))),
    ):
        first, *rest = cookies(page)

        assert partitioned(first)
        assert [line.rpartition("; ")[2] for line in rest] == (["Secure"] if kind == "another" else [])


async def test_signing_in_and_out_leaves_one_form_of_our_cookie_or_none(house: House) -> None:
    """The lines that end other forms come first: a browser that does not know them would end ours."""
    house.sign_in_service.finishes = SIGNED_IN

    signed_in = cookies(await house.get("callback", brought("junk"), query="code=c&state=s"))
    signed_out = cookies(await house.post("logout", {}, ("Sec-Fetch-Site", "same-origin"), brought(TICKET, "junk")))

    assert partitioned(signed_in[0])
    assert signed_in[1].startswith(f"__Host-sekisho={TICKET}; ")
    assert partitioned(signed_out[0])
    assert signed_out[1].startswith("__Host-sekisho=; ")


async def test_a_planted_browser_cookie_locks_nobody_out_of_signing_in(house: House) -> None:
    """Two of the cookie that binds a sign-in are no browser: the next sign-in sets a new one, and ends the other."""
    planted = ("Cookie", f"__Host-sekisho-login={'a' * 43}; __Host-sekisho-login={'b' * 43}")
    house.sign_in_service.begins = Begun(f"{PROVIDER}/auth?state=s", "pending-value")

    begun = cookies(await house.send(house.visit("/wallet", planted, purpose=SignInPage(BARE))))

    assert begun[0].startswith("__Host-sekisho-login=; ")
    assert begun[0].endswith("; Secure; Partitioned")
    assert begun[1].startswith("__Host-sekisho-login=pending-value; ")


async def test_a_cookie_of_ours_that_is_alone_is_left_alone(house: House) -> None:
    """An ended or unknown ticket never ends the cookie: a sign-in in another tab may just have replaced it."""
    for value in (TICKET, "junk"):
        answer = await house.send(house.visit("/reserve/42", brought(value), purpose=SignInPage(NOTICED)))

        assert cookies(answer) == []


async def test_what_a_cache_may_keep_sets_no_cookie(house: House) -> None:
    """A style sheet and a key set are everybody's."""
    for path in ("static/sekisho.css", "keys/client"):
        assert cookies(await house.get(path, brought("junk", TICKET))) == []


CLEARS = '"cache", "storage"'


async def test_a_browser_forgets_a_person_at_sign_out_and_when_another_signs_in(house: House) -> None:
    """Pages and what scripts stored, never cookies: those of other applications are among them."""
    house.sign_in_service.finishes = SignedIn(TICKET, builders.session(), "/", other_person=True)

    signed_out = await house.post("logout", {}, ("Sec-Fetch-Site", "same-origin"), TICKET_COOKIE)
    other = await house.get("callback", query="code=c&state=s")
    house.sign_in_service.finishes = SIGNED_IN
    same = await house.get("callback", query="code=c&state=s")

    assert [answer.headers.get("Clear-Site-Data") for answer in (signed_out, other, same)] == [CLEARS, CLEARS, None]


@pytest.mark.parametrize(("clear", "said"), [(("cache",), '"cache"'), (("storage",), '"storage"'), ((), None)])
async def test_an_app_says_what_a_browser_forgets(start: Starter, clear: tuple[str, ...], said: str | None) -> None:
    """An application that keeps on the browser what must outlive a sign-out."""
    app = settings(next_person=NextPersonSettings(clear=clear))  # type: ignore[arg-type]  # of the two words
    house = await start(builders.route(app=app))

    signed_out = await house.post("logout", {}, ("Sec-Fetch-Site", "same-origin"), TICKET_COOKIE)
    page = await (await house.get("signed-out")).text()
    picture = await house.get("cleared", ("Sec-Fetch-Site", "same-origin"))

    assert signed_out.headers.get("Clear-Site-Data") == said
    assert ("cleared" in page) == ("cache" in clear)
    assert picture.headers.get("Clear-Site-Data") == ('"cache"' if "cache" in clear else None)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
async def test_another_site_empties_nobodys_cache(house: House, site: str) -> None:
    """The picture of our signed-out page is asked for by that page alone."""
    answer = await house.get("cleared", ("Sec-Fetch-Site", site))

    assert answer.status == 204
    assert "Clear-Site-Data" not in answer.headers


async def test_the_applications_own_sign_out_stops_at_our_page_on_the_way_to_the_provider(house: House) -> None:
    """The page with the form is kept for Back as it is left: ours must come next, to clear it."""
    house.sign_in_service.signs_out = SignedOut(f"{PROVIDER}/logout", 1)
    same = ("Sec-Fetch-Site", "same-origin")

    theirs = await house.post("logout", {}, same, TICKET_COOKIE)
    ours = await house.post("logout", {"token": logout_token(TICKET)}, same, TICKET_COOKIE)

    assert (theirs.status, theirs.headers["Refresh"]) == (200, f"2; url={PROVIDER}/logout")
    page = await theirs.text()
    assert f'<a class="button" href="{PROVIDER}/logout">' in page
    assert f'<img src="{PREFIX}cleared"' in page
    assert (ours.status, ours.headers["Location"]) == (303, f"{PROVIDER}/logout")
    assert theirs.headers["Clear-Site-Data"] == ours.headers["Clear-Site-Data"] == CLEARS


async def test_signing_out_goes_on_to_the_provider_that_has_a_page_for_it(house: House) -> None:
    """RP-initiated logout, where the metadata offers it."""
    house.sign_in_service.signs_out = SignedOut(f"{PROVIDER}/logout", 2)

    answer = await house.post("logout", {})

    assert answer.headers["Location"] == f"{PROVIDER}/logout"


@pytest.mark.parametrize(
    "headers",
    [
        (FOREIGN,),
        (("Sec-Fetch-Site", "same-site"),),
        (("Origin", "https://evil.example"),),
        (("Origin", "null"),),
        (("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")),
        (("Accept", "*/*"),),
    ],
)
async def test_a_foreign_form_signs_nobody_out(house: House, headers: tuple[tuple[str, str], ...]) -> None:
    """Without a proof that a page of this origin asks, the confirmation is shown instead."""
    answer = await house.post("logout", {"token": "0" * 64}, *headers, TICKET_COOKIE)

    assert answer.status == 200
    assert house.sign_in_service.ended == 0


async def test_an_old_browser_signs_out_with_the_pages_token(house: House) -> None:
    """A client that says nothing of where a form comes from shows the token only this browser's page had."""
    page = await house.get("logout", TICKET_COOKIE)
    token = first_form(await page.text())["token"]

    answer = await house.post("logout", {"token": token}, TICKET_COOKIE)

    assert token == logout_token(TICKET)
    assert answer.status == 303
    assert house.sign_in_service.ended == 1


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_a_session_that_cannot_be_ended_is_not_said_to_be(house: House, language: str, *, kept: bool) -> None:
    """The store is away: this browser forgets all the same, and the person reads until when the session could live."""
    house.sign_in_service.signs_out = SignedOut(alive_until=builders.NOON + 8 * 3_600, kept=kept)
    said = ("Sec-Fetch-Site", "same-origin"), ("Accept-Language", language)

    answer = await house.post("logout", {}, *said, TICKET_COOKIE)

    assert answer.status == 200
    assert [line.split("=")[0] for line in cookies(answer)] == ["__Host-sekisho", "JSESSIONID"]
    assert answer.headers["Clear-Site-Data"] == CLEARS
    page = await answer.text()
    assert ("20時" if language == "ja" else "20:00") in page
    later = "自動的に消去します" if language == "ja" else "remove the record as soon as"
    assert (later in page) is kept
    assert house.counted.reported == [("booking", "signed_out_here")]


HELD = Found(
    builders.session(
        builders.identity(
            name="髙橋　花子",
            birthdate=Birthdate(2004, 2),
            asked=frozenset({Scope.OPENID, Scope.NAME, Scope.BIRTHDATE, Scope.ADDRESS}),
        )
    )
)
NAVIGATING = (TICKET_COOKIE, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
PRESSING = (*NAVIGATING, ("Sec-Fetch-Site", "same-origin"))
CODE = show_code(subject_code(builders.CLIENT, "hanako"))


async def token_of(house: House) -> str:
    """Return the token on the page of what is held."""
    page = await house.get("me", *NAVIGATING, session=HELD)
    return first_form(await page.text())["token"]


def shows_a_value(text: str) -> bool:
    return any(value in text for value in ("花子", "2004年", CODE))


async def test_the_page_of_what_is_held_shows_no_value(house: House) -> None:
    """It has a button, with a token."""
    answer = await house.get("me", *NAVIGATING, session=HELD)
    text = await answer.text()

    assert answer.status == 200
    assert not shows_a_value(text)
    assert first_form(text)["_action"] == f"{PREFIX}me"
    assert first_form(text)["token"]


async def test_what_is_held_is_shown_to_whoever_presses_our_button(house: House) -> None:
    """Each value, and what was not given or not asked for; on a page that no other page can read."""
    answer = await house.post("me", {"token": await token_of(house)}, *PRESSING, session=HELD)
    text = await answer.text()

    assert "髙橋　花子" in text
    assert "2004年（平成16年）2月" in text
    assert "受け取っていません" in text
    assert "確認していません" in text
    assert "sandbox" in answer.headers["Content-Security-Policy"].split("; ")
    assert answer.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "<form" not in text


async def test_what_was_told_is_listed_with_its_moment(house: House) -> None:
    """Each App by the name that people know, each fact by its label; before anything is told the page says so."""
    empty = await (await house.post("me", {"token": await token_of(house)}, *PRESSING, session=HELD)).text()
    house.sessions.ledger = (
        Disclosure(house.route.name, ("name", "age"), builders.NOON),
        Disclosure("an-app-that-is-gone", ("subject",), builders.NOON + 60),
    )

    text = await (await house.post("me", {"token": await token_of(house)}, *PRESSING, session=HELD)).text()

    assert "まだ、何も伝えていません" in empty
    assert "まだ、何も伝えていません" not in text
    listed = text.partition("この本人確認のあいだに伝えたこと")[2].partition("<h2>")[0]
    assert [word in listed for word in ("氏名", "年齢", "住所", "an-app-that-is-gone")] == [True, True, False, True]
    assert 'datetime="2026-11-23T12:00+09:00"' in listed


async def test_a_token_shows_what_is_held_once(house: House) -> None:
    """A reload offers the button again, with another token."""
    token = await token_of(house)
    await house.post("me", {"token": token}, *PRESSING, session=HELD)

    answer = await house.post("me", {"token": token}, *PRESSING, session=HELD)
    text = await answer.text()

    assert not shows_a_value(text)
    assert "もう一度ボタンを押してください" in text
    assert first_form(text)["token"] != token


@pytest.mark.parametrize(
    "headers",
    [
        NAVIGATING,
        (*NAVIGATING, ("Sec-Fetch-Site", "cross-site")),
        (*NAVIGATING, ("Sec-Fetch-Site", "same-site")),
        (*NAVIGATING, ("Sec-Fetch-Site", "none")),
        (TICKET_COOKIE, ("Sec-Fetch-Site", "same-origin")),
        (TICKET_COOKIE, ("Origin", "https://booking.test")),
        (*PRESSING, ("Sec-Fetch-Mode", "cors")),
        (*PRESSING, ("Sec-Fetch-Dest", "iframe")),
        (TICKET_COOKIE, ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "empty")),
        (*PRESSING, ("Sec-Purpose", "prefetch")),
    ],
    ids=lambda headers: " ".join(value for name, value in headers[1:]),
)
async def test_nothing_is_shown_unless_the_browser_says_who_asks(
    house: House, headers: tuple[tuple[str, str], ...]
) -> None:
    """A good token in a request that a script may have made, or another site, shows no value."""
    answer = await house.post("me", {"token": await token_of(house)}, *headers, session=HELD)

    assert not shows_a_value(await answer.text())


@pytest.mark.parametrize("token", ["", "x", "1.AAAAAAAAAAAAAAAAAAAAAA." + "0" * 64])
async def test_nothing_is_shown_for_a_made_up_token(house: House, token: str) -> None:
    """A form that a script of the application sends has none."""
    answer = await house.post("me", {"token": token}, *PRESSING, session=HELD)

    assert answer.status == 200
    assert not shows_a_value(await answer.text())


async def test_a_browser_that_does_not_say_who_asks_gets_no_token(house: House) -> None:
    """Its script could read the page as well as a person; the page says what to do."""
    answer = await house.get("me", TICKET_COOKIE, ("Accept", "text/html"), session=HELD)
    text = await answer.text()

    assert "<form" not in text
    assert "新しいブラウザ" in text
    assert not shows_a_value(text)


async def test_a_token_of_another_session_shows_nothing(house: House) -> None:
    """A person who sends her token on cannot make another browser show anything."""
    token = await token_of(house)
    another = (("Cookie", f"__Host-sekisho={'U' * 43}"), *PRESSING[1:])

    answer = await house.post("me", {"token": token}, *another, session=HELD)

    assert not shows_a_value(await answer.text())


async def test_a_worker_in_front_of_our_pages_is_removed(house: House) -> None:
    """The browser is told to, and the person how to go on; nothing of the URL was done."""
    visit = house.visit(f"{PREFIX}callback", *NAVIGATING, purpose=WorkerPage(), query="code=c&state=s")

    answer = await house.send(visit)
    text = await answer.text()

    assert answer.status == 403
    assert answer.headers["Clear-Site-Data"] == '"storage"'
    assert f'href="{PREFIX}callback?code=c&amp;state=s"' in text
    assert house.sign_in_service.finished == []


async def test_the_first_sign_in_of_a_browser_removes_workers(house: House) -> None:
    """One registered before there was a gateway would see the callback; later ones find nothing to remove."""
    first = await house.send(house.visit("/wallet", purpose=SignInPage(BARE)))
    house.sign_in_service.begins = Begun(f"{PROVIDER}/auth?state=s", None)
    later = await house.send(house.visit("/wallet", purpose=SignInPage(BARE)))

    assert first.headers["Clear-Site-Data"] == '"storage"'
    assert "Clear-Site-Data" not in later.headers


async def test_what_is_held_cannot_be_said_while_the_store_is_away(house: House) -> None:
    """Neither what is held nor that nothing is: 503."""
    answer = await house.get("me", session=Unavailable())

    assert answer.status == 503
    assert "保持している情報はありません" not in await answer.text()


@pytest.mark.parametrize("session", [None, Gone()])
async def test_nothing_is_held_of_nobody(house: House, session: Gone | None) -> None:
    """Somebody who is not signed in learns nothing."""
    answer = await house.get("me", session=session)

    assert "保持している情報はありません" in await answer.text()


async def test_the_clients_keys_are_public(house: House) -> None:
    """The provider reads them here."""
    answer = await house.get("keys/client")

    assert answer.status == 200
    assert answer.content_type == "application/jwk-set+json"


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("nothing-here", "GET", 404),
        ("", "GET", 404),
        ("me", "PUT", 405),
        ("static/../pages.py", "GET", 404),
        ("keys/assertion", "GET", 404),
    ],
)
async def test_what_is_not_there_has_a_page(house: House, path: str, method: str, status: int) -> None:
    """A 404 and a 405 of ours are pages too, with a way home."""
    answer = await house.get(path, method=method)

    assert answer.status == status
    assert "<h1>" in await answer.text()
    assert answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "body",
    [b"rd=%ff%fe", b"rd=/a&rd=/b", b"\xff\xfe", b"&".join(b"a%d=1" % n for n in range(50))],
)
async def test_a_form_that_cannot_be_read_is_refused(house: House, body: bytes) -> None:
    """Two fields of one name, bytes that are no text, too many fields: nobody guesses."""
    headers = (("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/x-www-form-urlencoded"))

    answer = await house.send(house.visit(f"{PREFIX}login", *headers, method="POST"), body)

    assert answer.status == 400
    assert house.sign_in_service.begun == []


async def test_a_huge_form_is_refused(house: House) -> None:
    """Our forms are short."""
    headers = (("Sec-Fetch-Site", "same-origin"), ("Content-Type", "application/x-www-form-urlencoded"))

    answer = await house.send(house.visit(f"{PREFIX}login", *headers, method="POST"), b"rd=" + b"a" * 300_000)

    assert answer.status == 413


async def test_a_mistake_of_ours_shows_no_traceback(start: Starter) -> None:
    """A person gets a sentence and a number."""
    house = await start(builders.route(app=settings()))

    class BrokenDeskError(Exception):
        pass

    async def broken(*_: object) -> Begun:
        raise BrokenDeskError("secret of the house")

    house.sign_in_service.begin = broken  # type: ignore[method-assign, assignment]

    answer = await house.get("login")
    text = await answer.text()

    assert answer.status == 500
    assert "secret of the house" not in text
    assert "Traceback" not in text
    assert "0123456789abcdef" in text


PURPOSES: dict[str, Purpose] = {
    "notice": SignInPage(NOTICED),
    "form_not_sent": FormNotSentPage(NOTICED),
    "refusal": RefusalPage(TOO_YOUNG),
    "trouble": TroublePage(Trouble.UPSTREAM_UNREACHABLE, 502, 5),
    "worker": WorkerPage(),
}


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("page", ["login", "logout", "signed-out", "signed-in", "me", "nowhere", *PURPOSES])
async def test_every_page_keeps_the_rules_of_the_web(house: House, page: str, language: str) -> None:
    """No page can be framed, kept, scripted or misread; each says its language and has one heading."""
    header = ("Accept-Language", language)
    visit = (
        house.visit("/x", header, purpose=PURPOSES[page]) if page in PURPOSES else house.visit(PREFIX + page, header)
    )

    answer = await house.send(visit)
    text = await answer.text()

    headers = answer.headers
    csp = headers["Content-Security-Policy"]
    assert "default-src 'none'" in csp
    assert csp.endswith(f"form-action 'self' {PROVIDER}")
    assert "frame-ancestors 'none'" in csp
    assert "unsafe" not in csp
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert headers["Cache-Control"] == "private, no-store"
    assert "Accept-Language" in headers["Vary"]
    assert headers["Content-Language"] == language
    assert f'<html lang="{language}">' in text
    assert text.count("<h1>") == 1
    assert text.count("<main") == 1
    assert "<script" not in text
    assert " style=" not in text


async def test_the_style_sheet_may_be_kept(house: House) -> None:
    """Its address changes with its content; it is the same for everybody."""
    answer = await house.get("static/sekisho.css")

    assert answer.status == 200
    assert answer.content_type == "text/css"
    assert "immutable" in answer.headers["Cache-Control"]


async def test_a_foreign_challenge_field_is_not_believed(house: House) -> None:
    """The portal does not read a form's word about scopes."""
    answer = await house.post(
        "login", {"rd": "/reserve/42", "shown": "name address birthdate", "scope": "gender", "scopes": "gender"}
    )

    assert answer.status == 303
    assert house.sign_in_service.begun[0][1] == Challenge(
        RULE, ChallengeReason.SIGN_IN, NOTICED.scopes, NOTICED.purpose
    )


FORM = ("Content-Type", "application/x-www-form-urlencoded")


async def test_the_provider_ends_what_has_ended_there(house: House) -> None:
    """200 and nothing else; no browser's proof is asked for, since none is there."""
    house.sign_in_service.logs_out = LoggedOut(3)

    answer = await house.send(house.visit(f"{PREFIX}backchannel-logout", FORM, method="POST"), b"logout_token=x")

    assert answer.status == 200
    assert await answer.read() == b""
    assert "no-store" in answer.headers["Cache-Control"]
    assert house.sign_in_service.logout_bodies == [b"logout_token=x"]
    assert house.counted.reported == [("booking", "logged_out_by_provider")]


async def test_a_logout_token_that_is_not_believed_learns_nothing(house: House) -> None:
    """The answer is one word for every failed check."""
    house.sign_in_service.logs_out = LogoutRefused("signature")

    answer = await house.send(house.visit(f"{PREFIX}backchannel-logout", FORM, method="POST"), b"logout_token=x")

    assert answer.status == 400
    assert await answer.json() == {"error": "invalid_request"}
    assert "no-store" in answer.headers["Cache-Control"]


async def test_a_flood_of_logout_tokens_checks_no_more_signatures(
    house: House, start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit counts for every sender; a provider tries again after the time in the answer."""
    monkeypatch.setattr(aiohttp_portal, "LOGOUT_TOKENS", 2)
    limited = await start(house.route)

    answers = [
        await limited.send(limited.visit(f"{PREFIX}backchannel-logout", FORM, method="POST"), b"logout_token=x")
        for _ in range(3)
    ]

    assert [answer.status for answer in answers] == [400, 400, 429]
    assert len(limited.sign_in_service.logout_bodies) == 2


async def test_a_flood_of_sign_ins_is_told_to_wait(aiohttp_client: AiohttpClient) -> None:
    """429 with a page and a time; an address that does not flood goes on."""
    house = await make_house(aiohttp_client, builders.route(app=settings()), rate=2)

    flood = [await house.send(house.visit("/wallet", purpose=SignInPage(BARE))) for _ in range(3)]

    assert [answer.status for answer in flood] == [303, 303, 429]
    assert int(flood[2].headers["Retry-After"]) > 0
    assert "混み合っています" in await flood[2].text()
    assert len(house.sign_in_service.begun) == 2


async def test_a_flood_of_callbacks_reaches_no_provider(aiohttp_client: AiohttpClient) -> None:
    """Forged callbacks cost the provider nothing."""
    house = await make_house(aiohttp_client, builders.route(app=settings()), rate=2)

    answers = [await house.get("callback", query="code=c&state=s") for _ in range(3)]

    assert [answer.status for answer in answers] == [400, 400, 429]
    assert len(house.sign_in_service.finished) == 2


async def test_a_person_reads_out_a_code_of_their_own(house: House) -> None:
    """The code that a list at the counter holds, in four groups of four; it is not the subject."""
    text = await (await house.post("me", {"token": await token_of(house)}, *PRESSING, session=HELD)).text()

    assert CODE in text
    assert "hanako" not in text.replace("p-hanako", "")


KEPT = "room=42&note=%E3%81%93%E3%82%93%22%3E%3Cscript%3E&agree="


@pytest.fixture(name="keeping")
async def keeping_fixture(start: Starter) -> House:
    """A portal whose rule keeps forms."""
    return await start(builders.route(builders.FixedPolicy(builders.FixedRule(KEEPING)), app=settings()))


async def test_a_kept_form_waits_and_is_sent_by_a_button(keeping: House) -> None:
    """It travels in our page, then with the pending login, and comes back to a page that sends it unchanged."""
    purpose = FormNotSentPage(KEEPING, keep=True)
    page = await keeping.send(keeping.visit("/reserve/42", purpose=purpose, method="POST"), KEPT.encode())
    shown = await page.text()
    fields = {name: html.unescape(value) for name, value in first_form(shown).items() if not name.startswith("_")}

    begun = await keeping.post("login", fields)

    assert page.status == 401
    assert 'target="_blank"' not in shown
    assert begun.status == 303
    assert keeping.sign_in_service.begun[0][1:] == (KEEPING, "/reserve/42")
    assert keeping.sign_in_service.forms == [KEPT]


BROWSER = Browser("b" * 43)
OF_BROWSER = ("Cookie", f"__Host-sekisho-login={BROWSER.cookie}")


@pytest.fixture(name="permitting")
async def permitting_fixture(start: Starter) -> House:
    """A portal that permits everybody who is signed in, and asks others for 4情報."""

    class ByPerson(builders.FixedPolicy):
        def fitting(self, inbound: Inbound, now: Instant) -> builders.FixedRule:
            return builders.FixedRule(KEEPING, Permit(KEEPING.rule, builders.identity()))

    return await start(builders.route(ByPerson(None), app=settings()))


async def waiting(house: House, body: str = KEPT, target: str = "/reserve/42") -> str:
    """Have a form wait, and return its page under our prefix."""
    page = await house.forms.keep(BROWSER, house.route, house.visit("/").inbound, target, body)
    assert page is not None
    return page.removeprefix(PREFIX)


async def at(house: House, page: str, *headers: tuple[str, str], **changes: Any) -> ClientResponse:
    path, _, query = page.partition("?")
    return await house.get(path, OF_BROWSER, *headers, query=query, **changes)


async def test_a_waiting_forms_page_can_be_loaded_again_until_it_is_sent(permitting: House) -> None:
    """The button sends the form unchanged, once, as a repetition of the browser's own request."""
    page = await waiting(permitting)

    first, again = [await at(permitting, page, session=HELD) for _ in range(2)]
    form = first_form(await first.text())
    path, _, query = page.partition("?")
    pressed = [
        await permitting.send(
            permitting.visit(
                PREFIX + path, OF_BROWSER, ("Sec-Fetch-Site", "same-origin"), query=query, method="POST", session=HELD
            ),
            KEPT.encode(),
        )
        for _ in range(2)
    ]
    after = await at(permitting, page, session=HELD)

    assert (first.status, again.status) == (200, 200)
    assert await first.text() == await again.text()
    assert (form["_method"], form["_action"]) == ("post", PREFIX + page)
    assert (form["room"], html.unescape(form["note"]), form["agree"]) == ("42", 'こん"><script>', "")
    assert "<script>" not in await first.text()
    assert "form-action" not in first.headers["Content-Security-Policy"]
    assert [(answer.status, answer.headers.get("Location")) for answer in pressed] == [
        (307, "/reserve/42"),
        (409, None),
    ]
    assert after.status == 409
    assert 'href="/reserve/42"' in await after.text()


async def test_another_sites_press_sends_no_form(permitting: House) -> None:
    """A script's press of another person sends none either: the page is shown again, and the form waits on."""
    page = await waiting(permitting)
    await at(permitting, page, session=HELD)
    path, _, query = page.partition("?")

    answer = await permitting.send(
        permitting.visit(PREFIX + path, OF_BROWSER, FOREIGN, query=query, method="POST", session=HELD), KEPT.encode()
    )

    assert answer.status == 200
    assert first_form(await answer.text())["room"] == "42"


async def test_a_waiting_form_is_offered_only_to_who_may_send_it(start: Starter) -> None:
    """The policy is asked first: a refused person reads no, and what is kept until when."""
    house = await start(builders.route(builders.FixedPolicy(builders.FixedRule(TOO_YOUNG)), app=settings()))
    answer = await at(house, await waiting(house), session=HELD)
    text = await answer.text()

    assert answer.status == 403
    assert "18歳以上の方が予約できます" in text
    assert "預かっています" in text
    assert "14時まで" in text
    assert "room" not in text


async def test_a_waiting_form_asks_for_the_sign_in_that_it_needs(keeping: House) -> None:
    """By a button that leads back to the form's page, and with nothing of the form on it."""
    page = await waiting(keeping)
    answer = await at(keeping, page)
    fields = {name: html.unescape(value) for name, value in first_form(await answer.text()).items() if name[0] != "_"}

    begun = await keeping.post("login", fields, ("Sec-Fetch-Site", "same-origin"), OF_BROWSER)

    assert answer.status == 401
    assert fields == {"rd": PREFIX + page, "method": "POST", "shown": "name address birthdate"}
    assert begun.status == 303
    assert keeping.sign_in_service.begun[0][2] == PREFIX + page
    assert keeping.sign_in_service.forms == [""]


async def test_the_page_of_no_form_says_so(permitting: House) -> None:
    """Another browser's, another person's, or one that never was: all the same."""
    page = await waiting(permitting)
    await at(permitting, page, session=HELD)
    other = Found(builders.session(pseudonym="p-taro"))

    elsewhere = await permitting.get("form", query=page.partition("?")[2], session=HELD)
    answers = [elsewhere, await at(permitting, page, session=other), await at(permitting, "form?id=x", session=HELD)]

    assert [answer.status for answer in answers] == [409, 409, 409]
    assert [answer for answer in answers if "room" in await answer.text()] == []


async def test_a_form_of_a_person_who_signed_in_meanwhile_gets_its_page(permitting: House) -> None:
    """In another tab, say: the button of the old page leads to the form's own."""
    fields = {"rd": "/reserve/42", "method": "POST", "shown": "name address birthdate", "form": KEPT}

    answer = await permitting.post("login", fields, ("Sec-Fetch-Site", "same-origin"), OF_BROWSER, session=HELD)

    assert answer.status == 303
    assert answer.headers["Location"].startswith(f"{PREFIX}form?id=")


async def test_a_form_that_came_back_waits_sealed(start: Starter) -> None:
    """It waits with the text of our page, whose button the browser presses after the sign-in."""
    returning = replace(NOTICED, returns_from=("https://pay.example",))
    house = await start(builders.route(builders.FixedPolicy(builders.FixedRule(returning)), app=settings()))
    press = "sekisho-return=3abc.def"

    notice = await house.send(
        house.visit("/pay/return", purpose=FormNotSentPage(returning, keep=True), method="POST"), press.encode()
    )
    fields = {name: html.unescape(value) for name, value in first_form(await notice.text()).items() if name[0] != "_"}
    await house.post("login", fields)

    assert house.sign_in_service.forms == [press]


async def test_a_form_that_came_back_waits_for_no_rule_that_names_nobody(keeping: House) -> None:
    """A rule that keeps its own forms keeps none of another site's."""
    fields = {"rd": "/reserve/42", "method": "POST", "shown": "name address birthdate", "form": "sekisho-return=3a.b"}

    await keeping.post("login", fields)

    assert keeping.sign_in_service.forms == [""]


async def test_a_page_about_another_sites_form_escapes_what_it_names(house: House) -> None:
    """The site's name is the attacker's to choose, as is the target; the page has a link and no form."""
    target = Target("/a", b"/a", b"x=%22%3E%3Cscript%3E&y='\"")
    visit = house.visit("/a", purpose=ForeignFormPage(NOTICED, '"><script>'), method="POST")
    visit = replace(visit, inbound=msgspec.structs.replace(visit.inbound, target=target))

    text = await (await house.send(visit)).text()

    assert "<script>" not in text
    assert "<form" not in text
    assert '"><script>' in html.unescape(text)


async def test_a_form_goes_on_waiting_when_its_sign_in_cannot_begin(keeping: House) -> None:
    """The provider is away: the page's button takes the form along."""
    fields = {"rd": "/reserve/42", "method": "POST", "shown": "name address birthdate", "form": KEPT}
    keeping.sign_in_service.begins = Failed(LoginFailure.PROVIDER_DOWN, "/reserve/42")
    text = await (await keeping.post("login", fields)).text()
    keeping.sign_in_service.begins = Begun(f"{PROVIDER}/auth?state=s", None)

    again = {name: html.unescape(value) for name, value in first_form(text).items() if not name.startswith("_")}
    await keeping.post("login", again)

    assert "まだ送信されていません" in text
    assert again == fields
    assert keeping.sign_in_service.forms[-1] == KEPT


async def test_a_form_goes_on_waiting_when_its_sign_in_fails(keeping: House) -> None:
    """The person stops in the app: the button begins again, for the same form."""
    page = await waiting(keeping)
    keeping.sign_in_service.finishes = Failed(LoginFailure.CANCELLED, PREFIX + page)

    text = await (await keeping.get("callback", OF_BROWSER, query="code=c&state=s")).text()
    fields = {name: html.unescape(value) for name, value in first_form(text).items() if not name.startswith("_")}

    assert "まだ送信されていません" in text
    assert fields == {"rd": PREFIX + page, "method": "POST", "shown": "name address birthdate"}


async def test_a_sign_in_for_a_form_in_another_tab_that_fails_asks_for_as_much_again(start: Starter) -> None:
    """The tab with the form waits; the next sign-in is for the form, not for the page that leads back to it."""

    class ByMethod(builders.FixedPolicy):
        def fitting(self, inbound: Inbound, now: Instant) -> builders.FixedRule:
            return builders.FixedRule(NOTICED if inbound.method == "POST" else BARE)

    house = await start(builders.route(ByMethod(None), app=settings()))
    target = "/reserve?a=1&b=%E9%AB%99"
    await house.post("login", {"rd": target, "method": "POST", "shown": "name address birthdate"})
    (begun,) = house.sign_in_service.begun
    house.sign_in_service.finishes = Failed(LoginFailure.CANCELLED, begun[2])

    again = first_form(await (await house.get("callback", query="code=c&state=s")).text())

    assert (html.unescape(again["rd"]), again["method"]) == (target, "POST")
    assert again["shown"] == "name address birthdate"


async def test_nothing_is_kept_that_the_rule_does_not_say(house: House) -> None:
    """A form in our own field waits only where the policy keeps forms now."""
    answer = await house.post(
        "login", {"rd": "/reserve/42", "method": "POST", "shown": "name address birthdate", "form": KEPT}
    )

    assert answer.status == 303
    assert house.sign_in_service.forms == [""]
    assert house.sign_in_service.begun[0][2] == f"{PREFIX}signed-in?for=%2Freserve%2F42"


async def test_another_site_leaves_no_form_with_us(keeping: House) -> None:
    """It would come back to the person as the App's own."""
    answer = await keeping.post(
        "login", {"rd": "/r", "method": "POST", "shown": "name address birthdate", "form": KEPT}, FOREIGN
    )

    assert answer.status == 401
    assert keeping.sign_in_service.forms == []
    assert "room=42" not in await answer.text()


async def test_a_form_that_would_not_come_back_the_same_is_left_to_the_browser(keeping: House) -> None:
    """Then the page says how to send it again, as it does where nothing is kept."""
    purpose = FormNotSentPage(KEEPING, keep=True)

    page = await keeping.send(keeping.visit("/reserve/42", purpose=purpose, method="POST"), b"note=%82%b1%ff%00")

    assert 'name="form"' not in await page.text()
    assert 'target="_blank"' in await page.text()


@pytest.mark.parametrize(
    ("back", "leads_to"),
    [
        ("back=/reserve?a=1&b=%E3%81%82", "/reserve?a=1&b=%E3%81%82"),
        ("back=/.sekisho/me", "/.sekisho/me"),
        ("back=/.sekisho/login?back=/reserve", "/.sekisho/login?back=/reserve"),
        ("back=/.sekisho/callback?code=x", "/"),
        ("back=//evil.example/", "/"),
        ("back=https://evil.example/", "/"),
        ("back=/.sekisho/../../evil", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
async def test_the_switch_of_languages_remembers_and_leads_back(house: House, back: str | None, leads_to: str) -> None:
    """The choice is a cookie for a year, and no link leads elsewhere by it, nor to a page that acts."""
    answer = await house.get("language/ja-simple", query=back)

    assert (answer.status, answer.headers["Location"]) == (303, leads_to)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-sekisho-language=ja-simple; Path=/; HttpOnly; SameSite=None; Max-Age=31536000")


async def test_a_language_that_the_app_does_not_offer_is_no_page(house: House) -> None:
    """Nothing is remembered that no page could follow."""
    answer = await house.get("language/tlh")

    assert answer.status == 404
    assert "Set-Cookie" not in answer.headers


async def test_a_page_has_the_apps_name_plate(house: House) -> None:
    """The city's name, the service and its colour; the colour's sheet is a file, as the page allows no style inside."""
    page = await (await house.get("signed-out", ("Accept-Language", "en"))).text()
    sheet = await house.get("static/colour-0a6b3d.css")
    other = await house.get("static/colour-0A6B3D;.css")

    assert "<b>Shibuya City</b>" in page
    assert '<small><span lang="ja">施設予約</span></small>' in page
    assert "/.sekisho/static/colour-0a6b3d.css" in page
    assert "This is a page of Shibuya City." in page
    assert await sheet.text() == ":root { --brand: #0a6b3d; }\n"
    assert sheet.content_type == "text/css"
    assert other.status == 404


LOGO = read_logo(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>')


async def test_a_logo_comes_from_our_own_origin_and_runs_nothing(start: Starter) -> None:
    """Each page has it in place of the neutral mark, under the same policy; opened by itself it is a bare picture."""
    house = await start(builders.route(app=settings(), logo=LOGO))
    page = await house.get("signed-out")
    picture = await house.get(f"static/{LOGO.name}")
    other = await house.get("static/logo-0123456789abcdef.svg")
    plain = await (await start(builders.route(app=settings()))).get("signed-out")

    assert f'<img class="logo" src="{PREFIX}static/{LOGO.name}" alt="">' in await page.text()
    assert 'class="mark"' not in await page.text()
    assert page.headers["Content-Security-Policy"] == plain.headers["Content-Security-Policy"]
    assert await picture.read() == LOGO.content
    assert (picture.content_type, picture.charset) == ("image/svg+xml", "utf-8")
    assert "default-src 'none'" in picture.headers["Content-Security-Policy"]
    assert "sandbox" in picture.headers["Content-Security-Policy"]
    assert picture.headers["X-Content-Type-Options"] == "nosniff"
    assert other.status == 404


@pytest.fixture(name="refusing")
async def refusing_fixture(start: Starter) -> House:
    """A portal whose rule asks strangers for 4情報 and refuses the person who is signed in."""
    return await start(builders.route(builders.FixedPolicy(builders.FixedRule(NOTICED, TOO_YOUNG)), app=settings()))


async def other_card(house: House) -> dict[str, str]:
    """Return the fields of the button for another card on a page of a refusal."""
    answer = await house.send(
        house.visit("/reserve/42", TICKET_COOKIE, purpose=RefusalPage(TOO_YOUNG), session=HELD, query="day=1")
    )
    fields = first_form(await answer.text())
    return {name: html.unescape(value) for name, value in fields.items() if not name.startswith("_")}


async def test_another_card_is_one_press_away_and_keeps_the_target(refusing: House) -> None:
    """The person is signed out, and the provider is asked anew for somebody else, for the same page and items."""
    fields = await other_card(refusing)

    answer = await refusing.post("login", fields, ("Sec-Fetch-Site", "same-origin"), TICKET_COOKIE, session=HELD)

    assert (fields["rd"], fields["shown"]) == ("/reserve/42?day=1", "name address birthdate")
    assert answer.status == 303
    assert answer.headers["Location"].startswith(PROVIDER)
    assert refusing.sign_in_service.ended == 1
    assert refusing.sign_in_service.begun[0][2] == "/reserve/42?day=1"
    assert refusing.sign_in_service.anew == [True]
    ended = [line.split("=")[0] for line in cookies(answer) if "Max-Age=0" in line]
    assert {"__Host-sekisho", "JSESSIONID"} <= set(ended)
    assert "cache" in answer.headers["Clear-Site-Data"]


async def test_another_site_presses_no_button_for_another_card(refusing: House) -> None:
    """It would sign a person out, and begin a sign-in that she did not ask for."""
    fields = await other_card(refusing)

    foreign = await refusing.post("login", fields, FOREIGN, TICKET_COOKIE, session=HELD)
    unsaid = await refusing.post("login", fields | {"other": "x"}, ("X-Old", "1"), TICKET_COOKIE, session=HELD)

    assert (foreign.status, unsaid.status) == (200, 200)
    assert refusing.sign_in_service.ended == 0
    assert refusing.sign_in_service.begun == []


async def test_another_card_that_would_ask_for_more_than_was_shown_shows_it_first(refusing: House) -> None:
    """A forged or an old form asks nobody for facts unseen."""
    fields = await other_card(refusing)

    answer = await refusing.post(
        "login", fields | {"shown": "name"}, ("Sec-Fetch-Site", "same-origin"), TICKET_COOKIE, session=HELD
    )

    assert answer.status == 401
    assert refusing.sign_in_service.begun == []


async def test_nobody_is_offered_another_card_where_it_cannot_help(house: House) -> None:
    """A page that is closed for everybody, or a person who is not signed in."""
    closed = Deny(RULE, (Reason(ReasonKind.NOBODY_ALLOWED, "closed"),))
    alone = await house.send(house.visit("/reserve/42", purpose=RefusalPage(TOO_YOUNG)))

    assert "別のカード" not in await alone.text()
    shut = await house.send(house.visit("/reserve/42", purpose=RefusalPage(closed)))
    assert "別のカード" not in await shut.text()


async def test_a_forms_person_hands_it_to_the_next_card(start: Starter) -> None:
    """The form of a child that is refused waits for the parent who takes over, and for nobody else."""
    house = await start(builders.route(builders.FixedPolicy(builders.FixedRule(NOTICED, TOO_YOUNG)), app=settings()))
    page = await waiting(house)
    shown = await (await at(house, page, session=HELD)).text()
    fields = {name: html.unescape(value) for name, value in first_form(shown).items() if name[0] != "_"}
    both = ("Cookie", f"{OF_BROWSER[1]}; {TICKET_COOKIE[1]}")
    other = Found(builders.session(pseudonym="p-parent"))
    before = await at(house, page, session=other)

    answer = await house.post("login", fields, ("Sec-Fetch-Site", "same-origin"), both, session=HELD)

    assert before.status == 409
    assert answer.status == 303
    assert house.sign_in_service.begun[0][2] == PREFIX + page
    assert (await at(house, page, session=other)).status == 403


@pytest.mark.parametrize(("home", "shown"), [("", None), ("/about", None), ("https://www.city.example/", True)])
async def test_no_link_home_leads_into_a_sign_in(start: Starter, home: str, shown: bool | None) -> None:
    """The signed-out page of an App that asks everywhere has a button that says so, or the page that `home` names."""
    policy = builders.FixedPolicy(builders.FixedRule(BARE))
    house = await start(builders.route(policy, app=settings(home=home)))

    text = await (await house.get("signed-out")).text()

    assert ('href="/"' in text, 'href="/about"' in text) == (False, False)
    assert ('href="https://www.city.example/"' in text) is bool(shown)
    assert (f'href="{PREFIX}login?rd=/"' in text) is (not shown)


async def test_the_front_page_is_linked_where_everybody_may_see_it(start: Starter) -> None:
    """Nobody is asked for a card there."""
    house = await start(builders.route(app=settings()))

    assert 'href="/"' in await (await house.get("signed-out")).text()


async def test_the_notice_after_a_session_has_ended_says_so(house: House) -> None:
    """A first visit has nothing to say of that."""
    first = await house.send(house.visit("/reserve/42", purpose=SignInPage(NOTICED)))
    again = await house.send(house.visit("/reserve/42", TICKET_COOKIE, purpose=SignInPage(NOTICED), session=Gone()))

    assert "本人確認は、終わっています" not in await first.text()
    assert "前回の本人確認は、終わっています" in await again.text()
    assert "30分以内" in await first.text()


@pytest.mark.parametrize("cause", EndCause)
async def test_a_page_says_what_ended_the_session(house: House, cause: EndCause) -> None:
    """Asked once, by the ticket that the browser brings; each cause has a sentence of its own."""
    house.sessions.ended_by = cause
    notice = await house.send(house.visit("/reserve/42", TICKET_COOKIE, purpose=SignInPage(NOTICED), session=Gone()))
    form = await house.send(
        house.visit("/reserve/42", TICKET_COOKIE, purpose=FormNotSentPage(NOTICED), session=Gone(), method="POST")
    )
    mine = await house.get("me", TICKET_COOKIE, session=Unread(TICKET))

    sentence = message(Language.JA, f"ended.{cause}")
    assert all([sentence in await answer.text() for answer in (notice, form, mine)])
    others = {message(Language.JA, f"ended.{other}") for other in EndCause if other is not cause}
    assert sentence not in others


async def test_nobody_is_told_of_another_tickets_session(house: House) -> None:
    """A browser without a ticket hears of no session."""
    house.sessions.ended_by = EndCause.OPERATOR
    answer = await house.send(house.visit("/reserve/42", purpose=SignInPage(NOTICED)))

    assert message(Language.JA, "ended.operator") not in await answer.text()


async def test_each_page_of_ours_says_who_is_signed_in(start: Starter) -> None:
    """This worker need not have seen the session before."""
    house = await start(builders.route(app=settings()))
    house.sessions.answer = HELD

    for name in ("logout", "signed-in", "nowhere"):
        assert "本人確認ずみ" in await (await house.get(name, TICKET_COOKIE, session=Unread(TICKET))).text(), name


async def test_line_gets_a_button_that_leaves_its_browser(house: House) -> None:
    """Before the button of the sign-in, to the same target; another app has no documented way."""
    line = ("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Line/14.0.0")
    text = await (
        await house.send(house.visit("/reserve/42", line, purpose=SignInPage(NOTICED), query="a=1&b=2"))
    ).text()
    other = await (
        await house.send(
            house.visit("/reserve/42", ("User-Agent", "Mozilla/5.0 Instagram 1.0"), purpose=SignInPage(NOTICED))
        )
    ).text()

    way = f"{PREFIX}login?openExternalBrowser=1&amp;rd=%2Freserve%2F42%3Fa%3D1%26b%3D2"
    assert way in text
    assert text.index(way) < text.index("<form")
    assert "openExternalBrowser" not in other


async def test_what_is_told_is_not_more_than_the_rule_discloses(start: Starter) -> None:
    """A birthdate that is read for a yes or a no stands among what is not told."""
    policy = builders.FixedPolicy(builders.FixedRule(NOTICED))
    policy.disclosed = ("subject", "name", "adult")
    house = await start(builders.route(policy, app=settings()))
    text = await (await house.send(house.visit("/reserve/42", purpose=SignInPage(NOTICED)))).text()
    lists = re.findall(r'<h2>(.*?)</h2>\s*<ul class="facts[^"]*">(.*?)</ul>', text, re.DOTALL)
    told, read, untold = (re.findall(r"<b>(.*?)</b>", items) for _, items in lists)

    assert [heading for heading, _ in lists] == [
        "渋谷区 スポーツ振興課に伝わること",
        "カードから読み取ること",
        "読み取りますが、渋谷区 スポーツ振興課に伝わらないこと",
    ]
    assert told == ["この手続きだけの番号（マイナンバーではありません）", "氏名", "利用の条件に当てはまるか"]
    assert read == ["氏名", "住所", "生年月日"]
    assert untold == ["住所", "生年月日"]
    assert "adult" not in text


async def test_a_status_line_names_nobody_whom_the_application_may_not_know(start: Starter) -> None:
    """A page of the application could read it."""
    for disclosed, named in (((), False), (("name",), True)):
        policy = builders.FixedPolicy(builders.FixedRule(BARE, TOO_YOUNG))
        policy.disclosed = disclosed
        house = await start(builders.route(policy, app=settings()))
        text = await (
            await house.send(house.visit("/a", TICKET_COOKIE, purpose=RefusalPage(TOO_YOUNG), session=HELD))
        ).text()
        assert "本人確認ずみ" in text
        assert ("髙橋" in text) is named


async def test_a_planned_end_is_a_day_and_an_hour_with_the_operators_words(start: Starter) -> None:
    """Nobody counts seconds; and an English page has the English words."""
    route = builders.route(app=settings(), closed_message={"ja": "年次点検です。", "en": "Yearly check."})
    house = await start(route)
    closed = TroublePage(Trouble.MAINTENANCE, 503, 259_196)

    ja = await (await house.send(house.visit("/", purpose=closed))).text()
    en = await (await house.send(house.visit("/", ("Accept-Language", "en"), purpose=closed))).text()

    assert "11月26日（木）12時ごろ終わる予定です" in ja
    assert "年次点検です。" in ja
    assert "Yearly check." in en
    assert not re.search(r"259,?196", ja)
