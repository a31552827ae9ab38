"""The states of our own pages, each made as the portal makes it, in every language.

A state is added here with its page: `missing` compares the table with the code's own closed words and templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import gateway.portal
from gateway.accounts.accounts import Account, Evidence, Held, Link
from gateway.accounts.asyncio_linking import LinkEnd
from gateway.identity import AccountKind, Birthdate, Gender, Identity, Role, Scope
from gateway.language import Language
from gateway.login.sign_in import Failed, LoginFailure
from gateway.pipeline.small_page import About, Small, last_resort, small_page
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
)
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import Challenge, ChallengeReason, Deny, Reason, ReasonKind, RuleId
from gateway.portal import pages
from gateway.portal.aiohttp_pages import Pages
from gateway.portal.pages import Page
from gateway.portal.sign_in_offer import SignInOffer
from gateway.request.kept_form import KeptForm
from gateway.request.signed_form import Unsignable
from gateway.route.logo import read_logo
from gateway.route.table import RouteTable
from gateway.session.ledger import Disclosure
from gateway.session.session import EndCause, Found, Gone, NoTicket, Session, SessionState
from gateway.settings.settings import BrandSettings, ConsentSettings, ContactSettings, WithoutCard
from gateway.signing.signature import SignOutcome
from gateway.yaml.mistakes import Mistakes
from tests import builders

PREFIX = "/.sekisho/"
SITE = "https://pay.example"
RULE = RuleId("book_rooms", "reserve_room")
PURPOSE = {"ja": "施設の予約受付と使用料の区分のため", "en": "To take bookings and to set the fee"}
POLICY = """\
policy: book_rooms
title: {ja: 施設予約, en: Rooms}
purpose: {ja: 施設の予約受付と使用料の区分のため, en: To take bookings and to set the fee}
conditions:
  adult_now: {age: {at_least: 18}, label: {ja: 18歳以上か, en: 18 years or older}}
  lives_here: {residence: {in: [東京都渋谷区]}, label: {ja: 渋谷区にお住まいか, en: Living in Shibuya City}}
rules:
  - name: reserve_room
    match: {path: /reserve/**}
    require: [adult_now]
    disclose: [subject, name, adult_now, lives_here, town]
  - {name: rest, allow: signed_in, disclose: [subject]}
"""


def _policy() -> CompiledPolicy:
    mistakes = Mistakes()
    policy = parse_policy(POLICY, mistakes)
    assert policy is not None, mistakes.say()
    return CompiledPolicy(policy)


LOGO = read_logo(
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 48"><path fill="#1a1a1a" d="M4 44 24 4l20 40z"/>'
    b'<path fill="#0a6b3d" d="M52 44 72 4l20 40z"/></svg>'
)
ROUTE = builders.route(
    _policy(),  # type: ignore[arg-type]
    app=builders.app(
        operator={"ja": "渋谷区 スポーツ振興課", "en": "Shibuya City Sports Division"},
        brand=BrandSettings(
            {"ja": "渋谷区", "en": "Shibuya City"}, {"ja": "施設予約", "en": "Rooms"}, colour="#0a6b3d"
        ),
        privacy_policy="https://www.city.example.lg.jp/privacy",
        contact=ContactSettings(
            "https://www.city.example.lg.jp/contact",
            "03-0000-0000",
            {"ja": "平日 8時30分〜17時（スポーツ振興課）", "en": "8:30 to 17:00 on weekdays"},
            {"ja": "渋谷区役所 5階（カードがなくても申し込めます）", "en": "City hall, 5th floor; no card needed"},
        ),
        without_card=WithoutCard(
            "https://www.city.example.lg.jp/counter",
            {"ja": "窓口または電話で申し込めます", "en": "You can also apply at the counter or by phone"},
        ),
    ),
)
CHALLENGE = Challenge(
    RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID, Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE}), PURPOSE
)
BARE = Challenge(RULE, ChallengeReason.SIGN_IN, frozenset({Scope.OPENID}))
HANAKO = Identity(
    builders.CLIENT,
    "hanako",
    builders.NOON - 60,
    frozenset({Scope.OPENID, Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE}),
    name="髙橋　花子",
    address="東京都渋谷区神南１丁目１９番１１号",
    birthdate=Birthdate(1985, 4, 1),
    gender=Gender.FEMALE,
)
ADULT = {"ja": "この予約は、18歳以上の方だけができます。", "en": "Only people of 18 and over can book."}
PHONE_APP = ("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Line/14.0.0")

ALLOWANCE = {"ja": "児童手当の認定請求", "en": "Claim of the child allowance"}
HASH = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
CONSENT = ConsentSettings(
    "newest-items",
    {"ja": "渋谷銀行", "en": "Shibuya Bank"},
    {"ja": "口座の名義と住所を新しくするため", "en": "To keep name and address of the account current"},
    ("name", "address", "gender", "birthdate", "certificate_serial"),
    "https://bank.example/withdraw",
    "https://bank.example/details",
)

PLAIN = {"not_found": 404, "method": 405, "bad_form": 400, "internal": 500}

Make = Callable[[Language], Page]
Word = TypeVar("Word", bound=str)


@dataclass(frozen=True, slots=True)
class State:
    """One state: its name, and the HTML in a language."""

    name: str
    template: str
    html: Callable[[Language], str]


def visit(
    language: Language,
    *headers: tuple[str, str],
    purpose: Purpose | None = None,
    known: SessionState | None = None,
    path: str = "/reserve",
    method: str = "GET",
) -> Visit:
    """Return the visit of a browser that has chosen a language."""
    chosen = ("Cookie", f"__Host-sekisho-language={language}")
    asked = builders.inbound(path, chosen, *headers, method=method)
    return Visit(ROUTE, asked, known or NoTicket(), purpose or OwnPage(), at=builders.NOON)


def session() -> Session:
    """Return hers."""
    return builders.session(HANAKO)


def offer(challenge: Challenge = CHALLENGE, method: str = "GET") -> SignInOffer:
    """Return a sign-in for the page."""
    return SignInOffer(ROUTE, "/reserve", method, challenge)


def _refused(reason: Reason, language: Language, **changes: object) -> Page:
    deny = Deny(RULE, (reason,), **changes)  # type: ignore[arg-type]
    return pages.refusal(visit(language, purpose=RefusalPage(deny), known=Found(session())), deny)


def _trouble(page: TroublePage, language: Language, method: str = "GET") -> Page:
    closed = replace(ROUTE, closed_message={"ja": "年に一度の点検です。", "en": "Yearly check."})
    return pages.trouble(replace(visit(language, purpose=page, method=method), route=closed), page)


def _offer_because(why: ChallengeReason) -> SignInOffer:
    return offer(replace(CHALLENGE, reason=why))


def _failed(what: LoginFailure, language: Language) -> Page:
    failed = Failed(what, "/reserve", error="access_denied")
    return pages.failure(visit(language, path=f"{PREFIX}callback"), failed, offer())


def _each(kind: str, words: Iterable[Word], make: Callable[[Word, Language], Page]) -> dict[str, Make]:
    """Return a state for each word of a closed list."""
    return {f"{kind}-{word}": partial(make, word) for word in words}


def _after(cause: EndCause, language: Language, *, path: str = "/reserve", method: str = "GET") -> Visit:
    """Return the visit of a browser whose session has ended."""
    return replace(visit(language, known=Gone(), path=path, method=method), ended=cause)


def _portal_pages() -> Mapping[str, Make]:
    made: dict[str, Make] = {}
    made |= _each("notice", ChallengeReason, lambda why, at: pages.notice(visit(at), _offer_because(why)))
    with_logo = replace(ROUTE, logo=LOGO)
    made["notice-logo"] = lambda at: pages.notice(
        replace(visit(at), route=with_logo), replace(offer(), route=with_logo)
    )
    made["notice-no-facts"] = lambda at: pages.notice(visit(at), offer(BARE))
    made |= _each("notice-ended", EndCause, lambda why, at: pages.notice(_after(why, at), offer()))
    made["notice-ended-unknown"] = lambda at: pages.notice(visit(at, known=Gone()), offer())
    made["form-not-sent-ended"] = lambda at: pages.form_not_sent(
        _after(EndCause.IDLE, at, method="POST"), offer(method="POST")
    )
    made["me-of-nobody-ended"] = lambda at: pages.me_of_nobody(_after(EndCause.NEWER, at, path=f"{PREFIX}me"))
    made["notice-in-app"] = lambda at: pages.notice(visit(at, PHONE_APP), offer())
    made["form-not-sent"] = lambda at: pages.form_not_sent(visit(at, method="POST"), offer(method="POST"))
    made["form-kept"] = lambda at: pages.form_not_sent(
        visit(at, method="POST"), offer(method="POST"), "a=1", kept_for=7_200
    )
    made["form-waits"] = lambda at: pages.form_kept(visit(at), offer(), builders.NOON + 900)
    made["foreign-form"] = lambda at: pages.foreign_form(visit(at, method="POST"), SITE)
    made["foreign-form-unknown"] = lambda at: pages.foreign_form(visit(at, method="POST"), "")
    made["returned-form"] = lambda at: pages.returned_form(visit(at, method="POST"), SITE, "sealed")
    made["form-over"] = lambda at: pages.form_over(visit(at, method="POST"), "/reserve")
    made["send-form"] = lambda at: pages.send_form(
        visit(at), "/reserve", KeptForm((("room", "会議室"),), "UTF-8"), builders.NOON + 900
    )
    made["framed"] = lambda at: pages.framed(visit(at, purpose=SignInPage(CHALLENGE)))
    made["framed-form"] = lambda at: pages.framed(visit(at, purpose=SignInPage(CHALLENGE), method="POST"))
    made |= _each("refusal", ReasonKind, lambda kind, at: _refused(Reason(kind, ""), at))
    made["refusal-own-words"] = lambda at: _refused(Reason(ReasonKind.CONDITION_NO, "adult_now", ADULT), at)
    made["refusal-with-a-form"] = lambda at: pages.refusal(
        visit(at), Deny(RULE, (Reason(ReasonKind.CONDITION_NO, "adult_now", ADULT),)), kept_until=builders.NOON + 900
    )
    made["refusal-later"] = lambda at: _refused(Reason(ReasonKind.LIMIT_REACHED, "twice"), at, retry_after=407_978)
    made |= _each("trouble", Trouble, lambda what, at: _trouble(TroublePage(what, 503, 5), at))
    made["trouble-form-sent"] = lambda at: _trouble(TroublePage(Trouble.UPSTREAM_TIMEOUT, 504), at, method="POST")
    made["trouble-long"] = lambda at: _trouble(TroublePage(Trouble.MAINTENANCE, 503, 259_196), at)
    made |= _each("failure", LoginFailure, _failed)
    made["failure-wait"] = lambda at: pages.failure(visit(at), Failed(LoginFailure.TOO_MANY, retry_after=3_600), None)
    made["logout"] = lambda at: pages.logout(visit(at, path=f"{PREFIX}logout", known=Found(session())), "token")
    made["signed-out"] = lambda at: pages.signed_out(visit(at, path=f"{PREFIX}signed-out"))
    made["signed-out-later"] = lambda at: pages.signed_out(
        visit(at, path=f"{PREFIX}logout", method="POST"), alive_until=builders.NOON + 3_600
    )
    made["signed-out-not-heard"] = lambda at: pages.signed_out(
        visit(at, path=f"{PREFIX}logout", method="POST"), alive_until=builders.NOON + 3_600, kept=False
    )
    made["signed-out-onward"] = lambda at: pages.signed_out(visit(at), "https://provider.test/logout")
    made["signed-in"] = lambda at: pages.signed_in(visit(at, path=f"{PREFIX}signed-in"))
    made |= _each("plain", PLAIN, lambda kind, at: pages.plain(visit(at), kind, PLAIN[kind]))
    made["me"] = lambda at: pages.me(
        visit(at, path=f"{PREFIX}me", method="POST", known=Found(session())), session(), "8RM3-JQ4V-TX2H-6PKD"
    )
    made["me-ledger"] = lambda at: _with_ledger(visit(at, path=f"{PREFIX}me", method="POST", known=Found(session())))
    made["me-offer"] = lambda at: pages.me_offer(
        visit(at, path=f"{PREFIX}me", known=Found(session())), session(), "token"
    )
    made["me-offer-again"] = lambda at: pages.me_offer(
        visit(at, path=f"{PREFIX}me", method="POST", known=Found(session())), session(), "token"
    )
    made["me-old-browser"] = lambda at: pages.me_offer(
        visit(at, path=f"{PREFIX}me", known=Found(session())), session(), ""
    )
    made["me-of-nobody"] = lambda at: pages.me_of_nobody(visit(at, path=f"{PREFIX}me"))
    made["worker-removed"] = lambda at: pages.worker_removed(visit(at))
    made["worker-removed-form"] = lambda at: pages.worker_removed(visit(at, method="POST"))
    made |= _account_pages()
    made |= _link_pages()
    made |= _sign_pages()
    made |= _each("not-signable", Unsignable, lambda why, at: pages.not_signable(visit(at, method="POST"), why))
    return made


def _with_ledger(asked: Visit) -> pages.Page:
    """Return the page of what is held, of a person of whom an application was told something."""
    name = asked.route.name
    entries = (
        Disclosure(name, ("subject",), builders.NOON - 60),
        Disclosure(name, ("subject", "name", "adult_now"), builders.NOON),
    )
    ledger = pages.ledger(asked, entries, RouteTable([asked.route], PREFIX))
    return pages.me(asked, session(), "8RM3-JQ4V-TX2H-6PKD", ledger)


def _account_pages() -> Mapping[str, Make]:
    """Return the page of an application's accounts: before a try, after each end of one, and with several accounts."""
    choices = (
        pages.AccountChoice("9f0a9f0a9f0a9f0a9f0a9f0a9f0a9f0a", "12-345", AccountKind.PERSON, None),
        pages.AccountChoice("27bc27bc27bc27bc27bc27bc27bc27bc", "テニス部", AccountKind.GROUP, Role.REPRESENTATIVE),
        pages.AccountChoice("c41dc41dc41dc41dc41dc41dc41dc41d", "合唱団", AccountKind.GROUP, Role.MEMBER),
    )

    def make(
        language: Language,
        ask: AccountAsk = AccountAsk.LINK,
        said: str = "",
        *,
        proves: bool = True,
        method: str = "GET",
    ) -> Page:
        wanted = AccountPage("booking/reserve", ask, required=True)
        known = visit(language, purpose=wanted, known=Found(session()), method=method)
        held = {AccountAsk.CHOOSE: choices, AccountAsk.AGAIN: choices[:1]}.get(ask, ())
        return pages.account(known, ROUTE, ask, held, "/reserve", required=True, proves=proves, said_of=said)

    elsewhere = (LinkEnd.LINKED, LinkEnd.CHOSEN, LinkEnd.DECLINED, LinkEnd.UNLINKED, LinkEnd.SIGNED_OUT)
    ends = [end for end in LinkEnd if end not in elsewhere]
    made: dict[str, Make] = _each("account", ends, lambda end, at: make(at, said=end))
    made["account-link"] = make
    made["account-choose"] = lambda at: make(at, AccountAsk.CHOOSE)
    made["account-again"] = lambda at: make(at, AccountAsk.AGAIN)
    made["account-none"] = lambda at: make(at, said="none")
    made["account-counter"] = lambda at: make(at, proves=False)
    made["account-unsent"] = lambda at: make(at, method="POST")
    return made


def _link_pages() -> Mapping[str, Make]:
    """Return the links on a person's own page, and the page that ends one."""

    def links(asked: Visit) -> tuple[pages.LinkedAccount, ...]:
        proved = Link("k-1", None, Evidence.PROOF, builders.NOON - 90_000, builders.NOON - 90_000)
        member = Link("k-1", Role.MEMBER, Evidence.IMPORT, builders.NOON - 9_000_000, builders.NOON)
        own = Held(Account("booking", "12-345"), proved)
        club = Held(Account("booking", "70011", AccountKind.GROUP, "テニス部"), member)
        return (
            pages.linked_account(asked, ROUTE, own, "a1", usable=True),
            pages.linked_account(asked, ROUTE, club, "b2", usable=False),
        )

    def mine(language: Language, *, whole: bool = True, some: bool = True) -> Page:
        asked = visit(language, path=f"{PREFIX}me", method="POST", known=Found(session()))
        found = links(asked) if some else ()
        return pages.me(asked, session(), "8RM3-JQ4V-TX2H-6PKD", links=pages.Links(found, whole))

    def unlink(language: Language, *, which: int | None = 0, token: str = "token", **more: bool) -> Page:
        asked = visit(language, path=f"{PREFIX}unlink", known=Found(session()))
        linked = None if which is None else links(asked)[which]
        return pages.unlink(
            asked, ROUTE, linked, done=more.get("done", False), token=token, again=more.get("again", False)
        )

    return {
        "me-links": mine,
        "me-links-none": lambda at: mine(at, some=False),
        "me-links-away": lambda at: mine(at, some=False, whole=False),
        "unlink": unlink,
        "unlink-group": lambda at: unlink(at, which=1),
        "unlink-again": lambda at: unlink(at, again=True),
        "unlink-old-browser": lambda at: unlink(at, token=""),
        "unlinked": lambda at: unlink(at, done=True),
        "unlink-gone": lambda at: unlink(at, which=None),
    }


def _sign_pages() -> Mapping[str, Make]:
    """Return the pages of signatures: each kind of document, each consent, each end."""
    form = pages.SignedText(
        "0f6e",
        "form",
        ALLOWANCE,
        HASH,
        fields=(("氏名", "髙橋　花子"), ("児童数", "2")),
        text="児童手当の認定請求\n氏名: 髙橋　花子\n",
    )
    kinds = {
        "form": form,
        "text": replace(form, source="text", fields=()),
        "pdf": replace(form, source="pdf", fields=(), text=""),
        "hash": replace(form, source="hash", fields=(), text=""),
    }
    consent = replace(
        kinds["text"],
        source="",
        consent=CONSENT.name,
        receiver=CONSENT.receiver,
        purpose=CONSENT.purpose,
        items=CONSENT.items,
        withdraw=CONSENT.withdraw,
        details=CONSENT.details,
    )
    at_sign = f"{PREFIX}sign"
    made: dict[str, Make] = _each(
        "sign", kinds, lambda kind, at: pages.sign(visit(at, path=at_sign), ROUTE, kinds[kind], None)
    )
    made["sign-again"] = lambda at: pages.sign(visit(at, path=at_sign), ROUTE, form, SignOutcome.CANCELLED)
    made["sign-consent"] = lambda at: pages.sign(visit(at, path=at_sign), ROUTE, consent, None)
    made |= _each(
        "sign-ended",
        SignOutcome,
        lambda end, at: pages.sign_ended(visit(at, path=at_sign), ROUTE, end, id_="0f6e", onward="/done"),
    )
    made["sign-collect"] = lambda at: pages.sign_ended(
        visit(at, path=at_sign), ROUTE, SignOutcome.NOT_READY, id_="0f6e", collect=True
    )
    made["sign-needs-person"] = lambda at: pages.sign_needs_person(visit(at, path=at_sign), "/.sekisho/sign?id=0f6e")
    made["send-signed"] = lambda at: pages.send_signed(visit(at, path=at_sign), ROUTE, "/apply", "sealed")
    made["withdraw"] = lambda at: pages.withdraw(visit(at, path=f"{PREFIX}withdraw"), ROUTE, CONSENT, done=False)
    made["withdrawn"] = lambda at: pages.withdraw(
        visit(at, path=f"{PREFIX}withdraw", method="POST"), ROUTE, CONSENT, done=True
    )
    return made


def states(renderer: Pages | None = None) -> list[State]:
    """Return every state."""
    shown = renderer or Pages(PREFIX)
    found = [
        State(name, make(Language.JA).template, partial(_rendered, shown, make))
        for name, make in _portal_pages().items()
    ]
    found += [State(f"small-{small}", "", partial(_small, small)) for small in Small]
    found.append(State("small-no-app", "", lambda at: small_page(421, "0123456789abcdef", at).body.decode()))
    found.append(State("last-resort", "", lambda _: last_resort(503, "0123456789abcdef").body.decode()))
    return found


def _rendered(renderer: Pages, make: Make, language: Language) -> str:
    return renderer.render(make(language))


def _small(small: Small, language: Language) -> str:
    return small_page(400, "0123456789abcdef", language, ROUTE, About(small)).body.decode()


def missing() -> set[str]:
    """Return what the code has and the table has not: closed words, templates, and functions that make a page."""
    names = {state.name for state in states()}
    words = {
        *(f"notice-{why}" for why in ChallengeReason),
        *(f"refusal-{kind}" for kind in ReasonKind),
        *(f"trouble-{trouble}" for trouble in Trouble),
        *(f"failure-{failure}" for failure in LoginFailure),
        *(f"small-{small}" for small in Small),
        *(f"sign-ended-{end}" for end in SignOutcome),
        *(f"notice-ended-{cause}" for cause in EndCause),
        *(f"account-{end}" for end in (LinkEnd.WRONG, LinkEnd.TAKEN, LinkEnd.FULL, LinkEnd.AWAY, LinkEnd.NOT_TELLABLE)),
    }
    folder = Path(gateway.portal.__file__).parent / "templates"
    templates = {path.name for path in folder.glob("*.html")} - {"page.html", "parts.html"}
    return (words - names) | (templates - {state.template for state in states()})
