"""The tests a condition can make, and what each depends on. A condition says yes, no or unknown.

Unknown is never a yes: `not` keeps it, `all` and `any` follow Kleene. Before sign-in every test of the person says
unknown. So does a test of a fact that was not given or cannot be read. Every answer carries the moment until which it
holds for the same person, client address, lists and switches. Ages live in `age`, addresses in `residence`, reading in
`parse`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from math import inf
from typing import NamedTuple, assert_never

from gateway.identity import AccountKind, Birthdate, Gender, Identity, Role, Scope
from gateway.instant import Instant, tokyo_time
from gateway.policy.age import AgeRange, Ages, BornRange, CountedFrom, on_day
from gateway.policy.calendar import Days
from gateway.policy.residence import Code, residence_of
from gateway.policy.subject_code import subject_code
from gateway.policy.town import Town, covers
from gateway.policy.verdict import Truth, Words

Network = IPv4Network | IPv6Network

_EPOCH = date(1970, 1, 1).toordinal()
_DAY_SECONDS = 86_400
_TOKYO_SECONDS = 32_400
"""Asia/Tokyo is nine hours ahead of UTC, all year."""


class ConditionResult(NamedTuple):
    """A condition's answer, and the moment until which it holds."""

    truth: Truth
    valid_until: Instant = inf


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry of a subject list."""

    code: str
    """The person's code for this client, folded (`subject_code.fold_code`)."""
    until: date | None = None
    """The last day it holds, included."""
    note: str = ""
    line: int = 0
    """Its place in its file."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Inputs of a decision beside request, person and clock. A policy snapshot holds one."""

    switches: Mapping[str, Instant] = field(default_factory=dict)
    """The switches that are on, and when each ends by itself."""
    lists: Mapping[str, Mapping[str, ListEntry]] = field(default_factory=dict)
    """For each list a policy names: the entries by code."""


class Context:
    """One request as conditions see it."""

    __slots__ = ("client_address", "day", "now", "person", "surroundings")

    def __init__(self, person: Identity | None, now: Instant, client_address: str, surroundings: Surroundings) -> None:
        self.person = person
        self.now = now
        self.day = int((now + _TOKYO_SECONDS) // _DAY_SECONDS) + _EPOCH
        """Today in Japan, as `date.toordinal` counts: a date is made only where one is needed."""
        self.client_address = client_address
        self.surroundings = surroundings

    @property
    def today(self) -> date:
        """The day it is in Japan."""
        return date.fromordinal(self.day)

    @property
    def tomorrow(self) -> Instant:
        """The moment today is over."""
        return (self.day + 1 - _EPOCH) * _DAY_SECONDS - _TOKYO_SECONDS


def moment_of(day: date | None) -> Instant:
    """Return a day's first moment in Japan; never, for `None`."""
    return inf if day is None else (day.toordinal() - _EPOCH) * _DAY_SECONDS - _TOKYO_SECONDS


# --- the tests -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Age:
    """`age`: depends on the person and the day, or on the person alone where a day is stated."""

    range: Ages
    on: date | None = None
    """The stated day; `None`: today."""

    def ask(self, context: Context) -> ConditionResult:
        """Say whether the person is of that age."""
        if context.person is None or context.person.birthdate is None:
            return _UNKNOWN
        ages, born = self.range, context.person.birthdate
        if self.on is not None or not isinstance(ages, AgeRange):
            return _stated_age_result(ages, self.on, born, context.day)
        return _age_result(
            ages.at_least, ages.below, ages.counted_from._value_, born.year, born.month, born.day, context.day
        )


@lru_cache(maxsize=4096)
def _age_result(
    at_least: int | None,
    below: int | None,
    counted_from: str,
    year: int,
    month: int | None,
    day: int | None,
    today: int,
) -> ConditionResult:
    """Answer for one birthdate on one day, remembered: the hot path asks for the same few people again and again."""
    ages = AgeRange(at_least, below, CountedFrom(counted_from))
    answer = ages.of(Birthdate(year, month, day), date.fromordinal(today))
    return ConditionResult(answer.truth, moment_of(answer.changes))


@lru_cache(maxsize=1024)
def _stated_age_result(ages: Ages, on: date | None, born: Birthdate, today: int) -> ConditionResult:
    """Answer for one birthdate on a stated day, or for one of several ages."""
    day = date.fromordinal(today)
    answer = ages.of(born, day) if on is None else on_day(ages, born, on, day)
    return ConditionResult(answer.truth, moment_of(answer.changes))


@dataclass(frozen=True, slots=True)
class Born:
    """`born`: depends on the person alone."""

    range: BornRange

    def ask(self, context: Context) -> ConditionResult:
        """Say whether the person was born then."""
        return _UNKNOWN if context.person is None else ConditionResult(self.range.of(context.person.birthdate))


@dataclass(frozen=True, slots=True)
class ResidenceTest:
    """`residence`: depends on the person alone, as long as her card says the same."""

    places: frozenset[str]
    """Codes, as `residence.Place.code` has them."""

    def ask(self, context: Context) -> ConditionResult:
        """Say whether the address on the card lies in one of the places."""
        return _UNKNOWN if context.person is None else _residence_result(self.places, context.person.address)


@lru_cache(maxsize=512)
def _residence_result(places: frozenset[str], address: str | None) -> ConditionResult:
    """Answer for one address, remembered as `residence_of` is."""
    return ConditionResult(residence_of(address).lies_in(places))


@dataclass(frozen=True, slots=True)
class GenderTest:
    """`gender`: depends on the person alone."""

    gender: Gender

    def ask(self, context: Context) -> ConditionResult:
        """Say whether the card bears this gender."""
        if context.person is None or context.person.gender is None:
            return _UNKNOWN
        return _YES if context.person.gender is self.gender else _NO


@dataclass(frozen=True, slots=True)
class AccountTest:
    """`account`: depends on the application's account for which the person acts. All given parts must hold."""

    kind: AccountKind | None = None
    role: Role | None = None
    names: frozenset[str] = frozenset()
    """The accounts, as the application is told; empty for any."""

    def ask(self, context: Context) -> ConditionResult:
        """Say whether the person acts for such an account."""
        if context.person is None:
            return _UNKNOWN
        acting = context.person.acting
        if acting is None:
            return _NO
        holds = (
            self.kind in (None, acting.kind)
            and self.role in (None, acting.role)
            and (not self.names or acting.account in self.names)
        )
        return _YES if holds else _NO


@dataclass(frozen=True, slots=True)
class TownTest:
    """`town`: depends on the person alone, as long as her card says the same."""

    municipality: Code
    towns: frozenset[Town]
    list: str = ""
    """The file that names them, if one does: for people to read."""

    def ask(self, context: Context) -> ConditionResult:
        """Say whether the address on the card lies in one of the towns."""
        if context.person is None:
            return _UNKNOWN
        here = residence_of(context.person.address)
        truth = here.lies_in(frozenset({self.municipality}))
        if truth is not Truth.YES:
            return ConditionResult(truth)
        if here.town is None or here.municipality_code is None:
            return _UNKNOWN
        return ConditionResult(covers(self.towns, here.municipality_code[:5], here.town))


@dataclass(frozen=True, slots=True)
class SubjectTest:
    """`subject`: depends on the person, a list and the day."""

    list: str
    """The list's key in `Surroundings.lists`."""

    def ask(self, context: Context) -> ConditionResult:
        """Say whether the person's code is on the list and its entry still holds."""
        if context.person is None:
            return _UNKNOWN
        entries = context.surroundings.lists.get(self.list)
        if entries is None:
            return _UNKNOWN
        entry = entries.get(subject_code(context.person.client_id, context.person.subject))
        if entry is None:
            return _NO
        if entry.until is None:
            return _YES
        if context.today > entry.until:
            return _NO
        return ConditionResult(Truth.YES, moment_of(entry.until) + _DAY_SECONDS)


@lru_cache(maxsize=4096)
def _address(client: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(client)
    except ValueError:
        return None
    # An IPv4 client on a dual-stack socket: the official wrote 192.0.2.0/24 and means it.
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@dataclass(frozen=True, slots=True)
class InNetwork:
    """`network`: depends on the request alone."""

    networks: tuple[Network, ...]

    def ask(self, context: Context) -> ConditionResult:
        """Say whether the browser's address lies in one of the networks."""
        address = _address(context.client_address)
        if address is None:
            return _UNKNOWN
        return _YES if any(address in network for network in self.networks) else _NO


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day of every year."""

    month: int
    day: int


@dataclass(frozen=True, slots=True)
class Dates:
    """`dates`: depends on the clock alone. All given parts must hold."""

    since: date | MonthDay | None = None
    until: date | MonthDay | None = None
    """The last day, included. Both bounds are days of every year, or neither is."""
    opens: time | None = None
    closes: time | None = None
    """Excluded; `00:00` is the end of the day. At or before `opens`: the hours belong to the day they began."""
    days: Days | None = None
    """`None`: every day."""
    starts: Instant | None = None
    """`from` with a time of day: a moment, and not the beginning of a day."""
    ends: Instant | None = None
    """`until` with a time of day: the first moment at which it is over."""
    listed: frozenset[date] | None = None
    """The days of a file; `None`: there is no file."""
    list: str = ""
    """The file's name, for people to read."""

    def ask(self, context: Context) -> ConditionResult:
        """Say whether it is that time, and until the next moment at which that may change."""
        now = context.now
        if (self.starts is not None and now < self.starts) or (self.ends is not None and now >= self.ends):
            return ConditionResult(Truth.NO, inf if self.starts is None or now >= self.starts else self.starts)
        turns = [context.tomorrow] if self._is_daily() else []
        if self.ends is not None:
            turns.append(self.ends)
        if self.opens is None or self.closes is None:
            holds = self._on(context.today)
        else:
            clock = tokyo_time(now).time()
            if self.opens < self.closes:
                holds = self._on(context.today) and self.opens <= clock < self.closes
            else:
                holds = (self._on(context.today) and clock >= self.opens) or (
                    clock < self.closes and self._on(context.today - timedelta(days=1))
                )
            midnight = context.tomorrow - _DAY_SECONDS
            turns += [midnight + _seconds(self.opens), midnight + _seconds(self.closes)]
        later = [turn for turn in turns if turn > now]
        return ConditionResult(Truth.YES if holds else Truth.NO, min(later, default=inf))

    def _is_daily(self) -> bool:
        """Whether anything but the two moments decides."""
        return not (
            self.since is None
            and self.until is None
            and self.opens is None
            and self.days is None
            and self.listed is None
            and (self.starts is not None or self.ends is not None)
        )

    def _on(self, day: date) -> bool:
        if (self.days is not None and not self.days.has(day)) or (self.listed is not None and day not in self.listed):
            return False
        since, until = self.since, self.until
        if isinstance(since, MonthDay) and isinstance(until, MonthDay):
            first, last = (since.month, since.day), (until.month, until.day)
            here = (day.month, day.day)
            return first <= here <= last if first <= last else here >= first or here <= last
        return not (isinstance(since, date) and day < since) and not (isinstance(until, date) and day > until)


def _seconds(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second


@dataclass(frozen=True, slots=True)
class SwitchTest:
    """`switch`: depends on the switches file."""

    name: str

    def ask(self, context: Context) -> ConditionResult:
        """Say whether the switch is on; it ends by itself."""
        ends = context.surroundings.switches.get(self.name)
        return _NO if ends is None or ends <= context.now else ConditionResult(Truth.YES, ends)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`any`: yes if one says yes, no if all say no (Kleene)."""

    names: tuple[str, ...]
    tests: tuple[Test, ...]

    def ask(self, context: Context) -> ConditionResult:
        """Ask each until one says yes."""
        return _first(self.tests, context, Truth.YES, Truth.NO)


@dataclass(frozen=True, slots=True)
class AllOf:
    """`all`: no if one says no, yes if all say yes (Kleene)."""

    names: tuple[str, ...]
    tests: tuple[Test, ...]

    def ask(self, context: Context) -> ConditionResult:
        """Ask each until one says no."""
        return _first(self.tests, context, Truth.NO, Truth.YES)


def _first(tests: tuple[Test, ...], context: Context, decisive: Truth, otherwise: Truth) -> ConditionResult:
    until = inf
    unknown = False
    for test in tests:
        result = test.ask(context)
        if result.truth is decisive:
            # One decisive test determines the result, so its own validity time is enough.
            return result
        unknown = unknown or result.truth is Truth.UNKNOWN
        until = min(until, result.valid_until)
    return ConditionResult(Truth.UNKNOWN if unknown else otherwise, until)


@dataclass(frozen=True, slots=True)
class Not:
    """`not`: yes for no, no for yes; unknown stays unknown."""

    name: str
    test: Test

    def ask(self, context: Context) -> ConditionResult:
        """Ask, and turn the answer round."""
        truth, until = self.test.ask(context)
        if truth is Truth.UNKNOWN:
            return ConditionResult(truth, until)
        return ConditionResult(Truth.NO if truth is Truth.YES else Truth.YES, until)


Test = (
    Age
    | Born
    | ResidenceTest
    | GenderTest
    | TownTest
    | SubjectTest
    | AccountTest
    | InNetwork
    | Dates
    | SwitchTest
    | AnyOf
    | AllOf
    | Not
)

_YES = ConditionResult(Truth.YES)
_NO = ConditionResult(Truth.NO)
_UNKNOWN = ConditionResult(Truth.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Condition:
    """A name, one test, and the sentence a refused person reads."""

    name: str
    test: Test
    if_not: Words = field(default_factory=dict)
    label: Words = field(default_factory=dict)
    """The question it answers, in a few words: our pages name it among what the application is told."""
    line: int = field(default=0, compare=False)
    file: str = field(default="", compare=False)
    """The file's name in messages: a policy can use conditions of another file."""


# --- what a test depends on ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Needs:
    """The inputs a test depends on, those of its parts included."""

    person: bool = False
    """Without a signed-in person the result is unknown."""
    scopes: frozenset[Scope] = frozenset()
    """Scopes that the provider must be asked for, beside `openid`."""
    request: bool = False
    """Two requests of one person may hear different answers at the same moment."""
    clock: bool = False
    lists: frozenset[str] = frozenset()
    switches: frozenset[str] = frozenset()
    account: bool = False
    """The result depends on the application's account for which the person acts."""

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.person or other.person,
            self.scopes | other.scopes,
            self.request or other.request,
            self.clock or other.clock,
            self.lists | other.lists,
            self.switches | other.switches,
            self.account or other.account,
        )


def leaves(test: Test) -> Iterator[Test]:
    """Yield the tests that a test is made of, those of its parts included; itself if it has none."""
    match test:
        case AnyOf(tests=tests) | AllOf(tests=tests):
            for inner in tests:
                yield from leaves(inner)
        case Not(test=inner):
            yield from leaves(inner)
        case _:
            yield test


def needs_of(test: Test) -> Needs:
    """Return what a test depends on."""
    match test:
        case Age():
            return Needs(person=True, scopes=frozenset({Scope.BIRTHDATE}), clock=True)
        case Born():
            return Needs(person=True, scopes=frozenset({Scope.BIRTHDATE}))
        case ResidenceTest() | TownTest():
            return Needs(person=True, scopes=frozenset({Scope.ADDRESS}))
        case GenderTest():
            return Needs(person=True, scopes=frozenset({Scope.GENDER}))
        case AccountTest():
            return Needs(person=True, account=True)
        case SubjectTest(list=name):
            return Needs(person=True, clock=True, lists=frozenset({name}))
        case InNetwork():
            return Needs(request=True)
        case Dates():
            return Needs(clock=True)
        case SwitchTest(name=name):
            return Needs(clock=True, switches=frozenset({name}))
        case AnyOf(tests=tests) | AllOf(tests=tests):
            return all_needs(tests)
        case Not(test=inner):
            return needs_of(inner)
        case _:
            assert_never(test)


def all_needs(tests: Iterable[Test]) -> Needs:
    """Return what several tests depend on together."""
    total = Needs()
    for test in tests:
        total |= needs_of(test)
    return total


def can_become_yes(test: Test, context: Context, askable: frozenset[Scope]) -> bool:
    """Say whether asking the person for more could still turn this into a yes."""
    return Truth.YES in _possible(test, context, askable)


def _possible(test: Test, context: Context, askable: frozenset[Scope]) -> frozenset[Truth]:
    """Return the possible results of a test after `askable` was asked for, given or not."""
    match test:
        case AnyOf(tests=tests):
            return _combine(tests, context, askable, Truth.YES, Truth.NO)
        case AllOf(tests=tests):
            return _combine(tests, context, askable, Truth.NO, Truth.YES)
        case Not(test=inner):
            turned = {Truth.YES: Truth.NO, Truth.NO: Truth.YES, Truth.UNKNOWN: Truth.UNKNOWN}
            return frozenset(turned[truth] for truth in _possible(inner, context, askable))
        case _:
            truth = test.ask(context).truth
            needs = needs_of(test)
            open_yet = needs.person and (context.person is None or not needs.scopes.isdisjoint(askable))
            return frozenset(Truth) if open_yet else frozenset({truth})


def _combine(
    tests: tuple[Test, ...], context: Context, askable: frozenset[Scope], decisive: Truth, otherwise: Truth
) -> frozenset[Truth]:
    total = frozenset({otherwise})
    for test in tests:
        each = _possible(test, context, askable)
        total = frozenset(_kleene(one, two, decisive, otherwise) for one in total for two in each)
    return total


def _kleene(one: Truth, two: Truth, decisive: Truth, otherwise: Truth) -> Truth:
    if decisive in (one, two):
        return decisive
    return Truth.UNKNOWN if Truth.UNKNOWN in (one, two) else otherwise
