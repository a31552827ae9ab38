"""Open streams end with the link that they were opened with, and with nothing else."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from gateway.accounts.accounts import Account, Evidence
from gateway.accounts.asyncio_linking import Linking
from gateway.accounts.asyncio_watching import GRACE, LinkWatches
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.errors import StoreUnavailableError
from gateway.identity import AccountKind, Role
from gateway.instant import Instant
from gateway.session.memory_store import MemoryStore
from gateway.session.session import Found, Session
from tests import builders
from tests.accounts.old_application import Clock, OldApplication, linking

ROUTE = builders.route()
HANAKO, TARO = builders.session(), builders.session(builders.identity("taro"), pseudonym="p-taro")
TICKET = "T" * 43


class Store(MemoryAccounts):
    """A store that counts what is asked of it, and may be away."""

    asked = 0
    away = False

    async def revision(self, app: str) -> int:
        if self.away:
            raise StoreUnavailableError
        return await super().revision(app)

    async def named(self, app: str, marks: object) -> list[str]:
        self.asked += 1
        return list(await super().named(app, marks))  # type: ignore[arg-type]


@dataclass
class Office:
    """Streams of people who are linked, and the hands that end links."""

    store: Store = field(default_factory=Store)
    joined: dict[str, Instant] = field(default_factory=dict)
    now: float = 0.0
    ended: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watches = LinkWatches(lambda: self.now, every=0.01)
        self.linking: Linking = linking(
            OldApplication(),
            store=self.store,
            sessions=MemoryStore(idle=1_800, clock=Clock(), monotonic=lambda: 0.0),
            joined_at=lambda _client, subject: self.joined.get(subject),
            watches=self.watches,
        )
        self.watches.follow(self.linking)

    async def stream(self, name: str, session: Session, account: str, role: Role | None = None) -> None:
        """Link a person and open a stream of hers."""
        kind = AccountKind.PERSON if role is None else AccountKind.GROUP
        given, marks = Account("booking", account, kind), self.linking.marks(ROUTE, session)
        await self.store.link(given, marks, Evidence.IMPORT, builders.NOON, role or Role.MEMBER)
        found = Found(session)
        await self.linking.load(ROUTE, found, TICKET)
        assert self.linking.watch(ROUTE, found, lambda: self.ended.append(name)) is not None


@pytest.fixture
async def office() -> Office:
    """Two persons have a stream each."""
    made = Office()
    await made.stream("hanako", HANAKO, "yamada")
    await made.stream("taro", TARO, "club", Role.MEMBER)
    await made.watches.look()
    assert made.ended == []
    return made


@pytest.mark.parametrize("hand", ["unlink", "hand over", "remove", "ask again", "erase", "alias", "settings"])
async def test_a_stream_ends_with_its_link(office: Office, hand: str) -> None:
    """Once, by every hand that may end a link; another person's goes on."""
    marks = office.linking.marks(ROUTE, HANAKO)
    match hand:
        case "unlink":
            assert await office.linking.unlink(ROUTE, HANAKO, "yamada")
        case "hand over":
            other = office.linking.marks(ROUTE, TARO)
            await office.store.hand_over(Account("booking", "yamada"), other, Evidence.COUNTER, builders.NOON)
        case "remove":
            assert await office.store.remove("booking", "yamada")
        case "ask again":
            assert await office.store.ask_again("booking", "yamada", marks)
        case "erase":
            assert await office.store.erase("booking", marks)
        case "alias":
            office.joined["hanako"] = builders.NOON + 1
        case _:
            office.watches.follow(None)

    await office.watches.look()
    await office.watches.look()

    assert office.ended.count("hanako") == 1
    assert office.ended.count("taro") == (hand == "settings")
    assert len(office.watches) == (0 if hand == "settings" else 1)


async def test_a_stream_ends_with_a_role(office: Office) -> None:
    """The application was told the former one when the stream began."""
    assert await office.store.set_role("booking", "club", office.linking.marks(ROUTE, TARO), Role.REPRESENTATIVE)

    await office.watches.look()

    assert office.ended == ["taro"]


async def test_a_link_that_ended_before_the_first_look_is_seen(office: Office) -> None:
    """The worker may have known it for a few seconds more when the stream began."""
    found = Found(HANAKO)
    await office.linking.load(ROUTE, found, TICKET)
    await office.linking.unlink(ROUTE, HANAKO, "yamada")
    assert office.linking.watch(ROUTE, found, lambda: office.ended.append("late")) is not None

    await office.watches.look()

    assert sorted(office.ended) == ["hanako", "late"]


async def test_a_look_reads_links_only_when_some_have_changed(office: Office) -> None:
    """Otherwise it asks for one number an App."""
    before = office.store.asked
    for _ in range(5):
        await office.watches.look()

    assert office.store.asked == before


async def test_without_the_store_a_stream_goes_on_for_a_while(office: Office) -> None:
    """A restart of the store cuts nobody; a person who may have lost the account does not listen for ever."""
    office.store.away = True
    await office.watches.look()
    assert office.ended == []
    office.now += GRACE
    await office.watches.look()
    assert sorted(office.ended) == ["hanako", "taro"]


async def test_a_person_without_an_account_is_not_watched(office: Office) -> None:
    """Neither is one whose account nobody has asked for."""
    found = Found(builders.session(builders.identity("jiro")))
    assert office.linking.watch(ROUTE, found, lambda: None) is None
    await office.linking.load(ROUTE, found, TICKET)
    assert office.linking.watch(ROUTE, found, lambda: None) is None


async def test_a_stream_that_is_over_is_forgotten_and_looks_go_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The looks go on also after a mistake of ours."""
    looked: list[int] = []
    look = office.watches.look

    async def first_fails() -> None:
        looked.append(1)
        if len(looked) == 1:
            raise ValueError("of ours")
        await look()

    monkeypatch.setattr(office.watches, "look", first_fails)
    running = asyncio.create_task(office.watches.run())
    await office.linking.unlink(ROUTE, HANAKO, "yamada")
    async with asyncio.timeout(10):
        while office.ended != ["hanako"]:
            await asyncio.sleep(0.01)

    found = Found(TARO)
    await office.linking.load(ROUTE, found, TICKET)
    watch = office.linking.watch(ROUTE, found, lambda: None)
    assert watch is not None
    assert len(office.watches) == 2
    watch.cancel()
    watch.cancel()
    assert len(office.watches) == 1
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
