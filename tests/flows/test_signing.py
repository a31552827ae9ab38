"""Signatures over real sockets: a browser, the gateway, the emulator's signature API and an application."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.demo.deck import deck
from gateway.demo.emulator import REALM, Emulator, EmulatorClient, EmulatorSettings, start_emulator
from gateway.demo.emulator_signing import SigningContract
from gateway.demo.faults import Alterations, CardSignature, Fault
from gateway.demo.signing_cards import SigningCards
from gateway.login.jwcrypto_keys import load_keys
from gateway.signing.digest import sha256_base64
from gateway.signing.document import canonical
from tests.builders import CLIENT
from tests.conftest import free_port
from tests.flows.gateway_process import PATIENCE, GatewayProcess
from tests.flows.test_traces import Collector, collector
from tests.redis_server import redis_server

pytestmark = [pytest.mark.long, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

POLICY = """\
policy: allowance
rules:
  - name: apply
    match: {path: /apply, method: POST}
    allow: signed_in
    sign: {document: form, title: {ja: 児童手当の申請, en: An application}}
    disclose: [subject]
  - name: the rest
    allow: signed_in
    disclose: [subject]
"""
TOKEN = "0123456789abcdef0123456789abcdef-app"
NAVIGATION = {
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Accept": "text/html",
    "Accept-Language": "en",
}
CANARY = "カナリア花子"
FORM = (("name", CANARY), ("child", "太郎 & <b>"), ("memo", "一行目\r\n二行目"))
BODY = urlencode(FORM)
PAGE = """\
<!DOCTYPE html><meta charset="utf-8"><title>申請</title>
<form method="post" action="/apply"><input name="child"><button>申請</button></form>
"""
CONSENT = """
      consents:
        - name: newest
          receiver: {ja: カナリア銀行}
          purpose: {ja: 住所変更の手続き}
          items: [name, address]
          withdraw: https://bank.example/withdraw
"""


class Loopback(AbstractResolver):
    """Finds every host on this machine, as a browser does with names under `localhost`."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        here = ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        return [here]

    async def close(self) -> None:
        """Hold nothing."""


@dataclass
class Application:
    """The application behind, which remembers what it got."""

    port: int = field(default_factory=free_port)
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Answer everything, and keep each form."""
        served = web.Application()

        async def answer(request: web.Request) -> web.Response:
            body = await request.read()
            if request.method == "POST":
                self.got.append((request.path, dict(request.headers), body))
            if request.path == "/form":
                return web.Response(text=PAGE, content_type="text/html")
            return web.Response(text="received")

        served.router.add_route("*", "/{rest:.*}", answer)
        self._runner = web.AppRunner(served)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """End it."""
        if self._runner is not None:
            await self._runner.cleanup()


@dataclass
class Answer:
    """One answer of the gateway."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def location(self) -> str:
        """The next URL."""
        return self.headers["Location"]

    def field(self, name: str) -> str:
        """Return the value of a hidden field."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.body)
        assert found is not None, self.body
        return found[1]


class Browser:
    """A browser that keeps cookies and follows no redirect by itself."""

    def __init__(self, here: Scene) -> None:
        self.here = here
        self.cookies: dict[str, str] = {}

    async def ask(self, method: str, target: str, data: Any = None, **headers: str) -> Answer:
        """Navigate to a target of the App."""
        own = {"Origin": self.here.origin, "Sec-Fetch-Site": "same-origin"} if method == "POST" else {}
        if self.cookies:
            own["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = urljoin(self.here.origin, target)
        async with self.here.http.request(
            method, url, data=data, headers={**NAVIGATION, **own, **headers}, allow_redirects=False
        ) as answer:
            for name, morsel in answer.cookies.items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
            return Answer(answer.status, answer.headers, await answer.text())

    async def card(self, location: str, card: int = 1, response: str = "normal") -> str:
        """Hold a card to the phone at the emulator; return the callback's target."""
        async with self.here.http.get(location) as page:
            text = await page.text()
            action = re.search(r'action="([^"]+)"', text)
            assert action is not None, text
        choice = {"response": response, "card": str(card)}
        async with self.here.http.post(urljoin(location, action[1]), data=choice, allow_redirects=False) as back:
            parts = urlsplit(back.headers["Location"])
            return f"{parts.path}?{parts.query}"

    async def sign_in(self, card: int = 1) -> None:
        """Sign in."""
        begun = await self.ask("GET", "/")
        assert begun.status == 303, begun.body
        ended = await self.ask("GET", await self.card(begun.location, card))
        assert ended.status == 303, ended.body

    async def post_form(self, body: str = BODY) -> Answer:
        """Post the application's form, and open the page that shows it."""
        asked = await self.ask("POST", "/apply", body, **{"Content-Type": "application/x-www-form-urlencoded"})
        assert asked.status == 303, asked.body
        return await self.ask("GET", asked.location)

    async def press(self, page: Answer, action: str = "sign") -> Answer:
        """Press a button of the page."""
        return await self.ask("POST", "/.sekisho/sign", {"id": page.field("id"), "action": action})

    async def sign(self, page: Answer, card: int = 1, response: str = "normal") -> Answer:
        """Press the button, hold the card, and come back."""
        begun = await self.press(page)
        assert begun.status == 303, begun.body
        return await self.ask("GET", await self.card(begun.location, card, response))

    async def send(self, page: Answer) -> Answer:
        """Press the button that sends the signed form."""
        return await self.ask("POST", "/apply", {"sekisho-return": page.field("sekisho-return")})


@dataclass
class Scene:
    """Everything that takes part."""

    gateway: GatewayProcess
    application: Application
    emulator: Emulator
    http: aiohttp.ClientSession
    redis_url: str
    traces: Collector

    @property
    def origin(self) -> str:
        """The App's public origin."""
        return f"http://app.localhost:{self.gateway.port}"

    async def api(self, method: str, path: str = "", token: str = TOKEN, **more: Any) -> tuple[int, Any]:
        """Use the application's API."""
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        url = f"{self.origin}/.sekisho/signatures{path}"
        async with self.http.request(method, url, headers=headers, **more) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None


@pytest.fixture
def scene(stage: Scene) -> Scene:
    """Return the stage as nobody has used it: the faults are lifted, and no form has arrived."""
    stage.emulator.mend()
    stage.application.got.clear()
    return stage


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    tmp_path_factory: pytest.TempPathFactory, _redis: Any, request: pytest.FixtureRequest
) -> AsyncIterator[Scene]:
    """Start it all; a parameter says who we are, `private` by default, and what else the settings say of signing."""
    tmp_path, redis_url = tmp_path_factory.mktemp("signing"), _redis.url
    operator, _, more = getattr(request, "param", "private").partition(" ")
    application, issuer_port = Application(), free_port()
    issuer = f"http://127.0.0.1:{issuer_port}{REALM}"
    gateway = GatewayProcess(tmp_path, application.port, redis_url, policy=POLICY)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    text = gateway.settings.read_text().replace("http://localhost:1/api/realms/main", issuer)
    text = text.replace(
        "    policy: policy.yaml\n",
        f"    policy: policy.yaml\n    signing:\n      token: {{file: token}}\n      from: [127.0.0.1]{CONSENT}",
    )
    because = "\n  public_because: 公的個人認証法17条1項1号" if operator == "public" else ""
    text += f"\nsigning:\n  operator: {operator}{because}{more and chr(10) + '  ' + more}\n"
    keys = json.loads(load_keys(tmp_path / "keys.jwks").public_jwks())
    contract = SigningContract(government=operator == "public")
    callback = f"http://app.localhost:{gateway.port}/.sekisho/callback"
    emulator = Emulator(EmulatorSettings(issuer, (EmulatorClient(CLIENT, (callback,), keys, signing=contract),)))
    lasting = ExitStack()
    if "evidence" in more:
        durable = lasting.enter_context(redis_server("--appendonly", "yes", "--maxmemory-policy", "noeviction"))
        text += f"limits: {{store: '{durable.url}'}}\n"
    for name, cards in (("cards", emulator.keys.cards), ("stranger", SigningCards())):
        if f"{name}.pem" in more:
            authority = cards.authority(datetime.now(UTC)).public_bytes(Encoding.PEM)
            (tmp_path / f"{name}.pem").write_bytes(authority)
    provider = await start_emulator(emulator.application(), issuer_port)
    await application.start()
    try:
        async with (
            collector() as (traces, endpoint),
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=Loopback()), cookie_jar=aiohttp.DummyCookieJar()
            ) as http,
        ):
            text += f"traces: {{endpoint: '{endpoint}', ratio: 1}}\n"
            gateway.settings.write_text(text, encoding="utf-8")
            try:
                await asyncio.to_thread(gateway.start)
                yield Scene(gateway, application, emulator, http, redis_url, traces)
            finally:
                await asyncio.to_thread(gateway.stop)
    finally:
        await application.stop()
        await provider.cleanup()
        lasting.close()


async def test_a_form_is_signed_and_accepted(scene: Scene) -> None:
    """The person sees all of it, signs, and sends it; the application gets its own bytes and the signature."""
    browser = Browser(scene)
    await browser.sign_in()

    page = await browser.post_form()
    assert CANARY in page.body
    assert sha256_base64(canonical(FORM, "児童手当の申請")) in page.body
    signed = await browser.sign(page)
    assert signed.status == 303, signed.body
    ready = await browser.ask("GET", signed.location)
    assert not scene.application.got
    sent = await browser.send(ready)
    again = await browser.send(ready)

    assert (sent.status, sent.body) == (200, "received"), sent.body
    assert again.status == 409, again.body
    ((path, headers, body),) = scene.application.got
    assert (path, body.decode()) == ("/apply", BODY)
    assert headers["X-Verified-Signature-Hash"] == sha256_base64(canonical(FORM, "児童手当の申請"))
    status, result = await scene.api("GET", f"/{headers['X-Verified-Signature-Id']}")
    assert (status, result["state"]) == (200, "signed")
    assert result["certificate_jwe"].count(".") == 4
    assert (await scene.api("GET", f"/{result['id']}"))[1] == result, "a broken connection costs no second signature"
    assert (await scene.api("DELETE", f"/{result['id']}"))[0] == 204
    assert (await scene.api("GET", f"/{result['id']}"))[0] == 404


def outcomes(spans: list[Any]) -> set[str]:
    """Return the outcomes of signatures that spans tell."""
    told = (each for span in spans for each in span.attributes if each.key == "sekisho.signature.outcome")
    return {each.value.string_value for each in told}


async def test_nothing_of_a_person_is_in_a_log_a_metric_a_trace_or_redis(scene: Scene) -> None:
    """The canary's form, signature and certificate are sealed in Redis and nowhere else."""
    import redis.asyncio  # noqa: PLC0415

    browser = Browser(scene)
    await browser.sign_in()
    signed = await browser.sign(await browser.post_form())
    ready = await browser.ask("GET", signed.location)
    await browser.send(ready)
    id_ = scene.application.got[0][1]["X-Verified-Signature-Id"]
    result = (await scene.api("GET", f"/{id_}"))[1]
    scene.gateway.wait_for_event("signature", "fetched")
    await scene.traces.wait_for(lambda spans: outcomes(spans) >= {"signed", "fetched"})

    store = redis.asyncio.Redis.from_url(scene.redis_url)
    values = [await store.dump(key) or b"" for key in await store.keys("*")]
    await store.aclose()
    async with scene.http.get(f"http://127.0.0.1:{scene.gateway.management}/metrics") as metrics:
        told = (await metrics.text()).encode()
    logs = [path.read_bytes() for path in scene.gateway.folder.glob("*") if path.suffix in (".log", ".err", ".out")]
    secrets_of_hers = (CANARY, urlencode({"": CANARY})[1:], result["signature"], result["certificate_jwe"])
    assert values
    assert logs
    for hidden in secrets_of_hers:
        assert not [each for each in (*values, told, *logs, scene.traces.raw) if hidden.encode() in each], hidden[:12]
    assert re.search(rb'sekisho_signatures_total\{app="app",outcome="signed"\} [1-9]', told)


async def test_a_form_with_files_is_refused_and_never_forwarded(scene: Scene) -> None:
    """The page says so, and a script is refused as well."""
    browser = Browser(scene)
    await browser.sign_in()
    kind = "multipart/form-data; boundary=x"

    page = await browser.ask("POST", "/apply", "--x--", **{"Content-Type": kind})

    assert (page.status, "cannot be signed" in page.body) == (415, True)
    assert not scene.application.got


async def test_a_person_who_stops_may_begin_again(scene: Scene) -> None:
    """Nothing is sent, and the same page signs after all."""
    browser = Browser(scene)
    await browser.sign_in()
    page = await browser.post_form()

    stopped = await browser.sign(page, response="access_denied")
    shown = await browser.ask("GET", f"/.sekisho/sign?id={page.field('id')}")
    signed = await browser.sign(shown)

    assert (stopped.status, "You stopped signing" in stopped.body) == (403, True)
    assert "You stopped signing" in shown.body
    assert signed.status == 303


async def test_another_persons_card_signs_nothing_here(scene: Scene) -> None:
    """Her certificate is never fetched, and the person who is signed in is told."""
    browser = Browser(scene)
    await browser.sign_in(1)
    page = await browser.post_form()

    refused = await browser.sign(page, card=4)

    assert (refused.status, "who is to sign, or who has signed" in refused.body) == (403, True)
    assert not scene.application.got
    scene.gateway.wait_for_event("signature", "other_person")


async def test_two_tabs_bring_one_signature(scene: Scene) -> None:
    """Each tab has its own way to the provider; the first that comes back counts, and the second is told the same."""
    browser = Browser(scene)
    await browser.sign_in()
    page = await browser.post_form()
    first, second = await browser.press(page), await browser.press(page)

    one = await browser.ask("GET", await browser.card(first.location))
    two = await browser.ask("GET", await browser.card(second.location))

    assert (one.status, two.status) == (303, 303)
    assert one.location == two.location
    ready = await browser.ask("GET", two.location)
    assert (await browser.send(ready)).body == "received"


async def test_a_callback_belongs_to_the_browser_that_began(scene: Scene) -> None:
    """Another browser is sent back, and the state stays good for the first one."""
    browser, other = Browser(scene), Browser(scene)
    await browser.sign_in()
    begun = await browser.press(await browser.post_form())
    callback = await browser.card(begun.location)

    stranger = await other.ask("GET", callback)
    own = await browser.ask("GET", callback)

    assert (stranger.status, "another browser" in stranger.body) == (400, True)
    assert own.status == 303


@pytest.mark.parametrize("fault", [Fault("sign_start", status=503, times=1), Fault("sign_start", drop=True, times=1)])
async def test_a_provider_that_is_away_before_the_card_costs_nothing(scene: Scene, fault: Fault) -> None:
    """A page says so, and the same button works when the provider is back."""
    browser = Browser(scene)
    await browser.sign_in()
    page = await browser.post_form()
    scene.emulator.fail(fault)

    away = await browser.press(page)
    signed = await browser.sign(page)

    assert (away.status, "does not answer" in away.body) == (503, True)
    assert signed.status == 303


@pytest.mark.parametrize("endpoint", ["token", "sign_result"])
async def test_a_provider_that_is_away_after_the_card_costs_no_second_signature(scene: Scene, endpoint: str) -> None:
    """The code, or the token, is kept: the button fetches the result without the card."""
    browser = Browser(scene)
    await browser.sign_in()
    page = await browser.post_form()
    begun = await browser.press(page)
    callback = await browser.card(begun.location)
    scene.emulator.fail(Fault(endpoint, status=503, times=1))

    away = await browser.ask("GET", callback)
    fetched = await browser.press(away, "collect")

    assert (away.status, "need not sign again" in away.body or "fetched again" in away.body) == (503, True)
    assert fetched.status == 303, fetched.body
    ready = await browser.ask("GET", fetched.location)
    assert (await browser.send(ready)).body == "received"


async def test_a_hash_that_the_provider_refuses_has_a_page(scene: Scene) -> None:
    """The provider is asked with a hash it does not take; the operator sees the outcome."""
    browser = Browser(scene)
    await browser.sign_in()
    page = await browser.post_form()
    scene.emulator.fail(Fault("sign_start", status=400, body='{"error":"hash_wrong"}', times=1))

    refused = await browser.press(page)

    assert (refused.status, "Signing cannot begin" in refused.body) == (503, True)
    scene.gateway.wait_for_event("signature", "start_refused")


async def test_a_session_that_ends_in_the_middle_costs_no_second_signature(scene: Scene) -> None:
    """She signs in again, and sends what she has signed."""
    browser = Browser(scene)
    await browser.sign_in()
    page = await browser.post_form()
    begun = await browser.press(page)
    callback = await browser.card(begun.location)
    del browser.cookies["sekisho"]

    back = await browser.ask("GET", callback)
    assert back.status == 303, back.body
    asked = await browser.ask("GET", back.location)
    assert (asked.status, "sign in" in asked.body) == (401, True)
    begun = await browser.ask("GET", f"/.sekisho/login?rd={back.location.replace('?', '%3F').replace('=', '%3D')}")
    ended = await browser.ask("GET", await browser.card(begun.location))
    assert ended.location == back.location
    ready = await browser.ask("GET", ended.location)

    assert (await browser.send(ready)).body == "received"


@pytest.mark.parametrize("stage", ["private", "private same_person: if_told"], indirect=True)
async def test_a_service_that_does_not_say_who_signed(scene: Scene, request: pytest.FixtureRequest) -> None:
    """The signature is refused, unless the settings accept that nobody says it; then the application is told so."""
    browser = Browser(scene)
    await browser.sign_in()
    page = await browser.post_form()
    begun = await browser.press(page)
    callback = await browser.card(begun.location)
    scene.emulator.alterations = Alterations(token_response={"id_token": None})

    back = await browser.ask("GET", callback)

    if "if_told" not in request.node.name:
        assert (back.status, "not known who signed" in back.body) == (403, True)
        return
    ready = await browser.ask("GET", back.location)
    await browser.send(ready)
    assert scene.application.got[0][1]["X-Verified-Signature-Same-Person"] == "not_told"


@pytest.mark.parametrize("stage", ["public"], indirect=True)
async def test_a_public_body_gets_the_certificate_and_its_validity(scene: Scene) -> None:
    """A revoked certificate signs nothing; a good one goes to the application with the agency's report."""
    browser = Browser(scene)
    await browser.sign_in()
    good = await browser.ask("GET", (await browser.sign(await browser.post_form())).location)
    await browser.send(good)
    headers = scene.application.got[0][1]
    result = (await scene.api("GET", f"/{headers['X-Verified-Signature-Id']}"))[1]

    assert headers["X-Verified-Signature-Validity"] == result["validity"] == "good"
    assert base64.b64decode(result["certificate"])[:1] == b"\x30"
    scene.emulator.alterations = Alterations(sign_result={"certificate_validity": "revoked"})
    revoked = await browser.sign(await browser.post_form())
    assert (revoked.status, "not valid" in revoked.body) == (403, True)


VERIFIED = "public verify: {statement: public_body, ca: cards.pem}"
OF_A_STRANGER = "public verify: {statement: public_body, ca: stranger.pem}"


def spoilt_certificate(emulator: Emulator) -> str:
    """Return the first card's certificate with its last byte changed, which is in its issuer's signature."""
    made = emulator.keys.cards.certificate(deck(datetime.now(UTC).date())[0], datetime.now(UTC))
    der = bytearray(made.public_bytes(Encoding.DER))
    der[-1] ^= 1
    return base64.b64encode(der).decode()


async def sign_and_be_refused(scene: Scene) -> str:
    """Sign a form whose result must not be believed; return the reason that the log names for this very result."""
    browser = Browser(scene)
    await browser.sign_in()
    begun = await browser.press(await browser.post_form())
    (transaction,) = parse_qs(urlsplit(begun.location).query)["sign_transaction_id"]

    refused = await browser.ask("GET", await browser.card(begun.location))

    assert (refused.status, "cannot be read" in refused.body) == (503, True), refused.body
    assert not scene.application.got
    async with asyncio.timeout(PATIENCE):
        while True:
            about_it = [each for each in scene.gateway.events() if each.get("transaction") == transaction]
            for each in about_it:
                if each["outcome"] == "result_invalid":
                    return str(each["check"])
            # A log file tells nobody that it has grown: look again, soon.
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("stage", [VERIFIED], indirect=True)
async def test_a_result_that_the_gateway_verifies_goes_to_the_application(scene: Scene) -> None:
    """With `signing.verify` a good signature by a certificate of a configured authority arrives as without it."""
    browser = Browser(scene)
    await browser.sign_in()

    signed = await browser.sign(await browser.post_form())

    assert signed.status == 303, signed.body
    assert (await browser.send(await browser.ask("GET", signed.location))).body == "received"
    (_, headers, _) = scene.application.got[0]
    result = (await scene.api("GET", f"/{headers['X-Verified-Signature-Id']}"))[1]
    assert (result["state"], result["validity"]) == ("signed", "good")


@pytest.mark.parametrize("stage", [VERIFIED], indirect=True)
@pytest.mark.parametrize(
    ("card_signature", "said"),
    [
        (CardSignature.BROKEN, "signature_wrong"),
        (CardSignature.OTHER_DOCUMENT, "signature_wrong"),
        (CardSignature.BARE_HASH, "signature_of_bare_hash"),
    ],
)
async def test_a_signature_with_a_fault_reaches_nobody(scene: Scene, card_signature: CardSignature, said: str) -> None:
    """One changed byte of signature or document is enough: the person reads a page, and no form goes on."""
    scene.emulator.alter(Alterations(card_signature=card_signature))

    assert await sign_and_be_refused(scene) == said


@pytest.mark.parametrize("stage", [VERIFIED], indirect=True)
async def test_a_certificate_with_one_byte_changed_or_no_report_is_not_believed(scene: Scene) -> None:
    """The authority has not signed the changed one, and nobody knows whether the other is revoked."""
    scene.emulator.alter(Alterations(sign_result={"sign_certificate": spoilt_certificate(scene.emulator)}))
    changed = await sign_and_be_refused(scene)
    scene.emulator.alter(Alterations(sign_result={"certificate_validity": None}))
    unreported = await sign_and_be_refused(scene)

    assert (changed, unreported) == ("issuer_wrong", "validity_unknown")


@pytest.mark.parametrize("stage", [OF_A_STRANGER], indirect=True)
async def test_a_certificate_of_another_authority_is_not_believed(scene: Scene) -> None:
    """An authority of the same name with another key has not issued it."""
    assert await sign_and_be_refused(scene) == "issuer_wrong"


def store_of_evidence(scene: Scene) -> str:
    """Return the URL of the store of limits, where evidence stands."""
    found = re.search(r"limits: \{store: '([^']+)'", scene.gateway.settings.read_text("utf-8"))
    assert found is not None
    return found[1]


EVIDENCE = f"{VERIFIED}\n  evidence: {{statement: public_body, keep: 30d}}"


@pytest.mark.parametrize("stage", [EVIDENCE], indirect=True)
async def test_evidence_is_kept_exported_and_erased(scene: Scene) -> None:
    """The hand-over leaves it sealed, an operator exports it on the record, and erases it by the person's subject."""
    import redis.asyncio  # noqa: PLC0415

    def command(*words: str, typed: str = "") -> Result:
        more = ("--reason", "裁判所の嘱託", "-c", str(scene.gateway.settings))
        return CliRunner().invoke(app, ["signature", *words, *more], input=typed)

    browser = Browser(scene)
    await browser.sign_in()
    await browser.send(await browser.ask("GET", (await browser.sign(await browser.post_form())).location))
    id_ = scene.application.got[0][1]["X-Verified-Signature-Id"]
    result = (await scene.api("GET", f"/{id_}"))[1]
    assert (await scene.api("DELETE", f"/{id_}"))[0] == 204
    store = redis.asyncio.Redis.from_url(store_of_evidence(scene))
    values = [await store.dump(key) or b"" for key in await store.keys("*")]
    await store.aclose()
    assert values, "the evidence"

    exported = await asyncio.to_thread(command, "export", "--id", "-", typed=f"{id_}\n")
    subject = scene.application.got[0][1]["X-Verified-Subject"]
    person = ("--client", CLIENT, "--subject", "-")
    erased = await asyncio.to_thread(command, "erase", *person, typed=f"{subject}\n")
    again = await asyncio.to_thread(command, "export", *person, typed=f"{subject}\n")

    (found,) = json.loads(exported.stdout)
    assert base64.b64decode(found["document"]) == canonical(FORM, "児童手当の申請")
    assert {name: found[name] for name in ("id", "signature", "certificate", "validity")} == {
        name: result[name] for name in ("id", "signature", "certificate", "validity")
    }
    for hidden in (CANARY, result["signature"], result["certificate"]):
        assert not [each for each in values if hidden.encode() in each], hidden[:12]
    assert (erased.stdout, json.loads(again.stdout)) == ("evidence of 1 signatures erased\n", [])


async def test_an_application_asks_for_a_document(scene: Scene) -> None:
    """It hands over a text once, the person reads and signs it, and only this application reads the result."""
    browser = Browser(scene)
    await browser.sign_in()
    document = "契約書\n第1条 …\n".encode()
    asked = {"title": "契約書", "document": base64.b64encode(document).decode(), "media_type": "text/plain"}
    asked["return_to"] = "/done?x=1"
    key = {"Idempotency-Key": "order-12345678"}

    status, made = await scene.api("POST", json=asked, headers=key)
    again = await scene.api("POST", json=asked, headers=key)
    other = await scene.api("POST", json=asked | {"title": "別"}, headers=key)
    wrong = await scene.api("POST", json=asked, token="x" * 40)
    unread = await scene.api("POST", json={"title": "a", "hash": "eA=="})

    assert (status, again[0], again[1]["id"]) == (201, 201, made["id"])
    assert (other[0], wrong[0], unread[0]) == (409, 401, 422)
    assert made["hash"] == base64.b64encode(sha256(document).digest()).decode()
    page = await browser.ask("GET", made["url"])
    assert "第1条" in page.body
    saved = await browser.ask("GET", f"/.sekisho/sign-document?id={made['id']}")
    assert (saved.body.encode(), saved.headers["Content-Disposition"][:10]) == (document, "attachment")
    assert "sandbox" in saved.headers["Content-Security-Policy"]
    back = await browser.sign(page)
    assert (back.status, back.location) == (303, "/done?x=1")
    assert (await scene.api("GET", f"/{made['id']}"))[1]["state"] == "signed"
    assert (await scene.api("GET", f"/{made['id']}", token="y" * 40))[0] == 401
    # A stranger's guesses wait, and the application does not.
    guesses = [await scene.api("POST", json=asked, token=f"{number:040}") for number in range(70)]
    assert {guess[0] for guess in guesses} == {401, 429}
    assert (await scene.api("POST", json={**asked, "title": {"ja": "x"}}))[0] not in (401, 429)


async def test_a_consent_is_signed_declined_and_withdrawn(scene: Scene) -> None:
    """The page says who gets what and why; a refusal is told to the application, and a withdrawal is recorded."""
    browser = Browser(scene)
    await browser.sign_in()
    made = [(await scene.api("POST", json={"consent": "newest", "return_to": "/done"}))[1] for _ in range(2)]

    page = await browser.ask("GET", made[0]["url"])
    signed = await browser.sign(page)
    declined = await browser.press(await browser.ask("GET", made[1]["url"]), "decline")
    offer = await browser.ask("GET", "/.sekisho/withdraw?consent=newest")
    withdrawn = await browser.ask("POST", "/.sekisho/withdraw", {"consent": "newest"})

    for word in ("カナリア銀行", "住所変更の手続き", "Consent, and sign with the My Number card", "I do not consent"):
        assert word in page.body
    assert (signed.status, signed.location) == (303, "/done")
    first, second = [(await scene.api("GET", f"/{each['id']}"))[1] for each in made]
    text = base64.b64decode(first["document"]).decode()
    assert (first["state"], first["digest_info"], second["state"]) == ("signed", True, "declined")
    assert base64.b64encode(sha256(text.encode()).digest()).decode() == first["hash"]
    assert "提供先：カナリア銀行" in text
    assert (declined.status, "did not consent" in declined.body) == (200, True)
    assert "https://bank.example/withdraw" in offer.body
    assert "withdrawal is recorded" in withdrawn.body
    scene.gateway.wait_for_event("signature", "withdrawn")
