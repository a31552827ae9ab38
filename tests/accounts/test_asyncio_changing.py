"""The gateway gives an account a password of its own. No failure in the middle takes the account from its person."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.accounts.accounts import CHANGE_SECONDS, KeptPassword, KeptPasswords
from gateway.accounts.application_cookies import Jar
from gateway.accounts.asyncio_application import Application, SignedInThere
from gateway.accounts.asyncio_linking import AppParts, LinkEnd, Linking
from gateway.accounts.asyncio_watching import LinkWatches
from gateway.accounts.attempts import OPEN_SECONDS, attempt_limits
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.passwords import NONCE, open_password, seal_password
from gateway.accounts.recipe import Reply
from gateway.errors import GatewayError, UpstreamOverloadedError, UpstreamProtocolError, UpstreamUnreachableError
from gateway.request.inbound import Inbound
from gateway.route.route import Route
from gateway.session.memory_store import MemoryStore
from gateway.session.seal import Secrets
from gateway.session.ticket import new_ticket
from gateway.settings.recipes import whole_recipe
from gateway.settings.settings import (
    AppAccounts,
    ChangeSettings,
    HeaderSettings,
    RecipeSettings,
    SuccessSettings,
)
from gateway.upstream.upstream import Upstreams
from tests.builders import NOON, identity, inbound, route, session

KEYS = Secrets.parse(secrets.token_hex(32))
OLD = "old-password-of-2009"
LOCKS_AFTER = 5
RECIPE = whole_recipe(
    RecipeSettings(
        page="/login",
        user="id",
        password="pw",
        success=SuccessSettings(status=302),
        change=ChangeSettings(page="/change", old="before", new="after", repeat="again"),
        closed=("/login", "/change"),
        locks_after=LOCKS_AFTER,
    )
)
ROUTE = route()
FAULTS = ("unreachable", "cut before", "cut after", "gone", "dies before", "dies after")


class Clock:
    """A clock that ticks two seconds whenever somebody looks: no answer waits for a moment of its own."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        """Return the next moment."""
        self.now += 2
        return self.now


class Old(Application):
    """An application with one account, which fails at the requests that a test names."""

    def __init__(self, clock: Clock, recipe: RecipeSettings = RECIPE) -> None:
        super().__init__(self.no_connections, recipe, clock)
        self.password = OLD
        self.wrong = 0
        self.most_wrong = 0
        self.sessions: set[str] = set()
        self.faults: dict[int, str] = {}
        self.asked: list[str] = []
        self.mangles = False
        self.asks_for_the_old = True
        self.longest = ""

    @staticmethod
    def no_connections() -> Upstreams:
        raise AssertionError("a real connection was asked for")

    async def _ask(
        self,
        route: Route,
        person: Inbound,
        method: str,
        target: str,
        cookies: Jar | bytes,
        body: bytes | None = None,
        *,
        referer: str = "",
    ) -> Reply:
        del route, person, referer
        fault = self.faults.get(len(self.asked), "")
        self.asked.append(f"{method} {target}")
        await asyncio.sleep(0)
        if fault == "dies before":
            raise asyncio.CancelledError
        if fault == "unreachable":
            raise UpstreamUnreachableError("http://127.0.0.1:1")
        if fault == "cut before":
            raise UpstreamProtocolError("the answer was cut off")
        if fault == "gone":
            return Reply(404, (), b"")
        field_value = cookies if isinstance(cookies, bytes) else cookies.field_for(target)
        form = {name: values[0] for name, values in parse_qs((body or b"").decode()).items()}
        reply = self.answer(method, target, field_value.decode(), form)
        if fault == "dies after":
            raise asyncio.CancelledError
        if fault == "cut after":
            raise UpstreamProtocolError("the answer was cut off")
        return reply

    def answer(self, method: str, target: str, cookie: str, form: dict[str, str]) -> Reply:
        """Answer as the application does when nothing fails."""
        if target == "/login" and method == "GET":
            return Reply(200, (), b"<form><input name=id><input name=pw></form>")
        if target == "/login":
            if form["pw"] != self.password:
                self.wrong += 1
                self.most_wrong = max(self.most_wrong, self.wrong)
                return Reply(200, (), b"wrong")
            self.wrong = 0
            known = secrets.token_hex(8)
            self.sessions.add(known)
            return Reply(302, ((b"Set-Cookie", f"SID={known}; Path=/".encode()), (b"Location", b"/")), b"")
        if target == "/nowhere":
            return Reply(404, (), b"")
        if cookie.removeprefix("SID=") not in self.sessions:
            return Reply(302, ((b"Location", b"/login"),), b"")
        if target == "/logout":
            self.sessions.discard(cookie.removeprefix("SID="))
            return Reply(200, (), b"bye")
        if target == "/no":
            return Reply(404, (), b"")
        if method == "GET":
            old = "<input name=before>" if self.asks_for_the_old else "<input name=before type=hidden>"
            return Reply(200, (), f"<form>{old}<input name=after {self.longest}><input name=again></form>".encode())
        if form["after"] == form["again"] and (form["before"] == self.password or not self.asks_for_the_old):
            self.password = form["after"].lower() if self.mangles else form["after"]
        return Reply(302, ((b"Location", b"/done"),), b"")


@dataclass
class World:
    """One person, one account, one App."""

    clock: Clock = field(default_factory=Clock)
    store: MemoryAccounts = field(default_factory=MemoryAccounts)

    def __post_init__(self) -> None:
        self.application = Old(self.clock)
        self.sessions = MemoryStore(idle=3600, clock=self.clock, monotonic=lambda: 0.0)
        self.person = session(identity())
        self.ticket = new_ticket(secrets.token_bytes(32))
        self.have("changed")

    def have(self, passwords: str) -> None:
        """Have a gateway with that setting."""
        parts = AppParts(
            name=ROUTE.name,
            settings=AppAccounts(recipe=RECIPE, tell="form", passwords="changed" if passwords == "changed" else "kept"),
            headers=HeaderSettings(),
            store=self.store,
            keys=KEYS,
            application=self.application,
            limits=attempt_limits(LOCKS_AFTER, None),
        )
        self.linking = Linking(
            {ROUTE.name: parts},
            self.sessions,
            lambda *_: None,
            lambda _client, subject: (subject,),
            clock=self.clock,
            random=secrets.token_bytes,
            watches=LinkWatches(lambda: 0.0),
        )

    async def link(self, password: str = OLD) -> LinkEnd:
        """Prove the account, signed in."""
        await self.sessions.create(self.ticket, self.person)
        result = await self.linking.link(ROUTE, inbound(), self.person, self.ticket, "tanaka", password)
        return result.end

    async def come(self) -> SignedInThere | None:
        """Come back with the card alone."""
        return await self.linking.sign_in_as(ROUTE, inbound(), self.person, "tanaka")

    async def held(self) -> int:
        """Return how many accounts the person may use."""
        return len(await self.linking.accounts_of(ROUTE, self.person))

    async def kept(self) -> list[str]:
        """Return the passwords that the store has."""
        found = await self.store.passwords(ROUTE.name, "tanaka")
        boxes = [each.box for each in (found.current, found.next) if each is not None]
        opened = [open_password(KEYS, ROUTE.name, "tanaka", box) for box in boxes]
        return [each for each in opened if each is not None]


@pytest.fixture
def world() -> World:
    return World()


async def test_a_linked_account_has_a_password_that_nobody_knows(world: World) -> None:
    """The person's own is kept nowhere and opens nothing any more; the card does."""
    assert await world.link() is LinkEnd.LINKED

    assert world.application.password != OLD
    assert await world.kept() == [world.application.password]
    assert len(world.application.password) == RECIPE.change.length
    assert isinstance(await world.come(), SignedInThere)
    kept = await world.store.passwords(ROUTE.name, "tanaka")
    assert kept.next is None
    assert kept.current is not None
    assert not kept.current.own


async def test_a_form_that_takes_fewer_signs_gets_fewer(world: World) -> None:
    """A browser writes no more than `maxlength`, and a password that is too short is not set at all."""
    world.application.longest = "maxlength=16"
    assert await world.link() is LinkEnd.LINKED
    assert len(world.application.password) == 16

    other = World()
    other.application.longest = "maxlength=8"
    assert await other.link() is LinkEnd.NOT_CHANGED
    assert other.application.password == OLD
    assert await other.kept() == []


async def test_a_refused_change_keeps_nothing_and_asks_again(world: World) -> None:
    """The person's own password is not kept in its place: she proves the account once more, and it is changed then."""
    world.application.faults = {2: "gone"}
    assert await world.link() is LinkEnd.NOT_CHANGED
    assert await world.kept() == []
    assert await world.held() == 0

    assert await world.link() is LinkEnd.LINKED
    assert await world.kept() == [world.application.password] != [OLD]
    assert await world.held() == 1


async def test_a_password_that_the_application_changed_again_is_taken_back(world: World) -> None:
    """It stores another one than it was given: where its form asks for no old one, the gateway goes back."""
    world.application.mangles, world.application.asks_for_the_old = True, False
    assert await world.link() is LinkEnd.NOT_CHANGED
    assert world.application.password == OLD.lower() == OLD
    assert await world.kept() == []


async def test_a_password_that_is_lost_is_said_to_be(world: World) -> None:
    """Neither opens the account; the office sets one there, and the person proves it."""
    world.application.mangles = True
    assert await world.link() is LinkEnd.NOT_CHANGED
    world.clock.now += CHANGE_SECONDS
    assert await world.come() is None
    assert world.application.most_wrong < LOCKS_AFTER

    world.application.mangles, world.application.password, world.application.wrong = False, "of-the-office", 0
    await world.store.forget_attempts(ROUTE.name, "tanaka", world.clock())
    assert await world.link("of-the-office") is LinkEnd.LINKED
    assert await world.kept() == [world.application.password]
    assert isinstance(await world.come(), SignedInThere)


async def test_a_password_kept_before_the_settings_said_changed_is_changed_at_the_next_login(world: World) -> None:
    """Nobody is asked again; a change that fails keeps what opens the account."""
    world.have("kept")
    assert await world.link() is LinkEnd.LINKED
    assert await world.kept() == [OLD]
    world.have("changed")

    world.application.faults = {len(world.application.asked) + 2: "gone"}
    assert isinstance(await world.come(), SignedInThere)
    assert await world.kept() == [OLD]
    assert isinstance(await world.come(), SignedInThere)
    assert await world.kept() == [world.application.password] != [OLD]


async def test_of_many_who_link_at_once_one_changes_the_password(world: World) -> None:
    """Two windows prove the account together: the password that counts is kept."""
    ends = await asyncio.gather(*(world.link() for _ in range(3)))

    assert LinkEnd.LINKED in ends
    assert world.application.password in await world.kept()
    assert world.application.most_wrong < LOCKS_AFTER
    world.clock.now += CHANGE_SECONDS
    assert isinstance(await world.come(), SignedInThere)


async def test_while_a_change_is_under_way_nobody_is_asked_again(world: World) -> None:
    """A page that is opened meanwhile waits; it tries no password that may not count yet."""
    await world.link()
    current = (await world.store.passwords(ROUTE.name, "tanaka")).current
    assert current is not None
    prepared = KeptPassword(current.box, own=False, since=world.clock())
    await world.store.forget_password(ROUTE.name, "tanaka")
    assert await world.store.prepare_password(ROUTE.name, "tanaka", prepared, KeptPasswords())

    with pytest.raises(UpstreamOverloadedError):
        await world.come()
    assert await world.held() == 1
    world.clock.now += CHANGE_SECONDS
    assert isinstance(await world.come(), SignedInThere)
    assert (await world.store.passwords(ROUTE.name, "tanaka")).current == replace(prepared, refused=False)


async def test_a_password_of_ours_that_was_refused_once_is_tried_again_within_the_limit(world: World) -> None:
    """An application that refuses for a while takes the account from nobody, and is not made to lock it."""
    await world.link()
    good, world.application.password = world.application.password, "for a while another"

    for _ in range(10):
        assert await world.come() is None
    assert world.application.most_wrong < LOCKS_AFTER
    assert await world.held() == 1
    world.application.password, world.application.wrong = good, 0
    await world.store.forget_attempts(ROUTE.name, "tanaka", world.clock())
    assert isinstance(await world.come(), SignedInThere)
    assert isinstance(await world.come(), SignedInThere)


async def test_others_failures_hold_up_no_login_with_a_kept_password(world: World) -> None:
    """Somebody who guesses takes the card's way in from nobody."""
    await world.link()
    for number in range(10):
        assert await world.link(f"guess-{number}") is LinkEnd.WRONG

    assert isinstance(await world.come(), SignedInThere)


@given(faults=st.dictionaries(st.integers(0, 14), st.sampled_from(FAULTS), max_size=4), begins_kept=st.booleans())
@example(faults={3: "dies after"}, begins_kept=False)
@example(faults={3: "cut after", 4: "unreachable"}, begins_kept=False)
@example(faults={2: "dies after"}, begins_kept=True)
@settings(max_examples=60, deadline=None)
def test_whatever_fails_in_the_middle_the_account_stays_within_reach(
    *, faults: dict[int, str], begins_kept: bool
) -> None:
    """At any end in the middle, the person or the store has the password that counts, and she comes in later.

    The application never counts so many wrong ones that it locks.
    """
    asyncio.run(interrupted(faults, begins_kept=begins_kept))


async def interrupted(faults: dict[int, str], *, begins_kept: bool) -> None:
    world = World()
    if begins_kept:
        world.have("kept")
        assert await world.link() is LinkEnd.LINKED
        world.have("changed")
    begun = len(world.application.asked)
    world.application.faults = {begun + number: fault for number, fault in faults.items()}

    for _ in range(3):
        with suppress(GatewayError, asyncio.CancelledError):
            if not await world.held() or await world.come() is None:
                await world.link()
        assert world.application.password in {OLD, *await world.kept()}
        assert world.application.most_wrong < LOCKS_AFTER
        world.clock.now += CHANGE_SECONDS
    world.application.faults = {}
    # Attempts that a stopped gateway left behind are over by then.
    world.clock.now += OPEN_SECONDS
    await world.store.forget_attempts(ROUTE.name, "tanaka", world.clock())
    for _ in range(3):
        if not await world.held() or await world.come() is None:
            await world.link()
        world.clock.now += CHANGE_SECONDS
    assert isinstance(await world.come(), SignedInThere)
    assert await world.kept() == [world.application.password] != [OLD]


def test_a_sealed_password_is_no_text() -> None:
    """The representation of a kept password has no part of it."""
    box = seal_password(KEYS, ROUTE.name, "tanaka", OLD, bytes(NONCE))

    assert OLD not in repr(KeptPasswords(KeptPassword(box, own=True)))
