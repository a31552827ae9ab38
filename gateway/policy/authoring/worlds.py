"""The people, moments and requests that can tell two policies apart: one of each kind, at the edge of its kind.

A kind is all that answers every test of both policies alike. So a difference between the policies shows on its
representative, and an official sees the person on the border and not a person somewhere.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from itertools import islice, product
from typing import TypeVar

from gateway.identity import EARLIEST_YEAR, AccountKind, Acting, Birthdate, Gender, Identity, Role, Scope
from gateway.instant import Instant, start_of, tokyo_day
from gateway.policy.conditions import (
    AccountTest,
    Age,
    Born,
    Context,
    Dates,
    InNetwork,
    ListEntry,
    MonthDay,
    Needs,
    ResidenceTest,
    Surroundings,
    SwitchTest,
    Test,
    TownTest,
    leaves,
)
from gateway.policy.example import EXAMPLE_CLIENT, EXAMPLE_CLIENT_ID, EXAMPLE_SUBJECT
from gateway.policy.policy import Policy
from gateway.policy.residence import table
from gateway.policy.subject_code import subject_code

DAYS_AHEAD = 370
"""Days from now on whose hours are looked at: a year with its holidays."""

AROUND_A_BOUND = 35
"""Days on each side of a bound that lies further ahead: every weekday of a month is among them."""

YEAR = 366
"""Days after which every age has grown by one."""

EXAMPLE_ACCOUNT = "example-account"

LONGEST_LIFE = 130
"""Years of age up to which birthdates are looked at."""

ELSEWHERE = ("北海道稚内市中央３丁目１３番１５号", "東京都小笠原村父島字西町", "沖縄県与那国町字与那国１２９番地")
"""Addresses of people from elsewhere; no policy names all three."""

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class World:
    """One person at one moment: everything that a policy looks at beside the request's head."""

    now: Instant
    person: Identity | None
    client: str = EXAMPLE_CLIENT
    switches: tuple[str, ...] = ()
    looked_at: frozenset[Scope] = frozenset()
    """The facts that can matter: the others are fillers."""

    def seen_by(self, needs: Needs) -> tuple[Instant | None, str | None, tuple[str, ...] | None]:
        """Return what rules with these needs see of the surroundings."""
        return (
            self.now if needs.clock or _grows(needs) else None,
            self.client if needs.request else None,
            self.switches if needs.switches else None,
        )


@dataclass(frozen=True, slots=True)
class Kinds:
    """The representatives along each axis; the first of each is the plainest."""

    births: tuple[Birthdate | None, ...]
    addresses: tuple[str | None, ...]
    genders: tuple[Gender | None, ...]
    subjects: tuple[str, ...]
    clients: tuple[str, ...]
    moments: tuple[Instant, ...]
    switches: tuple[tuple[str, ...], ...]
    ages: tuple[float, ...]
    """Seconds since the sign-in."""
    actings: tuple[Acting | None, ...] = (None,)
    """The accounts of the application for which a person may act."""
    later: tuple[Instant, ...] = ()
    """Moments at which people are older, or some are off a list."""


def kinds_of(policies: Sequence[Policy], now: Instant, *, ahead: int = DAYS_AHEAD) -> Kinds:
    """Return the representatives for policies that are compared with each other, on the days `ahead` of now."""
    tests = [leaf for policy in policies for condition in policy.conditions.values() for leaf in leaves(condition.test)]
    lists = {
        f"{number} {key}": entries for number, policy in enumerate(policies) for key, entries in policy.lists.items()
    }
    codes = dict.fromkeys(code for entries in lists.values() for code in entries)
    networks = [network for test in tests if isinstance(test, InNetwork) for network in test.networks]
    switches = sorted({test.name for test in tests if isinstance(test, SwitchTest)})
    limits = {rule.signed_in_within for policy in policies for rule in policy.rules} - {None}
    of_people = [t for t in tests if isinstance(t, Age | Born)]
    listed = _by_membership(codes, lists.values(), tokyo_day(now))
    ends = {entries[code].until for code in listed for entries in lists.values() if code in entries}
    later = tuple(sorted(_later(policies, ends, of_people, now))) if ahead else ()
    days = (now, *later)
    return Kinds(
        births=_by_kind(
            (birth for day in days for birth in _births(tests, tokyo_day(day))),
            of_people,
            *(_born(day) for day in days),
        ),
        addresses=_by_kind(
            _addresses(tests), [t for t in tests if isinstance(t, ResidenceTest | TownTest)], _living(now)
        ),
        genders=(Gender.FEMALE, Gender.MALE, Gender.OTHER, None),
        subjects=(EXAMPLE_SUBJECT, *listed),
        clients=_by_kind(
            [
                EXAMPLE_CLIENT,
                *(str(network[0]) for network in networks),
                *(str(network[-1]) for network in networks),
                # The proxy in front named no client, so that a condition on the network is unknown.
                "",
            ],
            [t for t in tests if isinstance(t, InNetwork)],
            lambda client: Context(None, now, client, Surroundings()),
        ),
        moments=_by_kind(
            _moments(tests, now, ahead),
            [t for t in tests if isinstance(t, Dates)],
            lambda moment: Context(None, moment, "", Surroundings()),
        ),
        switches=tuple(dict.fromkeys([(), *((name,) for name in switches), tuple(switches)])),
        ages=(0.0, *sorted(limit + 1 for limit in limits if limit is not None)),
        actings=_actings(tests),
        later=later,
    )


def arounds(kinds: Kinds, needs: Needs) -> Iterator[World]:
    """Give the moments, addresses and switches that can matter to rules with these needs; nobody is signed in."""
    moments = kinds.moments if needs.clock else kinds.moments[:1]
    if _grows(needs):
        moments = tuple(dict.fromkeys((*moments, *kinds.later)))
    clients = kinds.clients if needs.request else kinds.clients[:1]
    for now, client, switches in product(moments, clients, _switched(kinds, needs)):
        yield World(now, None, client, switches)


def people(kinds: Kinds, around: World, needs: Needs, scopes: frozenset[Scope], most: int) -> Iterator[World]:
    """Give nobody, and the people who can matter to rules with these needs: the plainest first, and `most` at most.

    `scopes` are the facts that the rules ask for. A fact that no rule looks at stays at its first kind.
    """
    wanted = needs.scopes | scopes
    yield replace(around, looked_at=wanted)
    axes = (
        kinds.births if Scope.BIRTHDATE in wanted else kinds.births[:1],
        kinds.addresses if Scope.ADDRESS in wanted else kinds.addresses[:1],
        kinds.genders if Scope.GENDER in wanted else kinds.genders[:1],
        kinds.subjects if needs.lists else kinds.subjects[:1],
        kinds.ages,
        kinds.actings if needs.account else kinds.actings[:1],
    )
    for birth, address, gender, subject, ago, acting in islice(product(*axes), most):
        person = Identity(
            EXAMPLE_CLIENT_ID,
            subject,
            around.now - ago,
            frozenset(Scope),
            name="関所　花子",
            address=address,
            birthdate=birth,
            gender=gender,
            acting=acting,
        )
        yield replace(around, person=person, looked_at=wanted)


def surroundings_in(world: World, policy: Policy) -> Surroundings:
    """Return the lists of a policy as this world's person is on them, and its switches."""
    lists = policy.lists
    if world.person is not None:
        written = world.person.subject
        own = subject_code(EXAMPLE_CLIENT_ID, written)
        lists = {
            key: {**entries, own: entries[written]} if written in entries else entries for key, entries in lists.items()
        }
    return Surroundings({name: float("inf") for name in world.switches}, lists)


def _switched(kinds: Kinds, needs: Needs) -> tuple[tuple[str, ...], ...]:
    return tuple(each for each in kinds.switches if needs.switches.issuperset(each))


def _actings(tests: Sequence[Test]) -> tuple[Acting | None, ...]:
    """Return nobody's account, one of each kind and role, and each account that a test names."""
    named = sorted({name for test in tests if isinstance(test, AccountTest) for name in test.names})
    return (
        None,
        *(
            Acting(name, kind, role)
            for name in (EXAMPLE_ACCOUNT, *named)
            for kind, role in (
                (AccountKind.PERSON, None),
                (AccountKind.GROUP, Role.MEMBER),
                (AccountKind.GROUP, Role.REPRESENTATIVE),
            )
        ),
    )


def _grows(needs: Needs) -> bool:
    """Whether the verdict on one person changes by itself as days go by: she grows older, or her entry ends."""
    return bool(needs.lists) or Scope.BIRTHDATE in needs.scopes


def _by_kind(
    candidates: Iterable[_Kind], tests: Sequence[Test], *within: Callable[[_Kind], Context]
) -> tuple[_Kind, ...]:
    """Return the first candidate of each kind: those whom all tests give the same answers are one kind."""
    first: dict[Hashable, _Kind] = {}
    for candidate in candidates:
        contexts = [each(candidate) for each in within]
        first.setdefault(tuple(test.ask(context).truth for context in contexts for test in tests), candidate)
    return tuple(first.values())


def _by_membership(codes: Iterable[str], lists: Iterable[Mapping[str, ListEntry]], today: date) -> tuple[str, ...]:
    """Return the first code of each set of lists that has it, and of each order in which its entries end."""
    every = tuple(lists)
    first: dict[Hashable, str] = {}
    for code in codes:
        ends = [(entries[code].until or date.max) if code in entries else None for entries in every]
        order = sorted({today, *(end for end in ends if end is not None)})
        first.setdefault(tuple(None if end is None else order.index(end) for end in ends), code)
    return tuple(first.values())


def _later(
    policies: Sequence[Policy], listed: Iterable[date | None], tests: Sequence[Test], now: Instant
) -> Iterator[Instant]:
    """Give moments to come at which policies that agree today can differ; `listed` are the ends of entries of lists.

    Entries of a list end on other days. An age grows, and births between two days, or an age on a day, do not: a year
    later they are not the same people. The ends of a period are such days, too.
    """
    today = tokyo_day(now)
    for until in listed:
        if until is not None and today <= until < date.max:
            yield start_of(until + timedelta(days=1))
    ages = [
        {leaf for condition in policy.conditions.values() for leaf in leaves(condition.test) if leaf in tests}
        for policy in policies
    ]
    grow = {isinstance(test, Age) and test.on is None for each in ages for test in each}
    if len(grow) > 1 and any(each != ages[0] for each in ages):
        of_all = [leaf for policy in policies for each in policy.conditions.values() for leaf in leaves(each.test)]
        dates = [test for test in of_all if isinstance(test, Dates)]
        hours = {12 * 3600.0, *(_seconds(test.opens) for test in dates if test.opens is not None)}
        ends = {end for test in dates for end in _bounds(test) if end is not None and end > today}
        for day in (min(today, date.max - timedelta(days=YEAR)) + timedelta(days=YEAR), *sorted(ends)):
            yield from (start_of(day) + hour for hour in sorted(hours))


def _bounds(test: Dates) -> tuple[date | None, date | None]:
    """Return the first and the last day of a period that has a year."""
    since = test.since if isinstance(test.since, date) else None if test.starts is None else tokyo_day(test.starts)
    until = test.until if isinstance(test.until, date) else None if test.ends is None else tokyo_day(test.ends)
    return since, until


def _seconds(clock: time) -> float:
    return float(clock.hour * 3600 + clock.minute * 60 + clock.second)


def _born(now: Instant) -> Callable[[Birthdate | None], Context]:
    return lambda birth: Context(_person(now, birthdate=birth), now, "", Surroundings())


def _living(now: Instant) -> Callable[[str | None], Context]:
    return lambda address: Context(_person(now, address=address), now, "", Surroundings())


def _person(now: Instant, birthdate: Birthdate | None = None, address: str | None = None) -> Identity:
    return Identity(EXAMPLE_CLIENT_ID, EXAMPLE_SUBJECT, now, frozenset(Scope), birthdate=birthdate, address=address)


def _births(tests: Sequence[Test], today: date) -> Iterator[Birthdate | None]:
    """Give birthdates at every edge: the first of each month, and each day where a neighbouring month differs.

    No age and no two ages lie within a month of each other, so a month whose ends agree has one kind. Ranges of births
    can be shorter, so their bounds are given by themselves.
    """
    looking = [test for test in tests if isinstance(test, Age | Born)]
    yield Birthdate(today.year - 40, 6, 15)
    within = _born(float(start_of(today)))

    def kind(day: date) -> Hashable:
        context = within(_as_birthdate(day))
        return tuple(test.ask(context).truth for test in looking)

    bounds = [bound for test in looking if isinstance(test, Born) for bound in (test.range.since, test.range.until)]
    # No card has a birthdate outside these years, so a bound beyond them, such as 0001-01-01, decides about nobody.
    known = range(EARLIEST_YEAR, today.year + 1)
    around = {near for day in bounds if day is not None for near in _with_neighbours(day) if near.year in known}
    months = [
        date(year, month, 1)
        for year in range(max(EARLIEST_YEAR, today.year - LONGEST_LIFE), today.year + 1)
        for month in range(1, 13)
    ]
    days = sorted({*months, *around, today, today + timedelta(days=1)})
    kinds = [kind(day) for day in days]
    yield _as_birthdate(days[0])
    for earlier, later, old, new in zip(days, days[1:], kinds, kinds[1:], strict=False):
        if old != new:
            for number in range((later - earlier).days + 1):
                yield _as_birthdate(earlier + timedelta(days=number))
    for year in {day.year for day in days if day <= today}:
        yield Birthdate(year)
    yield None


def _with_neighbours(day: date) -> Iterator[date]:
    """Give the eve of a day, the day and the day after it. The calendar has no eve of its first day."""
    for number in range(max(day.toordinal() - 1, 1), min(day.toordinal() + 1, date.max.toordinal()) + 1):
        yield date.fromordinal(number)


def _as_birthdate(day: date) -> Birthdate:
    return Birthdate(day.year, day.month, day.day)


def _addresses(tests: Sequence[Test]) -> Iterator[str | None]:
    """Give an address in every place and town that a test names, some elsewhere, one that decides nothing, and none."""
    yield from ELSEWHERE
    places = table().places
    for test in tests:
        if isinstance(test, ResidenceTest):
            for code in sorted(test.places):
                inner = sorted(other for other, place in places.items() if code in place.chain)
                yield from (places[each].full_name + "本町１丁目１番１号" for each in inner)
        elif isinstance(test, TownTest):
            here = places[test.municipality].full_name
            yield here + "１番１号"
            for town in sorted(test.towns, key=str):
                yield here + town.name + ("" if town.block is None else f"{town.block}丁目") + "１番１号"
    yield "中央区１番１号"
    yield None


def _moments(tests: Sequence[Test], now: Instant, ahead: int) -> Iterator[Instant]:
    """Give now, both sides of every stated moment to come, and of every hour that a test names in a year."""
    yield now
    looking = [test for test in tests if isinstance(test, Dates)]
    for test in looking:
        for bound in (test.starts, test.ends):
            if bound is not None:
                yield from (moment for moment in (bound - 1, bound) if moment > now)
        for day in (test.since, test.until):
            if isinstance(day, date):
                turns = (start_of(each) for each in _with_neighbours(day) if each >= day)
                yield from (moment for moment in (start_of(day) - 1, *turns) if moment > now)
    clocks = sorted(
        {0.0, 12 * 3600.0}
        | {_seconds(clock) for test in looking for clock in (test.opens, test.closes) if clock is not None}
    )
    if looking:
        today = tokyo_day(now)
        for day in sorted(
            {*_days(today, ahead), *(day for test in looking for day in _later_days(test, today, ahead))}
        ):
            midnight = start_of(day)
            for clock in clocks:
                yield from (moment for moment in (midnight + clock - 1, midnight + clock) if moment > now)


def _days(first: date, number: int) -> Iterator[date]:
    # The calendar ends on 9999-12-31, and a period may reach it.
    most = date.max.toordinal() - first.toordinal()
    return (first + timedelta(days=each) for each in range(min(number, most)))


def _later_days(test: Dates, today: date, ahead: int) -> Iterator[date]:
    """Give the days further ahead that a test singles out: its period, its listed days, a 29 February."""
    horizon = today + timedelta(days=ahead)
    since, until = _bounds(test)
    for bound in (since, until):
        if bound is not None and bound >= horizon:
            yield from _days(bound - timedelta(days=AROUND_A_BOUND), 2 * AROUND_A_BOUND + 1)
    if since is not None and until is not None and until >= horizon:
        begins = max(since, horizon)
        yield from _days(begins, min(ahead, (until - begins).days + 1))
    yield from (day for day in test.listed or () if day >= horizon)
    if any(isinstance(bound, MonthDay) and (bound.month, bound.day) == (2, 29) for bound in (test.since, test.until)):
        leap = next(year for year in range(today.year + 1, today.year + 10) if isleap(year))
        yield date(leap, 2, 29)
