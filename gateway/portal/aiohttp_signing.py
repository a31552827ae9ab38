"""The pages of documents that people sign, and the API by which applications ask for them (preview).

`signing/service` has the order of the steps, `signing/asked` reads requests and writes answers, and `pages` has the
content of each page. `aiohttp_portal` puts these handlers at their URLs.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Protocol
from urllib.parse import parse_qs, quote

import msgspec
import structlog
from aiohttp import hdrs, web
from multidict import CIMultiDict

from gateway.audit.entry import Action, Entry, Outcome
from gateway.instant import Instant
from gateway.login.return_to import SIGN
from gateway.login.returned import RETURNED_SECONDS, ReturnedForms, SignedForm
from gateway.login.sign_in import BROWSER_COOKIE_SECONDS
from gateway.observe.events import Event
from gateway.observe.otel_spans import note
from gateway.pipeline.problem import problem
from gateway.pipeline.urls import SIGNATURES
from gateway.pipeline.visit import REASON_HEADER, NotSignablePage, SignFormPage, Visit
from gateway.portal import pages
from gateway.portal.aiohttp_pages import redirect
from gateway.portal.cookies import set_cookie
from gateway.portal.once import is_own_press
from gateway.portal.pages import Page, SignedText
from gateway.request.inbound import Inbound
from gateway.request.rates import Rate
from gateway.request.same_site import Sender, sender
from gateway.request.signed_form import Unsignable, signed_fields
from gateway.request.target import Target, canonical
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.session import Found, Session, SessionState
from gateway.settings.settings import AppSigning, ConsentSettings
from gateway.signing.asked import (
    LARGEST_REQUEST,
    Asked,
    AskedError,
    admitted,
    described,
    facts_of,
    idempotency_key,
    read_asked,
)
from gateway.signing.consent import TITLE, consent_text, version_of
from gateway.signing.document import canonical as canonical_form
from gateway.signing.document import drawn
from gateway.signing.service import Ended, NotAdded, Recorder, SentToSign, SigningService
from gateway.signing.signature import (
    PENDING_SECONDS,
    KeptRequest,
    Progress,
    Signature,
    SignOutcome,
    Source,
    is_id,
    is_signing_state,
    one_time_name,
    same_subject,
)

LARGEST_ASKED = LARGEST_REQUEST
"""Bytes of a request to this API."""

FORMS_PER_ADDRESS = 30
"""Forms a minute that may wait for a signature, from one address."""
FORMS_IN_ALL = 300
"""Forms a minute from all addresses: each takes room in the store."""
ASKED_PER_ADDRESS = 600
ASKED_IN_ALL = 3_000
"""Requests a minute of applications, from one address and from all."""
WRONG_PER_ADDRESS = 60
WRONG_IN_ALL = 600
"""Wrong tokens a minute that are looked at, from one address and from all."""

_log = structlog.get_logger()

_NOT_AUDITED = frozenset({"no_room", "begun", "asked", "fetched", "not_ready", "not_admitted", "signed", "declined"})
"""The steps without an entry of their own here; `_recorder` records the last two."""
_GOOD = frozenset({"signed", "declined", "confirmed", "withdrawn"})


class SignatureObserver(Protocol):
    """Counts how signatures go."""

    def signature(self, app: str, outcome: str) -> None:
        """One step ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningServices:
    """The services behind signatures."""

    signatures: SigningService
    apps: Mapping[str, AppSigning]
    """The settings of the Apps that use the API, by name."""
    tokens: Mapping[str, bytes]
    """The SHA-256 of their tokens, by name."""
    observer: SignatureObserver
    record: Callable[[Entry], None]
    """Puts an entry into the audit trail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTools:
    """The parts of the portal that these pages need."""

    page: Callable[[Visit, Page], web.Response]
    session: Callable[[Visit], Awaitable[SessionState]]
    set_cookie: Callable[[web.StreamResponse, Visit, bytes, str, int | None], None]
    form: Callable[[web.Request], Awaitable[Mapping[str, str]]]
    must_record: Callable[[Entry], Awaitable[None]]
    table: Callable[[], RouteTable]
    returned: ReturnedForms
    safe_return: Callable[[Route, str | None], str]
    clock: Callable[[], Instant]
    prefix: str


class SigningPages:
    """The handlers. Each takes the visit, and answers with a page, a redirect, a file or JSON."""

    def __init__(self, services: SigningServices, tools: PageTools) -> None:
        self._signatures = services.signatures
        self._apps = services.apps
        self._tokens = services.tokens
        self._observer = services.observer
        self._record = services.record
        self._tools = tools
        self._forms = Rate(FORMS_PER_ADDRESS, FORMS_IN_ALL)
        self._asked = Rate(ASKED_PER_ADDRESS, ASKED_IN_ALL)
        self._wrong = Rate(WRONG_PER_ADDRESS, WRONG_IN_ALL)

    # --- the person -------------------------------------------------------------------

    async def ask_for_form(self, visit: Visit, wanted: SignFormPage, body: bytes) -> web.StreamResponse:
        """Keep a form that its rule has signed, and lead the person to its page."""
        route, inbound, now = visit.route, visit.inbound, self._tools.clock()
        found = await self._person(visit)
        if isinstance(found, Page):
            return self._tools.page(visit, found)
        fields = signed_fields(body, route.app.headers.charset)
        if fields is None:
            refused = NotSignablePage(wanted.rule, Unsignable.TYPE)
            return self._tools.page(visit, pages.not_signable(visit, refused.why))
        if self._forms.take(inbound.client_address, now) is not None:
            # No event: one browser could fill the log.
            self._observer.signature(route.name, SignOutcome.TOO_MANY.value)
            return self._ended(visit, Ended(SignOutcome.TOO_MANY))
        document = canonical_form(fields, wanted.sign.title.get("ja", ""))
        sent = {name.lower(): value.decode("latin-1") for name, value in inbound.headers}
        signature = Signature(
            id=self._signatures.new_id(),
            source=Source.FORM,
            app=route.name,
            host=route.host,
            client_id=route.client_id,
            title=dict(wanted.sign.title),
            hash=base64.b64encode(sha256(document).digest()).decode(),
            digest_info=wanted.sign.digest_info,
            created_at=now,
            ends_at=now + PENDING_SECONDS,
            document=document,
            subject=found.identity.subject,
            pseudonym=found.pseudonym,
            rule=wanted.rule,
            form=KeptRequest(
                inbound.target.raw.decode("ascii"), sent.get(b"content-type", ""), sent.get(b"referer", ""), body
            ),
        )
        if not await self._signatures.add(signature):
            self._tell(visit, "no_room", Ended(SignOutcome.NO_ROOM, signature))
            return self._ended(visit, Ended(SignOutcome.NO_ROOM))
        self._tell(visit, "asked", Ended(SignOutcome.BEGUN, signature))
        return redirect(self._page_of(signature))

    async def page(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Show the document, or what has become of its signature."""
        del request
        id_ = _one(visit.inbound, "id")
        opened = await self._open(visit, id_)
        if isinstance(opened, Page):
            return self._tools.page(visit, opened)
        return await self._state(visit, opened)

    async def form(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Begin to sign, decline, or fetch the result once more, as the button of our own page says."""
        said = await self._tools.form(request)
        opened = await self._open(visit, said.get("id", ""))
        if isinstance(opened, Page):
            return self._tools.page(visit, opened)
        if sender(visit.inbound, visit.route.origin) is Sender.FOREIGN:
            # Another site pressed the button: the person has seen no document.
            return await self._state(visit, opened)
        match said.get("action"):
            case "decline" if opened.source is Source.CONSENT:
                return await self._answer(visit, await self._signatures.decline(opened.id, self._recorder(visit)))
            case "collect":
                route = self._route(visit, opened)
                ended = await self._signatures.collect(route, opened.id, self._recorder(visit))
                return await self._answer(visit, ended)
            case "sign" if not self._is_of_old_settings(opened):
                return await self._start(visit, opened)
            case _:
                return await self._state(visit, opened)

    async def _start(self, visit: Visit, signature: Signature) -> web.StreamResponse:
        route = self._route(visit, signature)
        started = await self._signatures.start(route, visit.inbound, signature.id)
        if isinstance(started, Ended):
            return await self._answer(visit, started)
        self._tell(visit, "begun", Ended(SignOutcome.BEGUN, started.signature, transaction=started.transaction))
        response = redirect(started.location)
        self._bind(response, visit, started)
        return response

    def _bind(self, response: web.StreamResponse, visit: Visit, started: SentToSign) -> None:
        if started.cookie is None:
            return
        name = visit.route.pending_cookie
        self._tools.set_cookie(response, visit, name, started.cookie, BROWSER_COOKIE_SECONDS)
        self._tools.set_cookie(response, visit, started.tab.encode(), started.cookie, int(PENDING_SECONDS))

    async def callback(self, visit: Visit) -> web.StreamResponse | None:
        """Answer the provider's callback if it is a signature's; None if it is a sign-in's."""
        if not is_signing_state(_one(visit.inbound, "state")):
            return None
        query = visit.inbound.target.query
        ended = await self._signatures.finish(visit.route, visit.inbound, query, self._recorder(visit))
        return await self._answer(visit, ended)

    async def _answer(self, visit: Visit, ended: Ended) -> web.StreamResponse:
        """Tell of a step's end, and show it; a signature that is there leads on to its page or its application."""
        if not ended.repeated:
            self._tell(visit, ended.outcome.value, ended)
        signature = ended.signature
        if ended.outcome is SignOutcome.SIGNED and signature is not None:
            if signature.form is not None:
                return redirect(self._page_of(signature))
            return redirect(signature.return_to)
        return self._ended(visit, ended)

    async def _state(self, visit: Visit, signature: Signature) -> web.StreamResponse:
        route = self._route(visit, signature)
        if self._is_of_old_settings(signature):
            # The page would name another receiver, purpose or item than the text that is signed.
            return self._ended(visit, Ended(SignOutcome.OVER))
        match signature.progress:
            case Progress.SIGNED if signature.form is not None:
                return self._press(visit, route, signature, signature.form)
            case Progress.SIGNED:
                return self._ended(visit, Ended(SignOutcome.SIGNED, signature))
            case Progress.DECLINED:
                return self._ended(visit, Ended(SignOutcome.DECLINED, signature))
            case Progress.COLLECTING:
                return self._ended(visit, Ended(SignOutcome.NOT_READY, signature))
            case Progress.WAITING | Progress.CANCELLED | Progress.FAILED:
                shown = self._shown(route, signature)
                return self._tools.page(visit, pages.sign(visit, route, shown, signature.reason))

    def _press(self, visit: Visit, route: Route, signature: Signature, form: KeptRequest) -> web.StreamResponse:
        """Offer to send the signed form, by a press, once."""
        target = canonical(form.target.encode("ascii"), route.app.paths)
        if not isinstance(target, Target):
            return self._ended(visit, Ended(SignOutcome.OVER))
        headers = [
            (b"Content-Type", form.content_type.encode("latin-1")),
            (b"Sec-Fetch-Site", b"same-origin"),
            *([(b"Referer", form.referer.encode("latin-1"))] if form.referer else []),
        ]
        sealed = self._tools.returned.seal(
            msgspec.structs.replace(visit.inbound, target=target, headers=tuple(headers)),
            route.origin,
            form.body,
            # All its pages end together, and before the name of the press is forgotten: the form is sent once.
            self._tools.clock() if signature.result is None else signature.result.signed_at,
            signature=SignedForm(signature.subject, facts_of(signature)),
            name=one_time_name(signature),
        )
        response = self._tools.page(visit, pages.send_signed(visit, route, form.target, sealed.text))
        line = set_cookie(
            route.cookie_prefix.decode() + sealed.cookie,
            sealed.secret,
            secure=route.app.secure,
            max_age=int(RETURNED_SECONDS),
            same_site="Strict",
        )
        response.headers.add(hdrs.SET_COOKIE, line)
        return response

    async def document(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Give the person the document as a file, to read it before she signs."""
        del request
        opened = await self._open(visit, _one(visit.inbound, "id"))
        if isinstance(opened, Page):
            return self._tools.page(visit, opened)
        if not opened.document:
            return self._ended(visit, Ended(SignOutcome.OVER))
        pdf = opened.source is Source.PDF
        response = web.Response(
            body=opened.document,
            content_type="application/pdf" if pdf else "text/plain",
            charset=None if pdf else "utf-8",
        )
        # Saved and not shown: no viewer of a browser runs what an application put into a PDF on our origin.
        response.headers[hdrs.CONTENT_DISPOSITION] = f'attachment; filename="document.{"pdf" if pdf else "txt"}"'
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
        return response

    async def withdraw_page(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Offer to withdraw a consent: a GET changes nothing."""
        del request
        found = self._consent(visit, _one(visit.inbound, "app"), _one(visit.inbound, "consent"))
        if found is None:
            raise web.HTTPNotFound
        route, consent = found
        return self._tools.page(visit, pages.withdraw(visit, route, consent, done=False))

    async def withdraw_form(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Record that a person withdraws a consent, and lead her to the receiver's page."""
        said = await self._tools.form(request)
        found = self._consent(visit, said.get("app", ""), said.get("consent", ""))
        if found is None:
            raise web.HTTPNotFound
        route, consent = found
        person = await self._person(visit)
        if isinstance(person, Page):
            return self._tools.page(visit, person)
        pressed = is_own_press(visit.inbound, visit.route.origin)
        if not pressed:
            return self._tools.page(visit, pages.withdraw(visit, route, consent, done=False))
        entry = Entry(
            Action.SIGNATURE,
            self._tools.clock(),
            pseudonym=person.pseudonym,
            app=route.name,
            verdict="withdrawn",
            object=f"{consent.name} {version_of(consent)}",
            request_id=visit.inbound.request_id,
        )
        await self._tools.must_record(entry)
        self._count(visit, route.name, "withdrawn", pseudonym=person.pseudonym)
        return self._tools.page(visit, pages.withdraw(visit, route, consent, done=True))

    async def _open(self, visit: Visit, id_: str) -> Signature | Page:
        """Return the signature of this person, or the page that says why there is none for her.

        Raises:
            StoreUnavailableError: the store does not answer.

        """
        signature = await self._signatures.find(id_) if is_id(id_) else None
        if signature is None or signature.host != visit.route.host:
            return pages.sign_ended(visit, visit.route, SignOutcome.OVER, onward=pages.home_of(visit.route))
        person = await self._person(visit, f"{self._tools.prefix}{SIGN}?id={id_}")
        if isinstance(person, Page):
            return person
        if not signature.pseudonym:
            # The application may have named the person, but it does not know her session.
            bound = await self._signatures.bind(id_, person.identity.subject, person.pseudonym)
            signature = signature if bound is None else bound
        if not same_subject(signature, person.identity.subject):
            return pages.sign_ended(visit, visit.route, SignOutcome.OTHER_PERSON, onward=pages.home_of(visit.route))
        return signature

    async def _person(self, visit: Visit, target: str = "") -> Session | Page:
        """Return the session of the signed-in person, or the page for somebody without one.

        Raises:
            StoreUnavailableError: the store does not answer.

        """
        session, home = await self._tools.session(visit), pages.home_of(visit.route)
        found = pages.person_or_page(
            visit, session, visit.route, lambda: pages.sign_needs_person(visit, target or home)
        )
        return found.session if isinstance(found, Found) else found

    def _ended(self, visit: Visit, ended: Ended) -> web.Response:
        response = self._ended_page(visit, ended)
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # The access line of a 5xx says by what it counts against availability.
            response.headers[REASON_HEADER] = ended.outcome.value
        return response

    def _ended_page(self, visit: Visit, ended: Ended) -> web.Response:
        signature = ended.signature
        if signature is None:
            onward = pages.home_of(visit.route)
            return self._tools.page(visit, pages.sign_ended(visit, visit.route, ended.outcome, onward=onward))
        route = self._route(visit, signature)
        again = ended.outcome.may_begin_again and not signature.is_final
        collect = signature.progress is Progress.COLLECTING
        page = pages.sign_ended(
            visit,
            route,
            ended.outcome,
            id_=signature.id if again else "",
            onward=pages.home_of(route) if signature.form is not None else signature.return_to,
            collect=collect,
        )
        return self._tools.page(visit, page)

    def _shown(self, route: Route, signature: Signature) -> SignedText:
        consent = self._consent_of(signature.app, signature.consent)
        form = signature.form
        fields = () if form is None else signed_fields(form.body, route.app.headers.charset) or ()
        readable = signature.source in {Source.TEXT, Source.CONSENT, Source.FORM}
        return SignedText(
            id=signature.id,
            source=signature.source.value,
            title=signature.title,
            hash=signature.hash,
            fields=tuple((drawn(name), drawn(value)) for name, value in fields),
            text=signature.document.decode() if readable else "",
            app=signature.app,
            consent=signature.consent,
            receiver={} if consent is None else consent.receiver,
            purpose={} if consent is None else consent.purpose,
            items=() if consent is None else consent.items,
            withdraw="" if consent is None else consent.withdraw,
            details="" if consent is None else consent.details,
            cancel=signature.return_to if form is None else self._tools.safe_return(route, form.referer or None),
        )

    def _is_of_old_settings(self, signature: Signature) -> bool:
        """Whether the settings have other words for a consent than its text, which nobody has signed yet."""
        signed = signature.is_final or signature.progress is Progress.COLLECTING
        if signed or signature.source is not Source.CONSENT:
            return False
        consent = self._consent_of(signature.app, signature.consent)
        return consent is None or consent_text(consent, signature.created_at) != signature.document

    def _page_of(self, signature: Signature) -> str:
        return f"{self._tools.prefix}{SIGN}?id={quote(signature.id)}"

    def _routes(self, host: str) -> list[Route]:
        return [route for route in self._tools.table().routes if route.host == host]

    def _route(self, visit: Visit, signature: Signature) -> Route:
        """Return the App's route: Apps of one host share our pages."""
        return next((each for each in self._routes(visit.route.host) if each.name == signature.app), visit.route)

    def _consent_of(self, app: str, name: str) -> ConsentSettings | None:
        settings = self._apps.get(app)
        consents = () if settings is None else settings.consents
        return next((each for each in consents if each.name == name), None)

    def _consent(self, visit: Visit, app: str, name: str) -> tuple[Route, ConsentSettings] | None:
        """Return a consent by its App; without one, the only consent of that name at this host."""
        routes = [each for each in self._routes(visit.route.host) if app in ("", each.name)]
        found = [(each, consent) for each in routes if (consent := self._consent_of(each.name, name)) is not None]
        return found[0] if len(found) == 1 else None

    # --- the application --------------------------------------------------------------

    async def ask(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Take a document, and return the URL for the person's browser."""
        app = self._admitted(visit)
        if not isinstance(app, Route):
            return app
        key = idempotency_key(value for name, value in visit.inbound.headers if name.lower() == b"idempotency-key")
        if key is None:
            return problem_for(visit, HTTPStatus.BAD_REQUEST, "idempotency_key")
        body = await request.read()
        try:
            asked = read_asked(body)
            signature = self._asked_for(app, asked)
        except AskedError as error:
            return problem_for(visit, HTTPStatus.UNPROCESSABLE_ENTITY, "not_signable", str(error))
        added: Signature | NotAdded = signature
        if key:
            added = await self._signatures.add_once(signature, key, sha256(body).hexdigest())
        elif not await self._signatures.add(signature):
            added = NotAdded.NO_ROOM
        if isinstance(added, NotAdded):
            return self._not_added(visit, signature, added)
        self._tell(visit, "asked", Ended(SignOutcome.BEGUN, added))
        url = f"{app.origin}{self._page_of(added)}"
        return _json(described(added) | {"url": url}, HTTPStatus.CREATED)

    def _not_added(self, visit: Visit, signature: Signature, why: NotAdded) -> web.Response:
        match why:
            case NotAdded.NO_ROOM:
                self._tell(visit, "no_room", Ended(SignOutcome.NO_ROOM, signature))
                detail = "the signatures of this App have all the room of `signing.room`"
                return problem_for(visit, HTTPStatus.SERVICE_UNAVAILABLE, "no_room", detail)
            case NotAdded.OTHER_REQUEST:
                return problem_for(visit, HTTPStatus.CONFLICT, "idempotency_key", "the key stands for another request")
            case NotAdded.OVER:
                return problem_for(visit, HTTPStatus.CONFLICT, "idempotency_key", "the signature of this key is over")

    def _asked_for(self, route: Route, asked: Asked) -> Signature:
        """Return a new signature.

        Raises:
            AskedError: the consent is unknown, or the way back is not the App's own.

        """
        now = self._tools.clock()
        title, document, hash_ = asked.title, asked.document, asked.hash
        if asked.source is Source.CONSENT:
            consent = self._consent_of(route.name, asked.consent)
            if consent is None:
                raise AskedError("this consent is not in the App's settings (`signing.consents`)")
            title, document = {"ja": TITLE}, consent_text(consent, now)
            hash_ = base64.b64encode(sha256(document).digest()).decode()
        return_to = self._tools.safe_return(route, asked.return_to)
        if return_to == "/" and asked.return_to != "/":
            raise AskedError("`return_to` is no path of the App's own origin, or lies within our own pages")
        return Signature(
            id=self._signatures.new_id(),
            source=asked.source,
            app=route.name,
            host=route.host,
            client_id=route.client_id,
            title=dict(title),
            hash=hash_,
            digest_info=asked.digest_info,
            created_at=now,
            ends_at=now + PENDING_SECONDS,
            document=document,
            return_to=return_to,
            subject=asked.subject,
            consent=asked.consent,
        )

    async def read(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Return the state of a signature, and its result if there is one."""
        found = await self._of_app(visit, request)
        if not isinstance(found, Signature):
            return found
        if found.result is not None:
            self._tell(visit, "fetched", Ended(SignOutcome.SIGNED, found))
        return _json(described(found), HTTPStatus.OK)

    async def confirm(self, visit: Visit, request: web.Request) -> web.StreamResponse:
        """Forget a signature: its application has what it needs."""
        found = await self._of_app(visit, request)
        if not isinstance(found, Signature):
            return found
        if not await self._signatures.remove(found):
            return problem_for(visit, HTTPStatus.NOT_FOUND, "unknown_signature")
        self._tell(visit, "confirmed", Ended(SignOutcome.SIGNED, found))
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _of_app(self, visit: Visit, request: web.Request) -> Signature | web.Response:
        app = self._admitted(visit)
        if not isinstance(app, Route):
            return app
        id_ = request.match_info["name"]
        signature = await self._signatures.find(id_) if is_id(id_) else None
        # Another App's is as unknown as one that never was.
        if signature is None or signature.app != app.name:
            return problem_for(visit, HTTPStatus.NOT_FOUND, "unknown_signature")
        return signature

    def _admitted(self, visit: Visit) -> Route | web.Response:
        """Return the App whose application asks, by its token and its address."""
        inbound, now = visit.inbound, self._tools.clock()
        address = inbound.client_address
        here = {route.name: route for route in self._routes(visit.route.host)}
        fields = [value for name, value in inbound.headers if name.lower() == b"authorization"]
        tokens = {name: token for name, token in self._tokens.items() if name in here}
        # An unknown address is nobody's.
        name = admitted(fields, inbound.seen_from, self._apps, tokens)
        if not name:
            # Only what is wrong waits: a stranger's guesses must not close the API to the application.
            if (wait := self._wrong.take(address, now)) is not None:
                return _wait(visit, wait)
            # No event: a stranger must not be able to fill the log.
            self._observer.signature(visit.route.name, "not_admitted")
            response = problem_for(visit, HTTPStatus.UNAUTHORIZED, "not_admitted")
            response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
            return response
        if (wait := self._asked.take(address, now)) is not None:
            return _wait(visit, wait)
        return here[name]

    # --- telling ----------------------------------------------------------------------

    def _recorder(self, visit: Visit) -> Recorder:
        """Return what has the audit trail record a signature or a refusal, before the application can read it.

        It raises `AuditUnavailableError` where the trail is required and cannot be written: then nothing has ended.
        """

        async def record(ended: Ended) -> None:
            await self._tools.must_record(self._entry(visit, ended.outcome.value, ended))

        return record

    def _tell(self, visit: Visit, outcome: str, ended: Ended) -> None:
        if outcome not in _NOT_AUDITED:
            self._record(self._entry(visit, outcome, ended))
        self._count_of(visit, outcome, ended)

    def _count_of(self, visit: Visit, outcome: str, ended: Ended) -> None:
        signature = ended.signature
        if signature is None:
            self._count(visit, visit.route.name, outcome, error=ended.error, endpoint=ended.endpoint, check=ended.check)
            return
        self._count(
            visit,
            signature.app,
            outcome,
            rule=signature.rule,
            source=signature.source.value,
            error=ended.error,
            endpoint=ended.endpoint,
            check=ended.check,
            transaction=ended.transaction,
            pseudonym=signature.pseudonym,
        )

    def _count(self, visit: Visit, app: str, outcome: str, **fields: object) -> None:
        note("sekisho.signature.outcome", outcome)
        self._observer.signature(app, outcome)
        described_fields = {name: value for name, value in fields.items() if value not in ("", None)}
        _log.info(Event.SIGNATURE, app=app, outcome=outcome, request_id=visit.inbound.request_id, **described_fields)

    def _entry(self, visit: Visit, outcome: str, ended: Ended) -> Entry:
        """Return what the audit trail keeps: hash, transaction, time, pseudonym and outcome, and no content."""
        signature = ended.signature
        return Entry(
            Action.SIGNATURE,
            self._tools.clock(),
            Outcome.DONE if outcome in _GOOD else Outcome.FAILED,
            pseudonym="" if signature is None else signature.pseudonym,
            app=visit.route.name if signature is None else signature.app,
            rule="" if signature is None else signature.rule,
            verdict=outcome,
            reasons=tuple(word for word in (ended.error, ended.check, ended.endpoint) if word),
            object="" if signature is None else signature.hash,
            names=(ended.transaction,) if ended.transaction else (),
            request_id=visit.inbound.request_id,
        )


def _one(inbound: Inbound, name: str) -> str:
    """Return the only value of a parameter of the query, or nothing."""
    try:
        values = parse_qs((inbound.target.query or b"").decode("ascii"), max_num_fields=20).get(name, [])
    except ValueError:
        return ""
    return values[0] if len(values) == 1 else ""


def _json(said: Mapping[str, object], status: HTTPStatus) -> web.Response:
    return web.json_response(dict(said), status=status)


def problem_for(visit: Visit, status: HTTPStatus, code: str, detail: str = "") -> web.Response:
    """Return a problem document for a program, with its code as the reason of the access line."""
    answer = problem(status, code, visit.inbound.request_id, detail=detail)
    fields = [(name.decode("ascii"), value.decode("ascii")) for name, value in answer.headers]
    return web.Response(
        body=answer.body, status=answer.status, headers=CIMultiDict([*fields, (REASON_HEADER, answer.reason)])
    )


def _wait(visit: Visit, seconds: int) -> web.Response:
    response = problem_for(visit, HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests")
    response.headers[hdrs.RETRY_AFTER] = str(seconds)
    return response


__all__ = ["LARGEST_ASKED", "SIGNATURES", "PageTools", "SigningPages", "SigningServices", "problem_for"]
