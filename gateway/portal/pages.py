"""The content of each page, as values. The sentences are in `messages/`, their form in `templates/`.

One function a page: from a visit and what came of it to a `Page`, which `aiohttp_pages` renders
and `aiohttp_portal` sends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import quote

from gateway.accounts import accounts
from gateway.errors import StoreUnavailableError
from gateway.identity import NOT_TOLD, AccountKind, Gender, Identity, Role
from gateway.instant import Instant
from gateway.language import COOKIE
from gateway.login.login import CALLBACK
from gateway.login.sign_in import Failed
from gateway.pipeline.urls import LANGUAGE, LOGIN
from gateway.pipeline.visit import (
    AccountAsk,
    AccountPage,
    OwnPage,
    RefusalPage,
    Trouble,
    TroublePage,
    Visit,
    WorkerPage,
)
from gateway.policy.conditions import Age, Born, Dates, ResidenceTest, TownTest, needs_of
from gateway.policy.verdict import FACT_SCOPES, ActingFact, Deny, Reason, ReasonKind
from gateway.policy.verdict import Fact as ToldFact
from gateway.portal.language import Language, Said, preferred, said
from gateway.portal.messages import CATALOGUES, message, offered
from gateway.portal.sign_in_offer import ITEMS, SignInOffer, person_of
from gateway.portal.times import Moment, about, birthdate, moment, span
from gateway.request.in_app import SOME_APP, in_app_browser
from gateway.request.kept_form import KeptForm
from gateway.request.reader import accepted_languages
from gateway.request.returned_form import FIELD
from gateway.request.signed_form import Unsignable
from gateway.request.support import support_number
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.ledger import Disclosure
from gateway.session.session import Found, Gone, Limited, Session, SessionState, Unavailable
from gateway.session.ticket import cookies_named
from gateway.settings.settings import Ask, ConsentSettings, ContactSettings, Words
from gateway.signing.signature import SignOutcome

LONGEST_NAME = 80
"""Characters of a condition's name on a page."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page, ready to be rendered."""

    template: str
    status: int
    language: Language
    title: str
    values: Mapping[str, object] = field(default_factory=dict)
    retry_after: int | None = None
    """Seconds, for the Retry-After field."""
    leads_anywhere: bool = False
    """Its form goes to the application, which may send the browser on to wherever it likes: a payment, say."""
    sandboxed: bool = False
    """It shows values, so no other page may read it, not even one of the same origin. It can have no form."""
    framed: bool = False
    """Any page may hold it in a frame: it has one link, which leaves the frame, and nothing about the person."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One reason of a refusal as the page shows it."""

    sentence: Said
    name: str
    unread: bool
    """A fact that the condition needs was not given or cannot be read: its sentence alone would mislead."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A sign-in as its button and the notice around it show it."""

    target: str
    method: str
    items: tuple[str, ...]
    reason: str
    purpose: Said
    form: str
    """The body of a form that waits, or nothing."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the 4情報 on the page of what we hold. `value` is None where we hold none."""

    name: str
    value: str | None
    asked: bool


@dataclass(frozen=True, slots=True)
class Plate:
    """The name plate: whose page it is, of which service, and how it looks."""

    name: Said
    service: Said
    colour: str
    """Six hexadecimal digits of the App's colour, or nothing."""
    logo: str
    """The name of the App's picture among our static files, or nothing."""


@dataclass(frozen=True, slots=True)
class Contact:
    """The ways in which a person reaches somebody who helps. `dialled` is the telephone number for a link."""

    url: str
    phone: str
    dialled: str
    hours: Said
    counter: Said


@dataclass(frozen=True, slots=True)
class Switch:
    """One language of the switch. `path`, under our prefix, makes it this browser's."""

    language: Language
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Held:
    """The facts in a session, for the person's own eyes."""

    facts: tuple[Fact, ...]
    since: Moment
    until: Moment
    code: str


@dataclass(frozen=True, slots=True)
class Told:
    """One line of what an application is told."""

    name: Said
    yes_or_no: bool


@dataclass(frozen=True, slots=True)
class Untold:
    """One fact that is read and not told, and what is told that follows from it: of an address the town alone."""

    item: str
    instead: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class ToldThen:
    """One entry of a session's ledger: an App, the moment, and the facts that it was told then."""

    app: Said
    at: Moment
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Who:
    """The person who is signed in, as the status line says it."""

    name: Said
    until: Moment


@dataclass(frozen=True, slots=True)
class SignedText:
    """A document as its page shows it."""

    id: str
    source: str
    title: Words
    hash: str
    fields: tuple[tuple[str, str], ...] = ()
    text: str = ""
    app: str = ""
    consent: str = ""
    receiver: Words = field(default_factory=dict)
    purpose: Words = field(default_factory=dict)
    items: tuple[str, ...] = ()
    withdraw: str = ""
    details: str = ""
    cancel: str = "/"


@dataclass(frozen=True, slots=True)
class OtherWay:
    """The other way for a person without a card."""

    text: Said
    url: str


def language_of(visit: Visit) -> Language:
    """Return the language of a visit's page: the one that the person has chosen, or the browser's."""
    inbound, languages = visit.inbound, offered(visit.route.app.languages)
    chosen = set(cookies_named(inbound.cookie, visit.route.cookie_prefix + COOKIE))
    for language in languages:
        if {language.encode()} == chosen:
            return language
    return preferred(accepted_languages(inbound.headers).decode("latin-1"), languages)


def home_of(route: Route) -> str:
    """Return the path of the App's own front page."""
    return "/" if route.prefix == "/" else f"{route.prefix}/"


def notice(visit: Visit, offer: SignInOffer, token: str = "") -> Page:
    """Ask a person to sign in; the page first names the items, the purpose and the receiver.

    `token` lets a person who is signed in give way to another one.
    """
    language = language_of(visit)
    values = _signing_in(visit, offer, language)
    values["token"] = token if values["who"] else ""
    return _page("notice", HTTPStatus.UNAUTHORIZED, language, "notice.title", values)


def form_not_sent(visit: Visit, offer: SignInOffer, form: str = "", *, kept_for: float = 0.0) -> Page:
    """Say that a form was not sent, and how it can be once the person has signed in.

    `form` is its body, where it is kept for so many seconds: then the sign-in needs no new tab.
    """
    language = language_of(visit)
    values = _signing_in(visit, offer, language, form) | {"kept_until": None, "form_span": span(kept_for, language)}
    return _page("form_not_sent", HTTPStatus.UNAUTHORIZED, language, "form_not_sent.title", values)


def foreign_form(visit: Visit, site: str) -> Page:
    """Say that a form of another site's was not sent, and offer the page that it was sent to."""
    language = language_of(visit)
    values = _common(visit, visit.route, language) | {"site": site, "onward": visit.inbound.target.raw.decode("ascii")}
    return _page("foreign_form", HTTPStatus.UNAUTHORIZED, language, "foreign_form.title", values)


def returned_form(visit: Visit, site: str, sealed: str) -> Page:
    """Offer to go on with a form that came back from a site that its rule names; `sealed` is the form."""
    language = language_of(visit)
    values = _common(visit, visit.route, language) | {
        "site": site,
        "target": visit.inbound.target.raw.decode("ascii"),
        "field": FIELD,
        "sealed": sealed,
    }
    page = _page("returned_form", HTTPStatus.UNAUTHORIZED, language, "returned_form.title", values)
    return replace(page, leads_anywhere=True)


def form_over(visit: Visit, target: str) -> Page:
    """Say that a form cannot be sent any more, and offer the page that it was to be sent to, if it is known."""
    language = language_of(visit)
    values = _common(visit, visit.route, language) | {"onward": target}
    return _page("form_over", HTTPStatus.CONFLICT, language, "form_over.title", values)


def not_signable(visit: Visit, why: Unsignable) -> Page:
    """Say that a form must be signed and cannot be, and that it was not sent."""
    language = language_of(visit)
    values = _common(visit, visit.route, language) | {"why": why.value}
    return _page("not_signable", HTTPStatus.UNSUPPORTED_MEDIA_TYPE, language, "not_signable.title", values)


def sign(visit: Visit, route: Route, shown: SignedText, again: SignOutcome | None) -> Page:
    """Show the document that a person is to sign, in full, with the button; `again` is how the last attempt ended."""
    language = language_of(visit)
    values = _common(visit, route, language) | {
        "shown": shown,
        "title_said": said(shown.title, language),
        "again": None if again is None else again.value,
        "receiver": said(shown.receiver, language),
        "purpose": said(shown.purpose, language),
    }
    title = "consent.title" if shown.consent else "sign.title"
    return _page("sign", HTTPStatus.OK, language, title, values)


def sign_ended(
    visit: Visit, route: Route, outcome: SignOutcome, *, id_: str = "", onward: str = "", collect: bool = False
) -> Page:
    """Say how a signature ended. `id_` leads to another attempt, `collect` fetches the result once more."""
    language = language_of(visit)
    values = _common(visit, route, language) | {
        "outcome": outcome.value,
        "id": id_,
        "onward": onward,
        "collect": collect,
    }
    return _page("sign_ended", outcome.status, language, f"signing.{outcome}.title", values)


def sign_needs_person(visit: Visit, target: str) -> Page:
    """Ask a person who is not signed in to sign in first; `target` is the page of the document."""
    language = language_of(visit)
    values = _common(visit, visit.route, language) | {"target": target}
    return _page("sign_needs_person", HTTPStatus.UNAUTHORIZED, language, "sign_needs_person.title", values)


def send_signed(visit: Visit, route: Route, target: str, sealed: str) -> Page:
    """Offer to send a form that has been signed; `sealed` is the form."""
    language = language_of(visit)
    values = _common(visit, route, language) | {"target": target, "field": FIELD, "sealed": sealed}
    page = _page("send_signed", HTTPStatus.OK, language, "send_signed.title", values)
    return replace(page, leads_anywhere=True)


def withdraw(visit: Visit, route: Route, consent: ConsentSettings, *, done: bool) -> Page:
    """Let a person withdraw a consent, and lead her to the receiver's own page."""
    language = language_of(visit)
    values = _common(visit, route, language) | {
        "app": route.name,
        "consent": consent,
        "receiver": said(consent.receiver, language),
        "purpose": said(consent.purpose, language),
        "done": done,
    }
    return _page("withdraw", HTTPStatus.OK, language, "withdraw.title", values)


def form_kept(visit: Visit, offer: SignInOffer, until: Instant) -> Page:
    """Say that a form waits until a moment for its person to sign in."""
    language = language_of(visit)
    values = _signing_in(visit, offer, language) | {"kept_until": moment(until, visit.at, language)}
    return _page("form_not_sent", HTTPStatus.UNAUTHORIZED, language, "form_not_sent.title", values)


def send_form(visit: Visit, target: str, form: KeptForm, until: Instant) -> Page:
    """Offer to send a form that has waited, now that the person has signed in; `target` is the form's own page."""
    language = language_of(visit)
    values = _common(visit, visit.route, language) | {
        "target": target,
        "form": form,
        "until": moment(until, visit.at, language),
    }
    page = _page("send_form", HTTPStatus.OK, language, "send_form.title", values)
    return replace(page, leads_anywhere=True)


def framed(visit: Visit) -> Page:
    """Offer, inside a frame, to open the page at the top: no page of ours shows or asks anything in a frame.

    The link leads where the frame was led. Behind it stand the sign-in, the refusal or the trouble, as in any tab.
    """
    language = language_of(visit)
    inbound, own = visit.inbound, isinstance(visit.purpose, OwnPage)
    retry_after: int | None = None
    match visit.purpose:
        case TroublePage():
            status, retry_after = visit.purpose.status, visit.purpose.retry_after
            sentence = f"trouble.{visit.purpose.trouble}.what"
        case RefusalPage(deny):
            status, sentence = deny.status, "framed.refusal"
        case OwnPage() | WorkerPage():
            status, sentence = HTTPStatus.FORBIDDEN, "framed.own"
        case _:
            status, sentence = HTTPStatus.UNAUTHORIZED, "framed.sign_in"
    # An answer of the provider's is for the tab that asked: its code is in the query.
    onward = home_of(visit.route) if own and inbound.target.path.endswith(f"/{CALLBACK}") else _raw(visit)
    values = _common(visit, visit.route, language) | {
        "sentence": sentence,
        "not_sent": inbound.method == "POST" and not own,
        "onward": onward,
    }
    page = _page("framed", status, language, "framed.title", values, retry_after)
    return replace(page, framed=True)


def refusal(
    visit: Visit,
    deny: Deny,
    route: Route | None = None,
    *,
    kept_until: Instant | None = None,
    another: SignInOffer | None = None,
    token: str = "",
) -> Page:
    """Say no in the conditions' own words, or plainly where a condition has none.

    `another` is the sign-in of another person for the same page, where that can help; `token` proves that our page
    asks for it.
    """
    language = language_of(visit)
    kinds = tuple(dict.fromkeys(_kind(reason, deny, route or visit.route) for reason in deny.reasons))
    shown = _shown(deny.reasons, language)
    title = message(language, f"refusal.title.{kinds[0]}" if len(kinds) == 1 else "refusal.title.other")
    own = shown[0].sentence if len(shown) == 1 and not shown[0].unread else Said("", language)
    values = _signing_in(visit, another, language) | {
        "reasons": shown,
        "lead": title,
        "another": another is not None,
        "token": token,
        "form": visit.inbound.method == "POST" and not isinstance(visit.purpose, OwnPage),
        "until": None if deny.until is None else moment(deny.until, visit.at, language),
        "wait": _span(deny.retry_after, language),
        "kept_until": None if kept_until is None else moment(kept_until, visit.at, language),
    }
    page = _page("refusal", deny.status, language, "refusal.title.other", values, deny.retry_after)
    return replace(page, title=own.text if own and own.language == language else title)


def busy(visit: Visit, wait: int) -> Page:
    """Say that there were too many requests, and how many seconds to wait."""
    return trouble(visit, TroublePage(Trouble.TOO_MANY_REQUESTS, HTTPStatus.TOO_MANY_REQUESTS, wait))


def person_or_page(visit: Visit, session: SessionState, route: Route, nobody: Callable[[], Page]) -> Found | Page:
    """Return the session of the person who is signed in at an App, or the page that says why there is none.

    Raises:
        StoreUnavailableError: the store does not say whether there is one.

    """
    if isinstance(session, Unavailable):
        raise StoreUnavailableError
    if isinstance(session, Limited):
        return busy(visit, session.retry_after)
    if not isinstance(session, Found) or person_of(session, route) is None:
        return nobody()
    return session


def trouble(visit: Visit, page: TroublePage) -> Page:
    """Say that a part of the service does not work, and name the remedy."""
    language = language_of(visit)
    sent = visit.inbound.method not in ("GET", "HEAD")
    # An application that did not answer in time may still have carried out the request.
    unclear = page.trouble in (Trouble.UPSTREAM_TIMEOUT, Trouble.UPSTREAM_PROTOCOL, Trouble.UPSTREAM_UNREACHABLE)
    planned = page.trouble is Trouble.MAINTENANCE and page.retry_after is not None
    values = _common(visit, visit.route, language) | {
        "trouble": page.trouble.value,
        "until": about(visit.at + (page.retry_after or 0), visit.at, language) if planned else None,
        "message": said(visit.route.closed_message, language) if planned else None,
        "again": _raw(visit) if visit.inbound.method == "GET" and not isinstance(visit.purpose, OwnPage) else "",
        "wait": _span(page.retry_after, language),
        "form_sent": sent and unclear,
        "send_again": page.trouble is Trouble.APPLICATION_SESSION_ENDED,
    }
    return _page("trouble", page.status, language, f"trouble.{page.trouble}.title", values, page.retry_after)


def failure(visit: Visit, failed: Failed, offer: SignInOffer | None, onward: str = "") -> Page:
    """Say why a sign-in ended without a session; `offer` is the fresh one its button begins.

    `onward` is the page to go to where there is none to begin.
    """
    language = language_of(visit)
    values = _signing_in(visit, offer, language, failed.form) | {
        "onward": onward,
        "kept": bool(failed.form) or (offer is not None and bool(offer.back)),
        "failure": failed.failure.value,
        "retry_after": failed.retry_after,
        "wait": _span(failed.retry_after, language),
    }
    title = f"failure.{failed.failure}.title"
    return _page("failure", failed.failure.status, language, title, values, failed.retry_after)


def logout(visit: Visit, token: str) -> Page:
    """Ask whether to sign out; `token` is what only this browser's own page can know."""
    language = language_of(visit)
    values = _common(visit, visit.route, language) | {"token": token}
    return _page("logout", HTTPStatus.OK, language, "logout.title", values)


def signed_out(visit: Visit, onward: str = "", alive_until: Instant | None = None, *, kept: bool = True) -> Page:
    """Say that the session is over; `onward` is the provider's own sign-out, to which the page leads.

    With `alive_until` the store could not be told, so only this browser has forgotten the session. With `kept` the
    store will be told.
    """
    language = language_of(visit)
    values = _common(visit, visit.route, language) | {
        "onward": onward,
        "clears": "cache" in visit.route.app.next_person.clear,
        "who": None,
        "alive_until": None if alive_until is None else moment(alive_until, visit.at, language),
        "kept": kept,
    }
    return _page("signed_out", HTTPStatus.OK, language, "signed_out.title", values)


def signed_in(visit: Visit) -> Page:
    """Send a person back to the tab in which a form is waiting."""
    language = language_of(visit)
    return _page("signed_in", HTTPStatus.OK, language, "signed_in.title", _common(visit, visit.route, language))


def plain(visit: Visit, kind: str, status: int) -> Page:
    """Say one sentence: `kind` is `not_found`, `method`, `bad_form` or `internal`."""
    language = language_of(visit)
    values = _common(visit, visit.route, language) | {"kind": kind}
    return _page("plain", status, language, f"{kind}.title", values)


def me_of_nobody(visit: Visit) -> Page:
    """Say that nothing is held, since nobody is signed in."""
    language = language_of(visit)
    return _page("me_of_nobody", HTTPStatus.OK, language, "me.title", _common(visit, visit.route, language))


def me_offer(visit: Visit, session: Session, token: str) -> Page:
    """Offer to show a person what we hold of them, with a button that carries the token; no value is on this page.

    Without a token the browser does not say who asks, and the page says what to do instead.
    """
    language = language_of(visit)
    again = visit.inbound.method == "POST"
    values = _common(visit, visit.route, language) | {
        "token": token,
        "again": again,
        "until": moment(session.expires_at, visit.at, language),
    }
    return _page("me_offer", HTTPStatus.OK, language, "me.title", values)


def ledger(visit: Visit, entries: Iterable[Disclosure], table: RouteTable) -> tuple[ToldThen, ...]:
    """Return a session's ledger as people read it; an App that is gone by now is called by its name."""
    language = language_of(visit)
    found: list[ToldThen] = []
    for each in entries:
        route = table.named.get(each.app)
        receiver = Said(each.app, language) if route is None else _service(route, language)
        names = told(visit.route if route is None else route, each.names, language)
        found.append(ToldThen(receiver, moment(each.at, visit.at, language), names))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """One link of a person to an account of an application, as she reads it. `word` names it in our URLs."""

    word: str
    app: str
    service: Said
    name: Said
    kind: AccountKind
    role: Role | None
    since: Moment
    usable: bool
    """False until she has proved the account again, or where the application cannot be told of it."""


@dataclass(frozen=True, slots=True)
class Links:
    """The links of a person at the Apps of one host; not `whole` if a store did not answer."""

    found: tuple[LinkedAccount, ...]
    whole: bool


def linked_account(visit: Visit, route: Route, held: accounts.Held, word: str, *, usable: bool) -> LinkedAccount:
    """Return a link as its person reads it."""
    language = language_of(visit)
    known = held.account
    return LinkedAccount(
        word,
        route.name,
        _service(route, language),
        _as_read(known.title or known.name, language),
        known.kind,
        held.link.role,
        moment(held.link.since, visit.at, language),
        usable,
    )


def _service(route: Route, language: Language) -> Said:
    app = route.app
    return said(app.brand.service, language) or said(app.operator, language) or Said(route.host, language)


def _as_read(name: str, language: Language) -> Said:
    """Return a name with the language of its letters, for readers of screens."""
    return Said(name, Language.JA if any(sign >= "\u3040" for sign in name) else language)


def unlink(
    visit: Visit, route: Route, linked: LinkedAccount | None, *, done: bool, token: str = "", again: bool = False
) -> Page:
    """Ask whether to end a link, say that it has ended, or, without one, that there is no such link any more.

    Without a token the browser does not say who asks. `again`: the last press came too late.
    """
    language = language_of(visit)
    values = _common(visit, route, language) | {"linked": linked, "done": done, "token": token, "again": again}
    return _page("unlink", HTTPStatus.OK, language, "unlink.done_title" if done else "unlink.title", values)


def me(
    visit: Visit, session: Session, code: str, ledger: tuple[ToldThen, ...] = (), links: Links | None = None
) -> Page:
    """Show a person the data that we hold of her, and what was told; she reads `code` out at a counter."""
    language = language_of(visit)
    names = visit.route.policy.disclosed
    held = _held(visit, session, code, language)
    values = _common(visit, visit.route, language) | {
        "held": held,
        "told": told(visit.route, names, language),
        "ledger": ledger,
        "links": links,
        "untold": untold(visit.route, (fact.name for fact in held.facts if fact.asked), names, language),
    }
    return replace(_page("me", HTTPStatus.OK, language, "me.title", values), sandboxed=True)


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """One account that a person may act for."""

    word: str
    name: str
    kind: AccountKind
    role: Role | None


def account(
    visit: Visit,
    route: Route,
    ask: AccountAsk,
    choices: tuple[AccountChoice, ...],
    target: str,
    *,
    required: bool,
    proves: bool,
    said_of: str = "",
) -> Page:
    """Ask a person to link her account of the application, or for which one she acts.

    `choices` are the accounts that she must prove again, if that is asked. `proves`: the application's own login can
    prove one. `said_of` is the end of her last attempt, empty before one, and `unsent` if a form of hers was not sent.
    """
    language = language_of(visit)
    chooses, again = ask is AccountAsk.CHOOSE, ask is AccountAsk.AGAIN
    unsent_here = visit.inbound.method == "POST" and isinstance(visit.purpose, AccountPage)
    values = _common(visit, route, language) | {
        "app": route.name,
        "chooses": chooses,
        "choices": choices,
        # Kana or Han letters in a name, for readers of screens.
        "japanese": frozenset(each.word for each in choices if any(sign >= "\u3040" for sign in each.name)),
        "target": target,
        "required": required,
        "proves": proves,
        "again": again,
        "user": choices[0].name if again and len(choices) == 1 else "",
        "said": "" if said_of == "unsent" else said_of,
        "unsent": said_of == "unsent" or unsent_here,
        # A reload of this very page sends her form again, so another tab has the question.
        "resends": unsent_here,
    }
    title = "account.choose_title" if chooses else "account.again_title" if again else "account.title"
    status = HTTPStatus.FORBIDDEN if isinstance(visit.purpose, AccountPage) else HTTPStatus.OK
    return _page("account", status, language, title, values)


def worker_removed(visit: Visit) -> Page:
    """Say that something of the application's stood in the way and was removed, and how to go on."""
    language = language_of(visit)
    # A form cannot be sent again by a link: its sender goes back to the application.
    onward = "" if visit.inbound.method == "POST" else _raw(visit)
    values = _common(visit, visit.route, language) | {"onward": onward}
    return _page("worker_removed", HTTPStatus.FORBIDDEN, language, "worker_removed.title", values)


def _span(seconds: int | None, language: Language) -> str:
    return "" if seconds is None else span(seconds, language)


def _raw(visit: Visit) -> str:
    return visit.inbound.target.raw.decode("ascii")


def _page(
    template: str,
    status: int,
    language: Language,
    title: str,
    values: Mapping[str, object],
    retry_after: int | None = None,
) -> Page:
    return Page(f"{template}.html", int(status), language, message(language, title), values, retry_after)


def _common(visit: Visit, route: Route, language: Language) -> dict[str, object]:
    app = route.app
    operator = said(app.operator, language) or Said(route.host, language)
    other_way = app.without_card
    return {
        "operator": operator,
        "plate": Plate(
            said(app.brand.name, language) or operator,
            said(app.brand.service, language),
            app.brand.colour.removeprefix("#").lower(),
            "" if route.logo is None else route.logo.name,
        ),
        "switches": _switches(visit),
        "privacy_policy": app.privacy_policy,
        "contact": _contact(app.contact, language),
        "number": support_number(visit.inbound.request_id),
        "other_way": None if other_way is None else OtherWay(said(other_way.text, language), other_way.url),
        "home": home_of(route) if visit.find_home is None else visit.find_home(visit),
        "who": _who(visit, language),
        "request_id": visit.inbound.request_id,
        "ended": _ended(visit),
    }


def _ended(visit: Visit) -> str:
    """Return the word for why the session of the browser's ticket has ended; nothing if it has brought none."""
    if not isinstance(visit.session, Gone):
        return ""
    return "unknown" if visit.ended is None else visit.ended.value


def _who(visit: Visit, language: Language) -> Who | None:
    """Return the status line's words about the person who is signed in."""
    person = person_of(visit.session, visit.route)
    if person is None or not isinstance(visit.session, Found):
        return None
    # A page of the application that opens ours may read it, so it has no fact that the application is not told.
    name = person.name if ToldFact.NAME in visit.route.policy.disclosed else None
    # A card has a foreigner's name in Latin letters, which any voice reads.
    said_name = Said(name or "", language if (name or "").isascii() else Language.JA)
    return Who(said_name, moment(visit.session.session.expires_at, visit.at, language))


_TOLD_FACTS = frozenset((*ToldFact, *ActingFact))


def told(route: Route, names: Iterable[str], language: Language) -> tuple[Told, ...]:
    """Return what an application is told, each as people call it; a condition is a yes or a no."""
    found: dict[Told, None] = {}
    for name in names:
        if name in _TOLD_FACTS:
            found[Told(Said(message(language, f"told.{name}"), language), yes_or_no=False)] = None
            continue
        condition = route.policy.condition(name)
        label = None if condition is None else said(condition.label, language)
        found[Told(label or Said(message(language, "told.condition"), language), yes_or_no=True)] = None
    return tuple(found)


def untold(route: Route, items: Iterable[str], names: Iterable[str], language: Language) -> tuple[Untold, ...]:
    """Return the items that are read and not told themselves, each with the told facts that follow from it."""
    named = tuple(names)
    return tuple(
        Untold(item, told(route, (name for name in named if _follows(route, name, item)), language))
        for item in items
        if item not in named
    )


def _follows(route: Route, name: str, item: str) -> bool:
    """Say whether a told fact or condition follows from one of the 4情報."""
    if name in tuple(ToldFact):
        return item in FACT_SCOPES[ToldFact(name)]
    condition = route.policy.condition(name)
    return condition is not None and item in needs_of(condition.test).scopes


def _contact(contact: ContactSettings, language: Language) -> Contact | None:
    if not contact:
        return None
    hours, counter = said(contact.hours, language), said(contact.counter, language)
    return Contact(contact.url, contact.phone, contact.dialled, hours, counter)


def _switches(visit: Visit, back: str = "") -> tuple[Switch, ...]:
    """Return the languages of the switch, each with its way back to the page that the person sees."""
    languages = offered(visit.route.app.languages)
    if len(languages) < 2:
        return ()
    back = back or _here(visit)
    return tuple(Switch(each, CATALOGUES[each].name, f"{LANGUAGE}{each}?back={back}") for each in languages)


def _here(visit: Visit) -> str:
    """Return the address that shows this page, or the page that it began from, without doing anything twice."""
    inbound = visit.inbound
    path = inbound.target.path
    if isinstance(visit.purpose, OwnPage):
        if path.endswith(f"/{CALLBACK}"):
            # The query has a code, which is for one use.
            return home_of(visit.route)
        if not _OWN_PATH.fullmatch(path):
            # It is no page of ours, and our page about that repeats nothing of it.
            return home_of(visit.route)
        if inbound.method not in ("GET", "HEAD"):
            return path
    return _raw(visit)


_OWN_PATH = re.compile(r"[A-Za-z0-9./_-]*")
"""The signs of our own paths."""


def _signing_in(visit: Visit, offer: SignInOffer | None, language: Language, form: str = "") -> dict[str, object]:
    values = _common(visit, visit.route if offer is None else offer.route, language)
    inside = in_app_browser(visit.inbound)
    values["in_app"] = message(language, "in_app.some_app") if inside == SOME_APP else inside
    values["line"] = ""
    if inside == "LINE" and visit.inbound.method == "GET" and offer is not None:
        # LINE's documented way out of its own browser.
        again = quote(offer.back or offer.target, safe="")
        values["line"] = f"{visit.route.portal_prefix}{LOGIN}?openExternalBrowser=1&rd={again}"
    values["deadline"] = span(visit.sign_in, language)
    values["start"] = None
    if offer is not None:
        purpose = said(offer.challenge.purpose, language)
        policy = offer.route.policy
        names = policy.disclosed if offer.route.app.ask is Ask.ONCE else policy.told_by(offer.challenge.rule)
        values["told"] = told(offer.route, names, language)
        values["untold"] = untold(offer.route, offer.items, names, language)
        target = offer.back or offer.target
        if visit.inbound.method not in ("GET", "HEAD") or visit.inbound.target.path.endswith(f"/{CALLBACK}"):
            # The sign-in's own page leads to the same notice.
            back = f"{visit.route.portal_prefix}{LOGIN}?back={target}"
            values["switches"] = _switches(visit, back)
        values["start"] = Offer(target, offer.method, offer.items, offer.challenge.reason.value, purpose, form)
    return values


def _kind(reason: Reason, deny: Deny, route: Route) -> str:
    """Return what a refusal is about, as its title says it."""
    match reason.kind:
        case ReasonKind.LIMIT_REACHED:
            return "used_up"
        case ReasonKind.CONDITION_UNKNOWN:
            return "unread"
        case ReasonKind.NOBODY_ALLOWED:
            return "closed_until" if deny.until is not None or deny.retry_after is not None else "closed"
        case ReasonKind.CONDITION_NO:
            condition = route.policy.condition(reason.name)
            match None if condition is None else condition.test:
                case Age() | Born():
                    return "age"
                case ResidenceTest() | TownTest():
                    return "residence"
                case Dates():
                    return "period"
                case _:
                    return "other"
        case _:
            return "other"


def _shown(reasons: tuple[Reason, ...], language: Language) -> tuple[Shown, ...]:
    shown: dict[Shown, None] = {}
    for reason in reasons:
        general = Said(message(language, f"refusal.kind.{reason.kind}"), language)
        own = said(reason.sentence, language)
        unread = reason.kind is ReasonKind.CONDITION_UNKNOWN and own is not None
        shown[Shown(own or general, reason.name[:LONGEST_NAME], unread)] = None
    return tuple(shown)


def _held(visit: Visit, session: Session, code: str, language: Language) -> Held:
    identity = session.identity
    facts = tuple(
        Fact(scope.value, _value(identity, scope.value, language), scope in identity.asked) for scope in ITEMS
    )
    # If the provider does not tell when the card was read, we know only the session's beginning.
    since = session.created_at if identity.authenticated_at == NOT_TOLD else identity.authenticated_at
    return Held(facts, moment(since, visit.at, language), moment(session.expires_at, visit.at, language), code)


def _value(identity: Identity, name: str, language: Language) -> str | None:
    match name:
        case "birthdate" if identity.birthdate is not None:
            return birthdate(identity.birthdate, language)
        case "gender" if isinstance(identity.gender, Gender):
            return message(language, f"me.gender_{identity.gender}")
        case "name":
            return identity.name
        case "address":
            return identity.address
        case _:
            return None
