"""For every policy and every way to sign in, the gateway asks the provider only for the items that the person has read.

The pages are rendered and their buttons pressed; the scopes are those of the authorization request itself.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request
from pytest_aiohttp.plugin import AiohttpClient

from gateway.identity import Birthdate, Gender, Scope
from gateway.language import Language
from gateway.login.login import authorization_url
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.profile import Metadata
from gateway.login.returned import ReturnedForms
from gateway.login.sign_in import BeginOutcome, Begun, Failed, LoginFailure
from gateway.login.waiting import WaitingForms
from gateway.pipeline.outcome import AskPortal, Forward
from gateway.pipeline.step import step
from gateway.pipeline.visit import VISIT_HEADER, FormNotSentPage, OwnPage, SignInPage, Visit
from gateway.policy.decide import CompiledPolicy
from gateway.policy.policy import Allow
from gateway.policy.reading.parse import parse_policy
from gateway.policy.verdict import Challenge, Fact
from gateway.portal.aiohttp_portal import PortalServices, make_portal
from gateway.portal.messages import CATALOGUES, message
from gateway.portal.visits import VisitTable
from gateway.request.inbound import Inbound
from gateway.request.rates import Rate
from gateway.request.target import Target
from gateway.route.route import Route
from gateway.route.table import RouteTable
from gateway.session.seal import Secrets
from gateway.session.session import Found, NoTicket, SessionState
from gateway.settings.settings import Ask
from gateway.yaml.mistakes import Mistakes
from tests import builders
from tests.policy.random_cases import NOW, policy_of, random_request, random_rules
from tests.portal.conftest import PREFIX
from tests.portal.fakes import Counted, FakeDesk, FakeSessions

POLICIES = 20
_WORDS = {"氏名": Scope.NAME, "住所": Scope.ADDRESS, "生年月日": Scope.BIRTHDATE, "性別": Scope.GENDER}
_METADATA = Metadata("https://provider.test", "https://provider.test/auth", "https://provider.test/token", "")


@dataclass
class Desk(FakeDesk):
    """Makes the authorization request that the sign-in service makes of a challenge."""

    async def begin(
        self,
        route: Route,
        inbound: Inbound,
        challenge: Challenge,
        return_to: str | None,
        form: str = "",
        *,
        app: str = "",
        anew: bool = False,
    ) -> BeginOutcome:
        await super().begin(route, inbound, challenge, return_to, form, app=app)
        location = authorization_url(
            _METADATA,
            client_id=route.client_id,
            redirect_uri=f"{route.origin}{PREFIX}callback",
            scopes=challenge.scopes,
            state="s",
            nonce="n",
            verifier="v" * 43,
            assurance={},
        )
        return Begun(location, None)


@dataclass
class Door:
    """A portal whose policy can be exchanged."""

    client: TestClient[Request, Application] = field(init=False)
    visits: VisitTable = field(default_factory=lambda: VisitTable(os.urandom))
    desk: Desk = field(default_factory=Desk)
    route: Route = field(default_factory=builders.route)
    address: str = "198.51.100.2"
    """The browser's: policies look at it."""

    @property
    def table(self) -> RouteTable:
        return RouteTable([self.route], PREFIX)

    async def ask(self, visit: Visit, body: dict[str, str] | None = None) -> ClientResponse:
        """Ask as the byte path does."""
        own = isinstance(visit.purpose, OwnPage)
        headers = {VISIT_HEADER: self.visits.issue(visit)}
        method = visit.inbound.method if own else "GET"
        target = visit.inbound.target.raw.decode() if own else "/"
        return await self.client.request(method, target, headers=headers, data=body, allow_redirects=False)

    async def own(
        self, path: str, session: SessionState, body: dict[str, str] | None = None, query: str | None = None
    ) -> ClientResponse:
        """Ask for one of our own URLs, from a page of this origin."""
        method = "GET" if body is None else "POST"
        target = Target(PREFIX + path, (PREFIX + path).encode(), None if query is None else query.encode())
        headers = ("Sec-Fetch-Site", "same-origin")
        head = builders.inbound(PREFIX + path, headers, target=target, method=method, client_address=self.address)
        return await self.ask(Visit(self.route, head, session, OwnPage()), body)


@pytest.fixture(name="door")
async def door_fixture(aiohttp_client: AiohttpClient) -> Door:
    """A portal, as the byte path reaches it."""
    door = Door()
    many = 1_000_000
    app = make_portal(
        PortalServices(
            visits=door.visits,
            sign_in=door.desk,
            sessions=FakeSessions(),
            table=lambda: door.table,
            form_origins=lambda _: (),
            observer=Counted(),
            prefix=PREFIX,
            begins=Rate(many, many),
            callbacks=Rate(many, many),
            spend=MemoryPendingStore().spend,
            forms=WaitingForms(MemoryPendingStore(), PREFIX, clock=lambda: NOW, random=os.urandom),
            returned=ReturnedForms(Secrets.single(os.urandom(32)), os.urandom),
            clock=lambda: NOW,
        )
    )
    door.client = await aiohttp_client(app)
    return door


def challenged(door: Door, asked: Inbound, session: SessionState) -> Visit | None:
    """Return the visit of a request that must sign in, or `None` where another answer comes."""
    judged = step(asked, session, NOW, door.table)
    if isinstance(judged, AskPortal) and isinstance(judged.visit.purpose, SignInPage | FormNotSentPage):
        return judged.visit
    return None


async def at_the_page(door: Door, asked: Inbound, session: SessionState) -> ClientResponse | None:
    """The rule challenges a page where it stands, or a form that was sent."""
    visit = challenged(door, asked, session)
    return None if visit is None else await door.ask(visit)


async def by_link(door: Door, asked: Inbound, session: SessionState) -> ClientResponse | None:
    """A link of the application leads to our sign-in."""
    target = quote(asked.target.raw.decode(), safe="")
    return await door.own("login", session, query=f"rd={target}")


async def by_form(door: Door, asked: Inbound, session: SessionState) -> ClientResponse | None:
    """A form of ours that says it has shown nothing."""
    method = "POST" if asked.method == "POST" else "GET"
    return await door.own("login", session, {"rd": asked.target.raw.decode(), "method": method, "shown": ""})


async def after_a_failure(door: Door, asked: Inbound, session: SessionState) -> ClientResponse | None:
    """The page of a sign-in that failed offers the next one."""
    door.desk.finishes = Failed(LoginFailure.CANCELLED, asked.target.raw.decode())
    return await door.own("callback", session, query="code=c&state=s")


WAYS: tuple[Callable[[Door, Inbound, SessionState], Awaitable[ClientResponse | None]], ...] = (
    at_the_page,
    by_link,
    by_form,
    after_a_failure,
)


def read(page: str) -> tuple[frozenset[Scope], dict[str, str]]:
    """Return the items that a page says are asked, and the fields of its button."""
    listed = re.search(r'<ul class="facts read">(.*?)</ul>', page, re.DOTALL)
    items = frozenset(_WORDS[word] for word in re.findall(r"<li><b>(.*?)</b>", listed[1] if listed else ""))
    form = re.search(r'<form class="act" method="post" action="/\.sekisho/login".*?</form>', page, re.DOTALL)
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', form[0] if form else "")
    return items, {name: html.unescape(value) for name, value in fields}


async def pressed(door: Door, answer: ClientResponse, session: SessionState) -> tuple[frozenset[Scope], str] | None:
    """Press the button of a page, if it has one; return the items shown, and where the browser is sent."""
    if answer.status == 303:
        return frozenset(), answer.headers["Location"]
    items, fields = read(await answer.text())
    if not fields:
        return None
    onward = await door.own("login", session, fields)
    assert onward.status == 303, "the button must not lead to another page of ours"
    return items, onward.headers["Location"]


def a_request(random: Random, door: Door, session: SessionState) -> Inbound:
    """Return a request that is challenged, where a few tries find one; else any other."""
    head = builders.inbound()
    for _ in range(8):
        wanted = random_request(random)
        target = Target(wanted.path, wanted.path.encode(), None if wanted.query is None else wanted.query.encode())
        door.address = wanted.client or door.address
        method = "POST" if wanted.method == "POST" else "GET"
        head = builders.inbound(wanted.path, target=target, method=method, client_address=door.address)
        if challenged(door, head, session) is not None:
            return head
    return head


@pytest.mark.parametrize("ask", list(Ask))
async def test_the_notice_says_what_the_provider_is_asked(door: Door, ask: Ask) -> None:
    """Of random policies, on every way into a sign-in; with `ask: once`, all that any rule can need, at once."""
    random = Random(20261128)
    seen = {way.__name__: 0 for way in WAYS}
    more = 0
    for _ in range(POLICIES):
        policy = CompiledPolicy(policy_of(*random_rules(random)))
        door.route = builders.route(policy, app=builders.app(ask=ask))  # type: ignore[arg-type]
        known = builders.identity(asked=frozenset({Scope.OPENID, random.choice(sorted(Scope))}))
        states: list[SessionState] = [NoTicket(), Found(builders.session(known))]
        session = random.choice(states)
        head = a_request(random, door, session)
        for way in WAYS:
            answer = await way(door, head, session)
            sent = None if answer is None else await pressed(door, answer, session)
            if sent is None or not sent[1].startswith(_METADATA.authorization_endpoint):
                continue
            items, location = sent
            scopes = frozenset(Scope(word) for word in parse_qs(urlsplit(location).query)["scope"][0].split())
            assert scopes == items | {Scope.OPENID}, (way.__name__, policy.policy, head)
            if ask is Ask.ONCE:
                assert scopes >= policy.scopes, (way.__name__, policy.policy, head)
            seen[way.__name__] += 1
            more += len(items)
    assert min(seen.values()) >= 5, seen
    assert more > POLICIES


_TELLABLE = (*(fact.value for fact in Fact), "adult", "child", "here", "either", "both")
_FULL = builders.identity(
    asked=frozenset(Scope),
    name="鈴木　一郎",
    address="東京都渋谷区神南一丁目1番1号",
    birthdate=Birthdate(1990, 4, 1),
    gender=Gender.MALE,
)


def telling(random: Random) -> CompiledPolicy:
    """Return a random policy whose rules tell random facts and conditions, each condition with a label."""
    policy = policy_of(*random_rules(random))
    rules = tuple(
        rule
        if rule.allow is Allow.NOBODY
        else replace(rule, disclose=tuple(random.sample(_TELLABLE, random.randint(0, 5))))
        for rule in policy.rules
    )
    labels = {name: replace(each, label={"ja": f"条件の{name}"}) for name, each in policy.conditions.items()}
    return CompiledPolicy(replace(policy, rules=rules, conditions=labels))


def called(names: Iterable[str]) -> list[str]:
    """Return what people read for facts and conditions; a town in two spellings is one fact to them."""
    words = [message(Language.JA, f"told.{name}") if name in tuple(Fact) else f"条件の{name}" for name in names]
    return list(dict.fromkeys(words))


def shown_as_told(page: str) -> list[str] | None:
    """Return what a page says that the application is told; `None` where it does not speak of that."""
    listed = re.search(r"<h2>[^<]*に伝わること</h2>(.*?)(?:<h2>|</main>)", page, re.DOTALL)
    if listed is None:
        return None
    words = [html.unescape(word) for word in re.findall(r"<li><b>(.*?)</b>", listed[1].partition("</ul>")[0])]
    assert bool(words) is not (message(Language.JA, "notice.told_nothing") in listed[1])
    return words


def shown_as_untold(page: str) -> dict[str, list[str]]:
    """Return the items that a page says are read and not told, each with what it says is told in its place."""
    listed = re.search(r"<h2>読み取りますが、[^<]*</h2>\s*<ul class=\"facts\">(.*?)</ul>", page, re.DOTALL)
    found = re.findall(r"<li><b>(.*?)</b><span>(.*?)</span></li>", listed[1] if listed else "", re.DOTALL)
    return {item: [html.unescape(each.partition(" — ")[0]) for each in note.split("<br>")[1:]] for item, note in found}


def follows(policy: CompiledPolicy, name: str, item: Scope) -> bool:
    """Say whether the provider must be asked for an item if a name is told."""
    rule = replace(policy.policy.rules[0], require=(), allow=Allow.SIGNED_IN, when=None, disclose=(name,))
    return item in CompiledPolicy(replace(policy.policy, rules=(rule,))).scopes


@pytest.mark.parametrize("ask", list(Ask))
async def test_a_fact_that_is_read_and_not_told_says_what_follows_from_it(door: Door, ask: Ask) -> None:
    """An address of which the town is told is no mere check. Of random policies, each item has all that it leads to."""
    random = Random(20261130)
    told = checked = 0
    for _ in range(2 * POLICIES):
        policy = telling(random)
        door.route = builders.route(policy, app=builders.app(ask=ask))  # type: ignore[arg-type]
        head = a_request(random, door, NoTicket())
        answer = await at_the_page(door, head, NoTicket())
        rule = policy.fitting(head, NOW)
        if answer is None or answer.status == 303 or rule is None:
            continue
        page = await answer.text()
        names = policy.disclosed if ask is Ask.ONCE else rule.rule.disclose
        items = read(page)[0]
        for item, instead in shown_as_untold(page).items():
            wanted = [name for name in names if follows(policy, name, _WORDS[item])]
            assert instead == called(wanted), (item, policy.policy)
            told += len(instead)
            checked += not instead
        left = {word for word, scope in _WORDS.items() if scope in items and scope.value not in names}
        assert shown_as_untold(page).keys() == left
    assert told > 10
    assert checked > 0


@pytest.mark.parametrize("ask", list(Ask))
async def test_the_notice_says_what_the_application_is_told(door: Door, ask: Ask) -> None:
    """Of random policies, on every way into a sign-in, the list has all that `disclose` tells, and nothing else.

    The facts that the application gets after the sign-in are in it, one by one.
    """
    random = Random(20261129)
    seen = dict.fromkeys((way.__name__ for way in WAYS), 0)
    told = 0
    for _ in range(POLICIES):
        policy = telling(random)
        door.route = builders.route(policy, app=builders.app(ask=ask))  # type: ignore[arg-type]
        head = a_request(random, door, NoTicket())
        rule = policy.fitting(head, NOW)
        later = step(head, Found(builders.session(_FULL)), NOW, door.table)
        gets = [name for name, _ in later.permit.disclosed] if isinstance(later, Forward) else []
        for way in WAYS:
            answer = await way(door, head, NoTicket())
            shown = None if answer is None or answer.status == 303 else shown_as_told(await answer.text())
            if shown is None:
                continue
            assert rule is not None
            names = policy.disclosed if ask is Ask.ONCE else rule.rule.disclose
            assert shown == called(names), (way.__name__, policy.policy, head)
            if ask is not Ask.ONCE and isinstance(later, Forward):
                assert shown == called(gets), (way.__name__, policy.policy, head)
            assert set(called(gets)) <= set(shown), (way.__name__, policy.policy, head)
            seen[way.__name__] += 1
            told += len(gets)
    assert min(seen.values()) >= 5, seen
    assert told > POLICIES


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_fact_has_a_name_of_its_own(language: Language) -> None:
    """Two facts under one name would hide that one of them is told; only the spellings of a town share theirs."""
    facts = set(Fact) - {Fact.TOWN_CANONICAL}
    names = [message(language, f"told.{fact}") for fact in facts]

    assert len(set(names)) == len(facts)


THREE = """\
policy: p
conditions:
  adult: {age: {at_least: 18}}
rules:
  - {name: adult, match: {path: /adult}, require: [adult], purpose: {ja: 酒類の提供のため, en: To sell alcohol}}
  - {name: open, match: {path: /open}, allow: everyone}
  - {name: rest, allow: signed_in, disclose: [name, address, birthdate, gender],
     purpose: {ja: 会員の登録のため, en: To register members}}
"""


@pytest.mark.parametrize("path", ["/adult", "/open", "/mine"])
async def test_a_sign_in_that_asks_once_says_every_purpose(door: Door, path: str) -> None:
    """The items are asked for other rules' purposes as well, also where a link leads to a page for everyone."""
    mistakes = Mistakes()
    policy = parse_policy(THREE, mistakes)
    assert policy is not None, mistakes.say()
    door.route = builders.route(CompiledPolicy(policy), app=builders.app(ask=Ask.ONCE))  # type: ignore[arg-type]

    page = await (await door.own("login", NoTicket(), query=f"rd={path}")).text()

    assert read(page)[0] == {Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE, Scope.GENDER}
    assert "酒類の提供のため、会員の登録のため" in page


def test_purposes_are_said_in_the_languages_that_all_of_them_have() -> None:
    """A notice that says half of its purposes in English would be untrue in English."""
    mistakes = Mistakes()
    whole = parse_policy(THREE, mistakes)
    half = parse_policy(THREE.replace(", en: To sell alcohol", ""), mistakes)
    none = policy_of("name: all, allow: signed_in")
    assert whole is not None
    assert half is not None

    assert CompiledPolicy(whole).purpose == {
        "ja": "酒類の提供のため、会員の登録のため",
        "en": "To sell alcohol; To register members",
    }
    assert CompiledPolicy(half).purpose == {"ja": "酒類の提供のため、会員の登録のため"}
    assert CompiledPolicy(none).purpose == {}
