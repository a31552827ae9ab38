"""The contract of every store of accounts, tested against each of them."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from math import inf
from multiprocessing import get_context
from pathlib import Path

import pytest

from gateway.accounts.accounts import (
    CHANGE_SECONDS,
    Account,
    AccountStore,
    Evidence,
    Full,
    KeptPassword,
    KeptPasswords,
    Link,
    Linked,
    LinkState,
    Record,
    Taken,
)
from gateway.accounts.attempts import (
    AGAIN_SECONDS,
    LOGIN_SECONDS,
    OPEN_SECONDS,
    Attempt,
    AttemptLimits,
    attempt_limits,
)
from gateway.accounts.marks import Marks
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.names import fold_account
from gateway.accounts.redis_accounts import RedisAccounts
from gateway.accounts.sqlite_accounts import SqliteAccounts
from gateway.errors import StoreFault, StoreUnavailableError, UnfitAccountStoreError
from gateway.identity import AccountKind, Role
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from gateway.session.seal import Secrets
from tests.redis_server import cluster_redis, redis_server

NOW = 1_800_000_000.0
APP = "booking"
ANNA, BERT, CARA = (Marks((f"key1-{name}",)) for name in ("anna", "bert", "cara"))
TANAKA = Account(APP, "tanaka")
CLUB = Account(APP, "club", AccountKind.GROUP, "卓球クラブ")
FEW = AttemptLimits(account=2, account_seconds=100.0, person=3, person_seconds=1_000.0, app=5, app_seconds=10.0)


KEYS = Secrets.parse("0123456789abcdef" * 4)


FIT = ("--appendonly", "yes", "--maxmemory-policy", "noeviction")


@pytest.fixture(scope="module", params=["memory", "sqlite", "redis", "cluster"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "redis":
        with redis_server(*FIT) as server:
            yield server.url
    elif request.param == "cluster":
        with cluster_redis(*FIT) as cluster:
            yield cluster.url
    else:
        yield request.param


@pytest.fixture
async def store(url: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AccountStore]:
    opened: AccountStore
    match url:
        case "memory":
            opened = MemoryAccounts()
        case "sqlite":
            opened = SqliteAccounts(tmp_path / "accounts.db", KEYS)
        case _:
            opened = open_redis(url, prefix=f"{hash(request.node.nodeid)}:")
    await opened.check()
    yield opened
    await opened.close()


def open_redis(url: str, prefix: str = "sekisho:", keys: Secrets = KEYS) -> RedisAccounts:
    return RedisAccounts(make_redis(parse_redis_url(url), RedisOptions(timeout=5.0)), keys, timeout=5.0, prefix=prefix)


async def link(store: AccountStore, account: Account, person: Marks, role: Role | None = None) -> object:
    return await store.link(account, person, Evidence.PROOF, NOW, role)


async def names(store: AccountStore, person: Marks, app: str = APP) -> list[str]:
    return [held.account.name for held in await store.find(app, person)]


async def records(store: AccountStore, app: str = APP) -> list[Record]:
    return [record async for record in store.records(app)]


async def test_a_person_finds_what_she_has_proved(store: AccountStore) -> None:
    """Under her mark, at that App, with the evidence and its time."""
    outcome = await link(store, TANAKA, ANNA)

    (held,) = await store.find(APP, ANNA)
    assert outcome == Linked(held, renewed=False)
    assert held.account == TANAKA
    assert (held.link.mark, held.link.role, held.link.evidence) == (ANNA.first, None, Evidence.PROOF)
    assert (held.link.since, held.link.proven_at, held.link.state) == (NOW, NOW, LinkState.ACTIVE)
    assert await store.find(APP, BERT) == ()
    assert await store.find("other", ANNA) == ()


async def test_a_second_person_gets_nothing_and_leaves_a_claim(store: AccountStore) -> None:
    """In every spelling of the name; the first person keeps the account."""
    await link(store, TANAKA, ANNA)

    outcome = await store.link(Account(APP, "ＴＡＮＡＫＡ "), BERT, Evidence.PROOF, NOW + 5)

    assert outcome == Taken(TANAKA, ANNA.first)
    assert await store.find(APP, BERT) == ()
    record = await store.record(APP, "Tanaka")
    assert record is not None
    assert [(claim.mark, claim.at) for claim in record.claims] == [(BERT.first, NOW + 5)]
    assert await names(store, ANNA) == ["tanaka"]


async def test_of_twenty_who_prove_it_at_once_one_has_it(store: AccountStore) -> None:
    """The other nineteen are sent to the counter."""
    persons = [Marks((f"key1-{number}",)) for number in range(20)]

    outcomes = await asyncio.gather(*(link(store, TANAKA, person) for person in persons))

    assert sum(isinstance(outcome, Linked) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Taken) for outcome in outcomes) == 19


async def test_proving_again_renews(store: AccountStore) -> None:
    """The link is active again; its beginning stays."""
    await link(store, TANAKA, ANNA)
    assert await store.ask_again(APP, "tanaka", ANNA)
    assert [held.link.state for held in await store.find(APP, ANNA)] == [LinkState.ASK_AGAIN]

    outcome = await store.link(TANAKA, ANNA, Evidence.PROOF, NOW + 9)

    assert isinstance(outcome, Linked)
    assert outcome.renewed
    assert (outcome.held.link.since, outcome.held.link.proven_at) == (NOW, NOW + 9)
    assert outcome.held.link.state is LinkState.ACTIVE
    assert not await store.ask_again(APP, "tanaka", BERT)
    assert not await store.ask_again(APP, "nobody", ANNA)


async def test_a_person_has_several_accounts_up_to_a_number(
    store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of their names; an account that she has is renewed all the same."""
    monkeypatch.setattr("gateway.accounts.kept_accounts.MOST_ACCOUNTS", 4)
    for number in reversed(range(4)):
        await link(store, Account(APP, f"a{number:02}"), ANNA)

    assert await names(store, ANNA) == ["a00", "a01", "a02", "a03"]
    assert await link(store, Account(APP, "one more"), ANNA) == Full()
    assert isinstance(await link(store, Account(APP, "a01"), ANNA), Linked)
    assert await store.hand_over(Account(APP, "one more"), ANNA, Evidence.COUNTER, NOW) is None


async def test_a_person_of_two_cards_has_one_link_and_no_claim_beside_it(store: AccountStore) -> None:
    """Once she comes as one person: with the better role, the later proof, and open only if both links were."""
    await link(store, CLUB, BERT, Role.REPRESENTATIVE)
    await store.link(CLUB, ANNA, Evidence.COUNTER, NOW + 9)
    await store.ask_again(APP, "club", BERT)
    await link(store, TANAKA, ANNA)
    assert isinstance(await link(store, TANAKA, BERT), Taken)
    await link(store, Account(APP, "third"), CARA)
    assert isinstance(await link(store, Account(APP, "third"), BERT), Taken)
    one = Marks((*ANNA.all, *BERT.all))

    club, tanaka = await store.find(APP, one)

    assert club.link == Link(ANNA.first, Role.REPRESENTATIVE, Evidence.COUNTER, NOW, NOW + 9, LinkState.ASK_AGAIN)
    assert (tanaka.link.mark, await store.find(APP, BERT)) == (ANNA.first, ())
    records = [await store.record(APP, name) for name in ("club", "tanaka", "third")]
    assert [len(each.links) for each in records if each is not None] == [1, 1, 1]
    assert [[claim.mark for claim in each.claims] for each in records if each is not None] == [[], [], [ANNA.first]]
    assert await store.erase(APP, one) == 3


async def test_a_link_moves_to_the_first_key(store: AccountStore) -> None:
    """Once its person has come with both marks, the old key can be retired."""
    await link(store, TANAKA, ANNA)
    await link(store, CLUB, ANNA)
    both = Marks(("key2-anna", *ANNA.all))

    assert await names(store, both) == ["club", "tanaka"]

    assert await names(store, Marks(("key2-anna",))) == ["club", "tanaka"]
    assert await store.find(APP, ANNA) == ()
    record = await store.record(APP, "tanaka")
    assert record is not None
    assert [each.mark for each in record.links] == ["key2-anna"]


async def test_a_group_has_members_and_one_representative(store: AccountStore) -> None:
    """A second representative is refused; a role that is handed on leaves the former one a member."""
    await store.put(CLUB)
    assert isinstance(await link(store, Account(APP, "club"), ANNA, Role.REPRESENTATIVE), Linked)
    assert isinstance(await link(store, CLUB, BERT), Linked)
    assert await link(store, CLUB, CARA, Role.REPRESENTATIVE) == Full()

    assert await store.set_role(APP, "club", BERT, Role.REPRESENTATIVE)

    record = await store.record(APP, "club")
    assert record is not None
    assert record.account == CLUB
    roles = {each.mark: each.role for each in record.links}
    assert roles == {ANNA.first: Role.MEMBER, BERT.first: Role.REPRESENTATIVE}
    assert not await store.set_role(APP, "club", CARA, Role.MEMBER)


async def test_a_link_that_says_a_role_gives_it(store: AccountStore) -> None:
    """A known member gets it as well; without a role hers stays, and nobody takes another representative's."""
    await store.put(CLUB)
    await link(store, CLUB, ANNA)
    for said, role in (
        (Role.REPRESENTATIVE,) * 2,
        (None, Role.REPRESENTATIVE),
        (Role.MEMBER,) * 2,
        (None, Role.MEMBER),
    ):
        linked = await link(store, CLUB, ANNA, said)
        assert isinstance(linked, Linked)
        assert (linked.renewed, linked.held.link.role) == (True, role)
    await link(store, CLUB, BERT, Role.REPRESENTATIVE)

    assert await link(store, CLUB, ANNA, Role.REPRESENTATIVE) == Full()

    record = await store.record(APP, "club")
    assert record is not None
    assert {each.mark: each.role for each in record.links} == {
        ANNA.first: Role.MEMBER,
        BERT.first: Role.REPRESENTATIVE,
    }


async def test_a_kind_changes_only_where_the_links_allow_it(store: AccountStore) -> None:
    """Two persons cannot have a person's account; the first spelling of a name stays."""
    await link(store, TANAKA, ANNA)
    group = Account(APP, "TANAKA", AccountKind.GROUP, "田中会")
    assert await store.put(group) == replace(group, name="tanaka")
    assert [held.link.role for held in await store.find(APP, ANNA)] == [Role.MEMBER]
    await link(store, TANAKA, BERT)

    assert await store.put(TANAKA) is None

    await store.unlink(APP, "tanaka", BERT)
    assert await store.put(TANAKA) == TANAKA
    assert [held.link.role for held in await store.find(APP, ANNA)] == [None]


async def test_unlinking_ends_one_link(store: AccountStore) -> None:
    """Once, and nobody else's."""
    await link(store, CLUB, ANNA)
    await link(store, CLUB, BERT)

    ended = await store.unlink(APP, "Club", ANNA)

    assert ended is not None
    assert ended.mark == ANNA.first
    assert await store.unlink(APP, "club", ANNA) is None
    assert await store.unlink(APP, "nobody", ANNA) is None
    assert await names(store, ANNA) == []
    assert await names(store, BERT) == ["club"]


async def test_an_account_is_handed_over(store: AccountStore) -> None:
    """The former person loses it, the new one has it, and the claims are settled."""
    await link(store, TANAKA, ANNA)
    await link(store, TANAKA, BERT)

    ended = await store.hand_over(TANAKA, BERT, Evidence.COUNTER, NOW + 1)

    assert ended is not None
    assert [each.mark for each in ended] == [ANNA.first]
    assert await names(store, ANNA) == []
    (held,) = await store.find(APP, BERT)
    assert (held.link.evidence, held.link.proven_at) == (Evidence.COUNTER, NOW + 1)
    record = await store.record(APP, "tanaka")
    assert record is not None
    assert record.claims == ()


async def test_a_group_is_handed_over_to_a_new_representative(store: AccountStore) -> None:
    """The former one becomes a member; one who was no member becomes the representative at once."""
    await link(store, CLUB, ANNA, Role.REPRESENTATIVE)

    changed = await store.hand_over(CLUB, CARA, Evidence.COUNTER, NOW + 1)

    assert changed is not None
    assert [each.mark for each in changed] == [ANNA.first]
    record = await store.record(APP, "club")
    assert record is not None
    assert {each.mark: each.role for each in record.links} == {
        ANNA.first: Role.MEMBER,
        CARA.first: Role.REPRESENTATIVE,
    }


async def test_erasure_takes_links_claims_and_attempts(store: AccountStore) -> None:
    """Of that person alone, at that App alone."""
    await link(store, TANAKA, BERT)
    await link(store, TANAKA, ANNA)
    await link(store, CLUB, ANNA)
    await link(store, Account("other", "tanaka"), ANNA)
    for number in range(FEW.person):
        assert await store.begin_attempt(Attempt(APP, f"x{number}", ANNA.first, f"{number}"), FEW, NOW)
    assert not await store.begin_attempt(Attempt(APP, "y", ANNA.first, "y"), FEW, NOW)

    assert await store.erase(APP, ANNA) == 2

    assert [record.claims for record in await records(store)] == [(), ()]
    assert [len(record.links) for record in await records(store)] == [0, 1]
    assert await store.erase(APP, ANNA) == 0
    assert await names(store, ANNA, "other") == ["tanaka"]
    assert await store.begin_attempt(Attempt(APP, "y", ANNA.first, "y"), FEW, NOW)


async def test_an_account_is_removed_whole(store: AccountStore) -> None:
    """Its person finds it no more."""
    await link(store, TANAKA, ANNA)

    assert await store.remove(APP, "tanaka")

    assert not await store.remove(APP, "tanaka")
    assert await store.find(APP, ANNA) == ()
    assert await store.record(APP, "tanaka") is None
    assert await records(store) == []


async def test_all_accounts_are_listed_in_order(store: AccountStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a page of them, of one App, each once; an App's name that begins as another's is another App."""
    monkeypatch.setattr("gateway.accounts.kept_accounts.PAGE", 3)
    for number in (5, 3, 0, 6, 1, 4, 2):
        await store.put(Account(APP, f"田中{number}"))
    await store.put(Account(f"{APP}:x", "0"))
    await store.put(Account("book", "0"))

    assert [record.account.name for record in await records(store)] == [f"田中{number}" for number in range(7)]


async def test_every_change_moves_the_revision(store: AccountStore) -> None:
    """A look does not, and another App's change does not."""
    first = await store.revision(APP)
    await link(store, TANAKA, ANNA)
    linked = await store.revision(APP)
    await store.find(APP, ANNA)
    await store.record(APP, "tanaka")
    await link(store, Account("other", "tanaka"), ANNA)
    assert await store.revision(APP) == linked
    await store.unlink(APP, "tanaka", ANNA)
    unlinked = await store.revision(APP)
    await store.remove(APP, "tanaka")

    assert first < linked < unlinked < await store.revision(APP)


async def test_failed_attempts_are_limited_in_every_scope(store: AccountStore) -> None:
    """For an account by all persons together, for a person by all accounts together, and for the App."""

    async def begin(account: str, person: Marks, app: str = APP, now: float = NOW) -> bool:
        attempt = Attempt(app, fold_account(account), person.first, f"{account}{person.first}{app}{now}")
        begun = await store.begin_attempt(attempt, FEW, now)
        if begun:
            await store.attempt_failed(attempt, FEW, now)
        return begun

    assert await begin("tanaka", ANNA)
    assert await begin("TANAKA", BERT)
    assert not await begin("tanaka", CARA)
    assert await begin("a", ANNA)
    assert await begin("b", ANNA)
    assert not await begin("c", ANNA)
    assert await begin("c", BERT)
    assert not await begin("d", CARA)
    assert await begin("d", CARA, "other")
    # Each scope forgets after its own time.
    assert await begin("d", CARA, now=NOW + 10)
    assert not await begin("tanaka", CARA, now=NOW + 99)
    assert await begin("tanaka", CARA, now=NOW + 100)
    assert not await begin("e", ANNA, now=NOW + 999)
    assert await begin("e", ANNA, now=NOW + 1_000)


async def test_a_refused_attempt_counts_nowhere(store: AccountStore) -> None:
    """A person who asks on at a full account spends none of her attempts."""
    for number in range(2):
        assert await store.begin_attempt(Attempt(APP, "t", BERT.first, f"{number}"), FEW, NOW)
    for number in range(20):
        assert not await store.begin_attempt(Attempt(APP, "t", ANNA.first, f"a{number}"), FEW, NOW)

    assert await store.begin_attempt(Attempt(APP, "u", ANNA.first, "u"), FEW, NOW)


async def test_of_many_attempts_at_once_the_limit_comes_through(store: AccountStore) -> None:
    """The order of their arrival does not matter."""
    attempts = [Attempt(APP, "t", f"key1-{number}", f"{number}") for number in range(30)]

    begun = await asyncio.gather(*(store.begin_attempt(attempt, FEW, NOW) for attempt in attempts))

    assert sum(begun) == FEW.account


async def test_the_same_attempt_twice_is_one(store: AccountStore) -> None:
    """A command that was sent again because its connection died takes no second chance."""
    attempt = Attempt(APP, "t", ANNA.first, "1")

    assert [await store.begin_attempt(attempt, FEW, NOW) for _ in range(5)] == [True] * 5
    assert await store.begin_attempt(replace(attempt, id="2"), FEW, NOW)


async def test_a_success_gives_back_its_own_and_frees_the_account(store: AccountStore) -> None:
    """Failed attempts of the same person at other accounts still count for her."""
    first, second = Attempt(APP, "t", ANNA.first, "1"), Attempt(APP, "t", ANNA.first, "2")
    assert await store.begin_attempt(first, FEW, NOW)
    await store.attempt_failed(first, FEW, NOW)
    assert await store.begin_attempt(second, FEW, NOW)

    await store.attempt_succeeded(second)

    assert await store.begin_attempt(Attempt(APP, "t", BERT.first, "3"), FEW, NOW)
    assert await store.begin_attempt(Attempt(APP, "t", BERT.first, "4"), FEW, NOW)
    assert await store.begin_attempt(Attempt(APP, "u", ANNA.first, "5"), FEW, NOW)
    assert await store.begin_attempt(Attempt(APP, "v", ANNA.first, "6"), FEW, NOW)
    assert not await store.begin_attempt(Attempt(APP, "w", ANNA.first, "7"), FEW, NOW + 10)


async def test_a_success_forgets_only_failures_that_were_over_before_it_began(store: AccountStore) -> None:
    """The application may hear of any other one behind the good login."""
    many = replace(FEW, account=4, person=100, app=100)
    over, under_way, ends_late, good = (Attempt(APP, "t", ANNA.first, name) for name in ("1", "2", "3", "4"))
    assert await store.begin_attempt(over, many, NOW)
    await store.attempt_failed(over, many, NOW)
    for each in (under_way, ends_late, good):
        assert await store.begin_attempt(each, many, NOW)
    await store.attempt_failed(ends_late, many, NOW)

    await store.attempt_succeeded(good)

    begun = [await store.begin_attempt(Attempt(APP, "t", BERT.first, f"b{number}"), many, NOW) for number in range(4)]
    assert begun == [True, True, False, False]
    # It is said again that they are over, and that it was good: nothing changes.
    for each in (over, under_way):
        await store.attempt_failed(each, many, NOW)
    await store.attempt_succeeded(good)
    assert not await store.begin_attempt(Attempt(APP, "t", BERT.first, "b5"), many, NOW)
    # The next good login began behind them.
    await store.withdraw_attempt(Attempt(APP, "t", BERT.first, "b1"))
    later = Attempt(APP, "t", ANNA.first, "5")
    assert await store.begin_attempt(later, many, NOW)
    await store.attempt_succeeded(later)
    begun = [await store.begin_attempt(Attempt(APP, "t", BERT.first, f"c{number}"), many, NOW) for number in range(4)]
    assert begun == [True, True, True, False]


async def test_an_attempt_without_an_answer_is_over_after_an_hour(store: AccountStore) -> None:
    """Its worker is gone: it may have failed until then, and counts as long as any other from then on."""
    later = NOW + OPEN_SECONDS
    limits = replace(FEW, account_seconds=50.0)
    for name in "12":
        assert await store.begin_attempt(Attempt(APP, "t", ANNA.first, name), limits, NOW)
    assert not await store.begin_attempt(Attempt(APP, "t", BERT.first, "3"), limits, later + 49)
    assert await store.begin_attempt(Attempt(APP, "t", BERT.first, "3"), limits, later + 50)

    for_ever = replace(FEW, account_seconds=inf, account=3, person=100)
    for name in "12":
        assert await store.begin_attempt(Attempt(APP, "u", ANNA.first, f"u{name}"), for_ever, NOW)
    assert await store.begin_attempt(Attempt(APP, "v", ANNA.first, "v"), replace(for_ever, account=1), NOW)
    assert not await store.begin_attempt(Attempt(APP, "v", ANNA.first, "w"), replace(for_ever, account=1), later)
    await store.forget_attempts(APP, "v", later)
    assert await store.begin_attempt(Attempt(APP, "v", ANNA.first, "w"), replace(for_ever, account=1), later)
    good = Attempt(APP, "u", BERT.first, "good")
    assert await store.begin_attempt(good, for_ever, later)
    await store.attempt_succeeded(good)
    for name in "45":
        assert await store.begin_attempt(Attempt(APP, "u", CARA.first, name), for_ever, later)


async def test_failures_of_one_account_are_forgotten_together(store: AccountStore) -> None:
    """An application may count until nobody has failed for a while, so ours count as long."""
    for name, at in (("1", NOW), ("2", NOW + 99)):
        attempt = Attempt(APP, "t", name, name)
        assert await store.begin_attempt(attempt, FEW, at)
        await store.attempt_failed(attempt, FEW, at)

    assert not await store.begin_attempt(Attempt(APP, "t", "3", "3"), FEW, NOW + 198)
    assert await store.begin_attempt(Attempt(APP, "t", "3", "3"), FEW, NOW + 199)


async def test_one_login_at_a_time_has_the_turn(store: AccountStore) -> None:
    """Of an account, in any spelling and worker; one whose worker is gone keeps it for a while alone."""
    first, second = Attempt(APP, "t", ANNA.first, "1"), Attempt(APP, "t", BERT.first, "2")

    assert sorted(await asyncio.gather(*(store.begin_login(each, NOW) for each in (first, second)))) == [False, True]
    await store.end_login(first)
    await store.end_login(second)
    assert await store.begin_login(second, NOW)
    assert not await store.begin_login(first, NOW)
    assert await store.begin_login(replace(first, account="u"), NOW)
    await store.end_login(first)
    assert not await store.begin_login(first, NOW + LOGIN_SECONDS - 1)
    assert await store.begin_login(first, NOW + LOGIN_SECONDS)


async def test_a_kept_password_has_a_place_that_guesses_do_not_take(store: AccountStore) -> None:
    """One that was refused has none, and is tried once in a while."""
    limits = attempt_limits(5, None)
    for name in "123":
        assert await store.begin_attempt(Attempt(APP, "t", BERT.first, name), limits, NOW)

    assert not await store.begin_kept_attempt(Attempt(APP, "t", ANNA.first, "4"), limits, NOW, again=True)
    assert await store.begin_kept_attempt(Attempt(APP, "t", ANNA.first, "4"), limits, NOW, again=False)
    assert not await store.begin_kept_attempt(Attempt(APP, "t", ANNA.first, "5"), limits, NOW, again=False)
    assert await store.begin_kept_attempt(Attempt(APP, "u", ANNA.first, "6"), limits, NOW, again=True)
    assert not await store.begin_kept_attempt(Attempt(APP, "u", ANNA.first, "7"), limits, NOW, again=True)
    assert await store.begin_kept_attempt(Attempt(APP, "u", ANNA.first, "7"), limits, NOW + AGAIN_SECONDS, again=True)
    await store.attempt_succeeded(Attempt(APP, "u", ANNA.first, "7"))
    assert await store.begin_kept_attempt(Attempt(APP, "u", ANNA.first, "8"), limits, NOW + AGAIN_SECONDS, again=True)


async def test_a_withdrawn_attempt_counts_nowhere(store: AccountStore) -> None:
    """The store withdraws that attempt alone: those that failed before it still count."""
    for name in "12":
        assert await store.begin_attempt(Attempt(APP, "t", ANNA.first, name), FEW, NOW)

    await store.withdraw_attempt(Attempt(APP, "t", ANNA.first, "2"))

    assert await store.begin_attempt(Attempt(APP, "t", ANNA.first, "3"), FEW, NOW)
    assert not await store.begin_attempt(Attempt(APP, "t", ANNA.first, "4"), FEW, NOW)


async def test_attempts_may_count_until_a_success_or_the_office(store: AccountStore) -> None:
    """An application that locks for good never forgets, so neither do we. One under way counts on."""
    for_ever = replace(FEW, account_seconds=inf)
    for name in "12":
        assert await store.begin_attempt(Attempt(APP, "t", ANNA.first, name), for_ever, NOW)
    later = NOW + 1e9
    await store.forget_attempts(APP, "T", NOW)
    for name in "12":
        await store.attempt_failed(Attempt(APP, "t", ANNA.first, name), for_ever, NOW)
    assert not await store.begin_attempt(Attempt(APP, "t", ANNA.first, "3"), for_ever, later)

    await store.forget_attempts(APP, "T", later)

    assert await store.begin_attempt(Attempt(APP, "t", ANNA.first, "3"), for_ever, later)


async def test_a_password_is_kept_as_it_was_sealed(store: AccountStore) -> None:
    """Only for an account that somebody is linked to."""
    assert not await store.keep_password(APP, "tanaka", KeptPassword(b"box", own=True))
    await store.put(TANAKA)
    assert not await store.keep_password(APP, "tanaka", KeptPassword(b"box", own=True))
    await link(store, TANAKA, ANNA)
    every_byte = KeptPassword(bytes(range(256)), own=True)
    assert not await store.keep_password(APP, "tanaka", every_byte, BERT), "another person's account"

    assert await store.keep_password(APP, "TANAKA", every_byte, ANNA)

    assert await store.passwords(APP, "tanaka") == KeptPasswords(every_byte)
    record = await store.record(APP, "tanaka")
    assert record is not None
    assert record.has_password
    assert await store.forget_password(APP, "tanaka")
    assert not await store.forget_password(APP, "tanaka")
    assert await store.passwords(APP, "tanaka") == KeptPasswords()
    assert await store.passwords(APP, "nobody") == KeptPasswords()


async def test_a_change_of_password_survives_an_interruption(store: AccountStore) -> None:
    """Both are there until one of them is known to be right, and only one change is under way."""
    old, new = KeptPassword(b"old", own=True), KeptPassword(b"new", own=False, since=NOW)
    soon = KeptPassword(b"another", own=False, since=NOW + CHANGE_SECONDS - 1)
    await link(store, TANAKA, ANNA)
    await store.keep_password(APP, "tanaka", old)
    seen = await store.passwords(APP, "tanaka")

    assert await store.prepare_password(APP, "tanaka", new, seen)

    now = await store.passwords(APP, "tanaka")
    assert now == KeptPasswords(old, new)
    assert not await store.prepare_password(APP, "tanaka", soon, seen), "another login came first"
    assert not await store.prepare_password(APP, "tanaka", soon, now), "a change is under way"
    assert not await store.prepare_password(APP, "nobody", new, KeptPasswords())
    assert not await store.withdraw_password(APP, "tanaka", soon)
    assert await store.withdraw_password(APP, "tanaka", new)
    assert await store.passwords(APP, "tanaka") == seen
    assert await store.prepare_password(APP, "tanaka", new, seen)
    late = KeptPassword(b"another", own=False, since=NOW + CHANGE_SECONDS)
    assert await store.prepare_password(APP, "tanaka", late, now), "the former worker is gone"
    assert await store.keep_password(APP, "tanaka", new)
    assert await store.passwords(APP, "tanaka") == KeptPasswords(new)


async def test_passwords_are_sealed_anew(store: AccountStore) -> None:
    """Those for which there is a new box; the others stay, and the accounts are counted."""
    await link(store, TANAKA, ANNA)
    await store.keep_password(APP, "tanaka", KeptPassword(b"one", own=True))
    await link(store, CLUB, BERT)

    def box(name: str, old: bytes) -> bytes | None:
        return b"two" if (name, old) == ("tanaka", b"one") else None

    assert await store.reseal(APP, box) == 1

    assert await store.passwords(APP, "tanaka") == KeptPasswords(KeptPassword(b"two", own=True))
    assert await store.reseal(APP, box) == 0


@pytest.mark.parametrize("own", [True, False])
async def test_a_persons_own_password_goes_with_her(store: AccountStore, *, own: bool) -> None:
    """With the last link, or when the account changes hands; one that the gateway made is the only key, and stays."""
    kept = KeptPasswords(KeptPassword(b"box", own=own))
    await link(store, TANAKA, ANNA)
    await store.keep_password(APP, "tanaka", KeptPassword(b"box", own=own))

    await store.hand_over(TANAKA, BERT, Evidence.COUNTER, NOW)
    assert await store.passwords(APP, "tanaka") == (KeptPasswords() if own else kept)
    await store.keep_password(APP, "tanaka", KeptPassword(b"box", own=own))
    await store.unlink(APP, "tanaka", BERT)

    assert await store.passwords(APP, "tanaka") == (KeptPasswords() if own else kept)


async def test_a_groups_password_stays_with_its_members(store: AccountStore) -> None:
    """One member leaves, the others go on."""
    await link(store, CLUB, ANNA)
    await link(store, CLUB, BERT)
    await store.keep_password(APP, "club", KeptPassword(b"box", own=True))

    await store.unlink(APP, "club", ANNA)

    assert (await store.passwords(APP, "club")).current is not None
    await store.erase(APP, BERT)
    assert (await store.passwords(APP, "club")).current is None


# Stores that outlive a process.


async def test_workers_that_start_together_open_one_new_file(tmp_path: Path) -> None:
    """Reproduced before: SQLite told one of them at once that the file was busy, and a person got 503."""
    for number in range(20):
        stores = [SqliteAccounts(tmp_path / f"{number}.db", KEYS) for _ in range(8)]
        try:
            assert await asyncio.gather(*(each.find("booking", Marks(("key1-x",))) for each in stores)) == [()] * 8
        finally:
            for each in stores:
                await each.close()


async def test_workers_share_one_file(tmp_path: Path) -> None:
    """Each with a connection of its own, from the first moment on: of all who prove an account, one has it."""
    stores = [SqliteAccounts(tmp_path / "accounts.db", KEYS) for _ in range(4)]

    outcomes = await asyncio.gather(
        *(link(each, TANAKA, Marks((f"key1-{n}{m}",))) for n, each in enumerate(stores) for m in range(3))
    )
    begun = await asyncio.gather(
        *(each.begin_attempt(Attempt(APP, "t", f"key1-{n}", f"{n}"), FEW, NOW) for n, each in enumerate(stores))
    )

    assert sum(isinstance(outcome, Linked) for outcome in outcomes) == 1
    assert sum(begun) == FEW.account
    assert len({await each.revision(APP) for each in stores}) == 1
    for each in stores:
        await each.close()


def _link_in_a_process(file: Path, number: int) -> bool:
    async def run() -> bool:
        store = SqliteAccounts(file, KEYS)
        outcome = await store.link(TANAKA, Marks((f"key1-{number}",)), Evidence.PROOF, NOW)
        await store.close()
        return isinstance(outcome, Linked)

    return asyncio.run(run())


@pytest.mark.long
async def test_processes_share_one_file(tmp_path: Path) -> None:
    """Of four that make it and link at once, one has the account."""
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        linked = list(pool.map(_link_in_a_process, [tmp_path / "accounts.db"] * 4, range(4)))

    assert sum(linked) == 1


async def test_a_file_is_there_after_a_restart_and_for_its_owner_alone(tmp_path: Path) -> None:
    """With its log and its shared memory."""
    file = tmp_path / "accounts.db"
    first = SqliteAccounts(file, KEYS)
    await link(first, TANAKA, ANNA)
    assert _modes(tmp_path) == dict.fromkeys(("accounts.db", "accounts.db-wal", "accounts.db-shm"), 0o600)
    await first.close()

    second = SqliteAccounts(file, KEYS)

    assert await names(second, ANNA) == ["tanaka"]
    await second.close()


@pytest.mark.parametrize(("mode", "of"), [(0o640, "file"), (0o604, "file"), (0o666, "file"), (0o777, "folder")])
async def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int, of: str) -> None:
    """By the check with the remedy, and by every other command as a store that refuses."""
    file = tmp_path / "of ours" / "accounts.db"
    file.parent.mkdir(mode=0o700)
    file.touch(0o600)
    (file if of == "file" else file.parent).chmod(mode)
    store = SqliteAccounts(file, KEYS)

    with pytest.raises(UnfitAccountStoreError, match="chmod"):
        await store.check()
    with pytest.raises(StoreUnavailableError) as away:
        await store.find(APP, ANNA)

    assert away.value.fault is StoreFault.REFUSED
    await store.close()


async def test_a_file_whose_mode_changes_is_refused_by_the_next_check(tmp_path: Path) -> None:
    """A restored backup, for example."""
    file = tmp_path / "accounts.db"
    store = SqliteAccounts(file, KEYS)
    await store.check()
    file.chmod(0o644)

    with pytest.raises(UnfitAccountStoreError, match="mode 0644"):
        await store.check()

    await store.close()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("CREATE TABLE notes (text TEXT)", "another program's database"),
        ("PRAGMA application_id = 7", "another program's database"),
        (f"PRAGMA application_id = {0x53454B49}; PRAGMA user_version = 99", "has the form 99"),
    ],
)
async def test_another_database_is_not_touched(tmp_path: Path, script: str, said: str) -> None:
    """Neither another program's nor that of a later version."""
    file = tmp_path / "accounts.db"
    file.touch(0o600)
    with closing(sqlite3.connect(file)) as database:
        database.executescript(script)
    store = SqliteAccounts(file, KEYS)

    with pytest.raises(UnfitAccountStoreError, match=said):
        await store.check()

    await store.close()


async def test_a_file_of_the_first_form_is_taken_over(tmp_path: Path) -> None:
    """Its failed attempts count on, and a good login that begins later ends their count."""
    file = tmp_path / "accounts.db"
    store = SqliteAccounts(file, KEYS)
    await link(store, TANAKA, ANNA)
    for name in "12":
        assert await store.begin_attempt(Attempt(APP, "t", BERT.first, name), FEW, NOW)
    await store.close()
    with closing(sqlite3.connect(file)) as database:
        for column in ("open_until", "begun", "over"):
            database.execute(f"ALTER TABLE attempts DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 1")
        database.commit()

    again = SqliteAccounts(file, KEYS)

    assert await names(again, ANNA) == ["tanaka"]
    assert not await again.begin_attempt(Attempt(APP, "t", CARA.first, "3"), FEW, NOW)
    good = Attempt(APP, "t", ANNA.first, "good")
    assert await again.begin_kept_attempt(good, FEW, NOW, again=False)
    await again.attempt_succeeded(good)
    assert await again.begin_attempt(Attempt(APP, "t", CARA.first, "3"), FEW, NOW)
    await again.close()


@pytest.mark.parametrize("content", [b"no database at all", b"SQLite format 3\0" + bytes(200)])
async def test_a_broken_file_is_no_empty_store(tmp_path: Path, content: bytes) -> None:
    """An error, and never an account without a link."""
    file = tmp_path / "accounts.db"
    file.touch(0o600)
    file.write_bytes(content * 20)
    store = SqliteAccounts(file, KEYS)

    with pytest.raises(StoreUnavailableError):
        await store.find(APP, ANNA)

    await store.close()


async def test_a_locked_file_is_away_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for ever, and nothing is half done."""
    monkeypatch.setattr("gateway.accounts.sqlite_accounts.BUSY_SECONDS", 0.05)
    store = SqliteAccounts(tmp_path / "accounts.db", KEYS)
    await store.check()
    with closing(sqlite3.connect(tmp_path / "accounts.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailableError) as away:
            await link(store, TANAKA, ANNA)
        assert away.value.fault is StoreFault.TIMEOUT
        assert await store.find(APP, ANNA) == ()
        other.execute("ROLLBACK")

    assert isinstance(await link(store, TANAKA, ANNA), Linked)
    await store.close()


async def test_a_change_that_is_given_up_is_done_whole_or_not(tmp_path: Path) -> None:
    """A client that leaves cancels its request; the next change works."""
    store = SqliteAccounts(tmp_path / "accounts.db", KEYS)
    await store.check()
    for steps in range(12):
        task = asyncio.ensure_future(link(store, Account(APP, f"a{steps}"), ANNA))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert isinstance(await link(store, TANAKA, ANNA), Linked)
    assert "tanaka" in await names(store, ANNA)
    await store.close()


async def test_what_was_forgotten_is_in_none_of_the_files(tmp_path: Path) -> None:
    """Neither a mark nor a box of a password, not even in the log or in a free page."""
    store = SqliteAccounts(tmp_path / "accounts.db", KEYS)
    mark = Marks(("key1-erased-mark",))
    await link(store, TANAKA, mark)
    assert _holds(tmp_path, b"erased-mark")

    await store.erase(APP, mark)

    assert not _holds(tmp_path, b"erased-mark")
    await store.close()


def _holds(folder: Path, word: bytes) -> bool:
    return any(word in file.read_bytes() for file in folder.iterdir())


def _modes(folder: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


def persistent(kind: str, url: str, place: Path, keys: Secrets) -> AccountStore:
    return SqliteAccounts(place / "accounts.db", keys) if kind == "sqlite" else open_redis(url, keys=keys)


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
async def test_a_record_opens_by_our_keys_alone(kind: str, tmp_path: Path) -> None:
    """A retired or foreign key is an error and never a person without a link; resealing moves to the first key."""
    old, new = "0123456789abcdef" * 4, "fedcba9876543210" * 4
    with redis_server(*FIT) as server:
        before = persistent(kind, server.url, tmp_path, Secrets.parse(old))
        await link(before, TANAKA, ANNA)
        await before.close()
        stranger = persistent(kind, server.url, tmp_path, Secrets.parse(new))
        with pytest.raises(StoreUnavailableError) as away:
            await stranger.find(APP, ANNA)
        assert away.value.fault is StoreFault.PROTOCOL
        rotating = persistent(kind, server.url, tmp_path, Secrets.parse(f"{new}\n{old}"))
        assert await names(rotating, ANNA) == ["tanaka"]

        assert await rotating.reseal(APP, lambda _name, _box: None) == 1

        assert await rotating.reseal(APP, lambda _name, _box: None) == 0
        assert await names(stranger, ANNA) == ["tanaka"]
        await rotating.close()
        await stranger.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"), "`maxmemory-policy` is `allkeys-lru`"),
        (("--appendonly", "no", "--save", ""), "neither AOF nor snapshots are on"),
    ],
)
async def test_a_redis_that_may_forget_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """By the check, and before anything is linked in it."""
    with redis_server(*arguments) as server:
        store = open_redis(server.url)
        with pytest.raises(UnfitAccountStoreError, match=said):
            await store.check()
        with pytest.raises(StoreUnavailableError):
            await link(store, TANAKA, ANNA)
        await store.close()


async def test_a_writer_without_the_key_makes_no_link(tmp_path: Path) -> None:
    """A record that is copied to another account, or to another App, opens nothing."""
    file = tmp_path / "accounts.db"
    store = SqliteAccounts(file, KEYS)
    await link(store, TANAKA, ANNA)
    await link(store, Account(APP, "mayor"), BERT)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "UPDATE accounts SET kept = (SELECT kept FROM accounts WHERE folded = 'tanaka') WHERE folded = 'mayor'"
        )
        database.execute("INSERT INTO named VALUES (?, ?, 'mayor')", (APP, ANNA.first))

    with pytest.raises(StoreUnavailableError):
        await store.find(APP, ANNA)

    await store.close()
