"""Linking an account and acting for one, on stores in memory and an application without a socket."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from gateway.accounts.accounts import Account, AccountStore, Evidence, KeptPasswords, LinkState
from gateway.accounts.application_cookies import cookie_key, hashes_of
from gateway.accounts.asyncio_application import Refused, SignedInThere
from gateway.accounts.asyncio_linking import KNOWN_SECONDS, LinkEnd, Linking, LinkResult
from gateway.accounts.attempts import ANSWER_EVERY, LOGIN_SECONDS, MOST_FOR_ACCOUNT, OPEN_SECONDS, Attempt
from gateway.accounts.memory_accounts import MemoryAccounts
from gateway.accounts.sqlite_accounts import SqliteAccounts
from gateway.errors import GatewayError, StoreUnavailableError, UpstreamOverloadedError, UpstreamProtocolError
from gateway.identity import AccountKind, Acting, Role
from gateway.instant import Instant
from gateway.session.memory_store import MemoryStore
from gateway.session.seal import Secrets
from gateway.session.session import Found, Session, SubjectSessions
from gateway.session.ticket import Ticket
from gateway.settings.settings import AppAccounts
from tests import builders
from tests.accounts.old_application import KEYS, RECIPE, Clock, OldApplication, linking

ROUTE = builders.route()
TICKET, OTHER_TICKET = "T" * 43, "U" * 43
HANAKO = builders.session()
TARO = builders.session(builders.identity("taro"), pseudonym="p-taro")
INBOUND = builders.inbound("/mine")


@dataclass
class Town:
    """The linking of one App, with its stores, its application and a clock."""

    clock: Clock = field(default_factory=Clock)
    old: OldApplication = field(default_factory=OldApplication)
    accounts: AccountStore = field(default_factory=MemoryAccounts)
    joined: dict[str, Instant] = field(default_factory=dict)
    leading: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The subjects of new cards that are known as an older one."""
    settings: AppAccounts | None = None
    linking: Linking = field(init=False)
    sessions: MemoryStore = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = MemoryStore(idle=1_800, clock=self.clock, monotonic=lambda: 0.0)
        self.linking = linking(
            self.old,
            store=self.accounts,
            sessions=self.sessions,
            clock=self.clock,
            joined_at=lambda _client, subject: self.joined.get(subject),
            subjects_of=lambda _client, subject: (subject, *self.leading.get(subject, ())),
            settings=self.settings,
        )

    async def begin(self) -> None:
        """Sign both in."""
        await self.sessions.create(TICKET, HANAKO)
        await self.sessions.create(OTHER_TICKET, TARO)

    async def link(self, user: str, password: str, session: Session = HANAKO, ticket: Ticket = TICKET) -> LinkResult:
        """Fill in the form."""
        return await self.linking.link(ROUTE, INBOUND, session, ticket, user, password)

    async def known(self, session: Session = HANAKO, ticket: Ticket = TICKET) -> Found:
        """Find out for which account she acts."""
        found = Found(session)
        await self.linking.load(ROUTE, found, ticket)
        return found

    def behind_login(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have something happen once between the application's answer to a login and what follows from it."""
        sign_in = self.linking.sign_in

        async def then(*given: object) -> object:
            login = await sign_in(*given)  # type: ignore[arg-type]
            await work()
            return login

        self.linking.sign_in = then  # type: ignore[method-assign, assignment]

    async def given(self, name: str, role: Role | None = None, session: Session = HANAKO) -> None:
        """Have the office link one."""
        kind = AccountKind.PERSON if role is None else AccountKind.GROUP
        marks = self.linking.marks(ROUTE, session)
        await self.accounts.link(
            Account("booking", name, kind), marks, Evidence.IMPORT, builders.NOON, role or Role.MEMBER
        )


@pytest.fixture(name="make")
async def make_fixture(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Town]:
    """Makes towns in which nobody sleeps: a pause moves the clock."""
    towns: list[Town] = []
    pause = asyncio.sleep

    async def passes(seconds: float) -> None:
        for town in towns:
            town.clock.now += seconds
        await pause(0)

    monkeypatch.setattr("gateway.accounts.asyncio_linking.asyncio.sleep", passes)

    def make(**parts: object) -> Town:
        towns.append(Town(**parts))  # type: ignore[arg-type]
        return towns[-1]

    return make


@pytest.fixture(name="town")
async def town_fixture(make: Callable[..., Town]) -> Town:
    """Two persons are signed in."""
    town = make()
    await town.begin()
    return town


async def test_a_proved_account_is_hers_from_then_on(town: Town) -> None:
    """She acts for it in this session and in the next one; the password is kept sealed, and its session is over."""
    assert await town.link("yamada", "old-Canary-1") == LinkResult(
        LinkEnd.LINKED, "yamada", town.linking.marks(ROUTE, HANAKO).first
    )
    found = await town.known()
    assert found.accounts is not None
    assert found.accounts["booking"].acting == Acting("yamada", AccountKind.PERSON, None)
    assert found.accounts["booking"].valid_until == town.clock.now + KNOWN_SECONDS
    kept = (await town.accounts.passwords("booking", "yamada")).current
    assert kept is not None
    assert kept.own
    assert b"Canary" not in kept.box
    assert town.old.sessions == {}


@pytest.mark.parametrize(
    ("user", "password"),
    [("yamada", "guess"), ("nobody", "guess"), ("", "x"), ("yamada", ""), ("a\x00b", "x"), ("yamada", "x" * 2_000)],
)
async def test_every_wrong_login_has_one_answer_at_one_moment(town: Town, user: str, password: str) -> None:
    """The person learns the same of each, after as long."""
    result = await town.link(user, password)

    assert result.end is LinkEnd.WRONG
    assert (town.clock.now - builders.NOON) % ANSWER_EVERY == 0
    assert town.clock.now > builders.NOON
    assert await town.linking.links_of(ROUTE, HANAKO) == ()


async def test_nobody_is_locked_out_and_a_reached_limit_looks_like_a_wrong_password(make: Callable[..., Town]) -> None:
    """All persons together make fewer attempts than the application locks after; then the right one fails as well."""
    town = make()
    await town.begin()
    for number in range(8):
        session, ticket = (HANAKO, TICKET) if number % 2 else (TARO, OTHER_TICKET)
        assert (await town.link("yamada", f"guess-{number}", session, ticket)).end is LinkEnd.WRONG

    assert town.old.logins() == min(MOST_FOR_ACCOUNT, (RECIPE.locks_after or 0) - 2)
    assert (await town.link("yamada", "old-Canary-1")).end is LinkEnd.WRONG
    await town.accounts.forget_attempts("booking", "yamada", town.clock())
    assert (await town.link("yamada", "old-Canary-1")).end is LinkEnd.LINKED


async def test_a_second_person_gets_no_link_and_both_are_named(town: Town) -> None:
    """The counter decides; she acts for nothing."""
    await town.link("yamada", "old-Canary-1")

    result = await town.link("yamada", "old-Canary-1", TARO, OTHER_TICKET)

    marks = [town.linking.marks(ROUTE, each).first for each in (TARO, HANAKO)]
    assert (result.end, result.person, result.holder) == (LinkEnd.TAKEN, *marks)
    assert await town.linking.accounts_of(ROUTE, TARO) == ()


@pytest.mark.parametrize("broken", ["unreachable", "no page", "page cut off", "login cut off"])
async def test_an_application_that_is_away_costs_no_attempt_that_it_never_saw(town: Town, broken: str) -> None:
    """An answer to the login that broke off may have come behind it, so that one counts; its page counts nothing."""
    match broken:
        case "unreachable":
            town.old.fails_unheard = True
        case "no page":
            town.old.page = (500, b"")
        case _:
            town.old.fails = UpstreamProtocolError("broken")
            town.old.fails_only = "GET" if broken == "page cut off" else "POST"
    for _ in range((RECIPE.locks_after or 0) - 2):
        assert (await town.link("yamada", "old-Canary-1")).end is LinkEnd.AWAY

    town.old.fails_unheard, town.old.fails, town.old.page = False, None, OldApplication().page
    again = (await town.link("yamada", "old-Canary-1")).end
    assert again is (LinkEnd.WRONG if broken == "login cut off" else LinkEnd.LINKED)


async def test_a_person_with_several_accounts_acts_for_none_until_she_chooses(town: Town) -> None:
    """For one session; a word that is none changes nothing, and the note beside the session has no name."""
    await town.given("yamada")
    await town.given("club", Role.REPRESENTATIVE)
    before = (await town.known()).accounts
    assert before is not None
    assert (before["booking"].acting, before["booking"].choices) == (None, 2)

    club = next(each for each in await town.linking.links_of(ROUTE, HANAKO) if each.account.name == "club")
    for word in ("", "0", "none", "é", "0" * 32):
        assert await town.linking.choose(ROUTE, HANAKO, TICKET, word) is None
    assert await town.linking.choose(ROUTE, HANAKO, TICKET, town.linking.choice("booking", club)) == "club"

    after = (await town.known()).accounts
    assert after is not None
    assert after["booking"].acting == Acting("club", AccountKind.GROUP, Role.REPRESENTATIVE)
    assert "club" not in str(await town.sessions.notes(TICKET))
    other = (await town.known(ticket=OTHER_TICKET)).accounts
    assert other is not None
    assert other["booking"].acting is None, "another session has chosen nothing"


async def test_a_choice_whose_link_has_ended_chooses_no_other_account(town: Town) -> None:
    """One account is left, and a tab may have a form for the former one: she is asked, as with several."""
    await town.given("yamada")
    await town.given("club", Role.MEMBER)
    club = next(each for each in await town.linking.links_of(ROUTE, HANAKO) if each.account.name == "club")
    await town.linking.choose(ROUTE, HANAKO, TICKET, town.linking.choice("booking", club))
    await town.accounts.unlink("booking", "club", town.linking.marks(ROUTE, HANAKO))

    left = (await town.known()).accounts
    assert left is not None
    assert (left["booking"].acting, left["booking"].choices, left["booking"].declined) == (None, 1, False)

    (yamada,) = await town.linking.links_of(ROUTE, HANAKO)
    assert await town.linking.choose(ROUTE, HANAKO, TICKET, town.linking.choice("booking", yamada)) == "yamada"
    chosen = (await town.known()).accounts
    assert chosen is not None
    assert chosen["booking"].acting == Acting("yamada", AccountKind.PERSON, None)


async def test_a_choice_outlives_a_new_key(town: Town) -> None:
    """The word of a page, and the one beside a session, are known under the key that was the first one before."""
    await town.given("yamada")
    await town.given("club", Role.MEMBER)
    words = {
        each.account.name: town.linking.choice("booking", each) for each in await town.linking.links_of(ROUTE, HANAKO)
    }
    assert await town.linking.choose(ROUTE, HANAKO, TICKET, words["club"]) == "club"
    town.linking = linking(
        town.old,
        store=town.accounts,
        sessions=town.sessions,
        clock=town.clock,
        keys=Secrets((Secrets.single(b"n" * 32).first, *KEYS.all)),
    )

    known = (await town.known()).accounts
    assert known is not None
    assert known["booking"].acting is not None
    assert known["booking"].acting.account == "club"
    assert await town.linking.choose(ROUTE, HANAKO, TICKET, words["yamada"]) == "yamada"


@pytest.mark.parametrize("taken", [False, True])
async def test_a_person_who_is_erased_while_she_proves_an_account_leaves_nothing(town: Town, *, taken: bool) -> None:
    """Her session ends first, then her links; the application's answer comes behind both. No claim stays either."""
    if taken:
        await town.given("yamada", session=TARO)
    marks = town.linking.marks(ROUTE, HANAKO)

    async def erase() -> None:
        await town.sessions.revoke(SubjectSessions((HANAKO.pseudonym,)))
        await town.accounts.erase("booking", marks)

    town.behind_login(erase)

    result = await town.link("yamada", "old-Canary-1")

    assert result.end is LinkEnd.SIGNED_OUT
    assert await town.accounts.find("booking", marks) == ()
    record = await town.accounts.record("booking", "yamada")
    assert record is not None
    assert (record.claims, len(record.links), record.has_password) == ((), int(taken), False)
    assert town.old.sessions == {}


async def test_another_tab_that_renews_the_session_meanwhile_takes_no_link_back(town: Town) -> None:
    """The session lives under another ticket."""

    async def renew() -> None:
        assert await town.linking.renew(TICKET, "N" * 43, HANAKO)
        assert await town.linking.renew("N" * 43, "M" * 43, HANAKO)

    town.behind_login(renew)

    assert (await town.link("yamada", "old-Canary-1")).end is LinkEnd.LINKED
    assert len(await town.linking.accounts_of(ROUTE, HANAKO)) == 1


async def test_an_account_that_changes_hands_in_the_middle_keeps_no_password_of_the_former_person(town: Town) -> None:
    """The counter gives it away between the link and its password."""
    to = town.linking.marks(ROUTE, TARO)
    link = town.accounts.link

    async def linked(*given: object, **named: object) -> object:
        outcome = await link(*given, **named)  # type: ignore[arg-type]
        await town.accounts.hand_over(Account("booking", "yamada"), to, Evidence.COUNTER, town.clock.now)
        return outcome

    town.accounts.link = linked  # type: ignore[method-assign, assignment]

    await town.link("yamada", "old-Canary-1")

    assert await town.accounts.passwords("booking", "yamada") == KeptPasswords()


@pytest.mark.parametrize("how", ["unlinked", "handed over", "ask again"])
async def test_a_login_that_waits_for_its_turn_is_not_made_for_a_link_that_ends(town: Town, how: str) -> None:
    """The application is not asked, and the account's new person keeps her password."""
    await town.link("yamada", "old-Canary-1")
    kept = (await town.accounts.passwords("booking", "yamada")).current
    assert kept is not None
    marks, to = town.linking.marks(ROUTE, HANAKO), town.linking.marks(ROUTE, TARO)
    turn = Attempt("booking", "yamada", "m", "another worker's")
    assert await town.accounts.begin_login(turn, town.clock.now)
    waits = asyncio.create_task(town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada"))
    await asyncio.sleep(0)
    if how == "handed over":
        await town.accounts.hand_over(Account("booking", "yamada"), to, Evidence.COUNTER, town.clock.now)
        await town.accounts.keep_password("booking", "yamada", kept)
    elif how == "unlinked":
        await town.accounts.unlink("booking", "yamada", marks)
    else:
        await town.accounts.ask_again("booking", "yamada", marks)
    tried = town.old.logins()

    await town.accounts.end_login(turn)

    assert await waits is None
    assert town.old.logins() == tried
    if how == "handed over":
        assert isinstance(await town.linking.sign_in_as(ROUTE, INBOUND, TARO, "yamada"), SignedInThere)


async def test_an_offer_that_was_declined_is_not_made_again(town: Town) -> None:
    """Until she has one."""
    await town.linking.decline(ROUTE, TICKET)
    declined = (await town.known()).accounts
    assert declined is not None
    assert declined["booking"].declined

    await town.given("yamada")
    linked = (await town.known()).accounts
    assert linked is not None
    assert not linked["booking"].declined
    assert linked["booking"].acting is not None


async def test_a_link_that_must_be_proved_again_opens_nothing(town: Town) -> None:
    """After an alias, or as the counter says; her own page lists it all the same."""
    await town.given("yamada")
    town.joined["hanako"] = builders.NOON + 1
    assert await town.linking.accounts_of(ROUTE, HANAKO) == ()
    town.joined.clear()
    assert len(await town.linking.accounts_of(ROUTE, HANAKO)) == 1

    await town.accounts.ask_again("booking", "yamada", town.linking.marks(ROUTE, HANAKO))

    assert await town.linking.accounts_of(ROUTE, HANAKO) == ()
    (held,) = await town.linking.links_of(ROUTE, HANAKO)
    assert held.link.state is LinkState.ASK_AGAIN


async def test_an_account_of_the_new_card_comes_along_to_the_old_one(town: Town) -> None:
    """Both cards linked an account before the office had them known as one person: each is proved once more."""
    await town.given("club", Role.REPRESENTATIVE)
    await town.given("club", Role.MEMBER, TARO)
    assert (await town.link("yamada", "old-Canary-1", TARO, OTHER_TICKET)).end is LinkEnd.LINKED

    town.joined["hanako"], town.leading["hanako"] = town.clock.now + 1, ("taro",)
    town.clock.now += 2

    links = await town.linking.links_of(ROUTE, HANAKO)
    assert [(each.account.name, each.link.role) for each in links] == [("club", Role.REPRESENTATIVE), ("yamada", None)]
    assert await town.linking.accounts_of(ROUTE, HANAKO) == ()
    assert await town.linking.links_of(ROUTE, TARO) == ()
    assert (await town.link("yamada", "old-Canary-1")).end is LinkEnd.LINKED
    assert [each.account.name for each in await town.linking.accounts_of(ROUTE, HANAKO)] == ["yamada"]


async def test_an_alias_that_is_taken_back_leaves_nobody_anothers_account(town: Town) -> None:
    """The office had two persons known as one by mistake: what came along stays closed until it is proved."""
    assert (await town.link("yamada", "old-Canary-1", TARO, OTHER_TICKET)).end is LinkEnd.LINKED
    town.joined["hanako"], town.leading["hanako"] = town.clock.now + 1, ("taro",)
    assert [each.account.name for each in await town.linking.links_of(ROUTE, HANAKO)] == ["yamada"]

    town.joined.clear()
    town.leading.clear()

    assert await town.linking.accounts_of(ROUTE, HANAKO) == ()


async def test_a_session_of_the_new_card_has_nothing_of_the_old_one(town: Town) -> None:
    """Until the next sign-in she is the person of the new card: an alias opens no account to an open session."""
    await town.given("yamada")
    town.joined["hanako"], town.leading["hanako"] = builders.NOON - 1, ("taro",)

    assert await town.linking.links_of(ROUTE, TARO) == ()


async def test_a_person_ends_her_own_link_alone(town: Town) -> None:
    """Another person's stays."""
    await town.given("club", Role.MEMBER)
    await town.given("club", Role.MEMBER, TARO)

    assert await town.linking.unlink(ROUTE, HANAKO, "club")
    assert not await town.linking.unlink(ROUTE, HANAKO, "club")
    assert len(await town.linking.links_of(ROUTE, TARO)) == 1


async def test_the_gateway_signs_in_with_the_kept_password(town: Town) -> None:
    """Once it is no longer good, she is asked, and it is not tried again and again."""
    await town.link("yamada", "old-Canary-1")
    assert isinstance(await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada"), SignedInThere)
    town.old.passwords["yamada"] = "another"
    tried = town.old.logins()

    assert await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada") is None

    assert town.old.logins() == tried + 1
    assert await town.linking.accounts_of(ROUTE, HANAKO) == ()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_kept_password_that_is_not_good_any_more_fails_once(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Twelve sessions at once, at workers that share nothing but the store; then she proves the account again."""
    monkeypatch.setattr("gateway.accounts.sqlite_accounts.BUSY_SECONDS", 60.0)
    town = Town() if kind == "memory" else Town(accounts=SqliteAccounts(tmp_path / "accounts.db", KEYS))
    await town.begin()
    assert (await town.link("yamada", "old-Canary-1")).end is LinkEnd.LINKED
    town.old.passwords["yamada"] = "another"
    tried = town.old.logins()
    others = [town.accounts if kind == "memory" else SqliteAccounts(tmp_path / "accounts.db", KEYS) for _ in range(12)]
    workers = [linking(town.old, store=each, sessions=town.sessions, clock=Clock()) for each in others]
    for number, worker in enumerate(workers):
        worker._random = partial(_random, number)

    ends = await asyncio.gather(*(each.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada") for each in workers))

    assert ends == [None] * 12
    assert town.old.logins() == tried + 1
    assert await town.linking.accounts_of(ROUTE, HANAKO) == ()
    assert (await town.link("yamada", "another")).end is LinkEnd.LINKED
    signed_in = await asyncio.gather(*(each.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada") for each in workers))
    assert all(isinstance(each, SignedInThere) for each in signed_in)
    for each in {town.accounts, *others}:
        await each.close()


def _random(number: int, count: int) -> bytes:
    return bytes([number]) + secrets.token_bytes(count - 1)


async def test_a_login_whose_turn_does_not_come_is_no_wrong_password(town: Town) -> None:
    """A worker that died keeps the turn for a while: the page is unavailable, and the next one works."""
    await town.link("yamada", "old-Canary-1")
    gone = Attempt("booking", "yamada", "m", "of a worker that is gone")
    assert await town.accounts.begin_login(gone, town.clock.now)

    with pytest.raises(UpstreamOverloadedError):
        await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada")
    assert len(await town.linking.accounts_of(ROUTE, HANAKO)) == 1

    town.clock.now = builders.NOON + 10 + LOGIN_SECONDS
    assert isinstance(await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada"), SignedInThere)


async def test_logins_that_are_lost_on_their_way_never_lock_the_account(town: Town) -> None:
    """Each may have failed there; the password stays kept, and an hour later a good login ends the count."""
    await town.link("yamada", "old-Canary-1")
    tried = town.old.logins()
    town.old.fails, town.old.fails_only = UpstreamProtocolError("cut off"), "POST"
    for _ in range(10):
        with pytest.raises(GatewayError):
            await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada")
    sent = town.old.abandoned
    town.old.fails = None
    with pytest.raises(UpstreamOverloadedError):
        await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada")

    assert town.old.logins() == tried
    assert sent == 0
    assert len(await town.linking.accounts_of(ROUTE, HANAKO)) == 1
    await town.accounts.forget_attempts("booking", "yamada", town.clock.now + OPEN_SECONDS)
    assert isinstance(await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada"), SignedInThere)


async def test_without_a_kept_password_she_is_asked(town: Town) -> None:
    """The office has linked her: no password was ever typed."""
    await town.given("yamada")

    assert await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada") is None
    assert town.old.asked == []


async def test_a_login_page_that_has_changed_is_no_wrong_password(town: Town) -> None:
    """The link stays as it is."""
    await town.link("yamada", "old-Canary-1")
    town.old.page = (200, b"<p>maintenance")

    with pytest.raises(UpstreamProtocolError):
        await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada")
    assert len(await town.linking.accounts_of(ROUTE, HANAKO)) == 1


async def test_an_application_without_its_database_burns_no_kept_password(town: Town) -> None:
    """It shows its login page and fails over the form: the person is not asked for a password of years ago."""
    await town.link("yamada", "old-Canary-1")
    good, town.old.passwords["yamada"] = town.old.passwords["yamada"], "gone with the database"
    town.old.refusal = (500, (), b"no database")

    with pytest.raises(UpstreamProtocolError):
        await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada")
    assert (await town.link("yamada", "old-Canary-1", TARO, OTHER_TICKET)).end is LinkEnd.AWAY

    town.old.passwords["yamada"] = good
    assert len(await town.linking.accounts_of(ROUTE, HANAKO)) == 1
    assert isinstance(await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada"), SignedInThere)


async def test_sessions_that_count_are_found_and_ended(town: Town) -> None:
    """Those whose cookies this very session has bound, and no stolen one; an application that is away is a courtesy."""
    await town.link("yamada", "old-Canary-1")
    login = await town.linking.sign_in_as(ROUTE, INBOUND, HANAKO, "yamada")
    assert isinstance(login, SignedInThere)
    lines = tuple((b"Set-Cookie", line) for line in login.set_cookies)
    hashes = hashes_of(lines, cookie_key(TICKET), "booking", "yamada", "/login.php", town.clock.now)
    await town.linking.bind(TICKET, hashes)
    brought = builders.inbound("/mine", ("Cookie", "OLDSID=s2; OTHER=x"))

    assert await town.linking.open_sessions(ROUTE, brought, HANAKO, TICKET) == (b"OLDSID=s2",)
    assert await town.linking.open_sessions(ROUTE, brought, TARO, OTHER_TICKET) == ()
    assert await town.linking.open_sessions(ROUTE, INBOUND, HANAKO, TICKET) == ()
    await town.linking.end(ROUTE, brought, b"OLDSID=s2")
    assert town.old.sessions == {}
    town.old.fails_unheard = True
    await town.linking.end(ROUTE, brought, b"OLDSID=s2")


async def test_an_app_without_a_recipe_proves_nothing() -> None:
    """The office links, and the application is told in a header."""
    sessions = MemoryStore(idle=1_800, clock=Clock(), monotonic=lambda: 0.0)
    office = linking(None, sessions=sessions, settings=AppAccounts(tell="header", header="X-Old-User"))

    assert await office.sign_in(ROUTE, INBOUND, "yamada", "x", "k-1") is None
    assert await office.open_sessions(ROUTE, builders.inbound("/", ("Cookie", "a=b")), HANAKO, TICKET) == ()
    await office.end(ROUTE, INBOUND, b"a=b")


async def test_an_attempt_that_cannot_be_counted_is_not_made(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application is not asked then."""

    async def away(*_: object) -> bool:
        raise StoreUnavailableError

    monkeypatch.setattr(town.accounts, "begin_attempt", away)
    with pytest.raises(StoreUnavailableError):
        await town.link("yamada", "old-Canary-1")
    assert town.old.asked == []


async def test_a_login_over_the_limit_is_refused_without_asking(town: Town) -> None:
    """By the same word as a wrong password."""
    marks = town.linking.marks(ROUTE, HANAKO).first
    for number in range(5):
        await town.linking.sign_in(ROUTE, INBOUND, "yamada", f"guess-{number}", marks)
    tried = town.old.logins()

    assert await town.linking.sign_in(ROUTE, INBOUND, "yamada", "old-Canary-1", marks) == Refused()
    assert town.old.logins() == tried
