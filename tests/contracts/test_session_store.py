"""The contract of every session store, tested against each of them, on real servers."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.identity import Birthdate, Gender, Identity, Scope
from gateway.redis_client import RedisOptions
from gateway.session.ledger import MOST, Disclosure
from gateway.session.redis_sessions import Sessions, open_sessions
from gateway.session.seal import Secrets
from gateway.session.session import (
    MOST_BOUND,
    AllSessions,
    ClientSessions,
    EndCause,
    ListedSession,
    OneSession,
    ProviderSessions,
    Selector,
    Session,
    SessionStore,
    SubjectSessions,
)
from gateway.session.ticket import Ticket, new_ticket, ticket_name
from gateway.settings.settings import SessionSettings
from tests.builders import CLIENT, NOON
from tests.redis_server import cluster_redis, redis_server, sentinel_redis, tls_redis

SECRETS = Secrets.parse("correct-horse-battery-staple-0123456789")
IDLE = 1_800.0
ABSOLUTE = 28_800.0


class Clock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Place:
    """A way to keep sessions, as `gateway.yaml` would say it."""

    settings: SessionSettings
    password: str | None = None
    empty: Callable[[], object] = lambda: None


@pytest.fixture(scope="module", params=["memory", "redis", "acl", "socket", "tls", "sentinel", "cluster"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each deployment, started once."""
    kind = request.param
    with contextlib.ExitStack() as stack:
        if kind == "memory":
            yield Place(SessionSettings())
            return
        changes: dict[str, Any] = {}
        password = None
        if kind == "acl":
            # The user has the commands that docs/sessions.md grants, and no other command.
            rules = ("on", ">wacht", "~sekisho:*", "resetchannels", "-@all", *ACL_COMMANDS.split())
            server = stack.enter_context(redis_server("--user", "gateway", *rules))
            url, password, servers = f"redis://gateway@127.0.0.1:{server.port}/0", "wacht", [server]
        elif kind == "socket":
            server = stack.enter_context(redis_server())
            url, servers = f"unix://{server.socket_path}?db=3", [server]
        elif kind == "tls":
            server, changes["ca"] = stack.enter_context(tls_redis())
            url, servers = server.url, [server]
        elif kind == "sentinel":
            group = stack.enter_context(sentinel_redis())
            url, servers = group.url, group.servers[:1]
        elif kind == "cluster":
            cluster = stack.enter_context(cluster_redis())
            url, servers = cluster.url, cluster.servers
        else:
            server = stack.enter_context(redis_server())
            url, servers = server.url, [server]
        clients = [stack.enter_context(contextlib.closing(server.client())) for server in servers]
        settings = SessionSettings(store=url, timeout=5.0, **changes)
        yield Place(settings, password, lambda: [client.flushall() for client in clients])


ACL_COMMANDS = (
    "+get +set +del +exists +pexpire +pttl +hgetall +hset +zadd +zcard +zrange +zrem +zscore +zremrangebyscore "
    "+scan +eval +ping +client|setname +client|tracking +client|id +hello +select +info +config|get"
)


@pytest.fixture
def clock() -> Clock:
    """The wall clock the store sees."""
    return Clock()


Opener = Callable[..., Awaitable[SessionStore]]


@pytest.fixture
async def open_store(place: Place, clock: Clock) -> AsyncIterator[Opener]:
    """Opens an empty store with changed settings."""
    opened: list[Sessions] = []
    place.empty()

    async def open_it(**changes: Any) -> SessionStore:
        sessions = await open_sessions(
            replace(place.settings, **changes),
            SECRETS,
            clock=clock,
            random=os.urandom,
            options=RedisOptions(password=place.password),
        )
        opened.append(sessions)
        return sessions.store

    yield open_it
    for sessions in opened:
        await sessions.close()


@pytest.fixture
async def store(open_store: Opener) -> SessionStore:
    """An empty store with default settings."""
    return await open_store()


def ticket() -> Ticket:
    """A ticket nobody had before."""
    return new_ticket(os.urandom(32))


def session(subject: str = "sub-1", *, client: str = CLIENT, at: float = NOON, **changes: Any) -> Session:
    """A session of a person of whom everything is known."""
    identity = Identity(
        client_id=client,
        subject=subject,
        authenticated_at=at - 3,
        asked=frozenset(Scope),
        name="関所 花子",
        address="東京都渋谷区神南一丁目",
        birthdate=Birthdate(1986, 4),
        gender=Gender.FEMALE,
        acr="aal3",
    )
    values: dict[str, Any] = {
        "identity": identity,
        "created_at": at,
        "expires_at": at + ABSOLUTE,
        "pseudonym": SECRETS.pseudonym(client, subject),
        "provider_session": None,
    }
    return Session(**(values | changes))


async def listed(store: SessionStore, selector: Selector) -> dict[str, ListedSession]:
    """The sessions that the store lists, by name."""
    return {one.name: one async for one in store.sessions(selector)}


async def test_a_session_comes_back_as_it_was(store: SessionStore) -> None:
    """Every part of a session survives being kept, an unknown day of birth too."""
    mine, kept = ticket(), session(provider_session="sid-hash")
    await store.create(mine, kept)

    found = await store.find(mine)

    assert found == kept


async def test_a_bare_session_comes_back_as_it_was(store: SessionStore) -> None:
    """An item that was not given is still not given."""
    identity = Identity(CLIENT, "sub-1", NOON, frozenset({Scope.OPENID}))
    mine, kept = ticket(), msgspec.structs.replace(session(), identity=identity)
    await store.create(mine, kept)

    found = await store.find(mine)

    assert found == kept


async def test_an_unknown_ticket_is_nobodys(store: SessionStore) -> None:
    """A ticket nobody gave out opens nothing, beside one that does."""
    await store.create(ticket(), session())

    assert await store.find(ticket()) is None


async def test_a_session_is_ended_by_its_name(store: SessionStore) -> None:
    """For who has no ticket any more; a name that stands for nothing ends nothing, and no pattern is one."""
    mine, other = ticket(), ticket()
    for each in (mine, other):
        assert await store.create(each, session())

    assert await store.end(ticket_name(mine))
    assert not await store.end(ticket_name(mine))
    assert not await store.end("*")
    assert await store.find(mine) is None
    assert await store.find(other) is not None


async def test_a_deleted_session_is_gone(store: SessionStore) -> None:
    """Deleting says whether there was one, once."""
    mine = ticket()
    await store.create(mine, session())

    assert await store.delete(mine)
    assert await store.find(mine) is None
    assert not await store.delete(mine)


async def test_the_absolute_clock_ends_a_session_in_use(store: SessionStore, clock: Clock) -> None:
    """No use prolongs the age of a session (8 hours)."""
    mine = ticket()
    await store.create(mine, session())
    clock.now = NOON + ABSOLUTE - 1
    assert await store.find(mine) is not None

    clock.now = NOON + ABSOLUTE

    assert await store.find(mine) is None
    assert await listed(store, AllSessions()) == {}


async def test_replacing_ends_the_old_ticket_at_once(store: SessionStore) -> None:
    """The ticket changes at every sign-in; the old one is dead when the new one is given out."""
    old, new = ticket(), ticket()
    await store.create(old, session())

    replaced = await store.replace(old, new, session(at=NOON + 5))

    assert replaced
    assert await store.find(old) is None
    assert await store.find(new) == session(at=NOON + 5)


async def test_replacing_what_is_gone_keeps_nothing(store: SessionStore) -> None:
    """A step-up whose session has been ended meanwhile does not bring it back."""
    old, new = ticket(), ticket()
    await store.create(old, session())
    await store.delete(old)

    assert not await store.replace(old, new, session())
    assert await store.find(new) is None
    assert await listed(store, AllSessions()) == {}


async def test_of_two_replacements_one_wins(store: SessionStore) -> None:
    """Two callbacks of one browser at once leave one session."""
    old = ticket()
    new = [ticket() for _ in range(8)]
    await store.create(old, session())

    won = await asyncio.gather(*(store.replace(old, one, session()) for one in new))

    assert sum(won) == 1
    alive = [one for one in new if await store.find(one) is not None]
    assert alive == [one for one, has_won in zip(new, won, strict=True) if has_won]


async def test_a_ledger_keeps_the_first_time_of_each_entry(store: SessionStore) -> None:
    """Several workers tell of the same; nothing of another session is in it."""
    mine, other = ticket(), ticket()
    await store.create(mine, session())
    await store.create(other, session("sub-2"))

    await store.disclose([(mine, Disclosure("booking", ("subject",), NOON + 1))])
    await store.disclose(
        [
            (mine, Disclosure("booking", ("subject",), NOON + 5)),
            (mine, Disclosure("booking", ("subject", "name"), NOON + 2)),
            (mine, Disclosure("wallet", ("subject",), NOON + 3)),
        ]
    )

    assert await store.disclosures(mine) == (
        Disclosure("booking", ("subject",), NOON + 1),
        Disclosure("booking", ("subject", "name"), NOON + 2),
        Disclosure("wallet", ("subject",), NOON + 3),
    )
    assert await store.disclosures(other) == ()


async def test_a_ledger_ends_with_its_session(store: SessionStore) -> None:
    """A sign-out and a revocation end it, and an entry that comes later is not kept."""
    for end in (store.delete, lambda which: store.revoke(OneSession(ticket_name(which)))):
        mine, told = ticket(), Disclosure("booking", ("name",), NOON)
        await store.create(mine, session())
        await store.disclose([(mine, told)])

        await end(mine)

        assert await store.disclosures(mine) == ()
        await store.disclose([(mine, told)])
        await store.create(mine, session(), begun_at=NOON + 1_000)
        assert await store.disclosures(mine) == ()


async def test_a_ledger_has_an_end(store: SessionStore) -> None:
    """The store keeps no more entries of one session than that."""
    mine = ticket()
    await store.create(mine, session())

    await store.disclose([(mine, Disclosure(f"app-{number}", ("name",), NOON)) for number in range(MOST + 3)])

    assert len(await store.disclosures(mine)) == MOST


@pytest.mark.parametrize(("subject", "kept"), [("sub-1", True), ("sub-2", False)])
async def test_a_ledger_goes_over_to_the_same_person_alone(store: SessionStore, subject: str, kept: bool) -> None:
    """A second card reading for more facts goes on with the list; another person's begins empty."""
    old, new = ticket(), ticket()
    told = Disclosure("booking", ("subject",), NOON)
    await store.create(old, session())
    await store.disclose([(old, told)])

    assert await store.replace(old, new, session(subject))

    assert await store.disclosures(new) == ((told,) if kept else ())
    assert await store.disclosures(old) == ()


async def test_a_session_remembers_what_ended_it(store: SessionStore, clock: Clock) -> None:
    """Each hand has its word; the first one stays, and a ticket that stood for nothing has none."""
    cut, left, gone, other, never = ticket(), ticket(), ticket(), ticket(), ticket()
    for number, each in enumerate((cut, left, gone, other)):
        assert await store.create(each, session(f"sub-{number}", pseudonym=f"p{number}"))
    alive = await store.cause(cut)

    await store.revoke(SubjectSessions(("p0",)))
    await store.revoke(AllSessions(), EndCause.ELSEWHERE)
    again = ticket()
    clock.now += 1
    assert await store.create(again, session("sub-3", at=clock.now, pseudonym="p3"))
    await store.delete(again)

    assert alive is None
    assert await store.cause(cut) is EndCause.OPERATOR
    assert [await store.cause(each) for each in (left, gone, other)] == [EndCause.ELSEWHERE] * 3
    assert await store.cause(again) is EndCause.SIGNED_OUT
    assert await store.cause(never) is None


async def test_a_replaced_ticket_says_so_and_a_rehearsal_says_nothing(store: SessionStore) -> None:
    """The new session lives, and of a session that nobody ever had nothing is kept."""
    old, new, tried = ticket(), ticket(), ticket()
    await store.create(old, session())
    await store.replace(old, new, session())
    await store.create(tried, session("nobody"))
    await store.delete(tried, None)

    causes = [await store.cause(each) for each in (old, new, tried)]

    assert causes == [EndCause.ANOTHER, None, None]


async def test_a_session_that_a_clock_has_ended_says_which(open_store: Opener, clock: Clock) -> None:
    """Silence, or age; an ended session that is ended again keeps its cause."""
    store = await open_store(idle=0.05)
    silent, old = ticket(), ticket()
    await store.create(silent, session(expires_at=NOON + 60))
    async with asyncio.timeout(5):
        while await store.idle_left(ticket_name(silent)) is not None:
            await asyncio.sleep(0.005)
    causes = [await store.cause(silent)]
    await store.revoke(OneSession(ticket_name(silent)), EndCause.ELSEWHERE)
    causes.append(await store.cause(silent))
    store = await open_store()
    await store.create(old, session("sub-2", expires_at=NOON + 60))
    clock.now += 61

    assert causes == [EndCause.IDLE, EndCause.IDLE]
    assert await store.cause(old) is EndCause.AGE


async def test_a_session_that_made_room_says_so(open_store: Opener) -> None:
    """The person has newer ones in other browsers."""
    store = await open_store(per_subject=1)
    first, second = ticket(), ticket()
    await store.create(first, session())
    await store.create(second, session(at=NOON + 1))

    assert (await store.cause(first), await store.cause(second)) == (EndCause.NEWER, None)


async def test_touching_brings_nothing_back(store: SessionStore) -> None:
    """The idle clock of a session that is gone cannot be restarted."""
    here, gone = ticket(), ticket()
    await store.create(here, session())
    await store.create(gone, session())
    await store.delete(gone)

    touched = await store.touch([here, gone, ticket()])

    assert touched == {here}
    assert await store.find(gone) is None


async def test_the_same_subject_carries_its_streams_over(store: SessionStore) -> None:
    """After a step-up the old name leads to the new one."""
    old, new = ticket(), ticket()
    await store.create(old, session())

    await store.replace(old, new, session())

    assert await store.follower(ticket_name(old)) == ticket_name(new)


async def test_another_subject_carries_nothing_over(store: SessionStore) -> None:
    """The next person at this browser does not inherit the first one's streams."""
    old, new = ticket(), ticket()
    await store.create(old, session("sub-1"))

    await store.replace(old, new, session("sub-2"))

    assert await store.follower(ticket_name(old)) is None


async def test_a_listing_tells_times_and_no_claim(store: SessionStore) -> None:
    """A listing has what runs a gateway, and nothing of the person."""
    mine = ticket()
    await store.create(mine, session())

    (one,) = (await listed(store, AllSessions())).values()

    assert one.name == ticket_name(mine)
    assert (one.client_id, one.pseudonym) == (CLIENT, SECRETS.pseudonym(CLIENT, "sub-1"))
    assert (one.created_at, one.authenticated_at, one.expires_at) == (NOON, NOON - 3, NOON + ABSOLUTE)
    assert 0 < one.idle_left <= IDLE
    for claim in ("sub-1", "花子", "渋谷", mine):
        assert claim not in repr(one)


@dataclass(frozen=True)
class Town:
    """Sessions of two clients and three subjects."""

    mine: Ticket
    mine_elsewhere: Ticket
    neighbour: Ticket
    other_client: Ticket

    @property
    def all(self) -> tuple[Ticket, ...]:
        """Every ticket."""
        return (self.mine, self.mine_elsewhere, self.neighbour, self.other_client)


@pytest.fixture
async def town(store: SessionStore) -> Town:
    """A store with some people in it."""
    town = Town(ticket(), ticket(), ticket(), ticket())
    await store.create(town.mine, session("sub-1", provider_session="sid-1"))
    await store.create(town.mine_elsewhere, session("sub-1"))
    await store.create(town.neighbour, session("sub-2"))
    await store.create(town.other_client, session("sub-1", client="RP00000002"))
    return town


SELECTIONS: list[tuple[Callable[[Town], Selector], set[str]]] = [
    (lambda town: OneSession(ticket_name(town.mine)), {"mine"}),
    (lambda _: SubjectSessions(SECRETS.pseudonyms(CLIENT, "sub-1")), {"mine", "mine_elsewhere"}),
    (lambda _: ProviderSessions("sid-1"), {"mine"}),
    (lambda _: ClientSessions(CLIENT), {"mine", "mine_elsewhere", "neighbour"}),
    (lambda _: AllSessions(), {"mine", "mine_elsewhere", "neighbour", "other_client"}),
]


@pytest.mark.parametrize(("select", "meant"), SELECTIONS, ids=["one", "subject", "provider", "client", "all"])
async def test_a_selection_means_these_and_no_others(
    store: SessionStore, town: Town, select: Callable[[Town], Selector], meant: set[str]
) -> None:
    """Listing and revoking by session, subject, provider session, client or all hit whom they name."""
    names = {ticket_name(getattr(town, who)): who for who in ("mine", "mine_elsewhere", "neighbour", "other_client")}

    before = await listed(store, select(town))
    count = await store.revoke(select(town))

    assert {names[name] for name in before} == meant
    assert count == len(meant)
    alive = {names[ticket_name(one)] for one in town.all if await store.find(one) is not None}
    assert alive == set(names.values()) - meant
    assert await listed(store, select(town)) == {}


@pytest.mark.parametrize(
    "select", [select for select, _ in SELECTIONS], ids=["one", "subject", "provider", "client", "all"]
)
async def test_a_revocation_beats_a_callback_under_way(
    store: SessionStore, town: Town, clock: Clock, select: Callable[[Town], Selector]
) -> None:
    """A sign-in that began before the revocation gets no session; one that begins after it does."""
    clock.now = NOON + 60
    await store.revoke(select(town))
    late, fresh = ticket(), ticket()
    begun_before = session("sub-1", at=NOON + 61, provider_session="sid-1")

    clock.now = NOON + 61
    kept_late = await store.create(late, begun_before, begun_at=NOON + 30)
    kept_fresh = await store.create(fresh, begun_before, begun_at=NOON + 60.5)

    assert not kept_late
    assert await store.find(late) is None
    assert kept_fresh
    assert await store.find(fresh) == begun_before


async def test_a_revocation_beats_a_step_up_under_way(store: SessionStore, clock: Clock) -> None:
    """A step-up of a revoked subject gets no session, though another session of hers is there to replace."""
    old, new = ticket(), ticket()
    clock.now = NOON + 60
    await store.revoke(SubjectSessions(SECRETS.pseudonyms(CLIENT, "sub-1")))
    await store.create(old, session(at=NOON + 61), begun_at=NOON + 60.5)

    replaced = await store.replace(old, new, session(at=NOON + 62), begun_at=NOON + 30)

    assert not replaced
    assert await store.find(new) is None


async def test_a_revocation_ends_what_began_while_the_clock_was_ahead(store: SessionStore, clock: Clock) -> None:
    """Sessions and sign-ins under way: nobody knows which was first. A later session is not concerned."""
    old, late, fresh = ticket(), ticket(), ticket()
    clock.now = NOON + 600
    await store.create(old, session(at=NOON + 600))

    clock.now = NOON
    await store.revoke(ClientSessions(CLIENT))
    clock.now = NOON + 1

    assert await store.find(old) is None
    assert not await store.create(late, session(at=NOON + 1), begun_at=NOON + 600)
    assert await store.create(fresh, session(at=NOON + 1), begun_at=NOON + 0.5)


async def test_a_worker_whose_clock_is_ahead_hides_no_session_from_a_revocation(
    store: SessionStore, clock: Clock
) -> None:
    """It takes a living session for one that is over, and must not take it out of the subject's own."""
    mine, other = ticket(), ticket()
    await store.create(mine, session("sub-1"))
    clock.now = NOON + ABSOLUTE + 600
    await store.create(other, session("sub-1", at=clock.now))
    clock.now = NOON + 60

    assert await store.find(mine) is not None
    assert await store.revoke(SubjectSessions(SECRETS.pseudonyms(CLIENT, "sub-1"))) == 2
    assert await store.find(mine) is None


async def test_sign_out_does_not_hinder_another_sign_in(store: SessionStore) -> None:
    """Ending one session oneself is no revocation: a sign-in under way elsewhere goes on."""
    mine, other = ticket(), ticket()
    await store.create(mine, session())
    await store.delete(mine)

    assert await store.create(other, session(), begun_at=NOON - 60)


async def test_the_oldest_session_makes_room(open_store: Opener) -> None:
    """A subject that may have two sessions and signs in a third time loses the oldest, and nobody else does."""
    store = await open_store(per_subject=2)
    mine = [ticket() for _ in range(3)]
    other = ticket()
    await store.create(other, session("sub-2"))

    for number, one in enumerate(mine):
        await store.create(one, session(at=NOON + number))

    assert await store.find(mine[0]) is None
    assert None not in [await store.find(one) for one in (*mine[1:], other)]


async def test_silence_ends_a_session(open_store: Opener) -> None:
    """Without a request for the idle time a session is gone, though its age would allow it."""
    store = await open_store(idle=0.05)
    mine = ticket()
    await store.create(mine, session())

    async with asyncio.timeout(5):
        while await store.idle_left(ticket_name(mine)) is not None:
            await asyncio.sleep(0.005)

    assert await store.find(mine) is None
    assert not await store.touch([mine])
    assert not await store.delete(mine)


async def test_looking_restarts_no_clock(open_store: Opener) -> None:
    """A listing, or a stream's look, is no use of the session; finding it is."""
    store = await open_store(idle=60.0)
    mine = ticket()
    await store.create(mine, session())
    first = await store.idle_left(ticket_name(mine))
    assert first is not None
    async with asyncio.timeout(5):
        while (looked := await store.idle_left(ticket_name(mine))) is not None and looked > first - 0.05:
            await listed(store, AllSessions())

    await store.find(mine)

    found = await store.idle_left(ticket_name(mine))
    assert looked is not None
    assert found is not None
    assert found > looked


async def test_a_store_that_is_there_says_so(store: SessionStore) -> None:
    """The readiness check passes where everything is well."""
    await store.check()


def test_the_documented_user_is_the_tested_one() -> None:
    """The ACL line operators copy grants what the suite runs with, and not a command more."""
    page = (Path(__file__).parents[2] / "docs" / "sessions.md").read_text()

    (line,) = [line for line in page.splitlines() if line.startswith("user gateway on")]

    assert line == f"user gateway on >… ~sekisho:* resetchannels -@all {ACL_COMMANDS}"


async def test_words_beside_a_session_end_with_it(store: SessionStore) -> None:
    """A word is kept for one session, can be changed, and is gone after a sign-out."""
    mine, other = ticket(), ticket()
    await store.create(mine, session())
    await store.create(other, session("sub-2"))

    await store.note(mine, "account:booking", "a")
    await store.note(mine, "account:booking", "b")
    await store.note(mine, "account:wallet", "c")

    assert await store.notes(mine) == {"account:booking": "b", "account:wallet": "c"}
    assert await store.notes(other) == {}
    await store.delete(mine)
    assert await store.notes(mine) == {}
    await store.note(mine, "account:booking", "d")
    assert await store.notes(mine) == {}


@pytest.mark.parametrize(("subject", "kept"), [("sub-1", True), ("sub-2", False)])
async def test_words_go_over_to_the_same_person_alone_and_hashes_to_nobody(
    store: SessionStore, subject: str, kept: bool
) -> None:
    """A step-up keeps the choice of an account; the cookies of the ticket before count no more."""
    old, new = ticket(), ticket()
    await store.create(old, session())
    await store.note(old, "account:booking", "a")
    await store.bind(old, ("one",))

    assert await store.replace(old, new, session(subject))

    assert await store.notes(new) == ({"account:booking": "a"} if kept else {})
    assert await store.bound(new) == frozenset()
    assert await store.bound(old) == frozenset()


async def test_hashes_of_cookies_end_with_their_session(store: SessionStore) -> None:
    """Neither a sign-out nor a revocation leaves one behind, and none is kept for a session that is gone."""
    for end in (store.delete, lambda which: store.revoke(OneSession(ticket_name(which)))):
        mine = ticket()
        await store.create(mine, session(), begun_at=NOON + 1_000)
        await store.bind(mine, ("one", "two"))
        assert await store.bound(mine) == {"one", "two"}

        await end(mine)

        assert await store.bound(mine) == frozenset()
        await store.bind(mine, ("three",))
        assert await store.bound(mine) == frozenset()


async def test_the_oldest_hashes_go_first(store: SessionStore) -> None:
    """An application that sets a cookie with each answer fills no memory, and its newest ones count."""
    mine = ticket()
    await store.create(mine, session())

    for number in range(MOST_BOUND + 20):
        await store.bind(mine, (f"{number:04}",))

    kept = await store.bound(mine)
    assert len(kept) == MOST_BOUND
    assert f"{MOST_BOUND + 19:04}" in kept
    assert "0000" not in kept
