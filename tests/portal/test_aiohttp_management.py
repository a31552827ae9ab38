from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256

import msgspec
import pytest
import structlog
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from gateway.audit.entry import LONGEST, Action, Entry, Outcome
from gateway.audit.trail import AuditTrail, NoTrail
from gateway.errors import StoresDifferError, StoreUnavailableError
from gateway.observe.merge import Families, Family, Sample
from gateway.portal.aiohttp_management import ReachedSessions, SessionControl, Sessions, make_management
from gateway.portal.asyncio_refusals import RefusalRecord
from gateway.portal.attempts import WRONG_PER_ADDRESS, TokenCheck
from gateway.portal.operators import Role, new_token, read_operators
from gateway.portal.readiness import Readiness
from gateway.session.memory_store import MemoryStore
from gateway.session.session import AllSessions, ListedSession, Selector
from gateway.session.ticket import ticket_name
from tests import builders
from tests.audit.trails import KeptTrail


async def well() -> Readiness:
    return Readiness()


async def metrics() -> Families:
    return (Family("sekisho_build_info", "gauge", "x", (Sample("sekisho_build_info", (), 1.0),)),)


@pytest.mark.parametrize(
    ("found", "status", "word"),
    [
        (Readiness(), 200, "ok"),
        (Readiness(degraded={"limits": "refused"}), 200, "degraded"),
        (Readiness(failed={"sign_in": "refused"}, degraded={"app:booking": "ejected"}), 503, "fail"),
    ],
)
async def test_what_does_not_work_is_named(
    aiohttp_client: AiohttpClient, found: Readiness, status: int, word: str
) -> None:
    """The answer is red where nobody can sign in; it names other parts that are away, and they turn nothing red."""

    async def readiness() -> Readiness:
        return found

    client = await aiohttp_client(make_management(metrics=metrics, readiness=readiness))

    live, ready = await client.get("/livez"), await client.get("/readyz")

    assert (live.status, await live.json()) == (200, {"status": "ok"})
    assert ready.status == status
    assert await ready.json() == {"status": word, "failed": dict(found.failed), "degraded": dict(found.degraded)}
    assert ready.headers["Cache-Control"] == "no-store"


async def test_metrics_are_prometheus_text(aiohttp_client: AiohttpClient) -> None:
    """A scraper reads the content type."""
    client = await aiohttp_client(make_management(metrics=metrics, readiness=well))

    answer = await client.get("/metrics")

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert (await answer.text()).endswith("sekisho_build_info 1.0\n")


async def test_metrics_are_openmetrics_for_a_client_that_accepts_them(aiohttp_client: AiohttpClient) -> None:
    """Prometheus asks for OpenMetrics first, and gets exemplars with it."""
    client = await aiohttp_client(make_management(metrics=metrics, readiness=well))
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"

    answer = await client.get("/metrics", headers={"Accept": accept})

    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert (await answer.text()).endswith("sekisho_build_info 1.0\n# EOF\n")


async def test_there_is_nothing_else(aiohttp_client: AiohttpClient) -> None:
    """No page, no listing, no debug surface."""
    client = await aiohttp_client(make_management(metrics=metrics, readiness=well))

    assert (await client.get("/")).status == 404
    assert (await client.post("/metrics")).status == 405


TOKEN, LINE = new_token("sato", bytes(32))
LOOKING, LOOKING_LINE = new_token("mori", bytes([1]) * 32, [Role.LOOK])
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}


def pseudonyms(client: str, subject: str) -> tuple[str, ...]:
    return (sha256(f"{client} {subject}".encode()).hexdigest()[:32],)


class Api:
    """The sessions API before a memory store with three sessions: two of Hanako's, one of Taro's."""

    def __init__(self, client: TestClient[web.Request, web.Application], store: MemoryStore) -> None:
        self.client = client
        self.store = store

    async def ask(self, path: str, asked: object, headers: dict[str, str] | None = None) -> ClientResponse:
        return await self.client.post(f"/sessions/{path}", json=asked, headers=ALLOWED if headers is None else headers)

    async def listed(self, asked: object) -> list[dict[str, object]]:
        answer = await self.ask("list", asked)
        assert answer.status == 200
        return [json.loads(line) for line in (await answer.text()).splitlines()]


@pytest.fixture(name="api")
async def api_fixture(aiohttp_client: AiohttpClient) -> Api:
    """Three people's sessions, and Sato who may look after them."""
    store = MemoryStore(idle=1800, clock=lambda: builders.NOON, monotonic=lambda: 0.0)
    for ticket, subject, provider_session in (
        ("a" * 43, "hanako", "s1"),
        ("b" * 43, "hanako", "s2"),
        ("c" * 43, "taro", "s3"),
    ):
        person = builders.identity(subject, name="髙橋　花子")
        pseudonym = pseudonyms(builders.CLIENT, subject)[0]
        await store.create(ticket, builders.session(person, pseudonym=pseudonym, provider_session=provider_session))
    control = SessionControl(
        reach=reaching(store),
        tokens=TokenCheck(lambda: read_operators(f"{LINE}\n{LOOKING_LINE}"), lambda: builders.NOON),
        provider_session=lambda _client, sid: sid,
        refusals=untold(),
    )
    client = await aiohttp_client(make_management(metrics=metrics, readiness=well, sessions=control))
    return Api(client, store)


def untold(trail: AuditTrail | None = None) -> RefusalRecord:
    """Return what records refusals, for a test that has no minute."""
    return RefusalRecord(NoTrail() if trail is None else trail, lambda: builders.NOON)


def reaching(store: Sessions) -> Callable[[], Awaitable[ReachedSessions]]:
    async def reach() -> ReachedSessions:
        return ReachedSessions(store, pseudonyms)

    return reach


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"all": True}, 3),
        ({"client": builders.CLIENT}, 3),
        ({"client": "RP00000002"}, 0),
        ({"client": builders.CLIENT, "subject": "hanako"}, 2),
        ({"pseudonym": pseudonyms(builders.CLIENT, "taro")[0]}, 1),
        ({"client": builders.CLIENT, "sid": "s1"}, 1),
        ({"session": ticket_name("a" * 43)}, 1),
        ({"session": "0" * 64}, 0),
        ({"pseudonym": "0" * 32}, 0),
    ],
)
async def test_sessions_are_named_in_each_way(api: Api, asked: dict[str, object], count: int) -> None:
    """The gateway ends exactly the sessions that it lists."""
    listed = await api.listed(asked)
    ended = await (await api.ask("revoke", asked | {"reason": "lost phone"})).json()
    left = await api.listed({"all": True})

    assert len(listed) == count + 1
    assert listed[-1] == {"count": count}
    assert ended == {"ended": count}
    assert left[-1] == {"count": 3 - count}


async def test_a_listing_tells_no_claim(api: Api) -> None:
    """Times, client, pseudonym; no name, no subject, nothing that opens a session."""
    answer = await api.ask("list", {"all": True})
    text = await answer.text()

    assert set(json.loads(text.splitlines()[0])) == {
        "session",
        "client",
        "pseudonym",
        "created_at",
        "authenticated_at",
        "expires_at",
        "idle_left",
    }
    assert "髙橋" not in text
    assert '"hanako"' not in text
    assert "a" * 43 not in text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer "},
    ],
)
async def test_nobody_gets_in_without_a_named_token(api: Api, headers: dict[str, str]) -> None:
    """Being able to reach the listener is not enough."""
    with structlog.testing.capture_logs() as events:
        listing = await api.ask("list", {"all": True}, headers)
        ending = await api.ask("revoke", {"all": True, "reason": "x"}, headers)

    assert (listing.status, ending.status) == (401, 401)
    assert listing.headers["WWW-Authenticate"] == "Bearer"
    # The second one of a minute is counted.
    assert [event["event"] for event in events] == ["management_refused"]
    assert len([listed async for listed in api.store.sessions(AllSessions())]) == 3


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"all": False},
        {"session": ""},
        {"client": ""},
        {"subject": "hanako"},
        {"client": builders.CLIENT, "subject": ""},
        {"sid": "s1"},
        {"client": builders.CLIENT, "subject": "hanako", "sid": "s1"},
        {"all": True, "client": builders.CLIENT},
        {"session": "0" * 64, "all": True},
        {"session": "a"},
        {"session": "Yamada Hanako"},
        {"session": "0" * 65},
        {"pseudonym": "Yamada Hanako"},
        {"pseudonym": "0" * 64},
        {"pseudonym": "A" * 32},
        {"client": "Yamada Hanako"},
        {"client": "花子"},
        {"client": "c" * 256},
        {"client": "c\n", "subject": "hanako"},
        {"client": "c\u202e", "sid": "s1"},
        {"all": "yes"},
        {"sessions": "a"},
        [],
    ],
)
async def test_an_unclear_request_ends_nothing(api: Api, asked: object) -> None:
    """Empty names nothing, two ways are none, and an unknown field is a slip of the pen."""
    body = asked | {"reason": "x"} if isinstance(asked, dict) else asked

    answer = await api.ask("revoke", body)

    assert answer.status == 400
    assert len([listed async for listed in api.store.sessions(AllSessions())]) == 3


async def test_ending_sessions_needs_a_reason_and_says_who(api: Api) -> None:
    """The audit has the operator, the reason and the number, and no subject."""
    silent = await api.ask("revoke", {"all": True, "reason": " "})
    with structlog.testing.capture_logs() as events:
        answer = await api.ask("revoke", {"client": builders.CLIENT, "subject": "hanako", "reason": "ticket 42"})

    assert silent.status == 400
    assert answer.status == 200
    assert events == [
        {
            "event": "sessions_revoked",
            "log_level": "info",
            "operator": "sato",
            "reason": "ticket 42",
            "ended": 2,
            "selector": "subject",
            "pseudonym": pseudonyms(builders.CLIENT, "hanako")[0],
        }
    ]


async def test_a_reason_is_no_book(api: Api) -> None:
    """The log keeps it whole, and nobody may fill the log with it."""
    answer = await api.ask("revoke", {"all": True, "reason": "x" * (LONGEST + 1)})

    assert answer.status == 400
    assert len([listed async for listed in api.store.sessions(AllSessions())]) == 3


async def test_a_form_of_a_browser_is_not_taken(api: Api) -> None:
    """Only JSON, which no page can send here unasked."""
    answer = await api.client.post("/sessions/revoke", data={"all": "true"}, headers=ALLOWED)

    assert answer.status == 415


async def test_a_store_that_is_away_is_said_to_be(aiohttp_client: AiohttpClient) -> None:
    """503 before the first line; an error as the last line after it."""

    class Leaving:
        def __init__(self, after: int) -> None:
            self.after = after

        async def sessions(self, _selector: Selector) -> AsyncIterator[ListedSession]:
            for number in range(self.after):
                yield ListedSession(f"n{number}", builders.CLIENT, "p", 0.0, 0.0, 0.0, 60.0)
            raise StoreUnavailableError

        async def revoke(self, _selector: Selector) -> int:
            raise StoreUnavailableError

    async def api_before(store: Leaving) -> Api:
        tokens = TokenCheck(lambda: read_operators(LINE), lambda: builders.NOON)
        control = SessionControl(
            reach=reaching(store), tokens=tokens, provider_session=lambda *_: "", refusals=untold()
        )
        app = make_management(metrics=metrics, readiness=well, sessions=control)
        return Api(await aiohttp_client(app), MemoryStore(idle=1, clock=lambda: 0.0, monotonic=lambda: 0.0))

    away, leaving = await api_before(Leaving(0)), await api_before(Leaving(1))

    assert (await away.ask("list", {"all": True})).status == 503
    assert (await away.ask("revoke", {"all": True, "reason": "x"})).status == 503
    assert (await leaving.listed({"all": True}))[-1] == {"error": "store_unavailable"}


async def test_each_use_is_in_the_audit_trail(aiohttp_client: AiohttpClient) -> None:
    """The entry has operator, sessions and reason; a required trail that cannot be written keeps the sessions."""
    store = MemoryStore(idle=1800, clock=lambda: builders.NOON, monotonic=lambda: 0.0)
    await store.create("a" * 43, builders.session(builders.identity("hanako"), pseudonym="b" * 32))
    kept = KeptTrail()

    async def asked(trail: KeptTrail) -> Api:
        control = SessionControl(
            reach=reaching(store),
            tokens=TokenCheck(lambda: read_operators(LINE), lambda: builders.NOON),
            provider_session=lambda *_: "",
            refusals=untold(trail),
            trail=trail,
            clock=lambda: builders.NOON,
        )
        app = make_management(metrics=metrics, readiness=well, sessions=control)
        return Api(await aiohttp_client(app), store)

    api = await asked(kept)
    await api.listed({"all": True})
    refused = await api.ask("list", {"all": True}, {"Authorization": "Bearer x"})
    full = await asked(KeptTrail(required=True, full=True))
    unrecorded = await full.ask("revoke", {"pseudonym": "b" * 32, "reason": "lost phone"})
    required = KeptTrail(required=True)
    ended = await (await asked(required)).ask("revoke", {"pseudonym": "b" * 32, "reason": "lost phone"})

    listed = Entry(Action.SESSIONS_LISTED, builders.NOON, operator="sato", object="all", count=1)
    revoked = Entry(
        Action.SESSIONS_REVOKED,
        builders.NOON,
        operator="sato",
        object="subject",
        pseudonym="b" * 32,
        reason="lost phone",
        count=1,
    )
    assert refused.status == 401
    stranger = Entry(Action.MANAGEMENT_REFUSED, builders.NOON, Outcome.REFUSED, reasons=("no_known_token",), count=1)
    assert kept.entries == [listed, stranger]
    assert (unrecorded.status, await unrecorded.json()) == (503, {"error": "audit_unavailable"})
    assert await ended.json() == {"ended": 1}
    assert required.entries == [
        msgspec.structs.replace(revoked, outcome=Outcome.BEGUN, count=None),
        revoked,
    ]


async def test_without_control_there_is_no_api(aiohttp_client: AiohttpClient) -> None:
    """A configuration without operators has no API."""
    client = await aiohttp_client(make_management(metrics=metrics, readiness=well))

    answer = await client.post("/sessions/list", json={"all": True}, headers=ALLOWED)

    assert answer.status == 404


@pytest.mark.parametrize(
    "token", [b"\xc3\x9f", b"\x80\xff", "日本".encode(), b"sekisho_" + b"\xe9" * 40, b"\xed\xb2\x80"]
)
async def test_a_token_of_any_bytes_is_a_wrong_token(token: bytes, api: Api) -> None:
    """401, as for every other, and no 500; sent raw, since a client library would not."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
    writer.write(b"POST /sessions/list HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n")
    writer.write(b"Content-Type: application/json\r\nAuthorization: Bearer " + token + b"\r\n\r\n{}")

    assert (await reader.readline()).split()[1] == b"401"

    writer.close()


@pytest.mark.parametrize(
    "body",
    [b"\xff", b'{"all": true, "all": false}', b"[" * 60_000, b'{"session": "\\ud800"}', b'{"all": 1e999}', b"\x00"],
    ids=lambda body: repr(body[:24]),
)
async def test_a_body_that_two_readers_read_in_two_ways_is_400(body: bytes, api: Api) -> None:
    """The answer is never a 500, for any body."""
    answer = await api.client.post("/sessions/list", data=body, headers={**ALLOWED, "Content-Type": "application/json"})

    assert answer.status == 400


async def test_a_long_type_of_a_body_holds_up_nobody(api: Api) -> None:
    """8 KB of `;` took a library more than a second."""
    kind = "application/json" + ";" * 8_000
    began = time.process_time()

    answer = await api.client.post("/sessions/list", data=b"{}", headers={**ALLOWED, "Content-Type": kind})

    assert answer.status == 400
    assert time.process_time() - began < 0.5


async def test_a_token_that_may_look_ends_nothing(api: Api) -> None:
    """It lists sessions, and its order to end them is 403 and an event with the operator's name."""
    looking = {"Authorization": f"Bearer {LOOKING}"}
    with structlog.testing.capture_logs() as events:
        listing = await api.ask("list", {"all": True}, looking)
        ending = await api.ask("revoke", {"all": True, "reason": "x"}, looking)

    assert (listing.status, ending.status) == (200, 403)
    assert events[-1]["event"] == "management_refused"
    assert (events[-1]["operator"], events[-1]["reason"]) == ("mori", "role")
    assert len([listed async for listed in api.store.sessions(AllSessions())]) == 3


async def test_wrong_tokens_are_told_to_wait_and_right_ones_are_not(api: Api) -> None:
    """After a minute's worth of them a wrong one gets 429; the right one of the same address is answered."""
    wrong = [await api.ask("list", {"all": True}, {"Authorization": f"Bearer w{n}"}) for n in range(WRONG_PER_ADDRESS)]
    more = await api.ask("list", {"all": True}, {"Authorization": "Bearer w"})
    right = await api.ask("list", {"all": True})

    assert {answer.status for answer in wrong} == {401}
    assert (more.status, right.status) == (429, 200)
    assert 1 <= int(more.headers["Retry-After"]) <= 60


async def test_stores_that_differ_are_no_answer(aiohttp_client: AiohttpClient) -> None:
    """503 with the reason, and never a count of nobody."""

    async def reach() -> ReachedSessions:
        raise StoresDifferError

    tokens = TokenCheck(lambda: read_operators(LINE), lambda: builders.NOON)
    control = SessionControl(reach=reach, tokens=tokens, provider_session=lambda *_: "", refusals=untold())
    client = await aiohttp_client(make_management(metrics=metrics, readiness=well, sessions=control))

    answer = await client.post("/sessions/revoke", json={"all": True, "reason": "x"}, headers=ALLOWED)

    assert answer.status == 503
    assert await answer.json() == {"error": "stores_differ"}
