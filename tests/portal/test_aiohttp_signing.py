"""The pages of documents that people sign, and the API of applications, as the byte path reaches them."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientResponse
from pytest_aiohttp.plugin import AiohttpClient

from gateway.audit.entry import Entry
from gateway.errors import StoreUnavailableError
from gateway.login.returned import RETURNED_SECONDS, ReturnedForms
from gateway.pipeline.visit import SignFormPage, Visit
from gateway.policy.verdict import Sign
from gateway.portal.aiohttp_signing import LARGEST_ASKED, SigningServices
from gateway.session.seal import Secrets
from gateway.session.session import Found, NoTicket, SessionState
from gateway.settings.settings import AppSigning, ConsentSettings, HeaderSettings
from gateway.signing.consent import consent_text
from gateway.signing.memory_store import MemoryByteStore
from gateway.signing.records import Pointer
from gateway.signing.signature import KeptRequest, Progress, Result, Signature, SignOutcome, Source
from tests import builders
from tests.portal.conftest import PREFIX, House, make_house, settings
from tests.signing.test_asked import signature
from tests.signing.test_service import House as Signing

HERE, ELSEWHERE = "10.0.0.5", "192.0.2.1"
LATER = builders.NOON + 900
TOKENS = {"booking": "b" * 40, "library": "l" * 40}
CONSENT = ConsentSettings(
    name="newest",
    receiver={"ja": "関所銀行"},
    purpose={"ja": "手続きのため"},
    items=("name",),
    withdraw="https://bank.example/withdraw",
)
HANAKO = Found(builders.session())
TARO = Found(builders.session(builders.identity("taro"), pseudonym="p-taro"))
FORM_TYPE = ("Content-Type", "application/x-www-form-urlencoded")
OURS = ("Sec-Fetch-Site", "same-origin")
NAVIGATION = (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"), OURS)


@dataclass
class Told:
    """Remembers what the metrics and the trail were told."""

    counted: list[tuple[str, str]] = field(default_factory=list)
    recorded: list[Entry] = field(default_factory=list)

    def signature(self, app: str, outcome: str) -> None:
        self.counted.append((app, outcome))


@dataclass
class Desk:
    """A portal with two Apps at one host, whose applications use the API."""

    house: House
    signing: Signing
    told: Told
    apps: dict[str, AppSigning]
    returned: ReturnedForms

    async def ask(
        self,
        method: str = "POST",
        path: str = "",
        said: Mapping[str, Any] | bytes | None = None,
        *,
        app: str = "booking",
        address: str = HERE,
        key: str = "",
    ) -> tuple[int, Any, ClientResponse]:
        """Use the API as an application does."""
        headers = [("Authorization", f"Bearer {TOKENS[app]}"), *([("Idempotency-Key", key)] if key else [])]
        visit = self.house.visit(
            f"{PREFIX}signatures{path}", *headers, method=method, peer=address, client_address=address
        )
        body = json.dumps(said).encode() if isinstance(said, Mapping) else said
        answer = await self.house.send(visit, body)
        text = await answer.read()
        return answer.status, json.loads(text) if "json" in answer.headers.get("Content-Type", "") else None, answer

    async def asked(self, said: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Ask for a signature, and return what the application reads."""
        status, made, _ = await self.ask(said=said or {"title": "契約", "hash": HASH}, **more)
        assert status == 201, made
        assert isinstance(made, dict)
        return made

    async def kept(self, id_: str) -> Signature:
        """Return what is kept."""
        found = await self.signing.service.find(id_)
        assert found is not None
        return found

    async def keep(self, **changes: Any) -> Signature:
        """Keep a signature as it may have become."""
        made = signature(
            **({"app": "booking", "client_id": builders.CLIENT, "id": secret(), "ends_at": LATER} | changes)
        )
        assert await self.signing.service.add(made)
        return made

    async def page(self, id_: str, session: SessionState = HANAKO) -> tuple[int, str]:
        """Open a document's page."""
        answer = await self.house.get("sign", *NAVIGATION, query=f"id={id_}", session=session)
        return answer.status, await answer.text()

    async def press(
        self, id_: str, action: str, *headers: tuple[str, str], session: SessionState = HANAKO
    ) -> ClientResponse:
        """Press a button of that page."""
        return await self.house.post("sign", {"id": id_, "action": action}, *(headers or NAVIGATION), session=session)


HASH = base64.b64encode(sha256(b"document").digest()).decode()


def secret() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


Opener = Callable[..., Awaitable[Desk]]


@pytest.fixture(name="opened")
def opened_fixture(aiohttp_client: AiohttpClient) -> Opener:
    async def opened(**app: Any) -> Desk:
        signing, told = Signing(), Told()
        signing.now = builders.NOON
        used = AppSigning(addresses=(f"{HERE}/32",), consents=(CONSENT,))
        apps = {"booking": used, "library": used}
        services = SigningServices(
            signatures=signing.service,
            apps=apps,
            tokens={name: sha256(token.encode()).digest() for name, token in TOKENS.items()},
            observer=told,
            record=told.recorded.append,
        )
        first = builders.route(app=settings(name="booking", **app))
        second = replace(first, app=settings(name="library", url="https://app.gw.test/library"), prefix="/library")
        returned = ReturnedForms(Secrets.single(os.urandom(32)), os.urandom)
        house = await make_house(aiohttp_client, first, signing=services, others=(second,), returned=returned)
        return Desk(house, signing, told, apps, returned)

    return opened


# The application


async def test_an_application_reads_and_forgets_its_own_signatures_alone(opened: Opener) -> None:
    """Another App's at the same host is as unknown as one that never was, and stays as it is."""
    desk = await opened()
    made = await desk.asked()

    assert (await desk.ask("GET", f"/{made['id']}", app="library"))[0] == 404
    assert (await desk.ask("DELETE", f"/{made['id']}", app="library"))[0] == 404
    assert (await desk.ask("GET", f"/{secret()}"))[0] == 404
    assert (await desk.ask("GET", f"/{made['id']}", address=ELSEWHERE))[0] == 401
    assert (await desk.ask("GET", f"/{made['id']}"))[1]["state"] == "waiting"
    assert (await desk.ask("DELETE", f"/{made['id']}"))[0] == 204
    assert (await desk.ask("DELETE", f"/{made['id']}"))[0] == 404


@pytest.mark.parametrize("path", ["/", "/x", "/../x", "/" + "i" * 44, "/" + "i" * 42 + "%2f", "/" + "é" * 43])
async def test_an_id_of_another_shape_is_unknown(opened: Opener, path: str) -> None:
    """Nothing is looked up for it."""
    desk = await opened()

    assert (await desk.ask("GET", path))[0] in {404, 405}


@pytest.mark.parametrize(
    ("path", "methods"),
    [("", ("GET", "HEAD", "PUT", "PATCH", "DELETE")), (f"/{'i' * 43}", ("HEAD", "POST", "PUT", "PATCH"))],
)
async def test_a_url_of_the_api_has_its_methods_and_no_others(
    opened: Opener, path: str, methods: tuple[str, ...]
) -> None:
    """The right token changes nothing: the answer is 405, and nothing begins or ends."""
    desk = await opened()
    await desk.keep(id="i" * 43)

    for method in methods:
        assert (await desk.ask(method, path))[0] == 405, method
    assert (await desk.ask("GET", f"/{'i' * 43}"))[0] == 200
    assert [outcome for _, outcome in desk.told.counted] == []


async def test_no_answer_of_the_api_is_kept_by_a_cache_or_read_by_a_page(opened: Opener) -> None:
    """A result holds a certificate."""
    desk = await opened()
    kept = await desk.keep(
        progress=Progress.SIGNED, result=Result("t", "c2ln", builders.NOON, certificate="MIIB"), attempts=()
    )

    for path, token in ((f"/{kept.id}", "booking"), (f"/{kept.id}", "library")):
        headers = (await desk.ask("GET", path, app=token))[2].headers
        assert "no-store" in headers["Cache-Control"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(
    "return_to",
    [
        "//evil.example/",
        "/\\evil.example",
        "/a\r\nLocation: https://evil.example/",
        "/\t/evil.example",
        "/.sekisho/logout",
        "/.sekisho/callback?state=x",
        "/%2e%2e/.sekisho/logout",
        "/a/../.sekisho/logout",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\u202ecod",
    ],
)
async def test_a_way_back_is_a_path_of_the_apps_own(opened: Opener, return_to: str) -> None:
    """Another origin, and our own pages, are refused, and nothing is kept."""
    desk = await opened()

    status, said, _ = await desk.ask(said={"title": "a", "hash": HASH, "return_to": return_to})

    assert status == 422
    assert "return_to" in said["detail"]


async def test_an_idempotency_key_stands_for_one_request_of_one_app(opened: Opener) -> None:
    """The same key with another document is a mistake; another App's key of that name is its own."""
    desk = await opened()
    first = await desk.asked(key="order-12345678")

    assert (await desk.asked(key="order-12345678"))["id"] == first["id"]
    other = {"title": "契約", "hash": base64.b64encode(sha256(b"another").digest()).decode()}
    assert (await desk.ask(said=other, key="order-12345678"))[0] == 409
    assert (await desk.asked(key="order-12345678", app="library"))["id"] != first["id"]
    assert (await desk.ask(said=other, key="short"))[0] == 400


async def test_a_request_that_is_too_long_is_not_read_to_its_end(opened: Opener) -> None:
    """One byte more than a document of the greatest length needs."""
    desk = await opened()

    status, _, _ = await desk.ask(said=b" " * (LARGEST_ASKED + 1))

    assert status == 413
    assert desk.told.counted == []


async def test_an_app_without_room_is_told_and_counted(opened: Opener) -> None:
    """503 with `Retry-After` for its application, a page for the person, and a reason in the access line."""
    desk = await opened()
    desk.signing.service._records._room = 100

    status, said, answer = await desk.ask(said={"title": "契約", "hash": HASH})
    form = await desk.house.send(form_visit(desk), b"a=1")

    assert (status, said["code"], answer.headers["Sekisho-Reason"]) == (503, "no_room", "no_room")
    assert int(answer.headers["Retry-After"]) > 0
    assert (form.status, form.headers["Sekisho-Reason"]) == (503, "no_room")
    assert desk.told.counted == [("booking", "no_room")] * 2
    assert desk.told.recorded == []


async def test_a_store_that_is_away_is_told_to_a_program_as_to_a_program(opened: Opener) -> None:
    """A problem document and no page, for each call."""
    desk = await opened()
    kept = await desk.keep()
    desk.signing.service._records._store = Away()

    for method, path, body in (("POST", "", {"title": "a", "hash": HASH}), ("GET", f"/{kept.id}", None)):
        status, said, answer = await desk.ask(method, path, body)
        assert (status, said["code"]) == (503, "store_unavailable")
        assert answer.headers["Sekisho-Reason"] == "store_unavailable"


class Away(MemoryByteStore):
    """A store that does not answer."""

    async def get(self, name: str, now: float) -> bytes | None:
        raise StoreUnavailableError

    async def take(self, owner: str, name: str, size: int, seconds: float, most: int, now: float) -> bool:
        raise StoreUnavailableError


# The person


async def test_another_person_sees_nothing_of_a_document(opened: Opener) -> None:
    """Neither its page nor the document as a file, and no button of hers does anything."""
    desk = await opened()
    kept = await desk.keep(document="秘密の契約".encode())
    binding = await desk.keep(subject="", document="秘密の契約".encode())
    assert (await desk.page(binding.id))[0] == 200

    for each in (kept, binding):
        status, text = await desk.page(each.id, TARO)
        assert (status, "秘密" in text) == (403, False)
        answer = await desk.house.get("sign-document", *NAVIGATION, query=f"id={each.id}", session=TARO)
        assert (answer.status, "秘密" in await answer.text()) == (403, False)
        for action in ("sign", "collect", "decline"):
            assert (await desk.press(each.id, action, session=TARO)).status == 403
        assert (await desk.kept(each.id)).attempts == ()
        assert (await desk.page(each.id, NoTicket()))[0] == 401
    assert "sign_start" not in desk.signing.provider.calls


async def test_a_document_is_of_the_host_that_it_was_asked_for_at(opened: Opener) -> None:
    """The same person at another host of ours is told that there is none."""
    desk = await opened()
    kept = await desk.keep(host="other.gw.test")

    assert (await desk.page(kept.id))[0] == 404
    assert (await desk.press(kept.id, "sign")).status == 404


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_no_other_site_presses_a_button(opened: Opener, site: str) -> None:
    """The person has seen no document: she is shown it."""
    desk = await opened()
    kept = await desk.keep(source=Source.CONSENT, consent="newest", document=consent_text(CONSENT, 0.0))

    for action in ("sign", "decline", "collect"):
        answer = await desk.press(kept.id, action, ("Sec-Fetch-Site", site))
        assert answer.status == 200
    assert (await desk.kept(kept.id)).progress is Progress.WAITING


async def test_a_button_that_the_page_does_not_have_does_nothing(opened: Opener) -> None:
    """A document that is no consent cannot be declined for the person, and an odd word is none."""
    desk = await opened()
    kept = await desk.keep()

    for action in ("decline", "", "delete", "SIGN"):
        assert (await desk.press(kept.id, action)).status == 200
    assert (await desk.kept(kept.id)).progress is Progress.WAITING


async def test_a_consent_whose_words_have_changed_is_not_signed(opened: Opener) -> None:
    """The page would name the new receiver, and the text that is signed the old one."""
    desk = await opened()
    made = await desk.asked({"consent": "newest"})
    assert (await desk.page(made["id"]))[0] == 200

    desk.apps["booking"] = replace(desk.apps["booking"], consents=(replace(CONSENT, receiver={"ja": "別の銀行"}),))
    status, text = await desk.page(made["id"])
    pressed = await desk.press(made["id"], "sign")

    assert (status, "別の銀行" in text) == (404, False)
    assert pressed.status == 404
    assert (await desk.kept(made["id"])).attempts == ()


async def test_a_consent_is_withdrawn_from_the_app_that_asked(opened: Opener) -> None:
    """Two Apps of a host may have a consent of one name: the link says which, and without that there is none."""
    desk = await opened()
    made = await desk.asked({"consent": "newest"}, app="library")
    _, text = await desk.page(made["id"])
    link = re.search(r"withdraw\?(app=library&amp;consent=newest)", text)
    assert link is not None

    doubtful = await desk.house.get("withdraw", *NAVIGATION, query="consent=newest", session=HANAKO)
    done = await desk.house.post("withdraw", {"app": "library", "consent": "newest"}, *NAVIGATION, session=HANAKO)

    assert doubtful.status == 404
    assert done.status == 200
    assert ("library", "withdrawn") in desk.told.counted


def form_visit(desk: Desk, *headers: tuple[str, str]) -> Visit:
    """Return the visit of a form that its rule has signed."""
    wanted = SignFormPage("test/apply", Sign({"ja": "申請"}, digest_info=False))
    sent = (FORM_TYPE, *NAVIGATION, *headers)
    return desk.house.visit("/apply", *sent, method="POST", session=HANAKO, purpose=wanted)


async def posted(desk: Desk, body: bytes, *headers: tuple[str, str]) -> str:
    """Post a form that its rule has signed, and return its page's text."""
    answer = await desk.house.send(form_visit(desk, *headers), body)
    assert answer.status == 303, await answer.text()
    return (await desk.page(answer.headers["Location"].partition("id=")[2]))[1]


@pytest.mark.parametrize(
    ("referer", "link"),
    [
        ("https://app.gw.test/form?x=1", "/form?x=1"),
        ("https://app.gw.test/", "/"),
        ("https://evil.example/form", "/"),
        ("https://app.gw.test.evil.example/form", "/"),
        ("https://app.gw.test@evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("//evil.example/", "/"),
        ("https://app.gw.test/.sekisho/logout", "/"),
        ("", "/"),
    ],
)
async def test_the_way_back_from_a_form_stays_at_the_app(opened: Opener, referer: str, link: str) -> None:
    """The page before is one that the browser names, and a client may name any."""
    desk = await opened()

    text = await posted(desk, b"a=1", *([("Referer", referer)] if referer else []))

    assert f'<a class="button line" href="{link}">' in text
    assert "evil" not in text
    assert "javascript:" not in text


async def test_a_form_is_shown_as_text_and_nothing_in_it_is_hidden(opened: Opener) -> None:
    """Marks that turn the direction of writing are shown as numbers, and HTML as it was typed."""
    desk = await opened()

    text = await posted(desk, b"a=%E2%80%AE0001%3Cscript%3Ealert(1)%3C%2Fscript%3E%5C&b=%F3%A0%81%81")

    shown = text.partition('<dl class="mine">')[2].partition("</dl>")[0]
    assert "\\u{202E}0001&lt;script&gt;alert(1)&lt;/script&gt;\\</pre>" in shown
    assert "\\u{E0041}" in shown
    assert "<script" not in text
    assert "\u202e" not in text


async def test_a_form_is_shown_in_its_own_apps_charset(opened: Opener) -> None:
    """The other App of the host reads UTF-8."""
    desk = await opened(headers=HeaderSettings(charset="cp932"))

    assert "<pre>髙橋</pre>" in await posted(desk, b"a=%FB%FC%8B%B4")


async def test_a_signed_form_can_be_sent_for_an_hour_after_its_signature(opened: Opener) -> None:
    """The name of the press is forgotten later, however long a result waits: no page sends the form a second time."""
    desk = await opened()
    signed_at = builders.NOON - 3_000
    kept = await desk.keep(
        source=Source.FORM,
        form=KeptRequest("/apply", FORM_TYPE[1], "", b"a=1"),
        progress=Progress.SIGNED,
        reason=SignOutcome.SIGNED,
        result=Result("t", "c2ln", signed_at),
        ends_at=builders.NOON + 86_400,
    )

    answer = await desk.house.get("sign", *NAVIGATION, query=f"id={kept.id}", session=HANAKO)
    field_ = re.search(r'name="sekisho-return" value="([^"]+)"', await answer.text())
    cookie = answer.headers["Set-Cookie"].partition(";")[0]

    assert field_ is not None
    press = desk.house.visit("/apply", ("Cookie", cookie), method="POST").inbound
    body = urlencode({"sekisho-return": field_[1]}).encode()
    for at, sent in (
        (builders.NOON, True),
        (signed_at + RETURNED_SECONDS - 1, True),
        (signed_at + RETURNED_SECONDS, False),
    ):
        opened_form = desk.returned.open(press, desk.house.route.cookie_prefix, body, at)
        assert (opened_form is not None and opened_form.body == b"a=1") is sent, at


@pytest.mark.parametrize("kind", ["text", "pdf"])
async def test_a_document_is_saved_and_never_shown_in_our_origin(opened: Opener, kind: str) -> None:
    """A PDF with a script, an SVG called a PDF, and a text that is HTML run nowhere."""
    desk = await opened()
    content = b"%PDF-1.7 <svg onload=alert(1)>" if kind == "pdf" else b"<script>alert(1)</script>"
    kept = await desk.keep(source=Source(kind), document=content)

    answer = await desk.house.get("sign-document", *NAVIGATION, query=f"id={kept.id}", session=HANAKO)

    assert await answer.read() == content
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Type"] == ("application/pdf" if kind == "pdf" else "text/plain; charset=utf-8")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert "no-store" in answer.headers["Cache-Control"]


async def test_a_state_that_leads_to_another_record_opens_nothing(opened: Opener) -> None:
    """Records that somebody moved in the store, or a pointer of an idempotency key, are no callback's."""
    desk = await opened()
    kept = await desk.keep()
    state = f"sign-{secret()}"
    await desk.signing.service._records.point(state, Pointer(kept.id), 60, builders.NOON)

    query = f"state={state}&code=x"
    answer = await desk.house.get("callback", *NAVIGATION, query=query, session=HANAKO)

    assert answer.status == 400
    assert (await desk.kept(kept.id)).progress is Progress.WAITING
    assert "token" not in desk.signing.provider.calls
    assert [each.verdict for each in desk.told.recorded if each.verdict == "signed"] == []
