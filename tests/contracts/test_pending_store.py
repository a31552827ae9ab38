"""The contract of every store of pending logins, tested against each of them."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gateway.errors import StoreUnavailableError
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.pending import (
    FORM_LIVES,
    PENDING_SECONDS,
    Browser,
    Cap,
    KeptTarget,
    PendingLogin,
    PendingStore,
    Round,
    SentForm,
    UsedLogin,
    WaitingForm,
    bytes_of,
    random_name,
    state_name,
)
from gateway.login.redis_pending import RedisPendingStore
from gateway.login.sign_in import LoginFailure
from gateway.redis_client import RedisOptions, make_redis, parse_redis_url
from gateway.session.seal import Secrets
from tests.builders import CLIENT, NOON
from tests.redis_server import RedisServer, cluster_redis, redis_server

GUIDE = Path(__file__).parents[2] / "docs" / "sign-in.md"
SECRETS = Secrets.parse("correct-horse-battery-staple-0123456789")


@dataclass(frozen=True)
class Place:
    """The place where logins are kept: `url` is empty for memory."""

    url: str
    servers: tuple[RedisServer, ...] = ()
    password: str | None = None


@pytest.fixture(scope="module", params=["memory", "redis", "acl", "cluster"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each deployment, started once."""
    if request.param == "memory":
        yield Place("")
    elif request.param == "redis":
        with redis_server() as server:
            yield Place(server.url, (server,))
    elif request.param == "acl":
        # The user has the commands that docs/sign-in.md grants, and no other command.
        listed = re.search(r"needs these commands on them: ([^.]*)\.", GUIDE.read_text())
        assert listed is not None
        commands = [f"+{name}" for name in re.findall(r"`([a-z]+)`", listed[1])]
        rules = ("on", ">wacht", "~sekisho:l:*", "resetchannels", "-@all", *commands, "+hello", "+client|setname")
        with redis_server("--user", "gateway", *rules, "+select") as server:
            yield Place(f"redis://gateway@127.0.0.1:{server.port}/0", (server,), "wacht")
    else:
        with cluster_redis() as cluster:
            yield Place(cluster.url, tuple(cluster.servers))


Opener = Callable[..., Awaitable[PendingStore]]


@pytest.fixture
async def open_store(place: Place) -> AsyncIterator[Opener]:
    """Opens a store with changed caps; what it keeps is empty at the start."""
    clients: list[Any] = []
    for server in place.servers:
        client = server.client()
        client.flushall()
        client.close()

    async def open_it(**caps: Any) -> PendingStore:
        if not place.url:
            return MemoryPendingStore(**caps)
        clients.append(make_redis(parse_redis_url(place.url), RedisOptions(timeout=5.0, password=place.password)))
        return RedisPendingStore(clients[-1], SECRETS, random=os.urandom, timeout=5.0, **caps)

    yield open_it
    for client in clients:
        await client.aclose()


@pytest.fixture
async def store(open_store: Opener) -> PendingStore:
    """A store with its usual caps."""
    return await open_store()


def new_state() -> str:
    """A state nobody had before."""
    return random_name(os.urandom(32))


def login(browser: str = "b1", **changes: Any) -> PendingLogin:
    """A pending login of a browser."""
    values: dict[str, Any] = {
        "browser": browser,
        "host": "app.gw.test",
        "client_id": CLIENT,
        "nonce": "nonce-of-the-test",
        "verifier": "verifier-of-the-test",
        "return_to": "/reserve/42?who=佐藤",
        "rule": "test/reserve",
        "scopes": ("birthdate", "openid"),
        "begun_at": NOON,
        "fresh_within": 300.0,
    }
    return PendingLogin(**(values | changes))


async def test_a_login_waits_until_it_is_used(store: PendingStore) -> None:
    """Told by its name alone: who asks has no state, and opens nothing."""
    state, waiting = new_state(), login()
    assert not await store.waits(state_name(state))
    await store.open(state, waiting, "198.51.100.7", NOON)

    assert await store.waits(state_name(state))
    assert await store.use(state, waiting, NOON)
    assert not await store.waits(state_name(state))
    await store.settle(state, UsedLogin(waiting.browser, waiting.host, "/"), NOON)
    assert not await store.waits(state_name(state))


async def test_the_target_of_an_ended_login_is_known_without_its_secrets(open_store: Opener) -> None:
    """The login's own end takes the nonce and the verifier with it."""
    store = await open_store(life=0.3)
    state = new_state()
    await store.open(state, login(), "198.51.100.7", NOON)

    async def found(now: float) -> object:
        return await store.find(state, now)

    assert isinstance(await found(NOON), PendingLogin)
    while isinstance(await found(NOON + 1), PendingLogin):
        await asyncio.sleep(0.05)
    assert await found(NOON + 1) == KeptTarget("b1", "app.gw.test", "/reserve/42?who=佐藤", NOON)


async def test_the_target_of_a_login_that_made_room_is_known(open_store: Opener) -> None:
    """Its browser has begun too many."""
    store = await open_store(per_browser=1)
    first = new_state()
    await store.open(first, login(), "198.51.100.7", NOON)
    await store.open(new_state(), login(), "198.51.100.7", NOON)

    assert await store.find(first, NOON) == KeptTarget("b1", "app.gw.test", "/reserve/42?who=佐藤", NOON)


@pytest.mark.parametrize(
    ("total", "target"), [(8, "/"), (8, "/" + 1_024 * "x"), (1, "/a")], ids=["front page", "long", "flood"]
)
async def test_not_every_target_is_worth_a_day(open_store: Opener, total: int, target: str) -> None:
    """The front page is where a person lands anyway, a long one takes room, and a flood is not remembered at all."""
    store = await open_store(total=total, per_browser=1)
    await store.open(new_state(), login("other"), "198.51.100.7", NOON)
    state = new_state()
    await store.open(state, login(return_to=target), "198.51.100.8", NOON)
    await store.open(new_state(), login(), "198.51.100.8", NOON)

    assert await store.find(state, NOON) is None


def form(browser: str = "b1", **changes: Any) -> WaitingForm:
    """A form that waits."""
    values: dict[str, Any] = {
        "browser": browser,
        "host": "app.gw.test",
        "target": "/reserve",
        "body": "a=1",
        "until": NOON + 7_200,
    }
    return WaitingForm(**(values | changes))


async def test_a_form_waits_for_its_person_and_is_sent_once(store: PendingStore) -> None:
    """As it was, under its name and no other; of two who send it, one does, and its body is gone."""
    name, waiting = new_state(), form()
    assert await store.keep_form(name, waiting, "198.51.100.7", NOON)
    assert await store.find_form(name, NOON) == waiting
    assert await store.find_form(new_state(), NOON) is None

    hers = form(person="p-hanako")
    await store.change_form(name, hers)
    assert await store.find_form(name, NOON) == hers

    assert [await store.send_form(name, hers, NOON) for _ in range(2)] == [True, False]
    assert await store.find_form(name, NOON) == SentForm("b1", "app.gw.test", "/reserve")
    await store.change_form(name, waiting)
    assert await store.find_form(name, NOON) == SentForm("b1", "app.gw.test", "/reserve")


async def test_a_form_is_no_login(store: PendingStore) -> None:
    """A callback with a form's name as its state finds nothing, and a login's state no form."""
    name = new_state()
    await store.keep_form(name, form(), "198.51.100.7", NOON)
    assert await store.find(name, NOON) is None
    await store.open(name, login(), "198.51.100.7", NOON)
    assert await store.find_form(name, NOON) == form()


async def test_forms_have_room_of_their_own(open_store: Opener) -> None:
    """One address fills it neither by number nor by bytes, and takes no login's place."""
    store = await open_store(per_address=2, per_browser=1)
    names = [new_state() for _ in range(3)]
    kept = [await store.keep_form(name, form(f"b{n}"), "203.0.113.9", NOON) for n, name in enumerate(names)]
    assert kept == [True, True, False]
    assert await store.open(new_state(), login(), "203.0.113.9", NOON)
    assert await store.keep_form(new_state(), form("b0"), "203.0.113.9", NOON)
    assert await store.find_form(names[0], NOON) is None

    large = await open_store(bytes_per_address=10_000)
    assert not await large.keep_form(new_state(), form("c", body="x" * 10_000), "203.0.113.7", NOON)


async def test_a_form_ends_with_its_time(open_store: Opener) -> None:
    """Handing it to a person makes it live no longer."""
    store = await open_store(life=0.1)
    name = new_state()
    assert await store.keep_form(name, form(), "203.0.113.9", NOON)
    await store.change_form(name, form(person="p"))
    async with asyncio.timeout(20):
        while await store.find_form(name, NOON + FORM_LIVES * 0.1 + 0.1) is not None:
            await asyncio.sleep(0.05)


async def test_what_was_opened_is_found_as_it_was(store: PendingStore) -> None:
    """Every field of it, under its state and no other."""
    state = new_state()

    opened = await store.open(state, login(), "198.51.100.7", NOON)

    assert opened
    assert await store.find(state, NOON + 1) == login()
    assert await store.find(new_state(), NOON + 1) is None


async def test_a_login_is_used_exactly_once(store: PendingStore) -> None:
    """The store refuses the second callback, and can remember the result of the first."""
    state = new_state()
    await store.open(state, login(), "198.51.100.7", NOON)

    first = await store.use(state, login(), NOON)
    second = await store.use(state, login(), NOON)
    between = await store.find(state, NOON)
    used = UsedLogin("b1", "app.gw.test", "/a", "session-name", LoginFailure.REFUSED, "server_error")
    await store.settle(state, used, NOON)

    assert (first, second) == (True, False)
    assert between == UsedLogin("b1", "app.gw.test", "/reserve/42?who=佐藤")
    assert await store.find(state, NOON) == used


async def test_the_newest_login_of_a_browser_always_works(open_store: Opener) -> None:
    """One more than its cap ends its own oldest, and nobody else's."""
    store = await open_store(per_browser=2)
    states = [new_state() for _ in range(4)]
    await store.open(states[0], login("other"), "198.51.100.7", NOON)

    for second, state in enumerate(states[1:]):
        assert await store.open(state, login("mine"), "198.51.100.7", NOON + second)

    found = [isinstance(await store.find(state, NOON + 5), PendingLogin) for state in states]
    assert found == [True, False, True, True]


async def test_at_the_cap_the_busy_are_refused_and_the_others_are_not(open_store: Opener) -> None:
    """No live login gives way, and at twice the cap nobody is let in."""
    store = await open_store(total=4)
    busy = [new_state() for _ in range(4)]
    for number, state in enumerate(busy):
        assert await store.open(state, login(f"b{number}"), "203.0.113.9", NOON)

    refused = await store.open(new_state(), login("b9"), "203.0.113.9", NOON)
    others = [await store.open(new_state(), login(f"o{number}"), f"198.51.100.{number}", NOON) for number in range(5)]

    assert not refused
    assert others == [True, True, True, True, False]
    assert [await store.find(state, NOON) for state in busy] == [login(f"b{number}") for number in range(4)]


async def test_one_line_of_ipv6_is_one_address(open_store: Opener) -> None:
    """A /64 has more addresses than the store has places."""
    store = await open_store(total=2)
    for number in range(2):
        assert await store.open(new_state(), login(f"b{number}"), f"2001:db8:1:2::{number}", NOON)

    assert not await store.open(new_state(), login("b8"), "2001:db8:1:2:ffff::8", NOON)
    assert await store.open(new_state(), login("b9"), "2001:db8:1:3::1", NOON)


async def test_used_logins_count_until_they_end(open_store: Opener) -> None:
    """A client that makes and spends logins would otherwise fill the store past its cap."""
    store = await open_store(total=1)
    state = new_state()
    await store.open(state, login(), "198.51.100.7", NOON)
    await store.use(state, login(), NOON)

    assert not await store.open(new_state(), login("b2"), "198.51.100.7", NOON)
    assert await store.open(new_state(), login("b2"), "198.51.100.7", NOON + PENDING_SECONDS + 1)


async def test_logins_begun_while_a_clock_was_ahead_take_nobodys_place(open_store: Opener) -> None:
    """They would count for as long as it was ahead, and sign-ins would be refused for days."""
    store = await open_store(total=1)
    assert await store.open(new_state(), login("b1"), "198.51.100.7", NOON + 10 * 86_400.0)

    assert await store.open(new_state(), login("b2"), "198.51.100.7", NOON)
    assert not await store.open(new_state(), login("b3"), "198.51.100.7", NOON)


SMALL = 1_100
"""The size that `login()` counts for, and a little more."""


def with_form(size: int, browser: str = "b1") -> PendingLogin:
    """A login that counts for just so many bytes, by its target."""
    return login(browser, return_to="x" * (size - bytes_of(login(browser, return_to=""))))


async def test_one_address_fills_the_store_neither_by_number_nor_by_bytes(open_store: Opener) -> None:
    """However small each login is, and however few large ones there are; a login of another address has its place."""
    by_number = await open_store(per_address=2)
    numbers = [await by_number.open(new_state(), login(f"b{each}"), "203.0.113.9", NOON) for each in range(3)]
    elsewhere = await by_number.open(new_state(), login("c"), "198.51.100.7", NOON)

    by_bytes = await open_store(bytes_per_address=10_000)
    sizes = [
        await by_bytes.open(new_state(), with_form(size, f"d{size}"), "192.0.2.1", NOON)
        for size in (9_000, 2_000, SMALL)
    ]
    others = await by_bytes.open(new_state(), with_form(9_000, "e"), "192.0.2.2", NOON)

    assert (numbers, elsewhere) == ([1, 2, 0], 1)
    assert (sizes, others) == ([1, 0, 0], 1)


async def test_all_addresses_together_fill_the_store_by_no_more_than_twice_its_bytes(open_store: Opener) -> None:
    """From the cap on those with more than their share are refused, at twice the cap everybody is."""
    store = await open_store(bytes_in_total=10_000)
    assert await store.open(new_state(), with_form(8_000), "203.0.113.9", NOON)

    busy = await store.open(new_state(), with_form(4_000, "b2"), "203.0.113.9", NOON)
    others = [
        await store.open(new_state(), with_form(4_000, f"o{number}"), f"198.51.100.{number}", NOON)
        for number in range(4)
    ]

    assert not busy
    assert others == [1, 1, 1, 0]


async def test_bytes_are_free_again_when_their_login_ends(open_store: Opener) -> None:
    """By time, or because the browser's own newest took its place; a used one counts until it would have ended."""
    store = await open_store(bytes_per_address=10_000, per_browser=1)
    large = with_form(9_000)
    state = new_state()

    assert await store.open(new_state(), large, "203.0.113.9", NOON)
    assert await store.open(state, large, "203.0.113.9", NOON + 1)
    assert await store.use(state, large, NOON + 2)
    assert not await store.open(new_state(), with_form(2_000, "b2"), "203.0.113.9", NOON + 3)
    assert await store.open(new_state(), large, "203.0.113.9", NOON + PENDING_SECONDS + 3)


async def test_what_may_wait_is_what_a_simple_model_says(open_store: Opener) -> None:
    """For every order of opening, using and waiting, each store counts as a list of all logins would."""
    caps = {
        "total": 6,
        "per_address": 4,
        "per_browser": 3,
        "bytes_in_total": 12_000,
        "bytes_per_address": 9_000,
    }
    store = await open_store(**caps)
    random = Random(20261128)
    waiting: list[tuple[float, str, str, int, str, PendingLogin | None]] = []
    now, answers = NOON, set()
    for _ in range(150):
        now += random.choice((0.0, 1.0, 60.0, 400.0))
        waiting = [each for each in waiting if now < each[0]]
        unused = [each for each in waiting if each[5] is not None]
        if unused and random.random() < 0.3:
            chosen = random.choice(unused)
            assert chosen[5] is not None
            # Redis ends a record by its own clock, which stands still here.
            if await store.use(chosen[4], chosen[5], now):
                at = waiting.index(chosen)
                waiting[at] = (*chosen[:5], None)
            continue
        address, browser = f"192.0.2.{random.randrange(4)}", f"b{random.randrange(5)}"
        size, state = random.choice((SMALL, 2_000, 5_000)), new_state()
        own = [each for each in waiting if each[2] == browser and each[5] is not None]
        left = [each for each in waiting if len(own) < caps["per_browser"] or each is not own[0]]
        addresses = len({each[1] for each in waiting})
        mine = [each[3] for each in left if each[1] == address]

        expected = True
        for cap, more, live, of_address in (
            (Cap(caps["total"], caps["per_address"]), 1, len(left), len(mine)),
            (
                Cap(caps["bytes_in_total"], caps["bytes_per_address"]),
                size,
                sum(each[3] for each in left),
                sum(mine),
            ),
        ):
            expected &= cap.admits(more, live=live, addresses=addresses, of_address=of_address)
        opened = await store.open(state, with_form(size, browser), address, now)

        assert bool(opened) is expected
        assert opened == (len(mine) + 1 if expected else 0)
        answers.add(bool(opened))
        if opened:
            waiting = [*left, (now + PENDING_SECONDS, address, browser, size, state, with_form(size, browser))]
    assert answers == {True, False}


async def test_a_sum_that_redis_has_lost_is_made_anew(open_store: Opener, place: Place) -> None:
    """Under `volatile-lru` it may go before the logins it counts."""
    if len(place.servers) != 1:
        return
    store = await open_store(bytes_per_address=10_000)
    assert await store.open(new_state(), with_form(9_000), "203.0.113.9", NOON)

    with place.servers[0].client() as client:
        sums = list(client.scan_iter("sekisho:l:{login}:bytes*"))
        client.delete(*sums)

    assert len(sums) == 2
    assert not await store.open(new_state(), with_form(2_000, "b2"), "203.0.113.9", NOON)


async def test_the_sign_in_that_made_a_session_is_remembered(store: PendingStore) -> None:
    """For the loop breaker, by the session's name."""
    made = Round("test/reserve", 2, NOON)
    state = new_state()
    waiting = login()
    assert await store.open(state, waiting, "203.0.113.9", NOON)
    assert await store.use(state, waiting, NOON)

    await store.settle(state, UsedLogin(waiting.browser, waiting.host, "/", "name"), NOON, made)

    assert await store.find_round("name", NOON) == made
    assert await store.find_round("other", NOON) is None


async def test_a_name_for_one_use_is_spent_once(store: PendingStore) -> None:
    """A replayed logout token is the second."""
    assert [await store.spend("jti-1", NOON), await store.spend("jti-1", NOON), await store.spend("jti-2", NOON)] == [
        True,
        False,
        True,
    ]


async def test_a_name_can_be_given_back(store: PendingStore) -> None:
    """A caller gives a name back when its sign-in did not succeed."""
    await store.spend("jti-1", NOON)

    await store.unspend("jti-1")
    await store.unspend("never-spent")

    assert await store.spend("jti-1", NOON)


async def test_a_dump_of_the_store_tells_nothing(store: PendingStore, place: Place) -> None:
    """No state, nonce, verifier, target, address or browser secret in any key or value."""
    browser = Browser(random_name(os.urandom(32)))
    state = new_state()
    await store.open(state, login(browser.name), "198.51.100.7", NOON)
    await store.use(state, login(browser.name), NOON)
    await store.open(other := new_state(), login(browser.name), "198.51.100.7", NOON)

    dumped = b""
    for server in place.servers:
        client = server.client()
        keys: list[Any] = client.keys("*")
        for key in keys:
            dumped += key + b"\n" + bytes(client.dump(key) or b"") + b"\n"
        client.close()

    for secret in (state, other, "nonce-of-the-test", "verifier-of-the-test", "/reserve", "198.51.100", browser.secret):
        assert secret.encode() not in dumped


async def test_a_record_put_under_another_name_opens_for_nobody(store: PendingStore, place: Place) -> None:
    """A writer in Redis cannot turn one login into another, nor a used one into an unused one."""
    if len(place.servers) != 1:
        return
    mine, theirs = new_state(), new_state()
    await store.open(mine, login(), "198.51.100.7", NOON)
    await store.open(theirs, login("b2"), "198.51.100.7", NOON)

    with place.servers[0].client() as client:
        ours, others = sorted(client.keys("sekisho:l:s:*"))
        client.copy(ours, others, replace=True)
        client.copy(ours, ours.replace(b":s:", b":u:"))

    assert {await store.find(mine, NOON), await store.find(theirs, NOON)} == {None}


async def test_a_store_that_is_away_says_so() -> None:
    """Never that there is no such login."""
    with redis_server() as server:
        client = make_redis(parse_redis_url(server.url), RedisOptions(timeout=0.5))
        store = RedisPendingStore(client, SECRETS, random=os.urandom, timeout=0.5)
    with pytest.raises(StoreUnavailableError):
        await store.find(new_state(), NOON)
    await client.aclose()
