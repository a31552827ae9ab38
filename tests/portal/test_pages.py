"""The content of each page, as values: the sentences and the form are elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.accounts import accounts
from gateway.errors import StoreUnavailableError
from gateway.identity import NOT_TOLD, AccountKind, Birthdate, Gender, Identity, Role, Scope
from gateway.login.sign_in import Failed, LoginFailure
from gateway.pipeline.visit import (
    AccountAsk,
    AccountPage,
    OwnPage,
    Purpose,
    RefusalPage,
    SignInPage,
    Trouble,
    TroublePage,
    Visit,
    WorkerPage,
)
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Reason, ReasonKind, RuleId
from gateway.portal import pages
from gateway.portal.language import Language, Said
from gateway.portal.messages import message
from gateway.portal.sign_in_offer import SignInOffer
from gateway.portal.times import Moment
from gateway.request.kept_form import KeptForm
from gateway.request.returned_form import FIELD
from gateway.request.signed_form import Unsignable
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.ledger import Disclosure
from gateway.session.session import EndCause, Found, Gone, Limited, NoTicket, SessionState, Unavailable
from gateway.settings.settings import ConsentSettings, ContactSettings, WithoutCard
from gateway.signing.signature import SignOutcome
from gateway.yaml.mistakes import Mistakes
from tests.builders import NOON, app, identity, inbound, route, session

ENGLISH = ("Accept-Language", "en")
RULE = RuleId("booking", "adults")
CHALLENGE = Challenge(
    RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID, Scope.ADDRESS, Scope.NAME}), {"ja": "予約", "en": "booking"}
)


def visit(
    *headers: tuple[str, str],
    method: str = "GET",
    here: Route | None = None,
    known: SessionState | None = None,
    path: str = "/reserve",
    purpose: Purpose | None = None,
) -> Visit:
    asked = inbound(path, *headers, method=method)
    return Visit(here or route(), asked, known or NoTicket(), purpose or OwnPage())


def offer(here: Route | None = None) -> SignInOffer:
    return SignInOffer(here or route(), "/reserve?a=1", "GET", CHALLENGE)


def test_a_notice_says_what_is_asked_and_why() -> None:
    """The button carries the target, the items and the purpose in the reader's language."""
    page = pages.notice(visit(ENGLISH), offer())

    assert (page.template, page.status, page.language) == ("notice.html", 401, Language.EN)
    start = page.values["start"]
    assert isinstance(start, pages.Offer)
    assert start.items == ("name", "address")
    assert start.target == "/reserve?a=1"
    assert start.purpose is not None
    assert start.purpose.text == "booking"
    assert page.values["request_id"] == "0123456789abcdef"


def test_the_operator_stands_for_itself_or_its_host() -> None:
    """A person reads who asks; the other way for those without a card is shown where there is one."""
    named = app(
        operator={"ja": "渋谷区"}, without_card=WithoutCard(text={"ja": "窓口へ"}, url="https://example.test/counter")
    )

    page = pages.notice(visit(here=route(app=named)), offer(route(app=named, prefix="/shop")))
    bare = pages.notice(visit(), offer())

    operator, other_way = page.values["operator"], page.values["other_way"]
    assert isinstance(operator, Said)
    assert operator.text == "渋谷区"
    assert isinstance(other_way, pages.OtherWay)
    assert other_way.url == "https://example.test/counter"
    assert page.values["home"] == "/shop/"
    assert bare.values["operator"] == Said("app.gw.test", bare.language)
    assert bare.values["other_way"] is None
    assert bare.values["home"] == "/"


def test_a_form_that_was_not_sent_comes_along_where_it_is_kept() -> None:
    """The page answers 401 and carries the body, or nothing."""
    kept = pages.form_not_sent(visit(method="POST"), offer(), "a=1").values["start"]
    lost = pages.form_not_sent(visit(method="POST"), offer()).values["start"]

    assert isinstance(kept, pages.Offer)
    assert isinstance(lost, pages.Offer)
    assert (kept.form, lost.form) == ("a=1", "")


def test_a_waiting_form_may_lead_anywhere() -> None:
    """Only the page that sends it lets a form go beyond our own pages."""
    page = pages.send_form(visit(), "/pay", KeptForm((("a", "1"),), "UTF-8"), NOON)

    assert page.leads_anywhere
    assert page.values["target"] == "/pay"
    assert not pages.signed_in(visit()).leads_anywhere


def test_a_refusal_uses_the_conditions_own_words() -> None:
    """A condition without a sentence gets ours; the same reason twice is one; a long name is cut."""
    own = Reason(ReasonKind.CONDITION_NO, "adult", {"ja": "十八歳以上の方のみです"})
    bare = Reason(ReasonKind.LIMIT_REACHED, "n" * 200)
    unread = Reason(ReasonKind.CONDITION_UNKNOWN, "here", {"ja": "区民の方のみです"})

    page = pages.refusal(visit(), Deny(RULE, (own, bare, own, unread), status=403, retry_after=60))

    reasons = page.values["reasons"]
    assert isinstance(reasons, tuple)
    assert [each.name for each in reasons] == ["adult", "n" * pages.LONGEST_NAME, "here"]
    assert [each.unread for each in reasons] == [False, False, True]
    assert reasons[0].sentence.text == "十八歳以上の方のみです"
    assert reasons[1].sentence.text
    assert (page.status, page.retry_after) == (403, 60)
    assert page.values["another"] is False
    alone = pages.refusal(visit(known=Found(session())), Deny(RULE, (own,)), another=offer(), token="t")
    assert alone.values["another"] is True
    assert alone.title == "十八歳以上の方のみです"


@pytest.mark.parametrize(
    ("method", "trouble", "unclear"),
    [
        ("GET", Trouble.UPSTREAM_TIMEOUT, False),
        ("POST", Trouble.UPSTREAM_TIMEOUT, True),
        ("POST", Trouble.UPSTREAM_PROTOCOL, True),
        ("POST", Trouble.UPSTREAM_UNREACHABLE, True),
        ("POST", Trouble.STORE_UNAVAILABLE, False),
        ("POST", Trouble.MAINTENANCE, False),
    ],
)
def test_a_form_whose_fate_is_unclear_is_said_to_be(method: str, trouble: Trouble, unclear: bool) -> None:
    """An application that did not answer in time may have done what it was asked all the same."""
    page = pages.trouble(visit(method=method), TroublePage(trouble, 503, 30))

    assert page.values["form_sent"] is unclear
    assert (page.status, page.retry_after) == (503, 30)
    assert page.title


@pytest.mark.parametrize("failure", list(LoginFailure))
def test_every_failure_has_its_title_and_status(failure: LoginFailure) -> None:
    """The provider's code is for the log: it tells a person nothing."""
    page = pages.failure(visit(), Failed(failure, error="access_denied"), offer())

    assert page.status == failure.status
    assert page.title
    assert "access_denied" not in str(page.values)


def test_a_failure_without_an_offer_has_no_button() -> None:
    """The page offers no fresh start that cannot help."""
    assert pages.failure(visit(), Failed(LoginFailure.LOOP), None).values["start"] is None


def test_signing_out_says_whether_the_store_knows() -> None:
    """Until when a session could still live is said as people say it in Japan."""
    done = pages.signed_out(visit(ENGLISH))
    waiting = pages.signed_out(visit(ENGLISH), "https://provider.test/end", NOON, kept=False)

    assert done.values["alive_until"] is None
    assert done.values["kept"] is True
    until = waiting.values["alive_until"]
    assert isinstance(until, Moment)
    assert until.machine == "2026-11-23T12:00+09:00"
    assert "12:00" in until.text
    assert "Nov" in until.text
    assert waiting.values["kept"] is False
    assert waiting.values["onward"] == "https://provider.test/end"


def test_the_page_of_what_we_hold_shows_every_fact() -> None:
    """A fact that was not asked, one that was not given and one that is held are told apart."""
    person = identity(
        asked=frozenset({Scope.OPENID, Scope.NAME, Scope.BIRTHDATE, Scope.GENDER}),
        name="日本花子",
        birthdate=Birthdate(1990, 4),
        gender=Gender.FEMALE,
    )

    page = pages.me(visit(ENGLISH), session(person), "K7QM")

    held = page.values["held"]
    assert isinstance(held, pages.Held)
    facts = {fact.name: (fact.value, fact.asked) for fact in held.facts}
    assert facts["name"] == ("日本花子", True)
    assert facts["birthdate"] == ("April 1990 (Heisei 2; day unknown)", True)
    assert facts["address"] == (None, False)
    assert facts["gender"][1]
    assert facts["gender"][0] not in (None, "female")
    assert held.code == "K7QM"
    assert held.since.machine == "2026-11-23T11:59+09:00"
    assert page.sandboxed


@pytest.mark.parametrize(
    ("born", "shown"),
    [
        (Birthdate(1990, 4, 1), "1990年（平成2年）4月1日"),
        (Birthdate(1990), "1990年（平成2年）（月日は不詳）"),
        (None, None),
    ],
)
def test_a_birthdate_is_shown_as_far_as_it_is_known(born: Birthdate | None, shown: str | None) -> None:
    """An unknown part is left out, never made up."""
    held = pages.me(visit(), session(identity(birthdate=born)), "c").values["held"]

    assert isinstance(held, pages.Held)
    assert next(fact.value for fact in held.facts if fact.name == "birthdate") == shown


def test_a_card_reading_without_a_time_is_the_sessions_beginning() -> None:
    """The provider need not say when the card was read."""
    held = pages.me(visit(), session(identity(authenticated_at=NOT_TOLD), created_at=NOON), "c").values["held"]

    assert isinstance(held, pages.Held)
    assert held.since.machine == "2026-11-23T12:00+09:00"


def test_an_offer_to_show_holds_no_value() -> None:
    """A script of the application may read this page; the token in it is for one press."""
    page = pages.me_offer(visit(method="POST"), session(identity(name="日本花子")), "token")

    assert page.values["token"] == "token"
    assert page.values["again"] is True
    assert "日本花子" not in str(page.values)
    assert pages.me_offer(visit(), session(), "").values["again"] is False
    assert pages.me_of_nobody(visit()).status == 200


def test_a_removed_worker_leads_on_but_for_a_form() -> None:
    """A form cannot be sent again by a link."""
    assert pages.worker_removed(visit()).values["onward"] == "/reserve"
    assert pages.worker_removed(visit(method="POST")).values["onward"] == ""
    assert pages.worker_removed(visit()).status == 403


@pytest.mark.parametrize("kind", ["not_found", "method", "bad_form", "internal"])
def test_a_plain_page_says_one_sentence(kind: str) -> None:
    """Its title is there in both languages."""
    assert pages.plain(visit(), kind, 404).title
    assert pages.plain(visit(ENGLISH), kind, 404).title
    assert pages.logout(visit(), "t").values["token"] == "t"


def test_the_language_is_the_browsers() -> None:
    """Several fields are one; a browser that says nothing reads Japanese."""
    assert pages.language_of(visit(("accept-language", "fr"), ENGLISH)) is Language.EN
    assert pages.language_of(visit()) is Language.JA


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize(
    ("purpose", "status", "sentence", "retry_after"),
    [
        (SignInPage(CHALLENGE), 401, "framed.sign_in", None),
        (RefusalPage(Deny(RULE, (), status=429, retry_after=9)), 429, "framed.refusal", None),
        (TroublePage(Trouble.MAINTENANCE, 503, 30), 503, "trouble.maintenance.what", 30),
        (OwnPage(), 403, "framed.own", None),
        (WorkerPage(), 403, "framed.own", None),
    ],
)
def test_a_frame_has_the_status_of_the_page_that_it_leads_to(
    purpose: Purpose, status: int, sentence: str, retry_after: int | None, language: Language
) -> None:
    """The page in the frame has one link to it, says in both languages why, and names nothing of the person."""
    asked = visit(("Accept-Language", language), purpose=purpose, known=Found(session(identity(name="日本花子"))))

    page = pages.framed(asked)

    assert (page.status, page.values["sentence"], page.retry_after) == (status, sentence, retry_after)
    assert message(page.language, sentence)
    assert page.language is language
    assert page.values["onward"] == "/reserve"
    assert page.framed
    assert "日本花子" not in str(page.values)


@pytest.mark.parametrize(
    ("method", "purpose", "not_sent"),
    [
        ("GET", SignInPage(CHALLENGE), False),
        ("POST", SignInPage(CHALLENGE), True),
        ("POST", OwnPage(), False),
    ],
)
def test_a_frame_says_that_a_form_was_not_sent(method: str, purpose: Purpose, not_sent: bool) -> None:
    """A form for the application was lost; a press on one of our own pages loses nothing."""
    assert pages.framed(visit(method=method, purpose=purpose)).values["not_sent"] is not_sent


@pytest.mark.parametrize(
    ("path", "purpose", "onward"),
    [
        ("/.sekisho/callback", OwnPage(), "/shop/"),
        ("/.sekisho/me", OwnPage(), "/.sekisho/me"),
        ("/shop/callback", SignInPage(CHALLENGE), "/shop/callback"),
    ],
)
def test_a_frame_leads_no_other_tab_to_the_providers_answer(path: str, purpose: Purpose, onward: str) -> None:
    """The code in its query is for the tab that asked, so the link leads home; an application's page is its own."""
    here = route(prefix="/shop")

    assert pages.framed(visit(path=path, purpose=purpose, here=here)).values["onward"] == onward


def test_a_foreign_form_names_its_site_and_offers_the_page() -> None:
    """The person learns whose form was not sent; its site may be unknown."""
    page = pages.foreign_form(visit(method="POST"), "https://other.test")

    assert (page.template, page.status) == ("foreign_form.html", 401)
    assert (page.values["site"], page.values["onward"]) == ("https://other.test", "/reserve")
    assert pages.foreign_form(visit(method="POST"), "").values["site"] == ""
    assert page.title
    assert not page.leads_anywhere


def test_a_form_that_came_back_goes_on_by_a_press() -> None:
    """The page carries it sealed, to the place that it was sent to; the application may lead on from there."""
    page = pages.returned_form(visit(method="POST"), "https://pay.test", "sealed")

    assert (page.template, page.status) == ("returned_form.html", 401)
    values = page.values
    assert (values["site"], values["target"]) == ("https://pay.test", "/reserve")
    assert (values["field"], values["sealed"]) == (FIELD, "sealed")
    assert page.leads_anywhere
    assert page.title


def test_a_form_that_is_over_offers_its_page_and_nothing_to_send() -> None:
    """A second press must not send it twice, so nothing of the form is on the page."""
    page = pages.form_over(visit(method="POST"), "/reserve")

    assert (page.template, page.status) == ("form_over.html", 409)
    assert page.values["onward"] == "/reserve"
    assert not {"target", "sealed", "form"} & page.values.keys()
    assert not page.leads_anywhere


@pytest.mark.parametrize("gender", [Gender.MALE, Gender.FEMALE])
@pytest.mark.parametrize("language", list(Language))
def test_a_gender_is_shown_in_the_readers_language(gender: Gender, language: Language) -> None:
    """Each has its own word in each language; one that was not told is not made up."""
    asked = visit(("Accept-Language", language))

    def shown(person: Identity) -> str | None:
        held = pages.me(asked, session(person), "c").values["held"]
        assert isinstance(held, pages.Held)
        return next(fact.value for fact in held.facts if fact.name == "gender")

    assert shown(identity(gender=gender)) == message(language, f"me.gender_{gender}")
    assert shown(identity()) is None


def test_the_language_that_a_person_has_chosen_goes_before_the_browsers() -> None:
    """Two different choices are none, a language that the App does not offer is none, and the rest is the browser's."""
    easy, twice = ("Cookie", "__Host-sekisho-language=ja-simple"), ("Cookie", "__Host-sekisho-language=en")
    english_only = route(app=app(languages=(Language.EN,)))

    assert pages.language_of(visit(easy, ENGLISH)) is Language.EASY
    assert pages.language_of(visit(("Cookie", "sekisho-language=ja-simple"), ENGLISH)) is Language.EN
    assert pages.language_of(visit(easy, twice)) is Language.JA
    assert pages.language_of(visit(easy, here=english_only)) is Language.EN


def test_the_switch_leads_back_to_a_page_that_does_nothing_twice() -> None:
    """The address itself; of a form of ours its page; of a sign-in that ended, the notice for the same target."""
    prefix = "/.sekisho/"

    def back(page: pages.Page) -> str:
        switches = page.values["switches"]
        assert isinstance(switches, tuple)
        assert [each.language for each in switches] == [Language.JA, Language.EASY, Language.EN]
        return str(switches[2].path.partition("language/en?back=")[2])

    called_back = visit(path=f"{prefix}callback")
    assert back(pages.notice(visit(), offer())) == "/reserve"
    assert back(pages.logout(visit(path=f"{prefix}logout", method="POST"), "")) == f"{prefix}logout"
    assert back(pages.plain(called_back, "internal", 500)) == "/"
    failed = pages.failure(called_back, Failed(LoginFailure.CANCELLED), offer())
    assert back(failed) == f"{prefix}login?back=/reserve?a=1"
    alone = pages.notice(visit(here=route(app=app(languages=(Language.JA,)))), offer())
    assert alone.values["switches"] == ()


POLICY = """\
policy: p
purpose: {ja: 予約のため}
conditions:
  adult: {age: {at_least: 18}, label: {ja: 十八歳以上か, en: adult}}
  since: {born: {until: 2008-04-01}}
  here: {residence: {in: [東京都渋谷区]}}
  block: {town: {of: 東京都渋谷区, in: [神南]}}
  open: {dates: {from: 2026-12-01}}
  calm: {switch: calm}
rules:
  - name: r
    match: {path: /reserve}
    require: [adult, since, here, block, open, calm]
    disclose: [adult, calm, name, town_canonical]
"""


def ruled(**changes: Any) -> Route:
    """Return a route under a policy with conditions of each kind."""
    mistakes = Mistakes()
    policy = parse_policy(POLICY, mistakes)
    assert policy is not None, mistakes.say()
    return replace(route(**changes), policy=CompiledPolicy(policy))


@pytest.mark.parametrize(
    ("kind", "name", "deny", "title"),
    [
        (ReasonKind.CONDITION_NO, "adult", {}, "age"),
        (ReasonKind.CONDITION_NO, "since", {}, "age"),
        (ReasonKind.CONDITION_NO, "here", {}, "residence"),
        (ReasonKind.CONDITION_NO, "block", {}, "residence"),
        (ReasonKind.CONDITION_NO, "open", {}, "period"),
        (ReasonKind.CONDITION_NO, "calm", {}, "other"),
        (ReasonKind.CONDITION_NO, "gone by now", {}, "other"),
        (ReasonKind.CONDITION_UNKNOWN, "adult", {}, "unread"),
        (ReasonKind.LIMIT_REACHED, "once", {}, "used_up"),
        (ReasonKind.NOBODY_ALLOWED, "", {}, "closed"),
        (ReasonKind.NOBODY_ALLOWED, "", {"until": NOON + 3_600}, "closed_until"),
        (ReasonKind.NOBODY_ALLOWED, "", {"retry_after": 30}, "closed_until"),
    ],
)
@pytest.mark.parametrize("language", list(Language))
def test_a_refusal_says_first_what_it_is_about(
    kind: ReasonKind, name: str, deny: dict[str, Any], title: str, language: Language
) -> None:
    """A person reads at once whether her age, her address or the time is in the way."""
    asked = visit(("Accept-Language", language), here=ruled())

    page = pages.refusal(asked, Deny(RULE, (Reason(kind, name),), status=403, **deny))

    assert page.values["lead"] == message(language, f"refusal.title.{title}")


def test_two_reasons_of_different_kinds_have_the_general_title() -> None:
    """A title that names one of them would hide the other; two of one kind have that kind's."""
    age, again, here = (Reason(ReasonKind.CONDITION_NO, name) for name in ("adult", "since", "here"))

    mixed = pages.refusal(visit(here=ruled()), Deny(RULE, (age, here), status=403))
    alike = pages.refusal(visit(here=ruled()), Deny(RULE, (age, again), status=403))

    assert mixed.title == message(Language.JA, "refusal.title.other")
    assert alike.title == message(Language.JA, "refusal.title.age")


def test_a_person_reads_what_is_told_of_her_and_what_is_only_read() -> None:
    """A fact by its name, a condition by its label, and of an item that stays here the facts that follow from it."""
    person = identity(asked=frozenset({Scope.OPENID, Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE, Scope.GENDER}))

    page = pages.me(visit(ENGLISH, here=ruled()), session(person), "c")

    english = Language.EN
    told = page.values["told"]
    assert isinstance(told, tuple)
    assert [(each.name.text, each.yes_or_no) for each in told] == [
        ("adult", True),
        (message(english, "told.condition"), True),
        (message(english, "told.name"), False),
        (message(english, "told.town_canonical"), False),
    ]
    untold = page.values["untold"]
    assert isinstance(untold, tuple)
    assert {each.item: [told.name.text for told in each.instead] for each in untold} == {
        "address": [message(english, "told.town_canonical")],
        "birthdate": ["adult"],
        "gender": [],
    }


def test_the_notice_tells_the_same_before_the_sign_in() -> None:
    """The person reads what her answer is used for before she gives it."""
    here = ruled()
    challenge = Challenge(RuleId("p", "r"), ChallengeReason.SIGN_IN, frozenset({Scope.OPENID, Scope.ADDRESS}))

    page = pages.notice(visit(ENGLISH, here=here), SignInOffer(here, "/reserve", "GET", challenge))

    untold = page.values["untold"]
    assert isinstance(untold, tuple)
    assert [each.item for each in untold] == ["address"]


def test_a_ledger_names_each_application_as_people_know_it() -> None:
    """An App that is gone by now has the name that the ledger holds, and its own conditions no label."""
    here = ruled(app=app(operator={"ja": "渋谷区"}))
    entries = [Disclosure("booking", ("adult",), NOON - 60), Disclosure("gone", ("name",), NOON - 120)]

    found = pages.ledger(visit(here=here), entries, RouteTable((here,), "/.sekisho"))

    assert [each.app.text for each in found] == ["渋谷区", "gone"]
    assert [each.at.machine for each in found] == ["2026-11-23T11:59+09:00", "2026-11-23T11:58+09:00"]
    assert [[told.name.text for told in each.told] for each in found] == [
        ["十八歳以上か"],
        [message(Language.JA, "told.name")],
    ]


def held(**changes: Any) -> accounts.Held:
    account = accounts.Account("booking", **({"name": "hanako01"} | changes))
    return accounts.Held(account, accounts.Link("m", Role.REPRESENTATIVE, accounts.Evidence.PROOF, NOON - 60, NOON))


@pytest.mark.parametrize(
    ("changes", "name", "language"),
    [
        ({}, "hanako01", Language.EN),
        ({"title": "渋谷テニスクラブ"}, "渋谷テニスクラブ", Language.JA),
        ({"title": "Tennis Club"}, "Tennis Club", Language.EN),
    ],
)
def test_a_link_is_shown_by_the_name_that_people_know(changes: dict[str, Any], name: str, language: Language) -> None:
    """A screen reader speaks it in the language of its letters."""
    linked = pages.linked_account(visit(ENGLISH), route(), held(**changes), "word", usable=False)

    assert linked.name == Said(name, language)
    assert (linked.word, linked.app, linked.usable) == ("word", "booking", False)
    assert (linked.role, linked.since.machine) == (Role.REPRESENTATIVE, "2026-11-23T11:59+09:00")


def test_a_link_ends_by_a_press_and_the_page_says_so() -> None:
    """The question has the token of one press; the answer needs none."""
    linked = pages.linked_account(visit(), route(), held(), "word", usable=True)

    ask = pages.unlink(visit(), route(), linked, done=False, token="t", again=True)
    done = pages.unlink(visit(), route(), linked, done=True)

    assert (ask.title, done.title) == (
        message(Language.JA, "unlink.title"),
        message(Language.JA, "unlink.done_title"),
    )
    assert (ask.values["token"], ask.values["again"], ask.values["linked"]) == ("t", True, linked)
    assert (done.values["token"], done.values["done"]) == ("", True)


CHOICES = (
    pages.AccountChoice("w1", "hanako01", AccountKind.PERSON, None),
    pages.AccountChoice("w2", "渋谷テニスクラブ", AccountKind.GROUP, Role.REPRESENTATIVE),
)


@pytest.mark.parametrize(
    ("ask", "choices", "title", "user"),
    [
        (AccountAsk.LINK, (), "account.title", ""),
        (AccountAsk.CHOOSE, CHOICES, "account.choose_title", ""),
        (AccountAsk.AGAIN, CHOICES, "account.again_title", ""),
        (AccountAsk.AGAIN, CHOICES[:1], "account.again_title", "hanako01"),
    ],
)
def test_a_question_about_accounts_has_its_title(
    ask: AccountAsk, choices: tuple[pages.AccountChoice, ...], title: str, user: str
) -> None:
    """The user ID stands in the form where it can be only one; a name in Japanese is spoken so."""
    page = pages.account(visit(), route(), ask, choices, "/reserve", required=True, proves=True)

    assert page.title == message(Language.JA, title)
    assert page.values["user"] == user
    assert page.values["japanese"] == ({"w2"} if len(choices) > 1 else set())
    assert page.status == 200


@pytest.mark.parametrize(
    ("method", "purpose", "said_of", "values"),
    [
        ("GET", AccountPage("r", AccountAsk.LINK, required=True), "", (403, "", False, False)),
        ("POST", AccountPage("r", AccountAsk.LINK, required=True), "", (403, "", True, True)),
        ("POST", OwnPage(), "", (200, "", False, False)),
        ("POST", OwnPage(), "unsent", (200, "", True, False)),
        ("POST", OwnPage(), "wrong", (200, "wrong", False, False)),
    ],
)
def test_a_form_that_met_the_question_is_said_to_be_unsent(
    method: str, purpose: Purpose, said_of: str, values: tuple[int, str, bool, bool]
) -> None:
    """A reload of the application's page would send it again; one of ours sends no form of the application."""
    page = pages.account(
        visit(method=method, purpose=purpose),
        route(),
        AccountAsk.LINK,
        (),
        "/reserve",
        required=True,
        proves=True,
        said_of=said_of,
    )

    assert (page.status, page.values["said"], page.values["unsent"], page.values["resends"]) == values


DOCUMENT = pages.SignedText("i" * 43, "text", {"ja": "契約", "en": "contract"}, "aGFzaA==", text="本文")


def test_the_document_is_shown_in_full_before_it_is_signed() -> None:
    """The last attempt's end stands above it; a consent names its receiver and its purpose."""
    consent = replace(DOCUMENT, consent="newest", receiver={"ja": "銀行"}, purpose={"ja": "住所の確認"})

    plain = pages.sign(visit(ENGLISH), route(), DOCUMENT, None)
    again = pages.sign(visit(), route(), consent, SignOutcome.CANCELLED)

    assert (plain.title, again.title) == (
        message(Language.EN, "sign.title"),
        message(Language.JA, "consent.title"),
    )
    assert (plain.values["shown"], plain.values["again"]) == (DOCUMENT, None)
    assert plain.values["title_said"] == Said("contract", Language.EN)
    assert again.values["again"] == "cancelled"
    assert (again.values["receiver"], again.values["purpose"]) == (
        Said("銀行", Language.JA),
        Said("住所の確認", Language.JA),
    )


@pytest.mark.parametrize("outcome", list(SignOutcome))
@pytest.mark.parametrize("language", list(Language))
def test_every_end_of_a_signature_has_its_page(outcome: SignOutcome, language: Language) -> None:
    """Its title, its status, and the way on: another attempt, or the result once more."""
    page = pages.sign_ended(
        visit(("Accept-Language", language)), route(), outcome, id_="i", onward="/done", collect=True
    )

    assert (page.title, page.status) == (message(language, f"signing.{outcome}.title"), outcome.status)
    assert [page.values[name] for name in ("outcome", "id", "onward", "collect")] == [outcome, "i", "/done", True]


def test_a_person_who_is_not_signed_in_signs_in_before_she_signs() -> None:
    """The page leads back to the document."""
    page = pages.sign_needs_person(visit(), "/.sekisho/sign?id=i")

    assert (page.status, page.values["target"]) == (401, "/.sekisho/sign?id=i")
    assert not page.leads_anywhere


def test_a_signed_form_is_sent_to_the_application_by_a_press() -> None:
    """The application may lead on from there, to a payment for instance."""
    page = pages.send_signed(visit(), route(), "/apply", "sealed")

    assert (page.values["target"], page.values["field"], page.values["sealed"]) == ("/apply", FIELD, "sealed")
    assert (page.status, page.leads_anywhere) == (200, True)


@pytest.mark.parametrize("why", list(Unsignable))
def test_a_form_that_cannot_be_signed_is_not_sent(why: Unsignable) -> None:
    """The page says why, and carries nothing of the form."""
    page = pages.not_signable(visit(method="POST"), why)

    assert (page.status, page.values["why"]) == (415, why)
    assert not {"sealed", "form"} & page.values.keys()


@pytest.mark.parametrize("done", [False, True])
def test_a_consent_is_withdrawn_at_its_receiver(done: bool) -> None:
    """The page names the receiver in the reader's language, and its own page."""
    consent = ConsentSettings(
        "newest", {"ja": "銀行", "en": "the bank"}, {"ja": "確認"}, ("address",), "https://bank.example/withdraw"
    )

    page = pages.withdraw(visit(ENGLISH), route(), consent, done=done)

    assert (page.values["consent"], page.values["done"], page.values["app"]) == (consent, done, "booking")
    assert page.values["receiver"] == Said("the bank", Language.EN)
    assert page.values["purpose"] == Said("確認", Language.JA)


def test_a_form_that_waits_says_until_when() -> None:
    """The moment stands on the page, as people write it in Japan."""
    page = pages.form_kept(visit(method="POST"), offer(), NOON)

    until = page.values["kept_until"]
    assert isinstance(until, Moment)
    assert until.machine == "2026-11-23T12:00+09:00"
    assert page.status == 401


def test_every_page_names_the_ways_to_a_person_who_helps() -> None:
    """The telephone's link has no hyphen; without any way there is no line about help."""
    contact = ContactSettings(url="https://a.test/help", phone="+81-3-1234-5678", hours={"ja": "平日9時から"})

    shown = pages.logout(visit(here=route(app=app(contact=contact))), "").values["contact"]

    assert isinstance(shown, pages.Contact)
    assert (shown.dialled, shown.phone, shown.hours) == (
        "+81312345678",
        "+81-3-1234-5678",
        Said("平日9時から", Language.JA),
    )
    assert pages.logout(visit(), "").values["contact"] is None


@pytest.mark.parametrize("cause", [None, *EndCause])
def test_a_page_says_why_a_session_has_ended(cause: EndCause | None) -> None:
    """A ticket that stands for nothing says so; a browser without a ticket has lost nothing."""
    gone = replace(visit(known=Gone()), ended=cause)

    assert pages.logout(gone, "").values["ended"] == ("unknown" if cause is None else cause)
    assert pages.logout(visit(), "").values["ended"] == ""


def test_the_status_line_has_the_name_that_the_application_is_told() -> None:
    """A page of the application may read ours, so it has no fact that the application is not told."""
    smith, yamada = Found(session(identity(name="Hanako Smith"))), Found(session(identity(name="山田花子")))

    untold, latin, kanji = (
        pages.logout(visit(ENGLISH, known=known, here=here), "").values["who"]
        for known, here in ((smith, route()), (smith, ruled()), (yamada, ruled()))
    )

    assert isinstance(untold, pages.Who)
    assert isinstance(latin, pages.Who)
    assert isinstance(kanji, pages.Who)
    assert untold.name.text == ""
    # A screen reader of any language reads Latin letters, and Japanese by its own voice.
    assert (latin.name, kanji.name) == (Said("Hanako Smith", Language.EN), Said("山田花子", Language.JA))


@pytest.mark.parametrize(
    ("agent", "method", "app_name", "line"),
    [
        ("Mozilla/5.0 Line/14.0", "GET", "LINE", "/.sekisho/login?openExternalBrowser=1&rd=%2Freserve%3Fa%3D1"),
        ("Mozilla/5.0 Line/14.0", "POST", "LINE", ""),
        ("Mozilla/5.0 Instagram 300", "GET", "Instagram", ""),
        ("Mozilla/5.0", "GET", None, ""),
    ],
)
def test_a_browser_within_another_app_is_shown_the_way_out(
    agent: str, method: str, app_name: str | None, line: str
) -> None:
    """The card's app returns to the phone's own browser; LINE documents how a link opens that one."""
    here = route(portal_prefix="/.sekisho/")

    page = pages.notice(visit(("User-Agent", agent), method=method, here=here), offer(here))

    assert (page.values["in_app"], page.values["line"]) == (app_name, line)


@pytest.mark.parametrize(
    ("path", "method", "back"),
    [
        ("/.sekisho/me", "GET", "/.sekisho/me"),
        ("/.sekisho/me", "POST", "/.sekisho/me"),
        ("/.sekisho/<b>", "GET", "/shop/"),
        ("/.sekisho/callback", "GET", "/shop/"),
    ],
)
def test_the_switch_repeats_no_address_that_is_not_ours(path: str, method: str, back: str) -> None:
    """Another path below our prefix is a stranger's text, and a callback's query is for one use."""
    page = pages.plain(visit(path=path, method=method, here=route(prefix="/shop")), "not_found", 404)

    switches = page.values["switches"]
    assert isinstance(switches, tuple)
    assert {each.path.partition("?back=")[2] for each in switches} == {back}


def test_maintenance_that_was_planned_says_until_when_in_the_operators_words() -> None:
    """A trouble that nobody planned has no such words."""
    here = route(closed_message={"ja": "年末の休止です"})
    planned = pages.trouble(visit(here=here), TroublePage(Trouble.MAINTENANCE, 503, 3_600))
    sudden = pages.trouble(visit(here=here), TroublePage(Trouble.OVERLOADED, 503, 5))

    assert planned.values["message"] == Said("年末の休止です", Language.JA)
    assert planned.values["until"] is not None
    assert (sudden.values["message"], sudden.values["until"]) == (None, None)


def test_a_page_for_a_person_needs_her_session() -> None:
    """A store that is away is no word about anybody; a browser that asks too often, and nobody, get their page."""
    seen, found = visit(), Found(session())

    def chosen(known: SessionState) -> object:
        return pages.person_or_page(seen, known, seen.route, lambda: pages.me_of_nobody(seen))

    assert chosen(found) is found
    assert isinstance(nobody := chosen(NoTicket()), pages.Page)
    assert nobody.template == "me_of_nobody.html"
    assert isinstance(busy := chosen(Limited(7, "rate")), pages.Page)
    assert (busy.status, busy.retry_after) == (429, 7)
    with pytest.raises(StoreUnavailableError):
        chosen(Unavailable())
